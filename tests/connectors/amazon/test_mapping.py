"""Amazon's records into ours, and back: tables, what may be absent, what is refused."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.amazon.carriers import spell
from connectors.amazon.fields import Unreadable
from connectors.amazon.listings import (
    amazon_fulfills,
    listing_from_item,
    listing_from_row,
    quantity_patch,
    report_rows,
    report_text,
    result_of,
    shown_quantity,
    stated_handling,
)
from connectors.amazon.mapping import confirmation_of, order_from, package_reference
from core.model.carriage import Program
from core.model.catalog import (
    FulfilledBy,
    ListingStatus,
    OfferChange,
    OfferKey,
    OfferOutcome,
)
from core.model.fulfillment import ConfirmedLine, Shipment, ToldBeside
from core.model.money import Money
from core.model.orders import Address, Order, PaymentStatus
from core.rules.programs import programs_of

US = "ATVPDKIKX0DER"
ORDER: dict[str, Any] = {
    "orderId": "114-9876543-1234567",
    "orderAliases": [{"aliasId": "MINE-1", "aliasType": "SELLER_ORDER_ID"}],
    "createdTime": "2026-11-23T14:00:00Z",
    "lastUpdatedTime": "2026-11-23T14:30:00.250Z",
    "programs": ["PRIME", "AMAZON_BUSINESS"],
    "salesChannel": {"channelName": "AMAZON", "marketplaceId": US},
    "recipient": {
        "deliveryAddress": {
            "name": "Ada Park",
            "addressLine1": "100 Main Street",
            "addressLine2": "",
            "city": "Seattle",
            "stateOrRegion": "WA",
            "postalCode": "98101",
            "countryCode": "US",
            "phone": "+1 206 555 0100",
        }
    },
    "proceeds": {"grandTotal": {"amount": "49.99", "currencyCode": "USD"}},
    "fulfillment": {
        "fulfillmentStatus": "UNSHIPPED",
        "fulfilledBy": "MERCHANT",
        "fulfillmentServiceLevel": "STANDARD",
        "shipByWindow": {
            "earliestDateTime": "2026-11-23T08:00:00Z",
            "latestDateTime": "2026-11-25T07:59:59Z",
        },
        "deliverByWindow": {"latestDateTime": "2026-12-01T07:59:59Z"},
    },
    "orderItems": [
        {
            "orderItemId": "11498765431234",
            "quantityOrdered": 2,
            "product": {
                "asin": "B0BSHF7WHW",
                "title": "Echo Pop",
                "sellerSku": "ECHO-POP",
                "price": {"unitPrice": {"amount": "19.99", "currencyCode": "USD"}},
            },
            "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 2},
        }
    ],
}


def order(**changes: Any) -> Order:
    """The order with parts replaced: `fulfillment__fulfillmentStatus="SHIPPED"`, None drops one."""
    record = copy.deepcopy(ORDER)
    for path, value in changes.items():
        *parents, name = path.split("__")
        place: Any = record
        for parent in parents:
            place = place[int(parent)] if parent.isdigit() else place[parent]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return order_from(record, channel="amazon-us")


# Orders


def test_an_order_is_read_whole() -> None:
    found = order()

    assert (
        found.channel,
        found.remote_id,
        found.name,
    ) == ("amazon-us", "114-9876543-1234567", "114-9876543-1234567")
    assert datetime(2026, 11, 23, 14, 0, tzinfo=UTC) == found.placed_at
    assert datetime(2026, 11, 23, 14, 30, 0, 250_000, tzinfo=UTC) == found.updated_at
    assert datetime(2026, 11, 25, 7, 59, 59, tzinfo=UTC) == found.ship_by
    assert datetime(2026, 12, 1, 7, 59, 59, tzinfo=UTC) == found.deliver_by
    assert (Money(4999, "USD"), "USD", "STANDARD") == (found.total, found.currency, found.service)
    assert found.tags == ("PRIME", "AMAZON_BUSINESS")
    prime = Program("prime")
    assert programs_of(found, {"prime": prime}) == prime
    assert found.attributes == {
        "status": "UNSHIPPED",
        "sales_channel": "AMAZON",
        "marketplace": US,
        "seller_order_id": "MINE-1",
    }
    assert (
        Address(
            name="Ada Park",
            line1="100 Main Street",
            city="Seattle",
            region="WA",
            postal_code="98101",
            country="US",
            phone="+1 206 555 0100",
        )
        == found.ship_to
    )
    (line,) = found.lines
    assert (
        line.remote_id,
        line.remote_sku,
        line.listing_remote_id,
    ) == ("11498765431234", "ECHO-POP", "ECHO-POP")
    assert (2, 2, 0, Money(1999, "USD")) == (
        line.ordered,
        line.current,
        line.fulfilled,
        line.unit_price,
    )


@pytest.mark.parametrize(
    ("status", "payment", "pending", "canceled"),
    [
        ("PENDING_AVAILABILITY", PaymentStatus.PENDING, True, False),
        ("PENDING", PaymentStatus.PENDING, True, False),
        ("UNSHIPPED", PaymentStatus.PAID, False, False),
        ("PARTIALLY_SHIPPED", PaymentStatus.PAID, False, False),
        ("SHIPPED", PaymentStatus.PAID, False, False),
        ("CANCELLED", PaymentStatus.VOIDED, False, True),
        ("UNFULFILLABLE", PaymentStatus.UNKNOWN, False, False),
        ("A_WORD_OF_2027", PaymentStatus.UNKNOWN, True, False),
    ],
)
def test_each_status_says_what_may_happen_next(
    status: str, payment: PaymentStatus, pending: bool, canceled: bool
) -> None:
    found = order(fulfillment__fulfillmentStatus=status)

    assert (payment, pending, canceled) == (
        found.payment,
        found.pending,
        found.canceled_at is not None,
    )
    assert status == found.attributes["status"]


def test_a_pending_order_needs_no_price_and_no_address() -> None:
    found = order(
        fulfillment__fulfillmentStatus="PENDING",
        recipient=None,
        proceeds=None,
        orderItems__0__product__price=None,
    )

    assert (found.ship_to, found.total, found.currency) == (None, None, "")
    assert (found.lines[0].unit_price, found.lines[0].current) == (None, 2)


def test_an_empty_address_is_no_address() -> None:
    assert order(recipient__deliveryAddress={}).ship_to is None


@pytest.mark.parametrize(
    ("word", "who"), [("MERCHANT", FulfilledBy.US), ("AMAZON", FulfilledBy.AMAZON)]
)
def test_who_fulfills_is_told_apart(word: str, who: FulfilledBy) -> None:
    assert who == order(fulfillment__fulfilledBy=word).lines[0].fulfilled_by


def test_of_a_canceled_order_nothing_is_wanted_any_more() -> None:
    found = order(fulfillment__fulfillmentStatus="CANCELLED")

    assert (found.lines[0].ordered, found.lines[0].current) == (2, 0)
    assert found.canceled_at == found.updated_at


@pytest.mark.parametrize(
    ("progress", "current"),
    [
        ({"quantityFulfilled": 0, "quantityUnfulfilled": 0}, 0),
        ({"quantityFulfilled": 1, "quantityUnfulfilled": 0}, 1),
        ({"quantityFulfilled": 0, "quantityUnfulfilled": 1}, 1),
        ({}, 0),
    ],
)
def test_a_canceled_item_keeps_what_is_shipped_or_still_to_ship(
    progress: dict[str, int], current: int
) -> None:
    found = order(
        orderItems__0__cancellation={
            "cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "NO_LONGER_NEEDED"}
        },
        orderItems__0__fulfillment=progress,
    )

    assert current == found.lines[0].current
    assert found.cancel_reason == "NO_LONGER_NEEDED"


def test_a_buyer_who_asks_to_cancel_has_not_canceled() -> None:
    asked = {"cancellationRequest": {"requester": "BUYER", "cancelReason": "ORDERED_BY_MISTAKE"}}

    found = order(orderItems__0__cancellation=asked)

    assert (
        found.lines[0].cancel_requested,
        found.lines[0].current,
        found.canceled_at,
    ) == (True, 2, None)
    assert found.cancel_reason == "ORDERED_BY_MISTAKE"


def test_units_amazon_shows_as_shipped_are_fulfilled() -> None:
    progress = {"quantityFulfilled": 1, "quantityUnfulfilled": 1}

    assert order(orderItems__0__fulfillment=progress).lines[0].fulfilled == 1
    assert (
        order(fulfillment__fulfillmentStatus="SHIPPED", orderItems__0__fulfillment=None)
        .lines[0]
        .fulfilled
        == 2
    )


def test_a_replacement_names_what_it_replaces() -> None:
    replaced = [{"orderId": "114-1", "associationType": "REPLACEMENT_ORIGINAL_ID"}]

    assert order(associatedOrders=replaced).attributes["replaces"] == "114-1"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"orderId": None}, "it has no orderId"),
        ({"fulfillment": None}, "does not state its fulfillment status"),
        ({"fulfillment__fulfilledBy": None}, "who fulfills it is not known: not stated"),
        ({"fulfillment__fulfilledBy": "ROBOTS"}, "who fulfills it is not known: ROBOTS"),
        ({"createdTime": "yesterday"}, "createdTime is no instant"),
        ({"createdTime": "2026-11-23T14:00:00"}, "createdTime is no instant"),
        ({"lastUpdatedTime": None}, "lastUpdatedTime is no instant"),
        ({"orderItems": None}, "it has no orderItems"),
        ({"orderItems": []}, "its orderItems are empty"),
        ({"orderItems": ORDER["orderItems"] * 2}, "two of its items have one orderItemId"),
        ({"orderItems": ["?"]}, "an item has no orderItemId"),
        ({"orderItems__0__quantityOrdered": None}, "has no quantityOrdered"),
        ({"orderItems__0__quantityOrdered": "2"}, "quantityOrdered is no number of units"),
        ({"orderItems__0__quantityOrdered": -1}, "quantityOrdered is no number of units"),
        ({"orderItems__0__quantityOrdered": 2**31}, "quantityOrdered is no number of units"),
        ({"proceeds__grandTotal__amount": "49,99"}, "grandTotal: not an amount"),
        ({"proceeds__grandTotal__amount": "49.999"}, "grandTotal: 49.999 has more decimals"),
        ({"proceeds__grandTotal__currencyCode": None}, "grandTotal has no currency"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Unreadable, match=problem):
        order(**changes)


# Shipments

SHIPMENT = Shipment(
    channel="amazon-us",
    order="114-9876543-1234567",
    package_number=2,
    location="warehouse",
    carrier="ups",
    tracking_number="1Z999AA10123456784",
    shipped_at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
    lines=(ConfirmedLine("11498765431234", 2),),
    service="Ground",
)


def test_a_parcel_is_confirmed_with_a_string_reference_and_amazons_carrier_word() -> None:
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    assert confirmation_of(SHIPMENT, marketplace=US, now=now) == {
        "marketplaceId": US,
        "packageDetail": {
            "packageReferenceId": "2",
            "carrierCode": "UPS",
            "carrierName": "UPS",
            "shippingMethod": "Ground",
            "trackingNumber": "1Z999AA10123456784",
            "shipDate": "2026-11-24T08:00:00Z",
            "orderItems": [{"orderItemId": "11498765431234", "quantity": 2}],
        },
    }


def test_a_ship_date_is_never_in_the_future() -> None:
    now = datetime(2026, 11, 24, 7, 59, 59, 900_000, tzinfo=UTC)

    sent = confirmation_of(SHIPMENT, marketplace=US, now=now)

    assert sent["packageDetail"]["shipDate"] == "2026-11-24T07:59:59Z"


@pytest.mark.parametrize(
    ("word", "spelled"),
    [
        ("ups", ("UPS", "UPS")),
        ("USPS", ("USPS", "USPS")),
        ("FedEx", ("FedEx", "FedEx")),
        ("fedex_smartpost", ("FedEx SmartPost", "FedEx SmartPost")),
        ("DHL  Express", ("DHL", "DHL")),
        ("Joe's Trucks", ("Other", "Joe's Trucks")),
    ],
)
def test_carriers_are_spelled_as_amazon_lists_them_or_named_beside_other(
    word: str, spelled: tuple[str, str]
) -> None:
    assert spelled == spell(word)


@pytest.mark.parametrize(
    ("package", "found"),
    [
        ({"packageReferenceId": "2", "trackingNumber": "1z999aa1 0123456784"}, "2"),
        ({"packageReferenceId": "9", "trackingNumber": "1Z999AA10123456784"}, "9"),
        ({"packageReferenceId": "2"}, "2"),
        ({"packageReferenceId": "2", "trackingNumber": "another"}, None),
        ({"packageReferenceId": "1"}, None),
    ],
)
def test_a_parcel_is_known_by_its_number_or_else_by_our_reference(
    package: dict[str, str], found: str | None
) -> None:
    assert found == package_reference({"packages": [package]}, SHIPMENT)


# Listings

HEADER = "item-name\tseller-sku\tprice\tquantity\tasin1\tfulfillment-channel\tstatus"


def row(line: str, header: str = HEADER) -> Any:
    ((_, cells),) = report_rows(f"{header}\n{line}\n")
    return listing_from_row(cells, channel="amazon-us", marketplace=US)


def test_a_report_row_becomes_a_listing() -> None:
    found = row('12" Pan, "Café"\tPAN-12\t24.50\t7\tB0PAN\tDEFAULT\tActive')

    assert (
        found.remote_id,
        found.remote_sku,
        found.title,
    ) == ("PAN-12", "PAN-12", '12" Pan, "Café"')
    assert (found.status, found.fulfilled_by) == (ListingStatus.ACTIVE, FulfilledBy.US)
    assert Money(2450, "USD") == found.price
    assert dict(found.attributes) == {
        "product_type": "PRODUCT",
        "fulfillment_channel": "DEFAULT",
        "asin": "B0PAN",
    }


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Active", ListingStatus.ACTIVE),
        ("Inactive", ListingStatus.INACTIVE),
        ("Incomplete", ListingStatus.INACTIVE),
        ("Blocked", ListingStatus.UNKNOWN),
        ("", ListingStatus.UNKNOWN),
    ],
)
def test_a_status_amazon_never_had_stays_unknown(word: str, status: ListingStatus) -> None:
    assert status == row(f"Pan\tPAN\t1\t1\tB0\tDEFAULT\t{word}").status


def test_amazons_own_stock_is_told_apart() -> None:
    assert row("Pan\tPAN-FBA\t1\t\tB0\tAMAZON_NA\tActive").fulfilled_by == FulfilledBy.AMAZON


def test_columns_are_found_by_name_and_one_that_is_gone_stays_unknown() -> None:
    found = row("AMAZON_NA\tPAN", header="fulfillment-channel\tSeller-SKU")

    assert (found.remote_id, found.status, found.price) == ("PAN", ListingStatus.UNKNOWN, None)


@pytest.mark.parametrize("header", ["", "item-name\tprice", "seller-sku\tstatus"])
def test_a_report_without_sku_or_channel_is_refused_whole(header: str) -> None:
    with pytest.raises(Unreadable, match="the report has no column"):
        list(report_rows(f"{header}\nPan\t1\n"))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Pan\t \t1\t1\tB0\tDEFAULT\tActive", "it has no seller-sku"),
        ("Pan\tPAN\t1\t1\tB0\t\tActive", "unknown fulfillment channel: none stated"),
        ("Pan\tPAN\t1\t1\tB0\tDRONE\tActive", "unknown fulfillment channel: DRONE"),
        ("Pan\tPAN\t1.234\t1\tB0\tDEFAULT\tActive", "more decimals"),
        ("Pan\tPAN", "unknown fulfillment channel: none stated"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_alone(line: str, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        row(line)


def test_only_line_feeds_end_a_row() -> None:
    text = f"{HEADER}\r\nA\u2028B\x85C\tPAN\t1\t1\tB0\tDEFAULT\tActive\r\n\r\n"

    ((_, cells),) = report_rows(text)

    assert (cells["item-name"], cells["status"]) == ("A\u2028B\x85C", "Active")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ("Café ✓".encode(), "text/plain"),
        ("Café ✓".encode(), "text/plain; charset=ISO-8859-1"),
        ("\ufeffCafé ✓".encode(), "text/plain; charset=UTF-8"),
        ("Café ✓".encode("utf-16"), "text/plain; charset=utf-16"),
    ],
)
def test_text_in_utf_8_is_read_as_utf_8_whatever_was_declared(
    content: bytes, content_type: str
) -> None:
    assert report_text(content, content_type) == "Café ✓"


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=nonsense"])
def test_latin_text_is_read_where_it_is_no_utf_8(content_type: str) -> None:
    assert report_text("Café – “x”".encode("cp1252"), content_type) == "Café – “x”"


ITEM = {
    "sku": "PAN",
    "summaries": [
        {"marketplaceId": "A2EUQ1WTGCTBG2", "productType": "OTHER", "status": []},
        {
            "marketplaceId": US,
            "asin": "B0PAN",
            "productType": "SKILLET",
            "status": ["BUYABLE", "DISCOVERABLE"],
            "itemName": "Pan",
            "lastUpdatedDate": "2026-11-20T00:00:00Z",
        },
    ],
    "offers": [
        {"marketplaceId": US, "price": {"currencyCode": "USD", "amount": "24.5"}},
    ],
    "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT", "quantity": 7}],
}


def test_a_listings_item_is_read_for_our_marketplace() -> None:
    found = listing_from_item(ITEM, channel="amazon-us", marketplace=US)

    assert ("Pan", ListingStatus.ACTIVE, FulfilledBy.US, Money(2450, "USD")) == (
        found.title,
        found.status,
        found.fulfilled_by,
        found.price,
    )
    assert dict(found.attributes)["product_type"] == "SKILLET"
    assert datetime(2026, 11, 20, tzinfo=UTC) == found.updated_at


def test_an_item_that_amazon_also_holds_is_amazons() -> None:
    both = [{"fulfillmentChannelCode": code} for code in ("DEFAULT", "AMAZON_NA")]

    found = listing_from_item(
        ITEM | {"fulfillmentAvailability": both}, channel="amazon-us", marketplace=US
    )

    assert found.fulfilled_by == FulfilledBy.AMAZON


@pytest.mark.parametrize("item", [ITEM | {"sku": ""}, ITEM | {"fulfillmentAvailability": []}])
def test_an_item_without_sku_or_channel_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        listing_from_item(item, channel="amazon-us", marketplace=US)


# Offers


def change(**attributes: str) -> OfferChange:
    key = OfferKey("amazon-us", "PAN")
    return OfferChange(key, 7, None, attributes=tuple(attributes.items()))


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        ([{"fulfillmentChannelCode": "DEFAULT", "quantity": 7}], 7),
        ([{"fulfillmentChannelCode": "DEFAULT"}], None),
        ([{"fulfillmentChannelCode": "AMAZON_NA", "quantity": 90}], None),
        ([], None),
    ],
)
def test_only_our_own_channels_quantity_is_ours(
    places: list[dict[str, Any]], shown: int | None
) -> None:
    assert shown == shown_quantity({"fulfillmentAvailability": places})


def test_a_quantity_is_merged_so_that_the_handling_time_stays() -> None:
    (patch,) = quantity_patch(change(product_type="SKILLET"))["patches"]

    assert patch == {
        "op": "merge",
        "path": "/attributes/fulfillment_availability",
        "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 7}],
    }


def test_a_handling_time_of_ours_goes_with_the_quantity() -> None:
    (patch,) = quantity_patch(replace(change(), handling_days=13))["patches"]

    assert patch["op"] == "merge"
    assert patch["value"] == [
        {"fulfillment_channel_code": "DEFAULT", "quantity": 7, "lead_time_to_ship_max_days": 13}
    ]


@pytest.mark.parametrize(
    ("places", "stated"),
    [
        ([{"fulfillment_channel_code": "DEFAULT", "lead_time_to_ship_max_days": 4}], 4),
        ([{"fulfillment_channel_code": "DEFAULT", "quantity": 7}], None),
        ([{"fulfillment_channel_code": "AMAZON_NA", "lead_time_to_ship_max_days": 4}], None),
        ([], None),
    ],
)
def test_only_our_own_channels_handling_time_is_ours(
    places: list[dict[str, Any]], stated: int | None
) -> None:
    assert stated == stated_handling({"attributes": {"fulfillment_availability": places}})


def test_a_handling_time_that_was_not_asked_for_is_not_known() -> None:
    assert stated_handling({"sku": "PAN"}) is None


@pytest.mark.parametrize(
    ("attributes", "product_type"), [({}, "PRODUCT"), ({"product_type": "SKILLET"}, "SKILLET")]
)
def test_the_product_type_is_the_listings_or_the_one_for_offers(
    attributes: dict[str, str], product_type: str
) -> None:
    assert product_type == quantity_patch(change(**attributes))["productType"]


def test_a_listing_of_amazons_own_stock_is_known_before_it_is_written_to() -> None:
    assert amazon_fulfills(change(fulfillment_channel="AMAZON_NA"))
    assert not amazon_fulfills(change(fulfillment_channel="DEFAULT"))
    assert not amazon_fulfills(change())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("ACCEPTED", OfferOutcome.SENT),
        ("INVALID", OfferOutcome.REFUSED),
        ("VALID", OfferOutcome.UNKNOWN),
        ("", OfferOutcome.UNKNOWN),
    ],
)
def test_accepted_is_sent_and_invalid_is_refused(status: str, outcome: OfferOutcome) -> None:
    answer = {
        "status": status,
        "submissionId": "f1dc",
        "issues": [
            {"code": "1", "severity": "WARNING", "message": "fine"},
            {"code": "90000900", "severity": "ERROR", "message": "The attributes are invalid."},
        ],
    }

    found = result_of(answer, change())

    assert (outcome, "f1dc") == (found.outcome, found.submission)
    refused = ("90000900", "The attributes are invalid.")
    assert (refused if outcome is OfferOutcome.REFUSED else ("", "")) == (found.code, found.message)


def test_a_refusal_without_a_reason_is_still_one() -> None:
    found = result_of({"status": "INVALID"}, change())

    assert (found.outcome, found.code) == (OfferOutcome.REFUSED, "INVALID")


def test_what_another_confirmation_told_under_the_number_is_not_this_parcel() -> None:
    second = replace(SHIPMENT, beside=(ToldBeside("1", (ConfirmedLine("11498765431234", 1),)),))
    packages = [
        {"packageReferenceId": one, "trackingNumber": SHIPMENT.tracking_number} for one in "12"
    ]
    assert package_reference({"packages": packages[:1]}, second) is None
    assert package_reference({"packages": packages}, second) == "2"
