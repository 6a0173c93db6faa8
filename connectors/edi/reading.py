"""What partners send in X12: 997, 855, 856, 810. Pure; what cannot be read says which element.

Codes: X12 004010, data elements 587 (BAK02), 668 (ACK01), 717 (AK501), 715 (AK901), 735 (HL03),
374 (dates). Numbers with implied decimals (TDS01, SAC05) are hundredths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, tzinfo
from decimal import Decimal

from connectors.x12.envelope import Envelopes, Problem

#: Letters of what is told about one fault.
_LONGEST = 200


class Unreadable(ValueError):
    """A transaction set that lacks what it is for; the words name the element, and fit into a line."""

    def __init__(self, words: str) -> None:
        # An element of theirs may be of any length.
        super().__init__(words if len(words) < _LONGEST else f"{words[: _LONGEST - 2]}…")


@dataclass(frozen=True, slots=True)
class TransactionSet:
    """ST to SE, without the two."""

    kind: str
    #: ST02
    control: str
    #: GS01, GS06
    group: str
    group_control: str
    #: ISA06, ISA13
    sender: str
    interchange: str
    segments: tuple[list[str], ...]
    #: it has its SE
    ended: bool = True
    #: ISA08
    receiver: str = ""

    def first(self, name: str) -> list[str]:
        """Raises Unreadable where there is no such segment."""
        for one in self.segments:
            if one[0] == name:
                return one
        raise Unreadable(f"{self.kind} {self.control} has no {name}")

    def all(self, name: str) -> Iterator[list[str]]:
        return (one for one in self.segments if one[0] == name)


def sets_of(reader: Envelopes) -> Iterator[TransactionSet]:
    """One set at a time; one that never ends is given as far as it goes (the reader tells so)."""
    made: TransactionSet | None = None
    body: list[list[str]] = []
    for _, segment, context in reader.segments():
        if segment[0] == "ST":
            if made is not None:
                yield replace(made, segments=tuple(body), ended=False)
            made, body = (
                TransactionSet(
                    context.kind, at(segment, 2), at(context.gs, 1), at(context.gs, 6),
                    context.sender, at(context.isa, 13), (), receiver=at(context.isa, 8),
                ),
                [],
            )  # fmt: skip
        elif segment[0] == "SE" and made is not None:
            yield replace(made, segments=tuple(body))
            made = None
        else:
            body.append(segment)
    if made is not None:
        yield replace(made, segments=tuple(body), ended=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A set as it came, and what its envelope says wrong about it (SE01, SE02, open)."""

    set: TransactionSet
    faults: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class InterchangeAnswer:
    """A TA1: what became of one interchange of ours as a whole."""

    #: ISA06, ISA08
    sender: str
    receiver: str
    #: TA101
    control: str
    #: TA104: A, E, R
    code: str
    #: TA105 (data element I18): 000, 001 control numbers differ, 006 unknown sender, ...
    note: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in a file."""

    found: tuple[Found, ...]
    #: what is wrong around the sets
    problems: tuple[Problem, ...]
    answers: tuple[InterchangeAnswer, ...] = ()


#: Faults of one set's own end.
_OF_A_SET = ("SE01", "SE02")


def contents_of(text: str) -> Contents:
    """Raises NoInterchange."""
    reader = Envelopes([text])
    found: list[Found] = []
    around: list[Problem] = []
    seen = 0
    for one in sets_of(reader):
        new, seen = reader.problems[seen:], len(reader.problems)
        faults = [problem for problem in new if problem.code in _OF_A_SET]
        around += [problem for problem in new if problem.code not in _OF_A_SET]
        if not one.ended:
            faults.append(Problem(0, "open", "it ends without SE: the rest is missing"))
        found.append(Found(one, tuple(faults)))
    around += reader.problems[seen:]
    answers = [
        InterchangeAnswer(context.sender, at(context.isa, 8), at(told, 1), at(told, 4), at(told, 5))
        for told, context in reader.interchange_answers
    ]
    return Contents(tuple(found), tuple(around), tuple(answers))


def at(segment: list[str], place: int) -> str:
    return segment[place].strip() if place < len(segment) else ""


# 997


@dataclass(frozen=True, slots=True)
class SetVerdict:
    """AK2 to AK5: what became of one set of ours."""

    kind: str
    control: str
    accepted: bool
    #: AK3, AK4 and the codes of AK5, as they stand
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """A 997. Without `sets` the verdict holds for every set of the group."""

    group: str
    control: str
    accepted: bool
    sets: tuple[SetVerdict, ...] = ()
    #: AK905 to AK909 (data element 716), as they stand
    faults: tuple[str, ...] = ()


#: AK501 and AK901: accepted, accepted with errors noted.
_TAKEN = ("A", "E")
#: AK901: partly, which is told set by set
_PARTLY = "P"


def verdict(one: TransactionSet) -> GroupVerdict:
    """Raises Unreadable without AK1 and AK9, or where a set has no AK5."""
    opening, closing = one.first("AK1"), one.first("AK9")
    sets: list[SetVerdict] = []
    answered: list[str] | None = None
    faults: list[str] = []
    for segment in one.segments:
        if segment[0] == "AK2":
            if answered is not None:
                raise Unreadable(f"997 {one.control}: AK2 {at(answered, 2)} has no AK5")
            answered, faults = segment, []
        elif segment[0] in ("AK3", "AK4"):
            faults.append("*".join(segment))
        elif segment[0] == "AK5" and answered is not None:
            faults += [f"AK5 {code}" for code in segment[2:] if code]
            sets.append(
                SetVerdict(
                    at(answered, 1), at(answered, 2), at(segment, 1) in _TAKEN, tuple(faults)
                )
            )
            answered = None
    if answered is not None:
        raise Unreadable(f"997 {one.control}: AK2 {at(answered, 2)} has no AK5")
    code = at(closing, 1)
    # A group that is refused for its own trailer is, whatever is said of the sets within.
    taken = code in _TAKEN or (code == _PARTLY and bool(sets))
    accepted = taken and all(each.accepted for each in sets)
    faults_of_group = tuple(f"AK9 {one.strip()}" for one in closing[5:] if one.strip())
    return GroupVerdict(at(opening, 1), at(opening, 2), accepted, tuple(sets), faults_of_group)


# 855


@dataclass(frozen=True, slots=True)
class Answer:
    """One ACK: so many of a line, and what will become of them."""

    #: ACK01 as it stands: IA, IP, IQ, IB, IR, ...
    code: str
    #: ACK02; the whole line where it is left out
    units: int
    #: ACK04 (qualifier) and ACK05
    day_kind: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class AnsweredLine:
    #: qualifier -> identity: {"VP": "WIDGET-001", "UP": "076123400003"}
    names: Mapping[str, str]
    ordered: int
    unit: str
    #: of one `unit`; None: not told
    price: Decimal | None
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """An 855."""

    #: BAK03: our number
    number: str
    #: BAK02 as it stands: AC, AD, AT, RD, RJ, ...
    code: str
    #: BAK08: theirs
    reference: str
    #: BAK09, else BAK04
    on: date
    currency: str
    lines: tuple[AnsweredLine, ...]


def order_answer(one: TransactionSet) -> OrderAnswer:
    """Raises Unreadable."""
    head = one.first("BAK")
    lines: list[AnsweredLine] = []
    opened: list[str] | None = None
    answers: list[Answer] = []

    def close() -> None:
        if opened is not None:
            lines.append(
                AnsweredLine(
                    names_of(opened, 6), units_of(opened, 2), at(opened, 3),
                    decimal_of(opened, 4) if at(opened, 4) else None, tuple(answers),
                )
            )  # fmt: skip

    for segment in one.segments:
        if segment[0] == "PO1":
            close()
            opened, answers = segment, []
        elif segment[0] == "ACK":
            if opened is None:
                raise Unreadable(f"855 {one.control}: ACK stands before any PO1")
            answers.append(
                Answer(
                    needed(segment, 1), units_of(segment if at(segment, 2) else opened, 2),
                    at(segment, 4), day_of(segment, 5) if at(segment, 5) else None,
                )
            )  # fmt: skip
    close()
    return OrderAnswer(
        needed(head, 3), needed(head, 2), at(head, 8),
        day_of(head, 9 if at(head, 9) else 4), _currency(one), tuple(lines),
    )  # fmt: skip


# 856


@dataclass(frozen=True, slots=True)
class SentLine:
    names: Mapping[str, str]
    units: int
    unit: str


@dataclass(frozen=True, slots=True)
class SentParcel:
    """What goes under one tracking number to one of our orders."""

    #: PRF01: our number
    order: str
    #: "": none is told
    tracking: str
    #: TD503 where it is a SCAC (TD502 is 2), else ""
    scac: str
    #: TD505, in their words
    routing: str
    shipped_at: datetime
    lines: tuple[SentLine, ...]
    #: BSN02: their number of the notice
    document: str = ""
    #: BSN01 (data element 353), of all of the notice
    purpose: str = ""
    #: the day it is to arrive; None: none is told
    arrives: date | None = None


#: Years in which a parcel may have left.
_OUR_TIME = range(2000, 2100)
#: Where a tracking number stands: REF01, and MAN01 of a package (data elements 128 and 88).
_TRACKING = {"REF": ("CN", "2I"), "MAN": ("CP",)}
_BILL_OF_LADING = "BM"
#: Kinds of days of delivery (data element 374): scheduled, estimated.
_ARRIVES = ("067", "017")


@dataclass(slots=True)
class _Level:
    """An HL and what stands under it, without the levels below."""

    kind: str
    parent: _Level | None
    segments: list[list[str]] = field(default_factory=list)
    below: list[_Level] = field(default_factory=list)

    def numbers(self) -> list[str]:
        found = [
            at(one, 2)
            for one in self.segments
            if at(one, 1) in _TRACKING.get(one[0], ()) and at(one, 2)
        ]
        return list(dict.fromkeys(found))

    def nearest(self, name: str) -> list[str] | None:
        """The segment here or on the way up."""
        level: _Level | None = self
        while level is not None:
            for one in level.segments:
                if one[0] == name:
                    return one
            level = level.parent
        return None

    def all_below(self) -> Iterator[_Level]:
        for one in self.below:
            yield one
            yield from one.all_below()


def parcels(
    one: TransactionSet, *, zone: tzinfo, for_a_shelf: Callable[[str], bool] = lambda _: False
) -> list[SentParcel]:
    """The parcels of a ship notice; instants without an offset are in `zone`.

    Items may hang below packages (SOPI) or packages below items (SOIP). `for_a_shelf`: whether an
    order's goods travel together, whatever they are packed in; they go under the one number that all
    of them have, else under the bill of lading, else under the notice's own. Raises Unreadable, also
    where nobody can tell which units are in which parcel.
    """
    levels = _levels(one)
    shipped_at = _shipped_at(one, zone)
    arrives = _arrives(one)
    head = one.first("BSN")
    made: dict[tuple[str, str], list[SentLine]] = {}
    carriers: dict[tuple[str, str], tuple[str, str]] = {}
    for item in (level for level in levels if level.kind == "I"):
        order = item.nearest("PRF")
        if order is None or not at(order, 1):
            raise Unreadable(f"856 {one.control}: an item belongs to no order (PRF01)")
        line = _sent_line(one, item)
        if not line.units:
            continue  # told as not sent
        together = for_a_shelf(at(order, 1))
        key = at(order, 1), _together(levels, head) if together else _tracking(one, item)
        made.setdefault(key, []).append(line)
        carriers.setdefault(key, _carrier(item))
    if not made:
        raise Unreadable(f"856 {one.control} tells of no units (HL03 I, SN102)")
    return [
        SentParcel(
            order, tracking, *carriers[order, tracking], shipped_at, tuple(lines),
            at(head, 2), at(head, 1), arrives,
        )
        for (order, tracking), lines in made.items()
    ]  # fmt: skip


def _together(levels: Sequence[_Level], head: list[str]) -> str:
    """What goods for a shelf go under."""
    numbers = list(dict.fromkeys(number for level in levels for number in level.numbers()))
    if len(numbers) == 1:
        return numbers[0]
    bills = (
        at(segment, 2)
        for level in levels
        for segment in level.segments
        if segment[0] == "REF" and at(segment, 1) == _BILL_OF_LADING and at(segment, 2)
    )
    return next(bills, at(head, 2))


def _arrives(one: TransactionSet) -> date | None:
    """The day of delivery as they reckon, the more certain one; None: none in our time is told."""
    told = {at(segment, 1): segment for segment in one.all("DTM") if at(segment, 2)}
    for kind in _ARRIVES:
        if kind in told and (day := day_of(told[kind], 2)).year in _OUR_TIME:
            return day
    return None


def _levels(one: TransactionSet) -> list[_Level]:
    by_id: dict[str, _Level] = {}
    current: _Level | None = None
    for segment in one.segments:
        if segment[0] == "HL":
            above = at(segment, 2)
            if above and above not in by_id:
                raise Unreadable(
                    f"856 {one.control}: HL {at(segment, 1)} hangs below no HL {above}"
                )
            current = _Level(needed(segment, 3), by_id.get(above))
            if current.parent is not None:
                current.parent.below.append(current)
            if by_id.setdefault(needed(segment, 1), current) is not current:
                raise Unreadable(f"856 {one.control}: there are two HL {at(segment, 1)}")
        elif current is not None:
            current.segments.append(segment)
    return list(by_id.values())


def _tracking(one: TransactionSet, item: _Level) -> str:
    """The one number this item goes under. Raises Unreadable where it could be several."""
    below = list(dict.fromkeys(n for level in item.all_below() for n in level.numbers()))
    level: _Level | None = item
    found = below
    while not found and level is not None:
        found = level.numbers()
        level = level.parent
    if len(found) > 1:
        raise Unreadable(
            f"856 {one.control}: an item goes under {len(found)} tracking numbers, and how many "
            "units are in which parcel is not told"
        )
    return found[0] if found else ""


def _sent_line(one: TransactionSet, item: _Level) -> SentLine:
    found = {segment[0]: segment for segment in item.segments if segment[0] in ("LIN", "SN1")}
    for name in ("LIN", "SN1"):
        if name not in found:
            raise Unreadable(f"856 {one.control}: an item has no {name}")
    return SentLine(names_of(found["LIN"], 2), units_of(found["SN1"], 2), at(found["SN1"], 3))


def _carrier(item: _Level) -> tuple[str, str]:
    told = item.nearest("TD5") or []
    return (at(told, 3) if at(told, 2) == "2" else ""), at(told, 5)


def _shipped_at(one: TransactionSet, zone: tzinfo) -> datetime:
    head = one.first("BSN")
    for told in one.all("DTM"):
        # Many tell the day there and the time in BSN; another day's time would be made up.
        if at(told, 1) == "011" and at(told, 2) and (at(told, 3) or at(told, 2) != at(head, 3)):
            return _instant(told, 2, _time_of(told, 3), zone)
    return _instant(head, 3, _time_of(head, 4), zone)


def _instant(segment: list[str], place: int, clock: time, zone: tzinfo) -> datetime:
    """Of a day in our time: 99991231 is what programs write where they know none."""
    day = day_of(segment, place)
    if day.year not in _OUR_TIME:
        raise Unreadable(f"{segment[0]}{place:02} is {day}, no day on which goods leave")
    return datetime.combine(day, clock, zone)


# 810


@dataclass(frozen=True, slots=True)
class InvoicedLine:
    names: Mapping[str, str]
    units: int
    unit: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Charge:
    """A SAC or a TXI. Allowances are below nothing."""

    code: str
    amount: Decimal
    #: it stands behind the total (TDS), not at a line
    of_whole: bool


@dataclass(frozen=True, slots=True)
class Invoice:
    """An 810. Money in the currency's main unit."""

    number: str
    on: date
    #: BIG04: our purchase order; "": none is named
    order: str
    #: BIG07 is CR: it gives money back
    credit: bool
    #: "": not told
    currency: str
    lines: tuple[InvoicedLine, ...]
    charges: tuple[Charge, ...]
    #: TDS01
    total: Decimal

    @property
    def extras(self) -> Decimal:
        """Charges less allowances. Those told of the whole are the sums of those told by line."""
        whole = [one.amount for one in self.charges if one.of_whole]
        return sum(whole or [one.amount for one in self.charges], Decimal(0))

    @property
    def reckoned(self) -> Decimal:
        """What the lines and extras come to; another figure than `total` is a fault of theirs."""
        return sum((one.price * one.units for one in self.lines), self.extras)


