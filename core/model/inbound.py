"""Goods on their way to a location of ours: shipments, the legs of their way, what a remote received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Leg(StrEnum):
    """A stretch of the way, named for how it ends; its day is the day it is done."""

    #: the supplier has finished the goods
    READY = "ready"
    #: they are in the container, or on the truck
    LOADED = "loaded"
    #: the ship or plane has left
    SAILED = "sailed"
    #: it has reached the port or airport of arrival
    PORT = "port"
    #: customs have let the goods go
    CUSTOMS = "customs"
    #: they stand at the dock of the 3PL, the warehouse or FBA
    DELIVERED = "delivered"
    #: they are booked in there and can be sold
    RECEIVING = "receiving"


class InboundState(StrEnum):
    """Where goods stand that a remote is to receive for us."""

    #: they have not left
    PLANNED = "planned"
    #: a carrier has them
    ON_THE_WAY = "on_the_way"
    #: they stand at its dock
    DELIVERED = "delivered"
    #: it is counting; more may come
    RECEIVING = "receiving"
    #: it expects nothing more
    CLOSED = "closed"
    #: they will not come
    CANCELED = "canceled"
    #: the remote says that something is wrong with the shipment, or a word we do not know
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class InboundItem:
    """One thing in a shipment, as the receiver names it."""

    item: str
    #: units we said that we send
    sent: int
    #: units it has booked in so far
    received: int


@dataclass(frozen=True, slots=True)
class InboundReport:
    """What a receiver says of one shipment to it, whole: a later report replaces an earlier one."""

    #: the receiver's own id of it
    ref: str
    name: str
    state: InboundState
    #: the same in the remote's own word
    word: str
    #: when it was asked: what happened later is not in it
    as_of: datetime
    items: tuple[InboundItem, ...]
