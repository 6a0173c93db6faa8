"""WATCH channels that normally sell: none of their orders for too long is an alert, not a quiet day.

What is judged is the time up to which all orders are known. Where the pull itself stands still, that
does not move, and its own Case tells it.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from core.model.cases import Case, Severity
from core.model.catalog import ChannelId
from core.model.reasons import Reason
from core.rules.silence import LOOK_BACK, Rhythm, Silence, is_silent
from jobs.run import Run
from jobs.store.sales import Sales
from jobs.store.store import Tx
from jobs.store.tables import unit

EVERY = timedelta(minutes=15)
_KIND = "channel_silent"


def watch_channels(run: Run) -> None:
    """Open the Case of each channel that is silent for longer than its history makes plausible."""
    zone = ZoneInfo(run.wiring.config.shop.time_zone)
    for channel, described in run.wiring.config.channels.items():
        least = described.silent_after
        silence = None
        if least:
            with run.reading() as tx:
                silence = _silence(tx, channel, zone)
        subject = f"channel {channel}"
        silent = silence is not None and is_silent(silence, least=least)
        with run.reading() as tx:
            told = tx.has_open_case(_KIND, subject)
        if silent == told:
            continue
        with run.transaction() as tx:
            if silence is None or not silent:
                tx.close_case(_KIND, subject)
                continue
            reason = Reason.of(
                _KIND,
                channel=channel,
                since=silence.since.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
                least=least,
            )
            if tx.open_case(Case(_KIND, subject, reason, Severity.CRITICAL), once=True):
                tx.decide(subject, reason)


def _silence(tx: Tx, channel: ChannelId, zone: ZoneInfo) -> Silence | None:
    until = tx.connection.execute(
        select(unit.c.complete_to).where(unit.c.id == f"{channel}/orders")
    ).scalar_one_or_none()
    if until is None:
        return None
    known = Sales(tx)
    hours = known.hours(channel, since=until - LOOK_BACK, until=until)
    last = known.last_order(channel, until=until)
    return Rhythm(hours, last=last, zone=zone).silence(until)