#: SAC02 of a tax; where it is told so, TXI only says what it is made of.
_TAX = "H850"


def invoice(one: TransactionSet) -> Invoice:
    """Raises Unreadable."""
    head, total = one.first("BIG"), one.first("TDS")
    lines = [
        InvoicedLine(names_of(line, 6), units_of(line, 2), at(line, 3), decimal_of(line, 4))
        for line in one.all("IT1")
    ]
    return Invoice(
        needed(head, 2), day_of(head, 1), at(head, 4), at(head, 7) == "CR", _currency(one),
        tuple(lines), tuple(_charges(one)), hundredths_of(total, 1),
    )  # fmt: skip


def _charges(one: TransactionSet) -> Iterator[Charge]:
    taxed = any(at(sac, 2) == _TAX for sac in one.all("SAC"))
    of_whole = False
    for segment in one.segments:
        if segment[0] == "TDS":
            of_whole = True
        elif segment[0] == "SAC" and at(segment, 1) in ("A", "C") and at(segment, 5):
            sign = -1 if at(segment, 1) == "A" else 1
            yield Charge(at(segment, 2), sign * hundredths_of(segment, 5), of_whole)
        elif segment[0] == "TXI" and at(segment, 2) and not taxed:
            yield Charge(f"TXI {at(segment, 1)}", decimal_of(segment, 2), of_whole)


