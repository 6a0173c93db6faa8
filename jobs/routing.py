"""What shipping an order from each place costs now: configuration, store and clock, in cents."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from config.buying import names_of
from config.shipping import lateness_of, programs_by_word
from config.zip3 import centroids
from core.model.calendars import Closure
from core.model.carriage import Dispatch, Lateness, Program
from core.model.catalog import ChannelId, LocationId, Sku
from core.model.money import Money
from core.model.orders import Address
from core.model.reasons import Reason
from core.model.routing import Costs, Origin, Part, Piece, Plan
from core.model.stock import StockLocation
from core.rules.allocation import (
    Allocation,
    Demand,
    allocate,
    allocation_of,
    available_part,
)
from core.rules.carriage import Buyer, Centroids, ShipDay, Ways, piece, refuses, ships_on, ways
from core.rules.joint import route_together
from core.rules.live_rates import asked_at, parcels
from core.rules.loads import billable
from core.rules.programs import eased, programs_of
from core.rules.restrictions import barred, holds_for
from core.rules.risk import Rate
from core.rules.routing import Routing, route
from core.rules.scarcity import expected_loss
from core.rules.unit_prices import Contender
from jobs.money import in_shop_money
from jobs.quoted import Quoted
from jobs.store.demand import DemandRate, Demands
from jobs.store.orders import OrderRecord
from jobs.store.shipping import planned_on
from jobs.store.store import Tx
from jobs.wiring import Wiring
from jobs.worth import cost_of, selling_prices, terms

#: Cents that keep a closed place from shipping what an open one has.
_CLOSED = 100_000_000
#: Orders of a batch that compete are shared out anew in so many rounds each, by the same dice.
ROUNDS_EACH, _SEED = 15, 0
#: Other plans that are told with a decision.
_TOLD = 2
#: The part by which another plan lost most -> how that is told
_LOST = {
    "carriage": "route_lost_carriage",
    "handling": "route_lost_handling",
    "goods": "route_lost_goods",
    "lateness": "route_lost_lateness",
    "scarcity": "route_lost_scarcity",
    "preference": "route_lost_preference",
}
#: Most units of one Sku whose scarcity is worked out one by one.
_MOST_STEPS = 50


@dataclass(frozen=True)
class _Place:
    """One location that ships, as it is on this day."""

    dispatch: Dispatch
    place: StockLocation
    #: channels that may sell from it
    channels: frozenset[ChannelId]


class Routes:
    """Who ships an order, for the orders of one transaction."""

    def __init__(
        self,
        wiring: Wiring,
        now: datetime,
        places: Mapping[LocationId, _Place],
        planned: Counter[tuple[LocationId, date]],
        pieces: Mapping[Sku, Piece],
        goods: Mapping[LocationId, Mapping[Sku, int]],
        worth: _Elsewhere | None,
        quoted: Quoted,
    ) -> None:
        self._wiring = wiring
        self._now = now
        self._places = places
        self._planned = planned
        self._pieces = pieces
        self._goods = goods
        self._worth = worth
        self._quoted = quoted
        config = wiring.config
        self._cost: Lateness = lateness_of(config.routing.late, config.shop.currency)
        self._centroids: Centroids = _middles(wiring)
        self._programs = {channel: _programs(wiring, channel) for channel in config.channels}
        #: order -> how it was routed, where its units might as well be another's
        self._routed: dict[int, _Order] = {}

    @classmethod
    def open(cls, tx: Tx, wiring: Wiring, skus: Iterable[Sku]) -> Routes:
        """Read what routing orders of these component Skus needs."""
        today, asked = wiring.day(tx.now), sorted(set(skus))
        places = {
            one.id: _Place(wiring.dispatch(one.id, today=today), one, _sellers(wiring, one.id))
            for one in wiring.locations
            if one.ships_through
        }
        limited = [name for name, one in places.items() if one.dispatch.capacity is not None]
        return cls(
            wiring,
            tx.now,
            places,
            planned_on(tx, limited, since=today - timedelta(days=1)),
            {sku: made for sku in asked if (made := piece_of(wiring, sku)) is not None},
            _goods(tx, wiring, places, asked),
            _Elsewhere.open(tx, wiring, places, asked),
            Quoted(tx, wiring, _middles(wiring)),
        )

    def allocation(
        self,
        record: OrderRecord,
        asked: Sequence[Demand],
        *,
        locations: Sequence[StockLocation],
        available: Mapping[tuple[Sku, LocationId], int],
        closed: Mapping[LocationId, Closure],
        shared: bool = False,
    ) -> Allocation:
        """Where every unit comes from: the cheapest places that have everything, or what there is.

        `shared`: no unit of `available` is kept for this order alone, so `together` may change it.
        """
        found = _Order(self, record, asked, locations, available, closed)
        made = found.allocation()
        self._routed.pop(record.id, None)
        if shared and found.contends:
            self._routed[record.id] = found
        return made

    def together(self, free: Mapping[tuple[Sku, LocationId], int]) -> dict[int, Allocation]:
        """Orders that better ship from elsewhere, for the sake of all that were routed in turn.

        `free`: what none of them takes. They are orders of one batch: what others hold stays theirs.
        """
        orders = list(self._routed.values())
        if len(orders) < 2:
            return {}
        plans = route_together(
            [one.contender() for one in orders],
            free=free,
            pieces=self._pieces,
            chance=random.Random(_SEED),
            most_places=self.most_places,
            rounds_each=ROUNDS_EACH,
        )
        return {
            one.number: one.moved(plan)
            for one, plan in zip(orders, plans, strict=True)
            if plan != one.plan
        }

    def count(self, allocation: Allocation) -> None:
        """An order is routed: it takes a place in the day of each location that ships it."""
        for place, day in allocation.ship_on.items():
            self._planned[place, day] += 1

    # what an order asks

    @property
    def currency(self) -> str:
        return self._wiring.config.shop.currency

    @property
    def now(self) -> datetime:
        return self._now

    def partly_after(self, channel: ChannelId) -> timedelta | None:
        described = self._wiring.config.channels.get(channel)
        return described.ships_partly_after if described else None

    @property
    def most_places(self) -> int:
        return self._wiring.config.routing.most_splits

    @property
    def pieces(self) -> Mapping[Sku, Piece]:
        return self._pieces

    def dispatch(self, place: LocationId) -> Dispatch:
        return self._places[place].dispatch

    def ships_on(self, place: LocationId) -> ShipDay | None:
        dispatch = self.dispatch(place)
        capacity = dispatch.capacity
        full = frozenset(
            day
            for (name, day), orders in self._planned.items()
            if name == place and capacity is not None and orders >= capacity
        )
        # Who never takes an order would be asked for ever later ones.
        return ships_on(dispatch, self._now, full=full) if capacity != 0 else None

    def buyer(self, record: OrderRecord) -> Buyer:
        order = record.order
        return replace(
            buyer_of(self._wiring, record),
            deliver_by=self._wiring.day(order.deliver_by) if order.deliver_by else None,
            ship_by=self._wiring.day(order.ship_by) if order.ship_by else None,
            program=programs_of(order, self._programs.get(order.channel, {})),
            ship_until=order.ship_by,
            deliver_until=order.deliver_by,
        )

    def ways(self, place: LocationId, buyer: Buyer, shipped: date) -> Ways:
        dispatch = self.dispatch(place)
        services = self._quoted.services(dispatch, buyer.ship_to)
        return ways(dispatch, services, self._centroids, buyer, shipped=shipped, cost=self._cost)

    def price_told(
        self, place: LocationId, buyer: Buyer, shipped: date, service: str,
        goods: Sequence[tuple[Piece, int]],
    ) -> Reason | None:  # fmt: skip
        """Whether the carrier's own price or the table counted; None: there is only the table."""
        live = self._wiring.loaded.services[service].live
        if live is None:
            return None
        way = next(one for one in self.ways(place, buyer, shipped).ways if one.service == service)
        quotes = self._quoted.quotes(self.dispatch(place), buyer.ship_to).get(service, ())
        at = asked_at(way.rates, quotes, [billable(way, *load) for load in parcels(goods)])
        if at is None:
            return Reason.of("route_rate_table", location=place, service=service)
        zone = ZoneInfo(self._wiring.config.shop.time_zone)
        when = at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        return Reason.of(
            "route_rate_quoted", location=place, service=service, connection=live.connection,
            at=when,
        )  # fmt: skip

    def goods(self, place: LocationId) -> Mapping[Sku, int]:
        return self._goods.get(place, {})

    def scarcity(
        self, place: LocationId, channel: ChannelId, asked: Sequence[Demand],
        available: Mapping[tuple[Sku, LocationId], int],
    ) -> Mapping[Sku, tuple[int, ...]]:  # fmt: skip
        return self._worth.of(place, channel, asked, available) if self._worth else {}


