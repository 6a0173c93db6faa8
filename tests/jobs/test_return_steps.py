"""What its channel is told of a return: approved, declined, closed, canceled; once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UnknownOutcome
from core.model.returns import ReturnReason, ReturnState, ReturnStatus, ReturnStep
from core.rules.modes import Mode
from jobs import return_steps, returns
from jobs.clock import ManualClock
from jobs.returns import NoReturn
from jobs.store.permissions import RETURNS, Permissions
from jobs.store.store import Store
from tests.jobs.builders import SHOP
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop
from tests.jobs.till import (
    announced,
    back,
    inspect,
    look,
    move_on,
    open_till,
    pay,
    receive,
    sold,
    till,
    told,
)

# On PostgreSQL too where it says so; the statements are those of tests/jobs/test_returns.py.
DATABASES = ["sqlite"]

RULES = 'returns: {approve_above: "500.00"}'
BY = {"by": "ann", "note": "as agreed"}


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return open_till(store, clock, tmp_path, more=RULES)


def asked(shop: Shop) -> str:
    """A return that its buyer asks for, of an order that was shipped."""
    sold(shop)
    return announced(shop, status=ReturnStatus.REQUESTED).rma


def accept(shop: Shop, name: str) -> None:
    with shop.store.transaction() as tx:
        return_steps.accept(tx, shop.wiring, name, **BY)


def decline(shop: Shop, name: str, reason: str) -> None:
    with shop.store.transaction() as tx:
        return_steps.decline(tx, shop.wiring, name, reason=reason, **BY)


def end(shop: Shop, name: str, state: ReturnState) -> None:
    with shop.store.transaction() as tx:
        returns.end(tx, shop.wiring, name, state, **BY)


def in_mode(shop: Shop, mode: Mode) -> None:
    with shop.store.transaction() as tx:
        Permissions(tx).set_mode(SHOP, RETURNS, mode, skus=None, share=None, by="ann")


@BOTH
@pytest.mark.parametrize("late", [False, True], ids=["never came", "landed"])
def test_a_request_is_approved_once_through_a_lost_answer(shop: Shop, late: bool) -> None:
    # given a request that is approved, and a call of which nobody knows whether it landed
    name = asked(shop)
    accept(shop, name)
    till(shop).trouble, till(shop).late = UnknownOutcome("?", connector=SHOP, operation="x"), late
    move_on(shop)
    assert look(shop, name).state is ReturnState.REQUESTED

    # when its outcome is looked at, again and again
    for _ in range(3):
        shop.clock.advance(600)
        move_on(shop)

    # then it was approved there once, and its units are expected here
    assert till(shop).steps == [(ReturnStep.APPROVE, "R1")]
    assert look(shop, name).state is ReturnState.EXPECTED


def test_a_request_is_declined_in_the_channels_own_word_and_not_otherwise(shop: Shop) -> None:
    # given a request that was approved, and not told yet
    name = asked(shop)
    accept(shop, name)

    # when it is declined after all, in a word of its channel's and in none
    with pytest.raises(NoReturn, match=r"LATE\|OTHER"):
        decline(shop, name, "BECAUSE")
    decline(shop, name, "LATE")

    # then that alone is told, and then nothing can be told any more
    assert move_on(shop) == [(ReturnStep.DECLINE, "LATE")]
    assert look(shop, name).state is ReturnState.DECLINED
    with pytest.raises(NoReturn):
        accept(shop, name)


def test_a_shop_that_only_looks_on_decides_nothing_there(shop: Shop) -> None:
    name = asked(shop)
    in_mode(shop, Mode.OBSERVE)

    with pytest.raises(NoReturn, match="mode act"):
        accept(shop, name)


def test_what_was_settled_while_looking_on_is_closed_there_once_we_act(shop: Shop) -> None:
    # given a return that was settled while its flow was only observed
    sold(shop)
    name = announced(shop, back()).rma
    in_mode(shop, Mode.OBSERVE)
    receive(shop, name)
    inspect(shop, name)
    pay(shop)
    assert look(shop, name).state is ReturnState.CLOSED
    assert move_on(shop) == []

    # when it may act, and a person closed another one there meanwhile
    in_mode(shop, Mode.ACT)

    # then it is closed there, once
    move_on(shop)
    assert move_on(shop) == [(ReturnStep.CLOSE, "R1")]


def test_what_is_owed_is_paid_before_the_return_is_closed_there(shop: Shop) -> None:
    # given a return that a person ends while money for it waits to be paid
    sold(shop)
    name = announced(shop, back(units=2)).rma
    receive(shop, name, TEA=1)
    inspect(shop, name)
    end(shop, name, ReturnState.CLOSED)
    assert move_on(shop) == []

    # when it is paid, then it is closed there
    pay(shop)
    assert move_on(shop) == [(ReturnStep.CLOSE, "R1")]


def test_units_that_come_after_the_end_are_paid_and_it_is_closed_again(shop: Shop) -> None:
    # given a return that was closed here and there, as it did not come
    sold(shop)
    name = announced(shop, back()).rma
    end(shop, name, ReturnState.CLOSED)
    move_on(shop)

    # when it comes after all
    receive(shop, name)
    inspect(shop, name)
    for _ in range(2):
        pay(shop)
        move_on(shop)

    # then it is open there as long as it takes to pay for it, once
    steps = [step for step, _ in till(shop).steps]
    assert steps == [ReturnStep.CLOSE, ReturnStep.REOPEN, ReturnStep.CLOSE]
    assert till(shop).units == {"L1": 1}

    # and a person who opens it again there has it open
    till(shop).standing["R1"] = ReturnStatus.OPEN
    announced(shop, back())
    assert move_on(shop) == till(shop).steps[:3]


def test_what_is_canceled_here_is_canceled_there_or_else_it_comes(shop: Shop) -> None:
    # given two returns, one of which was worked on there
    sold(shop)
    first = announced(shop, back()).rma
    second = announced(shop, back(remote_id="RL2"), remote_id="R2").rma
    for name in (first, second):
        end(shop, name, ReturnState.CANCELED)
    till(shop).standing["R2"] = ReturnStatus.CLOSED

    # when its channel is told, then the one is canceled, and the other stands as it did there
    assert move_on(shop) == [(ReturnStep.CANCEL, "R1")]
    assert look(shop, first).state is ReturnState.CANCELED
    assert look(shop, second).state is ReturnState.EXPECTED
    (said,) = told(shop, "return_refused")
    assert "stands otherwise" in said


def test_a_disputed_request_is_approved_there_too(shop: Shop) -> None:
    # given a request for more than was shipped, which is disputed
    sold(shop)
    name = announced(
        shop, back(units=9, reason=ReturnReason.FIT), status=ReturnStatus.REQUESTED
    ).rma
    assert look(shop, name).state is ReturnState.DISPUTED

    # when a person takes it all the same
    accept(shop, name)

    # then the buyer is told, and it is no dispute any more
    assert move_on(shop) == [(ReturnStep.APPROVE, "R1")]
    assert look(shop, name).state is ReturnState.EXPECTED
    assert told(shop, "return_disputed") == []
