"""Structured logs: JSON in a container, readable on a terminal, secrets redacted, a run id on each line."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from connectors.http import redact


def _redacted(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = redact(value)
    return event


def configure(*, pretty: bool | None = None, level: str = "info") -> None:
    """Set up structlog once, at the start of a process. `pretty` None: where stderr is a terminal."""
    if pretty is None:
        pretty = sys.stderr.isatty()
    render: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if pretty
        else [structlog.processors.format_exc_info, _redacted, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redacted,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries may say what they like, but not on our terminal, and never with a secret in it.
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


def get() -> Any:
    return structlog.get_logger("lockstep")
