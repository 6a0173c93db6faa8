"""Our requests into Amazon's fulfillment orders, and what became of them into our words.

Fulfillment Outbound 2020-07-01 (model fulfillmentOutbound_2020-07-01). Pure; a table of states. A
word we do not know stays unknown; a record that cannot be read raises Unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.amazon.carriers import our_word
from connectors.amazon.fields import (
    Record,
    Unreadable,
    count,
    instant,
    instant_text,
    list_of,
    part,
    text,
)
from connectors.amazon.settings import MultiChannel
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    CountedAs,
    ShipmentNotice,
    ShippedLine,
    ShipRequest,
    by_number,
)
from core.model.orders import Address
from core.ports import AskedFor

#: What one fulfillment order may hold (model; docs mcf-best-practices).
MOST_LINES = 100
MOST_UNITS = 250
LONGEST_SKU = 50
#: of displayableOrderId, sellerFulfillmentOrderId
LONGEST_ID = 40
#: Countries whose addresses have no city (model Address).
_NO_CITY = ("JP",)

WAITING = "waiting"
IN_PART = "in part"
#: fulfillmentOrderStatus, lower case (the model's own example writes PROCESSING) -> what it means to
#: us; the comments are the model's words, shortened.
ORDER_STATUS: Mapping[str, AcknowledgmentStatus | str] = {
    # received, not validated yet
    "new": WAITING,
    # the address is valid, and Amazon's records have enough for it: from here on its figure lacks them
    "received": AcknowledgmentStatus.ACCEPTED,
    # no unit is picked yet
    "planning": AcknowledgmentStatus.ACCEPTED,
    # picking has begun; it cannot be canceled any more
    "processing": AcknowledgmentStatus.ACCEPTED,
    "complete": AcknowledgmentStatus.ACCEPTED,
    # some were fulfilled; the rest was canceled or cannot be
    "completepartialled": IN_PART,
    # canceled by the seller
    "cancelled": AcknowledgmentStatus.REJECTED,
    # its workers found nothing of it, or nothing that can be sold
    "unfulfillable": AcknowledgmentStatus.REJECTED,
    # the address is not valid, or there is not enough of it
    "invalid": AcknowledgmentStatus.REJECTED,
}
#: Nothing of it will leave any more, nothing of it has.
NOT_SHIPPED = ("cancelled", "unfulfillable", "invalid")
#: It cannot be canceled (any more).
TOO_LATE = ("processing", "complete", "completepartialled")
_LEFT = "SHIPPED"
#: Parts of an answer that say where somebody lives; nothing of ours needs them.
_PERSONAL = frozenset(
    {"destinationAddress", "notificationEmails", "deliveryInformation", "lockerDetails"}
)


class Unwritable(ValueError):
    """What a fulfillment order cannot say, in words without personal data."""


# --- what goes out


def order_body(request: ShipRequest, settings: MultiChannel, *, marketplace: str) -> dict[str, Any]:
    """The body of createFulfillmentOrder. The same request, the same body. Raises Unwritable."""
    body: dict[str, Any] = {
        "marketplaceId": marketplace,
        "sellerFulfillmentOrderId": request.short_key,
        "displayableOrderId": _displayed(request),
        "displayableOrderDate": instant_text(request.requested_at),
        "displayableOrderComment": settings.comment,
        "shippingSpeedCategory": _speed(request.service, settings),
        "destinationAddress": _address(request.ship_to),
        "fulfillmentAction": "Ship",
        "fulfillmentPolicy": settings.fill,
        "items": _items(request),
    }
    if settings.features:
        body["featureConstraints"] = [
            {"featureName": name, "featureFulfillmentPolicy": policy}
            for name, policy in sorted(settings.features.items())
        ]
    return body


def _displayed(request: ShipRequest) -> str:
    """What buyers know their order by; ours where Amazon cannot print that."""
    name = request.order_name.strip()
    try:
        name.encode("iso-8859-1")
    except UnicodeEncodeError:
        return request.short_key
    fits = 1 <= len(name) <= LONGEST_ID and "  " not in name and name.isprintable()
    return name if fits else request.short_key


def _speed(service: str, settings: MultiChannel) -> str:
    known = {"standard": "Standard", "expedited": "Expedited", "priority": "Priority"}
    known |= {name.casefold(): speed for name, speed in settings.speeds.items()}
    # Rules may want one of several: "ground/air".
    wanted = [service, *service.split("/")]
    found = [known[one.strip().casefold()] for one in wanted if one.strip().casefold() in known]
    return found[0] if found else settings.speed


def _address(to: Address) -> dict[str, str]:
    lines = [one for one in (to.line1, to.line2, to.line3) if one]
    if to.company and to.name and len(lines) < 3:
        lines.append(to.company)
    made = {
        "name": to.name or to.company,
        **{f"addressLine{number}": line for number, line in enumerate(lines[:3], start=1)},
        "city": "" if to.country in _NO_CITY else to.city,
        "stateOrRegion": to.region,
        "postalCode": to.postal_code,
        "countryCode": to.country,
        "phone": to.phone,
    }
    needed = ["name", "addressLine1", "postalCode", "countryCode"]
    if to.country not in _NO_CITY:
        needed.append("city")
    if missing := [name for name in needed if not made.get(name, "").strip()]:
        raise Unwritable(f"the address has no {', '.join(missing)}")
    if not re.fullmatch("[A-Z]{2}", to.country):
        raise Unwritable("the address's country is no two-letter code")
    return {name: words for name, words in made.items() if words}


def _items(request: ShipRequest) -> list[dict[str, Any]]:
    """One line for each of Amazon's items: of a Sku that stands in several lines, one."""
    made: list[tuple[str, int]] = []
    for line in request.by_sku():
        made += _taken(line.sku, line.quantity, request.counted.get(line.sku, ()))
    if not made or any(units < 1 for _, units in made):
        raise Unwritable("there is nothing to ship in it")
    if len(made) > MOST_LINES:
        raise Unwritable(f"{len(made)} different things; Amazon takes {MOST_LINES} at once")
    units = sum(count for _, count in made)
    if units > MOST_UNITS:
        raise Unwritable(f"{units} units; Amazon takes {MOST_UNITS} at once")
    for item, _ in made:
        if len(item) > LONGEST_SKU:
            raise Unwritable(f"the SKU {item!r} is longer than {LONGEST_SKU} letters")
    return [
        {"sellerSku": item, "sellerFulfillmentOrderItemId": str(number), "quantity": quantity}
        for number, (item, quantity) in enumerate(made, start=1)
    ]


