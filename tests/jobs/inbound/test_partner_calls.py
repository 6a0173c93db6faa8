"""A 3PL that calls us: signed by it, the one order it names is asked about at once; else nothing."""

from __future__ import annotations

from pathlib import Path

import httpx
from sqlalchemy import select

from connectors.fulfiller.simulator import FulfillerSimulator
from jobs import log
from jobs.inbound.hints import ECHO, Hints
from jobs.inbound.server import Receiver
from jobs.store.tables import fulfillment
from tests.contracts.rigs import CALL_SECRET
from tests.e2e.house import House
from tests.e2e.test_fulfiller import with_cedar
from tests.e2e.test_modes_and_stops import sell


def test_a_signed_call_hurries_the_one_order_and_a_forged_one_none(tmp_path: Path) -> None:
    # it is asked once in ten days: what comes sooner came by a call
    slow = {"ask_every": 14_400}
    with with_cedar(tmp_path, connection=slow, accept_after=(600.0, 600.0)) as (shop, cedars):
        # given two orders there, both asked about once, and a server that is called
        for _ in range(2):
            sell(shop, "MUG-BLUE", 1)
        shop.until(lambda: len(cedars.books()["orders"]) == 2)
        shop.live(120)
        asked = questions(cedars)
        assert asked == 2

        hints = Hints(shop.app.store, shop.app.wiring, frozenset(shop.runner.units))
        receiver = Receiver(hints, log.get(), host="127.0.0.1", port=0)
        receiver.start()
        address = f"http://127.0.0.1:{receiver.port}/hooks/cedar"
        told: list[tuple[dict[str, str], bytes]] = []
        try:
            # when somebody else calls, in all the ways that are not theirs
            body = (
                b'{"order": {"reference": "%s"}}'
                % cedars.books()["orders"][0]["reference"].encode()
            )
            forged = [
                {}, {"X-Cedar-Signature": "sha256="}, {"X-Cedar-Signature": "sha256=" + "0" * 64},
                {"X-Cedar-Signature": b"\xff"},
            ]  # fmt: skip
            answers = {
                httpx.post(address, content=body, headers=one, timeout=10).status_code  # type: ignore[arg-type]
                for one in forged
            }
            assert answers == {401}
            assert not hints.flush()
            shop.work()
            assert questions(cedars) == asked

            # when they call that one was accepted
            cedars.subscribe(lambda *one: told.append(one), CALL_SECRET)
            shop.clock.advance(600)
            cedars.live()
            headers, body = told[0]
            assert httpx.post(address, content=body, headers=headers, timeout=10).status_code == 200
            assert hints.flush()
            shop.work()

            # then that one is asked about, and what they say then counts
            assert questions(cedars) == asked + 1
            assert acknowledged(shop) == 1

            # and once more a little later, for whoever calls before its own search knows
            shop.clock.advance(ECHO.total_seconds())
            assert hints.flush()
            shop.work()
            assert questions(cedars) == asked + 2
        finally:
            receiver.stop()


def questions(cedars: FulfillerSimulator) -> int:
    return sum(one.operation == "getOrder" for one in cedars.log.entries())


def acknowledged(shop: House) -> int:
    return len(shop.rows(select(fulfillment).where(fulfillment.c.state == "acknowledged")))
