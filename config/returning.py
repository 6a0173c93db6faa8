"""Which terms hold for goods that come back, by Sku and channel."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from config.catalog import Catalog
from config.expressions import Predicate, RuleFailed, sku_context
from config.returns import ReturnPolicy, ReturnRule, Returns
from config.shipping import cents
from core.model.catalog import ChannelId, Sku
from core.model.money import Money
from core.model.returns import Disposition
from core.rules.returns import Bears, Moment, ReturnTerms, ShippingBack

#: Where neither the section nor a rule says anything.
_USUAL = ReturnPolicy(
    who_pays="reason",
    label_fee=Decimal(0),
    restocking_fee=0,
    paid_back={},
    refund_shipping="reason",
    refund_when="inspection",
    replace_when="receipt",
    approve_above=Decimal(0),
    waive_difference=Decimal(0),
    return_to="",
    claims=True,
)


class ReturnPolicies:
    """The section's own values < rules in their order, field by field."""

    def __init__(
        self, section: Returns, catalog: Catalog, conditions: Sequence[Predicate | None],
        currency: str,
    ) -> None:  # fmt: skip
        """`conditions` are those of `section.rules`, None where a rule has none."""
        self._section, self._catalog, self._currency = section, catalog, currency
        self._conditions = tuple(conditions)

    def of(self, sku: Sku | None, channel: ChannelId) -> ReturnTerms:
        """What holds for this Sku (None: goods we do not know) there."""
        said = {name: getattr(_USUAL, name) for name in ReturnPolicy.model_fields}
        met, failed = self._met(sku, channel)
        for layer in (self._section, *met):
            for name in ReturnPolicy.model_fields:
                value = getattr(layer, name)
                if value is not None:
                    said[name] = value
        return ReturnTerms(
            window_days=said["window_days"],
            bears=Bears(said["who_pays"]),
            label_fee=self._money(said["label_fee"]),
            restocking_fee=said["restocking_fee"],
            paid_back={Disposition(name): share for name, share in said["paid_back"].items()},
            shipping_back=ShippingBack(said["refund_shipping"]),
            refund_when=Moment(said["refund_when"]),
            replace_when=Moment(said["replace_when"]),
            # A rule that cannot be evaluated may have forbidden it: a person sees each refund.
            approve_above=self._money(Decimal(0) if failed else said["approve_above"]),
            waive=self._money(said["waive_difference"]),
            return_to=said["return_to"],
            claims=said["claims"],
        )

    def _money(self, amount: Decimal) -> Money:
        return Money(cents(amount, self._currency), self._currency)

    def _met(self, sku: Sku | None, channel: ChannelId) -> tuple[list[ReturnRule], bool]:
        """The rules that hold, and whether one could not be evaluated."""
        seen = sku_context(self._catalog.settings(sku)) if sku is not None else None
        met, failed = [], False
        for rule, condition in zip(self._section.rules, self._conditions, strict=True):
            if rule.channels and channel not in rule.channels:
                continue
            try:
                if condition is None or (seen is not None and condition(seen)):
                    met.append(rule)
            except RuleFailed:
                failed = True
        return met, failed
