"""The operations we use: path, usage plan, and what may be assumed when an answer is lost.

Rates are Amazon's defaults per (application, seller account), from the published models at commit
34dc93f; a bucket refills `rate` tokens a second up to `burst`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    #: Amazon's own operationId
    name: str
    method: str
    #: `{}` are filled with percent-encoded parts
    path: str
    #: tokens a second
    rate: float
    burst: float
    #: the role of the app that grants it, for "missing: …"
    role: str
    #: an answer that is lost leaves it open whether something changed
    writes: bool = False
    #: success is 204 without a body
    empty_answer: bool = False
    #: the model states no body for success: whatever comes with it is not read
    any_answer: bool = False
    #: clock seconds a run may wait for a token; beyond that the unit becomes due later
    patience: float = 20.0


_ORDERS_ROLE = "Inventory and Order Tracking"
_LISTINGS_ROLE = "Product Listing"
_FULFILLMENT_ROLE = "Amazon Fulfillment"
#: From memory, as what it opens is.
FINANCE_ROLE = "Finance and Accounting"

#: One token each ~179 s: a run never waits for one, it walks on its burst and comes back later.
SEARCH_ORDERS = Operation(
    "searchOrders", "GET", "/orders/2026-01-01/orders", 0.0056, 20, _ORDERS_ROLE, patience=1.0
)
GET_ORDER = Operation(
    "getOrder", "GET", "/orders/2026-01-01/orders/{}", 0.5, 30, _ORDERS_ROLE
)  # fmt: skip
CONFIRM_SHIPMENT = Operation(
    "confirmShipment",
    "POST",
    "/orders/v0/orders/{}/shipmentConfirmation",
    2,
    10,
    _ORDERS_ROLE,
    writes=True,
    empty_answer=True,
)
GET_LISTINGS_ITEM = Operation(
    "getListingsItem", "GET", "/listings/2021-08-01/items/{}/{}", 5, 10, _LISTINGS_ROLE
)
PATCH_LISTINGS_ITEM = Operation(
    "patchListingsItem", "PATCH", "/listings/2021-08-01/items/{}/{}", 5, 5, _LISTINGS_ROLE, writes=True
)  # fmt: skip
#: Changes nothing of the seller's: a second report is waste, not harm, so it may be repeated.
CREATE_REPORT = Operation(
    "createReport", "POST", "/reports/2021-06-30/reports", 0.0167, 15, _LISTINGS_ROLE
)
GET_REPORT = Operation(
    "getReport", "GET", "/reports/2021-06-30/reports/{}", 2, 15, _LISTINGS_ROLE
)  # fmt: skip
GET_REPORT_DOCUMENT = Operation(
    "getReportDocument", "GET", "/reports/2021-06-30/documents/{}", 0.0167, 15, _LISTINGS_ROLE
)

#: A document nobody names in a feed does nothing: it may be made again.
CREATE_FEED_DOCUMENT = Operation(
    "createFeedDocument", "POST", "/feeds/2021-06-30/documents", 0.5, 15, _LISTINGS_ROLE
)
#: Listing feeds have a limit of their own besides, 5 in 5 minutes: beyond it they are QuotaExceeded.
CREATE_FEED = Operation(
    "createFeed", "POST", "/feeds/2021-06-30/feeds", 0.0083, 15, _LISTINGS_ROLE, writes=True
)
GET_FEED = Operation("getFeed", "GET", "/feeds/2021-06-30/feeds/{}", 2, 15, _LISTINGS_ROLE)
GET_FEEDS = Operation("getFeeds", "GET", "/feeds/2021-06-30/feeds", 0.0222, 10, _LISTINGS_ROLE)
CANCEL_FEED = Operation(
    "cancelFeed",
    "DELETE",
    "/feeds/2021-06-30/feeds/{}",
    2,
    15,
    _LISTINGS_ROLE,
    writes=True,
    any_answer=True,
)
GET_FEED_DOCUMENT = Operation(
    "getFeedDocument", "GET", "/feeds/2021-06-30/documents/{}", 0.0222, 10, _LISTINGS_ROLE
)
#: The role "Amazon Fulfillment" opens it too; the one listings need is enough.
GET_INVENTORY_SUMMARIES = Operation(
    "getInventorySummaries", "GET", "/fba/inventory/v1/summaries", 2, 2, _LISTINGS_ROLE
)

GET_SHIPMENTS = Operation(
    "getShipments", "GET", "/fba/inbound/v0/shipments", 2, 30, _FULFILLMENT_ROLE
)  # fmt: skip
GET_SHIPMENT_ITEMS_BY_SHIPMENT_ID = Operation(
    "getShipmentItemsByShipmentId",
    "GET",
    "/fba/inbound/v0/shipments/{}/items",
    2,
    30,
    _FULFILLMENT_ROLE,
)
GET_SHIPMENT_ITEMS = Operation(
    "getShipmentItems", "GET", "/fba/inbound/v0/shipmentItems", 2, 30, _FULFILLMENT_ROLE
)

CREATE_FULFILLMENT_ORDER = Operation(
    "createFulfillmentOrder",
    "POST",
    "/fba/outbound/2020-07-01/fulfillmentOrders",
    2,
    30,
    _FULFILLMENT_ROLE,
    writes=True,
)
GET_FULFILLMENT_ORDER = Operation(
    "getFulfillmentOrder",
    "GET",
    "/fba/outbound/2020-07-01/fulfillmentOrders/{}",
    2,
    30,
    _FULFILLMENT_ROLE,
)
CANCEL_FULFILLMENT_ORDER = Operation(
    "cancelFulfillmentOrder",
    "PUT",
    "/fba/outbound/2020-07-01/fulfillmentOrders/{}/cancel",
    2,
    30,
    _FULFILLMENT_ROLE,
    writes=True,
)
LIST_TRANSACTIONS = Operation(
    "listTransactions", "GET", "/finances/2024-06-19/transactions", 0.5, 10, FINANCE_ROLE
)

#: For `check` alone: is the account really in this marketplace?
GET_MARKETPLACE_PARTICIPATIONS = Operation(
    "getMarketplaceParticipations",
    "GET",
    "/sellers/v1/marketplaceParticipations",
    0.016,
    15,
    "Selling Partner Insights",
)

OPERATIONS = (
    SEARCH_ORDERS,
    GET_ORDER,
    CONFIRM_SHIPMENT,
    GET_LISTINGS_ITEM,
    PATCH_LISTINGS_ITEM,
    CREATE_REPORT,
    GET_REPORT,
    GET_REPORT_DOCUMENT,
    CREATE_FEED_DOCUMENT,
    CREATE_FEED,
    GET_FEED,
    GET_FEEDS,
    CANCEL_FEED,
    GET_FEED_DOCUMENT,
    GET_INVENTORY_SUMMARIES,
    GET_SHIPMENTS,
    GET_SHIPMENT_ITEMS_BY_SHIPMENT_ID,
    GET_SHIPMENT_ITEMS,
    CREATE_FULFILLMENT_ORDER,
    GET_FULFILLMENT_ORDER,
    CANCEL_FULFILLMENT_ORDER,
    LIST_TRANSACTIONS,
    GET_MARKETPLACE_PARTICIPATIONS,
)
