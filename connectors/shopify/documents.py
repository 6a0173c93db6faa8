"""Every GraphQL document we send, and what it costs.

A test validates each against the real schemas of 2026-04, 2026-07 and 2026-10: no deprecated
field, and an estimate that is not below the measured cost formula. The estimate only paces the
first call; afterwards the answered `requestedQueryCost` is used.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Order lines, variants and the like read together with their parent; more come page by page.
NESTED = 50
#: The most ids, quantities or edges one call may name (MAX_INPUT_SIZE_EXCEEDED beyond it).
MOST = 250


@dataclass(frozen=True, slots=True)
class Document:
    """One operation; `cost` is its requested cost at the largest page size we allow."""

    name: str
    text: str
    cost: int
    write: bool = False


_PAGE = "pageInfo { hasNextPage endCursor }"

_ADDRESS = """
fragment Destination on MailingAddress {
  firstName lastName name company address1 address2 city provinceCode zip countryCodeV2 phone
}
"""

_LINE = """
fragment Line on LineItem {
  id name sku quantity currentQuantity unfulfilledQuantity nonFulfillableQuantity
  requiresShipping isGiftCard
  variant { id sku }
  discountedUnitPriceAfterAllDiscountsSet {
    shopMoney { amount currencyCode } presentmentMoney { amount currencyCode }
  }
}
"""

# Only what tells who ships a line, and whether it may ship yet.
_ASSIGNMENT = f"""
fragment Assignment on FulfillmentOrder {{
  id status fulfillBy
  assignedLocation {{ location {{ id isFulfillmentService }} }}
  lineItems(first: 20) {{
    {_PAGE} nodes {{ id totalQuantity remainingQuantity lineItem {{ id }} }}
  }}
}}
"""

_ORDER = (
    f"""
