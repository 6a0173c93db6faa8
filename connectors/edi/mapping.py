"""Purchase orders and requests to ship as 850, what came as 997. Pure.

Segments and codes: X12 004010, data elements 92 (order type), 128 (REF), 235 (item identity),
355 (unit), 374 (dates), 715 and 717 (acknowledged or not).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connectors.x12.envelope import Delimiters, Problem
from connectors.x12.writer import USUAL, Unwritable, as_it_stands, sayable
from core.model.fulfillment import ShipRequest
from core.model.orders import Address
from core.model.purchasing import PurchaseLine, PurchaseOrder

#: One transaction set: ("850",), then its segments.
Body = list[list[str]]


@dataclass(frozen=True, slots=True)
class Words:
    """What one partner calls things."""

    #: qualifier of their own identity of an item: VP, VN, SK
    their_item: str = "VP"
    #: qualifier of our Sku; "": it is not sent
    our_item: str = "BP"
    #: the code for one unit
    unit: str = "EA"
    #: item or Sku -> (their unit, our units in one of it); what is not here is ordered in `unit`
    packs: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    #: place -> what they call it in N104; what is not here is sent as we call it
    places: Mapping[str, str] = field(default_factory=dict)
    #: service -> what they call it; "": it is not sent; what is not here is sent as we call it
    services: Mapping[str, str] = field(default_factory=dict)
    #: letters that never stand inside a value
    marks: Delimiters = USUAL


#: Letters of a purchase order's number (data element 324), of a thing's (234), of a reference (127), and
#: of a line of an address (166).
LONGEST_NUMBER, LONGEST_NAME, _LONGEST_REF, _LONGEST_LINE = 22, 48, 30, 55


class NumberTooLong(ValueError):
    """A purchase order's number that X12 has no room for."""


class NotWholePacks(ValueError):
    """A quantity that is no number of the packs this partner counts in."""


def purchase_order(order: PurchaseOrder, words: Words) -> Body:
    """A restock order: BEG02 is SA (stand-alone). Raises NotWholePacks, NumberTooLong, Unwritable."""
    _check_number(order.number)
    day = f"{order.ordered_at:%Y%m%d}"
    body: Body = [["850"], ["BEG", "00", "SA", order.number, "", day]]
    currencies = {line.price.currency for line in order.lines if line.price}
    if len(currencies) == 1:
        body.append(["CUR", "BY", currencies.pop()])
    if order.needed_on:
        body.append(["DTM", "002", f"{order.needed_on:%Y%m%d}"])
    place = words.places.get(order.location, order.location)
    body.append(["N1", "ST", order.location, "92", place])
    for number, line in enumerate(order.lines, start=1):
        body.append(_ordered(number, line, words))
    body.append(["CTT", str(len(order.lines))])
    return body


def ship_request(request: ShipRequest, words: Words) -> Body:
    """A drop-ship order: BEG02 is DS, the short key is the number, N1*ST is the buyer.

    Raises NotWholePacks, NumberTooLong, Unwritable. A line's price is what a unit costs us there, where that is
    known: many partners refuse a line without one (PO104). The buyer's email is not passed on; the
    phone is, for the carrier.
    """
    _check_number(request.short_key)
    day = f"{request.requested_at:%Y%m%d}"
    body: Body = [["850"], ["BEG", "00", "DS", request.short_key, "", day]]
    # For people to look up; that it cannot be said keeps no parcel waiting.
    if sayable(request.order_name, words.marks) and len(request.order_name) <= _LONGEST_REF:
        body.append(["REF", "CO", request.order_name])
    if request.ship_by:
        body.append(["DTM", "010", f"{request.ship_by:%Y%m%d}"])
    if service := words.services.get(request.service, request.service):
        body.append(["TD5", "", "", "", "", service])
    body += _ship_to(request.ship_to)
    lines = request.by_sku()
    currencies = {line.price.currency for line in lines if line.price}
    if len(currencies) == 1:
        body.insert(2, ["CUR", "BY", currencies.pop()])
    body += [_ordered(number, line, words) for number, line in enumerate(lines, start=1)]
    body.append(["CTT", str(len(lines))])
    return body


def _check_number(number: str) -> None:
    if len(number) > LONGEST_NUMBER:
        raise NumberTooLong(
            f"{number} has {len(number)} letters, BEG03 holds {LONGEST_NUMBER}; give it a shorter one"
        )


def _ordered(number: int, line: PurchaseLine, words: Words) -> list[str]:
    unit, size = words.packs.get(line.item) or words.packs.get(line.sku) or (words.unit, 1)
    if line.quantity % size:
        raise NotWholePacks(
            f"{line.sku}: {line.quantity} units are no whole number of {unit} of {size}; order "
            f"{line.quantity // size * size} or {(line.quantity // size + 1) * size}"
        )
    price = ""
    if line.price:
        price = format(Decimal(str(line.price).split(" ")[0]) * size, "f")
    # A partner without a number of its own knows the thing by ours, under either qualifier.
    ours = words.our_item or ("" if line.item else words.their_item)
    known, *more = [
        (kind, name)
        for kind, name in ((words.their_item, line.item), (ours, line.sku))
        if kind and name
    ]
    if not as_it_stands(known[1], words.marks):
        # CAFE may be another thing than CAFÉ.
        raise Unwritable(
            f"{known[1]!r} cannot be said in X12 as it stands; give it an item number in "
            "`suppliers` that can"
        )
    names = list(known)
    for kind, name in more:
        if as_it_stands(name, words.marks) and len(name) <= LONGEST_NAME:
            names += [kind, name]
    return ["PO1", str(number), str(line.quantity // size), unit, price, "", *names]


def _ship_to(to: Address) -> Body:
    body = [["N1", "ST", to.name or to.company]]
    if to.company and to.name:
        body.append(["N2", to.company])
    second = ", ".join(one for one in (to.line2, to.line3) if one)
    if len(second) <= _LONGEST_LINE:
        body.append(["N3", to.line1, second])
    else:
        body += [["N3", to.line1, to.line2], ["N3", to.line3]]
    body.append(["N4", to.city, to.region, to.postal_code, to.country])
    if to.phone:
        body.append(["PER", "IC", to.name, "TE", to.phone])
    return [one for one in body if any(one[1:])]


# Functional acknowledgments


@dataclass(slots=True)
class Received:
    """A transaction set as it came: its names, and what is wrong with its envelope."""

    kind: str
    control: str
    problems: list[Problem] = field(default_factory=list)


#: Envelope fault -> AK502 (data element 718).
_AK5 = {"SE01": "4", "SE02": "3", "open": "2"}


def acknowledgment(group: str, control: str, sets: Sequence[Received], *, told: int) -> Body:
    """A 997 for one group (GS01, GS06); `told` is its GE01. A set with a fault is refused (AK5*R)."""
    body: Body = [["997"], ["AK1", group, control]]
    good = 0
    for one in sets:
        body.append(["AK2", one.kind, one.control])
        codes = list(dict.fromkeys(_AK5[p.code] for p in one.problems if p.code in _AK5))
        body.append(["AK5", "R", *codes] if codes else ["AK5", "A"])
        good += not codes
    verdict = "A" if good == len(sets) else ("P" if good else "R")
    body.append(["AK9", verdict, str(told), str(len(sets)), str(good)])
    return body
