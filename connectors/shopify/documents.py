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
  risk {{ recommendation }} disputes {{ initiatedAs status }}
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
    cost=758,
)

#: The same page without what orders hold.
ORDER_IDS = Document(
    "OrderIds",
    f"""query OrderIds($first: Int!, $after: String, $query: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    {_PAGE} nodes {{ id }}
  }}
}}""",
    cost=15,
)

ORDER = Document(
    "Order",
    f"query Order($id: ID!) {{ order(id: $id) {{ ...OrderFacts }} }}\n{_ORDER}",
    cost=84,
)

#: Without a query, so that the orders themselves answer and not the index of the search: a list by
#: another way than the walk's. Only around what cannot be shown there is one.
CENSUS = Document(
    "Census",
    f"""query Census($after: String, $query: String) {{
  orders(first: {MOST}, after: $after, query: $query, sortKey: CREATED_AT, reverse: true) {{
    {_PAGE} nodes {{ id createdAt }}
  }}
}}""",
    cost=60,
)

ORDER_COUNT = Document(
    "OrderCount",
    """query OrderCount($query: String) {
  ordersCount(query: $query, limit: null) { count precision }
}""",
    cost=10,
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
  id title sku barcode price inventoryPolicy updatedAt
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

_SHOP_MONEY = "{ shopMoney { amount currencyCode } }"

# What the buyer wrote beside a reason is left out: it may say who they are.
_RETURN_LINE = """
fragment ReturnLine on ReturnLineItemType {
  id quantity returnReasonDefinition { handle name }
  ... on ReturnLineItem { fulfillmentLineItem { id lineItem { id sku } } }
}
"""

_EXCHANGE_LINE = f"""
fragment ExchangeLine on ExchangeLineItem {{
  id quantity variantId
  lineItems {{ id sku discountedUnitPriceAfterAllDiscountsSet {_SHOP_MONEY} }}
}}
"""

_RETURN = (
    f"""
fragment ReturnFacts on Return {{
  id name status createdAt
  returnLineItems(first: 10) {{ {_PAGE} nodes {{ ...ReturnLine }} }}
  exchangeLineItems(first: 5) {{ {_PAGE} nodes {{ ...ExchangeLine }} }}
  reverseFulfillmentOrders(first: 1) {{
    nodes {{
      id
      reverseDeliveries(first: 3) {{
        nodes {{
          id
          deliverable {{
            ... on ReverseDeliveryShippingDeliverable {{
              tracking {{ carrierName number }} label {{ createdAt }}
            }}
          }}
        }}
      }}
    }}
  }}
}}
"""
    + _RETURN_LINE
    + _EXCHANGE_LINE
)

_REFUND_LINE = f"""
fragment RefundLine on RefundLineItem {{
  id quantity restockType lineItem {{ id }} subtotalSet {_SHOP_MONEY} totalTaxSet {_SHOP_MONEY}
}}
"""

_REFUND = (
    f"""
fragment RefundFacts on Refund {{
  id note createdAt processedAt totalRefundedSet {_SHOP_MONEY}
  return @include(if: $returns) {{ id }}
  refundLineItems(first: 20) {{ {_PAGE} nodes {{ ...RefundLine }} }}
  refundShippingLines(first: 5) {{
    nodes {{ id subtotalAmountSet {_SHOP_MONEY} taxAmountSet {_SHOP_MONEY} }}
  }}
  transactions(first: 5) {{ nodes {{ id status }} }}
}}
"""
    + _REFUND_LINE
)

#: `$returns`: returns are used, and may be read (read_returns); refunds need no more than orders do.
#: Whatever happens to a return or a refund changes its order, so orders are what is walked.
RETURNS = Document(
    "Returns",
    f"""query Returns($first: Int!, $after: String, $query: String, $returns: Boolean!) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    {_PAGE}
    nodes {{
      id currencyCode taxesIncluded disputes {{ initiatedAs status }}
      returns(first: 2) @include(if: $returns) {{ {_PAGE} nodes {{ ...ReturnFacts }} }}
      refunds(first: {MOST}) {{ ...RefundFacts }}
    }}
  }}
}}
{_RETURN}{_REFUND}""",
    cost=614,
)

#: Of Shopify Payments alone. Reversed, since it is the newer ones that are looked for.
DISPUTES = Document(
    "Disputes",
    f"""query Disputes($after: String) {{
  disputes(first: 100, after: $after, reverse: true) {{
    {_PAGE}
    nodes {{
      id type status initiatedAt finalizedOn amount {{ amount currencyCode }} order {{ id }}
    }}
  }}
}}""",
    cost=20,
)

ORDER_RETURNS = Document(
    "OrderReturns",
    f"""query OrderReturns($id: ID!, $after: String) {{
  order(id: $id) {{
    id returns(first: 10, after: $after) {{ {_PAGE} nodes {{ ...ReturnFacts }} }}
  }}
}}
{_RETURN}""",
    cost=163,
)

RETURN_LINES = Document(
    "ReturnLines",
    f"""query ReturnLines($id: ID!, $after: String) {{
  return(id: $id) {{
    id returnLineItems(first: {MOST}, after: $after) {{ {_PAGE} nodes {{ ...ReturnLine }} }}
  }}
}}
{_RETURN_LINE}""",
    cost=47,
)

RETURN_EXCHANGES = Document(
    "ReturnExchanges",
    f"""query ReturnExchanges($id: ID!, $after: String) {{
  return(id: $id) {{
    id exchangeLineItems(first: {MOST}, after: $after) {{ {_PAGE} nodes {{ ...ExchangeLine }} }}
  }}
}}
{_EXCHANGE_LINE}""",
    cost=25,
)

REFUND_LINES = Document(
    "RefundLines",
    f"""query RefundLines($id: ID!, $after: String) {{
  refund(id: $id) {{
    id refundLineItems(first: {MOST}, after: $after) {{ {_PAGE} nodes {{ ...RefundLine }} }}
  }}
}}
{_REFUND_LINE}""",
    cost=25,
)

# What was received and what went back of it, read before each refund.
ORDER_MONEY = Document(
    "OrderMoney",
    f"""query OrderMoney($id: ID!, $returns: Boolean!) {{
  order(id: $id) {{
    id currencyCode presentmentCurrencyCode
    transactions(first: {MOST}) {{
      id kind status gateway amountSet {_SHOP_MONEY} parentTransaction {{ id }}
    }}
    refunds(first: {MOST}) {{ ...RefundFacts }}
  }}
}}
{_REFUND}""",
    cost=27,
)

REFUNDABLE = Document(
    "Refundable",
    """query Refundable($id: ID!, $lines: [ID!]!) {
  order(id: $id) { id currencyCode presentmentCurrencyCode taxesIncluded }
  nodes(ids: $lines) { ... on LineItem { id refundableQuantity currentQuantity unfulfilledQuantity } }
}""",
    cost=2,
)

SUGGESTED_REFUND = Document(
    "SuggestedRefund",
    f"""query SuggestedRefund($id: ID!, $lines: [RefundLineItemInput!]) {{
  order(id: $id) {{
    id
    suggestedRefund(refundLineItems: $lines, refundShipping: true) {{
      maximumRefundableSet {_SHOP_MONEY}
      shipping {{ amountSet {_SHOP_MONEY} taxSet {_SHOP_MONEY} }}
      refundLineItems {{
        id quantity lineItem {{ id }} location {{ id }}
        subtotalSet {_SHOP_MONEY} totalTaxSet {_SHOP_MONEY}
      }}
    }}
  }}
}}""",
    cost=6,
)

# What is left to process of a return, and where its units wait to be disposed of.
RETURN_OPEN = Document(
    "ReturnOpen",
    f"""query ReturnOpen($id: ID!, $after: String) {{
  return(id: $id) {{
    id status
    reverseFulfillmentOrders(first: 5) {{
      nodes {{
        id
        lineItems(first: 100) {{
          nodes {{ id totalQuantity fulfillmentLineItem {{ id }} dispositions {{ quantity }} }}
        }}
      }}
    }}
    returnLineItems(first: 100, after: $after) {{
      {_PAGE}
      nodes {{
        id processableQuantity
        ... on ReturnLineItem {{ fulfillmentLineItem {{ id lineItem {{ id }} }} }}
      }}
    }}
  }}
}}""",
    cost=122,
)

RETURN_OUTCOME = Document(
    "ReturnOutcome",
    f"""query ReturnOutcome($id: ID!, $lines: [SuggestedOutcomeReturnLineItemInput!]!) {{
  return(id: $id) {{
    id
    suggestedFinancialOutcome(returnLineItems: $lines, exchangeLineItems: []) {{
      discountedSubtotal {_SHOP_MONEY} totalTax {_SHOP_MONEY}
    }}
  }}
}}""",
    cost=2,
)

REFUND_CREATE = Document(
    "RefundCreate",
    """mutation RefundCreate($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id transactions(first: 5) { nodes { id status } } }
    userErrors { field message }
  }
}""",
    cost=25,
    write=True,
)

RETURN_PROCESS = Document(
    "ReturnProcess",
    f"""mutation ReturnProcess($input: ReturnProcessInput!, $returns: Boolean!) {{
  returnProcess(input: $input) {{
    return {{
      id
      refunds(first: 20) {{ nodes {{ ...RefundFacts }} }}
    }}
    userErrors {{ code field message }}
  }}
}}
{_REFUND}""",
    cost=132,
    write=True,
)

RETURN_STATUS = Document(
    "ReturnStatus",
    "query ReturnStatus($id: ID!) { return(id: $id) { id status } }",
    cost=1,
)


def _return_step(name: str, field: str, *, asked: str, given: str) -> Document:
    """A mutation that moves a return on, with its one argument."""
    return Document(
        name,
        f"""mutation {name}({asked}) {{
  {field}({given}) {{
    return {{ id status }}
    userErrors {{ code field message }}
  }}
}}""",
        cost=10,
        write=True,
    )


RETURN_APPROVE = _return_step(
    "ReturnApprove", "returnApproveRequest",
    asked="$input: ReturnApproveRequestInput!", given="input: $input",
)  # fmt: skip
RETURN_DECLINE = _return_step(
    "ReturnDecline", "returnDeclineRequest",
    asked="$input: ReturnDeclineRequestInput!", given="input: $input",
)  # fmt: skip
RETURN_CLOSE = _return_step("ReturnClose", "returnClose", asked="$id: ID!", given="id: $id")
RETURN_CANCEL = _return_step("ReturnCancel", "returnCancel", asked="$id: ID!", given="id: $id")
RETURN_REOPEN = _return_step("ReturnReopen", "returnReopen", asked="$id: ID!", given="id: $id")

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
    ORDER_COUNT,
    ORDER,
    ORDER_IDS,
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
    RETURNS,
    DISPUTES,
    ORDER_RETURNS,
    RETURN_LINES,
    RETURN_EXCHANGES,
    REFUND_LINES,
    ORDER_MONEY,
    REFUNDABLE,
    SUGGESTED_REFUND,
    RETURN_OPEN,
    RETURN_OUTCOME,
    REFUND_CREATE,
    RETURN_PROCESS,
    RETURN_STATUS,
    RETURN_APPROVE,
    RETURN_DECLINE,
    RETURN_CLOSE,
    RETURN_CANCEL,
    RETURN_REOPEN,
)
