"""Whether an order may be routed: canceled, only recorded, held, or accepted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.model.catalog import FulfilledBy, Sku
from core.model.orders import Address, Hold, Order, OrderLine, OrderStage, PaymentStatus
from core.model.reasons import Reason

#: Paid for. A partial refund takes money back, not units: the units' own counts say what is left.
_PAID = frozenset({PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED})
#: The channel itself forbids to ship; no person here can lift that.
_NOT_OURS_TO_RELEASE = frozenset({"pending"})
_ZIP = re.compile(r"\d{5}(-?\d{4})?")


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    #: orders placed earlier are recorded and never routed, unless a person lists them
    route_from: datetime
    hold_unpaid: bool = True
    hold_test: bool = True
    hold_incomplete_address: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """`stage` is CANCELED, RECORDED, HELD or NEW; NEW means accepted."""

    stage: OrderStage
    holds: tuple[Hold, ...]
    reason: Reason


def review(
    order: Order,
    *,
    skus: Mapping[str, Sku | None],
    rule_hits: Sequence[str],
    settings: ReviewSettings,
    listed: bool = False,
    released: frozenset[str] = frozenset(),
) -> Verdict:
    """Judge an order as the channel states it now.

    `skus` maps a line's remote id to our Sku (None or absent: unknown), `rule_hits` names the
    configured hold rules that picked the order, `listed` says that a person listed it although it
    is older than `route_from`, `released` are the hold codes a person released. There is at most
    one Hold per code; "pending" cannot be released, because the channel itself says wait.
    """
    if order.canceled_at is not None:
        return _closed(OrderStage.CANCELED, Reason.of("order_canceled", order=order.name))
    if order.lines and all(line.current <= 0 for line in order.lines):
        return _closed(OrderStage.CANCELED, Reason.of("nothing_left_to_ship", order=order.name))
    if order.placed_at < settings.route_from and not listed:
        return _closed(
            OrderStage.RECORDED,
            Reason.of(
                "before_cutover",
                order=order.name,
                placed=order.placed_at.isoformat(),
                cutover=settings.route_from.isoformat(),
            ),
        )
    ours = [line for line in order.lines if _is_ours(line)]
    if not ours:
        return _closed(OrderStage.RECORDED, Reason.of("order_recorded_only", order=order.name))
    to_ship = [line for line in ours if line.current > line.fulfilled]
    if not to_ship:
        return _closed(OrderStage.RECORDED, Reason.of("already_fulfilled", order=order.name))
    found = _holds(order, to_ship, skus=skus, rule_hits=rule_hits, settings=settings)
    holds = tuple(
        hold for hold in found if hold.code not in released or hold.code in _NOT_OURS_TO_RELEASE
    )
    if holds:
        codes = ", ".join(hold.code for hold in holds)
        return Verdict(
            OrderStage.HELD, holds, Reason.of("review_held", order=order.name, holds=codes)
        )
    return Verdict(OrderStage.NEW, (), Reason.of("review_accepted", order=order.name))


def _closed(stage: OrderStage, reason: Reason) -> Verdict:
    return Verdict(stage, (), reason)


def _is_ours(line: OrderLine) -> bool:
    return line.fulfilled_by is FulfilledBy.US and line.requires_shipping and line.current > 0


def _holds(
    order: Order,
    to_ship: Sequence[OrderLine],
    *,
    skus: Mapping[str, Sku | None],
    rule_hits: Sequence[str],
    settings: ReviewSettings,
) -> list[Hold]:
    found: list[Reason] = []
    if order.pending:
        # Price and address come when the payment does: their absence is no finding of its own.
        found.append(Reason.of("pending", order=order.name))
    else:
        if settings.hold_unpaid and order.payment not in _PAID:
            found.append(Reason.of("unpaid", order=order.name, payment=str(order.payment)))
        parts = incomplete(order.ship_to)
        if settings.hold_incomplete_address and parts:
            found.append(Reason.of("address_incomplete", order=order.name, parts=", ".join(parts)))
    if settings.hold_test and order.test:
        found.append(Reason.of("test_order", order=order.name))
    unknown = [line for line in to_ship if not skus.get(line.remote_id)]
    if unknown:
        names = ", ".join(f"{line.remote_sku or '-'} ({line.remote_id})" for line in unknown)
        found.append(Reason.of("unknown_sku", order=order.name, count=len(unknown), lines=names))
    asked = [line.remote_id for line in to_ship if line.cancel_requested]
    if asked:
        found.append(Reason.of("cancel_requested", order=order.name, lines=", ".join(asked)))
    if rule_hits:
        rules = ", ".join(sorted(set(rule_hits)))
        found.append(Reason.of("rule_hit", order=order.name, rules=rules))
    return [Hold(reason) for reason in found]


def incomplete(address: Address | None) -> tuple[str, ...]:
    """Which parts keep a parcel from being labeled; names of parts, never their content (I8)."""
    address = address or Address()
    parts = [
        part
        for part in ("name", "line1", "city", "postal_code", "country")
        if not getattr(address, part).strip()
    ]
    # A company takes parcels too, where no person is named.
    if "name" in parts and address.company.strip():
        parts.remove("name")
    if address.country.strip().upper() == "US":
        if not address.region.strip():
            parts.append("region")
        if "postal_code" not in parts and not _ZIP.fullmatch(address.postal_code.strip()):
            parts.append("zip")
    return tuple(parts)
