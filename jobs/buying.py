"""One look at some Skus: which of them are low, and what to order of each, as a line with its sum.

Nothing is written here; `jobs.replenish` makes plans of the lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from config.buying import Buying, names_of, terms_of
from config.expressions import RuleFailed
from config.replenishment import Supplier
from config.seasons import touching
from core.model.calendars import EVERY_DAY, Calendar
from core.model.catalog import LocationId, Sku
from core.model.demand import Forecast, Uplift
from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.model.reasons import Arg, Reason
from core.model.stock import StockLevel
from core.rules.calendars import NeverOpen, next_open
from core.rules.landed_cost import LandedLine, nearest
from core.rules.replenishment import (
    AlertKind,
    Bid,
    Level,
    Need,
    Position,
    Quantity,
    Room,
    Waiting,
    alert_level,
    cheapest,
    landed_reason,
    order_quantity,
    runs_out,
    waiting,
)
from jobs.forecast import (
    History,
    arrives,
    closure_before,
    cover,
    forecasts,
    histories,
    lead_time,
    order_by,
    unannounced,
    uplifts_of,
)
from jobs.landing import land
from jobs.money import in_shop_money, margin_of
from jobs.store.costs import Costs
from jobs.store.demand import EVERYWHERE, Demands
from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring
from jobs.worth import selling_prices

#: What waiting plans of purchases are called in the store.
PLAN = "replenish"
#: A Sku with more units than so many times its expected demand is not drawn for.
FAR_ENOUGH = 5
#: Of the draws behind every level: the same history gives the same plan.
SEED = 7
NOT_IN_SIGHT = "not_in_sight"
OPEN_ALWAYS = Calendar(EVERY_DAY)


@dataclass(frozen=True, slots=True)
class Line:
    """One Sku of a plan. Days are ISO text, money minor units: it is kept as JSON."""

    sku: Sku
    #: "" where nobody sells it to us
    supplier: str
    item: str
    pack: int
    #: its alert fires; a line may stand here because it is worth ordering along
    low: bool
    available: int
    incoming: int
    promised: int
    level: int
    #: 0: nothing to order now, `steps` say why
    quantity: int
    packs: int
    #: of one unit, in the supplier's currency; None: not known
    price: int | None
    currency: str
    #: of all units, in the shop's currency; None: not known
    cost: int | None
    #: the last day on which to order; "" where nothing is to be ordered
    order_by: str
    #: when it would be here
    arrives: str
    #: the first day on which units may be missing, or NOT_IN_SIGHT; "" where nothing is ordered
    runs_out: str
    #: when a later order would be here, and what is expected to be lost until then
    later: str
    lost: int
    loss: int | None
    #: [code, args] of the reasons, in the order of the sum
    steps: list[list[Any]]
    #: of all units at landed cost as we know its rates now, in the shop's currency; None: not known
    landed: int | None = None

    @property
    def position(self) -> int:
        return self.available + self.incoming - self.promised

    @property
    def wish(self) -> tuple[Sku, int, int | None]:
        """What a person approves; where it is the same, the plan is the same."""
        return self.sku, self.quantity, self.price


def why_low(line: Line, currency: str) -> Reason:
    """What the alert of a Sku says: the sum, and what to do. Money is the shop's."""
    amounts: dict[str, Arg] = {
        "sku": line.sku,
        "available": line.available,
        "incoming": line.incoming,
        "promised": line.promised,
        "position": line.position,
        "level": line.level,
    }
    if line.quantity:
        return Reason.of(
            "alert_buy" if line.pack > 1 else "alert_buy_units",
            **amounts,
            supplier=line.supplier,
            quantity=line.quantity,
            packs=line.packs,
            pack=line.pack,
            price=said(line.price, line.currency),
            cost=said(line.cost, currency),
            order_by=line.order_by,
            runs_out=line.runs_out,
            later=line.later,
            lost=line.lost,
            loss=said(line.loss, currency),
        )
    if not line.supplier:
        return Reason.of("alert_low_unsold", **amounts)
    if line.position > line.level:
        return Reason.of("alert_low_on_its_way", **amounts, supplier=line.supplier)
    return Reason.of("alert_low_minimum", **amounts, supplier=line.supplier)


