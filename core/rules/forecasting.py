"""Which method fits a Sku, what an event adds, and when a rate has really changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from core.model.demand import Method, Pattern, Uplift
from core.model.reasons import Reason

#: Fewer observed days than this tell no pattern.
KNOWN_AFTER = 28
#: A Sku that sells on average at least once in so many days is fast. Syntetos and Boylan draw the
#: line at 1.32 periods between sales; shops that rest on Sundays sell every 1.17 days at best.
FAST_WITHIN = 1.5
#: With so many days between sales, a rate that falls each day would be forgotten in every pause.
RARE_FROM = 30
#: Silent for so many times its usual pause, even a rare Sku may be dying.
FADING_AFTER = 3
#: A rate that moves by less is the same rate: percent of the one in force, and units a day.
MATERIAL_SHARE, MATERIAL_UNITS = 0.10, 0.005


def method_of(pattern: Pattern) -> tuple[Method, Reason]:
    """How to forecast a Sku that sells like this, and why."""
    observed, sold = pattern.observed, pattern.sold
    if sold == 0:
        return Method.NONE, Reason.of("forecast_none", days=observed)
    if observed < KNOWN_AFTER:
        return Method.NEW, Reason.of("forecast_new", days=observed, least=KNOWN_AFTER)
    if observed <= FAST_WITHIN * sold:
        return Method.FAST, Reason.of("forecast_fast", sold=sold, days=observed)
    if observed < RARE_FROM * sold:
        return Method.INTERMITTENT, Reason.of("forecast_intermittent", sold=sold, days=observed)
    alive = observed - pattern.silent
    if pattern.silent * sold > FADING_AFTER * alive:
        reason = Reason.of("forecast_fading", silent=pattern.silent, pause=-(-alive // sold))
        return Method.INTERMITTENT, reason
    return Method.RARE, Reason.of("forecast_rare", sold=sold, days=observed)


def uplift_on(uplifts: Iterable[Uplift], day: date) -> float | None:
    """The factor of the events of this day, 1.0 is a usual day; None where there is no event.

    Events that overlap are multiplied.
    """
    factor: float | None = None
    for one in uplifts:
        if one.first <= day <= one.last:
            factor = (1.0 if factor is None else factor) * max(0, 100 + one.percent) / 100
    return factor


def material(before: float, after: float) -> bool:
    """Whether a rate (units a day) moved so far that others should look at it again."""
    return abs(after - before) > max(MATERIAL_UNITS, MATERIAL_SHARE * before)
