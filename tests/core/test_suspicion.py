"""Fraud, look-alikes and odd figures: what is found, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.money import Money
from core.model.orders import Address, Risk
from core.rules.sentences import CATALOGUES, render
from core.rules.suspicion import Alike, Apart, Beside, Limits, doubts
from tests.core.strategies import ADDRESS, NOON, line, order

OFF = Limits(risk=None)
GOODS = {"MUG": 2}


def found(one=None, beside=None, *, goods=None, **limits):
    one = one or order()
    reasons = doubts(
        one, one.lines, GOODS if goods is None else goods, beside or Beside(),
        replace(OFF, **limits),
    )  # fmt: skip
    for reason in reasons:
        for language in CATALOGUES:
            assert "?" not in render(reason, language)
    return {reason.code: dict(reason.args) for reason in reasons}


def alike(minutes=5, **changes):
    made = Alike("#1000", NOON - timedelta(minutes=minutes), True, True, GOODS)
    return replace(made, **changes)


def dollars(cents):
    return Money(cents, "USD")


# --- fraud ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stated", list(Risk))
def test_what_the_channel_states_is_believed_from_a_word_on(stated):
    one = order(risk=stated)

    assert bool(found(one, risk=Risk.HIGH)) == (stated is Risk.HIGH)
    assert bool(found(one, risk=Risk.MEDIUM)) == (stated in (Risk.MEDIUM, Risk.HIGH))
    assert found(one) == {}


@pytest.mark.parametrize(
    ("billed", "parts"),
    [
        ({}, (None, None, None)),
        ({"postal_code": "07103"}, (None, None, "zip")),
        ({"postal_code": "07102-9999"}, (None, None, None)),
        ({"region": "ny", "postal_code": "10001"}, (None, "state", "state")),
        ({"country": "RO", "region": "B"}, ("country", "country", "country")),
        ({"region": "", "postal_code": ""}, (None, None, None)),
        ({"region": "New Jersey"}, (None, None, None)),
        ({"region": "", "country": "PR"}, (None, "state", "state")),
    ],
)
def test_a_billing_address_may_differ_as_far_as_the_shop_says(billed, parts):
    address = Address(region="NJ", postal_code="07102", country="US")
    one = order(bill_to=replace(address, **billed))

    told = [
        found(one, billing=level).get("billing_elsewhere", {}).get("part")
        for level in (Apart.COUNTRY, Apart.STATE, Apart.ZIP)
    ]

    assert tuple(told) == parts
    cheap = Beside(worth=dollars(9_999))
    assert found(one, cheap, billing=Apart.ZIP, billing_from=10_000) == {}
    assert found(replace(one, bill_to=None), billing=Apart.ZIP) == {}


def test_value_counts_from_the_limit_on():
    assert found(beside=Beside(worth=dollars(9_999)), high_value=10_000) == {}
    assert found(beside=Beside(), high_value=10_000, unknown_worth=False) == {}
    told = found(beside=Beside(worth=dollars(10_000)), high_value=10_000)
    assert told["high_value"]["worth"] == told["high_value"]["limit"] == "100.00 USD"


def test_a_worth_nobody_knows_is_no_little_worth():
    nobody = replace(order(), total=None)

    told = found(nobody, Beside(), high_value=10_000)
    assert told == {
        "worth_unknown": {"order": nobody.name, "stated": "", "currency": nobody.currency}
    }
    assert set(found(beside=Beside(first=True), first_order=1)) == {"worth_unknown"}
    assert found(beside=Beside(), first_order=1) == {}, "who is known is not asked"
    assert found(beside=Beside()) == {}, "nobody asks what it is worth"


def test_a_first_order_counts_only_where_it_is_one():
    dear = Beside(worth=dollars(10_000), first=True)

    told = found(beside=dear, first_order=10_000, known_days=90)
    assert told["first_order"]["days"] == 90
    assert found(beside=replace(dear, first=False), first_order=10_000) == {}
    assert found(beside=dear, first_order=10_001) == {}


def test_many_orders_in_a_short_time_are_counted_with_this_one():
    hour = timedelta(hours=1)
    beside = Beside(
        alike=[alike(5), alike(60, same_buyer=False), alike(61), alike(1, canceled=True)]
    )

    assert found(beside=beside, velocity=3, velocity_within=hour)["velocity"]["count"] == 3
    assert found(beside=beside, velocity=4, velocity_within=hour) == {}


def test_a_forwarder_is_known_by_the_beginning_of_its_zip_code():
    assert found(forwarders=("33166", "071"))["freight_forwarder"]["entry"] == "071"
    assert found(forwarders=("33166",)) == {}
    abroad = order(ship_to=replace(ADDRESS, country="DE"))
    assert found(abroad, forwarders=("071",)) == {}


# --- goods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paid", "told"),
    [
        (1000, None),
        (700, None),
        (1300, None),
        (699, "MUG -30 %"),
        (1301, "MUG +30 %"),
        (0, "MUG -100 %"),
    ],
)
def test_a_price_may_differ_by_so_many_percent(paid, told):
    one = order(line(unit_price=dollars(paid)))
    beside = Beside(asked={"1": 1000})

    assert found(one, beside, price=30).get("price_unlike", {}).get("lines") == told
    assert found(one, Beside(), price=30) == {}
    assert found(order(line()), beside, price=30) == {}


def test_a_quantity_is_odd_when_it_is_large_and_far_above_what_others_take():
    def told(units, usual):
        beside = Beside(usual={"1": usual} if usual else {})
        return found(order(line(units=units)), beside, many=10, many_times=5)

    assert told(9, 1) == {}
    assert told(10, 1)["quantity_unlike"]["lines"] == "MUG x10 (1)"
    assert told(10, None)["quantity_unlike"]["lines"] == "MUG x10 (1)"
    assert told(10, 2) == {}
    assert told(11, 2)["quantity_unlike"]["lines"] == "MUG x11 (2)"


def test_what_is_restricted_is_told_by_rule_and_line():
    beside = Beside(restricted=[("no glue by air", "2"), ("no glue by air", "1")])

    assert found(beside=beside)["restricted"] == {
        "order": "#1001", "rules": "no glue by air", "lines": "1, 2"
    }  # fmt: skip


# --- look-alikes ---------------------------------------------------------------------------------

HOUR = timedelta(hours=1)


def test_the_earliest_order_it_is_like_is_named():
    beside = Beside(
        buyer_known=True, alike=[alike(5), alike(60, name="#0999"), alike(61, name="#1")]
    )

    told = found(beside=beside, duplicate_within=HOUR)

    assert told["duplicate"] == {"order": "#1001", "other": "#0999", "minutes": 60}


@pytest.mark.parametrize(
    "other",
    [
        {"canceled": True},
        {"same_place": False},
        {"same_buyer": False},
        {"goods": {"MUG": 1}},
        {"goods": {"MUG": 2, "TEE": 1}},
        {"minutes": 61},
    ],
)
def test_what_differs_in_anything_is_no_look_alike(other):
    beside = Beside(buyer_known=True, alike=[alike(**other)])

    assert found(beside=beside, duplicate_within=HOUR) == {}


def test_where_nobody_says_who_bought_the_address_is_enough():
    beside = Beside(buyer_known=False, alike=[alike(same_buyer=False)])

    assert set(found(beside=beside, duplicate_within=HOUR)) == {"duplicate"}
    assert found(beside=beside, goods={}, duplicate_within=HOUR) == {}


# --- properties ----------------------------------------------------------------------------------

likes = st.lists(
    st.builds(
        alike, st.integers(0, 120), name=st.sampled_from(["#1", "#2"]), same_buyer=st.booleans(),
        same_place=st.booleans(), canceled=st.booleans(),
        goods=st.sampled_from([GOODS, {"TEE": 1}]),
    )
)  # fmt: skip


@given(likes, st.booleans(), st.integers(1, 4))
def test_the_order_in_which_look_alikes_are_known_does_not_matter(others, known, most):
    limits = {"velocity": most, "velocity_within": HOUR, "duplicate_within": HOUR}

    one = found(beside=Beside(buyer_known=known, alike=others), **limits)
    other = found(beside=Beside(buyer_known=known, alike=others[::-1]), **limits)

    assert one == other


@given(likes, st.booleans())
def test_what_was_canceled_counts_for_nothing(others, known):
    gone = [replace(one, canceled=True) for one in others]

    told = found(
        beside=Beside(buyer_known=known, alike=gone),
        velocity=2, velocity_within=HOUR, duplicate_within=HOUR,
    )  # fmt: skip

    assert told == {}
