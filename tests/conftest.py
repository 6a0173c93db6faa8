"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """A command that runs in this process sets up the logs of the process: of one test only."""
    yield
    structlog.reset_defaults()
