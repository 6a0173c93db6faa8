"""What a buyer gets in place of what comes back: held at once, sent once, and never beside money."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from core.model.returns import (
    Disposition,
    ExchangedLine,
    RefundedLine,
    Resolution,
    ReturnReason,
    ReturnState,
    ReturnStatus,
)
from jobs import cancel, push, returned, returns
from jobs.clock import ManualClock
from jobs.store.proof import differences
from jobs.store.returns import ReturnRecord, Returns
from jobs.store.stock import Stock
from jobs.store.store import Store
from tests.jobs.builders import SHOP
from tests.jobs.shop import Shop
from tests.jobs.till import (
    announced,
    back,
    inspect,
    look,
    on_hand,
    open_till,
    order_named,
    paid_elsewhere,
    pay,
    receive,
    sold,
    till,
    told,
    usd,
)

# The statements are those of tests/jobs/test_returns.py, which runs on both.
DATABASES = ["sqlite"]


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_till(store, clock, tmp_path, more="returns: {approve_above: '50.00'}\n")
    sold(made)
    return made


def exchange(
    shop: Shop, sku: str = "CUP", cents: int = 1999, units: int = 1, instead: int = 0
) -> ReturnRecord:
    asked = returns.Opening(
        order="#1", units={"TEA": units}, reason=ReturnReason.FIT,
        resolution=Resolution.REPLACEMENT,
        instead=(ExchangedLine("1", sku, "", instead or units, usd(cents)),),
    )  # fmt: skip
    with shop.store.transaction() as tx:
        made = returns.open_return(tx, shop.wiring, asked, by="ann", note="called")
    work(shop)
    return made


def work(shop: Shop) -> None:
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    push.push_confirmations(shop.run("shopify-us/shipments"), "shopify-us")
    pay(shop)


def requested(shop: Shop) -> list[str]:
    """Keys of what places were asked for, by their own book."""
    return sorted(shop.places["home-files"].received)


def free(shop: Shop, sku: str) -> int:
    with shop.store.reading() as tx:
        return sum(one.available for one in Stock(tx).levels([sku])[sku])


def order_returns(shop: Shop, name: str) -> list[str]:
    with shop.store.reading() as tx:
        return [one.rma for one in Returns(tx).of_order(order_named(shop, name).id)]


def replacement(one: ReturnRecord) -> str:
    return f"#1-{one.rma}"


def test_a_replacement_is_held_at_once_and_sent_when_the_units_are_here(shop: Shop) -> None:
    # given an exchange that a person opened
    made = exchange(shop)
    assert free(shop, "CUP") == 49
    assert set(order_named(shop, replacement(made)).open_holds) == {"return_awaited"}
    assert requested(shop) == ["shopify-us:1:F1"]

    # when what it replaces is here
    receive(shop, made.rma)
    work(shop)

    # then it is asked for once, shipped as any order, and told to no channel
    key = f"shopify-us:1:{made.rma}:F1"
    assert requested(shop) == ["shopify-us:1:F1", key]
    shop.ship(key, ("CUP", 1), number="1ZNEW")
    work(shop)
    assert [one.tracking_number for one in till(shop).confirmed] == ["1Z1"]
    with shop.store.transaction() as tx:
        returned.inspect(tx, shop.wiring, made.rma, Disposition.RESTOCK, {}, by="ann", note="")
    assert look(shop, made.rma).state is ReturnState.CLOSED
    assert till(shop).paid == {}
    with shop.store.reading() as tx:
        assert differences(tx.connection) == []


def test_by_policy_it_leaves_at_approval(store, clock, tmp_path) -> None:
    # given a shop that does not wait for what comes back
    shop = open_till(store, clock, tmp_path, more="returns: {replace_when: approval}\n")
    sold(shop)

    # when an exchange is opened
    made = exchange(shop)

    # then the place is asked at once
    assert f"shopify-us:1:{made.rma}:F1" in requested(shop)


def test_a_dearer_replacement_waits_until_the_difference_is_paid(shop: Shop) -> None:
    # given an exchange for something dearer, and the unit back
    made = exchange(shop, cents=2499)
    receive(shop, made.rma)

    # when it is looked at again
    work(shop)

    # then it waits for money, and a person may say that it came
    held = order_named(shop, replacement(made))
    assert held.open_holds["difference_due"]["amount"] == "5.00 USD"
    assert requested(shop) == ["shopify-us:1:F1"]


def test_a_small_difference_is_waived(store, clock, tmp_path) -> None:
    # given a shop that does not ask for five dollars
    shop = open_till(store, clock, tmp_path, more="returns: {waive_difference: '5.00'}\n")
    sold(shop)

    # when the replacement is five dollars dearer
    made = exchange(shop, cents=2499)
    receive(shop, made.rma)
    work(shop)

    # then it is sent
    assert f"shopify-us:1:{made.rma}:F1" in requested(shop)


def test_a_cheaper_replacement_pays_the_difference_once(shop: Shop) -> None:
    # given an exchange for something cheaper
    made = exchange(shop, cents=1499)
    assert till(shop).paid == {}

    # when the unit is here, and everything is looked at more than once
    receive(shop, made.rma)
    for _ in range(3):
        work(shop)

    # then the difference is paid back, as money alone
    (asked,) = till(shop).paid.values()
    assert asked.total == usd(500)
    assert till(shop).units == {"L1": 0}
    assert told(shop, "difference_not_due") == []


def test_a_difference_that_was_paid_is_too_much_once_nothing_is_replaced(shop: Shop) -> None:
    # given a cheaper replacement that waits to be routed, and its difference paid
    made = exchange(shop, cents=1499)
    receive(shop, made.rma)
    pay(shop)
    assert [one.total for one in till(shop).paid.values()] == [usd(500)]

    # when somebody pays all of it back on the channel
    paid_elsewhere(shop, "L1", 1, 2159)
    work(shop)

    # then nothing is sent, and a person hears of the five dollars
    assert requested(shop) == ["shopify-us:1:F1"]
    (words,) = told(shop, "difference_not_due")
    assert "5.00 USD" in words


def test_a_return_that_is_canceled_frees_what_was_held_for_it(shop: Shop) -> None:
    # given an exchange whose units are held
    made = exchange(shop)

    # when the buyer keeps what he has
    with shop.store.transaction() as tx:
        returns.end(tx, shop.wiring, made.rma, ReturnState.CANCELED, by="ann", note="keeps it")
    work(shop)

    # then the units are free, and nothing is sent
    assert free(shop, "CUP") == 50
    assert requested(shop) == ["shopify-us:1:F1"]


def test_what_is_paid_back_on_the_channel_is_not_replaced_too(shop: Shop) -> None:
    # given an exchange whose replacement was not asked for yet
    made = exchange(shop)

    # when somebody pays the buyer back on the channel
    paid_elsewhere(shop, "L1", 1, 2159)
    receive(shop, made.rma)
    work(shop)

    # then nothing is sent, and the units are free
    assert requested(shop) == ["shopify-us:1:F1"]
    assert free(shop, "CUP") == 50
    assert till(shop).paid == {}


def test_a_replacement_that_is_out_when_money_comes_is_a_case(shop: Shop) -> None:
    # given a replacement that a place was asked for
    made = exchange(shop)
    receive(shop, made.rma)
    work(shop)

    # when somebody pays the buyer back on the channel
    paid_elsewhere(shop, "L1", 1, 2159)

    # then a person settles it at once
    assert (
        "paid back on the channel, and what replaces it" in told(shop, "refunded_and_replaced")[0]
    )
    assert look(shop, made.rma).lines[0].resolution is Resolution.REPLACEMENT


def test_the_channels_own_exchange_is_held_until_its_line_is_there(shop: Shop) -> None:
    # given an exchange that the channel states, and has not made a line of
    instead = ExchangedLine("E1", "CUP", "variant-CUP", 1, usd(1999))
    made = announced(shop, back(), instead=(instead,))
    work(shop)
    assert free(shop, "CUP") == 49
    assert set(order_named(shop, replacement(made)).open_holds) == {"exchange_open"}

    # when the unit is here, and then the channel makes it a line of its order
    receive(shop, made.rma)
    work(shop)
    assert requested(shop) == ["shopify-us:1:F1"]
    there = ExchangedLine("E1", "CUP", "variant-CUP", 1, usd(1999), ("L2",))
    announced(shop, back(), instead=(there,), status=ReturnStatus.OPEN)
    work(shop)

    # then ours holds nothing any more: the channel's line is served as any
    assert free(shop, "CUP") == 50
    assert requested(shop) == ["shopify-us:1:F1"]


def test_a_replacement_cannot_be_canceled_at_a_channel_that_knows_nothing_of_it(shop: Shop) -> None:
    # given a replacement
    made = exchange(shop)

    # when a person would cancel it
    with (
        pytest.raises(cancel.CannotCancel, match="knows nothing of it"),
        shop.store.transaction() as tx,
    ):
        cancel.cancel(
            tx, shop.wiring, replacement(made), cancel.CancelReason.BUYER, by="ann", note=""
        )

    # then it is as it was
    assert free(shop, "CUP") == 49


# --- what replaced something comes back itself ---------------------------------------------------


def replaced(shop: Shop, *, here: bool = True) -> str:
    """A tea that was exchanged for a cup, which was shipped; the cup's order."""
    made = exchange(shop)
    if here:
        receive(shop, made.rma)
        inspect(shop, made.rma)
        work(shop)
    shop.ship(f"shopify-us:1:{made.rma}:F1", ("CUP", 1), number="1ZNEW")
    work(shop)
    with shop.store.transaction() as tx:
        returns.catch_up(tx, shop.wiring, SHOP)
    assert look(shop, made.rma).live is not here
    return replacement(made)


