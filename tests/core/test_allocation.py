"""Which location holds the units an order asks for."""

from __future__ import annotations

from collections import Counter
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from core.model.calendars import Closure
from core.model.stock import Claim
from core.rules.allocation import Allocation, Demand, allocate
from tests.core.strategies import availability, components, location, locations, places

CLOSED = {"acme": Closure(date(2026, 11, 20), date(2026, 12, 4))}
some_closed = st.sets(places).map(lambda names: dict.fromkeys(names, CLOSED["acme"]))
demands = st.lists(
    st.builds(
        Demand,
        st.sampled_from("abcd"),
        components,
        st.integers(0, 8),
        barred=st.just(frozenset()) | st.frozensets(places, max_size=2),
    ),
    unique_by=lambda one: one.line,
    max_size=4,
)


def asked(wanted: list[Demand]) -> Counter[tuple[str, str]]:
    return +Counter(
        {(one.line, sku): one.units * per for one in wanted for sku, per in one.components.items()}
    )


def claimed(allocation: Allocation) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for claim in allocation.claims:
        found[claim.line, claim.sku] += claim.quantity
    return found


# --- examples ------------------------------------------------------------------------------------


def test_the_first_location_that_has_everything_ships_everything():
    places = [location("west", 2), location("east", 1), location("acme", 3)]
    available = {("MUG", "east"): 2, ("MUG", "west"): 5, ("MUG", "acme"): 5}

    allocation = allocate([Demand("1", {"MUG": 1}, 3)], locations=places, available=available)

    assert allocation.claims == (Claim("1", "MUG", "west", 3),)
    assert allocation.splits == 1
    assert allocation.complete
    assert [reason.code for reason in allocation.reasons] == ["allocated_whole"]


def test_a_location_that_has_exactly_enough_has_everything():
    allocation = allocate(
        [Demand("1", {"MUG": 1}, 3)],
        locations=[location("east")],
        available={("MUG", "east"): 3},
    )

    assert [reason.code for reason in allocation.reasons] == ["allocated_whole"]
    assert allocation.reasons[0].args == {"location": "east", "units": 3}


def test_equal_priorities_are_settled_by_name():
    places = [location("west"), location("east")]
    available = {("MUG", "east"): 3, ("MUG", "west"): 3}

    allocation = allocate([Demand("1", {"MUG": 1}, 3)], locations=places, available=available)

    assert {claim.location for claim in allocation.claims} == {"east"}


def test_an_order_no_location_can_fill_alone_is_split():
    places = [location("east", 1), location("west", 2)]
    available = {("MUG", "east"): 1, ("MUG", "west"): 2}

    allocation = allocate([Demand("1", {"MUG": 1}, 3)], locations=places, available=available)

    assert set(allocation.claims) == {Claim("1", "MUG", "east", 1), Claim("1", "MUG", "west", 2)}
    assert allocation.splits == 2
    assert [reason.args["units"] for reason in allocation.reasons] == [2, 1]


def test_a_crumb_at_the_best_priority_does_not_make_a_third_parcel():
    places = [location("east", 1), location("west", 2), location("acme", 3)]
    available = {("MUG", "east"): 1, ("MUG", "west"): 5, ("MUG", "acme"): 5}

    allocation = allocate([Demand("1", {"MUG": 1}, 10)], locations=places, available=available)

    assert {claim.location for claim in allocation.claims} == {"west", "acme"}


def test_what_no_location_has_is_unallocated():
    available = {("MUG", "east"): 1}

    allocation = allocate(
        [Demand("1", {"MUG": 1}, 3)], locations=[location("east")], available=available
    )

    assert set(allocation.claims) == {Claim("1", "MUG", "east", 1), Claim("1", "MUG", None, 2)}
    assert not allocation.complete
    assert allocation.reasons[-1].args == {"sku": "MUG", "quantity": 2}


