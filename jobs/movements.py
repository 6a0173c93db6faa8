"""Units a person moves: received, adjusted, damaged, returned, sent from one shelf to another.

Everything is written with a reason and a name, and only where we count ourselves: at a place that a
remote counts, the remote's figure is the truth and a movement of ours would be a lie.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from core.errors import LockstepError
from core.model.catalog import LocationId, Sku
from core.model.stock import MovementKind, StockLevel, StockMovement
from core.rules.counting import cannot_take
from core.rules.sentences import render
from jobs.store.orders import Orders
from jobs.store.stock import Stock
from jobs.store.store import Store, Tx
from jobs.store.tables import listing, reservation, stock_level
from jobs.store.transfers import Transfers
from jobs.wiring import Wiring

#: Reasons people usually give; the configuration may narrow them down.
USUAL = (
    "purchase",
    "found",
    "missing",
    "broken",
    "stolen",
    "expired",
    "sample",
    "customer",
    "move",
)


class CannotMove(LockstepError):
    """These units cannot be moved like this."""


@dataclass(frozen=True)
class Moving:
    """What a person asked for. `units` is signed: what leaves the shelf is negative."""

    kind: MovementKind
    sku: Sku
    location: LocationId
    units: int
    cause: str
    person: str
    #: a delivery note, an order: the same one twice is written once; "": none
    reference: str = ""
    note: str = ""
    #: when it happened; None: now
    at: datetime | None = None


def move(store: Store, wiring: Wiring, asked: Moving, *, anyway: bool = False) -> StockLevel:
    """Write one movement; the shelf as it is now. Raises CannotMove.

    `anyway` is the person's explicit word that the shelf may go below what is possible.
    """
    check_reason(wiring, asked.cause)
    check_place(wiring, asked.location)
    with store.transaction() as tx:
        sku = check_sku(tx, wiring, asked.sku)
        before = level(tx, sku, asked.location)
        if asked.units < 0 and not anyway:
            _check_there(before, -asked.units, by_choice=False)
        at = asked.at or tx.now
        if at > tx.now:
            raise CannotMove(f"{at.isoformat()} is still to come")
        reference = asked.reference or f"by hand/{uuid.uuid4().hex[:12]}"
        written = Stock(tx).move(
            [
                StockMovement(
                    sku, asked.location, asked.kind, asked.units, reference, at,
                    cause=asked.cause, person=asked.person, note=asked.note,
                )
            ]
        )  # fmt: skip
        if not written:
            raise CannotMove(
                f"{asked.kind} {reference!r} of {sku} at {asked.location} is written down already; "
                "nothing was moved"
            )
        after = level(tx, sku, asked.location)
        tx.audit(
            asked.person,
            f"stock {asked.kind}",
            f"sku {sku}",
            before={"location": asked.location, "on_hand": before.on_hand},
            after={"on_hand": after.on_hand, "units": asked.units, "reference": reference, "cause": asked.cause},
            note=asked.note or None,
        )  # fmt: skip
        serve_again(tx, [(sku, asked.location)])
    return after


def transfer(
    store: Store,
    wiring: Wiring,
    asked: Moving,
    *,
    to: LocationId,
    on_the_way: bool,
    anyway: bool = False,
) -> int:
    """Units go from one location to another; the transfer's number. Raises CannotMove.

    Both movements are one transaction; `on_the_way`: the second is written when somebody says that
    they arrived. A destination that a remote counts gets no movement: its own figure tells.
    """
    check_reason(wiring, asked.cause)
    check_place(wiring, asked.location)
    destination = wiring.location(to)
    if destination is None:
        raise CannotMove(f"there is no location {to!r}; {_places(wiring)}")
    if to == asked.location:
        raise CannotMove(f"{to} is where they are already")
    counted_here = destination.basis is None
    with store.transaction() as tx:
        sku = check_sku(tx, wiring, asked.sku)
        before = level(tx, sku, asked.location)
        if not anyway:
            _check_there(before, asked.units, by_choice=True)
        transfers = Transfers(tx)
        number = transfers.send(
            sku,
            asked.units,
            origin=asked.location,
            destination=to,
            counted_here=counted_here,
            cause=asked.cause,
            person=asked.person,
            note=asked.note,
        )
        if not on_the_way:
            transfers.arrive(number, asked.units, person=asked.person, note=asked.note)
        tx.audit(
            asked.person,
            "stock transfer",
            f"sku {sku}",
            after={"transfer": number, "from": asked.location, "to": to, "units": asked.units, "cause": asked.cause},
            note=asked.note or None,
        )  # fmt: skip
        serve_again(tx, [(sku, asked.location)])
    return number


def arrive(
    store: Store, number: int, units: int | None, *, person: str, rest_lost: bool, note: str = ""
) -> tuple[int, int, int]:
    """Confirm a transfer, whole (None) or in part; (arrived, lost, still on the way). Raises CannotMove."""
    with store.transaction() as tx:
        transfers = Transfers(tx)
        row = transfers.get(number, lock=True)
        if row is None or row.state != "open":
            raise CannotMove(
                f"transfer {number} is not on its way; `lockstep stock transfers` lists them"
            )
        rest = row.quantity - row.arrived - row.lost
        came = rest if units is None else units
        if not 0 <= came <= rest:
            raise CannotMove(f"{came} cannot arrive: {rest} of {row.sku} are on their way")
        if came:
            row = transfers.arrive(number, came, person=person, note=note)
        if rest_lost and row.state == "open":
            row = transfers.lose(number, person=person)
        tx.audit(
            person,
            "stock arrived",
            f"sku {row.sku}",
            after={"transfer": number, "arrived": row.arrived, "lost": row.lost},
            note=note or None,
        )
    return row.arrived, row.lost, row.quantity - row.arrived - row.lost


# --- what everything by hand is checked against --------------------------------------------------


def check_reason(wiring: Wiring, cause: str) -> None:
    known = wiring.config.ledger.reasons
    if known and cause not in known:
        raise CannotMove(f"{cause!r} is no reason here; `ledger.reasons` lists {', '.join(known)}")


def check_place(wiring: Wiring, location: LocationId) -> None:
    """Raises CannotMove unless we count this location ourselves."""
    found = wiring.location(location)
    if found is None:
        raise CannotMove(f"there is no location {location!r}; {_places(wiring)}")
    if found.basis is not None:
        counted_by = wiring.config.locations[location].counted_by
        raise CannotMove(
            f"{location} is counted by {counted_by}: its figure is the truth, what is moved here would be "
            "overwritten or counted twice; correct it there"
        )


def _places(wiring: Wiring) -> str:
    return f"configured are {', '.join(one.id for one in wiring.locations)}"


def check_sku(tx: Tx, wiring: Wiring, name: str) -> Sku:
    """Our Sku for a name a person wrote. Raises CannotMove for a Kit and for what nobody knows."""
    sku = wiring.loaded.catalog.sku_for(name)
    if sku is None or not known(tx, wiring, [sku]):
        raise CannotMove(
            f"nobody knows the Sku {name!r}: no listing and no place has it; check the spelling, or write "
            "it in the table of Skus"
        )
    parts = wiring.loaded.catalog.components_of(sku)
    if parts:
        raise CannotMove(f"{sku} is a Kit: move its components ({', '.join(sorted(parts))})")
    return sku


def known(tx: Tx, wiring: Wiring, skus: Iterable[Sku]) -> set[Sku]:
    """Those of them that are written down, listed or held somewhere."""
    asked = set(skus)
    found = {sku for sku in asked if sku in wiring.loaded.catalog.skus}
    for column in (stock_level.c.sku, listing.c.sku):
        left = sorted(asked - found)
        for start in range(0, len(left), 5_000):
            part = left[start : start + 5_000]
            found.update(
                tx.connection.execute(select(column).where(column.in_(part)).distinct()).scalars()
            )
    return found


def level(tx: Tx, sku: Sku, location: LocationId) -> StockLevel:
    """The shelf, kept from others until the end of the transaction."""
    levels = Stock(tx).levels([sku], lock=True).get(sku, [])
    found = next((one for one in levels if one.location == location), None)
    return found or replace(StockLevel(sku, location))


def _check_there(shelf: StockLevel, units: int, *, by_choice: bool) -> None:
    refused = cannot_take(
        sku=shelf.sku,
        location=shelf.location,
        on_hand=shelf.on_hand,
        committed=shelf.committed,
        units=units,
        by_choice=by_choice,
    )
    if refused:
        raise CannotMove(f"{render(refused)} Say --anyway if it is true all the same.")


def serve_again(tx: Tx, shelves: Iterable[tuple[Sku, LocationId]]) -> None:
    """Orders that were promised units of a shelf which has too few now are decided again."""
    for sku, location in shelves:
        short = select(stock_level.c.sku).where(
            stock_level.c.sku == sku,
            stock_level.c.location == location,
            stock_level.c.on_hand < stock_level.c.committed,
        )
        if tx.connection.execute(short).first() is None:
            continue
        promised = list(
            tx.connection.execute(
                select(reservation.c.order_id)
                .where(
                    reservation.c.sku == sku,
                    reservation.c.location == location,
                    reservation.c.state == "open",
                    reservation.c.fulfillment.is_(None),
                )
                .distinct()
            ).scalars()
        )
        if promised:
            Orders(tx).decide_again(promised)
            tx.wake("core/orders")
