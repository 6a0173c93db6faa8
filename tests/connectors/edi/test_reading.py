"""What partners send, read: real interchanges, an independent partner's answers, and what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies
from mockedi import testing as mockedi

from connectors.edi import answers
from connectors.edi.mapping import Words, purchase_order
from connectors.edi.reading import (
    Answer,
    TransactionSet,
    Unreadable,
    invoice,
    order_answer,
    parcels,
    sets_of,
    verdict,
)
from connectors.edi.settings import Settings
from connectors.x12.envelope import Envelopes
from core.model.purchasing import PurchaseAnswer
from tests.connectors.edi.test_documents import NOON, ORDER, sent

EDI = Path(__file__).resolve().parents[4] / "shared" / "reference" / "edi"
recorded = pytest.mark.skipif(not EDI.is_dir(), reason="the recorded interchanges are not here")


def file(name: str) -> list[TransactionSet]:
    return list(sets_of(Envelopes([(EDI / name).read_text("utf-8")])))


def a_set(kind: str, *lines: str) -> TransactionSet:
    body = "~".join([f"ST*{kind}*0001", *lines, f"SE*{len(lines) + 2}*0001"])
    isa = (
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{'THEM':15}*ZZ*{'US':15}*261124*1200*U*00401*000000009*0*P*>"
    )
    text = f"{isa}~GS*PR*THEM*US*20261124*1200*9*X*004010~{body}~GE*1*9~IEA*1*000000009~"
    (one,) = sets_of(Envelopes([text]))
    return one


@recorded
@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("edinet_x12.810a.edi", []), ("edinet_x12.810b.edi", []), ("edinet_x12.810d.edi", []),
        ("edinet_x12.820.issue140.edi", []), ("edinet_x12.832.edi", ["SE01"]),
        ("edinet_x12.850.edi", ["IEA02"]), ("edinet_x12.850a.edi", ["IEA02"]),
        ("gozer_po850.edi", ["SE01"]), ("mockedi_810.edi", []), ("mockedi_850.edi", []),
        ("mockedi_855.edi", []), ("mockedi_856.edi", []), ("mockedi_997.edi", []),
        ("nodex12_850.edi", []), ("nodex12_850_2.edi", []), ("nodex12_850_3.edi", []),
        ("nodex12_856.edi", []), ("sample_846_snapshot.edi", []), ("staedi_invalid997.edi", []),
    ],
)  # fmt: skip
def test_every_recorded_interchange_is_read_with_its_faults(name: str, faults: list[str]) -> None:
    reader = Envelopes([(EDI / name).read_text("utf-8")])

    found = list(sets_of(reader))

    assert found
    assert all(one.segments and one.sender and one.interchange for one in found)
    assert [one.code for one in reader.problems] == faults


@recorded
def test_every_recorded_file_has_its_faults_told_here() -> None:
    (mark,) = test_every_recorded_interchange_is_read_with_its_faults.pytestmark[:1]
    assert {name for name, _ in mark.args[1]} == {path.name for path in EDI.glob("*.edi")}


@recorded
def test_an_answer_tells_each_line_with_its_price_and_day() -> None:
    (one,) = file("mockedi_855.edi")

    told = order_answer(one)

    assert (told.number, told.code, told.reference) == ("4500000042", "AC", "5100002")
    first, second = told.lines
    assert first.names == {"VP": "WIDGET-001", "UP": "076123400003"}
    assert first.answers == (Answer("IA", 100, "067", date(2026, 11, 25)),)
    assert (second.ordered, second.price, second.answers[0].code) == (40, Decimal("13.75"), "IP")


@recorded
@pytest.mark.parametrize(
    ("name", "order", "tracking", "units", "at"),
    [
        ("mockedi_856.edi", "4500000042", "1Z999AA1008000002", [100, 40], (2026, 11, 23, 18, 5)),
        ("nodex12_856.edi", "99999817", "5787970539", [24, 6], (2011, 12, 6, 14, 24, 28)),
    ],
)
def test_a_ship_notice_tells_its_parcel(
    name: str, order: str, tracking: str, units: list[int], at: tuple[int, ...]
) -> None:
    zone = ZoneInfo("America/New_York")
    (one,) = file(name)

    (parcel,) = parcels(one, zone=zone)

    assert (parcel.order, parcel.tracking) == (order, tracking)
    assert [line.units for line in parcel.lines] == units
    assert parcel.shipped_at == datetime(*at, tzinfo=zone)  # type: ignore[misc]


@recorded
@pytest.mark.parametrize(
    ("name", "total", "reckoned"),
    [
        ("mockedi_810.edi", "1800", "1800"),
        # Charges stand at the lines and again, summed, behind the total; taxes in parts besides.
        ("edinet_x12.810a.edi", "365.96", "365.96"),
        ("edinet_x12.810b.edi", "401.92", "401.92"),
        # Its total leaves its own allowance out: a fault that somebody must look at.
        ("edinet_x12.810d.edi", "646.92", "582.23"),
    ],
)
def test_an_invoice_is_added_up_beside_its_own_total(name: str, total: str, reckoned: str) -> None:
    (one,) = file(name)

    read = invoice(one)

    assert (read.total, read.reckoned) == (Decimal(total), Decimal(reckoned))


@recorded
def test_a_refused_set_tells_why() -> None:
    (one,) = file("staedi_invalid997.edi")

    told = verdict(one)

    assert not told.accepted
    assert told.sets[0].faults == ("AK3*NM1*8**8", "AK4*8*66 NON NUMERIC*7*MI", "AK5 5")


def test_what_another_hand_answers_to_our_order_is_read_as_it_is_meant() -> None:
    # given a partner that somebody else wrote, and our order at it
    with mockedi.Mock.start() as partner:
        partner.send(sent(purchase_order(ORDER, Words())))
        partner.advance(everything=True)
        came = [one["payload"] for one in partner.mailbox()]

    # when all that it sends is read
    found = {one.kind: one for text in came for one in sets_of(Envelopes([text]))}

    # then it is about our order, to the unit and the cent
    assert verdict(found["997"]).accepted
    assert verdict(found["997"]).control == "77"
    answered = order_answer(found["855"])
    assert answered.number == ORDER.number
    assert [(line.ordered, line.price) for line in answered.lines] == [
        (line.quantity, Decimal(line.price.amount) / 100) for line in ORDER.lines if line.price
    ]
    (parcel,) = parcels(found["856"], zone=UTC)
    assert (parcel.order, [line.units for line in parcel.lines]) == (ORDER.number, [100, 40])
    billed = invoice(found["810"])
    assert (billed.order, billed.total) == (ORDER.number, billed.reckoned)


SHIPMENT = ("BSN*00*S1*20261124*1200", "HL*1**S", "DTM*011*20261124")


def test_packages_above_and_below_items_tell_which_units_are_in_them() -> None:
    # given one order in two packages, its items below them
    above = a_set(
        "856", *SHIPMENT, "HL*2*1*O", "PRF*PO-1", "HL*3*2*P", "MAN*CP*A1", "HL*4*3*I", "LIN**VP*TEA",
        "SN1**2*EA", "HL*5*2*P", "MAN*CP*B2", "HL*6*5*I", "LIN**VP*MUG", "SN1**1*EA",
    )  # fmt: skip
    # and another with the package below its item
    below = a_set(
        "856", *SHIPMENT, "HL*2*1*O", "PRF*PO-1", "HL*3*2*I", "LIN**VP*TEA", "SN1**2*EA", "HL*4*3*P",
        "MAN*CP*A1",
    )  # fmt: skip

    assert [(p.tracking, p.lines[0].units) for p in parcels(above, zone=UTC)] == [
        ("A1", 2),
        ("B2", 1),
    ]
    assert [(p.tracking, p.lines[0].units) for p in parcels(below, zone=UTC)] == [("A1", 2)]


@pytest.mark.parametrize(
    ("more", "number"),
    [
        # one number for all, several and a bill of lading, several alone, none
        (("MAN*CP*A1",), "A1"),
        (("MAN*CP*A1", "REF*BM*BOL7", "REF*CN*PRO9"), "BOL7"),
        (("MAN*CP*A1", "REF*CN*PRO9"), "S1"),
        ((), "S1"),
    ],
)
def test_goods_for_a_shelf_travel_together_under_one_number(
    more: tuple[str, ...], number: str
) -> None:
    told = a_set(
        "856", *SHIPMENT, "DTM*017*20261202", *more, "HL*2*1*O", "PRF*PO-1", "HL*3*2*I",
        "LIN**VP*TEA", "SN1**2*EA", "HL*4*2*I", "LIN**VP*MUG", "SN1**1*EA",
    )  # fmt: skip

    (parcel,) = parcels(told, zone=UTC, for_a_shelf=lambda key: key == "PO-1")

    assert (parcel.tracking, [line.units for line in parcel.lines]) == (number, [2, 1])
    assert (parcel.document, parcel.purpose, parcel.arrives) == ("S1", "00", date(2026, 12, 2))


def test_an_answer_without_a_quantity_is_for_the_whole_line() -> None:
    told = order_answer(
        a_set("855", "BAK*00*AC*PO-1*20261124", "PO1*1*12*EA**PE*VP*TEA", "ACK*IA", "ACK*IB*5*EA")
    )

    assert [(one.code, one.units) for one in told.lines[0].answers] == [("IA", 12), ("IB", 5)]


READERS = {
    "997": verdict, "855": order_answer, "810": invoice, "856": lambda one: parcels(one, zone=UTC),
}  # fmt: skip
#: What a program at the other end may leave in an element.
ODD = ["", "-1", "1E9", "9" * 40, "NaN", "２", "20260230", "2460", ".", "-", "\0", "é" * 300]


@recorded
@pytest.mark.parametrize("kind", sorted(READERS))
@settings(max_examples=300, deadline=None)
@given(data=strategies.data())
def test_whatever_a_partner_garbles_is_read_or_refused_in_words(
    kind: str, data: strategies.DataObject
) -> None:
    # given a real set with some of its segments lost, doubled or garbled
    (one,) = file(f"mockedi_{kind}.edi")
    garbled = [list(segment) for segment in one.segments]
    for _ in range(data.draw(strategies.integers(1, 4))):
        place = data.draw(strategies.integers(0, len(garbled) - 1))
        match data.draw(strategies.sampled_from(["lose", "double", "garble"])):
            case "lose" if len(garbled) > 1:
                del garbled[place]
            case "double":
                garbled.insert(place, list(garbled[place]))
            case _ if len(garbled[place]) > 1:
                element = data.draw(strategies.integers(1, len(garbled[place]) - 1))
                garbled[place][element] = data.draw(strategies.sampled_from(ODD))

    # when it is read
    refused = ""
    try:
        READERS[kind](replace(one, segments=tuple(garbled)))
    except Unreadable as why:
        refused = str(why)

    # then it is read, or refused in words that fit into a line; nothing else happens
    assert len(refused) < 200


def test_a_charge_told_by_line_only_counts() -> None:
    read = invoice(
        a_set(
            "810", "BIG*20261124*I1*20261120*PO-1", "IT1*1*2*EA*10**VP*TEA", "SAC*C*G830***150",
            "SAC*A*C310***50", "TXI*ST*1.60", "TDS*2260",
        )
    )  # fmt: skip

    assert read.total == read.reckoned == Decimal("22.6")


@pytest.mark.parametrize(
    ("read", "one", "words"),
    [
        (verdict, a_set("997", "AK1*PO*9", "AK2*850*0001", "AK9*A*1*1*1"), "0001 has no AK5"),
        (verdict, a_set("997", "AK1*PO*9"), "has no AK9"),
        (order_answer, a_set("855", "PO1*1*2*EA"), "has no BAK"),
        (order_answer, a_set("855", "BAK*00*AC**20261124"), "BAK03 is empty"),
        (order_answer, a_set("855", "BAK*00*AC*PO-1*20261131"), "BAK04 is '20261131', a day"),
        (order_answer, a_set("855", "BAK*00*AC*P*20261124", "ACK*IA*1*EA"), "before any PO1"),
        (order_answer, a_set("855", "BAK*00*AC*P*20261124", "PO1*1*1.5*EA"), "PO102 is 1.5, a whole"),
        (order_answer, a_set("855", "BAK*00*AC*P*20261124", "PO1*1*-1*EA"), "PO102 is -1, a whole"),
        (order_answer, a_set("855", "BAK*00*AC*P*20261124", "PO1*1*many*EA"), "PO102 is 'many'"),
        (order_answer, a_set("855", "BAK*00*AC*P*20261124", "PO1*1*99999999999*EA"), "cannot be"),
        (invoice, a_set("810", "BIG*20261124*I1", "CUR*SE*DOLLARS", "TDS*1"), "CUR02 is 'DOLLARS'"),
        (invoice, a_set("810", "BIG*20261124*I1"), "has no TDS"),
        (invoice, a_set("810", "BIG*20261124*I1", "IT1*1*1*EA", "TDS*1"), "IT104 is empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_which_element(read, one, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Unreadable, match=words):
        read(one)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((*SHIPMENT,), "tells of no units"),
        ((*SHIPMENT, "HL*2*1*O", "PRF*P", "HL*3*2*I", "LIN**VP*TEA", "SN1**0*EA"), "no units"),
        ((*SHIPMENT, "HL*1**S"), "there are two HL 1"),
        ((*SHIPMENT, "HL*2*1*I", "LIN**VP*TEA", "SN1**1*EA"), "belongs to no order"),
        ((*SHIPMENT, "HL*2*7*O"), "HL 2 hangs below no HL 7"),
        ((*SHIPMENT, "HL*2*1*O", "PRF*P", "HL*3*2*I", "LIN**VP*TEA"), "an item has no SN1"),
        (
            (*SHIPMENT, "REF*CN*A1", "REF*CN*B2", "HL*2*1*O", "PRF*P", "HL*3*2*I", "LIN**VP*TEA",
             "SN1**2*EA"),
            "2 tracking numbers, and how many units",
        ),
        (
            (*SHIPMENT, "DTM*011*99991231*2359", "HL*2*1*O", "PRF*P", "HL*3*2*I", "LIN**VP*TEA",
             "SN1**2*EA"),
            "DTM02 is 9999-12-31, no day on which goods leave",
        ),
    ],
)  # fmt: skip
def test_a_ship_notice_that_leaves_a_doubt_is_not_guessed_at(
    lines: tuple[str, ...], words: str
) -> None:
    with pytest.raises(Unreadable, match=words):
        parcels(a_set("856", *lines), zone=UTC)


@pytest.mark.parametrize(
    ("behaviour", "coming"),
    [
        ("accept", {"WIDGET-001": 100, "WIDGET-002": 40}),
        ("short-ship", {"WIDGET-001": 80, "WIDGET-002": 32}),
        ("reject-line", {"WIDGET-001": 100, "WIDGET-002": 0}),
        ("reject-all", {"WIDGET-001": 0, "WIDGET-002": 0}),
        ("no-ack", {}),
    ],
)
def test_whatever_another_hand_makes_of_a_restock_order_is_taken_as_it_is_meant(
    behaviour: str, coming: dict[str, int]
) -> None:
    # given a partner that somebody else wrote, and that does so, and our order at it
    known = Settings.model_validate(
        {
            "type": "edi", "transport": {"kind": "local", "root": "/srv"}, "outbox": "out",
            "inbox": {"path": "in"}, "us": {"id": "ACME"}, "them": {"id": "MOCKEDI"},
        }
    )  # fmt: skip
    with mockedi.Mock.start() as partner:
        partner.behaviour("ACME", behaviour)
        partner.send(sent(purchase_order(ORDER, Words())))
        partner.advance(everything=True)
        came = [one["payload"] for one in partner.mailbox()]

    # when all that it sends is read
    found = {one.kind: one for text in came for one in sets_of(Envelopes([text]))}

    # then we count on what it will send, it is what comes, and we are billed for that
    said = (
        list(answers.purchase_answers_of(order_answer(found["855"]), known, at=NOON))
        if "855" in found
        else []
    )
    assert {one.item: one.quantity for one in said if isinstance(one, PurchaseAnswer)} == coming
    sends = {item: units for item, units in coming.items() if units}
    assert ("856" in found, "810" in found) == (bool(sends), bool(sends))
    if sends:
        (notice,) = answers.notices_of(found["856"], known)
        assert {one.sku: one.quantity for one in notice.lines} == sends
        billed = answers.invoice_of(found["810"], known)
        assert {one.item: one.quantity for one in billed.lines} == sends
