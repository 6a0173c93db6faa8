"""The command line. Tables for people, `--json` for machines, exit codes that scripts can trust.

0 all is well; 1 something is wrong and was named; 2 the command or the configuration cannot be used.
"""

from __future__ import annotations

import sys

import typer

from core.errors import LockstepError
from jobs.cli import (
    acting,
    buying,
    census,
    consignments,
    demand,
    drift,
    invoices,
    looking,
    names,
    parcels,
    rates,
    returns,
    rollback,
    running,
    shadow,
    stock,
)

app = typer.Typer(
    name="lockstep",
    help="Keeps sales channels, suppliers and carriers in step.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    running, looking, census, demand, acting, buying, consignments, invoices, names, parcels, rates, returns, drift, stock,
    rollback, shadow,
):  # fmt: skip
    module.register(app)


def main() -> None:
    """Run a command; an expected error is one readable message, never a traceback."""
    try:
        app(prog_name="lockstep")
    except LockstepError as error:
        print(str(error), file=sys.stderr)
        raise SystemExit(2) from None
