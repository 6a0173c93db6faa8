"""Dated times of the year in which a shop sells otherwise than usual, and what they do to demand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import Field, model_validator

from config.durations import Duration
from config.offers import PolicyRule
from config.part import Day, Part
from config.shipping import SeasonDispatch


class SeasonUplift(Part):
    """How much more some Skus sell in a season. Those that several conditions pick sell more by each."""

    when: str | None = Field(
        None, description="CEL over `sku`: '\"gift\" in sku.tags'; unset: every Sku"
    )
    percent: int = Field(
        ge=-100, le=10_000, description="more units a day than usual; 50: half as much again"
    )


class SeasonSnapshots(Part):
    """Other limits of `snapshot` for some locations' figures. Those left out stay as they are."""

    locations: tuple[str, ...] = Field((), description="locations or groups; empty: all")
    rows_gone: int | None = Field(None, ge=0, le=100, description="as in `snapshot`")
    units_fallen: int | None = Field(None, ge=0, le=100, description="as in `snapshot`")
    zeros: int | None = Field(None, ge=0, le=100, description="as in `snapshot`")
    unknown: int | None = Field(None, ge=0, le=100, description="as in `snapshot`")
    repeated: int | None = Field(None, ge=0, le=100, description="as in `snapshot`")
    negative: int | None = Field(None, ge=0, le=100, description="as in `snapshot`")
    oldest: Duration | None = Field(None, description="as in `snapshot`")
    largest: int | None = Field(None, description="as in `snapshot`")


class Season(Part):
    """Some days of the year: Black Friday, the summer. Its policies win over all others, the Skus'
    own included, and so do its thresholds."""

    name: str = Field(description="shown in explanations")
    first: Day = Field(description="the first of its days, in the shop's time zone")
    last: Day = Field(description="the last of them")
    policies: tuple[PolicyRule, ...] = Field((), description="what channels may show in it")
    uplift: tuple[SeasonUplift, ...] = Field((), description="how much more is sold in it")
    low_stock_percent: int = Field(
        100, ge=0, description="low-stock levels while it lasts, in percent of the usual ones"
    )

    most_zeroed: int | None = Field(
        None, ge=0, le=100, description="instead of `plan.most_zeroed` while it lasts"
    )
    stale_after: Duration | None = Field(
        None, description="instead of every location's `feed.stale_after` while it lasts"
    )
    snapshots: tuple[SeasonSnapshots, ...] = Field(
        (), description="other limits for stock figures while it lasts; later ones win"
    )
    dispatch: tuple[SeasonDispatch, ...] = Field(
        (), description="other cut-offs and capacities while it lasts; later ones win"
    )
    service: int | None = Field(
        None,
        ge=51,
        le=99,
        description="instead of `replenishment.service`, for stock that has to last into it",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Season:
        if self.last < self.first:
            raise ValueError(f"{self.last} comes before {self.first}")
        return self


def touching(seasons: Iterable[Season], first: date, last: date) -> tuple[Season, ...]:
    """The seasons with a day from `first` to `last`, in their order."""
    return tuple(one for one in seasons if one.first <= last and first <= one.last)
