"""Taking a channel over: opening stock and open orders, as a plan a person reads before it is applied.

The plan is worked out by doing it in a transaction that is rolled back, so that what it lists is
what applying it does.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, insert, select, update

from core.errors import ConfigError, LockstepError
from core.model.catalog import ChannelId, LocationId, Sku
from core.model.fulfillment import ConfirmedLine, FulfillmentState
from core.model.orders import OrderStage
from core.model.reasons import Reason
from core.model.stock import MovementKind, StockMovement
from core.rules.effects import request_key
from core.rules.tracking_numbers import judge
from jobs.availability import recompute
from jobs.claims import ELSEWHERE, needs
from jobs.store.orders import OrderRecord, Orders
from jobs.store.parcels import Parcels, Requested
from jobs.store.plans import Plans
from jobs.store.stock import Stock
from jobs.store.store import Store, Tx
from jobs.store.tables import (
    fulfillment,
    fulfillment_line,
    listing,
    offer,
    orders,
    reservation,
    stock_level,
)
from jobs.wiring import Wiring


class CannotAdopt(LockstepError):
    """The channel cannot be taken over yet."""


@dataclass(frozen=True)
class HandedOver:
    """One row of the CSV of orders already handed over: order, place, tracking."""

    order: str
    place: LocationId
    carrier: str
    tracking: str


@dataclass(frozen=True)
class Wish:
    """What a person asked for."""

    channel: ChannelId
    cutover: datetime
    #: (sku, location) -> counted units; None: from what the channel shows
    count: Mapping[tuple[Sku, LocationId], int] | None
    handed_over: tuple[HandedOver, ...]
    #: names or remote ids of old orders to route all the same
    to_route: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "cutover": self.cutover.isoformat(),
            "count": None
            if self.count is None
            else [[sku, place, units] for (sku, place), units in sorted(self.count.items())],
            "handed_over": [
                [one.order, one.place, one.carrier, one.tracking] for one in self.handed_over
            ],
            "to_route": list(self.to_route),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Wish:
        return cls(
            body["channel"],
            datetime.fromisoformat(body["cutover"]),
            None
            if body["count"] is None
            else {(sku, place): units for sku, place, units in body["count"]},
            tuple(HandedOver(*row) for row in body["handed_over"]),
            tuple(body["to_route"]),
        )


@dataclass(frozen=True)
class Difference:
    """One figure the plan changes."""

    what: str
    subject: str
    before: int | str
    after: int | str


def read_rows(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """A CSV's rows. Raises ConfigError naming file, line and column."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise ConfigError(
                f"{path}: column {', '.join(missing)} is missing; found {', '.join(reader.fieldnames or ())}"
            )
        return [{name: (row[name] or "").strip() for name in row if name} for row in reader]


def read_count(path: Path) -> dict[tuple[Sku, LocationId], int]:
    """A count file: sku, location, quantity. Raises ConfigError with every bad cell."""
    count: dict[tuple[Sku, LocationId], int] = {}
    problems = []
    for number, row in enumerate(read_rows(path, ("sku", "location", "quantity")), start=2):
        if not row["quantity"].isdigit():
            problems.append(
                f"{path}:{number}: quantity {row['quantity']!r} is no whole number of units"
            )
        elif (row["sku"], row["location"]) in count:
            problems.append(f"{path}:{number}: {row['sku']} at {row['location']} stands here twice")
        else:
            count[row["sku"], row["location"]] = int(row["quantity"])
    if problems:
        raise ConfigError("\n".join(problems))
    return count


def read_handed_over(path: Path) -> tuple[HandedOver, ...]:
    """order, place, and where known carrier and tracking."""
    return tuple(
        HandedOver(row["order"], row["place"], row.get("carrier", ""), row.get("tracking", ""))
        for row in read_rows(path, ("order", "place"))
    )


def propose(store: Store, wiring: Wiring, wish: Wish, *, by: str) -> tuple[int, list[Difference]]:
    """Work the plan out, keep it, and list what it would change. Nothing else is written."""
    _check(store, wiring, wish)
    with store.reading() as tx:
        # The channel's number is what is there before: what is listed is what a push would move.
        before = _picture(tx, wish.channel, quantity=offer.c.shown)
    after: dict[tuple[str, str], int | str] = {}
    try:
        with store.transaction() as tx:
            _carry_out(tx, wiring, wish, by=by)
            after = _picture(tx, wish.channel, quantity=offer.c.wanted)
            raise _RollBack
    except _RollBack:
        pass
    with store.transaction() as tx:
        plan = Plans(tx).add("adopt", wish.channel, wish.as_json(), by=by)
        tx.audit(by, "adopt proposed", wish.channel, after={"plan": plan})
    differences = [
        Difference(what, subject, before.get((what, subject), 0), value)
        for (what, subject), value in sorted(after.items())
        if before.get((what, subject), 0) != value
    ]
    return plan, differences


