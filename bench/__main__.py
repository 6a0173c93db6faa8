"""`python -m bench [orders|reservations|offers|starting|replenishment ...] [--seed N] [--small] [--json]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from rich.console import Console

from bench import figures, offers, orders, replenishment, reservations, starting

MEASUREMENTS: dict[str, Callable[..., figures.Figures]] = {
    "orders": orders.measure,
    "reservations": reservations.measure,
    "offers": offers.measure,
    "starting": starting.measure,
    "replenishment": replenishment.measure,
}
#: The smallest sizes, to see that everything runs.
SMALL: dict[str, dict[str, object]] = {
    "orders": {"sizes": (200,)},
    "reservations": {"sizes": (200,)},
    "offers": {"sizes": (2_000,)},
    "starting": {"idle_after": 3.0},
    "replenishment": {"leads": (7,), "most": 20},
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
