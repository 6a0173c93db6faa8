"""Units and leases: every promise of the design's section 7 by one example, on both databases."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import update

from core.errors import LeaseLost
from jobs.clock import ManualClock
from jobs.store.store import Store
from jobs.store.tables import audit, lease, unit
from jobs.store.units import OFFER_SECONDS, Lease, UnitRow, backoff
from tests.jobs.builders import NOON, many, minutes, rows

UNIT, OTHER = "shop/orders", "core/orders"
TTL = 30.0


@pytest.fixture(autouse=True)
def _declared(store: Store) -> None:
    store.units.declare([UNIT, OTHER], now=NOON)


def claim(store: Store, unit_id: str = UNIT, *, owner: str = "me", ttl: float = TTL) -> Lease:
    held = store.units.claim(unit_id, owner=owner, ttl=ttl, now=store.clock.now())
    assert held is not None
    return held


def release(store: Store, held: Lease, *, every: float = 5, **how: bool) -> None:
    now = store.clock.now()
    store.units.release(held, now=now, next_due=now + timedelta(minutes=every), **how)  # type: ignore[arg-type]  # failed and waiting only


def wake(store: Store, *ids: str) -> None:
    with store.transaction() as tx:
        tx.wake(*ids)


def look(store: Store, unit_id: str = UNIT) -> UnitRow:
    return next(row for row in store.units.rows() if row.id == unit_id)


def pass_real_time(store: Store, seconds: float) -> None:
    """As if so many real seconds had passed: the database's own clock cannot be set."""
    with store.database.write() as connection:
        connection.execute(update(lease).values(until=lease.c.until - seconds))
        connection.execute(update(unit).values(offered_until=unit.c.offered_until - seconds))


def test_declaring_adds_new_units_keeps_old_ones_and_drops_the_rest(store: Store) -> None:
    held = claim(store)
    with store.transaction(held) as tx:
        tx.advance("page 3")
    release(store, held)

    store.units.declare([UNIT, "shop/offers"], now=minutes(1))

    assert [row.id for row in store.units.rows()] == ["shop/offers", UNIT]
    assert {row["unit"] for row in rows(store, lease)} == {"shop/offers", UNIT}
    kept = next(row for row in rows(store, unit) if row["id"] == UNIT)
    assert (kept["cursor"], kept["due_at"]) == ("page 3", minutes(5))


def test_a_due_unit_is_offered_to_one_engine_at_a_time_and_again_when_its_hint_was_lost(
    store: Store,
) -> None:
    first = store.units.offer(now=NOON)
    second = store.units.offer(now=NOON)
    pass_real_time(store, OFFER_SECONDS + 1)
    third = store.units.offer(now=NOON)

    assert sorted(first) == sorted(third) == [OTHER, UNIT]
    assert second == []


def test_a_unit_that_is_not_due_is_neither_offered_nor_claimed_unless_it_is_asked_for(
    store: Store,
) -> None:
    release(store, claim(store))

    assert UNIT not in store.units.offer(now=minutes(4))
    assert store.units.claim(UNIT, owner="me", ttl=TTL, now=minutes(4)) is None
    assert not look(store).leased
    assert store.units.claim(UNIT, owner="me", ttl=TTL, now=None) is not None


def test_a_leased_unit_is_offered_to_nobody_and_claimed_by_nobody(store: Store) -> None:
    claim(store)

    assert store.units.offer(now=NOON) == [OTHER]
    assert store.units.claim(UNIT, owner="other", ttl=TTL, now=NOON) is None


def test_of_many_that_claim_at_once_one_wins(store: Store) -> None:
    won = many(8, lambda n: store.units.claim(UNIT, owner=f"w{n}", ttl=TTL, now=NOON))

    assert sum(held is not None for held in won) == 1


def test_of_many_that_offer_at_once_each_unit_goes_to_one(store: Store) -> None:
    store.units.declare([f"u/{n:02}" for n in range(40)], now=NOON)

    offered = many(6, lambda _: store.units.offer(now=NOON))

    # PostgreSQL's engines skip what another is taking; whatever is left is offered at the next look.
    found = [one for ids in offered for one in ids] + store.units.offer(now=NOON)
    assert sorted(found) == [f"u/{n:02}" for n in range(40)]


