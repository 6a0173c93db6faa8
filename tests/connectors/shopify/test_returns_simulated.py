"""Returns and refunds over real HTTP against the simulated shop: money, units, refusals, faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from connectors.shopify.client import Client
from connectors.shopify.connector import DISPUTE_SCOPES, RETURN_SCOPES, connect
from connectors.shopify.documents import Document
from connectors.shopify.simulator.access import ALL_SCOPES
from core.errors import Rejected, Unauthorized, UnknownOutcome
from core.model.money import Money
from core.model.orders import Cancellation, CancelReason, Order, PartOfLine, PaymentStatus
from core.model.returns import (
    Refund,
    RefundedLine,
    RefundQuote,
    RefundRequest,
    Return,
    ReturnReason,
    ReturnStatus,
)
from tests.connectors.shopify.scripted import FakeInside
from tests.connectors.shopify.test_connector_simulated import Rig, rig_of

KEY = "refund:shopify-us:5501:1"
NONE = Money(0, "USD")


@pytest.fixture
def rig() -> Iterator[Rig]:
    yield from rig_of(page_size=2, returns=True)


@pytest.fixture
def without_notes() -> Iterator[Rig]:
    """A shop in which the note of a processed return does not become its refund's."""
    yield from rig_of({"return_notes": False}, returns=True)


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def sold(rig: Rig, *lines: tuple[str, int], ship: bool = False, **spec: Any) -> Order:
    entry = rig.sell(*lines, **spec)
    if ship:
        rig.simulator.place_order({"fulfill": entry["id"]})
    return rig.order(entry)


def come_back(rig: Rig, order: Order, sku: str, units: int, **more: Any) -> dict[str, Any]:
    """An approved return."""
    asked = ask_back(rig, order, sku, units)
    rig.simulator.place_order({"approve": asked["name"], **more})
    return asked


def ask_back(rig: Rig, order: Order, sku: str, units: int) -> dict[str, Any]:
    row = {"sku": sku, "quantity": units, "reason": "damaged-or-defective"}
    entry = rig.simulator.place_order({"send_back": order.name, "lines": [row]})
    found: dict[str, Any] = entry["returns"][-1]
    return found


def wish(
    order: Order,
    *parts: tuple[int, int],
    shipping: int = 0,
    back: str = "",
    cancels: bool = False,
    currency: str = "USD",
) -> RefundRequest:
    """(units, cents) for each line of the order, in their order."""
    lines = tuple(
        RefundedLine(line.remote_id, units, Money(cents, currency))
        for line, (units, cents) in zip(order.lines, parts, strict=False)
    )
    total = sum(cents for _, cents in parts) + shipping
    return RefundRequest(
        order=order.remote_id,
        lines=lines,
        shipping=Money(shipping, currency),
        total=Money(total, currency),
        return_remote_id=back,
        note="damaged",
        cancels=cancels,
    )


def quote(rig: Rig, order: Order, units: int, *, back: str = "") -> RefundQuote:
    wanted = {order.lines[0].remote_id: units}
    return rig.connector.quote_refund(order.remote_id, wanted, return_remote_id=back)


def pulled(rig: Rig) -> list[Return | Refund]:
    rig.clock.advance(60)
    return [one for batch in rig.connector.pull_returns(since=None) for one in batch.items]


def book(rig: Rig, order: Order) -> dict[str, Any]:
    entries = rig.simulator.books()["orders"]
    return next(entry for entry in entries if entry["name"] == order.name)


# --- what it is worth


