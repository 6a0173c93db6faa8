"""Canceling orders at Amazon: an OrderAcknowledgement of StatusCode Failure, as an order feed.

There is no call for it in the models. OrderAcknowledgement.xsd: AmazonOrderID, StatusCode, then each
Item with its AmazonOrderItemCode and CancelReason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from connectors.amazon.client import SellingPartner
from connectors.amazon.fields import list_of, part, text
from connectors.amazon.operations import GET_ORDER
from connectors.amazon.order_feeds import OrderFeeds
from core.errors import Rejected
from core.model.orders import Cancellation, CancelReason
from core.ports import Key, RemoteRef

#: Our reasons as CancelReason of OrderAcknowledgement.xsd.
REASONS: Mapping[CancelReason, str] = {
    CancelReason.OUT_OF_STOCK: "NoInventory",
    CancelReason.BUYER: "BuyerCanceled",
    CancelReason.FRAUD: "RiskAssessmentInformationNotValid",
    # Amazon takes the money before it shows an order as one to ship: it has no word for this.
    CancelReason.PAYMENT: "GeneralAdjustment",
    CancelReason.OTHER: "GeneralAdjustment",
}


class Cancellations:
    """Cancellations of one account."""

    def __init__(self, name: str, amazon: SellingPartner, feeds: OrderFeeds) -> None:
        self._name = name
        self._amazon = amazon
        self._feeds = feeds

    def push(self, cancellation: Cancellation, *, key: Key) -> RemoteRef:
        """Begin the feed; its id. Raises Rejected for units: an item has no quantity."""
        if cancellation.parts:
            raise Rejected(
                "only whole items can be canceled", connector=self._name, operation="cancellation"
            )
        return self._feeds.submit(
            "cancellation", "OrderAcknowledgement", acknowledgement(cancellation), key=key
        )

    def find(self, cancellation: Cancellation) -> bool:
        """Whether it is canceled, by whomever. Raises Rejected where there is no such order."""
        answer = self._amazon.call(
            GET_ORDER, cancellation.order, query={"includedData": "CANCELLATION,FULFILLMENT"}
        )
        order = part(answer, "order")
        if not order:
            raise Rejected("there is no such order", connector=self._name, operation=GET_ORDER.name)
        if text(part(order, "fulfillment"), "fulfillmentStatus") == "CANCELLED":
            return True
        ended = {text(item, "orderItemId") for item in list_of(order, "orderItems") if _ended(item)}
        # Of an order whose items are all canceled the status follows; before it does, it is not over.
        return not cancellation.whole and set(cancellation.lines) <= ended


def acknowledgement(cancellation: Cancellation) -> Element:
    """The message; its elements in the schema's order."""
    made = Element("OrderAcknowledgement")
    SubElement(made, "AmazonOrderID").text = cancellation.order
    SubElement(made, "StatusCode").text = "Failure"
    for line in cancellation.lines:
        item = SubElement(made, "Item")
        SubElement(item, "AmazonOrderItemCode").text = line
        SubElement(item, "CancelReason").text = REASONS[cancellation.reason]
    return made


def _ended(item: Any) -> bool:
    return bool(part(part(item, "cancellation"), "cancellationExecution"))
