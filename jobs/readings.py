"""Taking in what a channel was found to show: what differs is noted before it is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from core.model.catalog import ChannelId, OfferKey, OfferReading
from core.ports import ShelfSource
from core.rules.modes import may_write
from jobs.run import Run
from jobs.store.drift import Drifts, Sighting
from jobs.store.offers import Offers
from jobs.store.permissions import Permissions
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: The kinds of Case that stop repair.
DRIFT_FOUND = "drift_found"
OTHER_WRITER = "other_writer"


#: why we may not write at all; other refusals end by themselves
_LEFT_TO_OTHERS = frozenset({"mode_observe", "outside_share"})


def trusted_for(wiring: Wiring, channel: ChannelId) -> timedelta:
    """How old a reading may be before the push reads the offer itself.

    Where slices read every offer again and again, that is for those they cannot reach.
    """
    connector = wiring.connectors[wiring.connection_of[channel]]
    config = wiring.config
    return config.drift.trust if isinstance(connector, ShelfSource) else config.pace.offers_read


def take(
    tx: Tx, run: Run, channel: ChannelId, readings: Sequence[OfferReading]
) -> list[tuple[OfferKey, int, int | None]]:
    """Record readings; what differs from what was known becomes a difference, judged later.

    Returns (offer, sent, shown) where a number we sent never came to be.
    """
    drifts = Drifts(tx)
    known = drifts.known(channel, {one.key for one in readings})
    scope = Permissions(tx).scope(channel, "offers")
    seen = [
        sighting
        for one in readings
        if one.key in known
        # What is left to somebody else to write is not amiss when somebody else writes it.
        and may_write(scope, sku=known[one.key].sku).reason.code not in _LEFT_TO_OTHERS
        and (sighting := _sighting(drifts, known[one.key], one)) is not None
    ]
    drifts.note(seen)
    if seen:
        if run.wiring.config.drift.unexplained == "case":
            # Before anything can be written: a person says what becomes of it.
            free = {one.key for one in seen if known[one.key].stopped_by is None}
            drifts.stop(free, DRIFT_FOUND)
        # Written once since its repair stopped, and overwritten once more: not again.
        again = {one.key for one in seen if known[one.key].stopped_by == OTHER_WRITER}
        drifts.stop(again, OTHER_WRITER)
        tx.wake(f"{channel}/orders")
    drifts.read_as(
        channel,
        [(key, _read_as(row)) for key, row in known.items() if row.read_as != _read_as(row)],
    )
    settled = [
        one
        for one in readings
        if one.key in known
        and known[one.key].wanted == one.quantity
        and _days_stated(known[one.key], one)
    ]
    keys = {one.key for one in settled}
    offers = Offers(tx)
    lost = offers.read(settled, look_at=tx.now + trusted_for(run.wiring, channel))
    return lost + offers.read([o for o in readings if o.key not in keys], look_at=tx.now)


def _sighting(drifts: Drifts, row: Row[Any], reading: OfferReading) -> Sighting | None:
    """None: as expected, or explained by orders we know, or nothing was expected."""
    unconfirmed = row.sent is not None
    expected = row.sent if unconfirmed else row.shown
    expected_at = row.sent_at if unconfirmed else row.shown_at
    if row.wanted is None or row.feed is not None or expected is None or expected_at is None:
        return None
    if reading.quantity == expected or reading.read_at < expected_at:
        # As expected, or read before what is expected was written: it says nothing about it.
        return None
    moved = row.read_as is not None and row.read_as != _read_as(row)
    if not moved and _explained(drifts, reading, expected, since=expected_at):
        return None
    return Sighting(
        key=reading.key,
        sku=row.sku,
        expected=expected,
        expected_at=expected_at,
        unconfirmed=unconfirmed,
        before=row.shown if unconfirmed else None,
        found=reading.quantity,
        found_at=reading.read_at,
        moved=moved,
    )


def _explained(drifts: Drifts, reading: OfferReading, expected: int, *, since: datetime) -> bool:
    """Whether orders we know account for the number, beyond doubt about the place they took from."""
    found = reading.quantity
    if found is None:
        return False
    trade = drifts.trade(reading.key, since=since, until=reading.read_at)
    if expected - trade.taken <= found <= expected + trade.returned:
        return True
    least = expected - trade.taken - trade.taken_somewhere
    most = expected + trade.returned + trade.returned_somewhere
    # Where other places show numbers too, the same units may have left there: judged together.
    return least <= found <= most and drifts.alone(reading.key)


def _days_stated(row: Row[Any], reading: OfferReading) -> bool:
    """Whether its days from order to shipment are those we want, as far as readings told."""
    told = row.shown_handling if reading.handling_days is None else reading.handling_days
    return row.wanted_handling in (None, told)


def _read_as(row: Row[Any]) -> str:
    return f"{row.listed_sku or ''} {row.inventory_id}"
