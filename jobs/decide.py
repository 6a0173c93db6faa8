"""DECIDE: facts in, decisions with reasons out. No remote is called from here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from sqlalchemy import select

from config.expressions import RuleFailed
from core.model.cases import Case, Severity
from core.model.catalog import FulfilledBy, Sku
from core.model.fulfillment import FulfillmentState, TrackingStatus
from core.model.orders import Hold, OrderLine, OrderStage
from core.model.reasons import Reason
from core.rules.addresses import label_mark
from core.rules.allocation import Allocation
from core.rules.availability import promised_until
from core.rules.changes import FulfillmentFacts, on_surplus
from core.rules.effects import request_key
from core.rules.holds import KINDS, Role
from core.rules.modes import Mode, Permission, Scope, may_write
from core.rules.review import Verdict
from jobs.apart import ITS_OWN, words
from jobs.availability import recompute
from jobs.claims import ELSEWHERE, Claims, asked_for, needs
from jobs.endings import wanted_by
from jobs.goods import can_call_off, ships_through
from jobs.reviewing import Reviewed, look_ahead, review_all
from jobs.routing import must_not_travel
from jobs.run import Run
from jobs.store.effects import Effects, Intent
from jobs.store.orders import FulfillmentRow, NewFulfillment, OrderRecord, Orders
from jobs.store.parcels import Parcels
from jobs.store.permissions import CANCELLATIONS, Permissions
from jobs.store.returns import Returns
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import cases
from jobs.store.tables import orders as recorded
from jobs.store.types import json_text
from jobs.wiring import Wiring

#: Orders decided in one transaction: a page of work that holds the write lock for some 100 ms.
ORDERS_AT_ONCE = 200
#: Orders that may break their own decision; of more the fault is somewhere else.
MOST_BROKEN = 10
_UNDECIDED = "order_undecided"
#: Skus decided in one transaction.
SKUS_AT_ONCE = 5_000

_SHIPPED = (FulfillmentState.SHIPPED, FulfillmentState.DELIVERED)
_DEAD = (FulfillmentState.CANCELED, FulfillmentState.REJECTED)
#: States in which a place may still be told not to ship.
_CALLED_OFF = (FulfillmentState.REQUESTED, FulfillmentState.ACKNOWLEDGED)


# --- orders --------------------------------------------------------------------------------------


def decide_orders(run: Run) -> timedelta | None:
    """Review and route every order that changed, in batches of one transaction each.

    Returns how soon a Hold ends of itself, where one does.
    """
    with run.reading() as tx:
        ended = Orders(tx).held_until(tx.now)
    if ended:
        with run.transaction() as tx:
            Orders(tx).decide_again(ended)
    apart = _set_apart(run)
    while True:
        try:
            if run.wiring.loaded.order_rules.may_be_long:
                with run.reading() as tx:
                    look_ahead(tx, run, Orders(tx).foreseen(limit=ORDERS_AT_ONCE, but=apart))
            with run.transaction() as tx:
                numbers = Orders(tx).undecided(limit=ORDERS_AT_ONCE, but=apart)
                if numbers:
                    _decide_batch(tx, run, numbers)
        except ITS_OWN:
            apart |= _decide_alone(run, apart)
            continue
        if len(numbers) < ORDERS_AT_ONCE:
            break
    with run.reading() as tx:
        ends = Orders(tx).next_end()
        return None if ends is None else max(timedelta(0), ends - tx.now)


def _set_apart(run: Run) -> set[int]:
    """Orders that broke their decision: they wait until a person closes their Case."""
    with run.reading() as tx:
        subjects = tx.connection.execute(
            select(cases.c.subject).where(cases.c.kind == _UNDECIDED, cases.c.state == "open")
        ).scalars()
        found = [Orders(tx).find(*subject.split(" ", 2)[1:]) for subject in subjects]
    return {number for number in found if number is not None}


def _decide_alone(run: Run, apart: Collection[int]) -> set[int]:
    """Decide each order of the next batch by itself; those that cannot be, which become Cases.

    Where many break it is none of them: raises what the last one did.
    """
    broken: set[int] = set()
    with run.transaction() as tx:
        numbers = Orders(tx).undecided(limit=ORDERS_AT_ONCE, but=apart)
    for number in numbers:
        try:
            with run.transaction() as tx:
                _decide_batch(tx, run, [number])
        except ITS_OWN as error:
            if len(broken) == MOST_BROKEN:
                raise
            broken.add(number)
            with run.transaction() as tx:
                _open_undecided(tx, run, number, words(error))
    return broken


def _open_undecided(tx: Tx, run: Run, number: int, problem: str) -> None:
    one = tx.connection.execute(select(recorded).where(recorded.c.id == number)).one()
    run.log.error(
        "order cannot be decided", channel=one.channel, order=one.remote_id, problem=problem
    )
    reason = Reason.of(_UNDECIDED, order=one.name, channel=one.channel, problem=problem)
    subject = f"order {one.channel} {one.remote_id}"
    tx.open_case(Case(_UNDECIDED, subject, reason, Severity.CRITICAL))


@dataclass
class _Routed:
    """What a batch decided, written together at its end."""

    fulfillments: list[NewFulfillment] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    settled: list[tuple[int, OrderStage, bool]] = field(default_factory=list)
    holds: list[tuple[OrderRecord, Sequence[Hold]]] = field(default_factory=list)
    waking: set[str] = field(default_factory=set)


def _decide_batch(tx: Tx, run: Run, numbers: Sequence[int]) -> None:
    orders = Orders(tx)
    Effects(tx).hold_unsent(numbers)
    records = orders.load(numbers)
    shadowed = [record.id for record in records if record.shadow]
    if shadowed:
        # What was decided while only observing is forgotten: wants are decided afresh (I10).
        orders.drop_shadow(shadowed)
        records = orders.load(numbers)
    permissions = Permissions(tx)
    scopes = {
        channel: permissions.scope(channel, "requests")
        for channel in {r.order.channel for r in records}
    }
    stock = Stock(tx)
    for record in records:
        _apply_changes(tx, run.wiring, orders, stock, record)
    _watch_addresses(tx, records)
    _watch_late_regrets(tx, records)
    if any(record.fulfillments for record in records):
        records = orders.load(numbers)
    reviewed = review_all(tx, run, records)
    if _unplan(tx, run.wiring, records):
        asked = {record.id: record.asked for record in records}
        records = orders.load(numbers)
        for record in records:
            record.asked = asked[record.id]
    _ask_again(tx, records, reviewed)
    deciding = {record.id for record in records}
    # Orders that wait for the same units are served in turn; they are routed in the next batch.
    waiting = orders.load(
        [
            number
            for number in orders.waiting(asked_for(records, run.wiring))
            if number not in deciding
        ]
    )
    claims = Claims.open(tx, run.wiring, [*waiting, *records])
    verdicts = {
        record.id: _after_sending(tx, record, reviewed[record.id].verdict) for record in records
    }

    def routes(record: OrderRecord, allocation: Allocation) -> bool:
        verdict = verdicts.get(record.id)
        return (
            verdict is not None
            and _may_route(verdict, allocation)
            and not _is_shadow(scopes[record.order.channel], allocation)
        )

    allocations = claims.settle_together(
        sorted([*waiting, *records], key=lambda one: (-one.asked.priority, one.id)),
        moving=deciding,
        routes=routes,
    )
    routed = _Routed()
    for record in sorted(records, key=lambda one: one.id):
        _decide_one(
            tx, run, routed, record, scopes[record.order.channel], verdicts[record.id],
            allocations[record.id],
        )  # fmt: skip
    claims.write()
    if waiting:
        orders.decide_again(record.id for record in waiting)
        tx.wake("core/orders")
    orders.set_holds(routed.holds)
    orders.keep_releases((one, verdicts[one.id].releases) for one in records)
    orders.set_asked((one.id, one.asked) for one in records if reviewed[one.id].asks_anew)
    orders.add_fulfillments(routed.fulfillments)
    # What is only observed holds no units of its own: they stay the order's, to be routed afresh.
    stock.assign(
        [(one.order_id, one.location, one.number) for one in routed.fulfillments if not one.shadow]
    )
    Effects(tx).plan(routed.intents)
    orders.settle(routed.settled)
    _free_look_alikes(tx, orders, records)
    # What was planned before may have waited for this decision.
    routed.waking.update(
        f"{ships_through(run.wiring, one.location)}/requests"
        for record in records
        for one in _live(record)
        if one.effect == "planned" and not verdicts[record.id].holds
    )
    if routed.waking:
        tx.wake(*routed.waking)


def _unplan(tx: Tx, wiring: Wiring, records: Sequence[OrderRecord]) -> bool:
    """Take back what nobody was asked for yet and must not travel as planned any more: the address or
    what rules ask changed. It is routed anew, from the units it has. True: there was some."""
    found = False
    for record in records:
        for one in _live(record):
            if one.sent or one.state is not FulfillmentState.PLANNED:
                continue
            if must_not_travel(wiring, record, one.service) is None:
                continue
            found = True
            Orders(tx).cancel_fulfillments([(record.id, one.number)])
            Stock(tx).unassign(record.id, one.number)
            reason = Reason.of("plan_undone", order=record.order.name, service=one.service)
            tx.decide(record.subject, reason)
    return found


def _after_sending(tx: Tx, record: OrderRecord, verdict: Verdict) -> Verdict:
    """Nothing is held back any more of an order that is wholly handed over: a person may still stop it.

    Only what the buyer asks for keeps its Hold; doubts about money and fraud are told, once each.
    """
    if verdict.stage is not OrderStage.HELD or not _is_sent(record):
        return verdict
    kept = tuple(one for one in verdict.holds if one.code == "cancel_requested")
    for one in verdict.holds:
        owner = KINDS[one.code].owner
        if owner in (Role.RISK, Role.FINANCE) and one.code not in record.released_holds:
            reason = Reason.of(
                "sent_before_doubt",
                order=record.order.name,
                channel=record.order.channel,
                hold=one.code,
                location=", ".join(sorted({each.location for each in _live(record)})),
            )
            case = Case("sent_before_doubt", f"{record.subject} {one.code}", reason)
            if tx.open_case(case, once=True):
                tx.decide(record.subject, one.reason)
    return replace(verdict, holds=kept, stage=OrderStage.HELD if kept else OrderStage.NEW)


def _is_sent(record: OrderRecord) -> bool:
    """Every unit was asked for, and every request left, or may have."""
    live = _live(record)
    if any(_is_unknown(record, line) for line in record.order.lines):
        return False  # nobody was asked for it, and nobody can be
    return (
        bool(live)
        and all(one.sent or one.state in _SHIPPED for one in live)
        and all(units <= 0 for units in needs(record).values())
    )


def _is_unknown(record: OrderRecord, line: OrderLine) -> bool:
    """A line that is to ship, of a Sku nobody knows."""
    return (
        line.fulfilled_by is FulfilledBy.US
        and line.requires_shipping
        and line.current > line.fulfilled
        and record.resolved[line.remote_id].sku is None
    )


def _live(record: OrderRecord) -> list[FulfillmentRow]:
    return [one for one in record.fulfillments if one.state not in _DEAD and not one.shadow]


def _free_look_alikes(tx: Tx, orders: Orders, records: Sequence[OrderRecord]) -> None:
    """What looked like an order that is canceled, changed or goes elsewhere may look like none now."""
    deciding = {record.id for record in records}
    names = {record.order.name for record in records}
    held = [one for one in orders.held_like(names) if one not in deciding]
    if held:
        orders.decide_again(held)
        tx.wake("core/orders")


def _ask_again(tx: Tx, records: Sequence[OrderRecord], reviewed: Mapping[int, Reviewed]) -> None:
    """Orders whose units a policy let go, and that nothing holds any more, ask for them again."""
    back = [
        record
        for record in records
        if record.expired_at is not None
        and reviewed[record.id].verdict.stage is not OrderStage.HELD
    ]
    for record in back:
        record.expired_at = None
        tx.decide(record.subject, Reason.of("units_asked_again", order=record.order.name))
    Orders(tx).ask_again([record.id for record in back])


def _apply_changes(
    tx: Tx, wiring: Wiring, orders: Orders, stock: Stock, record: OrderRecord
) -> None:
    """The buyer (or somebody else's parcel) took units away: undo what is not sent, ask about what is."""
    left = needs(record)
    if all(units >= 0 for units in left.values()):
        return
    facts = [
        FulfillmentFacts(
            number=one.number,
            state=one.state,
            sent=one.sent or one.reference == ELSEWHERE,
            units={
                line: -(-quantity // per_unit)
                for (line, _), (quantity, per_unit, _) in one.lines.items()
            },
            may_call_off=(
                one.state in _CALLED_OFF
                and one.effect == "done"
                and one.call_off in ("", "wanted")
                and can_call_off(wiring, one.location)
            ),
        )
        for one in record.fulfillments
        if one.state not in _DEAD and not one.shadow
    ]
    plan = on_surplus(facts, surplus={line: -units for line, units in left.items() if units < 0},
                     subject=record.subject, order=record.order.name)  # fmt: skip
    if plan.cancel:
        orders.cancel_fulfillments((record.id, number) for number in plan.cancel)
        stock.release([one.id for one in record.reservations if one.fulfillment in plan.cancel])
        tx.decide(record.subject, plan.reason)
    for number in plan.call_off:
        if Parcels(tx).call_off(record.id, number, why="change"):
            tx.decide(record.subject, plan.reason)
            (found,) = (one for one in record.fulfillments if one.number == number)
            tx.wake(f"{ships_through(wiring, found.location)}/requests")
    if plan.case:
        tx.open_case(plan.case, once=True)
    elif record.order.canceled_at and any(one.state in _SHIPPED for one in facts):
        # The parcel was faster than the cancellation: the buyer was paid back and gets it all the same.
        reason = Reason.of(
            "shipped_though_canceled", order=record.order.name, channel=record.order.channel
        )
        case = Case("shipped_though_canceled", record.subject, reason, Severity.CRITICAL)
        tx.open_case(case, once=True)
    elif plan.reason.code == "changed_after_shipping" and _shipped_by_us(record):
        _tell_reduced(tx, record, {line: -units for line, units in left.items() if units < 0})


def _tell_reduced(tx: Tx, record: OrderRecord, fewer: Mapping[str, int]) -> None:
    """As with a canceled order, for a part of it; what comes back or was paid back is known to all."""
    settled = Returns(tx).settled(record.id)
    units = sum(max(0, count - settled[line]) for line, count in fewer.items())
    if units == 0:
        tx.close_case("shipped_though_reduced", record.subject)
        return
    reason = Reason.of(
        "shipped_though_reduced",
        order=record.order.name, channel=record.order.channel, units=units,
    )  # fmt: skip
    case = Case("shipped_though_reduced", record.subject, reason, Severity.WARNING)
    tx.open_case(case, once=True)


def _shipped_by_us(record: OrderRecord) -> bool:
    return any(one.state in _SHIPPED and one.reference != ELSEWHERE for one in record.fulfillments)


_MOVED = "address_changed"
#: We had it ended, and its channel did not show it so for long.
_NOT_SHOWN = "cancellation_not_shown"


def _watch_addresses(tx: Tx, records: Sequence[OrderRecord]) -> None:
    """A place was asked to ship to another address than the order has now: a person tells it."""
    asked = [
        (record, one)
        for record in records
        for one in record.fulfillments
        if one.label_mark is not None and not one.shadow
    ]
    if not asked:
        return
    told = set(
        tx.connection.execute(
            select(cases.c.subject).where(cases.c.kind == _MOVED, cases.c.state == "open")
        ).scalars()
    )
    for record, one in asked:
        mark, subject = label_mark(record.order.ship_to), f"request {one.key}"
        gone = one.state in _DEAD or not one.sent
        # An address that was erased changed nothing.
        if gone or mark is None or one.label_mark == mark:
            if subject in told:
                tx.close_case(_MOVED, subject)
            continue
        reason = Reason.of(
            "address_changed",
            order=record.order.name,
            channel=record.order.channel,
            location=one.location,
            key=one.key,
            label=mark[:8],
        )
        tx.open_case(Case(_MOVED, subject, reason, Severity.CRITICAL), once=True)


def _watch_late_regrets(tx: Tx, records: Sequence[OrderRecord]) -> None:
    """A buyer asks to cancel what is in a parcel: nothing stops it, and a person tells the buyer."""
    for record in records:
        asking = {one.remote_id for one in record.order.lines if one.cancel_requested}
        late = [line for line in asking if record.shipped.get(line)]
        if not late or record.order.canceled_at or _tried_to_end(tx, record, late):
            continue
        reason = Reason.of(
            "cancel_request_too_late",
            order=record.order.name,
            channel=record.order.channel,
            location=", ".join(
                sorted({one.location for one in _live(record) if one.state in _SHIPPED})
            ),
        )
        case = Case("cancel_request_too_late", record.subject, reason, Severity.CRITICAL)
        tx.close_case("cancel_request_at_place", record.subject)
        tx.open_case(case, once=True)


def _tried_to_end(tx: Tx, record: OrderRecord, lines: Sequence[str]) -> bool:
    """All of these lines: that has a Case of its own."""
    tried: set[str] = set()
    for one in Effects(tx).of_order(record.id, "cancellation"):
        tried.update(wanted_by(one, record).lines)
    return tried.issuperset(lines)


def _may_route(verdict: Verdict, allocation: Allocation) -> bool:
    """Nothing holds the order, and there is a place for each unit that is to ship now."""
    return (
        verdict.stage is OrderStage.NEW
        and bool(allocation.claims)
        and (allocation.complete or allocation.partly)
        and allocation.blocked is None
    )


def _decide_one(
    tx: Tx, run: Run, routed: _Routed, record: OrderRecord, scope: Scope, verdict: Verdict,
    allocation: Allocation,
) -> None:  # fmt: skip
    stage, shadow = record.stage, False
    waits = Reason.of("order_waiting", order=record.order.name)
    if verdict.stage in (OrderStage.CANCELED, OrderStage.RECORDED):
        stage = _progress(record) if _in_hand(record, verdict.stage) else verdict.stage
        _close(tx, record)
        if record.canceling:
            tx.close_case(_NOT_SHOWN, record.subject)
    elif verdict.stage is OrderStage.HELD:
        stage = OrderStage.HELD
    elif allocation.claims and not allocation.complete:
        stage = OrderStage.WAITING
        waits = _wait(tx, run, record, allocation)
        if _may_route(verdict, allocation):
            shadow = _route(run, routed, record, allocation, scope)
    elif allocation.claims and allocation.blocked:
        stage = OrderStage.WAITING
        waits = _block(tx, record, allocation, allocation.blocked)
    elif _may_route(verdict, allocation):
        shadow = _route(run, routed, record, allocation, scope)
        stage = OrderStage.ROUTED
        _close(tx, record)
    elif record.fulfillments:
        stage = _progress(record)
    routed.holds.append((record, verdict.holds))
    routed.settled.append((record.id, stage, shadow))
    _tell(tx, record, stage, verdict, allocation, waits)


def _in_hand(record: OrderRecord, stage: OrderStage) -> bool:
    """Somebody shipped, or (unless it is canceled) may yet: the parcels tell the rest."""
    may_ship = stage is not OrderStage.CANCELED
    return any(
        one.state not in _DEAD
        and not one.shadow
        and ((may_ship and one.sent) or one.state in _SHIPPED)
        for one in record.fulfillments
    )


def _progress(record: OrderRecord) -> OrderStage:
    """How far the parcels of a wholly routed order are."""
    live = _live(record)
    if not live:
        return OrderStage.CANCELED if record.order.canceled_at else record.stage
    if any(one.state not in _SHIPPED for one in live):
        return OrderStage.ROUTED
    if record.parcels and all(status is TrackingStatus.DELIVERED for _, status in record.parcels):
        return OrderStage.DELIVERED
    return OrderStage.SHIPPED


def _route(
    run: Run, routed: _Routed, record: OrderRecord, allocation: Allocation, scope: Scope
) -> bool:
    """One fulfillment per location, its request an intent in the same transaction. True: shadow."""
    permission, shadow = _all_may(scope, allocation), _is_shadow(scope, allocation)
    skus = sorted({claim.sku for claim in allocation.claims})
    number = max((one.number for one in record.fulfillments), default=0)
    by_location: dict[str, list[tuple[str, Sku, int, int]]] = {}
    for claim in allocation.claims:
        if claim.location is None:
            assert allocation.partly, "only a part of an order is routed before the rest is there"
            continue
        known = record.resolved[claim.line]
        assert known.sku is not None
        per_unit = run.wiring.components(known.sku, known.units_per_sale)[claim.sku]
        by_location.setdefault(claim.location, []).append(
            (claim.line, claim.sku, claim.quantity, per_unit)
        )
    for location, lines in sorted(by_location.items()):
        number += 1
        key = request_key(record.order.channel, record.order.remote_id, number)
        routed.fulfillments.append(
            NewFulfillment(
                record.id,
                number,
                location,
                key,
                shadow,
                lines,
                allocation.services.get(location, ""),
                allocation.ship_on.get(location),
            )
        )
        if shadow:
            continue
        place = run.wiring.location(location)
        assert place is not None, "claims name configured locations"
        routed.intents.append(
            Intent(
                kind="request",
                connection=place.ships_through,
                scope=record.order.channel,
                subject=record.subject,
                order_id=record.id,
                number=number,
                key=key,
                request=json_text([location, lines]),
                sku=skus[0] if len(skus) == 1 else None,
                proposed=not permission.allowed,
            )
        )
        routed.waking.add(f"{place.ships_through}/requests")
    return shadow


def _is_shadow(scope: Scope, allocation: Allocation) -> bool:
    """It is only watched what would be asked for: nobody is, whatever a person releases."""
    permission = _all_may(scope, allocation)
    return not permission.allowed and permission.reason.code != "mode_propose"


def _all_may(scope: Scope, allocation: Allocation) -> Permission:
    """A stop delays a request, it does not unmake it: the push waits, so it counts as allowed here."""
    if scope.stopped and scope.mode is not Mode.OBSERVE:
        scope = Scope(mode=scope.mode, skus=scope.skus, share=scope.share, stopped=False)
    permission = may_write(scope, sku=None)
    for sku in sorted({claim.sku for claim in allocation.claims}):
        permission = may_write(scope, sku=sku)
        if not permission.allowed:
            break
    return permission


#: Cases about an order that waits: for units, for units that were promised later, for a way.
_UNFILLABLE, _OVERDUE, _UNROUTABLE = "unfillable", "promise_overdue", "unroutable"

#: why an order must not be routed -> the Case about it
_BLOCKED = {
    "too_many_places": "unroutable_places",
    "no_service": "unroutable_service",
    "program_late": "unroutable_program_late",
    "program_place": "unroutable_program_place",
    "program_service": "unroutable_program_service",
    "program_unmet": "unroutable_program",
}


def _block(tx: Tx, record: OrderRecord, allocation: Allocation, why: Reason) -> Reason:
    """Nothing is missing, and still nobody may ship it: a person changes a rule, or the order."""
    order, channel = record.order.name, record.order.channel
    for kind in (_UNFILLABLE, _OVERDUE):
        tx.close_case(kind, record.subject)
    reason = Reason.of(_BLOCKED[why.code], order=order, channel=channel, **why.args)
    if tx.open_case(Case(_UNROUTABLE, record.subject, reason, Severity.CRITICAL)):
        for one in (why, *allocation.reasons):
            if one.code not in ("allocated_whole", "allocated_part"):
                tx.decide(record.subject, one)
    return Reason.of("order_unroutable", order=order)


def _wait(tx: Tx, run: Run, record: OrderRecord, allocation: Allocation) -> Reason:
    """Open the Case that fits an order without units, and say for what it waits.

    A preorder or backorder waits as its buyer knows: that is no trouble before its day is over.
    """
    order, channel = record.order.name, record.order.channel
    until = _promised_until(run, record, allocation)
    if until is None:
        args = {"order": order, "channel": channel, "missing": _missing(allocation)}
        # What a channel calls a thing may be taken for a Sku of its own that nobody ever had.
        alike = _alike(run, record, allocation)
        reason = (
            Reason.of("unfillable_alike", **args, alike=alike)
            if alike
            else Reason.of("unfillable", **args)
        )
        tx.close_case(_OVERDUE, record.subject)
        tx.close_case(_UNROUTABLE, record.subject)
        tx.open_case(Case(_UNFILLABLE, record.subject, reason, Severity.CRITICAL))
        return Reason.of("order_waiting", order=order)
    waits = Reason.of("order_waiting_until", order=order, until=until.isoformat())
    if tx.close_case(_UNFILLABLE, record.subject):
        # It waited before somebody promised its units: the stage does not change.
        tx.decide(record.subject, waits)
    if run.wiring.day(tx.now) < until:
        tx.close_case(_OVERDUE, record.subject)
        return waits
    reason = Reason.of(
        "promise_overdue",
        order=order,
        channel=channel,
        until=until.isoformat(),
        missing=_missing(allocation),
    )
    # Once, also after a person has seen to it: the order is decided again whenever units come.
    tx.open_case(Case(_OVERDUE, record.subject, reason, Severity.INFO), once=True)
    return waits


def _alike(run: Run, record: OrderRecord, allocation: Allocation) -> str:
    """Missing Skus that are written nowhere, beside the written ones that look like them."""
    lines = {claim.line for claim in allocation.claims if claim.location is None}
    missing = sorted({sku for line in lines if (sku := record.resolved[line].sku)})
    found = {sku: run.wiring.loaded.catalog.looks_like(sku) for sku in missing}
    return ", ".join(f"{sku!a} ~ {like!a}" for sku, like in found.items() if like)


def _promised_until(run: Run, record: OrderRecord, allocation: Allocation) -> date | None:
    """The day by which every missing unit is promised; None: some of them nobody promised."""
    policies, channel = run.wiring.loaded.policies, record.order.channel
    if channel not in run.wiring.config.channels:
        return None
    placed_on = run.wiring.day(record.order.placed_at)
    days = []
    for name in {claim.line for claim in allocation.claims if claim.location is None}:
        sku = record.resolved[name].sku
        assert sku is not None, "only lines with a Sku ask for units"
        try:
            policy = policies.policy_for(sku, channel, today=placed_on)
        except RuleFailed:
            return None  # it is told where the number is decided
        until = promised_until(policy, placed_on=placed_on)
        if until is None:
            return None
        days.append(until)
    return max(days, default=None)


def _missing(allocation: Allocation) -> str:
    missing: dict[Sku, int] = {}
    for claim in allocation.claims:
        if claim.location is None:
            missing[claim.sku] = missing.get(claim.sku, 0) + claim.quantity
    return ", ".join(f"{sku} x{units}" for sku, units in sorted(missing.items()))


def _close(tx: Tx, record: OrderRecord) -> None:
    if record.stage is OrderStage.WAITING:
        for kind in (_UNFILLABLE, _OVERDUE, _UNROUTABLE):
            tx.close_case(kind, record.subject)


def _tell(
    tx: Tx, record: OrderRecord, stage: OrderStage, verdict: Verdict, allocation: Allocation,
    waits: Reason,
) -> None:  # fmt: skip
    """Keep the reasons, once per change of stage or hold. `waits`: for what, where it does."""
    order = record.order.name
    for hold in verdict.holds:
        if record.open_holds.get(hold.code) != hold.reason.args:
            tx.decide(record.subject, hold.reason)
        if hold.code not in record.open_holds:
            tx.decide(record.subject, Reason.of("order_held", order=order, hold=hold.code))
            if hold.code == "cancel_requested":
                tx.wake(f"{record.order.channel}/{CANCELLATIONS}")
    for code in sorted(record.open_holds.keys() - {hold.code for hold in verdict.holds}):
        tx.decide(record.subject, Reason.of("order_released", order=order, hold=code))
    if verdict.releases is not None:
        for code in sorted(record.released_holds.keys() - verdict.releases.keys()):
            tx.decide(record.subject, Reason.of("release_used_up", order=order, hold=code))
    if allocation.partly and _may_route(verdict, allocation):
        _tell_part(tx, record, allocation)
    if stage is record.stage and stage is not OrderStage.ROUTED:
        return
    if stage is OrderStage.ROUTED and allocation.claims:
        for reason in allocation.reasons:
            tx.decide(record.subject, reason)
        places = sorted({claim.location for claim in allocation.claims if claim.location})
        tx.decide(
            record.subject, Reason.of("order_routed", order=order, location=", ".join(places))
        )
    elif stage is OrderStage.WAITING:
        for reason in allocation.reasons:
            if reason.code == "allocated_barred":
                tx.decide(record.subject, reason)
        tx.decide(record.subject, waits)
    elif stage in (OrderStage.CANCELED, OrderStage.RECORDED):
        tx.decide(record.subject, verdict.reason)
    elif stage is OrderStage.DELIVERED:
        tx.decide(record.subject, Reason.of("parcel_delivered", order=order))


def _tell_part(tx: Tx, record: OrderRecord, allocation: Allocation) -> None:
    """A part ships now: from where, and what stays behind."""
    for reason in allocation.reasons:
        tx.decide(record.subject, reason)
    places = sorted({claim.location for claim in allocation.claims if claim.location})
    tx.decide(
        record.subject,
        Reason.of(
            "order_routed_partly",
            order=record.order.name,
            location=", ".join(places),
            missing=_missing(allocation),
        ),
    )


# --- offers --------------------------------------------------------------------------------------


def decide_offers(run: Run) -> None:
    """Decide again what every channel should show of the Skus whose stock or listing changed."""
    while True:
        with run.transaction() as tx:
            skus = Stock(tx).take_dirty(SKUS_AT_ONCE)
            if skus:
                _serve_waiting(tx, run, skus)
                recompute(tx, run.wiring, skus)
                tx.wake(*run.wiring.reservation_units)
        if len(skus) < SKUS_AT_ONCE:
            return


def _serve_waiting(tx: Tx, run: Run, skus: Sequence[Sku]) -> None:
    """Units came or were freed, by whatever way: orders that wait for them are decided again.

    A policy that changed may let a Kit have them, and its orders wait for its components. Those that
    nobody may ship as they are may now come from fewer places.
    """
    orders = Orders(tx)
    parts = {part for sku in skus for part in run.wiring.components(sku, 1)}
    asked = sorted({*skus, *parts})
    waiting = [*orders.waiting(asked), *orders.unroutable(asked)]
    if waiting:
        orders.decide_again(waiting)
        tx.wake("core/orders")