def test_a_released_unit_can_be_claimed_when_it_is_due(store: Store, clock: ManualClock) -> None:
    first = claim(store)
    release(store, first)
    clock.advance(300)

    second = claim(store)

    assert second.fence > first.fence


def test_an_expired_lease_is_anybodys_and_its_fence_grows(store: Store) -> None:
    dead = claim(store)
    pass_real_time(store, TTL + 1)

    alive = claim(store, owner="other")

    assert alive.fence == dead.fence + 1
    assert look(store).leased


def test_a_zombie_writes_nothing(store: Store) -> None:
    zombie = claim(store)
    pass_real_time(store, TTL + 1)
    claim(store, owner="other")

    with pytest.raises(LeaseLost), store.transaction(zombie) as tx:
        tx.advance("too far")

    assert {row["cursor"] for row in rows(store, unit)} == {None}
    assert not store.units.holds(zombie, margin=0)


def test_a_zombies_release_changes_nothing_for_the_one_that_runs_now(store: Store) -> None:
    zombie = claim(store)
    pass_real_time(store, TTL + 1)
    alive = claim(store, owner="other")

    release(store, zombie, every=500)

    assert look(store).leased
    assert look(store).due_at == NOON
    assert store.units.holds(alive, margin=5)


def test_a_zombie_of_the_same_process_does_not_renew_its_successors_lease(store: Store) -> None:
    zombie = claim(store)
    pass_real_time(store, TTL + 1)
    claim(store, owner=zombie.owner)

    assert store.units.renew(zombie, ttl=TTL) is False


def test_a_renewal_that_comes_after_the_release_leases_nothing(store: Store) -> None:
    held = claim(store)
    release(store, held)

    renewed = store.units.renew(held, ttl=TTL)

    assert renewed is False
    assert not look(store).leased


def test_a_renewed_lease_lasts(store: Store) -> None:
    held = claim(store)
    pass_real_time(store, TTL - 4)
    assert not store.units.holds(held, margin=5)

    assert store.units.renew(held, ttl=TTL)

    assert store.units.holds(held, margin=5)
    pass_real_time(store, TTL - 4)
    assert store.units.claim(UNIT, owner="other", ttl=TTL, now=NOON) is None


def test_a_wake_makes_a_unit_due_now(store: Store) -> None:
    release(store, claim(store))

    wake(store, UNIT)

    assert look(store).due_at == NOON
    assert UNIT in store.units.offer(now=NOON)


def test_a_wake_during_a_run_makes_the_unit_due_at_its_release(store: Store) -> None:
    held = claim(store)
    wake(store, UNIT)

    release(store, held)

    assert look(store).due_at == NOON
    claim(store)


def test_a_wake_that_was_seen_at_the_claim_is_not_seen_again(store: Store) -> None:
    wake(store, UNIT)

    release(store, claim(store))

    assert look(store).due_at == minutes(5)


def test_a_run_that_wakes_itself_goes_on_at_once(store: Store) -> None:
    held = claim(store)
    with store.transaction(held) as tx:
        tx.wake(UNIT)

    release(store, held)

    assert look(store).due_at == NOON


