"""Structured logs: JSON in a container, readable on a terminal, secrets redacted, a run id on each line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from connectors.http import redact


def _redacted(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = _clean_pair(name, value)
    return event


def _clean(value: Any) -> Any:
    """Text without secrets, however deep; an object is told by its repr, which may hold one too."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _clean_pair(str(name), one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(one) for one in value]
    return redact(value if isinstance(value, str) else repr(value))


def _clean_pair(name: str, value: Any) -> Any:
    """What a secret's own name stands before is a secret whatever it looks like: {"password": "x"}."""
    return "[redacted]" if redact(f"{name}: x") != f"{name}: x" else _clean(value)


def configure(*, pretty: bool | None = None, level: str = "info") -> None:
    """Set up structlog once, at the start of a process. `pretty` None: where stderr is a terminal."""
    if pretty is None:
        pretty = sys.stderr.isatty()
    render: list[Any] = (
        # Its default prints the local variables of a traceback: tokens, addresses.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if pretty
        else [structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redacted,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        # At each line: what stderr is may change, and a closed one must not stop a run.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries may say what they like, but not on our terminal, and never with a secret in it.
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


def get() -> Any:
    return structlog.get_logger("lockstep")
