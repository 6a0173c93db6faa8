"""What holds for every test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

#: A file system in memory, and the least room in it that lets tests use it: a container may have 64 MB.
MEMORY, ROOM = Path("/dev/shm"), 2 << 30

# SQLite waits for the disk at every commit, and every test makes hundreds. What a test shows is the
# same where there is no disk to wait for: processes are killed here, but power is never cut.
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """A command that runs in this process sets up the logs of the process: of one test only."""
    yield
    structlog.reset_defaults()
