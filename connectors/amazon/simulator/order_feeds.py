"""Order feeds: what their messages do to orders, and what the report says of those that did nothing.

Amazon's own codes for refusals are not known, but for 18028 (data that is incomplete or invalid).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from connectors.amazon.simulator import adjustments, buyers, envelope
from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.envelope import Failure, Refused, Shape, text_of
from connectors.amazon.simulator.orders_state import AMAZON, OrderRecord, Status

INVALID = "18028"
#: CancelReason of OrderAcknowledgement.xsd, release 1.9.
CANCEL_REASONS = (
    "NoInventory", "ShippingAddressUndeliverable", "CustomerExchange", "BuyerCanceled",
    "GeneralAdjustment", "CarrierCreditDecision", "RiskAssessmentInformationNotValid",
    "CarrierCoverageFailure", "CustomerReturn", "MerchandiseNotReceived",
)  # fmt: skip
_ITEM = (
    text_of("AmazonOrderItemCode", r"\d{14}"),
    text_of("MerchantOrderItemID", r".{1,64}", optional=True),
    text_of("CancelReason", "|".join(CANCEL_REASONS), optional=True),
)
_ACKNOWLEDGEMENT = (
    text_of("AmazonOrderID", r"\w{3}-\w{7}-\w{7}"),
    text_of("MerchantOrderID", r".{1,64}", optional=True),
    text_of("StatusCode", "Success|Failure"),
    Shape("Item", children=_ITEM, least=0, most=None),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of order feed: the shape of its messages and what one does. `apply` raises Refused."""

    message_type: str
    body: Shape
    apply: Callable[[Account, Element, datetime], None]


def process(account: Account, kind: Kind, feed: str, content: bytes, at: datetime) -> tuple[bool, bytes]:  # fmt: skip
    """Carry a feed out. Whether it could be read, and its processing report."""
    seller = account.seller_id
    try:
        messages = envelope.read(
            content, message_type=kind.message_type, body=kind.body, merchant=seller
        )
    except envelope.Unreadable as error:
        failure = Failure("0", envelope.UNPARSABLE, str(error), {})
        return False, envelope.report(feed, [failure], merchant=seller, processed=0, complete=False)
    failures = []
    for message in messages:
        try:
            kind.apply(account, message.body, at)
        except Refused as error:
            about = {"AmazonOrderID": message.body.findtext("AmazonOrderID", "")}
            failures.append(Failure(message.number, INVALID, str(error), about))
    return True, envelope.report(
        feed, failures, merchant=seller, processed=len(messages), complete=True
    )


def acknowledge(account: Account, message: Element, at: datetime) -> None:
    """Success changes nothing that is shown. Failure cancels the items it names, or all of them."""
    order_id = message.findtext("AmazonOrderID", "").strip()
    record = account.orders.get(order_id)
    if record is None or record.now.fulfilled_by == AMAZON:
        raise Refused(f"Order {order_id} is not an order that you fulfill.")
    if message.findtext("StatusCode", "").strip() == "Success":
        return
    asked = {
        item.findtext("AmazonOrderItemCode", "").strip(): item.findtext("CancelReason", "").strip()
        for item in message.findall("Item")
    }
    known = {item.item_id for item in record.now.items}
    if set(asked) - known:
        raise Refused(f"An AmazonOrderItemCode does not belong to order {order_id}.")
    _check(record, set(asked) or known)
    buyers.cancel_items(account, record, asked or dict.fromkeys(known, ""), at=at)
    account.counts["orders canceled by the seller"] += 1


def _check(record: OrderRecord, items: set[str]) -> None:
    order = record.now
    if order.status is Status.PENDING:
        raise Refused(f"Order {order.order_id} is pending and cannot be canceled yet.")
    if order.status is Status.CANCELLED or all(
        item.canceled_by for item in order.items if item.item_id in items
    ):
        raise Refused(f"Order {order.order_id} has been canceled before.")
    confirmed = record.confirmed_units()
    if order.status is Status.SHIPPED or any(confirmed.get(item) for item in items):
        raise Refused(f"Order {order.order_id} has been shipped and cannot be canceled.")


#: feedType -> what it is
KINDS = {
    "POST_ORDER_ACKNOWLEDGEMENT_DATA": Kind(
        "OrderAcknowledgement",
        Shape("OrderAcknowledgement", children=_ACKNOWLEDGEMENT),
        acknowledge,
    ),
    "POST_PAYMENT_ADJUSTMENT_DATA": Kind("OrderAdjustment", adjustments.SHAPE, adjustments.adjust),
}
