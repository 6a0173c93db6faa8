"""A mail server on loopback and connections to it, on a clock that only tests move."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.email.connector import Email, connect
from connectors.email.settings import Settings
from connectors.email.simulator import SmtpSimulator
from jobs.clock import ManualClock

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Inside:
    """What bootstrap hands in. This connector takes no tokens."""

    rates: Any = None

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock

    def lock(self, name: str) -> AbstractContextManager[object]:
        return threading.Lock()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


Server = Callable[..., SmtpSimulator]


@pytest.fixture
def server(clock: ManualClock) -> Iterator[Server]:
    """Starts mail servers; keyword arguments are the simulator's."""
    started: list[SmtpSimulator] = []

    def start(**kwargs: Any) -> SmtpSimulator:
        made = SmtpSimulator(clock=clock, seed=7, **kwargs)
        made.start()
        started.append(made)
        return made

    yield start
    for made in started:
        made.stop()


@pytest.fixture
def smtp(server: Server) -> SmtpSimulator:
    return server()


def reach(smtp: SmtpSimulator, **changes: Any) -> Email:
    """A connection to this server; keyword arguments change its settings."""
    settings = {
        "type": "email",
        "host": "127.0.0.1",
        "port": smtp.port,
        "tls": smtp.tls,
        "username": smtp.username,
        "password": smtp.password if smtp.username else None,
        "sender": "alerts@shop.example",
        "ca_file": str(smtp.ca_file) if smtp.tls != "none" else None,
        "timeout": 5,
    }
    return connect("mail", Settings.model_validate(settings | changes), Inside(smtp.clock))  # type: ignore[arg-type]


@pytest.fixture
def email(smtp: SmtpSimulator) -> Email:
    return reach(smtp)
