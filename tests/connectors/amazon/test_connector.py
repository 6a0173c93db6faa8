"""Amazon's capabilities, against the simulated seller account and, for its rarer moods, a script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.amazon.auth import _TOKENS
from connectors.amazon.connector import Amazon, connect
from connectors.amazon.settings import Settings
from connectors.amazon.simulator import AmazonSimulator
from connectors.registry import settings_of
from connectors.simulation import Request, Response
from core.errors import RateLimited, Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.model.catalog import FulfilledBy, Listing, OfferChange, OfferKey, OfferOutcome
from core.model.fulfillment import ConfirmedLine, Shipment
from core.model.orders import Order, PaymentStatus
from core.ports import Batch
from jobs.clock import ManualClock
from tests.connectors.amazon.scripted import (
    HTML_503,
    NOW,
    QUOTA,
    ROLE_MISSING,
    FakeInside,
    ScriptedAmazon,
    error,
    scripted,
    settings,
)

US = "ATVPDKIKX0DER"
PAST_THE_SNAPSHOT = 300
EXPIRED_TOKEN = error("InvalidInput", "Invalid paginationToken.", status=400)


class Shop:
    """A simulated account, its clock, and the connector to it."""

    def __init__(self, simulator: AmazonSimulator, clock: ManualClock) -> None:
        self.simulator = simulator
        self.clock = clock
        self.inside = FakeInside(clock)
        self.amazon = self.connector()

    def connector(self, **changes: Any) -> Amazon:
        account = {
            "seller_id": "A2LOCKSTEPDEMO",
            "lwa_app_id": "amzn1.application-oa2-client.simulated",
            "lwa_client_secret": "amzn1.oa2-cs.v1.simulated",
            "refresh_token": "Atzr|simulated",
        }
        return connect("amazon-us", settings(self.simulator.url, **account | changes), self.inside)

    def order(self, sku: str = "MUG", quantity: int = 1, **wish: Any) -> str:
        wish = {"lines": [{"sku": sku, "quantity": quantity}], **wish}
        return str(self.simulator.place_order(wish)["id"])

    def pull(self, since: str | None = None) -> list[Batch[Order]]:
        return list(self.amazon.pull_orders(since=since))

    def faults(self, *rules: dict[str, Any]) -> None:
        self.simulator.faults.set(list(rules))

    def calls(self, operation: str) -> int:
        return sum(entry.operation == operation for entry in self.simulator.log.entries())

    def books_of(self, order: str) -> dict[str, Any]:
        return next(o for o in self.simulator.books()["orders"] if o["id"] == order)


@contextmanager
def shop(**options: Any) -> Iterator[Shop]:
    """A started shop with mugs of our own, and Amazon-held lamps."""
    _TOKENS.clear()
    clock = ManualClock(NOW)
    simulator = AmazonSimulator(clock=clock, seed=7, **options)
    simulator.start()
    simulator.add_listing("MUG", title="Café Mug ✓", quantity=1000, lead_time=4, price="12.50")
    simulator.add_listing("MUG/XL a", quantity=5)
    simulator.add_listing("LAMP-FBA", quantity=50, channel="AMAZON_NA")
    try:
        yield Shop(simulator, clock)
    finally:
        simulator.stop()


# Orders


def test_orders_of_every_kind_come_in_as_what_they_are() -> None:
    with shop() as amazon:
        open_, pending = amazon.order(quantity=2), amazon.order(pending_for=9e5)
        canceled, fba = amazon.order(), amazon.order("LAMP-FBA")
        asked = amazon.order()
        amazon.simulator.place_order({"cancel": canceled})
        amazon.simulator.place_order({"request_cancel": asked})
        amazon.clock.advance(PAST_THE_SNAPSHOT)

        (batch,) = amazon.pull()

        found = {order.remote_id: order for order in batch.items}
        assert {open_, pending, canceled, fba, asked} == found.keys()
        assert (found[open_].payment, found[open_].lines[0].current) == (PaymentStatus.PAID, 2)
        assert found[open_].ship_to is not None
        assert found[pending].pending
        assert found[pending].ship_to is None
        assert found[canceled].canceled_at is not None
        assert found[canceled].lines[0].current == 0
        assert found[fba].lines[0].fulfilled_by is FulfilledBy.AMAZON
        assert found[asked].lines[0].cancel_requested
        assert not batch.rejects
        assert found.keys() == {remote_id for remote_id, _ in batch.raw}


def test_a_pull_asks_for_no_status_and_no_buyer_and_keeps_two_minutes_away_from_now() -> None:
    with scripted(Response.json({"orders": []})) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        list(connector.pull_orders(since=None))

        query = {name: value[0] for name, value in amazon.request.query.items()}
        assert query == {
            "marketplaceIds": US,
            "lastUpdatedAfter": "2026-10-25T09:00:00Z",
            "lastUpdatedBefore": "2026-11-24T08:57:50Z",
            "includedData": "RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT",
            "maxResultsPerPage": "100",
        }


def test_the_watermark_is_what_amazon_answered_and_the_next_walk_overlaps_it() -> None:
    answered = Response.json({"orders": [], "lastUpdatedBefore": "2026-11-24T08:50:00Z"})
    with scripted(answered) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url, overlap=300), FakeInside())

        (batch,) = connector.pull_orders(since=None)
        list(connector.pull_orders(since=batch.cursor))

        assert datetime(2026, 11, 24, 8, 50, tzinfo=UTC) == batch.complete_to
        assert amazon.requests[1].query["lastUpdatedAfter"] == ["2026-11-24T08:45:00Z"]


@pytest.mark.parametrize("answered", ["2027-01-01T00:00:00Z", "soon", None])
def test_a_watermark_never_passes_what_was_asked(answered: str | None) -> None:
    page = {"orders": [], "lastUpdatedBefore": answered}
    with scripted(Response.json(page)) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        (batch,) = connector.pull_orders(since=None)

        assert datetime(2026, 11, 24, 8, 57, 50, tzinfo=UTC) == batch.complete_to


def test_a_pull_right_after_another_asks_nothing_where_no_time_has_passed() -> None:
    with scripted(Response.json({"orders": []})) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url, overlap=0), FakeInside())
        (batch,) = connector.pull_orders(since=None)

        again = list(connector.pull_orders(since=batch.cursor))

        assert again == []
        assert len(amazon.requests) == 1


def test_a_walk_goes_on_from_any_page_with_its_query_frozen() -> None:
    with shop() as amazon:
        placed = {amazon.order() for _ in range(250)}
        amazon.clock.advance(PAST_THE_SNAPSHOT)
        walk = amazon.amazon.pull_orders(since=None)
        first = next(walk)
        walk.close()
        amazon.clock.advance(3600)  # a crash, an hour, another process

        rest = list(amazon.connector().pull_orders(since=first.cursor))

        batches = [first, *rest]
        assert [len(batch.items) for batch in batches] == [100, 100, 50]
        assert placed == {order.remote_id for batch in batches for order in batch.items}
        assert [batch.complete_to for batch in batches[:-1]] == [None, None]
        assert NOW + timedelta(seconds=PAST_THE_SNAPSHOT - 130) == batches[-1].complete_to


def test_a_page_token_older_than_a_day_restarts_the_walk_from_its_watermark() -> None:
    with shop() as amazon:
        (empty,) = amazon.pull()
        placed = {amazon.order() for _ in range(150)}
        amazon.clock.advance(PAST_THE_SNAPSHOT)
        walk = amazon.amazon.pull_orders(since=empty.cursor)
        first = next(walk)
        walk.close()
        amazon.clock.advance(25 * 3600)

        batches = amazon.pull(first.cursor)

        assert placed == {order.remote_id for batch in batches for order in batch.items}
        assert amazon.calls("searchOrders") == 4


def page(*orders: dict[str, Any], token: str = "") -> Response:
    found: dict[str, Any] = {"orders": list(orders)}
    if token:
        found["pagination"] = {"nextToken": token}
    return Response.json(found)


def test_a_refused_page_token_restarts_the_walk_once() -> None:
    with scripted(page(token="a"), EXPIRED_TOKEN, page(token="b"), page()) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        batches = list(connector.pull_orders(since=None))

        tokens = [r.query.get("paginationToken", [""])[0] for r in amazon.requests]
        assert tokens == ["", "a", "", "b"]
        assert [b.complete_to is not None for b in batches] == [False, False, True]


def test_a_walk_whose_tokens_are_always_refused_ends_with_an_error() -> None:
    def refuse_tokens(request: Request) -> Response:
        return EXPIRED_TOKEN if "paginationToken" in request.query else page(token="a")

    with scripted(refuse_tokens) as amazon, pytest.raises(Rejected):
        list(Amazon("amazon-us", settings(amazon.url), FakeInside()).pull_orders(since=None))

    assert len(amazon.requests) == 4


def test_a_watermark_never_moves_back() -> None:
    answered = Response.json({"orders": [], "lastUpdatedBefore": "2026-11-24T08:00:00Z"})
    since = json.dumps({"watermark": "2026-11-24T08:30:00Z"})
    with scripted(answered) as amazon:
        (batch,) = Amazon("amazon-us", settings(amazon.url), FakeInside()).pull_orders(since=since)

    assert datetime(2026, 11, 24, 8, 30, tzinfo=UTC) == batch.complete_to


def test_a_refused_query_is_no_expired_token() -> None:
    with scripted(EXPIRED_TOKEN) as amazon, pytest.raises(Rejected):
        list(Amazon("amazon-us", settings(amazon.url), FakeInside()).pull_orders(since=None))

    assert len(amazon.requests) == 1


@pytest.mark.parametrize("pages", [(page(token="a"), page(token="a")), (Response.json({}),)])
def test_a_page_that_makes_no_sense_is_not_the_last_one(pages: tuple[Response, ...]) -> None:
    with scripted(*pages) as amazon, pytest.raises(Unavailable):
        list(Amazon("amazon-us", settings(amazon.url), FakeInside()).pull_orders(since=None))


def test_an_empty_page_with_a_token_is_walked_past() -> None:
    with scripted(page(token="a"), page(token="b"), page()) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        assert len(list(connector.pull_orders(since=None))) == 3


def test_an_unreadable_order_does_not_stop_the_others() -> None:
    with shop() as simulated:
        good = simulated.order()
        simulated.clock.advance(PAST_THE_SNAPSHOT)
        ((raw,),) = [[json.loads(raw) for _, raw in b.raw] for b in simulated.pull()]
    bad = raw | {"orderId": "114-0", "fulfillment": {"fulfillmentStatus": "UNSHIPPED"}}
    with scripted(page(raw, bad)) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        (batch,) = connector.pull_orders(since=None)

        assert [good] == [order.remote_id for order in batch.items]
        (reject,) = batch.rejects
        assert (reject.kind, reject.remote_id) == ("order", "114-0")
        assert bad == json.loads(reject.raw)
        assert bad["recipient"]["deliveryAddress"]["name"] not in reject.problem
        assert batch.complete_to


def test_a_walk_longer_than_the_burst_ends_with_the_wait_and_goes_on_from_its_cursor() -> None:
    with scripted(*(page(token=f"t{n}") for n in range(30)), page()) as amazon:
        inside = FakeInside()
        connector = Amazon("amazon-us", settings(amazon.url), inside)
        walk = connector.pull_orders(since=None)
        batches = list(islice(walk, 20))

        with pytest.raises(RateLimited) as limited:
            next(walk)
        inside.clock.advance(limited.value.retry_after)
        following = next(connector.pull_orders(since=batches[-1].cursor))

        assert 178 < limited.value.retry_after < 179
        assert "t20" in following.cursor
        assert len(amazon.requests) == 21


def test_one_order_can_be_read_at_once() -> None:
    with shop() as amazon:
        placed = amazon.order(quantity=3)

        batch = amazon.amazon.get_order(placed)

        assert [(placed, 3)] == [(o.remote_id, o.lines[0].ordered) for o in batch.items]


def test_an_order_nobody_has_is_nothing() -> None:
    with shop() as amazon:
        assert amazon.amazon.get_order("114-0000000-0000000").items == ()


def test_an_order_of_another_marketplace_is_not_ours() -> None:
    elsewhere = {"order": {"orderId": "1", "salesChannel": {"marketplaceId": "A2EUQ1WTGCTBG2"}}}
    with scripted(Response.json(elsewhere)) as amazon:
        batch = Amazon("amazon-us", settings(amazon.url), FakeInside()).get_order("1")

    assert (batch.items, batch.rejects) == ((), ())


# Listings


def pull_listings(amazon: Amazon, since: str | None) -> tuple[list[Listing], Batch[Listing]]:
    batches = list(amazon.pull_listings(since=since))
    return [listing for batch in batches for listing in batch.items], batches[-1]


def test_a_report_is_asked_for_waited_for_by_later_runs_and_read_once_it_is_there() -> None:
    with shop() as amazon:
        started = amazon.clock.now()
        none_yet, first = pull_listings(amazon.amazon, None)
        same, second = pull_listings(amazon.connector(), first.cursor)
        assert (none_yet, same) == ([], [])
        assert (None, amazon.clock.now()) == (second.complete_to, started)
        amazon.clock.advance(120)

        found, last = pull_listings(amazon.connector(), second.cursor)

        assert amazon.calls("createReport") == 1
        assert started == last.complete_to
        assert {listing.remote_id: listing.fulfilled_by for listing in found} == {
            "MUG": FulfilledBy.US,
            "MUG/XL a": FulfilledBy.US,
            "LAMP-FBA": FulfilledBy.AMAZON,
        }
        assert "Café Mug ✓" in {listing.title for listing in found}


def test_the_next_run_after_a_whole_report_asks_for_a_new_one() -> None:
    with shop() as amazon:
        _, asked = pull_listings(amazon.amazon, None)
        amazon.clock.advance(120)
        _, done = pull_listings(amazon.amazon, asked.cursor)

        pull_listings(amazon.amazon, done.cursor)

        assert amazon.calls("createReport") == 2


def test_a_long_report_is_saved_in_parts_and_goes_on_after_the_last_one_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.amazon.connector.LISTINGS_PER_BATCH", 2)
    with shop() as amazon:
        for number in range(4):
            amazon.simulator.add_listing(f"S-{number}", quantity=1)
        _, asked = pull_listings(amazon.amazon, None)
        amazon.clock.advance(120)
        walk = amazon.amazon.pull_listings(since=asked.cursor)
        first = next(walk)
        walk.close()

        rest = list(amazon.connector().pull_listings(since=first.cursor))

        assert [len(batch.items) for batch in [first, *rest]] == [2, 2, 2, 1]
        assert len({item.remote_id for batch in [first, *rest] for item in batch.items}) == 7
        assert [batch.complete_to is not None for batch in rest] == [False, False, True]


def report(status: str, document: str | None = "doc") -> Response:
    return Response.json({"processingStatus": status, "reportDocumentId": document})


def script_report(amazon: ScriptedAmazon, content: str, status: str = "DONE") -> None:
    def answer(request: Request) -> Response:
        match request.method, request.path.rsplit("/", 2)[-2]:
            case "POST", _:
                return Response.json({"reportId": "R1"}, status=202)
            case _, "reports":
                return report(status)
            case _, "documents":
                return Response.json({"reportDocumentId": "doc", "url": f"{amazon.url}/x/file"})
        return Response(200, content.encode(), content_type="text/plain")

    amazon.answers = [answer]


@pytest.mark.parametrize("status", ["CANCELLED", "FATAL"])
def test_a_report_that_failed_is_forgotten_before_it_is_told_and_means_nothing(status: str) -> None:
    with scripted() as amazon:
        script_report(amazon, "", status)
        walk = Amazon("amazon-us", settings(amazon.url), FakeInside()).pull_listings(since=None)

        asked, forgotten = next(walk), next(walk)
        with pytest.raises(Unavailable, match=f"report R1 ended as {status}"):
            next(walk)

        assert "R1" in asked.cursor
        assert (forgotten.cursor, forgotten.items, forgotten.complete_to) == ("{}", (), None)


def test_a_report_amazon_forgot_and_one_that_never_gets_ready_are_asked_for_again() -> None:
    old = json.dumps({"report": "R0", "asked_at": "2026-11-24T08:59:00Z"})
    with scripted(error("NotFound", status=404)) as amazon:
        walk = Amazon("amazon-us", settings(amazon.url), FakeInside()).pull_listings(since=old)
        assert next(walk).cursor == "{}"
        with pytest.raises(Unavailable, match="not found"):
            next(walk)
    with scripted() as amazon:
        script_report(amazon, "", "IN_PROGRESS")
        inside = FakeInside()
        connector = Amazon("amazon-us", settings(amazon.url), inside)
        inside.clock.advance(4 * 3600)

        first, waiting = connector.pull_listings(since=old)

        assert "R1" in first.cursor
        assert first.cursor == waiting.cursor


def test_bad_rows_are_told_and_a_sku_that_comes_twice_is_read_once() -> None:
    content = (
        "seller-sku\titem-name\tfulfillment-channel\n"
        "A\tone\tDEFAULT\nA\ttwo\tAMAZON_NA\n\tno sku\tDEFAULT\nB\tdrone\tDRONE\n"
    )
    with scripted() as amazon:
        script_report(amazon, content)
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        found, last = pull_listings(connector, None)

        assert [listing.title for listing in found] == ["one"]
        assert [(reject.remote_id, reject.problem) for reject in last.rejects] == [
            ("A", "its seller-sku came in an earlier row already"),
            ("line 4 of the report", "it has no seller-sku"),
            ("B", "unknown fulfillment channel: DRONE"),
        ]


def test_a_report_without_a_needed_column_changes_nothing() -> None:
    with scripted() as amazon:
        script_report(amazon, "seller-sku\tstatus\nA\tActive\n")
        walk = Amazon("amazon-us", settings(amazon.url), FakeInside()).pull_listings(since=None)

        assert [next(walk).items, next(walk).items] == [(), ()]
        with pytest.raises(Rejected, match="no column fulfillment-channel"):
            next(walk)


def test_one_listing_can_be_read_at_once() -> None:
    with shop() as amazon:
        batch = amazon.amazon.get_listing("MUG/XL a")

        assert [listing.remote_id for listing in batch.items] == ["MUG/XL a"]
        assert amazon.amazon.get_listing("NOBODY-HAS-IT").items == ()


# Offers


def change(sku: str, quantity: int = 0, **attributes: str) -> OfferChange:
    return OfferChange(
        OfferKey("amazon-us", sku), quantity, None, attributes=tuple(attributes.items())
    )


def test_an_accepted_quantity_is_shown_only_once_it_is_read_back() -> None:
    with shop() as amazon:
        (result,) = amazon.amazon.push_offers([change("MUG/XL a", 3)], attempt="1")
        (at_once,) = amazon.amazon.read_offers([change("MUG/XL a")])
        amazon.clock.advance(120)
        (later,) = amazon.amazon.read_offers([change("MUG/XL a")])

        assert (result.outcome, bool(result.submission)) == (OfferOutcome.SENT, True)
        assert [at_once.quantity, later.quantity] == [5, 3]
        assert amazon.clock.now() == later.read_at


def test_the_handling_time_stays() -> None:
    with shop() as amazon:
        amazon.amazon.push_offers([change("MUG", 3)], attempt="1")
        amazon.clock.advance(120)

        (mug,) = (x for x in amazon.simulator.books()["listings"] if x["sku"] == "MUG")
        assert (mug["quantity"], mug["lead_time_to_ship_max_days"]) == (3, 4)


def test_a_handling_time_of_ours_is_stated_and_read_back() -> None:
    with shop() as amazon:
        wish = replace(change("MUG", 3), handling_days=13)
        (before,) = amazon.amazon.read_offers([wish])

        (result,) = amazon.amazon.push_offers([wish], attempt="1")
        amazon.clock.advance(120)
        (after,) = amazon.amazon.read_offers([wish])
        (unasked,) = amazon.amazon.read_offers([change("MUG")])

        (mug,) = (x for x in amazon.simulator.books()["listings"] if x["sku"] == "MUG")
        assert result.outcome is OfferOutcome.SENT
        assert (mug["quantity"], mug["lead_time_to_ship_max_days"]) == (3, 13)
        assert [before.handling_days, after.handling_days] == [4, 13]
        assert unasked.handling_days is None


def test_a_handling_time_longer_than_amazon_takes_is_refused() -> None:
    with shop() as amazon:
        longer = replace(change("MUG", 3), handling_days=amazon.amazon.longest_handling + 1)

        (result,) = amazon.amazon.push_offers([longer], attempt="1")

        assert result.outcome is OfferOutcome.REFUSED


def test_a_bad_quantity_is_refused_alone() -> None:
    with shop() as amazon:
        wishes = [change("MUG", -1), change("MUG/XL a", 2)]

        refused, sent = amazon.amazon.push_offers(wishes, attempt="1")

        assert (refused.outcome, sent.outcome) == (OfferOutcome.REFUSED, OfferOutcome.SENT)
        assert refused.code
        assert refused.message


def test_amazons_own_stock_is_never_written_to() -> None:
    with shop() as amazon:
        wish = change("LAMP-FBA", 5, fulfillment_channel="AMAZON_NA")

        (result,) = amazon.amazon.push_offers([wish], attempt="1")

        assert (result.outcome, result.code) == (OfferOutcome.REFUSED, "fulfilled-by-amazon")
        assert amazon.calls("patchListingsItem") == 0


def test_a_listing_that_is_gone_shows_nothing() -> None:
    with shop() as amazon:
        (reading,) = amazon.amazon.read_offers([change("GONE")])

        assert reading.quantity is None


def test_amazons_own_stock_is_not_read_as_ours() -> None:
    with shop() as amazon:
        (reading,) = amazon.amazon.read_offers([change("LAMP-FBA")])

        assert reading.quantity is None


@pytest.mark.parametrize("kind", ["lost-answer", "502-applied", "empty", "truncated", "429-empty"])
def test_a_patch_in_doubt_is_unknown_and_the_next_one_is_tried(kind: str) -> None:
    with shop() as amazon:
        amazon.faults({"operation": "patchListingsItem", "kind": kind, "nth": 1})

        results = amazon.amazon.push_offers([change("MUG", 1), change("MUG/XL a", 2)], attempt="1")

        assert [r.outcome for r in results] == [OfferOutcome.UNKNOWN, OfferOutcome.SENT]
        assert amazon.calls("patchListingsItem") == 2


def test_after_three_doubts_in_a_row_the_rest_waits() -> None:
    with shop() as amazon:
        amazon.faults(
            {"operation": "patchListingsItem", "kind": "internal-failure", "probability": 1}
        )

        results = amazon.amazon.push_offers([change("MUG", n) for n in range(5)], attempt="1")

        expected = [OfferOutcome.UNKNOWN] * 3 + [OfferOutcome.LATER] * 2
        assert expected == [result.outcome for result in results]


def test_when_the_quota_ends_within_a_push_the_rest_is_later() -> None:
    accepted = Response.json({"sku": "A", "status": "ACCEPTED", "submissionId": "s"})
    with scripted(accepted, QUOTA) as amazon:
        connector = Amazon("amazon-us", settings(amazon.url), FakeInside())

        results = connector.push_offers([change("A"), change("B"), change("C")], attempt="1")

        expected = [OfferOutcome.SENT, OfferOutcome.LATER, OfferOutcome.LATER]
        assert expected == [result.outcome for result in results]


@pytest.mark.parametrize(
    ("answer", "expected"), [(QUOTA, RateLimited), (ROLE_MISSING, Unauthorized)]
)
def test_trouble_with_the_connection_before_anything_was_tried_is_raised(
    answer: Response, expected: type[Exception]
) -> None:
    with scripted(answer) as amazon, pytest.raises(expected):
        Amazon("amazon-us", settings(amazon.url), FakeInside()).push_offers(
            [change("A")], attempt="1"
        )


def test_amazon_keeps_one_number_per_listing_and_overwrites_it() -> None:
    with shop() as amazon:
        assert amazon.amazon.remote_locations() == ()
        assert not amazon.amazon.compare_and_set
        assert amazon.amazon.order_lag > 130


# Shipments


def parcel(shop: Shop, order: str, *, number: int = 1, tracking: str = "1Z1") -> Shipment:
    (line,) = shop.books_of(order)["lines"]
    return Shipment(
        channel="amazon-us",
        order=order,
        package_number=number,
        location="warehouse",
        carrier="ups",
        tracking_number=tracking,
        shipped_at=shop.clock.now() + timedelta(minutes=5),
        lines=(ConfirmedLine(line["item_id"], 1),),
    )


def test_a_parcel_is_confirmed_and_found_again() -> None:
    with shop() as amazon:
        sent = parcel(amazon, amazon.order())

        assert amazon.amazon.find_shipment(sent, key="k") is None
        assert amazon.amazon.push_shipment(sent, key="k") == "1"
        amazon.clock.advance(60)

        assert amazon.amazon.find_shipment(sent, key="k") == "1"
        (package,) = amazon.books_of(sent.order)["packages"]
        assert (package["carrier"], package["tracking_number"]) == ("UPS", "1Z1")


def test_the_same_parcel_again_is_an_edit_and_another_number_another_parcel() -> None:
    with shop() as amazon:
        order = amazon.order(quantity=2)
        assert amazon.amazon.shipment_repeat_is_edit

        amazon.amazon.push_shipment(parcel(amazon, order), key="k1")
        amazon.amazon.push_shipment(parcel(amazon, order, tracking="1Z2"), key="k1")
        amazon.amazon.push_shipment(parcel(amazon, order, number=2, tracking="1Z3"), key="k2")

        packages = amazon.books_of(order)["packages"]
        assert [(p["reference"], p["tracking_number"], p["calls"]) for p in packages] == [
            ("1", "1Z2", 2),
            ("2", "1Z3", 1),
        ]


def test_a_confirmation_amazon_refuses_is_rejected_with_its_words() -> None:
    with shop() as amazon:
        sent = parcel(amazon, amazon.order())
        amazon.amazon.push_shipment(sent, key="k")

        with pytest.raises(Rejected, match="PackageToUpdateNotFound"):
            amazon.amazon.push_shipment(parcel(amazon, sent.order, number=2), key="k2")


@pytest.mark.parametrize("kind", ["lost-answer", "502-applied", "429-empty", "empty"])
def test_a_confirmation_in_doubt_is_unknown_and_a_repeat_confirms_it_once(kind: str) -> None:
    with shop() as amazon:
        sent = parcel(amazon, amazon.order())
        amazon.faults({"operation": "confirmShipment", "kind": kind, "nth": 1})

        with pytest.raises(UnknownOutcome):
            amazon.amazon.push_shipment(sent, key="k")
        amazon.amazon.push_shipment(sent, key="k")

        (package,) = amazon.books_of(sent.order)["packages"]
        assert (package["effects"], package["tracking_number"]) == (1, "1Z1")


def test_a_throttled_confirmation_did_not_run() -> None:
    with shop() as amazon:
        sent = parcel(amazon, amazon.order())
        amazon.faults({"operation": "confirmShipment", "kind": "429", "nth": 1})

        with pytest.raises(RateLimited):
            amazon.amazon.push_shipment(sent, key="k")

        assert amazon.books_of(sent.order)["packages"] == []


# Check


def test_a_check_names_account_roles_and_expiry_and_writes_nothing() -> None:
    with shop() as amazon:
        amazon.order()
        amazon.clock.advance(PAST_THE_SNAPSHOT)

        found = amazon.connector(secret_expires_on=date(2027, 5, 1)).check()

        assert found.name == "Lockstep Demo Store at 127.0.0.1"
        assert ("marketplace", US) in found.facts
        assert {right.name: right.granted for right in found.rights} == {
            "Inventory and Order Tracking": True,
            "Direct-to-Consumer Shipping (Restricted)": True,
            "Product Listing": True,
        }
        assert ("shipments to FBA", "followed") in found.facts
        assert found.problems == ()
        assert datetime(2027, 5, 1, tzinfo=UTC) == found.secret_expires_at
        assert not any(entry.took_effect for entry in amazon.simulator.log.entries())


def test_a_missing_address_role_is_seen_on_orders_that_wait() -> None:
    with shop(pii_role=False) as amazon:
        unknown = amazon.amazon.check()
        amazon.order()
        amazon.clock.advance(PAST_THE_SNAPSHOT)

        missing = amazon.amazon.check()

        name = "Direct-to-Consumer Shipping (Restricted)"
        assert name not in {right.name for right in unknown.rights}
        assert name in dict(unknown.facts)
        (right,) = (right for right in missing.rights if right.name == name)
        assert not right.granted
        assert "addresses stay empty" in right.without_it


def test_missing_roles_are_named_with_what_stops() -> None:
    with scripted(ROLE_MISSING) as amazon:
        found = Amazon("amazon-us", settings(amazon.url), FakeInside()).check()

    assert [(right.name, right.granted) for right in found.rights] == [
        ("Inventory and Order Tracking", False),
        ("Product Listing", False),
    ]
    # who sends nothing to FBA needs no role for it
    told = dict(found.facts)["shipments to FBA"]
    assert told == "not followed: the role Amazon Fulfillment is missing"
    assert all("cannot" in right.without_it for right in found.rights)


def test_a_refused_credential_is_raised_and_no_role_is_blamed() -> None:
    with shop() as amazon:
        amazon.simulator.revoke_refresh_token()

        with pytest.raises(Unauthorized, match="invalid_grant"):
            amazon.amazon.check()


def test_a_check_without_quota_says_so() -> None:
    with scripted(QUOTA) as amazon:
        found = Amazon("amazon-us", settings(amazon.url), FakeInside()).check()

    assert "not asked" in dict(found.facts)["orders"]
    assert found.rights == ()


@pytest.mark.parametrize(
    ("ends", "problem"),
    [
        (None, "secret_expires_on is not set"),
        (date(2026, 11, 24), "the client secret expired on 2026-11-24"),
        (date(2026, 12, 20), "the client secret expires on 2026-12-20"),
    ],
)
def test_a_client_secret_near_its_end_is_told(ends: date | None, problem: str) -> None:
    with shop() as amazon:
        found = amazon.connector(secret_expires_on=ends).check()

        assert problem in "\n".join(found.problems)


def test_an_account_that_does_not_sell_there_is_told() -> None:
    with shop() as amazon:
        found = amazon.connector(marketplace_id="A2EUQ1WTGCTBG2").check()

        assert "the account is not in marketplace A2EUQ1WTGCTBG2" in found.problems


def test_a_remote_that_is_down_is_unavailable() -> None:
    with scripted(HTML_503) as amazon, pytest.raises(Unavailable):
        Amazon("amazon-us", settings(amazon.url), FakeInside()).check()


# Settings


def given(**changes: Any) -> Settings:
    made: Settings = settings_of("amazon").model_validate(
        {
            "type": "amazon",
            "seller_id": "A1",
            "lwa_app_id": "app",
            "lwa_client_secret": "the-client-secret",
            "refresh_token": "the-refresh-token",
        }
        | changes
    )
    return made


@pytest.mark.parametrize("region", ["na", "eu", "fe"])
def test_a_region_names_amazons_own_addresses(region: str) -> None:
    found = given(region=region)

    assert f"https://sellingpartnerapi-{region}.amazon.com" == found.api_url
    assert found.token_url == "https://api.amazon.com/auth/o2/token"


def test_settings_show_no_secret() -> None:
    assert "the-" not in repr(given()) + str(given()) + given().model_dump_json()


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "http://example.com", "lwa_url": "https://example.com/token"},
        {"endpoint": "https://user:pass@example.com", "lwa_url": "https://example.com/token"},
        {"endpoint": "example.com", "lwa_url": "https://example.com/token"},
        {"endpoint": "http://127.0.0.1:8080"},
        {"lwa_url": "http://127.0.0.1:8080/token"},
        {"overlap": -1},
        {"lwa_client_secret": ""},
        {"region": "us"},
        {"marketplace": US},
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        given(**changes)


def test_every_setting_is_described() -> None:
    assert [n for n, field in Settings.model_fields.items() if not field.description] == []
