"""Listings, and the quantities shown for them as levels: wanted, sent, shown."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Row,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    tuple_,
    update,
)

from core.model.catalog import (
    ChannelId,
    FulfilledBy,
    Listing,
    ListingStatus,
    OfferChange,
    OfferKey,
    OfferReading,
    Sku,
)
from core.model.money import Money
from core.rules.publishing import OfferState, Repair
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import listing, offer, remote_location


@dataclass(frozen=True, slots=True)
class ListingRow:
    channel: ChannelId
    remote_id: str
    sku: Sku
    units_per_sale: int
    #: it has units of ours to show, now
    sellable: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one offer should show, and why."""

    key: OfferKey
    sku: Sku
    quantity: int
    #: (code, args) of each step
    steps: tuple[tuple[str, dict[str, Any]], ...]
    #: days from order to shipment; None: left as they are
    handling: int | None = None


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An offer as the push looks at it."""

    change: OfferChange
    sku: Sku
    state: OfferState
    wanted_version: int
    refused_version: int | None
    #: the want a person released, in the mode `propose`
    released_version: int | None


@dataclass(frozen=True, slots=True)
class Zeroing:
    """How much of a channel goes to 0. All are numbers of offers."""

    #: a push would set these to 0, and they show more
    zeroed: int
    #: they show more than 0
    live: int
    #: plans took these to 0 lately, and they are still there
    before: int


class Offers:
    """Statements about listings and offers, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    # --- listings --------------------------------------------------------------------------------

    def record_listings(
        self,
        items: Sequence[Listing],
        *,
        resolve: Mapping[tuple[ChannelId, str], tuple[Sku | None, int]],
    ) -> set[Sku]:
        """Record listings; returns the Skus whose listings are new, changed or newly mapped."""
        rows = []
        for one in {(one.channel, one.remote_id): one for one in items}.values():
            sku, units = resolve[one.channel, one.remote_id]
            rows.append(
                {
                    "channel": one.channel,
                    "remote_id": one.remote_id,
                    "remote_sku": one.remote_sku,
                    "sku": sku,
                    "units_per_sale": units,
                    "title": one.title,
                    "status": str(one.status),
                    "fulfilled_by": str(one.fulfilled_by),
                    "inventory_id": one.inventory_id,
                    "tracked": one.tracked,
                    "attributes": [list(pair) for pair in one.attributes],
                    "price": one.price.amount if one.price else None,
                    "currency": one.price.currency if one.price else None,
                    "updated_at": one.updated_at,
                    "seen_at": self._tx.now,
                }
            )
        changed = upsert(
            self._connection,
            listing,
            rows,
            key=["channel", "remote_id"],
            keep=["seen_at"],
            returning=["channel", "remote_id", "sku"],
        )
        self.disown([(row.channel, row.remote_id) for row in changed])
        return {row.sku for row in changed if row.sku is not None}

    def disown(self, changed: Sequence[tuple[ChannelId, str]]) -> None:
        """A listing that others fulfill now, or whose Sku we do not know, gets no number from us."""
        not_ours = or_(
            listing.c.sku.is_(None),
            listing.c.fulfilled_by != str(FulfilledBy.US),
            not_(listing.c.tracked),
            listing.c.status == str(ListingStatus.UNKNOWN),
        )
        for chunk in chunks(changed, 400):
            self._connection.execute(
                update(offer)
                .where(
                    tuple_(offer.c.channel, offer.c.remote_id).in_(chunk),
                    exists().where(
                        listing.c.channel == offer.c.channel,
                        listing.c.remote_id == offer.c.remote_id,
                        not_ours,
                    ),
                )
                .values(**_NOT_OURS)
            )

    def disown_elsewhere(self, channel: ChannelId, places: Container[str]) -> int:
        """The channel's places that show none of our locations any more get no number from us."""
        kept = select(offer.c.remote_location).where(offer.c.channel == channel).distinct()
        gone = [place for place in self._connection.execute(kept).scalars() if place not in places]
        return self._connection.execute(
            update(offer)
            .where(
                offer.c.channel == channel,
                offer.c.remote_location.in_(gone),
                offer.c.wanted.is_not(None),
            )
            .values(**_NOT_OURS)
        ).rowcount

    def called(self, keys: Iterable[tuple[ChannelId, str]]) -> dict[tuple[ChannelId, str], str]:
        """What the recorded ones of these listings say in their SKU field."""
        found: dict[tuple[ChannelId, str], str] = {}
        for chunk in chunks(sorted(set(keys)), 400):
            for row in self._connection.execute(
                select(listing.c.channel, listing.c.remote_id, listing.c.remote_sku).where(
                    tuple_(listing.c.channel, listing.c.remote_id).in_(chunk)
                )
            ):
                found[row.channel, row.remote_id] = row.remote_sku
        return found

    def price(self, channel: ChannelId, sku: Sku) -> Money | None:
        """What the channel asks for one sale of the Sku; None where it is not listed, or at several
        prices."""
        rows = self._connection.execute(
            select(listing.c.price, listing.c.currency)
            .where(listing.c.channel == channel, listing.c.sku == sku, listing.c.price > 0)
            .distinct()
        ).all()
        return Money(rows[0].price, rows[0].currency) if len(rows) == 1 else None

    def listings_of(self, skus: Iterable[Sku]) -> list[ListingRow]:
        """Listings of these Skus that we fulfill; others never get a quantity from us."""
        found: list[ListingRow] = []
        for chunk in chunks(sorted(set(skus))):
            rows = self._connection.execute(
                select(
                    listing.c.channel,
                    listing.c.remote_id,
                    listing.c.sku,
                    listing.c.units_per_sale,
                ).where(
                    listing.c.sku.in_(chunk),
                    listing.c.fulfilled_by == str(FulfilledBy.US),
                    listing.c.tracked,
                    listing.c.status != str(ListingStatus.UNKNOWN),
                )
            )
            found.extend(ListingRow(*row, True) for row in rows.all())
        return found

    def titles(self, skus: Iterable[Sku]) -> dict[Sku, str]:
        """What channels call one unit of these; always the same one where they differ."""
        found: dict[Sku, str] = {}
        for chunk in chunks(sorted(set(skus))):
            rows = self._connection.execute(
                select(listing.c.sku, listing.c.title)
                .where(
                    listing.c.sku.in_(chunk), listing.c.units_per_sale == 1, listing.c.title != ""
                )
                .order_by(listing.c.channel, listing.c.remote_id)
            )
            for row in rows:
                found.setdefault(row.sku, row.title)
        return found

    def set_remote_locations(self, channel: ChannelId, found: Sequence[tuple[str, str]]) -> None:
        """Where the channel keeps numbers; one nameless place where it keeps one per listing."""
        self._connection.execute(
            delete(remote_location).where(remote_location.c.channel == channel)
        )
        self._connection.execute(
            insert(remote_location),
            [
                {"channel": channel, "id": remote_id, "position": position, "name": name}
                for position, (remote_id, name) in enumerate(found or [("", "")])
            ],
        )

    def remote_locations(self) -> dict[ChannelId, list[str]]:
        """Channel -> its places in the channel's own order. A channel without an entry was never read."""
        found: dict[ChannelId, list[str]] = {}
        for row in self._connection.execute(
            select(remote_location).order_by(remote_location.c.position)
        ):
            found.setdefault(row.channel, []).append(row.id)
        return found

    # --- wanted ----------------------------------------------------------------------------------

    def want(self, wanted: Sequence[Wanted]) -> list[Row[Any]]:
        """Put new numbers in place; only those that differ are written, each with a new version.

        Returns (channel, sku, wanted) of the changed ones.
        """
        rows = [
            {
                "channel": one.key.channel,
                "remote_id": one.key.remote_id,
                "remote_location": one.key.remote_location,
                "sku": one.sku,
                "wanted": one.quantity,
                "wanted_handling": one.handling,
                "wanted_version": 0,
                "read_due": True,
                "steps": [[code, args] for code, args in one.steps],
                "wanted_at": self._tx.now,
                "look_at": self._tx.now,
            }
            for one in wanted
        ]
        return upsert(
            self._connection,
            offer,
            rows,
            key=["channel", "remote_id", "remote_location"],
            keep=["read_due"],
            bump="wanted_version",
            compare=["sku", "wanted", "wanted_handling"],
            returning=["channel", "sku", "wanted"],
        )

    def moved(self, channel: ChannelId, remote_ids: Iterable[str]) -> None:
        """The channel sold from these itself: what it shows is not what we read last."""
        for chunk in chunks(sorted(set(remote_ids)), 500):
            self._connection.execute(
                update(offer)
                .where(offer.c.channel == channel, offer.c.remote_id.in_(chunk))
                .values(read_due=True, look_at=self._tx.now)
            )

    # --- pushing ---------------------------------------------------------------------------------

    def to_look_at(self, channel: ChannelId, *, limit: int) -> list[OfferRow]:
        """Offers whose time has come; lowering ones first, then the oldest."""
        before = func.coalesce(offer.c.sent, offer.c.shown)
        lowering = case((and_(before.is_not(None), offer.c.wanted < before), 0), else_=1)
        rows = self._connection.execute(
            select(offer, listing.c.inventory_id, listing.c.attributes)
            .join(
                listing,
                and_(
                    listing.c.channel == offer.c.channel, listing.c.remote_id == offer.c.remote_id
                ),
            )
            .where(offer.c.channel == channel, offer.c.look_at <= self._tx.now)
            .order_by(lowering, offer.c.look_at)
            .limit(limit)
        )
        return [offer_row(row) for row in rows]

    def lowering(self, skus: Iterable[Sku], *, since: datetime) -> Iterator[tuple[Sku, OfferKey]]:
        """Offers of these Skus that show more than was wanted after `since` and is not refused.

        A number that was sent and not read back yet may not be there: it counts as what was shown.
        """
        for chunk in chunks(sorted(set(skus)), 500):
            for row in self._connection.execute(
                select(
                    offer.c.sku, offer.c.channel, offer.c.remote_id, offer.c.remote_location
                ).where(
                    offer.c.sku.in_(chunk),
                    offer.c.shown > offer.c.wanted,
                    offer.c.wanted_at >= since,
                    or_(
                        offer.c.refused_version.is_(None),
                        offer.c.refused_version != offer.c.wanted_version,
                    ),
                )
            ):
                key = OfferKey(row.channel, row.remote_id, row.remote_location)
                yield row.sku, key

    def wait(self, rows: Sequence[OfferRow], *, until: datetime | None) -> None:
        """Nothing to do for these before `until` (None: until something changes).

        One whose want changed, or that the channel sold from, since it was read is looked at still.
        """
        for one in rows:
            self._connection.execute(
                update(offer)
                .where(
                    *_is(one.change.key),
                    offer.c.wanted_version == one.wanted_version,
                    offer.c.read_due == one.state.read_due,
                )
                .values(look_at=until)
            )

    def read(
        self, readings: Sequence[OfferReading], *, look_at: datetime
    ) -> list[tuple[OfferKey, int, int | None]]:
        """What a channel shows. Returns (offer, sent, shown) where a sent number never came to be."""
        lost: list[tuple[OfferKey, int, int | None]] = []
        for one in readings:
            row = self._connection.execute(
                select(offer.c.sent, offer.c.wanted).where(*_is(one.key))
            ).first()
            # A person's release lets one number out, once: who changes it afterwards is not undone.
            spent = {"released_version": None} if row and row.wanted == one.quantity else {}
            if row is not None and row.sent is not None and row.sent != one.quantity:
                lost.append((one.key, row.sent, one.quantity))
            self._set(
                one.key,
                shown=one.quantity,
                shown_at=one.read_at,
                # Reports do not tell it; what was read before stands.
                shown_handling=func.coalesce(one.handling_days, offer.c.shown_handling),
                sent=None,
                sent_version=None,
                submission=None,
                read_due=False,
                found=func.coalesce(offer.c.found, one.quantity),
                look_at=look_at,
                **spent,
            )
        return lost

    def sending(
        self, items: Sequence[OfferRow], *, look_at: datetime, taken_down: Container[OfferKey] = ()
    ) -> None:
        """Committed before the call: after a crash the offer is read back, never trusted.

        `taken_down` go to 0 without an order or a person as the cause: later plans count them.
        """
        for one in items:
            # One that shows nothing already and is told so again keeps what is known of it.
            moves = one.change.quantity > 0 or (one.change.shown or 0) > 0
            down = self._tx.now if one.change.key in taken_down else None
            self._set(
                one.change.key,
                **({"zeroed_at": down} if moves else {}),
                sent=one.change.quantity,
                sent_version=one.wanted_version,
                sent_at=self._tx.now,
                read_due=True,
                look_at=look_at,
            )

    def shown(self, one: OfferRow, *, at: datetime, submission: str, look_at: datetime) -> None:
        """The remote shows it now."""
        self._settle(
            one,
            look_at,
            shown=one.change.quantity,
            shown_at=at,
            **stated(one.change),
            sent=None,
            sent_version=None,
            submission=submission,
            read_due=False,
            # Spent, unless a person released a newer want meanwhile.
            released_version=case(
                (offer.c.released_version == one.wanted_version, null()),
                else_=offer.c.released_version,
            ),
        )

    def sent(self, one: OfferRow, *, submission: str, look_at: datetime) -> None:
        """The remote will apply it later; only a read-back is `shown`."""
        self._settle(one, look_at, submission=submission, read_due=False, **stated(one.change))

    def not_sent(self, one: OfferRow, *, read_due: bool, look_at: datetime) -> None:
        """It did not take effect, or nobody knows: read back before anything else where `read_due`."""
        self._settle(one, look_at, sent=None, sent_version=None, read_due=read_due)

    def refused(self, one: OfferRow, *, words: str) -> None:
        """The remote said no to this version; it is not asked again until the want changes."""
        self._settle(
            one,
            None,
            sent=None,
            sent_version=None,
            refused=words,
            refused_version=one.wanted_version,
        )

    def _settle(self, one: OfferRow, look_at: datetime | None, **values: Any) -> None:
        # A want that changed during the call is looked at now, whatever the call's own pace.
        newer = offer.c.wanted_version != one.wanted_version
        self._connection.execute(
            update(offer)
            .where(*_is(one.change.key))
            .values(
                look_at=case((newer, _instant(self._tx.now)), else_=_instant(look_at)), **values
            )
        )

    def _set(self, key: OfferKey, **values: Any) -> None:
        self._connection.execute(update(offer).where(*_is(key)).values(**values))

    # --- looking ---------------------------------------------------------------------------------

    def zeroing(self, channel: ChannelId, *, since: datetime) -> Zeroing:
        """How much a push would take down of a channel, after what was taken down `since`."""
        down = and_(offer.c.wanted == 0, func.coalesce(offer.c.shown, 0) == 0)
        row = self._connection.execute(
            select(
                func.count().filter(and_(offer.c.wanted == 0, offer.c.shown > 0)).label("zeroed"),
                func.count().filter(offer.c.shown > 0).label("live"),
                func.count().filter(and_(down, offer.c.zeroed_at > since)).label("before"),
            ).where(offer.c.channel == channel)
        ).one()
        return Zeroing(row.zeroed, row.live, row.before)

    def zeroed(self, channel: ChannelId) -> list[Row[Any]]:
        """Offers a push would set to 0 that show more: remote id and place, Sku, shown, units per sale."""
        return self._tx.rows(_zeroed(channel))

    def zeroed_of(self, channel: ChannelId, remote_ids: Iterable[str]) -> list[Row[Any]]:
        """Those of `zeroed` that belong to these listings."""
        found: list[Row[Any]] = []
        for chunk in chunks(sorted(set(remote_ids)), 500):
            found += self._tx.rows(_zeroed(channel).where(offer.c.remote_id.in_(chunk)))
        return found

    def forget_zeroed(self, channel: ChannelId) -> None:
        """A person has seen what was taken down: it counts against no later plan."""
        self._connection.execute(
            update(offer)
            .where(offer.c.channel == channel, offer.c.zeroed_at.is_not(None))
            .values(zeroed_at=None)
        )

    def differing(self, channel: ChannelId | None = None) -> list[Row[Any]]:
        """Offers that do not show what we want, for `lockstep plan`."""
        return self._tx.rows(
            select(offer)
            .where(
                true() if channel is None else offer.c.channel == channel,
                offer.c.wanted.is_not(None),
                or_(
                    offer.c.shown.is_(None),
                    offer.c.shown != offer.c.wanted,
                    offer.c.wanted_handling.is_distinct_from(offer.c.shown_handling)
                    & offer.c.wanted_handling.is_not(None),
                ),
            )
            .order_by(offer.c.channel, offer.c.sku)
        )


