"""Orders are recorded once, and only forward (I1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from core.model.fulfillment import FulfillmentState
from core.model.orders import Address, Hold, OrderStage, PaymentStatus
from core.model.reasons import Reason
from jobs.store.effects import Effects, Intent
from jobs.store.orders import NewFulfillment, OrderRecord, Orders, Overtaken
from jobs.store.store import Store
from jobs.store.tables import effect, fulfillment, hold, order_line, orders, party
from tests.jobs.builders import (
    HOME,
    NOON,
    SHOP,
    line,
    many,
    minutes,
    number_of,
    order,
    record,
    resolved,
    rows,
)
from tests.jobs.conftest import Open


def load(store: Store, remote_id: str = "5501") -> OrderRecord:
    with store.reading() as tx:
        number = Orders(tx).find(SHOP, remote_id)
        assert number is not None
        return Orders(tx).load([number])[0]


def settle(store: Store, number: int, stage: OrderStage = OrderStage.ROUTED) -> None:
    with store.transaction() as tx:
        Orders(tx).settle([(number, stage, False)])


def undecided(store: Store) -> list[int]:
    with store.transaction() as tx:
        return Orders(tx).undecided(limit=10)


def test_an_order_comes_back_as_it_was_recorded(store: Store) -> None:
    one = order(
        "5501", line("L1", units=2), line("L2", sku="MUG", unit_price=None),
        tags=("gift", "VIP"), attributes={"source": "web"}, service="Standard", ship_by=minutes(60),
        payment=PaymentStatus.AUTHORIZED, presentment_currency="CAD", canceled_at=minutes(-5),
    )  # fmt: skip

    changed = record(store, one)

    assert load(store).order == one
    assert changed == [load(store).id] == undecided(store)


def test_a_repeated_page_is_a_no_op(store: Store) -> None:
    page = [order("1"), order("2", line("L1", units=3))]
    for number in record(store, *page):
        settle(store, number)

    again = record(store, *page)

    assert again == []
    assert undecided(store) == []
    assert load(store, "1").stage is OrderStage.ROUTED


def test_an_older_version_never_replaces_a_newer_one(store: Store) -> None:
    newer = order("5501", line(current=0), updated_at=minutes(9), canceled_at=minutes(8))
    older = order("5501", line(units=7), updated_at=minutes(2), ship_to=replace(HOME, city="Elko"))
    settle(store, record(store, newer)[0])

    changed = record(store, older)

    assert changed == []
    assert load(store).order == newer
    assert undecided(store) == []


def test_of_two_versions_in_one_page_the_newer_counts_whatever_their_order(store: Store) -> None:
    newer, older = order("1", updated_at=minutes(2), name="new"), order("1", name="old")

    changed = record(store, newer, older)

    assert len(changed) == 1
    assert load(store, "1").order.name == "new"


def test_a_change_in_the_same_second_is_taken(store: Store) -> None:
    settle(store, record(store, order("5501", line(units=2)))[0])

    changed = record(store, order("5501", line(units=2, current=1)))

    assert changed == undecided(store) == [load(store).id]
    assert load(store).order.lines[0].current == 1


def test_a_line_that_is_no_longer_shown_keeps_its_row(store: Store) -> None:
    record(store, order("5501", line("L1"), line("L2", sku="MUG")))

    record(store, order("5501", line("L1"), updated_at=minutes(1)))

    assert {row["remote_id"] for row in rows(store, order_line)} == {"L1", "L2"}


def test_an_address_that_is_no_longer_shown_is_not_taken_away(store: Store) -> None:
    record(store, order())

    record(store, order(ship_to=None, updated_at=minutes(1)))

    assert load(store).order.ship_to == HOME


def test_a_corrected_address_makes_the_order_be_decided_again(store: Store) -> None:
    settle(store, record(store, order())[0])

    changed = record(store, order(ship_to=replace(HOME, line2="Apt 4")))

    assert changed == undecided(store)
    assert load(store).order.ship_to == replace(HOME, line2="Apt 4")


def test_personal_data_is_in_one_table_only(store: Store) -> None:
    secret = Address(name="Zyxwv", line1="77 Hidden Ln", phone="555-7777", email="z@example.test")
    record(store, order(ship_to=secret))

    from jobs.store.tables import metadata

    for table in metadata.sorted_tables:
        if table is not party:
            assert not any(
                word in str(row)
                for row in rows(store, table)
                for word in ("Zyxwv", "Hidden", "555-7")
            )
    assert "Zyxwv" not in repr(load(store).order)


def test_units_that_others_shipped_stay_off_our_ledger_when_the_page_is_repeated(
    store: Store,
) -> None:
    number = record(store, order("5501", line(units=3)))[0]
    with store.transaction() as tx:
        Orders(tx).set_external(number, {"L1": 2})
    settle(store, number)

    repeated = record(store, order("5501", line(units=3)))
    record(store, order("5501", line(units=3, fulfilled=2), updated_at=minutes(1)))

    assert repeated == []
    assert load(store).external == {"L1": 2}


def test_two_workers_with_the_same_page_record_it_once(store: Store, open_store: Open) -> None:
    workers = [store, open_store(), open_store(), open_store()]
    page = [order(str(n), line("L1"), line("L2", sku="MUG")) for n in range(60)]

    def work(number: int) -> int:
        mine = page if number % 2 else page[::-1]
        with workers[number].transaction() as tx:
            return len(Orders(tx).record(mine, resolve=resolved(*mine)))

    found = many(4, work)

    assert sorted(found) == [0, 0, 0, 60]
    assert len(rows(store, orders)) == 60
    assert len(rows(store, order_line)) == 120


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_order_that_changes_while_it_is_decided_keeps_its_mark(store: Store) -> None:
    number = record(store, order())[0]
    with ThreadPoolExecutor(1) as pool:
        with store.transaction() as tx:
            deciding = Orders(tx)
            assert deciding.undecided(limit=5) == [number]
            deciding.load([number])
            change = pool.submit(
                record, store, order(canceled_at=minutes(1), updated_at=minutes(1))
            )
            # Nothing but our commit lets it through; without the lock it would be done by now.
            assert wait([change], timeout=0.5).not_done
            deciding.settle([(number, OrderStage.ROUTED, False)])
        assert change.result(timeout=20) == [number]

    assert undecided(store) == [number]


def test_an_order_is_routed_once_and_a_request_under_way_is_not_canceled(store: Store) -> None:
    number = record(store, order())[0]
    made = load(store)
    with store.transaction() as tx:
        Orders(tx).add_fulfillments([
            NewFulfillment(made.id, 1, "home", "shopify-us:5501:F1", False, [("L1", "TEA", 1, 1)])
        ])  # fmt: skip
        Effects(tx).plan([
            Intent("request", "acme", SHOP, made.subject, number, 1, "shopify-us:5501:F1", "x")
        ])  # fmt: skip
        live = Effects(tx).live("acme", "request")[0]
        Effects(tx).sending(live, settle_until=minutes(1), fence=1)

    with pytest.raises(Overtaken), store.transaction() as tx:
        Orders(tx).cancel_fulfillments([(number, 1)])

    assert rows(store, fulfillment)[0]["state"] == FulfillmentState.PLANNED
    assert rows(store, effect)[0]["state"] == "sending"
    with store.transaction() as tx:
        tx.connection.execute(update(effect).values(state="planned"))
        Orders(tx).cancel_fulfillments([(number, 1)])
    assert load(store).fulfillments[0].state is FulfillmentState.CANCELED
    assert rows(store, effect)[0]["state"] == "canceled"


def test_a_hold_opens_closes_when_its_cause_goes_and_opens_again(store: Store) -> None:
    record(store, order())
    unpaid = Hold(Reason.of("unpaid", status="pending"))

    def put(*holds: Hold) -> set[str]:
        with store.transaction() as tx:
            Orders(tx).set_holds([(load_in(tx), holds)])
        return set(load(store).open_holds)

    def load_in(tx: object) -> OrderRecord:
        return load(store)

    assert put(unpaid) == {"unpaid"}
    assert put() == set()
    assert load(store).released_holds == {}, "nobody released it: its cause went"
    assert put(unpaid) == {"unpaid"}
    assert len(rows(store, hold)) == 1


def test_what_was_decided_in_observe_is_forgotten(store: Store) -> None:
    number = record(store, order())[0]
    made = load(store)
    with store.transaction() as tx:
        Orders(tx).add_fulfillments([
            NewFulfillment(made.id, 1, "home", "k1", True, [("L1", "TEA", 1, 1)]),
            NewFulfillment(made.id, 2, "home", "k2", False, [("L1", "TEA", 1, 1)]),
        ])  # fmt: skip

        Orders(tx).drop_shadow([number])

    assert [one.number for one in load(store).fulfillments] == [2]
    with store.reading() as tx:
        assert tx.rows(select(fulfillment.c.shadow)) == [(False,)]
    assert number_of(store, order()) == number
    assert load(store).recorded_at == NOON
