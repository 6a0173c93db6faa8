"""`explain sku` says why a channel does not show what we want, and what comes next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.model.catalog import OfferKey, OfferOutcome, OfferResult
from core.model.purchasing import SupplierItem
from core.rules.modes import Mode
from core.rules.sentences import render
from jobs import publish, pull
from jobs.cli import app
from jobs.clock import ManualClock
from jobs.foreseen import foreseen
from jobs.store.database import Database
from jobs.store.demand import Demands
from jobs.store.migrate import upgrade
from jobs.store.permissions import Permissions
from jobs.store.stock import Stock
from jobs.store.store import Store
from tests.jobs.builders import receipt
from tests.jobs.conftest import BOTH
from tests.jobs.shelf import Shelf, configure, live, put_shelf
from tests.jobs.shop import Shop, open_shop
from tests.jobs.test_availability import set_rate

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

CHANNEL = "shopify-us"
AMAZON = "amazon-us"
OFFER = OfferKey(CHANNEL, "v1", "")


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    """5 TEA are shown as wanted."""
    made = open_shop(store, clock, tmp_path)
    put_shelf(made, Shelf(CHANNEL, clock))
    made.receive("TEA", 5)
    made.list("v1", "TEA")
    live(made, seconds=1200)
    assert made.channels[CHANNEL].shown["v1"] == 5
    return made


def why(shop: Shop, *, channel: str = CHANNEL, sku: str = "TEA") -> list[str]:
    """The codes of what is said of the Sku's only offer there."""
    with shop.store.reading() as tx:
        (reasons,) = foreseen(tx, shop.wiring, channel, sku).values()
    for reason in reasons:
        assert "?" not in render(reason), reason
        assert "?" not in render(reason, "zh"), reason
    return [reason.code for reason in reasons]


def want(shop: Shop, units: int, *, reference: str = "R2") -> None:
    """So many more, decided and not yet written."""
    with shop.store.transaction() as tx:
        Stock(tx).move([receipt("TEA", units, reference=reference)])
    shop.decide()


def test_an_offer_as_wanted_says_nothing(shop: Shop):
    assert why(shop) == []


def test_a_number_about_to_be_written_says_so(shop: Shop):
    want(shop, -2)

    assert why(shop) == ["offer_lowers"]


@pytest.mark.parametrize(
    ("mode", "told"), [(Mode.OBSERVE, "mode_observe"), (Mode.PROPOSE, "mode_propose")]
)
def test_the_mode_that_keeps_it_from_being_written_is_named(shop: Shop, mode: Mode, told: str):
    shop.switch(mode)
    want(shop, -2)

    assert why(shop) == ["offer_lowers", told]


def test_a_sku_outside_the_share_is_named(shop: Shop):
    with shop.store.transaction() as tx:
        Permissions(tx).set_mode(CHANNEL, "offers", Mode.ACT, skus=["CUP"], share=None, by="ann")
    want(shop, -2)

    assert why(shop) == ["offer_lowers", "outside_share"]


@BOTH
def test_a_stop_is_named(shop: Shop):
    with shop.store.transaction() as tx:
        Permissions(tx).stop("*", by="ann")
    want(shop, -2)

    assert why(shop) == ["offer_lowers", "writes_stopped"]


def test_orders_that_are_behind_are_named(shop: Shop):
    # given a channel whose orders show up ten minutes late
    shop.channels[CHANNEL].order_lag = 600.0  # type: ignore[misc]

    # when there is more to be shown
    want(shop, 3)

    # then it waits for them
    assert why(shop) == ["orders_behind"]


def test_a_refusal_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    # given a channel that refuses a number
    want(shop, -2)
    monkeypatch.setattr(
        shop.channels[CHANNEL],
        "push_offers",
        lambda changes, attempt: [
            OfferResult(one.key, OfferOutcome.REFUSED, code="NO", message="no such thing")
            for one in changes
        ],
    )

    # when it is written
    publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)

    # then it is asked no more
    assert why(shop) == ["refused_as_it_is"]


