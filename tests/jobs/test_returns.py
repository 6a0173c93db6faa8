"""What comes back is put away and paid back once, by policy; what cannot be ours is a Case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.errors import UnknownOutcome
from core.model.returns import (
    Disposition,
    RefundState,
    Resolution,
    ReturnClaim,
    ReturnReason,
    ReturnState,
    ReturnStatus,
)
from jobs import push, refunds, returned, returns
from jobs.clock import ManualClock
from jobs.store.proof import differences
from jobs.store.store import Store
from jobs.store.tables import decision
from tests.jobs.builders import SHOP, line, minutes, order
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
)

POLICY = """
returns:
  approve_above: "100.00"
  restocking_fee: 10
  label_fee: "4.00"
  paid_back: {damaged: 50}
"""


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_till(store, clock, tmp_path, more=POLICY)
    sold(made)
    return made


def proved(shop: Shop) -> bool:
    with shop.store.reading() as tx:
        return differences(tx.connection) == []


def test_a_return_is_paid_back_once_it_was_looked_at_and_is_on_the_shelf_again(shop: Shop) -> None:
    # given a unit that was sent back because it was not wanted
    made = announced(shop)
    pay(shop)
    assert till(shop).paid == {}

    # when it is here, and then in order
    receive(shop, made.rma)
    assert on_hand(shop, "TEA") == 48
    inspect(shop, made.rma, Disposition.RESTOCK)
    pay(shop)
    pay(shop)

    # then it is on the shelf, and the goods and their tax are paid back less the fee for restocking
    assert on_hand(shop, "TEA") == 49
    (asked,) = till(shop).paid.values()
    assert [(one.line, one.quantity, one.amount) for one in asked.lines] == [("L1", 1, usd(1943))]
    assert (asked.total, asked.return_remote_id) == (usd(1943), "R1")
    assert look(shop, made.rma).state is ReturnState.CLOSED
    assert proved(shop)


def test_what_came_back_broken_is_taken_off_the_shelf_again_and_half_is_paid(shop: Shop) -> None:
    # given two units, of which one is broken by the buyer
    made = announced(shop, back(units=2))
    receive(shop, made.rma)

    # when both were looked at
    inspect(shop, made.rma, Disposition.DAMAGED, **{"1": 1})
    inspect(shop, made.rma, Disposition.RESTOCK)
    pay(shop)

    # then the book tells of both, one can be sold, and each is paid for what it is worth
    assert on_hand(shop, "TEA") == 49
    assert till(shop).units == {"L1": 2}
    assert sum(one.total.amount for one in till(shop).paid.values()) == 972 + 1943
    assert proved(shop)


def test_a_unit_is_paid_back_once_though_the_answer_got_lost(shop: Shop) -> None:
    # given a payment that landed, and whose answer did not
    made = announced(shop)
    receive(shop, made.rma)
    inspect(shop, made.rma, Disposition.RESTOCK)
    till(shop).trouble = UnknownOutcome(connector=SHOP, operation="refund")
    till(shop).late = True
    pay(shop)

    # when it is looked for, again and again
    for _ in range(4):
        shop.clock.advance(300)
        pay(shop)

    # then it was found, not repeated
    assert till(shop).units == {"L1": 1}
    assert look(shop, made.rma).state is ReturnState.CLOSED


def test_a_payment_that_did_not_land_is_made_when_that_is_sure(shop: Shop) -> None:
    # given a payment of which nobody knows whether it landed, and which did not
    made = announced(shop)
    receive(shop, made.rma)
    inspect(shop, made.rma, Disposition.RESTOCK)
    till(shop).trouble = UnknownOutcome(connector=SHOP, operation="refund")
    pay(shop)
    assert till(shop).paid == {}

    # when it can be looked for
    for _ in range(3):
        shop.clock.advance(300)
        pay(shop)

    # then it is made, once
    assert till(shop).units == {"L1": 1}


def test_what_was_paid_back_on_the_channel_is_not_paid_again(shop: Shop) -> None:
    # given a return that somebody paid back on the channel before we did
    made = announced(shop)
    receive(shop, made.rma)
    paid_elsewhere(shop, "L1", 1, 2159)

    # when it is looked at here
    inspect(shop, made.rma, Disposition.RESTOCK)
    pay(shop)

    # then nothing more is paid, and the return is settled
    assert till(shop).paid == {}
    assert look(shop, made.rma).state is ReturnState.CLOSED


def test_a_refund_that_waits_is_withdrawn_when_the_channel_paid(store, clock, tmp_path) -> None:
    # given a refund that waits for a person
    shop = open_till(store, clock, tmp_path, more="returns: {approve_above: '5.00'}\n")
    sold(shop)
    made = announced(shop)
    receive(shop, made.rma)
    inspect(shop, made.rma, Disposition.RESTOCK)
    pay(shop)
    assert "21.59 USD is more than the 5.00 USD" in told(shop, "refund_to_approve")[0]

    # when somebody pays it on the channel
    paid_elsewhere(shop, "L1", 1, 2159)
    pay(shop)

    # then the person is not asked any more, and nothing is paid twice
    assert told(shop, "refund_to_approve") == []
    assert till(shop).paid == {}
    assert sorted(str(one.state) for one in all_refunds(shop)) == ["made", "withdrawn"]


def test_a_person_approves_less_than_was_proposed(store, clock, tmp_path) -> None:
    # given a refund above the limit
    shop = open_till(store, clock, tmp_path, more="returns: {refund_when: receipt}\n")
    sold(shop)
    made = announced(shop, back(units=2, reason=ReturnReason.DAMAGED))
    receive(shop, made.rma)
    pay(shop)
    (row,) = all_refunds(shop)
    # All of the order came back, and the buyer did nothing to it: shipping as well.
    assert (row.total, row.shipping) == (usd(2 * 2159 + 500), usd(500))

    # when a person approves a part of it
    with shop.store.transaction() as tx:
        refunds.approve(tx, shop.wiring, row.id, by="ann", note="agreed", amount=usd(3000))
    pay(shop)

    # then exactly that is paid, from the goods
    (asked,) = till(shop).paid.values()
    assert (asked.total, asked.shipping, asked.lines[0].amount) == (usd(3000), usd(0), usd(3000))
    assert asked.lines[0].quantity == 2


def test_what_is_not_due_by_the_policy_of_today_is_withdrawn_and_not_approved(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given a refund that was due when the return was asked for, and waits for a person
    more = "returns: {{refund_when: {}, approve_above: '1.00'}}\n"
    shop = open_till(store, clock, tmp_path, more=more.format("approval"))
    sold(shop)
    announced(shop)
    pay(shop)
    (row,) = all_refunds(shop)
    assert row.state is RefundState.PROPOSED

    # when the shop pays for what was looked at only, and somebody approves it
    shop = open_till(store, clock, tmp_path, more=more.format("inspection"))
    with store.transaction() as tx:
        refunds.approve(tx, shop.wiring, row.id, by="ann", note="")
    pay(shop)

    # then it is withdrawn, its Case with it, and nothing is paid
    assert [one.state for one in all_refunds(shop)] == [RefundState.WITHDRAWN]
    assert told(shop, "refund_to_approve") == []
    assert till(shop).paid == {}


def test_what_a_person_refuses_is_settled_by_that(store, clock, tmp_path) -> None:
    # given a refund that waits for a person
    shop = open_till(store, clock, tmp_path)
    sold(shop)
    made = announced(shop)
    receive(shop, made.rma)
    inspect(shop, made.rma, Disposition.DESTROY)
    pay(shop)
    (row,) = all_refunds(shop)

    # when the person says no
    with shop.store.transaction() as tx:
        refunds.refuse(tx, row.id, by="ann", note="not what we sent")
        returns.look(tx, shop.wiring, returns.the_one(tx, made.rma))
    pay(shop)

    # then it is not asked again
    assert len(all_refunds(shop)) == 1
    assert till(shop).paid == {}
    assert look(shop, made.rma).state is ReturnState.CLOSED


@pytest.mark.parametrize(
    ("lines", "order_id", "said"),
    [
        pytest.param((back("L9"),), "1", "which we never shipped", id="a line it never had"),
        pytest.param((back(units=3),), "1", "2 were shipped", id="more than was shipped"),
        pytest.param((back("", sku="MUG"),), "1", "which we never shipped", id="goods never sold"),
        pytest.param((back(),), "77", "we know no order 77", id="an order never seen"),
    ],
)
def test_what_we_never_sold_is_a_case_and_nothing_is_paid(shop, lines, order_id, said) -> None:
    # when a return comes that cannot be ours
    made = announced(shop, *lines, order_id=order_id)
    pay(shop)

    # then it waits for a person, and nothing can be put away or paid for it
    assert made.state is ReturnState.DISPUTED
    assert said in told(shop, "return_disputed")[0]
    with pytest.raises(returns.NoReturn, match="accept it first"):
        receive(shop, made.rma)
    assert till(shop).paid == {}
    assert on_hand(shop, "TEA") == 48


def test_a_return_that_is_told_before_its_order_is_judged_once_that_is_there(shop: Shop) -> None:
    # given a return of an order that is not pulled yet, and one of more than that has
    early = announced(shop, back("", sku="TEA", units=2), order_id="2")
    other = announced(shop, back(units=9), order_id="2", remote_id="R2")
    assert len(told(shop, "return_disputed")) == 2

    # when the order is there, and shipped
    sold(shop, "2")
    with shop.store.transaction() as tx:
        returns.catch_up(tx, shop.wiring, SHOP)

    # then the one is expected, of the line that was sold, and the other is a Case for its units
    (row,) = look(shop, early.rma).lines
    assert (look(shop, early.rma).state, row.line) == (ReturnState.EXPECTED, "L1")
    (said,) = told(shop, "return_disputed")
    assert other.rma in said
    assert "2 were shipped" in said


def test_what_a_return_costs_and_what_its_channel_gives_for_it_are_told_once(shop: Shop) -> None:
    # given a return whose label the shop pays, and a claim that the channel denies
    costs: dict[str, Any] = {"label_cost": usd(414)}
    denied = ReturnClaim("C-1", "Denied", True, None)
    made = announced(shop, claims=(denied,), **costs)
    announced(shop, claims=(denied,), **costs)
    (said,) = told(shop, "channel_claim_denied")
    assert "C-1" in said

    # when it pays after all
    announced(shop, claims=(ReturnClaim("C-1", "Granted", False, usd(950)),), **costs)

    # then nobody has to appeal, and each is told once, in order
    assert told(shop, "channel_claim_denied") == []
    with shop.store.reading() as tx:
        query = select(decision.c.code, decision.c.args).where(decision.c.subject == made.subject)
        rows = tx.rows(query.order_by(decision.c.id))
        costs = returns.costs_of(tx, [made.subject])[made.subject]
    assert [(row.code, row.args.get("amount")) for row in rows if row.code != "return_recorded"] == [
        ("return_label_cost", "4.14 USD"), ("channel_claim_denied", None),
        ("channel_claim_paid", "9.50 USD"),
    ]  # fmt: skip
    assert [one.args["amount"] for one in costs] == ["4.14 USD", "9.50 USD"]


def test_what_was_canceled_before_it_left_cannot_come_back(shop: Shop) -> None:
    # given an order of which one line was canceled, and the other was shipped
    shop.record(order("2", line(), line("L2", sku="CUP", current=0)))
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    shop.ship("shopify-us:2:F1", ("TEA", 1), number="1Z2")

    # when both come back
    made = announced(shop, back(), back("L2", sku="CUP", remote_id="RL2"), order_id="2")

    # then that is a Case for the line that never left
    assert made.state is ReturnState.DISPUTED
    assert "1 unit of line L2" in told(shop, "return_disputed")[0]


def test_what_is_put_away_elsewhere_is_in_no_book_of_ours(shop: Shop) -> None:
    # given a unit that is here
    made = announced(shop)
    receive(shop, made.rma)

    # when it is taken to a place that nobody knows, and to one that counts its own stock
    with pytest.raises(returns.NoReturn, match="no location of ours"):
        put_away(shop, made.rma, "moon")
    put_away(shop, made.rma, "acme")
    pay(shop)

    # then it is looked at and paid for, and only that place says what it has
    assert look(shop, made.rma).state is ReturnState.CLOSED
    assert till(shop).units == {"L1": 1}
    assert on_hand(shop, "TEA") == 48
    assert proved(shop)


def put_away(shop: Shop, name: str, place: str) -> None:
    with shop.store.transaction() as tx:
        returned.inspect(
            tx, shop.wiring, name, Disposition.RESTOCK, {}, location=place, by="ann", note=""
        )


def test_units_cannot_come_back_twice(shop: Shop) -> None:
    # given both units on their way back
    announced(shop, back(units=2))

    # when a second return speaks of one of them
    second = announced(shop, remote_id="R2")

    # then that one is disputed, and the first is as it was
    assert second.state is ReturnState.DISPUTED
    assert "came back or were paid back before" in told(shop, "return_disputed")[0]


def test_a_late_return_waits_for_a_person_though_it_is_cheap(shop: Shop) -> None:
    # given a return that was asked for after the end of its window
    shop.clock.advance(60 * 60 * 24 * 45)
    made = announced(shop)
    receive(shop, made.rma)
    inspect(shop, made.rma, Disposition.RESTOCK)

    # when it would be paid
    pay(shop)

    # then a person sees it first: seven days for the parcel, thirty for the buyer
    assert "8 days after the end of its window" in told(shop, "return_late")[0]
    assert till(shop).paid == {}
    assert len(told(shop, "refund_to_approve")) == 1


def test_bad_goods_are_claimed_from_whoever_sent_them_last(store, clock, tmp_path) -> None:
    # given goods that broke by themselves, shipped from the place of their supplier
    leaf = (
        "suppliers:\n  leaf: {connection: home-files, restocks: home, items: {TEA: {cost: 4.00}}}\n"
    )
    shop = open_till(store, clock, tmp_path, more=leaf)
    sold(shop)
    made = announced(shop, back(units=2, reason=ReturnReason.DEFECTIVE))
    receive(shop, made.rma)

    # when one is bad indeed, and the other is not
    inspect(shop, made.rma, Disposition.TO_SUPPLIER, **{"1": 1})
    inspect(shop, made.rma, Disposition.RESTOCK)

    # then one is claimed, at what it cost
    with shop.store.reading() as tx:
        (claim,) = returns.Returns(tx).claims()
    assert (claim.supplier, claim.sku, claim.quantity, claim.cost) == ("leaf", "TEA", 1, usd(400))
    assert "claim them from leaf" in told(shop, "supplier_claim")[0]


def test_a_return_the_buyer_takes_back_is_not_paid(shop: Shop) -> None:
    # given a return that is canceled on the channel before anything came
    made = announced(shop)
    announced(shop, status=ReturnStatus.CANCELED)

    # when it would be due
    pay(shop)

    # then nothing is
    assert look(shop, made.rma).state is ReturnState.CANCELED
    assert all_refunds(shop) == []


def test_a_kit_comes_back_as_its_components(store, clock, tmp_path) -> None:
    # given a kit that was sold
    shop = open_till(store, clock, tmp_path)
    sold(shop, "1", line(sku="GIFT", units=1))
    assert (on_hand(shop, "TEA"), on_hand(shop, "CUP")) == (49, 49)

    # when it is back and in order
    made = announced(shop, back(sku="GIFT"))
    receive(shop, made.rma)
    inspect(shop, made.rma, Disposition.RESTOCK)

    # then its components are on the shelf
    assert (on_hand(shop, "TEA"), on_hand(shop, "CUP")) == (50, 50)


def test_a_return_opened_here_has_a_number_for_the_parcel(shop: Shop) -> None:
    # when a person opens one, with a label of ours that the buyer bears
    asked = returns.Opening(
        order="#1", units={"TEA": 1}, reason=ReturnReason.FIT, resolution=Resolution.REFUND,
        carrier="ups", tracking_number="1ZBACK", label="LBL-7", our_label=True,
    )  # fmt: skip
    with shop.store.transaction() as tx:
        made = returns.open_return(tx, shop.wiring, asked, by="ann", note="called")
    assert made.rma.startswith("RMA-")
    receive(shop, made.rma)
    inspect(shop, made.rma, Disposition.RESTOCK)
    pay(shop)

    # then the label is kept back of what is paid, once
    (paid,) = till(shop).paid.values()
    assert paid.total == usd(1943 - 400)
    assert paid.return_remote_id == ""
    assert order_named(shop, "#1").stage == "shipped"


def test_an_order_made_smaller_by_a_return_is_no_mistake(shop: Shop) -> None:
    # given an order whose unit came back, and which the channel therefore states with one unit less
    made = announced(shop)
    receive(shop, made.rma)
    inspect(shop, made.rma, Disposition.RESTOCK)
    pay(shop)
    smaller = line(ordered=2, current=1, fulfilled=1)

    # when it is pulled and decided
    shop.record(order("1", smaller, updated_at=minutes(5)))
    shop.decide()

    # then nobody is told that too much was sent
    assert told(shop, "shipped_though_reduced") == []
    assert order_named(shop, "#1").stage == "shipped"


def test_an_order_made_smaller_is_explained_by_the_money_that_follows(shop: Shop) -> None:
    # given an order that the channel states with one unit less, nobody knows why
    shop.record(order("1", line(ordered=2, current=1, fulfilled=1), updated_at=minutes(5)))
    shop.decide()
    assert len(told(shop, "shipped_though_reduced")) == 1

    # when it turns out that the unit was paid back there
    paid_elsewhere(shop, "L1", 1, 2159)
    shop.decide()

    # then nothing is left to be settled
    assert told(shop, "shipped_though_reduced") == []


def test_money_taken_by_the_bank_stops_what_is_not_sent(store, clock, tmp_path) -> None:
    # given an order that waits for its units
    shop = open_till(store, clock, tmp_path)
    shop.record(order("9", line(units=99)))
    shop.decide()

    # when the bank takes the money back
    paid_elsewhere(shop, "L1", 0, 1999, order_id="9", chargeback=True)
    shop.decide()

    # then nothing of it is sent, and somebody is told at once
    assert "charged_back" in order_named(shop, "#9").open_holds
    assert "the bank take the money back" in told(shop, "charged_back")[0]
