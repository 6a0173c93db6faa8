"""Which policy holds for a Sku on a channel, and which orders a person wants to see first.

Conditions are evaluated once per Sku and configuration; a changed configuration brings a new
Policies, which knows nothing yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cel

from config.catalog import Catalog
from config.expressions import Predicate, RuleFailed, order_seen, sku_seen
from config.model import Config, OfferPolicy
from core.model.catalog import ChannelId, Sku
from core.model.orders import Order
from core.rules.availability import Policy


class Policies:
    """Channel's own policy < rules in their order < the Sku's own policy, field by field."""

    def __init__(
        self, config: Config, catalog: Catalog, conditions: Sequence[Predicate | None]
    ) -> None:
        """`conditions` are those of `config.policies`, None where a rule has none."""
        self._channels = {name: channel.offers for name, channel in config.channels.items()}
        self._rules = config.policies
        self._conditions = tuple(conditions)
        self._catalog = catalog
        self._picked: dict[Sku, tuple[int, ...]] = {}
        self._merged: dict[tuple[ChannelId, tuple[int, ...], OfferPolicy], Policy] = {}

    def policy_for(self, sku: Sku, channel: ChannelId) -> Policy:
        """What the channel may show of the Sku. Raises RuleFailed, and KeyError for a channel
        that is not configured. Safe to call from several threads: racing ones get equal answers.
        """
        picked = self._picked.get(sku)
        if picked is None:
            picked = self._picked[sku] = self._pick(sku)
        own = self._catalog.settings(sku).offers
        key = (channel, picked, own)
        policy = self._merged.get(key)
        if policy is None:
            policy = self._merged[key] = self._merge(channel, picked, own)
        return policy

    def rules_for(self, sku: Sku, channel: ChannelId) -> tuple[str, ...]:
        """The names of the rules that shaped the policy, for explanations."""
        rules = (self._rules[index] for index in self._pick(sku))
        return tuple(rule.name for rule in rules if not rule.channels or channel in rule.channels)

    def _pick(self, sku: Sku) -> tuple[int, ...]:
        if not self._rules:
            return ()
        known = self._catalog.settings(sku)
        # Building the context is what costs; all conditions share one.
        seen = cel.Context(
            variables=sku_seen(
                sku,
                title=known.title,
                tags=known.tags,
                low_stock=known.low_stock,
                kit=bool(known.components),
            )
        )
        return tuple(
            index
            for index, condition in enumerate(self._conditions)
            if condition is None or condition(seen)
        )

    def _merge(self, channel: ChannelId, picked: tuple[int, ...], own: OfferPolicy) -> Policy:
        layers: list[OfferPolicy] = [self._channels[channel]]
        for index in picked:
            rule = self._rules[index]
            if not rule.channels or channel in rule.channels:
                layers.append(rule)
        layers.append(own)
        said = {}
        for layer in layers:
            for name in OfferPolicy.model_fields:
                value = getattr(layer, name)
                if value is not None:
                    said[name] = value
        return Policy(**said)


@dataclass(frozen=True, slots=True)
class HoldRules:
    """The shop's own reasons to hold an order (`review.rules`)."""

    conditions: tuple[Predicate, ...]
    catalog: Catalog

    def hits(self, order: Order) -> tuple[str, ...]:
        """The names of the rules that hold this order, in their order in the YAML.

        A condition that cannot be evaluated holds the order too: a person decides, nothing ships.
        """
        if not self.conditions:
            return ()
        seen = cel.Context(variables=order_seen(order, sku_for=self.catalog.sku_for))
        return tuple(one.rule for one in self.conditions if _holds(one, seen))


def _holds(condition: Predicate, seen: cel.Context) -> bool:
    try:
        return condition(seen)
    except RuleFailed:
        return True
