"""Their answers as our facts, our request as a file. Stock is read in `stock`.

A file that cannot be read as a whole raises Rejected, see `files`; a line that cannot be read
becomes a Reject and the others go through.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from connectors.sheets import ADDRESS_COLUMNS, address_cells, safe_cell, stamp
from connectors.supplier_file.cells import Unreadable, instant_of, quantity_of, required
from connectors.supplier_file.files import File
from connectors.supplier_file.settings import Format
from connectors.supplier_file.tables import plain, table_of
from connectors.values import CARRIER_WORDS
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    FulfillmentLine,
    ShipmentNotice,
    ShippedLine,
    ShipRequest,
)
from core.ports import Reject

#: Usual words for an answer, lower case. What is not here stays UNKNOWN.
STATUSES: Mapping[str, AcknowledgmentStatus] = {
    "accepted": AcknowledgmentStatus.ACCEPTED,
    "accept": AcknowledgmentStatus.ACCEPTED,
    "acknowledged": AcknowledgmentStatus.ACCEPTED,
    "confirmed": AcknowledgmentStatus.ACCEPTED,
    "ok": AcknowledgmentStatus.ACCEPTED,
    "rejected": AcknowledgmentStatus.REJECTED,
    "reject": AcknowledgmentStatus.REJECTED,
    "refused": AcknowledgmentStatus.REJECTED,
    "declined": AcknowledgmentStatus.REJECTED,
    "canceled": AcknowledgmentStatus.REJECTED,
    "cancelled": AcknowledgmentStatus.REJECTED,
    "out of stock": AcknowledgmentStatus.REJECTED,
    "backordered": AcknowledgmentStatus.BACKORDERED,
    "backorder": AcknowledgmentStatus.BACKORDERED,
    "back order": AcknowledgmentStatus.BACKORDERED,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line under the headings. `line` counts from 1, the headings included."""

    line: int
    cells: Mapping[str, str]
    #: the cells as they stood, for a person
    text: str


# Reading rows


def rows_of(
    file: File, *, needed: Sequence[str], optional: Sequence[str]
) -> Iterator[Row | tuple[int, str, str]]:
    """Every line as a Row, or as (line, text, why). Headings compare without case and blanks.

    Raises Rejected, see `files`.
    """
    table = table_of(file, (*needed, *optional))
    table.needed(*needed)
    for line, cells in table.lines:
        text = table.text(cells)
        if len(cells) != table.width:
            yield line, text, f"{len(cells)} cells under {table.width} headings"
        else:
            stripped = (cell.strip() for cell in cells)
            yield Row(line, dict(zip(table.headings, stripped, strict=True)), text)


def cell_of(row: Row, column: str) -> str:
    """An optional cell; "" where the file has no such column."""
    return row.cells.get(plain(column), "")


def required_of(row: Row, column: str) -> str:
    return required(cell_of(row, column), column)


# Acknowledgments


def acknowledgments(
    file: File,
) -> tuple[list[Acknowledgment], list[Reject], list[tuple[str, str]]]:
    """Answers, lines that could not be read, and each answer's raw lines as JSON by its key.

    A line with an item speaks of so many units of it; one without, of the whole request.
    """
    columns = file.format.acknowledgment
    answers: dict[str, Acknowledgment] = {}
    rejects: list[Reject] = []
    raw: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows_of(
        file,
        needed=(columns.key, columns.status),
        optional=(
            columns.reason, columns.reference, columns.at, columns.item, columns.quantity,
            columns.ready_on,
        ),
    ):  # fmt: skip
        if not isinstance(row, Row):
            rejects.append(reject_of(file, "acknowledgment", *row))
            continue
        try:
            one = _acknowledgment(row, file)
        except Unreadable as why:
            rejects.append(reject_of(file, "acknowledgment", row.line, row.text, str(why)))
            continue
        before = answers.get(one.key)
        # Lines of one request are one answer; what speaks of all of it counts as it stands last.
        if before is not None and before.lines and one.lines:
            one = replace(before, lines=before.lines + one.lines, at=max(before.at, one.at))
        answers[one.key] = one
        raw[one.key].append(dict(row.cells))
    kept = [(key, json.dumps(cells, ensure_ascii=False)) for key, cells in raw.items()]
    return list(answers.values()), rejects, kept