def test_a_quote_takes_discounts_off_and_tells_tax_and_shipping_apart(rig: Rig) -> None:
    # given three mugs at 19.99, 10.00 off all of them, 8 % of tax and 5.00 of shipping
    entry = rig.simulator.place_order(
        {"lines": [{"sku": "MUG", "quantity": 3, "discount": "10.00"}], "tax": "0.08"}
    )
    order = rig.order(entry)

    # when one and all three are quoted
    one, three = quote(rig, order, 1), quote(rig, order, 3)

    # then thirds are rounded so that three of them make the whole
    (first,), (whole,) = one.lines, three.lines
    assert (first.goods, first.tax) == (usd(1666), usd(133))
    assert (whole.goods, whole.tax) == (usd(4997), usd(400))
    assert one.shipping == three.shipping == usd(540)
    assert one.most == three.most == usd(4997 + 400 + 540)


@pytest.mark.parametrize("of_return", [False, True])
def test_two_halves_are_quoted_at_what_the_whole_was_paid(rig: Rig, of_return: bool) -> None:
    # given two of a thing that came to 19.99 together, shipped and on their way back
    entry = rig.simulator.place_order(
        {"lines": [{"sku": "TEE", "quantity": 2, "discount": "0.01"}]}
    )
    rig.simulator.place_order({"fulfill": entry["id"]})
    order = rig.order(entry)
    back = come_back(rig, order, "TEE", 2)["id"] if of_return else ""

    # when one is quoted and paid, and then the other
    first = quote(rig, order, 1, back=back).lines[0].goods
    rig.connector.push_refund(wish(order, (1, first.amount), back=back), key=KEY)
    second = quote(rig, order, 1, back=back).lines[0].goods

    # then they make the whole
    assert first + second == usd(1999)


def test_shipping_that_was_paid_back_is_not_quoted_again(rig: Rig) -> None:
    order = sold(rig, ("TEE", 1), tax="0.10")
    rig.connector.push_refund(wish(order, shipping=220), key=KEY)

    left = quote(rig, order, 1)

    assert left.shipping == usd(550 - 220)
    assert left.most == usd(1100 + 550 - 220)


def test_an_order_in_another_currency_is_neither_quoted_nor_paid(rig: Rig) -> None:
    # given a buyer who paid in euros
    order = sold(rig, ("TEE", 2), presentment={"currency": "EUR", "rate": "0.9"})

    # when it is quoted, and pushed
    # then both are refused in words: cents of the shop's currency cannot be asked for there
    with pytest.raises(Rejected, match="paid in EUR") as no_quote:
        quote(rig, order, 1)
    with pytest.raises(Rejected, match="by hand") as no_refund:
        rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
    assert no_quote.value.code == no_refund.value.code == "other_currency"
    assert book(rig, order)["refunds"] == []


def test_a_wish_in_another_currency_than_the_shops_is_refused(rig: Rig) -> None:
    order = sold(rig, ("TEE", 1))

    with pytest.raises(Rejected, match="not in the shop's currency"):
        rig.connector.push_refund(wish(order, (1, 1000), currency="EUR"), key=KEY)


# --- paying without a return


def test_goods_and_shipping_are_paid_to_the_cent_and_nothing_is_restocked(rig: Rig) -> None:
    # given a shipped order of two lines with tax
    order = sold(rig, ("TEE", 2), ("MUG", 1), ship=True, tax="0.10")
    before = rig.available("TEE"), rig.available("MUG")

    # when a part of it, and all of the shipping, is paid back
    rig.connector.push_refund(wish(order, (1, 1100), (1, 1999), shipping=550), key=KEY)

    # then the shop's books say the same, per line, and its shelves did not change
    (made,) = book(rig, order)["refunds"]
    assert (made["amount"], made["transactions"], made["shipping"]) == ("36.49", ["36.49"], "5.50")
    assert [(one["sku"], one["quantity"], one["restock"]) for one in made["lines"]] == [
        ("TEE", 1, "NO_RESTOCK"),
        ("MUG", 1, "NO_RESTOCK"),
    ]
    assert (rig.available("TEE"), rig.available("MUG")) == before
    now = rig.order({"id": order.remote_id})
    assert now.payment is PaymentStatus.PARTIALLY_REFUNDED
    assert [line.current for line in now.lines] == [1, 0]