def buyer_of(wiring: Wiring, record: OrderRecord) -> Buyer:
    """Where an order goes and by what it may travel, without its last days."""
    order, to = record.order, record.order.ship_to or Address()
    # One parcel may hold everything of a place: what one line must not travel by, none does.
    holding = [
        one
        for known in record.resolved.values()
        if known.sku is not None
        for one in wiring.loaded.restrictions.of(known.sku)
        if holds_for(one, to)
    ]
    return Buyer(
        to,
        order.service,
        barred=barred(holding, wiring.loaded.services.values()) if holding else {},
        only=record.asked.services,
    )


def must_not_travel(wiring: Wiring, record: OrderRecord, service: str) -> str | None:
    """The code of the reason why an order, as it is now, must not go by this service; None: it may."""
    found = wiring.loaded.services.get(service)
    return refuses(found, buyer_of(wiring, record)) if found else None


class _Order:
    """One order while it is routed."""

    def __init__(
        self, routes: Routes, record: OrderRecord, asked: Sequence[Demand],
        locations: Sequence[StockLocation], available: Mapping[tuple[Sku, LocationId], int],
        closed: Mapping[LocationId, Closure],
    ) -> None:  # fmt: skip
        self._routes = routes
        self._record = record
        self._asked = asked
        self._locations = locations
        self._available = available
        self._closed = closed
        self._buyer = routes.buyer(record)
        self._days = {one.id: routes.ships_on(one.id) for one in locations}
        self._left_out: list[Reason] = []
        self._open: list[Origin] = []
        #: the cheapest plan of its own; None: these places do not have everything, or must not ship
        self.plan: Plan | None = None

    @property
    def number(self) -> int:
        return self._record.id

    @property
    def contends(self) -> bool:
        """It ships from places that are open, so that others may be as good for it."""
        return self.plan is not None and not self.plan.places & self._closed.keys()

    def contender(self) -> Contender:
        """The order beside others. A place that ships only so many orders a day takes no more of them."""
        assert self.plan is not None
        places = self.plan.places
        may = [
            one
            for one in self._open
            if one.place in places or self._routes.dispatch(one.place).capacity is None
        ]
        return Contender(tuple(self._asked), tuple(may), self.plan)

    def moved(self, plan: Plan) -> Allocation:
        """The allocation by another plan than the cheapest of its own in its turn, and why."""
        assert self.plan is not None
        more = plan.costs.total - self.plan.costs.total
        code = "route_gave_way" if more > 0 else "route_gained"
        why = Reason.of(
            code,
            location=", ".join(sorted(plan.places)),
            before=", ".join(sorted(self.plan.places)),
            cents=self._money(abs(more)),
        )
        made = allocation_of(self._asked, plan)
        reasons = (*made.reasons, why, *self._costs_told(plan))
        return replace(made, reasons=reasons, ship_on=self._ship_on(plan))

    def allocation(self) -> Allocation:
        if not any(one.units > 0 for one in self._asked):
            return allocate(self._asked, locations=self._locations, available=self._available)
        origins = list(self._origins(self._buyer, self._left_out))
        self._open = [one for one in origins if one.place not in self._closed]
        found = self._route(self._open)
        if found.plan is None and self._closed:
            # What only a closed place has waits for it.
            found = self._route(
                [
                    replace(one, preference=one.preference + _CLOSED)
                    if one.place in self._closed
                    else one
                    for one in origins
                ]
            )
        if found.plan is None:
            return self._claimed()
        self.plan = found.plan
        made = allocation_of(self._asked, found.plan)
        closed = [
            Reason.of("allocated_closed", location=place, last=self._closed[place].last.isoformat())
            for place in sorted(found.plan.places & self._closed.keys())
        ]
        return replace(
            made,
            reasons=(*made.reasons, *closed, *self._told(found)),
            ship_on=self._ship_on(found.plan),
        )

    def _ship_on(self, plan: Plan) -> dict[LocationId, date]:
        return {
            place: day.day
            for place in sorted(plan.places)
            if (day := self._days[place]) is not None
        }

    def _claimed(self) -> Allocation:
        """What there is, held for the order; and why it is not routed although nothing is missing."""
        made = allocate(
            self._asked,
            locations=self._locations,
            available=self._available,
            closed=self._closed,
        )
        if made.claims and not made.complete and self._ships_partly():
            return self._partly(made)
        if not made.claims or not made.complete:
            return made
        most = self._routes.most_places
        if made.splits > most:
            why = Reason.of("too_many_places", places=made.splits, most=most)
        else:
            why = Reason.of("no_service", location=", ".join(_places_of(made)))
        if flips := list(self._without_program()):
            why, *_ = flips
        reasons = (*made.reasons, *self._left_out, *flips[1:])
        return replace(made, reasons=reasons, blocked=why)

    def _without_program(self) -> Iterator[Reason]:
        """Which bounds of its channel's program keep the order from shipping: one of them, or all.

        Nothing where it would not ship without them either.
        """
        program, found = self._buyer.program, False
        if program is None:
            return
        for bound, less in (*eased(program), ("program_unmet", None)):
            if (less or not found) and (plan := self._plan_under(less)) is not None:
                found = True
                yield self._eased(bound, program, plan)
        if found:
            yield from self._in_time(frozenset())

    def _plan_under(
        self, program: Program | None, days: Mapping[LocationId, ShipDay | None] | None = None
    ) -> Plan | None:
        """The plan of places that are open, were this all that the channel asks."""
        buyer = replace(self._buyer, program=program)
        origins = self._origins(buyer, [], days)
        return self._route([one for one in origins if one.place not in self._closed]).plan

    def _eased(self, bound: str, program: Program, plan: Plan) -> Reason:
        services = sorted({one.service for one in plan.parts if one.service})
        days = sorted({day.isoformat() for day in self._ship_on(plan).values()})
        return Reason(
            bound,
            {
                "program": program.name,
                "location": ", ".join(sorted(plan.places)),
                "service": ", ".join(services) or "-",
                "day": ", ".join(days),
            },
        )

    def _ships_partly(self) -> bool:
        """Its channel lets an order that is so old go in parts."""
        order = self._record.order
        after = self._routes.partly_after(order.channel)
        return after is not None and order.placed_at + after <= self._routes.now

    def _partly(self, made: Allocation) -> Allocation:
        """What there is ships by the cheapest way of its own; the rest keeps waiting."""
        part = available_part(self._asked, made)
        found = self._route(self._open, part) if part else Routing(None)
        if found.plan is None:
            return made
        now = allocation_of(part, found.plan)
        missing = [claim for claim in made.claims if claim.location is None]
        return replace(
            now,
            claims=(*now.claims, *missing),
            reasons=tuple(self._costs_told(found.plan)),
            ship_on=self._ship_on(found.plan),
            partly=True,
        )

    def _route(self, origins: Sequence[Origin], asked: Sequence[Demand] | None = None) -> Routing:
        return route(
            self._asked if asked is None else asked,
            origins=origins,
            available=self._available,
            pieces=self._routes.pieces,
            most_places=self._routes.most_places,
        )

    def _origins(
        self, buyer: Buyer, left_out: list[Reason],
        days: Mapping[LocationId, ShipDay | None] | None = None,
    ) -> Iterator[Origin]:  # fmt: skip
        """The locations that can ship to this buyer; why others cannot comes to `left_out`."""
        for one in self._locations:
            dispatch, day = self._routes.dispatch(one.id), (days or self._days)[one.id]
            if day is None:
                left_out.append(Reason.of("place_ships_never", location=one.id))
                continue
            found = self._routes.ways(one.id, buyer, day.day)
            left_out += found.left_out
            if not found.may:
                continue
            yield Origin(
                one.id,
                one.priority,
                found.ways,
                dispatch.parcel,
                dispatch.line,
                dispatch.preference,
                self._routes.goods(one.id),
                self._routes.scarcity(
                    one.id, self._record.order.channel, self._asked, self._available
                ),
            )

    # why

    def _told(self, found: Routing) -> Iterator[Reason]:
        """What the plan costs, what others would have cost, and what would have changed it."""
        plan = found.plan
        assert plan is not None
        if (program := self._buyer.program) is not None:
            yield Reason.of("route_program", program=program.name)
            yield from (one for one in self._left_out if "program" in one.args)
        others = [one for one in found.others[:_TOLD] if not one.places & self._closed.keys()]
        costs = any(one.costs.total for one in (plan, *found.others))
        if costs:
            yield from self._costs_told(plan)
        yield from (self._lost(plan, other) for other in others)
        said = plan.places.union(*(one.places for one in found.others))
        yield from islice(self._could_not(said), _TOLD)
        if costs and not found.proved:
            yield Reason.of("route_not_proved")
        if costs:
            yield from self._in_time(plan.places)

    def _could_not(self, said: Set[LocationId]) -> Iterator[Reason]:
        """Why places that nothing was said of do not ship it, those that come first first."""
        asked = Counter[Sku]()
        for one in self._asked:
            for sku, per in one.components.items():
                asked[sku] += per * one.units
        may = {one.place for one in self._open}
        for place in (one.id for one in self._locations if one.id not in said):
            if closure := self._closed.get(place):
                yield Reason.of("route_closed", location=place, last=closure.last.isoformat())
            elif place not in may:
                # What a program bars is told with it.
                of = [one for one in self._left_out if one.args.get("location") == place]
                yield from (one for one in of[:1] if "program" not in one.args)
            else:
                lacks = (
                    Reason.of("route_lacks", location=place, sku=sku, units=there, wanted=count)
                    for sku, count in asked.items()
                    if (there := max(0, self._available.get((sku, place), 0))) < count
                )
                yield from islice(lacks, 1)

    def _costs_told(self, plan: Plan) -> Iterator[Reason]:
        """Part by part, what it costs."""
        for part in plan.parts:
            costs = part.costs
            if part.place in self._closed:
                costs = replace(costs, preference=costs.preference - _CLOSED)
            money = {one.name: self._money(getattr(costs, one.name)) for one in fields(Costs)}
            yield Reason.of(
                "route_costs",
                location=part.place,
                service=part.service or "-",
                parcels=part.parcels,
                total=self._money(costs.total),
                **money,
            )
            if part.service and (told := self._price_told(part)) is not None:
                yield told

    def _price_told(self, part: Part) -> Reason | None:
        """Who says what the parcels of a part cost."""
        day = self._days[part.place]
        assert day is not None, "it ships"
        goods = [
            (self._routes.pieces.get(sku, Piece()), per * part.units[one.line])
            for one in self._asked
            if part.units.get(one.line)
            for sku, per in one.components.items()
        ]
        return self._routes.price_told(part.place, self._buyer, day.day, part.service, goods)

    def _lost(self, plan: Plan, other: Plan) -> Reason:
        """By how much another plan lost, and by what most."""
        ours, theirs = plan.costs, other.costs
        if ours.total == theirs.total:
            return Reason.of("route_lost_order", location=", ".join(sorted(other.places)))
        more = {one.name: getattr(theirs, one.name) - getattr(ours, one.name)
                for one in fields(Costs)}  # fmt: skip
        most = max(more, key=lambda name: more[name])
        return Reason.of(
            _LOST[most],
            location=", ".join(sorted(other.places)),
            more=self._money(theirs.total - ours.total),
            part=self._money(more[most]),
        )

    def _in_time(self, chosen: frozenset[LocationId]) -> Iterator[Reason]:
        """Where another place would have won, had the order come before its cut-off."""
        for place, day in self._days.items():
            if day is None or day.missed is None or place in chosen:
                continue
            early = self._routes.ways(place, self._buyer, day.missed)
            if early.ways == self._routes.ways(place, self._buyer, day.day).ways:
                continue
            days = {**self._days, place: ShipDay(day.missed)}
            then = self._plan_under(self._buyer.program, days)
            if then and place in then.places:
                cut_off = self._routes.dispatch(place).cut_off
                assert cut_off is not None, "only a cut-off is missed"
                yield Reason.of(
                    "route_cut_off",
                    location=", ".join(sorted(then.places)),
                    place=place,
                    cut_off=cut_off.isoformat("minutes"),
                )

    def _money(self, amount: int) -> str:
        return str(Money(amount, self._routes.currency))