# elements


def needed(segment: list[str], place: int) -> str:
    if not (found := at(segment, place)):
        raise Unreadable(f"{segment[0]}{place:02} is empty")
    return found


def names_of(segment: list[str], place: int) -> dict[str, str]:
    """Pairs of qualifier and identity from `place` on (data elements 235 and 234)."""
    pairs = zip(segment[place::2], segment[place + 1 :: 2], strict=False)
    return {kind.strip(): name.strip() for kind, name in pairs if kind.strip() and name.strip()}


#: More is a fault of a program, and more than a column holds.
_MOST_UNITS = 1_000_000_000
_CURRENCY = re.compile(r"[A-Z]{3}")
_DECIMAL = re.compile(r"-?(\d+\.?\d*|\.\d+)", re.ASCII)


def decimal_of(segment: list[str], place: int) -> Decimal:
    text = needed(segment, place)
    if not _DECIMAL.fullmatch(text) or len(text) > 18:
        raise Unreadable(f"{segment[0]}{place:02} is {text[:20]!r}, a number is expected")
    return Decimal(text)


def hundredths_of(segment: list[str], place: int) -> Decimal:
    """N2: two decimals are implied. One that is written all the same is read as it stands."""
    value = decimal_of(segment, place)
    return value if "." in at(segment, place) else value / 100


