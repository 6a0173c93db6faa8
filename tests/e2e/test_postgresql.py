"""The whole job on PostgreSQL: the same flows, another database, one line of YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.demo import go_live, settle, waiting_orders
from jobs.demo.buyers import Buyers
from jobs.demo.reckoning import problems, wrongly_shown
from jobs.store.stock import Stock
from tests.e2e.drill import Daemon, application, wait_until, world
from tests.jobs.conftest import PostgreSQL


@pytest.mark.slow
def test_thirty_orders_reach_the_door_on_postgresql_with_a_kill_in_between(tmp_path: Path):
    server = PostgreSQL()
    try:
        with world(speed=240, seed=31) as made:
            path = made.write_config(tmp_path / "shop", language="en", database=server.empty())
            with application(path, made) as app:
                go_live(app, made)
                daemon = Daemon(path, made)
                daemon.start()
                buyers = Buyers(made, 30, seed=31, every=30.0)
                buyers.start()
                assert wait_until(lambda: buyers.placed >= 15, patience=60)
                daemon.kill()
                daemon.start()
                assert wait_until(lambda: buyers.done, patience=60)

                settled = settle(app, made, expected=buyers.placed, patience=150)
                waiting = waiting_orders(app)
                assert daemon.terminate() == 0

                assert problems(made, waiting=waiting) == []
                assert wrongly_shown(made, waiting=waiting) == []
                assert settled
                with app.store.reading() as tx:
                    assert Stock(tx).verify() == []
    finally:
        server.stop()
