"""How what channels show is read again, and what becomes of a difference."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from config.durations import Duration
from config.part import Part


class OtherWriter(Part):
    """When an old system still writes the same offers: repair stops for them, as one Case."""

    overwrites: int = Field(
        3, ge=2, description="numbers of ours overwritten in one offer before repair stops there"
    )
    within: Duration = Field(Duration(days=1), description="in this time")
    offers: int = Field(
        1, ge=1, description="in at least so many offers of the channel; fewer go on being repaired"
    )


class Drift(Part):
    """Reading again what channels show."""

    share: int = Field(
        20, ge=1, le=100, description="percent of a channel's rate of reading that slices may use"
    )
    every: Duration = Field(Duration(minutes=1), description="a slice is read this often")
    rest: Duration = Field(Duration(minutes=10), description="an offer is not read again sooner")
    whole: Duration = Field(
        Duration(days=1),
        description="every offer is read at least this often, by report where the channel has one",
    )
    trust: Duration = Field(
        Duration(days=7), description="an older reading is renewed before anything else is written"
    )
    unexplained: Literal["repair", "case"] = Field(
        "repair",
        description="a difference no order explains: put right, or left until a person approves",
    )
    other_writer: OtherWriter = Field(
        OtherWriter(), description="when repair stops because somebody else writes too"
    )
    keep: Duration = Field(Duration(days=30), description="how long settled differences are kept")


class Bulk(Part):
    """When many quantities leave as one file."""

    least: int = Field(
        500, ge=0, description="so many changes waiting go as one file; 0: never, always one by one"
    )
    most: int = Field(25_000, ge=1, description="changes in one file, if the channel takes as many")
    stuck_after: Duration = Field(
        Duration(hours=2), description="a file the channel has not ended by then becomes a Case"
    )
