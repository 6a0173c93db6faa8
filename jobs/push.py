"""PUSH: close the gap between what we want and what others acknowledged.

Effects (requests, confirmations) happen once: intent, `sending` committed, call, record; after a
crash or a lost answer the remote is asked before anything is repeated (I4). Levels (quantities) are
written as often as it takes: an unknown outcome is read back and planned again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from core.errors import (
    ConnectorError,
    LeaseLost,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId, OfferOutcome, OfferResult
from core.model.fulfillment import FulfillmentLine, ShipRequest
from core.model.orders import Address
from core.model.reasons import Reason
from core.ports import Handover, OfferTarget, RequestTarget, ShipmentTarget
from core.rules.effects import EffectFacts, EffectState, EffectStep, confirm_key, next_move
from core.rules.modes import Scope, may_write
from core.rules.plans import unsafe
from core.rules.publishing import Move, Pace, next_step
from jobs.claims import needs
from jobs.run import Run, Stopped
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.offers import OfferRow, Offers
from jobs.store.orders import OrderRecord, Orders
from jobs.store.parcels import Parcels
from jobs.store.permissions import Permissions
from jobs.store.plans import Plans
from jobs.store.store import Tx
from jobs.store.types import json_text

#: Effects read at once.
EFFECTS_AT_ONCE = 500
#: Offers looked at in one run of a channel's push; what is left makes the unit due at once.
OFFERS_AT_ONCE = 1_000
#: Offers per call to a remote.
OFFERS_PER_CALL = 250
#: Clock seconds: the longest call plus its retries, before the remote's own settling.
CALL = timedelta(seconds=60)
#: How soon an offer is looked at again that waits for its channel's orders, or for a person.
WHILE_BEHIND = timedelta(seconds=15)
WHILE_UNSAFE = timedelta(minutes=5)


# --- effects -------------------------------------------------------------------------------------


def _each_effect(
    run: Run, connection: str, kind: str, *, repeat_is_edit: bool, staged: bool,
    steps: dict[EffectStep, Callable[[EffectRow], None]],
) -> None:  # fmt: skip
    """Carry every live effect one step on; one that fails does not stop the others."""
    for effect in _live(run, connection, kind):
        move = next_move(
            EffectFacts(
                state=effect.state,
                attempts=effect.attempts,
                settle_until=effect.settle_until,
                repeat_is_edit=repeat_is_edit,
                can_ask=True,
                staged_kind=staged,
            ),
            now=run.clock.now(),
        )
        step = steps.get(move.step)
        if move.step is EffectStep.PARK:
            _park(run, effect)
        if step is None:
            continue
        try:
            step(effect)
        except Stopped:
            continue
        except (RateLimited, Unavailable, Unauthorized):
            # The remote is in trouble as a whole: the unit backs off, the effects stay as they are.
            raise
        except ConnectorError as error:
            # This one alone could not be asked about, or made; it is looked at again.
            run.log.info("effect left as it is", key=effect.key, problem=str(error))


def _live(run: Run, connection: str, kind: str) -> Iterator[EffectRow]:
    """Every live effect, page by page: what may not go out now keeps nothing else waiting."""
    last = 0
    while True:
        with run.reading() as tx:
            page = Effects(tx).live(connection, kind, after=last, limit=EFFECTS_AT_ONCE)
        yield from page
        if len(page) < EFFECTS_AT_ONCE:
            return
        last = page[-1].id


def _permitted(run: Run, effect: EffectRow, flow: str) -> bool:
    """An effect that is planned in the mode `propose` was released by a person."""
    with run.reading() as tx:
        permission = may_write(Permissions(tx).scope(effect.scope, flow), sku=effect.sku)
    return permission.allowed or permission.reason.code == "mode_propose"


def _carry_out(run: Run, effect: EffectRow, call: Callable[[], str]) -> str | None:
    """Make the call of an effect that is `sending`; record what it means. The remote's ref, or None."""
    try:
        return call()
    except (RateLimited, Unavailable, Unauthorized) as error:
        # These say that nothing of ours took effect (core.errors): planned as before.
        with run.transaction() as tx:
            Effects(tx).planned_again(effect, response=str(error))
        raise
    except Rejected as error:
        with run.transaction() as tx:
            Effects(tx).refused(effect, response=str(error))
            _open_refused(tx, effect, error)
        return None
    except UnknownOutcome as error:
        with run.transaction() as tx:
            Effects(tx).unknown(effect, response=str(error))
            tx.decide(effect.subject, Reason.of("effect_unknown", key=effect.key, kind=effect.kind))
        return None


