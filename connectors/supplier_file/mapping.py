"""Their files as our facts, our request as a file. Pure: bytes in, values out.

A file that cannot be read as a whole raises Rejected (codes "encoding", "missing-column", "empty",
"not-csv"); a line that cannot be read becomes a problem or a Reject and the others go through.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from connectors.supplier_file.settings import Format
from core.errors import Rejected
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    ShipmentNotice,
    ShippedLine,
    ShipRequest,
)
from core.model.orders import Address
from core.model.stock import SnapshotRow, StockSnapshot
from core.ports import Reject

#: More units of one thing than any place we know holds: a bar code in the wrong column, most likely.
ABSURD_QUANTITY = 10_000_000

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
}

#: Usual words for a carrier, lower case, in ours. What is not here stays as they wrote it.
CARRIERS: Mapping[str, str] = {
    "ups": "ups",
    "united parcel service": "ups",
    "fedex": "fedex",
    "federal express": "fedex",
    "usps": "usps",
    "us postal service": "usps",
    "dhl": "dhl",
    "ontrac": "ontrac",
    "uniuni": "uniuni",
}

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was taken, and what is needed to read it."""

    name: str
    content: bytes
    #: sha256, hexadecimal
    digest: str
    #: its last change as the remote tells it
    changed_at: datetime
    format: Format
    #: the connection's name, for errors
    connector: str

    def refused(self, words: str, *, code: str) -> Rejected:
        return Rejected(
            f"{self.name}: {words}", connector=self.connector, operation="read file", code=code
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One line under the headings. `line` counts from 1, the headings included."""

    line: int
    cells: Mapping[str, str]
    #: the cells as they stood, for a person
    text: str


class _Unreadable(Exception):
    """One line cannot be read; its text is the reason."""


# Reading, from bytes to rows


def text_of(file: File) -> str:
    """Decode by the ladder: byte order mark, strict UTF-8, the configured encoding.

    Never guesses: detectors call cp1252 many other things. Raises Rejected "encoding".
    """
    tried = []
    by_mark = next((name for mark, name in _BOMS if file.content.startswith(mark)), None)
    for encoding in [by_mark] if by_mark else dict.fromkeys(["utf-8", file.format.encoding]):
        try:
            return file.content.decode(encoding)
        except UnicodeDecodeError as error:
            tried.append(f"not {encoding} at byte {error.start}")
    raise file.refused(
        f"its encoding is unknown ({', '.join(tried)}); set format.encoding", code="encoding"
    )


def rows_of(file: File, *, needed: Sequence[str]) -> Iterator[Row | tuple[int, str, str]]:
    """Every line as a Row, or as (line, text, why). Headings compare without case and blanks.

    Raises Rejected "empty", "missing-column" (names it and those found), "not-csv".
    """
    lines = csv.reader(
        io.StringIO(text_of(file), newline=""), delimiter=file.format.delimiter, strict=True
    )
    try:
        heading = [_plain(cell) for cell in next(lines, [])]
        if not any(heading):
            raise file.refused("it is empty", code="empty")
        missing = [column for column in needed if _plain(column) not in heading]
        if missing:
            raise file.refused(
                f"no column {', '.join(map(repr, missing))}; found {', '.join(heading)}",
                code="missing-column",
            )
        before = lines.line_num
        for cells in lines:
            line, before = before + 1, lines.line_num
            if not any(cell.strip() for cell in cells):
                continue
            text = file.format.delimiter.join(cells)
            if len(cells) != len(heading):
                yield line, text, f"{len(cells)} cells under {len(heading)} headings"
            else:
                stripped = (cell.strip() for cell in cells)
                yield Row(line, dict(zip(heading, stripped, strict=True)), text)
    except csv.Error as error:
        raise file.refused(f"line {lines.line_num}: {error}", code="not-csv") from None


def _plain(heading: str) -> str:
    return heading.strip().casefold()


def _cell(row: Row, column: str) -> str:
    """An optional cell; "" where the file has no such column."""
    return row.cells.get(_plain(column), "")


def _required(row: Row, column: str) -> str:
    value = _cell(row, column)
    if not value:
        raise _Unreadable(f"{column} is empty")
    return value


def _quantity(text: str) -> int:
    """A whole number as files write it: 12, 12.0, +12. Never 1,200: it means two things."""
    if not re.fullmatch(r"[+-]?\d+(\.0*)?", text, re.ASCII):
        raise _Unreadable(f"{text!r} is no whole number")
    quantity = int(text.partition(".")[0])
    if abs(quantity) > ABSURD_QUANTITY:
        raise _Unreadable(f"{quantity} units cannot be")
    return quantity


def instant(text: str, format_: Format) -> datetime:
    """ISO 8601 or one of the configured patterns; without an offset, in the configured zone.

    Raises ValueError.
    """
    for read in (datetime.fromisoformat, *(_by(pattern) for pattern in format_.instants)):
        try:
            at = read(text)
        except ValueError:
            continue
        if at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(format_.timezone))
        return at.astimezone(UTC)
    raise ValueError(f"{text!r} is no instant")


def _by(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone comes next


def _instant(text: str, format_: Format) -> datetime:
    try:
        return instant(text, format_)
    except ValueError as error:
        raise _Unreadable(str(error)) from None


# Stock


def stock_snapshot(file: File, *, location: str, lag: timedelta) -> StockSnapshot:
    """The whole file as one figure for one location.

    `as_of` is the oldest instant the rows state, else the file's time less `lag`. What was odd is
    in `problems`: unreadable lines are left out; a negative figure counts as 0; of figures that
    contradict each other the smallest counts, for units that may not be there must not be sold.
    """
    columns = file.format.stock
    quantities: dict[str, int] = {}
    first_line: dict[str, int] = {}
    problems: list[tuple[int, str, str]] = []
    stated: list[datetime] = []
    repeated = negative = 0
    for row in rows_of(file, needed=(columns.sku, columns.quantity)):
        if not isinstance(row, Row):
            problems.append(row)
            continue
        try:
            sku = _required(row, columns.sku)
            quantity = _quantity(_required(row, columns.quantity))
            as_of = _cell(row, columns.as_of)
            if as_of:
                stated.append(_instant(as_of, file.format))
        except _Unreadable as why:
            problems.append((row.line, row.text, str(why)))
            continue
        if quantity < 0:
            negative += 1
            problems.append((row.line, row.text, "negative; taken as 0"))
            quantity = 0
        if sku in quantities:
            repeated += 1
            why_twice = f"{sku} was on line {first_line[sku]} too; the smaller figure is taken"
            problems.append((row.line, row.text, why_twice))
            quantity = min(quantity, quantities[sku])
        first_line.setdefault(sku, row.line)
        quantities[sku] = quantity
    return StockSnapshot(
        location=location,
        as_of=min(stated) if stated else file.changed_at - lag,
        name=file.name,
        digest=file.digest,
        rows=tuple(SnapshotRow(sku, quantity) for sku, quantity in quantities.items()),
        problems=tuple(problems),
        repeated=repeated,
        negative=negative,
    )


# Acknowledgments


def acknowledgments(
    file: File,
) -> tuple[list[Acknowledgment], list[Reject], list[tuple[str, str]]]:
    """Answers, lines that could not be read, and each answer's raw line as JSON by its key."""
    columns = file.format.acknowledgment
    words = dict(STATUSES) | {_plain(k): v for k, v in file.format.statuses.items()}
    items: list[Acknowledgment] = []
    rejects: list[Reject] = []
    raw: list[tuple[str, str]] = []
    for row in rows_of(file, needed=(columns.key, columns.status)):
        if not isinstance(row, Row):
            rejects.append(_reject(file, "acknowledgment", *row))
            continue
        try:
            key, word = _required(row, columns.key), _required(row, columns.status)
            at = _cell(row, columns.at)
            items.append(
                Acknowledgment(
                    key=key,
                    status=words.get(_plain(word), AcknowledgmentStatus.UNKNOWN),
                    at=_instant(at, file.format) if at else file.changed_at,
                    raw_status=word,
                    message=_cell(row, columns.reason),
                    reference=_cell(row, columns.reference),
                )
            )
            raw.append((key, json.dumps(dict(row.cells), ensure_ascii=False)))
        except _Unreadable as why:
            rejects.append(_reject(file, "acknowledgment", row.line, row.text, str(why)))
    return items, rejects, raw


def _reject(file: File, kind: str, line: int, text: str, why: str) -> Reject:
    return Reject(kind=kind, remote_id=f"{file.name} line {line}", problem=why, raw=text)


# Shipments


@dataclass(frozen=True, slots=True)
class _Parcel:
    key: str
    carrier: str
    tracking: str
    service: str
    shipped_at: datetime


@dataclass(frozen=True, slots=True)
class _Part:
    """One line of a parcel."""

    row: Row
    parcel: _Parcel
    line: ShippedLine


def shipment_notices(
    file: File,
) -> tuple[list[ShipmentNotice], list[Reject], list[tuple[str, str]]]:
    """Parcels (lines of one key and tracking number together), rejects, raw lines as JSON by key.

    A parcel with a line that cannot be read is withheld whole: confirming the rest of it would
    tell the channel too few units, for good.
    """
    columns = file.format.shipment
    needed = (columns.key, columns.sku, columns.quantity, columns.carrier, columns.tracking)
    parcels: dict[tuple[str, str], list[_Part]] = defaultdict(list)
    spoiled: set[tuple[str, str]] = set()
    rejects: list[Reject] = []
    for row in rows_of(file, needed=needed):
        if not isinstance(row, Row):
            rejects.append(_reject(file, "shipment line", *row))
            continue
        name = (_cell(row, columns.key), _number(_cell(row, columns.tracking)))
        try:
            part = _Part(row, _parcel(row, file), _shipped_line(row, file.format))
            parcels[name].append(part)
        except _Unreadable as why:
            spoiled.add(name)
            rejects.append(_reject(file, "shipment line", row.line, row.text, str(why)))
    # A line with too few or too many cells cannot be read, but it shows whose it is.
    torn = " ".join(reject.raw for reject in rejects)
    spoiled |= {name for name in parcels if name[1] in torn}
    notices: list[ShipmentNotice] = []
    raw: list[tuple[str, str]] = []
    for name, parts in parcels.items():
        doubt = _doubt(parts, spoiled=name in spoiled)
        if doubt:
            lines = [(part.row.line, part.row.text) for part in parts]
            rejects += [_reject(file, "shipment line", *line, doubt) for line in lines]
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
    )


