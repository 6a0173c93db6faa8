"""What the configured seasons add to the demand of a Sku."""

from __future__ import annotations

from collections.abc import Sequence

from config.catalog import Catalog
from config.expressions import Predicate, sku_context
from config.seasons import Season
from core.model.catalog import Sku
from core.model.demand import Uplift


class Uplifts:
    """The seasons' uplifts, and which Skus they are for. Conditions are evaluated once per Sku."""

    def __init__(
        self,
        seasons: Sequence[Season],
        conditions: Sequence[Sequence[Predicate | None]],
        catalog: Catalog,
    ) -> None:
        """`conditions` are those of each season's uplifts, None where one has none."""
        self._all = tuple(
            (Uplift(season.first, season.last, one.percent), condition)
            for season, those in zip(seasons, conditions, strict=True)
            for one, condition in zip(season.uplift, those, strict=True)
        )
        self._catalog = catalog
        self._picked: dict[Sku, tuple[Uplift, ...]] = {}

    def of(self, sku: Sku) -> tuple[Uplift, ...]:
        """The uplifts of this Sku, in the order of the configuration. Raises RuleFailed."""
        if not self._all:
            return ()
        picked = self._picked.get(sku)
        if picked is None:
            picked = self._picked[sku] = self._pick(sku)
        return picked

    def _pick(self, sku: Sku) -> tuple[Uplift, ...]:
        seen = sku_context(self._catalog.settings(sku))
        return tuple(
            uplift for uplift, condition in self._all if condition is None or condition(seen)
        )
