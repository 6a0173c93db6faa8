"""Orders' units are held from the moment they are known (I3), through every turn they take."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.rules.modes import Mode
from jobs.clock import ManualClock
from jobs.store.orders import Orders
from jobs.store.store import Store
from jobs.store.tables import decision, reservation
from tests.jobs.builders import line, minutes, number_of, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return open_shop(store, clock, tmp_path)


def held(shop: Shop) -> dict[str, list[tuple[str | None, int]]]:
    """Order -> (location, units) of its open reservations."""
    with shop.store.reading() as tx:
        found: dict[str, list[tuple[str | None, int]]] = {}
        for row in tx.rows(select(reservation).where(reservation.c.state == "open")):
            (record,) = Orders(tx).load([row.order_id])
            found.setdefault(record.order.remote_id, []).append((row.location, row.quantity))
        return found


def stage(shop: Shop, remote_id: str) -> str:
    with shop.store.reading() as tx:
        (record,) = Orders(tx).load([number_of(shop.store, order(remote_id))])
        return str(record.stage)


@BOTH
def test_an_order_routed_while_observing_holds_its_units_once(shop: Shop):
    # given an order decided in observe
    shop.switch(Mode.OBSERVE)
    shop.receive("TEA", 5)
    shop.record(order("1"))
    shop.decide()

    # when the channel shows it again, changed
    shop.record(order("1", updated_at=minutes(1), tags=("vip",)))
    shop.decide()

    # then its one unit is held once
    assert held(shop) == {"1": [("home", 1)]}


def test_units_that_a_cancellation_frees_go_to_the_order_that_waits(shop: Shop):
    # given one unit, held by one order while another waits
    shop.receive("TEA", 1)
    shop.record(order("1"))
    shop.record(order("2"))
    shop.decide()
    assert (stage(shop, "1"), stage(shop, "2")) == ("routed", "waiting")

    # when the first is canceled
    shop.record(order("1", updated_at=minutes(1), canceled_at=minutes(1)))
    shop.decide()

    # then the second is routed
    assert stage(shop, "2") == "routed"
    assert held(shop) == {"2": [("home", 1)]}


def test_units_that_are_counted_go_to_the_order_that_waits(shop: Shop):
    # given an order that waits
    shop.record(order("1"))
    shop.decide()
    assert stage(shop, "1") == "waiting"

    # when units come in, whatever the way
    shop.receive("TEA", 1)
    shop.decide()

    # then it is routed
    assert stage(shop, "1") == "routed"


def test_a_new_order_takes_no_unit_that_an_older_one_waits_for(shop: Shop):
    # given an older order without units, held for a person
    shop.record(order("1", test=True))
    shop.decide()

    # when units come and a new order is recorded before anything is decided
    shop.receive("TEA", 1)
    shop.record(order("2"))
    shop.decide()

    # then the older one has the unit, although it is held
    assert held(shop) == {"1": [("home", 1)], "2": [(None, 1)]}


def test_a_cancellation_on_the_page_of_a_new_order_frees_its_units_for_the_older_one(shop: Shop):
    # given one unit held, and an order that waits
    shop.receive("TEA", 1)
    shop.record(order("1"))
    shop.record(order("2", test=True))
    shop.decide()

    # when one page brings the cancellation and a new order
    shop.record(order("1", updated_at=minutes(1), canceled_at=minutes(1)), order("3"))
    shop.decide()

    # then the older order is served first
    assert held(shop) == {"2": [("home", 1)], "3": [(None, 1)]}


def test_a_place_that_refuses_leaves_no_moment_without_the_order_s_claim(shop: Shop):
    # given an order requested from a place
    from core.model.fulfillment import AcknowledgmentStatus

    shop.receive("TEA", 1)
    shop.record(order("1"))
    shop.decide()

    # when the place refuses and nothing is decided yet
    shop.answer("shopify-us:1:F1", AcknowledgmentStatus.REJECTED)

    # then the unit is still asked for, and by this order
    assert held(shop) == {"1": [(None, 1)]}
    assert [row["state"] for row in rows(shop.store, reservation)] == ["released", "open"]


@BOTH
def test_an_unshipped_unit_stays_held_when_a_gross_figure_follows_a_part(shop: Shop):
    # given two units requested from a place that says what is on its shelf
    shop.snapshot(("TEA", 5), at=minutes(-10))
    shop.record(order("1", line(units=2)))
    shop.decide()

    # when one leaves and the next figure counts the shelf
    shop.clock.advance(60)
    shop.ship("shopify-us:1:F1", ("TEA", 1), through="acme-files")
    shop.clock.advance(60)
    shop.snapshot(("TEA", 4), at=shop.clock.now(), name="later.csv")

    # then the other is still kept
    assert held(shop) == {"1": [("acme", 1)]}


# --- places that must not ship, or cannot now ----------------------------------------------------

ACME = "counted_by: acme-files, basis: gross,"


def open_with(store: Store, clock: ManualClock, folder: Path, *, acme: str = "", more: str) -> Shop:
    """A shop whose supplier is asked before its own shelf, and has plenty."""
    changes = {ACME: f"{ACME} {acme}", "{priority: 10": "{priority: 30"}
    shop = open_shop(store, clock, folder, changes={**changes, "skus:\n": f"{more}skus:\n"})
    shop.snapshot(("TEA", 50), ("CUP", 50), at=clock.now())
    return shop


def reasons(shop: Shop) -> list[str]:
    return [row["code"] for row in rows(shop.store, decision)]


NOT_HERE = """\
policies:
  - {name: not here, locations: [acme], channels: [shopify-us], sell: false}
