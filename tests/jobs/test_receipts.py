"""What a trading partner could read of ours, and what it is told of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from core.model.fulfillment import AcknowledgmentStatus
from core.model.reasons import Reason
from core.model.receipts import OwedReceipt, Receipt
from core.ports import Batch, Handover, ReceiptSource
from core.rules.modes import Mode
from core.rules.sentences import render
from jobs import push, receipts
from jobs.clock import ManualClock
from jobs.store.permissions import RECEIPTS, Permissions
from jobs.store.store import Store
from jobs.store.tables import cases, effect, fulfillment, lease
from tests.jobs.builders import NOON, line, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Place, Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

KEY = "shopify-us:1:F1"


class Partner(Place, ReceiptSource):
    """A place that also says what it could read."""

    receipts_within = timedelta(hours=24)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.says: list[Receipt | OwedReceipt] = []
        self.told: dict[str, bytes] = {}

    def pull_receipts(self, *, since: str | None) -> Iterator[Batch[Receipt | OwedReceipt]]:
        yield Batch(tuple(self.says), "end")

    def receipt_document(self, told: str, *, serial: int, at: datetime) -> bytes:
        return f"{serial} {told}".encode()

    def stage_receipt(self, key: str, document: bytes) -> None:
        self._fail("stage")
        self.staged[key] = document

    def release_receipt(self, key: str) -> str:
        self.told[key] = self.staged.pop(key)
        return key

    def find_receipt(self, key: str, document: bytes) -> Handover:
        return Handover.STAGED if key in self.staged else Handover.ABSENT


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path)
    partner = Partner("home-files")
    made.places["home-files"] = partner
    made.wiring = replace(made.wiring, connectors={**made.wiring.connectors, "home-files": partner})
    made.receive("TEA", 50)
    made.record(order("1", line(units=2)))
    made.decide()
    push.push_requests(made.run("home-files/requests"), "home-files")
    return made


def exchange(shop: Shop, *says: Receipt | OwedReceipt) -> Partner:
    partner = shop.places["home-files"]
    assert isinstance(partner, Partner)
    partner.says = list(says)
    # No unit of that name was declared when the shop was opened.
    receipts.exchange_receipts(shop.run("home-files/requests"), "home-files")
    return partner


def act(shop: Shop, to: Mode = Mode.ACT) -> None:
    with shop.store.transaction() as tx:
        Permissions(tx).set_mode("home-files", RECEIPTS, to, skus=None, share=None, by="ann")


def told(shop: Shop, kind: str) -> Sequence[str]:
    query = select(cases).where(cases.c.kind == kind, cases.c.state == "open")
    with shop.store.reading() as tx:
        return [render(Reason(one.code, one.args), "en") for one in tx.connection.execute(query)]


def owed(number: int, text: str = "A") -> OwedReceipt:
    return OwedReceipt(f"home-files:997:{number}:{text}", f"home-files:997:{number}:", text)


def test_what_could_be_read_is_noted_and_missed_no_more(shop: Shop) -> None:
    exchange(shop)
    shop.clock.advance(25 * 3600)
    exchange(shop)
    assert KEY in told(shop, "receipt_overdue")[0]
    exchange(shop, Receipt(1, True, shop.clock.now()))
    assert told(shop, "receipt_overdue") == []
    (made,) = (one for one in rows(shop.store, effect) if one["kind"] == "request")
    assert (made["serial"], made["received_at"]) == (1, shop.clock.now())


@BOTH
def test_what_could_not_be_read_goes_to_others_once(shop: Shop) -> None:
    refusal = Receipt(1, False, NOON + timedelta(minutes=1), "AK3*PO1*6**8; AK5 5")
    exchange(shop, refusal, refusal)
    (made,) = rows(shop.store, fulfillment)
    assert made["state"] == "rejected"
    assert "AK3*PO1*6**8" in told(shop, "document_unread")[0]
    exchange(shop, refusal)
    assert len(told(shop, "document_unread")) == 1


@pytest.mark.parametrize("shipped", [False, True])
def test_what_was_answered_before_it_was_said_to_be_unread_goes_to_no_other(
    shop: Shop, shipped: bool
) -> None:
    # given a request that the partner accepted, or shipped, and another place that has the goods
    shop.snapshot(("TEA", 50), at=shop.clock.now())
    shop.clock.advance(60)
    shop.answer(KEY, AcknowledgmentStatus.ACCEPTED)
    if shipped:
        shop.ship(KEY, ("TEA", 2))
    before = [(one["number"], one["state"]) for one in rows(shop.store, fulfillment)]

    # when it says afterwards that it could not read it
    shop.clock.advance(60)
    exchange(shop, Receipt(1, False, shop.clock.now(), "AK5 5"))
    shop.decide()

    # then nobody else is asked for the same, and a person is told
    assert [(one["number"], one["state"]) for one in rows(shop.store, fulfillment)] == before
    assert "which it has answered before" in told(shop, "document_unread_yet_answered")[0]
    assert told(shop, "document_unread") == []


def test_a_receipt_for_what_was_never_sent_is_told(shop: Shop) -> None:
    exchange(shop, Receipt(77, False, NOON, "AK5 5"))
    assert "77" in told(shop, "unknown_document")[0]
    assert rows(shop.store, fulfillment)[0]["state"] == "requested"


@BOTH
def test_nothing_is_told_while_only_observing_and_that_is_told_to_us(shop: Shop) -> None:
    # given a partner that wants receipts, and a mode that writes none
    partner = exchange(shop, owed(5))
    assert partner.told == {}
    assert "lockstep mode act --connection home-files" in told(shop, "receipts_untold")[0]

    # when that changes, then what was owed before is not sent after all
    act(shop)
    assert exchange(shop).told == {}


def test_each_document_is_told_of_once_under_a_number_of_its_own(shop: Shop) -> None:
    act(shop)
    partner = exchange(shop, owed(5), owed(6), owed(5))
    assert partner.told == {
        "home-files:997:5:A": b"2 A",
        "home-files:997:6:A": b"3 A",
    }
    assert exchange(shop, owed(5)).told == partner.told


@BOTH
def test_two_documents_under_one_number_are_an_incident(shop: Shop) -> None:
    act(shop)
    exchange(shop, owed(5))
    exchange(shop, owed(5, "other content"))
    assert "two different documents under one number" in told(shop, "document_number_twice")[0]


def test_a_request_and_a_receipt_never_share_a_number(shop: Shop) -> None:
    act(shop)
    exchange(shop, owed(5))
    shop.record(order("2", line(units=1)))
    shop.decide()
    with shop.store.database.write() as connection:
        connection.execute(update(lease).values(owner=None, until=None))
    push.push_requests(shop.run("home-files/requests"), "home-files")
    numbers = [one["serial"] for one in rows(shop.store, effect)]
    assert sorted(numbers) == [1, 2, 3]
