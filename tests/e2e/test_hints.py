"""A daemon that is called by its channel: orders come in at once, whatever calls do."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
import yaml
from sqlalchemy import func, select

from jobs.demo import go_live
from jobs.store.tables import orders
from tests.e2e import drill


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_orders_come_in_by_hints_that_come_twice_and_in_any_order(tmp_path: Path) -> None:
    with drill.world(speed=30, seed=5) as made:
        # given a daemon that would pull orders in two days
        path = made.write_config(tmp_path / "shop", language="en")
        port = free_port()
        tree = yaml.safe_load(path.read_text())
        tree["inbound"] = {"port": port}
        tree.setdefault("pace", {})["orders"] = "2d"
        path.write_text(yaml.safe_dump(tree))
        with drill.application(path, made) as app:
            go_live(app, made)
        daemon = drill.Daemon(path, made)
        daemon.start()

        def recorded() -> int:
            with drill.application(path, made) as app, app.store.reading() as tx:
                count = select(func.count()).select_from(orders)
                return int(tx.connection.execute(count).scalar_one())

        def knock() -> int:
            try:
                return httpx.post(
                    f"http://127.0.0.1:{port}/hooks/shopify-us", content=b"{}"
                ).status_code
            except httpx.TransportError:
                return 0

        try:
            assert drill.wait_until(lambda: knock() == 401, patience=40), daemon.log()
            hooks = made.shopify.subscribe(f"http://127.0.0.1:{port}/hooks/shopify-us", twice=True)

            # when buyers order, and the shop calls, twice and out of order
            for sku in ("MUG-BLUE", "MUG-GREEN", "CANDLE-3"):
                made.shopify.place_order({"lines": [{"sku": sku, "quantity": 1}]})
            sent = hooks.settle()

            # then every call is answered, and the orders are there within seconds, once
            assert {answer for one in sent for answer in one.answers} == {200}
            assert len(sent) > len({one.webhook_id for one in sent})
            assert drill.wait_until(lambda: recorded() == 3, patience=30), daemon.log()

            # when it is killed, calls go nowhere; when it is back, nothing was lost for good
            daemon.kill()
            made.shopify.place_order({"lines": [{"sku": "MUG-BLUE", "quantity": 1}]})
            assert 0 in {answer for one in hooks.settle() for answer in one.answers}
            daemon.start()
            assert drill.wait_until(lambda: knock() == 401, patience=40), daemon.log()
            made.shopify.place_order({"lines": [{"sku": "CANDLE-3", "quantity": 1}]})
            assert drill.wait_until(lambda: recorded() == 5, patience=30), daemon.log()
        finally:
            assert daemon.terminate() == 0
        assert "Traceback" not in daemon.log()