def _open_refused(tx: Tx, effect: EffectRow, error: Rejected) -> None:
    code = "confirmation_refused" if effect.kind == "confirmation" else "request_refused"
    reason = Reason.of(code, key=effect.key, words=str(error)[:200])
    tx.decide(effect.subject, reason)
    tx.open_case(Case(code, f"{effect.kind} {effect.key}", reason, Severity.CRITICAL))


def _park(run: Run, effect: EffectRow) -> None:
    """Neither a repeat nor a question is safe: a person decides."""
    with run.transaction() as tx:
        Effects(tx).parked(effect, response=effect.response)
        reason = Reason.of("effect_parked", key=effect.key, kind=effect.kind)
        tx.decide(effect.subject, reason)
        tx.open_case(
            Case("effect_parked", f"{effect.kind} {effect.key}", reason, Severity.CRITICAL)
        )


# --- requests to ship ----------------------------------------------------------------------------


def push_requests(run: Run, connection: str) -> None:
    """Hand requests to a place that ships: staged, committed, renamed, committed."""
    target = run.wiring.connector(connection, RequestTarget)

    def send(effect: EffectRow) -> None:
        if not _permitted(run, effect, "requests"):
            return
        with run.transaction() as tx:
            record = Orders(tx).load([effect.order_id])[0]
            if not _still_wanted(tx, record, effect):
                return
            document = effect.document or target.request_document(
                _ship_request(record, effect, at=tx.now)
            )
            if not Effects(tx).sending(
                effect, settle_until=tx.now + CALL, fence=run.lease.fence, document=document
            ):
                return
        run.before_write(effect.scope, "requests")
        if _carry_out(
            run, effect, lambda: (target.stage_request(effect.key, document), "staged")[1]
        ):
            release(effect)

    def release(effect: EffectRow) -> None:
        with run.transaction() as tx:
            Effects(tx).staged(effect)
        run.before_write(effect.scope, "requests")
        with run.transaction() as tx:
            # From here on "gone" can only mean "handed over".
            Effects(tx).releasing(effect, settle_until=tx.now + CALL)
        try:
            reference = target.release_request(effect.key)
        except (RateLimited, Unavailable, UnknownOutcome) as error:
            # Staged it stays; the next run looks where it is before it renames again.
            run.log.info("release in doubt", key=effect.key, problem=str(error))
            return
        except Rejected:
            _park(run, effect)
            return
        handed_over(effect, reference)

    def ask(effect: EffectRow) -> None:
        with run.reading() as tx:
            effect = Effects(tx).get(effect.id)
        where = target.find_request(effect.key, effect.document or b"")
        if effect.state is EffectState.STAGED:
            if where is Handover.STAGED:
                release(effect)
            elif where in (Handover.DELIVERED, Handover.ABSENT):
                handed_over(effect, effect.key)
            else:
                _park(run, effect)
        elif where in (Handover.ABSENT, Handover.PARTIAL):
            # A staging name is picked up by nobody, and it was never renamed: start over.
            with run.transaction() as tx:
                Effects(tx).planned_again(effect)
                effect = Effects(tx).get(effect.id)
            send(effect)
        elif where is Handover.STAGED:
            release(effect)
        else:
            _park(run, effect)

    def handed_over(effect: EffectRow, reference: str) -> None:
        with run.transaction() as tx:
            Effects(tx).handed_over(effect, remote_ref=reference)
            tx.decide(
                effect.subject,
                Reason.of("request_handed_over", key=effect.key, location=connection),
            )

    _each_effect(
        run, connection, "request", repeat_is_edit=False, staged=True,
        steps={EffectStep.SEND: send, EffectStep.ASK: ask, EffectStep.RELEASE: release},
    )  # fmt: skip


