"""Buckets: GCRA, exact over threads and workers, kept over restarts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.clock import ManualClock
from jobs.store.store import Store
from tests.jobs.builders import many
from tests.jobs.conftest import Open

HOW = {"rate": 2.0, "burst": 10.0}


def test_a_full_bucket_gives_its_burst_at_once_and_then_a_token_at_the_rate(store: Store) -> None:
    waits = [store.rates.take("b", **HOW) for _ in range(13)]

    assert waits == pytest.approx([0.0] * 10 + [0.5, 1.0, 1.5], abs=1e-5)


def test_tokens_come_back_with_time_and_never_more_than_the_burst(
    store: Store, clock: ManualClock
) -> None:
    for _ in range(10):
        store.rates.take("b", **HOW)
    clock.advance(1.0)
    assert [store.rates.take("b", **HOW) for _ in range(3)] == pytest.approx([0, 0, 0.5], abs=1e-5)

    clock.advance(3600)

    assert [store.rates.take("b", **HOW) for _ in range(11)] == pytest.approx(
        [0.0] * 10 + [0.5], abs=1e-5
    )


def test_many_threads_of_two_workers_share_a_bucket_to_the_token(
    store: Store, open_store: Open
) -> None:
    workers = [store, open_store()]

    taken = many(8, lambda n: [workers[n % 2].rates.take("b", **HOW) for _ in range(20)])

    waits = sorted(wait for one in taken for wait in one)
    assert waits == pytest.approx([0.0] * 10 + [0.5 * n for n in range(1, 151)], abs=1e-4)


def test_a_dear_call_takes_its_cost_and_what_it_did_not_use_is_given_back(store: Store) -> None:
    assert store.rates.take("b", **HOW, cost=8) == 0.0
    assert store.rates.take("b", **HOW, cost=8) == pytest.approx(3.0, abs=1e-5)

    store.rates.take("b", **HOW, cost=-8)

    assert store.rates.take("b", **HOW, cost=2) == pytest.approx(0.0, abs=1e-5)


def test_what_the_remote_answers_is_believed(store: Store) -> None:
    store.rates.correct("b", **HOW, available=1)
    assert [store.rates.take("b", **HOW) for _ in range(2)] == pytest.approx([0, 0.5], abs=1e-5)

    store.rates.correct("b", **HOW, available=99)

    assert [store.rates.take("b", **HOW) for _ in range(11)][-1] == pytest.approx(0.5, abs=1e-5)


def test_buckets_do_not_know_each_other(store: Store) -> None:
    store.rates.correct("mine", **HOW, available=0)

    assert store.rates.take("yours", **HOW) == 0.0


def test_a_restart_forgets_no_token(store: Store, open_store: Open, clock: ManualClock) -> None:
    for _ in range(12):
        store.rates.take("b", **HOW)
    store.close()

    again = open_store()

    clock.set(at=clock.now() + timedelta(seconds=0.5))
    assert again.rates.take("b", **HOW) == pytest.approx(1.0, abs=1e-5)
