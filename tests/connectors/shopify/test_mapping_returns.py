"""Returns and refunds as Lockstep's own."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.shopify import mapping_returns
from connectors.shopify.values import Unreadable
from core.model.money import Money
from core.model.returns import Refund, Return, ReturnReason, ReturnStatus
from tests.connectors.shopify.records import money, page

KEY = "refund:shopify-us:5501:1"


def bag(amount: str) -> dict[str, Any]:
    return {"shopMoney": money(amount)}


def returned(number: int = 1, *, handle: str | None = "too-small", **fields: Any) -> dict[str, Any]:
    reason = None if handle is None else {"handle": handle, "name": handle}
    sold = {"id": f"gid://shopify/LineItem/{number}", "sku": f" MUG-{number} "}
    return {
        "id": f"gid://shopify/ReturnLineItem/{number}",
        "quantity": 2,
        "returnReasonDefinition": reason,
        "fulfillmentLineItem": {"id": "gid://shopify/FulfillmentLineItem/1", "lineItem": sold},
        **fields,
    }


def exchanged(*lines: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "gid://shopify/ExchangeLineItem/1",
        "quantity": 1,
        "variantId": "gid://shopify/ProductVariant/9",
        "lineItems": list(lines),
    }


def a_return(**fields: Any) -> dict[str, Any]:
    return {
        "id": "gid://shopify/Return/7",
        "name": "#5501-R1",
        "status": "OPEN",
        "createdAt": "2026-11-21T10:00:00Z",
        "returnLineItems": page(),
        "exchangeLineItems": page(),
        "reverseFulfillmentOrders": {"nodes": []},
        **fields,
    }


def read(
    node: dict[str, Any], *lines: dict[str, Any], exchanges: tuple[dict[str, Any], ...] = ()
) -> Return:
    return mapping_returns.return_(
        node,
        channel="shopify-us",
        order="5501",
        lines=lines or (returned(),),
        exchanges=exchanges,
    )


def refunded(number: int, quantity: int, goods: str, tax: str = "0.0") -> dict[str, Any]:
    return {
        "id": f"gid://shopify/RefundLineItem/{number}",
        "quantity": quantity,
        "restockType": "NO_RESTOCK",
        "lineItem": {"id": f"gid://shopify/LineItem/{number}"},
        "subtotalSet": bag(goods),
        "totalTaxSet": bag(tax),
    }


def a_refund(total: str, *, shipping: tuple[str, str] | None = None, **fields: Any) -> Any:
    rows = []
    if shipping:
        goods, tax = shipping
        rows = [{"id": "1", "subtotalAmountSet": bag(goods), "taxAmountSet": bag(tax)}]
    return {
        "id": "gid://shopify/Refund/8",
        "note": None,
        "createdAt": "2026-11-22T10:00:00Z",
        "processedAt": "2026-11-20T00:00:00Z",
        "totalRefundedSet": bag(total),
        "return": None,
        "refundShippingLines": {"nodes": rows},
        **fields,
    }


def paid(node: Any, *lines: dict[str, Any], tax_included: bool = False) -> Refund:
    return mapping_returns.refund(
        node, channel="shopify-us", order="5501", lines=lines, tax_included=tax_included
    )


def cents(refund: Refund) -> list[int]:
    return [one.amount.amount for one in refund.lines]


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        ("damaged-or-defective", ReturnReason.DEFECTIVE),
        ("defective_2", ReturnReason.DEFECTIVE),
        ("damaged", ReturnReason.DAMAGED),
        ("not_as_described", ReturnReason.NOT_AS_DESCRIBED),
        ("received-the-wrong-item", ReturnReason.WRONG_ITEM),
        ("arrived-late", ReturnReason.LATE),
        ("Too-Small", ReturnReason.FIT),
        ("unwanted_2", ReturnReason.UNWANTED),
        ("other-reason", ReturnReason.OTHER),
        ("unknown", ReturnReason.UNKNOWN),
        ("battery-life", ReturnReason.UNKNOWN),
        ("a reason of next year", ReturnReason.UNKNOWN),
    ],
)
def test_a_reason_keeps_shopifys_word(handle: str, reason: ReturnReason) -> None:
    (line,) = read(a_return(), returned(handle=handle)).lines

    assert (line.reason, line.raw_reason) == (reason, handle)


def test_a_line_without_a_reason_has_none() -> None:
    (line,) = read(a_return(), returned(handle=None)).lines

    assert (line.reason, line.raw_reason) == (ReturnReason.UNKNOWN, "")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("REQUESTED", ReturnStatus.REQUESTED),
        ("OPEN", ReturnStatus.OPEN),
        ("CLOSED", ReturnStatus.CLOSED),
        ("DECLINED", ReturnStatus.DECLINED),
        ("CANCELED", ReturnStatus.CANCELED),
        ("HALF_OPEN", ReturnStatus.UNKNOWN),
    ],
)
def test_a_status_that_is_not_known_stays_unknown(word: str, status: ReturnStatus) -> None:
    assert read(a_return(status=word)).status is status


def test_a_line_that_is_not_verified_names_no_line_of_the_order() -> None:
    unverified = returned()
    del unverified["fulfillmentLineItem"]

    (line,) = read(a_return(), unverified).lines

    assert (line.line, line.remote_sku, line.quantity) == ("", "", 2)


def test_a_parcel_on_its_way_back_is_told_and_its_label_is_an_id_never_a_link() -> None:
    delivery = {
        "id": "gid://shopify/ReverseDelivery/3",
        "deliverable": {
            "tracking": {"carrierName": "UPS", "number": "1Z1"},
            "label": {"createdAt": "2026-11-21T10:00:00Z", "publicFileUrl": "https://l/1.pdf"},
        },
    }
    nodes = [
        {"id": "1", "reverseDeliveries": {"nodes": [{**delivery, "deliverable": None}, delivery]}}
    ]

    found = read(a_return(reverseFulfillmentOrders={"nodes": nodes}))

    assert (found.carrier, found.tracking_number) == ("UPS", "1Z1")
    assert found.label == "gid://shopify/ReverseDelivery/3"


def test_an_exchange_names_its_listing_first_and_the_orders_line_once_there_is_one() -> None:
    line = {
        "id": "gid://shopify/LineItem/77",
        "sku": "MUG-9",
        "discountedUnitPriceAfterAllDiscountsSet": bag("12.5"),
    }

    found = read(a_return(), exchanges=(exchanged(), exchanged(line)))

    before, after = found.exchanged
    assert (before.listing_remote_id, before.unit_price) == ("gid://shopify/ProductVariant/9", None)
    assert (before.remote_sku, before.lines) == ("", ())
    assert (after.remote_sku, after.unit_price) == ("MUG-9", Money(1250, "USD"))
    assert after.lines == ("gid://shopify/LineItem/77",)


@pytest.mark.parametrize("field", ["id", "status", "createdAt", "reverseFulfillmentOrders"])
def test_a_return_that_lacks_a_field_is_refused_by_its_name(field: str) -> None:
    node = a_return()
    del node[field]

    with pytest.raises(Unreadable, match=field):
        read(node)


# --- refunds


def test_our_key_is_what_the_note_ends_with() -> None:
    note = mapping_returns.note_with("came back damaged", KEY)

    assert note.startswith("came back damaged")
    assert mapping_returns.key_in(note) == KEY
    assert mapping_returns.key_in(mapping_returns.note_with("", KEY)) == KEY


@pytest.mark.parametrize(
    "note", [None, "", "damaged", f"[lockstep {KEY}] was wrong", "[lockstep ]", KEY]
)
def test_any_other_note_has_no_key(note: str | None) -> None:
    assert mapping_returns.key_in(note) == ""


def test_a_refund_is_told_with_tax_and_the_day_it_was_made() -> None:
    found = paid(a_refund("21.6"), refunded(1, 2, "20.0", "1.6"))

    assert (found.total, cents(found)) == (Money(2160, "USD"), [2160])
    assert found.made_at.isoformat() == "2026-11-22T10:00:00+00:00"
    assert (found.key, found.return_remote_id, found.chargeback) == ("", "", False)


def test_tax_that_is_in_the_price_is_not_counted_twice() -> None:
    found = paid(a_refund("20.0"), refunded(1, 2, "20.0", "1.48"), tax_included=True)

    assert cents(found) == [2000]


def test_what_was_kept_back_is_taken_off_the_lines_to_the_cent() -> None:
    # 30.00 of goods and 5.40 of shipping, of which 32.39 was paid back
    node = a_refund("32.39", shipping=("5.0", "0.4"))

    found = paid(node, refunded(1, 1, "10.0"), refunded(2, 2, "20.0"))

    assert sum(cents(found)) == 3239 - 540
    assert cents(found) == [899, 1800]


def test_what_was_paid_beyond_the_lines_is_in_the_total_alone() -> None:
    found = paid(a_refund("15.0"), refunded(1, 1, "10.0"))

    assert (found.total.amount, cents(found)) == (1500, [1000])


def test_units_that_were_taken_back_without_money_are_worth_none() -> None:
    assert cents(paid(a_refund("0.0"), refunded(1, 1, "10.0"))) == [0]


def test_money_alone_has_no_lines() -> None:
    found = paid(a_refund("3.0"))

    assert (found.total.amount, found.lines) == (300, ())


@pytest.mark.parametrize("field", ["id", "totalRefundedSet", "refundShippingLines"])
def test_a_refund_that_lacks_a_field_is_refused_by_its_name(field: str) -> None:
    node = a_refund("3.0")
    del node[field]

    with pytest.raises(Unreadable, match=field):
        paid(node)


@pytest.mark.parametrize("amount", ["three", None, "NaN"])
def test_an_amount_that_is_none_is_refused(amount: Any) -> None:
    node = a_refund("3.0")
    node["totalRefundedSet"] = {"shopMoney": {"amount": amount, "currencyCode": "USD"}}

    with pytest.raises(Unreadable):
        paid(node)
