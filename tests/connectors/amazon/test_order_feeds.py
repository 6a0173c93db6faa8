"""Order feeds: the XML that leaves, what the simulated Amazon takes of it, and what a report means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement, fromstring

import pytest

from connectors.amazon.cancellations import REASONS, acknowledgement
from connectors.amazon.order_feeds import envelope, message_id, told_by
from connectors.amazon.simulator import envelope as simulated
from connectors.amazon.simulator.order_feeds import CANCEL_REASONS, KINDS, process
from core.errors import RateLimited, Rejected, Unavailable
from core.model.orders import Cancellation, CancelReason
from core.ports import Verdict
from tests.contracts.rigs import SKU, AmazonRig

FEED = "POST_ORDER_ACKNOWLEDGEMENT_DATA"
ORDER, ITEM = "902-1845936-5435065", "12345678901234"
CANCEL = Cancellation(ORDER, CancelReason.OUT_OF_STOCK, (ITEM, "43210987654321"), True)


@pytest.fixture
def rig() -> Iterator[AmazonRig]:
    made = AmazonRig("amazon")
    yield made
    made.close()


def document(*, merchant: str = "A2 & <Co>", key: str = "k") -> bytes:
    return envelope(
        merchant, "OrderAcknowledgement", acknowledgement(CANCEL), number=message_id(key)
    )


def read(content: bytes, merchant: str = "A2 & <Co>") -> list[simulated.Message]:
    shape = KINDS[FEED].body
    return simulated.read(
        content, message_type="OrderAcknowledgement", body=shape, merchant=merchant
    )


def report(*failures: simulated.Failure, feed: str = "50001", processed: int = 1) -> Element:
    made = simulated.report(feed, failures, merchant="A2", processed=processed, complete=True)
    return fromstring(made)


def test_a_cancellation_is_written_in_the_schemas_order():
    # given a whole order of two items, when it is written
    root = fromstring(document())

    # then each element stands where the schema has it, and foreign text breaks nothing
    assert [one.tag for one in root] == ["Header", "MessageType", "Message"]
    assert root.findtext("Header/MerchantIdentifier") == "A2 & <Co>"
    body = root.find("Message/OrderAcknowledgement")
    assert body is not None
    assert [one.tag for one in body] == ["AmazonOrderID", "StatusCode", "Item", "Item"]
    assert [(i.findtext("AmazonOrderItemCode"), i.findtext("CancelReason")) for i in body[2:]] == [
        (ITEM, "NoInventory"),
        ("43210987654321", "NoInventory"),
    ]
    assert read(document())[0].number == message_id("k")


def test_every_reason_is_one_of_the_schemas_own():
    assert set(REASONS) == set(CancelReason)
    assert set(REASONS.values()) <= set(CANCEL_REASONS)


def test_a_message_is_named_by_its_key_and_by_nothing_else():
    assert message_id("cancel:amazon-us:1") == message_id("cancel:amazon-us:1")
    assert message_id("cancel:amazon-us:1") != message_id("cancel:amazon-us:2")
    assert len({message_id(str(n)) for n in range(1000)}) == 1000
    assert all(1 <= len(message_id(str(n))) <= 18 for n in range(1000))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<StatusCode>Failure</StatusCode>", b"<StatusCode>Canceled</StatusCode>"),
        (b"NoInventory", b"SoldOut"),
        (b"<AmazonOrderID>", b"<MerchantOrderID>1</MerchantOrderID><AmazonOrderID>"),
        (b"<MessageID>", b"<OperationType>Update</OperationType><MessageID>"),
        (b"12345678901234", b"1234"),
        (b"902-1845936-5435065", b"#1001"),
        (b"OrderAcknowledgement</MessageType>", b"Inventory</MessageType>"),
        (b"1.01", b"2.0"),
        (b"</AmazonEnvelope>", b""),
        (b"A2 &amp; &lt;Co&gt;", b"somebody else"),
        (b"?>", b"?><!DOCTYPE a [<!ENTITY b 'c'>]>"),
    ],
)
def test_the_simulated_amazon_takes_nothing_that_its_schemas_do_not_have(
    before: bytes, after: bytes
) -> None:
    assert before in document()
    with pytest.raises(simulated.Unreadable):
        read(document().replace(before, after, 1))


def test_a_feed_that_breaks_the_schema_is_fatal_and_its_report_says_so(rig: AmazonRig) -> None:
    # given a feed whose item code is none
    rig.sell()
    broken = Cancellation(ORDER, CancelReason.BUYER, ("1",), True)

    # when it is submitted, and over
    ref = rig.connector.push_cancellation(broken, key="k")
    rig.pass_time()

    # then it is refused as a whole
    told = rig.connector.look_at_submission(ref, key="k")
    assert (told.verdict, told.code) == (Verdict.REFUSED, "5000")
    assert "AmazonOrderItemCode" in told.words


def test_what_a_report_says_of_one_message():
    # given reports of one feed
    ours, other = message_id("k"), message_id("other")
    refused = simulated.Failure(ours, "18028", "It has been shipped.", {"AmazonOrderID": ORDER})
    as_whole = simulated.Failure("0", "5000", "It cannot be read.", {})

    def said(root: Element) -> tuple[Verdict, str]:
        told = told_by(root, feed="50001", number=ours)
        return told.verdict, told.code

    # then it is taken only where all adds up, and refused only where it is named
    assert said(report()) == (Verdict.TAKEN, "")
    assert said(report(refused)) == (Verdict.REFUSED, "18028")
    assert said(report(as_whole, processed=0)) == (Verdict.REFUSED, "5000")
    assert said(report(simulated.Failure(other, "1", "", {}))) == (Verdict.UNTOLD, "")
    assert said(report(feed="50002")) == (Verdict.UNTOLD, "")
    assert said(report(processed=0)) == (Verdict.UNTOLD, "")
    assert said(Element("AmazonEnvelope")) == (Verdict.UNTOLD, "")


@pytest.mark.parametrize(
    "content", [b"<html>busy", b"<!DOCTYPE a [<!ENTITY b 'c'>]><AmazonEnvelope/>"]
)
def test_a_report_that_is_not_plain_xml_is_read_again_later(rig: AmazonRig, content: bytes) -> None:
    with pytest.raises(Unavailable):
        rig.connector._order_feeds._report(content)


def test_a_feed_that_was_dropped_failed_or_is_unknown_says_so(rig: AmazonRig) -> None:
    # given a feed that is dropped before it began, one that fails, and one nobody knows
    rig.sell()
    ref = rig.connector.push_cancellation(CANCEL, key="k")
    rig.connector.cancel_bulk(ref)
    rig.simulator.place_order({"next_feed": "broken"})
    failed = rig.connector.push_cancellation(CANCEL, key="k")
    rig.pass_time()

    # then nothing is taken for granted
    assert rig.connector.look_at_submission(ref, key="k").verdict is Verdict.DROPPED
    assert rig.connector.look_at_submission(failed, key="k").verdict is Verdict.UNTOLD
    assert rig.connector.look_at_submission("1", key="k").verdict is Verdict.UNTOLD


def test_the_quota_of_feeds_is_fifteen_and_then_one_each_two_minutes(rig: AmazonRig) -> None:
    # given fifteen feeds at once
    for number in range(15):
        rig.connector.push_cancellation(CANCEL, key=str(number))

    # then the next waits for its turn, which our own bucket knows before Amazon says so
    with pytest.raises(RateLimited) as waits:
        rig.connector.push_cancellation(CANCEL, key="16")
    assert waits.value.retry_after == pytest.approx(1 / 0.0083, rel=0.05)


def test_what_is_left_of_an_order_ships_and_what_ended_cannot(rig: AmazonRig) -> None:
    # given an order of two lines, one of which is canceled
    rig.simulator.place_order({"lines": [{"sku": SKU}, {"sku": "TRAY", "quantity": 2}]})
    rig.pass_time()
    (order,) = (one for batch in rig.connector.pull_orders(since=None) for one in batch.items)
    parcel = rig.parcel(order)
    ended = order.lines[0].remote_id
    rig.connector.push_cancellation(
        Cancellation(order.remote_id, CancelReason.OUT_OF_STOCK, (ended,), False), key="k"
    )
    rig.pass_time()

    # when all of it is confirmed as shipped, and then what is left
    with pytest.raises(Rejected):
        rig.connector.push_shipment(parcel, key="confirm:1")
    left = replace(parcel, lines=tuple(one for one in parcel.lines if one.line != ended))
    rig.connector.push_shipment(left, key="confirm:1")
    rig.pass_time()

    # then the order is shipped, and says of each line what became of it
    (again,) = rig.connector.get_order(order.remote_id).items
    assert again.attributes["status"] == "SHIPPED"
    assert [(one.current, one.fulfilled) for one in again.lines] == [(0, 0), (2, 2)]


def test_success_cancels_nothing_and_a_second_failure_is_refused(rig: AmazonRig) -> None:
    # given an order that is acknowledged
    placed = rig.simulator.place_order({"lines": [{"sku": SKU, "quantity": 2}]})
    account = rig.simulator.account
    message = Element("OrderAcknowledgement")
    SubElement(message, "AmazonOrderID").text = placed["id"]
    SubElement(message, "StatusCode").text = "Success"

    def carried_out() -> bytes:
        content = envelope(account.seller_id, "OrderAcknowledgement", message, number="7")
        whole, told = process(account, KINDS[FEED], "1", content, rig.clock.now())
        assert whole
        return told

    # when it is acknowledged, canceled without items, and canceled again
    carried_out()
    assert account.orders[placed["id"]].canceled_at is None
    message[1].text = "Failure"
    carried_out()
    again = carried_out()

    # then it is canceled once, its units are on sale again, and the second is an error
    assert account.orders[placed["id"]].canceled_at is not None
    assert account.listings[SKU].current["DEFAULT"]["quantity"] == 20
    assert b"canceled before" in again
