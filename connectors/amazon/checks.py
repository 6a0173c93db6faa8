"""What `lockstep check` asks Amazon: up to five reads, and no write."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit

from connectors.amazon.client import NotThere, SellingPartner
from connectors.amazon.fields import Record, instant_text, list_of, part, text
from connectors.amazon.operations import (
    GET_LISTINGS_ITEM,
    GET_MARKETPLACE_PARTICIPATIONS,
    GET_SHIPMENTS,
    LIST_TRANSACTIONS,
    SEARCH_ORDERS,
    Operation,
)
from connectors.amazon.settings import Settings
from connectors.amazon.walks import BEFORE_NOW
from core.errors import RateLimited, Rejected, Unauthorized
from core.ports import CheckReport, Right

#: Amazon shows addresses only to apps with this role; without it they are left out in silence
#: (developer-docs.amazon.com/sp-api/docs/get-orders-with-filtering-criteria).
ADDRESS_ROLE = "Direct-to-Consumer Shipping (Restricted)"
#: A SKU nobody has: the answer 404 proves the right to ask.
NO_SUCH_SKU = "lockstep-check-no-such-sku"
#: How far back to look for an order that must show an address.
LOOK_BACK = timedelta(days=14)
#: Warn this long before the client secret ends; it must be rotated every 180 days.
SECRET_WARNING = timedelta(days=30)


def report(amazon: SellingPartner, settings: Settings, *, now: datetime) -> CheckReport:
    """Account, roles and what stops without them, expiry.

    Raises Unauthorized where not even an access token is given, Unavailable.
    """
    store, place_problems = _marketplace(amazon, settings)
    orders, order_facts, order_problems = _orders(amazon, settings, now=now)
    listings, listing_problems = _listings(amazon, settings)
    inbound, inbound_problems = _inbound(amazon, settings)
    finances, finance_problems = _finances(amazon, settings, now=now)
    return CheckReport(
        name=f"{store or settings.seller_id} at {urlsplit(settings.api_url).hostname}",
        facts=(
            ("seller", settings.seller_id),
            ("marketplace", settings.marketplace_id),
            ("region", settings.region),
            ("orders API", "2026-01-01 (confirmations: v0)"),
            *order_facts,
            *inbound,
        ),
        rights=(*orders, *listings, *finances),
        problems=(
            *place_problems,
            *order_problems,
            *listing_problems,
            *inbound_problems,
            *finance_problems,
            *_expiry(settings.secret_expires_on, now=now),
        ),
        secret_expires_at=_midnight(settings.secret_expires_on),
    )


def _marketplace(amazon: SellingPartner, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """The store's name there, and what is wrong with the account in this marketplace."""
    try:
        answer = amazon.call(GET_MARKETPLACE_PARTICIPATIONS)
    except Unauthorized as error:
        # A private app need not have this role; nothing stops without it.
        if error.missing is None:
            raise
        return "", ()
    except (RateLimited, Rejected) as error:
        return "", (str(error),)
    for entry in list_of(answer, "payload"):
        if text(part(entry, "marketplace"), "id") == settings.marketplace_id:
            participation = part(entry, "participation")
            problems = []
            if participation.get("isParticipating") is not True:
                problems.append("the account does not sell in this marketplace")
            if participation.get("hasSuspendedListings") is True:
                problems.append("the account has suspended listings in this marketplace")
            return text(entry, "storeName"), tuple(problems)
    return "", (f"the account is not in marketplace {settings.marketplace_id}",)


