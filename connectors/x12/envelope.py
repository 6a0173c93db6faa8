"""The envelope of X12: interchanges (ISA..IEA), groups (GS..GE), transaction sets (ST..SE).

Read as it is found in the wild: a byte order mark, an ISA not padded to 106 letters, newlines as
terminators, none after the last segment, several interchanges in one file, one of them cut off,
segments indented. What is wrong is collected, not raised, each with a code that names the element:
SE01, GE01, IEA02, ... Streams: one segment at a time, whatever the size.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

#: Letters of one segment; a longer one is no X12.
LONGEST_SEGMENT = 200_000
#: How an ISA goes on, whatever its separator: ISA*00*          *00*
_ISA = re.compile(r"ISA([^\w\s])\d\d\1[^\r\n]{0,10}?\1\d\d\1")


class NoInterchange(ValueError):
    """The text does not begin as an interchange does; the words say how it begins."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an envelope. Segments are counted from 1, the ISA included."""

    segment: int
    #: the element that is wrong (SE01), "open" for an envelope that never ends, "outside"
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Delimiters:
    element: str
    component: str
    segment: str


@dataclass(slots=True)
class Context:
    """Where a segment stands: the headers around it, as lists of elements, [] outside."""

    delimiters: Delimiters
    isa: list[str]
    gs: list[str] = field(default_factory=list)
    st: list[str] = field(default_factory=list)

    @property
    def sender(self) -> str:
        return self.isa[6].strip()

    @property
    def kind(self) -> str:
        """The number of the transaction set: 846."""
        return _element(self.st, 1)


#: (its number, its elements, its name first; where it stands)
Segment = tuple[int, list[str], Context]


def delimiters_of(text: str) -> Delimiters:
    """From the ISA's own 16th element, never from fixed places. Raises NoInterchange."""
    if not text.startswith("ISA") or len(text) < 4 or text[3].isalnum():
        raise NoInterchange(f"it begins with {text[:20]!r}, not with ISA")
    element, place = text[3], 3
    for _ in range(15):
        place = text.find(element, place + 1)
        if place < 0:
            raise NoInterchange("its ISA has fewer than 16 elements")
    if len(text) < place + 3:
        raise NoInterchange("it ends within the ISA")
    return Delimiters(element, component=text[place + 1], segment=text[place + 2])


class Envelopes:
    """The segments inside transaction sets; `problems` grows while they are gone through."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self._chunks = iter(chunks)
        self.problems: list[Problem] = []
        #: TA1s: what the sender says of interchanges of ours as a whole, and where that stands
        self.interchange_answers: list[tuple[list[str], Context]] = []
        self._number = 0
        self._groups = self._sets = self._segments = 0

    def segments(self) -> Iterator[Segment]:
        """Those between ST and SE, both included. Raises NoInterchange where nothing else helps."""
        rest, first = "", True
        while True:
            # 106 letters where it is padded; more than enough where it is not.
            while len(rest := rest.lstrip("\ufeff \t\r\n\x1a\0")) < 200:
                if (chunk := next(self._chunks, None)) is None:
                    break
                rest += chunk
            if not rest:
                if first:
                    raise NoInterchange("it is empty")
                return
            try:
                delimiters = delimiters_of(rest)
            except NoInterchange as wrong:
                if first:
                    raise
                self._problem("outside", f"after the interchange: {wrong}")
                return
            try:
                rest = yield from self._interchange(rest, delimiters)
            except NoInterchange as wrong:
                if first:
                    raise
                self._problem("outside", f"after the interchange: {wrong}")
                return
            first = False

    def _interchange(self, rest: str, delimiters: Delimiters) -> Generator[Segment, None, str]:
        """One interchange. Returns the text after it."""
        context: Context | None = None
        self._groups = 0
        while True:
            parts = rest.split(delimiters.segment)
            rest = parts.pop()
            for index, part in enumerate(parts):
                if context is not None and (begins := _next_isa(part)) is not None:
                    yield from self._cut_off(part[:begins], context)
                    return delimiters.segment.join([part[begins:], *parts[index + 1 :], rest])
                elements = part.strip().split(delimiters.element)
                if elements == [""]:
                    continue
                if context is None:
                    context = Context(delimiters, elements)
                    self._number += 1
                    continue
                yield from self._segment(elements, context)
                if elements[0] == "IEA":
                    return delimiters.segment.join([*parts[index + 1 :], rest])
            chunk = next(self._chunks, None)
            if context is not None and (chunk is None or len(rest) > LONGEST_SEGMENT):
                # One that has another terminator is no segment of this one.
                begins = _next_isa(rest)
                if begins is not None:
                    yield from self._cut_off(rest[:begins], context)
                    return rest[begins:] + (chunk or "")
            if len(rest) > LONGEST_SEGMENT:
                raise NoInterchange(f"a segment of more than {LONGEST_SEGMENT:,} letters")
            if chunk is None:
                if context is not None and rest.strip(" \t\r\n\x1a\0"):
                    # No terminator after the last segment.
                    elements = rest.strip(" \t\r\n\x1a\0").split(delimiters.element)
                    yield from self._segment(elements, context)
                    if elements[0] == "IEA":
                        return ""
                self._problem("open", "it ends without IEA: the rest is missing")
                return ""
            rest += chunk

    def _cut_off(self, last: str, context: Context) -> Iterator[Segment]:
        """What stands before another ISA: an IEA without its terminator, or what was cut off."""
        elements = last.strip().split(context.delimiters.element)
        if elements[0] == "IEA":
            yield from self._segment(elements, context)
        else:
            self._problem("open", "another interchange begins before its IEA: its rest is missing")

    def _segment(self, elements: list[str], context: Context) -> Iterator[Segment]:
        self._number += 1
        name = elements[0]
        if name == "ST":
            context.st, self._segments = elements, 1
            self._sets += 1
            yield self._number, elements, context
        elif context.st:
            self._segments += 1
            if name == "SE":
                self._count(elements, 1, self._segments, "segments")
                self._same(elements, 2, _element(context.st, 2))
            yield self._number, elements, context
            if name == "SE":
                context.st = []
        elif name == "GS":
            context.gs, self._sets = elements, 0
            self._groups += 1
        elif name == "GE":
            self._count(elements, 1, self._sets, "transaction sets")
            self._same(elements, 2, _element(context.gs, 6))
            context.gs = []
        elif name == "IEA":
            self._count(elements, 1, self._groups, "groups")
            self._same(elements, 2, _element(context.isa, 13))
        elif name == "TA1":
            self.interchange_answers.append((elements, context))
        elif name not in ("ISB", "ISE"):
            self._problem("outside", f"segment {name[:10]} outside of a transaction set")

    def _count(self, elements: list[str], place: int, counted: int, what: str) -> None:
        told = _element(elements, place)
        if not told.isdigit() or int(told) != counted:
            code = f"{elements[0]}{place:02}"
            self._problem(code, f"{code} says {told or 'nothing'}, there are {counted} {what}")

    def _same(self, elements: list[str], place: int, opening: str) -> None:
        told = _element(elements, place)
        if told != opening:
            code = f"{elements[0]}{place:02}"
            self._problem(code, f"{code} is {told!r}, its beginning says {opening!r}")

    def _problem(self, code: str, words: str) -> None:
        self.problems.append(Problem(self._number, code, words))


def _next_isa(text: str) -> int | None:
    found = _ISA.search(text) if "ISA" in text else None
    return found.start() if found else None


def _element(elements: list[str], place: int) -> str:
    return elements[place].strip() if place < len(elements) else ""
