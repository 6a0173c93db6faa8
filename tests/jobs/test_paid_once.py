"""However the channel, the bank, a second person and our own plans cross each other: one payment or
one replacement for a unit, and whoever must know of the rest is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import UnknownOutcome
from core.model.fulfillment import AcknowledgmentStatus, AnsweredLine
from core.model.orders import PartOfLine
from core.model.returns import (
    Disposition,
    ExchangedLine,
    RefundedLine,
    Resolution,
    ReturnReason,
    ReturnState,
    ReturnStatus,
)
from core.rules.effects import cancel_key
from jobs import push, refunds, returns
from jobs.clock import ManualClock
from jobs.store.effects import Effects, Intent
from jobs.store.orders import Orders
from jobs.store.returns import Returns
from jobs.store.store import Store
from tests.jobs.builders import SHOP, line, minutes, order, together
from tests.jobs.shop import Shop
from tests.jobs.till import (
    all_refunds,
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
)  # fmt: skip

FREELY = "returns: {approve_above: '900.00'}\n"
AT_ONCE = "returns: {approve_above: '900.00', refund_when: approval}\n"
DATABASES = ["sqlite"]
CUP = ExchangedLine("E1", "CUP", "variant-CUP", 1, usd(1999))


Open = Callable[..., Shop]


@pytest.fixture
def opened(store: Store, clock: ManualClock, tmp_path: Path) -> Open:
    def make(more: str = FREELY, units: int = 2) -> Shop:
        shop = open_till(store, clock, tmp_path, more=more)
        sold(shop, "1", line(units=units))
        return shop

    return make


def here(shop: Shop, name: str, **units: int) -> None:
    receive(shop, name, **units)
    inspect(shop, name, **units)


def test_an_exchange_agreed_after_the_request_was_seen_pays_nothing(opened: Open) -> None:
    # given a return that was only asked for when it was pulled
    shop = opened()
    made = announced(shop, status=ReturnStatus.REQUESTED)

    # when it is approved as an exchange, and the unit comes
    announced(shop, instead=(CUP,))
    here(shop, made.rma)
    pay(shop)

    # then it is replaced and not paid
    assert till(shop).paid == {}
    assert look(shop, made.rma).lines[0].resolution is Resolution.REPLACEMENT


def test_what_is_paid_there_while_ours_is_in_doubt_is_not_sent_again(opened: Open) -> None:
    # given a payment that did not land, which nobody knows
    shop = opened()
    made = announced(shop)
    here(shop, made.rma)
    till(shop).trouble = UnknownOutcome(connector=SHOP, operation="refund")
    pay(shop)

    # when somebody pays it there
    paid_elsewhere(shop, "L1", 1, 2159)
    assert len(told(shop, "refunded_twice")) == 1
    for _ in range(4):
        shop.clock.advance(300)
        pay(shop)

    # then ours is not sent, and nobody worries any more
    assert till(shop).paid == {}
    assert told(shop, "refunded_twice") == []
    assert look(shop, made.rma).state is ReturnState.CLOSED


def test_a_unit_paid_without_a_look_is_not_paid_for_what_is_found(opened: Open) -> None:
    # given two units on their way, one of them here, and paid for by hand
    shop = opened()
    made = announced(shop, back(units=2))
    receive(shop, made.rma, TEA=1)
    paid_elsewhere(shop, "L1", 1, 2159)

    # when it is looked at
    inspect(shop, made.rma)
    pay(shop)

    # then only the other one is still to be paid
    assert till(shop).paid == {}
    here(shop, made.rma)
    pay(shop)
    assert till(shop).units == {"L1": 1}


@pytest.mark.parametrize("chargeback", [True, False], ids=["by the bank", "for no line"])
def test_money_that_went_back_for_no_unit_is_shown_before_more_is_paid(
    opened: Open, chargeback: bool
) -> None:
    # given money that somebody else gave the buyer
    shop = opened()
    paid_elsewhere(shop, "L1", 0, 2659, chargeback=chargeback)

    # when a unit comes back
    made = announced(shop)
    here(shop, made.rma)
    pay(shop)

    # then a person sees both
    assert till(shop).paid == {}
    assert "26.59 USD was given to this buyer already" in told(shop, "refund_to_approve")[0]


@pytest.mark.parametrize("order_id", ["1", "77"], ids=["canceled", "disputed"])
def test_nothing_is_looked_at_that_is_not_here(opened: Open, order_id: str) -> None:
    # given a return that is canceled, or cannot be ours
    shop = opened(AT_ONCE)
    made = announced(shop, order_id=order_id)
    announced(shop, order_id=order_id, status=ReturnStatus.CANCELED)

    # when somebody would look at its units
    with pytest.raises(returns.NoReturn):
        inspect(shop, made.rma)
    pay(shop)

    # then nothing is put away and nothing paid
    assert on_hand(shop, "TEA") == 48
    assert till(shop).paid == {}


def test_one_payment_settles_what_it_is_for_in_several_returns(opened: Open) -> None:
    # given two returns of a unit each, and one that was canceled
    shop = opened()
    announced(shop, remote_id="R0")
    announced(shop, remote_id="R0", status=ReturnStatus.CANCELED)
    first, second = announced(shop), announced(shop, remote_id="R2")
    here(shop, first.rma)
    here(shop, second.rma)

    # when both are paid at once on the channel
    paid_elsewhere(shop, "L1", 2, 4318)
    pay(shop)

    # then nothing of it is paid again
    assert till(shop).paid == {}
    assert look(shop, first.rma).state is look(shop, second.rma).state is ReturnState.CLOSED


@pytest.mark.parametrize(
    ("now", "units"),
    [
        pytest.param((back(units=1),), {"L1": 1}, id="fewer"),
        pytest.param((back(units=9),), {}, id="more than was sold"),
        pytest.param((back(units=2), back("L2", sku="CUP", remote_id="RL2")), {}, id="a strange line"),
    ],
)  # fmt: skip
def test_what_the_channel_changes_is_judged_again(opened: Open, now: object, units: object) -> None:
    # given a return that is due at once, not paid yet
    shop = opened(AT_ONCE)
    made = announced(shop, back(units=2))

    # when the channel states it otherwise
    announced(shop, *now)  # type: ignore[misc]
    pay(shop)

    # then what is due follows, and what cannot be is disputed
    assert till(shop).units == units
    assert (look(shop, made.rma).state is ReturnState.DISPUTED) == (units == {})


def test_a_return_ended_after_it_was_paid_is_told_and_not_paid_again(opened: Open) -> None:
    # given a return that was paid at its approval, and canceled on the channel after that
    shop = opened(AT_ONCE)
    announced(shop, back(units=2))
    pay(shop)
    announced(shop, back(units=2), status=ReturnStatus.CANCELED)

    # when the same units are announced again
    again = announced(shop, back(units=2), remote_id="R2")
    pay(shop)

    # then that cannot be, and a person knows of the first
    assert again.state is ReturnState.DISPUTED
    assert till(shop).units == {"L1": 2}
    assert len(told(shop, "return_ended_though_settled")) == 1


def test_a_return_closed_before_it_came_is_not_paid(opened: Open) -> None:
    # given a return that would be paid at once, and a person who closes it
    shop = opened(AT_ONCE)
    made = announced(shop)
    with shop.store.transaction() as tx:
        returns.end(tx, shop.wiring, made.rma, ReturnState.CLOSED, by="ann", note="kept")

    # when it would be due
    pay(shop)

    # then it is not
    assert till(shop).paid == {}


def test_what_the_channel_exchanged_and_then_paid_back_is_told(opened: Open) -> None:
    # given an exchange that is a line of the channel's order already
    shop = opened()
    made = announced(shop, instead=(CUP,))
    there = ExchangedLine("E1", "CUP", "variant-CUP", 1, usd(1999), ("L2",))
    announced(shop, instead=(there,))

    # when it is paid back as well
    paid_elsewhere(shop, "L1", 1, 2159)

    # then somebody is told
    assert len(told(shop, "refunded_and_replaced")) == 1
    assert look(shop, made.rma).lines[0].resolution is Resolution.REPLACEMENT


def test_shipping_goes_back_once_though_everything_is_due_in_two_parts(opened: Open) -> None:
    # given both units back, in two refunds that are decided in one run
    shop = opened()
    made = announced(shop, back(units=2, reason=ReturnReason.DAMAGED))
    receive(shop, made.rma)
    inspect(shop, made.rma, **{"1": 1})
    inspect(shop, made.rma, Disposition.DAMAGED)

    # when they are decided
    pay(shop)

    # then shipping is in one of them
    assert [one.shipping for one in all_refunds(shop)] == [usd(0), usd(500)]
    assert till(shop).units == {"L1": 2}


def test_a_unit_canceled_before_the_rest_left_is_no_unit_that_came_back(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given an order of two, one of them canceled and paid back, the other shipped
    shop = open_till(store, clock, tmp_path, more=FREELY)
    shop.record(order("1", line(ordered=2, current=1)))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    shop.ship("shopify-us:1:F1", ("TEA", 1))
    shop.decide()
    paid_elsewhere(shop, "L1", 1, 2159)

    # when that one comes back
    made = announced(shop)

    # then it may
    assert made.state is ReturnState.EXPECTED


def canceled_by_us(shop: Shop, key: str) -> None:
    with shop.store.transaction() as tx:
        one = Intent("cancellation", SHOP, SHOP, "order shopify-us 1", None, 0, key, "told")
        Effects(tx).plan([one])
        (sent,) = Effects(tx).live(SHOP, "cancellation")
        Effects(tx).done(sent, remote_ref="gid/1")


def test_what_went_back_for_a_canceled_unit_settles_no_return(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given three bought of which we canceled one, and one of the two that left is to come back
    shop = open_till(store, clock, tmp_path, more=FREELY)
    sold(shop, "1", line(units=2, ordered=3))
    made = announced(shop)
    key = cancel_key(SHOP, "1", parts=[PartOfLine("L1", quantity=1, staying=2)])
    canceled_by_us(shop, key)

    # when the channel shows what went back for the canceled one, and the other is here
    paid_elsewhere(shop, "L1", 1, 2159, key=key)
    here(shop, made.rma)
    pay(shop)

    # then that one is paid all the same, and nobody is told of money that nobody expected
    assert till(shop).units == {"L1": 1}
    assert sorted(one.cause for one in all_refunds(shop)) == ["cancellation", "return"]
    assert [told(shop, kind) for kind in ("refunded_twice", "shipped_though_reduced")] == [[], []]


@pytest.mark.parametrize("bought", [3, 2], ids=["one never left", "all left"])
def test_a_unit_paid_back_by_hand_settles_no_return_where_it_never_left(
    store: Store, clock: ManualClock, tmp_path: Path, bought: int
) -> None:
    # given some bought, and one of the two that left is to come back
    shop = open_till(store, clock, tmp_path, more=FREELY)
    sold(shop, "1", line(units=2, ordered=bought))
    made = announced(shop)

    # when a person pays one back that is said never to have left, and the other is here
    never_left = RefundedLine("L1", 1, usd(2159), canceled=True)
    paid_elsewhere(shop, "L1", 1, 2159, lines=(never_left,))
    here(shop, made.rma)
    pay(shop)

    # then that one is paid as well, if there was one that never left
    assert till(shop).units == ({"L1": 1} if bought == 3 else {})
    assert told(shop, "refunded_twice") == []


@pytest.mark.parametrize("seen_late", [False, True], ids=["by somebody", "by us, seen late"])
def test_a_unit_that_was_paid_back_as_canceled_and_left_all_the_same_is_told_at_once(
    store: Store, clock: ManualClock, tmp_path: Path, seen_late: bool
) -> None:
    # given two bought of which we canceled one
    shop = open_till(store, clock, tmp_path, more=FREELY)
    if seen_late:
        sold(shop)
    else:
        shop.record(order("1", line(units=2)))
    key = cancel_key(SHOP, "1", parts=[PartOfLine("L1", quantity=1, staying=1)])
    canceled_by_us(shop, key)

    # when both left while that was on its way, as two pulls show in either order
    both = order("1", line(ordered=2, current=1, fulfilled=2), updated_at=minutes(9))
    if not seen_late:
        shop.record(both)
    paid_elsewhere(shop, "L1", 1, 2159, key=key)
    assert len(told(shop, "paid_back_and_sent")) == (not seen_late)
    shop.record(both)

    # then a person is told what it cost
    (said,) = told(shop, "paid_back_and_sent")
    assert "21.59 USD was paid back for 1 unit of order #1" in said
    assert ("1Z1" in said) == seen_late


def test_a_unit_that_came_back_is_none_of_those_still_to_ship(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given three bought of which two left, from a place that may ship the third
    shop = open_till(store, clock, tmp_path)
    shop.record(order("1", line(units=3)))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    shop.ship("shopify-us:1:F1", ("TEA", 2))
    shop.decide()

    # when one of the two came back and was paid
    now = line(ordered=3, current=2, fulfilled=1, returned=1)
    shop.record(order("1", now, updated_at=minutes(9)))
    shop.decide()

    # then nobody is told to stop the third, and where it does not come it is still asked for
    assert told(shop, "canceled_after_request") == []
    declined = AnsweredLine("TEA", AcknowledgmentStatus.REJECTED, 1)
    shop.answer("shopify-us:1:F1", AcknowledgmentStatus.REJECTED, declined)
    assert [one.quantity for one in order_named(shop, "#1").reservations] == [1]


def test_an_exchange_the_channel_takes_back_frees_its_units_and_is_paid(opened: Open) -> None:
    # given an exchange whose units are held
    shop = opened()
    made = announced(shop, instead=(CUP,))

    # when the channel makes it a plain return
    announced(shop)
    here(shop, made.rma)
    pay(shop)
    shop.decide()

    # then it is paid, and nothing is held
    assert till(shop).units == {"L1": 1}
    assert order_named(shop, f"#1-{made.rma}").stage == "canceled"


@pytest.mark.parametrize("order_id", ["1", "77"], ids=["an order we know", "one from before us"])
def test_what_was_over_before_we_heard_of_it_is_over(opened: Open, order_id: str) -> None:
    # given a shop that pays at once, and a return that its channel closed long ago
    shop = opened(AT_ONCE)

    # when it is pulled for the first time
    made = announced(shop, order_id=order_id, status=ReturnStatus.CLOSED)
    pay(shop)

    # then nothing is paid, and nobody is asked
    assert made.state is ReturnState.CLOSED
    assert till(shop).paid == {}
    assert told(shop, "return_disputed") == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
class TestSeveralPeople:
    """On PostgreSQL, where two may write at once."""

    def test_two_people_take_in_and_look_at_the_same_units(self, opened: Open) -> None:
        # given two units on their way
        shop = opened()
        made = announced(shop, back(units=2))

        # when two people take in one each, and both look at the same one
        together(*[lambda: receive(shop, made.rma, TEA=1)] * 2)
        assert look(shop, made.rma).lines[0].received == 2

        def looks() -> bool:
            try:
                inspect(shop, made.rma, **{"1": 2})
            except returns.NoReturn:
                return False
            return True

        said = together(looks, looks)

        # then it is put away once
        assert sorted(said) == [False, True]
        assert on_hand(shop, "TEA") == 50

    def test_what_one_approves_and_another_refuses_is_one_of_both(self, opened: Open) -> None:
        # given a refund that waits for a person
        shop = opened("returns: {}\n")
        made = announced(shop)
        here(shop, made.rma)
        pay(shop)
        (row,) = all_refunds(shop)

        # when two people settle it at once
        def says(yes: bool) -> bool:
            try:
                with shop.store.transaction() as tx:
                    if yes:
                        refunds.approve(tx, shop.wiring, row.id, by="ann", note="")
                    else:
                        refunds.refuse(tx, row.id, by="bob", note="")
            except refunds.NoRefund:
                return False
            return True

        said = together(lambda: says(True), lambda: says(False))
        pay(shop)

        # then one of them was first, and it is as that one said
        assert sorted(said) == [False, True]
        assert (till(shop).units == {"L1": 1}) == said[0]

    def test_a_return_opened_and_pulled_at_once_is_of_the_same_units_once(
        self, opened: Open
    ) -> None:
        # given a shop that pays at once
        shop = opened(AT_ONCE, units=1)

        # when a person opens a return while the channel tells of one
        asked = returns.Opening("#1", {"TEA": 1}, ReturnReason.FIT, Resolution.REFUND)

        def opens() -> None:
            with shop.store.transaction() as tx:
                try:
                    returns.open_return(tx, shop.wiring, asked, by="ann", note="")
                except returns.NoReturn:
                    tx.connection.rollback()

        together(opens, lambda: announced(shop))
        pay(shop)

        # then one unit is paid
        with shop.store.reading() as tx:
            number = Orders(tx).find(SHOP, "1")
            states = [one.state for one in Returns(tx).of_order(number or 0)]
        assert till(shop).units == {"L1": 1}
        assert states.count(ReturnState.EXPECTED) == 1
