"""Which buying policy holds for a Sku, and on which terms a supplier sells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.catalog import Catalog
from config.expressions import Predicate, RuleFailed, sku_context
from config.replenishment import BuyingPolicy, Replenishment, Supplier
from core.model.catalog import Sku
from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.rules.replenishment import AlertKind


@dataclass(frozen=True, slots=True)
class Buying:
    """When and how much to buy of one Sku; every field of BuyingPolicy, decided."""

    alert: AlertKind
    service: int
    cover_days: int
    review_days: int
    order_days: int
    most_days: int
    #: the season whose service this is; "": none
    season: str = ""
    #: a rule that could not be evaluated for this Sku: it is left out, and told
    failed: RuleFailed | None = None


class BuyingPolicies:
    """The section's own values < rules in their order < the Sku's own, field by field."""

    def __init__(
        self, section: Replenishment, catalog: Catalog, conditions: Sequence[Predicate | None]
    ) -> None:
        """`conditions` are those of `section.rules`, None where a rule has none."""
        self._section = section
        self._catalog = catalog
        self._conditions = tuple(conditions)

    def of(self, sku: Sku) -> Buying:
        """What holds for this Sku."""
        said = {name: getattr(self._section, name) for name in BuyingPolicy.model_fields}
        layers, failed = self._picked(sku)
        for layer in layers:
            for name in BuyingPolicy.model_fields:
                value = getattr(layer, name)
                if value is not None:
                    said[name] = value
        return Buying(**{**said, "alert": AlertKind(said["alert"])}, failed=failed)

    def _picked(self, sku: Sku) -> tuple[list[BuyingPolicy], RuleFailed | None]:
        own = self._section.skus.get(sku)
        layers: list[BuyingPolicy] = []
        failed = None
        if self._section.rules:
            seen = sku_context(self._catalog.settings(sku))
            for rule, condition in zip(self._section.rules, self._conditions, strict=True):
                try:
                    if condition is None or condition(seen):
                        layers.append(rule)
                except RuleFailed as error:
                    failed = error
        return ([*layers, own] if own else layers), failed


def names_of(name: str, described: Supplier) -> list[str]:
    """What a supplier is called in `supplier_item`: its own name, or its connection's."""
    return sorted({name, described.connection} - {""})


def terms_of(
    name: str, supplier: Supplier, told: Mapping[Sku, SupplierItem]
) -> dict[Sku, SupplierItem]:
    """Every Sku this supplier sells: what its files tell, and over it what is written."""
    found = dict(told)
    for sku, terms in supplier.items.items():
        base = told.get(sku) or SupplierItem(name, sku, sku)
        said = {
            field: value
            for field in ("item", "pack", "least", "lead_days", "discontinued")
            if (value := getattr(terms, field)) is not None
        }
        cost = base.cost
        if terms.cost is not None:
            cost = Money.parse(str(terms.cost), supplier.currency)
        breaks = base.breaks
        if terms.breaks:
            breaks = tuple(
                (units, Money.parse(str(price), supplier.currency))
                for units, price in sorted(terms.breaks.items())
            )
        elif terms.cost is not None:
            # Their breaks belong to their price, not to ours.
            breaks = ()
        found[sku] = SupplierItem(
            supplier=name,
            sku=sku,
            item=said.get("item", base.item),
            pack=said.get("pack", base.pack),
            least=said.get("least", base.least),
            cost=cost,
            breaks=breaks,
            lead_days=said.get("lead_days", base.lead_days),
            discontinued=said.get("discontinued", base.discontinued),
        )
    return found
