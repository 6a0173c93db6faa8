"""What keeps the store honest between events: overdue answers, erasure of what is no longer needed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import and_, delete, select, update

from core.model.catalog import ChannelId, Sku
from core.model.orders import OrderStage
from jobs import links
from jobs.exposure import reckon_again
from jobs.overdue import watch_requests
from jobs.run import Run
from jobs.store.offers import Offers
from jobs.store.orders import Orders
from jobs.store.sales import Sales
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import effect, listing, order_line, orders, party, payload
from jobs.watch import expire_units, finish_rollbacks, watch_feeds

_SETTLED = (str(OrderStage.DELIVERED), str(OrderStage.CANCELED), str(OrderStage.RECORDED))
#: Rows erased in one transaction.
ERASE_AT_ONCE = 5_000


def look_after(run: Run) -> None:
    """Open Cases for silence, erase personal data and raw records whose time has come."""
    if run.lease.cursor != run.wiring.loaded.digest:
        with run.transaction() as tx:
            _name_again(tx, run)
            _decide_afresh(tx, run)
            tx.advance(run.wiring.loaded.digest)
    with run.transaction() as tx:
        reckon_again(tx, run.wiring)
    with run.transaction() as tx:
        watch_requests(tx, run)
    with run.transaction() as tx:
        _ship_parts(tx, run)
    with run.transaction() as tx:
        watch_feeds(tx, run)
        expire_units(tx, run)
        finish_rollbacks(tx)
    with run.transaction() as tx:
        _erase(tx, run)


def _name_again(tx: Tx, run: Run) -> None:
    """The configuration changed: what channels call things may mean other Skus now.

    Remotes send a listing or an order again only when it changes there, so an admin's new alias
    would otherwise never reach what is recorded.
    """
    touched: set[Sku] = set()
    renamed: list[tuple[ChannelId, str]] = []
    for row in tx.rows(select(listing)):
        sku, units = run.wiring.sku_of(row.channel, row.remote_id, row.remote_sku)
        if (sku, units) == (row.sku, row.units_per_sale):
            continue
        tx.connection.execute(
            update(listing)
            .where(listing.c.channel == row.channel, listing.c.remote_id == row.remote_id)
            .values(sku=sku, units_per_sale=units)
        )
        touched.update(one for one in (sku, row.sku) if one is not None)
        renamed.append((row.channel, row.remote_id))
    # A number wanted under the name that is gone must not be written under none.
    Offers(tx).disown(renamed)
    Stock(tx).mark_dirty(touched)
    _name_lines_again(tx, run)


def _decide_afresh(tx: Tx, run: Run) -> None:
    """The configuration changed: what follows from it besides numbers (`dates`) is worked out again.

    A twin or a rule that is gone would otherwise stay in force until the next sale.
    """
    offers = Offers(tx)
    for channel, remote in offers.remote_locations().items():
        offers.disown_elsewhere(channel, run.wiring.shown_places(channel, remote))
    open_still = select(orders.c.id).where(
        orders.c.stage.in_([str(OrderStage.HELD), str(OrderStage.WAITING)])
    )
    found = list(tx.connection.execute(open_still).scalars())
    if found:
        Orders(tx).decide_again(found)
        tx.wake("core/orders")


def _name_lines_again(tx: Tx, run: Run) -> None:
    """Lines of a Sku nobody knew; a line that was known keeps its name, units are held under it."""
    named: list[int] = []
    sold: set[tuple[ChannelId, date]] = set()
    unknown = (
        select(order_line, orders.c.channel, orders.c.placed_at)
        .join(orders, orders.c.id == order_line.c.order_id)
        .where(order_line.c.sku.is_(None), orders.c.stage.not_in(_SETTLED))
    )
    for row in tx.rows(unknown):
        sku, units = run.wiring.sku_of(row.channel, row.listing_remote_id, row.remote_sku)
        if sku is None:
            continue
        tx.connection.execute(
            update(order_line)
            .where(order_line.c.order_id == row.order_id, order_line.c.remote_id == row.remote_id)
            .values(sku=sku, units_per_sale=units)
        )
        named.append(row.order_id)
        sold.add((row.channel, run.wiring.day(row.placed_at)))
    if named:
        Sales(tx).mark(sold)
        Orders(tx).decide_again(named)
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
