"""Where the three-digit ZIP areas lie: for carriers' zones, and to tell an address that cannot be.

`python -m config.zip3` builds the table, once, at set-up: from the package `zipcodes` (MIT), whose
coordinates are those of GeoNames (CC BY 4.0). That package takes seconds and 140 MB for its first
answer, so nothing else ever asks it.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import ConfigError

TABLE = Path(__file__).with_name("zip3.csv")
_HEADING = "zip3,latitude,longitude,states"


def centroids(table: Path = TABLE) -> Mapping[str, tuple[float, float]]:
    """Three digits -> (latitude, longitude) of the middle of their ZIP codes, in degrees.

    Military post has no place of its own and is not in it. Raises ConfigError where the table was not
    built, or is not one.
    """
    return _read(table)[0]


def states(table: Path = TABLE) -> Mapping[str, tuple[str, ...]]:
    """Three digits -> the states they reach into, military post's among them. Raises ConfigError."""
    return _read(table)[1]


@lru_cache(maxsize=4)
def _read(
    table: Path,
) -> tuple[Mapping[str, tuple[float, float]], Mapping[str, tuple[str, ...]]]:
    try:
        lines = table.read_text(encoding="ascii").splitlines()
        if lines[:1] != [_HEADING]:
            raise ValueError("another heading")
        rows = [line.split(",") for line in lines[1:]]
        return (
            {
                area: (float(latitude), float(longitude))
                for area, latitude, longitude, _ in rows
                if latitude
            },
            {area: tuple(reached.split()) for area, _, _, reached in rows},
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no table of ZIP areas: {table} cannot be read ({error}); zones and the review of "
            "addresses need it. Build it: make setup, or python -m config.zip3"
        ) from error


def middles(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """The mean place of each area's ZIP codes with streets; of all its codes where none has streets.

    Military post has no place of its own (0, 0) and is left out.
    """
    streets: dict[str, list[tuple[float, float]]] = defaultdict(list)
    others: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        place = float(row["lat"]), float(row["long"])
        if place == (0.0, 0.0) or row["zip_code_type"] == "MILITARY":
            continue
        kept = streets if row["zip_code_type"] == "STANDARD" else others
        kept[row["zip_code"][:3]].append(place)
    return {
        area: (sum(lat for lat, _ in found) / len(found), sum(lon for _, lon in found) / len(found))
        for area, found in sorted({**others, **streets}.items())
    }


def reached(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The states that each area's ZIP codes lie in, most of them first."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        found[row["zip_code"][:3]][row["state"]] += 1
    return {
        area: tuple(sorted(told, key=lambda state: (-told[state], state)))
        for area, told in sorted(found.items())
    }


def build(table: Path = TABLE) -> int:
    """Write the table, whole or not at all; the number of areas in it."""
    import zipcodes

    rows = zipcodes.list_all()  # type: ignore[no-untyped-call]
    places = middles(rows)
    lines = [_HEADING]
    for area, found in reached(rows).items():
        place = "{:.4f},{:.4f}".format(*places[area]) if area in places else ","
        lines.append(f"{area},{place},{' '.join(found)}")
    written = table.with_name(f".{table.name}.{os.getpid()}")
    written.write_text("\n".join(lines) + "\n", encoding="ascii")
    written.replace(table)
    return len(lines) - 1


if __name__ == "__main__":
    sys.stdout.write(f"{build()} ZIP areas\n")