def send_back(shop: Shop, order: str, sku: str = "CUP", **changes: Any) -> str:
    asked = returns.Opening(
        order=order, units={sku: 1}, reason=ReturnReason.UNWANTED, resolution=Resolution.REFUND
    )
    with shop.store.transaction() as tx:
        made = returns.open_return(
            tx, shop.wiring, dataclasses.replace(asked, **changes), by="ann", note="called"
        )
    return made.rma


def test_a_replacement_that_comes_back_is_paid_back_as_what_was_bought(shop: Shop) -> None:
    # given a tea that was exchanged for a cup, which its buyer does not want either
    order = replaced(shop)
    with pytest.raises(returns.NoReturn, match=re.escape(f"{order} replaces units of it")):
        send_back(shop, "#1", "TEA", units={"TEA": 2})
    cups = on_hand(shop, "CUP")

    # when the cup is here and was looked at
    rma = send_back(shop, order)
    receive(shop, rma)
    inspect(shop, rma)
    for _ in range(3):
        work(shop)

    # then the tea is paid back, once, on the order that was paid for
    (asked,) = till(shop).paid.values()
    assert (asked.order, asked.lines, asked.total) == (
        "1", (RefundedLine("L1", 1, usd(2159)),), usd(2159)
    )  # fmt: skip
    assert on_hand(shop, "CUP") == cups + 1
    assert look(shop, rma).state is ReturnState.CLOSED

    # and there is nothing left of it to come back, or to be paid back
    with pytest.raises(returns.NoReturn, match="were shipped"):
        send_back(shop, order)
    with shop.store.reading() as tx:
        assert differences(tx.connection) == []


