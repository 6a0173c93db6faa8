"""Differences between what channels show and what we knew, and offers whose repair stopped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, exists, func, insert, or_, select, true, tuple_, update

from core.model.catalog import ChannelId, OfferKey, Sku
from core.rules.drift import Cause, Difference, Judgment
from jobs.store.bulk import chunks
from jobs.store.offers import OfferRow, offer_row
from jobs.store.store import Tx
from jobs.store.tables import (
    cases,
    decision,
    dirty_sku,
    drift,
    listing,
    offer,
    order_line,
    orders,
)

#: Channels stamp orders with whole seconds.
SECOND = timedelta(seconds=2)
#: A write of ours may come true this late.
LATE_WRITE = timedelta(days=1)
#: The latest numbers of ours that are looked through.
NUMBERS = 200


@dataclass(frozen=True, slots=True)
class Sighting:
    """A reading that is not what was expected."""

    key: OfferKey
    sku: Sku
    expected: int
    expected_at: datetime
    unconfirmed: bool
    before: int | None
    found: int | None
    found_at: datetime
    moved: bool


class Drifts:
    """Statements about differences, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    # --- reading ---------------------------------------------------------------------------------

    def known(self, channel: ChannelId, keys: Collection[OfferKey]) -> dict[OfferKey, Row[Any]]:
        """Offers as they are known now, with the Sku and stock item of their listing."""
        found = {}
        for chunk in chunks(sorted({key.remote_id for key in keys}), 500):
            rows = self._connection.execute(
                select(offer, listing.c.inventory_id, listing.c.sku.label("listed_sku"))
                .join(listing, _listed())
                .where(offer.c.channel == channel, offer.c.remote_id.in_(chunk))
            )
            for row in rows:
                found[_key(row)] = row
        return {key: row for key, row in found.items() if key in keys}

    def read_as(self, channel: ChannelId, keys: Iterable[tuple[OfferKey, str]]) -> None:
        """Keep for which Sku and stock item these offers were read."""
        for key, words in keys:
            self._connection.execute(update(offer).where(*_is(key)).values(read_as=words))

    def oldest(
        self, channel: ChannelId, *, before: datetime, verify_before: datetime, limit: int
    ) -> list[OfferRow]:
        """Offers to read in the next slice: those whose reading is the oldest."""
        rows = self._connection.execute(
            select(offer, listing.c.inventory_id, listing.c.attributes)
            .join(listing, _listed())
            .where(
                offer.c.channel == channel,
                offer.c.shown_at <= before,
                offer.c.wanted.is_not(None),
                offer.c.feed.is_(None),
                offer.c.read_due.is_(False),
                or_(offer.c.sent.is_(None), offer.c.sent_at <= verify_before),
            )
            .order_by(offer.c.shown_at)
            .limit(limit)
        )
        return [offer_row(row) for row in rows]

    def count(self, channel: ChannelId) -> int:
        """Offers of ours on the channel."""
        return int(
            self._connection.execute(
                select(func.count())
                .select_from(offer)
                .where(offer.c.channel == channel, offer.c.wanted.is_not(None))
            ).scalar_one()
        )

    def seen_again(self, keys: Sequence[OfferKey], *, at: datetime) -> None:
        """These show at `at` what was read before."""
        for chunk in chunks(keys, 300):
            wanted = [(key.channel, key.remote_id, key.remote_location) for key in chunk]
            place = tuple_(offer.c.channel, offer.c.remote_id, offer.c.remote_location)
            self._connection.execute(
                update(offer)
                .where(place.in_(wanted), offer.c.sent.is_(None), offer.c.shown_at < at)
                .values(shown_at=at)
            )

    def read_soon(self, keys: Sequence[OfferKey]) -> None:
        """A report speaks of another number here: only a reading of its own is believed."""
        for key in keys:
            self._connection.execute(
                update(offer).where(*_is(key)).values(read_due=True, look_at=self._tx.now)
            )

    # --- what orders and our own writes explain --------------------------------------------------

    def sold(self, key: OfferKey, *, since: datetime) -> tuple[int, int]:
        """(units buyers took, units that orders gave back) of a listing, in orders we know."""
        after = since - SECOND
        row = self._connection.execute(
            select(
                func.coalesce(
                    func.sum(order_line.c.ordered).filter(orders.c.placed_at >= after), 0
                ).label("taken"),
                func.coalesce(
                    func.sum(order_line.c.ordered - order_line.c.current).filter(
                        orders.c.updated_at >= after
                    ),
                    0,
                ).label("returned"),
            )
            .select_from(order_line.join(orders, orders.c.id == order_line.c.order_id))
            .where(order_line.c.listing_remote_id == key.remote_id, orders.c.channel == key.channel)
        ).one()
        return int(row.taken), int(row.returned)

    def numbers(self, channel: ChannelId, sku: Sku) -> set[int]:
        """Quantities we set, or may have set, for a Sku on a channel, lately."""
        rows = self._connection.execute(
            select(decision.c.args)
            .where(
                decision.c.subject == f"sku {sku}",
                decision.c.code.in_(["offer_sent", "offer_shown", "offer_unclear"]),
                decision.c.at >= self._tx.now - LATE_WRITE,
            )
            .order_by(decision.c.id.desc())
            .limit(NUMBERS)
        ).scalars()
        return {args["quantity"] for args in rows if args["channel"] == channel}

    # --- differences -----------------------------------------------------------------------------

    def note(self, sightings: Sequence[Sighting]) -> None:
        """Record differences. One that was open for the same offer ends: its repair was undone."""
        for one in sightings:
            open_one = self._connection.execute(
                select(drift.c.id, drift.c.since).where(*_open_for(one.key))
            ).first()
            if open_one is not None:
                self.end([open_one.id], "overwritten")
            self._connection.execute(
                insert(drift).values(
                    channel=one.key.channel,
                    remote_id=one.key.remote_id,
                    remote_location=one.key.remote_location,
                    sku=one.sku,
                    expected=one.expected,
                    expected_at=one.expected_at,
                    unconfirmed=one.unconfirmed,
                    before=one.before,
                    found=one.found,
                    found_at=one.found_at,
                    since=open_one.since if open_one is not None else one.found_at,
                    moved=one.moved,
                    ours=False,
                    state="found",
                )
            )

    def open(self, channel: ChannelId | None = None) -> list[Row[Any]]:
        """Open differences beside their offers, oldest first; `undecided`: its want may change."""
        return self._tx.rows(
            select(
                drift,
                offer.c.wanted,
                offer.c.wanted_version,
                offer.c.shown,
                offer.c.shown_at,
                offer.c.sent,
                offer.c.stopped_by,
                exists(select(dirty_sku.c.sku).where(dirty_sku.c.sku == drift.c.sku)).label(
                    "undecided"
                ),
            )
            .outerjoin(offer, _offered())
            .where(
                drift.c.ended_at.is_(None),
                true() if channel is None else drift.c.channel == channel,
            )
            .order_by(drift.c.since, drift.c.id)
        )

    def difference(self, row: Row[Any]) -> tuple[Difference, bool]:
        """What is known about a difference now; and whether the overwritten number was ours."""
        key = _key(row)
        sold, returned = self.sold(key, since=row.expected_at)
        ours = self.numbers(row.channel, row.sku)
        known = Difference(
            expected=row.expected,
            found=row.found,
            unconfirmed=row.unconfirmed,
            before=row.before,
            ours=ours,
            sold=sold,
            returned=returned,
            moved=row.moved,
        )
        return known, row.unconfirmed or row.expected in ours

    def judged(self, row: Row[Any], judgment: Judgment, *, state: str, ours: bool) -> None:
        self._connection.execute(
            update(drift)
            .where(drift.c.id == row.id)
            .values(
                state=state,
                cause=str(judgment.cause),
                unexplained=judgment.unexplained,
                ours=ours,
                judged_at=self._tx.now,
                ended_at=self._tx.now if judgment.explained else None,
            )
        )

    def end(self, ids: Sequence[int], state: str) -> None:
        self._connection.execute(
            update(drift).where(drift.c.id.in_(ids)).values(state=state, ended_at=self._tx.now)
        )

    def forget(self, *, before: datetime) -> None:
        """Drop differences that ended before."""
        self._connection.execute(delete(drift).where(drift.c.ended_at < before))

    # --- another writer, and stops ---------------------------------------------------------------

    def overwrites(self, channel: ChannelId, *, since: datetime) -> dict[OfferKey, list[Row[Any]]]:
        """Numbers of ours that others replaced, by offer, oldest first."""
        rows = self._connection.execute(
            select(drift)
            .where(
                drift.c.channel == channel,
                drift.c.found_at > since,
                drift.c.ours.is_(True),
                drift.c.cause.in_([str(Cause.HAND), str(Cause.LOST)]),
            )
            .order_by(drift.c.found_at)
        )
        found: dict[OfferKey, list[Row[Any]]] = {}
        for row in rows:
            found.setdefault(_key(row), []).append(row)
        return found

    def last_settled(self, kind: str, channel: ChannelId) -> datetime | None:
        """When a person last closed the channel's Case of this kind."""
        return self._connection.execute(
            select(func.max(cases.c.closed_at)).where(
                cases.c.kind == kind, cases.c.subject == f"channel {channel}"
            )
        ).scalar()

    def stopped(self, channel: ChannelId, kind: str) -> set[OfferKey]:
        """Offers whose repair a Case of this kind stopped."""
        rows = self._connection.execute(
            select(offer.c.channel, offer.c.remote_id, offer.c.remote_location).where(
                offer.c.channel == channel, offer.c.stopped_by == kind
            )
        )
        return {_key(row) for row in rows}

    def stop(self, keys: Iterable[OfferKey], kind: str) -> None:
        """What these want now is not written again; what they want later may only lower."""
        for key in keys:
            self._connection.execute(
                update(offer)
                .where(*_is(key))
                .values(repair_stopped=offer.c.wanted_version, stopped_by=kind)
            )
            self._connection.execute(
                update(drift)
                .where(*_open_for(key), drift.c.judged_at.is_not(None))
                .values(state="stopped")
            )

    def let_go(self, keys: Iterable[OfferKey]) -> None:
        """Repair is free again."""
        for key in keys:
            self._connection.execute(
                update(offer)
                .where(*_is(key))
                .values(repair_stopped=None, stopped_by=None, look_at=self._tx.now)
            )
            self._connection.execute(
                update(drift)
                .where(*_open_for(key), drift.c.state == "stopped")
                .values(state="repairing")
            )

    def say(self, kind: str, subject: str, args: dict[str, Any]) -> None:
        """An open Case tells the figures of now."""
        self._connection.execute(
            update(cases)
            .where(cases.c.kind == kind, cases.c.subject == subject, cases.c.state == "open")
            .values(args=args)
        )


def _key(row: Any) -> OfferKey:
    return OfferKey(row.channel, row.remote_id, row.remote_location)


def _is(key: OfferKey) -> tuple[Any, ...]:
    return (
        offer.c.channel == key.channel,
        offer.c.remote_id == key.remote_id,
        offer.c.remote_location == key.remote_location,
    )


def _open_for(key: OfferKey) -> tuple[Any, ...]:
    return (
        drift.c.channel == key.channel,
        drift.c.remote_id == key.remote_id,
        drift.c.remote_location == key.remote_location,
        drift.c.ended_at.is_(None),
    )


def _listed() -> Any:
    return and_(listing.c.channel == offer.c.channel, listing.c.remote_id == offer.c.remote_id)


def _offered() -> Any:
    return and_(
        offer.c.channel == drift.c.channel,
        offer.c.remote_id == drift.c.remote_id,
        offer.c.remote_location == drift.c.remote_location,
    )
