"""`python -m bench [NAME ...] [--seed N] [--small] [--json]`: see README.md for the names."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from rich.console import Console

from bench import (
    completeness,
    drift,
    feeds,
    figures,
    joint,
    names,
    offers,
    orders,
    oversell,
    race,
    replenishment,
    reservations,
    routing,
    silence,
    starting,
)

MEASUREMENTS: dict[str, Callable[..., figures.Figures]] = {
    "orders": orders.measure,
    "reservations": reservations.measure,
    "offers": offers.measure,
    "catalogue": offers.measure_catalogues,
    "oversell": oversell.measure,
    "starting": starting.measure,
    "race": race.measure,
    "replenishment": replenishment.measure,
    "feeds": feeds.measure,
    "drift": drift.measure,
    "routing": routing.measure,
    "routing-speed": routing.measure_speed,
    "routing-backlog": joint.measure,
    "routing-backlog-oracle": joint.measure_oracle,
    "silence": silence.measure,
    "completeness": completeness.measure,
    "names": names.measure,
}
#: The smallest sizes, to see that everything runs.
SMALL: dict[str, dict[str, object]] = {
    "orders": {"sizes": (200,)},
    "reservations": {"sizes": (200,)},
    "offers": {"sizes": (2_000,)},
    "catalogue": {"catalogues": ((1_000, (0.1,)), (4_000, (0.025,)))},
    "oversell": {"skus": 5, "seeds": 1, "scenarios": (oversell.Lags(300, 3_600),)},
    "starting": {"idle_after": 3.0},
    "race": {"rounds": 10},
    "replenishment": {"leads": (7,), "most": 20},
    "feeds": {"rows": (2_000,)},
    "drift": {"cases": (("amazon", 100, 50),), "changes": 4},
    "routing": {"cases": (((3, 3), (1, 3), True, 4),)},
    "routing-speed": {"orders": 200},
    "routing-backlog": {"sizes": ((60, 20, 5),)},
    "routing-backlog-oracle": {"backlogs": 2, "orders": 5},
    "silence": {"rates": (20,), "shops": 1},
    "completeness": {"count": 60, "days": 1, "hide_every": 20},
    "names": {"sizes": (1_000,)},
}


def main() -> None:
    reading = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    reading.add_argument("which", nargs="*", default=list(MEASUREMENTS), help="what to measure")
    reading.add_argument("--seed", type=int, default=7, help="of orders and choices (7)")
    reading.add_argument(
        "--small", action="store_true", help="smallest sizes: figures mean nothing"
    )
    reading.add_argument("--json", action="store_true", help="for machines")
    wishes = reading.parse_args()
    if unknown := set(wishes.which) - set(MEASUREMENTS):
        reading.error(f"{', '.join(sorted(unknown))}: there are {', '.join(MEASUREMENTS)}")
    console = Console(stderr=wishes.json, highlight=False)
    console.print(" · ".join(f"{name} {value}" for name, value in figures.machine().items()))
    found = []
    for name in wishes.which:
        found.append(MEASUREMENTS[name](seed=wishes.seed, **(SMALL[name] if wishes.small else {})))
        found[-1].show(console)
    if wishes.json:
        figures.print_json(found)


if __name__ == "__main__":
    main()