def _acknowledgment(row: Row, file: File) -> Acknowledgment:
    columns = file.format.acknowledgment
    words = dict(STATUSES) | {plain(k): v for k, v in file.format.statuses.items()}
    word, at = required_of(row, columns.status), cell_of(row, columns.at)
    status = words.get(plain(word), AcknowledgmentStatus.UNKNOWN)
    ready_on = day_of(cell_of(row, columns.ready_on), file)
    lines: tuple[AnsweredLine, ...] = ()
    if item := cell_of(row, columns.item):
        quantity = quantity_of(required_of(row, columns.quantity))
        if quantity < 0:
            raise Unreadable(f"{quantity} units cannot be answered for")
        lines = (AnsweredLine(item, status, quantity, ready_on),)
    return Acknowledgment(
        key=required_of(row, columns.key),
        status=status,
        at=instant_of(at, file.format) if at else file.changed_at,
        raw_status=word,
        message=cell_of(row, columns.reason),
        reference=cell_of(row, columns.reference),
        lines=lines,
        ready_on=ready_on,
    )


def day_of(text: str, file: File) -> date | None:
    """2026-12-01, or an instant as the other files write it: then its day as they see it."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return instant_of(text, file.format).astimezone(ZoneInfo(file.format.timezone)).date()


def reject_of(file: File, kind: str, line: int, text: str, why: str) -> Reject:
    return Reject(kind=kind, remote_id=f"{file.name} line {line}", problem=why, raw=text)


# Shipments


@dataclass(frozen=True, slots=True)
class _Parcel:
    key: str
    carrier: str
    tracking: str
    service: str
    shipped_at: datetime
    document: str
    expected_on: date | None


@dataclass(frozen=True, slots=True)
class _Part:
    """One line of a parcel."""

    row: Row
    parcel: _Parcel
    line: ShippedLine


def shipment_notices(
    file: File,
) -> tuple[list[ShipmentNotice], list[Reject], list[tuple[str, str]]]:
    """Parcels (lines of one key, tracking number and notice), rejects, raw lines as JSON by key.

    A parcel with a line that cannot be read is withheld whole: confirming the rest of it would
    tell the channel too few units, for good.
    """
    columns = file.format.shipment
    needed = (columns.key, columns.sku, columns.quantity, columns.carrier, columns.tracking)
    optional = (columns.service, columns.shipped_at, columns.document, columns.expected_on)
    parcels: dict[tuple[str, str, str], list[_Part]] = defaultdict(list)
    spoiled: set[tuple[str, str, str]] = set()
    rejects: list[Reject] = []
    for row in rows_of(file, needed=needed, optional=optional):
        if not isinstance(row, Row):
            rejects.append(reject_of(file, "shipment line", *row))
            continue
        name = (
            cell_of(row, columns.key),
            _number(cell_of(row, columns.tracking)),
            cell_of(row, columns.document),
        )
        try:
            part = _Part(row, _parcel(row, file), _shipped_line(row, file.format))
            parcels[name].append(part)
        except Unreadable as why:
            spoiled.add(name)
            rejects.append(reject_of(file, "shipment line", row.line, row.text, str(why)))
    # A line with too few or too many cells cannot be read, but it shows whose it is.
    torn = " ".join(reject.raw for reject in rejects)
    spoiled |= {name for name in parcels if name[1] in torn}
    notices: list[ShipmentNotice] = []
    raw: list[tuple[str, str]] = []
    for name, parts in parcels.items():
        doubt = _doubt(parts, spoiled=name in spoiled)
        if doubt:
            lines = [(part.row.line, part.row.text) for part in parts]
            rejects += [reject_of(file, "shipment line", *line, doubt) for line in lines]
            continue
        notices.append(_notice(parts))
        cells = [dict(part.row.cells) for part in parts]
        raw.append((name[0], json.dumps(cells, ensure_ascii=False)))
    return notices, rejects, raw


def _doubt(parts: Sequence[_Part], *, spoiled: bool) -> str:
    """Why a parcel must be withheld; "" where nothing is odd."""
    if spoiled:
        return "another line of this parcel cannot be read"
    if len({part.parcel for part in parts}) > 1:
        return "lines of one parcel differ in carrier, service or instant"
    return ""


def _notice(parts: Sequence[_Part]) -> ShipmentNotice:
    parcel = parts[0].parcel
    return ShipmentNotice(
        key=parcel.key,
        carrier=parcel.carrier,
        tracking_number=parcel.tracking,
        shipped_at=parcel.shipped_at,
        lines=_summed([part.line for part in parts]),
        service=parcel.service,
        document=parcel.document,
        expected_on=parcel.expected_on,
    )


def _parcel(row: Row, file: File) -> _Parcel:
    columns = file.format.shipment
    words = dict(CARRIER_WORDS) | {plain(k): v for k, v in file.format.carriers.items()}
    word = required_of(row, columns.carrier)
    tracking = _number(required_of(row, columns.tracking))
    if re.fullmatch(r"\d(\.\d+)?E\+\d+", tracking, re.IGNORECASE | re.ASCII):
        raise Unreadable(f"{tracking} is a tracking number that a spreadsheet rounded")
    at = cell_of(row, columns.shipped_at)
    return _Parcel(
        key=required_of(row, columns.key),
        carrier=words.get(plain(word), word),
        tracking=tracking,
        service=cell_of(row, columns.service),
        shipped_at=instant_of(at, file.format) if at else file.changed_at,
        document=cell_of(row, columns.document),
        expected_on=day_of(cell_of(row, columns.expected_on), file),
    )


def _shipped_line(row: Row, format_: Format) -> ShippedLine:
    columns = format_.shipment
    quantity = quantity_of(required_of(row, columns.quantity))
    if quantity < 1:
        raise Unreadable(f"{quantity} units cannot ship")
    return ShippedLine(required_of(row, columns.sku), quantity)


def _number(text: str) -> str:
    """A tracking number without the blanks people group it by."""
    return "".join(text.split())


def _summed(lines: Sequence[ShippedLine]) -> tuple[ShippedLine, ...]:
    units: dict[str, int] = {}
    for line in lines:
        units[line.sku] = units.get(line.sku, 0) + line.quantity
    return tuple(ShippedLine(sku, quantity) for sku, quantity in units.items())


# Requests

#: The columns of a request to ship: one line per thing to pick, the address on each.
REQUEST_COLUMNS = (
    "key", "order", "line", "sku", "quantity",
    *ADDRESS_COLUMNS,
    "service", "ship_by", "requested_at", "note",
)  # fmt: skip

#: More of them, where papers are drawn from it: what the Sku is, and what the buyer calls the order
#: line. `sold_units` is empty where these are no whole units of the line.
PAPER_COLUMNS = ("title", "sold_sku", "sold_title", "sold_units")


def request_document(request: ShipRequest, *, for_papers: bool = False) -> bytes:
    """The request as UTF-8 CSV with CRLF. The same request is the same bytes.

    For papers it has PAPER_COLUMNS too: what is on them is drawn from here.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, line breaks and
    control characters become blanks. The buyer's email is not passed on.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow((*REQUEST_COLUMNS, *(PAPER_COLUMNS if for_papers else ())))
    tail = (
        *address_cells(request.ship_to),
        safe_cell(request.service),
        stamp(request.ship_by),
        stamp(request.requested_at),
        safe_cell(request.note),
    )
    for line in request.lines:
        head = (request.key, request.order_name, line.line, line.sku)
        more = _of_paper(request, line) if for_papers else ()
        writer.writerow((*map(safe_cell, head), str(line.quantity), *tail, *map(safe_cell, more)))
    return out.getvalue().encode("utf-8")


def _of_paper(request: ShipRequest, line: FulfillmentLine) -> tuple[str, str, str, str]:
    """As PAPER_COLUMNS. A thing without a title of ours is called as it was sold, where it is that."""
    title, sold = request.titles.get(line.sku, ""), request.sold.get(line.line)
    units, rest = divmod(line.quantity, line.per_unit)
    whole = "" if rest else str(units)
    if sold is None:
        return title, "", "", whole
    return title or (sold.title if sold.sku == line.sku else ""), sold.sku, sold.title, whole
