"""Purchase orders by mail: keyed in once at the supplier, answered by a page, a sheet or in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connectors.supplier_email.connector import SupplierEmail
from core.errors import Unauthorized, Unavailable
from core.rules.modes import Mode
from jobs import links, purchase
from jobs.clock import ManualClock
from jobs.inbound import answering, lines
from jobs.inbound.answering import MOST_BYTES
from jobs.purchase import CannotBuy
from jobs.store.effects import Effects
from jobs.store.store import Store
from jobs.store.tables import (
    answer_link,
    audit,
    cases,
    decision,
    effect,
    lease,
    payload,
    purchase_order_line,
)
from tests.jobs.builders import rows
from tests.jobs.conftest import BOTH
from tests.jobs.mailed import PUBLIC, Mailed, open_mailed

# What differs between the two is in the statements.
DATABASES = ["sqlite"]


@pytest.fixture
def mailed(store: Store, clock: ManualClock, tmp_path: Path) -> Iterator[Mailed]:
    with open_mailed(store, clock, tmp_path) as made:
        yield made


#: They work from Monday to Friday, and have a day to answer.
PATIENCE = """\
    calendar: week
    time_zone: America/New_York
    acknowledge_within: 1d
    remind: {at: [50, 75], mail: never@used.example}
"""
CALENDARS = "calendars: {week: {holidays: US}}\nalerts: {through: letters}\n"


@pytest.fixture
def patient(store: Store, clock: ManualClock, tmp_path: Path) -> Iterator[Mailed]:
    with open_mailed(store, clock, tmp_path, patience=PATIENCE, more=CALENDARS) as made:
        # Friday, 17:00 in New York.
        clock.advance((datetime(2026, 12, 4, 22, tzinfo=UTC) - clock.now()).total_seconds())
        yield made


def die_after(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The process dies after the mail left, before that is recorded: once."""
    real = getattr(SupplierEmail, name)

    def killed(self: SupplierEmail, *args: object, **more: object) -> str:
        real(self, *args, **more)
        monkeypatch.setattr(SupplierEmail, name, real)
        raise KeyboardInterrupt

    monkeypatch.setattr(SupplierEmail, name, killed)


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> None:
    die_after(monkeypatch, "submit_purchase")


def killed_while_sending(mailed: Mailed) -> None:
    killed_in(mailed, mailed.send)


def killed_in(mailed: Mailed, sends: Callable[[], None]) -> None:
    with suppress(KeyboardInterrupt):
        sends()
    with mailed.market.shop.store.database.write() as connection:
        # Leases run out by the machine's clock.
        connection.execute(update(lease).values(owner=None, until=None))


def confirmed(mailed: Mailed) -> int | None:
    (row,) = rows(mailed.market.shop.store, purchase_order_line)
    found = row["confirmed"]
    return None if found is None else int(found)


YES = {"choice-0": "all"}


# --- sending -------------------------------------------------------------------------------------


def test_an_approved_order_is_mailed_once(mailed: Mailed):
    # given an order
    order = mailed.approve()

    # when the unit runs again and again
    for _ in range(3):
        mailed.send()

    # then it came once, with its lines, and is sent
    book = mailed.desk.books()[order.number]
    assert book == {"count": 1, "lines": [{"item": "T-1", "sku": "TEA", "quantity": 48}]}
    assert (mailed.effect["state"], mailed.order["state"]) == ("done", "sent")
    assert mailed.cases() == set()


def test_a_server_in_trouble_delays_an_order_and_doubles_none(mailed: Mailed):
    # given a server that will not have it, in all the ways that leave no doubt
    order = mailed.approve()
    for operation, kind, error in (
        ("connect", "refuse-connection", Unavailable),
        ("auth", "auth", Unauthorized),
        ("rcpt", "451", Unavailable),
        ("data", "451", Unavailable),
    ):
        mailed.smtp.faults.set([{"operation": operation, "kind": kind, "probability": 1.0}])
        with pytest.raises(error):
            mailed.send()
    assert mailed.desk.books() == {}

    # when it is well again
    mailed.smtp.faults.set([])
    mailed.send()

    # then the order is there once, and its mail holds a page that is open
    assert mailed.desk.books()[order.number]["count"] == 1
    assert mailed.order["state"] == "sent"
    assert mailed.http.get(mailed.page_of(order.number)).status_code == 200


