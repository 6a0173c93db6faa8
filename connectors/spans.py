"""Walking around what the remote cannot show: the time of a walk in halves, until what fails is alone.

One record that makes every page with it fail would stop a walk for ever. Its time is halved, the half
that works is walked, the other halved again, down to a second, which is stepped over and tried again
later. The halves that failed wait behind the others: so what works is found soon, and a remote of which
nothing works is told from one with a bad record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

#: As short as a span gets: remotes tell instants of changes in whole seconds.
SHORTEST = timedelta(seconds=1)
#: What was stepped over is tried again after this time.
AGAIN = timedelta(hours=1)
#: So many pages that fail in a row are the remote's trouble, and no record's.
MOST_IN_A_ROW = 5
#: What a Reject about a span is called.
KIND = "order page"


@dataclass(frozen=True, slots=True)
class Span:
    """Changes from `first` on and up to `until`; whole seconds."""

    first: datetime
    until: datetime

    def halves(self) -> tuple[Span, ...]:
        """Both halves; none where it is as short as can be."""
        seconds = int((self.until - self.first).total_seconds())
        if self.until - self.first <= SHORTEST:
            return ()
        middle = self.first + timedelta(seconds=seconds // 2)
        return Span(self.first, middle), Span(middle, self.until)

    def without(self, bad: Span) -> tuple[Span, ...]:
        """What is left of it beside another one."""
        if bad.until <= self.first or self.until <= bad.first:
            return (self,)
        rest = (Span(self.first, bad.first), Span(bad.until, self.until))
        return tuple(one for one in rest if one.first < one.until)

    def __str__(self) -> str:
        return f"{_text(self.first)}/{_text(self.until)}"

    @classmethod
    def read(cls, text: str) -> Span:
        first, until = map(datetime.fromisoformat, text.split("/"))
        return cls(first, until)


@dataclass(frozen=True, slots=True)
class Spans:
    """What is left to walk of a walk that was taken apart."""

    #: the span that is walked now; None: the walk is in one piece
    now: Span | None = None
    left: tuple[Span, ...] = ()
    #: spans that were stepped over, and when that was
    over: tuple[tuple[Span, datetime], ...] = ()
    #: of those left: stepped over by an earlier walk, and tried again
    again: tuple[Span, ...] = ()

    def begin(self, whole: Span, *, now: datetime) -> Spans:
        """For a new walk of this time: around what was stepped over lately, and after it what it is time to
        try again."""
        due = tuple(span for span, at in self.over if now - at >= AGAIN)
        kept = tuple(one for one in self.over if one[0] not in due)
        parts = [whole]
        for bad, _ in kept:
            parts = [part for one in parts for part in one.without(bad)]
        if parts in ([], [whole]):
            return Spans(None, due, kept, due)
        return Spans(parts[0], (*parts[1:], *due), kept, due)

    @property
    def anew(self) -> Spans:
        """For a walk that begins again: what it was to try again is due still."""
        return Spans(over=(*self.over, *((one, one.first) for one in self.again)))

    def failed(self, whole: Span, *, now: datetime) -> tuple[Spans, Span | None]:
        """After a page failed of what is walked now (`whole`, where it is in one piece yet): the spans to
        go on with, and the one that is stepped over."""
        span = self.now or whole
        left, over = self.left + span.halves(), self.over
        alone = None if span.halves() else span
        if alone is not None:
            over = (*over, (alone, now))
        return Spans(left[0] if left else None, left[1:], over, self.again), alone

    def done(self) -> tuple[Spans, Span | None]:
        """After all of what is walked now was shown: the rest, and what had been stepped over before."""
        mended = self.now if self.now in self.again else None
        rest = replace(self, now=self.left[0] if self.left else None, left=self.left[1:])
        return rest, mended

    @property
    def told(self) -> dict[str, Any]:
        """For a cursor; empty where nothing was taken apart."""
        found = {
            "now": str(self.now) if self.now else "",
            "left": [str(one) for one in self.left],
            "over": [[str(one), _text(at)] for one, at in self.over],
            "again": [str(one) for one in self.again],
        }
        return {name: value for name, value in found.items() if value}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Spans:
        """What `told` wrote."""
        return cls(
            Span.read(told["now"]) if told.get("now") else None,
            tuple(map(Span.read, told.get("left", ()))),
            tuple((Span.read(one), datetime.fromisoformat(at)) for one, at in told.get("over", ())),
            tuple(map(Span.read, told.get("again", ()))),
        )


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
