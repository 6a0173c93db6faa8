"""How much may be oversold, as an admin writes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.durations import Duration
from config.part import Part

#: oversold units allowed among 10,000 sold; never 0, which nothing can promise
Target = Annotated[float, Field(gt=0, le=10_000)]


class Risk(Part):
    """The last units that are not shown while a sale elsewhere may not have been heard of yet."""

    oversold: Target | None = Field(
        1.0, description="units among 10,000 sold that may be oversold; null: no risk buffer"
    )
    channels: dict[str, Target] = Field(
        {}, description="channel -> its own target; a Sku keeps the strictest of where it is sold"
    )
    runs_low_every: Duration = Field(
        Duration(days=14),
        description="how often the stock of a Sku runs low; what it may oversell in that time "
        "is spent while it is low",
    )
    busiest: float = Field(
        1.5,
        ge=1,
        le=24,
        description="demand of the hour in which the average order comes, against the day's mean",
    )
    unknown: float = Field(
        0.5, ge=0, description="units a day taken for a Sku on a channel without a known rate"
    )
    others: float = Field(
        1.0,
        ge=0,
        description="what others take of stock a supplier counts, against what we sell of it",
    )


class Publishing(Part):
    """How quantities are shown."""

    risk: Risk = Risk()