def test_units_that_never_left_go_back_to_the_shelf_they_were_promised_from(rig: Rig) -> None:
    # given three units waiting at one location
    order = sold(rig, ("TEE", 3))
    assert rig.available("TEE") == 7

    # when two are canceled
    rig.connector.push_refund(wish(order, (2, 2000), cancels=True), key=KEY)

    # then they can be sold again, and one is still to ship
    assert rig.available("TEE") == 9
    (line,) = rig.order({"id": order.remote_id}).lines
    assert (line.current, line.fulfilled) == (1, 0)
    assert book(rig, order)["fulfillment_orders"][0]["lines"][0]["remaining"] == 1

    # and what is pulled says of these alone that they never left
    rig.simulator.place_order({"fulfill": order.name})
    rig.connector.push_refund(wish(order, (1, 1000)), key=f"{KEY}2")
    told = [one.lines[0] for one in pulled(rig) if isinstance(one, Refund)]
    assert [(one.quantity, one.canceled) for one in told] == [(2, True), (1, False)]


def test_units_that_somebody_sends_between_our_look_and_our_write_are_told_to_be_both(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given two units of which one is to be canceled, and a person who is as fast as we are
    order = sold(rig, ("TEE", 2))
    (line,) = order.lines
    part = PartOfLine(line.remote_id, quantity=1, staying=1)
    ended = Cancellation(
        order.remote_id, CancelReason.OUT_OF_STOCK, lines=(), whole=False, parts=(part,)
    )
    write = Client.write

    def slowly(client: Client, document: Document, variables: Mapping[str, Any]) -> dict[str, Any]:
        rig.simulator.place_order({"fulfill": order.name})
        return write(client, document, variables)

    # when both leave before our refund lands
    monkeypatch.setattr(Client, "write", slowly)
    rig.connector.push_cancellation(ended, key=KEY)

    # then Shopify takes it, and its figures tell: of two bought two left and one was canceled
    (refund,) = [one for one in pulled(rig) if isinstance(one, Refund)]
    assert [(one.quantity, one.canceled) for one in refund.lines] == [(1, True)]
    (now,) = rig.order({"id": order.remote_id}).lines
    assert (now.ordered, now.current, now.fulfilled + now.returned) == (2, 1, 2)


def test_money_goes_back_every_way_it_came(rig: Rig) -> None:
    # given 25.00, of which 12.00 were paid with a gift card
    order = sold(rig, ("TEE", 2), gift_card="12.00")

    # when 20.00 are paid back in two parts
    rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
    rig.connector.push_refund(wish(order, (1, 1000)), key=f"{KEY}2")

    # then no more than was paid that way went back to the card
    ways = [one["transactions"] for one in book(rig, order)["refunds"]]
    assert ways == [["10.00"], ["2.00", "8.00"]]


def test_money_alone_is_paid_without_taking_units_out(rig: Rig) -> None:
    order = sold(rig, ("TEE", 2), ship=True)

    rig.connector.push_refund(wish(order, (0, 300)), key=KEY)

    entry = book(rig, order)
    assert [(one["amount"], one["lines"]) for one in entry["refunds"]] == [("3.00", [])]
    assert entry["lines"][0]["current_quantity"] == 2


def test_more_shipping_than_was_paid_is_refused(rig: Rig) -> None:
    order = sold(rig, ("TEE", 1))

    with pytest.raises(Rejected, match="shipping") as no:
        rig.connector.push_refund(wish(order, (1, 900), shipping=501), key=KEY)
    assert no.value.code == "more_than_paid"
    assert book(rig, order)["refunds"] == []


def test_a_refusal_of_shopifys_is_told_in_its_words(rig: Rig) -> None:
    # given an order of one
    order = sold(rig, ("TEE", 1))

    # when two are to be paid back
    with pytest.raises(Rejected, match="more items than were purchased"):
        rig.connector.push_refund(wish(order, (2, 1000)), key=KEY)


def test_an_attempt_that_failed_there_is_made_again_under_another_name_and_pays_once(
    rig: Rig,
) -> None:
    # given a refund that Shopify could not make, and says so for a day to whoever repeats its key
    order = sold(rig, ("TEE", 2))
    rig.fault("RefundCreate", "internal", nth=1, probability=0)
    with pytest.raises(UnknownOutcome):
        rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
    assert rig.connector.find_refund(wish(order, (1, 1000)), key=KEY) is None

    # when it is pushed again, twice
    first = rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
    again = rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)

    # then it was paid once
    assert first == again
    assert len(book(rig, order)["refunds"]) == 1


