"""Requests to ship by mail: keyed in once at the supplier, answered and told by pages, by sheet or in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connectors.supplier_email.connector import SupplierEmail
from connectors.supplier_email.simulator import OrderMail, ReminderMail
from core.model.fulfillment import AcknowledgmentStatus
from core.rules.effects import short_key
from jobs import answers, notices, reminders, request_mails, upkeep
from jobs.clock import ManualClock
from jobs.store.effects import Effects
from jobs.store.proof import differences
from jobs.store.store import Store
from jobs.store.tables import audit, cases, decision, effect, fulfillment, lease, payload, shipment
from tests.jobs.builders import HOME, line, minutes, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.mailed import INBOUND, PUBLIC, Post, open_post
from tests.jobs.shop import Shop, open_shop

# What differs between the two is in the statements.
DATABASES = ["sqlite"]

FIRST, SECOND = "shopify-us:1:F1", "shopify-us:1:F2"
NUMBER = short_key(FIRST)
#: Where the buyer lives: neither word stands anywhere else.
DOOR = replace(HOME, line1="77 Elm Court")
TERMS = """
suppliers:
  leaf: {connection: home-files, restocks: home, items: {TEA: {item: "=V-77", cost: 4.00}}}
"""
PATIENT = {
    "home: {": "home: {acknowledge_within: 4h, ship_within: 8h, escalate_after: 4h, "
    "reroute_after: 24h, remind: {at: [50], call: Bo}, "
}
HOUR = 3_600.0
UPS_NUMBER = "1Z999AA10123456784"


class Leaf:
    """A shop, and a supplier at `home` who ships for it and reads mail."""

    def __init__(self, shop: Shop, post: Post) -> None:
        self.shop, self.post, self.desk = shop, post, post.desk

    def send(self) -> None:
        request_mails.mail_requests(self.shop.run("home-files/requests"), "home-files")

    def pull(self) -> None:
        answers.pull_acknowledgments(self.shop.run("home-files/acknowledgments"), "home-files")
        notices.pull_notices(self.shop.run("home-files/notices"), "home-files")

    def asked(self, *lines: Any) -> OrderMail:
        self.shop.record(order("1", *lines or (line("L1", units=3),), ship_to=DOOR))
        self.shop.decide()
        self.send()
        return self.mail

    @property
    def mail(self) -> OrderMail:
        """The one mail that orders something."""
        (mail,) = self.desk.mails()
        return mail

    def post_to(self, page: str, **given: str) -> int:
        return self.post.http.post(page.removeprefix(PUBLIC), data=given).status_code

    def states(self) -> dict[str, str]:
        return {row["key"]: row["state"] for row in rows(self.shop.store, fulfillment)}

    def parcels(self) -> list[tuple[str, str]]:
        return [(row["carrier"], row["tracking_number"]) for row in rows(self.shop.store, shipment)]

    def cases(self) -> set[str]:
        return {row["kind"] for row in rows(self.shop.store, cases) if row["state"] == "open"}

    def follow_ups(self, kind: str) -> list[ReminderMail]:
        return [one for one in self.desk.reminders() if one.message_id.startswith(f"<{kind}")]

    def later(self, hours: float) -> None:
        self.shop.clock.advance(hours * HOUR)
        upkeep.look_after(self.shop.run("core/upkeep"))
        reminders.push_reminders(self.shop.run("home-files/reminders"), "home-files")
        self.send()
        self.shop.decide()

    def proved(self) -> bool:
        with self.shop.store.reading() as tx:
            return differences(tx.connection) == []


@pytest.fixture
def leaf(store: Store, clock: ManualClock, tmp_path: Path) -> Iterator[Leaf]:
    shop = open_shop(store, clock, tmp_path, more=TERMS + INBOUND, changes=PATIENT)
    shop.receive("TEA", 50)
    shop.receive("CUP", 50)
    shop.snapshot(("TEA", 20), ("CUP", 20), at=minutes(0))
    with open_post(shop) as post:
        yield Leaf(shop, post)


# --- what they get, and what they say ------------------------------------------------------------


@BOTH
def test_a_request_is_mailed_once_answered_on_a_page_and_its_parcels_are_told_on_another(
    leaf: Leaf,
) -> None:
    # given an order that the supplier is asked for, however often the unit runs
    leaf.asked()
    for _ in range(2):
        leaf.send()
    mail = leaf.mail
    (row,) = mail.rows
    assert (row["item"], row["sku"], row["quantity"]) == ("'=V-77", "TEA", "3")
    assert (row["name"], row["address1"]) == (DOOR.name, DOOR.line1)
    assert mail.number == NUMBER

    # when its pages are only looked at, then nothing changes and no buyer stands there
    for page in (mail.page, mail.parcel_page):
        shown = leaf.post.http.get(page.removeprefix(PUBLIC))
        assert shown.status_code == 200
        assert DOOR.line1 not in shown.text
    assert leaf.states() == {FIRST: "requested"}

    # and when they say that two of three come, the third is asked of another place
    assert leaf.post_to(mail.page, **{"choice-0": "fewer", "units-0": "2"}) == 200
    leaf.shop.decide()
    assert leaf.states() == {FIRST: "acknowledged", SECOND: "planned"}
    assert leaf.post_to(mail.page, **{"choice-0": "all"}) == 410

    # and the parcels count once each, until all has left
    parcel = {"carrier": "U.P.S", "number": "1Z 999 AA1"}
    assert leaf.post_to(mail.parcel_page, **parcel, **{"units-0": "3"}) == 422
    for _ in range(2):
        assert leaf.post_to(mail.parcel_page, **parcel, **{"units-0": "1"}) == 200
    assert leaf.states()[FIRST] == "partially_shipped"
    assert leaf.post_to(mail.parcel_page, carrier="UPS", number=UPS_NUMBER) == 200
    assert leaf.post_to(mail.parcel_page, carrier="UPS", number="1Z999AA3") == 410
    assert leaf.states()[FIRST] == "shipped"
    assert leaf.parcels() == [("u.p.s", "1Z999AA1"), ("ups", UPS_NUMBER)]
    assert leaf.proved()


def test_the_buyer_is_named_to_nobody_but_in_the_files(leaf: Leaf) -> None:
    # given a request, an answer in words, and a sheet that cannot be read
    mail = leaf.asked()
    leaf.desk.answer_in_words(NUMBER, "We will see next week.")
    leaf.desk.answer_by_sheet(NUMBER, {"TEA": ("some", "")})

    # when they are read
    leaf.pull()

    # then Cases say who wrote about what, and the address stands in none of our records
    assert leaf.cases() == {"request_words", "unreadable_record"}
    store = leaf.shop.store
    told = [*rows(store, cases), *rows(store, decision), *rows(store, audit), *rows(store, payload)]
    assert "see next week" not in str([*rows(store, cases), *rows(store, decision)])
    for word in (DOOR.name, DOOR.line1):
        assert word not in mail.text
        assert word not in str(told)
    assert leaf.states() == {FIRST: "requested"}

    # and their answer ends what was to be asked of them
    leaf.desk.answer_in_words(NUMBER, "ACCEPTED\r\n\r\n> old text")
    leaf.pull()
    assert "request_words" not in leaf.cases()
    assert leaf.states() == {FIRST: "acknowledged"}


def test_a_word_in_the_first_line_and_a_line_with_a_parcel_are_answers(leaf: Leaf) -> None:
    # given a request whose mail is quoted whole by their program, without marks
    mail = leaf.asked()
    quoted = f"\r\n\r\n-----Original Message-----\r\n{mail.text}"

    # when they accept, ship, and send the same again
    leaf.desk.answer_in_words(NUMBER, f"accepted.{quoted}")
    leaf.pull()
    assert (leaf.states(), leaf.cases()) == ({FIRST: "acknowledged"}, set())
    for _ in range(2):
        leaf.desk.answer_in_words(NUMBER, f"Hi,\r\nSHIPPED: UPS {UPS_NUMBER}{quoted}")
    leaf.pull()
    leaf.pull()

    # then it has left, once
    assert (leaf.states(), leaf.cases()) == ({FIRST: "shipped"}, set())
    assert leaf.parcels() == [("ups", UPS_NUMBER)]
    assert leaf.proved()


@pytest.mark.parametrize(
    "words",
    [
        "SHIPPED: UPS 1Z999AA1\r\nSHIPPED: UPS 1Z999AA2",
        "SHIPPED: USPS 9400 1000 0000 0000",
        "We accepted it.",
        "SHIPPED: UPS soon",
        # We did not ask for that.
        "STOPPED",
    ],
)
def test_nothing_is_guessed(leaf: Leaf, words: str) -> None:
    leaf.asked()
    leaf.desk.answer_in_words(NUMBER, words)

    leaf.pull()

    assert (leaf.states(), leaf.parcels()) == ({FIRST: "requested"}, [])
    assert leaf.cases() == {"request_words"}


def test_a_sheet_answers_line_by_line_and_tells_parcels(leaf: Leaf) -> None:
    # given two things, of which one comes late and of the other a part
    leaf.asked(line("L1", units=3), line("L2", sku="CUP", units=2))
    leaf.desk.answer_by_sheet(NUMBER, {"TEA": ("3", "2026-12-20"), "CUP": ("1", "")})
    leaf.pull()
    leaf.shop.decide()
    assert leaf.cases() == {"request_backordered"}
    assert leaf.states() == {FIRST: "acknowledged", SECOND: "planned"}

    # when they tell two parcels in one sheet, and send it again
    told = {"TEA": ("Own Van", "VAN-0001", "3"), "CUP": ("UPS", UPS_NUMBER, "1")}
    for _ in range(2):
        leaf.desk.ship_by_sheet(NUMBER, told)
    leaf.pull()

    # then each counts once
    assert sorted(leaf.parcels()) == [("own van", "VAN-0001"), ("ups", UPS_NUMBER)]
    assert (leaf.states()[FIRST], leaf.cases()) == ("shipped", set())
    assert leaf.proved()


def test_what_they_reject_is_asked_of_another_place(leaf: Leaf) -> None:
    leaf.asked()
    leaf.desk.answer_in_words(NUMBER, "Rejected")

    leaf.pull()
    leaf.shop.decide()

    assert leaf.states() == {FIRST: "rejected", SECOND: "planned"}
    assert leaf.post_to(leaf.mail.page, **{"choice-0": "all"}) == 410
    assert leaf.proved()


# --- what is in doubt ----------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["lost-after-data", "killed"])
def test_a_mail_in_doubt_is_not_sent_again_and_their_answer_settles_it(
    leaf: Leaf, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a mail that came, and nobody here knows
    real = SupplierEmail.mail_request

    def killed(self: SupplierEmail, *args: Any, **more: Any) -> str:
        real(self, *args, **more)
        monkeypatch.setattr(SupplierEmail, "mail_request", real)
        raise KeyboardInterrupt

    if trouble == "killed":
        monkeypatch.setattr(SupplierEmail, "mail_request", killed)
    else:
        leaf.post.smtp.faults.set([{"operation": "data", "kind": trouble, "nth": 1}])
    with suppress(KeyboardInterrupt):
        leaf.asked()
    with leaf.shop.store.database.write() as connection:
        # Leases run out by the machine's clock.
        connection.execute(update(lease).values(owner=None, until=None))

    # when time goes on
    for _ in range(3):
        leaf.later(1)

    # then it came once, a person is asked, and nobody else is
    assert leaf.desk.books()[NUMBER]["count"] == 1
    assert (leaf.states(), leaf.cases()) == ({FIRST: "planned"}, {"effect_parked"})

    # until they answer
    assert leaf.post_to(leaf.mail.page, **{"choice-0": "all"}) == 200
    leaf.later(1)
    assert (leaf.states(), leaf.cases()) == ({FIRST: "acknowledged"}, set())
    (kept,) = [row for row in rows(leaf.shop.store, effect) if row["kind"] == "request"]
    assert kept["state"] == "done"
    assert leaf.desk.books()[NUMBER]["count"] == 1


def test_a_mail_that_comes_back_was_not_delivered_and_a_person_says_what_next(leaf: Leaf) -> None:
    # given a mail that their server gives up
    leaf.asked()
    leaf.desk.give_up(NUMBER, whole=True)

    # when the report is read
    leaf.pull()
    leaf.later(1)

    # then it counts as not asked for, and is neither repeated nor asked of others
    assert (leaf.states(), leaf.cases()) == ({FIRST: "planned"}, {"request_bounced"})
    (kept,) = rows(leaf.shop.store, payload)
    assert "Action: failed" in kept["body"]
    assert "Content-Disposition" not in kept["body"]
    assert leaf.desk.books()[NUMBER]["count"] == 1

    # and once a person mended the address it goes out under the same name
    with leaf.shop.store.transaction() as tx:
        parked = Effects(tx).parked_as(FIRST)
        assert parked is not None
        Effects(tx).planned_again(parked)
    leaf.send()
    assert {one.message_id for one in leaf.desk.mails()} == {leaf.desk.mails()[0].message_id}
    assert (leaf.states(), leaf.cases()) == ({FIRST: "requested"}, set())


# --- silence, and what is wanted no more ---------------------------------------------------------


@BOTH
def test_silence_is_reminded_of_told_called_off_and_others_are_asked_only_after_a_yes(
    leaf: Leaf,
) -> None:
    # given a request that nobody answers
    mail = leaf.asked()

    # when half of the time is over, they are reminded once, in its thread, and order nothing
    leaf.later(2.1)
    leaf.later(0.5)
    (reminder,) = leaf.follow_ups("reminder")
    assert reminder.in_reply_to == mail.message_id
    assert "3  =V-77" in reminder.text
    assert DOOR.line1 not in reminder.text
    assert leaf.cases() == set()

    # when all of it is, a person is told, then they are reminded of the parcel, then called off
    leaf.later(2)
    assert leaf.cases() == {"request_overdue"}
    assert len(leaf.follow_ups("shipment")) == 1
    leaf.later(20)
    leaf.later(0.1)
    leaf.later(0.1)
    (stop,) = leaf.follow_ups("call-off")
    assert stop.in_reply_to == mail.message_id
    assert leaf.states() == {FIRST: "requested"}

    # and while they do not say that they stopped it, nobody else is asked, and a person is told
    leaf.later(5)
    leaf.later(0.1)
    assert "call_off_unanswered" in leaf.cases()
    assert leaf.states() == {FIRST: "requested"}
    assert len(leaf.follow_ups("call-off")) == 1
    assert leaf.post_to(stop.page) == 422

    # until they do, once
    assert leaf.post_to(stop.page, stopped="yes") == 200
    assert leaf.post_to(stop.page, stopped="no") == 410
    leaf.shop.decide()
    assert leaf.states() == {FIRST: "rejected", SECOND: "planned"}
    assert leaf.cases() == set()
    assert leaf.desk.books()[NUMBER]["count"] == 1
    assert leaf.proved()


def test_where_it_is_too_late_nobody_else_is_asked_and_the_parcel_counts(leaf: Leaf) -> None:
    # given a request that takes too long and is called off
    leaf.asked()
    leaf.later(25)
    (stop,) = leaf.follow_ups("call-off")

    # when they reject that, then it is not the request that they reject
    leaf.desk.answer_in_words(NUMBER, "Rejected", after=stop.message_id)
    leaf.pull()
    assert leaf.states() == {FIRST: "requested"}
    assert "request_words" in leaf.cases()

    # when they say by mail that it ships
    leaf.desk.answer_in_words(NUMBER, "Ships.\r\nSorry!")
    leaf.pull()
    leaf.shop.decide()

    # then a person is told, and it is the only one until it has left
    assert leaf.states() == {FIRST: "requested"}
    assert "call_off_refused" in leaf.cases()
    leaf.desk.answer_in_words(NUMBER, f"SHIPPED: UPS {UPS_NUMBER}")
    leaf.pull()
    leaf.later(1)
    assert (leaf.states(), leaf.cases()) == ({FIRST: "shipped"}, set())
    assert leaf.proved()


def test_what_its_buyer_cancels_is_called_off_and_ends_with_their_yes(leaf: Leaf) -> None:
    # given a request that they were mailed, and a buyer who cancels
    mail = leaf.asked()
    gone = line("L1", units=3, current=0)
    at = minutes(5)
    leaf.shop.record(order("1", gone, ship_to=DOOR, canceled_at=at, updated_at=at))
    leaf.shop.decide()
    leaf.send()
    assert leaf.states() == {FIRST: "requested"}

    # when they say that it will not leave
    (stop,) = leaf.follow_ups("call-off")
    assert leaf.post_to(stop.page, stopped="yes") == 200
    leaf.shop.decide()

    # then nobody ships it, nobody is bothered, and its pages are closed
    assert (leaf.states(), leaf.cases()) == ({FIRST: "canceled"}, set())
    assert leaf.post_to(mail.parcel_page, carrier="UPS", number=UPS_NUMBER) == 410
    assert leaf.proved()


def test_a_call_off_in_doubt_is_mailed_again_under_its_one_name(leaf: Leaf) -> None:
    # given a request that takes too long, and a call-off whose answer is lost
    leaf.asked()
    leaf.shop.answer(FIRST, AcknowledgmentStatus.ACCEPTED)
    leaf.post.smtp.faults.set([{"operation": "data", "kind": "lost-after-data", "nth": 1}])
    leaf.later(25)

    # when it has settled
    leaf.post.smtp.faults.set([])
    leaf.later(0.1)
    leaf.later(0.1)

    # then both copies bear one name, and a yes by mail is one
    stops = leaf.follow_ups("call-off")
    assert (len(stops), len({one.message_id for one in stops})) == (2, 1)
    leaf.desk.answer_in_words(NUMBER, "STOPPED")
    leaf.pull()
    leaf.shop.decide()
    assert leaf.states() == {FIRST: "rejected", SECOND: "planned"}
