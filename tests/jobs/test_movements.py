"""What people move: with a reason, a name, and never more than is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from config.load import load
from core.model.stock import MovementKind
from jobs import movements
from jobs.bootstrap import wire
from jobs.clock import ManualClock
from jobs.movements import CannotMove, Moving
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import audit, movement, stock_level, transfer
from jobs.store.transfers import Transfers
from tests.jobs.builders import line, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    """Two shelves of ours, `home` and `annex`, and one that acme counts."""
    path = tmp_path / "lockstep.yaml"
    one = open_shop(store, clock, tmp_path)
    text_ = path.read_text().replace(
        "  acme: {priority", "  annex: {priority: 15}\n  acme: {priority"
    )
    path.write_text(text_)
    return open_shop_again(one, path)


def open_shop_again(shop: Shop, path: Path) -> Shop:
    """The same shop with what stands in the file now."""
    wiring = wire(load(path, environment={"SECRET": "hush"}), shop.store)
    connectors = {**wiring.connectors, **shop.channels, **shop.places}
    return Shop(
        shop.store, shop.clock, replace(wiring, connectors=connectors), shop.channels, shop.places
    )


def moving(
    units: int,
    kind: MovementKind = MovementKind.ADJUSTMENT,
    *,
    sku: str = "TEA",
    location: str = "home",
    cause: str = "found",
    reference: str = "",
) -> Moving:
    return Moving(kind, sku, location, units, cause, "ann", reference=reference, note="by the door")


def move(shop: Shop, asked: Moving, *, anyway: bool = False) -> int:
    return movements.move(shop.store, shop.wiring, asked, anyway=anyway).on_hand


def shelves(shop: Shop, sku: str = "TEA") -> dict[str, tuple[int, int]]:
    """Location -> (on hand, on its way there); proved against the ledger."""
    with shop.store.reading() as tx:
        assert Stock(tx).verify() == []
    return {
        row["location"]: (row["on_hand"], row["in_transit"])
        for row in rows(shop.store, stock_level)
        if row["sku"] == sku
    }


def test_a_movement_says_who_and_why(shop: Shop) -> None:
    # given nothing, when ten are received and three found
    move(shop, moving(10, MovementKind.RECEIPT, cause="purchase", reference="DN-7"))
    assert move(shop, moving(3)) == 13

    # then the ledger and the audit trail say it
    told = [
        (row["kind"], row["quantity"], row["cause"], row["person"], row["note"])
        for row in rows(shop.store, movement)
    ]
    assert told == [
        ("receipt", 10, "purchase", "ann", "by the door"),
        ("adjustment", 3, "found", "ann", "by the door"),
    ]
    assert [row["action"] for row in rows(shop.store, audit)][-2:] == [
        "stock receipt",
        "stock adjustment",
    ]
    assert shelves(shop) == {"home": (13, 0)}


def test_a_delivery_note_is_received_once(shop: Shop) -> None:
    asked = moving(10, MovementKind.RECEIPT, cause="purchase", reference="DN-7")
    move(shop, asked)

    with pytest.raises(CannotMove, match="written down already"):
        move(shop, asked)
    assert shelves(shop) == {"home": (10, 0)}


@BOTH
@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (moving(1, location="acme"), "counted by acme-files"),
        (moving(1, location="moon"), "no location 'moon'"),
        (moving(1, sku="TAE"), "nobody knows"),
        (moving(1, sku="GIFT"), "is a Kit"),
        (moving(-1), "cannot leave home"),
    ],
)
def test_what_cannot_be_is_refused_in_words(shop: Shop, asked: Moving, word: str) -> None:
    with pytest.raises(CannotMove, match=word):
        move(shop, asked)
    assert rows(shop.store, movement) == []


def test_reasons_are_the_shops_own_where_it_lists_them(shop: Shop) -> None:
    ledger = shop.wiring.config.ledger.model_copy(update={"reasons": ("recount",)})
    config = shop.wiring.config.model_copy(update={"ledger": ledger})
    wiring = replace(shop.wiring, loaded=replace(shop.wiring.loaded, config=config))

    with pytest.raises(CannotMove, match="recount"):
        movements.move(shop.store, wiring, moving(1))
    movements.move(shop.store, wiring, moving(1, cause="recount"))


def test_below_nothing_needs_an_explicit_word(shop: Shop) -> None:
    move(shop, moving(2))

    with pytest.raises(CannotMove, match="--anyway"):
        move(shop, moving(-3, cause="missing"))
    assert move(shop, moving(-3, cause="missing"), anyway=True) == -1


def test_a_broken_unit_is_gone_although_an_order_holds_it(shop: Shop) -> None:
    # given one unit, held for an order that waits for a person
    move(shop, moving(1))
    shop.record(order("1", line(units=1), test=True))
    shop.decide()

    # when it breaks
    move(shop, moving(-1, MovementKind.DAMAGE, cause="broken"))
    shop.decide()

    # then the order's unit is promised by no shelf
    with shop.store.reading() as tx:
        assert Stock(tx).unallocated(["TEA"])["TEA"] == 1
    assert shelves(shop) == {"home": (0, 0)}


def send(
    shop: Shop, units: int, *, to: str = "annex", later: bool = False, anyway: bool = False
) -> int:
    asked = moving(units, MovementKind.TRANSFER, cause="move")
    return movements.transfer(
        shop.store, shop.wiring, asked, to=to, on_the_way=later, anyway=anyway
    )


def test_a_transfer_is_two_movements_at_once(shop: Shop) -> None:
    move(shop, moving(5))

    send(shop, 2)

    assert shelves(shop) == {"home": (3, 0), "annex": (2, 0)}
    assert rows(shop.store, transfer)[0]["state"] == "closed"


@BOTH
def test_units_on_their_way_are_on_no_shelf_until_somebody_says_so(shop: Shop) -> None:
    # given five that left for the annex
    move(shop, moving(7))
    number = send(shop, 5, later=True)
    assert shelves(shop) == {"home": (2, 0), "annex": (0, 5)}

    # when three arrive, and the rest never will
    assert movements.arrive(shop.store, number, 3, person="bob", rest_lost=False) == (3, 0, 2)
    assert shelves(shop) == {"home": (2, 0), "annex": (3, 2)}
    assert movements.arrive(shop.store, number, 0, person="bob", rest_lost=True) == (3, 2, 0)

    # then nothing is on its way, and it cannot arrive again
    assert shelves(shop) == {"home": (2, 0), "annex": (3, 0)}
    with pytest.raises(CannotMove, match="not on its way"):
        movements.arrive(shop.store, number, 1, person="bob", rest_lost=False)
    with shop.store.reading() as tx:
        assert Transfers(tx).on_the_way() == []


def test_more_than_was_sent_cannot_arrive(shop: Shop) -> None:
    move(shop, moving(5))
    number = send(shop, 2, later=True)

    with pytest.raises(CannotMove, match="2 of TEA are on their way"):
        movements.arrive(shop.store, number, 3, person="bob", rest_lost=False)
    with pytest.raises(CannotMove, match="not on its way"):
        movements.arrive(shop.store, 99, 1, person="bob", rest_lost=False)


def test_a_remotes_own_figure_tells_what_arrived_there(shop: Shop) -> None:
    # given units sent to a place that acme counts
    move(shop, moving(5))
    number = send(shop, 2, to="acme", later=True)
    assert shelves(shop) == {"home": (3, 0), "acme": (0, 2)}

    # when they arrive, then its ledger has no line of ours
    movements.arrive(shop.store, number, None, person="bob", rest_lost=False)
    assert shelves(shop) == {"home": (3, 0), "acme": (0, 0)}


@pytest.mark.parametrize(("to", "word"), [("moon", "no location"), ("home", "already")])
def test_a_transfer_goes_somewhere_else(shop: Shop, to: str, word: str) -> None:
    move(shop, moving(5))
    with pytest.raises(CannotMove, match=word):
        send(shop, 1, to=to)


def test_a_transfer_leaves_what_orders_hold(shop: Shop) -> None:
    # given two units, one of them held
    move(shop, moving(2))
    shop.record(order("1", line(units=1), test=True))

    # when both are to leave, then only an explicit word lets them
    with pytest.raises(CannotMove, match="held for orders"):
        send(shop, 2)
    send(shop, 1)
    send(shop, 1, anyway=True)

    # and the order is served from where they went
    shop.decide()
    assert shelves(shop) == {"home": (0, 0), "annex": (2, 0)}
    with shop.store.reading() as tx:
        held = {one.location: one.committed for one in Stock(tx).levels(["TEA"])["TEA"]}
        waiting = Stock(tx).unallocated(["TEA"])["TEA"]
    assert held["home"] == 0
    assert held["annex"] + waiting == 1


@BOTH
def test_nobody_changes_what_the_ledger_says(shop: Shop) -> None:
    move(shop, moving(2))

    for change in (update(movement).values(quantity=9), delete(movement)):
        with pytest.raises(DBAPIError, match="append-only"), shop.store.transaction() as tx:
            tx.connection.execute(change)
    assert shelves(shop) == {"home": (2, 0)}


@BOTH
def test_a_balance_that_was_tampered_with_is_found(shop: Shop) -> None:
    move(shop, moving(5))
    number = send(shop, 2, later=True)
    with shop.store.transaction() as tx:
        tx.connection.execute(
            text("UPDATE stock_level SET in_transit = 1 WHERE location = 'annex'")
        )
        tx.connection.execute(text("UPDATE transfer SET quantity = 3, arrived = 1"))

    with shop.store.reading() as tx:
        found = {(one.field, one.kept, one.recomputed) for one in Stock(tx).verify()}

    assert found == {
        ("in_transit", 1, 2),
        (f"transfer {number} left", 3, 2),
        (f"transfer {number} arrived", 1, 0),
    }
