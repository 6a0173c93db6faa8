"""Hints of a queue hurry orders; what one of them names keeps no other waiting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from core.errors import Rejected, Unavailable
from core.model.orders import Order
from core.ports import Batch, Hint, HintQueue
from jobs.clock import ManualClock
from jobs.hints import follow_hints
from jobs.store.store import Store
from jobs.store.tables import orders, unit
from tests.jobs.builders import SHOP, line, order, rows
from tests.jobs.shop import Remote, Shop, open_shop


class Queued(Remote, HintQueue):
    """A channel with a queue."""

    has_queue = True

    def __init__(self, name: str, clock: ManualClock) -> None:
        super().__init__(name, clock)
        self.hints: list[Hint] = []
        self.known: dict[str, Order | Exception] = {}

    def read_hints(self) -> Sequence[Hint]:
        return list(self.hints)

    def forget_hints(self, hints: Sequence[Hint]) -> None:
        self.hints = [one for one in self.hints if one not in hints]

    def get_order(self, remote_id: str) -> Batch[Order]:
        found = self.known[remote_id]
        if isinstance(found, Exception):
            raise found
        return Batch((found,), "")


@pytest.fixture
def queued(store: Store, clock: ManualClock, tmp_path: Path) -> tuple[Shop, Queued]:
    plain = open_shop(store, clock, tmp_path)
    channel = Queued(SHOP, clock)
    channels = {**plain.channels, SHOP: channel}
    wiring = replace(plain.wiring, connectors={**plain.wiring.connectors, **channels})
    return Shop(store, clock, wiring, channels, plain.places), channel


@pytest.mark.parametrize(
    ("bad", "read"),
    [
        (Rejected("no", connector=SHOP, operation="order"), {"1", "3"}),
        # the channel may be down: what is left is the pull's, which is hurried
        (Unavailable("500", connector=SHOP, operation="order"), {"1"}),
        (order("2", line(sku="half \ud83d")), {"1", "3"}),
    ],
)
def test_an_order_that_cannot_be_read_or_recorded_keeps_no_hint_waiting(
    queued: tuple[Shop, Queued], bad: Order | Exception, read: set[str]
):
    # given three hints, the second of an order that makes trouble
    shop, channel = queued
    channel.known = {"1": order("1"), "2": bad, "3": order("3")}
    channel.hints = [Hint(f"receipt {number}", str(number)) for number in (1, 2, 3)]

    # when they are followed
    follow_hints(shop.run(f"{SHOP}/hints"), SHOP)

    # then the others are recorded or left to a pull that is due now, and the queue is empty
    assert {row["remote_id"] for row in rows(shop.store, orders)} == read
    assert channel.hints == []
    with shop.store.reading() as tx:
        query = select(unit.c.wake_seq).where(unit.c.id == f"{SHOP}/orders")
        hurried = tx.connection.execute(query).scalar_one() > 0
    assert hurried == isinstance(bad, Exception)