def _still_wanted(tx: Tx, record: OrderRecord, effect: EffectRow) -> bool:
    """Nothing was canceled, held or taken away since the request was planned, or proved not sent."""
    if record.open_holds:
        return False
    lines = {
        line for one in record.fulfillments if one.number == effect.number for line, _ in one.lines
    }
    if all(units >= 0 for line, units in needs(record).items() if line in lines):
        return True
    # It was in doubt when that was decided, or it is not decided yet: now it can be taken back.
    Orders(tx).decide_again([record.id])
    tx.wake("core/orders")
    return False


def _ship_request(record: OrderRecord, effect: EffectRow, *, at: datetime) -> ShipRequest:
    found = next(one for one in record.fulfillments if one.number == effect.number)
    return ShipRequest(
        key=effect.key,
        location=found.location,
        order_name=record.order.name,
        lines=tuple(
            FulfillmentLine(line, sku, quantity, per_unit)
            for (line, sku), (quantity, per_unit, _) in sorted(found.lines.items())
        ),
        ship_to=record.order.ship_to or Address(),
        service=record.order.service,
        requested_at=at,
        ship_by=record.order.ship_by,
    )


# --- shipment confirmations ----------------------------------------------------------------------


def push_confirmations(run: Run, channel: ChannelId) -> None:
    """Tell the channel about every parcel of its orders, once per parcel."""
    connection = run.wiring.connection_of[channel]
    target = run.wiring.channel(channel, ShipmentTarget)
    settle = run.wiring.config.channels[channel].settle
    _plan_confirmations(run, channel)

    def send(effect: EffectRow) -> None:
        if not _permitted(run, effect, "shipments"):
            return
        with run.transaction() as tx:
            shipment = Parcels(tx).shipment(effect.order_id, effect.number)
            if not Effects(tx).sending(
                effect, settle_until=tx.now + CALL + settle, fence=run.lease.fence
            ):
                return
        run.before_write(channel, "shipments")
        reference = _carry_out(run, effect, lambda: target.push_shipment(shipment, key=effect.key))
        if reference is not None:
            confirmed(effect, reference, found=False)

    def ask(effect: EffectRow) -> None:
        with run.reading() as tx:
            shipment = Parcels(tx).shipment(effect.order_id, effect.number)
        reference = target.find_shipment(shipment, key=effect.key)
        if reference is not None:
            confirmed(effect, reference, found=True)
            return
        with run.transaction() as tx:
            Effects(tx).planned_again(effect)
            effect = Effects(tx).get(effect.id)
        send(effect)

    def confirmed(effect: EffectRow, reference: str, *, found: bool) -> None:
        with run.transaction() as tx:
            Effects(tx).done(effect, remote_ref=reference)
            shipment = Parcels(tx).shipment(effect.order_id, effect.number)
            if found:
                tx.decide(
                    effect.subject, Reason.of("effect_found", key=effect.key, kind=effect.kind)
                )
            tx.decide(
                effect.subject,
                Reason.of(
                    "shipment_confirmed",
                    channel=channel,
                    carrier=shipment.carrier,
                    number=shipment.tracking_number,
                ),
            )

    _each_effect(
        run, connection, "confirmation", repeat_is_edit=target.shipment_repeat_is_edit, staged=False,
        steps={EffectStep.SEND: send, EffectStep.ASK: ask},
    )  # fmt: skip


