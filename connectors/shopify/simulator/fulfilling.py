"""Fulfillment orders and fulfillments: create, cancel, track, move, hold, release, split.

Rules and messages as observed on real stores, 2026-04. A fulfillment order's id is not stable:
partial moves, splits and partial holds make new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.shopify.simulator import inventory, ordering
from connectors.shopify.simulator.refusal import refuse
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import (
    Fulfillment,
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderLine,
    Hold,
    LineItem,
    Location,
)

MAX_HOLDS = 10
BAD_QUANTITY = "Invalid fulfillment order line item quantity requested."
#: A fulfillment order waiting for its fulfillment service cannot be moved.
_AT_SERVICE = {"SUBMITTED", "ACCEPTED", "CANCELLATION_REQUESTED", "CANCELLATION_REJECTED"}

#: Units picked from one line.
Picked = tuple[FulfillmentOrderLine, int]
#: A GraphQL input object: names as the API spells them.
Input = Mapping[str, Any]


@dataclass(frozen=True)
class Divided:
    """A fulfillment order in two: `part` has the picked units, `rest` the others."""

    part: FulfillmentOrder
    rest: FulfillmentOrder | None


# -- fulfillments


def create(
    shop: Shop, groups: Sequence[Input], *, tracking: Input | None, external: bool = False
) -> Fulfillment:
    """One fulfillment of units of one order at one location. Raises UserErrors."""
    _refuse_quantities_below_one(groups)
    parts = [shop.fulfillment_orders.get(group["fulfillmentOrderId"]) for group in groups]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        raise refuse("Fulfillment order does not exist.", field=["fulfillment"])
    _refuse_mixed(known)
    picked: list[tuple[FulfillmentOrder, Picked]] = []
    for part, group in zip(known, groups, strict=True):
        picked += [(part, each) for each in _fulfillable(part, group)]
    return _fulfill(shop, picked, tracking=tracking or {}, external=external)


def cancel(shop: Shop, fulfillment: Fulfillment) -> bool:
    """Undo a fulfillment: its units are open again. Twice is no error; returns what changed."""
    if fulfillment.status == "CANCELLED":
        return False
    fulfillment.status, fulfillment.display_status = "CANCELLED", "CANCELED"
    fulfillment.updated_at = shop.now()
    for line in fulfillment.lines:
        line.source_line.remaining_quantity += line.quantity
        line.source.updated_at = shop.now()
        inventory.unship(shop, line.line_item, fulfillment.location, line.quantity)
    for part in fulfillment.sources:
        part.status = "IN_PROGRESS" if _is_begun(part) else "OPEN"
    shop.touch(fulfillment.order)
    return True


def update_tracking(shop: Shop, fulfillment: Fulfillment, tracking: Input) -> bool:
    """Replace carrier and numbers; works on a canceled fulfillment too (observed)."""
    shown = tracking_rows(tracking)
    changed = shown != fulfillment.tracking
    fulfillment.tracking = shown
    fulfillment.updated_at = shop.now()
    shop.touch(fulfillment.order)
    return changed


def tracking_rows(tracking: Input) -> list[dict[str, str | None]]:
    """FulfillmentTrackingInput as the list of FulfillmentTrackingInfo it becomes."""
    numbers = list(tracking.get("numbers") or []) or [tracking.get("number")]
    urls = list(tracking.get("urls") or []) or [tracking.get("url")]
    company = tracking.get("company")
    if company is None and not any(numbers) and not any(urls):
        return []
    rows = max(len(numbers), len(urls))
    return [
        {
            "company": company,
            "number": numbers[row] if row < len(numbers) else None,
            "url": urls[row] if row < len(urls) else None,
        }
        for row in range(rows)
    ]


# -- fulfillment orders


def move(
    shop: Shop, part: FulfillmentOrder, target: Location, lines: Sequence[Input] | None
) -> Divided:
    """Assign units to another location: all of them keep the id, some get a new one.

    `part` of the answer is what moved, `rest` what stayed. Raises UserErrors.
    """
    if part.is_closed or part.location is target:
        raise refuse("Cannot change location.")
    if part.request_status in _AT_SERVICE:
        raise refuse(
            "Cannot move submitted fulfillment order that is at a 3PL fulfillment service."
        )
    picked = _pick(part, lines)
    for line, _ in picked:
        if not stocks(target, line.line_item):
            # the rule is documented, its message was never recorded
            raise refuse("Cannot change location.")
    source = part.location
    divided = _divide(shop, part, picked)
    for line, quantity in picked:
        inventory.recommit(shop, line.line_item, source=source, target=target, quantity=quantity)
    divided.part.location = target
    shop.touch(part.order)
    return divided


def hold(shop: Shop, part: FulfillmentOrder, wish: Input) -> tuple[Hold, Divided]:
    """Put all or some units on hold; some are split off first. Raises UserErrors."""
    lines = wish.get("fulfillmentOrderLineItems") or None
    _refuse_hold(part, wish, lines)
    divided = _divide(shop, part, _pick(part, lines), keep_id=True)
    made = Hold(
        shop.new_id("FulfillmentHold"),
        reason=wish["reason"],
        handle=wish.get("handle", ""),
        reason_notes=wish.get("reasonNotes"),
        sibling=divided.rest,
    )
    divided.part.fulfillment_holds.append(made)
    divided.part.status = "ON_HOLD"
    shop.touch(part.order)
    return made, divided


def release(shop: Shop, part: FulfillmentOrder, hold_ids: Sequence[str] | None) -> None:
    """Lift holds (all of them by default); the last one brings the split-off rest back."""
    leaving = [one for one in part.fulfillment_holds if hold_ids is None or one.id in hold_ids]
    part.fulfillment_holds = [one for one in part.fulfillment_holds if one not in leaving]
    if leaving and not part.fulfillment_holds:
        part.status = "IN_PROGRESS" if _is_begun(part) else "OPEN"
        for each in leaving:
            if each.sibling and each.sibling.status == "OPEN":
                _merge_back(shop, part, each.sibling)
    part.updated_at = shop.now()
    shop.touch(part.order)


def split(shop: Shop, part: FulfillmentOrder, lines: Sequence[Input]) -> Divided:
    """Take units out into a fulfillment order of their own. Raises UserErrors."""
    if part.status not in ("OPEN", "IN_PROGRESS"):
        raise refuse(BAD_QUANTITY)
    divided = _divide(shop, part, _pick(part, lines))
    for each in (divided.part, divided.rest):
        if each:
            each.split = True
    shop.touch(part.order)
    return divided


def supported_actions(part: FulfillmentOrder) -> list[dict[str, str | None]]:
    """What may be done with it now, as `supportedActions` shows it."""
    names: list[str] = []
    if part.status == "ON_HOLD":
        names = ["RELEASE_HOLD", "HOLD", "MOVE"]
    elif not part.is_closed:
        names = ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD"]
        if part.location.is_fulfillment_service:
            names = ["CREATE_FULFILLMENT", "REQUEST_FULFILLMENT", "MOVE", "HOLD"]
        if part.open_quantity > 1:
            names.append("SPLIT")
        if part.split:
            names.append("MERGE")
    return [{"action": name, "externalUrl": None} for name in names]


def stocks(location: Location, line: LineItem) -> bool:
    item = line.variant.inventory_item
    level = item.levels.get(location.id)
    return location.is_active and (not item.tracked or bool(level and level.is_active))


# -- the pieces


def _refuse_quantities_below_one(groups: Sequence[Input]) -> None:
    for row, group in enumerate(groups):
        for column, line in enumerate(group.get("fulfillmentOrderLineItems") or []):
            if line["quantity"] <= 0:
                raise refuse(
                    "Quantity must be greater than 0",
                    field=[
                        *("fulfillment", "lineItemsByFulfillmentOrder", row),
                        *("fulfillmentOrderLineItems", column, "quantity"),
                    ],
                )


def _refuse_mixed(parts: Sequence[FulfillmentOrder]) -> None:
    orders = list(dict.fromkeys(part.order.legacy_resource_id for part in parts))
    if len(orders) > 1:
        raise refuse(
            "All fulfillment orders must belong to the same order."
            f" Multiple orders with ids {orders} were found.",
            field=["fulfillment"],
        )
    places = list(dict.fromkeys(part.location.legacy_resource_id for part in parts))
    if len(places) > 1:
        raise refuse(
            "All fulfillment orders must be assigned to a single location."
            f" Multiple locations with ids {places} were found.",
            field=["fulfillment"],
        )


def _fulfillable(part: FulfillmentOrder, group: Input) -> list[Picked]:
    if part.status not in ("OPEN", "IN_PROGRESS"):
        raise refuse(
            f"Fulfillment order {part.legacy_resource_id} has an unfulfillable"
            f" status= {part.status.lower()}.",
            field=["fulfillment"],
        )
    return _pick(part, group.get("fulfillmentOrderLineItems"), field=["fulfillment"])


def _pick(
    part: FulfillmentOrder, lines: Sequence[Input] | None, *, field: list[str] | None = None
) -> list[Picked]:
    """The wanted units, or all that are open where none are named. Raises UserErrors."""
    if lines is None:
        return [(line, line.remaining_quantity) for line in part.lines if line.remaining_quantity]
    picked: dict[str, Picked] = {}
    for wish in lines:
        line = next((line for line in part.lines if line.id == wish["id"]), None)
        if line is None:
            raise refuse("Fulfillment order line item does not exist.", field=field)
        quantity = wish["quantity"] + (picked[line.id][1] if line.id in picked else 0)
        if not 0 < quantity <= line.remaining_quantity:
            raise refuse(BAD_QUANTITY, field=field)
        picked[line.id] = (line, quantity)
    return list(picked.values())


def _fulfill(
    shop: Shop,
    picked: Sequence[tuple[FulfillmentOrder, Picked]],
    *,
    tracking: Input,
    external: bool,
) -> Fulfillment:
    first, now = picked[0][0], shop.now()
    order = first.order
    made = Fulfillment(
        shop.new_id("Fulfillment"),
        order=order,
        location=first.location,
        name=f"{order.name}-F{len(order.fulfillments) + 1}",
        created_at=now,
        updated_at=now,
        tracking=tracking_rows(tracking),
        external=external,
    )
    for part, (line, quantity) in picked:
        line.remaining_quantity -= quantity
        row = FulfillmentLine(
            shop.new_id("FulfillmentLineItem"), line.line_item, quantity, part, line
        )
        made.lines.append(row)
        shop.others[row.id] = row
        inventory.ship(shop, line.line_item, part.location, quantity)
        part.status = "IN_PROGRESS" if part.open_quantity else "CLOSED"
        part.updated_at = now
    order.fulfillments.append(made)
    shop.fulfillments[made.id] = made
    shop.touch(order)
    return made


def _is_begun(part: FulfillmentOrder) -> bool:
    return any(line.remaining_quantity < line.total_quantity for line in part.lines)


def _divide(
    shop: Shop, part: FulfillmentOrder, picked: Sequence[Picked], *, keep_id: bool = False
) -> Divided:
    """Separate the picked units from the rest. All of an unbegun one: nothing to separate.

    The picked units get the new id, or keep the old one with `keep_id` (a partial hold).
    """
    wanted = {line.id: quantity for line, quantity in picked}
    rest = {line.id: line.remaining_quantity - wanted.get(line.id, 0) for line in part.lines}
    part.updated_at = shop.now()
    if not any(rest.values()) and not (_is_begun(part) and not keep_id):
        return Divided(part, None)
    leaving = rest if keep_id else wanted
    made = ordering.new_part(
        shop,
        part.order,
        location=part.location,
        lines=[(line.line_item, leaving[line.id]) for line in part.lines if leaving.get(line.id)],
        method=part.method,
        at=shop.now(),
    )
    for line in part.lines:
        line.remaining_quantity -= leaving.get(line.id, 0)
        line.total_quantity -= leaving.get(line.id, 0)
    part.lines = [line for line in part.lines if line.total_quantity]
    if not part.open_quantity:
        part.status = "CLOSED"
    return Divided(part, made) if keep_id else Divided(made, part)


def _merge_back(shop: Shop, part: FulfillmentOrder, sibling: FulfillmentOrder) -> None:
    for line in sibling.lines:
        twin = next((each for each in part.lines if each.line_item is line.line_item), None)
        if twin is None:
            twin = FulfillmentOrderLine(
                shop.new_id("FulfillmentOrderLineItem"), line.line_item, 0, 0
            )
            part.lines.append(twin)
            shop.others[twin.id] = twin
        twin.total_quantity += line.total_quantity
        twin.remaining_quantity += line.remaining_quantity
    ordering.close(shop, sibling)


def _refuse_hold(part: FulfillmentOrder, wish: Input, lines: Sequence[Input] | None) -> None:
    where = ["fulfillmentHold", "fulfillmentOrderLineItems"]
    for row, line in enumerate(lines or []):
        if line["quantity"] <= 0:
            raise refuse(
                "You must select at least one item to place on partial hold.",
                field=[*where, row, "quantity"],
                code="GREATER_THAN_ZERO",
            )
    identities = [line["id"] for line in lines or []]
    if len(set(identities)) < len(identities):
        raise refuse(
            "must contain unique line item ids",
            field=where,
            code="DUPLICATED_FULFILLMENT_ORDER_LINE_ITEMS",
        )
    if part.is_closed or (lines and part.status == "ON_HOLD"):
        raise refuse(
            "The fulfillment order is not in a splittable state.",
            field=where,
            code="FULFILLMENT_ORDER_NOT_SPLITTABLE",
        )
    if len(part.fulfillment_holds) >= MAX_HOLDS:
        raise refuse(
            "The maximum number of fulfillment holds for this fulfillment order has been reached"
            " for this app. An app can only have up to 10 holds on a single fulfillment order at"
            " any one time.",
            field=["id"],
            code="FULFILLMENT_ORDER_HOLD_LIMIT_REACHED",
        )
    if any(one.handle == wish.get("handle", "") for one in part.fulfillment_holds):
        raise refuse(
            "The handle provided for the fulfillment hold is already in use by this app for"
            " another hold on this fulfillment order.",
            field=["fulfillmentHold", "handle"],
            code="DUPLICATE_FULFILLMENT_HOLD_HANDLE",
        )