def test_a_repeat_before_the_note_shows_is_caught_by_shopifys_own_key(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a refund whose answer was lost, and readings of the order that do not show it yet
    order = sold(rig, ("TEE", 2))
    rig.fault("RefundCreate", "lost-answer", nth=1, probability=0)
    with pytest.raises(UnknownOutcome):
        rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
    rig.simulator.faults.set([])
    made = rig.simulator.shop.order_called(order.name).refunds
    monkeypatch.setattr(made[0], "note", None)

    # when it is pushed again
    rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)

    # then the key alone kept it from being paid twice
    assert len(made) == 1


def test_another_refund_under_the_key_of_one_is_refused(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a refund that was made, and whose note was changed there
    order = sold(rig, ("TEE", 2))
    rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
    made = rig.simulator.shop.order_called(order.name).refunds
    monkeypatch.setattr(made[0], "note", "changed by the merchant")

    # when something else is pushed under its key, then a person has to look
    with pytest.raises(Rejected, match="different operation parameters") as no:
        rig.connector.push_refund(wish(order, (1, 900)), key=KEY)
    assert no.value.code == "other_refund"
    assert len(made) == 1


def test_a_refund_whose_payment_failed_is_not_taken_for_paid(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a refund that was made, whose payment the bank then refused
    order = sold(rig, ("TEE", 1))
    rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
    (made,) = rig.simulator.shop.order_called(order.name).refunds
    monkeypatch.setattr(made.transactions[0], "status", "FAILURE")

    # when it is looked for, pulled, and pushed again
    # then it is none, and a person hears why
    assert rig.connector.find_refund(wish(order, (1, 1000)), key=KEY) is None
    assert pulled(rig) == []
    with pytest.raises(Rejected, match="payment failed") as no:
        rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
    assert no.value.code == "transaction_failed"


# --- settling a return


def test_a_return_is_processed_with_its_money_and_its_units_are_not_restocked(rig: Rig) -> None:
    # given two of three shirts on their way back
    order = sold(rig, ("TEE", 3), ship=True)
    back = come_back(rig, order, "TEE", 2)
    before = rig.available("TEE")

    # when both are paid back less a fee, with half of the shipping
    rig.connector.push_refund(wish(order, (2, 1700), shipping=250, back=back["id"]), key=KEY)

    # then the return shows them processed, refunded, and not put back on the shelf
    entry = book(rig, order)
    (returned,) = entry["returns"]
    assert [(one["processed"], one["refunded"]) for one in returned["lines"]] == [(2, 2)]
    assert returned["dispositions"] == [{"type": "NOT_RESTOCKED", "quantity": 2}]
    assert rig.available("TEE") == before
    (made,) = entry["refunds"]
    assert (made["amount"], made["shipping"], made["return"]) == ("19.50", "2.50", back["id"])

    # and what is pulled says what was asked for, and that the return is still open
    told = pulled(rig)
    (refund,) = [one for one in told if isinstance(one, Refund)]
    assert (refund.key, refund.return_remote_id, refund.total) == (KEY, back["id"], usd(1950))
    assert [(one.quantity, one.amount) for one in refund.lines] == [(2, usd(1700))]
    (found,) = [one for one in told if isinstance(one, Return)]
    assert found.status is ReturnStatus.OPEN


def test_units_of_one_line_that_went_out_in_two_parcels_are_settled_together(rig: Rig) -> None:
    # given a line that was shipped in two parcels
    order = sold(rig, ("TEE", 3))
    for units in (1, 2):
        rows = [{"sku": "TEE", "quantity": units}]
        rig.simulator.place_order({"fulfill": order.name, "lines": rows})
    back = come_back(rig, order, "TEE", 3)
    assert len(back["lines"]) == 2

    # when all are paid back
    rig.connector.push_refund(wish(order, (3, 3000), back=back["id"]), key=KEY)

    # then both rows are settled
    (returned,) = book(rig, order)["returns"]
    assert [one["refunded"] for one in returned["lines"]] == [1, 2]
    assert sum(one["quantity"] for one in returned["dispositions"]) == 3


@pytest.mark.parametrize("deed", ["", "decline", "cancel_return"])
def test_a_return_that_is_not_open_is_not_settled(rig: Rig, deed: str) -> None:
    # given a return that was only asked for, or that will not come
    order = sold(rig, ("TEE", 1), ship=True)
    asked = ask_back(rig, order, "TEE", 1)
    if deed:
        rig.simulator.place_order({deed: asked["name"]})

    # when it is to be settled
    with pytest.raises(Rejected) as no:
        rig.connector.push_refund(wish(order, (1, 1000), back=asked["id"]), key=KEY)
    assert no.value.code == "not_open"
    assert book(rig, order)["refunds"] == []


def test_more_units_than_come_back_are_neither_quoted_nor_settled(rig: Rig) -> None:
    # given one of two on its way back
    order = sold(rig, ("TEE", 2), ship=True)
    back = come_back(rig, order, "TEE", 1)["id"]

    # when two are asked for
    with pytest.raises(Rejected, match="only 1 are left") as no_quote:
        quote(rig, order, 2, back=back)
    with pytest.raises(Rejected) as no:
        rig.connector.push_refund(wish(order, (2, 2000), back=back), key=KEY)
    assert no_quote.value.code == no.value.code == "more_than_returned"


def test_a_return_that_the_merchant_processed_is_not_paid_again(rig: Rig) -> None:
    order = sold(rig, ("TEE", 1), ship=True)
    back = come_back(rig, order, "TEE", 1)
    rig.simulator.place_order({"process_return": back["name"], "amount": "10.00"})

    with pytest.raises(Rejected):
        rig.connector.push_refund(wish(order, (1, 1000), back=back["id"]), key=KEY)

    assert len(book(rig, order)["refunds"]) == 1


def test_an_unknown_return_is_refused(rig: Rig) -> None:
    order = sold(rig, ("TEE", 1), ship=True)

    with pytest.raises(Rejected) as no:
        rig.connector.push_refund(wish(order, (1, 1000), back="gid://shopify/Return/1"), key=KEY)
    assert no.value.code == "return_not_found"


def test_a_return_is_not_settled_with_nothing(rig: Rig) -> None:
    order = sold(rig, ("TEE", 1), ship=True)
    back = come_back(rig, order, "TEE", 1)["id"]

    with pytest.raises(Rejected) as no:
        rig.connector.push_refund(wish(order, (1, 0), back=back), key=KEY)
    assert no.value.code == "nothing_to_pay"


def test_money_alone_for_a_return_leaves_its_units_to_be_settled(rig: Rig) -> None:
    # given an exchange for something cheaper, whose return was closed
    order = sold(rig, ("TEE", 1), ship=True)
    back = come_back(rig, order, "TEE", 1)
    rig.simulator.place_order({"close_return": back["name"]})

    # when the difference is paid
    wanted = wish(order, (0, 250), back=back["id"])
    first = rig.connector.push_refund(wanted, key=KEY)

    # then it was, and once, and no unit was processed
    assert rig.connector.push_refund(wanted, key=KEY) == first
    entry = book(rig, order)
    assert [one["amount"] for one in entry["refunds"]] == ["2.50"]
    assert [one["processed"] for one in entry["returns"][0]["lines"]] == [0]


def test_where_notes_are_not_kept_a_lost_settlement_is_known_by_what_it_paid(
    without_notes: Rig,
) -> None:
    # given a settlement that landed, in a shop that keeps no note with it
    rig = without_notes
    order = sold(rig, ("TEE", 2), ship=True)
    back = come_back(rig, order, "TEE", 2)["id"]
    wanted = wish(order, (2, 2000), back=back)
    rig.fault("ReturnProcess", "lost-answer", nth=1, probability=0)
    with pytest.raises(UnknownOutcome):
        rig.connector.push_refund(wanted, key=KEY)

    # when it is looked for, by what it paid and by something else
    found = rig.connector.find_refund(wanted, key=KEY)
    other = rig.connector.find_refund(wish(order, (2, 1999), back=back), key=KEY)

    # then it is found, and nothing else is taken for it
    (made,) = book(rig, order)["refunds"]
    assert (found, other, made["note"]) == (made["id"], None, None)


def test_where_notes_are_not_kept_a_settlement_knows_its_own_refund(without_notes: Rig) -> None:
    rig = without_notes
    order = sold(rig, ("TEE", 2), ship=True)
    back = come_back(rig, order, "TEE", 2)["id"]

    refs = [
        rig.connector.push_refund(wish(order, (1, 1000), back=back), key=f"{KEY}{number}")
        for number in range(2)
    ]

    assert refs == [one["id"] for one in book(rig, order)["refunds"]]
    assert len(set(refs)) == 2


# --- what is pulled


def test_a_return_is_told_in_every_state_it_goes_through(rig: Rig) -> None:
    # given orders whose returns went different ways
    orders = [sold(rig, ("TEE", 1), ship=True) for _ in range(5)]
    asked = [ask_back(rig, order, "TEE", 1) for order in orders]
    for deed, one in zip(("approve", "approve", "decline", "cancel_return"), asked, strict=False):
        rig.simulator.place_order({deed: one["name"]})
    rig.simulator.place_order({"close_return": asked[1]["name"]})

    # when they are pulled
    found = [one for one in pulled(rig) if isinstance(one, Return)]

    # then each is told as it stands
    assert [one.status.value for one in sorted(found, key=lambda one: one.name)] == [
        "open", "closed", "declined", "canceled", "requested",
    ]  # fmt: skip
    assert {line.reason for one in found for line in one.lines} == {ReturnReason.DEFECTIVE}


def test_a_parcel_and_its_label_are_told(rig: Rig) -> None:
    order = sold(rig, ("TEE", 1), ship=True)
    back = come_back(rig, order, "TEE", 1)
    posted = {"post_return": back["name"], "carrier": "UPS", "number": "1ZBACK", "label": True}
    rig.simulator.place_order(posted)

    (found,) = pulled(rig)

    assert isinstance(found, Return)
    assert (found.carrier, found.tracking_number) == ("UPS", "1ZBACK")
    assert found.label.startswith("gid://shopify/ReverseDelivery/")


def test_an_exchange_becomes_a_line_of_the_order_when_it_is_processed(rig: Rig) -> None:
    # given a shirt that is exchanged for a mug
    order = sold(rig, ("TEE", 1), ship=True)
    back = come_back(rig, order, "TEE", 1, exchange=[{"sku": "MUG", "quantity": 1}])
    (before,) = pulled(rig)

    # when the merchant processes it
    rig.simulator.place_order({"process_return": back["name"]})
    (after,) = pulled(rig)

    # then the mug is a line of the order that is still to ship, and the shirt is none any more
    assert isinstance(before, Return)
    assert isinstance(after, Return)
    (mug,) = [one for one in rig.simulator.shop.variants.values() if one.sku == "MUG"]
    assert [(one.listing_remote_id, one.lines) for one in before.exchanged] == [(mug.id, ())]
    shirt, swapped = rig.order({"id": order.remote_id}).lines
    assert after.exchanged[0].lines == (swapped.remote_id,)
    assert after.exchanged[0].unit_price == usd(1999)
    assert (shirt.current, swapped.current, swapped.fulfilled) == (0, 1, 0)


def test_what_does_not_fit_on_a_page_is_read_on(rig: Rig) -> None:
    # given an order of 12 lines, with a return of all of them, three more, and a refund of 24 rows
    skus = [f"SKU-{number}" for number in range(12)]
    for sku in skus:
        rig.simulator.add_product(sku, quantities={"Main": 9})
    order = sold(rig, *((sku, 6) for sku in skus), ship=True)
    rows = [{"sku": sku, "quantity": 1} for sku in skus]
    rig.simulator.place_order({"send_back": order.name, "lines": rows})
    for sku in skus[:3]:
        ask_back(rig, order, sku, 1)
    rig.simulator.place_order({"pay_back": order.name, "lines": [*rows, *rows]})

    # when they are pulled
    found = pulled(rig)

    # then nothing is missing
    returns = [one for one in found if isinstance(one, Return)]
    (refund,) = [one for one in found if isinstance(one, Refund)]
    assert sorted(len(one.lines) for one in returns) == [1, 1, 1, 12]
    assert len(refund.lines) == 24


def test_a_canceled_orders_money_is_told_as_a_refund(rig: Rig) -> None:
    order = sold(rig, ("TEE", 2), tax="0.10")
    rig.simulator.place_order({"cancel": order.name})

    (found,) = pulled(rig)

    assert isinstance(found, Refund)
    assert (found.total, found.key) == (usd(2750), "")
    assert [one.amount for one in found.lines] == [usd(2200)]


@pytest.fixture
def bank() -> Iterator[Rig]:
    """A connector that may read the payment account's disputes."""
    yield from rig_of(disputes=True)


def test_what_a_bank_took_for_good_is_told_as_a_chargeback(bank: Rig) -> None:
    # given chargebacks that were lost, accepted, won and are argued about, and an inquiry
    orders = [sold(bank, ("TEE", 1)) for _ in range(5)]
    for order, (kind, status) in zip(
        orders,
        (
            ("CHARGEBACK", "LOST"),
            ("CHARGEBACK", "ACCEPTED"),
            ("CHARGEBACK", "WON"),
            ("CHARGEBACK", "UNDER_REVIEW"),
            ("INQUIRY", "LOST"),
        ),
        strict=True,
    ):
        told = {"charge_back": order.name, "status": status, "type": kind, "amount": "12.50"}
        bank.simulator.place_order(told)

    # when what was paid back is pulled
    found = pulled(bank)

    # then it is what the bank took for good, and nobody's refund
    assert [(one.order, one.total) for one in found if isinstance(one, Refund)] == [
        (orders[0].remote_id, usd(1250)),
        (orders[1].remote_id, usd(1250)),
    ]
    assert all(isinstance(one, Refund) and one.chargeback and not one.lines for one in found)


def test_a_chargeback_of_which_no_sum_is_told_is_left_out(bank: Rig) -> None:
    # given one at another payment provider, and one in another currency
    order = sold(bank, ("TEE", 1))
    bank.simulator.place_order({"charge_back": order.name, "shopify_payments": False})
    foreign = sold(bank, ("TEE", 1), presentment={"currency": "EUR", "rate": "0.9"})
    bank.simulator.place_order({"charge_back": foreign.name})
    bank.clock.advance(60)

    # when they are pulled
    (batch,) = bank.connector.pull_returns(since=None)

    # then no sum is made up, and what cannot be counted is shown to a person
    assert batch.items == ()
    assert ["EUR" in one.problem for one in batch.rejects] == [True]


def test_a_dispute_is_told_with_its_order_and_is_no_refund(rig: Rig) -> None:
    # given a buyer whose bank took the money back, where we may not read how much
    order = sold(rig, ("TEE", 1))
    rig.simulator.place_order({"charge_back": order.name, "status": "LOST"})

    # when the order and what was paid back are read
    now = rig.order({"id": order.remote_id})

    # then the order says so, and no sum is made up
    assert now.attributes["disputes"] == "CHARGEBACK LOST"
    assert pulled(rig) == []


def test_units_that_came_back_do_not_stand_for_one_still_to_ship(rig: Rig) -> None:
    # given three bought, two shipped, and one of these paid back
    order = sold(rig, ("TEE", 3))
    rows = [{"sku": "TEE", "quantity": 2}]
    rig.simulator.place_order({"fulfill": order.name, "lines": rows})
    rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)

    # when the order is read, then one is still to ship
    (line,) = rig.order({"id": order.remote_id}).lines
    assert (line.ordered, line.current, line.fulfilled, line.returned) == (3, 2, 1, 1)


# --- rights


def test_the_check_asks_for_the_scopes_of_returns_only_where_they_are_used() -> None:
    wanted = {name for name, _ in (*RETURN_SCOPES, *DISPUTE_SCOPES)}
    scopes = tuple(one for one in ALL_SCOPES if one not in wanted)
    for used, missing in ((False, set()), (True, wanted)):
        for rig in rig_of({"scopes": scopes}, returns=used, disputes=used):
            rights = rig.connector.check().rights
            assert {one.name for one in rights if not one.granted} == missing


def test_without_the_scope_a_pull_says_which_one_is_missing() -> None:
    scopes = tuple(one for one in ALL_SCOPES if one != "read_returns")
    for rig in rig_of({"scopes": scopes}, returns=True):
        order = sold(rig, ("TEE", 1), ship=True)
        ask_back(rig, order, "TEE", 1)
        with pytest.raises(Unauthorized) as no:
            pulled(rig)
        assert no.value.missing == "read_returns"


def test_returns_of_before_they_were_used_are_told_once_they_are() -> None:
    # given a shop that was walked to its end without returns, one of which was asked for by then
    for rig in rig_of():
        order = sold(rig, ("TEE", 1), ship=True)
        ask_back(rig, order, "TEE", 1)
        rig.clock.advance(3600)
        *_, last = rig.connector.pull_returns(since=None)
        rig.clock.advance(3600)
        settings = rig.connector._settings.model_copy(update={"returns": True})
        used = connect("shopify-us", settings, FakeInside(rig.clock))

        # when returns are used from now on, and the walk goes on
        (batch,) = used.pull_returns(since=last.cursor)
        (later,) = used.pull_returns(since=batch.cursor)
        used.close()

        # then the old one is told, and once
        assert [one.order for one in batch.items] == [order.remote_id]
        assert later.items == ()


def test_where_returns_are_not_used_refunds_need_no_scope_of_theirs() -> None:
    # given a shop whose app may not read returns
    scopes = tuple(one for one in ALL_SCOPES if "returns" not in one)
    for rig in rig_of({"scopes": scopes}):
        # when something is paid back here and there, of an order with a return
        order = sold(rig, ("TEE", 3), ship=True)
        come_back(rig, order, "TEE", 1)
        rig.connector.push_refund(wish(order, (1, 1000)), key=KEY)
        rig.simulator.place_order(
            {"pay_back": order.name, "lines": [{"sku": "TEE", "quantity": 1}]}
        )

        # then both are told, and the return is not
        found = pulled(rig)
        assert [one.key for one in found if isinstance(one, Refund)] == [KEY, ""]
        assert len(found) == 2
        assert rig.connector.find_refund(wish(order, (1, 1000)), key=KEY) == found[0].remote_id
