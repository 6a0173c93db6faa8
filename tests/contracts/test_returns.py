"""What a place promises that tells what comes back, and that pays buyers back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.errors import Rejected, UnknownOutcome
from core.model.money import Money
from core.model.orders import Order
from core.model.returns import (
    REACHED,
    Refund,
    RefundedLine,
    RefundRequest,
    Return,
    ReturnMove,
    ReturnStatus,
    ReturnStep,
)
from core.ports import Batch, RefundTarget, ReturnSource, ReturnTarget, SubmissionTarget, Verdict
from tests.contracts.rigs import ChannelRig
from tests.contracts.test_channels import orders_of, told
from tests.contracts.test_channels import pull as pull_orders

KEY = "refund:it:5501:1"
PRICE = 1000
NOTHING = Money(0, "USD")


def sold(rig: ChannelRig, *, units: int) -> Order:
    """An order of so many units, paid, as it is pulled."""
    name = rig.sell(quantity=units)
    (order,) = [
        one for one in orders_of(pull_orders(rig)).values() if name in (one.name, one.remote_id)
    ]
    rig.deliver(order)
    return order


def pull(rig: ChannelRig, since: str | None = None) -> list[Batch[Return | Refund]]:
    """A whole walk: where it takes several pulls, they go on from one another."""
    batches: list[Batch[Return | Refund]] = []
    rig.pass_time()
    for seconds in rig.walk:
        rig.pass_time(seconds)
        batches += rig.connector.pull_returns(since=batches[-1].cursor if batches else since)
    return batches


def pay(rig: ChannelRig, wanted: RefundRequest, *, key: str = KEY) -> str:
    """Have it paid. Where payments are submissions, the remote's word on it is waited for."""
    ref = str(rig.connector.push_refund(wanted, key=key))
    if isinstance(rig.connector, SubmissionTarget):
        found = told(rig, ref, key)
        if found.verdict is Verdict.REFUSED:
            raise Rejected(found.words, connector="it", operation="refund")
        assert found.verdict is Verdict.TAKEN
    return ref


def returns_of(batches: Sequence[Batch[Return | Refund]]) -> list[Return]:
    return [one for batch in batches for one in batch.items if isinstance(one, Return)]


def refunds_of(batches: Sequence[Batch[Return | Refund]]) -> list[Refund]:
    return [one for batch in batches for one in batch.items if isinstance(one, Refund)]


def wish(order: Order, *, units: int = 1, cents: int = PRICE, back: str = "") -> RefundRequest:
    """So many cents for so many units of the first line."""
    money = Money(cents, "USD")
    return RefundRequest(
        order=order.remote_id,
        lines=(RefundedLine(order.lines[0].remote_id, units, money),),
        shipping=NOTHING,
        total=money,
        return_remote_id=back,
        note="came back",
    )


class TestReturnSource:
    capability = ReturnSource

    def test_a_return_is_told_with_its_units_and_their_reason(self, rig: ChannelRig) -> None:
        # given an order of which two units of three come back
        order = sold(rig, units=3)
        rig.come_back(order, units=2)

        # when what comes back is pulled
        (found,) = returns_of(pull(rig))

        # then it names the order, its line, the units and why
        assert found.order == order.remote_id
        assert found.status is ReturnStatus.OPEN
        assert [(one.line, one.quantity) for one in found.lines] == [(order.lines[0].remote_id, 2)]
        assert found.lines[0].raw_reason

    def test_what_was_paid_back_elsewhere_is_told_without_a_key(self, rig: ChannelRig) -> None:
        # given an order of which somebody there paid two units back
        order = sold(rig, units=3)
        rig.pay_back(order, units=2)

        # when it is pulled
        (found,) = refunds_of(pull(rig))

        # then it is told to the cent, and is not ours
        assert (found.order, found.key) == (order.remote_id, "")
        assert found.total == Money(2 * PRICE, "USD")
        assert [(one.line, one.quantity, one.amount.amount) for one in found.lines] == [
            (order.lines[0].remote_id, 2, 2 * PRICE)
        ]

    def test_a_walk_may_be_repeated_and_says_the_same(self, rig: ChannelRig) -> None:
        # given returns and refunds of several orders
        for _ in range(3):
            order = sold(rig, units=2)
            rig.come_back(order, units=1)
            rig.pay_back(order, units=1)

        # when they are walked twice from the beginning
        first, second = pull(rig), pull(rig)

        # then both walks say the same, each item with its raw record, and no order is missing
        assert (returns_of(first), refunds_of(first)) == (returns_of(second), refunds_of(second))
        assert len(returns_of(first)) == len(refunds_of(first)) == 3
        told = {ref for batch in first for ref, _ in batch.raw}
        assert told == {one.remote_id for batch in first for one in batch.items}

    def test_what_happens_after_a_walk_is_in_the_next(self, rig: ChannelRig) -> None:
        # given a completed walk
        order = sold(rig, units=2)
        walked = pull(rig)

        # when something comes back, and the walk goes on from its end
        rig.come_back(order, units=1)
        again = pull(rig, since=walked[-1].cursor)

        # then it is there
        assert returns_of(walked) == []
        assert len(returns_of(again)) == 1


