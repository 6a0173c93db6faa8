"""What keeps the store honest between events: overdue answers, erasure of what is no longer needed."""

from __future__ import annotations

from sqlalchemy import and_, delete, select, update

from core.model.cases import Case, Severity
from core.model.fulfillment import FulfillmentState
from core.model.orders import OrderStage
from core.model.reasons import Reason
from jobs.run import Run
from jobs.store.store import Tx
from jobs.store.tables import effect, fulfillment, orders, party, payload

_SETTLED = (str(OrderStage.DELIVERED), str(OrderStage.CANCELED), str(OrderStage.RECORDED))
#: Rows erased in one transaction.
ERASE_AT_ONCE = 5_000


def look_after(run: Run) -> None:
    """Open Cases for silence, erase personal data and raw records whose time has come."""
    with run.transaction() as tx:
        _overdue(tx, run)
    with run.transaction() as tx:
        _erase(tx, run)


def _overdue(tx: Tx, run: Run) -> None:
    for name, described in run.wiring.config.locations.items():
        waiting = tx.rows(
            select(fulfillment.c.key, fulfillment.c.state).where(
                fulfillment.c.location == name,
                fulfillment.c.state == str(FulfillmentState.REQUESTED),
                fulfillment.c.requested_at < tx.now - described.acknowledge_within,
            )
        )
        for row in waiting:
            reason = Reason.of("request_overdue", key=row.key, location=name)
            tx.open_case(Case("request_overdue", f"request {row.key}", reason))
        late = tx.rows(
            select(fulfillment.c.key).where(
                fulfillment.c.location == name,
                fulfillment.c.state.in_(
                    [str(FulfillmentState.REQUESTED), str(FulfillmentState.ACKNOWLEDGED)]
                ),
                fulfillment.c.requested_at < tx.now - described.ship_within,
            )
        )
        for row in late:
            reason = Reason.of("shipment_overdue", key=row.key, location=name)
            tx.open_case(Case("shipment_overdue", f"request {row.key}", reason, Severity.CRITICAL))


def _erase(tx: Tx, run: Run) -> None:
    """Addresses go some time after the order is settled; so do raw records and request files."""
    keep = run.wiring.config.orders.keep_personal_data
    settled = select(orders.c.id).where(orders.c.stage.in_(_SETTLED))
    tx.connection.execute(
        update(party)
        .where(party.c.erase_after.is_(None), party.c.order_id.in_(settled))
        .values(erase_after=tx.now + keep)
    )
    tx.connection.execute(
        delete(party).where(and_(party.c.erase_after.is_not(None), party.c.erase_after <= tx.now))
    )
    gone = select(payload.c.id).where(payload.c.erase_after <= tx.now).limit(ERASE_AT_ONCE)
    tx.connection.execute(delete(payload).where(payload.c.id.in_(gone)))
    tx.connection.execute(
        update(effect)
        .where(
            effect.c.state == "done",
            effect.c.document.is_not(None),
            effect.c.sent_at <= tx.now - keep,
        )
        .values(document=None)
    )