"""


@BOTH
def test_a_supplier_that_must_not_sell_on_a_channel_gets_none_of_its_orders(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given one unit on our shelf, and many where the channel may not have them
    shop = open_with(store, clock, tmp_path, more=NOT_HERE)
    shop.receive("TEA", 1)

    # when two are bought there, a kit as well, and one on another channel
    shop.record(order("1"), order("2"), order("3", line(sku="GIFT")))
    shop.record(order("4", channel="amazon-us"))
    shop.decide()

    # then the one that we have is sent, and the others wait rather than go to the supplier
    assert [stage(shop, number) for number in "123"] == ["routed", "waiting", "waiting"]
    assert held(shop) == {
        "1": [("home", 1)], "2": [(None, 1)], "3": [(None, 1), (None, 1)], "4": [("acme", 1)],
    }  # fmt: skip
    assert reasons(shop).count("allocated_barred") == 3


def test_a_policy_that_ends_lets_the_orders_that_waited_have_the_units(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given kits that wait in a season in which the supplier must not send them
    season = """\
seasons:
  - {name: feast, first: 2026-11-20, last: 2026-11-24, policies: [
      {name: ours only, locations: [acme], sell: false}]}
"""
    shop = open_with(store, clock, tmp_path, more=season)
    shop.list("gift", "GIFT")
    shop.runner.run("core/dates")
    shop.record(order("1", line(sku="GIFT")))
    shop.decide()
    assert stage(shop, "1") == "waiting"

    # when the season is over
    clock.advance(86_400)
    shop.runner.run("core/dates")
    shop.decide()

    # then the supplier sends them
    assert stage(shop, "1") == "routed"
    assert held(shop) == {"1": [("acme", 1), ("acme", 1)]}


CLOSED = "calendar: china, closing: {show: zero, notice: 3},"
DAYS = "calendars: {china: {closed: [{first: %s, last: 2026-12-04}]}}\n"


def test_a_closed_place_is_asked_only_for_what_no_open_one_has(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a supplier that is closed, and one unit on our shelf
    shop = open_with(store, clock, tmp_path, acme=CLOSED, more=DAYS % "2026-11-20")
    shop.receive("TEA", 1)

    # when two are bought
    shop.record(order("1"), order("2"))
    shop.decide()

    # then ours goes first; the other is claimed where it is, with the last day of its rest (a Sunday)
    assert held(shop) == {"1": [("home", 1)], "2": [("acme", 1)]}
    [closed] = [row for row in rows(shop.store, decision) if row["code"] == "allocated_closed"]
    assert (closed["subject"], closed["args"]) == (
        "order shopify-us 2", {"location": "acme", "last": "2026-12-06"},
    )  # fmt: skip


def test_a_place_that_closes_soon_still_ships(store: Store, clock: ManualClock, tmp_path: Path):
    # given a supplier whose units are not shown any more, because it closes tomorrow
    shop = open_with(store, clock, tmp_path, acme=CLOSED, more=DAYS % "2026-11-25")
    shop.receive("TEA", 1)

    # when one is bought all the same
    shop.record(order("1"))
    shop.decide()

    # then it is asked in its turn
    assert held(shop) == {"1": [("acme", 1)]}
    assert "allocated_closed" not in reasons(shop)
