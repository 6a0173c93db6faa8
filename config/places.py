"""Groups of locations, and what becomes of the offers of one that falls silent or closes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from config.part import Part, TimeZone
from core.model.catalog import LocationId

#: name -> the locations in it
LocationGroups = dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]


class Stale(Part):
    """What is shown of a location that counts as stale; when it does, its `feed` says."""

    show: Literal["none", "buffer"] = Field(
        "none", description="none of its units, or fewer of them every day"
    )
    grows: int = Field(
        20,
        ge=1,
        le=100,
        description="with `buffer`: percent held back for each day begun since then; closed days do "
        "not count",
    )


class Closing(Part):
    """A location that closes for some days, by its calendar. Then orders get from it only what no
    open location has."""

    show: Literal["zero", "longer_handling"] = Field(
        "zero",
        description="zero: its units are not shown; longer_handling: they are where nothing else is "
        "left and the channel states handling times (`handling_days`; Shopify cannot), else zero",
    )
    notice: int = Field(3, ge=0, le=60, description="days before its first closed day")
    at_least: int = Field(
        3, ge=1, description="closed days in a row; fewer (a usual weekend) are no closure"
    )
    time_zone: TimeZone | None = Field(
        None, description="in which its days begin and end; unset: the shop's"
    )


def expanded(names: Iterable[str], groups: Mapping[str, tuple[str, ...]]) -> frozenset[LocationId]:
    """The locations that these names of locations and of groups stand for."""
    return frozenset(one for name in names for one in groups.get(name, (name,)))