def _plan_confirmations(run: Run, channel: ChannelId) -> None:
    """An intent for every parcel that has none: decided where the mode allows, never in observe."""
    with run.reading() as tx:
        permission = may_write(Permissions(tx).scope(channel, "shipments"), sku=None)
        if not permission.allowed and permission.reason.code not in (
            "mode_propose",
            "outside_share",
        ):
            return
        parcels = Parcels(tx).unconfirmed(channel, limit=500)
    if not parcels:
        return
    with run.transaction() as tx:
        orders = Orders(tx)
        intents = []
        for shipment in parcels:
            order_id = orders.find(channel, shipment.order)
            assert order_id is not None, "a parcel belongs to a recorded order"
            intents.append(
                Intent(
                    kind="confirmation",
                    connection=run.wiring.connection_of[channel],
                    scope=channel,
                    subject=f"order {channel} {shipment.order}",
                    order_id=order_id,
                    number=shipment.package_number,
                    key=confirm_key(channel, shipment.order, shipment.package_number),
                    request=json_text([shipment.carrier, shipment.tracking_number]),
                    proposed=permission.reason.code == "mode_propose",
                )
            )
        Effects(tx).plan(intents)


# --- quantities ----------------------------------------------------------------------------------


def push_offers(run: Run, channel: ChannelId) -> timedelta | None:
    """Write what differs, lowering first; at once again when more is left than one run looks at."""
    target = run.wiring.channel(channel, OfferTarget)
    pace = _pace(run, channel)
    with run.reading() as tx:
        offers = Offers(tx)
        due = offers.to_look_at(channel, limit=OFFERS_AT_ONCE)
        complete_to = run.store.units.complete_to(tx.connection, f"{channel}/orders")
        scope = Permissions(tx).scope(channel, "offers")
        zeroed, live = offers.zeroing(channel)
        approved = Plans(tx).approved("offers", channel)
    guard = run.wiring.config.plan
    danger = unsafe(
        zeroed=zeroed, live=live, most_zeroed=guard.most_zeroed, least_offers=guard.least_offers
    )
    if approved and danger is None:
        with run.transaction() as tx:
            Plans(tx).use_up("offers", channel)
    if not due:
        return None
    if approved:
        danger = None
    reading: list[OfferRow] = []
    pushing: list[OfferRow] = []
    waiting: list[tuple[OfferRow, datetime | None]] = []
    for row in due:
        step = next_step(row.state, orders_complete_to=complete_to, now=run.clock.now(), pace=pace)
        if step.move is Move.PUSH and _barred(row, scope):
            # Not for ever: what bars it may be gone before this is recorded.
            waiting.append((row, run.clock.now() + pace.read_every))
        elif step.move is Move.PUSH and danger and row.change.quantity == 0:
            waiting.append((row, run.clock.now() + WHILE_UNSAFE))
        elif step.move is Move.READ:
            reading.append(row)
        elif step.move is Move.PUSH:
            pushing.append(row)
        elif step.move is Move.WAIT:
            waiting.append((row, step.not_before or run.clock.now() + WHILE_BEHIND))
        else:
            waiting.append((row, step.not_before))
    with run.transaction() as tx:
        offers = Offers(tx)
        for row, until in waiting:
            offers.wait([row], until=until)
        _tell_danger(tx, channel, danger)
    _read(run, channel, target, reading, pace)
    # Lower before anything is raised: the other order can sell what is gone.
    lowering = [row for row in pushing if _lowers(row)]
    raising = [row for row in pushing if not _lowers(row)]
    for group in (lowering, raising):
        for start in range(0, len(group), OFFERS_PER_CALL):
            _push(run, channel, target, group[start : start + OFFERS_PER_CALL], pace)
    return timedelta(0) if len(due) == OFFERS_AT_ONCE else None


def _lowers(row: OfferRow) -> bool:
    return row.change.shown is None or row.change.quantity < row.change.shown


def _barred(row: OfferRow, scope: Scope) -> bool:
    """Refused as it is, or not ours to write: looked at again when the want or the mode changes."""
    if row.refused_version == row.wanted_version:
        return True
    permission = may_write(scope, sku=row.sku)
    released = row.released_version == row.wanted_version
    return not (permission.allowed or (permission.reason.code == "mode_propose" and released))


def _pace(run: Run, channel: ChannelId) -> Pace:
    described = run.wiring.config.channels[channel]
    target = run.wiring.channel(channel, OfferTarget)
    return Pace(
        settle=described.settle,
        verify_after=described.verify_after,
        read_every=run.wiring.config.pace.offers_read,
        compare_and_set=target.compare_and_set,
        index_lag=timedelta(seconds=target.order_lag),
    )