def _orders(
    amazon: SellingPartner, settings: Settings, *, now: datetime
) -> tuple[tuple[Right, ...], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The right to read orders, and to see addresses, from one page of orders that wait for us."""
    query = {
        "marketplaceIds": settings.marketplace_id,
        "lastUpdatedAfter": instant_text(now - LOOK_BACK),
        "lastUpdatedBefore": instant_text(now - BEFORE_NOW),
        "fulfillmentStatuses": "UNSHIPPED",
        "fulfilledBy": "MERCHANT",
        "includedData": "RECIPIENT,FULFILLMENT",
        "maxResultsPerPage": "10",
    }
    without = "orders cannot be read and shipments cannot be confirmed"
    role = SEARCH_ORDERS.role
    try:
        answer = amazon.call(SEARCH_ORDERS, query=query)
    except RateLimited as error:
        wait = f"not asked: the next call is allowed in {error.retry_after:.0f} s"
        return (), (("orders", wait),), ()
    except Unauthorized as error:
        return (_denied(error, SEARCH_ORDERS, without),), (), ()
    except Rejected as error:
        return (), (), (str(error),)
    granted = Right(role, granted=True, without_it=without)
    waiting = list_of(answer, "orders")
    if not waiting:
        told = "no order waits to be shipped, so it cannot be told"
        return (granted,), ((ADDRESS_ROLE, told),), ()
    shown = any(_has_street(order) for order in waiting)
    addresses = Right(
        ADDRESS_ROLE,
        granted=shown,
        without_it="addresses stay empty: no order can be handed to a place that ships",
    )
    return (granted, addresses), (), ()


def _listings(
    amazon: SellingPartner, settings: Settings
) -> tuple[tuple[Right, ...], tuple[str, ...]]:
    without = "listings cannot be read and quantities cannot be written"
    try:
        amazon.call(
            GET_LISTINGS_ITEM,
            settings.seller_id,
            NO_SUCH_SKU,
            query={"marketplaceIds": settings.marketplace_id, "includedData": "summaries"},
        )
    except NotThere:
        pass
    except Unauthorized as error:
        return (_denied(error, GET_LISTINGS_ITEM, without),), ()
    except (RateLimited, Rejected) as error:
        # A wrong seller id or marketplace is told here.
        return (), (str(error),)
    return (Right(GET_LISTINGS_ITEM.role, granted=True, without_it=without),), ()


def _inbound(
    amazon: SellingPartner, settings: Settings
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Whether shipments to FBA can be followed. Who sends none there needs no role for it."""
    what = "shipments to FBA"
    query = {
        "QueryType": "SHIPMENT",
        "MarketplaceId": settings.marketplace_id,
        "ShipmentStatusList": "WORKING",
    }
    try:
        amazon.call(GET_SHIPMENTS, query=query)
    except Unauthorized as error:
        if error.missing is None:
            raise
        return ((what, f"not followed: the role {GET_SHIPMENTS.role} is missing"),), ()
    except (RateLimited, Rejected) as error:
        return (), (str(error),)
    return ((what, "followed"),), ()


def _finances(
    amazon: SellingPartner, settings: Settings, *, now: datetime
) -> tuple[tuple[Right, ...], tuple[str, ...]]:
    """The right to see what was paid back, where returns are settled here."""
    if not settings.returns:
        return (), ()
    without = "refunds cannot be seen, and nothing can be paid back"
    span = {
        "postedAfter": instant_text(now - timedelta(hours=1)),
        "postedBefore": instant_text(now - BEFORE_NOW),
    }
    try:
        amazon.call(LIST_TRANSACTIONS, query=span)
    except Unauthorized as error:
        return (_denied(error, LIST_TRANSACTIONS, without),), ()
    except (RateLimited, Rejected) as error:
        return (), (str(error),)
    return (Right(LIST_TRANSACTIONS.role, granted=True, without_it=without),), ()


def _denied(error: Unauthorized, operation: Operation, without: str) -> Right:
    """A missing role; any other refusal is of the credential itself, and is raised."""
    if error.missing is None:
        raise error
    return Right(operation.role, granted=False, without_it=without)


def _has_street(order: Record) -> bool:
    address = part(part(order, "recipient"), "deliveryAddress")
    return bool(text(address, "addressLine1") and text(address, "name"))


def _expiry(on: date | None, *, now: datetime) -> tuple[str, ...]:
    ends = _midnight(on)
    if ends is None:
        return ("secret_expires_on is not set: nobody is warned before the client secret ends",)
    if ends <= now:
        return (f"the client secret expired on {on}",)
    if ends - now <= SECRET_WARNING:
        return (f"the client secret expires on {on}: rotate it in the Solution Provider Portal",)
    return ()


def _midnight(on: date | None) -> datetime | None:
    return datetime.combine(on, time.min, UTC) if on else None
