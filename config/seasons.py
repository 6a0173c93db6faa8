"""Dated times of the year in which a shop sells otherwise than usual, and what they do to demand."""

from __future__ import annotations

from pydantic import Field, model_validator

from config.part import Day, Part


class SeasonUplift(Part):
    """How much more some Skus sell in a season. Those that several conditions pick sell more by each."""

    when: str | None = Field(
        None, description="CEL over `sku`: '\"gift\" in sku.tags'; unset: every Sku"
    )
    percent: int = Field(
        ge=-100, le=10_000, description="more units a day than usual; 50: half as much again"
    )


class Season(Part):
    """Some days of the year: Black Friday, the summer."""

    name: str = Field(description="shown in explanations")
    first: Day = Field(description="its first day")
    last: Day = Field(description="its last day")
    uplift: tuple[SeasonUplift, ...] = Field((), description="how much more is sold in it")
    low_stock_percent: int = Field(
        100, ge=0, description="low-stock levels while it lasts, in percent of the usual ones"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Season:
        if self.last < self.first:
            raise ValueError(f"{self.last} comes before {self.first}")
        return self
