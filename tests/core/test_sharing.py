"""Listings that draw on the same units never promise them twice."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.model.catalog import OfferKey
from core.rules.availability import Policy, sellable
from core.rules.sharing import MOST_VIEWS, Part, Wish, share_out, weights
from tests.core.strategies import components as some_components
from tests.core.strategies import skus

places = st.sampled_from(["east", "west", "acme"])
rates = st.none() | st.floats(0, 50)
promises = st.dictionaries(skus, st.integers(0, 9))


def key(number: int) -> OfferKey:
    return OfferKey("amazon-us", f"{number:02d}")


def wish(number: int, parts: dict[str, int], stock: dict[str, int], **changes) -> Wish:
    """A listing that may take everything at one place."""
    return Wish(key(number), parts, {sku: {"east": stock[sku]} for sku in parts}, **changes)


@st.composite
def same_view(draw, least: int = 1):
    """Listings that see the same units of every component."""
    stock = {sku: draw(st.integers(0, 40)) for sku in ("MUG", "TEE", "BOX")}
    count = draw(st.integers(least, 5))
    return [
        wish(
            number, draw(some_components), stock,
            rate=draw(rates), most=draw(st.none() | st.integers(0, 9)),
        )
        for number in range(count)
    ]  # fmt: skip


@st.composite
def few_units(draw):
    """Kits, packs and single Skus at places that have so little that every way can be tried."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        parts = draw(st.dictionaries(skus, st.integers(1, 2), min_size=1, max_size=2))
        views = {sku: draw(st.dictionaries(places, st.integers(0, 3), max_size=2)) for sku in parts}
        made.append(Wish(key(number), parts, views, rate=draw(rates)))
    return made


@st.composite
def any_view(draw):
    """Listings of which each may take other numbers at other places."""
    made = []
    for number in range(draw(st.integers(1, 7))):
        parts = draw(some_components)
        views = {sku: draw(st.dictionaries(places, st.integers(-1, 9))) for sku in parts}
        made.append(Wish(key(number), parts, views, rate=draw(rates)))
    return made


def can_be_kept(wishes: list[Wish], parts: dict[OfferKey, Part]) -> bool:
    """Whether every sale could be made at once: units assigned place by place, as a flow.

    A place has what the listing that sees most of it sees; each takes at most what it sees itself.
    """
    for sku in {sku for one in wishes for sku in one.components}:
        users = [one for one in wishes if sku in one.components]
        there: dict[str, int] = defaultdict(int)
        for one in users:
            for place, units in one.views[sku].items():
                there[place] = max(there[place], units)
        need = {one.key: parts[one.key].sales * one.components[sku] for one in users}
        if not _flows(users, sku, need, there):
            return False
    return True


def _flows(users, sku, need, there) -> bool:
    """Gale: a flow exists when every set of listings finds enough, counting what each may take."""
    for size in range(1, len(users) + 1):
        for some in combinations(users, size):
            found = sum(
                min(units, sum(max(0, one.views[sku].get(place, 0)) for one in some))
                for place, units in there.items()
            )
            if sum(need[one.key] for one in some) > found:
                return False
    return True


def leave_whole(wishes: list[Wish], parts: dict[OfferKey, Part]) -> bool:
    """Whether every sale could be made at once, each of them from one place: by trying."""
    places = sorted({place for one in wishes for view in one.views.values() for place in view})
    todo = [one for one in wishes for _ in range(parts[one.key].sales)]
    return _tried(todo, places, defaultdict(list), set())


def _tried(todo, places, taken, failed) -> bool:
    """`taken`: (Sku, place) -> (units the taker may have there, units it took) of each sale."""
    if not todo:
        return True
    state = (len(todo), tuple(sorted((key, tuple(sorted(found))) for key, found in taken.items())))
    if state in failed:
        return False
    one, *rest = todo
    for place in places:
        for sku, units in one.components.items():
            taken[sku, place].append((one.views[sku].get(place, 0), units))
        if all(_fit(taken[sku, place]) for sku in one.components) and _tried(
            rest, places, taken, failed
        ):
            return True
        for sku in one.components:
            taken[sku, place].pop()
    failed.add(state)
    return False


def _fit(takers: list[tuple[int, int]]) -> bool:
    """Those who may take at most so many take no more than that together."""
    return all(
        sum(units for may, units in takers if may <= most) <= max(0, most) for most, _ in takers
    )


# --- examples ------------------------------------------------------------------------------------


def test_a_kit_and_its_component_sold_alone_do_not_promise_it_twice():
    stock = {"MUG": 10}

    parts = share_out([wish(1, {"MUG": 1}, stock), wish(2, {"MUG": 2}, stock)], promised={})

    # a mug alone and two in a set: three units for each round
    assert parts == {key(1): Part(4, 1), key(2): Part(3, 1)}


