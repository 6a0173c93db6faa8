"""Commands that run: the daemon, one round, the demo, a simulator alone."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from jobs import log
from jobs.bootstrap import build, config_path
from jobs.cli.shared import ConfigOption


def register(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(once)
    app.command()(demo)
    app.command()(simulate)


def run(config: ConfigOption = None) -> None:
    """Run the daemon until SIGTERM or Ctrl-C."""
    from jobs.daemon import serve

    log.configure()
    serve(build(config_path(config, os.environ)))


def once(config: ConfigOption = None) -> None:
    """Run every unit once, for cron and scheduled containers. Exits 1 when one of them failed."""
    from jobs.daemon import once as every_unit_once

    log.configure()
    application = build(config_path(config, os.environ))
    try:
        well = every_unit_once(application)
    finally:
        application.close()
    raise typer.Exit(0 if well else 1)


def demo(
    orders: Annotated[int, typer.Option(help="how many orders buyers place; 0: until Ctrl-C")] = 0,
    speed: Annotated[float, typer.Option(help="simulated seconds per second")] = 60.0,
    seed: Annotated[int, typer.Option(help="the same seed, the same buyers")] = 7,
    leave: Annotated[
        bool, typer.Option("--exit", help="end when every order reached its end state")
    ] = False,
    scarce: Annotated[bool, typer.Option(help="last units are contested")] = False,
    faults: Annotated[str, typer.Option(help="`storm`: the remotes misbehave")] = "",
    lang: Annotated[str, typer.Option(help="en or zh")] = "en",
    data: Annotated[
        str, typer.Option(help="where the SQLite file and the YAML are left")
    ] = "demo-data",
) -> None:
    """Show the whole job against simulated remotes on this machine."""
    from jobs.demo import Wishes, play

    raise typer.Exit(
        play(
            Wishes(
                orders=orders, speed=speed, seed=seed, leave=leave, scarce=scarce, faults=faults, language=lang, data=data
            )
        )
    )  # fmt: skip


def simulate(
    kind: Annotated[str, typer.Argument(help="shopify, amazon, supplier, ups or smtp")],
    port: Annotated[int, typer.Option(help="where the remote listens; 0: any free port")] = 0,
    control: Annotated[
        int, typer.Option(help="where the control API listens; 0: any free port")
    ] = 0,
    seed: Annotated[int, typer.Option(help="of the catalogue and of chance")] = 7,
    speed: Annotated[float, typer.Option(help="simulated seconds per second")] = 1.0,
) -> None:
    """Run one simulated remote alone, for integration tests of your own."""
    from jobs.simulate import alone

    alone(kind, port=port, control=control, seed=seed, speed=speed)
