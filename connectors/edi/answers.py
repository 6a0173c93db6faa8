"""What a partner's 997, 855 and 856 mean for us: in our units, our words, our keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from connectors.edi.reading import (
    Answer,
    AnsweredLine,
    InterchangeAnswer,
    OrderAnswer,
    SentParcel,
    TransactionSet,
    Unreadable,
    invoice,
    parcels,
    verdict,
)
from connectors.edi.settings import ANSWERS, CARRIERS, Settings
from core.model import fulfillment
from core.model.fulfillment import Acknowledgment, AcknowledgmentStatus, ShipmentNotice, ShippedLine
from core.model.invoices import Invoice, InvoicedLine
from core.model.money import Money
from core.model.purchasing import PurchaseAnswer, PurchaseVerdict
from core.model.receipts import Receipt

#: Numbers that our purchase orders have (jobs.purchase); all others are requests to ship.
OUR_NUMBERS = re.compile(r"PO-.+")
#: A group's number (data element 28).
_CONTROL = re.compile(r"[0-9]{1,9}")
#: Cents beyond which an amount is a fault of a program, and more than a column holds.
_LARGEST = 10**15
#: Kinds of days on which goods leave them (data element 374). Those of delivery are other days.
_LEAVES = ("068", "079", "018", "011", "010")
#: BSN01 (data element 353). A change (04) does not say whether it names all that is in a parcel.
_CANCELS, _REPLACES = "01", "05"
#: BAK02 where lines do not say it themselves: accepted unless it begins with R, held where it is AH.
_REFUSED, _ON_HOLD = "R", "AH"
#: ACK01 that tells of the rest of its line too, where nothing else does: a partial shipment with the
#: balance backordered, a quantity that was changed to so many. What settings say of a code is all it says.
_REST = {"BP": AcknowledgmentStatus.BACKORDERED, "IQ": AcknowledgmentStatus.REJECTED}
#: BAK02 that tells of all lines what becomes of them -> whether they come
_WHOLE = {"AD": True, "AK": True, "AT": True, "RD": False, "RJ": False}


def receipts_of(one: TransactionSet, *, at: datetime) -> Iterator[Receipt]:
    """One for the group: we put one transaction set into each. Raises Unreadable."""
    told = verdict(one)
    serial = _serial(told.control, "AK102")
    faults = "; ".join([fault for each in told.sets for fault in each.faults] + [*told.faults])
    yield Receipt(serial, told.accepted, at, faults or ("" if told.accepted else "refused"))


def interchange_receipts(told: InterchangeAnswer, *, at: datetime) -> Iterator[Receipt]:
    """A TA1 that refuses an interchange: no 997 for it will come. One that takes it says nothing of
    what is in it. We number interchange and group alike. Raises Unreadable."""
    if told.code == "R":
        yield Receipt(_serial(told.control, "TA101"), False, at, f"TA1 R {told.note}".strip())


def _serial(control: str, where: str) -> int:
    if not _CONTROL.fullmatch(control):
        raise Unreadable(f"{where} is {control!r}, a number of ours is expected")
    return int(control)


def acknowledgment_of(made: OrderAnswer, settings: Settings, *, at: datetime) -> Acknowledgment:
    """An 855 to a request to ship. It tells its day alone: `at` is the instant its file has."""
    whole = _status_of(made.code)
    lines = [one for line in made.lines for one in _answered(line, made, whole, settings)]
    return Acknowledgment(
        key=made.number,
        status=whole,
        at=at,
        raw_status=made.code,
        message=", ".join(dict.fromkeys(one.code for line in made.lines for one in line.answers)),
        reference=made.reference,
        lines=tuple(lines),
    )


def purchase_answers_of(
    made: OrderAnswer, settings: Settings, *, at: datetime
) -> Iterator[PurchaseAnswer | PurchaseVerdict]:
    """An 855 to a purchase order: what of each thing will come, now or later, and when it leaves.

    Raises Unreadable.
    """
    if not made.lines:
        if made.code not in _WHOLE:
            raise Unreadable(
                f"855 {made.number}: BAK02 is {made.code!r}, and it tells of no line what will come"
            )
        yield PurchaseVerdict(made.number, _WHOLE[made.code], at, made.reference)
    whole = _status_of(made.code)
    coming: dict[str, int] = {}
    days: dict[str, date] = {}
    prices: dict[str, Money] = {}
    for line in made.lines:
        for one in _answered(line, made, whole, settings):
            if one.status is AcknowledgmentStatus.UNKNOWN:
                raise Unreadable(
                    f"855 {made.number}: nobody knows what an ACK01 of it means for {one.item}; "
                    "say it in `answers`"
                )
            comes = one.status is not AcknowledgmentStatus.REJECTED
            coming[one.item] = coming.get(one.item, 0) + (one.quantity if comes else 0)
            if comes and one.ready_on:
                days[one.item] = max(one.ready_on, days.get(one.item, one.ready_on))
            if one.price:
                prices[one.item] = one.price
    for item, units in coming.items():
        yield PurchaseAnswer(
            made.number, item, units, at, days.get(item), made.reference, prices.get(item)
        )


def _status_of(code: str) -> AcknowledgmentStatus:
    """BAK02 (data element 587)."""
    if code.startswith(_REFUSED):
        return AcknowledgmentStatus.REJECTED
    if code == _ON_HOLD:
        return AcknowledgmentStatus.BACKORDERED
    return AcknowledgmentStatus.ACCEPTED


def _answered(
    line: AnsweredLine, made: OrderAnswer, whole: AcknowledgmentStatus, settings: Settings
) -> Iterator[fulfillment.AnsweredLine]:
    item = item_of(line.names, settings)
    size = size_of(item, line.names, line.unit, settings)
    price = _unit_price(line.price, size, made.currency or settings.currency)
    if not line.answers:
        yield fulfillment.AnsweredLine(item, whole, line.ordered * size, price=price)
    words = {**ANSWERS, **settings.answers}
    told = sum(one.units for one in line.answers)
    for one in line.answers:
        status = words.get(one.code, AcknowledgmentStatus.UNKNOWN)
        units = one.units
        if status is AcknowledgmentStatus.REJECTED and not units:
            # Some tell with a refusal how many will come: none. It is about the rest of the line.
            units, told = max(0, line.ordered - told), max(told, line.ordered)
        yield fulfillment.AnsweredLine(item, status, units * size, _leaves(one), price)
    codes = {one.code for one in line.answers} - settings.answers.keys()
    rest = next((_REST[code] for code in _REST if code in codes), None)
    if told < line.ordered and rest:
        yield fulfillment.AnsweredLine(item, rest, (line.ordered - told) * size, price=price)


def _leaves(one: Answer) -> date | None:
    return one.day if one.day_kind in _LEAVES else None


def item_of(names: Mapping[str, str], settings: Settings) -> str:
    """The identity that counts. Raises Unreadable where there is none of those the settings name."""
    for kind in settings.items:
        if kind in names:
            return names[kind]
    there = ", ".join(names) or "none"
    raise Unreadable(
        f"an item has none of the identities {', '.join(settings.items)}; it has {there}"
    )


def size_of(item: str, names: Mapping[str, str], unit: str, settings: Settings) -> int:
    """Our units in one of what they count in."""
    for name in (item, *names.values()):
        pack = settings.packs.get(name)
        if pack and unit == pack.unit:
            return pack.units
        if pack and unit not in ("", settings.unit):
            raise Unreadable(
                f"{item} is counted in {unit}; {pack.unit} or {settings.unit} is expected"
            )
    return 1


def _unit_price(price: Decimal | None, size: int, currency: str) -> Money | None:
    """Of one of our units, in whole cents; a price that is none exactly is not compared."""
    if price is None:
        return None
    exact = price / size
    try:
        return Money.parse(format(exact.normalize(), "f"), currency)
    except ValueError:
        return None


def notices_of(one: TransactionSet, settings: Settings) -> Iterator[ShipmentNotice]:
    """An 856. Raises Unreadable, also where a parcel has no number: nobody could follow it."""
    zone = ZoneInfo(settings.timezone)
    for parcel in parcels(one, zone=zone, for_a_shelf=lambda key: bool(OUR_NUMBERS.fullmatch(key))):
        if not parcel.tracking:
            raise Unreadable(
                f"856 {one.control}: a parcel of {parcel.order} has no tracking number "
                "(REF*CN, REF*2I or MAN*CP)"
            )
        called_off = parcel.purpose == _CANCELS
        yield ShipmentNotice(
            key=parcel.order,
            carrier=carrier_of(parcel, settings),
            tracking_number=parcel.tracking,
            shipped_at=parcel.shipped_at,
            lines=() if called_off else tuple(_shipped(parcel, settings)),
            service=parcel.routing,
            document=parcel.document,
            replaces=called_off or parcel.purpose == _REPLACES,
            expected_on=parcel.arrives,
        )


def invoice_of(one: TransactionSet, settings: Settings) -> Invoice:
    """An 810, in whole cents. Raises Unreadable."""
    told = invoice(one)
    currency = told.currency or settings.currency
    lines = []
    for line in told.lines:
        item = item_of(line.names, settings)
        units = line.units * size_of(item, line.names, line.unit, settings)
        lines.append(InvoicedLine(item, units, Money.rounded(line.price * line.units, currency)))
    extras, total = Money.rounded(told.extras, currency), Money.rounded(told.total, currency)
    if any(abs(one.amount) > _LARGEST for one in (extras, total, *(one.amount for one in lines))):
        raise Unreadable(f"810 {one.control}: nobody owes so much as it says")
    return Invoice(
        told.number, told.order, told.on, currency, tuple(lines), extras, total, told.credit
    )


def _shipped(parcel: SentParcel, settings: Settings) -> Iterable[ShippedLine]:
    for line in parcel.lines:
        item = item_of(line.names, settings)
        yield ShippedLine(item, line.units * size_of(item, line.names, line.unit, settings))


def carrier_of(parcel: SentParcel, settings: Settings) -> str:
    """Our word for the carrier; theirs in lower case where nobody knows it, "other" without one."""
    words = {**CARRIERS, **{name.upper(): ours for name, ours in settings.carriers.items()}}
    first = parcel.routing.split(" ")[0]
    for name in (parcel.scac, first):
        if name.upper() in words:
            return words[name.upper()]
    return (parcel.scac or first).lower() or "other"
