"""What a supplier gets: the same figures in words, on paper and in the sheet, and nothing that runs."""

from __future__ import annotations

import csv
import io
import json
import re
from base64 import b64decode
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from pydantic import ValidationError
from pypdf import PdfReader

from connectors.supplier_email import mapping, requests
from connectors.supplier_email.settings import Settings
from core.model.fulfillment import FulfillmentLine, ShipRequest
from core.model.money import Money
from core.model.orders import Address
from core.model.purchasing import PurchaseLine, PurchaseOrder, SupplierItem

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NUMBER = "PO-20261124-3F9C2A7B"


def settings(**more: Any) -> Settings:
    told = {
        "type": "supplier_email",
        "smtp": {"host": "127.0.0.1", "tls": "none", "sender": "purchasing@shop.example"},
        "to": "orders@acme.example",
        "buyer": ["Example <Shop> & Co", "1 Main St"],
        "deliver_to": {"newark": ["Receiving, Dock 4", "Newark, NJ 07105"]},
        "terms": ["Net 30. Cartons carry our order's number."],
    }
    return Settings.model_validate(told | more)


def order(*lines: PurchaseLine) -> PurchaseOrder:
    return PurchaseOrder(NUMBER, "acme", "newark", lines, NOON, date(2026, 12, 31))


def line(sku: str, units: int, *, item: str = "", price: int | None = 1850) -> PurchaseLine:
    money = None if price is None else Money(price, "CNY")
    return PurchaseLine(sku, item or f"AC-{sku}", units, money, pack=24)


def on_paper(made: bytes) -> list[str]:
    reader = PdfReader(io.BytesIO(b64decode(json.loads(made)["pdf"])))
    return [page.extract_text() for page in reader.pages]


def in_sheet(made: bytes) -> list[dict[str, str]]:
    text = b64decode(json.loads(made)["csv"]).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_paper_sheet_and_words_say_the_same() -> None:
    # given an order of two things
    made = mapping.document(order(line("MUG", 48), line("TRAY", 24, price=900)), settings())

    # when it is read
    (page,) = on_paper(made)
    rows = in_sheet(made)
    words = json.loads(made)["text"]

    # then every figure is there: 48 x 18.50 and 24 x 9.00
    cells = [cell.strip() for cell in page.splitlines()]
    assert f"Purchase order {NUMBER}" in cells
    after_mug, after_tray = cells[cells.index("AC-MUG") :], cells[cells.index("AC-TRAY") :]
    assert after_mug[:6] == ["AC-MUG", "MUG", "48", "2 x 24", "18.50 CNY", "888.00 CNY"]
    assert after_tray[:6] == ["AC-TRAY", "TRAY", "24", "1 x 24", "9.00 CNY", "216.00 CNY"]
    assert {"Total 1104.00 CNY", "2026-12-31", "Receiving, Dock 4", "Example <Shop> & Co"} <= set(
        cells
    )
    assert [(row["sku"], row["quantity"], row["unit_price"]) for row in rows] == [
        ("MUG", "48", "18.50"),
        ("TRAY", "24", "9.00"),
    ]
    assert {row["confirmed_quantity"] for row in rows} == {""}
    assert "2 items, 72 units" in words
    assert "Total: 1104.00 CNY" in words


def test_what_spreadsheets_and_markup_would_run_stands_there_as_text() -> None:
    # given names that are formulas, markup, and letters of other scripts
    names = ["=cmd|' /C calc'!A0", "@SUM(A1)", "<b>&amp;</b>", "蓝色杯子", "чашка"]
    lines = [line(f"S{number}", 24, item=name) for number, name in enumerate(names)]

    # when the order is written
    made = mapping.document(order(*lines), settings())

    # then paper shows them as they are, and the sheet quotes what would run
    text = "".join(on_paper(made))
    assert [name for name in names if name not in text] == []
    assert [row["item"] for row in in_sheet(made)] == [f"'{names[0]}", f"'{names[1]}", *names[2:]]
    assert "could not be printed" not in text


def test_paper_that_lacks_letters_says_that_the_sheet_has_them() -> None:
    made = mapping.document(order(line("MUG", 24, item="כוס 🎁")), settings(terms=["מזומן"]))

    (text,) = on_paper(made)

    assert "The mail that brought this, with its CSV file, has the text" in text.replace("\n", " ")
    assert in_sheet(made)[0]["item"] == "כוס 🎁"
    assert "מזומן" in json.loads(made)["text"]


