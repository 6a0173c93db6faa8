"""X12 over SFTP with a simulated partner: documents out once, answers in our words, faults told once."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from connectors.edi.answers import (
    acknowledgment_of,
    invoice_of,
    purchase_answers_of,
    receipts_of,
)
from connectors.edi.connector import Edi, connect
from connectors.edi.reading import TransactionSet, Unreadable, order_answer
from connectors.edi.settings import Settings
from connectors.edi.simulator import ANSWERS, ORDERS, EdiSimulator
from core.errors import Rejected
from core.model.fulfillment import AcknowledgmentStatus, AnsweredLine, FulfillmentLine, ShipRequest
from core.model.money import Money
from core.model.orders import Address
from core.model.purchasing import PurchaseLine, PurchaseOrder, PurchaseVerdict, SupplierItem
from core.model.receipts import OwedReceipt, Receipt
from core.ports import Batch, Cursor, Handover, Reject
from core.rules.effects import short_key
from jobs.clock import ManualClock

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = "shopify-us:5501:F1"
SHORT = short_key(KEY)
ACCEPTED, LATER, REJECTED = (
    AcknowledgmentStatus.ACCEPTED,
    AcknowledgmentStatus.BACKORDERED,
    AcknowledgmentStatus.REJECTED,
)
REQUEST = ShipRequest(
    key=KEY,
    location="acme",
    order_name="#1001",
    lines=(FulfillmentLine("11", "MUG", 3), FulfillmentLine("12", "TEA", 2)),
    ship_to=Address(name="Ann Buyer", line1="1 Main St", city="Wayne", region="NJ",
                    postal_code="07470", country="US"),
    service="",
    requested_at=NOON,
    short_key=SHORT,
    goods={
        "MUG": SupplierItem("acme", "MUG", "V-77", cost=Money(400, "USD")),
        "TEA": SupplierItem("acme", "TEA", "V-88", cost=Money(250, "USD")),
    },
)  # fmt: skip
ORDER = PurchaseOrder(
    number="PO-20261124-3F9C2A7B",
    supplier="acme",
    location="newark",
    lines=(PurchaseLine("MUG", "V-77", 8, Money(400, "USD")), PurchaseLine("TEA", "V-88", 5)),
    ordered_at=NOON,
)


class Inside:
    """What bootstrap hands in. This connector takes no tokens."""

    rates: Any = None

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self._lock = threading.Lock()

    def lock(self, name: str) -> contextlib.AbstractContextManager[object]:
        return self._lock


@dataclass
class Desk:
    """Both sides, and where each of our flows stands."""

    clock: ManualClock
    partner: EdiSimulator
    connector: Edi
    settings: Settings
    serial: int = 0
    cursors: dict[str, Cursor] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)

    def send(self, key: str, document: Callable[[int], bytes]) -> bytes:
        self.serial += 1
        made = document(self.serial)
        self.connector.stage_request(key, made)
        self.connector.release_request(key)
        return made

    def request(self, request: ShipRequest = REQUEST) -> None:
        self.send(request.key, lambda n: self.connector.request_document(request, serial=n))

    def order(self, order: PurchaseOrder = ORDER) -> None:
        self.send(order.number, lambda n: self.connector.purchase_document(order, serial=n))

    def live(self, seconds: float) -> None:
        for _ in range(int(seconds // 30) + 1):
            self.clock.advance(30)
            self.partner.live()

    def pull(self, flow: str) -> list[Any]:
        """What is new for one flow, after the looks that a file needs to be believed."""
        pull: Callable[..., Iterator[Batch[Any]]] = getattr(self.connector, f"pull_{flow}")
        items: list[Any] = []
        for _ in range(3):
            for batch in pull(since=self.cursors.get(flow)):
                items += batch.items
                self.rejects += batch.rejects
                self.cursors[flow] = batch.cursor
            self.clock.advance(20)
        return items


def settings(partner: EdiSimulator, **changes: Any) -> Settings:
    tree = {
        "type": "edi",
        "transport": {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": partner.port,
            "username": partner.username,
            "password": partner.password,
            "host_key": partner.host_key,
        },
        "outbox": ORDERS,
        "inbox": {"path": ANSWERS, "pattern": "*.edi"},
        "us": {"id": "LOCKSTEP"},
        "them": {"id": "ACME"},
        "timezone": "UTC",
        "stable_after": 10,
    }
    return Settings.model_validate({**tree, **changes})


@contextlib.contextmanager
def desk(stock: dict[str, int] | None = None, **changes: Any) -> Iterator[Desk]:
    clock = ManualClock(NOON)
    partner = EdiSimulator(
        clock=clock,
        seed=7,
        stock={"V-77": 10, "V-88": 10} if stock is None else stock,
        pick_up_every=1.0,
        answer_after=(60.0, 60.0),
        ship_after=(600.0, 600.0),
        autonomous=False,
    )
    partner.start()
    known = settings(partner, **changes)
    connector = connect("acme-edi", known, Inside(clock))
    try:
        yield Desk(clock, partner, connector, known)
    finally:
        connector.close()
        partner.stop()


def test_a_request_is_ordered_once_answered_in_our_terms_shipped_and_receipted() -> None:
    with desk() as both:
        # given a request that the partner picked up
        both.request()
        both.live(120)
        assert both.partner.books()["orders"][SHORT]["count"] == 1

        # then its receipt names our document, and its answer our request
        told = [one for one in both.pull("receipts") if isinstance(one, Receipt)]
        assert told == [Receipt(1, True, NOON + timedelta(seconds=30))]
        (answer,) = both.pull("acknowledgments")
        assert (answer.key, answer.status) == (SHORT, ACCEPTED)
        assert answer.lines == (
            AnsweredLine("V-77", ACCEPTED, 3, date(2026, 11, 24), Money(400, "USD")),
            AnsweredLine("V-88", ACCEPTED, 2, date(2026, 11, 24), Money(250, "USD")),
        )
        assert both.pull("acknowledgments") == []

        # and when it ships, the parcel names them too
        both.live(720)
        (notice,) = both.pull("shipments")
        (sent,) = both.partner.books()["parcels"]
        assert (notice.key, notice.carrier) == (SHORT, "ups")
        assert notice.tracking_number == sent["tracking"]
        assert [(one.sku, one.quantity) for one in notice.lines] == [("V-77", 3), ("V-88", 2)]
        assert (notice.document, notice.replaces) == (sent["tracking"][-10:], False)
        assert both.rejects == []

        # and when it corrects that, or calls it off, that is told so
        for purpose in ("05", "01"):
            told = {"number": SHORT, "tracking": sent["tracking"], "notice": notice.document}
            both.partner.place_order({"tell": {**told, "purpose": purpose, "items": {"V-77": 2}}})
        corrected, called_off = both.pull("shipments")
        assert (corrected.replaces, [one.quantity for one in corrected.lines]) == (True, [2])
        assert (called_off.replaces, called_off.lines) == (True, ())


def test_every_document_of_theirs_is_owed_one_receipt_which_they_can_read() -> None:
    with desk() as both:
        # given an answer, a ship notice and an invoice
        both.request()
        both.live(900)
        owed = [one for one in both.pull("receipts") if isinstance(one, OwedReceipt)]
        assert len(owed) == 3
        assert len({one.key for one in owed}) == 3

        # when they are told
        for one in owed:
            both.send(
                one.key,
                lambda n, told=one.told: both.connector.receipt_document(
                    told, serial=n, at=both.clock.now()
                ),
            )
        both.live(30)

        # then the partner's books have one for each of its control numbers: its own 997 is the first
        assert both.partner.books()["receipts"] == [("2", "A"), ("3", "A"), ("4", "A")]


def test_a_short_answer_a_late_one_and_another_price_are_told_line_by_line() -> None:
    with desk(stock={"V-77": 2, "V-88": 9}) as both:
        both.partner.place_order({"late": {"V-88": "20261204"}})
        both.partner.place_order({"reprice": {"V-77": "4.25"}})
        both.request()
        both.live(120)
        (answer,) = both.pull("acknowledgments")
        assert answer.lines == (
            AnsweredLine("V-77", ACCEPTED, 2, date(2026, 11, 24), Money(425, "USD")),
            AnsweredLine("V-77", REJECTED, 1, None, Money(425, "USD")),
            AnsweredLine("V-88", LATER, 2, date(2026, 12, 4), Money(250, "USD")),
        )


def test_a_refusal_of_the_whole_order_is_one_of_each_line() -> None:
    with desk() as both:
        both.partner.place_order({"reject": SHORT})
        both.request()
        both.live(120)
        (answer,) = both.pull("acknowledgments")
        assert [(one.status, one.quantity) for one in answer.lines] == [
            (REJECTED, 3),
            (REJECTED, 2),
        ]
        assert answer.raw_status == "RD"


def test_a_document_they_cannot_read_says_what_they_found() -> None:
    with desk() as both:
        both.partner.place_order({"refuse": True})
        both.request()
        both.live(60)
        (told,) = both.pull("receipts")
        assert (told.serial, told.accepted) == (1, False)
        assert told.faults == "AK3*PO1*6**8; AK5 5"
        assert both.partner.books()["orders"] == {}


def test_answers_to_purchase_orders_are_told_apart_from_those_to_requests() -> None:
    with desk(stock={"V-77": 6, "V-88": 9}) as both:
        both.order()
        both.request(replace(REQUEST, lines=(FulfillmentLine("11", "TEA", 1),)))
        both.live(120)
        (request,) = both.pull("acknowledgments")
        assert request.key == SHORT
        mugs, tea = both.pull("purchase_answers")
        assert (mugs.number, mugs.item, mugs.quantity, mugs.ready_on, mugs.price) == (
            ORDER.number, "V-77", 6, date(2026, 11, 27), Money(400, "USD"),
        )  # fmt: skip
        assert (tea.item, tea.quantity, tea.price) == ("V-88", 5, None)
        assert both.rejects == []


def test_packs_are_ordered_and_answered_in_packs_and_reckoned_in_units() -> None:
    packs = {"V-77": {"unit": "CT", "units": 4}}
    with desk(packs=packs) as both:
        written = both.connector.purchase_document(ORDER, serial=1).decode()
        assert "PO1*1*2*CT*16.00**VP*V-77*BP*MUG~" in written

        # and half a carton cannot be ordered
        odd = replace(ORDER, lines=(PurchaseLine("MUG", "V-77", 6),))
        with pytest.raises(Rejected, match="order 4 or 8") as refused:
            both.connector.purchase_document(odd, serial=1)
        assert refused.value.code == "unwritable"


def test_a_name_that_x12_has_no_letters_for_is_refused_before_anything_is_sent() -> None:
    with desk() as both:
        to = replace(REQUEST.ship_to, name="王小明")
        with pytest.raises(Rejected, match="N102 holds letters") as refused:
            both.connector.request_document(replace(REQUEST, ship_to=to), serial=1)
        assert refused.value.code == "unwritable"
        assert "王" not in str(refused.value)


def test_the_same_request_and_serial_is_the_same_document() -> None:
    with desk() as both:
        made = [both.connector.request_document(REQUEST, serial=9) for _ in range(2)]
        assert made[0] == made[1]
        assert b"*000000009*" in made[0]
        assert both.connector.find_request(KEY, made[0]) is Handover.ABSENT


FAULTY = {
    "truncated": ("855", "it ends without SE"),
    "wrong-count": ("855", "SE01 says"),
    "no-x12": ("edi file", "it is no X12"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_file_that_is_not_whole_is_told_once_and_used_by_nobody(fault: str) -> None:
    kind, words = FAULTY[fault]
    with desk() as both:
        # given an answer that arrives damaged
        both.request()
        both.live(30)
        both.partner.faults.set([{"operation": "answer-file", "kind": fault, "nth": 1}])
        both.live(90)

        # then no flow takes it, the flow of receipts tells it, once
        assert both.pull("acknowledgments") == []
        assert both.rejects == []
        items = both.pull("receipts")
        told = [one for one in both.rejects if one.kind == kind]
        assert len(told) == 1
        assert words in told[0].problem
        assert told[0].raw

        # and where it has a number, the partner is told so, and sends it again
        owed = [one for one in items if isinstance(one, OwedReceipt)]
        if fault == "no-x12":
            assert owed == []
            return
        both.send(
            owed[0].key,
            lambda n: both.connector.receipt_document(owed[0].told, serial=n, at=both.clock.now()),
        )
        both.live(30)
        assert both.partner.books()["receipts"] == [("2", "R")]


def test_a_fault_that_is_known_of_this_partner_is_neither_told_nor_refused() -> None:
    with desk(tolerated=["SE01"]) as both:
        both.request()
        both.live(30)
        both.partner.faults.set([{"operation": "answer-file", "kind": "wrong-count", "nth": 1}])
        both.live(90)
        assert len(both.pull("acknowledgments")) == 1
        owed = [one for one in both.pull("receipts") if isinstance(one, OwedReceipt)]
        assert "[]" in owed[0].told
        assert both.rejects == []


def test_the_same_file_twice_is_one_debt() -> None:
    with desk() as both:
        both.request()
        both.live(30)
        both.partner.faults.set([{"operation": "answer-file", "kind": "duplicate-file", "nth": 1}])
        both.live(90)
        owed = [one for one in both.pull("receipts") if isinstance(one, OwedReceipt)]
        assert len(owed) == 2
        assert len({one.key for one in owed}) == 1


def test_what_somebody_else_sends_or_nobody_reads_is_told_and_left_alone() -> None:
    with desk() as both:
        both.request()
        both.live(120)
        (path,) = (both.partner.root / ANSWERS).glob("855-*.edi")
        text = path.read_text()
        path.write_text(text.replace("ACME           ", "OTHER          "))
        (both.partner.root / ANSWERS / "remittance.edi").write_text(
            text.replace("ST*855*", "ST*820*").replace("000000002", "000000099")
        )
        assert both.pull("acknowledgments") == []
        both.pull("receipts")
        words = sorted(one.problem for one in both.rejects)
        assert len(words) == 2
        assert words[0].startswith("a 820 is read by nobody here")
        assert "it is from 'OTHER' to 'LOCKSTEP'" in words[1]


def test_settings_that_cannot_work_say_what_is_wrong() -> None:
    clock = ManualClock(NOON)
    partner = EdiSimulator(clock=clock, seed=7, autonomous=False)
    partner.start()
    try:
        for changes, words in (
            ({"them": {"id": "LOCKSTEP"}}, "us and them are the same"),
            ({"inbox": {"path": ORDERS}}, "the same folder"),
            ({"marks": {"element": ">"}}, "three different marks"),
            ({"receipts": {"hours": 0}}, "greater than 0"),
            ({"us": {"id": "a*b"}}, "pattern"),
            ({"timezone": "Mars"}, "no time zone"),
        ):
            with pytest.raises(ValueError, match=words):
                settings(partner, **changes)
    finally:
        partner.stop()


def test_numbers_that_no_column_holds_are_refused_in_words() -> None:
    billed = "BIG*20261124*I1~IT1*1*9999999*EA*99999999999**VP*TEA~TDS*1~"
    heard = f"AK1*PO*{'9' * 12}~AK9*A*1*1*1~"
    with desk() as both:
        for read, kind, text in (
            (lambda one: invoice_of(one, both.settings), "810", billed),
            (lambda one: list(receipts_of(one, at=NOON)), "997", heard),
        ):
            segments = tuple(one.split("*") for one in text.split("~") if one)
            with pytest.raises(Unreadable):
                read(TransactionSet(kind, "0001", "PR", "1", "ACME", "1", segments))


def test_a_refusal_that_tells_none_to_come_is_about_the_rest_of_its_line() -> None:
    # given what another partner's program writes: how many will come, not how many will not
    answer = (
        "BAK*00*AC*R-1*20261124~PO1*1*4*EA*12.50**VP*V-77~ACK*IA*1*EA~ACK*IR*0*EA~"
        "PO1*2*2*EA***VP*V-88~ACK*R2*0*EA~PO1*3*5*EA***VP*V-99~ACK*BP*2*EA~"
        "PO1*4*5*EA***VP*V-66~ACK*IQ*4*EA~PO1*5*3*EA***VP*V-55~ACK*IQ*1*EA~ACK*IB*2*EA~"
    )
    segments = tuple(one.split("*") for one in answer.split("~") if one)
    one = TransactionSet("855", "0001", "PR", "1", "ACME", "1", segments)
    with desk() as both:
        made = acknowledgment_of(order_answer(one), both.settings, at=NOON)
    assert [(each.item, each.status, each.quantity) for each in made.lines] == [
        ("V-77", ACCEPTED, 1),
        ("V-77", REJECTED, 3),
        ("V-88", REJECTED, 2),
        ("V-99", ACCEPTED, 2),
        ("V-99", LATER, 3),
        ("V-66", ACCEPTED, 4),
        ("V-66", REJECTED, 1),
        ("V-55", ACCEPTED, 1),
        ("V-55", LATER, 2),
    ]


@pytest.mark.parametrize(
    ("code", "comes"), [("AD", True), ("AK", True), ("RJ", False), ("RD", False), ("AC", None)]
)
def test_a_purchase_order_is_answered_as_a_whole_without_a_line(
    code: str, comes: bool | None
) -> None:
    # given what X12 has without detail: yes, no, and a change that is not told
    head = ["BAK", "00", code, ORDER.number, "20261124", "", "", "", "SO-7"]
    made = order_answer(TransactionSet("855", "0001", "PR", "1", "ACME", "1", (head,)))

    with desk() as both:
        if comes is None:
            with pytest.raises(Unreadable, match="BAK02 is 'AC', and it tells of no line"):
                list(purchase_answers_of(made, both.settings, at=NOON))
        else:
            told = list(purchase_answers_of(made, both.settings, at=NOON))
            assert told == [PurchaseVerdict(ORDER.number, comes, NOON, "SO-7")]


ISA = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ACME':15}*ZZ*{'LOCKSTEP':15}*261124*1201*U*00401*"


@pytest.mark.parametrize("kept", ["all", "no IEA", "half"])
@pytest.mark.parametrize("marks", ["*~", "|!"])
def test_an_interchange_that_is_cut_off_spoils_none_behind_it(kept: str, marks: str) -> None:
    with desk(stock={"V-77": 10, "V-88": 10}) as both:
        # given two answers in one file, the first of them whole, without its end, or half there
        both.request()
        both.order()
        both.live(120)
        paths = sorted((both.partner.root / ANSWERS).glob("855-*.edi"))
        first, second = (path.read_text() for path in paths)
        for path in paths:
            path.unlink()
        element, end = marks
        second = second.replace("*", element).replace("~\n", end)
        cut = {"all": first, "no IEA": first[: first.index("IEA*") - 1], "half": first[:250]}
        (both.partner.root / ANSWERS / "855-both.edi").write_text(cut[kept] + second)

        # when they are read
        mine, theirs = both.pull("acknowledgments"), both.pull("purchase_answers")
        owed = [one for one in both.pull("receipts") if isinstance(one, OwedReceipt)]

        # then the second is taken and receipted under its own numbers, and the cut is told
        assert [one.key for one in mine] == [SHORT]
        assert {one.number for one in theirs} == ({ORDER.number} if kept != "half" else set())
        assert [json.loads(one.told)[0][1] for one in owed] == ["3", "4"]
        assert json.loads(owed[1].told)[0][2][0][2] == []
        told = [one.problem for one in both.rejects if one.kind == "edi file"]
        assert len(told) == (kept != "all")
        assert all("another interchange begins before its IEA" in one for one in told)


def test_an_interchange_that_they_refused_as_a_whole_is_a_document_they_cannot_read() -> None:
    with desk() as both:
        # given TA1s: ours refused for its sender, one taken, one that names none of ours, a stranger's
        folder = both.partner.root / ANSWERS
        told = (
            "TA1*000000041*261124*1200*R*006",
            "TA1*000000042*261124*1200*A*000",
            "TA1*X***R*001",
        )
        for number, one in enumerate(told):
            text = f"{ISA}{number:09}*0*P*>~{one}~IEA*0*{number:09}~"
            (folder / f"{number}.edi").write_text(text)
        (folder / "other.edi").write_text(
            f"{ISA}000000009*0*P*>~{told[0]}~IEA*0*000000009~".replace("ACME ", "EMCA ")
        )

        # when they are read, then the first is as a 997 that refuses, and what cannot be is told
        assert both.pull("receipts") == [Receipt(41, False, ANY, "TA1 R 006")]
        assert [one.problem for one in both.rejects] == [
            "TA101 is 'X', a number of ours is expected"
        ]


def test_a_file_in_latin_1_keeps_its_letters() -> None:
    with desk() as both:
        both.request()
        both.live(120)
        (path,) = (both.partner.root / ANSWERS).glob("855-*.edi")
        path.write_bytes(path.read_text().replace("V-77", "Böcker-77").encode("latin-1"))
        (answer,) = both.pull("acknowledgments")
        assert answer.lines[0].item == "Böcker-77"


@pytest.mark.parametrize(
    ("lines", "accepted", "faults"),
    [
        ("AK2*850*0001~AK5*A~AK9*A*1*1*1", True, ""),
        ("AK2*850*0001~AK5*E*5~AK9*E*1*1*1", True, "AK5 5"),
        ("AK2*850*0001~AK5*A~AK9*P*1*1*1", True, ""),
        ("AK9*A*1*1*1", True, ""),
        # the group itself is refused: nothing of it was used
        ("AK2*850*0001~AK5*A~AK9*R*1*1*0*5", False, "AK9 5"),
        ("AK9*R*1*1*0*4*5", False, "AK9 4; AK9 5"),
        ("AK9*R*1*1*0", False, "refused"),
        ("AK9*P*1*1*0", False, "refused"),
        ("AK2*850*0001~AK5*R*5~AK9*A*1*1*0", False, "AK5 5"),
    ],
)
def test_a_document_was_read_where_both_its_group_and_it_were_taken(
    lines: str, accepted: bool, faults: str
) -> None:
    segments = tuple(one.split("*") for one in f"AK1*PO*41~{lines}".split("~"))
    one = TransactionSet("997", "0001", "FA", "1", "ACME", "1", segments)

    assert list(receipts_of(one, at=NOON)) == [Receipt(41, accepted, NOON, faults)]
