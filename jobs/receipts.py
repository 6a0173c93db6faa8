"""RECEIPTS: which of our documents a trading partner could read, and what we tell it of its own."""

from __future__ import annotations

from datetime import timedelta

from core.model.cases import Case, Severity
from core.model.fulfillment import Acknowledgment, AcknowledgmentStatus, FulfillmentState
from core.model.reasons import Reason
from core.model.receipts import OwedReceipt, Receipt
from core.ports import ReceiptSource
from core.rules.modes import may_write
from jobs.answers import record_acknowledgment
from jobs.purchase import KIND as PURCHASE
from jobs.push import Handing, hand_over
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.parcels import Parcels
from jobs.store.permissions import RECEIPTS, Permissions
from jobs.store.purchases import Purchases
from jobs.store.store import Tx

KIND = "receipt"
#: What was missed for so long is missed no more: its Case was opened, or its answer came without it.
MISSED_FOR = timedelta(days=14)


def exchange_receipts(run: Run, connection: str) -> None:
    """Take what the partner says of our documents, tell it what we owe, miss what is late."""
    source = run.wiring.connector(connection, ReceiptSource)
    for batch in source.pull_receipts(since=run.lease.cursor):
        with run.transaction() as tx:
            for one in batch.items:
                if isinstance(one, Receipt):
                    record_receipt(tx, run, connection, one)
            _owe(tx, connection, [one for one in batch.items if isinstance(one, OwedReceipt)])
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor, complete_to=batch.complete_to)
    if source.receipts_within is not None:
        _miss(run, connection, within=source.receipts_within)
    _tell(run, connection, source)


def record_receipt(tx: Tx, run: Run, connection: str, told: Receipt) -> None:
    """Read: noted. Not read: the partner knows nothing of it, so a request goes to others."""
    effects = Effects(tx)
    effect = effects.numbered(connection, told.serial)
    if effect is None or effect.kind == KIND:
        reason = Reason.of("unknown_document", source=connection, number=told.serial)
        tx.open_case(Case("unknown_document", f"document {connection} {told.serial}", reason))
        return
    subject = _subject(effect)
    tx.close_case("receipt_overdue", subject)
    if told.accepted:
        effects.received(effect, told.at)
        return
    args = {"key": effect.key, "source": connection, "faults": told.faults[:200]}
    known = _was_answered(tx, effect)
    # Who said what of it will come has read it: others are not asked for the same.
    reason = (
        Reason.of("document_unread_yet_answered", **args)
        if known
        else Reason.of("document_unread", **args)
    )
    if tx.open_case(Case(reason.code, subject, reason, Severity.CRITICAL)):
        tx.decide(effect.subject, reason)
    effects.received(effect, told.at)
    if effect.kind == "request" and not known:
        refusal = Acknowledgment(
            effect.key, AcknowledgmentStatus.REJECTED, told.at, raw_status=told.faults[:200]
        )
        record_acknowledgment(tx, run.wiring, connection, refusal)


def _was_answered(tx: Tx, effect: EffectRow) -> bool:
    """Whether the partner took what it now says it could not read, or shipped of it."""
    if effect.kind == PURCHASE:
        order = Purchases(tx).get(effect.key)
        return order is not None and order.acknowledged_at is not None
    found = Parcels(tx).requested(effect.key)
    return found is not None and found.state in (
        FulfillmentState.ACKNOWLEDGED, FulfillmentState.PARTIALLY_SHIPPED,
        FulfillmentState.SHIPPED, FulfillmentState.DELIVERED,
    )  # fmt: skip


def _owe(tx: Tx, connection: str, owed: list[OwedReceipt]) -> None:
    """Where nothing is written to the partner, nothing is owed: it would be sent when that changes."""
    permission = may_write(Permissions(tx).scope(connection, RECEIPTS), sku=None)
    if not owed:
        return
    if permission.reason.code == "mode_observe":
        if Effects(tx).any_numbered(connection):
            reason = Reason.of("receipts_untold", source=connection)
            tx.open_case(Case("receipts_untold", f"connection {connection}", reason), once=True)
        return
    for one in owed:
        if others := Effects(tx).others(KIND, connection, begins=one.number, key=one.key):
            reason = Reason.of("document_number_twice", source=connection, number=one.number)
            tx.open_case(Case("document_number_twice", f"document {others[0]}", reason))
    Effects(tx).plan(
        [
            Intent(
                kind=KIND,
                connection=connection,
                scope=connection,
                subject=f"document {one.key}",
                order_id=None,
                number=0,
                key=one.key,
                request=one.told,
                told=one.told,
                proposed=permission.reason.code == "mode_propose",
            )
            for one in owed
        ]
    )


def _miss(run: Run, connection: str, *, within: timedelta) -> None:
    with run.transaction() as tx:
        late = tx.now - within
        for effect in Effects(tx).not_received(
            connection, sent_after=late - MISSED_FOR, sent_before=late
        ):
            reason = Reason.of("receipt_overdue", key=effect.key, source=connection)
            tx.open_case(Case("receipt_overdue", _subject(effect), reason), once=True)


def _subject(effect: EffectRow) -> str:
    return f"{effect.kind} {effect.key}"


def _tell(run: Run, connection: str, source: ReceiptSource) -> None:
    def document(tx: Tx, effect: EffectRow) -> bytes | None:
        assert effect.told is not None, effect.key
        return effect.document or source.receipt_document(
            effect.told, serial=Effects(tx).number(effect), at=tx.now
        )

    def handed_over(tx: Tx, effect: EffectRow, reference: str) -> None:
        Effects(tx).done(effect, remote_ref=reference)

    hand_over(
        run,
        connection,
        Handing(
            kind=KIND,
            flow=RECEIPTS,
            document=document,
            stage=source.stage_receipt,
            release=source.release_receipt,
            find=source.find_receipt,
            handed_over=handed_over,
        ),
    )
