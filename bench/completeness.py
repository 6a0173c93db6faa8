"""Orders that no pull shows: how long until the census finds them, and what it finds for nothing.

The connectors, flows and simulated remotes themselves, over HTTP, on a clock that only this moves: thirty
days in which buyers order, cancel and pay late. Every so many orders the remote's search loses one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench import world
from bench.figures import Figures
from connectors.amazon.simulator import AmazonSimulator
from connectors.shopify.simulator import ShopifySimulator
from jobs import log
from jobs.bootstrap import Application, build
from jobs.clock import ManualClock
from jobs.runner import Runner
from jobs.store.tables import cases, decision, orders

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
#: Minutes between pulls; a real shop's are closer, which finds nothing that is hidden.
PULL = 10

_CONFIG = """
shop: {name: Bench}
orders: {route_from: "2030-01-01T00:00:00Z"}
store: {url: "${env:STORE}"}
connections:
  shopify-us: {type: shopify, shop: demo.myshopify.com, base_url: "%(shopify)s",
    client_id: simulated-client, client_secret: "${env:SHOPIFY}"}
  amazon-us: {type: amazon, seller_id: A2LOCKSTEPDEMO, endpoint: "%(amazon)s",
    lwa_url: "%(amazon)s/auth/o2/token", lwa_app_id: amzn1.application-oa2-client.simulated,
    lwa_client_secret: "${env:AMAZON}", refresh_token: "${env:TOKEN}"}
channels:
  shopify-us: {connection: shopify-us}
  amazon-us: {connection: amazon-us}
locations: {home: {}}
skus: {items: {MUG: {}}}
"""
_SECRETS = {
    "SHOPIFY": "simulated-secret",
    "AMAZON": "amzn1.oa2-cs.v1.simulated",
    "TOKEN": "Atzr|simulated",
}


@dataclass
class _Channel:
    """One remote: how buyers order there, and how an order is hidden."""

    name: str
    place: Callable[[dict[str, Any], bool], str]


def measure(*, seed: int, count: int = 10_000, days: int = 30, hide_every: int = 1_000) -> Figures:
    found = Figures(
        "completeness: orders hidden from pulls",
        "goal: found within one check (60 minutes), no false alarm",
    )
    for name in ("shopify-us", "amazon-us"):
        with world.folder() as within:
            _measure(found, name, within, seed=seed, count=count, days=days, hide_every=hide_every)
    return found


def _measure(
    found: Figures, name: str, within: Path, *, seed: int, count: int, days: int, hide_every: int
) -> None:
    clock, chance = ManualClock(START), random.Random(seed)
    shopify, amazon = (
        ShopifySimulator(clock=clock, seed=seed),
        AmazonSimulator(clock=clock, seed=seed),
    )
    shopify.add_location("Main")
    shopify.add_product("MUG", quantities={"Main": 10**7})
    amazon.add_listing("MUG", quantity=10**7)
    for simulator in (shopify, amazon):
        simulator.start()
    log.configure(level="error")
    path = within / "lockstep.yaml"
    path.write_text(_CONFIG % {"shopify": shopify.url, "amazon": amazon.url})
    application = build(
        path,
        environment={"STORE": f"sqlite:///{within / 'bench.db'}", **_SECRETS},
        clock=clock,
    )
    try:
        channel = _Channel(name, _shopify(shopify) if name == "shopify-us" else _amazon(amazon))
        began = time.perf_counter()
        hidden, censuses = _thirty_days(
            application, channel, clock, chance, count=count, days=days, hide_every=hide_every
        )
        seconds = time.perf_counter() - began
        _add(found, application, channel, hidden, censuses, count=count, days=days, seconds=seconds)
    finally:
        application.close()
        shopify.stop()
        amazon.stop()


def _shopify(simulator: ShopifySimulator) -> Callable[[dict[str, Any], bool], str]:
    def place(wish: dict[str, Any], hide: bool) -> str:
        lines = [{"sku": "MUG", "quantity": 1}]
        made = simulator.place_order({"lines": lines, **wish})
        if hide:
            simulator.place_order({"hide": made["name"]})
        return str(made["id"]).rpartition("/")[2]

    return place


def _amazon(simulator: AmazonSimulator) -> Callable[[dict[str, Any], bool], str]:
    def place(wish: dict[str, Any], hide: bool) -> str:
        lines = [{"sku": "MUG", "quantity": 1}]
        if hide:
            wish = {"hidden_for": 1e9}
        return str(simulator.place_order({"lines": lines, **wish})["id"])

    return place


def _thirty_days(
    application: Application, channel: _Channel, clock: ManualClock, chance: random.Random, *,
    count: int, days: int, hide_every: int,
) -> tuple[dict[str, datetime], int]:  # fmt: skip
    """Hidden order -> when it was placed; and how many censuses were taken."""
    runner = Runner(application.store, application.wiring, log.get())
    runner.declare()
    ends = START + timedelta(days=days)
    every = timedelta(days=days) / count
    due = START + timedelta(minutes=30)
    placed, hidden, censuses = 0, {}, 0
    while clock.now() < ends:
        until = clock.now() + timedelta(minutes=PULL)
        while due < until and placed < count:
            clock.advance(max(0.0, (due - clock.now()).total_seconds()))
            placed += 1
            hide = placed % hide_every == hide_every // 2
            number = channel.place(_wish(channel.name, chance), hide)
            if hide:
                hidden[number] = clock.now()
            due += every * chance.uniform(0, 2)
        clock.advance(max(0.0, (until - clock.now()).total_seconds()))
        runner.run(f"{channel.name}/orders", whenever=True)
        # The census runs at its own pace: every hour, and again where a report is being made.
        if f"{channel.name}/census" in runner.due():
            censuses += 1
            runner.run(f"{channel.name}/census")
    return hidden, censuses


def _wish(channel: str, chance: random.Random) -> dict[str, Any]:
    dice = chance.random()
    if dice < 0.04:
        return {"cancel_after": chance.uniform(60, 7_200)}
    if dice < 0.10 and channel == "amazon-us":
        return {"pending_for": chance.uniform(60, 86_400)}
    return {}


def _add(
    found: Figures, application: Application, channel: _Channel, hidden: dict[str, datetime],
    censuses: int, *, count: int, days: int, seconds: float,
) -> None:  # fmt: skip
    with application.store.reading() as tx:
        recorded = {
            row.remote_id: row.recorded_at
            for row in tx.rows(select(orders.c.remote_id, orders.c.recorded_at))
        }
        told = {
            row.subject.rpartition(" ")[2]
            for row in tx.rows(select(decision).where(decision.c.code == "order_was_missing"))
        }
        unseen = len(tx.rows(select(cases.c.id).where(cases.c.kind == "census_day_differs")))
    minutes = sorted(
        (recorded[number] - at).total_seconds() / 60
        for number, at in hidden.items()
        if number in recorded
    )
    found.add(
        channel=channel.name,
        orders=count,
        days=days,
        hidden=len(hidden),
        found=len(minutes),
        minutes_half=minutes[len(minutes) // 2] if minutes else None,
        minutes_most=minutes[-1] if minutes else None,
        false_alarms=len(told - hidden.keys()) + unseen,
        never_recorded=count - len(recorded),
        censuses=censuses,
        seconds=seconds,
    )
