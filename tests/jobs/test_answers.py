"""A place answers line by line: what it declines is shipped by others, once; the rest is waited for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from core.model.fulfillment import Acknowledgment, AcknowledgmentStatus, AnsweredLine
from core.model.money import Money
from core.model.reasons import Reason
from core.rules.effects import short_key
from core.rules.sentences import render
from jobs import push
from jobs.answers import record_acknowledgment
from jobs.clock import ManualClock
from jobs.store.proof import differences
from jobs.store.store import Store
from jobs.store.tables import cases, fulfillment, fulfillment_line
from tests.jobs.builders import line, minutes, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

FIRST, SECOND = "shopify-us:1:F1", "shopify-us:1:F2"
#: Whoever ships from `home` sells us tea under a number of its own.
TERMS = """
suppliers:
  leaf: {connection: home-files, restocks: home, items: {TEA: {item: V-77, cost: 4.00}}}
"""
ACCEPTED, REJECTED = AcknowledgmentStatus.ACCEPTED, AcknowledgmentStatus.REJECTED


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path, more=TERMS)
    made.receive("TEA", 50)
    made.receive("CUP", 50)
    made.snapshot(("TEA", 20), ("CUP", 20), at=minutes(0))
    return made


def asked(shop: Shop, *lines: object) -> None:
    shop.record(order("1", *lines))  # type: ignore[arg-type]
    shop.decide()
    send(shop)


def send(shop: Shop) -> None:
    for name in ("home-files", "acme-files"):
        push.push_requests(shop.run(f"{name}/requests"), name)


def no(item: str, units: int) -> AnsweredLine:
    return AnsweredLine(item, AcknowledgmentStatus.REJECTED, units)


def yes(item: str, units: int, price: Money | None = None) -> AnsweredLine:
    return AnsweredLine(item, AcknowledgmentStatus.ACCEPTED, units, price=price)


def told(shop: Shop, kind: str) -> list[str]:
    query = select(cases).where(cases.c.kind == kind, cases.c.state == "open")
    with shop.store.reading() as tx:
        return [render(Reason(one.code, one.args), "en") for one in tx.connection.execute(query)]


def units(shop: Shop) -> dict[str, list[int]]:
    """Key -> [asked for, shipped, declined] of all its lines together."""
    made: dict[str, list[int]] = {}
    keys = {(one["order_id"], one["number"]): one["key"] for one in rows(shop.store, fulfillment)}
    for one in rows(shop.store, fulfillment_line):
        sums = made.setdefault(keys[one["order_id"], one["number"]], [0, 0, 0])
        for place, name in enumerate(("quantity", "shipped", "declined")):
            sums[place] += one[name]
    return made


def proved(shop: Shop) -> bool:
    with shop.store.reading() as tx:
        return differences(tx.connection) == []


@BOTH
def test_what_is_declined_is_asked_of_another_place_and_shipped_once(shop: Shop) -> None:
    # given a place that was asked for five and has three, under its own word for it
    asked(shop, line(units=5))
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED, yes("V-77", 3), no("V-77", 2))
    assert proved(shop)
    shop.decide()
    send(shop)

    # then the two are asked of the other one
    assert units(shop) == {FIRST: [3, 0, 2], SECOND: [2, 0, 0]}
    assert list(shop.places["acme-files"].received) == [SECOND]

    # and the same answer again, or again with a file of its own, changes nothing
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED, yes("V-77", 3), no("V-77", 2))
    shop.decide()
    assert units(shop) == {FIRST: [3, 0, 2], SECOND: [2, 0, 0]}

    # when both ship
    shop.ship(FIRST, ("V-77", 3), number="1Z1")
    shop.ship(SECOND, ("TEA", 2), number="1Z2", through="acme-files")
    shop.decide()

    # then the order is shipped, five units in all, and our books are right
    assert units(shop) == {FIRST: [3, 3, 2], SECOND: [2, 2, 0]}
    assert {one["state"] for one in rows(shop.store, fulfillment)} == {"shipped"}
    assert proved(shop)
    assert told(shop, "wrong_units_shipped") == []


def test_what_was_declined_and_comes_all_the_same_is_told(shop: Shop) -> None:
    asked(shop, line(units=5))
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED, yes("TEA", 3), no("TEA", 2))
    shop.ship(FIRST, ("TEA", 5))
    (words,) = told(shop, "wrong_units_shipped")
    assert "TEA x2" in words


@BOTH
def test_a_whole_refusal_line_by_line_is_a_refusal(shop: Shop) -> None:
    asked(shop, line(units=2), line("L2", sku="CUP"))
    shop.answer(FIRST, ACCEPTED, no("TEA", 2), no("CUP", 1))
    shop.decide()
    states = {one["key"]: one["state"] for one in rows(shop.store, fulfillment)}
    assert states == {FIRST: "rejected", SECOND: "planned"}
    assert proved(shop)


def test_a_second_answer_takes_back_what_the_first_accepted(shop: Shop) -> None:
    asked(shop, line(units=5))
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED, yes("TEA", 5))
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED, yes("TEA", 4), no("TEA", 1))
    shop.decide()
    assert units(shop) == {FIRST: [4, 0, 1], SECOND: [1, 0, 0]}
    assert proved(shop)


def test_an_answer_by_the_short_key_is_for_the_same_request(shop: Shop) -> None:
    asked(shop, line(units=5))
    shop.answer(short_key(FIRST), ACCEPTED)
    (found,) = rows(shop.store, fulfillment)
    assert found["state"] == "acknowledged"
    assert told(shop, "unknown_request") == []


def test_units_that_come_later_are_waited_for_and_a_person_is_told(shop: Shop) -> None:
    # given two of three that leave in december
    asked(shop, line(units=3))
    later = AnsweredLine("V-77", AcknowledgmentStatus.BACKORDERED, 2, date(2026, 12, 4))
    shop.answer(FIRST, ACCEPTED, yes("TEA", 1), later)
    shop.decide()

    # then nobody else is asked: they may still come
    assert units(shop) == {FIRST: [3, 0, 0]}
    (words,) = told(shop, "request_backordered")
    assert "TEA x2 2026-12-04" in words

    # and it is over when all of it was shipped
    shop.ship(FIRST, ("TEA", 1), number="1Z1")
    assert told(shop, "request_backordered")
    shop.ship(FIRST, ("TEA", 2), number="1Z2")
    assert told(shop, "request_backordered") == []


def test_a_kit_that_would_come_in_part_is_a_case(shop: Shop) -> None:
    # given a gift of tea and a cup, and a place that has no cup
    asked(shop, line("L1", sku="GIFT", units=1))
    shop.answer(FIRST, ACCEPTED, yes("TEA", 1), no("CUP", 1))
    (words,) = told(shop, "request_breaks_kit")
    assert "TEA" in words
    assert proved(shop)


def test_other_prices_and_strange_goods_are_cases_and_stop_nothing(shop: Shop) -> None:
    asked(shop, line(units=3))
    shop.answer(FIRST, ACCEPTED, yes("V-77", 3, Money(425, "USD")), yes("V-99", 1))
    (prices,) = told(shop, "request_repriced")
    assert "TEA: 4.25 USD for 4.00 USD" in prices
    (strange,) = told(shop, "request_answer_strange")
    assert "V-99" in strange
    (found,) = rows(shop.store, fulfillment)
    assert found["state"] == "acknowledged"


def test_a_yes_after_a_no_is_a_case_at_once_as_others_are_asked_by_then(shop: Shop) -> None:
    # given a place that refused five, which another is asked for
    asked(shop, line(units=5))
    before = shop.clock.now()
    shop.clock.advance(60)
    shop.answer(FIRST, REJECTED)
    shop.decide()
    send(shop)
    assert list(shop.places["acme-files"].received) == [SECOND]

    # when an older yes is read late, then nothing is told: the no is its last word
    with shop.run("home-files/acknowledgments").transaction() as tx:
        record_acknowledgment(
            tx, shop.wiring, "home-files", Acknowledgment(FIRST, ACCEPTED, before)
        )
    assert told(shop, "request_accepted_after_all") == []

    # when it changes its mind, then a person hears of it before both ship
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED)
    (words,) = told(shop, "request_accepted_after_all")
    assert "TEA x5" in words
    states = {one["key"]: one["state"] for one in rows(shop.store, fulfillment)}
    assert states == {FIRST: "rejected", SECOND: "requested"}
    assert proved(shop)


def test_declined_units_that_are_promised_after_all_are_a_case_too(shop: Shop) -> None:
    # given a place that declined two of five
    asked(shop, line(units=5))
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED, yes("TEA", 3), no("TEA", 2))
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED, yes("TEA", 3))
    assert told(shop, "request_accepted_after_all") == []

    # when it has four after all
    shop.clock.advance(60)
    shop.answer(FIRST, ACCEPTED, yes("TEA", 4))
    (words,) = told(shop, "request_accepted_after_all")
    assert "TEA x1" in words
    assert units(shop)[FIRST] == [3, 0, 2]