def _middles(wiring: Wiring) -> Centroids:
    """Where ZIP areas lie; where no service asks, nobody needs the table."""
    return centroids() if wiring.loaded.services else {}


def _places_of(allocation: Allocation) -> list[LocationId]:
    return sorted({claim.location for claim in allocation.claims if claim.location})


def _sellers(wiring: Wiring, place: LocationId) -> frozenset[ChannelId]:
    return frozenset(
        channel
        for channel in wiring.config.channels
        if any(one.id == place for one in wiring.eligible(channel, routing=True))
    )


def _programs(wiring: Wiring, channel: ChannelId) -> dict[str, Program]:
    """The channel's words, in small letters -> the program they stand for."""
    described = wiring.config.channels[channel]
    kind = wiring.config.connections[described.connection].type
    return programs_by_word(described.programs, wiring.config.location_groups, kind=kind)


def piece_of(wiring: Wiring, sku: Sku) -> Piece | None:
    """One unit as carriers see it; None where nothing is written of it."""
    parcel = wiring.loaded.catalog.settings(sku).parcel
    if not (parcel.weight or any(parcel.size) or parcel.alone or parcel.hazmat):
        return None
    return piece(
        wiring.loaded.services,
        grams=parcel.weight,
        sides=parcel.size,
        hazmat=parcel.hazmat,
        alone=parcel.alone,
    )


