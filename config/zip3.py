"""Where the three-digit ZIP areas lie, so that carriers' zones can be worked out.

`python -m config.zip3` builds the table, once, at set-up: from the package `zipcodes` (MIT), whose
coordinates are those of GeoNames (CC BY 4.0). That package takes seconds and 140 MB for its first
answer, so nothing else ever asks it.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import ConfigError

TABLE = Path(__file__).with_name("zip3.csv")
_HEADING = "zip3,latitude,longitude"


@lru_cache(maxsize=4)
def centroids(table: Path = TABLE) -> dict[str, tuple[float, float]]:
    """Three digits -> (latitude, longitude) of the middle of their ZIP codes, in degrees.

    Raises ConfigError where the table was not built, or is not one.
    """
    try:
        lines = table.read_text(encoding="ascii").splitlines()
        if lines[:1] != [_HEADING]:
            raise ValueError("another heading")
        return {
            area: (float(latitude), float(longitude))
            for area, latitude, longitude in (line.split(",") for line in lines[1:])
        }
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no table of ZIP areas: {table} cannot be read ({error}); services with zones need it. "
            "Build it: make setup, or python -m config.zip3"
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


def build(table: Path = TABLE) -> int:
    """Write the table, whole or not at all; the number of areas in it."""
    import zipcodes

    found = middles(zipcodes.list_all())  # type: ignore[no-untyped-call]
    lines = [_HEADING, *(f"{area},{lat:.4f},{lon:.4f}" for area, (lat, lon) in found.items())]
    written = table.with_name(f".{table.name}.{os.getpid()}")
    written.write_text("\n".join(lines) + "\n", encoding="ascii")
    written.replace(table)
    return len(found)


if __name__ == "__main__":
    sys.stdout.write(f"{build()} ZIP areas\n")