def test_a_kit_is_never_taken_apart():
    places = [location("east", 1), location("west", 2)]
    available = {("MUG", "east"): 1, ("TEE", "west"): 2}

    allocation = allocate(
        [Demand("1", {"MUG": 1, "TEE": 2}, 1)], locations=places, available=available
    )

    assert set(allocation.claims) == {Claim("1", "MUG", None, 1), Claim("1", "TEE", None, 2)}
    assert allocation.splits == 0
    assert [reason.args for reason in allocation.reasons] == [
        {"sku": "MUG", "quantity": 1},
        {"sku": "TEE", "quantity": 2},
    ]


def test_two_lines_of_the_same_sku_share_what_is_there():
    available = {("MUG", "east"): 3}

    allocation = allocate(
        [Demand("1", {"MUG": 1}, 2), Demand("2", {"MUG": 1}, 2)],
        locations=[location("east")],
        available=available,
    )

    at_east = sum(claim.quantity for claim in allocation.claims if claim.location == "east")
    assert at_east == 3
    assert Claim("2", "MUG", None, 1) in allocation.claims


def test_negative_availability_is_as_good_as_none():
    allocation = allocate(
        [Demand("1", {"MUG": 1}, 1)],
        locations=[location("east")],
        available={("MUG", "east"): -4},
    )

    assert allocation.claims == (Claim("1", "MUG", None, 1),)


def test_units_at_a_location_that_may_not_ship_are_not_claimed():
    allocation = allocate(
        [Demand("1", {"MUG": 1}, 1)],
        locations=[location("east")],
        available={("MUG", "west"): 9},
    )

    assert not allocation.complete


def test_an_order_that_asks_for_nothing_gets_nothing_and_says_so():
    allocation = allocate([Demand("1", {"MUG": 1}, 0)], locations=[], available={})

    assert allocation.claims == ()
    assert allocation.complete
    assert allocation.reasons[0].code == "allocated_nothing"


def test_a_place_that_must_not_ship_a_line_ships_the_others():
    available = {("MUG", "acme"): 9, ("TEE", "acme"): 9, ("MUG", "east"): 1}
    wanted = [
        Demand("1", {"MUG": 1}, 2, barred=frozenset({"acme"})),
        Demand("2", {"TEE": 1}, 1),
    ]

    allocation = allocate(
        wanted, locations=[location("acme", 1), location("east", 2)], available=available
    )

    assert set(allocation.claims) == {
        Claim("1", "MUG", "east", 1),
        Claim("1", "MUG", None, 1),
        Claim("2", "TEE", "acme", 1),
    }
    assert allocation.reasons[-1].code == "allocated_barred"
    assert allocation.reasons[-1].args == {"location": "acme", "sku": "MUG"}


def test_what_is_found_elsewhere_needs_no_word_about_a_place_that_must_not_ship_it():
    wanted = [Demand("1", {"MUG": 1}, 2, barred=frozenset({"acme"}))]

    allocation = allocate(
        wanted,
        locations=[location("acme", 1), location("east", 2)],
        available={("MUG", "acme"): 9, ("MUG", "east"): 2},
    )

    assert [reason.code for reason in allocation.reasons] == ["allocated_whole"]
    assert allocation.reasons[0].args["location"] == "east"


def test_an_open_place_comes_before_a_closed_one_of_better_priority():
    available = {("MUG", "acme"): 9, ("MUG", "east"): 2}
    places = [location("acme", 1), location("east", 2)]

    allocation = allocate(
        [Demand("1", {"MUG": 1}, 2)], locations=places, available=available, closed=CLOSED
    )

    assert allocation.claims == (Claim("1", "MUG", "east", 2),)
    assert [reason.code for reason in allocation.reasons] == ["allocated_whole"]


def test_a_closed_place_ships_what_no_open_one_has_and_the_reason_says_until_when():
    places = [location("acme", 1), location("east", 2)]
    wanted = [Demand("1", {"MUG": 1}, 3)]

    some, nothing = (
        allocate(
            wanted,
            locations=places,
            available={("MUG", "acme"): 9, ("MUG", "east"): here},
            closed=CLOSED,
        )
        for here in (1, 0)
    )

    assert some.claims == (Claim("1", "MUG", "east", 1), Claim("1", "MUG", "acme", 2))
    assert [reason.code for reason in some.reasons] == [
        "allocated_part", "allocated_part", "allocated_closed",
    ]  # fmt: skip
    assert nothing.claims == (Claim("1", "MUG", "acme", 3),)
    assert [reason.code for reason in nothing.reasons] == ["allocated_whole", "allocated_closed"]
    assert nothing.reasons[1].args == {"location": "acme", "last": "2026-12-04"}