def _parcel(row: Row, file: File) -> _Parcel:
    columns = file.format.shipment
    words = dict(CARRIERS) | {_plain(k): v for k, v in file.format.carriers.items()}
    word = _required(row, columns.carrier)
    tracking = _number(_required(row, columns.tracking))
    if re.fullmatch(r"\d(\.\d+)?E\+\d+", tracking, re.IGNORECASE | re.ASCII):
        raise _Unreadable(f"{tracking} is a tracking number that a spreadsheet rounded")
    at = _cell(row, columns.shipped_at)
    return _Parcel(
        key=_required(row, columns.key),
        carrier=words.get(_plain(word), word),
        tracking=tracking,
        service=_cell(row, columns.service),
        shipped_at=_instant(at, file.format) if at else file.changed_at,
    )


def _shipped_line(row: Row, format_: Format) -> ShippedLine:
    columns = format_.shipment
    quantity = _quantity(_required(row, columns.quantity))
    if quantity < 1:
        raise _Unreadable(f"{quantity} units cannot ship")
    return ShippedLine(_required(row, columns.sku), quantity)


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
    "name", "company", "address1", "address2", "address3",
    "city", "region", "postal_code", "country", "phone",
    "service", "ship_by", "requested_at",
)  # fmt: skip

#: A cell that begins like this is run as a formula by spreadsheets
#: (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def request_document(request: ShipRequest) -> bytes:
    """The request as UTF-8 CSV with CRLF. The same request is the same bytes.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, line breaks and
    control characters become blanks. The buyer's email is not passed on.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(REQUEST_COLUMNS)
    tail = (
        *_address(request.ship_to),
        safe_cell(request.service),
        _stamp(request.ship_by),
        _stamp(request.requested_at),
    )
    for line in request.lines:
        head = (request.key, request.order_name, line.line, line.sku)
        writer.writerow((*map(safe_cell, head), str(line.quantity), *tail))
    return out.getvalue().encode("utf-8")


def _address(to: Address) -> tuple[str, ...]:
    cells = (to.name, to.company, to.line1, to.line2, to.line3)
    place = (to.city, to.region, to.postal_code, to.country, to.phone)
    return tuple(map(safe_cell, cells + place))


def safe_cell(text: str) -> str:
    one_line = "".join(c if c.isprintable() else " " for c in text).strip()
    return f"'{one_line}" if one_line.startswith(_FORMULA_STARTS) else one_line


def _stamp(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""


def file_name(key: str) -> str:
    """A key as the stem of a file name, reversibly: what is not [A-Za-z0-9_-.~] is %XX."""
    stem = quote(key, safe="")
    return f"%2E{stem[1:]}" if stem.startswith(".") else stem


def key_of(stem: str) -> str:
    """The key that `file_name` made this stem of."""
    return unquote(stem)
