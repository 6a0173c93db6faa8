"""The ways goods take to us, and which of our locations are filled up from others."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.part import Part
from core.model.inbound import Leg

Days = Annotated[int, Field(ge=0, le=365)]


class Lane(Part):
    """A way goods take: from a supplier's gate to our shelf, or from one of our places to FBA."""

    legs: dict[Leg, Days] = Field(
        min_length=1,
        description="ready, loaded, sailed, port, customs, delivered, receiving -> days it usually "
        "takes after the one before; legs this way does not have are left out. What was seen on "
        "earlier ways counts more with each of them",
    )
    settle_days: Days = Field(
        14,
        description="days after the delivery in which goods are booked in; then they are missing",
    )
    claim_days: Days = Field(
        60,
        description="days after the delivery in which missing units can be claimed: look yours up, "
        "sellers report from 60 days to nine months for FBA",
    )


class Refill(Part):
    """A location that is filled up from other places of ours: FBA from a 3PL."""

    origins: tuple[str, ...] = Field(
        min_length=1, description="locations that its goods come from, the first one first"
    )
    lane: str = Field(description="the way they take, from `lanes`")
    review_days: int = Field(7, ge=1, le=365, description="days until the next transfer is made")
    order_days: int = Field(30, ge=1, le=365, description="days of sales there that one brings")
    keep_days: int = Field(
        14, ge=0, le=365, description="days of all other sales whose units stay at the origin"
    )
    service: int = Field(
        90, ge=51, le=99, description="percent of the cases in which its stock must last"
    )


Lanes = dict[str, Lane]
