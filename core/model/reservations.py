"""Units that a remote sets aside at a place it counts, for a sale that was made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.model.catalog import Sku


class ReservationStep(StrEnum):
    """What the remote is told about units it sells itself."""

    #: they are sold elsewhere: no longer for sale there
    RESERVE = "reserve"
    #: they are not needed after all: for sale there again
    RELEASE = "release"
    #: they were shipped: gone from its shelf
    SHIP = "ship"


@dataclass(frozen=True, slots=True)
class ReservationMove:
    """One write at a counting remote: all of its units or none of them."""

    step: ReservationStep
    #: the remote's own id of the place
    place: str
    #: the remote's own id of a thing -> units
    items: Mapping[str, int]
    #: whose sale it is, for people who look there: "lockstep://amazon-us/114-1234567-1234567"
    reference: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where units sold elsewhere stand, by what we hold and what the remote acknowledged."""

    #: units held for the order at the place and not shipped
    held: int
    #: units that left the place for the order
    shipped: int
    #: units the remote keeps for it
    kept: int
    #: shipped units the remote was told of
    told: int


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be told next: one step, with its units per Sku."""

    step: ReservationStep
    units: Mapping[Sku, int]
