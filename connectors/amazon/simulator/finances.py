"""Finances 2024-06-19: listTransactions, of what was paid back alone.

Names of breakdowns as sellers' reports of real answers show them: leaves like OurPricePrincipal below
groups, negative in a refund; tax that Amazon collected itself stands a second time, against it. Items
are named by SKU. Amazon says that orders of the last 48 hours may be missing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connectors.amazon.simulator.account import Account
from connectors.amazon.simulator.ledger import Paid, PaidItem
from connectors.amazon.simulator.orders_state import Item
from connectors.amazon.simulator.wire import (
    PageTokens,
    Parameters,
    invalid_input,
    millis_text,
)
from connectors.simulation import Response
from core.model.money import Money

#: "more than two minutes before the time of the request"
_YOUNGEST = timedelta(minutes=2)
_LONGEST = timedelta(days=180)
_PAGE = 3
_FILTERS = ("postedAfter", "postedBefore", "marketplaceId", "transactionStatus",
            "relatedIdentifierName", "relatedIdentifierValue")  # fmt: skip
#: component -> (group, leaf)
_NAMES = {
    "Principal": ("ProductCharges", "OurPricePrincipal"),
    "Tax": ("Tax", "OurPriceTax"),
    "Shipping": ("Shipping", "ShippingPrincipal"),
    "ShippingTax": ("Tax", "ShippingTax"),
}


class FinancesApi:
    def __init__(self, account: Account, *, seed: int) -> None:
        self._account = account
        self._tokens = PageTokens(seed=seed, lifetime=3600)

    def transactions(self, parameters: Parameters, *, now: datetime) -> Response:
        found = self._found(parameters, now=now)
        token = parameters.one("nextToken")
        fingerprint = parameters.fingerprint(_FILTERS)
        start = 0
        if token:
            start = self._tokens.redeem(token, fingerprint=fingerprint, now=now)
        # "this operation can return empty pages": the first one is, now and then.
        empty = not token and len(found) % 2 == 1
        end = start if empty else start + _PAGE
        payload: dict[str, Any] = {
            "transactions": [self._transaction(one) for one in found[start:end]]
        }
        if end < len(found):
            payload["nextToken"] = self._tokens.issue(end, fingerprint=fingerprint, now=now)
        return Response.json({"payload": payload})

    def _found(self, parameters: Parameters, *, now: datetime) -> list[Paid]:
        after, before = parameters.instant("postedAfter"), parameters.instant("postedBefore")
        name = parameters.one("relatedIdentifierName")
        value = parameters.one("relatedIdentifierValue")
        if name not in (None, "ORDER_ID", "FINANCIAL_EVENT_GROUP_ID") or bool(name) != bool(value):
            raise invalid_input("Invalid Input", "relatedIdentifierName and its value are wrong")
        if after is None and name is None:
            raise invalid_input("Invalid Input", "postedAfter is required")
        latest = now - _YOUNGEST
        if (after and after > latest) or (before and before > latest):
            raise invalid_input("Invalid Input", "a date less than two minutes ago")
        if after and before and before <= after:
            raise invalid_input("Invalid Input", "postedBefore must be later than postedAfter")
        if after and (before or latest) - after > _LONGEST:
            return []
        # "If you want to retrieve MFN orders in the US store, do not supply the marketplaceId."
        if parameters.one("marketplaceId") or name == "FINANCIAL_EVENT_GROUP_ID":
            return []
        return [
            one
            for one in self._account.ledger.paid
            if one.shown_from <= now
            and (after is None or one.made_at >= after)
            and (before is None or one.made_at < before)
            and (name is None or one.order_id == value)
        ]

    def _transaction(self, one: Paid) -> dict[str, Any]:
        order = self._account.orders[one.order_id].now
        known = {item.item_id: item for item in order.items}
        currency = order.total.currency
        items = [self._item(part, known[part.item_id]) for part in one.items]
        total = sum(sum(part.amounts[n] for n in part.amounts if n != "Tax") for part in one.items)
        return {
            "sellingPartnerMetadata": {
                "sellingPartnerId": self._account.seller_id,
                "accountType": "Standard Orders",
                "marketplaceId": self._account.marketplace_id,
            },
            "relatedIdentifiers": [
                {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": one.order_id},
                {"relatedIdentifierName": "REFUND_ID", "relatedIdentifierValue": one.refund_id},
            ],
            "transactionType": one.kind,
            "transactionId": f"tx-{one.refund_id}",
            "transactionStatus": "RELEASED",
            "description": "Refund Order",
            "postedDate": millis_text(one.made_at),
            "totalAmount": _money(-total, currency),
            "marketplaceDetails": {
                "marketplaceId": self._account.marketplace_id,
                "marketplaceName": "Amazon.com",
            },
            "items": items,
        }

    def _item(self, part: PaidItem, item: Item) -> dict[str, Any]:
        currency = item.unit_price.currency
        groups: dict[str, list[dict[str, Any]]] = {}
        for name, cents in part.amounts.items():
            group, leaf = _NAMES[name]
            groups.setdefault(group, []).append(_leaf(leaf, -cents, currency))
        tax = part.amounts.get("Tax", 0)
        if tax:
            groups["TaxWithheld"] = [_leaf("MarketplaceFacilitatorTax-Principal", tax, currency)]
        total = -sum(cents for name, cents in part.amounts.items() if name != "Tax")
        return {
            "description": item.title,
            "relatedIdentifiers": [
                {
                    "itemRelatedIdentifierName": "ORDER_ADJUSTMENT_ITEM_ID",
                    "itemRelatedIdentifierValue": f"OAI-{part.item_id}",
                }
            ],
            "totalAmount": _money(total, currency),
            "breakdowns": [
                {
                    "breakdownType": group,
                    "breakdownAmount": _money(_sum(leaves, currency), currency),
                    "breakdowns": leaves,
                }
                for group, leaves in groups.items()
            ],
            "contexts": [
                {
                    "contextType": "ProductContext",
                    "asin": item.asin,
                    "sku": item.sku,
                    "quantityShipped": part.units,
                    "fulfillmentNetwork": "MFN",
                }
            ],
        }


def _leaf(name: str, cents: int, currency: str) -> dict[str, Any]:
    return {
        "breakdownType": name,
        "breakdownAmount": _money(cents, currency),
        "breakdowns": [],
    }


def _sum(leaves: list[dict[str, Any]], currency: str) -> int:
    amounts = [str(one["breakdownAmount"]["currencyAmount"]) for one in leaves]
    return sum(Money.parse(one, currency).amount for one in amounts)


def _money(cents: int, currency: str) -> dict[str, Any]:
    """BigDecimal is a JSON number."""
    return {
        "currencyCode": currency,
        "currencyAmount": float(str(Money(cents, currency)).split()[0]),
    }
