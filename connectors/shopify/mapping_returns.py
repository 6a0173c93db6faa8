"""Shopify's returns and refunds as Lockstep's own. Pure tables; an unknown word stays unknown.

Returns, refunds and their lines keep their gids; orders are known by number, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.shopify import values
from connectors.shopify.values import Unreadable
from core.model.catalog import ChannelId
from core.model.money import Money
from core.model.returns import (
    ExchangedLine,
    Refund,
    RefundedLine,
    Return,
    ReturnedLine,
    ReturnReason,
    ReturnStatus,
)

Node = Mapping[str, Any]

#: Return.status.
STATUS = {
    "CANCELED": ReturnStatus.CANCELED,
    "CLOSED": ReturnStatus.CLOSED,
    "DECLINED": ReturnStatus.DECLINED,
    "OPEN": ReturnStatus.OPEN,
    "REQUESTED": ReturnStatus.REQUESTED,
}

#: ReturnReasonDefinition.handle, of the list Shopify publishes (github.com/Shopify/product-taxonomy,
#: data/return_reasons.yml, 470 reasons), and those its documentation shows. Most of the list are
#: complaints of one category ("battery-life", "odor") that do not tell whether the goods were bad or
#: only not to the buyer's taste: these stay unknown, with their handle, and a person reads it.
REASON = {
    "damaged-or-defective": ReturnReason.DEFECTIVE,
    "defective": ReturnReason.DEFECTIVE,
    "breaks-easily": ReturnReason.DEFECTIVE,
    "embellishment-fell-off": ReturnReason.DEFECTIVE,
    "frame-crooked": ReturnReason.DEFECTIVE,
    "lens-popped-out-of-frame": ReturnReason.DEFECTIVE,
    "logo-peeling": ReturnReason.DEFECTIVE,
    "loose-seams": ReturnReason.DEFECTIVE,
    "poor-stitching": ReturnReason.DEFECTIVE,
    "product-leaks": ReturnReason.DEFECTIVE,
    "product-overheats": ReturnReason.DEFECTIVE,
    "seams-splitting": ReturnReason.DEFECTIVE,
    "damaged": ReturnReason.DAMAGED,
    "damaged-packaging": ReturnReason.DAMAGED,
    "lens-scratched": ReturnReason.DAMAGED,
    "scratched": ReturnReason.DAMAGED,
    "stained": ReturnReason.DAMAGED,
    "surface-damage": ReturnReason.DAMAGED,
    "item-not-as-described": ReturnReason.NOT_AS_DESCRIBED,
    "not-as-described": ReturnReason.NOT_AS_DESCRIBED,
    "received-the-wrong-item": ReturnReason.WRONG_ITEM,
    "arrived-late": ReturnReason.LATE,
    "too-late": ReturnReason.LATE,
    "color": ReturnReason.FIT,
    "doesnt-fit-bed-frame": ReturnReason.FIT,
    "doesnt-fit-mattress": ReturnReason.FIT,
    "doesnt-fit-phone": ReturnReason.FIT,
    "doesnt-fit-tv": ReturnReason.FIT,
    "fit": ReturnReason.FIT,
    "fitment": ReturnReason.FIT,
    "size": ReturnReason.FIT,
    "style": ReturnReason.FIT,
    "too-big": ReturnReason.FIT,
    "too-long": ReturnReason.FIT,
    "too-loose": ReturnReason.FIT,
    "too-narrow": ReturnReason.FIT,
    "too-short": ReturnReason.FIT,
    "too-small": ReturnReason.FIT,
    "too-tight": ReturnReason.FIT,
    "too-wide": ReturnReason.FIT,
    "vehicle-fit": ReturnReason.FIT,
    "changed-my-mind": ReturnReason.UNWANTED,
    "duplicate-order": ReturnReason.UNWANTED,
    "ordered-multiple": ReturnReason.UNWANTED,
    "ordered-wrong-item": ReturnReason.UNWANTED,
    "trial-period-ending": ReturnReason.UNWANTED,
    "unwanted": ReturnReason.UNWANTED,
    "other-reason": ReturnReason.OTHER,
}

#: OrderTransactionStatus under which no money moved, and none will.
NOT_PAID = frozenset({"ERROR", "FAILURE"})

#: Where our key stands in a refund's note, last.
_KEY = re.compile(r"\[lockstep (\S+)\]\s*$")


def note_with(note: str, key: str) -> str:
    """A refund's note that can be found by our key, after Shopify forgot its own."""
    return f"{note} [lockstep {key}]".strip()


