"""Login with Amazon, and who may call what."""

from __future__ import annotations

import hmac
import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from connectors.amazon.simulator.wire import ApiError, access_denied
from connectors.simulation import Request, Response

ORDER_TRACKING = "Inventory and Order Tracking"
PRODUCT_LISTING = "Product Listing"
FULFILLMENT = "Amazon Fulfillment"
FINANCE = "Finance and Accounting"
#: Buyers' addresses appear with this role only, without any token of their own (Orders 2026-01-01).
SHIPPING_PII = "Direct-to-Consumer Shipping (Restricted)"
#: Buyers' names and mail addresses.
TAX_PII = "Tax Invoicing (Restricted)"
ALL_ROLES = (ORDER_TRACKING, PRODUCT_LISTING, FULFILLMENT, FINANCE)

#: One of these roles opens the operation. JSON_LISTINGS_FEED and FBA inventory as the "role
#: mappings" pages give them, the others from memory; sellers operations need any role at all.
_OPENED_BY: dict[str, tuple[str, ...]] = {
    "searchOrders": (ORDER_TRACKING, SHIPPING_PII, TAX_PII),
    "getOrder": (ORDER_TRACKING, SHIPPING_PII, TAX_PII),
    "confirmShipment": (ORDER_TRACKING, SHIPPING_PII),
    "getListingsItem": (PRODUCT_LISTING,),
    "patchListingsItem": (PRODUCT_LISTING,),
    "searchListingsItems": (PRODUCT_LISTING,),
    "getInventorySummaries": (PRODUCT_LISTING, FULFILLMENT),
    "getShipments": (FULFILLMENT,),
    "getShipmentItemsByShipmentId": (FULFILLMENT,),
    "getShipmentItems": (FULFILLMENT,),
    "createFulfillmentOrder": (FULFILLMENT,),
    "getFulfillmentOrder": (FULFILLMENT,),
    "cancelFulfillmentOrder": (FULFILLMENT,),
    "listTransactions": (FINANCE,),
}
_REPORTS_AND_FEEDS = (ORDER_TRACKING, PRODUCT_LISTING)
_GRANTLESS_SCOPES = (
    "sellingpartnerapi::notifications",
    "sellingpartnerapi::migration",
    "sellingpartnerapi::client_credential:rotation",
)


@dataclass(frozen=True, slots=True)
class _AccessToken:
    expires: datetime
    grantless: bool


class LoginWithAmazon:
    """The token endpoint and the check of `x-amz-access-token`."""

    def __init__(
        self,
        *,
        app_id: str,
        client_secret: str,
        refresh_token: str,
        token_seconds: int,
        roles: Collection[str],
        seed: int,
    ) -> None:
        self._app_id = app_id
        self._client_secret = client_secret
        self._refresh_token = refresh_token
        self._lifetime = token_seconds
        self.roles = frozenset(roles)
        self._random = random.Random(seed)
        self._tokens: dict[str, _AccessToken] = {}
        self.revoked = False
        self.issued = 0

    def revoke(self) -> None:
        """The seller takes the authorization back: no new tokens, and the old ones are dead."""
        self.revoked = True
        self._tokens.clear()

    def grant_again(self) -> None:
        self.revoked = False

    def answer(self, request: Request, *, now: datetime) -> Response:
        """POST /auth/o2/token, form-encoded."""
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        refusal = self._refusal(form)
        if refusal:
            return refusal
        grantless = form["grant_type"] == "client_credentials"
        body = {
            "access_token": self._issue(now, grantless=grantless),
            "token_type": "bearer",
            "expires_in": self._lifetime,
        }
        if not grantless:
            body["refresh_token"] = self._refresh_token
        return Response.json(body)

    def _refusal(self, form: dict[str, str]) -> Response | None:
        grant = form.get("grant_type", "")
        if grant not in ("refresh_token", "client_credentials"):
            return lwa_error(
                "unsupported_grant_type", "The authorization grant type is not supported"
            )
        if not self._knows(form):
            return lwa_error("invalid_client", "Client authentication failed", status=401)
        if grant == "client_credentials":
            if form.get("scope") not in _GRANTLESS_SCOPES:
                return lwa_error("invalid_scope", "The requested scope is invalid")
            return None
        if not form.get("refresh_token"):
            return lwa_error("invalid_request", "The request is missing refresh_token")
        if self.revoked or not _same(form["refresh_token"], self._refresh_token):
            return invalid_grant()
        return None

    def _knows(self, form: dict[str, str]) -> bool:
        return _same(form.get("client_id", ""), self._app_id) and _same(
            form.get("client_secret", ""), self._client_secret
        )

    def _issue(self, now: datetime, *, grantless: bool) -> str:
        self._tokens = {
            t: a for t, a in self._tokens.items() if a.expires > now - timedelta(days=1)
        }
        token = f"Atza|{self._random.getrandbits(256):064x}"
        self._tokens[token] = _AccessToken(now + timedelta(seconds=self._lifetime), grantless)
        self.issued += 1
        return token

    def admit(self, request: Request, operation: str, *, now: datetime) -> None:
        """Raises ApiError 403 unless the token is good and a role opens the operation."""
        token = self._tokens.get(request.headers.get("x-amz-access-token", ""))
        if token is None:
            raise access_denied("The access token you provided is revoked, malformed or invalid.")
        if token.expires <= now:
            raise expired()
        # All served operations act for a seller; a grantless token opens none of them.
        if token.grantless:
            raise access_denied()
        opened_by = _OPENED_BY.get(operation)
        if opened_by is None:
            opened_by = (
                ALL_ROLES if operation == "getMarketplaceParticipations" else _REPORTS_AND_FEEDS
            )
        if not self.roles.intersection(opened_by):
            raise access_denied()


def expired() -> ApiError:
    return access_denied("The access token you provided has expired.")


def lwa_error(code: str, description: str, *, status: int = 400) -> Response:
    return Response.json({"error": code, "error_description": description}, status=status)


def invalid_grant() -> Response:
    return lwa_error(
        "invalid_grant",
        "The request has an invalid grant parameter : refresh_token. "
        "User may have revoked or didn't grant the permission.",
    )


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
