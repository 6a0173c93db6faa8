"""Buyers: they order, they cancel, they ask for a cancellation. Amazon ships its own orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.listings_state import AMAZON_NA, DEFAULT
from connectors.amazon.simulator.orders_state import (
    AMAZON,
    MERCHANT,
    Address,
    Item,
    Order,
    OrderRecord,
    Status,
    add_business_days,
)
from core.model.money import Money

_CHANNEL = {MERCHANT: DEFAULT, AMAZON: AMAZON_NA}
_FIELDS = {
    "lines", "fulfilled_by", "pending_for", "cancel_after", "ship_by_hours", "hidden_for",
    "service_level", "programs", "address",
}  # fmt: skip
_SECONDS = ("pending_for", "cancel_after", "hidden_for")
_FIRST = ("Ann", "Ben", "Chloe", "Diego", "Emma", "Farid", "Grace", "Hao", "Iris", "Jonas")
_LAST = ("Abbott", "Brooks", "Castillo", "Dunn", "Ellis", "Fischer", "Gómez", "Hayes", "Ito", "Ng")
_STREETS = ("Maple St", "Oak Ave", "Pine Rd", "2nd Street", "Lakeview Dr", "Elm Ct")
_PLACES = (
    ("Seattle", "WA", "98101"), ("Austin", "TX", "78701"), ("Newark", "NJ", "07102"),
    ("Denver", "CO", "80202"), ("Miami", "FL", "33101"), ("Boise", "ID", "83702"),
)  # fmt: skip
#: A buyer may ask in these words (Orders 2026-01-01 gives no closed list).
_CANCEL_REASON = "BUYER_REQUESTED_CANCEL"


def order(account: Account, wish: Mapping[str, Any], *, now: datetime) -> OrderRecord:
    """Place an order. ValueError: unknown key, unknown SKU, "sold out", nothing ordered."""
    unknown = set(wish) - _FIELDS
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}; known are {sorted(_FIELDS)}")
    wanted = _wanted(wish)
    fulfilled_by = wish.get("fulfilled_by") or _who_ships(account, wanted)
    if fulfilled_by not in _CHANNEL:
        raise ValueError(f"fulfilled_by {fulfilled_by!r} is neither MERCHANT nor AMAZON")
    channel = _CHANNEL[fulfilled_by]
    units = _units(wanted)
    _check_stock(account, units, channel)
    # Everything that can be wrong with the wish comes before the first change.
    later = {name: float(wish[name]) for name in _SECONDS if wish.get(name) is not None}
    made = _order(account, wanted, fulfilled_by, wish, now=now)
    for sku, quantity in units.items():
        account.listings[sku].take(channel, quantity)
        account.listings[sku].updated = now
    record = OrderRecord([made], now + timedelta(seconds=later.get("hidden_for", 0.0)))
    account.orders[made.order_id] = record
    _plan(account, record, later, now=now)
    return record


def _cents(line: Mapping[str, Any], name: str, currency: str) -> int:
    """What an item costs besides its price: {"tax": "1.60", "shipping": "4.99"} for all units."""
    return Money.parse(str(line.get(name, "0")), currency).amount


def _wanted(wish: Mapping[str, Any]) -> list[tuple[str, int]]:
    try:
        lines = [(str(line["sku"]), int(line.get("quantity", 1))) for line in wish.get("lines", [])]
    except (AttributeError, KeyError, TypeError):
        lines = []
    if not lines or any(quantity < 1 for _, quantity in lines):
        raise ValueError("an order needs lines, each with a sku and a quantity of at least 1")
    return lines


def _who_ships(account: Account, wanted: list[tuple[str, int]]) -> str:
    first = account.listings.get(wanted[0][0])
    return AMAZON if first and first.by_amazon else MERCHANT


def _units(wanted: list[tuple[str, int]]) -> Counter[str]:
    units: Counter[str] = Counter()
    for sku, quantity in wanted:
        units[sku] += quantity
    return units


def _check_stock(account: Account, units: Mapping[str, int], channel: str) -> None:
    for sku, quantity in units.items():
        listing = account.listings.get(sku)
        if listing is None:
            raise ValueError(f"no listing {sku}")
        if channel not in listing.current:
            raise ValueError(f"{sku} is not sold through {channel}")
        if listing.quantity(channel) < quantity:
            account.counts["buyers refused"] += 1
            raise ValueError(f"sold out: {sku} has {listing.quantity(channel)}, wanted {quantity}")


def _order(
    account: Account,
    wanted: list[tuple[str, int]],
    fulfilled_by: str,
    wish: Mapping[str, Any],
    *,
    now: datetime,
) -> Order:
    listings = [account.listings[sku] for sku, _ in wanted]
    name = f"{account.pick(_FIRST)} {account.pick(_LAST)}"
    if "ship_by_hours" in wish:
        ship_by = now + timedelta(hours=float(wish["ship_by_hours"]))
    else:
        ship_by = add_business_days(now, max(listing.lead_days for listing in listings))
    return Order(
        order_id=account.new_order_id(),
        created=now,
        updated=now,
        status=Status.PENDING if wish.get("pending_for") else Status.UNSHIPPED,
        fulfilled_by=fulfilled_by,
        items=tuple(
            Item(
                item_id=account.digits(14),
                sku=listing.sku,
                asin=listing.asin,
                title=listing.title,
                quantity=quantity,
                unit_price=listing.price,
                tax=_cents(line, "tax", listing.price.currency),
                shipping=_cents(line, "shipping", listing.price.currency),
            )
            for listing, (_, quantity), line in zip(listings, wanted, wish["lines"], strict=True)
        ),
        ship_by=ship_by,
        deliver_by=add_business_days(ship_by, 5),
        address=_address(account, name, wish.get("address", {})),
        buyer_name=name,
        buyer_email=f"{account.uuid()[:13]}@marketplace.amazon.com",
        service_level=str(wish.get("service_level", "STANDARD")),
        programs=tuple(wish.get("programs", ())),
    )


def _address(account: Account, name: str, wish: Mapping[str, str]) -> Address:
    """A made-up address; `wish` overrides single parts ("" leaves one out)."""
    unknown = set(wish) - {field.name for field in fields(Address)}
    if unknown:
        raise ValueError(f"address: unknown parts {sorted(unknown)}")
    city, state, postal_code = _PLACES[int(account.digits(2)) % len(_PLACES)]
    made = Address(
        name=name,
        line1=f"{int(account.digits(3))} {account.pick(_STREETS)}",
        city=city,
        state=state,
        postal_code=postal_code,
        phone=f"+1 206-555-01{account.digits(2)}",
    )
    return replace(made, **dict(wish))


def _plan(
    account: Account, record: OrderRecord, later: Mapping[str, float], *, now: datetime
) -> None:
    """What happens to the order without anybody asking."""
    ready = now + timedelta(seconds=later.get("pending_for", 0.0))
    if ready > now:
        account.agenda.at(ready, lambda at: _pay(record, at))
    if "cancel_after" in later:
        regret = now + timedelta(seconds=later["cancel_after"])
        account.agenda.at(regret, lambda at: _cancel_if_open(account, record, at, by="BUYER"))
    if record.now.fulfilled_by == AMAZON:
        shipped = ready + account.delay(account.behavior.fba_ship_delay)
        account.agenda.at(shipped, lambda at: _ship_by_amazon(account, record, at))
    else:
        overdue = add_business_days(record.now.ship_by, account.behavior.auto_cancel_days)
        account.agenda.at(overdue, lambda at: _cancel_if_open(account, record, at, by="AMAZON"))


def _pay(record: OrderRecord, at: datetime) -> None:
    if record.now.status is Status.PENDING:
        record.change(at, replace(record.now, status=Status.UNSHIPPED))


def _ship_by_amazon(account: Account, record: OrderRecord, at: datetime) -> None:
    if record.now.status is not Status.UNSHIPPED:
        return
    for item in record.now.items:
        listing = account.listings.get(item.sku)
        if listing:
            listing.reserved -= item.quantity
            listing.updated = at
    record.change(at, replace(record.now, status=Status.SHIPPED))


def _open(record: OrderRecord) -> bool:
    return record.now.status in (Status.PENDING, Status.UNSHIPPED) and not record.received


def _cancel_if_open(account: Account, record: OrderRecord, at: datetime, *, by: str) -> None:
    if not _open(record):
        return
    _cancel(account, record, {item.item_id: "" for item in record.now.items}, at=at, by=by)


def cancel_items(
    account: Account, record: OrderRecord, why: Mapping[str, str], *, at: datetime
) -> None:
    """The seller cancels these items, each with its reason; what is canceled stays as it is."""
    _cancel(account, record, why, at=at, by="MERCHANT")


def _cancel(
    account: Account, record: OrderRecord, why: Mapping[str, str], *, at: datetime, by: str
) -> None:
    """An order ends with the last of its items, if none of them was shipped."""
    before = record.now
    ending = [item for item in before.items if item.item_id in why and not item.canceled_by]
    ended = {one.item_id: replace(one, canceled_by=by, canceled_why=why[one.item_id]) for one in ending}  # fmt: skip
    items = tuple(ended.get(item.item_id, item) for item in before.items)
    after = replace(before, items=items)
    if all(item.canceled_by for item in items):
        after = replace(after, status=Status.CANCELLED, canceled_by=by)
        record.canceled_at = at
    elif record.received and _all_out(record, items):
        after = replace(after, status=Status.SHIPPED)
    record.change(at, after)
    for item in ending:
        listing = account.listings.get(item.sku)
        if listing:
            listing.give_back(_CHANNEL[before.fulfilled_by], item.quantity)
            listing.updated = at


def _all_out(record: OrderRecord, items: tuple[Item, ...]) -> bool:
    """Every unit that is still wanted is in a parcel that reads show."""
    return all(
        item.canceled_by or record.now.fulfilled(item.item_id) == item.quantity for item in items
    )


def cancel(account: Account, order_id: str, *, now: datetime) -> OrderRecord:
    """The buyer cancels in the buyer's own account. ValueError when it is too late."""
    record = _known(account, order_id)
    if not _open(record):
        raise ValueError(f"order {order_id} is {record.now.status} and cannot be canceled")
    _cancel_if_open(account, record, now, by="BUYER")
    return record


def request_cancel(
    account: Account, order_id: str, *, now: datetime, skus: Sequence[str] = ()
) -> OrderRecord:
    """The buyer asks the seller to cancel all of it, or some SKUs; the order stays open.

    ValueError when it is too late.
    """
    record = _known(account, order_id)
    if not _open(record) or record.now.fulfilled_by == AMAZON:
        raise ValueError(f"no cancellation can be asked for order {order_id}")
    items = tuple(
        replace(item, cancel_reason=_CANCEL_REASON) if not skus or item.sku in skus else item
        for item in record.now.items
    )
    record.change(now, replace(record.now, items=items))
    return record


def _known(account: Account, order_id: str) -> OrderRecord:
    record = account.orders.get(order_id)
    if record is None:
        raise ValueError(f"no order {order_id}")
    return record