#: What a return has to go through before a step of it is possible.
BEFORE = {
    ReturnStep.APPROVE: (),
    ReturnStep.DECLINE: (),
    ReturnStep.CANCEL: (ReturnStep.APPROVE,),
    ReturnStep.CLOSE: (ReturnStep.APPROVE,),
    ReturnStep.REOPEN: (ReturnStep.APPROVE, ReturnStep.CLOSE),
}


class TestReturnTarget:
    capability = ReturnTarget

    def moved(self, rig: ChannelRig, step: ReturnStep) -> ReturnMove:
        """A return of which the step is possible now."""
        made = rig.asked_back(sold(rig, units=2), units=1)
        for one in BEFORE[step]:
            rig.do_there(made, one)
        reason = rig.connector.decline_reasons[0] if step is ReturnStep.DECLINE else ""
        return ReturnMove(made, step, reason)

    @pytest.mark.parametrize("step", ReturnStep)
    def test_a_step_is_made_and_made_again_changes_nothing(
        self, rig: ChannelRig, step: ReturnStep
    ) -> None:
        # given a return of which the step is possible
        move = self.moved(rig, step)
        before = rig.connector.find_return_status(move.remote_id)

        # when it is made twice
        first = rig.connector.push_return_step(move, key="one")
        again = rig.connector.push_return_step(move, key="one")

        # then it stands there as it was to, and so says the pull
        assert before not in REACHED[step]
        assert first == again
        assert rig.connector.find_return_status(move.remote_id) in REACHED[step]
        assert {one.status for one in returns_of(pull(rig))} <= REACHED[step]

    @pytest.mark.parametrize("step", [ReturnStep.APPROVE, ReturnStep.CLOSE])
    def test_a_step_whose_answer_was_lost_is_found_by_the_status(
        self, rig: ChannelRig, step: ReturnStep
    ) -> None:
        # given a step that was made, and nobody heard of it
        move = self.moved(rig, step)
        rig.lose_step(step)
        with pytest.raises(UnknownOutcome):
            rig.connector.push_return_step(move, key="one")

        # when it is looked at, then it is made
        assert rig.connector.find_return_status(move.remote_id) in REACHED[step]

    @pytest.mark.parametrize("step", [ReturnStep.CLOSE, ReturnStep.CANCEL])
    def test_what_a_person_there_did_before_us_is_done(
        self, rig: ChannelRig, step: ReturnStep
    ) -> None:
        move = self.moved(rig, step)
        rig.do_there(move.remote_id, step)

        assert rig.connector.push_return_step(move, key="one") == move.remote_id

    def test_a_step_that_is_not_possible_is_refused(self, rig: ChannelRig) -> None:
        # given a return that was declined, and one that nobody ever asked for
        declined = self.moved(rig, ReturnStep.APPROVE)
        rig.do_there(declined.remote_id, ReturnStep.DECLINE)
        unknown = replace(declined, remote_id="gid://shopify/Return/404404")

        # when they are approved, then both are refused
        for move in (declined, unknown):
            with pytest.raises(Rejected):
                rig.connector.push_return_step(move, key="one")