def test_a_hundred_lines_are_all_on_paper_on_numbered_pages() -> None:
    made = mapping.document(order(*(line(f"S{n:03}", 24) for n in range(100))), settings())

    pages = on_paper(made)

    found = re.findall(r"AC-(S\d{3})\n", "".join(pages))
    assert found == [f"S{n:03}" for n in range(100)]
    assert all(f"Page {number}" in page for number, page in enumerate(pages, 1))
    assert all("Unit price" in page for page in pages)


def test_a_price_that_is_not_known_leaves_no_total() -> None:
    made = mapping.document(order(line("MUG", 48), line("TRAY", 24, price=None)), settings())

    assert "Total" not in "".join(on_paper(made)) + json.loads(made)["text"]


def test_the_mail_is_the_same_but_for_date_and_page() -> None:
    # given one order, and two attempts to mail it
    made = mapping.document(order(line("MUG", 48)), settings())
    page = "https://hooks.shop.example/answer/" + "a" * 43

    # when it is written twice
    first, second = (
        message_from_bytes(mapping.message(made, settings(), at=NOON, answer_at=at), policy=default)
        for at in (page, "")
    )

    # then both have the number's own id and the very same files; the page stands in one
    assert first["Message-ID"] == second["Message-ID"] == f"<order.{NUMBER}@shop.example>"
    files = [[part.get_content() for part in one.iter_attachments()] for one in (first, second)]  # type: ignore[attr-defined]
    assert files[0] == files[1]
    bodies = [str(one.get_body(("plain",)).get_content()) for one in (first, second)]  # type: ignore[attr-defined]
    assert [page in body for body in bodies] == [True, False]
    assert mapping.numbers_in(f"<x@y> {first['Message-ID']}", settings()) == [NUMBER]
    assert mapping.numbers_in(f"<order.{NUMBER}@evil.example>", settings()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"to": "Acme <orders@acme.example>"}, "an address without a name"),
        ({"buyer": []}, "at least 1 item"),
        ({"smtp": {"host": "mail.example", "tls": "none", "sender": "a@b.example"}}, "loopback"),
        ({"replies": {"host": "h", "username": "u", "password": "p", "senders": []}}, "at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**change)


def test_a_request_to_ship_says_on_paper_and_in_the_sheet_where_it_goes_and_nothing_runs() -> None:
    # given a request to somebody whose name is a formula
    request = ShipRequest(
        key="shopify-us:1:F1",
        location="acme",
        order_name="#1001",
        lines=(FulfillmentLine("11", "MUG", 2), FulfillmentLine("12", "MUG", 1)),
        ship_to=Address(
            name="=HYPERLINK(1)", line1="77 Elm Court", city="Reno", region="NV",
            postal_code="89501", country="US", phone="+1 775 555 0100", email="a@b.example",
        ),
        service="Ground",
        requested_at=NOON,
        note="@gift",
        short_key="R-7K3M9Q2XPA4F",
        goods={"MUG": SupplierItem("acme", "MUG", "-V-77", cost=Money(410, "USD"))},
        titles={"MUG": "Blue mug"},
    )  # fmt: skip

    # when it is written, twice
    made = requests.document(request, settings())
    assert made == requests.document(request, settings())

    # then one line per thing says how many by their number, without a cell that runs
    (row,) = in_sheet(made)
    assert (row["order"], row["item"], row["sku"]) == ("R-7K3M9Q2XPA4F", "'-V-77", "MUG")
    assert (row["quantity"], row["unit_price"], row["currency"]) == ("3", "4.10", "USD")
    assert (row["name"], row["phone"], row["note"]) == (
        "'=HYPERLINK(1)", "'+1 775 555 0100", "'@gift",
    )  # fmt: skip
    (page,) = on_paper(made)
    assert {"Purchase order R-7K3M9Q2XPA4F", "77 Elm Court", "Reno, NV 89501", "=HYPERLINK(1)"} <= {
        cell.strip() for cell in page.splitlines()
    }
    assert "-V-77 Blue mug" in page
    assert "a@b.example" not in str(in_sheet(made)) + page

    # and the text, which every answer quotes, does not say it
    assert "Elm" not in json.loads(made)["text"]
    assert "3  -V-77" in json.loads(made)["text"]
