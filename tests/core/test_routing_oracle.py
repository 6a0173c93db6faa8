"""Orders of many lines and places cost what HiGHS says is the least, to the cent."""

from __future__ import annotations

import random

import pytest

from bench.routing import instance, without_calendars


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("places", "lines", "scarce"),
    [(2, 1, False), (5, 2, True), (8, 6, True), (12, 3, False), (12, 8, False), (3, 20, False)],
)
def test_an_order_costs_what_the_oracle_says(places: int, lines: int, scarce: bool, seed: int):
    chance = random.Random(seed * 1_000 + places)
    one = instance(chance, places=places, lines=lines, scarce=scarce)

    found = one.routed()

    assert (found.plan.costs.total if found.plan else None) == one.least()


def test_what_calendars_say_changes_what_is_cheapest():
    ones = [instance(random.Random(seed), places=6, lines=2, scarce=False) for seed in range(20)]
    never_late = [without_calendars(one) for one in ones]

    costs = [(one.least(), other.least()) for one, other in zip(ones, never_late, strict=True)]

    lateness = {way.lateness for one in ones for origin in one.origins for way in origin.ways}
    assert len(lateness) > 10
    assert all(with_them >= without for with_them, without in costs if with_them and without)
    assert sum(with_them != without for with_them, without in costs) >= 5