def _taken(sku: str, units: int, counted: Sequence[CountedAs]) -> Iterator[tuple[str, int]]:
    """What one Sku is asked for as. Amazon may count it under several of its SKUs: the fullest
    first, and what its figures do not show of the first one too."""
    if not counted:
        yield sku, units
        return
    fullest = sorted(counted, key=lambda one: (-one.units, one.item))
    taken = {one.item: 0 for one in fullest}
    for one in fullest:
        taken[one.item] = min(units, max(0, one.units))
        units -= taken[one.item]
    taken[fullest[0].item] += units
    yield from ((item, quantity) for item, quantity in taken.items() if quantity)


# --- what comes back


def status_word(answer: Record) -> str:
    """fulfillmentOrderStatus of a getFulfillmentOrder, lower case. Raises Unreadable."""
    word = text(_order(answer), "fulfillmentOrderStatus").lower()
    if not word:
        raise Unreadable("a fulfillment order without a status")
    return word


def acknowledgment(answer: Record, asked: AskedFor, *, now: datetime) -> Acknowledgment | None:
    """What Amazon says to a request; None: it has not validated it yet. Raises Unreadable."""
    word = status_word(answer)
    meaning = ORDER_STATUS.get(word, AcknowledgmentStatus.UNKNOWN)
    if meaning == WAITING:
        return None
    lines: tuple[AnsweredLine, ...] = ()
    if meaning == IN_PART or (meaning is AcknowledgmentStatus.REJECTED and _shipments(answer)):
        # Whatever the one word for all of it: some of it left.
        meaning, lines = AcknowledgmentStatus.ACCEPTED, tuple(_answered(answer))
    assert isinstance(meaning, AcknowledgmentStatus)
    # Every later word is said after its units were taken off the figure: never too early a moment.
    return Acknowledgment(
        key=asked.key,
        status=meaning,
        at=min(now, instant(_order(answer), "statusUpdatedDate")),
        raw_status=text(_order(answer), "fulfillmentOrderStatus"),
        reference=asked.reference,
        lines=lines,
    )


