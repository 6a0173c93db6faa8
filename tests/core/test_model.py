"""The words of the trade."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core.model
from core.model.cases import FiringAlert
from core.model.money import Money
from core.model.orders import Hold
from core.model.reasons import Reason
from core.model.stock import Figures, SnapshotRow, StockLevel, StockSnapshot
from tests.core.strategies import ADDRESS, NOON, order

# --- money ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("19.99", "USD", 1999),
        ("19.9", "USD", 1990),
        ("19", "USD", 1900),
        ("-0.01", "USD", -1),
        ("1E+2", "USD", 10_000),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
    ],
)
def test_money_is_read_as_remotes_write_it(text, currency, amount):
    assert Money.parse(text, currency) == Money(amount, currency)


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "1,000.00"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="not an amount of money"):
        Money.parse(text, "USD")


@pytest.mark.parametrize(("text", "currency"), [("0.001", "USD"), ("0.5", "JPY")])
def test_money_is_never_rounded_in_silence(text, currency):
    with pytest.raises(ValueError, match=f"more decimals than {currency}"):
        Money.parse(text, currency)


def test_money_adds_and_multiplies_within_a_currency():
    assert Money(150, "USD") + Money(50, "USD") == Money(200, "USD")
    assert Money(150, "USD") * 3 == Money(450, "USD")
    with pytest.raises(ValueError, match="cannot add EUR to USD"):
        Money(1, "USD") + Money(1, "EUR")


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "KWD"]))
def test_money_survives_being_written_and_read(amount, currency):
    text, _, written = str(Money(amount, currency)).partition(" ")

    assert written == currency
    assert Money.parse(text, currency) == Money(amount, currency)
    assert Decimal(text).as_tuple().exponent == {"USD": -2, "JPY": 0, "KWD": -3}[currency]


# --- stock ---------------------------------------------------------------------------------------


def test_available_is_what_may_be_promised_and_may_be_negative():
    assert StockLevel("MUG", "east", on_hand=9, committed=4, safety_stock=2).available == 3
    assert StockLevel("MUG", "east", on_hand=1, committed=4).available == -3
    assert StockLevel("MUG", "east", incoming=50).available == 0


# --- personal data -------------------------------------------------------------------------------


def test_a_buyer_does_not_slip_into_a_log_through_a_repr():
    said = repr(ADDRESS) + repr(order())

    for personal in ("Ada", "Byron", "Main", "Newark", "07102"):
        assert personal not in said


# --- reasons, holds, alerts ----------------------------------------------------------------------


def test_a_reason_survives_json():
    reason = Reason.of("unpaid", order="#1001", payment="pending", units=2, whole=True, at=None)

    code, args = json.loads(json.dumps([reason.code, dict(reason.args)]))

    assert Reason(code, args) == reason


def test_a_hold_is_named_by_its_reason():
    assert Hold(Reason.of("unpaid")).code == "unpaid"


def test_an_alert_is_named_by_rule_and_labels_never_by_values():
    first = FiringAlert("low_stock", (("sku", "MUG"),), Reason.of("alert_low_stock", available=3))
    later = FiringAlert("low_stock", (("sku", "MUG"),), Reason.of("alert_low_stock", available=1))

    assert first.fingerprint == later.fingerprint == "low_stock|sku=MUG"


def test_every_word_of_the_model_is_frozen():
    words = [
        word
        for module in pkgutil.iter_modules(core.model.__path__)
        for word in vars(importlib.import_module(f"core.model.{module.name}")).values()
        if dataclasses.is_dataclass(word)
    ]

    assert len(words) > 20
    assert [word for word in words if not word.__dataclass_params__.frozen] == []
    assert [word for word in words if not hasattr(word, "__slots__")] == []


def test_figures_are_rows_without_being_kept_as_rows():
    figures = Figures({"A": 5, "B": 0, "C": 7})

    assert list(figures) == [SnapshotRow("A", 5), SnapshotRow("B", 0), SnapshotRow("C", 7)]
    assert (len(figures), figures[1], figures[-1]) == (3, SnapshotRow("B", 0), SnapshotRow("C", 7))
    assert figures[:2] == (SnapshotRow("A", 5), SnapshotRow("B", 0))
    assert figures == Figures({"A": 5, "B": 0, "C": 7}) == tuple(figures)
    assert figures != Figures({"A": 5})
    assert hash(figures) == hash(tuple(figures))
    assert repr(figures) == "Figures(3 rows)"
    with pytest.raises(IndexError):
        figures[3]


@pytest.mark.parametrize("compact", [True, False])
def test_a_snapshot_adds_up_whatever_its_rows_are_kept_in(compact):
    rows = Figures({"A": 5, "B": 0}) if compact else (SnapshotRow("A", 5), SnapshotRow("B", 0))

    taken = StockSnapshot("acme", NOON, "stock.csv", "d", rows)

    assert dict(taken.by_sku) == {"A": 5, "B": 0}
    assert (list(taken.quantities), taken.units, taken.zeros) == ([5, 0], 5, 1)