def _tell_danger(tx: Tx, channel: ChannelId, danger: Reason | None) -> None:
    subject = f"channel {channel}"
    if danger:
        args = {**danger.args, "channel": channel}
        tx.open_case(Case("unsafe_plan", subject, Reason(danger.code, args), Severity.CRITICAL))
    else:
        tx.close_case("unsafe_plan", subject)


def _read(
    run: Run, channel: ChannelId, target: OfferTarget, rows: Sequence[OfferRow], pace: Pace
) -> None:
    for start in range(0, len(rows), OFFERS_PER_CALL):
        part = rows[start : start + OFFERS_PER_CALL]
        readings = target.read_offers([row.change for row in part])
        with run.transaction() as tx:
            lost = Offers(tx).read(readings, look_at=tx.now)
            answered = {one.key for one in readings}
            silent = [row for row in part if row.change.key not in answered]
            Offers(tx).wait(silent, until=tx.now + max(pace.settle, WHILE_BEHIND))
            for key, sent, shown in lost:
                row = next(row for row in part if row.change.key == key)
                tx.decide(
                    f"sku {row.sku}",
                    Reason.of("offer_lost", sku=row.sku, channel=channel, sent=sent, shown=shown),
                )
            # What is shown may differ because of an order we have not seen: look at the channel's orders.
            tx.wake(f"{channel}/offers")


def _push(
    run: Run, channel: ChannelId, target: OfferTarget, rows: Sequence[OfferRow], pace: Pace
) -> None:
    with run.transaction() as tx:
        Offers(tx).sending(rows, look_at=tx.now + CALL)
    run.before_write(channel, "offers")
    by_key = {row.change.key: row for row in rows}
    try:
        results = target.push_offers([row.change for row in rows], attempt=uuid.uuid4().hex)
    except LeaseLost:
        raise
    except ConnectorError:
        with run.transaction() as tx:
            for row in rows:
                Offers(tx).not_sent(row, read_due=True, look_at=tx.now + timedelta(seconds=30))
        raise
    with run.transaction() as tx:
        for result in results:
            _record_result(tx, channel, by_key[result.key], result, pace)


def _record_result(
    tx: Tx, channel: ChannelId, row: OfferRow, result: OfferResult, pace: Pace
) -> None:
    offers = Offers(tx)
    args: dict[str, str | int] = {
        "sku": row.sku,
        "channel": channel,
        "quantity": row.change.quantity,
    }
    if (
        result.outcome in (OfferOutcome.SHOWN, OfferOutcome.SENT)
        and row.refused_version is not None
    ):
        tx.close_case("offer_refused", f"offer {channel} {row.change.key.remote_id}")
    match result.outcome:
        case OfferOutcome.SHOWN:
            offers.shown(
                row, at=tx.now, submission=result.submission, look_at=tx.now + pace.read_every
            )
            tx.decide(f"sku {row.sku}", Reason.of("offer_shown", **args))
        case OfferOutcome.SENT:
            offers.sent(row, submission=result.submission, look_at=tx.now + pace.verify_after)
            tx.decide(f"sku {row.sku}", Reason.of("offer_sent", **args))
        case OfferOutcome.STALE:
            offers.not_sent(row, read_due=True, look_at=tx.now)
            tx.wake(f"{channel}/orders", f"{channel}/offers")
        case OfferOutcome.LATER:
            offers.not_sent(row, read_due=False, look_at=tx.now)
        case OfferOutcome.UNKNOWN:
            offers.not_sent(row, read_due=True, look_at=tx.now + pace.settle)
        case OfferOutcome.REFUSED:
            words = f"{result.code} {result.message}".strip()[:300]
            offers.refused(row, words=words)
            reason = Reason.of("offer_refused", **args, words=words)
            tx.decide(f"sku {row.sku}", reason)
            tx.open_case(
                Case("offer_refused", f"offer {channel} {row.change.key.remote_id}", reason)
            )
