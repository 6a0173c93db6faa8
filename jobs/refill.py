"""DECIDE what goes from one of our places to another that sells by itself: 3PL to FBA.

The outcome is one waiting plan for each origin and place (`change_plan`, kind "refill"). A person
sends it, with `lockstep consignment send`: that makes a consignment, and takes the units off the
origin's shelf where we count it. What the place sells is its part of the Sku's demand, by the orders
it fulfilled in the last weeks.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from config.consignments import Refill
from config.expressions import RuleFailed
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId, FulfilledBy, LocationId, Sku
from core.model.demand import Uplift
from core.model.reasons import Reason
from core.model.stock import StockLocation
from core.rules.refill import Refilled, transfer_of
from jobs import consignments
from jobs.arrivals import subject_of
from jobs.buying import SEED, item_of
from jobs.consignments import CannotShip
from jobs.forecast import History, cover, forecasts, histories, uplifts_of
from jobs.store.bulk import chunks
from jobs.store.consignments import ConsignmentLine, ConsignmentRecord, Consignments
from jobs.store.plans import Plans
from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import (
    fulfillment,
    fulfillment_line,
    listing,
    order_line,
    orders,
    stock_level,
)
from jobs.store.transfers import Transfers
from jobs.wiring import Wiring

PLAN = "refill"
#: Skus looked at together.
AT_ONCE = 500
#: The share of a place in what is sold is that of so many days.
SHARE_OF = 91


@dataclass(frozen=True, slots=True)
class RefillLine:
    """One Sku of a plan; kept as JSON."""

    sku: Sku
    #: what the place calls it
    item: str
    units: int
    #: free units at the place, on the way to it, and free at the origin
    there: int
    coming: int
    spare_of: int
    #: [code, args] of the reasons, in the order of the sum
    steps: list[list[Any]]


def look_at(tx: Tx, wiring: Wiring) -> dict[str, list[RefillLine]]:
    """Scope ("origin>place") -> what to send. Takes its time, so it only reads."""
    found: dict[str, list[RefillLine]] = defaultdict(list)
    for place, refill, channel in _places(wiring):
        for some in chunks(_skus(tx, wiring, place.id, channel), AT_ONCE):
            for origin, line in _Look(tx, wiring, place, refill, channel, some).lines():
                found[f"{origin}>{place.id}"].append(line)
    return dict(found)


def _places(wiring: Wiring) -> list[tuple[StockLocation, Refill, ChannelId]]:
    made = []
    for place in wiring.locations:
        refill = wiring.config.locations[place.id].refill
        if refill is not None and place.counting_channel is not None:
            made.append((place, refill, place.counting_channel))
    return made


def _skus(tx: Tx, wiring: Wiring, place: LocationId, channel: ChannelId) -> list[Sku]:
    """What lies there, and what is listed as sold from there. Kits are sent as what they are."""
    found = set(
        tx.connection.execute(
            select(stock_level.c.sku).where(stock_level.c.location == place)
        ).scalars()
    ) | set(
        tx.connection.execute(
            select(listing.c.sku)
            .where(
                listing.c.channel == channel,
                listing.c.fulfilled_by == str(FulfilledBy.AMAZON),
                listing.c.sku.is_not(None),
            )
            .distinct()
        ).scalars()
    )
    return sorted(sku for sku in found if not wiring.loaded.catalog.components_of(sku))


class _Look:
    """Everything that is needed to decide about some Skus of one place."""

    def __init__(
        self, tx: Tx, wiring: Wiring, place: StockLocation, refill: Refill, channel: ChannelId,
        skus: Sequence[Sku],
    ) -> None:  # fmt: skip
        self._tx, self._wiring, self._refill, self._place = tx, wiring, refill, place.id
        self._today = wiring.day(tx.now)
        self._sold = self._sold_there(channel, skus)
        # What never sold there has no rate to be filled up by.
        self._skus = [sku for sku in skus if self._sold[sku]]
        self._levels = Stock(tx).levels(self._skus)
        self._incoming = Purchases(tx).incoming(self._skus)
        found = histories(tx, wiring, self._skus)
        made = forecasts([found[sku] for sku in self._skus], today=self._today, seed=SEED)
        self._drawn = {one.sku: (one, found[one.sku]) for one in made}
        way = consignments.leg_days(tx, wiring, refill.lane).values()
        slack = math.hypot(*(one.p90 - one.p50 for one in way))
        self._lead = sum(one.p50 for one in way) + math.ceil(slack)
        self._items = self._named(channel)

    def lines(self) -> list[tuple[LocationId, RefillLine]]:
        made = []
        for sku in self._skus:
            for origin in self._refill.origins:
                line = self._line(sku, origin)
                if line is not None and line.units:
                    made.append((origin, line))
                    break
        return made

    def _line(self, sku: Sku, origin: LocationId) -> RefillLine | None:
        share = self._share(sku)
        last = self._lead + self._refill.review_days
        free = {one.location: one.available for one in self._levels.get(sku, [])}
        coming = sum(units for _, units in self._incoming.get((sku, self._place), ()))
        pack = max(
            (
                item_of(self._tx, self._wiring, name, sku).pack
                for name, supplier in self._wiring.config.suppliers.items()
                if sku in supplier.items
            ),
            default=1,
        )
        one = Refilled(
            there=free.get(self._place, 0),
            coming=coming,
            level=self._enough(sku, last, share),
            target=self._enough(sku, last + self._refill.order_days, share),
            days=last + self._refill.order_days,
            spare_of=max(0, free.get(origin, 0)),
            keep=self._enough(sku, self._refill.keep_days, 1 - share),
            pack=pack,
        )
        sent = transfer_of(one)
        if not sent.low:
            return None
        steps = [[step.code, dict(step.args)] for step in sent.steps]
        return RefillLine(
            sku, self._items.get(sku, sku), sent.units, one.there, one.coming, one.spare_of, steps
        )

    def _enough(self, sku: Sku, days: int, share: float) -> float:
        """Units that are enough for a part of the demand of so many days.

        A part of a demand varies less than the whole, and more than in proportion: each unit goes
        here or there by chance, so what is beyond the average shrinks by the root of the share.
        """
        if days <= 0 or share <= 0:
            return 0.0
        made, history = self._drawn[sku]
        found = cover(
            made, history, first=self._today, days=days, service=self._refill.service / 100,
            uplifts=self._uplifts(sku),
        )  # fmt: skip
        beyond = max(0.0, found.level - found.expected)
        return found.expected * share + beyond * math.sqrt(share)

    def _uplifts(self, sku: Sku) -> tuple[Uplift, ...]:
        """A season's broken condition is told by the unit that works out the rates."""
        try:
            return uplifts_of(self._wiring, sku)
        except RuleFailed:
            return ()

    def _share(self, sku: Sku) -> float:
        history: History = self._drawn[sku][1]
        whole = float(history.units[-SHARE_OF:].sum())
        return min(1.0, self._sold[sku] / whole) if whole > 0 else 0.0

    def _sold_there(self, channel: ChannelId, skus: Sequence[Sku]) -> Counter[Sku]:
        """Units that the place fulfilled in the last weeks."""
        since = self._tx.now - timedelta(days=SHARE_OF)
        sold: Counter[Sku] = Counter()
        for chunk in chunks(skus, 5_000):
            rows = self._tx.connection.execute(
                select(
                    order_line.c.sku,
                    func.sum(order_line.c.current * order_line.c.units_per_sale),
                )
                .join(orders, orders.c.id == order_line.c.order_id)
                .where(
                    orders.c.channel == channel,
                    orders.c.placed_at >= since,
                    orders.c.canceled_at.is_(None),
                    orders.c.test.is_(False),
                    order_line.c.sku.in_(chunk),
                    order_line.c.fulfilled_by == str(FulfilledBy.AMAZON),
                )
                .group_by(order_line.c.sku)
            )
            sold.update({sku: int(units) for sku, units in rows})
            sold.update(self._shipped_for_others(chunk, since=since))
        return sold

    def _shipped_for_others(self, skus: Sequence[Sku], *, since: datetime) -> dict[Sku, int]:
        """Units that left the place for orders it was asked to ship (Multi-Channel Fulfillment)."""
        rows = self._tx.connection.execute(
            select(fulfillment_line.c.sku, func.sum(fulfillment_line.c.shipped))
            .join(
                fulfillment,
                (fulfillment.c.order_id == fulfillment_line.c.order_id)
                & (fulfillment.c.number == fulfillment_line.c.number),
            )
            .where(
                fulfillment.c.location == self._place,
                fulfillment.c.shipped_at >= since,
                fulfillment_line.c.sku.in_(skus),
            )
            .group_by(fulfillment_line.c.sku)
        )
        return {sku: int(units) for sku, units in rows}

    def _named(self, channel: ChannelId) -> dict[Sku, str]:
        """What the place calls each Sku: its listing that sells one unit."""
        rows = self._tx.connection.execute(
            select(listing.c.sku, func.min(listing.c.remote_sku))
            .where(
                listing.c.channel == channel,
                listing.c.fulfilled_by == str(FulfilledBy.AMAZON),
                listing.c.sku.in_(self._skus),
                listing.c.units_per_sale == 1,
            )
            .group_by(listing.c.sku)
        )
        return {sku: str(item) for sku, item in rows}


