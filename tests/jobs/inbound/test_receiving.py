"""A daemon that is called: what is answered, what it hurries, and what it never does."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from core.errors import LockstepError, Unauthorized
from core.ports import HintSource
from core.rules.modes import Mode
from jobs.clock import ManualClock
from jobs.inbound.hints import ECHO, Hints
from jobs.inbound.server import MOST_BYTES, Receiver
from jobs.store.store import Store
from jobs.store.tables import unit
from tests.jobs.builders import SHOP
from tests.jobs.shop import Remote, Shop, open_shop


class Caller(Remote, HintSource):
    """A channel whose calls carry a password."""

    @property
    def topics(self) -> tuple[str, ...]:
        return ("orders/create",)

    def hinted(self, headers: Mapping[str, str], body: bytes) -> frozenset[str]:
        if headers.get("x-password") != "hush":
            raise Unauthorized("not from there", connector=self.name, operation="webhook")
        return frozenset(body.decode().split())


class Log:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def warning(self, event: str, **facts: Any) -> None:
        self.told.append({"event": event, **facts})


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    plain = open_shop(store, clock, tmp_path)
    channels = {**plain.channels, SHOP: Caller(SHOP, clock)}
    wiring = replace(plain.wiring, connectors={**plain.wiring.connectors, **channels})
    made = Shop(store, clock, wiring, channels, plain.places)
    made.switch(Mode.ACT)
    return made


@pytest.fixture
def hints(shop: Shop) -> Hints:
    return Hints(shop.store, shop.wiring, frozenset(shop.runner.units))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def http(hints: Hints, log: Log) -> Iterator[httpx.Client]:
    receiver = Receiver(hints, log, host="127.0.0.1", port=0)
    receiver.start()
    base = f"http://127.0.0.1:{receiver.port}"
    with httpx.Client(base_url=base, headers={"X-Password": "hush"}, timeout=10) as made:
        yield made
    receiver.stop()


def wakes(shop: Shop) -> dict[str, int]:
    with shop.store.reading() as tx:
        return {row.id: row.wake_seq for row in tx.rows(select(unit.c.id, unit.c.wake_seq))}


def woken(shop: Shop, before: dict[str, int]) -> set[str]:
    return {name for name, count in wakes(shop).items() if count > before[name]}


def test_a_hint_hurries_the_flows_it_names_and_nothing_else(
    shop: Shop, hints: Hints, http: httpx.Client
):
    before = wakes(shop)

    answer = http.post(f"/hooks/{SHOP}", content="orders listings tea")

    assert answer.status_code == 200
    assert woken(shop, before) == set(), "it is kept until the engine looks"
    assert hints.flush()
    assert woken(shop, before) == {f"{SHOP}/orders", f"{SHOP}/listings"}
    assert not hints.flush()


def test_what_was_hurried_is_looked_at_once_more_when_the_remote_knows_it_itself(
    shop: Shop, hints: Hints, http: httpx.Client, clock: ManualClock
):
    http.post(f"/hooks/{SHOP}", content="orders")
    assert hints.flush()
    before = wakes(shop)

    clock.advance(ECHO.total_seconds() - 1)
    assert not hints.flush()
    clock.advance(1)

    assert hints.flush()
    assert woken(shop, before) == {f"{SHOP}/orders"}
    clock.advance(3600)
    assert not hints.flush()


def test_a_thousand_hints_in_any_order_are_one_write(shop: Shop, hints: Hints, http: httpx.Client):
    before = wakes(shop)
    for number in range(200):
        assert http.post(f"/hooks/{SHOP}", content=("orders", "listings")[number % 2]).is_success

    assert hints.flush()

    after = wakes(shop)
    assert {name: after[name] - before[name] for name in woken(shop, before)} == {
        f"{SHOP}/orders": 1, f"{SHOP}/listings": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "password", "status"),
    [
        (f"/hooks/{SHOP}", "guess", 401),
        ("/hooks/nobody", "hush", 404),
        ("/hooks/home-files", "hush", 404),
        ("/hooks/", "hush", 404),
        (f"/hooks/{SHOP}/../../etc", "hush", 404),
        ("/", "hush", 404),
    ],
)
def test_what_is_nobodys_or_forged_changes_nothing(
    shop: Shop, hints: Hints, http: httpx.Client, path: str, password: str, status: int
):
    answer = http.post(path, content="orders", headers={"X-Password": password})

    assert answer.status_code == status
    assert not hints.flush()
    for words in ("hush", "orders", "Traceback"):
        assert words not in answer.text


def test_only_a_post_is_a_hint(http: httpx.Client, hints: Hints):
    assert http.get(f"/hooks/{SHOP}").status_code == 405
    assert not hints.flush()


def test_a_body_without_end_is_not_read_to_it(http: httpx.Client, hints: Hints):
    def flood() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 100_000 + 20):
            yield b"x" * 100_000

    # It may hang up on us while we still send.
    with suppress(httpx.WriteError):
        assert http.post(f"/hooks/{SHOP}", content=flood()).status_code == 413
    assert http.post(f"/hooks/{SHOP}", content="orders").status_code == 200
    assert hints.flush()


def test_knocking_is_told_less_and_less_often_and_never_in_its_own_words(
    http: httpx.Client, log: Log
):
    for _ in range(101):
        http.post(f"/hooks/{SHOP}", content="secret words", headers={"X-Password": "guess"})

    assert [one["times"] for one in log.told] == [1, 10, 100]
    assert "secret words" not in str(log.told)
    assert "guess" not in str(log.told)


def test_a_port_that_is_taken_is_told_with_what_to_do(hints: Hints, log: Log):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(LockstepError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            Receiver(hints, log, host="127.0.0.1", port=port).start()
