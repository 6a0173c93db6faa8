"""Records as the shop answers them, with everything our documents ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LAST = {"hasNextPage": False, "endCursor": None}


def page(*nodes: Any, after: str | None = None) -> dict[str, Any]:
    info = {"hasNextPage": True, "endCursor": after} if after else LAST
    return {"pageInfo": info, "nodes": list(nodes)}


def money(amount: str, currency: str = "USD") -> dict[str, str]:
    return {"amount": amount, "currencyCode": currency}


def line(number: int = 1, **fields: Any) -> dict[str, Any]:
    quantity = fields.get("quantity", 2)
    return {
        "id": f"gid://shopify/LineItem/{number}",
        "name": f"Mug {number}",
        "sku": f"MUG-{number}",
        "quantity": quantity,
        "currentQuantity": quantity,
        "unfulfilledQuantity": quantity,
        "nonFulfillableQuantity": 0,
        "requiresShipping": True,
        "isGiftCard": False,
        "variant": {"id": f"gid://shopify/ProductVariant/{number}", "sku": f"MUG-{number}"},
        "discountedUnitPriceAfterAllDiscountsSet": {
            "shopMoney": money("19.99"),
            "presentmentMoney": money("19.99"),
        },
        **fields,
    }


def waiting(line_number: int, *, total: int = 2, left: int | None = None) -> dict[str, Any]:
    """A line of a fulfillment order."""
    return {
        "id": f"gid://shopify/FulfillmentOrderLineItem/{line_number}",
        "totalQuantity": total,
        "remainingQuantity": total if left is None else left,
        "lineItem": {"id": f"gid://shopify/LineItem/{line_number}"},
    }


def assignment(
    *lines: dict[str, Any], service: bool = False, number: int = 1, **fields: Any
) -> dict[str, Any]:
    """A fulfillment order."""
    return {
        "id": f"gid://shopify/FulfillmentOrder/{number}",
        "status": "OPEN",
        "fulfillBy": None,
        "assignedLocation": {
            "location": {
                "id": f"gid://shopify/Location/{number}",
                "isFulfillmentService": service,
            }
        },
        "lineItems": page(*lines),
        **fields,
    }


def order(
    number: int = 5501,
    *,
    lines: Sequence[dict[str, Any]] | None = None,
    assignments: Sequence[dict[str, Any]] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    lines = [line()] if lines is None else lines
    if assignments is None:
        assignments = [assignment(waiting(1))]
    return {
        "id": f"gid://shopify/Order/{number}",
        "legacyResourceId": str(number),
        "name": f"#{number}",
        "createdAt": "2026-11-20T10:00:05Z",
        "processedAt": "2026-11-20T10:00:00Z",
        "updatedAt": "2026-11-20T10:05:00Z",
        "cancelledAt": None,
        "cancelReason": None,
        "test": False,
        "edited": False,
        "sourceName": "web",
        "sourceIdentifier": None,
        "tags": ["vip"],
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "returnStatus": "NO_RETURN",
        "currencyCode": "USD",
        "presentmentCurrencyCode": "USD",
        "email": "ada@example.com",
        "phone": None,
        "currentTotalPriceSet": {"shopMoney": money("44.98")},
        "risk": {"recommendation": "ACCEPT"},
        "billingAddress": {"provinceCode": "NJ", "zip": "07030", "countryCodeV2": "US"},
        "shippingAddress": {
            "firstName": "Ada",
            "lastName": "Buyer",
            "name": "Ada Buyer",
            "company": None,
            "address1": "350 Fifth Avenue",
            "address2": "Floor 21",
            "city": "New York",
            "provinceCode": "NY",
            "zip": "10118",
            "countryCodeV2": "US",
            "phone": "+12125550123",
        },
        "shippingLine": {"title": "Standard", "code": "standard"},
        "lineItems": page(*lines),
        "fulfillmentOrders": page(*assignments),
        **fields,
    }


def variant(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "title": "Blue",
        "sku": f"MUG-{number}",
        "price": "19.99",
        "inventoryPolicy": "DENY",
        "updatedAt": "2026-11-20T10:00:00Z",
        "inventoryItem": {
            "id": f"gid://shopify/InventoryItem/{number}",
            "tracked": True,
            "requiresShipping": True,
        },
        **fields,
    }


def product(number: int = 1, *variants: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Product/{number}",
        "title": "Mug",
        "status": "ACTIVE",
        "isGiftCard": False,
        "updatedAt": "2026-11-21T10:00:00Z",
        "variants": page(*(variants or (variant(number),))),
        **fields,
    }
