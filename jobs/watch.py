"""WATCH: feeds that fall silent, units held for orders that wait too long, rollbacks that end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select, update

from core.model.cases import FiringAlert, Severity
from core.model.orders import OrderStage
from core.model.reasons import Reason
from core.rules.calendars import NeverOpen
from core.rules.freshness import Freshness, freshness
from core.rules.modes import Mode
from core.rules.review import UNPAID
from jobs.places import rhythm_of
from jobs.run import Run
from jobs.store.feeds import Feeds
from jobs.store.orders import Orders
from jobs.store.permissions import Permissions
from jobs.store.rollbacks import Rollbacks
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import hold, orders, reservation

#: Orders whose units are let go in one transaction.
ORDERS_AT_ONCE = 500

# --- feeds ---------------------------------------------------------------------------------------


def watch_feeds(tx: Tx, run: Run) -> None:
    """Decide how fresh each location's figures are; a change is told, and its Skus decided again."""
    feeds = Feeds(tx)
    before = feeds.states()
    for place in run.wiring.locations:
        rhythm = rhythm_of(run.wiring, place, now=tx.now)
        if rhythm is None:
            continue
        known = before.pop(place.id, None)
        watched_from = known.watched_from if known else tx.now
        received_at, as_of = feeds.last(place.id)
        try:
            verdict = freshness(
                place.id,
                received_at=received_at,
                as_of=as_of,
                watched_from=watched_from,
                rhythm=rhythm,
                now=tx.now,
            )
        except NeverOpen:
            # A place that never opens sends nothing, and nothing is due.
            before.update({place.id: known} if known else {})
            continue
        if known and (known.state, known.since, known.reason) == (
            verdict.state,
            verdict.since,
            verdict.reason,
        ):
            continue
        feeds.set_state(place.id, verdict, watched_from=watched_from)
        if (known.state if known else Freshness.FRESH) is not verdict.state:
            tx.decide(f"location {place.id}", verdict.reason)
            # What may be shown of a stale location's units is another number.
            Stock(tx).mark_dirty(Stock(tx).known_at(place.id))
            tx.wake("core/alerts")
    for location in before:
        feeds.forget(location)
        Stock(tx).mark_dirty(Stock(tx).known_at(location))
        tx.wake("core/alerts")


def quiet_feeds(tx: Tx) -> list[FiringAlert]:
    """What fires while figures do not come; a stale location is told as one that is silent no more."""
    found = []
    for one in Feeds(tx).states().values():
        labels = (("location", one.location),)
        if one.state is Freshness.SILENT:
            found.append(FiringAlert("feed_silent", labels, one.reason))
        elif one.state is Freshness.STALE:
            found.append(FiringAlert("feed_stale", labels, one.reason, Severity.CRITICAL))
    return found


# --- channels that go back to the old way of working ---------------------------------------------


def finish_rollbacks(tx: Tx) -> None:
    """Once a channel shows what it showed before us, it is only observed: nothing of it is ours to write.

    Where a person chose another mode meanwhile, the rollback ends and what is wanted is decided afresh.
    """
    rollbacks, permissions = Rollbacks(tx), Permissions(tx)
    for channel in rollbacks.in_force():
        if permissions.scope(channel, "offers").mode is Mode.PROPOSE:
            if rollbacks.left(channel):
                continue
            permissions.set_mode(
                channel, "offers", Mode.OBSERVE, skus=None, share=None, by="lockstep"
            )
            tx.decide(f"channel {channel}", Reason.of("rollback_done", channel=channel))
        rollbacks.end(channel)
        Stock(tx).mark_dirty(rollbacks.skus(channel))


# --- holds on units ------------------------------------------------------------------------------


def expire_units(tx: Tx, run: Run) -> None:
    """Orders held too long for something keep their units no more (`ledger.expire`).

    Only units nobody was asked to ship. The order stays held, says why it has none, and asks for
    them again as soon as it is no longer held or changes.
    """
    for code, after in _expiring(run.wiring.config.ledger.expire):
        due = tx.rows(
            select(orders.c.id, orders.c.channel, orders.c.remote_id, orders.c.name)
            .join(hold, hold.c.order_id == orders.c.id)
            .where(
                hold.c.code == code,
                hold.c.released_at.is_(None),
                hold.c.opened_at <= tx.now - after,
                orders.c.stage == str(OrderStage.HELD),
                orders.c.expired_at.is_(None),
            )
            .order_by(orders.c.id)
            .limit(ORDERS_AT_ONCE)
        )
        if due:
            _let_go(tx, due, code, hours=int(after.total_seconds()) // 3600)


def _expiring(written: Mapping[str, timedelta]) -> Iterator[tuple[str, timedelta]]:
    """Hold -> after how long; `unpaid` stands for all that keeps the money away, unless named too."""
    for code, after in written.items():
        yield code, after
        if code == "unpaid":
            for other in UNPAID.values():
                if other not in written:
                    yield other, after


def _let_go(tx: Tx, due: Sequence[Row[Any]], code: str, *, hours: int) -> None:
    numbers = [row.id for row in due]
    held = tx.rows(
        select(reservation.c.id, reservation.c.order_id, reservation.c.quantity).where(
            reservation.c.order_id.in_(numbers),
            reservation.c.state == "open",
            reservation.c.fulfillment.is_(None),
        )
    )
    Stock(tx).release([row.id for row in held], state="expired")
    tx.connection.execute(update(orders).where(orders.c.id.in_(numbers)).values(expired_at=tx.now))
    for row in due:
        units = sum(one.quantity for one in held if one.order_id == row.id)
        tx.decide(
            f"order {row.channel} {row.remote_id}",
            Reason.of("units_expired", order=row.name, units=units, hold=code, hours=hours),
        )
    Orders(tx).decide_again(numbers)
    tx.wake("core/orders")
