"""Rows of the two reports of returns into ours. Pure; a word we do not know stays unknown.

Columns of GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE (what we ship) as published answers of it show
them: 32, and "Order Item ID" at the end in some accounts. Columns of
GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA (what Amazon ships) from memory and such answers. The words
in them are from memory too, but for those seen there: Amazon publishes no list of either.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from connectors.amazon.fields import Unreadable, instant_from
from core.model.money import Money
from core.model.returns import (
    Disposition,
    Return,
    ReturnClaim,
    ReturnedLine,
    ReturnReason,
    ReturnStatus,
)
from core.ports import Reject

Row = Mapping[str, str]

FBM = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
FBA = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"
FBM_NEEDED = ("order id", "return request date", "return request status", "return quantity")
FBA_NEEDED = ("return-date", "order-id", "sku", "quantity")
#: What is kept of a row as it came: nobody's words, no title, no price.
_FBM_KEPT = (
    "order id", "order item id", "merchant sku", "return request date", "return request status",
    "amazon rma id", "merchant rma id", "label type", "label to be paid by", "label cost",
    "currency code", "return carrier", "tracking id", "return quantity", "return reason",
    "in policy", "resolution", "return delivery date", "a-to-z claim", "safet action reason",
    "safet claim id", "safet claim state", "safet claim reimbursement amount", "refunded amount",
)  # fmt: skip
#: Everything but the product's name and what the buyer wrote.
_FBA_KEPT = (
    "return-date", "order-id", "sku", "asin", "fnsku", "quantity", "fulfillment-center-id",
    "detailed-disposition", "reason", "status", "license-plate-number",
)  # fmt: skip

STATUS = {
    "pending": ReturnStatus.REQUESTED,
    "pendingapproval": ReturnStatus.REQUESTED,
    "approved": ReturnStatus.OPEN,
    "completed": ReturnStatus.CLOSED,
    "closed": ReturnStatus.CLOSED,
    "denied": ReturnStatus.DECLINED,
    "declined": ReturnStatus.DECLINED,
    "canceled": ReturnStatus.CANCELED,
    "cancelled": ReturnStatus.CANCELED,
}
#: From memory, as all words here: a state that is not among them is shown as it is.
_CLAIM_DENIED = frozenset({"denied", "rejected", "declined"})
#: Both reports' words; the FBM report puts "CR-" before them.
REASON = {
    "DEFECTIVE": ReturnReason.DEFECTIVE,
    "QUALITY_UNACCEPTABLE": ReturnReason.DEFECTIVE,
    "DAMAGED_BY_CARRIER": ReturnReason.DAMAGED,
    "DAMAGED_BY_FC": ReturnReason.DAMAGED,
    "NOT_AS_DESCRIBED": ReturnReason.NOT_AS_DESCRIBED,
    "AMZ-PG-BAD-DESC": ReturnReason.NOT_AS_DESCRIBED,
    "SWITCHEROO": ReturnReason.WRONG_ITEM,
    "MISSING_PARTS": ReturnReason.MISSING_PARTS,
    "MISSED_ESTIMATED_DELIVERY": ReturnReason.LATE,
    "NOT_COMPATIBLE": ReturnReason.FIT,
    "APPAREL_TOO_SMALL": ReturnReason.FIT,
    "APPAREL_TOO_LARGE": ReturnReason.FIT,
    "APPAREL_STYLE": ReturnReason.FIT,
    "UNWANTED_ITEM": ReturnReason.UNWANTED,
    "NO_LONGER_NEEDED": ReturnReason.UNWANTED,
    "ORDERED_WRONG_ITEM": ReturnReason.UNWANTED,
    "FOUND_BETTER_PRICE": ReturnReason.UNWANTED,
    "EXTRA_ITEM": ReturnReason.OTHER,
    "UNAUTHORIZED_PURCHASE": ReturnReason.OTHER,
    "NO_REASON_GIVEN": ReturnReason.OTHER,
    "UNDELIVERABLE_UNKNOWN": ReturnReason.UNDELIVERED,
    "UNDELIVERABLE_REFUSED": ReturnReason.UNDELIVERED,
    "UNDELIVERABLE_INSUFFICIENT_ADDRESS": ReturnReason.UNDELIVERED,
}
#: What Amazon found; what nobody can sell is damaged, whoever did it.
DISPOSITION = {
    "SELLABLE": Disposition.RESTOCK,
    "DAMAGED": Disposition.DAMAGED,
    "CUSTOMER_DAMAGED": Disposition.DAMAGED,
    "CARRIER_DAMAGED": Disposition.DAMAGED,
    "WAREHOUSE_DAMAGED": Disposition.DAMAGED,
    "DISTRIBUTOR_DAMAGED": Disposition.DAMAGED,
    "DEFECTIVE": Disposition.DAMAGED,
    "EXPIRED": Disposition.DAMAGED,
}
#: "10-Jul-2025" with English names of months whatever the machine's language; "2026-09-22" was seen too.
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

#: A return (or why it is none), and what is kept of it.
Told = tuple[Return | Reject, str]


def fbm_returns(rows: Sequence[Row], *, channel: str) -> Iterator[Told]:
    """One return for each RMA of an order; each of its rows is a line. One bad row spoils its own."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_rma(row), []).append(row)
    for rma, members in groups.items():
        kept = json.dumps([_kept(row, _FBM_KEPT) for row in members], ensure_ascii=False)
        try:
            yield _fbm_return(rma, members, channel), kept
        except Unreadable as error:
            yield Reject("return", rma, str(error), kept), kept