fragment OrderFacts on Order {{
  id legacyResourceId name createdAt processedAt updatedAt cancelledAt cancelReason
  test edited sourceName sourceIdentifier tags
  displayFinancialStatus displayFulfillmentStatus returnStatus
  currencyCode presentmentCurrencyCode email phone
  currentTotalPriceSet {{ shopMoney {{ amount currencyCode }} }}
  risk {{ recommendation }}
  shippingAddress {{ ...Destination }}
  billingAddress {{ provinceCode zip countryCodeV2 }}
  shippingLine {{ title code }}
  lineItems(first: {NESTED}) {{ {_PAGE} nodes {{ ...Line }} }}
  fulfillmentOrders(first: 10) {{ {_PAGE} nodes {{ ...Assignment }} }}
}}
"""
    + _ADDRESS
    + _LINE
    + _ASSIGNMENT
)

SHOP = Document(
    "Shop",
    """query Shop {
  shop {
    id name myshopifyDomain currencyCode ianaTimezone
    plan { publicDisplayName partnerDevelopment shopifyPlus }
  }
  currentAppInstallation { id accessScopes { handle } }
}""",
    cost=4,
)

LOCATIONS = Document(
    "Locations",
    f"""query Locations($after: String) {{
  locations(first: {NESTED}, after: $after, sortKey: ID) {{ {_PAGE} nodes {{ id name isActive }} }}
}}""",
    cost=9,
)

ORDERS = Document(
    "Orders",
    f"""query Orders($first: Int!, $after: String, $query: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    {_PAGE} nodes {{ ...OrderFacts }}
  }}
}}
{_ORDER}""",
    cost=749,
)

ORDER = Document(
    "Order",
    f"query Order($id: ID!) {{ order(id: $id) {{ ...OrderFacts }} }}\n{_ORDER}",
    cost=83,
)

#: Without a query, so that the orders themselves answer and not the index of the search: a list by
#: another way than the walk's. The count is the index's, which a walk that lost a page falls short of.
CENSUS = Document(
    "Census",
    f"""query Census($after: String, $query: String) {{
  ordersCount(query: $query, limit: null) {{ count precision }}
  orders(first: {MOST}, after: $after, sortKey: CREATED_AT, reverse: true) {{
    {_PAGE} nodes {{ id createdAt }}
  }}
}}""",
    cost=60,
)

ORDER_LINES = Document(
    "OrderLines",
    f"""query OrderLines($id: ID!, $after: String) {{
  order(id: $id) {{ id lineItems(first: {MOST}, after: $after) {{ {_PAGE} nodes {{ ...Line }} }} }}
}}
{_LINE}""",
    cost=25,
)

ORDER_ASSIGNMENTS = Document(
    "OrderAssignments",
    f"""query OrderAssignments($id: ID!, $after: String) {{
  order(id: $id) {{
    id fulfillmentOrders(first: 10, after: $after) {{ {_PAGE} nodes {{ ...Assignment }} }}
  }}
}}
{_ASSIGNMENT}""",
    cost=63,
)

_VARIANT = """
fragment Variant on ProductVariant {
  id title sku price inventoryPolicy updatedAt
  inventoryItem { id tracked requiresShipping }
}
"""

PRODUCTS = Document(
    "Products",
    f"""query Products($first: Int!, $after: String, $query: String) {{
  shop {{ currencyCode }}
  products(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    {_PAGE}
    nodes {{
      id title status isGiftCard updatedAt
      variants(first: {NESTED}) {{ {_PAGE} nodes {{ ...Variant }} }}
    }}
  }}
}}
{_VARIANT}""",
    cost=156,
)

PRODUCT_VARIANTS = Document(
    "ProductVariants",
    f"""query ProductVariants($id: ID!, $after: String) {{
  product(id: $id) {{ id variants(first: {MOST}, after: $after) {{ {_PAGE} nodes {{ ...Variant }} }} }}
}}
{_VARIANT}""",
    cost=25,
)

# A list field costs the same whatever its length, so 250 items cost as little as one.
INVENTORY_LEVELS = Document(
    "InventoryLevels",
    """query InventoryLevels($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      inventoryLevel(locationId: $location) {
        id isActive quantities(names: ["available"]) { name quantity }
      }
    }
  }
}""",
    cost=3,
)

_EIGHT = (
    '["available", "on_hand", "committed", "reserved", "incoming", "damaged", "safety_stock", '
    '"quality_control"]'
)

STOCK_LEVELS = Document(
    "StockLevels",
    f"""query StockLevels($location: ID!, $first: Int!, $after: String, $query: String) {{
  location(id: $location) {{
    id
    inventoryLevels(first: $first, after: $after, query: $query) {{
      {_PAGE}
      nodes {{
        id updatedAt
        item {{ id sku tracked }}
        quantities(names: {_EIGHT}) {{ name quantity }}
      }}
    }}
  }}
}}""",
    cost=60,
)

RESERVATION_LEVELS = Document(
    "ReservationLevels",
    """query ReservationLevels($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      inventoryLevel(locationId: $location) {
        id quantities(names: ["available", "reserved"]) { name quantity updatedAt }
      }
    }
  }
}""",
    cost=3,
)

INVENTORY_MOVE = Document(
    "InventoryMove",
    """mutation InventoryMove($input: InventoryMoveQuantitiesInput!, $key: String!) {
  inventoryMoveQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}""",
    cost=10,
    write=True,
)

INVENTORY_ADJUST = Document(
    "InventoryAdjust",
    """mutation InventoryAdjust($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}""",
    cost=10,
    write=True,
)

INVENTORY_SET = Document(
    "InventorySet",
    """mutation InventorySet($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}""",
    cost=10,
    write=True,
)

INVENTORY_ACTIVATE = Document(
    "InventoryActivate",
    """mutation InventoryActivate($item: ID!, $location: ID!, $available: Int!, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available)
    @idempotent(key: $key) {
    inventoryLevel { id isActive quantities(names: ["available"]) { name quantity } }
    userErrors { field message }
  }
}""",
    cost=11,
    write=True,
)

STAGED_UPLOADS_CREATE = Document(
    "StagedUploadsCreate",
    """mutation StagedUploadsCreate($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url parameters { name value } }
    userErrors { field message }
  }
}""",
    cost=20,
    write=True,
)

BULK_RUN_MUTATION = Document(
    "BulkRunMutation",
    """mutation BulkRunMutation($mutation: String!, $path: String!, $client: String) {
  bulkOperationRunMutation(
    mutation: $mutation, stagedUploadPath: $path, clientIdentifier: $client
  ) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}""",
    cost=20,
    write=True,
)

BULK_OPERATION = Document(
    "BulkOperation",
    """query BulkOperation($id: ID!) {
  bulkOperation(id: $id) { id status errorCode objectCount url partialDataUrl }
}""",
    cost=2,
)

BULK_OPERATIONS = Document(
    "BulkOperations",
    f"""query BulkOperations($after: String) {{
  bulkOperations(first: 20, after: $after, sortKey: CREATED_AT, reverse: true) {{
    {_PAGE} nodes {{ id createdAt query }}
  }}
}}""",
    cost=10,
)

BULK_CANCEL = Document(
    "BulkCancel",
    """mutation BulkCancel($id: ID!) {
  bulkOperationCancel(id: $id) { bulkOperation { id status } userErrors { field message } }
}""",
    cost=20,
    write=True,
)

# Read before each write to an order: fulfillment order ids do not survive moves, splits, holds.
ORDER_PARCELS = Document(
    "OrderParcels",
    f"""query OrderParcels($id: ID!, $after: String) {{
  order(id: $id) {{
    id
    fulfillments(first: {MOST}) {{
      id status
      trackingInfo(first: 10) {{ company number }}
      fulfillmentLineItems(first: {NESTED}) {{ {_PAGE} nodes {{ id quantity lineItem {{ id }} }} }}
    }}
    fulfillmentOrders(first: 10, after: $after) {{
      {_PAGE}
      nodes {{
        id status
        assignedLocation {{ location {{ id isFulfillmentService }} }}
        supportedActions {{ action }}
        lineItems(first: {NESTED}) {{ {_PAGE} nodes {{ id remainingQuantity lineItem {{ id }} }} }}
      }}
    }}
  }}
}}""",
    cost=101,
)

FULFILLMENT_LINES = Document(
    "FulfillmentLines",
    f"""query FulfillmentLines($id: ID!, $after: String) {{
  fulfillment(id: $id) {{
    id
    fulfillmentLineItems(first: {MOST}, after: $after) {{
      {_PAGE} nodes {{ id quantity lineItem {{ id }} }}
    }}
  }}
}}""",
    cost=25,
)

FULFILLMENT_ORDER_LINES = Document(
    "FulfillmentOrderLines",
    f"""query FulfillmentOrderLines($id: ID!, $after: String) {{
  fulfillmentOrder(id: $id) {{
    id
    lineItems(first: {MOST}, after: $after) {{
      {_PAGE} nodes {{ id totalQuantity remainingQuantity lineItem {{ id }} }}
    }}
  }}
}}""",
    cost=25,
)

ORDER_CANCELED = Document(
    "OrderCanceled",
    """query OrderCanceled($id: ID!) {
  order(id: $id) { id cancelledAt }
}""",
    cost=1,
)

ORDER_CANCEL = Document(
    "OrderCancel",
    """mutation OrderCancel($id: ID!, $reason: OrderCancelReason!, $restock: Boolean!) {
  orderCancel(
    orderId: $id, reason: $reason, restock: $restock, notifyCustomer: true,
    refundMethod: {originalPaymentMethodsRefund: true}
  ) {
    job { id }
    orderCancelUserErrors { code field message }
  }
}""",
    cost=10,
    write=True,
)

FULFILLMENT_CREATE = Document(
    "FulfillmentCreate",
    """mutation FulfillmentCreate($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status }
    userErrors { field message }
  }
}""",
    cost=10,
    write=True,
)

FULFILLMENT_ORDER_MOVE = Document(
    "FulfillmentOrderMove",
    """mutation FulfillmentOrderMove(
  $id: ID!, $location: ID!, $lines: [FulfillmentOrderLineItemInput!]!
) {
  fulfillmentOrderMove(id: $id, newLocationId: $location, fulfillmentOrderLineItems: $lines) {
    movedFulfillmentOrder { id }
    userErrors { code field message }
  }
}""",
    cost=10,
    write=True,
)

ALL = (
    SHOP,
    LOCATIONS,
    ORDERS,
    CENSUS,
    ORDER,
    ORDER_LINES,
    ORDER_ASSIGNMENTS,
    PRODUCTS,
    PRODUCT_VARIANTS,
    INVENTORY_LEVELS,
    STOCK_LEVELS,
    RESERVATION_LEVELS,
    INVENTORY_MOVE,
    INVENTORY_ADJUST,
    INVENTORY_SET,
    INVENTORY_ACTIVATE,
    STAGED_UPLOADS_CREATE,
    BULK_RUN_MUTATION,
    BULK_OPERATION,
    BULK_OPERATIONS,
    BULK_CANCEL,
    ORDER_PARCELS,
    FULFILLMENT_LINES,
    FULFILLMENT_ORDER_LINES,
    FULFILLMENT_CREATE,
    FULFILLMENT_ORDER_MOVE,
    ORDER_CANCEL,
    ORDER_CANCELED,
)
