"""Amazon tells of orders through a queue: they are read at once, whatever messages do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.amazon import queue
from connectors.amazon.simulator.notifications import order_change
from connectors.amazon.simulator.queue import QueueSimulator
from jobs.demo.world import World
from jobs.store.tables import orders
from tests.e2e.house import House, house
from tests.e2e.test_modes_and_stops import QUIET
from tests.e2e.test_trading import proved

HINTS = "amazon-us/hints"


@pytest.mark.skipif(not queue.installed(), reason="the extra `sqs` is not installed")
def test_orders_come_in_by_a_queue_whatever_its_messages_do(tmp_path: Path) -> None:
    queues: list[QueueSimulator] = []

    def prepare(world: World) -> None:
        queues.append(QueueSimulator(clock=world.clock, seed=5))
        queues[0].start()

    def edit(tree: dict[str, Any]) -> None:
        (tmp_path / "queue-secret").write_text("simulated-secret")
        tree["connections"]["amazon-us"]["orders_queue"] = {
            "url": queues[0].queue_url,
            "region": "us-east-1",
            "access_key_id": "AKIASIMULATED",
            "secret_access_key": f"${{file:{tmp_path / 'queue-secret'}}}",
        }

    try:
        with house(tmp_path, pace=QUIET, prepare=prepare, edit=edit) as shop:
            shop.go_live()
            _tell(shop, queues[0])
    finally:
        for one in queues:
            one.stop()


def _tell(shop: House, told: QueueSimulator) -> None:
    # given orders that searchOrders does not show yet, told of twice and among what nobody reads
    amazon = shop.world.amazon
    placed = [str(amazon.place_order({"lines": [{"sku": "MUG-BLUE"}]})["id"]) for _ in range(3)]
    told.send("not json")
    told.send('{"notificationType": "REPORT_PROCESSING_FINISHED"}')
    for order in reversed(placed):
        hint(shop, told, order, duplicates=1)
    before = amazon.log.entries()

    # when the look at them fails, they stay
    amazon.faults.set([{"operation": "getOrder", "kind": "403-role", "probability": 1.0}])
    assert shop.run(HINTS) == [False]
    assert (told.left, known(shop) & set(placed)) == (8, set())

    # then with the next look they are read, recorded once, and gone
    amazon.faults.set([])
    shop.clock.advance(130)
    assert shop.run(HINTS) == [True]
    assert known(shop) >= set(placed)
    assert told.left == 0
    searched = [e for e in amazon.log.entries()[len(before) :] if e.operation == "searchOrders"]
    assert searched == []

    # and a buyer's change of mind is known at once, while an old message changes nothing
    old = order_change(amazon.account, placed[0], now=shop.clock.now())
    amazon.place_order({"request_cancel": placed[0]})
    hint(shop, told, placed[0])
    told.send(old)
    shop.run(HINTS, "core/orders")
    (row,) = shop.rows(select(orders.c.stage).where(orders.c.remote_id == placed[0]))
    assert (row.stage, told.left) == ("held", 0)
    assert proved(shop)

    # when more is told of than can be read one by one, the pull is hurried
    many = [str(amazon.place_order({"lines": [{"sku": "CANDLE-3"}]})["id"]) for _ in range(25)]
    for order in many:
        hint(shop, told, order)
    shop.run(HINTS)
    assert told.left == 0
    assert "amazon-us/orders" in shop.runner.due()


def hint(shop: House, told: QueueSimulator, order: str, *, duplicates: int = 0) -> None:
    message = order_change(shop.world.amazon.account, order, now=shop.clock.now())
    told.send(message, duplicates=duplicates)


def known(shop: House) -> set[str]:
    return {row.remote_id for row in shop.rows(select(orders.c.remote_id))}
