"""Writes that must happen once: one intent per key, carried from state to state (I4)."""

from __future__ import annotations

import pytest

from core.rules.effects import EffectState
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.store import Store
from jobs.store.tables import effect
from tests.jobs.builders import SHOP, many, minutes, order, record, rows
from tests.jobs.conftest import Open


@pytest.fixture
def number(store: Store) -> int:
    return record(store, order())[0]


def intent(number: int, count: int = 1, *, kind: str = "request", proposed: bool = False) -> Intent:
    key = f"{SHOP}:5501:F{count}"
    return Intent(kind, "acme", SHOP, "order shopify-us 5501", number, count, key, f"ask {count}",
                  proposed=proposed)  # fmt: skip


def plan(store: Store, *intents: Intent) -> None:
    with store.transaction() as tx:
        Effects(tx).plan(intents)


def live(store: Store, *, kind: str = "request") -> list[EffectRow]:
    with store.reading() as tx:
        return Effects(tx).live("acme", kind)


def test_a_plan_made_twice_is_one_intent(store: Store, number: int) -> None:
    plan(store, intent(number))
    first = rows(store, effect)

    plan(store, intent(number), intent(number, 2))

    again = rows(store, effect)
    assert again[:1] == first
    assert [row["key"] for row in again] == ["shopify-us:5501:F1", "shopify-us:5501:F2"]


def test_two_workers_that_plan_the_same_make_one_intent(
    store: Store, open_store: Open, number: int
) -> None:
    workers = [store, open_store()]

    many(4, lambda n: plan(workers[n % 2], *(intent(number, count) for count in range(1, 9))))

    assert len(rows(store, effect)) == 8


def test_a_plan_repeated_after_it_was_sent_does_not_send_it_again(
    store: Store, number: int
) -> None:
    plan(store, intent(number))
    with store.transaction() as tx:
        Effects(tx).done(Effects(tx).live("acme", "request")[0], remote_ref="R1")

    plan(store, intent(number))

    assert live(store) == []
    assert rows(store, effect)[0]["remote_ref"] == "R1"


def test_what_is_not_settled_is_live_oldest_first_and_for_one_connection_and_kind(
    store: Store, number: int
) -> None:
    plan(store, intent(number, 3), intent(number, 1))
    plan(store, intent(number, 2), intent(number, 4, kind="confirmation"))
    plan(store, intent(number, 5, proposed=True))

    assert [one.number for one in live(store)] == [3, 1, 2]
    assert [one.number for one in live(store, kind="confirmation")] == [4]


def test_a_request_walks_from_planned_to_done(store: Store, number: int) -> None:
    plan(store, intent(number))
    one = live(store)[0]
    assert (one.state, one.attempts) == (EffectState.PLANNED, 0)

    with store.transaction() as tx:
        Effects(tx).sending(one, settle_until=minutes(2), fence=9, document=b"a,b\n1,2\n")
    sending = live(store)[0]
    with store.transaction() as tx:
        Effects(tx).staged(sending)
    staged = live(store)[0]
    with store.transaction() as tx:
        Effects(tx).releasing(staged, settle_until=minutes(3))
    releasing = live(store)[0]
    with store.transaction() as tx:
        Effects(tx).done(releasing, remote_ref="R1")

    assert (sending.state, sending.settle_until, sending.attempts, sending.document) == (
        EffectState.SENDING, minutes(2), 1, b"a,b\n1,2\n",
    )  # fmt: skip
    assert (staged.state, staged.settle_until) == (EffectState.STAGED, None)
    assert (releasing.state, releasing.settle_until) == (EffectState.STAGED, minutes(3))
    done = rows(store, effect)[0]
    assert (done["state"], done["remote_ref"], done["fence"]) == ("done", "R1", 9)


def test_in_doubt_it_stays_live_and_keeps_its_settle_delay(store: Store, number: int) -> None:
    plan(store, intent(number))
    with store.transaction() as tx:
        one = Effects(tx).live("acme", "request")[0]
        Effects(tx).sending(one, settle_until=minutes(2), fence=1)
        Effects(tx).unknown(one, response="time-out")

    doubt = live(store)[0]
    assert (doubt.state, doubt.settle_until, doubt.response) == (
        EffectState.UNKNOWN,
        minutes(2),
        "time-out",
    )
    with store.transaction() as tx:
        Effects(tx).planned_again(doubt)
    assert (live(store)[0].state, live(store)[0].settle_until) == (EffectState.PLANNED, None)


@pytest.mark.parametrize("end", ["refused", "parked"])
def test_what_is_refused_or_parked_is_not_live(store: Store, number: int, end: str) -> None:
    plan(store, intent(number))
    with store.transaction() as tx:
        one = Effects(tx).live("acme", "request")[0]
        getattr(Effects(tx), end)(one, response="no such order")

    assert live(store) == []
    assert (rows(store, effect)[0]["state"], rows(store, effect)[0]["response"]) == (
        end, "no such order",
    )  # fmt: skip


def test_what_was_canceled_since_it_was_read_is_not_sent(store: Store, number: int) -> None:
    plan(store, intent(number))
    read = live(store)[0]
    with store.transaction() as tx:
        tx.connection.execute(effect.update().values(state="canceled"))

    with store.transaction() as tx:
        begun = Effects(tx).sending(read, settle_until=minutes(1), fence=1)

    assert begun is False
    assert rows(store, effect)[0]["state"] == "canceled"


def test_a_proposal_is_not_live_until_a_person_releases_it(store: Store, number: int) -> None:
    plan(store, intent(number, proposed=True))

    assert live(store) == []
    assert rows(store, effect)[0]["state"] == "proposed"
