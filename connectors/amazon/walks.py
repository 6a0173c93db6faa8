"""Where the walks over orders and shipments to FBA and the report of listings stand between runs:
the cursors' JSON.

Runs keep nothing in memory; whoever goes on has only the cursor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.amazon.fields import instant_from, instant_text
from connectors.spans import Spans

#: searchOrders refuses a `lastUpdatedBefore` younger than 2 minutes; the rest is for clocks that differ.
BEFORE_NOW = timedelta(seconds=130)
#: A page token lives 24 hours; an hour is left for the call and for clocks that differ.
TOKEN_LIFE = timedelta(hours=23)
#: A report that is not ready by then is forgotten and asked for again.
REPORT_LIFE = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class OrderWalk:
    """A walk over the orders changed in [lastUpdatedAfter, lastUpdatedBefore] of its query."""

    #: all changes up to here have been shown by walks before this one; None: no walk ended yet
    watermark: datetime | None = None
    #: the frozen query of the walk under way: every page needs it unchanged
    query: Mapping[str, str] | None = None
    #: the next page, and when Amazon handed its token out
    token: str = ""
    token_at: datetime | None = None
    #: where the walk under way ends
    until: datetime | None = None
    #: what is left of it where it was taken apart, and what was stepped over
    spans: Spans = field(default_factory=Spans)

    @classmethod
    def parse(cls, cursor: str | None) -> OrderWalk:
        """Reads what `cursor` wrote."""
        found = json.loads(cursor) if cursor else {}
        return cls(
            watermark=_instant(found.get("watermark")),
            query=found.get("query"),
            token=found.get("token", ""),
            token_at=_instant(found.get("token_at")),
            until=_instant(found.get("until")),
            spans=Spans.read(found.get("spans", {})),
        )

    @property
    def cursor(self) -> str:
        found = {
            "watermark": self.watermark and instant_text(self.watermark),
            "query": self.query,
            "token": self.token,
            "token_at": self.token_at and instant_text(self.token_at),
            "until": self.until and instant_text(self.until),
            "spans": self.spans.told,
        }
        return json.dumps({name: value for name, value in found.items() if value})

    def expired(self, *, now: datetime) -> bool:
        """Whether its page token is too old to be used."""
        return bool(self.token) and (self.token_at is None or now - self.token_at > TOKEN_LIFE)

    def from_its_start(self) -> OrderWalk:
        """The walk to begin where the last complete one ended."""
        return OrderWalk(watermark=self.watermark, spans=self.spans.anew)

    def page(self, token: str, *, now: datetime) -> OrderWalk:
        """The walk after a page that is not the last."""
        return replace(self, token=token, token_at=now)

    def complete(self, *, at: datetime, spans: Spans) -> OrderWalk:
        """The walk after its last page. A watermark never moves back."""
        at = max(at, self.watermark) if self.watermark else at
        return OrderWalk(watermark=at, spans=Spans(over=spans.over))


@dataclass(frozen=True, slots=True)
class InboundWalk:
    """How far shipments to FBA were followed. A walk is whole or begun anew: it has no middle."""

    #: all changes up to here have been shown by walks before this one; None: no walk ended yet
    watermark: datetime | None = None

    @classmethod
    def parse(cls, cursor: str | None) -> InboundWalk:
        """Reads what `cursor` wrote."""
        found = json.loads(cursor) if cursor else {}
        return cls(watermark=_instant(found.get("watermark")))

    @property
    def cursor(self) -> str:
        found = {"watermark": self.watermark and instant_text(self.watermark)}
        return json.dumps({name: value for name, value in found.items() if value})

    def complete(self, *, at: datetime) -> InboundWalk:
        """The walk after its last page. A watermark never moves back."""
        return InboundWalk(max(at, self.watermark) if self.watermark else at)


@dataclass(frozen=True, slots=True)
class ReportWalk:
    """One report of all listings: asked for, waited for, read in parts."""

    report: str = ""
    asked_at: datetime | None = None
    #: rows that were saved already
    rows: int = 0

    @classmethod
    def parse(cls, cursor: str | None) -> ReportWalk:
        """Reads what `cursor` wrote."""
        found = json.loads(cursor) if cursor else {}
        return cls(found.get("report", ""), _instant(found.get("asked_at")), found.get("rows", 0))

    @property
    def cursor(self) -> str:
        found = {
            "report": self.report,
            "asked_at": self.asked_at and instant_text(self.asked_at),
            "rows": self.rows,
        }
        return json.dumps({name: value for name, value in found.items() if value})

    def late(self, *, now: datetime) -> bool:
        """Whether waiting for it is no longer worth it."""
        return self.asked_at is None or now - self.asked_at > REPORT_LIFE


def _instant(words: str | None) -> datetime | None:
    return instant_from(words) if words else None
