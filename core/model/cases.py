"""What a person must settle, and what is told by mail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.model.reasons import Reason


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Case:
    """An exception a person must settle. One open Case per (kind, subject)."""

    kind: str
    #: what it is about: "order shopify-us 5501", "connection amazon-us", "snapshot acme 17"
    subject: str
    reason: Reason
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """A condition that is true now. Its fingerprint is (rule, labels), never values or words."""

    rule: str
    labels: tuple[tuple[str, str], ...]
    reason: Reason
    severity: Severity = Severity.WARNING

    @property
    def fingerprint(self) -> str:
        return "|".join([self.rule, *(f"{name}={value}" for name, value in self.labels)])
