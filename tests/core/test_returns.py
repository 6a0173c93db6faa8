"""What is due for goods that came back: to the cent, never more than was paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.money import Money
from core.model.returns import Disposition, QuotedLine, RefundedLine, RefundQuote, ReturnReason
from core.rules.returns import (
    Back,
    Bears,
    Moment,
    Proposal,
    ReturnTerms,
    ShippingBack,
    Sold,
    doubts,
    late_by,
    propose,
    reduced,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def usd(cents: int) -> Money:
    return Money(cents, "USD")


TERMS = ReturnTerms(
    window_days=30,
    bears=Bears.REASON,
    label_fee=usd(600),
    restocking_fee=10,
    paid_back={Disposition.DAMAGED: 50, Disposition.DESTROY: 0},
    shipping_back=ShippingBack.REASON,
    refund_when=Moment.INSPECTION,
    replace_when=Moment.RECEIPT,
    approve_above=usd(10_000),
    waive=usd(0),
)


def back(
    units: int = 1,
    reason: ReturnReason = ReturnReason.UNWANTED,
    found: Disposition | None = Disposition.RESTOCK,
    *,
    line: str = "L1",
    terms: ReturnTerms = TERMS,
) -> Back:
    return Back(line, units, reason, found, terms)


def quote(
    *lines: tuple[str, int, int, int], shipping: int = 500, most: int = 99_999
) -> RefundQuote:
    """(line, units, goods, tax) of each."""
    made = tuple(QuotedLine(name, units, usd(goods), usd(tax)) for name, units, goods, tax in lines)
    return RefundQuote(made, usd(shipping), usd(most))


def codes(found: Sequence[object]) -> list[str]:
    return [one.code for one in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("one", "cents", "kept"),
    [
        pytest.param(back(), 1944, ["refund_restocking"], id="a change of mind"),
        pytest.param(back(reason=ReturnReason.DEFECTIVE), 2160, [], id="it was bad"),
        pytest.param(
            back(found=Disposition.DAMAGED), 972, ["refund_condition", "refund_restocking"],
            id="the buyer broke it",
        ),
        pytest.param(back(found=Disposition.DESTROY), 0, ["refund_condition"], id="worth nothing"),
        pytest.param(back(found=None), 1944, ["refund_restocking"], id="nobody looked"),
    ],
)  # fmt: skip
def test_what_is_kept_back_is_said(one: Back, cents: int, kept: list[str]) -> None:
    found = propose([one], quote(("L1", 1, 2000, 160)), everything=False)

    assert found.total == usd(cents)
    assert codes(found.kept) == kept
    assert found.shipping == usd(0)


def test_shipping_goes_back_when_nothing_stays_and_the_buyer_did_nothing() -> None:
    asked = quote(("L1", 1, 2000, 160))
    bad, unwanted = back(reason=ReturnReason.WRONG_ITEM), back()
    always = replace(TERMS, shipping_back=ShippingBack.ALWAYS)

    assert propose([bad], asked, everything=True).shipping == usd(500)
    assert propose([bad], asked, everything=False).shipping == usd(0)
    assert propose([unwanted], asked, everything=True).shipping == usd(0)
    assert propose([back(terms=always)], asked, everything=True).shipping == usd(500)


def test_a_label_is_charged_once_and_only_to_who_bears_it() -> None:
    asked = quote(("L1", 1, 2000, 160), ("L2", 1, 300, 0))

    both = propose([back(), back(line="L2")], asked, everything=False, labels=1)
    assert both.total == usd(1944 + 270 - 600)
    assert "refund_label" in codes(both.kept)
    # One of the two was bad: the parcel would have come anyway.
    mixed = [back(), back(line="L2", reason=ReturnReason.DEFECTIVE)]
    assert propose(mixed, asked, everything=False, labels=1).total == usd(1944 + 300)


def test_more_than_is_left_is_cut_and_shown_to_a_person() -> None:
    found = propose(
        [back(reason=ReturnReason.DAMAGED)],
        quote(("L1", 1, 2000, 160), most=2300),
        everything=True,
    )

    assert (found.total, found.shipping) == (usd(2300), usd(140))
    assert codes(found.ask) == ["refund_capped"]


def test_a_large_one_is_shown_to_a_person() -> None:
    found = propose([back(units=9)], quote(("L1", 9, 18_000, 0)), everything=False)

    assert found.total == usd(16_200)
    assert codes(found.ask) == ["refund_large"]


PIECES = st.lists(
    st.tuples(
        st.sampled_from(["L1", "L2"]),
        st.integers(1, 9),
        st.sampled_from(list(ReturnReason)),
        st.sampled_from([None, *Disposition]),
    ),
    min_size=1,
    max_size=5,
)


@given(PIECES, st.integers(0, 9_999), st.integers(0, 999), st.integers(0, 5_000), st.booleans())
def test_it_is_never_more_than_was_paid_and_adds_up(
    pieces: list[tuple[str, int, ReturnReason, Disposition | None]],
    price: int, tax: int, most: int, everything: bool,
) -> None:  # fmt: skip
    # given any units of two lines
    asked = [back(units, reason, found, line=line) for line, units, reason, found in pieces]
    units = {name: sum(one.units for one in asked if one.line == name) for name in ("L1", "L2")}
    lines = [(name, count, count * price, count * tax) for name, count in units.items() if count]

    # when it is reckoned what is due
    found: Proposal = propose(
        asked, quote(*lines, most=most), everything=everything, labels=len(asked) % 2
    )

    # then it adds up, no line gets more than it cost, and nothing is below zero
    assert [(one.line, one.quantity) for one in found.lines] == [(o.line, o.units) for o in asked]
    due = sum(one.amount.amount for one in found.lines) + found.shipping.amount
    assert due == found.total.amount
    assert 0 <= found.total.amount <= most
    assert all(one.amount.amount >= 0 for one in found.lines)
    for name, _, goods, cents in lines:
        paid = sum(one.amount.amount for one in found.lines if one.line == name)
        assert paid <= goods + cents


def test_a_smaller_sum_is_taken_from_shipping_and_then_from_the_last_line() -> None:
    lines = [RefundedLine("L1", 1, usd(1000)), RefundedLine("L2", 1, usd(400))]

    assert reduced(lines, usd(500), to=usd(1900)) == (lines, usd(500))
    assert reduced(lines, usd(500), to=usd(1600)) == (lines, usd(200))
    cut, shipping = reduced(lines, usd(500), to=usd(700))
    assert ([one.amount.amount for one in cut], shipping) == ([700, 0], usd(0))


@pytest.mark.parametrize(
    ("days", "delivered", "late"),
    # It is 7 in the morning in New York; half a day later is 7 in the evening, and the next day UTC.
    [
        (30, True, 0),
        (30.5, True, 0),
        (30.75, True, 1),
        (32, True, 2),
        (37, False, 0),
        (38, False, 1),
    ],
)
def test_the_window_runs_from_the_delivery_to_the_end_of_its_last_day(
    days: float, delivered: bool, late: int
) -> None:
    sold = Sold(1, 0, 0, NOON, delivered)
    here = ZoneInfo("America/New_York")

    assert late_by(sold, TERMS, asked=NOON + timedelta(days=days), zone=here) == late
    for_ever = replace(TERMS, window_days=None)
    assert late_by(sold, for_ever, asked=NOON + timedelta(days=999), zone=here) == 0


def test_what_was_never_sent_cannot_come_back() -> None:
    sold = {"L1": Sold(3, 1, 1, NOON), "L2": Sold(0, 0, 0, None)}

    assert doubts({"L1": 1}, sold) == ()
    assert codes(doubts({"L1": 2}, sold)) == ["return_too_many"]
    assert codes(doubts({"L2": 1, "L3": 1}, sold)) == ["return_never_sold", "return_never_sold"]
