"""What offers must not show of the last units: the risk rule, fed from the store.

Rates of sale come from `demand`, delays from `lag`, both with what is assumed where nothing is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from config.expressions import RuleFailed
from config.publishing import Risk
from core.model.catalog import ChannelId, LocationId, OfferKey, Sku
from core.model.reasons import Reason
from core.ports import OfferTarget, OrderSource
from core.rules.availability import Policy, Sellable
from core.rules.lags import moved
from core.rules.risk import NONE, Amount, Held, Rate, Situation, kept, withheld
from core.rules.together import may_wait, sales_at, single
from jobs.store.demand import EVERYWHERE, DemandRate, Demands
from jobs.store.lags import PRIOR, Kind, Lags
from jobs.store.offers import ListingRow, OfferRow, Offers
from jobs.store.store import Tx
from jobs.store.tables import demand, offer, snapshot, unit
from jobs.wiring import Wiring

#: A figure counts as old as eight in ten get before the next one: the oldest ones oversell most.
USUALLY = 0.8
#: A rate nobody knows is taken as sure as one of so many days.
GUESSED = 7
#: Over longer spans busy hours and quiet ones even out.
EVENS_OUT = timedelta(hours=6)
#: Numbers that never change with the risk.
_FIXED = ("fixed_quantity", "not_sold_here", "no_components")


def assumed(wiring: Wiring, kind: Kind, place: str) -> timedelta:
    """What a delay is taken to be before it was measured: the pace of the pulls, the remote's own lag."""
    described = wiring.config.channels.get(place)
    if described is None or kind not in (Kind.ORDERS, Kind.OFFERS):
        return PRIOR[kind]
    target = wiring.connectors.get(described.connection)
    if not isinstance(target, OfferTarget):
        return PRIOR[kind]
    if kind is Kind.ORDERS:
        return wiring.config.pace.orders + timedelta(seconds=target.order_lag)
    return timedelta(seconds=5) if target.compare_and_set else described.verify_after


@dataclass(frozen=True, slots=True)
class _Behind:
    """The units of one component Sku, and the listings that sell them."""

    #: in the order in which they keep the last units
    listings: tuple[tuple[ChannelId, str], ...]
    #: nobody but our channels takes units
    ours: Held
    #: others do too, from a figure that is as old as `age`
    theirs: Held
    window: timedelta
    age: timedelta


