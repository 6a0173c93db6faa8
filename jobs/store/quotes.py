"""Prices that carriers named: asked ahead, used while they are valid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, delete, select

from core.model.carriage import Quote
from core.model.catalog import ChannelId, FulfilledBy, Sku
from core.model.orders import OrderStage
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import order_line, orders, party, rate_quote

#: Orders that may be routed yet, or again.
_OPEN = (str(OrderStage.NEW), str(OrderStage.HELD), str(OrderStage.WAITING))
_KEY = ("area", "origin", "connection", "basis", "service", "grams")


@dataclass(frozen=True, slots=True)
class Source:
    """Who names a price, for what, from where."""

    connection: str
    basis: str
    #: the carrier's own code
    service: str
    origin: str


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """One answer for one service, or why there is none."""

    area: str
    origin: str
    connection: str
    basis: str
    service: str
    grams: int
    #: minor units of the shop's currency; None: `problem` says why
    cents: int | None
    days: int | None
    #: not_offered, refused, unreadable, currency, absurd; "": a price
    problem: str
    asked_at: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where an order goes and what is in it: enough to ask for prices, and nothing of the buyer."""

    channel: ChannelId
    postal_code: str
    state: str
    open: bool
    #: (Sku, units of it in one of the line, units of the line)
    lines: Sequence[tuple[Sku, int, int]]


class Quotes:
    """Statements about prices that carriers named, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def valid(self, area: str) -> Mapping[Source, Sequence[Quote]]:
        """Every price into a three-digit ZIP area that holds now."""
        found: dict[Source, list[Quote]] = defaultdict(list)
        for row in self._tx.rows(
            select(rate_quote).where(
                rate_quote.c.area == area,
                rate_quote.c.valid_until > self._tx.now,
                rate_quote.c.cents.is_not(None),
            )
        ):
            source = Source(row.connection, row.basis, row.service, row.origin)
            found[source].append(Quote(row.grams, row.cents, row.days, row.asked_at))
        return found

    def rows(
        self, connection: str, basis: str | None = None, *, after: datetime
    ) -> Sequence[QuoteRow]:
        """What the connection answered that still holds at an instant, prices or not."""
        held = [rate_quote.c.connection == connection, rate_quote.c.valid_until > after]
        if basis is not None:
            held.append(rate_quote.c.basis == basis)
        query = select(rate_quote).where(*held)
        order = (rate_quote.c.origin, rate_quote.c.area, rate_quote.c.service, rate_quote.c.grams)
        return [QuoteRow(**row._mapping) for row in self._tx.rows(query.order_by(*order))]

    def record(self, rows: Iterable[QuoteRow]) -> None:
        """The newest answer of a lane, service and weight stands for all earlier ones."""
        upsert(self._tx.connection, rate_quote, [asdict(one) for one in rows], key=_KEY)

    def forget(self, connection: str, *, before: datetime) -> None:
        """Drop what ended before an instant."""
        self._tx.connection.execute(
            delete(rate_quote).where(
                rate_quote.c.connection == connection, rate_quote.c.valid_until < before
            )
        )

    def wanted(
        self, channels: Collection[ChannelId], *, placed_after: datetime, limit: int
    ) -> Sequence[Wanted]:
        """The newest US orders that are open, and those placed since, with what we ship of them."""
        heads = select(
            orders.c.id, orders.c.channel, orders.c.stage, party.c.postal_code, party.c.region
        ).join(party, and_(party.c.order_id == orders.c.id, party.c.role == "ship_to"))
        found = {
            row.id: row
            # Two statements, as each has its own index.
            for which in (
                (orders.c.stage.in_(_OPEN),),
                (orders.c.placed_at >= placed_after, orders.c.stage != str(OrderStage.CANCELED)),
            )
            for row in self._tx.rows(
                heads.where(orders.c.channel.in_(sorted(channels)), party.c.country == "US", *which)
                .order_by(orders.c.id.desc())
                .limit(limit)
            )
        }
        lines = self._lines(found)
        return [
            Wanted(row.channel, row.postal_code, row.region, row.stage in _OPEN, lines[number])
            for number, row in sorted(found.items(), reverse=True)
            if number in lines
        ]

    def _lines(self, numbers: Collection[int]) -> Mapping[int, Sequence[tuple[Sku, int, int]]]:
        found: dict[int, list[tuple[Sku, int, int]]] = defaultdict(list)
        for chunk in chunks(numbers, 500):
            for row in self._tx.rows(
                select(order_line)
                .where(
                    order_line.c.order_id.in_(chunk),
                    order_line.c.sku.is_not(None),
                    order_line.c.requires_shipping,
                    order_line.c.fulfilled_by == str(FulfilledBy.US),
                    order_line.c.current > 0,
                )
                .order_by(order_line.c.order_id, order_line.c.remote_id)
            ):
                found[row.order_id].append((row.sku, row.units_per_sale, row.current))
        return found
