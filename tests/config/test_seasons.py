"""Seasons: which Skus they lift, and what is said of a mistake in them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from config.load import Loaded, load
from config.problems import ConfigProblems
from core.model.demand import Uplift

_CONFIG = """
shop: {name: Small shop}
orders: {route_from: "2026-11-01T00:00:00Z"}
skus:
  items:
    BOX: {tags: [gift]}
seasons:
"""
WEEK = (date(2026, 11, 23), date(2026, 11, 30))


def loaded(folder: Path, seasons: str) -> Loaded:
    path = folder / "lockstep.yaml"
    path.write_text(_CONFIG + seasons)
    return load(path, environment={})


def test_a_season_lifts_the_skus_its_conditions_pick(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """
  - name: Black Friday
    first: 2026-11-23
    last: 2026-11-30
    uplift: [{percent: 40}, {when: '"gift" in sku.tags', percent: 100}]
  - {name: summer, first: 2027-06-01, last: 2027-08-31}
""",
    ).uplifts

    assert found.of("BOX") == (Uplift(*WEEK, 40), Uplift(*WEEK, 100))
    assert found.of("TEA") == found.of("TEA") == (Uplift(*WEEK, 40),)


def test_a_shop_without_seasons_lifts_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, "  []\n").uplifts.of("BOX") == ()


@pytest.mark.parametrize(
    ("seasons", "said"),
    [
        (
            "  - {name: x, first: 2026-12-02, last: 2026-12-01}\n",
            "2026-12-01 comes before 2026-12-02",
        ),
        (
            "  - {name: x, first: 2026-12-01, last: 2026-12-02, uplift: [{when: 'sku.tgs == 1', percent: 5}]}\n",
            "tgs",
        ),
        ("  - {name: x, first: 2026-12-01, last: 2026-12-02, uplift: [{percent: -200}]}\n", "-100"),
    ],
)
def test_a_mistake_in_a_season_is_told_with_its_line(
    tmp_path: Path, seasons: str, said: str
) -> None:
    with pytest.raises(ConfigProblems) as raised:
        loaded(tmp_path, seasons)

    assert said in str(raised.value)
    assert "lockstep.yaml:8:" in str(raised.value)
