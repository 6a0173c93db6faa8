"""Differences between what channels show and what we knew, and offers whose repair stopped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Row,
    and_,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)

from core.model.catalog import ChannelId, OfferKey, Sku
from core.rules.drift import Bought, Cause, Difference, Judgment, Trade, left_over, trade_at
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
#: Units are taken while a buyer pays, the order is stamped after that; and clocks differ.
STAMPED_AFTER = timedelta(minutes=1)
#: A write of ours may come true this late.
LATE_WRITE = timedelta(days=1)
#: The latest numbers of ours that are looked through.
NUMBERS = 200
#: Decisions that name a number which was, or may have been, set; and one that was wanted.
_SET = ("offer_sent", "offer_shown", "offer_unclear")
_WANTED = ("offer_wanted",)


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

    def trade(self, key: OfferKey, *, since: datetime, until: datetime) -> Trade:
        """What buyers took from a listing's number, and orders gave back, in orders we know.

        `until`: when the number was read. Orders placed later explain nothing of it; when units were
        given back is not told, so these have no end.
        """
        after, before = since - SECOND, until + STAMPED_AFTER
        placed = and_(orders.c.placed_at >= after, orders.c.placed_at <= before)
        rows = self._tx.rows(
            select(order_line, placed.label("taken"))
            .join(orders, orders.c.id == order_line.c.order_id)
            .where(
                order_line.c.listing_remote_id == key.remote_id,
                orders.c.channel == key.channel,
                # The channel sold nothing with what replaces a return.
                orders.c.replaces.is_(None),
                or_(
                    placed,
                    and_(orders.c.updated_at >= after, order_line.c.current < order_line.c.ordered),
                ),
            )
        )
        return trade_at(
            key.remote_location,
            [
                Bought(
                    taken=row.ordered if row.taken else 0,
                    returned=row.ordered - row.current,
                    places=_places(row),
                )
                for row in rows
            ],
        )

    def alone(self, key: OfferKey) -> bool:
        """Whether no other place of the channel shows a number of ours for this listing."""
        other = self._connection.execute(
            select(offer.c.remote_location)
            .where(
                offer.c.channel == key.channel,
                offer.c.remote_id == key.remote_id,
                offer.c.remote_location != key.remote_location,
                offer.c.wanted.is_not(None),
            )
            .limit(1)
        ).first()
        return other is None

    def numbers(
        self, channel: ChannelId, sku: Sku, codes: Sequence[str] = (*_SET, *_WANTED)
    ) -> set[int]:
        """Quantities of ours for a Sku on a channel, lately: by the kind of decision that names them."""
        rows = self._connection.execute(
            select(decision.c.args)
            .where(
                decision.c.subject == f"sku {sku}",
                decision.c.code.in_(codes),
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
        """What is known about a difference now; and whether the overwritten number was ours.

        A number that sales brought to what we want was never sent, and is ours all the same.
        """
        sold, returned = self._left(row)
        known = Difference(
            expected=row.expected,
            found=row.found,
            unconfirmed=row.unconfirmed,
            before=row.before,
            ours=self.numbers(row.channel, row.sku, _SET),
            sold=sold,
            returned=returned,
            moved=row.moved,
        )
        return known, row.unconfirmed or row.expected in self.numbers(row.channel, row.sku)

    def _left(self, row: Row[Any]) -> tuple[int, int]:
        """(units taken, units given back) that may explain a difference at its own place.

        What nobody says the place of explains one place only: the other places of the listing have
        used what their own orders do not explain of them.
        """
        key = _key(row)
        own = self.trade(key, since=row.expected_at, until=row.found_at)
        fell, rose = own.taken_somewhere, own.returned_somewhere
        for other in self._elsewhere(row) if fell or rose else ():
            theirs = self.trade(_key(other), since=other.expected_at, until=other.found_at)
            both = self.trade(
                key,
                since=max(row.expected_at, other.expected_at),
                until=min(row.found_at, other.found_at),
            )
            used = left_over(other.found - other.expected, theirs)
            fell -= min(used.taken_somewhere, both.taken_somewhere)
            rose -= min(used.returned_somewhere, both.returned_somewhere)
        return own.taken + max(0, fell), own.returned + max(0, rose)

    def unread_elsewhere(self, row: Row[Any]) -> list[OfferKey]:
        """Other places of the listing to read first, where orders do not say which place they took from."""
        own = self.trade(_key(row), since=row.expected_at, until=row.found_at)
        if not own.taken_somewhere and not own.returned_somewhere:
            return []
        rows = self._tx.rows(
            select(offer.c.channel, offer.c.remote_id, offer.c.remote_location).where(
                offer.c.channel == row.channel,
                offer.c.remote_id == row.remote_id,
                offer.c.remote_location != row.remote_location,
                offer.c.wanted.is_not(None),
                offer.c.shown_at < row.found_at,
                # A bulk file may hold it for hours.
                offer.c.feed.is_(None),
            )
        )
        return [_key(one) for one in rows]

    def _elsewhere(self, row: Row[Any]) -> list[Row[Any]]:
        """Differences at the listing's other places that orders without a place explain first.

        Those they have explained already; and before a number we do not want, those that wait and
        show what we want: we took the units off at the place we would ship them from.
        """
        waits = and_(
            drift.c.state == "found",
            drift.c.found == offer.c.wanted,
            true() if row.found != row.wanted else false(),
        )
        return self._tx.rows(
            select(drift)
            .outerjoin(offer, _offered())
            .where(
                drift.c.channel == row.channel,
                drift.c.remote_id == row.remote_id,
                drift.c.remote_location != row.remote_location,
                drift.c.found_at >= row.expected_at - SECOND,
                drift.c.found.is_not(None),
                or_(drift.c.state == "explained", waits),
            )
        )

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


def _places(line: Row[Any]) -> dict[str, int]:
    """The channel's own places a line's units were taken at; {}: it does not say, or not for sure.

    Before it is shipped from elsewhere, a line is moved there. Where it was until then is not kept.
    """
    if line.fulfilled:
        return {}
    told = {place: units for place, units in line.taken_from or () if units}
    if not told and line.assigned:
        told = {line.assigned: line.ordered}
    # What was canceled since is told of no place any more: with one place there is no doubt.
    return dict.fromkeys(told, line.ordered) if len(told) == 1 else told


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
