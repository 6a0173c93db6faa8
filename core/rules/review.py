"""Whether an order may be routed: canceled, only recorded, held, or accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.model.catalog import FulfilledBy, Sku
from core.model.money import Money
from core.model.orders import Hold, Order, OrderLine, OrderStage, PaymentStatus
from core.model.reasons import Arg, Reason
from core.rules.addresses import (
    States,
    incomplete,
    label_mark,
    state_of,
    states_of,
    undeliverable,
)
from core.rules.holds import KINDS, LABEL
from core.rules.suspicion import Beside, Limits, doubts

#: Paid for. A partial refund takes money back, not units: the units' own counts say what is left.
_PAID = frozenset({PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED})
#: Not paid for, and why that is; everything else is "unpaid".
UNPAID = {
    PaymentStatus.AUTHORIZED: "authorized_only",
    PaymentStatus.EXPIRED: "payment_expired",
    PaymentStatus.PARTIALLY_PAID: "partly_paid",
}
#: Nothing is known beside the order.
_ALONE = Beside()


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    #: orders placed earlier are recorded and never routed, unless a person lists them
    route_from: datetime
    hold_unpaid: bool = True
    hold_test: bool = True
    hold_incomplete_address: bool = True
    #: hold what has an address that no carrier could deliver by, or a ZIP code of another state
    hold_undeliverable: bool = True
    #: money that is reserved and not taken yet is good enough
    ships_authorized: bool = False
    #: new orders wait so long: for look-alikes, edits and quick cancellations
    release_window: timedelta = timedelta(0)
    #: three-digit ZIP area -> its states; empty: ZIP codes are not looked up
    states: States = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`stage` is CANCELED, RECORDED, HELD or NEW; NEW means accepted."""

    stage: OrderStage
    holds: tuple[Hold, ...]
    reason: Reason
    #: releases that are still about what is so: code -> what each covers; None: it was not looked at
    releases: Mapping[str, Mapping[str, Arg]] | None = None


