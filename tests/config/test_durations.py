"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.durations import Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7_200), ("1d12h", 129_600), ("0s", 0)]
)
def test_text_is_read_as_it_sounds(text: str, seconds: int) -> None:
    assert Duration.seconds_of(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "1.5h", "-5m", "5m2h", "5M"])
def test_what_could_mean_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        Duration.seconds_of(text)


@given(st.integers(min_value=0, max_value=10_000_000))
def test_what_is_written_is_read_back(seconds: int) -> None:
    duration = Duration(seconds=seconds)

    assert Duration.seconds_of(str(duration)) == duration