class _Here:
    """The units behind one listing, at the places from which a sale of it can be shipped whole."""

    def __init__(
        self,
        per_sale: Mapping[Sku, int],
        levels: Mapping[Sku, Sequence[tuple[LocationId, int]]],
        unallocated: Mapping[Sku, int],
        places: frozenset[LocationId],
    ) -> None:
        self.per_sale = per_sale
        self._levels, self._unallocated = levels, unallocated
        self.places = places
        self._alone = single(per_sale)
        if not self._alone:
            self._sales = sales_at(per_sale, self.units_of)
            self._waiting = may_wait(per_sale, unallocated)
            self._everywhere = {sku: self._total(sku) for sku in per_sale}
            self.places = frozenset(self._sales)

    def units_of(self, part: Sku) -> list[tuple[LocationId, int]]:
        return [
            (place, units)
            for place, units in self._levels.get(part, ())
            if place in self.places and units > 0
        ]

    def _total(self, part: Sku) -> int:
        return sum(units for _, units in self.units_of(part))

    def free(self, part: Sku) -> int:
        """Units of the component that waiting orders leave."""
        waiting = self._unallocated.get(part, 0)
        if self._alone:
            return self._total(part) - waiting
        # What waits for other reasons takes units from where no Kit could be made of them first.
        return min(
            self._total(part) - self._waiting * self.per_sale[part],
            self._everywhere[part] - waiting,
        )

    def is_part_of_more(self, part: Sku) -> bool:
        """Whether the component is also where no whole sale can be made of it."""
        return not self._alone and self._total(part) < self._everywhere[part]

    def sales_without(self, units: int, part: Sku) -> int:
        """Sales that are left when so many units of a component are not to be counted on."""
        per = self.per_sale[part]
        left = max(0, self.free(part) - units) // per
        if self._alone:
            return left
        # They may all be missing at the one place where that costs most.
        there = dict(self.units_of(part))
        lost = max(
            (
                sales - min(sales, max(0, there[place] - units) // per)
                for place, sales in self._sales.items()
            ),
            default=0,
        )
        return max(0, min(left, sum(self._sales.values()) - self._waiting - lost))


class Exposure:
    """Narrows quantities by their risk, for the Skus of one transaction."""

    def __init__(
        self,
        tx: Tx,
        wiring: Wiring,
        listings: Sequence[ListingRow],
        *,
        levels: Mapping[Sku, Sequence[tuple[LocationId, int]]],
        unallocated: Mapping[Sku, int],
        today: date,
    ) -> None:
        self._wiring = wiring
        self._today = today
        #: (channel, remote ID) of listings to which sharing left nothing
        self.left_out: Set[tuple[ChannelId, str]] = frozenset()
        self._risk = wiring.config.publishing.risk
        self._levels, self._unallocated = levels, unallocated
        self._behind: dict[tuple[Sku, frozenset[LocationId]], _Behind] = {}
        self._alike: dict[object, tuple[Held, Held, timedelta, timedelta]] = {}
        if self._risk.oversold is None:
            return
        self._counted = {one.id: one for one in wiring.locations if one.basis is not None}
        self._lags = Lags(tx).in_force()
        self._sharing = self._who_shares(tx, listings)
        selling = {one for sharing in self._sharing.values() for one in sharing}
        self._rates = Demands(tx).rates(one.sku for one in selling)
        self._per_channel = Counter((one.sku, one.channel) for one in selling)
        self._channels = Counter(sku for sku, _ in self._per_channel)
        self._sells_from = {
            channel: frozenset(one.id for one in wiring.eligible(channel, routing=False))
            for channel in {one.channel for one in selling}
        }

    def _who_shares(self, tx: Tx, listings: Sequence[ListingRow]) -> dict[Sku, list[ListingRow]]:
        """Component -> every listing that sells it, kits included."""
        catalog = self._wiring.loaded.catalog
        known = {one.sku for one in listings}
        parts = {part for sku in known for part in self._wiring.components(sku, 1)}
        more = {sku for part in parts for sku in (part, *catalog.kits_with(part))} - known
        found: dict[Sku, list[ListingRow]] = {}
        for one in [*listings, *(Offers(tx).listings_of(more) if more else ())]:
            if not self._sells(one):
                continue
            for part in self._wiring.components(one.sku, 1):
                found.setdefault(part, []).append(one)
        return found

    def _sells(self, one: ListingRow) -> bool:
        if one.channel not in self._wiring.config.channels:
            return False
        try:
            return self._policy(one).sell
        except RuleFailed:
            return True

    def _policy(self, one: ListingRow) -> Policy:
        return self._wiring.loaded.policies.policy_for(one.sku, one.channel, today=self._today)

    def narrow(self, one: ListingRow, result: Sellable, *, at: Iterable[LocationId]) -> Sellable:
        """The same quantity, or what may be shown of it with a reason more. Never more."""
        if (
            self._risk.oversold is None
            or result.quantity <= 0
            or any(step.code in _FIXED for step in result.steps)
        ):
            return result
        parts = self._wiring.components(one.sku, one.units_per_sale)
        here = _Here(parts, self._levels, self._unallocated, frozenset(at))
        before = result.quantity
        for part in parts:
            result = self._narrow_by(one, result, part, here)
        least = self._policy(one).hide_below
        if 0 < result.quantity < min(least, before):
            hidden = Reason.of("hidden_below", level=least, left=0)
            return Sellable(0, (*result.steps, hidden))
        return result

    def _narrow_by(self, one: ListingRow, result: Sellable, part: Sku, here: _Here) -> Sellable:
        there = here.units_of(part)
        units = here.free(part)
        if units // here.per_sale[part] < result.quantity:
            # More is shown than is there, on purpose: it is promised for later.
            return result
        behind = self._of(part, here.places)
        key = (one.channel, one.remote_id)
        if key not in behind.listings:
            return result
        index = behind.listings.index(key)
        if here.is_part_of_more(part) and len(behind.listings) > 1:
            # Others, for whom there is more elsewhere, leave it no last unit.
            index = max(index, 1)
        counted = sum(found for place, found in there if place in self._counted)
        held = kept(behind.ours, behind.theirs, units=units, counted=counted)[index]
        quantity = here.sales_without(held.units, part)
        if quantity >= result.quantity:
            return result
        less = result.quantity - quantity
        if held.figure:
            hours = max(1, round(behind.age / timedelta(hours=1)))
            step = Reason.of("risk_old_figure", quantity=less, hours=hours, left=quantity)
        else:
            minutes = max(1, round(behind.window / timedelta(minutes=1)))
            step = Reason.of("risk_sold_elsewhere", quantity=less, minutes=minutes, left=quantity)
        return Sellable(quantity, (*result.steps, step))

    def _of(self, part: Sku, places: frozenset[LocationId]) -> _Behind:
        found = self._behind.get((part, places))
        if found is None:
            found = self._behind[part, places] = self._work_out(part, places)
        return found

    def _work_out(self, part: Sku, places: frozenset[LocationId]) -> _Behind:
        sharing = [
            one for one in self._sharing.get(part, ()) if places & self._sells_from[one.channel]
        ]
        rates = {(one.channel, one.remote_id): self._rate_of(one, part) for one in sharing}
        # The one that sells most keeps the last units, if sharing leaves it any: else nobody would
        # show them. The name decides between equals.
        order = sorted(rates, key=lambda key: (key in self.left_out, -rates[key].per_day, key))
        alike = (
            tuple((channel, rates[channel, listing]) for channel, listing in order),
            places,
            self._sold_by_counters(part, places, {one.channel for one in sharing}),
        )
        found = self._alike.get(alike)
        if found is None:
            found = self._alike[alike] = self._situations(*alike)
        return _Behind(tuple(order), *found)

    def _sold_by_counters(
        self, part: Sku, places: frozenset[LocationId], sharing: Set[ChannelId]
    ) -> tuple[Rate, ...]:
        """What channels sell of it that count and ship these places themselves (FBA), in offers that
        are none of ours."""
        channels = {
            self._counted[place].counting_channel
            for place in places & self._counted.keys()
            if self._counted[place].ships_own_count
        }
        found = [
            self._rates[part, channel]
            for channel in sorted(one for one in channels if one)
            if channel not in sharing and (part, channel) in self._rates
        ]
        return tuple(Rate(one.per_day, one.variance, one.days) for one in found)

    def _situations(
        self, rates: Sequence[tuple[ChannelId, Rate]], places: frozenset[LocationId],
        known: Sequence[Rate],
    ) -> tuple[Held, Held, timedelta, timedelta]:  # fmt: skip
        """What the offers of these rates do to each other: the same for every Sku that sells so.

        `known` is taken from the counted places beside what others may take.
        """
        waits = sorted((self._wait(channel) for channel, _ in rates), reverse=True)
        window = sum(waits[:2], timedelta(0))
        age = max(
            (self._lag(Kind.FIGURE, place) for place in places if place in self._counted),
            default=timedelta(0),
        )
        per_day = sum(one.per_day for _, one in rates)
        ours = Situation(
            tuple(_busy(one, window, self._risk) for _, one in rates),
            NONE,
            per_day * (self._risk.runs_low_every / timedelta(days=1)),
            target_of(self._wiring, {channel for channel, _ in rates}),
        )
        held = Held(ours)
        if not age:
            return held, held, window, age
        everything = Rate(
            per_day * self._risk.others + sum(one.per_day for one in known),
            sum(one.variance for _, one in rates) * self._risk.others
            + sum(one.variance for one in known),
            min((one.days for one in (*(one for _, one in rates), *known)), default=1),
        )
        taken = _busy(everything, age, self._risk)
        return held, Held(replace(ours, taken=taken)), window, age

    def _rate_of(self, one: ListingRow, part: Sku) -> Rate:
        """Units of the component this listing sells a day."""
        channels = self._channels[one.sku]
        found = rate_of(self._rates, one.sku, one.channel, self._risk, channels=channels)
        kit = self._wiring.components(one.sku, 1).get(part, 1)
        share = self._per_channel[one.sku, one.channel]
        return Rate(found.per_day * kit / share, found.variance * kit * kit / share, found.days)

    def _wait(self, channel: ChannelId) -> timedelta:
        return self._lag(Kind.ORDERS, channel) + self._lag(Kind.OFFERS, channel)

    def _lag(self, kind: Kind, place: str) -> timedelta:
        found = self._lags.get((kind, place))
        return assumed(self._wiring, kind, place) if found is None else found


def _busy(rate: Rate, span: timedelta, risk: Risk) -> Amount:
    busiest = risk.busiest if span < EVENS_OUT else 1.0
    return rate.within(span * busiest)


def rate_of(
    rates: Mapping[tuple[Sku, ChannelId], DemandRate],
    sku: Sku,
    channel: ChannelId,
    risk: Risk,
    *,
    channels: int = 1,
) -> Rate:
    """What one channel sells of a Sku a day. Nothing sold in n days may still be half a unit in n."""
    found = rates.get((sku, channel))
    share = 1
    if found is None:
        found, share = rates.get((sku, EVERYWHERE)), max(1, channels)
    if found is None:
        return Rate(risk.unknown, risk.unknown, GUESSED)
    days = max(1, found.days)
    least = 0.5 / days
    per_day = max(found.per_day / share, least)
    return Rate(per_day, max(found.variance / share, per_day), days)


def target_of(wiring: Wiring, channels: Iterable[ChannelId]) -> float:
    """The strictest target of these channels. Half of it is for what a push finds out (`unseen`),
    where any of them overwrites without comparing."""
    risk = wiring.config.publishing.risk
    assert risk.oversold is not None, "asked only where there is a target"
    names = set(channels)
    found = min((risk.channels.get(name, risk.oversold) for name in names), default=risk.oversold)
    return found if all(_compares(wiring, name) for name in names) else found / 2


def _compares(wiring: Wiring, channel: ChannelId) -> bool:
    target = wiring.connectors.get(wiring.connection_of[channel])
    return isinstance(target, OfferTarget) and target.compare_and_set


# --- what a push takes off ------------------------------------------------------------------------


def unseen(
    tx: Tx,
    wiring: Wiring,
    channel: ChannelId,
    rows: Sequence[OfferRow],
    *,
    complete_to: datetime | None,
) -> dict[OfferKey, int]:
    """Units the channel may have sold that we have not heard of: its last complete pull is that old.

    Only where a write overwrites whatever is there; a channel that compares refuses instead.
    """
    risk = wiring.config.publishing.risk
    if risk.oversold is None or complete_to is None or _compares(wiring, channel):
        return {}
    age = max(tx.now - complete_to, timedelta(0))
    rates = Demands(tx).rates({row.sku for row in rows})
    lags = Lags(tx).in_force()
    window = sum(
        (
            lags.get((kind, channel), assumed(wiring, kind, channel))
            for kind in (Kind.ORDERS, Kind.OFFERS)
        ),
        timedelta(0),
    )
    found = {}
    for row in rows:
        rate = rate_of(rates, row.sku, channel, risk)
        situation = Situation(
            (_busy(rate, window, risk),),
            _busy(rate, age, risk),
            rate.per_day * (risk.runs_low_every / timedelta(days=1)),
            target_of(wiring, {channel}),
            once=True,
        )
        found[row.change.key] = withheld(situation, units=row.change.quantity)[0]
    return found


# --- delays that moved ----------------------------------------------------------------------------


def reckon_again(tx: Tx, wiring: Wiring) -> None:
    """Let quantities follow delays that moved much; small moves change nothing, or they would flap.

    A pull that stands still counts with its age, before the first late order tells of it.
    """
    lags = Lags(tx)
    known = {(row.kind, row.place): row for row in lags.rows()}
    found = []
    for kind, place, age in watched(tx, wiring):
        row = known.get((kind, place))
        usual = assumed(wiring, kind, place)
        before = row.in_force if row and row.in_force is not None else usual
        if row is not None:
            # What is sold twice within a delay grows with the delay: its average is what counts.
            if kind is Kind.FIGURE:
                usual = row.lag.quantile(USUALLY, prior=usual)
            else:
                usual = row.lag.mean(prior=usual)
        now = max(usual, age)
        if moved(before, now):
            found.append((kind, place, now))
    if found:
        lags.reckon_with(found)
        tx.mark_dirty(_shallow(tx, wiring))


def watched(tx: Tx, wiring: Wiring) -> list[tuple[Kind, str, timedelta]]:
    """(kind, place, how long it takes just now) of every delay that quantities depend on."""
    found: list[tuple[Kind, str, timedelta]] = []
    complete = {row.id: row.complete_to for row in tx.rows(select(unit.c.id, unit.c.complete_to))}
    for channel in wiring.config.channels:
        complete_to = complete.get(f"{channel}/orders")
        sells = isinstance(wiring.connectors.get(wiring.connection_of[channel]), OrderSource)
        still = tx.now - complete_to if sells and complete_to else timedelta(0)
        found += [(Kind.ORDERS, channel, still), (Kind.OFFERS, channel, timedelta(0))]
    ages = {
        row.location: tx.now - row.as_of
        for row in tx.rows(
            select(snapshot.c.location, func.max(snapshot.c.as_of).label("as_of"))
            .where(snapshot.c.state == "applied")
            .group_by(snapshot.c.location)
        )
    }
    for place in wiring.locations:
        if place.basis is not None:
            found.append((Kind.FIGURE, place.id, ages.get(place.id, timedelta(0))))
    return found


def _shallow(tx: Tx, wiring: Wiring) -> set[Sku]:
    """Skus so low that a risk buffer may hold some of them, however fast anything sells."""
    risk = wiring.config.publishing.risk
    if risk.oversold is None:
        return set()
    (fastest,) = tx.rows(
        select(
            func.max(demand.c.per_day).label("per_day"),
            func.max(demand.c.variance).label("variance"),
        )
    )
    rates = [
        Rate(risk.unknown, risk.unknown, GUESSED),
        Rate(fastest.per_day or 0.0, fastest.variance or 0.0, 28),
    ]
    longest = dict(PRIOR)
    for (kind, _), delay in Lags(tx).in_force().items():
        longest[kind] = max(longest[kind], delay)
    window = 2 * (longest[Kind.ORDERS] + longest[Kind.OFFERS])
    channels = max(1, len(wiring.config.channels))
    most = max(
        Situation(
            (_busy(rate, window, risk),) * channels,
            _busy(rate, longest[Kind.FIGURE] * channels * risk.others, risk),
            1.0,
            risk.oversold,
        ).far
        for rate in rates
    )
    return {row.sku for row in tx.rows(select(offer.c.sku).where(offer.c.wanted < most).distinct())}
