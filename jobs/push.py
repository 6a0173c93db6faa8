"""PUSH: close the gap between what we want and what others acknowledged.

Effects (requests, confirmations) happen once: intent, `sending` committed, call, record; after a
crash or a lost answer the remote is asked before anything is repeated (I4).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from core.errors import (
    ConnectorError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId
from core.model.fulfillment import FulfillmentLine, ShipRequest, SoldAs
from core.model.orders import Address
from core.model.reasons import Reason
from core.ports import Handover, Key, RemoteRef, RequestTarget, ShipmentTarget
from core.rules.addresses import as_posted, label_mark
from core.rules.effects import (
    EffectFacts,
    EffectState,
    EffectStep,
    confirm_key,
    next_move,
    short_key,
)
from core.rules.modes import may_write
from jobs.claims import needs
from jobs.goods import counted_as, goods_of, titles_of
from jobs.rejections import reject
from jobs.run import Run, Stopped
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.orders import OrderRecord, Orders
from jobs.store.parcels import Parcels
from jobs.store.permissions import Permissions
from jobs.store.store import Tx
from jobs.store.types import json_text
from jobs.wiring import Wiring

#: Effects read at once.
EFFECTS_AT_ONCE = 500
#: Offers looked at in one run of a channel's push; what is left makes the unit due at once.
OFFERS_AT_ONCE = 1_000
#: Offers per call to a remote.
OFFERS_PER_CALL = 250
#: Clock seconds: the longest call plus its retries, before the remote's own settling.
CALL = timedelta(seconds=60)
#: What a connector calls it when its format has no way to say a document (core.errors.Rejected).
UNWRITABLE = "unwritable"
#: How soon an offer is looked at again that waits for its channel's orders, or for a person.
WHILE_BEHIND = timedelta(seconds=15)
WHILE_UNSAFE = timedelta(minutes=5)


# --- effects -------------------------------------------------------------------------------------


def each_effect(
    run: Run, connection: str, kind: str, *, repeat_is_edit: bool, staged: bool,
    can_ask: bool = True, steps: dict[EffectStep, Callable[[EffectRow], None]],
) -> None:  # fmt: skip
    """Carry every live effect one step on; one that fails does not stop the others."""
    for effect in _live(run, connection, kind):
        move = next_move(
            EffectFacts(
                state=effect.state,
                attempts=effect.attempts,
                settle_until=effect.settle_until,
                repeat_is_edit=repeat_is_edit,
                can_ask=can_ask,
                staged_kind=staged,
            ),
            now=run.clock.now(),
        )
        step = steps.get(move.step)
        if move.step is EffectStep.PARK:
            park(run, effect)
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


def planned_again(run: Run, effect: EffectRow) -> EffectRow:
    """It is proved not to have landed: as before its first call."""
    with run.transaction() as tx:
        Effects(tx).planned_again(effect)
        return Effects(tx).get(effect.id)


def permitted(run: Run, effect: EffectRow, flow: str) -> bool:
    """An effect that is planned in the mode `propose` was released by a person."""
    with run.reading() as tx:
        permission = may_write(Permissions(tx).scope(effect.scope, flow), sku=effect.sku)
    return permission.allowed or permission.reason.code == "mode_propose"


def carry_out(
    run: Run, effect: EffectRow, call: Callable[[], str],
    *, refused: Callable[[Tx, Rejected], None] | None = None,
) -> str | None:  # fmt: skip
    """Make the call of an effect that is `sending`; record what it means. The remote's ref, or None.

    `refused`: what it means besides that the remote said no, recorded with it.
    """
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
            open_refused(tx, effect, error)
            if refused is not None:
                refused(tx, error)
        return None
    except UnknownOutcome as error:
        with run.transaction() as tx:
            Effects(tx).unknown(effect, response=str(error))
            tx.decide(effect.subject, Reason.of("effect_unknown", key=effect.key, kind=effect.kind))
        return None


def _refusal(kind: str) -> str:
    """What it is called when the remote says no to a write of this kind."""
    return {
        "confirmation": "confirmation_refused",
        "purchase": "purchase_refused",
        "reservation": "reservation_refused",
        "receipt": "receipt_refused",
        "cancellation": "cancellation_refused",
        "refund": "refund_refused",
        "return": "return_refused",
        "reminder": "reminder_refused",
    }.get(kind, "request_refused")


def open_refused(tx: Tx, effect: EffectRow, error: Rejected) -> None:
    """A Case: the remote said no to this write."""
    code = _refusal(effect.kind)
    if error.code == UNWRITABLE:
        # Nobody refused it: nobody saw it.
        code = "request_unwritable" if effect.kind == "request" else "document_unwritable"
    reason = Reason.of(code, key=effect.key, words=str(error)[:200])
    tx.decide(effect.subject, reason)
    tx.open_case(Case(code, f"{effect.kind} {effect.key}", reason, Severity.CRITICAL))


def park(run: Run, effect: EffectRow) -> None:
    """Neither a repeat nor a question is safe: a person decides."""
    with run.transaction() as tx:
        Effects(tx).parked(effect, response=effect.response)
        reason = Reason.of("effect_parked", key=effect.key, kind=effect.kind)
        tx.decide(effect.subject, reason)
        tx.open_case(
            Case("effect_parked", f"{effect.kind} {effect.key}", reason, Severity.CRITICAL)
        )


# --- requests to ship ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Handing:
    """How files of one kind go out: staged, committed, renamed, committed."""

    kind: str
    flow: str
    #: the file's bytes, of what is known now; None: it is not wanted (any more, or yet)
    document: Callable[[Tx, EffectRow], bytes | None]
    stage: Callable[[Key, bytes], object]
    release: Callable[[Key], RemoteRef]
    find: Callable[[Key, bytes], Handover]
    #: what it means that it lies where it is picked up
    handed_over: Callable[[Tx, EffectRow, RemoteRef], None]
    #: what it means that it cannot be said in a document of this kind; nobody ever saw it
    unwritable: Callable[[Tx, EffectRow, str], None] | None = None


class Requests:
    """What requests of one place are made of, and what it means that one is there."""

    def __init__(self, run: Run, connection: str, write: Callable[..., bytes]) -> None:
        self._run, self._connection, self._write = run, connection, write

    def document(self, tx: Tx, effect: EffectRow) -> bytes | None:
        """Of what is known now; None: it is not wanted any more."""
        record = Orders(tx).load([effect.of_order])[0]
        if not _still_wanted(tx, record, effect):
            return None
        (found,) = (one for one in record.fulfillments if one.number == effect.number)
        mark = label_mark(record.order.ship_to)
        if effect.document is not None and found.label_mark == mark:
            # An earlier attempt made it, and nothing of it landed.
            return effect.document
        Orders(tx).label(record.id, found.number, mark)
        request = _ship_request(tx, self._run.wiring, record, effect)
        return self._write(request, serial=Effects(tx).number(effect))

    def handed_over(self, tx: Tx, effect: EffectRow, reference: RemoteRef) -> None:
        Effects(tx).handed_over(effect, remote_ref=reference)
        tx.decide(
            effect.subject,
            Reason.of("request_handed_over", key=effect.key, location=self._connection),
        )

    def unwritable(self, tx: Tx, effect: EffectRow, words: str) -> None:
        """Nobody saw it, so nobody ships it: others are asked."""
        found = Parcels(tx).requested(effect.key)
        assert found is not None, effect.key
        reject(tx, self._run.wiring, found, word=words)


def push_requests(run: Run, connection: str) -> None:
    """Hand requests to a place that ships."""
    target = run.wiring.connector(connection, RequestTarget)
    requests = Requests(run, connection, target.request_document)
    hand_over(
        run,
        connection,
        Handing(
            kind="request",
            flow="requests",
            document=requests.document,
            stage=target.stage_request,
            release=target.release_request,
            find=target.find_request,
            handed_over=requests.handed_over,
            unwritable=requests.unwritable,
        ),
    )


def refuse(
    run: Run, effect: EffectRow, error: Rejected,
    unwritable: Callable[[Tx, EffectRow, str], None] | None,
) -> None:  # fmt: skip
    """Its document cannot be made: it never goes out."""
    with run.transaction() as tx:
        Effects(tx).refused(effect, response=str(error))
        open_refused(tx, effect, error)
        if unwritable is not None:
            unwritable(tx, effect, str(error))


def hand_over(run: Run, connection: str, handing: Handing) -> None:
    """Hand this connection's files of one kind over, each exactly once (I4)."""

    def send(effect: EffectRow) -> None:
        if not permitted(run, effect, handing.flow):
            return
        try:
            with run.transaction() as tx:
                document = handing.document(tx, effect)
                if document is None:
                    return
                if not Effects(tx).sending(
                    effect, settle_until=tx.now + CALL, fence=run.lease.fence, document=document
                ):
                    return
        except Rejected as error:
            refuse(run, effect, error, handing.unwritable)
            return
        run.before_write(effect.scope, handing.flow)
        if carry_out(run, effect, lambda: (handing.stage(effect.key, document), "staged")[1]):
            release(effect)

    def release(effect: EffectRow) -> None:
        with run.transaction() as tx:
            Effects(tx).staged(effect)
        run.before_write(effect.scope, handing.flow)
        with run.transaction() as tx:
            # From here on "gone" can only mean "handed over".
            Effects(tx).releasing(effect, settle_until=tx.now + CALL)
        try:
            reference = handing.release(effect.key)
        except (RateLimited, Unavailable, UnknownOutcome) as error:
            # Staged it stays; the next run looks where it is before it renames again.
            run.log.info("release in doubt", key=effect.key, problem=str(error))
            return
        except Rejected:
            park(run, effect)
            return
        handed_over(effect, reference)

    def ask(effect: EffectRow) -> None:
        with run.reading() as tx:
            effect = Effects(tx).get(effect.id)
        where = handing.find(effect.key, effect.document or b"")
        if effect.state is EffectState.STAGED:
            if where is Handover.STAGED:
                release(effect)
            elif where in (Handover.DELIVERED, Handover.ABSENT):
                handed_over(effect, effect.key)
            else:
                park(run, effect)
        elif where in (Handover.ABSENT, Handover.PARTIAL):
            # A staging name is picked up by nobody, and it was never renamed: start over.
            send(planned_again(run, effect))
        elif where is Handover.STAGED:
            release(effect)
        else:
            park(run, effect)

    def handed_over(effect: EffectRow, reference: RemoteRef) -> None:
        with run.transaction() as tx:
            handing.handed_over(tx, effect, reference)

    each_effect(
        run, connection, handing.kind, repeat_is_edit=False, staged=True,
        steps={EffectStep.SEND: send, EffectStep.ASK: ask, EffectStep.RELEASE: release},
    )  # fmt: skip


