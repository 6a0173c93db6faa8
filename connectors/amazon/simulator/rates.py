"""Token buckets per operation, as the usage plans of the published models give them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Plan:
    #: requests a second
    rate: float
    #: tokens in a full bucket
    burst: float


#: The default plan of an account-application pair; from the models' "Usage Plan" tables.
PLANS = {
    "searchOrders": Plan(0.0056, 20),
    "getOrder": Plan(0.5, 30),
    "confirmShipment": Plan(2, 10),
    "getListingsItem": Plan(5, 10),
    "patchListingsItem": Plan(5, 5),
    "searchListingsItems": Plan(5, 5),
    "createReport": Plan(0.0167, 15),
    "getReport": Plan(2, 15),
    "getReportDocument": Plan(0.0167, 15),
    "createFeed": Plan(0.0083, 15),
    "createFeedDocument": Plan(0.5, 15),
    "getFeeds": Plan(0.0222, 10),
    "getFeed": Plan(2, 15),
    "cancelFeed": Plan(2, 15),
    "getFeedDocument": Plan(0.0222, 10),
    "getInventorySummaries": Plan(2, 2),
    "getShipments": Plan(2, 30),
    "getShipmentItemsByShipmentId": Plan(2, 30),
    "getShipmentItems": Plan(2, 30),
    "createFulfillmentOrder": Plan(2, 30),
    "getFulfillmentOrder": Plan(2, 30),
    "cancelFulfillmentOrder": Plan(2, 30),
    "listTransactions": Plan(0.5, 10),
    "getMarketplaceParticipations": Plan(0.016, 15),
}
#: JSON_LISTINGS_FEED has a limit of its own: 5 submissions in 5 minutes (changelog 2025-05-06).
LISTINGS_FEED = "createFeed JSON_LISTINGS_FEED"
LISTINGS_FEED_PLAN = Plan(5 / 300, 5)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class TokenBuckets:
    """`scale` speeds the plans up (tests, a seller with a higher plan); 1.0 is the default plan."""

    def __init__(self, *, scale: float) -> None:
        self._scale = scale
        self._buckets: dict[str, _Bucket] = {}

    def plan(self, operation: str) -> Plan | None:
        plan = LISTINGS_FEED_PLAN if operation == LISTINGS_FEED else PLANS.get(operation)
        if plan is None:
            return None
        return Plan(plan.rate * self._scale, plan.burst * max(1.0, self._scale))

    def take(self, operation: str, *, now: datetime) -> bool:
        """Take one token; False when the bucket is empty. A refused call costs nothing."""
        plan = self.plan(operation)
        if plan is None:
            return True
        bucket = self._buckets.setdefault(operation, _Bucket(plan.burst, now))
        passed = max(0.0, (now - bucket.at).total_seconds())
        bucket.tokens = min(plan.burst, bucket.tokens + passed * plan.rate)
        bucket.at = now
        # The refill is a sum of floats: a token that is due must not be missed by a rounding error.
        if bucket.tokens < 1 - 1e-9:
            return False
        bucket.tokens -= 1
        return True

    def limit_header(self, operation: str, *, status: int) -> dict[str, str]:
        """`x-amzn-RateLimit-Limit`: the models declare it on 2xx, 400 and 404 only."""
        plan = self.plan(operation)
        if plan is None or not (status < 300 or status in (400, 404)):
            return {}
        return {"x-amzn-RateLimit-Limit": f"{plan.rate:.6g}"}