def test_an_address_that_is_refused_is_a_case_and_the_order_can_be_taken_back(mailed: Mailed):
    mailed.smtp.faults.set([{"operation": "rcpt", "kind": "550", "nth": 1}])
    order = mailed.approve()

    mailed.send()
    mailed.send()

    assert (mailed.desk.books(), mailed.cases()) == ({}, {"purchase_refused"})
    with mailed.market.shop.store.transaction() as tx:
        assert purchase.close(tx, order.number, note=None, by="olga") == "canceled"
    assert mailed.cases() == set()


@pytest.mark.parametrize("kind", ["lost-after-data", "lost-before-data"])
def test_an_order_in_doubt_is_never_mailed_again_by_itself(
    mailed: Mailed, clock: ManualClock, kind: str
):
    # given a mail whose answer is lost: it came, or it did not
    mailed.smtp.faults.set([{"operation": "data", "kind": kind, "nth": 1}])
    order = mailed.approve()
    mailed.send()
    came = sum(one["count"] for one in mailed.desk.books().values())
    assert mailed.effect["state"] == "unknown"

    # when its time to settle is over
    clock.advance(300)
    for _ in range(3):
        mailed.send()

    # then a person decides, and says what was found out
    assert mailed.cases() == {"effect_parked"}
    assert sum(one["count"] for one in mailed.desk.books().values()) == came
    with mailed.market.shop.store.transaction() as tx:
        parked = Effects(tx).parked_as(order.number)
        assert parked is not None
        if came:
            purchase.record_sent(tx, parked, order.number)
        else:
            Effects(tx).planned_again(parked)
    mailed.send()
    assert mailed.desk.books()[order.number]["count"] == 1
    assert mailed.order["state"] == "sent"


@BOTH
@pytest.mark.usefixtures("dies")
def test_killed_between_mail_and_record_the_supplier_s_answer_settles_it(
    mailed: Mailed, clock: ManualClock
):
    # given a process that dies when the mail is out, and is started again
    order = mailed.approve()
    killed_while_sending(mailed)
    clock.advance(300)
    mailed.send()
    assert (mailed.effect["state"], mailed.cases()) == ("parked", {"effect_parked"})

    # when the supplier answers on the page
    assert mailed.http.post(mailed.page_of(order.number), data=YES).status_code == 200

    # then that proves that it came: nobody need ask
    mailed.send()
    assert (mailed.effect["state"], mailed.order["state"]) == ("done", "acknowledged")
    assert mailed.cases() == set()
    assert mailed.desk.books()[order.number]["count"] == 1


@pytest.mark.usefixtures("dies")
def test_an_answer_that_is_faster_than_the_doubt_leaves_no_case(mailed: Mailed, clock: ManualClock):
    # given a process that died when the mail was out, and an answer within seconds
    order = mailed.approve()
    killed_while_sending(mailed)
    assert mailed.http.post(mailed.page_of(order.number), data=YES).status_code == 200

    # when it is started again
    clock.advance(300)
    mailed.send()

    # then it is known to have come
    assert (mailed.effect["state"], mailed.cases()) == ("done", set())
    assert mailed.desk.books()[order.number]["count"] == 1


def test_without_an_address_of_ours_the_mail_holds_no_page(mailed: Mailed):
    config = mailed.market.shop.wiring.config
    object.__setattr__(config.inbound, "public_url", "")

    order = mailed.ordered()

    (mail,) = mailed.desk.mails()
    assert (mail.number, mail.page) == (order.number, "")
    assert "answer to this mail with the CSV" in mail.text
    assert rows(mailed.market.shop.store, answer_link) == []


# --- the page ------------------------------------------------------------------------------------


