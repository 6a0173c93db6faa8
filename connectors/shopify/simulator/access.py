"""Who may come in, and what they may see: tokens of the client credentials grant, access scopes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.shopify.simulator.shop import Shop

#: Every scope that something the simulator serves asks for.
ALL_SCOPES = (
    "read_orders", "read_all_orders", "write_orders", "read_products", "write_products", "read_inventory",
    "write_inventory", "read_locations",
    "read_merchant_managed_fulfillment_orders", "write_merchant_managed_fulfillment_orders",
    "read_third_party_fulfillment_orders", "write_third_party_fulfillment_orders",
    "read_assigned_fulfillment_orders", "write_assigned_fulfillment_orders",
    "read_returns", "write_returns", "read_shopify_payments_disputes",
)  # fmt: skip

#: Without read_all_orders an app sees only orders this young.
ORDERS_SEEN = timedelta(days=60)
#: Buyers' data that an app must be approved for (`isProtected` in the schema).
PROTECTED_FIELDS = frozenset(
    {
        ("Order", "email"),
        ("Order", "phone"),
        *(
            (kind, name)
            for kind in ("MailingAddress", "FulfillmentOrderDestination")
            for name in ("address1", "address2", "firstName", "lastName", "phone", "zip")
        ),
        ("MailingAddress", "name"),
        ("MailingAddress", "formatted"),
        ("FulfillmentOrderDestination", "city"),
        ("FulfillmentOrderDestination", "email"),
        ("FulfillmentEvent", "city"),
        ("FulfillmentEvent", "zip"),
    }
)

_FULFILLMENT_READ = (
    "read_assigned_fulfillment_orders",
    "read_merchant_managed_fulfillment_orders",
    "read_third_party_fulfillment_orders",
)
_FULFILLMENT_WRITE = (
    "write_assigned_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
    "write_third_party_fulfillment_orders",
)
_SHIP = "Also: The user must have fulfill_and_ship_orders permission."


@dataclass(frozen=True)
class Rule:
    """Any one of the scopes opens it. `also` is the rest of Shopify's sentence."""

    scopes: tuple[str, ...]
    also: str = ""

    @property
    def text(self) -> str:
        """`requiredAccess` as the API words it."""
        names = [f"`{scope}` access scope" for scope in self.scopes]
        joined = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
        return f"{joined}." + (f" {self.also}" if self.also else "")