def units_of(segment: list[str], place: int) -> int:
    value = decimal_of(segment, place)
    if value != value.to_integral_value() or value < 0:
        raise Unreadable(f"{segment[0]}{place:02} is {value}, a whole number of units is expected")
    if value > _MOST_UNITS:
        raise Unreadable(f"{segment[0]}{place:02} is {value}, so many units cannot be")
    return int(value)


def day_of(segment: list[str], place: int) -> date:
    """CCYYMMDD, or YYMMDD as versions before 004010 write it."""
    text = needed(segment, place)
    try:
        if text.isascii() and text.isdigit() and len(text) in (6, 8):
            return date.fromisoformat(text if len(text) == 8 else f"20{text}")
    except ValueError:
        pass
    raise Unreadable(f"{segment[0]}{place:02} is {text[:20]!r}, a day as CCYYMMDD is expected")


def _time_of(segment: list[str], place: int) -> time:
    """HHMM or HHMMSS, hundredths left out; midnight where there is none."""
    text = at(segment, place)
    if not text:
        return time()
    try:
        if text.isascii() and text.isdigit() and len(text) >= 4:
            return time(int(text[:2]), int(text[2:4]), int(text[4:6] or 0))
    except ValueError:
        pass
    raise Unreadable(f"{segment[0]}{place:02} is {text[:20]!r}, a time as HHMM is expected")


def _currency(one: TransactionSet) -> str:
    code = next((at(told, 2) for told in one.all("CUR")), "")
    if code and not _CURRENCY.fullmatch(code):
        raise Unreadable(f"CUR02 is {code!r}, three letters as USD are expected")
    return code