def said(amount: int | None, currency: str) -> str:
    return "unknown" if amount is None else str(Money(amount, currency))


def lines_for(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> list[Line]:
    """A line for each of these Skus that is low, or has to be ordered now."""
    return _Look(tx, wiring, skus).lines()


def item_of(tx: Tx, wiring: Wiring, supplier: str, sku: Sku) -> SupplierItem:
    """The supplier's terms for one Sku; bare ones where it tells none."""
    described = wiring.config.suppliers[supplier]
    names = names_of(supplier, described)
    told = {one.sku: one for one in Demands(tx).items([sku]).get(sku, []) if one.supplier in names}
    return terms_of(supplier, described, told).get(sku) or SupplierItem(supplier, sku, sku)


# --- one look at some Skus -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Offer:
    """A supplier that sells the Sku, and how long it takes."""

    name: str
    supplier: Supplier
    item: SupplierItem
    calendar: Calendar
    #: days the supplier works on an order: usual, and nine times of ten at most
    usual: int
    slow: int

    def arrival(self, ordered_on: date) -> date:
        return arrives(self.calendar, ordered_on, self.slow)


class _Look:
    """Everything that is needed to decide about some Skus, read with a handful of statements."""

    def __init__(self, tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> None:
        self._tx, self._wiring = tx, wiring
        self._skus = skus
        self._today = wiring.day(tx.now)
        stock = Stock(tx)
        self._levels = stock.levels(skus)
        self._promised = stock.unallocated(skus)
        self._incoming = Purchases(tx).incoming(skus)
        self._rates = Demands(tx).rates(skus)
        self._offers = self._offered()
        self._costs = Costs(tx).unit_cost(skus)
        self._drawn: dict[Sku, tuple[Forecast, History]] = {}

    def lines(self) -> list[Line]:
        near = [sku for sku in self._skus if self._near(sku)]
        found = histories(self._tx, self._wiring, near)
        made = forecasts([found[sku] for sku in near], today=self._today, seed=SEED)
        self._drawn = {one.sku: (one, found[one.sku]) for one in made}
        self._prices = selling_prices(self._tx, self._wiring, near)
        lines = [self._line(sku) for sku in near]
        return [line for line in lines if line is not None]

    # what is asked of the store

    def _offered(self) -> dict[Sku, list[_Offer]]:
        told, asked = Demands(self._tx).items(self._skus), set(self._skus)
        found: dict[Sku, list[_Offer]] = defaultdict(list)
        for name, described in self._wiring.config.suppliers.items():
            names = names_of(name, described)
            theirs = {
                sku: one for sku, items in told.items() for one in items if one.supplier in names
            }
            observed = Purchases(self._tx).lead_days(name)
            calendar = self._wiring.loaded.calendars.get(described.calendar, OPEN_ALWAYS)
            if not _ever_open(calendar, self._today):
                continue
            for sku, item in terms_of(name, described, theirs).items():
                if item.discontinued or sku not in asked:
                    continue
                lead = lead_time(observed, stated=item.lead_days, assumed=described.lead_days)
                found[sku].append(_Offer(name, described, item, calendar, lead.p50, lead.p90))
        return found

    def _position(self, sku: Sku, offer: _Offer | None) -> Position:
        counted = [level for level in self._levels.get(sku, []) if self._counts(level, offer)]
        places = {one.id for one in self._wiring.locations if self._place_counts(one.id, offer)} | (
            {offer.supplier.restocks} if offer else set()
        )
        coming = [one for place in sorted(places) for one in self._incoming.get((sku, place), ())]
        return Position(
            available=sum(level.available for level in counted),
            incoming=tuple(sorted(coming)),
            promised=self._promised[sku],
        )

    def _counts(self, level: StockLevel, offer: _Offer | None) -> bool:
        return self._place_counts(level.location, offer)

    def _place_counts(self, location: LocationId, offer: _Offer | None) -> bool:
        """Whether units there meet the demand that this supplier's goods would meet."""
        if offer is None:
            return True
        if offer.supplier.counts:
            return location in offer.supplier.counts
        return not self._counted_by(location, offer.supplier.connection)

    def _counted_by(self, location: LocationId, connection: str) -> bool:
        described = self._wiring.config.locations.get(location)
        return bool(connection) and described is not None and described.counted_by == connection

    # deciding

    def _near(self, sku: Sku) -> bool:
        """Whether it may be low at all: what lies for years is not drawn for every hour."""
        buying = self._wiring.loaded.buying.of(sku)
        offers = self._offers.get(sku, [])
        looks: list[_Offer | None] = [*offers] if offers else [None]
        positions = [self._position(sku, offer) for offer in looks]
        rate = self._rates.get((sku, EVERYWHERE))
        if not self._levels.get(sku) and rate is None:
            # A supplier's whole catalogue is not ours: never in stock, never sold.
            return False
        if min(one.available - one.promised for one in positions) <= self._static(sku):
            return True
        if buying.alert is AlertKind.STATIC:
            return False
        longest = max((offer.slow for offer in offers), default=0)
        days = max(buying.cover_days, longest + buying.review_days) + 30
        most = max((one.percent for one in self._uplifts(sku)), default=0)
        lifted = (100 + max(0, most)) / 100
        if rate is None:
            return False
        far = FAR_ENOUGH * (lifted * rate.per_day * days + 1)
        return min(one.total for one in positions) <= far

    def _static(self, sku: Sku) -> int:
        return self._wiring.low_stock(sku, today=self._today)

    def _need(self, sku: Sku, until: date, service: int) -> Need:
        days = max(0, (until - self._today).days)
        made, history = self._drawn[sku]
        found = cover(
            made, history, first=self._today, days=days, service=service / 100,
            uplifts=self._uplifts(sku),
        )  # fmt: skip
        return Need(days, found.expected, max(float(found.level), found.expected))

    def _uplifts(self, sku: Sku) -> tuple[Uplift, ...]:
        """Alerts are told by this look, too: a season's broken condition must not silence them.
        The unit that works out the rates fails by it, and says so."""
        try:
            return uplifts_of(self._wiring, sku)
        except RuleFailed:
            return ()

    def _level(self, sku: Sku, buying: Buying, offer: _Offer | None) -> Level:
        today, review = self._today, timedelta(days=buying.review_days)
        wanted = today + timedelta(days=buying.cover_days)
        kind = buying.alert
        here = offer.arrival(today) if offer else wanted
        until = offer.arrival(today + review) if offer else wanted
        if offer is None and kind is AlertKind.REORDER_POINT:
            # Nobody is known who could bring it: days of cover are all there is to go by.
            kind = AlertKind.DAYS_OF_COVER
        return alert_level(
            kind,
            static=self._static(sku),
            cover=self._need(sku, wanted, buying.service),
            lead=self._need(sku, until, buying.service),
            service=buying.service,
            lead_days=(here - today).days,
        )

    def _line(self, sku: Sku) -> Line | None:
        buying = self._wiring.loaded.buying.of(sku)
        offers = self._offers.get(sku, [])
        if not offers:
            return self._unsold(sku, self._in_season(buying, None))
        bids = {}
        for offer in offers:
            theirs = self._in_season(buying, offer)
            position, level = self._position(sku, offer), self._level(sku, theirs, offer)
            if self._is_low(sku, theirs, position, level):
                bids[offer.name] = self._bid(sku, theirs, offer, position, level)
        best = cheapest(bid for _, bid, _ in bids.values())
        if best is None:
            return None
        bid, why = best
        offer = next(one for one in offers if one.name == bid.supplier)
        line = bids[bid.supplier][0]
        steps = [*line.steps, *_packed(why)]
        return self._timed(replace(line, steps=steps), self._in_season(buying, offer), offer)

    def _in_season(self, buying: Buying, offer: _Offer | None) -> Buying:
        """With the service of the season into which stock must last until the next order is here."""
        until = self._today + timedelta(days=buying.cover_days)
        if offer is not None:
            next_order = offer.arrival(self._today + timedelta(days=buying.review_days))
            covers = buying.alert is AlertKind.DAYS_OF_COVER
            until = max(until, next_order) if covers else next_order
        seasons = touching(self._wiring.config.seasons, self._today, until)
        said = [one for one in seasons if one.service is not None]
        if not said:
            return buying
        season, service = said[-1].name, said[-1].service or buying.service
        return replace(buying, service=service, season=season)

    def _is_low(self, sku: Sku, buying: Buying, position: Position, level: Level) -> bool:
        """A static alert looks at the shelf, the others at what is bought already, too."""
        if buying.alert is AlertKind.STATIC:
            return position.available - position.promised <= level.units and level.units > 0
        return position.total <= level.units and level.units > 0

    def _unsold(self, sku: Sku, buying: Buying) -> Line | None:
        position, level = self._position(sku, None), self._level(sku, buying, None)
        if buying.alert is AlertKind.STATIC or not self._is_low(sku, buying, position, level):
            return None
        why = [*_season(buying), Reason.of("replenish_no_supplier")]
        steps = _packed([position.reason(), level.reason, *why])
        return _bare(sku, position, level, steps)

    def _bid(
        self, sku: Sku, buying: Buying, offer: _Offer, position: Position, level: Level
    ) -> tuple[Line, Bid, Position]:
        review = timedelta(days=buying.review_days)
        until = offer.arrival(self._today + review) + timedelta(days=buying.order_days)
        lasting = int(self._need(sku, until, buying.service).level)
        target = max(lasting, level.units + 1)
        steps = [position.reason(), level.reason, *_season(buying)]
        need = target - position.total
        if position.total > level.units:
            steps.append(Reason.of("replenish_on_its_way", incoming=position.coming))
            need = 0
        elif lasting < target:
            steps.append(Reason.of("replenish_refill", target=target, need=need))
        else:
            days = (until - self._today).days
            steps.append(Reason.of("replenish_target", target=target, days=days, need=need))
        most = self._most_days(sku, buying, offer)
        room = Room(
            int(self._need(sku, self._today + timedelta(days=most), buying.service).expected)
            - position.total,
            most,
        )
        # What a person wrote as a static level is wanted, however little of it sells.
        capped = None if buying.alert is AlertKind.STATIC and room.units < need else room
        line = _bare(sku, position, level, [])
        line = replace(
            line, supplier=offer.name, item=offer.item.item, pack=offer.item.pack,
            currency=offer.supplier.currency,
        )  # fmt: skip
        if need <= 0:
            empty = order_quantity(offer.item.pack, replace(offer.item, least=1))
            nothing = replace(empty, units=0, packs=0, cost=None, steps=())
            return replace(line, steps=_packed(steps)), Bid(offer.name, nothing, None, 0), position
        quantity = order_quantity(need, offer.item, room=capped)
        cost = in_shop_money(self._wiring, quantity.cost, self._today)
        landed = self._landed(sku, offer, quantity)
        currency = self._wiring.config.shop.currency
        sums = [landed_reason(landed, currency)] if landed else []
        line = replace(
            line,
            quantity=quantity.units,
            packs=quantity.packs,
            price=quantity.price.amount if quantity.price else None,
            cost=cost.amount if cost else None,
            landed=landed.total if landed else None,
            steps=_packed([*steps, *quantity.steps, *sums]),
        )
        whole = Money(landed.total, currency) if landed else None
        return line, Bid(offer.name, quantity, whole, offer.usual), position

    def _landed(self, sku: Sku, offer: _Offer, quantity: Quantity) -> LandedLine | None:
        """What such an order would cost when it is here; None: no price, no rate, or no units."""
        price = quantity.price
        if price is None or not quantity.units:
            return None
        goods = {sku: (quantity.units, price.amount)}
        found = land(self._wiring, offer.supplier, goods, currency=price.currency, day=self._today)
        return found.lines[0] if found else None

    def _most_days(self, sku: Sku, buying: Buying, offer: _Offer) -> int:
        terms = offer.supplier.items.get(sku)
        shelf = terms.most_days if terms and terms.most_days else buying.most_days
        return min(buying.most_days, shelf)

    def _timed(self, line: Line, buying: Buying, offer: _Offer) -> Line:
        """By when, and what it costs to wait for the next time."""
        if not line.quantity:
            return line
        today = self._today
        position = self._position(line.sku, offer)
        first = next_open(offer.calendar, today)
        here, there = (
            offer.arrival(today),
            offer.arrival(today + timedelta(days=buying.review_days)),
        )
        horizon = (there - today).days + buying.order_days
        empty = runs_out(
            position,
            lambda days: self._need(line.sku, today + timedelta(days=days), buying.service).level,
            today=today,
            most=horizon,
        )
        due = max(first, order_by(offer.calendar, empty, offer.slow))
        in_sight = (empty - today).days < horizon
        if not in_sight:
            # Low by a person's word alone: with the next regular order is soon enough.
            due = next_open(offer.calendar, today + timedelta(days=buying.review_days))
        loss = self._loss(line, buying, position, here, there)
        steps = list(line.steps)
        if closed := closure_before(offer.calendar, due, offer.arrival(due)):
            steps += _packed([closed])
        if unknown := unannounced(offer.calendar, max(here, offer.arrival(due))):
            steps += _packed([unknown])
        if here > empty:
            late = Reason.of("replenish_late", days=(here - empty).days, empty=empty.isoformat())
            steps += _packed([late])
        return replace(
            line,
            order_by=due.isoformat(),
            arrives=here.isoformat(),
            runs_out=empty.isoformat() if in_sight else NOT_IN_SIGHT,
            later=there.isoformat(),
            lost=loss.units,
            loss=loss.loss.amount if loss.loss else None,
            steps=steps,
        )

    def _loss(
        self, line: Line, buying: Buying, position: Position, here: date, there: date
    ) -> Waiting:
        cost = self._costs.get(line.sku)
        unit = cost.of(1).amount if cost else None
        if unit is None and line.landed is not None:
            unit = nearest(Fraction(line.landed, line.quantity))
        return waiting(
            position,
            now=(here, self._need(line.sku, here, buying.service)),
            later=(there, self._need(line.sku, there, buying.service)),
            service=buying.service,
            margin=margin_of(self._prices.get(line.sku), unit, self._wiring.config.shop.currency),
        )


def _ever_open(calendar: Calendar, today: date) -> bool:
    """Nothing can be bought from a place that its calendar never opens."""
    try:
        next_open(calendar, today)
    except NeverOpen:
        return False
    return True


def _bare(sku: Sku, position: Position, level: Level, steps: list[list[Any]]) -> Line:
    return Line(
        sku=sku, supplier="", item="", pack=1, low=True,
        available=position.available, incoming=position.coming, promised=position.promised,
        level=level.units, quantity=0, packs=0, price=None, currency="", cost=None,
        order_by="", arrives="", runs_out="", later="", lost=0, loss=None, steps=steps,
    )  # fmt: skip


def _season(buying: Buying) -> list[Reason]:
    if not buying.season:
        return []
    return [Reason.of("replenish_season", season=buying.season, service=buying.service)]


def _packed(reasons: Iterable[Reason]) -> list[list[Any]]:
    return [[one.code, dict(one.args)] for one in reasons]
