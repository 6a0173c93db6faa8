"""What sold on which day, and when it could not: the history that forecasts are made of.

Orders are counted once: a page of orders marks its channel and days, and whoever takes the marks
counts those days anew. Nothing here reads orders one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
    update,
)

from core.model.catalog import ChannelId, Sku
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import (
    movement,
    order_line,
    orders,
    sales_day,
    sales_mark,
    stock_level,
    stock_out,
)

#: Days looked back: last year's span, the weeks before it to compare it with, and some.
WINDOW = 448
#: Stands for all Skus together in `sales_day`.
ALL = ""
#: Orders the seller canceled for want of units: what they asked for was wanted all the same.
#: Shopify OrderCancelReason INVENTORY; Amazon's cancellation reason NoInventory.
FOR_WANT_OF_UNITS = ("inventory", "noinventory")


@dataclass(frozen=True, slots=True)
class Sold:
    """Units of one Sku, as it is sold (a Kit is one), on one channel and day."""

    sku: Sku
    channel: ChannelId
    day: date
    units: int


def _placed(channel: ChannelId, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Orders of a channel that were placed by then and are no tests."""
    return (
        orders.c.channel == channel,
        orders.c.test.is_(False),
        # A replacement sells nothing a second time.
        orders.c.replaces.is_(None),
        orders.c.placed_at <= until,
    )


