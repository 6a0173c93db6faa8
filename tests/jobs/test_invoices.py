"""What suppliers bill, matched with orders and goods; the rest waits for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from core.model.fulfillment import AcknowledgmentStatus
from core.model.invoices import Invoice, InvoicedLine, InvoiceState
from core.model.money import Money
from core.model.purchasing import PurchaseLine, PurchaseOrder
from core.model.reasons import Reason
from core.rules.effects import short_key
from core.rules.sentences import render
from jobs import invoices, push
from jobs.clock import ManualClock
from jobs.store.invoices import Invoices
from jobs.store.purchases import Purchases
from jobs.store.store import Store
from jobs.store.tables import cases
from tests.jobs.builders import NOON, line, order
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

FIRST = "shopify-us:1:F1"
PURCHASE = "PO-20261124-0A0A0A0A"
TERMS = """
suppliers:
  leaf:
    connection: home-files
    restocks: home
    price_tolerance: 2
    goods_within: 10d
    items: {TEA: {item: V-77, cost: 4.00}}
"""


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path, more=TERMS)
    made.receive("TEA", 50)
    return made


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def bill(number: str, names: str, units: int, cents: int, *, extras: int = 0) -> Invoice:
    made = InvoicedLine("V-77", units, usd(cents))
    return Invoice(
        number, names, date(2026, 11, 24), "USD", (made,), usd(extras), usd(cents + extras)
    )


def record(shop: Shop, *some: Invoice) -> None:
    run = shop.run("home-files/acknowledgments")
    with run.transaction() as tx:
        for one in some:
            invoices.record_invoice(tx, run.wiring, "home-files", one)


def look_again(shop: Shop) -> None:
    with shop.store.transaction() as tx:
        for one in Invoices(tx).listed():
            invoices.look(tx, shop.wiring, one)


def states(shop: Shop) -> dict[str, str]:
    with shop.store.reading() as tx:
        return {one.invoice.number: str(one.state) for one in Invoices(tx).listed(settled=True)}


def told(shop: Shop, kind: str = "invoice_differs") -> list[str]:
    query = select(cases).where(cases.c.kind == kind, cases.c.state == "open")
    with shop.store.reading() as tx:
        return [render(Reason(one.code, one.args), "en") for one in tx.connection.execute(query)]


def asked(shop: Shop, units: int) -> None:
    shop.record(order("1", line(units=units)))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    shop.answer(FIRST, AcknowledgmentStatus.ACCEPTED)


def bought(shop: Shop, units: int) -> None:
    with shop.store.transaction() as tx:
        one = PurchaseOrder(
            PURCHASE, "leaf", "home", (PurchaseLine("TEA", "V-77", units, usd(400)),), NOON
        )
        Purchases(tx).add(
            one, connection="home-files", currency="USD", expected_on=date(2026, 12, 1), by="ann"
        )


def came(shop: Shop, units: int) -> None:
    with shop.store.transaction() as tx:
        found = Purchases(tx).get(PURCHASE)
        assert found is not None
        Purchases(tx).received(found, {"TEA": units})


def test_what_was_shipped_to_a_buyer_is_matched_under_either_name(shop: Shop) -> None:
    # given a request of which three units were shipped, two of them billed at first
    asked(shop, 3)
    shop.ship(FIRST, ("TEA", 3))
    record(shop, bill("I-1", short_key(FIRST), 2, 800), bill("I-2", FIRST, 1, 400))
    assert states(shop) == {"I-1": "matched", "I-2": "matched"}
    assert told(shop) == []

    # when they are billed once more, then a person is told
    record(shop, bill("I-3", FIRST, 3, 1200))
    (words,) = told(shop)
    assert "3 of TEA are billed, 3 were ordered, and 3 were billed before" in words


def test_an_invoice_waits_for_its_goods_and_no_longer_than_agreed(shop: Shop) -> None:
    # given an order of ten of which nothing came
    bought(shop, 10)
    record(shop, bill("I-1", PURCHASE, 10, 4000))
    assert states(shop) == {"I-1": "waiting"}
    assert told(shop) == []

    # when six come, and then nothing for too long
    came(shop, 6)
    look_again(shop)
    assert states(shop) == {"I-1": "waiting"}
    shop.clock.advance(11 * 86_400)
    look_again(shop)
    (words,) = told(shop)
    assert "10 of TEA are billed, 6 came" in words

    # and when the rest comes after all, then it is over
    came(shop, 4)
    look_again(shop)
    assert states(shop) == {"I-1": "matched"}
    assert told(shop) == []


def test_an_invoice_for_an_order_nobody_placed_is_told_and_kept(shop: Shop) -> None:
    record(shop, bill("I-1", "PO-OTHERS", 10, 4000))
    (words,) = told(shop)
    assert "it names the order PO-OTHERS, which we never placed with them" in words

    # and it may be an order that we know a moment later
    with shop.store.reading() as tx:
        assert Invoices(tx).get("home-files", "I-1") is not None


def test_an_order_of_another_supplier_is_no_order_of_theirs(shop: Shop) -> None:
    bought(shop, 10)
    run = shop.run("acme-files/acknowledgments")
    with run.transaction() as tx:
        invoices.record_invoice(tx, run.wiring, "acme-files", bill("I-1", PURCHASE, 10, 4000))
    assert "never placed with them" in told(shop)[0]


def test_the_same_invoice_again_is_a_repeat_and_other_content_an_incident(shop: Shop) -> None:
    bought(shop, 10)
    came(shop, 10)
    one = bill("I-1", PURCHASE, 10, 4000)
    record(shop, one, one)
    assert told(shop, "invoice_twice") == []
    record(shop, bill("I-1", PURCHASE, 10, 3000))
    assert "first over 40.00 USD, this one over 30.00 USD" in told(shop, "invoice_twice")[0]
    assert states(shop) == {"I-1": "matched"}


@BOTH
def test_a_person_accepts_or_refuses_and_a_corrected_one_fits(shop: Shop) -> None:
    # given a wrong invoice and its correction
    bought(shop, 10)
    came(shop, 10)
    record(shop, bill("I-1", PURCHASE, 10, 5000), bill("I-2", PURCHASE, 10, 4000))
    assert states(shop) == {"I-1": "differs", "I-2": "differs"}

    # when the wrong one is refused, then the other fits
    with shop.store.transaction() as tx:
        invoices.settle(
            tx, "home-files", "I-1", InvoiceState.REJECTED, by="ann", note="Kim: wrong price"
        )
    look_again(shop)
    assert states(shop) == {"I-1": "rejected", "I-2": "matched"}
    assert told(shop) == []

    # and nothing is settled twice
    with (
        shop.store.transaction() as tx,
        pytest.raises(invoices.NoInvoice, match="rejected already"),
    ):
        invoices.settle(tx, "home-files", "I-1", InvoiceState.ACCEPTED, by="ann", note="again")


def test_a_credit_gives_back_what_may_be_billed_again(shop: Shop) -> None:
    bought(shop, 10)
    came(shop, 10)
    back = replace(bill("C-1", PURCHASE, 2, 800), credit=True)
    record(shop, bill("I-1", PURCHASE, 10, 4000), back, bill("I-2", PURCHASE, 2, 800))
    assert states(shop) == {"C-1": "matched", "I-1": "matched", "I-2": "matched"}
