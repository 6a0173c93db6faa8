"""What keeps the store honest between events: overdue answers, erasure of what is no longer needed."""

from __future__ import annotations

from sqlalchemy import and_, delete, select, update

from core.model.orders import OrderStage
from jobs import links
from jobs.exposure import reckon_again
from jobs.overdue import watch_purchases, watch_requests
from jobs.reminders import plan_reminders
from jobs.renaming import name_again
from jobs.reviewing import RULE_FAILED
from jobs.run import Run
from jobs.store.offers import Offers
from jobs.store.orders import Orders
from jobs.store.store import Tx
from jobs.store.tables import cases, effect, orders, party, payload
from jobs.watch import expire_units, finish_rollbacks, watch_feeds

_SETTLED = (str(OrderStage.DELIVERED), str(OrderStage.CANCELED), str(OrderStage.RECORDED))
#: Rows erased in one transaction.
ERASE_AT_ONCE = 5_000


def look_after(run: Run) -> None:
    """Open Cases for silence, erase personal data and raw records whose time has come."""
    if run.lease.cursor != run.wiring.loaded.digest:
        with run.transaction() as tx:
            name_again(tx, run)
            tx.wake("core/names")
            _decide_afresh(tx, run)
            tx.advance(run.wiring.loaded.digest)
    with run.transaction() as tx:
        reckon_again(tx, run.wiring)
    with run.transaction() as tx:
        watch_requests(tx, run)
        watch_purchases(tx, run)
        plan_reminders(tx, run)
    with run.transaction() as tx:
        _ship_parts(tx, run)
    with run.transaction() as tx:
        watch_feeds(tx, run)
        expire_units(tx, run)
        finish_rollbacks(tx)
    with run.transaction() as tx:
        _erase(tx, run)


def _decide_afresh(tx: Tx, run: Run) -> None:
    """The configuration changed: what follows from it besides numbers (`dates`) is worked out again.

    A twin or a rule that is gone would otherwise stay in force until the next sale.
    """
    offers = Offers(tx)
    for channel, remote in offers.remote_locations().items():
        offers.disown_elsewhere(channel, run.wiring.shown_places(channel, remote))
    # A rule that still fails is told again by the first order it fails for.
    failed = select(cases.c.subject).where(cases.c.kind == RULE_FAILED, cases.c.state == "open")
    for subject in list(tx.connection.execute(failed).scalars()):
        tx.close_case(RULE_FAILED, subject)
    found = Orders(tx).unsent()
    if found:
        Orders(tx).decide_again(found)
        tx.wake("core/orders")


def _ship_parts(tx: Tx, run: Run) -> None:
    """Orders that have waited for their last units long enough ship what there is."""
    old = [
        number
        for channel, described in run.wiring.config.channels.items()
        if (after := described.ships_partly_after) is not None
        for number in Orders(tx).in_part(channel, placed_before=tx.now - after)
    ]
    if old:
        Orders(tx).decide_again(old)
        tx.wake("core/orders")


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
    links.forget(tx)
    tx.connection.execute(
        update(effect)
        .where(
            effect.c.state == "done",
            effect.c.document.is_not(None),
            effect.c.sent_at <= tx.now - keep,
        )
        .values(document=None)
    )
