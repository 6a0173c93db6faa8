"""What a warehouse's people work with: a pick list, and the packing slip that goes into the parcel.

Both are drawn from the request's CSV and from nothing else: that is what is frozen when a request
goes out, so an attempt that is repeated draws the same bytes, and no address is kept twice. They
are one document: there is no moment with one of them and without the other, and a slip leaves the
printer behind its list.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reportlab.platypus import Flowable

from connectors.paper import Part, Pen, gap, printed, width_of
from connectors.sheets import address_lines, plain_cell
from connectors.supplier_file.mapping import PAPER_COLUMNS, REQUEST_COLUMNS
from connectors.supplier_file.settings import Papers
from core.errors import Rejected

Cells = Mapping[str, str]

_PICK = ("SKU", "What it is", "Units", "Picked")
_PICK_SHARES = (0.3, 0.46, 0.11, 0.13)
_PACK = ("What you ordered", "SKU", "Units")
_PACK_SHARES = (0.6, 0.28, 0.12)
_UNITS = frozenset({2})
#: Where letters are that paper lacks.
_SHEET = "CSV file of this request"
#: What a whole PDF ends with.
_END = b"%%EOF"


def papers(document: bytes, settings: Papers, *, time_zone: str, connector: str) -> bytes:
    """The PDF for a request's CSV; instants are shown as that time zone has them.

    Raises Rejected (code "unreadable") for what is no request.
    """
    try:
        rows = _rows(document)
    except ValueError as error:
        raise Rejected(
            str(error), connector=connector, operation="draw papers", code="unreadable"
        ) from None
    head = rows[0]
    foot = Pen(settings.font).text(head["key"], size=8)
    return printed(
        [
            Part(_pick_list(rows, settings, time_zone), foot),
            Part(_packing_slip(rows, settings), foot),
        ],
        title=f"Request {head['key']}",
        author=settings.shop[0],
        size=settings.paper,
    )


def _pick_list(rows: Sequence[Cells], settings: Papers, time_zone: str) -> list[Flowable]:
    pen, width = Pen(settings.font), width_of(settings.paper)
    title = pen.text(f"Pick list {rows[0]['order']}", size=16, bold=True)
    story = [
        pen.told(_asked(rows[0], time_zone), width),
        gap(6),
        pen.lined(_PICK, _to_pick(rows), _PICK_SHARES, width, right=_UNITS),
        gap(3),
        pen.text(_counted(rows), bold=True),
    ]
    return [title, gap(4), *pen.told_of_missing(_SHEET), *story]


def _packing_slip(rows: Sequence[Cells], settings: Papers) -> list[Flowable]:
    pen, width = Pen(settings.font), width_of(settings.paper)
    title = [
        *(pen.text(line, bold=not number) for number, line in enumerate(settings.shop)),
        gap(8),
        pen.text(f"Packing slip {rows[0]['order']}", size=16, bold=True),
        gap(4),
    ]
    # Whoever packs has to know of an address that lacks letters, a buyer not of a title that does.
    address = Pen(settings.font)
    return [
        *title,
        address.told([("Ship to", address_lines(rows[0]))], width),
        *address.told_of_missing(_SHEET),
        gap(6),
        pen.lined(_PACK, _in_parcel(rows), _PACK_SHARES, width, right=_UNITS),
        gap(6),
        *map(pen.text, settings.words),
    ]


def is_whole(pdf: bytes) -> bool:
    """Whether all of it was written."""
    return pdf.rstrip().endswith(_END)


def _rows(document: bytes) -> list[dict[str, str]]:
    """Cells as they were before a spreadsheet had to be kept from running them. Raises ValueError."""
    read = csv.DictReader(io.StringIO(document.decode("utf-8"), newline=""))
    # A document that was frozen before papers were wanted has no columns for them.
    blank = dict.fromkeys(PAPER_COLUMNS, "")
    rows = [blank | {name: plain_cell(cell or "") for name, cell in row.items()} for row in read]
    if not rows or not set(REQUEST_COLUMNS) <= set(rows[0]):
        raise ValueError("no papers can be drawn of what is no request")
    return rows


def _asked(head: Cells, time_zone: str) -> Iterator[tuple[str, Sequence[str]]]:
    yield "Request", [head["key"]]
    yield "Ship by", [_instant(head["ship_by"], time_zone) or "as soon as can be"]
    yield "Service", [head["service"] or "any"]
    yield "Asked for at", [_instant(head["requested_at"], time_zone)]
    if head["note"]:
        yield "Note", [head["note"]]


def _instant(cell: str, time_zone: str) -> str:
    if not cell:
        return ""
    at = datetime.fromisoformat(cell).astimezone(ZoneInfo(time_zone))
    return f"{at:%a %Y-%m-%d %H:%M} ({time_zone})"


def _to_pick(rows: Sequence[Cells]) -> Iterator[tuple[str, str, str, str]]:
    """Lines by Sku; what belongs to one thing sold stays together, under its name."""
    groups = [sorted(group, key=_place) for group in _by_line(rows).values()]
    for group in sorted(groups, key=lambda group: _place(group[0])):
        first = group[0]
        parts = _is_of_parts(group)
        if parts:
            units = f"{first['sold_units']} x " if _are_whole(group) else "part of "
            yield "", f"for {units}{first['sold_title']} ({first['sold_sku']}):", "", ""
        for row in group:
            yield f"- {row['sku']}" if parts else row["sku"], row["title"], row["quantity"], ""


def _in_parcel(rows: Sequence[Cells]) -> Iterator[tuple[str, str, str]]:
    """What the buyer ordered, as it was sold; the things themselves where it is not whole."""
    for group in _by_line(rows).values():
        first = group[0]
        if _are_whole(group):
            title = first["sold_title"] or first["title"]
            yield title, first["sold_sku"] or first["sku"], first["sold_units"]
            continue
        for row in group:
            of = f"{row['title']} (part of {row['sold_title']})" if row["sold_title"] else ""
            yield of or row["title"], row["sku"], row["quantity"]


def _counted(rows: Sequence[Cells]) -> str:
    units = sum(int(row["quantity"]) for row in rows)
    return f"{len(rows)} line{'s' * (len(rows) != 1)}, {units} unit{'s' * (units != 1)} in all"


def _by_line(rows: Sequence[Cells]) -> dict[str, list[Cells]]:
    """Order line -> what is picked for it, in the order of the request."""
    groups: dict[str, list[Cells]] = {}
    for row in rows:
        groups.setdefault(row["line"], []).append(row)
    return groups


def _place(row: Cells) -> tuple[str, str]:
    return row["sku"].casefold(), row["sku"]


def _is_of_parts(group: Sequence[Cells]) -> bool:
    """A Kit, or a pack: what is picked is not, or not as often, what was sold."""
    first = group[0]
    if not first["sold_sku"]:
        return False
    alike = first["sku"] == first["sold_sku"] and first["quantity"] == first["sold_units"]
    return len(group) > 1 or not alike


def _are_whole(group: Sequence[Cells]) -> bool:
    told = {row["sold_units"] for row in group}
    return len(told) == 1 and "" not in told