# --- plans ---------------------------------------------------------------------------------------


def keep_plans(tx: Tx, found: Mapping[str, Sequence[RefillLine]], *, by: str) -> None:
    """Put what was found into one plan for each origin and place; one that is the same stays."""
    before = planned(tx)
    for scope in sorted({*found, *before}):
        lines = sorted(found.get(scope, ()), key=lambda one: one.sku)
        number, known = before.get(scope, (0, []))
        body = {"lines": [asdict(one) for one in lines]}
        wish = [(one.sku, one.units) for one in lines]
        subject = f"refill {scope}"
        if not lines:
            Plans(tx).settle(number, "done", by=by)
            tx.close_case("refill_due", subject)
        elif number and wish == [(one.sku, one.units) for one in known]:
            Plans(tx).amend(number, body)
        else:
            number = Plans(tx).add(PLAN, scope, body, by=by)
            origin, place = scope.split(">")
            reason = Reason.of(
                "refill_due",
                plan=number,
                origin=origin,
                location=place,
                units=sum(one.units for one in lines),
                lines=", ".join(f"{one.sku} x{one.units}" for one in lines[:10]),
                more=max(0, len(lines) - 10),
            )
            tx.renew_case(Case("refill_due", subject, reason, Severity.INFO))


def planned(tx: Tx) -> dict[str, tuple[int, list[RefillLine]]]:
    """Scope -> (the waiting plan's number, its lines)."""
    return {
        row.scope: (row.id, [RefillLine(**one) for one in row.body["lines"]])
        for row in Plans(tx).waiting()
        if row.kind == PLAN
    }