@BOTH
def test_looking_changes_nothing_and_the_first_answer_closes_the_page(mailed: Mailed):
    # given an order, and scanners that open its link
    order = mailed.ordered()
    page = mailed.page_of(order.number)
    for _ in range(3):
        shown = mailed.http.get(page)
        assert shown.status_code == 200
        assert mailed.http.head(page).status_code == 200
    assert "T-1" in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert confirmed(mailed) is None

    # when it is answered: fewer, on a day, with their own number
    fields = {"choice-0": "fewer", "units-0": "36", "day-0": "2027-01-15", "reference": "SO-7"}
    thanks = mailed.http.post(page, data=fields)

    # then it counts as every answer does
    assert thanks.status_code == 200
    assert confirmed(mailed) == 36
    assert (mailed.order["state"], mailed.order["reference"]) == ("acknowledged", "SO-7")
    assert str(mailed.order["confirmed_on"]) == "2027-01-15"
    assert mailed.cases() == {"purchase_short"}
    (kept,) = [row for row in rows(mailed.market.shop.store, audit) if "link" in row["who"]]
    assert kept["after"] == {"TEA": [36, "2027-01-15"]}

    # and the page is closed, whatever is sent to it
    assert mailed.http.get(page).status_code == 410
    assert mailed.http.post(page, data=YES).status_code == 410
    assert confirmed(mailed) == 36


@pytest.mark.parametrize(
    ("told", "means"),
    [
        (("all", "", ""), (48, None)),
        (("all", "9", "2027-02-01"), (48, date(2027, 2, 1))),
        (("later", "", "2027-02-01"), (48, date(2027, 2, 1))),
        (("fewer", "0", ""), (0, None)),
        (("none", "48", "2027-02-01"), (0, None)),
    ],
)
def test_each_answer_means_what_it_says(told: tuple[str, str, str], means: object):
    given = dict(zip(("choice-0", "units-0", "day-0"), told, strict=True))

    (said,), problems = lines.read([lines.Line("T-1", "TEA", 48)], given)

    assert ((said.units, said.ready_on), problems) == (means, [])


def test_an_answer_that_says_nothing_is_asked_for_again(mailed: Mailed):
    # given an open page
    page = mailed.page_of(mailed.ordered().number)

    # when something is sent that is no answer
    told = [
        mailed.http.post(page, data=fields)
        for fields in (
            {},
            {"choice-0": "maybe"},
            {"choice-0": "later"},
            {"choice-0": "later", "day-0": "01/02/2027"},
            {"choice-0": "fewer"},
            {"choice-0": "fewer", "units-0": "48"},
            {"choice-0": "fewer", "units-0": "-1"},
            {"choice-0": "fewer", "units-0": "<script>alert(1)</script>"},
        )
    ]

    # then it says what is missing, shows nothing as markup, and stays open
    assert {one.status_code for one in told} == {422}
    assert all('class="wrong"' in one.text for one in told)
    assert "&lt;script&gt;" in told[-1].text
    assert "<script>" not in told[-1].text
    assert confirmed(mailed) is None
    assert mailed.http.post(page, data=YES).status_code == 200


def test_a_page_ends_with_its_time_and_with_its_order(mailed: Mailed, clock: ManualClock):
    # given two pages: one whose time is over, one whose order is
    first = mailed.page_of(mailed.ordered().number)
    clock.advance(timedelta(days=21).total_seconds())
    assert mailed.http.get(first).status_code == 410
    assert mailed.http.post(first, data=YES).status_code == 410
    with mailed.market.shop.store.transaction() as tx:
        purchase.close(tx, mailed.order["number"], note=None, by="olga")
    assert mailed.http.post(first, data=YES).status_code == 410

    # then nothing was taken, and what is over for long is forgotten
    assert confirmed(mailed) is None
    clock.advance(timedelta(days=120).total_seconds())
    with mailed.market.shop.store.transaction() as tx:
        links.forget(tx)
    assert rows(mailed.market.shop.store, answer_link) == []
    assert mailed.http.get(first).status_code == 404


def test_a_forged_address_opens_nothing(mailed: Mailed):
    # given an open page
    page = mailed.page_of(mailed.ordered().number)
    right = page.rpartition("/")[2]
    (row,) = rows(mailed.market.shop.store, answer_link)

    # when others are tried: the kept hash, another letter, all kinds of text
    wrong = [
        row["token_hash"], right[:-1] + ("A" if right[-1] != "A" else "B"), right[:-1], "x" * 43,
        "%00", "..%2f..", "'; drop table answer_link; --", "a" * 5_000,
    ]  # fmt: skip
    told = [mailed.http.post(f"/answer/{one}", data=YES).status_code for one in wrong]

    # then none opens anything, and the right one is kept nowhere
    assert set(told) == {404}
    assert confirmed(mailed) is None
    everything = mailed.market.shop.store.database.path
    assert everything is None or right.encode() not in everything.read_bytes()
    assert mailed.log.told == []

    # and of two who come with the right one at once, one is first
    with mailed.market.shop.store.transaction() as tx:
        link = links.find(tx, right)
        assert link is not None
        assert (links.spend(tx, link), links.spend(tx, link)) == (True, False)


