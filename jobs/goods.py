"""What a place that sells to us calls the goods of a request, and what it should ask for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import select

from core.model.catalog import LocationId, Sku
from core.model.fulfillment import CountedAs
from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.ports import MailedRequestTarget, RequestService
from jobs.buying import item_of
from jobs.naming import Naming, by_all_names
from jobs.store.counted import CountedItems
from jobs.store.offers import Offers
from jobs.store.orders import OrderRecord
from jobs.store.parcels import Requested
from jobs.store.store import Tx
from jobs.store.tables import purchase_order, purchase_order_line
from jobs.wiring import Wiring


def sellers_through(wiring: Wiring, connection: str) -> list[str]:
    """The suppliers that this connection speaks with."""
    return [
        name for name, one in wiring.config.suppliers.items() if connection == one.connection != ""
    ]


def _sellers(wiring: Wiring, location: LocationId) -> list[str]:
    """The suppliers whose own place this is."""
    return sellers_through(wiring, ships_through(wiring, location))


def goods_of(
    tx: Tx, wiring: Wiring, location: LocationId, skus: Iterable[Sku]
) -> dict[Sku, SupplierItem]:
    """On which terms the place's own supplier sells these Skus; none where it is nobody's."""
    asked = sorted(set(skus))
    sellers = _sellers(wiring, location)
    return {sku: item_of(tx, wiring, name, sku) for name in reversed(sellers) for sku in asked}


def counted_as(
    tx: Tx, wiring: Wiring, location: LocationId, skus: Iterable[Sku]
) -> dict[Sku, list[CountedAs]]:
    """As what a place that ships what it counts itself counts these Skus. Packs are none of them:
    who is asked for one unit cannot send a fourth of a box."""
    place = wiring.location(location)
    if place is None or not place.ships_own_count:
        return {}
    made: dict[Sku, list[CountedAs]] = {}
    items = CountedItems(tx).of_skus(location, skus)
    channel = place.counting_channel or ""
    goods = by_all_names(tx, [(channel, one.item, one.item) for one in items])
    meant = Naming(tx, wiring).sold(goods)
    for one, named in zip(items, goods, strict=True):
        if (meant[named].sku, meant[named].units) == (one.sku, 1):
            made.setdefault(one.sku, []).append(CountedAs(one.item, one.units))
    return made


def titles_of(tx: Tx, wiring: Wiring, skus: Collection[Sku]) -> dict[Sku, str]:
    """What these are, for people: as the configuration says, else as a channel shows one unit of it."""
    known = wiring.loaded.catalog.skus
    written = {sku: known[sku].title for sku in skus if sku in known and known[sku].title}
    return Offers(tx).titles(sku for sku in skus if sku not in written) | written


def owed(tx: Tx, wiring: Wiring, found: Requested) -> list[tuple[Sku, int, str]]:
    """(Sku, units it has not shipped, what their people call it) of a request."""
    units: dict[Sku, int] = {}
    for (_, sku), (quantity, _, shipped) in sorted(found.lines.items()):
        units[sku] = units.get(sku, 0) + quantity - shipped
    theirs = goods_of(tx, wiring, found.location, units)
    titles = titles_of(tx, wiring, list(units))
    return [
        (
            sku,
            count,
            f"{theirs[sku].item if sku in theirs else sku} {titles.get(sku, '')}".strip(),
        )
        for sku, count in units.items()
        if count > 0
    ]


def names_of_goods(tx: Tx, wiring: Wiring, found: Requested) -> dict[str, Sku]:
    """Their word for a thing in this request, or ours -> our Sku."""
    skus = {sku for _, sku in found.lines}
    theirs = goods_of(tx, wiring, found.location, skus)
    counted = counted_as(tx, wiring, found.location, skus)
    return (
        {one.item: sku for sku, one in theirs.items()}
        | {one.item: sku for sku, items in counted.items() for one in items}
        | {sku: sku for sku in skus}
    )


def expected_prices(tx: Tx, wiring: Wiring, found: Requested) -> dict[Sku, Money]:
    """What a unit of each Sku of this request should cost us; without those nobody told."""
    units: dict[Sku, int] = {}
    for (_, sku), (quantity, _, _) in found.lines.items():
        units[sku] = (
            units.get(sku, 0)
            + quantity
            + sum(count for (_, of), count in found.declined.items() if of == sku)
        )
    theirs = goods_of(tx, wiring, found.location, units)
    prices = {sku: one.price(max(1, units[sku])) for sku, one in theirs.items()}
    return {sku: price for sku, price in prices.items() if price is not None}


def price_tolerance(wiring: Wiring, location: LocationId) -> int:
    """Percent."""
    return max(
        (wiring.config.suppliers[one].price_tolerance for one in _sellers(wiring, location)),
        default=0,
    )


def ships_through(wiring: Wiring, location: LocationId) -> str:
    """The connection that takes the place's requests; "": none."""
    found = wiring.location(location)
    return found.ships_through if found else ""


def can_call_off(wiring: Wiring, location: LocationId) -> bool:
    """Whether the place can be told not to ship what it was asked for."""
    found = wiring.connectors.get(ships_through(wiring, location))
    if isinstance(found, MailedRequestTarget):
        return True
    return isinstance(found, RequestService) and found.can_cancel_requests


def supplied_by(
    tx: Tx, wiring: Wiring, record: OrderRecord, line: str, sku: Sku
) -> tuple[str, Money | None]:
    """(who supplied the units of an order line, what one cost): the place's own supplier where it
    ships for us, else whoever sent us the Sku last. ("", None): nobody knows."""
    for one in record.fulfillments:
        if (line, sku) not in one.lines:
            continue
        for name in _sellers(wiring, one.location):
            return name, item_of(tx, wiring, name, sku).price(1)
    row = tx.connection.execute(
        select(purchase_order.c.supplier, purchase_order.c.currency, purchase_order_line.c.price)
        .join(purchase_order_line, purchase_order_line.c.purchase == purchase_order.c.number)
        .where(purchase_order_line.c.sku == sku, purchase_order_line.c.received > 0)
        .order_by(purchase_order.c.created_at.desc(), purchase_order.c.number)
        .limit(1)
    ).first()
    if row is None:
        return "", None
    return row.supplier, None if row.price is None else Money(row.price, row.currency)


def listed(units: Mapping[Sku, int]) -> str:
    """Units in a Case: "CUP x1, TEA x2", by name."""
    return ", ".join(f"{sku} x{count}" for sku, count in sorted(units.items()))
