"""What an admin says of counts, movements, holds that end, feeds that fall silent, shadow reports."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from config.durations import Duration
from config.part import Part
from core.rules.holds import KINDS

#: a short code that says why units moved
Reason = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


def _hold(code: str) -> str:
    if code not in KINDS:
        raise ValueError(f"{code!r} is no hold; expected one of {', '.join(KINDS)}")
    return code


HoldCode = Annotated[str, AfterValidator(_hold)]


class Counts(Part):
    """What a count may change before it becomes a Case."""

    most_units: int = Field(
        10, ge=0, le=100, description="percent of the counted units that may differ"
    )
    most_value: int | None = Field(
        None, ge=0, description="minor units of the shop's currency that may differ; unset: any"
    )


class Ledger(Part):
    """Our own stock: counts, movements by hand, and for how long units are held."""

    counts: Counts = Counts()
    reasons: tuple[Reason, ...] = Field(
        (), description="the reasons people may give for a movement; empty: any short code"
    )
    expire: dict[HoldCode, Duration] = Field(
        {},
        description="hold -> after how long an order held for it keeps units no more; `unpaid` is "
        "every reason why the money is not there; "
        "unset: it keeps them for ever",
    )


class Feed(Part):
    """When a location's figures are due."""

    every: Duration | None = Field(
        None,
        description="a new figure comes this often; closed days do not count; unset: nobody waits",
    )
    stale_after: Duration = Field(
        Duration(days=2),
        description="so long after a figure was due the location counts as stale: none of its "
        "units are shown, or fewer every day, see `stale`; closed days do not count",
    )


class Shadow(Part):
    """The daily comparison with the old way of working, for channels that are only observed."""

    mail: bool = Field(True, description="mail it once a day to who reads `info`")


class SnapshotGuard(Part):
    """A snapshot outside these limits is quarantined whole and becomes a Case."""

    rows_gone: int = Field(
        40, ge=0, le=100, description="percent of the known rows that may be missing"
    )
    units_fallen: int = Field(60, ge=0, le=100, description="percent the total may fall")
    zeros: int = Field(
        70, ge=0, le=100, description="percent of rows that may be zero when they were not before"
    )
    unknown: int = Field(
        20, ge=0, le=100,
        description="percent of rows whose Sku may be unknown here when they were not before",
    )  # fmt: skip
    repeated: int = Field(
        5, ge=0, le=100, description="percent of rows that may name a Sku that was named before"
    )
    negative: int = Field(
        10, ge=0, le=100, description="percent of rows that may say less than nothing"
    )
    oldest: Duration = Field(Duration(days=2), description="an older figure is not believed")
    largest: int = Field(1_000_000, description="a larger quantity for one Sku is absurd")
