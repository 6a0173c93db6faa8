"""The error tree, named for what happens next.

LockstepError
├── ConfigError       the admin edits YAML: file, line, column, what was expected; no traceback
├── UnsafePlan        a person reads the plan and approves or rejects it
├── LeaseLost         a newer worker owns the unit: write nothing more
└── ConnectorError    connector and operation always attached
    ├── Unauthorized    stop this connection, open one Case
    ├── RateLimited     wait `retry_after` seconds, go on
    ├── Unavailable     back off with jitter, retry; log on the change only
    ├── Stale           the world moved since we read: pull and plan again
    ├── Rejected        the remote said no: open a Case, never retry
    └── UnknownOutcome  a write may have landed: ask before pushing again

A docstring is the default message. Messages never carry secrets or personal data: they are
logged, stored and mailed.
"""

from __future__ import annotations


class LockstepError(Exception):
    """Something went wrong in Lockstep."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigError(LockstepError):
    """The configuration cannot be used."""


class UnsafePlan(LockstepError):
    """The plan changes more than the configured share; a person must approve it."""


class LeaseLost(LockstepError):
    """A newer worker owns this unit; nothing more may be written by this run."""


class ConnectorError(LockstepError):
    """A remote could not be used."""

    def __init__(self, message: str | None = None, *, connector: str, operation: str) -> None:
        super().__init__(message)
        self.connector = connector
        self.operation = operation

    def __str__(self) -> str:
        return f"{self.connector} {self.operation}: {super().__str__()}"


class Unauthorized(ConnectorError):
    """The remote refused our credentials, or they lack a right (`missing` names it)."""

    def __init__(
        self,
        message: str | None = None,
        *,
        connector: str,
        operation: str,
        missing: str | None = None,
    ) -> None:
        super().__init__(message, connector=connector, operation=operation)
        self.missing = missing


class RateLimited(ConnectorError):
    """The remote asks us to wait (`retry_after`, seconds)."""

    def __init__(
        self, message: str | None = None, *, connector: str, operation: str, retry_after: float
    ) -> None:
        super().__init__(message, connector=connector, operation=operation)
        self.retry_after = retry_after


class Unavailable(ConnectorError):
    """The remote did not answer usefully; nothing of ours took effect."""


class Stale(ConnectorError):
    """The world moved since we read it."""


class Rejected(ConnectorError):
    """The remote said no; `code` is its own word for why."""

    def __init__(
        self, message: str | None = None, *, connector: str, operation: str, code: str = ""
    ) -> None:
        super().__init__(message, connector=connector, operation=operation)
        self.code = code


class UnknownOutcome(ConnectorError):
    """A write may have landed; the remote must be asked before it is repeated."""