def test_what_sells_faster_gets_more():
    stock = {"MUG": 40}

    parts = share_out(
        [wish(1, {"MUG": 1}, stock, rate=9.0), wish(2, {"MUG": 1}, stock, rate=1.0)], promised={}
    )

    assert [part.sales for part in parts.values()] == [36, 4]


def test_the_last_unit_goes_to_one_of_them():
    stock = {"MUG": 1}

    parts = share_out([wish(1, {"MUG": 2}, stock), wish(2, {"MUG": 1}, stock)], promised={})

    assert [part.sales for part in parts.values()] == [0, 1]


def test_what_a_scarce_component_leaves_is_for_the_others():
    stock = {"MUG": 10, "TEE": 1}

    parts = share_out(
        [wish(1, {"MUG": 1, "TEE": 1}, stock), wish(2, {"MUG": 1}, stock)], promised={}
    )

    assert [part.sales for part in parts.values()] == [1, 9]


def test_what_a_cap_leaves_is_for_the_others():
    stock = {"MUG": 10}

    parts = share_out([wish(1, {"MUG": 1}, stock, most=2), wish(2, {"MUG": 1}, stock)], promised={})

    assert [part.sales for part in parts.values()] == [2, 8]


def test_waiting_orders_are_served_before_anything_is_shared():
    stock = {"MUG": 10}

    parts = share_out([wish(1, {"MUG": 1}, stock), wish(2, {"MUG": 1}, stock)], promised={"MUG": 7})

    assert sum(part.sales for part in parts.values()) == 3


def test_listings_that_share_nothing_leave_each_other_alone():
    stock = {"MUG": 10, "TEE": 5}

    parts = share_out(
        [wish(1, {"MUG": 1}, stock, rate=0.1), wish(2, {"TEE": 1}, stock, rate=50)], promised={}
    )

    assert parts == {key(1): Part(10, 0), key(2): Part(5, 0)}


def test_a_place_only_one_of_them_may_use_is_not_given_to_the_other():
    wishes = [
        Wish(key(1), {"MUG": 1}, {"MUG": {"east": 10}}),
        Wish(key(2), {"MUG": 1}, {"MUG": {"east": 10}}),
        Wish(key(3), {"MUG": 1}, {"MUG": {"east": 10, "west": 10}}),
    ]

    parts = share_out(wishes, promised={})

    assert [part.sales for part in parts.values()] == [5, 5, 10]


def test_a_kit_is_shared_only_where_one_place_has_all_of_it():
    tea, cup = {"east": 4, "acme": 9}, {"east": 8}
    wishes = [
        Wish(key(1), {"TEA": 1, "CUP": 1}, {"TEA": tea, "CUP": cup}),
        Wish(key(2), {"TEA": 1}, {"TEA": tea}),
    ]

    parts = share_out(wishes, promised={})

    # of the four that could be sets some are sold alone, as those at acme are
    assert parts[key(1)].sales + parts[key(2)].sales == 13
    assert 0 < parts[key(1)].sales <= 4


def test_two_kits_do_not_both_count_on_the_one_place_that_can_make_them():
    tea, there = {"east": 5, "acme": 5}, {"east": 5}
    wishes = [
        Wish(key(1), {"TEA": 1, "CUP": 1}, {"TEA": tea, "CUP": there}),
        Wish(key(2), {"TEA": 1, "BOX": 1}, {"TEA": tea, "BOX": there}),
    ]

    parts = share_out(wishes, promised={})

    assert sorted(part.sales for part in parts.values()) == [2, 3]


def test_a_kit_with_its_components_apart_leaves_all_of_them_to_the_others():
    tea, cup = {"acme": 9}, {"east": 8}
    wishes = [
        Wish(key(1), {"TEA": 1, "CUP": 1}, {"TEA": tea, "CUP": cup}),
        Wish(key(2), {"TEA": 1}, {"TEA": tea}),
        Wish(key(3), {"CUP": 1}, {"CUP": cup}),
    ]

    parts = share_out(wishes, promised={})

    assert [part.sales for part in parts.values()] == [0, 9, 8]


def test_kits_that_wait_block_what_they_need_and_no_more():
    tea, cup = {"east": 5, "acme": 50}, {"east": 40}
    kit = Wish(key(1), {"TEA": 1, "CUP": 1}, {"TEA": tea, "CUP": cup})
    alone = Wish(key(2), {"TEA": 1}, {"TEA": tea})

    parts = share_out([kit, alone], promised={"TEA": 3, "CUP": 3})

    # 5 sets can be made, 3 of them are promised; of the tea all the rest
    assert parts[key(1)].sales <= 2
    assert parts[key(1)].sales + parts[key(2)].sales == 52