def _answered(answer: Record) -> Iterator[AnsweredLine]:
    """What comes and what does not, of one that is over. Raises Unreadable."""
    missing = False
    for item in list_of(_payload(answer), "fulfillmentOrderItems"):
        sku = text(item, "sellerSku")
        gone = _units(item, "cancelledQuantity") + _units(item, "unfulfillableQuantity")
        comes = _units(item, "quantity") - gone
        if not sku or comes < 0:
            raise Unreadable("its items do not add up")
        missing |= gone > 0
        if comes:
            yield AnsweredLine(sku, AcknowledgmentStatus.ACCEPTED, comes)
        if gone:
            yield AnsweredLine(sku, AcknowledgmentStatus.REJECTED, gone)
    if not missing:
        raise Unreadable("it was fulfilled in part, and no item says what is missing")


def notices(answer: Record, asked: AskedFor) -> tuple[ShipmentNotice, ...]:
    """Every parcel that left and has a number, as it stands now. Raises Unreadable."""
    return by_number(
        notice for shipment in _shipments(answer) for notice in _parcels(shipment, asked.key)
    )


def _parcels(shipment: Record, key: str) -> Iterator[ShipmentNotice]:
    packages = list_of(shipment, "fulfillmentShipmentPackage")
    for package in packages:
        number = text(package, "trackingNumber") or text(package, "amazonFulfillmentTrackingNumber")
        if not number.strip():
            # It may come yet: asked about again.
            continue
        yield ShipmentNotice(
            key=key,
            carrier=our_word(text(package, "carrierCode")),
            tracking_number=number.replace(" ", ""),
            shipped_at=instant(shipment, "shippingDate"),
            lines=_contents(shipment, package, alone=len(packages) == 1),
            replaces=True,
        )


def _contents(shipment: Record, package: Record, *, alone: bool) -> tuple[ShippedLine, ...]:
    """What is in one package. An item may come in several entries, one for each serial number."""
    units: dict[str, int] = {}
    for item in list_of(shipment, "fulfillmentShipmentItem"):
        inside = count(item, "packageNumber")
        if inside is None and not alone:
            raise Unreadable("an item of several packages does not say which one it is in")
        if inside is None or alone or inside == count(package, "packageNumber"):
            sku = text(item, "sellerSku")
            units[sku] = units.get(sku, 0) + _units(item, "quantity")
    return tuple(ShippedLine(sku, quantity) for sku, quantity in units.items())


def _shipments(answer: Record) -> list[Record]:
    """Those that left. One its fulfiller gave up is made again by Amazon under another name."""
    return [
        one
        for one in list_of(_payload(answer), "fulfillmentShipments")
        if text(one, "fulfillmentShipmentStatus").upper() == _LEFT
    ]


def without_addresses(tree: Any) -> Any:
    """An answer as it is kept."""
    if isinstance(tree, Mapping):
        return {k: without_addresses(v) for k, v in tree.items() if k not in _PERSONAL}
    if isinstance(tree, list):
        return [without_addresses(one) for one in tree]
    return tree


def _payload(answer: Record) -> Record:
    return part(answer, "payload")


def _order(answer: Record) -> Record:
    return part(_payload(answer), "fulfillmentOrder")


def _units(record: Any, name: str) -> int:
    found = count(record, name) if isinstance(record, Mapping) else None
    if found is None:
        raise Unreadable(f"an item without {name}")
    return found