class Sales:
    """Statements about daily sales and days without stock, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    # --- reading ---------------------------------------------------------------------------------

    def hours(self, channel: ChannelId, *, since: datetime, until: datetime) -> dict[datetime, int]:
        """Beginning of an hour (UTC) -> orders placed in it on this channel, tests left out."""
        # One row for each hour, not for each order: a large shop has a million of them in that time.
        if self._connection.dialect.name == "sqlite":
            hour = func.substr(type_coerce(orders.c.placed_at, Text), 1, 13)
        else:
            hour = func.to_char(
                func.timezone("UTC", orders.c.placed_at), text("'YYYY-MM-DD\"T\"HH24'")
            )
        rows = self._connection.execute(
            select(hour, func.count())
            .where(*_placed(channel, until), orders.c.placed_at > since)
            .group_by(text("1"))
        )
        return {
            datetime.fromisoformat(f"{begins.replace(' ', 'T')}:00:00+00:00"): int(count)
            for begins, count in rows
        }

    def last_order(self, channel: ChannelId, *, until: datetime) -> datetime | None:
        """When the last order of this channel was placed; None: none was by then."""
        return self._connection.execute(
            select(func.max(orders.c.placed_at)).where(*_placed(channel, until))
        ).scalar()

    def of(self, skus: Iterable[Sku], *, first: date, until: date) -> list[Sold]:
        """What was sold of these from `first` to the day before `until`."""
        found: list[Sold] = []
        for chunk in chunks(sorted(set(skus)), 5_000):
            found.extend(
                Sold(row.sku, row.channel, row.day, row.units)
                for row in self._connection.execute(
                    select(sales_day).where(
                        sales_day.c.sku.in_(chunk),
                        sales_day.c.day >= first,
                        sales_day.c.day < until,
                    )
                )
            )
        return found

    def totals(self, *, first: date, until: date) -> list[tuple[date, int]]:
        """Units of all Skus together on each day that had any."""
        found = self._connection.execute(
            select(sales_day.c.day, func.sum(sales_day.c.units))
            .where(sales_day.c.sku == ALL, sales_day.c.day >= first, sales_day.c.day < until)
            .group_by(sales_day.c.day)
        )
        return [(day, int(units)) for day, units in found]

    def sold_since(self, first: date) -> set[Sku]:
        """Everything that sold on this day or later, as it is sold."""
        return set(
            self._connection.execute(
                select(sales_day.c.sku)
                .where(sales_day.c.day >= first, sales_day.c.sku != ALL)
                .distinct()
            ).scalars()
        )

    def out_of_stock(
        self, skus: Iterable[Sku], *, first: date
    ) -> dict[Sku, list[tuple[date, date | None]]]:
        """(first day, day it came back; None: still out) of each time these were out everywhere."""
        found: dict[Sku, list[tuple[date, date | None]]] = defaultdict(list)
        for chunk in chunks(sorted(set(skus)), 5_000):
            for row in self._connection.execute(
                select(stock_out)
                .where(
                    stock_out.c.sku.in_(chunk),
                    or_(stock_out.c.until.is_(None), stock_out.c.until > first),
                )
                .order_by(stock_out.c.sku, stock_out.c.day)
            ):
                found[row.sku].append((row.day, row.until))
        return found

    def first_moved(self, skus: Iterable[Sku]) -> dict[Sku, datetime]:
        """When the ledger first knew units of these."""
        found: dict[Sku, datetime] = {}
        for chunk in chunks(sorted(set(skus)), 5_000):
            found.update(
                (row.sku, row.at)
                for row in self._connection.execute(
                    select(movement.c.sku, func.min(movement.c.at).label("at"))
                    .where(movement.c.sku.in_(chunk))
                    .group_by(movement.c.sku)
                )
            )
        return found

    # --- marking what must be counted ------------------------------------------------------------

    def mark(self, days: Iterable[tuple[ChannelId, date]]) -> None:
        """Orders of these channels and days are new or changed: the days must be counted anew."""
        rows = [{"channel": channel, "day": day} for channel, day in sorted(set(days))]
        # Held until the end of the transaction where it is there already: whoever takes it now
        # would count without our orders, and take the mark with it.
        upsert(self._connection, sales_mark, rows, key=["channel", "day"], returning=[], hold=True)

    def marked(self, *, before: date, limit: int) -> list[tuple[ChannelId, date]]:
        """Take marks of days before this one; whoever takes them counts in this transaction.

        One that is being written right now is left: its writer may not have committed its orders.
        """
        query = (
            select(sales_mark)
            .where(sales_mark.c.day < before)
            .order_by(sales_mark.c.channel, sales_mark.c.day)
            .limit(limit)
        )
        if self._connection.dialect.name != "sqlite":
            query = query.with_for_update(skip_locked=True)
        found = [(row.channel, row.day) for row in self._connection.execute(query)]
        for chunk in chunks(found, 400):
            self._connection.execute(
                delete(sales_mark).where(tuple_(sales_mark.c.channel, sales_mark.c.day).in_(chunk))
            )
        return found

    def spans(self) -> list[tuple[ChannelId, datetime, datetime]]:
        """Each channel's first and last order: what there is to count from scratch."""
        found = self._connection.execute(
            select(orders.c.channel, func.min(orders.c.placed_at), func.max(orders.c.placed_at))
            .group_by(orders.c.channel)
            .order_by(orders.c.channel)
        )
        return [(channel, first, last) for channel, first, last in found]

    # --- counting --------------------------------------------------------------------------------

    def count(self, channel: ChannelId, day: date, *, begin: datetime, end: datetime) -> set[Sku]:
        """Count the orders placed from `begin` until `end` as those of this day.

        Canceled, removed and test units are taken off; returned ones were shipped, and stay. The
        Skus whose figure is another one than before.
        """
        now = dict(self._wanted(channel, begin, end))
        if now:
            now[ALL] = sum(now.values())
        here = and_(sales_day.c.channel == channel, sales_day.c.day == day)
        before = {
            row.sku: row.units
            for row in self._connection.execute(
                select(sales_day.c.sku, sales_day.c.units).where(here)
            )
        }
        changed = {sku for sku in now.keys() | before.keys() if now.get(sku) != before.get(sku)}
        for chunk in chunks(sorted(changed & before.keys()), 5_000):
            self._connection.execute(delete(sales_day).where(here, sales_day.c.sku.in_(chunk)))
        rows = [
            {"sku": sku, "channel": channel, "day": day, "units": now[sku]}
            for sku in sorted(changed & now.keys())
        ]
        if rows:
            self._connection.execute(insert(sales_day), rows)
        return changed - {ALL}

    def _wanted(
        self, channel: ChannelId, begin: datetime, end: datetime
    ) -> Sequence[tuple[Sku, int]]:
        kept = case(
            (order_line.c.current >= order_line.c.fulfilled, order_line.c.current),
            else_=order_line.c.fulfilled,
        )
        units = case(
            (orders.c.canceled_at.is_(None), kept),
            (func.lower(orders.c.cancel_reason).in_(FOR_WANT_OF_UNITS), order_line.c.ordered),
            else_=0,
        )
        total = func.sum(units * order_line.c.units_per_sale)
        found = self._connection.execute(
            select(order_line.c.sku, total)
            .join(orders, orders.c.id == order_line.c.order_id)
            .where(
                orders.c.channel == channel,
                orders.c.placed_at >= begin,
                orders.c.placed_at < end,
                orders.c.test.is_(False),
                # A replacement sells nothing a second time.
                orders.c.replaces.is_(None),
                order_line.c.sku.is_not(None),
                order_line.c.requires_shipping,
            )
            .group_by(order_line.c.sku)
            .having(total > 0)
        )
        return [(sku, int(count)) for sku, count in found]

    # --- days without stock ----------------------------------------------------------------------

    def look_at_shelves(self, today: date) -> None:
        """Take down what is out of stock everywhere as this day begins, and what came back.

        Days on which nobody looked (the daemon stood still) count as the day before them.
        """
        most = func.max(
            stock_level.c.on_hand - stock_level.c.committed - stock_level.c.safety_stock
        )
        there = select(stock_level.c.sku).group_by(stock_level.c.sku).having(most > 0)
        back = and_(stock_out.c.until.is_(None), stock_out.c.sku.in_(there))
        # Looked at twice on one day: it was back before the day was over.
        self._connection.execute(delete(stock_out).where(back, stock_out.c.day == today))
        self._connection.execute(update(stock_out).where(back).values(until=today))
        still = exists().where(stock_out.c.sku == stock_level.c.sku, stock_out.c.until.is_(None))
        gone = (
            select(stock_level.c.sku, literal(today, stock_out.c.day.type))
            .where(~still)
            .group_by(stock_level.c.sku)
            .having(most <= 0)
        )
        self._connection.execute(insert(stock_out).from_select(["sku", "day"], gone))
