"""Which policy holds for a Sku on a channel.

Conditions are evaluated once per Sku and configuration; a changed configuration brings a new
Policies, which knows nothing yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from config.catalog import Catalog
from config.expressions import Predicate, RuleFailed, sku_context
from config.model import Config
from config.offers import OF_PLACES, OfferPolicy, PolicyRule
from config.places import expanded
from config.seasons import Season
from core.model.catalog import ChannelId, LocationId, Sku
from core.rules.availability import Beyond, PlacePolicy, Policy, Sharing


class Policies:
    """Channel's own policy < rules in their order < the Sku's own policy < seasons, field by field."""

    def __init__(
        self,
        config: Config,
        catalog: Catalog,
        conditions: Sequence[Predicate | None],
        seasonal: Sequence[Sequence[Predicate | None]] = (),
    ) -> None:
        """`conditions` are those of `config.policies`, None where a rule has none; `seasonal` those
        of each season's."""
        self._channels = {name: channel.offers for name, channel in config.channels.items()}
        self._groups = config.location_groups
        self._seasons = config.seasons
        self._rules: list[tuple[Season | None, PolicyRule]] = [
            *((None, rule) for rule in config.policies),
            *((season, rule) for season in config.seasons for rule in season.policies),
        ]
        self._conditions = (*conditions, *(one for each in seasonal for one in each))
        self._catalog = catalog
        self._picked: dict[Sku, tuple[int, ...]] = {}
        self._merged: dict[
            tuple[ChannelId, tuple[int, ...], tuple[Season, ...], OfferPolicy], Policy
        ] = {}
        self._on: dict[date, tuple[Season, ...]] = {}
        written = self._written(catalog)
        #: some listing shares its units with others, or is held back by its demand
        self.shares = any(one.share_components not in (None, "overlap") for one in written)
        self.covers = any(one.buffer_days for one in written)
        #: some rule keeps the units of single places from a channel
        self._bars = any(rule.locations and rule.sell is False for _, rule in self._rules)
        #: the days on which a policy is another than the day before
        self.turning_days = frozenset(
            {season.first for season in self._seasons}
            | {season.last + timedelta(days=1) for season in self._seasons}
            | {day for one in written for day in _ends(one)}
        )

    def _written(self, catalog: Catalog) -> set[OfferPolicy]:
        own = {one.offers for one in catalog.skus.values()}
        return {*self._channels.values(), *(rule for _, rule in self._rules), *own}

    def policy_for(self, sku: Sku, channel: ChannelId, *, today: date = date.min) -> Policy:
        """What the channel may show of the Sku; `today` (the shop's) says which seasons are on.

        Raises RuleFailed, and KeyError for a channel that is not configured. Safe to call from
        several threads: racing ones get equal answers.
        """
        picked = self._picked.get(sku)
        if picked is None:
            picked = self._picked[sku] = self._pick(sku)
        own = self._catalog.settings(sku).offers
        seasons = self.seasons_on(today) if self._seasons else ()
        key = (channel, picked, seasons, own)
        policy = self._merged.get(key)
        if policy is None:
            policy = self._merged[key] = self._merge(channel, picked, seasons, own)
        return policy

    def barred(
        self, sku: Sku, channel: ChannelId, *, today: date = date.min
    ) -> frozenset[LocationId]:
        """The places from which buyers of this channel must not get the Sku.

        While a condition fails for the Sku, all places are barred that any rule may bar: what is not
        sent can still be sent, and the other way around it cannot.
        """
        if not self._bars:
            return frozenset()
        try:
            places = self.policy_for(sku, channel, today=today).places
        except RuleFailed:
            every = tuple(range(len(self._rules)))
            rules = [rule for _, rule in self._shaping(channel, every, self.seasons_on(today))]
            barring = [one.locations for one in rules if one.locations and one.sell is False]
            return frozenset().union(*(expanded(one, self._groups) for one in barring))
        return frozenset(location for location, said in places if not said.sell)

    def seasons_on(self, today: date) -> tuple[Season, ...]:
        """The seasons of this day of the shop's, in their order in the YAML."""
        on = self._on.get(today)
        if on is None:
            on = tuple(one for one in self._seasons if one.first <= today <= one.last)
            self._on[today] = on
        return on

    def turns(self, sku: Sku, channel: ChannelId, *, after: date, until: date) -> bool:
        """Whether the policy is another on `until` than it was on `after`. Raises RuleFailed."""
        before = self.policy_for(sku, channel, today=after)
        now = self.policy_for(sku, channel, today=until)
        return before != now or any(
            beyond is not None and after < beyond.until <= until
            for beyond in (now.preorder, now.backorder)
        )

    def rules_for(self, sku: Sku, channel: ChannelId, *, today: date = date.min) -> tuple[str, ...]:
        """The names of the rules that shaped the policy, for explanations."""
        shaping = self._shaping(channel, self._pick(sku), self.seasons_on(today))
        return tuple(
            f"{season.name}: {rule.name}" if season else rule.name for season, rule in shaping
        )

    def _pick(self, sku: Sku) -> tuple[int, ...]:
        if not self._rules:
            return ()
        seen = sku_context(self._catalog.settings(sku))
        return tuple(
            index
            for index, condition in enumerate(self._conditions)
            if condition is None or condition(seen)
        )

    def _shaping(
        self, channel: ChannelId, picked: tuple[int, ...], seasons: tuple[Season, ...]
    ) -> list[tuple[Season | None, PolicyRule]]:
        """Those of the picked rules that hold on this channel in these seasons."""
        rules = (self._rules[index] for index in picked)
        return [
            (season, rule)
            for season, rule in rules
            if (season is None or season in seasons)
            and (not rule.channels or channel in rule.channels)
        ]

    def _merge(
        self,
        channel: ChannelId,
        picked: tuple[int, ...],
        seasons: tuple[Season, ...],
        own: OfferPolicy,
    ) -> Policy:
        shaping = self._shaping(channel, picked, seasons)
        whole = [(season, rule) for season, rule in shaping if not rule.locations]
        said = _said(
            OfferPolicy.model_fields,
            [
                self._channels[channel],
                *(rule for season, rule in whole if season is None),
                own,
                *(rule for season, rule in whole if season is not None),
            ],
        )
        for name in ("preorder", "backorder"):
            if beyond := said.get(name):
                said[name] = Beyond(beyond.units, beyond.until)
        if "share_components" in said:
            said["share_components"] = Sharing(said["share_components"])
        return Policy(**said, places=self._places([rule for _, rule in shaping if rule.locations]))

    def _places(self, rules: Sequence[PolicyRule]) -> tuple[tuple[LocationId, PlacePolicy], ...]:
        """What rules say of single locations, by location."""
        of_place: dict[LocationId, list[OfferPolicy]] = {}
        for rule in rules:
            for location in sorted(expanded(rule.locations, self._groups)):
                of_place.setdefault(location, []).append(rule)
        return tuple(
            (location, PlacePolicy(**_said(OF_PLACES, layers)))
            for location, layers in sorted(of_place.items())
        )


def _said(names: Iterable[str], layers: Sequence[OfferPolicy]) -> dict[str, Any]:
    """The last word on each field."""
    said = {}
    for layer in layers:
        for name in names:
            value = getattr(layer, name)
            if value is not None:
                said[name] = value
    return said


def _ends(policy: OfferPolicy) -> Iterator[date]:
    for beyond in (policy.preorder, policy.backorder):
        if beyond is not None:
            yield beyond.until