#: What an offer becomes that we do not set (any more).
_NOT_OURS: Mapping[str, Any] = {
    "wanted": None,
    "wanted_version": offer.c.wanted_version + 1,
    "sent": None,
    "sent_version": None,
    "read_due": True,
    "look_at": None,
}


def _zeroed(channel: ChannelId) -> Select[Any]:
    """Offers a push would set to 0 that show more."""
    return (
        select(
            offer.c.remote_id,
            offer.c.remote_location,
            offer.c.sku,
            offer.c.shown,
            listing.c.units_per_sale,
        )
        .join(
            listing,
            and_(listing.c.channel == offer.c.channel, listing.c.remote_id == offer.c.remote_id),
        )
        .where(offer.c.channel == channel, offer.c.wanted == 0, offer.c.shown > 0)
    )


def _instant(at: datetime | None) -> Any:
    return literal(at, offer.c.look_at.type)


def _is(key: OfferKey) -> tuple[Any, ...]:
    return (
        offer.c.channel == key.channel,
        offer.c.remote_id == key.remote_id,
        offer.c.remote_location == key.remote_location,
    )


def _repair(row: Row[Any]) -> Repair:
    if row.repair_stopped is None:
        return Repair.FREE
    return Repair.STOPPED if row.repair_stopped == row.wanted_version else Repair.LOWER_ONLY


def stated(change: OfferChange) -> dict[str, int]:
    """The days from order to shipment a write carried: reports that confirm it do not tell them."""
    return {} if change.handling_days is None else {"shown_handling": change.handling_days}


def offer_row(row: Row[Any]) -> OfferRow:
    return OfferRow(
        change=OfferChange(
            OfferKey(row.channel, row.remote_id, row.remote_location),
            row.wanted if row.wanted is not None else 0,
            row.shown,
            row.inventory_id,
            tuple((name, value) for name, value in row.attributes),
            row.wanted_handling,
        ),
        sku=row.sku,
        state=OfferState(
            wanted=row.wanted,
            shown=row.shown,
            shown_at=row.shown_at,
            sent=row.sent,
            sent_at=row.sent_at,
            read_due=row.read_due,
            held_by_feed=row.feed is not None,
            repair=_repair(row),
            handling_due=row.wanted_handling not in (None, row.shown_handling),
        ),
        wanted_version=row.wanted_version,
        refused_version=row.refused_version,
        released_version=row.released_version,
    )
