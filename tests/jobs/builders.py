"""Small orders, and threads that start together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, select, text

from core.model.money import Money
from core.model.orders import Address, Order, OrderLine, PaymentStatus
from core.model.stock import MovementKind, StockMovement
from jobs.store.orders import Orders, Resolved
from jobs.store.store import Store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SHOP = "shopify-us"
HOME = Address(
    name="Ada Buyer", line1="1 Main St", city="Reno", region="NV", postal_code="89501", country="US"
)

R = TypeVar("R")


def minutes(count: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=count)


def line(remote_id: str = "L1", *, sku: str = "TEA", units: int = 1, **changes: Any) -> OrderLine:
    one = OrderLine(
        remote_id=remote_id,
        remote_sku=sku,
        listing_remote_id=f"variant-{sku}",
        title=f"A {sku}",
        ordered=units,
        current=units,
        fulfilled=0,
        unit_price=Money(1999, "USD"),
    )
    return replace(one, **changes)


def order(
    remote_id: str = "5501", *lines: OrderLine, updated_at: datetime = NOON, **changes: Any
) -> Order:
    one = Order(
        channel=SHOP,
        remote_id=remote_id,
        name=f"#{remote_id}",
        placed_at=NOON,
        updated_at=updated_at,
        payment=PaymentStatus.PAID,
        canceled_at=None,
        pending=False,
        test=False,
        currency="USD",
        total=Money(1999, "USD"),
        lines=lines or (line(),),
        ship_to=HOME,
    )
    return replace(one, **changes)


def resolved(*orders: Order) -> dict[tuple[str, str], Resolved]:
    """Every line's Sku is what the channel calls it."""
    return {
        (one.remote_id, sold.remote_id): Resolved(sold.remote_sku)
        for one in orders
        for sold in one.lines
    }


def record(store: Store, *orders: Order) -> list[int]:
    """Record orders; the numbers of those that are new or changed."""
    with store.transaction() as tx:
        return Orders(tx).record(orders, resolve=resolved(*orders))


def number_of(store: Store, one: Order) -> int:
    with store.reading() as tx:
        number = Orders(tx).find(one.channel, one.remote_id)
    assert number is not None
    return number


def receipt(
    sku: str, units: int, *, location: str = "home", reference: str = "R1"
) -> StockMovement:
    return StockMovement(sku, location, MovementKind.RECEIPT, units, reference, NOON)


def rows(store: Store, table: Table) -> list[dict[str, Any]]:
    with store.reading() as tx:
        return [dict(row._mapping) for row in tx.rows(select(table))]


def unlock_ledger(connection: Connection) -> None:
    """Let a test that begins again on the same database empty the ledger, which nothing else may."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP TRIGGER IF EXISTS movement_append_only ON movement"))
    else:
        connection.execute(text("DROP TRIGGER IF EXISTS movement_no_delete"))


def together(*work: Callable[[], R]) -> list[R]:
    """Run these at the same time, each in a thread; their results in order. Raises what one raised."""
    gate = threading.Barrier(len(work))

    def one(task: Callable[[], R]) -> R:
        gate.wait(timeout=30)
        return task()

    with ThreadPoolExecutor(len(work)) as pool:
        return [future.result(timeout=120) for future in [pool.submit(one, w) for w in work]]


def many(count: int, work: Callable[[int], R]) -> list[R]:
    """`count` threads at once, each with its number."""
    tasks: Sequence[Callable[[], R]] = [
        lambda number=number: work(number) for number in range(count)
    ]
    return together(*tasks)
