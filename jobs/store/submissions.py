"""Bulk submissions and the offers they hold: what a crash finds again (I4, I6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, delete, func, insert, literal, or_, select, true, update

from core.model.catalog import ChannelId, OfferChange, OfferKey, Sku
from core.ports import Key
from jobs.store.offers import OfferRow
from jobs.store.store import Tx
from jobs.store.tables import listing, offer, submission, submission_offer

#: Not over: the offers in it are held.
OPEN = ("gathering", "staging", "staged", "submitting", "running")


@dataclass(frozen=True, slots=True)
class Held:
    """One offer in a submission, and what became of the offer since."""

    number: int
    change: OfferChange
    sku: Sku
    version: int
    #: the offer carries this submission's number, and no other was sent or wanted since
    ours: bool
    unchanged: bool
    #: another number was sent since, by a patch
    patched: bool
    refused_version: int | None
    #: its result is recorded
    settled: bool


class Submissions:
    """Statements about bulk submissions, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    # --- gathering -------------------------------------------------------------------------------

    def waiting(self, channel: ChannelId) -> int:
        """Offers that are due and show another number than wanted."""
        return int(
            self._connection.execute(
                select(func.count())
                .select_from(offer)
                .where(
                    offer.c.channel == channel,
                    offer.c.look_at <= self._tx.now,
                    offer.c.sent.is_(None),
                    offer.c.feed.is_(None),
                    offer.c.wanted.is_not(None),
                    or_(offer.c.shown.is_(None), offer.c.shown != offer.c.wanted),
                )
            ).scalar_one()
        )

    def open(self, channel: ChannelId | None = None) -> list[Row[Any]]:
        return self._tx.rows(
            select(submission)
            .where(
                submission.c.state.in_(OPEN),
                true() if channel is None else submission.c.channel == channel,
            )
            .order_by(submission.c.id)
        )

    def add(self, channel: ChannelId, key: Key, rows: Sequence[OfferRow]) -> int:
        """Put offers into the submission of this key, made where there is none; they are held."""
        found = self._connection.execute(
            select(submission.c.id).where(submission.c.key == key)
        ).first()
        if found is None:
            number = int(
                self._connection.execute(
                    insert(submission)
                    .values(
                        channel=channel,
                        key=key,
                        state="gathering",
                        created_at=self._tx.now,
                        added_at=self._tx.now,
                    )
                    .returning(submission.c.id)
                ).scalar_one()
            )
        else:
            number = int(found.id)
            self.note(number, added_at=self._tx.now)
        start = self.size(number)
        self._connection.execute(
            insert(submission_offer),
            [
                {
                    "submission_id": number,
                    "number": position,
                    "remote_id": row.change.key.remote_id,
                    "remote_location": row.change.key.remote_location,
                    "quantity": row.change.quantity,
                    "shown": row.change.shown,
                    "handling": row.change.handling_days,
                    "version": row.wanted_version,
                    "settled": False,
                }
                for position, row in enumerate(rows, start=start + 1)
            ],
        )
        for row in rows:
            self._hold(row, number)
        return number

    def _hold(self, row: OfferRow, number: int) -> None:
        newer = offer.c.wanted_version != row.wanted_version
        self._connection.execute(
            update(offer)
            .where(*_is(row.change.key))
            .values(
                feed=number,
                sent=row.change.quantity,
                sent_version=row.wanted_version,
                sent_at=self._tx.now,
                # A file raises, or lowers to more than 0.
                zeroed_at=None,
                # Looked at again when the file is over, or when the want changes.
                look_at=_now_if(newer, self._tx.now),
            )
        )

    def size(self, number: int) -> int:
        return int(
            self._connection.execute(
                select(func.coalesce(func.max(submission_offer.c.number), 0)).where(
                    submission_offer.c.submission_id == number
                )
            ).scalar_one()
        )

    # --- its way ---------------------------------------------------------------------------------

    def note(self, number: int, **values: Any) -> None:
        self._connection.execute(
            update(submission).where(submission.c.id == number).values(**values)
        )

    def known_refs(self, channel: ChannelId, *, since: datetime, but: int) -> set[str]:
        """What the remote called our other submissions."""
        rows = self._connection.execute(
            select(submission.c.remote_ref).where(
                submission.c.channel == channel,
                submission.c.id != but,
                submission.c.sent_at >= since,
                submission.c.remote_ref.is_not(None),
            )
        ).scalars()
        return {str(ref) for ref in rows}

    def held(self, number: int) -> list[Held]:
        """Offers of a submission in the order of the file, those that are gone since included."""
        rows = self._connection.execute(
            select(
                submission_offer,
                submission.c.channel,
                offer.c.sku,
                offer.c.feed,
                offer.c.sent_version,
                offer.c.wanted_version,
                offer.c.refused_version,
                listing.c.inventory_id,
                listing.c.attributes,
            )
            .join(submission, submission.c.id == submission_offer.c.submission_id)
            .outerjoin(
                offer,
                and_(
                    offer.c.channel == submission.c.channel,
                    offer.c.remote_id == submission_offer.c.remote_id,
                    offer.c.remote_location == submission_offer.c.remote_location,
                ),
            )
            .outerjoin(
                listing,
                and_(
                    listing.c.channel == offer.c.channel, listing.c.remote_id == offer.c.remote_id
                ),
            )
            .where(submission_offer.c.submission_id == number)
            .order_by(submission_offer.c.number)
        )
        return [_held(row, number) for row in rows]

    def settled(self, number: int, numbers: Sequence[int]) -> None:
        self._connection.execute(
            update(submission_offer)
            .where(
                submission_offer.c.submission_id == number, submission_offer.c.number.in_(numbers)
            )
            .values(settled=True)
        )

    def drop(self, number: int, numbers: Sequence[int]) -> None:
        """These leave the file before it is made: what is left keeps its order."""
        self._connection.execute(
            delete(submission_offer).where(
                submission_offer.c.submission_id == number, submission_offer.c.number.in_(numbers)
            )
        )

    # --- letting go ------------------------------------------------------------------------------

    def release(self, held: Held, *, look_at: datetime | None, **values: Any) -> None:
        """The offer is no longer in a file; a want that changed meanwhile is looked at now."""
        newer = offer.c.wanted_version != held.version
        self._connection.execute(
            update(offer)
            .where(*_is(held.change.key))
            .values(feed=None, look_at=_now_if(newer, self._tx.now, look_at), **values)
        )


def _now_if(condition: Any, now: datetime, other: datetime | None = None) -> Any:
    kind = offer.c.look_at.type
    return case((condition, literal(now, kind)), else_=literal(other, kind))


def _held(row: Row[Any], number: int) -> Held:
    ours = row.feed == number
    return Held(
        number=row.number,
        change=OfferChange(
            OfferKey(row.channel, row.remote_id, row.remote_location),
            row.quantity,
            row.shown,
            row.inventory_id or "",
            tuple((name, value) for name, value in row.attributes or ()),
            row.handling,
        ),
        sku=row.sku or "",
        version=row.version,
        ours=ours,
        unchanged=ours and row.sent_version == row.version and row.wanted_version == row.version,
        patched=ours and row.sent_version != row.version,
        refused_version=row.refused_version,
        settled=row.settled,
    )


def _is(key: OfferKey) -> tuple[Any, ...]:
    return (
        offer.c.channel == key.channel,
        offer.c.remote_id == key.remote_id,
        offer.c.remote_location == key.remote_location,
    )