def review(
    order: Order,
    *,
    skus: Mapping[str, Sku | None],
    rule_hits: Sequence[str],
    settings: ReviewSettings,
    now: datetime,
    beside: Beside = _ALONE,
    listed: bool = False,
    released: Mapping[str, Mapping[str, Arg]] | None = None,
    seen_at: datetime | None = None,
) -> Verdict:
    """Judge an order as the channel states it now.

    `skus` maps a line's remote id to our Sku (None or absent: unknown), `rule_hits` names the
    configured hold rules that picked the order, `beside` is what else is known, `listed` says that a
    person listed it although it is older than `route_from`. `released` are the holds a person
    released: code -> what it said then. One that says something else now holds again, and one whose cause
    went is used up. There is at most one Hold per code; what the channel itself forbids cannot be
    released. `seen_at` is when the order came to us; None: when it was placed.
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
    found = _holds(
        order, to_ship, skus=skus, rule_hits=rule_hits, settings=settings, beside=beside, now=now,
        seen_at=seen_at or order.placed_at,
    )  # fmt: skip
    said = released or {}
    holds = tuple(hold for hold in found if not _is_released(hold, said))
    # While it is pending most is not looked at: what is not found then is not gone.
    kept = None if order.pending else _in_force(found, said)
    if holds:
        codes = ", ".join(hold.code for hold in holds)
        return Verdict(
            OrderStage.HELD, holds, Reason.of("review_held", order=order.name, holds=codes), kept
        )
    return Verdict(OrderStage.NEW, (), Reason.of("review_accepted", order=order.name), kept)


def _closed(stage: OrderStage, reason: Reason) -> Verdict:
    return Verdict(stage, (), reason)


def _is_ours(line: OrderLine) -> bool:
    return line.fulfilled_by is FulfilledBy.US and line.requires_shipping and line.current > 0


def _is_released(hold: Hold, released: Mapping[str, Mapping[str, Arg]]) -> bool:
    said, kind = released.get(hold.code), KINDS[hold.code]
    return said is not None and kind.releasable and kind.same(said, hold.reason.args)


def _in_force(
    found: Sequence[Hold], released: Mapping[str, Mapping[str, Arg]]
) -> dict[str, Mapping[str, Arg]]:
    """The releases that cover what is found now. Of a list of names they cover no more than is left."""
    return {
        hold.code: hold.reason.args if KINDS[hold.code].names else released[hold.code]
        for hold in found
        if _is_released(hold, released)
    }


def _holds(
    order: Order,
    to_ship: Sequence[OrderLine],
    *,
    skus: Mapping[str, Sku | None],
    rule_hits: Sequence[str],
    settings: ReviewSettings,
    beside: Beside,
    now: datetime,
    seen_at: datetime,
) -> list[Hold]:
    found: list[Reason] = []
    if order.pending:
        # Price and address come when the payment does: their absence is no finding of its own.
        found.append(Reason.of("pending", order=order.name))
    else:
        found += _payment(order, settings)
        found += _address(order, settings)
        if beside.replacing is None:
            found += doubts(order, to_ship, goods_of(to_ship, skus), beside, settings.limits)
        else:
            # It is like its order on purpose, and nobody pays for it.
            found += beside.replacing
    found += _paid_back(order, beside)
    if settings.hold_test and order.test:
        found.append(Reason.of("test_order", order=order.name))
    found += _unknown(order, to_ship, skus, beside)
    asked = [line.remote_id for line in to_ship if line.cancel_requested]
    if asked:
        found.append(Reason.of("cancel_requested", order=order.name, lines=", ".join(asked)))
    if beside.canceling:
        found.append(Reason.of("canceling", order=order.name, why=beside.canceling))
    if rule_hits:
        rules = ", ".join(sorted(set(rule_hits)))
        found.append(Reason.of("rule_hit", order=order.name, rules=rules))
    window = _window(order, settings, now, seen_at) if beside.replacing is None else []
    mark = label_mark(order.ship_to)
    return [*(Hold(_placed(reason, mark)) for reason in found), *window]


def _placed(reason: Reason, mark: str | None) -> Reason:
    """The reason with the address it speaks of, as a mark: a release is for that address only."""
    if mark is None or not KINDS[reason.code].of_address:
        return reason
    return Reason(reason.code, {**reason.args, LABEL: mark[:8]})


def goods_of(lines: Sequence[OrderLine], skus: Mapping[str, Sku | None]) -> dict[Sku, int]:
    """Sku (of what nobody knows, the channel's own word) -> units of these lines."""
    goods: dict[Sku, int] = {}
    for line in lines:
        sku = skus.get(line.remote_id) or line.remote_sku or line.listing_remote_id
        goods[sku] = goods.get(sku, 0) + line.current
    return goods


def _payment(order: Order, settings: ReviewSettings) -> list[Reason]:
    enough = _PAID | ({PaymentStatus.AUTHORIZED} if settings.ships_authorized else frozenset())
    if not settings.hold_unpaid or order.payment in enough:
        return []
    code = UNPAID.get(order.payment)
    if code:
        return [Reason.of(code, order=order.name)]
    return [Reason.of("unpaid", order=order.name, payment=str(order.payment))]


def _paid_back(order: Order, beside: Beside) -> list[Reason]:
    """Money that went back: what it was for is not sent without a person's word."""
    found = []
    if beside.charged_back:
        found.append(Reason.of("charged_back", order=order.name, amount=""))
    whole = order.total.amount if order.total is not None else 0
    if 0 < whole <= beside.paid_back:
        paid = str(Money(beside.paid_back, order.currency))
        found.append(Reason.of("paid_back", order=order.name, amount=paid))
    return found


def _address(order: Order, settings: ReviewSettings) -> list[Reason]:
    found = []
    parts = incomplete(order.ship_to)
    if settings.hold_incomplete_address and parts:
        found.append(Reason.of("address_incomplete", order=order.name, parts=", ".join(parts)))
    if not settings.hold_undeliverable or order.ship_to is None:
        return found
    wrong = undeliverable(order.ship_to)
    if wrong:
        told = ", ".join(f"{part}: {why}" for part, why in wrong)
        found.append(Reason.of("address_undeliverable", order=order.name, parts=told))
    states = states_of(order.ship_to, settings.states)
    if states is None:
        return found
    region = state_of(order.ship_to)
    if not states:
        found.append(Reason.of("zip_unknown", order=order.name))
    # A word nobody knows is no state: nothing is found out by comparing it.
    elif region not in states and any(region in one for one in settings.states.values()):
        found.append(
            Reason.of("zip_elsewhere", order=order.name, state=region, states=", ".join(states))
        )
    return found


def _unknown(
    order: Order, lines: Sequence[OrderLine], skus: Mapping[str, Sku | None], beside: Beside
) -> list[Reason]:
    unknown = [line for line in lines if not skus.get(line.remote_id)]
    if not unknown:
        return []
    names = ", ".join(
        f"{line.remote_sku or '-'} ({line.remote_id})"
        + (f" ~ {beside.near[line.remote_id]}" if line.remote_id in beside.near else "")
        for line in unknown
    )
    return [Reason.of("unknown_sku", order=order.name, count=len(unknown), lines=names)]


def _window(order: Order, settings: ReviewSettings, now: datetime, seen_at: datetime) -> list[Hold]:
    """It runs from when the order came to us: after an outage many come at once, and what looks like
    one of them, or ends it, may be on a page that is still to come."""
    until = max(order.placed_at, seen_at) + settings.release_window
    # A channel's clock may be ahead of ours: without a window nothing waits for it.
    if not settings.release_window or now >= until:
        return []
    reason = Reason.of("release_window", order=order.name, until=until.isoformat())
    return [Hold(reason, until)]