def send(
    tx: Tx, wiring: Wiring, plan: int, *, number: str, units: Mapping[Sku, int] | None = None,
    by: str,
) -> ConsignmentRecord:  # fmt: skip
    """Send what a plan proposes, or other numbers of units of it, as one consignment.

    Where we count the origin the units leave its shelf now. Raises CannotShip.
    """
    row = Plans(tx).get(plan)
    if row is None or row.kind != PLAN or row.state != "waiting":
        raise CannotShip(
            f"no transfer plan {plan} waits; `lockstep consignment proposals` lists them"
        )
    lines = {one["sku"]: RefillLine(**one) for one in row.body["lines"]}
    strange = sorted(set(units or ()) - lines.keys())
    if strange:
        raise CannotShip(f"plan {plan} has no line for {', '.join(strange)}")
    origin, place = row.scope.split(">")
    made_there = consignments.named(tx, place, number)
    if made_there is not None and not _adoptable(made_there, place):
        raise CannotShip(f"there is a consignment {number!r} already; give this one another number")
    wanted = {sku: one.units for sku, one in lines.items()} if units is None else dict(units)
    if not Plans(tx).settle(plan, "done", by=by):
        raise CannotShip(f"plan {plan} was settled at this moment by somebody else")
    refill = wiring.config.locations[place].refill
    store = Consignments(tx)
    if made_there is None:
        store.add(
            number, destination=place, lane=refill.lane if refill else "", by=by,
            started_on=wiring.day(tx.now),
        )  # fmt: skip
    else:
        number = made_there.number
        tx.close_case("consignment_origin", subject_of(number), by=by)
    there = {line.sku: line for line in made_there.lines} if made_there else {}
    made = []
    for sku, count in sorted(wanted.items()):
        if count > 0:
            line = there.get(sku, ConsignmentLine(lines[sku].item, sku, count))
            made.append(_off_shelf(tx, wiring, line, count, origin, place, number, by))
    if not made:
        raise CannotShip(f"plan {plan}: nothing is to be sent")
    store.put(number, made)
    consignments.ask_whether_ours(tx, place)
    tx.close_case("refill_due", f"refill {row.scope}", by=by)
    sent = sum(line.units for line in made)
    tx.decide(
        subject_of(number),
        Reason.of("consignment_shipped", number=number, units=sent, location=place, by=by),
    )
    tx.audit(by, "send transfer", number, after={line.sku: line.units for line in made})
    return consignments.expect(tx, wiring, number)


