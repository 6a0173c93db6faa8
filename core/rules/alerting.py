"""What fires, and when people are told of it: Alertmanager's semantics as pure functions (I9).

Source: the configuration page of Prometheus Alertmanager (group_wait, group_interval,
repeat_interval; what resolves before group_wait is never told).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from core.model.cases import FiringAlert, Severity
from core.model.catalog import Sku
from core.model.reasons import Reason

TellingKind = Literal["open", "change", "repeat", "resolve", ""]


@dataclass(frozen=True, slots=True)
class LowStock:
    """A Sku whose available units are at or below its level."""

    sku: Sku
    available: int
    level: int

    def firing(self) -> FiringAlert:
        reason = Reason.of(
            "alert_low_stock", sku=self.sku, available=self.available, level=self.level
        )
        return FiringAlert("low_stock", (("sku", self.sku),), reason)


def low_stock(
    sku: Sku, *, available: int, level: int, firing: bool, margin: int
) -> FiringAlert | None:
    """The alert while it fires: at `level` or below; once firing, until `available` reaches
    `level + margin`, so that one unit to and fro does not open and resolve it all day."""
    # A margin of 0 must not resolve at the very level it fires at.
    until = level + max(margin, 1) if firing else level + 1
    return LowStock(sku, available, level).firing() if available < until else None


@dataclass(frozen=True, slots=True)
class KitPart:
    """A component of a Kit."""

    sku: Sku
    #: units no order holds, at all places together
    free: int
    #: units of it in one Kit
    per_kit: int


def low_kit(
    kit: Sku, parts: Sequence[KitPart], *, level: int, firing: bool, margin: int
) -> FiringAlert | None:
    """The same for a Kit, of which as many are available as its scarcest component makes.

    `parts` are one or more. The alert names that component: it is the one to buy.
    """
    scarcest = min(parts, key=lambda one: (one.free // one.per_kit, one.sku))
    available = scarcest.free // scarcest.per_kit
    found = low_stock(kit, available=available, level=level, firing=firing, margin=margin)
    if found is None:
        return None
    reason = Reason.of(
        "alert_low_kit",
        sku=kit,
        available=available,
        level=level,
        part=scarcest.sku,
        free=scarcest.free,
        per=scarcest.per_kit,
    )
    return replace(found, reason=reason)


@dataclass(frozen=True, slots=True)
class Incident:
    """An open (or just resolved) group of alerts."""

    first_at: datetime
    #: None: unchanged since the last mail
    changed_at: datetime | None
    last_mail_at: datetime | None
    resolved_at: datetime | None
    severity: Severity
    #: a person asked for quiet
    silenced: bool
    #: a larger trouble explains it (the connection is down)
    inhibited: bool
    #: mails told so far
    mails: int


@dataclass(frozen=True, slots=True)
class Telling:
    tell: bool
    #: the number of the mail to send; where `tell` is False, of the last one sent
    sequence: int
    kind: TellingKind
    reason: Reason
    #: when it will be due as things stand; None: not before something changes
    not_before: datetime | None


def telling(
    incident: Incident,
    *,
    now: datetime,
    group_wait: timedelta,
    group_interval: timedelta,
    repeat_interval: timedelta,
) -> Telling:
    """Whether people are told now, with which sequence number and why."""
    last = incident.last_mail_at
    if incident.resolved_at is not None:
        if last is None:
            return _quiet(incident, "resolved_untold")
        if last >= incident.resolved_at:
            return _quiet(incident, "resolved_told")
    if incident.silenced:
        return _quiet(incident, "alert_silenced")
    if incident.inhibited:
        return _quiet(incident, "alert_inhibited")
    if last is None:
        wait = timedelta(0) if incident.severity is Severity.CRITICAL else group_wait
        return _due(incident, "open", "alert_opened", incident.first_at + wait, now)
    if incident.resolved_at is not None:
        return _due(incident, "resolve", "alert_over", last + group_interval, now)
    if incident.changed_at is not None and incident.changed_at > last:
        return _due(incident, "change", "alert_changed", last + group_interval, now)
    return _due(incident, "repeat", "alert_repeated", last + repeat_interval, now)


def _due(incident: Incident, kind: TellingKind, code: str, due: datetime, now: datetime) -> Telling:
    if now < due:
        return _quiet(incident, "alert_not_due", until=due)
    return Telling(True, incident.mails + 1, kind, Reason.of(code), None)


def _quiet(incident: Incident, code: str, *, until: datetime | None = None) -> Telling:
    args = {} if until is None else {"until": until.isoformat()}
    return Telling(False, incident.mails, "", Reason(code, args), until)