def test_a_wake_is_rolled_back_with_the_change_that_made_it(store: Store) -> None:
    release(store, claim(store))

    def change() -> None:
        with store.transaction() as tx:
            tx.wake(UNIT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()

    assert look(store).due_at == minutes(5)


def test_a_wake_does_not_hurry_a_failing_unit_out_of_its_back_off(store: Store) -> None:
    release(store, claim(store), every=3, failed=True)

    wake(store, UNIT)

    assert (look(store).due_at, look(store).failures) == (minutes(3), 1)


def test_a_wake_does_not_hurry_a_unit_that_a_remote_asked_to_wait(
    store: Store, clock: ManualClock
) -> None:
    release(store, claim(store), every=3, waiting=True)
    wake(store, UNIT)
    assert (look(store).due_at, look(store).failures) == (minutes(3), 0)

    clock.advance(180)
    release(store, claim(store))
    wake(store, UNIT)

    assert look(store).due_at == minutes(3)


def test_failures_count_and_one_success_forgets_them(store: Store, clock: ManualClock) -> None:
    for _ in range(3):
        release(store, claim(store), every=1, failed=True)
        clock.advance(60)
    assert look(store).failures == 3

    release(store, claim(store))

    assert (look(store).failures, look(store).last_error) == (0, None)
    assert look(store).last_ok_at == minutes(3)


def test_the_place_in_a_walk_is_saved_with_what_the_walk_recorded_or_not_at_all(
    store: Store,
) -> None:
    held = claim(store)
    with store.transaction(held) as tx:
        tx.advance("page 1", complete_to=minutes(-1))
        tx.advance("page 2")

    def crash() -> None:
        with store.transaction(held) as tx:
            tx.audit("run", "record", "x")
            tx.advance("page 3", complete_to=NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    release(store, held)

    again = store.units.claim(UNIT, owner="me", ttl=TTL, now=None)

    assert again is not None
    assert again.cursor == "page 2"
    assert look(store).complete_to == minutes(-1)
    assert rows(store, audit) == []


def test_the_one_daemon_frees_what_a_killed_one_held(store: Store) -> None:
    killed = claim(store)
    store.units.offer(now=NOON)

    store.units.free_all()

    assert sorted(store.units.offer(now=NOON)) == [OTHER, UNIT]
    assert claim(store).fence > killed.fence
    assert store.units.renew(killed, ttl=TTL) is False


def test_two_units_that_wake_each_other_inside_fenced_transactions_do_not_deadlock(
    store: Store,
) -> None:
    names = (UNIT, OTHER)
    held = [claim(store, name) for name in names]

    def run(number: int) -> None:
        for page in range(60):
            with store.transaction(held[number]) as tx:
                tx.mark_dirty(["A", "B"] if number else ["B", "A"])
                tx.advance(f"page {page}")
                tx.wake(names[1 - number])
                tx.mark_dirty(["C"])

    many(2, run)

    assert {row["wake_seq"] for row in rows(store, unit)} == {60}
    assert {row["cursor"] for row in rows(store, unit)} == {"page 59"}


def test_units_that_claim_and_release_while_others_wake_them_lose_no_wake(store: Store) -> None:
    names = [f"u/{n}" for n in range(4)]
    store.units.declare(names, now=NOON)

    def run(number: int) -> None:
        chance = random.Random(number)
        for _ in range(40):
            unit_id = chance.choice(names)
            held = store.units.claim(unit_id, owner=f"w{number}", ttl=TTL, now=None)
            if held is None:
                continue
            with store.transaction(held) as tx:
                tx.wake(*chance.sample(names, 2))
            release(store, held)

    many(4, run)
    before = {row["id"]: row["wake_seq"] for row in rows(store, unit)}

    # Everybody was woken more often than anybody ran since, or has run since: run all once more ...
    for name in names:
        held = store.units.claim(name, owner="last", ttl=TTL, now=None)
        assert held is not None, "every run released its lease"
        assert held.wake_seq == before[name]
        release(store, held)
    # ... and nothing is left.
    assert store.units.offer(now=NOON) == []


def test_back_off_grows_is_spread_and_is_capped() -> None:
    base, longest = timedelta(seconds=5), timedelta(minutes=15)

    waits = [backoff(n, base=base, longest=longest, jitter=0.5) for n in range(12)]

    assert waits[:4] == [timedelta(seconds=s) for s in (5, 10, 20, 40)]
    assert waits == sorted(waits)
    assert waits[-1] == longest
    assert backoff(10_000, base=base, longest=longest, jitter=1.0) == longest * 1.25
    assert backoff(0, base=base, longest=longest, jitter=0.0) == base * 0.75
