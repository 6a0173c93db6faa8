"""Which location holds the units an order asks for."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.model.stock import Claim
from core.rules.allocation import Allocation, Demand, allocate
from tests.core.strategies import availability, components, location, locations

demands = st.lists(
    st.builds(Demand, st.sampled_from("abcd"), components, st.integers(0, 8)),
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


# --- properties ----------------------------------------------------------------------------------


@given(demands, locations, availability)
def test_no_unit_is_lost(wanted, places, available):
    allocation = allocate(wanted, locations=places, available=available)

    assert claimed(allocation) == asked(wanted)
    assert all(claim.quantity > 0 for claim in allocation.claims)


@given(demands, locations, availability)
def test_never_more_is_claimed_than_is_available(wanted, places, available):
    allocation = allocate(wanted, locations=places, available=available)

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
    ]

    allocation = allocate(wanted, locations=places, available=available)

    if can and need:
        best = min(can, key=lambda one: (one.priority, one.id))
        assert {claim.location for claim in allocation.claims} == {best.id}


@given(demands, locations, availability)
def test_nothing_is_left_unallocated_that_a_location_still_has(wanted, places, available):
    allocation = allocate(wanted, locations=places, available=available)

    free = Counter(available)
    for claim in allocation.claims:
        if claim.location is not None:
            free[claim.sku, claim.location] -= claim.quantity
    for one in wanted:
        if any(claim.line == one.line and claim.location is None for claim in allocation.claims):
            assert not any(
                all(free[sku, place.id] >= per for sku, per in one.components.items())
                for place in places
            )
