"""How many units go from one of our places to another that sells by itself: from a 3PL to FBA.

The place that is filled must last until the transfer after this one has been booked in; the origin
keeps what all its other sales need. Everything is whole units.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Refilled:
    """One Sku at the place that is filled up and at one origin."""

    #: free units at the place, and those on their way to it
    there: int
    coming: int
    #: enough, as often as the shop wants, until a transfer made at the next look is booked in
    level: float
    #: the same and the days one transfer shall bring
    target: float
    days: int
    #: free units at the origin, and what stays there for all other sales
    spare_of: int
    keep: float
    pack: int = 1


@dataclass(frozen=True, slots=True)
class Transfer:
    """`units` 0: nothing goes, and the steps say why."""

    units: int
    low: bool
    steps: tuple[Reason, ...]


def transfer_of(one: Refilled) -> Transfer:
    """What to send: up to the target, no more than the origin can spare, whole cartons.

    Cartons are rounded up where the origin has them, else down: a broken one costs more to book in
    than it brings.
    """
    position = one.there + one.coming
    level, target = _whole(one.level), _whole(one.target)
    steps = [
        Reason.of("refill_position", there=one.there, coming=one.coming, position=position),
        Reason.of("refill_level", level=level, target=target, days=one.days),
    ]
    if position > level:
        return Transfer(0, False, tuple(steps))
    need = target - position
    spare = max(0, one.spare_of - _whole(one.keep))
    steps.append(
        Reason.of("refill_spare", free=one.spare_of, keep=_whole(one.keep), spare=spare, need=need)
    )
    units = min(need, spare)
    if one.pack > 1 and units:
        up = -(-units // one.pack) * one.pack
        units = up if up <= spare else units // one.pack * one.pack
        steps.append(Reason.of("refill_packs", packs=units // one.pack, pack=one.pack, units=units))
    return Transfer(units, True, tuple(steps))


def _whole(units: float) -> int:
    """Rounded up: a half unit of demand is one that somebody may ask for."""
    return max(0, -int(-units // 1))
