"""SHIP IN: goods on their way to us, leg by leg, until the receiver has booked them in.

A consignment is what travels together: a container with goods of several purchase orders, a truck
from one of our places to another, a shipment to FBA. Its legs have days somebody planned, days on
which they were done, and days that follow from how long such legs took before; what is bought
again reckons with them. Missing units become a Case with the day until which they can be claimed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from config.consignments import Lane
from core.errors import ConfigError
from core.model.cases import Case
from core.model.catalog import LocationId, Sku
from core.model.demand import LeadTime
from core.model.inbound import Leg
from core.model.money import Money
from core.model.reasons import Reason
from core.rules.consignments import (
    WAY,
    LegForecast,
    forecast_legs,
    missing,
    observed_days,
    overdue,
)
from core.rules.lead_times import lead_time
from jobs import arrivals, receive
from jobs.arrivals import CASES, subject_of
from jobs.store.consignments import (
    CANCELED,
    CLOSED,
    ConsignmentLine,
    ConsignmentRecord,
    Consignments,
)
from jobs.store.purchases import PurchaseRecord, Purchases
from jobs.store.store import Tx
from jobs.store.transfers import Transfers
from jobs.wiring import Wiring
from jobs.worth import cost_of

#: Who does what a receiver said, where no person is named.
LOCKSTEP = "lockstep"
#: A leg that is so many days overdue becomes a Case.
LATE = 3
#: Where nobody names a lane: the usual days of missing units.
NO_LANE = Lane(legs={Leg.RECEIVING: 0})


class CannotShip(ConfigError):
    """What a person said of a consignment cannot be."""


# --- what leaves ---------------------------------------------------------------------------------


def ship(
    tx: Tx, wiring: Wiring, number: str, purchases: Sequence[str], *, lane: str | None = None,
    units: Mapping[Sku, int] | None = None, started_on: date | None = None, by: str,
) -> ConsignmentRecord:  # fmt: skip
    """Goods of purchase orders leave together, or join a consignment that is open.

    `units` None: everything that is owed and on no other consignment. Raises CannotShip, CannotBuy.
    """
    orders = [_order(tx, name) for name in dict.fromkeys(purchases)]
    if not orders:
        raise CannotShip("name the purchase orders whose goods it carries")
    if units is not None and len(orders) > 1:
        raise CannotShip("units are told for one purchase order at a time")
    places = {one.location for one in orders}
    if len(places) > 1:
        raise CannotShip(f"they go to different places: {', '.join(sorted(places))}")
    consignments = Consignments(tx)
    before = named(tx, orders[0].location, number)
    number = before.number if before else number
    if before is not None and not before.open:
        raise CannotShip(f"{number} is {before.state}; give this one another number")
    if before is not None and before.destination not in places:
        raise CannotShip(f"{number} goes to {before.destination}, not to {orders[0].location}")
    # What is loaded already is taken off what can be loaded, but for these lines said again.
    lines = [line for one in orders for line in _loaded(tx, one, number, units)]
    if not lines:
        raise CannotShip("nothing is owed that is not on its way already")
    if before is None:
        supplier = wiring.config.suppliers.get(orders[0].supplier)
        way = lane if lane is not None else supplier.lane if supplier else ""
        _lane(wiring, way)
        consignments.add(
            number, destination=orders[0].location, lane=way, by=by,
            started_on=started_on or _began(wiring, orders[0], tx),
        )  # fmt: skip
    elif lane is not None and lane != before.lane:
        raise CannotShip(f"{number} takes the lane {before.lane!r} already")
    if before is not None and before.told:
        lines = _out_of_told(before, lines)
    consignments.put(number, lines)
    ask_whether_ours(tx, orders[0].location)
    _tell_shipped(tx, number, lines, orders[0].location, by=by)
    return expect(tx, wiring, number)


def _order(tx: Tx, number: str) -> PurchaseRecord:
    order = Purchases(tx).get(number, lock=True)
    if order is None:
        raise CannotShip(
            f"there is no purchase order {number!r}; `lockstep replenish orders` lists them"
        )
    if not order.open or order.sent_at is None:
        raise CannotShip(f"{number} is {order.state}: nothing of it can be on its way")
    return order


def _began(wiring: Wiring, order: PurchaseRecord, tx: Tx) -> date:
    """The first leg, until the goods are ready, begins with the order."""
    return wiring.day(order.sent_at or tx.now)


def _loaded(
    tx: Tx, order: PurchaseRecord, number: str, units: Mapping[Sku, int] | None
) -> list[ConsignmentLine]:
    others: Counter[Sku] = Counter()
    here: dict[Sku, ConsignmentLine] = {}
    for one in Consignments(tx).carrying(order.number):
        for line in one.lines:
            if line.purchase != order.number or line.sku is None:
                continue
            if one.number == number:
                here[line.sku] = line
            else:
                others[line.sku] += line.owed
    strange = sorted(set(units or ()) - {owed.sku for owed in order.lines})
    if strange:
        raise CannotShip(f"{order.number} does not hold {', '.join(strange)}")
    made = []
    for owed in order.lines:
        sku = owed.sku
        before = here.get(sku, ConsignmentLine(sku, sku, 0, purchase=order.number))
        most = before.booked + max(0, owed.coming - others[sku])
        wanted = most if units is None else units.get(sku, 0)
        if wanted > most:
            raise CannotShip(
                f"{sku}: {wanted} cannot be on {number}; {order.number} owes {owed.coming}, and "
                f"{others[sku]} are on their way elsewhere"
            )
        if wanted > 0:
            made.append(replace(before, units=wanted, loaded=wanted))
    return made


def _out_of_told(
    before: ConsignmentRecord, lines: Sequence[ConsignmentLine]
) -> list[ConsignmentLine]:
    """Lines that say whose units those are of which its receiver speaks: they are not more units.

    The receiver's next report shares out anew what it counts.
    """
    made = []
    said = {(one.sku, one.purchase): one.units for one in before.lines}
    for line in lines:
        here = next((one for one in before.lines if one.sku == line.sku and not one.bound), None)
        if here is not None:
            more = max(0, line.units - said.get((line.sku, line.purchase), 0))
            taken = min(more, here.left)
            made.append(replace(here, units=here.units - taken))
        made.append(line)
    return made


def named(tx: Tx, to: LocationId, number: str) -> ConsignmentRecord | None:
    """The consignment of this number, held, or the one its receiver calls so by id or by name."""
    found = Consignments(tx).get(number, lock=True)
    if found is not None:
        return found
    there = [one for one in Consignments(tx).made_there(to) if number in (one.ref, one.told_name)]
    return known(tx, there[0].number) if len(there) == 1 else None


def ask_whether_ours(tx: Tx, place: LocationId) -> None:
    """Goods of ours that wait for a receiver's id may be those of a shipment that was made there.

    Counted twice, too few are bought.
    """
    waiting = [
        one.number for one in Consignments(tx).listed() if one.destination == place and not one.ref
    ]
    if not waiting:
        return
    for one in Consignments(tx).made_there(place):
        reason = Reason.of(
            "consignment_stranger", number=one.number, location=place, waiting=", ".join(waiting)
        )
        tx.renew_case(Case("consignment_stranger", subject_of(one.number), reason))


def _lane(wiring: Wiring, name: str) -> Lane:
    found = wiring.config.lanes.get(name, None if name else NO_LANE)
    if found is None:
        known = ", ".join(wiring.config.lanes) or "none"
        raise CannotShip(f"there is no lane {name!r}; configured are {known}")
    return found


def _tell_shipped(
    tx: Tx, number: str, lines: Sequence[ConsignmentLine], to: LocationId, *, by: str
) -> None:
    units = sum(line.units for line in lines)
    tx.decide(
        subject_of(number),
        Reason.of("consignment_shipped", number=number, units=units, location=to, by=by),
    )
    after = {line.sku: line.units for line in lines}
    tx.audit(by, "ship consignment", number, after=after)


# --- how far it is -------------------------------------------------------------------------------


def tell_leg(
    tx: Tx, wiring: Wiring, number: str, leg: Leg, *, planned: date | None = None,
    actual: date | None = None, by: str,
) -> ConsignmentRecord:  # fmt: skip
    """A leg is planned for a day, or was done on one. Raises CannotShip."""
    found = known(tx, number)
    if not found.open:
        raise CannotShip(f"{number} is {found.state}: its way is over")
    if actual is not None:
        _check_day(wiring, tx, found, leg, actual)
    Consignments(tx).set_leg(number, leg, planned=planned, actual=actual, not_before=actual)
    tx.audit(
        by, "tell leg", number,
        after={"leg": str(leg), "planned": _iso(planned), "actual": _iso(actual)},
    )  # fmt: skip
    if actual is not None:
        tx.decide(
            subject_of(number),
            Reason.of("consignment_leg", number=number, leg=str(leg), day=actual.isoformat()),
        )
    return expect(tx, wiring, number)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _check_day(wiring: Wiring, tx: Tx, found: ConsignmentRecord, leg: Leg, actual: date) -> None:
    """Days go forward along the way, and none is told before it was."""
    if actual > wiring.day(tx.now):
        raise CannotShip(f"{actual} is still to come; tell it as planned")
    if actual < found.started_on:
        raise CannotShip(f"{leg} on {actual} is before {found.number} began ({found.started_on})")
    for one in found.legs:
        if one.actual is None or one.leg is leg:
            continue
        earlier = WAY.index(one.leg) < WAY.index(leg)
        if (earlier and one.actual > actual) or (not earlier and one.actual < actual):
            raise CannotShip(
                f"{leg} on {actual} does not go with {one.leg} on {one.actual}; tell that one again "
                "first if it is wrong"
            )


def known(tx: Tx, number: str) -> ConsignmentRecord:
    """The consignment, held until the end of the transaction. Raises CannotShip."""
    found = Consignments(tx).get(number, lock=True)
    if found is None:
        raise CannotShip(
            f"there is no consignment {number!r}; `lockstep consignment list` shows them"
        )
    return found


def leg_days(tx: Tx, wiring: Wiring, lane: str) -> dict[Leg, LeadTime]:
    """How long each leg of a lane takes, by what was seen and what is written."""
    described = wiring.config.lanes.get(lane, NO_LANE)
    seen = observed_days(Consignments(tx).ways(lane), described.legs) if lane else {}
    return {
        leg: lead_time(seen.get(leg, []), stated=days, assumed=days)
        for leg, days in described.legs.items()
    }


def forecast(
    tx: Tx, wiring: Wiring, found: ConsignmentRecord, days: Mapping[Leg, LeadTime] | None = None
) -> tuple[LegForecast, ...]:
    """Every leg of one consignment, planned, done and expected."""
    takes = leg_days(tx, wiring, found.lane) if days is None else days
    today = wiring.day(tx.now)
    return forecast_legs(found.legs, takes, started=found.started_on, today=today)


def expect(tx: Tx, wiring: Wiring, number: str) -> ConsignmentRecord:
    """Work out when it comes, and wake who buys where that is another day."""
    found = known(tx, number)
    legs = forecast(tx, wiring, found)
    day, late = legs[-1].usual, legs[-1].late
    if (day, late) != (found.expected_on, found.late_on):
        Consignments(tx).expect(number, expected_on=day, late_on=late)
    tx.wake("core/replenishment")
    return replace(found, expected_on=day, late_on=late)


# --- what comes ----------------------------------------------------------------------------------


def receive_goods(
    tx: Tx, wiring: Wiring, number: str, units: Mapping[Sku, int], *, slip: str,
    freight: Money | None = None, by: str,
) -> list[receive.Received] | None:  # fmt: skip
    """Goods of a consignment are booked in, under the purchase orders it carries.

    Once per `slip`, however often it is said: None where it was said before. `freight`: what the
    way of all of it cost, borne by what was bought. Raises CannotShip, CannotBuy.
    """
    found = known(tx, number)
    if found.connection:
        raise CannotShip(
            f"{found.destination} is counted by {found.connection}, which tells what it receives"
        )
    if not found.lines:
        raise CannotShip(f"{number} is empty")
    if not Consignments(tx).take_slip(number, slip, by=by):
        return None
    shares = _shared_out(found, units)
    bought = {purchase: some for purchase, some in shares.items() if purchase}
    costs = (
        receive.freight_of(tx, wiring, bought, freight) if freight is not None and bought else {}
    )
    done = [
        receive.receive(
            tx, wiring, purchase, some, slip=f"{number}/{slip}", by=by, first=number,
            freight=costs.get(purchase),
        )
        for purchase, some in bought.items()
    ]  # fmt: skip
    if "" in shares:
        _arrived(tx, wiring, found, shares[""], by=by)
    return done


def _shared_out(found: ConsignmentRecord, units: Mapping[Sku, int]) -> dict[str, dict[Sku, int]]:
    """Purchase order -> its part of what came. What nobody sent goes to an order that may hold it."""
    shares: dict[str, dict[Sku, int]] = {}

    def give(purchase: str, sku: Sku, count: int) -> None:
        part = shares.setdefault(purchase, {})
        part[sku] = part.get(sku, 0) + count

    for sku, count in sorted(units.items()):
        rest = count
        lines = [line for line in found.lines if line.sku == sku]
        for line in lines:
            took = min(rest, line.left)
            if took:
                give(line.purchase, sku, took)
            rest -= took
        if rest:
            over = [*lines, *found.lines]
            give(over[0].purchase, sku, rest)
    return shares


def _arrived(
    tx: Tx, wiring: Wiring, found: ConsignmentRecord, units: Mapping[Sku, int], *, by: str
) -> None:
    """Units of our own that were sent from another place of ours."""
    lines = []
    for sku, count in sorted(units.items()):
        for line in found.lines:
            if line.sku == sku and not line.purchase and line.transfer is not None:
                came = min(count, line.left)
                if came:
                    Transfers(tx).arrive(line.transfer, came, person=by, note=found.number)
                lines.append(line.came(count))
                break
        else:
            raise CannotShip(f"{found.number} does not carry {sku}")
    Consignments(tx).put(found.number, lines)
    arrivals.reached(tx, found, wiring.day(tx.now))
    arrivals.finish(tx, found.number)


def close(tx: Tx, wiring: Wiring, number: str, *, note: str | None, by: str) -> ConsignmentRecord:
    """Expect nothing more of it; what is missing is told with the day until which to claim it.

    Goods of a purchase order stay owed by the supplier; those of our own are lost with their
    transfer. Raises CannotShip.
    """
    found = known(tx, number)
    if not found.open:
        raise CannotShip(f"{number} is {found.state} already")
    end(tx, wiring, found, CLOSED, by=by)
    tx.audit(by, "close consignment", number, after={"missing": dict(found.missing)}, note=note)
    return found


def end(tx: Tx, wiring: Wiring, found: ConsignmentRecord, state: str, *, by: str) -> None:
    """Nothing more comes of it; `by` LOCKSTEP: its receiver said so."""
    for line in found.lines:
        if line.transfer is not None and line.left and state != CANCELED:
            Transfers(tx).lose(line.transfer, person=by)
    Consignments(tx).settle(found.number, state)
    for kind in CASES:
        # What ends by itself may begin again, and is told again then.
        tx.close_case(kind, subject_of(found.number), by=None if by == LOCKSTEP else by)
    units = sum(found.missing.values())
    tx.decide(
        subject_of(found.number),
        Reason.of("consignment_ended", number=found.number, state=state, units=units, by=by),
    )
    if state != CANCELED:
        tell_missing(tx, wiring, found, ended=True)
    tx.wake("core/replenishment")


# --- what is wrong -------------------------------------------------------------------------------


def tell_missing(tx: Tx, wiring: Wiring, found: ConsignmentRecord, *, ended: bool) -> None:
    """Open, change or close the Case about units that were sent and not received."""
    described = wiring.config.lanes.get(found.lane, NO_LANE)
    subject = subject_of(found.number)
    short = missing(
        sent=found.sent, received=found.sent - sum(found.missing.values()),
        legs=found.legs, ended=ended, settle_days=described.settle_days,
        claim_days=described.claim_days, today=wiring.day(tx.now),
    )  # fmt: skip
    if short is None:
        if not found.missing:
            tx.close_case("consignment_short", subject)
        return
    code = "consignment_short" if short.claim_by else "consignment_short_undated"
    reason = Reason.of(
        code,
        number=found.number,
        location=found.destination,
        sent=found.sent,
        received=found.sent - short.units,
        missing=short.units,
        lines=_listed(found.missing),
        value=_value(tx, found.missing, wiring),
        claim_by=short.claim_by.isoformat() if short.claim_by else "",
    )
    tx.renew_case(Case("consignment_short", subject, reason))


def _listed(units: Mapping[str, int]) -> str:
    return ", ".join(f"{name} x{count}" for name, count in units.items())


def _value(tx: Tx, units: Mapping[str, int], wiring: Wiring) -> str:
    """What the units cost us, or would today; "unknown" where that of one is not known."""
    costs = cost_of(tx, wiring, units)
    if any(name not in costs for name in units):
        return "unknown"
    total = sum(costs[name].unit.amount * count for name, count in units.items())
    return str(Money(total, wiring.config.shop.currency))


def follow(tx: Tx, wiring: Wiring) -> None:
    """Once an hour: days that passed move what is expected; what is overdue or missing is told."""
    consignments = Consignments(tx)
    today = wiring.day(tx.now)
    lanes: dict[str, dict[Leg, LeadTime]] = {}
    for found in consignments.listed():
        if found.lane not in lanes:
            lanes[found.lane] = leg_days(tx, wiring, found.lane)
        legs = forecast(tx, wiring, found, lanes[found.lane])
        day, late = legs[-1].usual, legs[-1].late
        if (day, late) != (found.expected_on, found.late_on):
            consignments.expect(found.number, expected_on=day, late_on=late)
        _tell_late(tx, found, today)
        tell_missing(tx, wiring, found, ended=False)


def _tell_late(tx: Tx, found: ConsignmentRecord, today: date) -> None:
    subject = subject_of(found.number)
    waits = overdue(found.legs, today=today, by=LATE)
    if waits is None or waits.planned is None:
        tx.close_case("consignment_late", subject)
        return
    reason = Reason.of(
        "consignment_late",
        number=found.number,
        leg=str(waits.leg),
        leg_word=f"{waits.leg}",
        planned=waits.planned.isoformat(),
        units=sum(found.missing.values()),
        location=found.destination,
    )
    tx.renew_case(Case("consignment_late", subject, reason))


def under_way(tx: Tx, purchase: str) -> int:
    """Units of a purchase order that open consignments still bring."""
    return sum(
        line.left
        for one in Consignments(tx).carrying(purchase)
        for line in one.lines
        if line.purchase == purchase
    )
