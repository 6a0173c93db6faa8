"""One order, several places: the cheapest way to ship it, and what else there was."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import product

import pytest

from core.model.catalog import LocationId, Sku
from core.model.routing import Origin, Piece, Way
from core.rules.allocation import Demand
from core.rules.loads import billable, carriage, lost
from core.rules.routing import Routing, route

#: Up to a pound 800 cents, then 60 for each pound more, up to ten.
RATES = tuple((454 * pounds, 740 + 60 * pounds) for pounds in range(1, 11))
GROUND = Way("ground", RATES, volume_per_kilogram=5_000)


def origin(place: str, **more: object) -> Origin:
    said: dict[str, object] = {"ways": (GROUND,), "parcel": 100, "line": 20, **more}
    return Origin(place, **said)  # type: ignore[arg-type]


def ask(line: str, units: int = 1, **components: int) -> Demand:
    return Demand(line, components or {line: 1}, units)


def routed(
    demands: Sequence[Demand],
    origins: Sequence[Origin],
    have: Mapping[tuple[Sku, LocationId], int],
    *,
    pieces: Mapping[Sku, Piece] | None = None,
    most_places: int = 3,
) -> Routing:
    return route(demands, origins=origins, available=have, pieces=pieces or {},
                 most_places=most_places)  # fmt: skip


def who(found: Routing) -> dict[str, dict[str, int]]:
    assert found.plan is not None
    return {part.place: dict(part.units) for part in found.plan.parts}


def test_a_parcel_costs_what_its_weight_or_its_room_says():
    assert billable(GROUND, 900, 1_000) == 900
    assert billable(GROUND, 900, 10_001) == 2_001

    assert carriage(GROUND, 454, 0) == (800, 1)
    assert carriage(GROUND, 455, 0) == (860, 1)
    # What fills more than the heaviest parcel goes in several: two full ones and the rest.
    assert carriage(GROUND, 4_540 * 2 + 1, 0) == (1_340 * 2 + 800, 3)
    assert carriage(GROUND, 4_540 * 2, 0) == (1_340 * 2, 2)


def test_one_parcel_from_a_dearer_place_beats_two_from_cheap_ones():
    have = {("A", "east"): 5, ("B", "west"): 5, ("A", "far"): 5, ("B", "far"): 5}
    places = [origin("east"), origin("west"), origin("far", preference=300)]

    found = routed([ask("A"), ask("B")], places, have)

    assert who(found) == {"far": {"A": 1, "B": 1}}
    assert found.plan.costs.total == 800 + 100 + 2 * 20 + 300
    assert [sorted(one.places) for one in found.others] == [["east", "west"]]
    assert found.others[0].costs.total == 2 * (800 + 100 + 20)
    assert found.proved


def test_two_parcels_beat_one_where_the_goods_cost_less():
    have = {("A", "own"): 5, ("A", "dear"): 5, ("B", "dear"): 5}
    dear = origin("dear", goods={"A": 2_000})

    assert set(who(routed([ask("A"), ask("B")], [origin("own"), dear], have))) == {"own", "dear"}
    assert set(who(routed([ask("A"), ask("B")], [origin("own"), origin("dear")], have))) == {"dear"}


def test_no_more_places_than_allowed():
    have = {("A", "x"): 1, ("B", "y"): 1, ("C", "z"): 1}
    lines = [ask("A"), ask("B"), ask("C")]
    places = [origin("x"), origin("y"), origin("z")]

    assert set(who(routed(lines, places, have))) == {"x", "y", "z"}
    assert routed(lines, places, have, most_places=2).plan is None


def test_a_kit_leaves_one_place_whole():
    have = {("CUP", "x"): 5, ("SAUCER", "y"): 5, ("CUP", "z"): 1, ("SAUCER", "z"): 1}
    places = [origin("x"), origin("y"), origin("z", preference=9_000)]

    assert who(routed([ask("SET", CUP=1, SAUCER=1)], places, have)) == {"z": {"SET": 1}}
    assert routed([ask("SET", 2, CUP=1, SAUCER=1)], places, have).plan is None


def test_two_lines_do_not_take_the_same_units():
    have = {("CUP", "x"): 2, ("CUP", "y"): 2}
    lines = [ask("CUP", 2), ask("PAIR", 1, CUP=2)]

    found = routed(lines, [origin("x"), origin("y")], have)

    assert set(who(found)) == {"x", "y"}
    assert routed([*lines, ask("more", CUP=1)], [origin("x"), origin("y")], have).plan is None


def test_a_barred_place_ships_nothing_of_that_line():
    have = {("A", "x"): 5, ("A", "y"): 5}
    barred = Demand("A", {"A": 1}, 1, barred=frozenset({"x"}))

    assert who(routed([barred], [origin("x"), origin("y", preference=900)], have)) == {
        "y": {"A": 1}
    }


def test_what_a_service_refuses_goes_by_another_or_from_elsewhere():
    air = Way("air", tuple((grams, 3 * cents) for grams, cents in RATES))
    have = {("PAINT", "x"): 1, ("PAINT", "y"): 1}
    no_air = {"PAINT": Piece(400, refused_by=frozenset({"air"}))}
    nobody = {"PAINT": Piece(400, refused_by=frozenset({"air", "ground"}))}

    by_air, both = origin("x", ways=(air,)), origin("y", ways=(GROUND, air), preference=99_999)

    assert who(routed([ask("PAINT")], [by_air, both], have, pieces=no_air)) == {"y": {"PAINT": 1}}
    assert routed([ask("PAINT")], [by_air, both], have, pieces=nobody).plan is None


def test_what_travels_alone_pays_for_a_parcel_of_its_own():
    have = {("LAMP", "x"): 3, ("CUP", "x"): 3}
    pieces = {"LAMP": Piece(454, alone=True), "CUP": Piece(454)}

    found = routed([ask("LAMP", 2), ask("CUP", 2)], [origin("x")], have, pieces=pieces)

    (part,) = found.plan.parts
    assert part.parcels == 3
    assert part.costs.carriage == 2 * 800 + 860
    assert part.costs.handling == 3 * 100 + 2 * 20


def test_the_cheaper_service_is_the_one_that_comes_in_time():
    late = Way("ground", RATES, lateness=700)
    air = Way("air", tuple((grams, cents + 500) for grams, cents in RATES))

    found = routed([ask("A")], [origin("x", ways=(late, air))], {("A", "x"): 1})

    (part,) = found.plan.parts
    assert (part.service, part.costs.carriage, part.costs.lateness) == ("air", 1_300, 0)


def test_last_units_that_sell_elsewhere_stay():
    have = {("A", "x"): 2, ("A", "y"): 9}
    places = [origin("x", scarcity={"A": (50, 400)}), origin("y", preference=200)]

    assert set(who(routed([ask("A", 1)], places, have))) == {"x"}
    assert set(who(routed([ask("A", 2)], places, have))) == {"y"}
    assert lost((50, 400), 0, 3) == 50 + 400 + 400
    assert lost((), 0, 3) == 0


def test_without_any_cost_it_is_fewest_places_then_priority():
    have = {("A", "one"): 5, ("A", "two"): 5, ("B", "two"): 5, ("B", "three"): 5}
    places = [Origin("three", 30), Origin("one", 10), Origin("two", 20)]

    assert who(routed([ask("A"), ask("B")], places, have)) == {"two": {"A": 1, "B": 1}}
    assert who(routed([ask("A")], places, have)) == {"one": {"A": 1}}
    assert who(routed([ask("A", 7)], places, have)) == {"one": {"A": 5}, "two": {"A": 2}}


def test_the_order_of_lines_and_places_does_not_matter():
    have = {(sku, place): 3 for sku in "ABC" for place in ("x", "y")}
    lines, places = [ask("A"), ask("B", 2), ask("C", 4)], [origin("x"), origin("y")]

    found = routed(lines, places, have)

    assert routed(lines[::-1], places[::-1], have) == found


def test_an_order_of_400_lines_is_routed_in_time_and_says_it_is_not_proved():
    lines = [ask(f"S{number}", 1 + number % 7) for number in range(400)]
    have = {(one.line, place): 9 for number, one in enumerate(lines)
            for place in ("x", "y", "z") if place != "xyz"[number % 3]}  # fmt: skip

    pieces = {one.line: Piece(100 + 37 * number % 900) for number, one in enumerate(lines)}
    places = [origin("x"), origin("y", line=30), origin("z", parcel=150)]

    found = routed(lines, places, have, pieces=pieces)

    dealt = [sum(part.units.get(one.line, 0) for part in found.plan.parts) for one in lines]
    assert dealt == [one.units for one in lines]
    assert not found.proved


# --- against looking at everything ---------------------------------------------------------------


def _instance(chance: random.Random, lines: int = 0):
    """At most three lines of up to three units; or so many lines of one unit."""
    places = [f"P{number}" for number in range(chance.randint(1, 3 if lines else 4))]
    skus = [f"S{number}" for number in range(chance.randint(1, 4))]
    pieces = {
        sku: Piece(chance.choice((0, 200, 454, 900, 3_000)), chance.choice((0, 500, 4_000)),
                   chance.random() < 0.15,
                   frozenset(name for name in ("ground", "air") if chance.random() < 0.1))
        for sku in skus
    }  # fmt: skip
    origins = []
    for number, place in enumerate(places):
        ways = tuple(
            Way(name,
                tuple((g, c * (2 if name == "air" else 1) + chance.randrange(3)) for g, c in RATES),
                chance.choice((0, 5_000)), chance.choice((0, 0, 450)))
            for name in ("ground", "air")[: chance.randint(0, 2)]
        )  # fmt: skip
        origins.append(Origin(
            place, number, ways, chance.randrange(200), chance.randrange(60),
            chance.choice((0, 0, 150)),
            {sku: chance.randrange(400) for sku in skus if chance.random() < 0.5},
            {sku: (chance.randrange(50), chance.randrange(50, 300))
             for sku in skus if chance.random() < 0.3},
        ))  # fmt: skip
    have = {(sku, place): chance.choice((0, 1, 2, 9)) for sku in skus for place in places}
    demands = [
        Demand(f"L{number}",
               {sku: chance.randint(1, 2) for sku in chance.sample(skus, min(len(skus), size))},
               1 if lines else chance.randint(1, 3),
               frozenset(place for place in places if chance.random() < 0.1))
        for number, size in enumerate(chance.choices((1, 1, 1, 2), k=lines or chance.randint(1, 3)))
    ]  # fmt: skip
    return demands, origins, have, pieces


def _cheapest(demands, origins, have, pieces, most_places: int) -> int | None:
    """Cents of the best of all ways to deal all units out; None: there is no way."""
    places = range(len(origins))
    splits = [
        [given for given in product(range(one.units + 1), repeat=len(places))
         if sum(given) == one.units]
        for one in demands
    ]  # fmt: skip
    best = None
    for dealt in product(*splits):
        used = [at for at in places if any(given[at] for given in dealt)]
        if len(used) > most_places:
            continue
        cents = 0
        for at in used:
            told = _place_costs(demands, dealt, at, origins[at], have, pieces)
            if told is None:
                break
            cents += told
        else:
            best = cents if best is None else min(best, cents)
    return best


def _place_costs(demands, dealt, at, one, have, pieces) -> int | None:
    cents, taken, boxes, grams, volume, refused, together = one.preference, {}, [], 0, 0, set(), 0
    for demand, given in zip(demands, dealt, strict=True):
        if not given[at]:
            continue
        if one.place in demand.barred:
            return None
        cents += one.line
        for sku, per in demand.components.items():
            units, piece = per * given[at], pieces[sku]
            taken[sku] = taken.get(sku, 0) + units
            cents += one.goods.get(sku, 0) * units
            refused |= piece.refused_by
            if piece.alone:
                boxes += [(piece.grams, piece.volume)] * units
            else:
                grams, volume = grams + piece.grams * units, volume + piece.volume * units
                together += units
    if any(units > have[sku, one.place] for sku, units in taken.items()):
        return None
    cents += sum(lost(one.scarcity.get(sku, ()), 0, units) for sku, units in taken.items())
    boxes += [(grams, volume)] if together else []
    if not one.ways:
        return cents + one.parcel * len(boxes)
    told = []
    for way in one.ways:
        if way.service not in refused:
            parcels = [carriage(way, *box) for box in boxes]
            told.append(sum(c + n * one.parcel for c, n in parcels) + way.lateness)
    return cents + min(told) if told else None


@pytest.mark.parametrize("seed", range(300))
def test_it_costs_what_the_best_of_all_ways_costs(seed: int):
    # Of five lines and more, the search works out more bounds.
    demands, origins, have, pieces = _instance(random.Random(seed), 5 if seed < 60 else 0)
    for most_places in (1, 2, 3):
        found = routed(demands, origins, have, pieces=pieces, most_places=most_places)

        assert found.proved
        cents = found.plan.costs.total if found.plan else None
        assert cents == _cheapest(demands, origins, have, pieces, most_places)
        if found.plan:
            _add_up(demands, found, have)


def _add_up(demands, found: Routing, have) -> None:
    """Every unit is shipped once, from where it is."""
    for one in demands:
        assert sum(part.units.get(one.line, 0) for part in found.plan.parts) == one.units
    for part in found.plan.parts:
        for sku in {sku for one in demands for sku in one.components}:
            used = sum(part.units.get(one.line, 0) * one.components.get(sku, 0) for one in demands)
            assert used <= max(0, have[sku, part.place])
