"""What documents say of a parcel, together and again; what they say of goods for our own shelf."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import UnknownOutcome
from core.model.fulfillment import (
    AcknowledgmentStatus,
    ConfirmedLine,
    Shipment,
    ShipmentNotice,
    ShippedLine,
)
from core.model.inbound import Leg
from core.rules.notices import Said, hear
from jobs import notices, purchase, push, receive
from jobs.clock import ManualClock
from jobs.store.proof import differences
from jobs.store.store import Store
from jobs.store.tables import cases, effect, fulfillment, purchase_order
from tests.jobs.builders import line, minutes, rows
from tests.jobs.buying import Market, open_market
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop
from tests.jobs.test_answers import FIRST, SECOND, asked, no, proved, send, told, units, yes
from tests.jobs.underway import bought, come, coming, now, open_cases, received, ship

# --- the rule ------------------------------------------------------------------------------------

A2 = {"A": {"TEA": Said(2, 2)}}


@pytest.mark.parametrize(
    ("units", "document", "replaces", "before", "more", "less", "doubtful"),
    [
        # told for the first time
        ({"TEA": 2}, "A", False, {}, {"TEA": 2}, {}, False),
        # the same again; a further document, be its words the same
        ({"TEA": 2}, "A", False, A2, {}, {}, False),
        ({"TEA": 2}, "B", False, A2, {"TEA": 2}, {}, False),
        # one that contradicts itself, and one that corrects itself either way
        ({"TEA": 1}, "A", False, A2, {}, {}, True),
        ({"TEA": 3}, "A", True, A2, {"TEA": 1}, {}, False),
        ({"CUP": 1}, "A", True, A2, {"CUP": 1}, {"TEA": 2}, False),
        # what was taken back once and comes again was counted the first time; taken back is news once
        ({"TEA": 2}, "A", True, {"A": {"TEA": Said(1, 2)}}, {}, {}, False),
        ({"TEA": 1}, "A", True, {"A": {"TEA": Said(1, 2)}}, {}, {}, False),
        # what nobody named: a part of what is known is no news, anything else is in doubt
        ({"TEA": 1}, "", False, A2, {}, {}, False),
        ({"TEA": 3}, "", False, A2, {}, {}, True),
        ({"TEA": 1}, "", False, {"": {"TEA": Said(2, 2)}}, {}, {}, True),
        ({"TEA": 1}, "B", False, {"": {"TEA": Said(2, 2)}}, {}, {}, False),
        ({"CUP": 1}, "B", False, {None: {"TEA": Said(2, 2)}}, {}, {}, True),
    ],
)
def test_a_notice_is_read_against_what_was_said_before(
    units: Mapping[str, int], document: str, replaces: bool, before: Any,
    more: Mapping[str, int], less: Mapping[str, int], doubtful: bool,
):  # fmt: skip
    heard = hear(units, document=document, replaces=replaces, before=before)
    assert (heard.more, heard.less, heard.doubtful) == (more, less, doubtful)


# --- parcels -------------------------------------------------------------------------------------


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path)
    made.receive("TEA", 50)
    made.receive("CUP", 50)
    made.snapshot(("TEA", 20), ("CUP", 20), at=minutes(0))
    return made


def confirm(shop: Shop) -> list[tuple[ConfirmedLine, ...]]:
    """Tell the channel; the units of each confirmation that it has by now."""
    push.push_confirmations(shop.run("shopify-us/shipments"), "shopify-us")
    return [one.lines for one in shop.channels["shopify-us"].confirmed]


@BOTH
def test_a_parcel_in_two_notices_leaves_once_and_is_told_in_two_confirmations(shop: Shop) -> None:
    # given five, of which a parcel holds three by one notice
    asked(shop, line(units=5))
    shop.ship(FIRST, ("TEA", 3), number="PRO1", document="ASN-1")
    assert confirm(shop) == [(ConfirmedLine("L1", 3),)]

    # when another notice of its own number names one more in it, and both are told again
    shop.ship(FIRST, ("TEA", 1), number="PRO1", document="ASN-2")
    for document, count in (("ASN-1", 3), ("ASN-2", 1)):
        shop.ship(FIRST, ("TEA", count), number="PRO1", document=document)

    # then four left, the channel was told of three and of one, and the fifth is waited for
    assert units(shop) == {FIRST: [5, 4, 0]}
    assert confirm(shop) == confirm(shop) == [(ConfirmedLine("L1", 3),), (ConfirmedLine("L1", 1),)]
    assert [one["state"] for one in rows(shop.store, fulfillment)] == ["partially_shipped"]
    assert rows(shop.store, cases) == []
    assert proved(shop)

    # and what they name beyond what was asked for is told to a person
    shop.ship(FIRST, ("TEA", 2), number="PRO1", document="ASN-3")
    assert units(shop) == {FIRST: [5, 5, 0]}
    (words,) = told(shop, "wrong_units_shipped")
    assert "TEA x1" in words


def test_a_corrected_notice_adds_what_it_names_more_and_asks_about_what_it_takes_back(
    shop: Shop,
) -> None:
    # given a notice of two, corrected to three, twice
    asked(shop, line(units=5), line("L2", sku="CUP"))
    shop.ship(FIRST, ("TEA", 2), document="ASN-1")
    for _ in range(2):
        shop.ship(FIRST, ("TEA", 3), document="ASN-1", replaces=True)
    assert sum(one[1] for one in units(shop).values()) == 3
    assert rows(shop.store, cases) == []

    # when it is corrected again: one of them was a cup
    shop.ship(FIRST, ("TEA", 2), ("CUP", 1), document="ASN-1", replaces=True)

    # then the cup left, and a person is told which unit did not, once
    assert confirm(shop)[-1] == (ConfirmedLine("L2", 1),)
    (words,) = told(shop, "parcel_taken_back")
    assert "TEA x1" in words
    (case,) = (one["id"] for one in rows(shop.store, cases))
    with shop.store.transaction() as tx:
        tx.close_case("parcel_taken_back", f"request {FIRST} 1Z1", by="olga")
    shop.ship(FIRST, ("TEA", 2), ("CUP", 1), document="ASN-1", replaces=True)
    assert [one["id"] for one in rows(shop.store, cases)] == [case]

    # and a notice that moves the rest to another number takes it back from this one
    shop.ship(FIRST, ("TEA", 2), number="1Z2", document="ASN-1", replaces=True)
    (words,) = told(shop, "parcel_taken_back")
    assert "1Z1" in words
    assert proved(shop)


def test_a_notice_that_contradicts_itself_or_has_no_number_is_for_a_person(shop: Shop) -> None:
    # given a parcel with two of six, told twice in the same words
    asked(shop, line(units=6))
    shop.ship(FIRST, ("TEA", 2), number="PRO1")
    shop.ship(FIRST, ("TEA", 2), number="PRO1")
    assert told(shop, "parcel_tells_more") == []

    # when a later notice without a number names one, or four, under that number
    shop.ship(FIRST, ("TEA", 1), number="PRO1")
    shop.ship(FIRST, ("TEA", 4), number="PRO1")

    # then a person is told once, and the channel is told of no more than before
    (words,) = told(shop, "parcel_tells_more")
    assert "TEA x1 in it; before it told TEA x2" in words
    assert units(shop) == {FIRST: [6, 2, 0]}
    assert len(confirm(shop)) == 1

    # and a part of what is known, named by nobody, is no news and no document either
    shop.ship(FIRST, ("TEA", 1), number="PRO3", document="ASN-0")
    shop.ship(FIRST, ("TEA", 1), number="PRO3")
    shop.ship(FIRST, ("TEA", 1), number="PRO3", document="ASN-9")
    assert units(shop) == {FIRST: [6, 4, 0]}

    # and so it is with a numbered notice that says otherwise without saying that it corrects
    with shop.store.transaction() as tx:
        tx.close_case("parcel_tells_more", f"request {FIRST}", by="olga")
    shop.ship(FIRST, ("TEA", 1), number="PRO2", document="ASN-1")
    shop.ship(FIRST, ("TEA", 2), number="PRO2", document="ASN-1")
    (words,) = told(shop, "parcel_tells_more")
    assert "PRO2" in words
    assert units(shop) == {FIRST: [6, 5, 0]}


def test_two_places_that_ship_under_one_number_are_each_believed(shop: Shop) -> None:
    # given five, of which one place has three and another the rest
    asked(shop, line(units=5))
    shop.clock.advance(60)
    shop.answer(FIRST, AcknowledgmentStatus.ACCEPTED, yes("TEA", 3), no("TEA", 2))
    shop.decide()
    send(shop)

    # when both name the same parcel, without saying which document it is
    shop.ship(FIRST, ("TEA", 3), number="PRO1")
    shop.ship(SECOND, ("TEA", 2), number="PRO1", through="acme-files")

    # then all five left, and the channel is told of both parts
    assert units(shop) == {FIRST: [3, 3, 2], SECOND: [2, 2, 0]}
    assert confirm(shop) == [(ConfirmedLine("L1", 3),), (ConfirmedLine("L1", 2),)]
    assert told(shop, "parcel_tells_more") == []


def test_a_notice_called_off_before_it_came_sends_nothing(shop: Shop) -> None:
    asked(shop, line(units=2))
    shop.ship(FIRST, document="ASN-1", replaces=True)
    assert confirm(shop) == []
    assert [one["state"] for one in rows(shop.store, fulfillment)] == ["requested"]
    shop.ship(FIRST, ("TEA", 2), document="ASN-1")
    assert units(shop) == {FIRST: [2, 0, 0]}
    assert len(told(shop, "parcel_tells_more")) == 1


def test_a_place_that_is_asked_how_a_parcel_stands_may_put_more_into_it(shop: Shop) -> None:
    # given an answer with a parcel that is empty yet, and later ones in which it fills
    asked(shop, line(units=5))
    for count in (0, 2, 2, 5, 5):
        lines = [("TEA", count)] if count else []
        shop.ship(FIRST, *lines, replaces=True)
    assert units(shop) == {FIRST: [5, 5, 0]}
    assert confirm(shop) == [(ConfirmedLine("L1", 2),), (ConfirmedLine("L1", 3),)]
    assert rows(shop.store, cases) == []


def test_of_two_confirmations_under_one_number_the_second_waits_while_the_first_is_in_doubt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given the first, of which nobody knows whether it landed, and further units under its number
    asked(shop, line(units=5))
    shop.ship(FIRST, ("TEA", 3), document="ASN-1")
    with monkeypatch.context() as patch:
        patch.setattr(shop.channels["shopify-us"], "push_shipment", lost)
        confirm(shop)
    shop.ship(FIRST, ("TEA", 1), document="ASN-2")
    before = len(confirm(shop))

    # when the doubt is settled
    shop.clock.advance(600)
    confirm(shop)

    # then each was told, in turn
    assert before == 0
    assert [one["state"] for one in rows(shop.store, effect) if one["kind"] == "confirmation"] == [
        "done", "done",
    ]  # fmt: skip
    assert confirm(shop) == [(ConfirmedLine("L1", 3),), (ConfirmedLine("L1", 1),)]


def lost(shipment: Shipment, *, key: str) -> str:
    raise UnknownOutcome("no answer", connector="shopify-us", operation="confirm")


# --- goods for our shelf -------------------------------------------------------------------------


@pytest.fixture
def market(store: Store, clock: ManualClock, tmp_path: Path) -> Market:
    return open_market(store, clock, tmp_path)


def announced(market: Market, key: str, count: int, **more: Any) -> None:
    """The supplier tells of so many packs of tea, or of whatever `sku` says."""
    at = market.shop.clock.now()
    sku = more.pop("sku", "T-1")
    number = more.pop("number", "PRO1")
    more = {"document": "ASN-1", **more}
    notice = ShipmentNotice(key, "other", number, at, (ShippedLine(sku, count),), **more)
    run = market.shop.run("home-files/purchase-answers")
    with run.transaction() as tx:
        notices.record_notices(tx, run.wiring, "home-files", [notice])


def balanced(market: Market) -> bool:
    with market.shop.store.reading() as tx:
        return differences(tx.connection) == []


@BOTH
def test_goods_of_a_purchase_order_are_on_their_way_when_the_supplier_says_so(market: Market):
    # given an order for 48 that its supplier has said nothing about
    number = bought(market)
    ordered = coming(market)["home"][0][0]
    day = ordered + timedelta(days=2)

    # when it tells that 24 left, when they arrive, and tells it again
    for _ in range(2):
        announced(market, number, 24, expected_on=day)

    # then those come on that day under its number, and the rest as before
    found = now(market, "PRO1")
    assert [(one.sku, one.units, one.purchase) for one in found.lines] == [("TEA", 24, number)]
    today = market.shop.wiring.day(market.shop.clock.now())
    assert [(one.leg, one.planned, one.actual) for one in found.legs] == [
        (Leg.LOADED, None, today), (Leg.DELIVERED, day, None),
    ]  # fmt: skip
    assert coming(market) == {"home": ((ordered, 24), (day, 24))}

    # and a further notice, under that number or another, is of the rest
    announced(market, number, 12, document="ASN-2", expected_on=day)
    announced(market, number, 12, document="ASN-3", number="PRO2", expected_on=day)
    assert coming(market) == {"home": ((day, 12), (day, 36))}
    assert (now(market, "PRO1").sent, now(market, "PRO2").sent) == (36, 12)

    # when they come with a slip, then order and consignments are settled, and nothing was asked
    come(market, "PRO1", "S1", TEA=36)
    come(market, "PRO2", "S2", TEA=12)
    announced(market, number, 12, document="ASN-2", expected_on=day)
    assert received(market, number) == {"TEA": 48}
    assert {now(market, one).state for one in ("PRO1", "PRO2")} == {"received"}
    assert open_cases(market) == {}
    assert balanced(market)


def test_a_corrected_notice_changes_what_is_on_its_way_even_after_it_came(market: Market):
    # given a notice of 36, corrected to 24, then called off, then told anew
    number = bought(market)
    announced(market, number, 36)
    announced(market, number, 24, replaces=True)
    assert now(market, "PRO1").sent == 24
    announced(market, number, 0, replaces=True)
    assert now(market, "PRO1").state == "canceled"
    announced(market, number, 24, replaces=True)
    assert (now(market, "PRO1").state, now(market, "PRO1").sent) == ("open", 24)

    # when it came, and it is corrected to 36 afterwards
    come(market, "PRO1", "S1", TEA=24)
    announced(market, number, 36, replaces=True)

    # then the others are missed, and one that contradicts itself without a word changes nothing
    assert (now(market, "PRO1").state, now(market, "PRO1").missing) == ("open", {"TEA": 12})
    announced(market, number, 48)
    assert now(market, "PRO1").sent == 36
    told = open_cases(market)["notice_contradicts"]
    assert (told["units"], told["before"]) == ("TEA x48", "TEA x36")
    assert balanced(market)


def test_more_than_was_ordered_and_what_was_not_is_told_and_not_expected(market: Market):
    # given an order for 48, and notices of 60 and of something else
    number = bought(market)
    announced(market, number, 60)
    announced(market, number, 5, sku="X-9", document="ASN-2")

    # then 48 are on their way, and a person knows of the others
    assert now(market, "PRO1").sent == 48
    told = open_cases(market)
    assert told["notice_over"]["lines"] == "TEA x12"
    assert told["notice_strange"]["lines"] == "X-9 x5"

    # and that ends with the correction; what comes is counted whatever was told
    announced(market, number, 48, replaces=True)
    announced(market, number, 0, sku="X-9", document="ASN-2", replaces=True)
    assert open_cases(market) == {}
    come(market, "PRO1", "S1", TEA=50)
    assert received(market, number) == {"TEA": 50}
    assert set(open_cases(market)) == {"receipt_over"}
    assert balanced(market)


def test_a_notice_that_comes_after_its_goods_or_beside_a_persons_word_doubles_nothing(
    market: Market,
):
    # given 24 of 48 that came before their notice, and 24 that a person put on a truck
    number = bought(market)
    with market.shop.store.transaction() as tx:
        receive.receive(tx, market.shop.wiring, number, {"TEA": 24}, slip="S1", by="olga")
    ship(market, "TRUCK", number)

    # when notices tell of the first, then of the others under another number
    announced(market, number, 24)
    first = set(open_cases(market))
    announced(market, number, 24, document="ASN-2", number="PRO2")

    # then nothing more is expected, and a person says which truck it is
    assert sum(count for _, count in coming(market)["home"]) == 24
    assert "TRUCK" in str(open_cases(market)["notice_unplaced"]["why"])
    assert first == {"receipt_short", "notice_unplaced"}
    assert balanced(market)


def test_goods_of_an_order_that_is_closed_or_not_theirs_are_a_case(market: Market):
    number = bought(market)
    with market.shop.store.transaction() as tx:
        purchase.close(tx, number, note=None, by="olga")
    announced(market, number, 24)
    assert "closed" in str(open_cases(market)["notice_unplaced"]["why"])
    announced(market, "PO-20261101-00000000", 24)
    assert open_cases(market)["unknown_request"]["key"] == "PO-20261101-00000000"
    assert coming(market) == {}


def test_a_notice_proves_that_a_silent_supplier_has_the_order(market: Market):
    # given an order that its supplier does not answer
    number = bought(market)
    state = lambda: rows(market.shop.store, purchase_order)[0]["state"]  # noqa: E731
    assert state() == "sent"
    announced(market, number, 24)
    assert state() == "acknowledged"
