"""Their files as our facts, our request as a file."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.folders import outbox
from connectors.supplier_file import mapping
from connectors.supplier_file.files import File
from connectors.supplier_file.settings import Format
from connectors.supplier_file.stock import stock_snapshot
from core.errors import Rejected
from core.model.fulfillment import (
    AcknowledgmentStatus,
    AnsweredLine,
    FulfillmentLine,
    ShippedLine,
    ShipRequest,
)
from core.model.orders import Address
from core.model.stock import StockSnapshot

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def file(content: str | bytes, **format_: Any) -> File:
    written = content if isinstance(content, bytes) else content.encode()
    return File(
        name="theirs.csv",
        body=io.BytesIO(written),
        digest=hashlib.sha256(written).hexdigest(),
        changed_at=NOON,
        format=Format.model_validate(format_),
        connector="acme",
    )


def snapshot(content: str | bytes, **kwargs: Any) -> StockSnapshot:
    made = file(content, **kwargs)
    return stock_snapshot(made, location="acme", lag=timedelta(minutes=10))


def quantities(of: StockSnapshot) -> dict[str, int]:
    return {row.sku: row.quantity for row in of.rows}


# encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
def test_a_chinese_file_is_read_by_mark_by_utf_8_or_by_setting(encoding: str) -> None:
    content = "sku,quantity,名称\n杯-1,5,钢杯\n".encode(encoding)

    read = snapshot(content, encoding="gbk")

    assert quantities(read) == {"杯-1": 5}


def test_a_wrong_encoding_names_the_byte_and_what_was_tried() -> None:
    content = "sku,quantity,名称\n".encode("gbk")

    with pytest.raises(Rejected) as refused:
        snapshot(content)
    with pytest.raises(Rejected) as refused_twice:
        snapshot(b"sku,quantity\n\xff\xff,1\n", encoding="gbk")

    assert "not utf-8 at byte 13" in str(refused.value)
    assert "not utf-8 at byte 13, not gbk at byte 13" in str(refused_twice.value)
    assert refused.value.code == "encoding"


# stock


def test_headings_are_found_without_case_and_blanks_and_by_configured_name() -> None:
    read = snapshot(
        "Item No ; ON HAND\nA;3\n",
        delimiter=";",
        stock={"sku": "item no", "quantity": "On Hand"},
    )

    assert quantities(read) == {"A": 3}


def test_a_missing_column_is_named_with_those_found() -> None:
    with pytest.raises(Rejected) as refused:
        snapshot("sku,stock\nA,1\n")

    assert "no column 'quantity'; found sku, stock" in str(refused.value)


@pytest.mark.parametrize("content", ["", "\n", ",,\n"])
def test_an_empty_file_is_refused(content: str) -> None:
    with pytest.raises(Rejected) as refused:
        snapshot(content)

    assert refused.value.code == "empty"


def test_headings_alone_are_a_snapshot_without_rows() -> None:
    assert snapshot("sku,quantity\n").rows == ()


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("", "quantity is empty"),
        ("many", "'many' is no whole number"),
        ("1.5", "'1.5' is no whole number"),
        ('"1,200"', "'1,200' is no whole number"),
        ("٣", "'٣' is no whole number"),
        ("4006381333931", "4006381333931 units cannot be"),
    ],
)
def test_a_figure_that_cannot_be_read_is_a_problem_and_no_row(cell: str, why: str) -> None:
    read = snapshot(f"sku,quantity\nA,{cell}\nB,2.0\n")

    assert quantities(read) == {"B": 2}
    [(line, text, reason)] = read.problems
    assert (line, reason) == (2, why)
    assert text.startswith("A,")


def test_a_negative_figure_counts_as_none_and_is_told() -> None:
    read = snapshot("sku,quantity\nA,-3\n")

    assert quantities(read) == {"A": 0}
    assert read.problems == ((2, "A,-3", "negative; taken as 0"),)


def test_of_contradicting_figures_the_smaller_counts() -> None:
    read = snapshot("sku,quantity\nA,9\nB,1\nA,4\nA,7\n")

    assert quantities(read) == {"A": 4, "B": 1}
    assert [(line, why) for line, _, why in read.problems] == [
        (4, "A is there twice; the smaller figure is taken"),
        (5, "A is there twice; the smaller figure is taken"),
    ]


def test_a_torn_line_is_a_problem_and_an_open_quote_refuses_the_file() -> None:
    read = snapshot("sku,quantity\nA,1\nB\n\nC,3\n")
    with pytest.raises(Rejected) as refused:
        snapshot('sku,quantity\nA,"1\nB,2\nC,3\n')

    assert quantities(read) == {"A": 1, "C": 3}
    assert read.problems == ((3, "B", "1 cells under 2 headings"),)
    assert refused.value.code == "not-csv"


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    read = snapshot('sku,quantity,note\nA,1,"two\nlines"\nB,x,\n')

    assert read.problems[0][0] == 4


def test_the_oldest_stated_instant_is_the_snapshot_s() -> None:
    read = snapshot(
        "sku,quantity,as_of\nA,1,2026-11-24T06:30:00\nB,1,11/24/2026 07:00\n",
        timezone="America/New_York",
        instants=["%m/%d/%Y %H:%M"],
    )

    assert read.as_of == datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    assert read.problems == ()


def test_without_a_stated_instant_it_is_the_file_s_less_the_lag() -> None:
    assert snapshot("sku,quantity\nA,1\n").as_of == NOON - timedelta(minutes=10)


# acknowledgments


def test_answers_are_read_by_the_tables_and_unknown_words_stay_unknown() -> None:
    read = file(
        "key,status,reason,reference,at\n"
        "K1,Accepted,,A-1,2026-11-24T10:00:00Z\n"
        "K2,OUT OF STOCK,none left,,\n"
        "K3,按单,,,\n"
        "K4,maybe,,,\n",
        statuses={"按单": "accepted"},
    )

    answers, rejects, raw = mapping.acknowledgments(read)

    assert [(a.key, a.status.value, a.raw_status) for a in answers] == [
        ("K1", "accepted", "Accepted"),
        ("K2", "rejected", "OUT OF STOCK"),
        ("K3", "accepted", "按单"),
        ("K4", "unknown", "maybe"),
    ]
    assert answers[0].at == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert (answers[1].at, answers[1].message) == (NOON, "none left")
    assert rejects == []
    assert [key for key, _ in raw] == ["K1", "K2", "K3", "K4"]


def test_an_unreadable_answer_is_a_reject_and_the_others_go_through() -> None:
    read = file("key,status,at\nK1,ok,yesterday\n,ok,\nK3,ok,\nK4\n")

    answers, rejects, _ = mapping.acknowledgments(read)

    assert [(a.key, a.status) for a in answers] == [("K3", AcknowledgmentStatus.ACCEPTED)]
    assert sorted((r.remote_id, r.problem) for r in rejects) == [
        ("theirs.csv line 2", "'yesterday' is no instant"),
        ("theirs.csv line 3", "key is empty"),
        ("theirs.csv line 5", "1 cells under 3 headings"),
    ]


def test_lines_of_one_request_are_one_answer() -> None:
    read = file(
        "key,status,item,quantity,ready_on,reference\n"
        "K1,ok,V-1,3,,A-1\n"
        "K1,rejected,V-1,2,,A-1\n"
        "K1,backordered,V-2,1,2026-12-04,A-1\n"
        "K2,backordered,,,2026-12-05,\n"
        "K3,ok,V-1,,,\n"
        "K3,ok,V-1,-1,,\n"
    )

    (first, second), rejects, raw = mapping.acknowledgments(read)

    accepted, later, rejected = (
        AcknowledgmentStatus.ACCEPTED,
        AcknowledgmentStatus.BACKORDERED,
        AcknowledgmentStatus.REJECTED,
    )
    assert (first.key, first.reference) == ("K1", "A-1")
    assert first.lines == (
        AnsweredLine("V-1", accepted, 3),
        AnsweredLine("V-1", rejected, 2),
        AnsweredLine("V-2", later, 1, date(2026, 12, 4)),
    )
    assert (second.status, second.lines, second.ready_on) == (later, (), date(2026, 12, 5))
    assert [one.problem for one in rejects] == [
        "quantity is empty",
        "-1 units cannot be answered for",
    ]
    assert [key for key, _ in raw] == ["K1", "K2"]


# shipments

HEAD = "key,sku,quantity,carrier,tracking,service,shipped_at\n"


def test_lines_of_one_parcel_are_one_notice() -> None:
    read = file(
        HEAD
        + "K1,A,1,UPS,1Z 999 1,Ground,2026-11-24T10:00:00Z\n"
        + "K1,B,2,UPS,1Z9991,Ground,2026-11-24T10:00:00Z\n"
        + "K1,A,1,UPS,1Z9991,Ground,2026-11-24T10:00:00Z\n"
        + "K1,A,1,Brown,1Z9992,,\n"
        + "K2,A,1,YunTu,YT1,,\n",
        carriers={"brown": "ups"},
    )

    notices, rejects, _ = mapping.shipment_notices(read)

    assert rejects == []
    assert [(n.key, n.carrier, n.tracking_number) for n in notices] == [
        ("K1", "ups", "1Z9991"),
        ("K1", "ups", "1Z9992"),
        ("K2", "YunTu", "YT1"),
    ]
    assert notices[0].lines == (ShippedLine("A", 2), ShippedLine("B", 2))
    assert notices[1].shipped_at == NOON


def test_lines_of_two_notices_about_one_parcel_are_two_notices_with_their_day() -> None:
    read = file(
        "key,sku,quantity,carrier,tracking,document,expected_on\n"
        "K1,A,1,UPS,1Z1,N1,\nK1,A,1,UPS,1Z1,N2,2026-12-01\nK1,B,1,UPS,1Z1,N1,\n"
    )

    notices, rejects, _ = mapping.shipment_notices(read)

    assert rejects == []
    assert [(n.document, sum(one.quantity for one in n.lines), n.expected_on) for n in notices] == [
        ("N1", 2, None), ("N2", 1, date(2026, 12, 1)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("K1,B,zero,UPS,1Z1,,\n", "'zero' is no whole number"),
        ("K1,B,0,UPS,1Z1,,\n", "0 units cannot ship"),
        ("K1,,1,UPS,1Z1,,\n", "sku is empty"),
        ("K1,B,1,UPS,1Z1\n", "5 cells under 7 headings"),
    ],
)
def test_a_parcel_with_an_unreadable_line_is_withheld_whole(bad: str, why: str) -> None:
    read = file(HEAD + "K1,A,1,UPS,1Z1,,\n" + bad + "K2,A,1,UPS,1Z2,,\n")

    notices, rejects, _ = mapping.shipment_notices(read)

    assert [n.tracking_number for n in notices] == ["1Z2"]
    assert [(r.remote_id, r.problem) for r in rejects] == [
        ("theirs.csv line 3", why),
        ("theirs.csv line 2", "another line of this parcel cannot be read"),
    ]


def test_lines_of_one_parcel_that_contradict_each_other_are_withheld() -> None:
    read = file(HEAD + "K1,A,1,UPS,1Z1,,\nK1,B,1,FedEx,1Z1,,\n")

    notices, rejects, _ = mapping.shipment_notices(read)

    assert notices == []
    assert len(rejects) == 2


def test_a_tracking_number_that_a_spreadsheet_rounded_is_refused() -> None:
    read = file(HEAD + "K1,A,1,USPS,9.4001E+21,,\n")

    notices, [reject], _ = mapping.shipment_notices(read)

    assert notices == []
    assert "a spreadsheet rounded" in reject.problem


# requests


def request(**changes: Any) -> ShipRequest:
    whole: dict[str, Any] = {
        "key": "shopify-us:gid://shopify/Order/1:F1",
        "location": "acme",
        "order_name": "#1001",
        "lines": (FulfillmentLine("11", "A", 2), FulfillmentLine("12", "B", 1)),
        "ship_to": Address(name="Ann", line1="1 Main St", email="ann@example.com"),
        "service": "Standard",
        "requested_at": NOON,
        "ship_by": NOON + timedelta(days=1),
    }
    return ShipRequest(**(whole | changes))


def rows(document: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(document.decode("utf-8"), newline="")))


def test_a_request_is_one_row_a_line_and_always_the_same_bytes() -> None:
    document = mapping.request_document(request())

    assert document == mapping.request_document(request())
    assert document.splitlines()[0].decode() == ",".join(mapping.REQUEST_COLUMNS)
    first, second = rows(document)
    assert (first["line"], first["sku"], first["quantity"]) == ("11", "A", "2")
    assert (second["line"], second["ship_by"]) == ("12", "2026-11-25T12:00:00+00:00")
    assert b"ann@example.com" not in document


@given(st.text(max_size=40))
def test_no_foreign_text_becomes_a_formula_or_a_line_of_its_own(text: str) -> None:
    foreign = Address(name=text, company="=" + text, line1="\t=" + text, phone="+1" + text)

    document = mapping.request_document(request(ship_to=foreign, order_name=text, service=text))

    assert document.count(b"\r\n") == 3
    read = rows(document)
    assert len(read) == 2
    for cell in (value for row in read for value in row.values()):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_key_becomes_a_file_name_and_back(key: str) -> None:
    stem = outbox.file_name(key)

    assert outbox.key_of(stem) == key
    assert not set('/\\:*?"<>|\0 ') & set(stem)
    assert not stem.startswith(".")