def _still_wanted(tx: Tx, record: OrderRecord, effect: EffectRow) -> bool:
    """Nothing was canceled, held or taken away since the request was planned, or proved not sent.

    What changed and is not decided yet waits for that: it may be held, or go elsewhere.
    """
    if record.open_holds or record.canceling or Orders(tx).is_undecided(record.id):
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


def _ship_request(tx: Tx, wiring: Wiring, record: OrderRecord, effect: EffectRow) -> ShipRequest:
    found = next(one for one in record.fulfillments if one.number == effect.number)
    return ShipRequest(
        key=effect.key,
        location=found.location,
        order_name=record.order.name,
        lines=tuple(
            FulfillmentLine(line, sku, quantity, per_unit)
            for (line, sku), (quantity, per_unit, _) in sorted(found.lines.items())
        ),
        ship_to=as_posted(record.order.ship_to or Address()),
        # A place of which no services are known is told which the shop's rules want.
        service=found.service or "/".join(record.asked.services or ()) or record.order.service,
        requested_at=tx.now,
        ship_by=record.order.ship_by,
        note="; ".join(record.asked.notes),
        short_key=short_key(effect.key),
        goods=goods_of(tx, wiring, found.location, (sku for _, sku in found.lines)),
        counted=counted_as(tx, wiring, found.location, {sku for _, sku in found.lines}),
        sold=_sold(record, {line for line, _ in found.lines}),
        titles=titles_of(tx, wiring, {sku for _, sku in found.lines}),
    )


