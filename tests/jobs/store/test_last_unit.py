"""Fifty buyers in four processes want the last unit (`make bench ARGS="race"` does it 1,000 times)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import world
from bench.race import race


@pytest.mark.slow
@pytest.mark.parametrize("kind", world.DATABASES)
def test_exactly_one_of_fifty_gets_the_last_unit_every_time(kind: str, tmp_path: Path) -> None:
    with world.database(kind, tmp_path) as url:
        winners = race(url, tmp_path, rounds=5, seed=11)

    assert winners == [1] * 5
