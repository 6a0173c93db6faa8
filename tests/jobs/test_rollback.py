"""Going back to what a channel showed, once, and leaving it alone afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from core.rules.modes import Mode
from jobs import publish, rollback, upkeep
from jobs.clock import ManualClock
from jobs.rollback import CannotRollBack
from jobs.store.offers import Offers
from jobs.store.permissions import Permissions
from jobs.store.rollbacks import Rollbacks
from jobs.store.store import Store
from jobs.store.tables import offer
from tests.jobs.builders import line, order, rows
from tests.jobs.shop import Shop, open_shop

CHANNEL = "shopify-us"


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    """TEA was shown as 12 and CUP as 3 before us; we show 5 and 4."""
    one = open_shop(store, clock, tmp_path)
    with store.transaction() as tx:
        Offers(tx).set_remote_locations(CHANNEL, [])
    for sku, before, units in (("TEA", 12, 5), ("CUP", 3, 4)):
        one.receive(sku, units, reference=sku)
        one.list(f"v-{sku}", sku)
        one.channels[CHANNEL].shown[f"v-{sku}"] = before
    one.decide()
    push(one)
    assert shown(one) == {"v-TEA": 5, "v-CUP": 4}
    return one


def push(shop: Shop) -> None:
    """Three runs of the channel's push, its orders pulled up to now."""
    for _ in range(3):
        shop.clock.advance(600)
        run = shop.run(f"{CHANNEL}/orders")
        with run.transaction() as tx:
            tx.advance("end", complete_to=tx.now)
        with shop.store.transaction() as tx:
            tx.connection.execute(update(offer).values(look_at=tx.now))
        publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)


def shown(shop: Shop) -> dict[str, int | None]:
    return shop.channels[CHANNEL].shown


def go_back(shop: Shop) -> int:
    plan, _, _ = rollback.propose(shop.store, shop.wiring, CHANNEL, by="ann")
    rollback.apply(shop.store, plan, channel=CHANNEL, by="bob")
    return plan


def mode(shop: Shop) -> Mode:
    with shop.store.reading() as tx:
        return Permissions(tx).scope(CHANNEL, "offers").mode


def test_a_plan_says_what_goes_back_and_changes_nothing(shop: Shop) -> None:
    # given a channel we publish to, when going back is planned
    _, changes, unknown = rollback.propose(shop.store, shop.wiring, CHANNEL, by="ann")
    push(shop)

    # then it lists both, and what we know to be there
    assert [(one.sku, one.shown, one.found, one.ours) for one in changes] == [
        ("CUP", 4, 3, 4),
        ("TEA", 5, 12, 5),
    ]
    assert unknown == 0
    assert shown(shop) == {"v-TEA": 5, "v-CUP": 4}
    assert mode(shop) is Mode.ACT


def test_an_applied_plan_is_shown_and_then_only_observed(shop: Shop) -> None:
    # given an applied plan
    go_back(shop)

    # when it was pushed
    push(shop)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()

    # then the channel shows what it showed, and is only observed
    assert shown(shop) == {"v-TEA": 12, "v-CUP": 3}
    assert mode(shop) is Mode.OBSERVE
    with shop.store.reading() as tx:
        assert Rollbacks(tx).in_force() == []
    # what we would show is decided as before, for the comparison
    assert {row["sku"]: row["wanted"] for row in rows(shop.store, offer)} == {"TEA": 5, "CUP": 4}


def test_what_the_old_way_writes_afterwards_is_never_undone(shop: Shop) -> None:
    # given numbers that went back, before anybody looked after it
    go_back(shop)
    push(shop)
    before = list(shop.channels[CHANNEL].writes)

    # when the old system writes its own numbers
    shown(shop)["v-TEA"] = 9
    push(shop)

    # then we write nothing, now and after the end of the rollback
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()
    push(shop)
    assert shown(shop) == {"v-TEA": 9, "v-CUP": 3}
    assert shop.channels[CHANNEL].writes == before


def test_an_order_meanwhile_does_not_change_what_goes_back(shop: Shop) -> None:
    # given an applied plan that is not pushed yet
    go_back(shop)

    # when an order of another channel takes units
    shop.record(order("1", line(units=2), channel="amazon-us"))
    shop.decide()
    push(shop)

    # then the numbers of the plan are shown
    assert shown(shop) == {"v-TEA": 12, "v-CUP": 3}


def test_a_person_who_acts_again_ends_it(shop: Shop) -> None:
    # given numbers that went back
    go_back(shop)
    push(shop)

    # when a person lets Lockstep act again
    shop.switch(Mode.ACT)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()
    push(shop)

    # then our numbers are shown again
    assert shown(shop) == {"v-TEA": 5, "v-CUP": 4}
    assert mode(shop) is Mode.ACT


def test_a_stop_holds_it_back_and_says_so(shop: Shop) -> None:
    with shop.store.transaction() as tx:
        Permissions(tx).stop("*", by="ann")
    plan, _, _ = rollback.propose(shop.store, shop.wiring, CHANNEL, by="ann")

    assert rollback.apply(shop.store, plan, channel=CHANNEL, by="bob") == (2, True)
    push(shop)
    upkeep.look_after(shop.run("core/upkeep"))
    assert shown(shop) == {"v-TEA": 5, "v-CUP": 4}
    assert mode(shop) is Mode.PROPOSE

    with shop.store.transaction() as tx:
        Permissions(tx).resume("*", by="ann")
    push(shop)
    assert shown(shop) == {"v-TEA": 12, "v-CUP": 3}


def test_a_plan_is_applied_once_and_to_its_channel(shop: Shop) -> None:
    plan, _, _ = rollback.propose(shop.store, shop.wiring, CHANNEL, by="ann")
    with pytest.raises(CannotRollBack, match="no rollback plan"):
        rollback.apply(shop.store, plan, channel="amazon-us", by="bob")
    rollback.apply(shop.store, plan, channel=CHANNEL, by="bob")
    with pytest.raises(CannotRollBack, match="no rollback plan"):
        rollback.apply(shop.store, plan, channel=CHANNEL, by="bob")


@pytest.mark.parametrize(
    ("channel", "word"), [("ebay", "no channel"), ("amazon-us", "nothing is known")]
)
def test_what_was_never_read_cannot_go_back(shop: Shop, channel: str, word: str) -> None:
    with pytest.raises(CannotRollBack, match=word):
        rollback.propose(shop.store, shop.wiring, channel, by="ann")
