"""What is known of how a Sku sells, and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core.model.catalog import Sku
from core.model.reasons import Reason

#: Monday first, as in datetime.date.weekday().
FLAT_WEEK = (1.0,) * 7


class Method(StrEnum):
    """How a Sku's rate is worked out."""

    #: sells on most days: a smoothed level and a profile of the week
    FAST = "fast"
    #: days without a sale are usual: the chance of a sale times its size (TSB)
    INTERMITTENT = "intermittent"
    #: a month and more from sale to sale: the size of a sale over its pause (SBA)
    RARE = "rare"
    #: too few days to know a pattern: their average
    NEW = "new"
    #: never sold in the time we look at
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a Sku's observed days look like."""

    #: days on which it could be bought
    observed: int
    #: those of them on which it sold
    sold: int
    #: observed days since the last sale, 0: it sold on the last one
    silent: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of one Sku, from the day it was worked out on."""

    sku: Sku
    method: Method
    #: units on an average day
    level: float
    #: of the units of one day
    variance: float
    #: factor of each weekday, Monday first; their mean is 1
    weekday: tuple[float, ...]
    #: observed days it rests on
    days: int
    #: why this method
    reasons: tuple[Reason, ...]
    #: the first day that is not known yet
    today: date
    #: of the draws `cover` makes
    seed: int


@dataclass(frozen=True, slots=True)
class Uplift:
    """Days on which more (or less, where negative) is sold than usual."""

    first: date
    last: date
    percent: int


@dataclass(frozen=True, slots=True)
class Cover:
    """The demand of a span of days."""

    #: units on average
    expected: float
    #: units that are enough with the asked-for service
    level: int

    @property
    def safety_stock(self) -> float:
        """Units kept for the difference; negative where less than the average is asked for."""
        return self.level - self.expected


@dataclass(frozen=True, slots=True)
class LeadTime:
    """Days from order to receipt: half of all orders take at most p50, nine of ten p90."""

    p50: int
    p90: int
    #: receipts it rests on
    observed: int
    reason: Reason