def test_many_different_views_are_judged_carefully_and_still_served():
    views = [{"east": number, "west": 9 - number} for number in range(MOST_VIEWS + 3)]
    wishes = [Wish(key(number), {"MUG": 1}, {"MUG": view}) for number, view in enumerate(views)]

    parts = share_out(wishes, promised={})

    assert can_be_kept(wishes, parts)
    assert sum(part.sales for part in parts.values()) > 0


def test_nobody_shares_nothing():
    assert share_out([], promised={}) == {}


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ([None, None], [1, 1]),
        ([0.0, None], [1, 1]),
        ([4.0, 1.0], [100, 25]),
        ([4.0, None, 2.0], [100, 75, 50]),
        ([1000.0, 0.0], [100, 1]),
        ([], []),
    ],
)
def test_weights_compare_what_is_known(known, found):
    assert weights(known) == found


# --- properties ----------------------------------------------------------------------------------


@given(any_view(), promises)
def test_all_that_is_promised_can_be_kept_at_once(wishes, promised):
    parts = share_out(wishes, promised=promised)

    assert can_be_kept(wishes, parts)
    assert all(part.sales >= 0 for part in parts.values())


@given(few_units())
def test_every_kit_that_is_promised_can_leave_one_place_whole(wishes):
    parts = share_out(wishes, promised={})

    assert leave_whole(wishes, parts)


@given(any_view(), promises)
def test_who_is_alone_gets_what_it_would_show_alone(wishes, promised):
    one = wishes[0]

    parts = share_out([one], promised=promised)

    there = {sku: list(view.items()) for sku, view in one.views.items()}
    alone = sellable(
        components=one.components,
        units_per_sale=1,
        available=there,
        unallocated=promised,
        policy=Policy(),
    )
    assert parts == {one.key: Part(alone.quantity, 0)}


@given(same_view(), promises)
def test_no_more_of_a_component_is_promised_than_there_is(wishes, promised):
    parts = share_out(wishes, promised=promised)

    for sku in {sku for one in wishes for sku in one.components}:
        users = [one for one in wishes if sku in one.components]
        there = max(0, users[0].views[sku]["east"] - promised.get(sku, 0))
        assert sum(parts[one.key].sales * one.components[sku] for one in users) <= there


@given(same_view(), promises)
def test_nothing_is_left_that_any_of_them_could_still_show(wishes, promised):
    parts = share_out(wishes, promised=promised)

    used: dict[str, int] = defaultdict(int)
    for one in wishes:
        for sku, units in one.components.items():
            used[sku] += parts[one.key].sales * units
    for one in wishes:
        one_more = all(
            used[sku] + units <= one.views[sku]["east"] - promised.get(sku, 0)
            for sku, units in one.components.items()
        )
        assert not one_more or parts[one.key].sales == one.most


@given(same_view(), promises)
def test_nobody_gets_more_than_alone_and_who_is_alone_gets_it_all(wishes, promised):
    parts = share_out(wishes, promised=promised)

    for one in wishes:
        alone = share_out([one], promised=promised)[one.key]
        fits = min(
            max(0, one.views[sku]["east"] - promised.get(sku, 0)) // units
            for sku, units in one.components.items()
        )
        assert alone == Part(fits if one.most is None else min(fits, one.most), 0)
        assert parts[one.key].sales <= alone.sales


@given(same_view(least=2), promises, st.randoms(use_true_random=False))
def test_the_order_in_which_listings_come_changes_nothing(wishes, promised, chance):
    shuffled = list(wishes)
    chance.shuffle(shuffled)

    assert share_out(shuffled, promised=promised) == share_out(wishes, promised=promised)


@given(
    st.lists(st.tuples(rates, st.none() | st.integers(0, 9)), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(0, 60),
    st.integers(0, 9),
)
@example([(6.0, None), (6.0, None), (2.0, None)], 1, 10, 1)  # the Alabama paradox
def test_more_units_of_a_component_never_lower_a_listing(listings, per_sale, units, more):
    def shared(there):
        wishes = [
            wish(number, {"MUG": per_sale}, {"MUG": there}, rate=rate, most=most)
            for number, (rate, most) in enumerate(listings)
        ]
        return share_out(wishes, promised={})

    fewer, now = shared(units), shared(units + more)

    assert all(now[one].sales >= part.sales for one, part in fewer.items())


@given(st.lists(st.none() | st.integers(0, 9), min_size=2, max_size=6), st.integers(0, 40))
def test_another_listing_takes_from_each_and_leaves_no_unit_unused(mosts, units):
    wishes = [
        wish(number, {"MUG": 1}, {"MUG": units}, most=most) for number, most in enumerate(mosts)
    ]

    everybody = share_out(wishes, promised={})
    without = share_out(wishes[:-1], promised={})

    assert all(everybody[one].sales <= part.sales for one, part in without.items())
    assert sum(part.sales for part in everybody.values()) >= sum(
        part.sales for part in without.values()
    )