# --- properties ----------------------------------------------------------------------------------


@given(demands, locations, availability, some_closed)
def test_no_unit_is_lost(wanted, places, available, closed):
    allocation = allocate(wanted, locations=places, available=available, closed=closed)

    assert claimed(allocation) == asked(wanted)
    assert all(claim.quantity > 0 for claim in allocation.claims)


@given(demands, locations, availability, some_closed)
def test_never_more_is_claimed_than_is_available(wanted, places, available, closed):
    allocation = allocate(wanted, locations=places, available=available, closed=closed)

    taken: Counter[tuple[str, str]] = Counter()
    for claim in allocation.claims:
        if claim.location is not None:
            taken[claim.sku, claim.location] += claim.quantity
    assert all(units <= available.get(key, 0) for key, units in taken.items())
    assert {place for _, place in taken} <= {one.id for one in places}
    assert allocation.splits == len({place for _, place in taken})


@given(demands, locations, availability, st.randoms(use_true_random=False))
def test_the_order_of_lines_and_locations_does_not_matter(wanted, places, available, chance):
    before = allocate(wanted, locations=places, available=available)

    chance.shuffle(wanted)
    chance.shuffle(places)

    assert allocate(wanted, locations=places, available=available) == before


@given(demands, locations, availability)
def test_kits_leave_whole(wanted, places, available):
    allocation = allocate(wanted, locations=places, available=available)

    for one in wanted:
        for place in {claim.location for claim in allocation.claims}:
            units = {
                sku: sum(
                    claim.quantity
                    for claim in allocation.claims
                    if (claim.line, claim.sku, claim.location) == (one.line, sku, place)
                )
                for sku in one.components
            }
            kits = {units[sku] / per for sku, per in one.components.items()}
            assert len(kits) == 1
            assert kits.pop().is_integer()


@given(demands, locations, availability)
def test_one_location_that_has_everything_is_never_split(wanted, places, available):
    need: Counter[str] = Counter()
    for (_, sku), units in asked(wanted).items():
        need[sku] += units
    can = [
        one
        for one in places
        if all(available.get((sku, one.id), 0) >= n for sku, n in need.items())
        and not any(one.id in line.barred for line in wanted if line.units)
    ]

    allocation = allocate(wanted, locations=places, available=available)

    if can and need:
        best = min(can, key=lambda one: (one.priority, one.id))
        assert {claim.location for claim in allocation.claims} == {best.id}


@given(demands, locations, availability, some_closed)
def test_a_barred_place_ships_nothing_of_the_line_and_a_closed_one_no_unit_an_open_one_has(
    wanted, places, available, closed
):
    allocation = allocate(wanted, locations=places, available=available, closed=closed)

    free = Counter(available)
    for claim in allocation.claims:
        if claim.location is not None:
            free[claim.sku, claim.location] -= claim.quantity
    for one in wanted:
        used = {claim.location for claim in allocation.claims if claim.line == one.line}
        assert not used & one.barred
        if used & closed.keys():
            assert not any(
                all(free[sku, place.id] >= per for sku, per in one.components.items())
                for place in places
                if place.id not in closed and place.id not in one.barred
            )


@given(demands, locations, availability, some_closed)
def test_nothing_is_left_unallocated_that_a_location_still_has(wanted, places, available, closed):
    allocation = allocate(wanted, locations=places, available=available, closed=closed)

    free = Counter(available)
    for claim in allocation.claims:
        if claim.location is not None:
            free[claim.sku, claim.location] -= claim.quantity
    for one in wanted:
        if any(claim.line == one.line and claim.location is None for claim in allocation.claims):
            assert not any(
                all(free[sku, place.id] >= per for sku, per in one.components.items())
                for place in places
                if place.id not in one.barred
            )
