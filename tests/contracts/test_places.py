"""What a place that counts and ships promises, a carrier, and whoever carries mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config.checks import FOLLOWS
from core.errors import Rejected, Unavailable, UnknownOutcome
from core.model.carriage import Lane, RateAnswer, RateQuestion
from core.model.fulfillment import (
    AcknowledgmentStatus,
    CallOff,
    RequestReminder,
)
from core.model.money import Money
from core.model.purchasing import PurchaseLine, PurchaseOrder, PurchaseReminder
from core.model.receipts import OwedReceipt, Receipt
from core.ports import (
    AlertTarget,
    AnswerPages,
    AskedFor,
    Batch,
    FulfillmentSource,
    Handover,
    InvoiceSource,
    Mail,
    MailedRequestTarget,
    PurchaseAnswerSource,
    PurchaseOrderService,
    PurchaseOrderTarget,
    PurchaseReminderTarget,
    RateSource,
    ReceiptSource,
    RequestService,
    RequestTarget,
    TrackingSource,
)
from core.rules.effects import short_key
from tests.connectors.inside import track
from tests.contracts.odd_requests import KEY, OddRequests, asked
from tests.contracts.rigs import (
    NOON,
    SKU,
    CarrierRig,
    EdiRig,
    EmailRig,
    PartnerRig,
    Rig,
    SupplierEmailRig,
    UpsRig,
)

NAMES = (KEY, short_key(KEY))


def document(rig: Rig, *, quantity: int = 2) -> bytes:
    made: bytes = rig.connector.request_document(asked(rig.shippable(), quantity), serial=1)
    return made


Pull = Callable[[str | None], Iterator[Batch[Any]]]


def pull_all(
    rig: PartnerRig | SupplierEmailRig,
    pull: Callable[..., Iterator[Batch[Any]]],
    since: str | None = None,
) -> tuple[list[Any], str]:
    """Everything new after as many looks as a file needs to be believed, and where that ended."""
    items: list[Any] = []
    for _ in range(3):
        for batch in pull(since=since):
            items.extend(batch.items)
            since = batch.cursor
        rig.pass_time()
    assert since is not None
    return items, since


class TestRequestTarget(OddRequests):
    capability = RequestTarget

    def test_the_same_request_is_the_same_bytes(self, rig: PartnerRig) -> None:
        # given one request, when its document is made twice, then nothing differs
        assert document(rig) == document(rig)

    def test_staging_may_be_repeated_and_nobody_picks_it_up(self, rig: PartnerRig) -> None:
        # given nothing there
        sheet = document(rig)
        assert rig.connector.find_request(KEY, sheet) is Handover.ABSENT

        # when it is staged, and staged again over another attempt
        rig.connector.stage_request(KEY, document(rig, quantity=1))
        assert rig.connector.find_request(KEY, sheet) is Handover.PARTIAL
        rig.connector.stage_request(KEY, sheet)
        rig.connector.stage_request(KEY, sheet)
        rig.pass_time()

        # then it lies there whole, and the place has not seen it
        assert rig.connector.find_request(KEY, sheet) is Handover.STAGED
        assert rig.received(KEY) == 0

    def test_a_release_hands_over_once(self, rig: PartnerRig) -> None:
        # given a staged request
        sheet = document(rig)
        rig.connector.stage_request(KEY, sheet)

        # when it is released
        rig.connector.release_request(KEY)

        # then it is there, and when the place has taken it, it is gone
        assert rig.connector.find_request(KEY, sheet) is Handover.DELIVERED
        rig.pass_time()
        assert rig.received(KEY) == 1
        assert rig.connector.find_request(KEY, sheet) is Handover.ABSENT

    def test_a_release_never_overwrites(self, rig: PartnerRig) -> None:
        # given a request handed over and not taken yet, and another staged under its name
        first, second = document(rig), document(rig, quantity=1)
        rig.connector.stage_request(KEY, first)
        rig.connector.release_request(KEY)
        rig.connector.stage_request(KEY, second)

        # when the second is released
        with pytest.raises(Rejected) as refused:
            rig.connector.release_request(KEY)

        # then it is refused, and both are seen lying there
        assert refused.value.code == "exists"
        assert rig.connector.find_request(KEY, first) is Handover.DOUBT
        rig.pass_time()
        assert rig.received(KEY) == 1


class TestRequestService(OddRequests):
    capability = RequestService

    def submit(self, rig: Rig) -> AskedFor:
        reference = rig.connector.submit_request(KEY, document(rig))
        rig.pass_time()
        return AskedFor(KEY, short_key(KEY), reference)

    def test_the_same_request_is_the_same_bytes(self, rig: Rig) -> None:
        # given one request, when its document is made twice, then nothing differs
        assert document(rig) == document(rig)

    def test_what_was_submitted_is_there_once_and_is_found_by_our_key(self, rig: Rig) -> None:
        # given a place that is asked before and after
        assert rig.connector.can_find_requests
        assert rig.connector.find_submitted(AskedFor(KEY, short_key(KEY))) is None
        asked = self.submit(rig)

        # then it is there under our key, with the id that was told at first
        assert rig.received(KEY) == 1
        assert rig.connector.find_submitted(AskedFor(KEY, short_key(KEY))) == asked.reference

    def test_a_lost_answer_is_an_unknown_outcome_and_it_is_found_after_settling(
        self, rig: Rig
    ) -> None:
        # given a request that lands while its answer is lost
        rig.simulator.faults.set([{"operation": "create*", "kind": "lost-answer", "nth": 1}])
        with pytest.raises(UnknownOutcome):
            rig.connector.submit_request(KEY, document(rig))

        # when the place had time to show it
        rig.pass_time(rig.connector.request_settle.total_seconds())

        # then it is found
        assert rig.connector.find_submitted(AskedFor(KEY, short_key(KEY))) is not None
        assert rig.received(KEY) == 1

    def test_it_says_what_became_of_a_request(self, rig: Rig) -> None:
        # given one that was taken
        asked = self.submit(rig)
        assert rig.connector.request_status(asked).acknowledgment is None

        # when it is accepted, and shipped
        rig.pass_time(120)
        accepted = rig.connector.request_status(asked)
        assert accepted.acknowledgment.status is AcknowledgmentStatus.ACCEPTED
        assert accepted.notices == ()
        rig.pass_time(1200)
        (notice,) = rig.connector.request_status(asked).notices

        # then its parcel names our request and what is in it
        assert (notice.key, notice.carrier) == (KEY, "ups")
        assert [(one.sku, one.quantity) for one in notice.lines] == [(rig.shippable(), 2)]

    def test_one_that_is_called_off_is_not_shipped_and_may_be_called_off_again(
        self, rig: Rig
    ) -> None:
        # given one that was accepted
        asked = self.submit(rig)
        rig.pass_time(60)

        # when it is told not to ship it, however often it takes to hear a yes
        assert rig.connector.can_cancel_requests
        for _ in range(3):
            with suppress(UnknownOutcome):
                assert rig.connector.cancel_request(asked)
            rig.pass_time(60)
        assert rig.connector.cancel_request(asked)

        # then it says so itself, and nothing leaves
        rig.pass_time(7200)
        told = rig.connector.request_status(asked)
        assert told.acknowledgment.status is AcknowledgmentStatus.REJECTED
        assert told.notices == ()

    def test_one_that_left_cannot_be_called_off(self, rig: Rig) -> None:
        asked = self.submit(rig)
        rig.pass_time(120)
        rig.pass_time(7200)
        assert not rig.connector.cancel_request(asked)
        assert len(rig.connector.request_status(asked).notices) == 1

    def test_one_that_it_does_not_know_is_told_as_that(self, rig: Rig) -> None:
        with pytest.raises(Rejected) as refused:
            rig.connector.request_status(AskedFor("shopify-us:0:F9", "R-0", "C999999"))
        assert refused.value.code == "unknown"


class TestMailedRequestTarget(OddRequests):
    capability = MailedRequestTarget
    pages = AnswerPages(
        "https://hooks.shop.example/answer/a", "https://hooks.shop.example/answer/b"
    )

    def mail(self, rig: SupplierEmailRig) -> str:
        made: str = rig.connector.mail_request(KEY, document(rig), pages=self.pages)
        return made

    def test_a_mail_tells_the_place_once_and_where_to_answer(self, rig: SupplierEmailRig) -> None:
        # given one request, whose document is the same however often it is made
        assert document(rig) == document(rig)

        # when it is mailed
        reference = self.mail(rig)

        # then it came once with both pages, and its reference is the same for every copy
        assert rig.received(KEY) == 1
        (mail,) = rig.desk.mails()
        assert AnswerPages(mail.page, mail.parcel_page) == self.pages
        assert self.mail(rig) == reference == mail.message_id

    def test_a_lost_answer_is_an_unknown_outcome_and_a_refusal_is_none(
        self, rig: SupplierEmailRig
    ) -> None:
        rig.lose_the_answer()
        with pytest.raises(UnknownOutcome):
            self.mail(rig)
        assert rig.received(KEY) == 1
        rig.refuse_for_now()
        with pytest.raises(Unavailable):
            self.mail(rig)
        assert rig.received(KEY) == 1

    def test_reminders_and_call_offs_follow_in_its_thread_and_order_nothing(
        self, rig: SupplierEmailRig
    ) -> None:
        # given a request that was mailed
        first = self.mail(rig)
        told = RequestReminder(
            KEY, short_key(KEY), 1, False, NOON, NOON + timedelta(days=1),
            ((2, "AC-1007\r\nSubject: x"),),
        )  # fmt: skip

        # when its answer is reminded of, its shipment, and when it is called off, each twice
        references = {
            *(rig.connector.mail_reminder(told, pages=self.pages) for _ in range(2)),
            *(
                rig.connector.mail_reminder(replace(told, shipment=True), pages=AnswerPages())
                for _ in range(2)
            ),
            *(
                rig.connector.mail_call_off(CallOff(KEY, short_key(KEY)), answer_at="")
                for _ in range(2)
            ),
        }

        # then each has one name, stands in the thread, and is no order
        assert rig.received(KEY) == 1
        mails = rig.desk.reminders()
        assert {one.message_id for one in mails} == references
        assert len(references) == 3
        assert {one.in_reply_to for one in mails} == {first}
        assert "2  AC-1007 Subject: x" in mails[0].text
        assert "do NOT ship" in mails[-1].text


class TestFulfillmentSource:
    capability = FulfillmentSource

    def request(self, rig: PartnerRig | SupplierEmailRig) -> None:
        rig.hand_over_request(KEY, document(rig))
        rig.pass_time()

    def test_an_acknowledgment_comes_once_however_often_it_is_pulled(
        self, rig: PartnerRig | SupplierEmailRig
    ) -> None:
        # given a request the place has taken
        self.request(rig)
        rig.pass_time(120)

        # when answers are pulled, and pulled again from where that ended
        items, cursor = pull_all(rig, rig.connector.pull_acknowledgments)
        again, _ = pull_all(rig, rig.connector.pull_acknowledgments, cursor)

        # then it is there once, under our key or the short one
        (answer,) = items
        assert answer.status is AcknowledgmentStatus.ACCEPTED
        assert answer.key in NAMES
        assert again == []

    def test_a_shipment_comes_once_and_from_the_beginning_comes_again(
        self, rig: PartnerRig | SupplierEmailRig
    ) -> None:
        # given a request that was shipped
        self.request(rig)
        rig.pass_time(120)
        rig.pass_time(1200)

        # when shipments are pulled, pulled on, and pulled from the beginning
        items, cursor = pull_all(rig, rig.connector.pull_shipments)
        again, _ = pull_all(rig, rig.connector.pull_shipments, cursor)
        anew, _ = pull_all(rig, rig.connector.pull_shipments)

        # then it is there once, then no more, then the same
        (notice,) = items
        assert notice.carrier == "ups"
        assert notice.key in NAMES
        assert [(one.sku, one.quantity) for one in notice.lines] == [(SKU, 2)]
        assert again == []
        assert anew == items


PURCHASE = "PO-20261124-3F9C2A7B"


def purchase(rig: PartnerRig | SupplierEmailRig, *, quantity: int = 48) -> bytes:
    line = PurchaseLine(SKU, "AC-1007", quantity, Money(1850, "CNY"), pack=24)
    made: bytes = rig.connector.purchase_document(
        PurchaseOrder(PURCHASE, "acme", "warehouse", (line,), NOON, NOON.date()),
        serial=1,
    )
    return made


class TestPurchaseOrderTarget:
    capability = PurchaseOrderTarget

    def test_the_same_order_is_the_same_bytes(self, rig: PartnerRig) -> None:
        # given one order, when its document is made twice, then nothing differs
        assert purchase(rig) == purchase(rig)

    def test_a_staged_order_is_seen_by_nobody_and_a_release_hands_it_over_once(
        self, rig: PartnerRig
    ) -> None:
        # given an order that was staged twice
        sheet = purchase(rig)
        assert rig.connector.find_purchase(PURCHASE, sheet) is Handover.ABSENT
        rig.connector.stage_purchase(PURCHASE, purchase(rig, quantity=24))
        assert rig.connector.find_purchase(PURCHASE, sheet) is Handover.PARTIAL
        rig.connector.stage_purchase(PURCHASE, sheet)
        rig.pass_time()
        assert rig.connector.find_purchase(PURCHASE, sheet) is Handover.STAGED
        assert rig.purchased(PURCHASE) == 0

        # when it is released
        rig.connector.release_purchase(PURCHASE)
        assert rig.connector.find_purchase(PURCHASE, sheet) is Handover.DELIVERED
        rig.pass_time()

        # then it was taken once, and is gone
        assert rig.purchased(PURCHASE) == 1
        assert rig.connector.find_purchase(PURCHASE, sheet) is Handover.ABSENT

    def test_a_release_never_overwrites(self, rig: PartnerRig) -> None:
        # given an order handed over and not taken yet, and another one staged under its name
        first, second = purchase(rig), purchase(rig, quantity=24)
        rig.connector.stage_purchase(PURCHASE, first)
        rig.connector.release_purchase(PURCHASE)
        rig.connector.stage_purchase(PURCHASE, second)

        # when the second is released
        with pytest.raises(Rejected) as refused:
            rig.connector.release_purchase(PURCHASE)

        # then it is refused, and both are seen lying there
        assert refused.value.code == "exists"
        assert rig.connector.find_purchase(PURCHASE, first) is Handover.DOUBT


class TestPurchaseOrderService:
    capability = PurchaseOrderService

    def test_the_same_order_is_the_same_bytes(self, rig: SupplierEmailRig) -> None:
        # given one order, when its document is made twice, then nothing differs
        assert purchase(rig) == purchase(rig)

    def test_a_call_tells_the_supplier_once_and_where_to_answer(
        self, rig: SupplierEmailRig
    ) -> None:
        # given a page of ours
        page = "https://hooks.shop.example/answer/abc"

        # when the order is submitted
        reference = rig.connector.submit_purchase(PURCHASE, purchase(rig), answer_at=page)

        # then it came once, and its reference is the same for every copy
        assert rig.purchased(PURCHASE) == 1
        assert rig.page(PURCHASE) == page
        again = rig.connector.submit_purchase(PURCHASE, purchase(rig), answer_at="")
        assert again == reference

    def test_a_lost_answer_is_an_unknown_outcome_and_a_refusal_is_none(
        self, rig: SupplierEmailRig
    ) -> None:
        # given a supplier's side that takes the order and does not say so
        rig.lose_the_answer()

        # when it is submitted, then nobody knows, though it came
        with pytest.raises(UnknownOutcome):
            rig.connector.submit_purchase(PURCHASE, purchase(rig), answer_at="")
        assert rig.purchased(PURCHASE) == 1

        # and where it is refused before, it is known that nothing came
        rig.refuse_for_now()
        with pytest.raises(Unavailable):
            rig.connector.submit_purchase(PURCHASE, purchase(rig), answer_at="")
        assert rig.purchased(PURCHASE) == 1


class TestPurchaseReminderTarget:
    capability = PurchaseReminderTarget

    def test_a_reminder_names_the_order_where_it_was_told_and_orders_nothing(
        self, rig: SupplierEmailRig
    ) -> None:
        # given an order that was told, and what reminds of it
        line = PurchaseLine(SKU, "AC-1007\r\nSubject: x", 48)
        order = PurchaseOrder(PURCHASE, "acme", "warehouse", (line,), NOON)
        rig.hand_over(PURCHASE, purchase(rig))
        told = PurchaseReminder(order, 1, NOON, NOON + timedelta(days=3))
        page = "https://hooks.shop.example/answer/def"

        # when they are reminded, and once more for a server that brings it twice
        references = {rig.connector.push_reminder(told, answer_at=page) for _ in range(2)}

        # then it is the same reminder of the one order
        assert rig.purchased(PURCHASE) == 1
        (reminder, _) = rig.reminders(PURCHASE)
        assert references == {reminder.message_id}
        assert reminder.page == page
        assert PURCHASE in reminder.text
        assert "48  AC-1007 Subject: x" in reminder.text
        again = rig.connector.push_reminder(replace(told, number=2), answer_at="")
        assert again not in references

        # and a lost answer leaves it unknown
        rig.lose_the_answer()
        with pytest.raises(UnknownOutcome):
            rig.connector.push_reminder(told, answer_at="")


class TestPurchaseAnswerSource:
    capability = PurchaseAnswerSource

    def test_an_answer_comes_once_with_what_will_come_and_when(
        self, rig: PartnerRig | SupplierEmailRig
    ) -> None:
        # given an order of which the supplier has not enough
        rig.short("AC-1007", 24)
        rig.hand_over(PURCHASE, purchase(rig))
        rig.pass_time()
        rig.pass_time(120)

        # when answers are pulled, and pulled again from where that ended
        items, cursor = pull_all(rig, rig.connector.pull_purchase_answers)
        again, _ = pull_all(rig, rig.connector.pull_purchase_answers, cursor)

        # then it is there once
        (answer,) = items
        assert (answer.number, answer.quantity) == (PURCHASE, 24)
        # By their word or by ours.
        assert answer.item in ("AC-1007", SKU)
        assert answer.ready_on is not None
        assert answer.ready_on > NOON.date()
        assert again == []


class TestReceiptSource:
    capability = ReceiptSource

    def test_a_document_is_spoken_of_once_by_its_number(self, rig: EdiRig) -> None:
        # given a document that the partner took
        rig.connector.stage_request(KEY, document(rig))
        rig.connector.release_request(KEY)
        rig.pass_time()

        # when receipts are pulled, and pulled again from where that ended
        items, cursor = pull_all(rig, rig.connector.pull_receipts)
        again, _ = pull_all(rig, rig.connector.pull_receipts, cursor)

        # then it is there once
        assert [(one.serial, one.accepted) for one in items if isinstance(one, Receipt)] == [
            (1, True)
        ]
        assert [one for one in again if isinstance(one, Receipt)] == []

    def test_what_it_sends_is_owed_a_receipt_that_it_can_read(self, rig: EdiRig) -> None:
        # given its answer
        rig.connector.stage_request(KEY, document(rig))
        rig.connector.release_request(KEY)
        rig.pass_time()
        rig.pass_time(120)
        items, _ = pull_all(rig, rig.connector.pull_receipts)
        (owed,) = (one for one in items if isinstance(one, OwedReceipt))

        # when what is owed is handed over
        sheet = rig.connector.receipt_document(owed.told, serial=2, at=NOON)
        assert sheet == rig.connector.receipt_document(owed.told, serial=2, at=NOON)
        assert rig.connector.find_receipt(owed.key, sheet) is Handover.ABSENT
        rig.connector.stage_receipt(owed.key, sheet)
        assert rig.connector.find_receipt(owed.key, sheet) is Handover.STAGED
        rig.connector.release_receipt(owed.key)
        rig.pass_time()

        # then it has it, once
        assert rig.receipts() == 1


class TestInvoiceSource:
    capability = InvoiceSource

    def test_an_invoice_comes_once_and_names_our_order(self, rig: PartnerRig) -> None:
        # given goods that were ordered, sent and billed
        number = rig.bill(SKU, 48)

        # when invoices are pulled, and pulled again from where that ended
        items, cursor = pull_all(rig, rig.connector.pull_invoices)
        again, _ = pull_all(rig, rig.connector.pull_invoices, cursor)

        # then it is there once, its parts come to its total
        (bill,) = items
        assert bill.order == number
        assert [(one.item, one.quantity) for one in bill.lines] == [(SKU, 48)]
        assert bill.total == bill.reckoned == Money(48 * 250, "USD")
        assert not bill.credit
        assert again == []


class TestTrackingSource:
    capability = TrackingSource

    def test_a_number_nobody_knows_has_no_events_and_is_no_error(self, rig: CarrierRig) -> None:
        # given a number no parcel has
        # when it is asked about
        report = track(rig.connector, "1Z999AA10123456784")

        # then nothing is known
        assert report.tracking_number == "1Z999AA10123456784"
        assert report.events == ()

    def test_asking_changes_nothing_and_scans_only_grow(self, rig: CarrierRig) -> None:
        # given a parcel on its way
        number = rig.ship()
        rig.pass_time(30_000)

        # when it is asked about twice, and once more a day later
        first, second = (track(rig.connector, number) for _ in range(2))
        rig.pass_time(90_000)
        later = track(rig.connector, number)

        # then the answers agree, and what was seen stays
        assert first.events == second.events
        assert set(first.events) < set(later.events)
        assert all(event.at.utcoffset() is not None for event in later.events)
        assert all(event.at <= rig.clock.now() for event in later.events)

    def test_it_says_for_whom_it_can_be_asked(self, rig: CarrierRig) -> None:
        # given a carrier's connector, then it names its carriers in our words, as the configuration
        # is checked by
        carriers = rig.connector.carriers
        assert carriers == FOLLOWS.get(rig.kind, carriers)
        assert all(one == one.lower() for one in carriers)


class TestRateSource:
    capability = RateSource

    def ask(self, rig: UpsRig, grams: int, destination: str = "10001") -> dict[str, RateAnswer]:
        lane = Lane("07102", "NJ", destination, "NY" if destination == "10001" else "CA")
        question = RateQuestion(lane, grams, rig.clock.now().date())
        answers = rig.connector.quote_rates(question)
        assert len({one.service for one in answers}) == len(answers)
        return {one.service: one for one in answers}

    def test_a_heavier_parcel_and_a_longer_way_cost_no_less(self, rig: UpsRig) -> None:
        # given parcels of one pound and of ten, from Newark to New York and to Los Angeles
        # when their prices are asked for
        light, heavy = self.ask(rig, 453), self.ask(rig, 4_535)
        far = self.ask(rig, 453, "90001")

        # then each service that goes there names whole cents of one currency, and they rise
        assert light.keys() == heavy.keys() == far.keys() != set()
        for service, one in light.items():
            assert one.price is not None
            assert one.price.amount > 0
            assert one.price < (heavy[service].price or one.price)
            assert one.price <= (far[service].price or one.price)
            assert one.days is None or one.days >= 0

    def test_asking_again_changes_nothing(self, rig: UpsRig) -> None:
        # given a price that was named, when it is asked for again, then it is the same
        assert self.ask(rig, 2_000) == self.ask(rig, 2_000)

    def test_what_no_carrier_takes_is_refused_and_nothing_else(self, rig: UpsRig) -> None:
        # given a parcel of a ton, when its price is asked for, then the answer is a plain no
        with pytest.raises(Rejected):
            self.ask(rig, 1_000_000)

        # and the next question is answered
        assert self.ask(rig, 453)

    def test_what_its_prices_hold_for_says_no_secret(self, rig: UpsRig) -> None:
        # given a connection of an account, then its basis tells prices apart and not accounts
        assert rig.connector.price_basis
        assert rig.simulator.desk.account_number not in rig.connector.price_basis


class TestAlertTarget:
    capability = AlertTarget
    mail = Mail(
        message_id="<a.1@lockstep.invalid>",
        in_reply_to="",
        recipient="ops@shop.example",
        subject="Low stock 库存",
        text="MUG-BLUE: 3 left",
        html="<p>MUG-BLUE: 3 left</p>",
    )

    def test_a_mail_arrives_as_it_was_written(self, rig: EmailRig) -> None:
        # given a mail, when it is pushed
        rig.connector.push_mail(self.mail)

        # then it is there, encrypted on its way
        (got,) = rig.simulator.books()["mails"]
        assert got["message_id"] == self.mail.message_id
        assert got["to"] == [self.mail.recipient]
        assert got["subject"] == self.mail.subject
        assert got["text"].strip() == self.mail.text
        assert got["encrypted"]

    def test_a_repeat_after_a_lost_answer_carries_the_same_message_id(self, rig: EmailRig) -> None:
        # given a server that keeps the mail and dies before it says so
        rig.simulator.faults.set(
            [{"operation": "data", "kind": "lost-after-data", "nth": 1, "probability": 0}]
        )
        with pytest.raises(UnknownOutcome):
            rig.connector.push_mail(self.mail)

        # when it is sent again
        rig.connector.push_mail(self.mail)

        # then both copies bear one name
        ids = [one["message_id"] for one in rig.simulator.books()["mails"]]
        assert ids == [self.mail.message_id] * 2