class TestRefundTarget:
    capability = RefundTarget

    def test_a_quote_says_what_units_are_worth_and_changes_nothing(self, rig: ChannelRig) -> None:
        # given an order of three
        order = sold(rig, units=3)
        line = order.lines[0].remote_id

        # when it is asked twice what two of them are worth
        quotes = [
            rig.connector.quote_refund(order.remote_id, {line: 2}, return_remote_id="")
            for _ in range(2)
        ]

        # then it says so, within what can be paid back at all, and paid nothing
        assert quotes[0] == quotes[1]
        assert [(one.line, one.quantity, one.goods.amount) for one in quotes[0].lines] == [
            (line, 2, 2 * PRICE)
        ]
        assert quotes[0].most.amount >= 3 * PRICE
        assert rig.paid_back(order) == []

    def test_a_quote_of_more_units_than_are_left_is_refused(self, rig: ChannelRig) -> None:
        order = sold(rig, units=3)
        rig.pay_back(order, units=2)

        with pytest.raises(Rejected):
            rig.connector.quote_refund(
                order.remote_id, {order.lines[0].remote_id: 2}, return_remote_id=""
            )

    @pytest.mark.parametrize("of_return", [False, True], ids=["alone", "of a return"])
    def test_the_same_key_pays_once(self, rig: ChannelRig, of_return: bool) -> None:
        # given a refund that was made
        if isinstance(rig.connector, SubmissionTarget):
            pytest.skip(
                "a submission is sent once: whoever lost its answer looks first (jobs.repay)"
            )
        order = sold(rig, units=2)
        back = rig.come_back(order, units=2) if of_return else ""
        first = rig.connector.push_refund(wish(order, back=back), key=KEY)

        # when it is pushed again
        again = rig.connector.push_refund(wish(order, back=back), key=KEY)

        # then it is the same, and the money moved once
        assert again == first
        assert rig.paid_back(order) == [(order.lines[0].remote_id, 1, PRICE)]

    def test_the_same_key_pays_once_for_ever(self, rig: ChannelRig) -> None:
        # given a refund that was made more than a day ago, when keys there are forgotten
        if isinstance(rig.connector, SubmissionTarget):
            pytest.skip(
                "a submission is sent once: whoever lost its answer looks first (jobs.repay)"
            )
        order = sold(rig, units=2)
        first = rig.connector.push_refund(wish(order), key=KEY)
        rig.pass_time(30 * 3600)

        # when it is pushed again, then it is the same
        assert rig.connector.push_refund(wish(order), key=KEY) == first
        assert len(rig.paid_back(order)) == 1

    @pytest.mark.parametrize("of_return", [False, True], ids=["alone", "of a return"])
    def test_a_refund_whose_answer_was_lost_is_found(
        self, rig: ChannelRig, of_return: bool
    ) -> None:
        # given a refund that landed, and nobody heard of it
        order = sold(rig, units=2)
        back = rig.come_back(order, units=2) if of_return else ""
        wanted = wish(order, back=back)
        assert rig.connector.find_refund(wanted, key=KEY) is None
        rig.lose_refund(of_return=of_return)
        with pytest.raises(UnknownOutcome):
            rig.connector.push_refund(wanted, key=KEY)

        # when it is looked for
        rig.pass_time()
        found = rig.connector.find_refund(wanted, key=KEY)

        # then it is the one that is pulled under our key, and it was paid once
        (pulled,) = refunds_of(pull(rig))
        assert pulled.remote_id == found
        assert (pulled.key, pulled.return_remote_id) == ((KEY, back) if rig.names_us else ("", ""))
        assert rig.paid_back(order) == [(order.lines[0].remote_id, 1, PRICE)]

    @pytest.mark.parametrize("of_return", [False, True], ids=["alone", "of a return"])
    def test_two_parts_of_one_line_are_two_refunds(self, rig: ChannelRig, of_return: bool) -> None:
        # given a line of two units
        order = sold(rig, units=2)
        back = rig.come_back(order, units=2) if of_return else ""

        # when each is paid back by itself, one of them less a fee
        pay(rig, wish(order, back=back))
        pay(rig, wish(order, cents=PRICE - 150, back=back), key=f"{KEY}2")

        # then both were paid, to the cent
        line = order.lines[0].remote_id
        assert rig.paid_back(order) == [(line, 1, PRICE), (line, 1, PRICE - 150)]
        found = {one.total.amount: one.key for one in refunds_of(pull(rig))}
        keys = (KEY, f"{KEY}2") if rig.names_us else ("", "")
        assert found == dict(zip((PRICE, PRICE - 150), keys, strict=True))

    def test_what_is_pulled_of_a_refund_is_what_was_asked_for(self, rig: ChannelRig) -> None:
        # given a refund of two units of three, less a fee
        order = sold(rig, units=3)
        wanted = wish(order, units=2, cents=2 * PRICE - 301)
        pay(rig, wanted)

        # when it is pulled, then its line says what was paid for it
        (found,) = refunds_of(pull(rig))
        assert (found.total, found.lines) == (wanted.total, wanted.lines)

    def test_more_than_was_paid_is_refused_and_nothing_moves(self, rig: ChannelRig) -> None:
        # given an order, and a wish for ten times what it cost
        order = sold(rig, units=1)

        # when it is pushed, then it is refused
        with pytest.raises(Rejected):
            pay(rig, wish(order, cents=10 * PRICE))
        assert rig.paid_back(order) == []

    def test_more_units_than_are_left_are_refused_and_nothing_moves(self, rig: ChannelRig) -> None:
        # given an order of two, one of which was paid back elsewhere
        order = sold(rig, units=2)
        rig.pay_back(order, units=1)

        # when two are to be paid back, then that is refused
        with pytest.raises(Rejected):
            pay(rig, wish(order, units=2))
        assert len(rig.paid_back(order)) == 1

    def test_an_order_that_is_not_there_is_refused(self, rig: ChannelRig) -> None:
        order = sold(rig, units=1)
        unknown = order.remote_id[:-1] + ("1" if order.remote_id[-1] != "1" else "2")

        with pytest.raises(Rejected):
            pay(rig, replace(wish(order), order=unknown))
