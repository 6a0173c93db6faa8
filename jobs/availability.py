"""What channels should show: stock, waiting orders, policies and dates in, numbers with reasons out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from config.expressions import RuleFailed
from core.model.cases import Case
from core.model.catalog import ChannelId, LocationId, OfferKey, Sku
from core.model.reasons import Reason
from core.rules.availability import (
    PlacePolicy,
    Policy,
    Sellable,
    Sharing,
    Terms,
    most_needed,
    sellable,
)
from core.rules.places import Term, narrowed
from core.rules.sharing import Part, Wish, share_out
from jobs.exposure import Exposure
from jobs.places import Moment, moment
from jobs.store.demand import EVERYWHERE, DemandRate, Demands
from jobs.store.offers import ListingRow, Offers, Wanted
from jobs.store.rollbacks import Rollbacks
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: channel -> remote location -> our locations it shows
Places = Mapping[ChannelId, Mapping[str, frozenset[LocationId]]]


def recompute(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> int:
    """Wanted quantities of these Skus, of the kits they are in, and of what shares units with those.

    Returns how many changed.
    """
    work = _Work.of(tx, wiring, skus)
    changed = Offers(tx).want(list(work.wanted()))
    for reason in work.failures:
        # What was wanted before stays wanted; the other Skus go on.
        tx.open_case(Case("rule_failed", f"rule {reason.args['rule']}", reason))
    for row in changed:
        tx.decide(
            f"sku {row.sku}",
            Reason.of("offer_wanted", sku=row.sku, channel=row.channel, quantity=row.wanted),
        )
    tx.wake("core/alerts", *{f"{row.channel}/offers" for row in changed})
    return len(changed)


def worked_out(tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> list[Wanted]:
    """The same numbers as of now, with their steps; nothing is written."""
    return list(_Work.of(tx, wiring, skus).wanted())


#: as many units as no share of them rounds to none
_PLENTY = 1_000_000


@dataclass(frozen=True, slots=True)
class _Sold:
    """A listing and the policy that holds for it today."""

    row: ListingRow
    policy: Policy


class _Work:
    """The listings of one recompute, and what their numbers rest on."""

    def __init__(self, tx: Tx, wiring: Wiring, at: Moment, places: Places) -> None:
        self._tx = tx
        self._wiring = wiring
        self._policies = wiring.loaded.policies
        self._at = at
        self._places = places
        self._terms_of: dict[tuple[int, tuple[tuple[LocationId, PlacePolicy], ...]], Terms] = {}
        self._parts: dict[Sku, dict[Sku, int]] = {}
        self._sold: list[_Sold] = []
        self._levels: dict[Sku, list[tuple[LocationId, int]]] = {}
        self._unallocated: Mapping[Sku, int] = {}
        self._rates: Mapping[tuple[Sku, ChannelId], DemandRate] = {}
        #: rules that could not be evaluated; their Skus are left as they are
        self.failures: list[Reason] = []

    @classmethod
    def of(cls, tx: Tx, wiring: Wiring, skus: Sequence[Sku]) -> _Work:
        """Everything the numbers of these Skus rest on, read."""
        # A channel that is being rolled back keeps the numbers a person asked for.
        kept = Rollbacks(tx).in_force()
        places = {
            channel: wiring.shown_places(channel, remote)
            for channel, remote in Offers(tx).remote_locations().items()
            if channel not in kept
        }
        work = cls(tx, wiring, moment(tx, wiring), places)
        work._gather(skus)
        return work

    def _gather(self, skus: Sequence[Sku]) -> None:
        catalog = self._wiring.loaded.catalog
        affected = {*skus, *(kit for sku in skus for kit in catalog.kits_with(sku))}
        self._sold = self._listings(affected)
        if self._policies.shares:
            self._sold.extend(self._sharing_with(skus, affected))
        parts = self._parts
        touched = {part for one in self._sold for part in parts[one.row.sku]}
        stock = Stock(self._tx)
        self._levels = {
            sku: [(level.location, level.available) for level in found]
            for sku, found in stock.levels(touched).items()
        }
        self._unallocated = stock.unallocated(touched)
        self._exposure = Exposure(
            self._tx,
            self._wiring,
            [one.row for one in self._sold],
            levels=self._levels,
            unallocated=self._unallocated,
            today=self._at.today,
        )
        if self._policies.shares or self._policies.covers:
            self._rates = Demands(self._tx).rates(parts)

    def _listings(self, skus: Iterable[Sku]) -> list[_Sold]:
        """Listings of these Skus that we fulfill."""
        found = []
        for row in Offers(self._tx).listings_of(sorted(skus)):
            try:
                policy = self._policies.policy_for(row.sku, row.channel, today=self._at.today)
            except RuleFailed as failure:
                args = {"rule": failure.rule, "sku": row.sku, "why": failure.why}
                self.failures.append(Reason("rule_failed", args))
                continue
            if row.sku not in self._parts:
                self._parts[row.sku] = self._wiring.components(row.sku, 1)
            found.append(_Sold(row, policy))
        return found

    def _sharing_with(self, skus: Sequence[Sku], seen: set[Sku]) -> list[_Sold]:
        """Listings that share units with these, and with those again: their numbers move together.

        Never further than that, so the cost does not depend on the size of the catalog.
        """
        catalog = self._wiring.loaded.catalog
        found: list[_Sold] = []
        # From the Skus themselves too: one of them may just have lost the listing that shared.
        reached = {part for sku in skus for part in self._wiring.components(sku, 1)}
        reached |= self._shared_parts(self._sold)
        followed: set[Sku] = set()
        while more := reached - followed:
            followed |= more
            near = {sku for part in more for sku in (part, *catalog.kits_with(part))} - seen
            seen |= near
            listed = [one for one in self._listings(near) if _shares(one.policy)]
            found.extend(listed)
            reached |= self._shared_parts(listed)
        return found

    def _shared_parts(self, sold: Iterable[_Sold]) -> set[Sku]:
        return {part for one in sold if _shares(one.policy) for part in self._parts[one.row.sku]}

    def wanted(self) -> Iterator[Wanted]:
        """The number of each offer, and the steps that led to it."""
        shared = self._shared() if self._policies.shares else {}
        shown = {(key.channel, key.remote_id) for key, part in shared.items() if part.sales}
        self._exposure.left_out = {(key.channel, key.remote_id) for key in shared} - shown
        for one in self._sold:
            row, terms = one.row, self._terms(one.policy)
            for remote_location, ours in self._places.get(row.channel, {}).items():
                key = OfferKey(row.channel, row.remote_id, remote_location)
                result = self._of(one, ours, terms, shared.get(key))
                usual = handling = self._usual_handling(row.channel)
                counting = terms
                if result.quantity == 0 and key not in shared and usual is not None:
                    result, handling = self._handled_longer(one, ours, result, usual)
                    if handling != usual:
                        carries = self._wiring.longest_handling(row.channel)
                        counting = self._terms(one.policy, carries=carries)
                # Units of a place that counts for nothing now cover nothing either.
                at = {place for place in ours if narrowed(_PLENTY, counting.get(place, ())) > 0}
                result = self._exposure.narrow(row, result, at=at)
                steps = tuple((step.code, dict(step.args)) for step in result.steps)
                yield Wanted(key, row.sku, result.quantity, steps, handling)

    def _of(
        self, one: _Sold, ours: frozenset[str], terms: Terms, part: Part | None = None
    ) -> Sellable:
        row, policy, parts = one.row, one.policy, self._parts[one.row.sku]
        return sellable(
            components=parts,
            units_per_sale=row.units_per_sale,
            available={sku: self._at_places(sku, ours) for sku in parts},
            unallocated=self._unallocated,
            policy=policy,
            terms=terms,
            part=part,
            per_day=self._per_day(row.sku, row.channel) if policy.buffer_days else None,
            today=self._at.today,
        )

    def _usual_handling(self, channel: ChannelId) -> int | None:
        described = self._wiring.config.channels.get(channel)
        return described.handling_days if described else None

    def _handled_longer(
        self, one: _Sold, ours: frozenset[str], nothing: Sellable, usual: int
    ) -> tuple[Sellable, int]:
        """Nothing is left but what places have that close: shown with the days until they ship."""
        longest = self._wiring.longest_handling(one.row.channel)
        parts = self._parts[one.row.sku]
        closing = {
            location: found
            for location, found in self._at.shutting.items()
            if location in ours
            and self._at.handled(found, longest)
            and any(
                place == location and units > 0
                for part in parts
                for place, units in self._levels.get(part, ())
            )
        }
        if not closing:
            return nothing, usual
        result = self._of(one, ours, self._terms(one.policy, carries=longest))
        if result.quantity == 0:
            return nothing, usual
        location, last = max(closing.items(), key=lambda pair: (pair[1].handling_days, pair[0]))
        days = max(usual, last.handling_days)
        told = Reason.of(
            "handling_longer",
            location=location,
            first=last.closure.first.isoformat(),
            last=last.closure.last.isoformat(),
            days=days,
            left=result.quantity,
        )
        return Sellable(result.quantity, (*result.steps, told)), days

    def _at_places(self, part: Sku, ours: frozenset[str]) -> list[tuple[LocationId, int]]:
        return [pair for pair in self._levels.get(part, ()) if pair[0] in ours]

    def _terms(self, policy: Policy, *, carries: int = 0) -> Terms:
        """What narrows each location for a listing of this policy: the policy's own word first."""
        found = self._terms_of.get((carries, policy.places))
        if found is None:
            made: dict[LocationId, list[Term]] = {
                location: [said.term(location)] for location, said in policy.places
            }
            for location, terms in self._at.terms(carries=carries).items():
                made.setdefault(location, []).extend(terms)
            found = self._terms_of[carries, policy.places] = made
        return found

    def _per_day(self, sku: Sku, channel: ChannelId) -> float | None:
        """Units sold a day on all channels; of this channel, where nothing else is known."""
        rate = self._rates.get((sku, EVERYWHERE)) or self._rates.get((sku, channel))
        return rate.per_day if rate else None

    def _shared(self) -> dict[OfferKey, Part]:
        """What is left for each listing that shares."""
        by_scope: dict[ChannelId, list[Wish]] = {}
        pages = Counter(
            (one.row.sku, one.row.channel)
            for one in self._sold
            for _ in self._places.get(one.row.channel, {}).items()
        )
        for one in self._sold:
            policy = one.policy
            if not _shares(policy) or not policy.sell or policy.fixed is not None:
                continue
            within = one.row.channel if policy.share_components is Sharing.SPLIT else EVERYWHERE
            for remote_location, ours in self._places.get(one.row.channel, {}).items():
                wish = self._wish(one, remote_location, ours, pages)
                by_scope.setdefault(within, []).append(wish)
        parts: dict[OfferKey, Part] = {}
        for wishes in by_scope.values():
            parts |= share_out(wishes, promised=self._unallocated)
        return parts

    def _wish(
        self,
        one: _Sold,
        remote_location: str,
        ours: frozenset[str],
        pages: Counter[tuple[Sku, ChannelId]],
    ) -> Wish:
        row, terms = one.row, self._terms(one.policy)
        components = self._parts[row.sku]
        rate = self._rates.get((row.sku, row.channel)) or self._rates.get((row.sku, EVERYWHERE))
        return Wish(
            key=OfferKey(row.channel, row.remote_id, remote_location),
            components={part: units * row.units_per_sale for part, units in components.items()},
            views={
                part: {
                    location: narrowed(units, terms.get(location, ()))
                    for location, units in self._at_places(part, ours)
                }
                for part in components
            },
            # One Sku's demand is met by all of its pages together.
            rate=rate.per_day / row.units_per_sale / pages[row.sku, row.channel] if rate else None,
            most=most_needed(
                one.policy,
                per_day=self._per_day(row.sku, row.channel),
                units_per_sale=row.units_per_sale,
            ),
        )


def _shares(policy: Policy) -> bool:
    return policy.share_components is not Sharing.OVERLAP
