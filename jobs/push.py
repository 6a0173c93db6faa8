"""PUSH: close the gap between what we want and what others acknowledged.

Requests to ship and confirmations of shipments, each of which happens once (`jobs.once`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from core.errors import RateLimited, Rejected, Unavailable, UnknownOutcome
from core.model.catalog import ChannelId
from core.model.fulfillment import FulfillmentLine, Shipment, ShipRequest, SoldAs
from core.model.orders import Address
from core.model.reasons import Reason
from core.ports import Handover, Key, RemoteRef, RequestTarget, ShipmentTarget
from core.rules.addresses import as_posted, label_mark
from core.rules.effects import EffectState, EffectStep, confirm_key, short_key
from core.rules.modes import may_write
from jobs.claims import needs
from jobs.goods import counted_as, goods_of, titles_of
from jobs.once import CALL, Write, each_effect, park, send, send_again
from jobs.rejections import reject
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.orders import OrderRecord, Orders
from jobs.store.parcels import Parcels
from jobs.store.permissions import Permissions
from jobs.store.store import Tx
from jobs.store.types import json_text
from jobs.wiring import Wiring

#: The channel may have it, or may get it yet.
IN_DOUBT = (
    EffectState.SENDING,
    EffectState.STAGED,
    EffectState.ACCEPTED,
    EffectState.UNKNOWN,
    EffectState.PARKED,
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
        reject(tx, self._run.wiring, found, word=words, at=tx.now)


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


def hand_over(run: Run, connection: str, handing: Handing) -> None:
    """Hand this connection's files of one kind over, each exactly once (I4)."""

    def stage(effect: EffectRow, document: bytes) -> str:
        handing.stage(effect.key, document)
        return "staged"

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
            send_again(run, write, effect)
        elif where is Handover.STAGED:
            release(effect)
        else:
            park(run, effect)

    def handed_over(effect: EffectRow, reference: RemoteRef) -> None:
        with run.transaction() as tx:
            handing.handed_over(tx, effect, reference)

    write = Write(
        handing.flow, handing.document, stage, lambda effect, *_: release(effect),
        unwritable=handing.unwritable,
    )  # fmt: skip
    each_effect(
        run, connection, handing.kind, staged=True,
        steps={
            EffectStep.SEND: partial(send, run, write), EffectStep.ASK: ask,
            EffectStep.RELEASE: release,
        },
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

    def parcel(tx: Tx, effect: EffectRow) -> Shipment:
        return Parcels(tx).shipment(effect.of_order, effect.number)

    def ready(tx: Tx, effect: EffectRow) -> Shipment | None:
        # What the channel has under a tracking number is read by that number: one at a time.
        doubt = Parcels(tx).beside(effect.of_order, effect.number, states=IN_DOUBT)
        return None if doubt else parcel(tx, effect)

    def ask(effect: EffectRow) -> None:
        with run.reading() as tx:
            shipment = parcel(tx, effect)
        reference = target.find_shipment(shipment, key=effect.key)
        if reference is not None:
            confirmed(effect, reference, found=True)
            return
        send_again(run, write, effect)

    def confirmed(effect: EffectRow, reference: str, *, found: bool) -> None:
        with run.transaction() as tx:
            Effects(tx).done(effect, remote_ref=reference)
            shipment = parcel(tx, effect)
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

    write = Write(
        "shipments", ready, lambda effect, it: target.push_shipment(it, key=effect.key),
        lambda effect, _, reference: confirmed(effect, reference, found=False), settle=settle,
    )  # fmt: skip
    each_effect(
        run, connection, "confirmation", repeat_is_edit=target.shipment_repeat_is_edit,
        steps={EffectStep.SEND: partial(send, run, write), EffectStep.ASK: ask},
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