def test_large_answers_and_a_flood_are_turned_away(
    mailed: Mailed, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(answering, "PAGES_A_MINUTE", 10)
    page = mailed.page_of(mailed.ordered().number)

    huge = mailed.http.post(page, content=b"a" * (MOST_BYTES + 1)).status_code
    many = mailed.http.post(page, content=b"&".join([b"a=1"] * 30_000)).status_code
    flood = [mailed.http.get("/answer/x").status_code for _ in range(10)]

    assert (huge, many) == (413, 413)
    assert flood[0] == 404
    assert flood[-1] == 429
    clock.advance(60)
    assert mailed.http.get(page).status_code == 200


# --- answers by mail -----------------------------------------------------------------------------


def test_a_filled_sheet_is_an_answer(mailed: Mailed, clock: ManualClock):
    # given an order that is answered by sheets as different programs write them
    order = mailed.ordered()

    for units, delimiter in (("24", ","), ("12", ";"), ("36", "\t")):
        clock.advance(60)
        told = {"TEA": (units, "2027-01-20")}
        mailed.desk.answer_by_sheet(order.number, told, delimiter=delimiter)

        # when the mailbox is read, twice
        mailed.pull()
        mailed.pull()

        # then it counts, line by line
        assert confirmed(mailed) == int(units)
    assert str(mailed.order["confirmed_on"]) == "2027-01-20"
    assert mailed.cases() == {"purchase_short"}

    # and of two that are read at once the later one holds
    for units in ("24", "48"):
        clock.advance(60)
        mailed.desk.answer_by_sheet(order.number, {"TEA": (units, "")})
    mailed.pull()
    assert confirmed(mailed) == 48


def test_a_line_that_cannot_be_read_is_a_case(mailed: Mailed, clock: ManualClock):
    order = mailed.ordered()
    wrong = [
        ("a few", ""),
        ("24", "next week"),
        ("24", "01/02/2027"),
        ("", "2027-01-01"),
        ("-3", ""),
    ]
    for cells in wrong:
        clock.advance(60)
        mailed.desk.answer_by_sheet(order.number, {"TEA": cells})

    mailed.pull()

    assert (confirmed(mailed), mailed.cases()) == (None, {"unreadable_record"})
    told = {row["subject"] for row in rows(mailed.market.shop.store, cases)}
    assert len(told) == len(wrong)
    assert all(order.number in one for one in told)


def test_words_are_for_a_person_who_says_what_they_mean(mailed: Mailed):
    # given a supplier that writes, and one that sends its sheet back as it was
    order = mailed.ordered()
    words = "We can send thirty by the end of January, call Ann Smith at 555-0100."
    mailed.desk.answer_in_words(order.number, words)
    mailed.desk.answer_by_sheet(order.number, {})

    # when the mailbox is read
    mailed.pull()

    # then nothing is guessed: a Case says who wrote about what, the words are kept apart
    store = mailed.market.shop.store
    assert (confirmed(mailed), mailed.cases()) == (None, {"purchase_words"})
    (case,) = [row for row in rows(store, cases) if row["kind"] == "purchase_words"]
    assert case["args"] == {
        "number": order.number, "supplier": "mill", "sender": "orders@acme.example",
    }  # fmt: skip
    kept = [row for row in rows(store, payload) if row["id"] == case["payload_id"]]
    assert [row["body"].strip() for row in kept] == [words]
    everything = [*rows(store, decision), *rows(store, cases), *rows(store, audit)]
    assert "Ann Smith" not in str(everything)

    # and a person's word settles it
    with store.transaction() as tx:
        purchase.answered_by_person(
            tx, mailed.market.shop.wiring, order.number, {"TEA": (30, None)},
            reference="", note="by telephone", by="olga",
        )  # fmt: skip
    assert confirmed(mailed) == 30
    assert mailed.cases() == {"purchase_short"}


def test_a_person_cannot_answer_for_what_was_never_sent_or_ordered(mailed: Mailed):
    def say(number: str, sku: str) -> None:
        with mailed.market.shop.store.transaction() as tx:
            purchase.answered_by_person(
                tx, mailed.market.shop.wiring, number, {sku: (30, None)}, reference="", note=None,
                by="olga",
            )  # fmt: skip

    order = mailed.approve()
    with pytest.raises(CannotBuy, match="not sent yet"):
        say(order.number, "TEA")
    mailed.send()
    with pytest.raises(CannotBuy, match="holds no CUP"):
        say(order.number, "CUP")
    with pytest.raises(CannotBuy, match="there is no purchase order"):
        say("PO-20261124-00000000", "TEA")


def test_a_message_that_cannot_be_taken_apart_keeps_no_other_waiting(mailed: Mailed):
    # given a sheet with a cell beyond all measure, and a good one after it
    order = mailed.ordered()
    mailed.desk.answer_by_sheet(order.number, {"TEA": ("9" * 200_000, "")})
    mailed.desk.answer_by_sheet(order.number, {"TEA": ("24", "")})

    # when the mailbox is read, twice
    mailed.pull()
    mailed.pull()

    # then the one is told, the other counts
    assert confirmed(mailed) == 24
    assert mailed.cases() == {"unreadable_record", "purchase_short"}


def test_what_others_write_and_what_machines_write_is_left_alone(mailed: Mailed):
    # given letters of a stranger, of a machine, and about nothing of ours
    order = mailed.ordered()
    mailed.desk.answer_in_words(order.number, "Accept all!", sender="eve@evil.example")
    mailed.desk.answer_in_words(order.number, "I am on holiday.", automatic=True)
    mailed.mailbox.deliver(b"From: orders@acme.example\r\nSubject: Our new catalogue\r\n\r\nHi\r\n")

    mailed.pull()

    assert (confirmed(mailed), mailed.cases()) == (None, set())

    # but a new mail of theirs that names the number is about it
    mailed.desk.answer_in_words(order.number, "Soon.", threaded=False)
    mailed.pull()
    assert mailed.cases() == {"purchase_words"}


@BOTH
def test_a_mail_that_comes_back_makes_the_order_one_that_was_not_sent(mailed: Mailed):
    # given an order that was taken by the server, and first delayed, then given up
    order = mailed.ordered()
    mailed.desk.give_up(order.number, action="delayed", status="4.4.1")
    mailed.pull()
    assert (mailed.order["state"], mailed.cases()) == ("sent", set())
    mailed.desk.give_up(order.number)

    # when the report is read
    mailed.pull()
    mailed.send()

    # then it is told, not repeated, and can be taken back
    assert (mailed.order["state"], mailed.cases()) == ("draft", {"purchase_bounced"})
    assert mailed.desk.books()[order.number]["count"] == 1
    with mailed.market.shop.store.transaction() as tx:
        assert purchase.close(tx, order.number, note=None, by="olga") == "canceled"
    assert mailed.cases() == set()
    with mailed.market.shop.store.reading() as tx:
        told = tx.connection.execute(select(decision.c.code)).scalars()
        assert "purchase_bounced" in list(told)


# --- reminding -----------------------------------------------------------------------------------

HOUR = 3_600


def later(mailed: Mailed, *, hours: float) -> None:
    mailed.market.shop.clock.advance(hours * HOUR)
    mailed.look()


def reminders_of(mailed: Mailed) -> dict[str, str]:
    """What became of them, by number."""
    made = [row for row in rows(mailed.market.shop.store, effect) if row["kind"] == "reminder"]
    return {row["key"].rpartition(":")[2]: row["state"] for row in made}


@BOTH
def test_silence_is_reminded_of_then_told_then_told_louder_and_only_a_person_buys_elsewhere(
    patient: Mailed,
):
    # given an order of a Friday evening, due in one working day: by Monday evening
    order = patient.ordered()
    first = patient.page_of(order.number)
    for _ in range(5):
        later(patient, hours=11)
        assert (patient.desk.reminders(), patient.cases()) == ([], set())

    # when half of that day is over on Monday at 05:00, and later three quarters at 11:00
    later(patient, hours=5.1)
    later(patient, hours=1)
    (one,) = patient.desk.reminders()
    later(patient, hours=5)

    # then they are reminded each time in the thread of the order, and order nothing by it
    _, two = patient.desk.reminders()
    (mail,) = patient.desk.mails()
    assert {one.in_reply_to, two.in_reply_to} == {mail.message_id}
    assert len({one.message_id, two.message_id, mail.message_id}) == 3
    assert one.subject.endswith(f"Purchase order {order.number} from Example Shop LLC")
    assert "48  T-1" in one.text
    assert "2026-12-07, 22:00 UTC" in one.text
    assert patient.cases() == set()

    # and each mail has a page that is open
    pages = [first, *(each.page.removeprefix(PUBLIC) for each in (one, two))]
    assert len(set(pages)) == 3
    assert {patient.http.get(page).status_code for page in pages} == {200}

    # when that helps as little, then people are told, and told louder, and nothing is ordered anew
    severities = []
    for hours in (6, 24):
        later(patient, hours=hours)
        (told,) = [row for row in rows(patient.market.shop.store, cases) if row["state"] == "open"]
        severities.append((told["kind"], told["severity"]))
    assert severities == [
        ("purchase_unanswered", "warning"),
        ("purchase_unanswered", "critical"),
    ]
    assert "mill" not in patient.market.plans()
    assert {one["count"] for one in patient.desk.books().values()} == {1}

    # until a person knows that they will not deliver: what they answer then counts no more
    with patient.market.shop.store.transaction() as tx:
        purchase.close(tx, order.number, note="Bo: sold out", by="olga")
    assert patient.cases() == set()
    assert patient.market.plans()["mill"][1]["TEA"].incoming == 0
    assert {patient.http.post(page, data=YES).status_code for page in pages} == {410}
    later(patient, hours=48)
    assert len(patient.desk.reminders()) == 2


@pytest.mark.parametrize("how", ["page", "words"])
def test_who_has_answered_before_the_reminder_is_sent_is_not_reminded(patient: Mailed, how: str):
    # given a reminder that is planned, and kept from being sent
    order = patient.ordered()
    patient.market.switch(Mode.OBSERVE)
    later(patient, hours=61)
    assert reminders_of(patient) == {"1": "planned"}
    patient.market.switch(Mode.ACT)

    # when they answer, on the page or in words
    if how == "page":
        assert patient.http.post(patient.page_of(order.number), data=YES).status_code == 200
    else:
        patient.desk.answer_in_words(order.number, "Next week, I hope.")
        patient.pull()
    later(patient, hours=6)

    # then nothing is sent
    assert patient.desk.reminders() == []
    assert reminders_of(patient) == {"1": "canceled"}


@pytest.mark.parametrize("trouble", ["lost-after-data", "killed"])
def test_a_reminder_in_doubt_is_not_sent_again_and_the_next_one_is(
    patient: Mailed, trouble: str, monkeypatch: pytest.MonkeyPatch
):
    # given a reminder whose mail came, and nobody here knows
    patient.ordered()
    if trouble == "killed":
        die_after(monkeypatch, "push_reminder")
    else:
        patient.smtp.faults.set([{"operation": "data", "kind": trouble, "nth": 1}])
    patient.market.shop.clock.advance(61 * HOUR)
    killed_in(patient, patient.look)
    assert len(patient.desk.reminders()) == 1

    # when time goes on
    later(patient, hours=1)
    later(patient, hours=1)

    # then it did not come twice, nobody is bothered, and the next reminder comes at its time
    assert (len(patient.desk.reminders()), patient.cases()) == (1, set())
    later(patient, hours=5)
    first, second = patient.desk.reminders()
    assert first.message_id != second.message_id
    assert reminders_of(patient) == {"1": "done", "2": "done"}

    # and a page in it takes the answer
    page = patient.desk.reminders()[-1].page.removeprefix(PUBLIC)
    assert patient.http.post(page, data=YES).status_code == 200
    assert confirmed(patient) == 48


def test_a_reminder_that_comes_back_is_told_and_its_order_still_stands(patient: Mailed):
    order = patient.ordered()
    later(patient, hours=61)
    patient.desk.give_up(order.number, reminder=True)

    patient.pull()

    assert (patient.order["state"], patient.cases()) == ("sent", {"purchase_bounced"})
