"""Orders of many lines and places cost what HiGHS says is the least, to the cent."""

from __future__ import annotations

import random

import pytest

from bench.routing import instance


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("places", "lines", "scarce"),
    [(2, 3, True), (5, 4, True), (8, 6, True), (12, 3, False), (12, 8, False), (3, 20, False)],
)
def test_an_order_costs_what_the_oracle_says(places: int, lines: int, scarce: bool, seed: int):
    chance = random.Random(seed * 1_000 + places)
    one = instance(chance, places=places, lines=lines, scarce=scarce)

    found = one.routed()

    assert (found.plan.costs.total if found.plan else None) == one.least()
