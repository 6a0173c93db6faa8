"""Amazon's returns and refunds: words and rows as they come, and a simulator as strict as Amazon."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import fromstring, tostring

import pytest

from connectors.amazon.fields import Unreadable
from connectors.amazon.finances import PaidBack, PaidItem, paid_back
from connectors.amazon.refunds import Bought, adjustment, items_of, lines_of
from connectors.amazon.return_rows import fba_returns, fbm_returns
from connectors.amazon.returns import ReturnsWalk
from connectors.amazon.simulator import envelope, order_feeds
from core.model.money import Money
from core.model.returns import (
    Disposition,
    RefundedLine,
    RefundRequest,
    Return,
    ReturnClaim,
    ReturnReason,
    ReturnStatus,
)
from core.ports import Reject
from tests.connectors.amazon.simulator_rig import SELLER, Seller, needs_models, running
from tests.contracts.rigs import NOON

ORDER = "113-6277818-6289068"
#: Of a published answer.
FBM_ROW = {
    "order id": ORDER, "order date": "10-Jul-2025", "return request date": "14-Jul-2025",
    "return request status": "Approved", "amazon rma id": "DfqRyqfBRRMA", "merchant rma id": "",
    "label type": "AmazonPrePaidLabel", "label cost": "4.14", "currency code": "USD",
    "return carrier": "USPS", "tracking id": "9202090339598363834190",
    "label to be paid by": "Seller", "a-to-z claim": "N", "asin": "B0DFN2HN9N",
    "merchant sku": "PANEC-925SS-IT", "item name": "Necklace", "return quantity": "1",
    "return reason": "CR-DEFECTIVE", "safet claim id": "",
}  # fmt: skip
FBA_ROW = {
    "return-date": "2026-09-20T10:15:00+00:00", "order-id": ORDER, "sku": "FBA-1", "quantity": "1",
    "detailed-disposition": "CUSTOMER_DAMAGED", "reason": "UNWANTED_ITEM",
    "license-plate-number": "LPNRR123456789", "customer-comments": "call me: 555 0100",
}  # fmt: skip
USD = "USD"


def returned(row: dict[str, str], **more: str) -> Any:
    reader = fbm_returns if "order id" in row else fba_returns
    ((one, _),) = reader([row | more], channel="amazon-us")
    return one


# --- rows ----------------------------------------------------------------------------------------


def test_a_row_of_ours_is_a_return_on_its_way() -> None:
    one = returned(FBM_ROW)

    assert (one.remote_id, one.order, one.status) == ("DfqRyqfBRRMA", ORDER, ReturnStatus.OPEN)
    assert (one.carrier, one.tracking_number) == ("USPS", "9202090339598363834190")
    (line,) = one.lines
    assert (line.line, line.remote_sku, line.quantity) == ("", "PANEC-925SS-IT", 1)
    assert (line.reason, line.raw_reason) == (ReturnReason.DEFECTIVE, "CR-DEFECTIVE")
    assert (one.created_at.isoformat(), one.handled_there) == ("2025-07-14T00:00:00+00:00", False)
    assert (one.label_cost, one.claims) == (Money(414, USD), ())


def test_what_a_return_costs_and_what_amazon_gives_for_it_are_read_where_they_are_told() -> None:
    claim = {"safet claim id": "C-1", "safet claim state": "Denied"}
    paid = claim | {"safet claim state": "Granted", "safet claim reimbursement amount": "9.50"}

    assert returned(FBM_ROW, **{"label to be paid by": "Customer"}).label_cost is None
    assert returned(FBM_ROW, **{"label cost": "n/a"}).label_cost is None
    assert returned(FBM_ROW, **claim).claims == (ReturnClaim("C-1", "Denied", True, None),)
    assert returned(FBM_ROW, **paid).claims == (
        ReturnClaim("C-1", "Granted", False, Money(950, USD)),
    )


def test_rows_of_one_rma_are_lines_of_one_return() -> None:
    rows = [FBM_ROW | {"order item id": name} for name in ("1", "2")]
    ((one, kept),) = fbm_returns(rows, channel="amazon-us")

    assert isinstance(one, Return)
    assert [line.line for line in one.lines] == ["1", "2"]
    assert "Necklace" not in kept


def test_a_row_of_fba_is_received_and_judged_there_and_the_buyers_words_are_not_kept() -> None:
    ((one, kept),) = fba_returns([FBA_ROW], channel="amazon-us")

    assert isinstance(one, Return)
    assert (one.handled_there, one.remote_id) == (True, "LPNRR123456789")
    (line,) = one.lines
    assert (line.received, line.disposition) == (1, Disposition.DAMAGED)
    assert "555" not in kept


def test_rows_without_a_plate_are_units_each_and_keep_their_names() -> None:
    rows = [FBA_ROW | {"license-plate-number": ""}] * 2
    first, again = ([one for one, _ in fba_returns(rows, channel="a")] for _ in range(2))

    assert first == again
    assert len({one.remote_id for one in first}) == 2


def test_unknown_words_stay_unknown_beside_the_raw_word() -> None:
    ours = returned(FBM_ROW, **{"return request status": "Pondered", "return reason": "CR-MOOD"})
    theirs = returned(FBA_ROW, **{"detailed-disposition": "EATEN"})

    assert ours.status is ReturnStatus.UNKNOWN
    assert (ours.lines[0].reason, ours.lines[0].raw_reason) == (ReturnReason.UNKNOWN, "CR-MOOD")
    assert theirs.lines[0].disposition is None


@pytest.mark.parametrize(
    ("row", "column", "cell"),
    [
        (FBM_ROW, "return quantity", "one"),
        (FBM_ROW, "return quantity", "0"),
        (FBM_ROW, "return request date", "yesterday"),
        (FBM_ROW, "order id", ""),
        (FBM_ROW, "merchant sku", ""),
        (FBA_ROW, "return-date", "2026-09-20"),
        (FBA_ROW, "quantity", "-1"),
        (FBA_ROW, "sku", ""),
    ],
)
def test_a_row_that_cannot_be_read_is_a_reject(row: dict[str, str], column: str, cell: str) -> None:
    assert isinstance(returned(row, **{column: cell}), Reject)


def test_a_cursor_reads_what_it_wrote() -> None:
    walk = ReturnsWalk({"A": "{}"}, {"B": NOON}, NOON, {"0a": NOON})
    assert ReturnsWalk.parse(walk.cursor) == walk
    assert ReturnsWalk.parse(None) == ReturnsWalk()


# --- money ---------------------------------------------------------------------------------------


def transaction(**leaves: float) -> dict[str, Any]:
    parts = [
        {"breakdownType": name.replace("_", "-"), "breakdownAmount": {"currencyAmount": amount, "currencyCode": USD}, "breakdowns": []}
        for name, amount in leaves.items()
    ]  # fmt: skip
    return {
        "transactionType": "Refund", "transactionId": "T1", "postedDate": "2026-11-20T10:00:00Z",
        "relatedIdentifiers": [
            {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": ORDER},
            {"relatedIdentifierName": "REFUND_ID", "relatedIdentifierValue": "R1"},
        ],
        "items": [
            {
                "breakdowns": [{"breakdownType": "Sales", "breakdowns": parts}],
                "contexts": [{"contextType": "ProductContext", "sku": "A", "quantityShipped": 2}],
            }
        ],
    }  # fmt: skip


def test_a_refund_is_what_the_buyer_got_without_fees_and_tax_that_amazon_takes_back() -> None:
    found = paid_back(
        transaction(
            OurPricePrincipal=-19.99, OurPriceTax=-1.6, MarketplaceFacilitatorTax_Principal=1.6,
            Commission=2.99, RefundCommission=-0.6, ShippingPrincipal=-3.45, OurPriceDiscount=1.0,
        )
    )  # fmt: skip

    assert found is not None
    assert (found.ref, found.total) == ("R1", 1999 - 100 + 160 + 345)
    assert found.items[0].amounts == {"Principal": 1899, "Tax": 160, "Shipping": 345}


def test_an_entry_of_fees_is_no_refund_and_one_without_an_order_cannot_be_read() -> None:
    assert paid_back(transaction(Commission=2.99)) is None
    with pytest.raises(Unreadable):
        paid_back(transaction(OurPricePrincipal=-1.0) | {"relatedIdentifiers": []})


@pytest.mark.parametrize(
    ("cents", "units"), [(2000, 2), (1699, 2), (1000, 1), (699, 1), (100, 0), (0, 0)]
)
def test_units_are_what_the_money_is_worth(cents: int, units: int) -> None:
    # given three units at 10.00, of which Amazon states that two were paid back
    bought = {"1": Bought("1", "A", 3, {"Principal": 3000, "Tax": 0})}
    paid = PaidBack("R", ORDER, NOON, USD, (PaidItem("A", 2, {"Principal": cents}),), False, {})

    # then an amount that is small is money alone
    assert lines_of(paid, bought) == [("1", units, cents)]


def test_what_a_buyer_paid_is_read_by_component() -> None:
    def usd(amount: str) -> dict[str, str]:
        return {"amount": amount, "currencyCode": USD}

    parts = [
        {"type": "ITEM", "subtotal": usd("20.00")},
        {"type": "SHIPPING", "subtotal": usd("4.99")},
        {"type": "TAX", "subtotal": usd("2.10"), "detailedBreakdowns": [{"subtype": "SHIPPING", "value": usd("0.50")}]},
        {"type": "DISCOUNT", "subtotal": usd("-3.00"), "detailedBreakdowns": [{"subtype": "SHIPPING", "value": usd("-1.00")}]},
    ]  # fmt: skip
    item = {"orderItemId": "1", "quantityOrdered": 2, "proceeds": {"breakdowns": parts}}

    (one,) = items_of({"orderItems": [item]}).values()

    assert one.amounts == {"Principal": 1800, "Tax": 160, "Shipping": 399, "ShippingTax": 50}


# --- the simulator -------------------------------------------------------------------------------


def feed(seller: Seller, order: str, item: str, **cents: int) -> str:
    """The words of the processing report of an adjustment; "" where it was carried out."""
    line = RefundedLine(item, 1, Money(sum(cents.values()), USD))
    wanted = RefundRequest(order, (line,), Money(0, USD), line.amount)
    message = adjustment(wanted, {item: cents}, key="refund:it:1:1", currency=USD)
    return process(seller, tostring(message))


def process(seller: Seller, message: bytes) -> str:
    content = (
        b"<AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>"
        + SELLER.encode()
        + b"</MerchantIdentifier></Header><MessageType>OrderAdjustment</MessageType>"
        b"<Message><MessageID>1</MessageID>" + message + b"</Message></AmazonEnvelope>"
    )
    kind = order_feeds.KINDS["POST_PAYMENT_ADJUSTMENT_DATA"]
    account = seller.simulator.account
    _, report = order_feeds.process(account, kind, "1", content, seller.clock.now())
    return fromstring(report).findtext(".//ResultDescription", "")


def test_the_simulator_pays_what_was_paid_and_no_cent_more() -> None:
    with running() as (simulator, seller, clock):
        # given an order that is not shipped
        simulator.add_listing("A", quantity=5, price="10.00")
        line = {"sku": "A", "quantity": 2, "tax": "1.60"}
        order = simulator.place_order({"lines": [line]})["id"]
        item = simulator.account.orders[order].now.items[0].item_id
        assert "has not been shipped" in feed(seller, order, item, Principal=1)

        # when it is, then it is paid back by component, up to all of it, the same id twice
        seller.confirm(order)
        clock.advance(60)
        assert "does not belong" in feed(seller, order, "1" * 14, Principal=1)
        assert "exceeds" in feed(seller, order, item, Principal=2001)
        assert "exceeds" in feed(seller, order, item, Principal=10, Tax=161)
        assert simulator.books()["refunds"] == []
        assert feed(seller, order, item, Principal=1000, Tax=80) == ""
        assert feed(seller, order, item, Principal=1000, Tax=80) == ""
        assert "exceeds" in feed(seller, order, item, Principal=1)
        assert [one["items"][0]["total"] for one in simulator.books()["refunds"]] == [1080, 1080]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"CustomerReturn", b"Remorse"),
        (b"Principal", b"Money"),
        (b' currency="USD"', b""),
        (b">0.01<", b">0.001<"),
        (b"<AdjustmentReason>CustomerReturn</AdjustmentReason>", b""),
    ],
)
def test_the_simulator_refuses_what_breaks_the_schema(right: bytes, wrong: bytes) -> None:
    wanted = RefundRequest(
        ORDER, (RefundedLine("1" * 14, 1, Money(1, USD)),), Money(0, USD), Money(1, USD)
    )
    message = tostring(adjustment(wanted, {"1" * 14: {"Principal": 1}}, key="k", currency=USD))
    shape = order_feeds.KINDS["POST_PAYMENT_ADJUSTMENT_DATA"].body
    shape.check(fromstring(message))

    with pytest.raises(envelope.Unreadable):
        shape.check(fromstring(message.replace(right, wrong)))


@needs_models
def test_transactions_answer_as_the_model_declares() -> None:
    with running() as (simulator, seller, clock):
        # given five refunds, and a bank that took one
        simulator.add_listing("A", quantity=20, price="10.00")
        order = simulator.place_order({"lines": [{"sku": "A", "quantity": 9, "tax": "0.90"}]})["id"]
        seller.confirm(order)
        for _ in range(4):
            simulator.place_order({"pay_back": order, "sku": "A", "quantity": 1})
        simulator.place_order({"charge_back": order, "sku": "A", "quantity": 1})
        clock.advance(900)

        # when they are walked, page by page, one of them empty
        query = {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order}
        found: list[dict[str, Any]] = []
        pages, more = 0, {}
        while True:
            payload = seller.call("listTransactions", params=query | more).json()["payload"]
            found, pages = found + payload["transactions"], pages + 1
            if "nextToken" not in payload:
                break
            more = {"nextToken": payload["nextToken"]}

        # then all are there; a query that is too young or says too little is refused
        assert (len(found), pages) == (5, 3)
        assert [one["transactionType"] for one in found].count("Chargeback") == 1
        young = {"postedAfter": clock.now().isoformat()}
        assert seller.call("listTransactions", params=young).status_code == 400
        assert seller.call("listTransactions").status_code == 400
