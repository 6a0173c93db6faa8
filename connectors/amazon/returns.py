"""What comes back and what was paid back: two reports and Finances, walked side by side.

A cursor holds a place of each. One that fails does not stop the others: it is told at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.amazon import return_rows
from connectors.amazon.fields import Record, Unreadable, instant_from, instant_text, text
from connectors.amazon.finances import Finances, paid_back
from connectors.amazon.refunds import Refunds
from connectors.amazon.reports import Reports
from connectors.amazon.return_rows import FBA, FBA_NEEDED, FBM, FBM_NEEDED, Told
from connectors.amazon.walks import BEFORE_NOW, ReportWalk
from core.errors import RateLimited, Rejected, Unavailable
from core.model.catalog import ChannelId
from core.model.returns import Refund, Return
from core.ports import Batch, Clock, Cursor, Reject

#: How far back a report looks, each time: a return's state changes for weeks. From memory, reports of
#: returns tell of 60 days at most.
REPORT_DAYS = timedelta(days=59)
#: A report is asked for so often; more often Amazon may cancel it as one that was just made.
REPORT_EVERY = timedelta(hours=1)
#: Finances is walked again from so long before the last walk: "financial events might not include
#: orders from the last 48 hours".
OVERLAP = timedelta(hours=72)
FIRST_REFUNDS = timedelta(days=30)
#: Returns saved in one transaction.
RETURNS_PER_BATCH = 500
_READERS: Mapping[str, tuple[Sequence[str], Callable[..., Iterator[Told]]]] = {
    FBM: (FBM_NEEDED, return_rows.fbm_returns),
    FBA: (FBA_NEEDED, return_rows.fba_returns),
}

_Batch = Batch[Return | Refund]


@dataclass(frozen=True, slots=True)
class ReturnsWalk:
    #: report type -> where its report stands (a ReportWalk's cursor)
    reports: Mapping[str, str] = field(default_factory=dict)
    #: report type -> when the one that was read last was asked for
    read: Mapping[str, datetime] = field(default_factory=dict)
    #: payments back posted up to here were walked; None: never
    watermark: datetime | None = None
    #: short names of payments told within the overlap -> when each was posted
    told: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str | None) -> ReturnsWalk:
        """Reads what `cursor` wrote."""
        found = json.loads(cursor) if cursor else {}
        mark = found.get("watermark")
        return cls(
            reports=found.get("reports", {}),
            read={kind: instant_from(at) for kind, at in found.get("read", {}).items()},
            watermark=instant_from(mark) if mark else None,
            told={name: instant_from(at) for name, at in found.get("told", {}).items()},
        )

    @property
    def cursor(self) -> str:
        found = {
            "reports": dict(self.reports),
            "read": {kind: instant_text(at) for kind, at in self.read.items()},
            "watermark": self.watermark and instant_text(self.watermark),
            "told": {name: instant_text(at) for name, at in self.told.items()},
        }
        return json.dumps({name: value for name, value in found.items() if value})


class ReturnWalker:
    """Walks of one account and marketplace."""

    def __init__(
        self, name: str, reports: Reports, finances: Finances, refunds: Refunds, *, clock: Clock
    ) -> None:
        self._name = name
        self._reports = reports
        self._finances = finances
        self._refunds = refunds
        self._clock = clock

    def pull(self, channel: ChannelId, *, since: Cursor | None) -> Iterator[_Batch]:
        """See ports.ReturnSource. Raises what stopped one of its parts, after the others."""
        walk = ReturnsWalk.parse(since)
        stopped: list[Rejected | Unavailable | RateLimited] = []
        for part in (self._refunds_paid, *(self._report_of(kind) for kind in _READERS)):
            moves = part(walk, channel)
            try:
                while True:
                    batch, walk = next(moves)
                    yield batch
            except StopIteration:
                continue
            except (Rejected, Unavailable, RateLimited) as error:
                stopped.append(error)
        if stopped:
            raise stopped[0]
        yield Batch((), walk.cursor, complete_to=walk.watermark)

    # Refunds

    def _refunds_paid(
        self, walk: ReturnsWalk, channel: ChannelId
    ) -> Iterator[tuple[_Batch, ReturnsWalk]]:
        """Page by page; the watermark moves once all were seen."""
        now = self._clock.now()
        before = now - BEFORE_NOW
        after = walk.watermark - OVERLAP if walk.watermark else now - FIRST_REFUNDS
        after = min(after, before - BEFORE_NOW)
        for page in self._finances.between(after, before):
            batch, told = self._page(page, walk)
            walk = replace(walk, told={**walk.told, **told})
            if batch.items or batch.rejects:
                yield replace(batch, cursor=walk.cursor), walk
        told = {name: at for name, at in walk.told.items() if at >= after}
        mark = max(before, walk.watermark) if walk.watermark else before
        walk = replace(walk, watermark=mark, told=told)
        yield Batch((), walk.cursor), walk

    def _page(
        self, page: Sequence[Record], walk: ReturnsWalk
    ) -> tuple[_Batch, dict[str, datetime]]:
        items: list[Return | Refund] = []
        rejects, raw = [], []
        told: dict[str, datetime] = {}
        for record in page:
            kept = json.dumps(record, ensure_ascii=False)
            ref = text(record, "transactionId") or "a transaction without an id"
            try:
                paid = paid_back(record)
                if paid is None or _short(paid.ref) in {*walk.told, *told}:
                    continue
                ref = paid.ref
                told[_short(ref)] = paid.at
                items.append(self._refunds.told(paid))
                raw.append((ref, kept))
            except (Unreadable, Rejected) as error:
                rejects.append(Reject("return", ref, str(error), kept))
        return Batch(tuple(items), "", tuple(rejects), tuple(raw)), told

    # Returns

    def _report_of(
        self, kind: str
    ) -> Callable[[ReturnsWalk, ChannelId], Iterator[tuple[_Batch, ReturnsWalk]]]:
        return lambda walk, channel: self._report(kind, walk, channel)

    def _report(
        self, kind: str, walk: ReturnsWalk, channel: ChannelId
    ) -> Iterator[tuple[_Batch, ReturnsWalk]]:
        now = self._clock.now()
        waiting, read = walk.reports.get(kind), walk.read.get(kind)
        if not waiting and read is not None and read <= now < read + REPORT_EVERY:
            return
        ready, walk = yield from self._awaited(kind, walk, waiting, first=now - REPORT_DAYS)
        if ready is None:
            return
        at, found = ready
        over = replace(
            walk,
            reports={name: one for name, one in walk.reports.items() if name != kind},
            read={**walk.read, kind: at.asked_at or now},
        )
        needed, reader = _READERS[kind]
        told: list[Told] = []
        # Amazon cancels a report without data: nothing came back.
        if text(found, "processingStatus") == "DONE":
            try:
                rows = [row for _, row in self._reports.rows(found, needed=needed)]
            except Unreadable as error:
                yield Batch((), over.cursor), over
                raise self._reports.misread(error, kind) from None
            told = list(reader(rows, channel=channel))
        for start in range(0, max(1, len(told)), RETURNS_PER_BATCH):
            some = told[start : start + RETURNS_PER_BATCH]
            last = start + RETURNS_PER_BATCH >= len(told)
            place = over if last else walk
            yield _batch(some, place.cursor), place

    def _awaited(
        self, kind: str, walk: ReturnsWalk, waiting: str | None, *, first: datetime
    ) -> Generator[
        tuple[_Batch, ReturnsWalk], None,
        tuple[tuple[ReportWalk, dict[str, Any]] | None, ReturnsWalk],
    ]:  # fmt: skip
        """`Reports.awaited`, its cursor kept among ours."""
        moves = self._reports.awaited(waiting, kind, first=first)
        while True:
            try:
                batch = next(moves)
            except StopIteration as ended:
                return ended.value, walk
            walk = replace(walk, reports={**walk.reports, kind: batch.cursor})
            yield replace(batch, cursor=walk.cursor), walk


def _batch(told: Sequence[Told], cursor: Cursor) -> _Batch:
    return Batch(
        tuple(one for one, _ in told if isinstance(one, Return)),
        cursor,
        tuple(one for one, _ in told if isinstance(one, Reject)),
        tuple((one.remote_id, kept) for one, kept in told if isinstance(one, Return)),
    )


def _short(ref: str) -> str:
    """A payment's name in a cursor: thousands of them must fit."""
    return hashlib.sha256(ref.encode()).hexdigest()[:10]
