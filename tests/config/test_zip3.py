"""The table of ZIP areas: built once at set-up, read where a configuration has zones."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import zip3
from core.errors import ConfigError


def row(code: str, kind: str, latitude: str, longitude: str) -> dict[str, str]:
    return {"zip_code": code, "zip_code_type": kind, "lat": latitude, "long": longitude}


def test_an_area_lies_in_the_middle_of_its_codes_with_streets():
    rows = [
        row("07101", "STANDARD", "40.0", "-74.0"), row("07102", "STANDARD", "41.0", "-75.0"),
        row("07199", "UNIQUE", "10.0", "-10.0"), row("00501", "UNIQUE", "40.8", "-73.0"),
        row("09001", "MILITARY", "50.0", "8.0"), row("12345", "STANDARD", "0", "0"),
    ]  # fmt: skip

    assert zip3.middles(rows) == {"071": (40.5, -74.5), "005": (40.8, -73.0)}


def test_the_built_table_is_what_is_read(tmp_path: Path):
    table = tmp_path / "zip3.csv"

    areas = zip3.build(table)
    found = zip3.centroids(table)

    assert len(zip3.states(table)) == areas > 900
    assert 850 < len(found) < areas, "military post lies nowhere"
    assert (zip3.states(table)["071"], zip3.states(table)["063"]) == (("NJ",), ("CT", "NY"))
    assert zip3.states(table)["090"] == ("AE",)
    assert "090" not in found
    latitude, longitude = found["100"]  # Manhattan
    assert 40.6 < latitude < 40.9
    assert -74.1 < longitude < -73.9
    assert [one.name for one in tmp_path.iterdir()] == ["zip3.csv"]
    assert table.read_bytes() == zip3.TABLE.read_bytes(), "the same package makes the same table"


@pytest.mark.parametrize(
    "content", [None, "", "area,lat\n", "zip3,latitude,longitude,states\n071,x,2,NJ\n"]
)
def test_a_table_that_is_none_says_how_to_build_it(tmp_path: Path, content: str | None):
    table = tmp_path / "zip3.csv"
    if content is not None:
        table.write_text(content)

    with pytest.raises(ConfigError, match=r"make setup, or python -m config\.zip3"):
        zip3.centroids(table)
