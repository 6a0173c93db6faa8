"""Quantities reach what is wanted, whatever happened before, and never what is not ours (I5, I6, I10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model.catalog import FulfilledBy, OfferOutcome, OfferResult
from core.rules.modes import Mode
from jobs import approve, publish, pull
from jobs.clock import ManualClock
from jobs.run import Stopped
from jobs.store.plans import Plans
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import cases, offer
from tests.jobs.builders import receipt, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

CHANNEL = "shopify-us"


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path)
    made.receive("TEA", 5)
    return made


def work(shop: Shop, *, seconds: float = 600, step: float = 30) -> None:
    """Orders are complete, offers are looked at, time passes."""

    for _ in range(int(seconds / step)):
        pull.pull_orders(shop.run(f"{CHANNEL}/orders"), CHANNEL)
        shop.decide()
        publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
        shop.clock.advance(step)


def test_a_listing_that_amazon_fulfills_now_gets_no_quantity_from_us(shop: Shop):
    # given a listing that shows our number
    shop.list("v1", "TEA")
    work(shop)
    assert shop.channels[CHANNEL].shown["v1"] == 5

    # when somebody else fulfills it, and our stock moves
    shop.list("v1", "TEA", fulfilled_by=FulfilledBy.AMAZON)
    shop.channels[CHANNEL].shown["v1"] = 40
    shop.receive("TEA", 1, reference="R2")
    work(shop, seconds=2 * 86_400, step=3600)

    # then its number is left alone
    assert shop.channels[CHANNEL].shown["v1"] == 40
    assert shop.channels[CHANNEL].writes == [("v1", 5)]

    # and it is ours again when it comes back
    shop.list("v1", "TEA")
    work(shop)
    assert shop.channels[CHANNEL].shown["v1"] == 6


def test_a_listing_that_is_called_something_unknown_gets_no_quantity_from_us(shop: Shop):
    # given a listing that shows our number
    shop.list("v1", "TEA")
    work(shop)

    # when its Sku is taken from it, and our stock moves
    shop.list("v1", "")
    shop.channels[CHANNEL].shown["v1"] = 40
    work(shop, seconds=2 * 86_400, step=3600)

    # then its number is left alone
    assert shop.channels[CHANNEL].shown["v1"] == 40


@BOTH
def test_a_mode_that_changes_while_offers_are_looked_at_forgets_none(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    # given an offer that waits in observe
    shop.switch(Mode.OBSERVE)
    shop.list("v1", "TEA")
    work(shop, seconds=30)
    shop.decide()

    # when the mode becomes act between the look and the record of it
    barred = publish.barred

    def slow(row: object, scope: object) -> object:
        found = barred(row, scope)  # type: ignore[arg-type]
        shop.switch(Mode.ACT)
        return found

    monkeypatch.setattr(publish, "barred", slow)
    with shop.store.database.write() as connection:
        connection.execute(offer.update().values(look_at=shop.clock.now()))
    publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
    monkeypatch.undo()
    every = shop.wiring.config.pace.offers_read.total_seconds()
    work(shop, seconds=2 * every, step=every / 10)

    # then the offer is written all the same, in time
    assert shop.channels[CHANNEL].shown["v1"] == 5


def test_a_stop_is_asked_for_again_just_before_the_call_and_so_is_the_mode(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    # given an offer about to be written
    shop.list("v1", "TEA")
    work(shop, seconds=30)
    shop.receive("TEA", -2, reference="R2")
    shop.decide()
    target = shop.channels[CHANNEL]
    before = list(target.writes)

    # when the mode goes to observe after it was looked at
    barred = publish.barred

    def slow(row: object, scope: object) -> object:
        found = barred(row, scope)  # type: ignore[arg-type]
        shop.switch(Mode.OBSERVE)
        return found

    monkeypatch.setattr(publish, "barred", slow)
    for _ in range(3):
        try:
            publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
        except Stopped:
            break

    # then nothing is written
    assert target.writes == before


def test_an_offer_the_remote_says_nothing_about_is_not_asked_for_without_end(shop: Shop):
    # given an offer that readings leave out
    shop.list("v1", "TEA")
    shop.decide()
    remote = shop.channels[CHANNEL]
    remote.silent.add("v1")

    # when its channel is looked at again and again at the same instant
    for _ in range(5):
        publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)

    # then it was asked once, and is asked again later
    assert remote.reads == 1
    remote.silent.clear()
    work(shop)
    assert remote.shown["v1"] == 5


@BOTH
def test_an_approval_is_used_up_once_the_plan_it_was_given_for_is_out(shop: Shop):
    # given a channel where everything sells out at once, and a person who lets that out
    goods = [f"G{number:02}" for number in range(40)]
    for sku in goods:
        shop.receive(sku, 3)
        shop.list(f"v-{sku}", sku)
    work(shop)
    with shop.store.transaction() as tx:
        Stock(tx).move([receipt(sku, -3, reference="lost") for sku in goods])
    work(shop)
    (case,) = [row for row in rows(shop.store, cases) if row["kind"] == "unsafe_plan"]
    assert shop.channels[CHANNEL].shown["v-G00"] == 3
    with shop.store.transaction() as tx:
        (row,) = tx.rows(cases.select().where(cases.c.id == case["id"]))
        assert approve.approve(tx, row, by="tester", note=None)
    work(shop)
    assert shop.channels[CHANNEL].shown["v-G00"] == 0

    # when the same happens another day
    with shop.store.reading() as tx:
        assert not Plans(tx).approved("offers", CHANNEL)
    with shop.store.transaction() as tx:
        Stock(tx).move([receipt(sku, 3, reference="back") for sku in goods])
    work(shop)
    with shop.store.transaction() as tx:
        Stock(tx).move([receipt(sku, -3, reference="lost again") for sku in goods])
    work(shop)

    # then it waits for a person again
    assert shop.channels[CHANNEL].shown["v-G00"] == 3


@BOTH
def test_a_refusal_is_no_case_any_more_once_a_later_number_was_taken(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    # given a number that was refused
    shop.list("v1", "TEA")
    remote = shop.channels[CHANNEL]
    with monkeypatch.context() as patch:
        patch.setattr(
            remote,
            "push_offers",
            lambda changes, attempt: [
                OfferResult(one.key, OfferOutcome.REFUSED, code="X") for one in changes
            ],
        )
        work(shop)
    assert [row["state"] for row in rows(shop.store, cases)] == ["open"]

    # when the want changes and the channel takes it
    shop.receive("TEA", 1, reference="R2")
    work(shop)

    # then the Case is closed
    assert remote.shown["v1"] == 6
    assert [row["state"] for row in rows(shop.store, cases)] == ["closed"]
