"""Shipments to FBA: open ones each time, changes since, and what Amazon's model does not tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from connectors.amazon.connector import Amazon
from connectors.amazon.fields import Unreadable
from connectors.amazon.inbound_records import OPEN_STATUSES, SHIPMENT_STATUS, report_from
from connectors.simulation import Request, Response
from core.errors import Rejected, Unauthorized, Unavailable
from core.model.inbound import InboundItem, InboundReport, InboundState
from core.ports import Batch
from tests.connectors.amazon.scripted import (
    NOW,
    ROLE_MISSING,
    FakeInside,
    error,
    scripted,
    settings,
)
from tests.contracts.rigs import AmazonRig, rig_of

REFUSED = error("InvalidInput", "the token is not valid", status=400)
ADDRESS = {"Name": "Ada Sender", "AddressLine1": "501 Fairview Ave N", "City": "Seattle"}


def shipment(ref: str = "FBA1", status: str = "SHIPPED", **more: Any) -> dict[str, Any]:
    """An entry of getShipments."""
    found = {"ShipmentId": ref, "ShipmentName": f"to {ref}", "ShipmentStatus": status}
    return found | {"ShipFromAddress": ADDRESS, "AreCasesRequired": False} | more


def item(sku: str = "MUG", sent: Any = 4, **more: Any) -> dict[str, Any]:
    """An entry of getShipmentItems."""
    return {"ShipmentId": "FBA1", "SellerSKU": sku, "QuantityShipped": sent, **more}


class Told:
    """An Amazon whose lists a test writes: what it shows, page by page, and what it was asked."""

    def __init__(self) -> None:
        #: the pages of the open shipments; a token leads from each to the next
        self.open: list[list[Any]] = [[]]
        self.changed: list[Any] = []
        self.changed_items: list[Any] = []
        #: by id: those named by ids alone, and the pages of the items of each
        self.by_id: dict[str, Any] = {}
        self.items: dict[str, list[list[Any]] | Response] = {}
        self.queries: list[tuple[str, dict[str, str]]] = []
        #: how many calls with a token are refused
        self.refuse = 0

    def __call__(self, request: Request) -> Response:
        query = {name: values[-1] for name, values in request.query.items()}
        name = request.path.rsplit("/v0/", 1)[1]
        self.queries.append((name, query))
        if query.get("QueryType") == "NEXT_TOKEN":
            assert set(query) == {"QueryType", "MarketplaceId", "NextToken"}
            self.refuse -= 1
            return REFUSED if self.refuse >= 0 else self._next(name, query["NextToken"])
        if name.endswith("/items"):
            ref = name.split("/")[1]
            pages = self.items.get(ref, [[item()]])
            return pages if isinstance(pages, Response) else _page("ItemData", pages, 0, ref)
        if name == "shipmentItems":
            return _page("ItemData", [self.changed_items], 0, "")
        if "ShipmentIdList" in query:
            found = [self.by_id[ref] for ref in query["ShipmentIdList"].split(",")]
            return _page("ShipmentData", [found], 0, "")
        if query["QueryType"] == "DATE_RANGE":
            return _page("ShipmentData", [self.changed], 0, "")
        return _page("ShipmentData", self.open, 0, "open")

    def _next(self, name: str, token: str) -> Response:
        walk, number = json.loads(token.strip("+/="))
        pages = self.open if walk == "open" else self.items[walk]
        assert isinstance(pages, list)
        assert name == ("shipments" if walk == "open" else "shipmentItems")
        return _page("ShipmentData" if walk == "open" else "ItemData", pages, number, walk)

    def asked(self, name: str) -> list[dict[str, str]]:
        return [query for asked, query in self.queries if asked == name]


def _page(name: str, pages: list[list[Any]], number: int, walk: str) -> Response:
    payload: dict[str, Any] = {name: pages[number]}
    if number + 1 < len(pages):
        # What base64 may end in, so that a token that is not encoded does not come back whole.
        payload["NextToken"] = f"+/{json.dumps([walk, number + 1])}=="
    return Response.json({"payload": payload})


@contextmanager
def told(inside: FakeInside | None = None) -> Iterator[tuple[Told, Amazon]]:
    answers = Told()
    with scripted(answers) as amazon:
        yield answers, Amazon("amazon-us", settings(amazon.url), inside or FakeInside())


def pull(amazon: Amazon, since: str | None = None) -> Batch[InboundReport]:
    (batch,) = amazon.pull_inbound(since=since)
    return batch


# Words and numbers


def test_every_word_of_amazon_has_its_place_and_any_other_is_unclear() -> None:
    # given the words of the model, one it does not know, and none
    words = (*SHIPMENT_STATUS, "TELEPORTED", "")

    # when they are read
    states = {word: report_from(shipment(status=word), (), as_of=NOW).state.value for word in words}

    # then the ones we know stand for what they mean, and the word is kept
    assert states == {
        "WORKING": "planned",
        "READY_TO_SHIP": "planned",
        "SHIPPED": "on_the_way",
        "IN_TRANSIT": "on_the_way",
        "DELIVERED": "delivered",
        "CHECKED_IN": "delivered",
        "RECEIVING": "receiving",
        "CLOSED": "closed",
        "CANCELLED": "canceled",
        "DELETED": "canceled",
        "ERROR": "unclear",
        "TELEPORTED": "unclear",
        "": "unclear",
    }
    assert report_from(shipment(status="TELEPORTED"), (), as_of=NOW).word == "TELEPORTED"
    assert set(SHIPMENT_STATUS) - set(OPEN_STATUSES) == {"CLOSED", "CANCELLED", "DELETED"}


def test_items_of_one_sku_are_added_together_and_nothing_received_is_none() -> None:
    # given a SKU in two boxes, one of them counted, and one of which nothing is said
    items = [item("MUG", 4, QuantityReceived=3), item("TRAY", 2), item("MUG", 6)]

    # when they are read
    report = report_from(shipment(), items, as_of=NOW)

    # then each SKU is there once
    assert report.items == (InboundItem("MUG", 10, 3), InboundItem("TRAY", 2, 0))


@pytest.mark.parametrize(
    "wrong",
    [{"SellerSKU": None}, {"QuantityShipped": None}, {"QuantityReceived": "3"},
     {"QuantityShipped": -1}],
)  # fmt: skip
def test_an_item_without_its_sku_or_numbers_is_unreadable(wrong: dict[str, Any]) -> None:
    # given an item that lacks what must be known, when it is read, then it says so
    with pytest.raises(Unreadable):
        report_from(shipment(), [item() | wrong], as_of=NOW)


# Lists


def test_the_first_pull_looks_back_as_far_as_is_set_and_the_next_ones_overlap() -> None:
    # given a pull that ended
    inside = FakeInside()
    with told(inside) as (amazon, connector):
        first = pull(connector)
        inside.clock.advance(7200)

        # when it goes on from there
        second = pull(connector, first.cursor)

        # then the ranges meet and overlap, and statuses are named in them, as Amazon insists
        ranges = [q for q in amazon.asked("shipments") if q["QueryType"] == "DATE_RANGE"]
        assert [(q["LastUpdatedAfter"], q["LastUpdatedBefore"]) for q in ranges] == [
            ("2026-08-26T09:00:00Z", "2026-11-24T09:00:00Z"),
            ("2026-11-24T08:00:00Z", "2026-11-24T11:00:00Z"),
        ]
        assert all("CLOSED" in q["ShipmentStatusList"].split(",") for q in ranges)
        assert (first.complete_to, second.complete_to) == (NOW, NOW + timedelta(hours=2))
        assert json.loads(second.cursor) == {"watermark": "2026-11-24T11:00:00Z"}


def test_a_clock_that_went_back_moves_no_watermark_back() -> None:
    # given a cursor of a later time than it is now
    with told() as (amazon, connector):
        later = json.dumps({"watermark": "2026-11-25T00:00:00Z"})

        # when it is pulled on, then a range is asked for that is one, and the cursor stays
        assert json.loads(pull(connector, later).cursor) == json.loads(later)
        (asked,) = [q for q in amazon.asked("shipments") if q["QueryType"] == "DATE_RANGE"]
        assert asked["LastUpdatedAfter"] < asked["LastUpdatedBefore"]


def test_a_shipment_in_several_lists_is_asked_for_once() -> None:
    with told() as (amazon, connector):
        # given one that is open, that changed, and whose items changed
        amazon.open, amazon.changed = [[shipment()]], [shipment(status="RECEIVING")]
        amazon.changed_items = [item()]

        # when it is pulled
        batch = pull(connector)

        # then it is told once, as it was seen last, and its items were asked for once
        assert [one.state for one in batch.items] == [InboundState.RECEIVING]
        assert len(amazon.asked("shipments/FBA1/items")) == 1
        assert not any("ShipmentIdList" in q for q in amazon.asked("shipments"))


def test_a_shipment_of_which_only_the_numbers_changed_is_found_by_its_items() -> None:
    with told() as (amazon, connector):
        # given a closed one whose count was corrected: no list of shipments has it
        amazon.changed_items = [item("MUG", ShipmentId="FBA9"), item("TRAY", ShipmentId="FBA9")]
        amazon.by_id = {"FBA9": shipment("FBA9", "CLOSED")}

        # when it is pulled, then it is asked for by its id, and told
        (report,) = pull(connector).items
        assert (report.ref, report.state) == ("FBA9", InboundState.CLOSED)


def test_all_pages_are_read_up_to_an_empty_one() -> None:
    with told() as (amazon, connector):
        # given two pages, and a token that leads to nothing, as they do
        amazon.open = [[shipment("FBA1")], [shipment("FBA2")], [], [shipment("never")]]

        # when they are pulled, then both are told
        assert [one.ref for one in pull(connector).items] == ["FBA1", "FBA2"]


@pytest.mark.parametrize(("refused", "whole"), [(1, True), (2, False)])
def test_a_page_token_that_expired_restarts_the_list_once(refused: int, whole: bool) -> None:
    with told() as (amazon, connector):
        # given tokens that are refused, once or again
        amazon.open, amazon.refuse = [[shipment("FBA1")], [shipment("FBA2")]], refused

        # when it is pulled, then the list is read from its start, or nothing of it is told
        if whole:
            assert [one.ref for one in pull(connector).items] == ["FBA1", "FBA2"]
            starts = [q for q in amazon.asked("shipments") if "ShipmentStatusList" in q]
            assert len(starts) == 3
        else:
            with pytest.raises(Unavailable, match="tokens were refused"):
                pull(connector)


@pytest.mark.parametrize(("size", "whole"), [(49, True), (50, False)])
def test_a_token_that_leads_back_ends_a_list_unless_the_page_was_full(
    size: int, whole: bool
) -> None:
    with told() as (amazon, connector):
        # given a token that leads to the first page again, as some saw it
        page = [shipment(f"FBA{number}") for number in range(size)]
        amazon.open = [page, page]

        # when it is pulled, then a part does not pass for the whole, and the whole is no fault
        if whole:
            assert len(pull(connector).items) == size
        else:
            with pytest.raises(Unavailable, match="came twice"):
                pull(connector)


def test_a_refused_list_and_an_answer_without_one_are_told() -> None:
    # given an Amazon that refuses, lacks the role, or says nothing, then each has its error
    for answer, kind in (
        (REFUSED, Rejected),
        (ROLE_MISSING, Unauthorized),
        (Response.json({"payload": {}}), Unavailable),
    ):
        with scripted(answer) as amazon, pytest.raises(kind) as raised:
            pull(Amazon("amazon-us", settings(amazon.url), FakeInside()))
    assert raised.value.operation == "getShipments"


# One shipment


def test_one_that_cannot_be_read_is_a_reject_and_the_others_pass() -> None:
    with told() as (amazon, connector):
        # given one without an id, one without numbers, one without items, one Amazon has no more
        amazon.open = [[shipment(ref) for ref in ("", "FBA2", "FBA3", "FBA4", "FBA5")]]
        amazon.items["FBA2"] = [[item(sent="four")]]
        amazon.items["FBA3"] = Response.json({"payload": {}})
        amazon.items["FBA4"] = error("NotFound", "No shipment", status=404)

        # when they are pulled
        batch = pull(connector)

        # then each is kept raw with its reason, and the good one is told
        assert [one.ref for one in batch.items] == ["FBA5"]
        assert [(one.remote_id, one.problem.split(":")[0]) for one in batch.rejects] == [
            ("record 1 of a pull", "it has no ShipmentId"),
            ("FBA2", "QuantityShipped is no number of units"),
            ("FBA3", "an answer without ItemData"),
            ("FBA4", batch.rejects[3].problem.split(":")[0]),
        ]
        assert "four" in batch.rejects[1].raw
        assert batch.complete_to == NOW


def test_a_sender_is_kept_nowhere() -> None:
    with told() as (amazon, connector):
        # given shipments with the address they come from, one of them unreadable
        amazon.open = [[shipment("FBA1"), shipment("")]]

        # when they are pulled
        batch = pull(connector)

        # then no raw record has it, and the good one has its items
        ((ref, raw),) = batch.raw
        assert ref == "FBA1"
        assert json.loads(raw)["ItemData"] == [item()]
        assert not any(
            word in text
            for word in ("ShipFromAddress", "Ada", "Fairview")
            for text in (raw, batch.rejects[0].raw, repr(batch))
        )


def test_what_is_told_is_as_of_a_moment_before_it_was_asked_for() -> None:
    inside = FakeInside()
    with told(inside) as (amazon, connector):
        # given two pages, the second asked for later
        amazon.open = [[shipment("FBA1")], [shipment("FBA2")]]
        ask, turns = amazon._next, iter(range(9))

        def late(name: str, token: str) -> Response:
            if next(turns) == 0:
                inside.clock.advance(60)
            return ask(name, token)

        amazon._next = late  # type: ignore[method-assign]

        # when they are pulled, then each has the moment of its own page, less what clocks differ by
        first, second = pull(connector).items
        assert first.as_of == second.as_of == NOW - timedelta(seconds=5)


def test_more_items_than_amazon_shows_at_once_are_read_through_the_other_call() -> None:
    with told() as (amazon, connector):
        # given a shipment with 201 SKUs, and one with a token that leads nowhere
        many = [item(f"S{number}", 1) for number in range(201)]
        amazon.open = [[shipment("FBA1"), shipment("FBA2")]]
        amazon.items = {"FBA1": [many[:200], many[200:]], "FBA2": [[item()], [item("never")]]}

        # when they are pulled, then all are there, and nothing was asked for in vain
        first, second = pull(connector).items
        assert (len(first.items), len(second.items)) == (201, 1)
        tokens = [q for q in amazon.asked("shipmentItems") if q["QueryType"] == "NEXT_TOKEN"]
        assert len(tokens) == 1


def test_a_shipment_whose_further_items_are_not_to_be_had_is_a_reject() -> None:
    with told() as (amazon, connector):
        # given a token that is refused whenever it is used
        many = [item(f"S{number}", 1) for number in range(201)]
        amazon.open, amazon.refuse = [[shipment("FBA1"), shipment("FBA2")]], 2
        amazon.items = {"FBA1": [many[:200], many[200:]]}

        # when it is pulled, then a part does not pass for the whole
        batch = pull(connector)
        assert [one.ref for one in batch.items] == ["FBA2"]
        assert [one.remote_id for one in batch.rejects] == ["FBA1"]


# Against the simulated account


def wish(rig: AmazonRig, **what: Any) -> str:
    return str(rig.inbound(**what)["id"])


def test_a_shipment_is_followed_from_word_to_word() -> None:
    with rig_of("amazon") as rig:
        # given one that goes its way by itself, an hour from word to word
        rig.stock_up()
        wish(rig, send={"FBA": 5}, name="to FBA", step=3600)

        # when it is pulled on every hour
        cursor, words, received = None, [], []
        for _ in range(8):
            (batch,) = rig.connector.pull_inbound(since=cursor)
            (report,) = batch.items
            cursor = batch.cursor
            words.append(report.word)
            received.append(report.items[0].received)
            rig.pass_time(3600)

        # then every word of it is seen, and the units when they are counted in
        assert words == [
            "WORKING", "READY_TO_SHIP", "SHIPPED", "IN_TRANSIT", "DELIVERED", "CHECKED_IN",
            "RECEIVING", "CLOSED",
        ]  # fmt: skip
        assert received == [0] * 7 + [5]
        assert report.name == "to FBA"


def test_a_token_that_expired_on_the_way_begins_the_list_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with rig_of("amazon") as rig:
        # given two pages of shipments, the second asked for too late
        rig.stock_up()
        for _ in range(60):
            wish(rig, send={"FBA": 1})
        following = rig.connector._inbound._next
        turns = iter(range(99))

        def late(operation: Any, token: str) -> Any:
            if next(turns) == 0:
                rig.clock.advance(3600)
            return following(operation, token)

        monkeypatch.setattr(rig.connector._inbound, "_next", late)

        # when they are pulled, then all are told, in two parts, and the last one ends the walk
        first, last = rig.connector.pull_inbound(since=None)
        assert (len(first.items), len(last.items)) == (50, 10)
        assert (first.complete_to, json.loads(first.cursor)) == (None, {})
        assert last.complete_to is not None


def test_a_big_shipment_is_told_whole() -> None:
    with rig_of("amazon") as rig:
        # given a shipment of 260 SKUs
        units = {f"F{number}": 1 + number for number in range(260)}
        for sku in units:
            rig.simulator.add_listing(sku, channel="AMAZON_NA")
        wish(rig, send=units)

        # when it is pulled, then each is there with its units
        (batch,) = rig.connector.pull_inbound(since=None)
        (report,) = batch.items
        assert {one.item: one.sent for one in report.items} == units


def test_what_was_received_can_be_sold_and_what_is_on_its_way_is_told_with_the_stock() -> None:
    with rig_of("amazon") as rig:
        # given units that are announced, that travel, and that are half counted in
        rig.stock_up()
        wish(rig, send={"FBA": 3})
        wish(rig, move=wish(rig, send={"FBA": 4}), to="SHIPPED")
        wish(rig, receive=wish(rig, send={"FBA": 10}), units={"FBA": 6})

        # when the stock is pulled, then each has its word, and what is counted in is for sale
        (batch,) = rig.connector.pull_stock(since=None)
        (row,) = batch.items[0].rows
        assert dict(row.words) == {
            "fulfillable": 26, "inbound_working": 3, "inbound_shipped": 4, "inbound_receiving": 4,
        }  # fmt: skip
