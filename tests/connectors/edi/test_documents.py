"""What we write in X12, judged by a trading partner that somebody else wrote (mock-edi)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from mockedi import testing as mockedi

from connectors.edi.mapping import (
    NotWholePacks,
    NumberTooLong,
    Received,
    Words,
    acknowledgment,
    purchase_order,
    ship_request,
)
from connectors.x12.envelope import Delimiters, Envelopes
from connectors.x12.writer import LARGEST_CONTROL, Party, Trade, Unwritable, interchange
from core.model.fulfillment import FulfillmentLine, ShipRequest
from core.model.money import Money
from core.model.orders import Address
from core.model.purchasing import PurchaseLine, PurchaseOrder, SupplierItem

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TRADE = Trade(Party("ZZ", "ACME", "ACME"), Party("ZZ", "MOCKEDI", "MOCKEDI"))
ORDER = PurchaseOrder(
    number="PO-a-20261124-3F9C2A",
    supplier="acme",
    location="newark",
    lines=(
        PurchaseLine("MUG", "WIDGET-001", 100, Money(1250, "USD")),
        PurchaseLine("TEA", "WIDGET-002", 40, Money(1375, "USD")),
    ),
    ordered_at=NOON,
    needed_on=date(2026, 12, 24),
)
REQUEST = ShipRequest(
    key="shop:1001:F1",
    location="acme",
    order_name="#1001",
    lines=(FulfillmentLine("1", "WIDGET-001", 2),),
    ship_to=Address(
        name="José Ñandú*", line1="12 Elm~St", city="Austin", region="TX",
        postal_code="78701", country="US",
    ),
    service="",
    requested_at=NOON,
    short_key="R-7K3M9Q2XPA4F",
    goods={"WIDGET-001": SupplierItem("acme", "WIDGET-001", "WIDGET-001", cost=Money(1250, "USD"))},
)  # fmt: skip


@pytest.fixture
def partner() -> Iterator[mockedi.Mock]:
    with mockedi.Mock.start() as made:
        yield made


def sent(
    body: list[list[str]], *, control: int = 77, trade: Trade = TRADE, group: str = "PO"
) -> str:
    return interchange(trade, group=group, sets=[body], control=control, at=NOON)


def segments(text: str) -> list[list[str]]:
    reader = Envelopes([text])
    found = [elements for _, elements, _ in reader.segments()]
    assert reader.problems == []
    return found


def findings(told: dict[str, Any]) -> list[str]:
    """Whatever the partner found, without its words about how many there are."""
    return [one for one in told["transactionSets"][0]["findings"] if not one.endswith("in error")]


def verdicts(partner: mockedi.Mock) -> dict[str, str]:
    """The kinds of what the partner sends, with its text."""
    partner.advance(everything=True)
    return {one["kind"]: one["payload"] for one in partner.mailbox()}


@pytest.mark.parametrize("version", ["004010", "004010VICS", "005010"])
def test_a_restock_order_is_accepted_without_a_finding(partner: mockedi.Mock, version: str) -> None:
    # given a partner that refuses a set for any finding
    partner.behaviour("ACME", "strict")

    # when our order arrives
    told = partner.send(sent(purchase_order(ORDER, Words()), trade=replace(TRADE, version=version)))

    # then it takes it as we meant it, and says so in a 997
    (one,) = told["transactionSets"]
    assert (one["accepted"], one["findings"]) == (True, [])
    assert told["orders"] == [ORDER.number]
    assert ["AK5", "A"] in segments(verdicts(partner)["acknowledgment"])


def test_a_request_to_ship_is_accepted_whatever_letters_the_buyer_uses(
    partner: mockedi.Mock,
) -> None:
    text = sent(ship_request(REQUEST, Words(our_item="")))

    told = partner.send(text)

    assert (told["accepted"], findings(told)) == (True, [])
    assert ["N1", "ST", "Jose Nandu"] in segments(text)
    assert ["N3", "12 Elm St"] in segments(text)
    assert segments(text)[1][2] == "DS"


def test_other_separators_are_written_and_never_stand_in_a_value(partner: mockedi.Mock) -> None:
    trade = replace(TRADE, delimiters=Delimiters("|", ":", "!"))
    text = sent(ship_request(replace(REQUEST, order_name="a|b!c:d"), Words()), trade=trade)

    told = partner.send(text)

    assert (told["accepted"], findings(told)) == (True, [])
    assert ["REF", "CO", "a b c d"] in segments(text)


def test_packs_are_ordered_as_packs_at_the_price_of_one_pack() -> None:
    words = Words(packs={"WIDGET-001": ("CA", 20)})

    body = purchase_order(ORDER, words)

    assert ["PO1", "1", "5", "CA", "250.00", "", "VP", "WIDGET-001", "BP", "MUG"] in body


def test_a_quantity_that_is_no_number_of_packs_is_told_with_the_nearest_that_are() -> None:
    with pytest.raises(
        NotWholePacks, match="100 units are no whole number of CA of 24; order 96 or 120"
    ):
        purchase_order(ORDER, Words(packs={"MUG": ("CA", 24)}))


def test_our_acknowledgment_of_what_they_send_is_accepted(partner: mockedi.Mock) -> None:
    # given a partner that answered our order
    partner.send(sent(purchase_order(ORDER, Words())))
    response = verdicts(partner)["response"]
    reader = Envelopes([response])
    group = [c.gs[6] for _, elements, c in reader.segments() if elements[0] == "ST"]
    (st,) = [one for one in segments(response) if one[0] == "ST"]

    # when we acknowledge it
    body = acknowledgment("PR", group[0], [Received(st[1], st[2], reader.problems)], told=1)
    told = partner.send(sent(body, control=78, group="FA"))

    # then it finds the document that was meant, and nothing wrong
    assert told["transactionSets"][0]["findings"] == []
    assert [(one["code"], one["matched"]) for one in told["acknowledged"]] == [("855", True)]


def test_a_set_with_a_wrong_count_is_refused_with_the_reason(partner: mockedi.Mock) -> None:
    # given a partner whose trailers count wrongly
    partner.behaviour("ACME", "corrupt")
    partner.send(sent(purchase_order(ORDER, Words())))
    response = verdicts(partner)["response"]
    reader = Envelopes([response])
    group = [c.gs[6] for _, elements, c in reader.segments() if elements[0] == "ST"]

    body = acknowledgment("PR", group[0], [Received("855", "0002", reader.problems)], told=1)

    assert ["AK5", "R", "4"] in body
    assert body[-1] == ["AK9", "R", "1", "1", "0"]


@pytest.mark.parametrize("control", [0, LARGEST_CONTROL + 1])
def test_a_control_number_out_of_range_is_refused(control: int) -> None:
    with pytest.raises(ValueError, match="control number"):
        sent(purchase_order(ORDER, Words()), control=control)


def test_the_same_order_is_the_same_bytes() -> None:
    assert sent(purchase_order(ORDER, Words())) == sent(purchase_order(ORDER, Words()))


def test_a_number_that_x12_has_no_room_for_is_told() -> None:
    with pytest.raises(NumberTooLong, match="has 23 letters, BEG03 holds 22"):
        purchase_order(replace(ORDER, number="PO-acme-20261124-3F9C2A"), Words())


def test_a_partner_that_wants_a_price_refuses_a_request_without_one(partner: mockedi.Mock) -> None:
    told = partner.send(sent(ship_request(replace(REQUEST, goods={}), Words())))

    assert not told["accepted"]
    assert "PO104" in findings(told)[0]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (PurchaseLine("MUG/1 a", "V-77", 1), ["VP", "V-77", "BP", "MUG/1 a"]),
        # ours is of no use to them where it cannot be said
        (PurchaseLine("TEE*L~>", "V-77", 1), ["VP", "V-77"]),
        (PurchaseLine("M" * 49, "V-77", 1), ["VP", "V-77"]),
        (PurchaseLine("CAFÉ", "V-77", 1), ["VP", "V-77"]),
        # CAFE would be another thing
        (PurchaseLine("CAFÉ", "", 1), "'CAFÉ' cannot be said in X12 as it stands"),
        (PurchaseLine("MUG", "V*77", 1), "'V*77' cannot be said"),
        (PurchaseLine("CUP ☕", "", 1), "'CUP ☕' cannot be said"),
        (PurchaseLine("M" * 49, "", 1), "PO107 holds 49 letters, 48 fit"),
    ],
)
def test_a_thing_is_named_exactly_or_not_at_all(line: PurchaseLine, told: list[str] | str) -> None:
    order = replace(ORDER, lines=(line,))
    if isinstance(told, str):
        with pytest.raises(Unwritable, match=re.escape(told)):
            sent(purchase_order(order, Words()))
    else:
        (made,) = (one for one in segments(sent(purchase_order(order, Words()))) if one[0] == "PO1")
        assert made[6:] == told


def test_an_address_is_cut_off_nowhere_and_an_order_s_name_keeps_nothing_waiting(
    partner: mockedi.Mock,
) -> None:
    # given an address of three long lines, and an order whose name X12 has no letters for
    long = replace(REQUEST.ship_to, line1="1" * 55, line2="2" * 40, line3="3" * 40)
    request = replace(REQUEST, ship_to=long, order_name="☕1001")

    # when it is written, then all of it is there, in as many segments as it takes
    text = sent(ship_request(request, Words(our_item="")))
    assert [one[1:] for one in segments(text) if one[0] == "N3"] == [
        ["1" * 55, "2" * 40],
        ["3" * 40],
    ]
    assert not any(one[0] == "REF" for one in segments(text))
    assert findings(partner.send(text)) == []

    # and what does not fit is refused before anything is sent
    with pytest.raises(Unwritable, match="N301 holds 56 letters, 55 fit"):
        sent(ship_request(replace(request, ship_to=replace(long, line1="1" * 56)), Words()))


def test_an_address_in_letters_x12_does_not_have_is_refused_and_not_shown():
    to = replace(REQUEST.ship_to, line1="东方路12号")
    body = ship_request(replace(REQUEST, ship_to=to), Words())

    with pytest.raises(Unwritable, match=r"^N301 holds letters") as refused:
        interchange(TRADE, group="PO", sets=[body], control=1, at=NOON)

    assert "东" not in str(refused.value)
