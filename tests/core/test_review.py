"""Whether an order may be routed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.catalog import FulfilledBy
from core.model.orders import Address, OrderStage, PaymentStatus
from core.rules.addresses import incomplete
from core.rules.holds import KINDS
from core.rules.review import ReviewSettings, review
from core.rules.sentences import CATALOGUES, render
from tests.core.strategies import ADDRESS, NOON, line, order

SETTINGS = ReviewSettings(route_from=NOON)
LOOSE = ReviewSettings(
    route_from=NOON,
    hold_unpaid=False,
    hold_test=False,
    hold_incomplete_address=False,
    hold_undeliverable=False,
)


def judge(one, *, skus=None, rule_hits=(), settings=SETTINGS, now=NOON, **more):
    known = {line.remote_id: "MUG" for line in one.lines} if skus is None else skus
    return review(one, skus=known, rule_hits=rule_hits, settings=settings, now=now, **more)


def codes(verdict):
    return [hold.code for hold in verdict.holds]


def said(verdict):
    """The holds as they are when a person releases them."""
    return {hold.code: hold.reason.args for hold in verdict.holds}


# --- examples ------------------------------------------------------------------------------------


def test_an_order_nothing_speaks_against_is_accepted():
    verdict = judge(order())

    assert verdict.stage is OrderStage.NEW
    assert verdict.holds == ()
    assert verdict.reason.code == "review_accepted"


def test_an_order_canceled_whole_is_canceled():
    verdict = judge(order(canceled_at=NOON))

    assert verdict.stage is OrderStage.CANCELED
    assert verdict.reason.code == "order_canceled"


def test_an_order_with_every_unit_removed_is_canceled():
    verdict = judge(order(line("1", current=0), line("2", current=0)))

    assert verdict.stage is OrderStage.CANCELED
    assert verdict.reason.code == "nothing_left_to_ship"


def test_an_order_with_one_unit_left_is_not_canceled():
    verdict = judge(order(line("1", current=0), line("2", current=1)))

    assert verdict.stage is OrderStage.NEW


def test_an_order_without_lines_is_recorded_not_canceled():
    verdict = judge(replace(order(), lines=()))

    assert verdict.stage is OrderStage.RECORDED


def test_an_order_from_before_the_cutover_is_recorded_only():
    verdict = judge(order(placed_at=NOON - timedelta(microseconds=1)))

    assert verdict.stage is OrderStage.RECORDED
    assert verdict.reason.code == "before_cutover"


def test_the_cutover_instant_itself_is_already_ours():
    verdict = judge(order(placed_at=NOON))

    assert verdict.stage is OrderStage.NEW


def test_a_listed_order_is_routed_although_it_is_old():
    verdict = judge(order(placed_at=NOON - timedelta(days=9)), listed=True)

    assert verdict.stage is OrderStage.NEW


@pytest.mark.parametrize(
    "foreign",
    [
        {"fulfilled_by": FulfilledBy.AMAZON},
        {"fulfilled_by": FulfilledBy.OTHER},
        {"requires_shipping": False},
    ],
)
def test_what_others_fulfill_is_recorded_only(foreign):
    verdict = judge(order(line(**foreign)))

    assert verdict.stage is OrderStage.RECORDED
    assert verdict.reason.code == "order_recorded_only"


def test_a_canceled_line_of_ours_beside_a_foreign_one_leaves_nothing_to_ship():
    verdict = judge(order(line("1", current=0), line("2", fulfilled_by=FulfilledBy.AMAZON)))

    assert verdict.stage is OrderStage.RECORDED
    assert verdict.reason.code == "order_recorded_only"


def test_an_order_fulfilled_on_the_channel_is_recorded_only():
    verdict = judge(order(line(fulfilled=2)))

    assert verdict.stage is OrderStage.RECORDED
    assert verdict.reason.code == "already_fulfilled"


def test_a_partly_fulfilled_order_is_still_ours():
    verdict = judge(order(line(fulfilled=1)))

    assert verdict.stage is OrderStage.NEW


@pytest.mark.parametrize("payment", list(PaymentStatus))
def test_only_paid_orders_pass(payment):
    verdict = judge(order(payment=payment))

    held_as = {
        PaymentStatus.PAID: [],
        PaymentStatus.PARTIALLY_REFUNDED: [],
        PaymentStatus.AUTHORIZED: ["authorized_only"],
        PaymentStatus.EXPIRED: ["payment_expired"],
        PaymentStatus.PARTIALLY_PAID: ["partly_paid"],
    }
    assert codes(verdict) == held_as.get(payment, ["unpaid"])
    assert judge(order(payment=payment), settings=LOOSE).holds == ()


def test_a_pending_order_waits_without_being_blamed_for_what_comes_later():
    verdict = judge(order(pending=True, payment=PaymentStatus.PENDING, ship_to=None))

    assert codes(verdict) == ["pending"]


def test_nobody_can_release_what_the_channel_keeps_pending():
    verdict = judge(order(pending=True), released=said(judge(order(pending=True))))

    assert verdict.stage is OrderStage.HELD


def test_a_test_order_is_held():
    verdict = judge(order(test=True))

    assert codes(verdict) == ["test_order"]
    assert judge(order(test=True), settings=LOOSE).holds == ()


def test_lines_whose_sku_nobody_knows_are_named():
    one = order(line("1"), line("2", remote_sku=""), line("3", remote_sku="CUP"))

    verdict = judge(one, skus={"1": "MUG", "2": None})

    assert codes(verdict) == ["unknown_sku"]
    assert verdict.holds[0].reason.args["lines"] == "- (2), CUP (3)"
    assert verdict.holds[0].reason.args["count"] == 2


def test_an_unknown_sku_that_others_ship_or_that_is_shipped_holds_nothing():
    one = order(line("1"), line("2", fulfilled_by=FulfilledBy.AMAZON), line("3", fulfilled=2))

    verdict = judge(one, skus={"1": "MUG"})

    assert verdict.stage is OrderStage.NEW


def test_a_buyer_who_asks_to_cancel_is_heard():
    verdict = judge(order(line("1"), line("2", cancel_requested=True)))

    assert codes(verdict) == ["cancel_requested"]
    assert verdict.holds[0].reason.args["lines"] == "2"


def test_rules_that_hit_are_named_once_and_in_order():
    verdict = judge(order(), rule_hits=["high value", "abroad", "abroad"])

    assert verdict.holds[0].reason.args["rules"] == "abroad, high value"


def test_a_released_hold_does_not_come_back_but_others_stay():
    one = order(test=True, payment=PaymentStatus.AUTHORIZED)

    verdict = judge(one, released={"authorized_only": {"order": "#1001"}})

    assert codes(verdict) == ["test_order"]
    assert verdict.reason.args["holds"] == "test_order"


def test_a_release_holds_for_what_was_seen_and_not_for_what_came_after():
    released = said(judge(order(), rule_hits=["abroad"]))

    assert judge(order(), rule_hits=["abroad"], released=released).holds == ()
    assert codes(judge(order(), rule_hits=["abroad", "large"], released=released)) == ["rule_hit"]


def test_a_shop_may_ship_what_is_authorized_and_takes_the_money_then():
    settings = replace(SETTINGS, ships_authorized=True)

    assert judge(order(payment=PaymentStatus.AUTHORIZED), settings=settings).holds == ()
    assert codes(judge(order(payment=PaymentStatus.EXPIRED), settings=settings)) == [
        "payment_expired"
    ]


STATES = {"071": ("NJ",), "063": ("CT", "NY"), "606": ("IL",)}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"postal_code": "60601"}, ["zip_elsewhere"]),
        ({"postal_code": "06390", "region": "NY"}, []),
        ({"postal_code": "06390", "region": "CT"}, []),
        ({"postal_code": "00001"}, ["zip_unknown"]),
        # a word nobody knows is no state, and what is no ZIP code is another finding
        ({"region": "Jersey", "postal_code": "60601"}, []),
        ({"region": "New Jersey", "postal_code": "60601"}, ["zip_elsewhere"]),
        ({"region": "New Jersey"}, []),
        ({"postal_code": "6060"}, ["address_incomplete"]),
        ({"country": "CA", "postal_code": "60601"}, []),
        ({"line1": "asdf"}, ["address_undeliverable"]),
    ],
)
def test_a_zip_code_lies_in_the_state_of_its_address(changes, found):
    one = order(ship_to=replace(ADDRESS, **changes))

    assert codes(judge(one, settings=replace(SETTINGS, states=STATES))) == found
    off = replace(SETTINGS, states=STATES, hold_undeliverable=False)
    assert set(codes(judge(one, settings=off))) <= {"address_incomplete"}


def test_a_new_order_waits_for_its_window_and_no_longer():
    settings = replace(SETTINGS, release_window=timedelta(minutes=10))

    held = judge(order(), settings=settings, now=NOON + timedelta(minutes=9, seconds=59))

    (hold,) = held.holds
    assert (hold.code, hold.until) == ("release_window", NOON + timedelta(minutes=10))
    assert judge(order(), settings=settings, now=NOON + timedelta(minutes=10)).holds == ()
    assert judge(order(), settings=settings, released=said(held)).holds == ()


def test_every_kind_of_hold_can_be_read_in_both_languages():
    for language, catalogue in CATALOGUES.items():
        for code in KINDS:
            assert code in catalogue, language


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, ()),
        ({"name": " "}, ("name",)),
        ({"name": "", "company": "Acme"}, ()),
        ({"line1": ""}, ("line1",)),
        ({"city": ""}, ("city",)),
        ({"region": ""}, ("region",)),
        ({"postal_code": ""}, ("postal_code",)),
        ({"postal_code": "7102"}, ("zip",)),
        ({"postal_code": "07102-1234"}, ()),
        ({"postal_code": "071021234"}, ()),
        ({"postal_code": "07102-12"}, ("zip",)),
        ({"postal_code": "o7102"}, ("zip",)),
        ({"country": ""}, ("country",)),
        ({"country": "CA", "region": "", "postal_code": "K1A 0B1"}, ()),
        ({"country": "us", "region": ""}, ("region",)),
    ],
)
def test_an_address_is_complete_when_a_label_can_be_made_of_it(changes, parts):
    assert incomplete(replace(ADDRESS, **changes)) == parts


def test_an_order_without_an_address_is_held():
    verdict = judge(order(ship_to=None))

    assert codes(verdict) == ["address_incomplete"]
    assert judge(order(ship_to=None), settings=LOOSE).holds == ()


# --- properties ----------------------------------------------------------------------------------

words = st.sampled_from(["", "Ada Byron", "12 Main St", "07102", "710", "US", "CA", "NJ"])
addresses = st.builds(
    Address, name=words, line1=words, city=words, region=words, postal_code=words, country=words
)
lines = st.lists(
    st.builds(
        line,
        st.sampled_from("123"),
        current=st.integers(0, 2),
        fulfilled=st.integers(0, 2),
        requires_shipping=st.booleans(),
        fulfilled_by=st.sampled_from(FulfilledBy),
        cancel_requested=st.booleans(),
    ),
    unique_by=lambda one: one.remote_id,
)
orders = st.builds(
    lambda lines, **facts: replace(order(), lines=tuple(lines), **facts),
    lines,
    payment=st.sampled_from(PaymentStatus),
    pending=st.booleans(),
    test=st.booleans(),
    canceled_at=st.none() | st.just(NOON),
    placed_at=st.sampled_from([NOON - timedelta(days=1), NOON, NOON + timedelta(days=1)]),
    ship_to=st.none() | addresses,
)
known = st.dictionaries(st.sampled_from("123"), st.none() | st.just("MUG"))
hits = st.lists(st.sampled_from(["abroad", "high value"]))


@given(orders, known, hits)
def test_the_stage_and_the_holds_say_the_same(one, skus, rule_hits):
    verdict = judge(one, skus=skus, rule_hits=rule_hits)

    assert (verdict.stage is OrderStage.HELD) == bool(verdict.holds)
    assert verdict.stage in {
        OrderStage.CANCELED,
        OrderStage.RECORDED,
        OrderStage.HELD,
        OrderStage.NEW,
    }
    assert len(set(codes(verdict))) == len(verdict.holds)


@given(orders, known, hits)
def test_releasing_every_hold_accepts_the_order_unless_the_channel_says_wait(one, skus, rule_hits):
    held = judge(one, skus=skus, rule_hits=rule_hits)

    after = judge(one, skus=skus, rule_hits=rule_hits, released=said(held))

    assert codes(after) == [code for code in codes(held) if code == "pending"]


@given(orders, known, hits)
def test_nothing_canceled_or_older_than_the_cutover_is_ever_accepted(one, skus, rule_hits):
    verdict = judge(one, skus=skus, rule_hits=rule_hits)

    if one.canceled_at or one.placed_at < NOON:
        assert verdict.stage in (OrderStage.CANCELED, OrderStage.RECORDED)


@given(addresses)
def test_a_reason_never_shows_a_buyers_address(address):
    secret = replace(address, name="Grace Hopper", line1="1 Secret Way", city="")

    verdict = judge(order(ship_to=secret))

    for language in CATALOGUES:
        for hold in verdict.holds:
            told = render(hold.reason, language) + repr(hold)
            assert "Hopper" not in told
            assert "Secret" not in told