def _goods(
    tx: Tx, wiring: Wiring, places: Mapping[LocationId, _Place], skus: Sequence[Sku]
) -> dict[LocationId, dict[Sku, int]]:
    """Location -> Sku -> cents that one unit costs there above the cheapest place, fees included.

    At a supplier's place a unit costs what the supplier asks, elsewhere what it cost us. Where no
    cost is known none is held against the place.
    """
    found: dict[LocationId, dict[Sku, int]] = {
        name: dict.fromkeys(skus, one.dispatch.unit)
        for name, one in places.items()
        if one.dispatch.unit
    }
    theirs = _suppliers_of(wiring, places)
    if not theirs:
        return found
    asked = terms(tx, wiring, skus)
    own, today = cost_of(tx, wiring, skus), wiring.day(tx.now)
    for sku in skus:
        costs: dict[LocationId, int] = {}
        for name in places:
            if name in theirs:
                prices = [
                    price.amount
                    for one in asked.get(sku, ())
                    if one.supplier in theirs[name]
                    and (price := in_shop_money(wiring, one.price(one.least), today))
                ]
                if prices:
                    costs[name] = min(prices)
            elif sku in own:
                costs[name] = own[sku].unit.amount
        least = min(costs.values(), default=0)
        for name, cost in costs.items():
            if cost > least:
                of_place = found.setdefault(name, {})
                of_place[sku] = of_place.get(sku, 0) + cost - least
    return found