def key_in(note: str | None) -> str:
    """Our key in a refund's note; "": it was made elsewhere."""
    found = _KEY.search(note or "")
    return found[1] if found else ""


def reason(definition: Node | None) -> tuple[ReturnReason, str]:
    """Ours, and Shopify's word. Handles are written with - or _, and "_2" where one was replaced."""
    handle = str((definition or {}).get("handle") or "")
    known = re.sub(r"-\d+$", "", handle.strip().lower().replace("_", "-"))
    return REASON.get(known, ReturnReason.UNKNOWN), handle


# --- returns --------------------------------------------------------------------------------


def return_(
    node: Node,
    *,
    channel: ChannelId,
    order: str,
    lines: Sequence[Node],
    exchanges: Sequence[Node],
) -> Return:
    """A return with all its lines (`node` may hold the first page only). Raises Unreadable."""
    try:
        carrier, number, label = _delivery(node)
        return Return(
            channel=channel,
            remote_id=values.text(node, "id"),
            name=values.text(node, "name"),
            order=order,
            status=STATUS.get(node["status"], ReturnStatus.UNKNOWN),
            created_at=values.required_instant(node, "createdAt"),
            lines=tuple(_returned(line) for line in lines),
            exchanged=tuple(_exchanged(line) for line in exchanges),
            carrier=carrier,
            tracking_number=number,
            label=label,
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise _missing(error) from None


def _returned(line: Node) -> ReturnedLine:
    # A line without a fulfilled one is "unverified": it says what comes, not what was bought.
    sold = (line.get("fulfillmentLineItem") or {}).get("lineItem") or {}
    ours, raw = reason(line["returnReasonDefinition"])
    return ReturnedLine(
        remote_id=values.text(line, "id"),
        line=sold.get("id") or "",
        remote_sku=(sold.get("sku") or "").strip(),
        quantity=values.count(line, "quantity"),
        reason=ours,
        raw_reason=raw,
    )


def _exchanged(line: Node) -> ExchangedLine:
    made = line["lineItems"] or []
    price = "discountedUnitPriceAfterAllDiscountsSet"
    return ExchangedLine(
        remote_id=values.text(line, "id"),
        # It has a SKU and a price only once it is a line of the order; the listing it always has.
        remote_sku=(made[0].get("sku") or "").strip() if made else "",
        listing_remote_id=line.get("variantId") or "",
        quantity=values.count(line, "quantity"),
        unit_price=values.shop_money(made[0], price) if made else None,
        lines=tuple(values.text(one, "id") for one in made),
    )


def _delivery(node: Node) -> tuple[str, str, str]:
    """(carrier, number, name of the label) of the parcel told last."""
    carrier = number = label = ""
    for reverse in node["reverseFulfillmentOrders"]["nodes"]:
        for delivery in reverse["reverseDeliveries"]["nodes"]:
            told = delivery.get("deliverable") or {}
            tracking = told.get("tracking") or {}
            carrier = tracking.get("carrierName") or carrier
            number = tracking.get("number") or number
            # The file's address opens without a key: whoever has it has the label.
            label = values.text(delivery, "id") if told.get("label") else label
    return carrier, number, label


def has_failed(refund: Node) -> bool:
    """Whether a refund was to move money, and none of it moved."""
    transactions = refund["transactions"]["nodes"]
    return bool(transactions) and all(one["status"] in NOT_PAID for one in transactions)


# --- refunds --------------------------------------------------------------------------------


def refund(
    node: Node, *, channel: ChannelId, order: str, lines: Sequence[Node], tax_included: bool
) -> Refund:
    """A refund with all its lines. `tax_included`: the lines' subtotals hold the tax already.

    Raises Unreadable.
    """
    try:
        total = values.shop_money(node, "totalRefundedSet")
        # `processedAt` may be set to another day by whoever makes it.
        made_at = values.instant(node, "createdAt") or values.required_instant(node, "processedAt")
        worth = [_refunded(line, tax_included) for line in lines]
        shipping = _shipping(node, tax_included)
        return Refund(
            channel=channel,
            remote_id=values.text(node, "id"),
            order=order,
            made_at=made_at,
            total=total,
            lines=_as_paid(worth, total.amount - shipping),
            key=key_in(node.get("note")),
            # Not asked for where returns may not be read.
            return_remote_id=values.text(node["return"], "id") if node.get("return") else "",
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise _missing(error) from None


def _refunded(line: Node, tax_included: bool) -> RefundedLine:
    goods = values.shop_money(line, "subtotalSet")
    tax = values.shop_money(line, "totalTaxSet")
    return RefundedLine(
        line=values.text(line["lineItem"], "id"),
        quantity=values.count(line, "quantity"),
        amount=goods if tax_included else goods + tax,
        # "Use this when restocking unfulfilled line items"; NO_RESTOCK and the deprecated
        # LEGACY_RESTOCK say nothing of it.
        canceled=line["restockType"] == "CANCEL",
    )


def _shipping(node: Node, tax_included: bool) -> int:
    """Minor units."""
    found = 0
    for line in node["refundShippingLines"]["nodes"]:
        found += values.shop_money(line, "subtotalAmountSet").amount
        if not tax_included:
            found += values.shop_money(line, "taxAmountSet").amount
    return found


def _as_paid(lines: Sequence[RefundedLine], paid: int) -> tuple[RefundedLine, ...]:
    """Lines at what was paid for them: their worth, or less where something was kept back.

    Shopify tells a line's worth, and what was kept back of all of them in one sum.
    """
    worth = sum(line.amount.amount for line in lines)
    if worth <= paid or worth <= 0:
        return tuple(lines)
    found, upto, given = [], 0, 0
    for line in lines:
        upto += line.amount.amount
        part = max(0, paid) * upto // worth
        money = Money(part - given, line.amount.currency)
        found.append(replace(line, amount=money))
        given = part
    return tuple(found)


# --- chargebacks ----------------------------------------------------------------------------


def is_taken(dispute: Node) -> bool:
    """Whether a bank took the money for good. `dispute`: a summary or the dispute itself.

    A chargeback that is still argued about may be won; an inquiry takes nothing; of a charge that
    was refunded there is a refund.
    """
    kind = dispute.get("type") or dispute.get("initiatedAs")
    return kind == "CHARGEBACK" and dispute["status"] in ("ACCEPTED", "LOST")


def chargeback(node: Node, *, channel: ChannelId, order: str, currency: str) -> Refund:
    """Money that a bank took back. Raises Unreadable, also where it is not the shop's currency."""
    try:
        told = node["amount"]
        if told["currencyCode"] != currency:
            raise Unreadable(
                f"the bank took {told['currencyCode']}, and the shop counts {currency}"
            )
        ended = values.instant(node, "finalizedOn")
        return Refund(
            channel=channel,
            remote_id=values.text(node, "id"),
            order=order,
            made_at=ended or values.required_instant(node, "initiatedAt"),
            total=values.amount(told["amount"], currency, "amount"),
            lines=(),
            chargeback=True,
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise _missing(error) from None


def _missing(error: Exception) -> Unreadable:
    # Only field names are in a KeyError here, and nothing of the record in the other two.
    field = f" {error.args[0]}" if isinstance(error, KeyError) else ""
    return Unreadable(f"a field{field} is missing or of another kind")
