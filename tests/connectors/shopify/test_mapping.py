"""Shopify's records as Lockstep's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shopify import mapping
from connectors.shopify.mapping import Unreadable
from core.model.catalog import FulfilledBy, Listing, ListingStatus
from core.model.money import Money
from core.model.orders import Address, Order, OrderLine, PaymentStatus, Risk
from tests.connectors.shopify import records
from tests.connectors.shopify.records import assignment, line, money, waiting


def read(node: dict[str, Any]) -> Order:
    return mapping.order(
        node,
        channel="shopify-us",
        lines=node["lineItems"]["nodes"],
        fulfillment_orders=node["fulfillmentOrders"]["nodes"],
    )


def read_line(assignments: list[dict[str, Any]] | None = None, **fields: Any) -> OrderLine:
    (found,) = read(records.order(lines=[line(**fields)], assignments=assignments)).lines
    return found


def read_listing(
    variant: dict[str, Any] | None = None, product: dict[str, Any] | None = None
) -> Listing:
    return mapping.listing(
        variant or records.variant(),
        product or records.product(),
        channel="shopify-us",
        currency="USD",
    )


def test_an_order_is_read_whole() -> None:
    node = records.order()

    found = read(node)

    assert found == Order(
        channel="shopify-us",
        remote_id="5501",
        name="#5501",
        placed_at=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        updated_at=datetime(2026, 11, 20, 10, 5, tzinfo=UTC),
        taken_at=datetime(2026, 11, 20, 10, 0, 5, tzinfo=UTC),
        payment=PaymentStatus.PAID,
        canceled_at=None,
        pending=False,
        test=False,
        currency="USD",
        total=Money(4498, "USD"),
        lines=(
            OrderLine(
                remote_id="gid://shopify/LineItem/1",
                remote_sku="MUG-1",
                listing_remote_id="gid://shopify/ProductVariant/1",
                title="Mug 1",
                ordered=2,
                current=2,
                fulfilled=0,
                unit_price=Money(1999, "USD"),
                taken_from=(("gid://shopify/Location/1", 2),),
            ),
        ),
        ship_to=Address(
            name="Ada Buyer",
            line1="350 Fifth Avenue",
            line2="Floor 21",
            city="New York",
            region="NY",
            postal_code="10118",
            country="US",
            phone="+12125550123",
            email="ada@example.com",
        ),
        risk=Risk.LOW,
        bill_to=Address(region="NJ", postal_code="07030", country="US"),
        service="Standard",
        tags=("vip",),
        presentment_currency="USD",
        attributes={
            "financial_status": "PAID",
            "fulfillment_status": "UNFULFILLED",
            "return_status": "NO_RETURN",
            "source": "web",
            "risk": "ACCEPT",
        },
    )


@pytest.mark.parametrize(
    ("word", "risk"),
    [
        ("ACCEPT", Risk.LOW),
        ("INVESTIGATE", Risk.MEDIUM),
        ("CANCEL", Risk.HIGH),
        ("NONE", Risk.UNKNOWN),
        ("NEW_WORD", Risk.UNKNOWN),
    ],
)
def test_what_shopify_recommends_is_how_likely_a_fraud_is(word: str, risk: Risk) -> None:
    assert read(records.order(risk={"recommendation": word})).risk is risk
    assert read(records.order(risk={"recommendation": word})).attributes["risk"] == word


def test_a_billing_address_may_be_lacking() -> None:
    assert read(records.order(billingAddress=None)).bill_to is None


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("AUTHORIZED", PaymentStatus.AUTHORIZED),
        ("EXPIRED", PaymentStatus.EXPIRED),
        ("PAID", PaymentStatus.PAID),
        ("PARTIALLY_PAID", PaymentStatus.PARTIALLY_PAID),
        ("PARTIALLY_REFUNDED", PaymentStatus.PARTIALLY_REFUNDED),
        ("PENDING", PaymentStatus.PENDING),
        ("REFUNDED", PaymentStatus.REFUNDED),
        ("VOIDED", PaymentStatus.VOIDED),
        ("SETTLED_IN_SHELLS", PaymentStatus.UNKNOWN),
        (None, PaymentStatus.UNKNOWN),
    ],
)
def test_a_payment_word_is_looked_up_and_never_guessed(
    word: str | None, status: PaymentStatus
) -> None:
    node = records.order(displayFinancialStatus=word)

    found = read(node)

    assert found.payment is status
    assert found.attributes.get("financial_status") == word


@pytest.mark.parametrize(
    ("quantity", "current", "unfulfilled", "cannot", "fulfilled"),
    [
        # nothing left yet
        (3, 3, 3, 0, 0),
        # two on their way
        (3, 3, 1, 0, 2),
        # all on their way
        (3, 3, 0, 0, 3),
        # one refunded before it left
        (3, 2, 2, 1, 0),
        # one refunded before it left, one on its way
        (3, 2, 1, 1, 1),
        # two left, one of these came back: one is still to ship
        (3, 2, 1, 0, 1),
        # all left, one came back
        (3, 2, 0, 0, 3),
        # all left, all came back
        (3, 0, 0, 0, 3),
        # all refunded before they left
        (3, 0, 0, 3, 0),
    ],
)
def test_units_still_to_ship_are_those_that_did_not_leave(
    quantity: int, current: int, unfulfilled: int, cannot: int, fulfilled: int
) -> None:
    found = read_line(
        quantity=quantity,
        currentQuantity=current,
        unfulfilledQuantity=unfulfilled,
        nonFulfillableQuantity=cannot,
    )

    assert (found.ordered, found.current, found.fulfilled) == (quantity, current, fulfilled)
    assert max(0, found.current - found.fulfilled) == unfulfilled
    left = quantity - unfulfilled - cannot
    assert found.fulfilled + found.returned == left


@given(
    shipped=st.integers(0, 9),
    left=st.integers(0, 9),
    dropped=st.integers(0, 9),
    returned=st.integers(0, 9),
)
def test_whatever_was_returned_or_dropped_what_is_to_ship_is_exact(
    shipped: int, left: int, dropped: int, returned: int
) -> None:
    returned = min(returned, shipped)

    found = read_line(
        quantity=shipped + left + dropped,
        currentQuantity=shipped + left - returned,
        unfulfilledQuantity=left,
        nonFulfillableQuantity=dropped,
    )

    assert max(0, found.current - found.fulfilled) == left


def test_a_line_at_a_foreign_fulfillment_service_is_not_ours() -> None:
    found = read_line([assignment(waiting(1), service=True)])

    assert found.fulfilled_by is FulfilledBy.OTHER
    assert found.fulfilled == 0


def test_of_a_line_shared_with_a_foreign_service_only_our_units_are_to_ship() -> None:
    ours, theirs = waiting(1, total=2), waiting(1, total=3)

    found = read_line([assignment(ours), assignment(theirs, service=True, number=2)], quantity=5)

    assert found.fulfilled_by is FulfilledBy.US
    assert found.current - found.fulfilled == 2


def test_what_the_foreign_service_shipped_of_a_shared_line_is_not_counted_twice() -> None:
    ours, theirs = waiting(1, total=2), waiting(1, total=3, left=0)

    found = read_line(
        [assignment(ours), assignment(theirs, service=True, number=2)],
        quantity=5,
        unfulfilledQuantity=2,
    )

    assert found.current - found.fulfilled == 2


def test_a_line_at_a_deleted_location_is_ours_to_route() -> None:
    nowhere = assignment(waiting(1), assignedLocation={"location": None})

    found = read_line([nowhere])

    assert found.fulfilled_by is FulfilledBy.US


def test_a_line_says_from_which_place_the_shop_ships_it() -> None:
    here, there = assignment(waiting(1)), assignment(waiting(1), number=2)
    service = assignment(waiting(1), service=True, number=3)
    nowhere = assignment(waiting(1), assignedLocation={"location": None})

    assert read_line([here]).assigned == "gid://shopify/Location/1"
    assert read_line([here, service]).assigned == "gid://shopify/Location/1"
    # several, or none that is known: not told
    assert read_line([here, there]).assigned == ""
    assert read_line([nowhere]).assigned == ""


@pytest.mark.parametrize("fields", [{"isGiftCard": True}, {"requiresShipping": False}])
def test_what_needs_no_parcel_is_fulfilled_by_others(fields: dict[str, Any]) -> None:
    found = read_line(**fields)

    assert found.fulfilled_by is FulfilledBy.OTHER


def test_the_price_the_buyer_paid_is_kept_where_it_differs() -> None:
    price = {"shopMoney": money("19.99"), "presentmentMoney": money("27.50", "CAD")}

    found = read_line(discountedUnitPriceAfterAllDiscountsSet=price)

    assert found.unit_price == Money(1999, "USD")
    assert found.presentment_price == Money(2750, "CAD")


def test_an_approximate_unit_price_is_rounded_to_cents() -> None:
    price = {"shopMoney": money("6.6666666"), "presentmentMoney": money("6.6666666")}

    found = read_line(discountedUnitPriceAfterAllDiscountsSet=price)

    assert found.unit_price == Money(667, "USD")


def test_a_canceled_order_says_when_and_why() -> None:
    node = records.order(cancelledAt="2026-11-20T11:00:00Z", cancelReason="FRAUD")

    found = read(node)

    assert found.canceled_at == datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    assert found.cancel_reason == "FRAUD"


@pytest.mark.parametrize("word", ["ON_HOLD", "SCHEDULED"])
def test_an_order_the_channel_holds_back_is_pending(word: str) -> None:
    assert read(records.order(displayFulfillmentStatus=word)).pending


def test_a_test_order_is_marked() -> None:
    assert read(records.order(test=True)).test


def test_an_order_without_address_has_none() -> None:
    assert read(records.order(shippingAddress=None)).ship_to is None


def test_the_earliest_open_deadline_counts() -> None:
    node = records.order(
        assignments=[
            assignment(waiting(1), fulfillBy="2026-11-25T00:00:00Z"),
            assignment(number=2, fulfillBy="2026-11-24T00:00:00Z"),
            assignment(number=3, fulfillBy="2026-11-01T00:00:00Z", status="CLOSED"),
        ]
    )

    assert read(node).ship_by == datetime(2026, 11, 24, tzinfo=UTC)


def test_a_line_without_sku_or_variant_is_still_read() -> None:
    found = read_line(sku=None, variant=None)

    assert (found.remote_sku, found.listing_remote_id) == ("", "")


SPOILED = {
    "no update instant": {"updatedAt": None},
    "a naive instant": {"processedAt": "2026-11-20T10:00:00"},
    "no instant at all": {"processedAt": "yesterday"},
    "no name": {"name": ""},
    "an amount that is none": {"currentTotalPriceSet": {"shopMoney": money("a lot")}},
    "an infinite amount": {"currentTotalPriceSet": {"shopMoney": money("Infinity")}},
    "no lines": {"lineItems": records.page()},
    "two lines of one id": {"lineItems": records.page(line(), line())},
    "a line without quantity": {"lineItems": records.page(line(quantity=None))},
    "a negative quantity": {"lineItems": records.page(line(currentQuantity=-1))},
    "a quantity beyond all sense": {"lineItems": records.page(line(quantity=2**31))},
    "a line of another kind": {"lineItems": records.page("Ada Buyer")},
    "an address of another kind": {"shippingAddress": "Ada Buyer, 350 Fifth Avenue"},
    "a status of another kind": {"displayFinancialStatus": ["PAID"]},
}


@pytest.mark.parametrize("fields", SPOILED.values(), ids=SPOILED.keys())
def test_an_order_that_cannot_be_read_says_why_without_its_contents(
    fields: dict[str, Any],
) -> None:
    node = records.order(**fields)

    with pytest.raises(Unreadable) as caught:
        read(node)

    assert not any(word in str(caught.value) for word in ("Ada", "Fifth", "yesterday", "a lot"))


@pytest.mark.parametrize("field", sorted(records.order()))
def test_no_missing_field_raises_anything_but_unreadable(field: str) -> None:
    node = records.order()
    lines, assigned = node["lineItems"]["nodes"], node["fulfillmentOrders"]["nodes"]
    del node[field]

    try:
        mapping.order(node, channel="shopify-us", lines=lines, fulfillment_orders=assigned)
    except Unreadable as problem:
        assert "Ada" not in str(problem)  # noqa: PT017 - most fields may be absent


def test_an_order_is_known_by_its_number_or_its_gid() -> None:
    assert mapping.order_gid("5501") == mapping.order_gid("gid://shopify/Order/5501")
    assert mapping.order_number(mapping.order_gid("5501")) == "5501"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("ups", "UPS"),
        ("USPS", "USPS"),
        ("FedEx", "FedEx"),
        ("dhl", "DHL Express"),
        ("DHL eCommerce", "DHL eCommerce"),
        ("ontrac", "OnTrac"),
        ("Joe's Vans", "Joe's Vans"),
    ],
)
def test_a_carrier_is_spelled_as_in_shopifys_list(ours: str, theirs: str) -> None:
    assert mapping.carrier_name(ours) == theirs


def test_a_line_tells_the_locations_whose_figures_its_units_were_taken_off() -> None:
    # given a line of three units, waiting at two locations of the shop and one of another service
    shared = [
        records.assignment(records.waiting(1, total=1), number=1),
        records.assignment(records.waiting(1, total=2), number=2),
        records.assignment(records.waiting(1, total=1), number=3, service=True),
    ]

    found = read_line(shared, quantity=4, currentQuantity=4)

    assert found.taken_from == (
        ("gid://shopify/Location/1", 1),
        ("gid://shopify/Location/2", 2),
    )
    assert read_line([]).taken_from is None


# --- listings


def test_a_variant_is_a_listing_whose_quantity_its_inventory_item_keeps() -> None:
    found = read_listing()

    assert found == Listing(
        channel="shopify-us",
        remote_id="gid://shopify/ProductVariant/1",
        remote_sku="MUG-1",
        title="Mug - Blue",
        status=ListingStatus.ACTIVE,
        fulfilled_by=FulfilledBy.US,
        inventory_id="gid://shopify/InventoryItem/1",
        tracked=True,
        attributes=(
            ("product_id", "gid://shopify/Product/1"),
            ("product_status", "ACTIVE"),
            ("inventory_policy", "DENY"),
        ),
        price=Money(1999, "USD"),
        updated_at=datetime(2026, 11, 21, 10, 0, tzinfo=UTC),
    )


@pytest.mark.parametrize("sku", [None, "", "  "])
def test_a_listing_may_have_no_sku(sku: str | None) -> None:
    assert read_listing(records.variant(sku=sku)).remote_sku == ""


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ACTIVE", ListingStatus.ACTIVE),
        ("UNLISTED", ListingStatus.ACTIVE),
        ("ARCHIVED", ListingStatus.INACTIVE),
        ("DRAFT", ListingStatus.INACTIVE),
        ("FROZEN", ListingStatus.UNKNOWN),
    ],
)
def test_a_products_status_is_looked_up_and_never_guessed(word: str, status: ListingStatus) -> None:
    assert read_listing(product=records.product(status=word)).status is status


def test_a_product_without_options_has_its_own_title() -> None:
    assert read_listing(records.variant(title="Default Title")).title == "Mug"


def test_a_listing_that_is_not_counted_is_marked() -> None:
    item = {**records.variant()["inventoryItem"], "tracked": False}

    assert not read_listing(records.variant(inventoryItem=item)).tracked


def test_a_gift_card_is_not_ours_to_ship() -> None:
    found = read_listing(product=records.product(isGiftCard=True))

    assert found.fulfilled_by is FulfilledBy.OTHER


@pytest.mark.parametrize("fields", [{"price": "free"}, {"inventoryItem": None}, {"id": None}])
def test_a_variant_that_cannot_be_read_says_so(fields: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_listing(records.variant(**fields))