def _suppliers_of(
    wiring: Wiring, places: Mapping[LocationId, _Place]
) -> dict[LocationId, Collection[str]]:
    """Location that is a supplier's own -> what that supplier is called."""
    found: dict[LocationId, Collection[str]] = {}
    for name in places:
        if name in wiring.owned_places:
            continue
        counter = wiring.counted_by(name)
        found[name] = {counter}.union(
            *(
                names_of(supplier, one)
                for supplier, one in wiring.config.suppliers.items()
                if one.connection == counter
            )
        )
    return found


class _Elsewhere:
    """What units are worth to channels that cannot get them from everywhere."""

    def __init__(
        self, places: Mapping[LocationId, _Place], rates: Mapping[tuple[Sku, ChannelId], DemandRate],
        margins: Mapping[Sku, int], span: timedelta,
    ) -> None:  # fmt: skip
        self._places = places
        self._rates = rates
        self._margins = margins
        self._span = span

    @classmethod
    def open(
        cls, tx: Tx, wiring: Wiring, places: Mapping[LocationId, _Place], skus: Sequence[Sku]
    ) -> _Elsewhere | None:
        """None where it is not asked for, or all channels sell from the same places."""
        days = wiring.config.routing.scarce.days
        if not days or len({one.channels for one in places.values()}) < 2:
            return None
        prices, costs = selling_prices(tx, wiring, skus), cost_of(tx, wiring, skus)
        margins = {
            sku: max(0, price.amount - (costs[sku].unit.amount if sku in costs else 0))
            for sku, price in prices.items()
        }
        return cls(places, Demands(tx).rates(skus), margins, timedelta(days=days))

    def of(
        self, place: LocationId, channel: ChannelId, asked: Sequence[Demand],
        available: Mapping[tuple[Sku, LocationId], int],
    ) -> dict[Sku, tuple[int, ...]]:  # fmt: skip
        """Sku -> cents lost by taking 1, 2, ... units for this channel from this place."""
        wanted: dict[Sku, int] = defaultdict(int)
        for demand in asked:
            for sku, per in demand.components.items():
                wanted[sku] += per * demand.units
        found = {}
        for sku, units in wanted.items():
            steps = [
                self._lost(sku, other, min(units, _MOST_STEPS), available)
                for other in self._places[place].channels - {channel}
            ]
            longest = max((len(one) for one in steps), default=0)
            if longest:
                found[sku] = tuple(
                    sum(one[at] for one in steps if at < len(one)) for at in range(longest)
                )
        return found

    def _lost(
        self, sku: Sku, channel: ChannelId, units: int,
        available: Mapping[tuple[Sku, LocationId], int],
    ) -> tuple[int, ...]:  # fmt: skip
        told = self._rates.get((sku, channel))
        margin = self._margins.get(sku, 0)
        if told is None or not margin:
            return ()
        free = sum(
            max(0, available.get((sku, name), 0))
            for name, one in self._places.items()
            if channel in one.channels
        )
        amount = Rate(told.per_day, told.variance, told.days).within(self._span)
        return expected_loss(amount, free=free, margin=margin, units=units)