def _adoptable(found: ConsignmentRecord, place: LocationId) -> bool:
    """A shipment its receiver speaks of, of which nobody said which shelf it leaves."""
    bound = any(line.bound for line in found.lines)
    return found.open and bool(found.ref) and found.destination == place and not bound


def say_origin(
    tx: Tx, wiring: Wiring, number: str, origin: LocationId, *, by: str
) -> ConsignmentRecord:
    """The goods of a shipment that nobody told of left this place of ours.

    Where we count that place they leave its shelf now; what the receiver booked in has arrived.
    Raises CannotShip.
    """
    found = consignments.known(tx, number)
    if wiring.location(origin) is None:
        raise CannotShip(f"there is no location {origin!r}")
    if origin == found.destination:
        raise CannotShip(f"{number} goes to {origin}; name the place it left")
    loose = [line for line in found.lines if line.sku and line.unsaid]
    if not loose:
        raise CannotShip(f"of everything on {number} it is known where it came from")
    units = sum(line.unsaid for line in loose)
    made = [
        _off_shelf(tx, wiring, line, line.units, origin, found.destination, number, by)
        if line.transfer is None
        else _more_off_shelf(tx, wiring, line, origin, number, by)
        for line in loose
    ]
    Consignments(tx).put(number, made)
    for line in made:
        if line.transfer is not None and not found.open and line.left:
            Transfers(tx).lose(line.transfer, person=by)
    tx.close_case("consignment_origin", subject_of(number), by=by)
    tx.decide(
        subject_of(number),
        Reason.of("consignment_left", number=number, units=units, location=origin, by=by),
    )
    tx.audit(by, "tell origin", number, after={"origin": origin, "units": units})
    return consignments.expect(tx, wiring, number)


def _off_shelf(
    tx: Tx, wiring: Wiring, line: ConsignmentLine, units: int, origin: LocationId,
    place: LocationId, number: str, by: str,
) -> ConsignmentLine:  # fmt: skip
    """The line with so many units taken off the origin's shelf."""
    assert line.sku is not None
    transfer = _take_off(tx, wiring, line.sku, units, origin, place, number, by)
    booked = 0
    if transfer is not None and line.received:
        booked = min(units, line.received)
        Transfers(tx).arrive(transfer, booked, person=by, note=number)
    return replace(
        line, units=max(line.units, units), loaded=units, transfer=transfer, booked=booked
    )


def _more_off_shelf(
    tx: Tx, wiring: Wiring, line: ConsignmentLine, origin: LocationId, number: str, by: str
) -> ConsignmentLine:
    """The line with what its receiver has beyond what was taken off the shelf taken off as well."""
    assert line.sku is not None
    assert line.transfer is not None
    row = Transfers(tx).get(line.transfer, lock=True)
    assert row is not None
    if row.origin != origin:
        raise CannotShip(
            f"{line.sku}: the other units of it on {number} left {row.origin}; bring these there "
            f"with `lockstep stock transfer` first, and name {row.origin}"
        )
    _check_free(tx, line.sku, line.unsaid, origin)
    row = Transfers(tx).add(line.transfer, line.unsaid, person=by, note=number)
    came = min(line.received, row.quantity - row.lost) - row.arrived
    if came > 0:
        Transfers(tx).arrive(line.transfer, came, person=by, note=number)
    return replace(line, loaded=line.units)


def _check_free(tx: Tx, sku: Sku, units: int, origin: LocationId) -> None:
    levels = Stock(tx).levels([sku], lock=True).get(sku, [])
    free = sum(one.available for one in levels if one.location == origin)
    if units > free:
        raise CannotShip(f"{sku}: {units} cannot be sent, {free} are free at {origin}")


def _take_off(
    tx: Tx, wiring: Wiring, sku: Sku, units: int, origin: LocationId, place: LocationId,
    number: str, by: str,
) -> int | None:  # fmt: skip
    """The transfer that takes the units off the origin; None where its counter does that."""
    shelf = wiring.location(origin)
    if shelf is None or shelf.basis is not None:
        return None
    _check_free(tx, sku, units, origin)
    destination = wiring.location(place)
    return Transfers(tx).send(
        sku, units, origin=origin, destination=place,
        counted_here=destination is not None and destination.basis is None,
        cause="refill", person=by, note=number,
    )  # fmt: skip
