"""Units: where they are, who counts them, for whom they are held."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import overload

from core.model.catalog import ChannelId, LocationId, Sku
from core.model.purchasing import SupplierItem, UnreadTerms


class CountedBy(StrEnum):
    """Who counts a location's units."""

    LOCKSTEP = "lockstep"
    #: snapshots from a remote: supplier feed, FBA, a Shopify location
    REMOTE = "remote"


class SnapshotBasis(StrEnum):
    """What a remote's figure already took off."""

    #: what it has accepted from us is off already: our reservation counts until acknowledged
    NET = "net"
    #: an on-hand list: our reservation counts until shipped
    GROSS = "gross"


class ReservationState(StrEnum):
    """Where units held for an order line stand. Balances count the open ones, and only them."""

    OPEN = "open"
    #: still held, but the counting remote's figure lacks them: subtracted once, by the remote
    ABSORBED = "absorbed"
    #: shipped, and in every figure
    CONSUMED = "consumed"
    #: the order needs them no more, or needs them elsewhere
    RELEASED = "released"
    #: a policy let them go, because the order waited too long for something
    EXPIRED = "expired"


#: States in which units are kept for their order.
HELD = (ReservationState.OPEN, ReservationState.ABSORBED)


class MovementKind(StrEnum):
    RECEIPT = "receipt"
    SHIPMENT = "shipment"
    COUNT = "count"
    SNAPSHOT = "snapshot"
    ADJUSTMENT = "adjustment"
    RETURN = "return"
    TRANSFER = "transfer"
    DAMAGE = "damage"


@dataclass(frozen=True, slots=True)
class StockLocation:
    """A place that holds and ships stock."""

    id: LocationId
    counted_by: CountedBy
    #: lower ships first
    priority: int
    #: the connection that hands requests to ship to it; "" where it cannot be asked to ship
    ships_through: str = ""
    #: channels whose orders it may ship; empty: all
    channels: frozenset[ChannelId] = frozenset()
    #: not None where the location is counted by a remote
    basis: SnapshotBasis | None = None
    #: the channel that counts it and sells from it itself; its own orders are in its figure already
    counting_channel: ChannelId | None = None
    #: what the counting remote calls it, where it counts several
    remote_id: str = ""
    #: who counts it is also asked to ship from it (FBA): what it accepted its figure lacks
    ships_own_count: bool = False

    @property
    def learns_from_us(self) -> bool:
        """Whether its figure lacks a sale made elsewhere only once we told of it there."""
        return self.counting_channel is not None and not self.ships_own_count


@dataclass(frozen=True, slots=True)
class StockLevel:
    """One Sku at one location. `committed` is the sum of the reservations that still count."""

    sku: Sku
    location: LocationId
    on_hand: int = 0
    committed: int = 0
    safety_stock: int = 0
    incoming: int = 0

    @property
    def available(self) -> int:
        """Units that may be promised; negative when more is committed than is there."""
        return self.on_hand - self.committed - self.safety_stock


@dataclass(frozen=True, slots=True)
class StockMovement:
    """One append-only ledger line. (kind, reference, sku, location) is unique: a repeat is a no-op."""

    sku: Sku
    location: LocationId
    kind: MovementKind
    #: signed units
    quantity: int
    #: what caused it: a shipment's key, a snapshot's name, a count's file
    reference: str
    #: when the units moved, as far as it is known; not when it was written down
    at: datetime
    #: a short code that says why: "purchase", "broken", "found"
    cause: str = ""
    #: who did it; "": no person did
    person: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    sku: Sku
    #: units the remote says are there; never negative
    quantity: int
    #: what the remote calls the thing, where that is not the Sku: several may be of one Sku
    item: str = ""
    #: everything else it says of it, in its own words: (("committed", 3), ("incoming", 40))
    words: tuple[tuple[str, int], ...] = ()


class Figures(Sequence[SnapshotRow]):
    """Rows of a snapshot kept as one mapping; a row is an object only while somebody looks at it.

    200,000 rows take 25 MB so, and more than twice of that as objects. No Sku is in it twice.
    """

    __slots__ = ("by_sku",)

    def __init__(self, by_sku: Mapping[Sku, int]) -> None:
        self.by_sku = by_sku

    def __len__(self) -> int:
        return len(self.by_sku)

    def __iter__(self) -> Iterator[SnapshotRow]:
        return (SnapshotRow(sku, quantity) for sku, quantity in self.by_sku.items())

    @overload
    def __getitem__(self, index: int) -> SnapshotRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SnapshotRow, ...]: ...
    def __getitem__(self, index: int | slice) -> SnapshotRow | tuple[SnapshotRow, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        place = range(len(self))[index]
        return next(row for number, row in enumerate(self) if number == place)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Figures):
            return list(self.by_sku.items()) == list(other.by_sku.items())
        return tuple(self) == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Figures({len(self)} rows)"


@dataclass(frozen=True, slots=True)
class StockSnapshot:
    """A remote's figure for one location at one instant: the whole of it, or what changed."""

    #: ours, or what the remote calls it; "" where it counts one place only
    location: LocationId
    #: the instant the figure speaks of: the stated time, else the file's time less the configured lag
    as_of: datetime
    #: what names it at the remote (file name), unique together with `digest`
    name: str
    digest: str
    rows: Sequence[SnapshotRow]
    #: the source's words that could not be read as rows: (line number, text, why)
    problems: tuple[tuple[int, str, str], ...] = ()
    #: lines that could not be read either, beyond those kept in `problems`
    more_problems: int = 0
    #: rows whose Sku an earlier row of the source had already; they are among the problems too
    repeated: int = 0
    #: rows that said less than nothing; they are among the problems too
    negative: int = 0
    #: False: it tells changes only, and what it does not name is as it was
    complete: bool = True
    #: what the same source tells of the terms of its items, read while it is gone through; once
    terms: Iterable[SupplierItem | UnreadTerms] = field(default=(), compare=False, repr=False)

    @property
    def by_sku(self) -> Mapping[Sku, int]:
        """Sku -> units; of a Sku that is there twice the last figure."""
        if isinstance(self.rows, Figures):
            return self.rows.by_sku
        return {row.sku: row.quantity for row in self.rows}

    @property
    def quantities(self) -> Collection[int]:
        """The figure of every row."""
        if isinstance(self.rows, Figures):
            return self.rows.by_sku.values()
        return [row.quantity for row in self.rows]

    @property
    def units(self) -> int:
        return sum(self.quantities)

    @property
    def zeros(self) -> int:
        """Rows that say 0."""
        return sum(1 for quantity in self.quantities if quantity == 0)

    @property
    def odd_lines(self) -> int:
        """Lines of the source with something wrong, those beyond `problems` among them."""
        return len(self.problems) + self.more_problems


@dataclass(frozen=True, slots=True)
class Claim:
    """Units of a component Sku to hold for one order line: at `location`, or unallocated (None)."""

    line: str
    sku: Sku
    location: LocationId | None
    quantity: int