def test_a_replacement_comes_back_and_what_it_replaced_does_not(store, clock, tmp_path) -> None:
    # given a cup that was sent before the tea it replaces came, and that is here again
    more = "returns: {replace_when: approval, approve_above: '50.00'}\n"
    shop = open_till(store, clock, tmp_path, more=more)
    sold(shop)
    rma = send_back(shop, replaced(shop, here=False))
    receive(shop, rma)
    inspect(shop, rma)
    work(shop)

    # when only then the tea comes
    assert till(shop).paid == {}
    (first,) = (one for one in order_returns(shop, "#1"))
    receive(shop, first)
    work(shop)

    # then its money is due, once
    assert till(shop).units == {"L1": 1}
    work(shop)
    assert len(till(shop).paid) == 1


def test_what_is_paid_elsewhere_for_a_replacement_that_comes_back_is_all(shop: Shop) -> None:
    # given a cup on its way back
    rma = send_back(shop, replaced(shop))

    # when somebody pays the tea back on the channel, and the cup comes
    paid_elsewhere(shop, "L1", 1, 2159)
    receive(shop, rma)
    inspect(shop, rma)
    work(shop)

    # then that was all, and no mistake
    assert till(shop).paid == {}
    assert look(shop, rma).state is ReturnState.CLOSED
    assert told(shop, "refunded_and_replaced") == []


def test_a_replacement_of_a_replacement_is_paid_back_as_what_was_bought(shop: Shop) -> None:
    # given a cup that came back itself for another tea
    order = replaced(shop)
    instead = (ExchangedLine("1", "TEA", "", 1, usd(1999)),)
    rma = send_back(shop, order, resolution=Resolution.REPLACEMENT, instead=instead)
    receive(shop, rma)
    inspect(shop, rma)
    work(shop)
    last = f"{order}-{rma}"
    key = next(one for one in requested(shop) if rma in one)
    shop.ship(key, ("TEA", 1), number="1ZLAST")
    work(shop)

    # when that comes back too
    back_ = send_back(shop, last, "TEA")
    receive(shop, back_)
    inspect(shop, back_)
    work(shop)

    # then the buyer has the money of the first, once
    assert till(shop).units == {"L1": 1}
    assert [one.total for one in till(shop).paid.values()] == [usd(2159)]


def test_where_one_was_exchanged_for_two_a_person_settles_the_money(shop: Shop) -> None:
    # given one tea that was exchanged for two cups, one of which comes back
    made = exchange(shop, cents=999, instead=2)
    receive(shop, made.rma)
    work(shop)
    shop.ship(f"shopify-us:1:{made.rma}:F1", ("CUP", 2), number="1ZNEW")
    work(shop)

    # when it is here
    rma = send_back(shop, replacement(made))
    receive(shop, rma)
    inspect(shop, rma)
    work(shop)

    # then no unit is paid for beside the cent that two cups are cheaper, and a Case says so
    assert till(shop).units == {"L1": 0}
    (said,) = told(shop, "exchange_uneven")
    assert rma in said
