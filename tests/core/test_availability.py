"""How many units a channel may show, and the sum behind it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.reasons import Reason
from core.rules.allocation import Demand, allocate
from core.rules.availability import Beyond, PlacePolicy, Policy, most_needed, sellable
from core.rules.places import Term, narrowed
from core.rules.sharing import Part
from tests.core.strategies import availability, locations, places, skus
from tests.core.strategies import components as some_components

stocks = st.dictionaries(skus, st.lists(st.tuples(places, st.integers(-5, 60)), max_size=3))
promises = st.dictionaries(skus, st.integers(0, 10))
policies = st.builds(
    Policy,
    sell=st.just(True),
    percent=st.integers(0, 100),
    buffer=st.integers(0, 10),
    buffer_days=st.integers(0, 5),
    cap=st.none() | st.integers(0, 30),
    hide_below=st.integers(0, 6),
)
WORD = Reason.of("place_policy", location="acme", quantity=0)
terms = st.dictionaries(
    places,
    st.lists(
        st.builds(
            Term,
            st.just(WORD),
            percent=st.integers(0, 100),
            buffer=st.integers(0, 5),
            cap=st.none() | st.integers(0, 20),
        ),
        max_size=2,
    ),
)
rates = st.none() | st.floats(0, 20)
SPRING = date(2027, 3, 1)


def show(
    stock=60,
    *,
    policy=Policy(),
    components=None,
    units_per_sale=1,
    promised=0,
    available=None,
    unallocated=None,
    **more,
):
    return sellable(
        components=components or {"MUG": 1},
        units_per_sale=units_per_sale,
        available=available or {"MUG": [("east", stock)]},
        unallocated=unallocated or {"MUG": promised},
        policy=policy,
        **more,
    )


# --- examples ------------------------------------------------------------------------------------


def test_a_channel_shows_what_its_locations_have_together():
    result = show(available={"MUG": [("east", 40), ("acme", 20)]})

    assert result.quantity == 60
    assert result.steps[0].args == {"sku": "MUG", "locations": 2, "quantity": 60, "left": 60}


def test_a_location_in_the_red_does_not_take_units_from_another():
    result = show(available={"MUG": [("east", 5), ("acme", -3)]})

    assert result.quantity == 5


def test_units_promised_to_waiting_orders_are_not_sold_again():
    result = show(5, promised=2)

    assert result.quantity == 3


def test_more_promised_than_there_shows_nothing():
    result = show(2, promised=5)

    assert result.quantity == 0


def test_a_kit_is_as_many_as_its_scarcest_component_allows():
    result = show(
        components={"MUG": 2, "TEE": 1}, available={"MUG": [("east", 9)], "TEE": [("east", 7)]}
    )

    assert result.quantity == 4
    assert result.steps[-1].args == {"sku": "MUG", "per": 2, "left": 4}


def test_a_kit_with_a_component_nobody_has_is_not_sold():
    result = show(components={"MUG": 1, "TEE": 1}, available={"MUG": [("east", 9)]})

    assert result.quantity == 0


def test_a_pack_takes_several_units_for_one_sale():
    result = show(11, units_per_sale=4)

    assert result.quantity == 2
    assert result.steps[-1].code == "sold_in_packs"


def test_a_kit_whose_components_lie_apart_is_not_sold():
    result = show(
        components={"TEA": 1, "CUP": 1},
        available={"TEA": [("acme", 50)], "CUP": [("home", 100)]},
    )

    assert result.quantity == 0
    assert result.steps[-1] == Reason("only_together", {"quantity": 0, "left": 0})


def test_a_pack_is_not_put_together_from_two_places():
    result = show(available={"MUG": [("home", 3), ("acme", 3)]}, units_per_sale=4)

    assert result.quantity == 0
    assert [(step.code, step.args["left"]) for step in result.steps[1:]] == [
        ("sold_in_packs", 1),
        ("only_together", 0),
    ]


def test_each_place_makes_the_kits_it_can_after_what_it_holds_back():
    result = show(
        components={"TEA": 1, "CUP": 2},
        available={"TEA": [("home", 5), ("acme", 9)], "CUP": [("home", 30), ("acme", 9)]},
        terms={"acme": [Term(WORD, percent=50)]},
    )

    # five at home, and of four teas and four cups at acme two
    assert result.quantity == 7
    assert result.steps[-1].args == {"quantity": 7, "left": 7}


def test_kits_that_wait_are_served_before_more_are_shown():
    result = show(
        components={"TEA": 1, "CUP": 1},
        available={"TEA": [("home", 5), ("acme", 50)], "CUP": [("home", 100)]},
        promised=0,
        unallocated={"TEA": 3, "CUP": 3},
    )

    assert result.quantity == 2
    assert result.steps[-1].args == {"quantity": 3, "left": 2}


def test_what_waits_for_one_component_of_which_there_is_more_elsewhere_blocks_no_kit():
    result = show(
        components={"TEA": 1, "CUP": 1},
        available={"TEA": [("home", 5), ("acme", 50)], "CUP": [("home", 100)]},
        unallocated={"TEA": 3},
    )

    assert result.quantity == 5


def test_backorders_of_a_kit_end_though_its_components_are_there_apart():
    kits = {
        "components": {"TEA": 1, "CUP": 1},
        "available": {"TEA": [("acme", 50)], "CUP": [("home", 100)]},
        "policy": Policy(backorder=Beyond(20, SPRING)),
        "today": SPRING - timedelta(days=1),
    }

    assert show(**kits).quantity == 20
    assert show(**kits, unallocated={"TEA": 15, "CUP": 15}).quantity == 5
    assert show(**kits, unallocated={"TEA": 25, "CUP": 25}).quantity == 0


@pytest.mark.parametrize(
    ("components", "said"),
    [
        ({"MUG": 1}, []),
        ({"MUG": 2}, [{"sku": "MUG", "per": 2, "left": 4}]),
        ({"MUG": 1, "TEE": 1}, [{"sku": "TEE", "per": 1, "left": 7}]),
        # of equally scarce components the first is named
        ({"BOX": 1, "TEE": 1}, [{"sku": "BOX", "per": 1, "left": 7}]),
    ],
)
def test_only_a_kit_needs_a_word_about_its_scarcest_component(components, said):
    stock = {"MUG": [("east", 9)], "TEE": [("east", 7)], "BOX": [("east", 7)]}

    result = sellable(
        components=components,
        units_per_sale=1,
        available=stock,
        unallocated={},
        policy=Policy(),
    )

    assert [step.args for step in result.steps if step.code == "kit_limited"] == said


def test_a_location_counts_from_its_first_unit():
    result = show(available={"MUG": [("east", 1), ("west", 0), ("acme", -1)]})

    assert result.quantity == 1
    assert result.steps[0].args["locations"] == 1


def test_a_single_unit_promised_or_held_back_counts():
    assert show(5, promised=1).quantity == 4
    assert show(5, policy=Policy(buffer=1)).quantity == 4


def test_a_single_unit_is_hidden_below_two():
    assert show(1, policy=Policy(hide_below=2)).quantity == 0


@pytest.mark.parametrize(
    ("policy", "quantity", "last"),
    [
        (Policy(), 60, "units_available"),
        (Policy(percent=33), 19, "percent_shown"),
        (Policy(percent=0), 0, "percent_shown"),
        (Policy(buffer=5), 55, "buffer_kept"),
        (Policy(buffer=60), 0, "buffer_kept"),
        (Policy(buffer=99), 0, "buffer_kept"),
        (Policy(cap=20), 20, "capped"),
        (Policy(cap=60), 60, "units_available"),
        (Policy(cap=0), 0, "capped"),
        (Policy(hide_below=60), 60, "units_available"),
        (Policy(hide_below=61), 0, "hidden_below"),
        (Policy(fixed=7, percent=10, cap=1), 7, "fixed_quantity"),
        (Policy(fixed=-1), 0, "fixed_quantity"),
        (Policy(sell=False, fixed=7), 0, "not_sold_here"),
        (Policy(percent=50, buffer=5, cap=20, hide_below=21), 0, "hidden_below"),
    ],
)
def test_each_part_of_a_policy_narrows_in_its_turn(policy, quantity, last):
    result = show(60, policy=policy)

    assert result.quantity == quantity
    assert result.steps[-1].code == last
    assert result.steps[-1].args["left"] == quantity


def test_a_policy_reads_as_a_sum():
    result = show(60, promised=10, policy=Policy(percent=50, buffer=5, cap=10))

    assert [(step.code, step.args["left"]) for step in result.steps] == [
        ("units_available", 60),
        ("units_promised", 50),
        ("percent_shown", 25),
        ("buffer_kept", 20),
        ("capped", 10),
    ]


def test_nothing_left_needs_no_hiding():
    result = show(0, policy=Policy(hide_below=5))

    assert [step.code for step in result.steps] == ["units_available"]


def test_a_listing_with_nothing_of_ours_behind_it_shows_nothing():
    result = sellable(
        components={}, units_per_sale=1, available={}, unallocated={}, policy=Policy()
    )

    assert result.quantity == 0
    assert result.steps[0].code == "no_components"
    assert result.steps[0].args == {"left": 0}


# --- single places -------------------------------------------------------------------------------


def test_what_one_place_holds_back_is_told_with_its_units():
    result = show(
        available={"MUG": [("east", 40), ("acme", 20)]},
        terms={"acme": [PlacePolicy(percent=80, buffer=1).term("acme")]},
        promised=5,
    )

    assert result.quantity == 50
    assert [(step.code, step.args["left"]) for step in result.steps] == [
        ("units_available", 60),
        ("place_policy", 55),
        ("units_promised", 50),
    ]
    assert result.steps[1].args["quantity"] == 5


def test_a_place_that_may_not_sell_here_gives_nothing():
    result = show(
        available={"MUG": [("east", 40), ("acme", 20)]},
        terms={"acme": [PlacePolicy(sell=False).term("acme")]},
    )

    assert result.quantity == 40
    assert result.steps[-1].code == "place_not_sold"


def test_a_place_that_holds_nothing_back_needs_no_word():
    result = show(
        available={"MUG": [("east", 40), ("acme", -3)]},
        terms={"acme": [Term(WORD, buffer=5)], "east": [Term(WORD, cap=40)]},
    )

    assert result.quantity == 40
    assert [step.code for step in result.steps] == ["units_available"]


# --- days of cover -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_day", "buffer", "packs", "quantity", "last"),
    [
        (2.5, 0, 1, 52, "cover_kept"),
        (2.5, 8, 1, 52, "buffer_kept"),
        (2.5, 9, 1, 51, "buffer_kept"),
        (2.5, 0, 4, 13, "cover_kept"),
        (25.0, 0, 1, 0, "cover_kept"),
        (0.0, 0, 1, 60, "units_available"),
        (None, 0, 1, 60, "cover_unknown"),
        (None, 2, 1, 58, "buffer_kept"),
    ],
)
def test_days_of_cover_are_held_back_where_the_demand_is_known(
    per_day, buffer, packs, quantity, last
):
    policy = Policy(buffer=buffer, buffer_days=3)

    result = show(60, policy=policy, per_day=per_day, units_per_sale=packs)

    assert result.quantity == quantity
    assert result.steps[-1].code == last


def test_an_unknown_demand_is_told_before_the_buffer_that_applies():
    result = show(60, policy=Policy(buffer=2, buffer_days=3))

    assert [step.code for step in result.steps[1:]] == ["cover_unknown", "buffer_kept"]


# --- units that are not there yet ----------------------------------------------------------------


def beyond(kind, stock, promised=0, *, on=SPRING - timedelta(days=1), packs=1, **policy):
    policy = Policy(**{kind: Beyond(20, SPRING)}, **policy)
    return show(stock, policy=policy, promised=promised, today=on, units_per_sale=packs)


@pytest.mark.parametrize(
    ("kind", "stock", "promised", "quantity"),
    [
        ("preorder", 0, 0, 20),
        ("preorder", 0, 7, 13),
        ("preorder", 0, 99, 0),
        ("preorder", 30, 7, 23),  # they have arrived
        ("preorder", 7, 7, 20),  # just enough for those who wait
        ("backorder", 0, 0, 20),
        ("backorder", 3, 0, 23),
        ("backorder", 3, 10, 13),
        ("backorder", 3, 99, 0),
    ],
)
def test_more_is_shown_than_there_is_less_what_waiting_orders_took(kind, stock, promised, quantity):
    assert beyond(kind, stock, promised).quantity == quantity


@pytest.mark.parametrize("kind", ["preorder", "backorder"])
def test_on_its_day_it_is_over(kind):
    assert beyond(kind, 0, on=SPRING).quantity == 0


def test_no_buffer_is_kept_of_what_is_not_there_but_a_cap_holds():
    assert beyond("backorder", 10, percent=50, buffer=2).quantity == 23
    assert beyond("backorder", 10, cap=8).quantity == 8


def test_a_pack_of_what_is_not_there_takes_several_units():
    result = beyond("preorder", 0, 5, packs=4)

    assert result.quantity == 3
    assert result.steps[-1].args == {
        "quantity": 3, "taken": 2, "until": "2027-03-01", "left": 3,
    }  # fmt: skip


def test_a_kit_may_be_sold_before_the_component_that_lacks_arrives():
    policy = Policy(preorder=Beyond(20, SPRING))

    result = sellable(
        components={"MUG": 2, "TEE": 1},
        units_per_sale=1,
        available={"TEE": [("east", 9)]},
        unallocated={"MUG": 6},
        policy=policy,
    )

    assert result.quantity == 17


# --- sharing -------------------------------------------------------------------------------------


def test_what_others_are_promised_is_a_step_of_the_sum():
    result = show(60, part=Part(25, 2), policy=Policy(buffer=5))

    assert result.quantity == 20
    assert result.steps[1].args == {"listings": 2, "left": 25}


def test_a_share_of_everything_needs_no_word():
    result = show(60, part=Part(60, 2))

    assert [step.code for step in result.steps] == ["units_available"]


@given(policies, st.integers(0, 200), st.integers(1, 4), rates)
def test_more_than_is_needed_would_never_show_more(policy, units, packs, per_day):
    most = most_needed(policy, per_day=per_day, units_per_sale=packs)

    there = show(units, policy=policy, units_per_sale=packs, per_day=per_day)
    if most is None:
        assert policy.cap is None
        return
    least = show(units, policy=policy, units_per_sale=packs, per_day=per_day, part=Part(most, 1))
    assert least.quantity == there.quantity


# --- properties ----------------------------------------------------------------------------------


@given(some_components, st.integers(1, 4), stocks, promises, policies, terms, rates)
def test_never_more_is_shown_than_is_there_nor_less_than_none(
    parts, per_sale, stock, promised, policy, narrowing, per_day
):
    result = sellable(
        components=parts,
        units_per_sale=per_sale,
        available=stock,
        unallocated=promised,
        policy=policy,
        terms=narrowing,
        per_day=per_day,
    )

    for sku, per_kit in parts.items():
        there = sum(
            narrowed(units, narrowing.get(place, ())) for place, units in stock.get(sku, [])
        )
        needed = result.quantity * per_sale * per_kit
        assert needed <= max(0, there - promised.get(sku, 0))
    assert result.quantity >= 0
    assert policy.cap is None or result.quantity <= policy.cap
    assert result.quantity == 0 or result.quantity >= policy.hide_below


def _placed(parts, count, free, rank) -> int:
    """How many orders of one sale each are found units for, each after the other."""
    for number in range(count):
        found = allocate([Demand("1", parts, 1)], locations=rank, available=free)
        if not found.complete:
            return number
        for claim in found.claims:
            free[claim.sku, claim.location] -= claim.quantity
    return count


@given(some_components, st.integers(1, 3), availability, locations, policies, terms, st.data())
def test_what_is_shown_can_be_shipped_order_by_order(
    parts, per_sale, there, rank, policy, narrowing, data
):
    # given orders that came before, of which some wait
    free = dict(there)
    waiting: Counter[str] = Counter()
    for earlier in data.draw(st.lists(some_components, max_size=3), label="earlier"):
        for claim in allocate([Demand("1", earlier, 2)], locations=rank, available=free).claims:
            if claim.location is None:
                waiting[claim.sku] += claim.quantity
            else:
                free[claim.sku, claim.location] -= claim.quantity

    # when a listing is shown
    shown = sellable(
        components=parts,
        units_per_sale=per_sale,
        available=_by_sku(free, rank),
        unallocated=waiting,
        policy=policy,
        terms=narrowing,
    ).quantity

    # then as many orders for it find all of their units
    per_order = {sku: units * per_sale for sku, units in parts.items()}
    assert _placed(per_order, shown, free, rank) == shown


@given(some_components, st.integers(0, 3), availability, availability, locations)
def test_kits_that_waited_are_served_when_units_come_and_what_is_shown_besides(
    parts, waited, there, more, rank
):
    # given kits or packs that wait, and units that have just come
    free = Counter({key: max(0, units) for key, units in there.items()})
    waiting = 0
    for _ in range(waited):
        waiting += not _placed(parts, 1, free, rank)
    free += Counter({key: max(0, units) for key, units in more.items()})

    # when it is shown before those orders are served
    shown = sellable(
        components=parts,
        units_per_sale=1,
        available=_by_sku(free, rank),
        unallocated={sku: units * waiting for sku, units in parts.items()},
        policy=Policy(),
    ).quantity

    # then nothing of what they need is shown, and nothing else is kept back
    can = _placed(parts, 999, Counter(free), rank)
    assert shown == max(0, can - waiting)


def _by_sku(free, rank):
    found = defaultdict(list)
    for (sku, place), units in free.items():
        if place in {one.id for one in rank}:
            found[sku].append((place, units))
    return found


@given(
    some_components,
    st.integers(1, 4),
    stocks,
    promises,
    policies,
    skus,
    places,
    terms,
    st.none() | st.integers(0, 20),
)
def test_one_more_unit_in_stock_never_shows_less(
    parts, per_sale, stock, promised, policy, sku, place, narrowing, backorder
):
    more = {**stock, sku: [*stock.get(sku, []), (place, 1)]}
    if backorder:
        policy = replace(policy, backorder=Beyond(backorder, SPRING))

    before, after = (
        sellable(
            components=parts,
            units_per_sale=per_sale,
            available=available,
            unallocated=promised,
            policy=policy,
            terms=narrowing,
            today=SPRING - timedelta(days=1),
        ).quantity
        for available in (stock, more)
    )

    assert before <= after


@given(some_components, st.integers(1, 4), stocks, promises, policies, terms)
def test_the_last_step_says_the_number(parts, per_sale, stock, promised, policy, narrowing):
    result = sellable(
        components=parts,
        units_per_sale=per_sale,
        available=stock,
        unallocated=promised,
        policy=policy,
        terms=narrowing,
    )

    assert result.steps[-1].args["left"] == result.quantity


@given(some_components, stocks, policies, st.integers(0, 9))
def test_a_fixed_number_wins_over_everything_but_not_sold_here(parts, stock, policy, fixed):
    arguments = {
        "components": parts,
        "units_per_sale": 1,
        "available": stock,
        "unallocated": {},
    }

    shown = sellable(policy=replace(policy, fixed=fixed), **arguments)
    not_sold = sellable(policy=replace(policy, fixed=fixed, sell=False), **arguments)

    assert shown.quantity == fixed
    assert not_sold.quantity == 0


@given(some_components, stocks, policies, st.randoms(use_true_random=False))
def test_the_order_of_locations_and_components_does_not_change_the_number(
    parts, stock, policy, chance
):
    shuffled = {sku: chance.sample(found, len(found)) for sku, found in stock.items()}
    turned = dict(chance.sample(list(parts.items()), len(parts)))

    first, second = (
        sellable(
            components=some, units_per_sale=1, available=held, unallocated={}, policy=policy
        ).quantity
        for some, held in ((parts, stock), (turned, shuffled))
    )

    assert first == second
