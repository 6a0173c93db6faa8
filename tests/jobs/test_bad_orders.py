"""Orders nobody would expect: each is told or waits, none is lost, and the next one goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.model.fulfillment import ShipRequest
from core.model.money import Money
from core.model.orders import Address, Order
from core.ports import Batch, Reject
from core.rules import review
from jobs import decide, pull, push, reviewing
from jobs.clock import ManualClock
from jobs.store.proof import differences
from jobs.store.store import Store
from jobs.store.tables import cases, orders, reservation
from tests.jobs.builders import HOME, SHOP, line, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

ODD = ["MUG/1", "TEA POT 2", "杯-1", "CUP ☕", "=1+1", "A" * 120]
ABROAD = replace(HOME, name="王小明", line1="中山路 1 号", city="Київ", region="", country="UA")


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    names = "".join(f"\n    {one!r}: {{}}" for one in ODD)
    made = open_shop(store, clock, tmp_path, changes={"    TEA: {}\n": f"    TEA: {{}}{names}\n"})
    for number, sku in enumerate(["TEA", "CUP", *ODD]):
        made.receive(sku, 500, reference=f"R{number}")
    return made


def odd(number: str, **changes: object) -> Order:
    return order(number, **changes)  # type: ignore[arg-type]


BAD = {
    "no lines": replace(order("1"), lines=()),
    "nothing of a line": order("1", line(units=0)),
    "fewer than nothing": order("1", line(units=1, ordered=1, current=-2)),
    "more fulfilled than ordered": order("1", line(units=1, fulfilled=5)),
    "foreign currency": order("1", line(unit_price=Money(19_99, "EUR"))),
    "no Sku": order("1", line(sku="")),
    "a Sku nobody knows": order("1", line(sku="'; DROP TABLE orders; --")),
    "other scripts": replace(order("1"), ship_to=ABROAD),
    "no address": replace(order("1"), ship_to=None),
    "an empty address": replace(order("1"), ship_to=Address()),
}


@BOTH
@pytest.mark.parametrize("name", BAD)
def test_a_bad_order_is_kept_and_the_next_one_goes_on(shop: Shop, name: str) -> None:
    # given it together with a good one
    shop.record(BAD[name])
    shop.record(order("2", line(units=1)))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")

    # then both are kept, the good one is asked for, and the books are right
    stages = {one["remote_id"]: one["stage"] for one in rows(shop.store, orders)}
    assert set(stages) == {"1", "2"}
    assert stages["2"] == "routed"
    assert "shopify-us:2:F1" in shop.places["home-files"].received
    with shop.store.reading() as tx:
        assert differences(tx.connection) == []
        held = tx.connection.execute(select(reservation.c.quantity)).scalars().all()
    assert all(units > 0 for units in held)


def test_an_order_of_four_hundred_lines_is_one_request(shop: Shop) -> None:
    many = [line(f"L{number}", units=1) for number in range(400)]
    shop.record(order("1", *many))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    (document,) = shop.places["home-files"].received.values()
    assert document.count(b"FulfillmentLine(") == 400
    with shop.store.reading() as tx:
        assert differences(tx.connection) == []


@pytest.mark.parametrize("sku", ODD)
def test_a_sku_of_odd_letters_is_shipped_like_any_other(shop: Shop, sku: str) -> None:
    shop.record(order("1", line(sku=sku, units=2)))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    assert list(shop.places["home-files"].received) == ["shopify-us:1:F1"]
    shop.ship("shopify-us:1:F1", (sku, 2))
    shop.decide()
    (row,) = rows(shop.store, orders)
    assert row["stage"] == "shipped"
    with shop.store.reading() as tx:
        assert differences(tx.connection) == []


#: What only looks like a Sku -> how a person is shown the two.
ALIKE = {
    "tea": "'tea' ~ 'TEA'",
    "ТЕА": r"'\u0422\u0415\u0410' ~ 'TEA'",
    "TEA\u200b": r"'TEA\u200b' ~ 'TEA'",
    "Tea\u00a0Pot 2": r"'Tea\xa0Pot 2' ~ 'TEA POT 2'",
}


def test_a_name_that_only_looks_like_a_sku_is_shown_beside_it(shop: Shop) -> None:
    # given a channel that sells under such, where a name that is written nowhere is a Sku of its own
    for number, name in enumerate([*ALIKE, "SAUCER"]):
        shop.record(order(str(number), line(sku=name, units=1)))

    # when they are decided
    shop.decide()

    # then nothing is guessed at, and a person sees what eyes do not
    assert {one["stage"] for one in rows(shop.store, orders)} == {"waiting"}
    told = [one["args"].get("alike") for one in rows(shop.store, cases)]
    assert told == [*ALIKE.values(), None]


def test_a_place_is_told_a_state_in_two_letters_whatever_the_channel_wrote(shop: Shop) -> None:
    asked: list[ShipRequest] = []
    place = shop.places["home-files"]
    wrote = place.request_document

    def keep(request: ShipRequest, *, serial: int) -> bytes:
        asked.append(request)
        return wrote(request, serial=serial)

    place.request_document = keep  # type: ignore[method-assign]
    shop.record(order("1", ship_to=replace(HOME, region="Nevada")))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")

    assert [one.ship_to.region for one in asked] == ["NV"]


# --- what breaks the work itself -----------------------------------------------------------------

BREAKING = {
    "half a letter": order("1", line(sku="CUP \ud83d")),
    "an instant before all time zones": order(
        "1", placed_at=datetime(1, 1, 1, 0, 0, 1, tzinfo=UTC)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKING)
def test_an_order_that_cannot_be_recorded_is_one_case_and_its_page_goes_on(
    shop: Shop, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a page with an order between two good ones that no table takes
    page = (order("0"), BREAKING[name], order("2"))
    batch = Batch(page, "end", raw=(("1", "as it came"),), complete_to=shop.clock.now())
    monkeypatch.setattr(shop.channels[SHOP], "pull_orders", lambda *, since: iter([batch]))

    # when it is pulled, and pulled again
    for _ in range(2):
        pull.pull_orders(shop.run(f"{SHOP}/orders"), SHOP)
    shop.decide()

    # then the others are routed, the walk goes on, and the bad one is told with its raw record
    assert {one["remote_id"]: one["stage"] for one in rows(shop.store, orders)} == {
        "0": "routed", "2": "routed"
    }  # fmt: skip
    assert shop.run(f"{SHOP}/orders").lease.cursor == "end"
    (case,) = rows(shop.store, cases)
    assert (case["kind"], case["subject"]) == ("unreadable_record", f"order {SHOP} 1")
    assert case["payload_id"] is not None


@BOTH
def test_an_order_that_breaks_its_decision_waits_and_the_others_go_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a rule of ours that fails for one order of three
    def broken(one: Order, **known: Any) -> Any:
        if one.remote_id == "2":
            raise OverflowError("date value out of range")
        return review.review(one, **known)

    monkeypatch.setattr(reviewing, "review", broken)
    shop.record(order("1"), order("2"), order("3"))

    # when they are decided
    shop.decide()
    shop.decide()

    # then the others are routed, and the one keeps its units and is told once
    stages = {one["remote_id"]: one["stage"] for one in rows(shop.store, orders)}
    assert stages == {"1": "routed", "2": "new", "3": "routed"}
    assert sum(one["quantity"] for one in rows(shop.store, reservation)) == 3
    (case,) = rows(shop.store, cases)
    assert (case["kind"], case["subject"]) == ("order_undecided", f"order {SHOP} 2")
    assert case["args"]["problem"].startswith("OverflowError in test_bad_orders.py:")

    # and it is decided once the fault is mended and a person closes the Case
    monkeypatch.undo()
    with shop.store.transaction() as tx:
        tx.close_case("order_undecided", case["subject"], by="ann")
    shop.decide()
    assert {one["stage"] for one in rows(shop.store, orders)} == {"routed"}


def test_where_every_order_breaks_the_fault_is_told_as_one_of_the_whole(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(one: Order, **known: Any) -> Any:
        raise KeyError(one.remote_id)

    monkeypatch.setattr(reviewing, "review", broken)
    shop.record(*(order(str(number)) for number in range(decide.MOST_BROKEN + 1)))

    with pytest.raises(KeyError):
        shop.decide()


def test_a_page_that_could_not_be_shown_is_a_case_until_it_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(page: Batch[Order]) -> list[str]:
        monkeypatch.setattr(shop.channels[SHOP], "pull_orders", lambda *, since: iter([page]))
        pull.pull_orders(shop.run(f"{SHOP}/orders"), SHOP)
        return [one["subject"] for one in rows(shop.store, cases) if one["state"] == "open"]

    names = [
        "2026-11-24T12:00:00Z/2026-11-24T12:00:01Z",
        "2026-11-24T13:00:00Z/2026-11-24T13:00:01Z",
    ]
    bad = tuple(Reject("order page", one, "HTTP 500", "{}") for one in names)

    assert walk(Batch((), "a", bad)) == [f"order page {SHOP} {one}" for one in names]
    assert walk(Batch((), "b")) == [f"order page {SHOP} {one}" for one in names]
    assert walk(Batch((), "c", mended=(("order page", names[0]),))) == [
        f"order page {SHOP} {names[1]}"
    ]
