"""Which of the shop's rules an order meets, and which of its goods must not go where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cel

from config.catalog import Catalog
from config.expressions import MOST_STEPS, Predicate, RuleFailed, order_seen, sku_context
from config.review import GoodsRestriction, OrderRule
from core.model.carriage import Service
from core.model.catalog import Sku
from core.model.orders import Asked, Order, OrderLine
from core.rules.restrictions import Restriction


@dataclass(frozen=True, slots=True)
class Met:
    """What the rules say of one order: the names of those that hold it, and what all of them ask."""

    holds: tuple[str, ...] = ()
    asked: Asked = field(default_factory=Asked)
    #: (rule, why) of those that could not be judged: they hold it as well
    failed: tuple[tuple[str, str], ...] = ()


_NOTHING = Met()
#: Conditions that take longer for one order are looked at ahead, while nobody waits for a lock.
_LONG = 100_000
#: As many lines as an order hardly ever has.
_MANY = 400
#: Orders whose long conditions were looked at, kept until they are decided.
_KEPT = 1_000
_TOO_LONG = "it would take too long over so many lines"


class OrderRules:
    """`review.rules`: the shop's own reasons to hold an order, and what it asks of some."""

    def __init__(
        self,
        rules: Sequence[OrderRule],
        conditions: Sequence[Predicate | None],
        catalog: Catalog,
        services: Mapping[str, Service],
    ) -> None:
        self._rules = [
            (rule, condition, _fitting(rule, services))
            for rule, condition in zip(rules, conditions, strict=True)
            if condition is not None
        ]
        self._catalog = catalog
        #: (channel, order) -> what was looked at, and what came of it
        self._ahead: dict[tuple[str, str], tuple[Order, Mapping[str, Sku | None] | None, Met]] = {}

    @property
    def may_be_long(self) -> bool:
        """Whether any condition takes long over many lines."""
        return any(condition.steps(_MANY) > _LONG for _, condition, _ in self._rules)

    def met(self, order: Order, *, skus: Mapping[str, Sku | None] | None = None) -> Met:
        """What the rules say of this order, in their order in the YAML.

        `skus`: line -> the Sku it was understood as; without it, what the list of Skus says.

        A condition that cannot be evaluated, or would take longer than MOST_STEPS, holds the order: a
        person decides, nothing ships.
        """
        if not self._rules:
            return _NOTHING
        longest = max(len(order.lines), len(order.tags), 1)
        if not any(condition.steps(longest) > _LONG for _, condition, _ in self._rules):
            return self._met(order, skus, longest)
        key, asked = (order.channel, order.remote_id), None if skus is None else dict(skus)
        known = self._ahead.pop(key, None)
        if known is None or known[:2] != (order, asked):
            known = (order, asked, self._met(order, skus, longest))
        if len(self._ahead) >= _KEPT:
            self._ahead.clear()
        self._ahead[key] = known
        return known[2]

    def _met(self, order: Order, skus: Mapping[str, Sku | None] | None, longest: int) -> Met:

        def sku_of(line: OrderLine) -> Sku | None:
            return self._catalog.sku_for(line.remote_sku) if skus is None else skus[line.remote_id]

        seen = cel.Context(variables=order_seen(order, sku_of=sku_of))
        holds: list[str] = []
        failed: list[tuple[str, str]] = []
        hits: list[tuple[OrderRule, frozenset[str] | None]] = []
        for rule, condition, fitting in self._rules:
            try:
                if condition.steps(longest) > MOST_STEPS:
                    raise RuleFailed(rule.name, _TOO_LONG)
                if not condition(seen):
                    continue
            except RuleFailed as failure:
                holds.append(rule.name)
                failed.append((rule.name, failure.why))
                continue
            hits.append((rule, fitting))
            if rule.holds:
                holds.append(rule.name)
        return Met(tuple(holds), _asked(hits), tuple(failed)) if hits or holds else _NOTHING


def _fitting(rule: OrderRule, services: Mapping[str, Service]) -> frozenset[str] | None:
    """The services by which a rule lets an order travel; None: any."""
    if not rule.carriers and not rule.services:
        return None
    return frozenset(
        name
        for name, one in services.items()
        if one.carrier in rule.carriers or name in rule.services
    )


def _asked(hits: Sequence[tuple[OrderRule, frozenset[str] | None]]) -> Asked:
    given = [fitting for _, fitting in hits if fitting is not None]
    return Asked(
        priority=max((rule.priority for rule, _ in hits if rule.priority), default=0),
        tags=tuple(dict.fromkeys(tag for rule, _ in hits for tag in rule.tags)),
        notes=tuple(dict.fromkeys(rule.note for rule, _ in hits if rule.note)),
        # What every rule allows: rules that contradict one another leave none.
        services=tuple(sorted(frozenset.intersection(*given))) if given else None,
    )


class Restrictions:
    """`review.restrictions`, by Sku. Conditions are looked at once per Sku and configuration."""

    def __init__(
        self,
        described: Sequence[GoodsRestriction],
        conditions: Sequence[Predicate | None],
        catalog: Catalog,
    ) -> None:
        self._described = [
            (one, condition, _restriction(one))
            for one, condition in zip(described, conditions, strict=True)
        ]
        self._catalog = catalog
        self._known: dict[Sku, tuple[Restriction, ...]] = {}

    def of(self, sku: Sku) -> tuple[Restriction, ...]:
        """What restricts a Sku; of a Kit, what restricts anything in it too.

        A condition that cannot be evaluated restricts the Sku: a person looks, nothing ships.
        """
        if not self._described:
            return ()
        if sku not in self._known:
            parts = [sku, *self._catalog.components_of(sku)]
            found = {one.name: one for part in parts for one in self._own(part)}
            self._known[sku] = tuple(found.values())
        return self._known[sku]

    def _own(self, sku: Sku) -> list[Restriction]:
        seen = sku_context(self._catalog.settings(sku))
        found = []
        for described, condition, restriction in self._described:
            named = sku in described.skus
            everything = condition is None and not described.skus
            if named or everything or (condition is not None and _holds(condition, seen)):
                found.append(restriction)
        return found


def _holds(condition: Predicate, seen: cel.Context) -> bool:
    try:
        return condition(seen)
    except RuleFailed:
        return True


def _restriction(one: GoodsRestriction) -> Restriction:
    return Restriction(
        one.name,
        countries=frozenset(one.countries),
        states=frozenset(one.states),
        zips=one.zips,
        po_box=one.po_box,
        military=one.military,
        carriers=frozenset(one.carriers),
        services=frozenset(one.services),
    )
