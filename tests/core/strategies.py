"""What the property tests of core are fed with. Small alphabets on purpose: things must collide."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from core.model.catalog import LocationId, Sku
from core.model.orders import Address, Order, OrderLine, PaymentStatus
from core.model.stock import CountedBy, StockLocation

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

skus = st.sampled_from(["MUG", "TEE", "BOX"])
places = st.sampled_from(["east", "west", "acme"])
instants = st.integers(-50, 50).map(lambda minutes: NOON + timedelta(minutes=minutes))
spans = st.integers(0, 50).map(lambda minutes: timedelta(minutes=minutes))
components = st.dictionaries(skus, st.integers(1, 3), min_size=1)


def location(name: LocationId, priority: int = 100) -> StockLocation:
    return StockLocation(name, CountedBy.LOCKSTEP, priority)


locations = st.lists(
    st.builds(location, places, st.integers(1, 3)), unique_by=lambda one: one.id, max_size=3
)
availability: st.SearchStrategy[dict[tuple[Sku, LocationId], int]] = st.dictionaries(
    st.tuples(skus, places), st.integers(-5, 12)
)


def line(remote_id: str = "1", units: int = 2, **changes: Any) -> OrderLine:
    """A line of `units` mugs that we ship."""
    made = OrderLine(
        remote_id=remote_id,
        remote_sku="MUG",
        listing_remote_id="gid://mug",
        title="A mug",
        ordered=units,
        current=units,
        fulfilled=0,
        unit_price=None,
    )
    return replace(made, **changes)


ADDRESS = Address(
    name="Ada Byron",
    line1="12 Main St",
    city="Newark",
    region="NJ",
    postal_code="07102",
    country="US",
)


def order(*lines: OrderLine, **changes: Any) -> Order:
    """A paid order, placed at noon, that nothing speaks against."""
    made = Order(
        channel="shopify-us",
        remote_id="5501",
        name="#1001",
        placed_at=NOON,
        updated_at=NOON,
        payment=PaymentStatus.PAID,
        canceled_at=None,
        pending=False,
        test=False,
        currency="USD",
        total=None,
        lines=lines or (line(),),
        ship_to=ADDRESS,
    )
    return replace(made, **changes)
