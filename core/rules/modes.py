"""What may be written to the outside: modes, shares and stops (I10)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from core.model.catalog import Sku
from core.model.reasons import Reason


class Mode(StrEnum):
    #: decide, write nothing; what was decided is never sent
    OBSERVE = "observe"
    #: a person releases each plan
    PROPOSE = "propose"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Scope:
    """What one flow of one channel may do."""

    mode: Mode
    #: only these Skus; None: not limited to a list
    skus: frozenset[Sku] | None
    #: only this percent of all Skus, always the same ones; None: not limited to a share
    share: int | None
    #: a person stopped all writes
    stopped: bool


@dataclass(frozen=True, slots=True)
class Permission:
    allowed: bool
    reason: Reason


def may_write(scope: Scope, *, sku: Sku | None) -> Permission:
    """Whether a write about this Sku may go out now.

    `sku` None asks about a write that is about no single Sku: then the mode alone decides, and
    the caller asks for each Sku it touches. A Sku outside the list and the share is treated as in
    observe, whatever the mode: reason code "outside_share".
    """
    if scope.mode is Mode.OBSERVE:
        return Permission(False, Reason.of("mode_observe"))
    if scope.stopped:
        return Permission(False, Reason.of("writes_stopped"))
    if sku is not None and not _in_scope(scope, sku):
        return Permission(False, Reason.of("outside_share", sku=sku))
    if scope.mode is Mode.PROPOSE:
        return Permission(False, Reason.of("mode_propose"))
    return Permission(True, Reason.of("mode_act"))


def _in_scope(scope: Scope, sku: Sku) -> bool:
    """On the list or in the share; with neither given, everything is."""
    if scope.skus is None and scope.share is None:
        return True
    listed = scope.skus is not None and sku in scope.skus
    return listed or (scope.share is not None and bucket(sku) < scope.share)


def bucket(sku: Sku) -> int:
    """0..99, the same for a Sku for ever and everywhere: a growing share only ever adds Skus."""
    return int.from_bytes(hashlib.sha256(sku.encode()).digest()[:8], "big") % 100