def apply(store: Store, wiring: Wiring, plan_id: int, *, by: str) -> None:
    """Do what a waiting plan says. Raises CannotAdopt when there is none of that number."""
    with store.transaction() as tx:
        plan = Plans(tx).get(plan_id)
        if plan is None or plan.kind != "adopt" or plan.state != "waiting":
            raise CannotAdopt(
                f"there is no adoption plan {plan_id} waiting; `lockstep plan` lists them"
            )
        # Settled first: of two people who apply it at once, the second finds it done.
        if not Plans(tx).settle(plan_id, "done", by=by):
            raise CannotAdopt(f"adoption plan {plan_id} was applied by somebody else just now")
        wish = Wish.from_json(plan.body)
        _carry_out(tx, wiring, wish, by=by)
        tx.audit(by, "adopt applied", wish.channel, after={"plan": plan_id})
        tx.wake("core/orders", "core/offers", *wiring.tracking_units)


class _RollBack(Exception):
    """Ends a transaction that was only tried."""


def _check(store: Store, wiring: Wiring, wish: Wish) -> None:
    if wish.channel not in wiring.config.channels:
        known = ", ".join(wiring.config.channels)
        raise CannotAdopt(f"there is no channel {wish.channel!r}; configured are {known}")
    route_from = wiring.config.orders.route_from
    if wish.cutover != route_from:
        raise CannotAdopt(
            f"--cutover {wish.cutover.isoformat()} is not orders.route_from ({route_from.isoformat()}): "
            "set route_from in the YAML to the cut-over, so that both say the same"
        )
    with store.reading() as tx:
        for flow in ("orders", "listings"):
            if store.units.complete_to(tx.connection, f"{wish.channel}/{flow}") is None:
                raise CannotAdopt(
                    f"the {flow} of {wish.channel} are not recorded yet: let `lockstep run` (or `once`) "
                    "work in observe until `lockstep status` shows them complete"
                )


def _picture(
    tx: Tx, channel: ChannelId, *, quantity: Column[int]
) -> dict[tuple[str, str], int | str]:
    """What a plan may change, as figures."""
    found: dict[tuple[str, str], int | str] = {}
    for row in tx.connection.execute(select(stock_level)):
        found["on hand", f"{row.sku} at {row.location}"] = row.on_hand
    offers = select(offer, quantity.label("figure")).where(
        offer.c.channel == channel, offer.c.wanted.is_not(None), quantity.is_not(None)
    )
    for row in tx.connection.execute(offers):
        found["quantity", f"{row.sku} {row.remote_id} {row.remote_location}".strip()] = row.figure
    for row in tx.connection.execute(
        select(orders.c.name, orders.c.listed).where(orders.c.channel == channel, orders.c.listed)
    ):
        found["route", f"order {row.name}"] = "yes"
    for row in tx.connection.execute(
        select(orders.c.name, fulfillment.c.location)
        .join(fulfillment, fulfillment.c.order_id == orders.c.id)
        .where(orders.c.channel == channel, fulfillment.c.reference == ELSEWHERE)
    ):
        found["handed over", f"order {row.name}"] = row.location
    return found


def _carry_out(tx: Tx, wiring: Wiring, wish: Wish, *, by: str) -> None:
    numbers = _numbers(tx, wish)
    # Of this very moment: a shelf that is counted again later is another count.
    reference = f"adopt/{wish.channel}/{wish.cutover.isoformat()}/{tx.now.isoformat()}"
    orders_ = Orders(tx)
    records = {record.id: record for record in orders_.load(sorted(set(numbers.values())))}
    for one in wish.handed_over:
        _link(tx, wiring, records[numbers[one.order]], one)
    skus = _open_stock(tx, wiring, wish, reference)
    listed = [numbers[name] for name in wish.to_route]
    if listed:
        tx.connection.execute(update(orders).where(orders.c.id.in_(listed)).values(listed=True))
        orders_.decide_again(listed)
    recompute(tx, wiring, sorted(skus))


def _numbers(tx: Tx, wish: Wish) -> dict[str, int]:
    """Every order the wish names, by the name it was given. Raises CannotAdopt naming the unknown ones."""
    names = {*wish.to_route, *(one.order for one in wish.handed_over)}
    found: dict[str, int] = {}
    for row in tx.connection.execute(
        select(orders.c.id, orders.c.name, orders.c.remote_id).where(
            orders.c.channel == wish.channel
        )
    ):
        for name in (row.name, row.remote_id):
            if name in names:
                found[name] = row.id
    unknown = sorted(names - found.keys())
    if unknown:
        raise CannotAdopt(f"not among the recorded orders of {wish.channel}: {', '.join(unknown)}")
    named = [found[one.order] for one in wish.handed_over]
    again = sorted(one.order for one in wish.handed_over if named.count(found[one.order]) > 1)
    if again:
        raise CannotAdopt(
            f"handed over more than once: {', '.join(again)}; write one row per order"
        )
    both = {found[one.order] for one in wish.handed_over} & {found[name] for name in wish.to_route}
    if both:
        twice = sorted(name for name, number in found.items() if number in both)
        raise CannotAdopt(f"handed over and to be routed at the same time: {', '.join(twice)}")
    return found


