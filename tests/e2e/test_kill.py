"""Nothing is lost, nothing is done twice: through a storm of faults and kill -9 at seeded moments.

What is asserted is read from the simulated remotes' own books.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobs.demo import go_live, settle, waiting_orders
from jobs.demo.buyers import Buyers
from jobs.demo.reckoning import picked_up, problems, shipped, sold, wrongly_shown
from jobs.store.stock import Stock
from jobs.store.tables import cases, orders
from tests.e2e.drill import Daemon, application, restore, world

ORDERS = 200
KILLS = 30
SEED = 20261124


@pytest.mark.slow
@pytest.mark.parametrize("restored", [False, True], ids=["killed", "restored-from-a-copy"])
def test_two_hundred_orders_survive_a_storm_and_thirty_kills(tmp_path: Path, restored: bool):
    chance = random.Random(SEED + restored)
    with world(speed=150, seed=SEED + restored) as made:
        path = made.write_config(tmp_path / "first", language="en")
        with application(path, made) as app:
            go_live(app, made)
        made.storm()
        daemon = Daemon(path, made)
        buyers = Buyers(made, ORDERS, SEED, every=45.0)
        buyers.start()

        for kill in range(KILLS):
            daemon.start()
            time.sleep(chance.uniform(0.9, 3.6))
            assert daemon.alive, daemon.log()[-3000:]
            daemon.kill()
            if restored and kill == KILLS // 2:
                path = restore(path.parent, tmp_path / "copy", made)
                daemon = Daemon(path, made)
        daemon.start()
        with application(path, made) as app:
            settled = _bought(buyers) and settle(app, made, expected=buyers.placed, patience=240)
            waiting = waiting_orders(app)
            assert daemon.terminate() == 0

            assert problems(made, waiting=waiting) == []
            assert wrongly_shown(made, waiting=waiting) == []
            assert settled
            with app.store.reading() as tx:
                recorded = tx.connection.execute(
                    select(func.count(), func.count(orders.c.remote_id.distinct()))
                ).one()
                told = tx.connection.execute(
                    select(func.count()).where(
                        cases.c.kind == "unfillable", cases.c.state == "open"
                    )
                ).scalar_one()
                drift = Stock(tx).verify()

        everything = sold(made)
        assert tuple(recorded) == (len(everything), len(everything))
        assert buyers.placed == ORDERS
        assert told == len(waiting)
        assert drift == []
        # The drill is worth something only if it had something to lose.
        assert any(order.by_amazon for order in everything)
        assert any(order.canceled for order in everything)
        assert len(picked_up(made)) > ORDERS / 2
        assert shipped(made)
        assert _faults(made) > 100


def _bought(buyers: Buyers) -> bool:
    until = time.monotonic() + 120
    while not buyers.done and time.monotonic() < until:
        time.sleep(0.2)
    return buyers.done


def _faults(made) -> int:  # type: ignore[no-untyped-def]
    """How often a remote misbehaved."""
    return sum(
        bool(entry.fault)
        for simulator in made.simulators.values()
        for entry in simulator.log.entries()
    )
