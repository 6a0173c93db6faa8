"""Requests to ship as odd as a channel's orders can be: each place is told exactly, or nobody is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.errors import Rejected
from core.model.fulfillment import FulfillmentLine, ShipRequest
from core.model.orders import Address
from core.rules.effects import short_key
from tests.contracts.rigs import NOON, Rig

DOOR = Address(
    name="Ann Buyer",
    line1="1 Main St",
    city="Wayne",
    region="NJ",
    postal_code="07470",
    country="US",
)


KEY = "shopify-us:5501:F1"


def asked(sku: str, quantity: int = 1) -> ShipRequest:
    """A plain request for units of one Sku."""
    return ShipRequest(
        key=KEY,
        location="acme",
        order_name="#1001",
        lines=(FulfillmentLine("11", sku, quantity),),
        ship_to=DOOR,
        service="Standard",
        requested_at=NOON,
        short_key=short_key(KEY),
    )


def lines(*skus: str) -> tuple[FulfillmentLine, ...]:
    return tuple(FulfillmentLine(str(number), sku, 1) for number, sku in enumerate(skus, 1))


#: What is odd -> the fields that are.
ODD: Mapping[str, Mapping[str, object]] = {
    "no line": {"lines": ()},
    "400 lines": {"lines": lines(*[f"S{number}" for number in range(400)])},
    "a slash and a blank": {"lines": lines("MUG/1 a")},
    "an emoji": {"lines": lines("CUP ☕")},
    "another script": {"lines": lines("杯-1")},
    "a formula": {"lines": lines("=1+1")},
    "a long Sku": {"lines": lines("A" * 120)},
    "marks of X12": {"lines": lines("A*B~C>D")},
    "two lines in a Sku": {"lines": lines("A\nB")},
    "a Chinese address": {"ship_to": replace(DOOR, name="王小明", line1="中山路1号")},
    "an Arabic address": {"ship_to": replace(DOOR, name="محمد", city="دبي")},
    "an emoji in the address": {"ship_to": replace(DOOR, name="Ann 🎁", line1="1 Main St ☕")},
    "no address": {"ship_to": Address()},
    "no name": {"ship_to": replace(DOOR, name="")},
    "a long address": {"ship_to": replace(DOOR, name="y" * 200, line1="x" * 300)},
    "lines in a line": {"ship_to": replace(DOOR, line1="1 Main St\nApt 2\r\n=cmd")},
    "a note of formulas": {"note": '=HYPERLINK("http://x")\n🎁 "q" <b>'},
    "a path in its name": {"order_name": "#1/../../☕"},
}


class OddRequests:
    """Part of the contract of everybody who is asked to ship."""

    def test_an_odd_request_is_written_the_same_twice_or_refused_in_words(self, rig: Rig) -> None:
        # given requests of which each is odd in one way
        plain = asked(rig.shippable())
        written: dict[str, set[bytes]] = {}
        refused: dict[str, Rejected] = {}

        # when the place is to be told of each, twice
        for name, odd in ODD.items():
            request = replace(plain, **odd)  # type: ignore[arg-type]
            try:
                written[name] = {
                    rig.connector.request_document(request, serial=1) for _ in range(2)
                }
            except Rejected as error:
                refused[name] = error

        # then it is told in one way, or never, and words say why; half of them everybody can be told
        assert all(len(made) == 1 for made in written.values()), written
        assert {error.code for error in refused.values()} <= {"unwritable"}, refused
        assert all(len(str(error).split()) > 4 for error in refused.values()), refused
        assert len(written) >= len(ODD) / 2, written.keys()