def test_a_repair_that_waits_for_a_person_names_its_case(shop: Shop):
    # given a shop that wants to be asked, and a number set by hand
    configure(shop, unexplained="case")
    shop.channels[CHANNEL].shown["v1"] = 9

    # when it is found
    live(shop)

    # then the Case to settle is named
    assert why(shop) == ["repair_stopped", "stopped_by_case"]
    with shop.store.reading() as tx:
        reason = foreseen(tx, shop.wiring, CHANNEL, "TEA")[OFFER][1]
    assert "Quantities no order explains. `lockstep case approve 1`" in render(reason)


def test_an_unsafe_plan_names_its_case(shop: Shop):
    # given many more offers
    for number in range(40):
        shop.receive(f"G{number}", 3, reference=f"G{number}")
        shop.list(f"g{number}", f"G{number}")
    live(shop, seconds=600)

    # when nearly all of them would go to 0
    with shop.store.transaction() as tx:
        Stock(tx).move([receipt(f"G{n}", -3, reference=f"X{n}") for n in range(40)])
    want(shop, -5)
    publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)

    # then the guard is named, with its numbers
    assert why(shop) == ["offer_lowers", "stopped_by_case", "unsafe_plan"]


def test_units_taken_off_for_orders_we_have_not_heard_of_are_named(shop: Shop):
    # given a thing that sells fast on a channel whose orders stand still
    shop.list("a1", "TEA", channel=AMAZON)
    want(shop, 200)
    set_rate(shop, "TEA", 40.0)
    set_rate(shop, "TEA", 40.0, AMAZON)
    for _ in range(6):
        pull.pull_orders(shop.run(f"{AMAZON}/orders"), AMAZON)
        shop.decide()
        publish.push_offers(shop.run(f"{AMAZON}/offers"), AMAZON)
        shop.clock.advance(300)
    shop.clock.advance(6 * 3600)

    # when another number is due
    publish.push_offers(shop.run(f"{AMAZON}/offers"), AMAZON)
    want(shop, -196, reference="R3")
    assert why(shop, channel=AMAZON) == ["offer_lowers", "unseen_orders"]

    # then it is told before it is written, and afterwards with its time
    for _ in range(2):
        publish.push_offers(shop.run(f"{AMAZON}/offers"), AMAZON)
    pull.pull_orders(shop.run(f"{AMAZON}/orders"), AMAZON)
    assert "unseen_taken_off" in why(shop, channel=AMAZON)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["acme-files: item AC-1, packs of 12, 10 days, DISCONTINUED", "only observes"]),
        ("zh", ["acme-files：货号 AC-1, 每箱 12 件, 交期 10 天, 已停产", "仅观察"]),
    ],
)
def test_the_command_says_it_in_the_language_of_the_shop(
    clock: ManualClock, tmp_path: Path, language: str, words: list[str]
):
    # given a channel that is only observed, and a supplier's terms
    store = Store(Database(f"sqlite:///{tmp_path}/unused.db"), clock)
    upgrade(store.database)
    changes = {"{name: Small shop}": f"{{name: Small shop, language: {language}}}"}
    shop = open_shop(store, clock, tmp_path, changes=changes)
    shop.receive("TEA", 5)
    shop.list("v1", "TEA")
    live_once(shop)
    shop.switch(Mode.OBSERVE)
    want(shop, -2)
    terms = SupplierItem("acme-files", "TEA", "AC-1", 12, lead_days=10, discontinued=True)
    with store.transaction() as tx:
        Demands(tx).set_items([terms])

    # when the Sku is explained
    asked = ["explain", "sku", "TEA", "--channel", CHANNEL, "-c", f"{tmp_path}/lockstep.yaml"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "hush")
        patch.setenv("COLUMNS", "150")
        page = CliRunner().invoke(app, asked)
        machine = CliRunner().invoke(app, [*asked, "--json"])
    store.close()

    # then both are said
    assert page.exit_code == 0, page.output
    assert all(one in page.output for one in words), page.output
    (found,) = json.loads(machine.stdout)["offers"]
    assert [one["code"] for one in found["why"]][-1] == "mode_observe"


def live_once(shop: Shop) -> None:
    shop.decide()
    for _ in range(2):
        pull.pull_orders(shop.run(f"{CHANNEL}/orders"), CHANNEL)
        publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
        shop.clock.advance(60)
