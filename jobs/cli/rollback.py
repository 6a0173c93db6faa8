"""`lockstep rollback`: a channel shows again what it showed before."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from jobs import rollback as going_back
from jobs.cli.shared import ByOption, ConfigOption, JsonOption, application, console, person, show


def register(app: typer.Typer) -> None:
    app.command()(rollback)


def rollback(
    channel: Annotated[str, typer.Argument()],
    config: ConfigOption = None,
    apply: Annotated[int | None, typer.Option(help="apply this plan")] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a channel's quantities back to those found when it was taken over: a plan, then its number.

    Afterwards the channel's quantities are only observed.
    """
    with application(config) as app:
        if apply is not None:
            count, stopped = going_back.apply(app.store, apply, channel=channel, by=person(by))
            words = (
                f"plan {apply} applied: {count} quantities of {channel} go out as they were; "
                "once they are shown, its quantities are only observed"
            )
            if stopped:
                words += f". Writes are stopped: nothing goes out before `lockstep resume writes {channel}`"
            console().print(Text(words))
            return
        number, changes, unknown = going_back.propose(app.store, app.wiring, channel, by=person(by))
    show(
        [
            {
                "plan": number,
                "sku": one.sku,
                "listing": one.remote_id,
                "place": one.place,
                "now": one.shown,
                "then": one.found,
                "ours": one.ours,
            }
            for one in changes
        ],
        columns=["sku", "listing", "place", "now", "then", "ours"],
        as_json=as_json,
        title=f"Plan {number}: what goes back",
        empty=f"Plan {number}: {channel} shows what it showed when it was taken over.",
    )
    if as_json:
        return
    out = console()
    above = [one for one in changes if one.found > one.ours]
    if above:
        units = sum(one.found - one.ours for one in above)
        out.print(
            Text(
                f"{len(above)} of them would show {units} units more than there are as far as Lockstep knows "
                "(column ours): they can be oversold"
            )
        )
    if unknown:
        out.print(Text(f"{unknown} listings came after the take-over; they stay as they are"))
    out.print(Text(f"apply it with: lockstep rollback {channel} --apply {number}"))