#: By type: reading any object of it (the schema's `requiredAccess`).
TYPE_RULES = {
    "Order": Rule(("read_orders",)),
    "LineItem": Rule(("read_orders",)),
    "Product": Rule(("read_products",)),
    "ProductVariant": Rule(("read_products",)),
    "InventoryItem": Rule(("read_inventory", "read_products")),
    "InventoryLevel": Rule(("read_inventory",)),
    "Location": Rule(("read_locations", "read_inventory")),
    "FulfillmentOrder": Rule(_FULFILLMENT_READ),
    "FulfillmentHold": Rule(_FULFILLMENT_READ),
    "FulfillmentOrderAssignedLocation": Rule(_FULFILLMENT_READ),
    "Fulfillment": Rule(("read_orders", *_FULFILLMENT_READ)),
    **{
        name: Rule(("read_orders",))
        for name in (
            "OrderAdjustment",
            "OrderDisputeSummary",
            "OrderTransaction",
            "Refund",
            "RefundLineItem",
            "RefundShippingLine",
            "SuggestedRefund",
        )
    },
    "ShopifyPaymentsDispute": Rule(("read_shopify_payments_disputes",)),
    **{
        name: Rule(("read_returns",))
        for name in (
            "ExchangeLineItem",
            "Return",
            "ReturnLineItem",
            "ReturnLineItemType",
            "ReturnReasonDefinition",
            "ReverseDelivery",
            "ReverseFulfillmentOrder",
            "ReverseFulfillmentOrderLineItem",
            "SuggestedReturnFinancialOutcome",
        )
    },
}
#: By field, on top of the type it returns.
FIELD_RULES = {
    ("QueryRoot", "assignedFulfillmentOrders"): Rule(("read_assigned_fulfillment_orders",)),
    ("QueryRoot", "inventoryProperties"): Rule(("read_inventory",)),
    ("QueryRoot", "locations"): Rule(("read_locations",)),
    ("QueryRoot", "ordersCount"): Rule(("read_orders",)),
    ("InventoryItem", "duplicateSkuCount"): Rule(("read_inventory",)),
    **{
        ("Location", name): Rule(("read_locations",))
        for name in (
            "address", "deactivatedAt", "fulfillmentService", "fulfillsOnlineOrders",
            "inventoryLevel", "inventoryLevels", "isActive", "isFulfillmentService", "name",
            "shipsInventory", "updatedAt",
        )
    },
    **{
        ("Mutation", name): Rule(_FULFILLMENT_WRITE, _SHIP)
        for name in ("fulfillmentCreate", "fulfillmentCancel", "fulfillmentTrackingInfoUpdate")
    },
    **{
        ("Mutation", name): Rule(_FULFILLMENT_WRITE[1:], _SHIP)
        for name in (
            "fulfillmentOrderHold", "fulfillmentOrderMove", "fulfillmentOrderReleaseHold",
            "fulfillmentOrderSplit",
        )
    },
    **{
        ("Mutation", name): Rule(("write_inventory",), f"Also: The user must have a permission to {doing}.")
        for name, doing in (
            ("inventorySetQuantities", "update an inventory"),
            ("inventoryAdjustQuantities", "apply changes to inventory quantities"),
            ("inventoryMoveQuantities", "move an inventory"),
            ("inventoryActivate", "activate an inventory item"),
        )
    },
    ("QueryRoot", "refund"): Rule(("read_orders",)),
    ("QueryRoot", "return"): Rule(("read_returns",)),
    # The schema names the pair of scopes of which a mutation needs the one that writes.
    ("Mutation", "refundCreate"): Rule(("write_orders",)),
    **{
        ("Mutation", name): Rule(("write_returns",))
        for name in (
            "returnApproveRequest", "returnCancel", "returnClose", "returnDeclineRequest",
            "returnProcess", "returnReopen",
        )
    },
    ("Mutation", "orderCancel"): Rule(("write_orders",), "Also: This action cannot be reversed."),
}  # fmt: skip


@dataclass(frozen=True)
class Denied:
    """The OAuth endpoint's refusal."""

    error: str
    description: str


class Gate:
    """Gives out tokens and checks them. Secrets stay in here."""

    def __init__(
        self,
        shop: Shop,
        *,
        client_id: str,
        client_secret: str,
        static_token: str | None,
        token_seconds: int,
        scopes: tuple[str, ...],
    ) -> None:
        self._shop = shop
        self._client_id = client_id
        self._client_secret = client_secret
        self._static_token = static_token
        self._expiry: dict[str, datetime] = {}
        self.token_seconds = token_seconds
        self.scopes = scopes
        #: False: app and store are not in one organization, or the app is not installed
        self.installed = True

    def exchange(self, form: dict[str, str]) -> str | Denied:
        """The client credentials grant: a new token. Earlier ones live until they expire."""
        if form.get("grant_type") != "client_credentials":
            return Denied("unsupported_grant_type", "The grant type is not supported.")
        known = hmac.compare_digest(form.get("client_id", ""), self._client_id)
        right = hmac.compare_digest(form.get("client_secret", ""), self._client_secret)
        if not (known and right):
            return Denied("invalid_client", "Client authentication failed.")
        if not self.installed:
            return Denied(
                "shop_not_permitted", "Client credentials cannot be performed on this shop."
            )
        token = f"shpat_{self._shop.random.getrandbits(128):032x}"
        lifetime = timedelta(seconds=self.token_seconds)
        self._expiry[token] = self._shop.clock.now() + lifetime
        return token

    def admits(self, token: str) -> bool:
        if self._static_token is not None and hmac.compare_digest(token, self._static_token):
            return True
        until = self._expiry.get(token)
        return until is not None and self._shop.clock.now() < until

    def expire_all(self) -> None:
        """Every token given out is dead from now on; a static one stays."""
        self._expiry.clear()