def _sold(record: OrderRecord, lines: Collection[str]) -> dict[str, SoldAs]:
    """What these lines of the order were sold as; without those whose Sku nobody knows any more."""
    return {
        line.remote_id: SoldAs(known.sku, line.title)
        for line in record.order.lines
        if line.remote_id in lines
        and (known := record.resolved.get(line.remote_id))
        and known.sku is not None
    }


# --- shipment confirmations ----------------------------------------------------------------------


def push_confirmations(run: Run, channel: ChannelId) -> None:
    """Tell the channel about every parcel of its orders, once per parcel."""
    connection = run.wiring.connection_of[channel]
    target = run.wiring.channel(channel, ShipmentTarget)
    settle = run.wiring.config.channels[channel].settle
    _plan_confirmations(run, channel)

    def send(effect: EffectRow) -> None:
        if not permitted(run, effect, "shipments"):
            return
        with run.transaction() as tx:
            shipment = Parcels(tx).shipment(effect.of_order, effect.number)
            if not Effects(tx).sending(
                effect, settle_until=tx.now + CALL + settle, fence=run.lease.fence
            ):
                return
        run.before_write(channel, "shipments")
        reference = carry_out(run, effect, lambda: target.push_shipment(shipment, key=effect.key))
        if reference is not None:
            confirmed(effect, reference, found=False)

    def ask(effect: EffectRow) -> None:
        with run.reading() as tx:
            shipment = Parcels(tx).shipment(effect.of_order, effect.number)
        reference = target.find_shipment(shipment, key=effect.key)
        if reference is not None:
            confirmed(effect, reference, found=True)
            return
        send(planned_again(run, effect))

    def confirmed(effect: EffectRow, reference: str, *, found: bool) -> None:
        with run.transaction() as tx:
            Effects(tx).done(effect, remote_ref=reference)
            shipment = Parcels(tx).shipment(effect.of_order, effect.number)
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

    each_effect(
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
