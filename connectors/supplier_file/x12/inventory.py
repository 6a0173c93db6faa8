"""846, Inventory Inquiry/Advice, as a table: one line for each LIN.

Elements: BIA01 purpose, BIA04/05 date and time; LIN02.. pairs of qualifier and identity; QTY01
meaning, 02 figure, 03 unit; CTP03 price; CUR02 currency; LDT02/03 lead time. Codes: X12 data
elements 235, 353, 673.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.supplier_file.files import File, encoding_of
from connectors.supplier_file.settings import X12
from connectors.x12.envelope import Context, Envelopes, NoInterchange, Segment

COLUMNS = ("sku", "item", "quantity", "unit", "as_of", "cost", "currency", "lead_days")
#: The supplier's own name of an item, the best first.
_THEIR_OWN = ("VN", "VP", "SK", "BP")
#: LDT03 -> days
_DAYS = {"DA": 1, "WK": 7, "MO": 30}
_CHUNK = 1 << 16


@dataclass(slots=True)
class _Item:
    segment: int
    names: dict[str, str]
    quantities: dict[str, list[str]] = field(default_factory=dict)
    unit: str = ""
    cost: str = ""
    lead_days: str = ""


@dataclass(slots=True)
class _Report:
    """One transaction set 846."""

    as_of: str = ""
    currency: str = ""


class Inventory:
    """The lines of every 846 in a file. What is known only at the end is known then."""

    def __init__(self, file: File, layout: X12) -> None:
        self._file = file
        self._layout = layout
        self._envelopes = Envelopes(_chunks(file))
        #: it tells changes only: what is not in it is as it was
        self.changes_only = False
        self._reports = 0
        self._others: dict[str, None] = {}

    @property
    def problems(self) -> list[tuple[int, str, str]]:
        """(segment, code, why), those the partner is known for left out."""
        return [
            (one.segment, one.code, one.words)
            for one in self._envelopes.problems
            if one.code not in self._layout.tolerated
        ]

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Raises Rejected "not-x12", "truncated"."""
        try:
            yield from self._lines()
        except NoInterchange as wrong:
            raise self._file.refused(f"no X12: {wrong}", code="not-x12") from None
        if any(one.code == "open" for one in self._envelopes.problems):
            raise self._file.refused("it ends before its envelope does", code="truncated")
        if not self._reports:
            found = ", ".join(self._others) or "nothing"
            raise self._file.refused(f"no 846 in it; found {found}", code="not-x12")

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        report, item = _Report(), None
        for number, elements, context in self._inventory():
            name = elements[0]
            if name in ("LIN", "CTT", "SE"):
                if item is not None:
                    yield item.segment, self._cells(item, report)
                item = _Item(number, _names(elements)) if name == "LIN" else None
            elif name == "ST":
                report = _Report()
            elif name == "BIA":
                self._begin(elements, report, context)
            elif name == "CUR":
                report.currency = _at(elements, 2)
            elif item is not None:
                _tell(item, elements, context)

    def _inventory(self) -> Iterator[Segment]:
        """The segments of transaction sets 846 of the right sender."""
        for segment in self._envelopes.segments():
            _, elements, context = segment
            wanted = self._layout.sender
            if wanted and context.sender != wanted:
                raise self._file.refused(
                    f"it is from {context.sender!r}, expected {wanted!r}", code="not-x12"
                )
            if context.kind == "846":
                self._reports += elements[0] == "ST"
                yield segment
            else:
                self._others[context.kind] = None

    def _begin(self, elements: list[str], report: _Report, context: Context) -> None:
        self.changes_only |= _at(elements, 1) in self._layout.changes
        day, time = _at(elements, 4), _at(elements, 5)
        if not time and _at(context.gs, 4) == day:
            time = _at(context.gs, 5)
        # Without a time: the day's beginning, for a figure must not look newer than it is.
        report.as_of = f"{day}T{time or '0000'}" if day else ""

    def _cells(self, item: _Item, report: _Report) -> list[str]:
        names = item.names
        sku = next((names[one] for one in self._layout.items if names.get(one)), "")
        theirs = next((names[one] for one in _THEIR_OWN if names.get(one)), sku)
        told = [
            figure
            for code, figures in item.quantities.items()
            if self._layout.quantities.get(code, "ignored") == self._layout.figure
            for figure in figures
        ]
        # Two different figures of one meaning are none: the line is told as unreadable.
        quantity = " and ".join(dict.fromkeys(told))
        return [
            sku, theirs, quantity, item.unit, report.as_of, item.cost, report.currency,
            item.lead_days,
        ]  # fmt: skip


def _tell(item: _Item, elements: list[str], context: Context) -> None:
    name = elements[0]
    if name == "QTY":
        item.quantities.setdefault(_at(elements, 1), []).append(_at(elements, 2))
        item.unit = _at(elements, 3).split(context.delimiters.component)[0] or item.unit
    elif name == "CTP" and not item.cost:
        item.cost = _at(elements, 3)
    elif name == "LDT" and _at(elements, 2).isdigit() and _at(elements, 3) in _DAYS:
        item.lead_days = str(int(_at(elements, 2)) * _DAYS[_at(elements, 3)])


def _names(elements: list[str]) -> dict[str, str]:
    """LIN02.. as qualifier -> identity."""
    pairs = zip(elements[2::2], elements[3::2], strict=False)
    return {qualifier.strip(): identity.strip() for qualifier, identity in pairs}


def _at(elements: list[str], place: int) -> str:
    return elements[place].strip() if place < len(elements) else ""


def _chunks(file: File) -> Iterator[str]:
    encoding = encoding_of(file)
    file.body.seek(0)
    text = io.TextIOWrapper(file.body, encoding=encoding, newline="")
    try:
        while chunk := text.read(_CHUNK):
            yield chunk
    finally:
        with contextlib.suppress(ValueError):
            text.detach()