def _rma(row: Row) -> str:
    """What the return is known by. A request that is not approved has no RMA yet."""
    order, rma = _cell(row, "order id"), _cell(row, "amazon rma id")
    asked = _cell(row, "return request date")
    return rma or f"{order}/{_cell(row, 'merchant sku')}/{asked}"


def _fbm_return(rma: str, rows: Sequence[Row], channel: str) -> Return:
    first = rows[0]
    order = _cell(first, "order id")
    if not order or any(_cell(row, "order id") != order for row in rows):
        raise Unreadable("it does not name one order")
    word = _cell(first, "return request status")
    lines = Counter[str]()
    made = []
    for row in rows:
        item = _cell(row, "order item id") or _cell(row, "merchant sku")
        if not item:
            raise Unreadable("a row names neither an item nor a SKU")
        lines[item] += 1
        raw = _cell(row, "return reason")
        made.append(
            ReturnedLine(
                remote_id=item if lines[item] == 1 else f"{item}/{lines[item]}",
                line=_cell(row, "order item id"), remote_sku=_cell(row, "merchant sku"),
                quantity=_units(row, "return quantity"), reason=_reason(raw), raw_reason=raw,
            )
        )  # fmt: skip
    return Return(
        channel=channel, remote_id=rma, name=_cell(first, "merchant rma id") or rma, order=order,
        status=STATUS.get(word.lower().replace(" ", ""), ReturnStatus.UNKNOWN),
        created_at=_day(first, "return request date"), lines=tuple(made),
        carrier=_cell(first, "return carrier"), tracking_number=_cell(first, "tracking id"),
        label=_cell(first, "label type"), label_cost=_label_cost(first), claims=_claims(rows),
    )  # fmt: skip


def _label_cost(row: Row) -> Money | None:
    """Rows of one RMA share its label."""
    paid_by_us = _cell(row, "label to be paid by").lower() == "seller"
    return _money(row, "label cost") if paid_by_us else None


def _claims(rows: Sequence[Row]) -> tuple[ReturnClaim, ...]:
    """One for each claim id: its rows tell of the same one."""
    found = {}
    for row in rows:
        state = _cell(row, "safet claim state")
        if claim := _cell(row, "safet claim id"):
            found[claim] = ReturnClaim(
                claim, state, state.lower() in _CLAIM_DENIED,
                _money(row, "safet claim reimbursement amount"),
            )  # fmt: skip
    return tuple(found.values())


def _money(row: Row, name: str) -> Money | None:
    """None where there is none, or what is there cannot be read: it is kept as it came."""
    try:
        found = Money.parse(_cell(row, name), _cell(row, "currency code").upper())
    except ValueError:
        return None
    return found if found.amount > 0 else None


def fba_returns(rows: Sequence[Row], *, channel: str) -> Iterator[Told]:
    """One return for each row: Amazon received it, judged it, and pays the buyer back itself."""
    alike = Counter[str]()
    for row in rows:
        kept = json.dumps(_kept(row, _FBA_KEPT), ensure_ascii=False)
        # Rows without a plate may be alike and are units each; their order in the report is stable
        # enough: a row more is one more of them.
        alike[kept] += 1
        plate = _cell(row, "license-plate-number")
        digest = hashlib.sha256(f"{kept}{alike[kept]}".encode()).hexdigest()[:16]
        ref = plate or f"FBA-{digest}"
        try:
            yield _fba_return(ref, row, channel), kept
        except Unreadable as error:
            yield Reject("return", ref, str(error), kept), kept


def _fba_return(ref: str, row: Row, channel: str) -> Return:
    order, sku, raw = _cell(row, "order-id"), _cell(row, "sku"), _cell(row, "reason")
    if not order or not sku:
        raise Unreadable("it does not name its order and SKU")
    units = _units(row, "quantity")
    try:
        at = instant_from(_cell(row, "return-date"))
    except ValueError:
        raise Unreadable("return-date is no instant") from None
    found = DISPOSITION.get(_cell(row, "detailed-disposition").upper())
    line = ReturnedLine(
        remote_id=ref, line="", remote_sku=sku, quantity=units, reason=_reason(raw),
        raw_reason=raw, received=units, disposition=found,
    )  # fmt: skip
    return Return(
        channel=channel, remote_id=ref, name=ref, order=order, status=ReturnStatus.CLOSED,
        created_at=at, lines=(line,), handled_there=True,
    )  # fmt: skip


def _cell(row: Row, name: str) -> str:
    return row.get(name, "").strip()


def _kept(row: Row, names: Sequence[str]) -> dict[str, str]:
    return {name: _cell(row, name) for name in names if _cell(row, name)}


def _reason(raw: str) -> ReturnReason:
    return REASON.get(raw.upper().removeprefix("CR-"), ReturnReason.UNKNOWN)


def _units(row: Row, name: str) -> int:
    """Raises Unreadable."""
    cell = _cell(row, name)
    if not cell.isdecimal() or not cell.isascii() or not 0 < int(cell) < 1_000_000:
        raise Unreadable(f"{name} is no number of units: {cell[:20]!r}")
    return int(cell)


def _day(row: Row, name: str) -> datetime:
    """The beginning of a day, taken as UTC: the report names no zone. Raises Unreadable."""
    cell = _cell(row, name)
    parts = cell.lower().split("-")
    try:
        if len(parts) == 3 and parts[1] in _MONTHS:
            return datetime(int(parts[2]), _MONTHS.index(parts[1]) + 1, int(parts[0]), tzinfo=UTC)
        return datetime.fromisoformat(cell[:10]).replace(tzinfo=UTC)
    except ValueError:
        raise Unreadable(f"{name} is no date: {cell[:20]!r}") from None
