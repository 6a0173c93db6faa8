"""POST_PAYMENT_ADJUSTMENT_DATA: an OrderAdjustment pays back for items of an order.

OrderAdjustment.xsd, from memory and as feed builders and the help page of it show: one of the order's
ids, then each AdjustedItem with its code, the seller's own id of the adjustment ("not used by
Amazon"), a reason, and amounts by component, totals for all units; negative ones charge the buyer.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from xml.etree.ElementTree import Element

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.envelope import Refused, Shape, text_of
from connectors.amazon.simulator.ledger import COMPONENTS, TooMuch, is_out
from connectors.amazon.simulator.orders_state import AMAZON, OrderRecord
from core.model.money import Money

#: AdjustmentReason, as Amazon's own client library lists it (MarketplaceWebService, AdjustmentReason).
REASONS = (
    "NoInventory", "GeneralAdjustment", "CarrierCreditDecision", "CarrierCoverageFailure",
    "RiskAssessmentInformationNotValid", "CustomerReturn", "CouldNotShip", "DifferentItem",
    "Abandoned", "CustomerCancel", "PriceError", "ProductOutofStock", "CustomerAddressIncorrect",
    "Exchange", "Other", "TransactionRecord",
)  # fmt: skip
#: Types of a BuyerPrice component that are known here; there are more.
_COMPONENT = Shape(
    "Component",
    children=(
        text_of("Type", "|".join(COMPONENTS)),
        Shape("Amount", r"-?\d{1,18}(\.\d{1,2})?", attributes=("currency",)),
    ),
    most=None,
)
_ITEM = (
    text_of("AmazonOrderItemCode", r"\d{14}"),
    text_of("MerchantAdjustmentItemID", r".{1,64}", optional=True),
    text_of("AdjustmentReason", "|".join(REASONS)),
    Shape("ItemPriceAdjustments", children=(_COMPONENT,)),
    text_of("QuantityCancelled", r"\d{1,6}", optional=True),
)
SHAPE = Shape(
    "OrderAdjustment",
    children=(
        text_of("AmazonOrderID", r"\w{3}-\w{7}-\w{7}"),
        text_of("ActionType", "Refund|Cancel", optional=True),
        Shape("AdjustedItem", children=_ITEM, most=None),
    ),
)


def adjust(account: Account, message: Element, at: datetime) -> None:
    """Pay back what the message says, all of it or nothing. Raises Refused."""
    order_id = message.findtext("AmazonOrderID", "").strip()
    record = account.orders.get(order_id)
    if record is None or record.now.fulfilled_by == AMAZON:
        raise Refused(f"Order {order_id} is not an order that you fulfill.")
    if not is_out(record):
        raise Refused(f"Order {order_id} has not been shipped: nothing was charged for it.")
    wanted = _wanted(message, record)
    ids = tuple(
        one.findtext("MerchantAdjustmentItemID", "").strip()
        for one in message.findall("AdjustedItem")
    )
    try:
        account.ledger.pay(record, wanted, now=at, by="feed", merchant_ids=ids)
    except TooMuch as error:
        raise Refused(
            f"The adjustment of order {order_id} exceeds what was paid: {error}"
        ) from None


def _wanted(message: Element, record: OrderRecord) -> dict[str, dict[str, int]]:
    """Item -> component -> minor units."""
    order = record.now
    known = {item.item_id: item for item in order.items}
    wanted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in message.findall("AdjustedItem"):
        code = one.findtext("AmazonOrderItemCode", "").strip()
        if code not in known:
            raise Refused(f"AmazonOrderItemCode {code} does not belong to order {order.order_id}.")
        currency = known[code].unit_price.currency
        for part in one.findall("ItemPriceAdjustments/Component"):
            amount = part.find("Amount")
            assert amount is not None, "its shape was checked"
            if amount.get("currency") != currency:
                raise Refused(f"Order {order.order_id} was paid in {currency}.")
            cents = Money.parse((amount.text or "").strip(), currency).amount
            wanted[code][part.findtext("Type", "").strip()] += cents
    return {code: dict(parts) for code, parts in wanted.items()}