def _open_stock(tx: Tx, wiring: Wiring, wish: Wish, reference: str) -> set[Sku]:
    """Bring the ledger of our own locations to the count, or to what the channel shows."""
    ours = {one.id for one in wiring.eligible(wish.channel, routing=False) if one.basis is None}
    target = (
        _shown_as_stock(tx, wiring, wish.channel, ours) if wish.count is None else dict(wish.count)
    )
    strangers = sorted({place for _, place in target} - ours)
    if strangers:
        raise CannotAdopt(f"not counted by Lockstep: {', '.join(strangers)}")
    stock = Stock(tx)
    levels = {
        (level.sku, level.location): level.on_hand
        for found in stock.levels(sku for sku, _ in target).values()
        for level in found
    }
    stock.move(
        [
            StockMovement(
                sku,
                place,
                MovementKind.COUNT,
                units - levels.get((sku, place), 0),
                reference,
                tx.now,
                cause="opening",
            )
            for (sku, place), units in sorted(target.items())
        ]
    )
    return {sku for sku, _ in target}


def _shown_as_stock(
    tx: Tx, wiring: Wiring, channel: ChannelId, ours: set[LocationId]
) -> dict[tuple[Sku, LocationId], int]:
    """What must be on hand so that the channel may go on showing what it shows.

    A channel takes its open orders off what it shows; their units are still on our shelf, so what
    is reserved is added back.
    """
    # What was opened once has a ledger of its own: a second channel's numbers say nothing new.
    ours = ours - Stock(tx).opened()
    places = wiring.config.channels[channel].twins
    target: dict[tuple[Sku, LocationId], int] = defaultdict(int)
    rows = tx.rows(
        select(offer.c.sku, offer.c.remote_location, offer.c.shown, listing.c.units_per_sale)
        .join(
            listing,
            (listing.c.channel == offer.c.channel) & (listing.c.remote_id == offer.c.remote_id),
        )
        .where(offer.c.channel == channel, offer.c.shown.is_not(None))
    )
    for row in rows:
        candidates = [
            place for place in places.get(row.remote_location, ()) if place in ours
        ] or sorted(ours)
        if not candidates or wiring.loaded.catalog.components_of(row.sku):
            continue
        key = (row.sku, candidates[0])
        # Several listings of one Sku show the same units.
        target[key] = max(target[key], row.shown * row.units_per_sale)
    held: dict[Sku, int] = defaultdict(int)
    for row in tx.rows(
        select(reservation.c.sku, reservation.c.quantity).where(reservation.c.state == "open")
    ):
        held[row.sku] += row.quantity
    return {(sku, place): units + held[sku] for (sku, place), units in target.items()}


def _link(tx: Tx, wiring: Wiring, record: OrderRecord, one: HandedOver) -> None:
    """An order the old way of working already handed over: never routed by us, tracked where we can."""
    if wiring.location(one.place) is None:
        raise CannotAdopt(f"order {one.order}: there is no location {one.place!r}")
    if any(found.reference == ELSEWHERE for found in record.fulfillments):
        return
    number = max((found.number for found in record.fulfillments), default=0) + 1
    tx.connection.execute(
        insert(fulfillment).values(
            order_id=record.id,
            number=number,
            location=one.place,
            state=str(FulfillmentState.REQUESTED),
            shadow=False,
            key=request_key(record.order.channel, record.order.remote_id, number),
            created_at=tx.now,
            requested_at=tx.now,
            reference=ELSEWHERE,
        )
    )
    lines: dict[tuple[str, Sku], tuple[int, int, int]] = {}
    for line, units in needs(record).items():
        known = record.resolved[line]
        if units > 0 and known.sku is not None:
            for sku, per_unit in wiring.components(known.sku, known.units_per_sale).items():
                lines[line, sku] = (units * per_unit, per_unit, 0)
    if lines:
        tx.connection.execute(
            insert(fulfillment_line),
            [
                {"order_id": record.id, "number": number, "line": line, "sku": sku, "quantity": quantity, "per_unit": per_unit, "shipped": 0}
                for (line, sku), (quantity, per_unit, _) in lines.items()
            ],
        )  # fmt: skip
    stock = Stock(tx)
    stock.move_reservations(record.id, to=one.place, number=number)
    if one.tracking:
        # A parcel is off the shelf already: no count finds its units, none are kept for it.
        held = Parcels(tx).open_reservations(record.id, number)
        stock.release([row.id for row in held], state="consumed")
        requested = Requested(
            record.id,
            number,
            record.order.channel,
            record.order.remote_id,
            one.place,
            FulfillmentState.REQUESTED,
            None,
            lines,
        )
        Parcels(tx).add_parcel(
            requested,
            carrier=judge(one.tracking, told=one.carrier).carrier or "other",
            tracking_number=one.tracking,
            service="",
            shipped_at=tx.now,
            remote_location="",
            lines=[
                ConfirmedLine(line, units) for line, units in needs(record).items() if units > 0
            ],
            ask_at=tx.now,
            tell_at=None,
        )
    tx.connection.execute(
        update(orders)
        .where(orders.c.id == record.id)
        .values(stage=str(OrderStage.RECORDED), decide=False)
    )
    tx.decide(record.subject, Reason.of("adopted", order=record.order.name, location=one.place))
