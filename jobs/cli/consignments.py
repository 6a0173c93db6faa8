"""`lockstep consignment`: goods on their way to us, and what goes from one of our places to FBA."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from core.errors import ConfigError
from core.model.demand import LeadTime
from core.model.inbound import Leg
from core.model.reasons import Reason
from core.rules.consignments import LegForecast
from core.rules.sentences import render
from jobs import booked_in, consignments, receive, refill
from jobs.bootstrap import Application
from jobs.cli.shared import ByOption, ConfigOption, JsonOption, application, console, person, show
from jobs.consignments import CannotShip
from jobs.store.consignments import ConsignmentRecord, Consignments
from jobs.store.notices import Notices
from jobs.store.store import Tx

NumberArgument = Annotated[
    str, typer.Argument(help="its number: the container's, the truck's, FBA's id")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Goods on their way to us: what is in them, how far they are.", no_args_is_help=True
    )
    group.command(name="list")(list_all)
    group.command(name="show")(show_one)
    group.command(name="proposals")(proposals)
    group.command(name="send")(send)
    group.command(name="ship")(ship)
    group.command(name="leg")(tell_leg)
    group.command(name="receive")(receive_goods)
    group.command(name="link")(link)
    group.command(name="origin")(origin)
    group.command(name="close")(close)
    app.add_typer(group, name="consignment")


# --- looking -------------------------------------------------------------------------------------


def list_all(
    config: ConfigOption = None,
    everything: Annotated[bool, typer.Option("--all", help="those that are over, too")] = False,
    as_json: JsonOption = False,
) -> None:
    """What is under way, the next to come first."""
    with application(config) as app, app.store.reading() as tx:
        rows = [_row(tx, app, one) for one in Consignments(tx).listed(closed=everything)]
    show(
        rows,
        columns=["consignment", "to", "lane", "state", "leg", "units", "received", "expected", "late"],
        as_json=as_json,
        title="Under way",
        empty="Nothing is under way.",
    )  # fmt: skip


def _row(tx: Tx, app: Application, found: ConsignmentRecord) -> dict[str, Any]:
    legs = consignments.forecast(tx, app.wiring, found)
    running = next((one for one in legs if _runs(one, legs)), None)
    return {
        "consignment": found.number,
        "to": found.destination,
        "lane": found.lane,
        "state": found.state,
        "leg": str(running.leg) if running and found.open else "",
        "units": found.sent,
        "received": found.received,
        "expected": found.expected_on.isoformat() if found.open else None,
        "late": found.late_on.isoformat() if found.open else None,
        "ref": found.ref or None,
    }


def _notices(tx: Tx, found: ConsignmentRecord) -> list[str]:
    """Suppliers' own numbers of the ship notices that tell of it."""
    purchases = sorted({line.purchase for line in found.lines if line.purchase})
    told = [Notices(tx, one).said().get(found.number, {}) for one in purchases]
    return [name for documents in told for name in documents if name]


def _leg_days(days: LeadTime) -> Reason:
    return Reason.of("leg_days", seen=days.observed, usual=days.p50, slow=days.p90)


def _runs(leg: LegForecast, legs: Sequence[LegForecast]) -> bool:
    """The first leg after the last one that is done."""
    done = [index for index, one in enumerate(legs) if one.actual]
    return legs.index(leg) == (done[-1] + 1 if done else 0)


def show_one(
    number: NumberArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Leg by leg: planned, done, expected; half of the times by `expected`, nine of ten by `late`."""
    with application(config) as app, app.store.reading() as tx:
        found = Consignments(tx).get(number)
        if found is None:
            raise CannotShip(
                f"there is no consignment {number!r}; `lockstep consignment list` shows them"
            )
        language = app.wiring.config.shop.language
        legs = [
            {
                "leg": str(one.leg),
                "planned": one.planned.isoformat() if one.planned else None,
                "actual": one.actual.isoformat() if one.actual else None,
                "expected": None if one.actual else one.usual.isoformat(),
                "late": None if one.actual else one.late.isoformat(),
                "usual_days": one.days.p50 if one.days else None,
                "slow_days": one.days.p90 if one.days else None,
                "why": render(_leg_days(one.days), language) if one.days else None,
            }
            for one in consignments.forecast(tx, app.wiring, found)
        ]
        lines = [
            {
                "sku": line.sku,
                "item": line.item,
                "purchase": line.purchase or None,
                "units": line.units,
                "received": line.received,
                "booked": line.booked if line.bound else None,
            }
            for line in found.lines
        ]
        row = _row(tx, app, found) | {"notices": _notices(tx, found)}
    if as_json:
        show([{**row, "legs": legs, "lines": lines}], columns=[], as_json=True, title="", empty="")
        return
    show(
        legs,
        columns=["leg", "planned", "actual", "expected", "late", "usual_days", "slow_days", "why"],
        as_json=False,
        title=f"{found.number} to {found.destination}",
        empty="No leg is known: name a lane.",
    )
    show(
        lines,
        columns=["sku", "item", "purchase", "units", "received", "booked"],
        as_json=False,
        title="What is in it",
        empty="Nothing is in it.",
    )


# --- from one of our places to another ----------------------------------------------------------


def proposals(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """What should go to the places that are filled up from others (FBA). Nothing is sent."""
    with application(config) as app:
        with app.store.reading() as tx:
            found = refill.look_at(tx, app.wiring)
        with app.store.transaction() as tx:
            refill.keep_plans(tx, found, by=person(None))
            planned = refill.planned(tx)
        language = app.wiring.config.shop.language
    rows = [
        {
            "plan": number,
            "from": scope.split(">")[0],
            "to": scope.split(">")[1],
            "sku": line.sku,
            "item": line.item,
            "units": line.units,
            "why": " ".join(render(Reason(code, args), language) for code, args in line.steps),
        }
        for scope, (number, lines) in sorted(planned.items())
        for line in lines
    ]
    show(
        rows,
        columns=["plan", "from", "to", "sku", "item", "units", "why"],
        as_json=as_json,
        title="What to send",
        empty="Nothing has to be sent.",
    )
    if not as_json:
        for plan, _ in sorted(planned.values(), key=lambda one: one[0]):
            console().print(Text(f"send plan {plan} with: lockstep consignment send {plan} NUMBER"))


def send(
    plan: Annotated[int, typer.Argument(help="as `proposals` lists it")],
    number: Annotated[
        str, typer.Argument(help="what you will call it; name the FBA shipment the same")
    ],
    config: ConfigOption = None,
    file: Annotated[
        Path | None, typer.Option(help="CSV sku,quantity [default: what is proposed]")
    ] = None,
    by: ByOption = None,
) -> None:
    """Send what a plan proposes: the units leave the origin's shelf and are on their way."""
    units = receive.read_slip(file)[0] if file else None
    with application(config) as app, app.store.transaction() as tx:
        sent = refill.send(tx, app.wiring, plan, number=number, units=units, by=person(by))
        found = consignments.known(tx, sent.number)
    out = console()
    out.print(
        Text(
            f"{found.number}: {found.sent} units to {found.destination}, expected on {found.expected_on}"
        )
    )
    for line in found.lines:
        out.print(Text(f"  {line.item}: {line.units}"))


# --- telling -------------------------------------------------------------------------------------


def ship(
    number: NumberArgument,
    config: ConfigOption = None,
    purchase: Annotated[
        list[str] | None, typer.Option("--purchase", help="whose goods it carries; may be repeated")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="CSV sku,quantity: what of it [default: all that is owed]")
    ] = None,
    lane: Annotated[
        str | None, typer.Option(help="the way it takes, from `lanes` [default: the supplier's]")
    ] = None,
    started: Annotated[
        str | None, typer.Option(help="the day its first leg began [default: of the order]")
    ] = None,
    by: ByOption = None,
) -> None:
    """Goods of purchase orders are, or will be, on their way together; said again, they are changed."""
    units = receive.read_slip(file)[0] if file else None
    with application(config) as app, app.store.transaction() as tx:
        found = consignments.ship(
            tx, app.wiring, number, purchase or [], lane=lane, units=units,
            started_on=_day(started, "--started") if started else None, by=person(by),
        )  # fmt: skip
    console().print(
        Text(f"{number}: expected on {found.expected_on}, at the latest {found.late_on}")
    )


def tell_leg(
    number: NumberArgument,
    leg: Annotated[Leg, typer.Argument(help="the leg that ended, or will")],
    config: ConfigOption = None,
    on: Annotated[str | None, typer.Option(help="the day it was done [default: today]")] = None,
    planned: Annotated[
        str | None, typer.Option(help="the day it will be done, as somebody said")
    ] = None,
    by: ByOption = None,
) -> None:
    """A leg of the way is done, or is planned for a day."""
    with application(config) as app, app.store.transaction() as tx:
        actual = _day(on, "--on") if on else None
        if on is None and planned is None:
            actual = app.wiring.day(tx.now)
        found = consignments.tell_leg(
            tx, app.wiring, number, leg, actual=actual,
            planned=_day(planned, "--planned") if planned else None, by=person(by),
        )  # fmt: skip
    console().print(
        Text(f"{number}: expected on {found.expected_on}, at the latest {found.late_on}")
    )


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text!r} is no day; write 2027-02-06") from None


def receive_goods(
    number: NumberArgument,
    slip_file: Annotated[
        Path, typer.Argument(metavar="FILE", help="packing slip: CSV sku,quantity")
    ],
    config: ConfigOption = None,
    slip: Annotated[
        str | None, typer.Option(help="the slip's number: the same slip counts once")
    ] = None,
    freight: Annotated[
        str | None, typer.Option(help="what its way here cost, in the shop's currency: 312.50")
    ] = None,
    by: ByOption = None,
) -> None:
    """Book in what came of a consignment, under the purchase orders it carries."""
    with application(config) as app:
        currency = app.wiring.config.shop.currency
        units, name = receive.read_slip(slip_file)
        with app.store.transaction() as tx:
            done = consignments.receive_goods(
                tx, app.wiring, number, units, slip=slip or name, by=person(by),
                freight=receive.parse_money(freight, currency) if freight is not None else None,
            )  # fmt: skip
            left = consignments.known(tx, number).missing
    out = console()
    if done is None:
        out.print(Text(f"{number}: this slip was received before; nothing was changed"))
        return
    out.print(Text(f"{number}: {sum(units.values())} units received"))
    for name, count in left.items():
        out.print(Text(f"  {name}: {count} still on the way"))


def link(
    number: NumberArgument,
    ref: Annotated[str, typer.Argument(help="what the receiver calls it: FBA15DJ9SVVD")],
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Say what the receiver (FBA) calls a consignment: its own word on it is followed from now on."""
    with application(config) as app, app.store.transaction() as tx:
        found = booked_in.link(tx, app.wiring, number, ref, by=person(by))
    console().print(Text(f"{number} is {ref} at {found.connection}"))


def origin(
    number: NumberArgument,
    place: Annotated[str, typer.Argument(help="our location that its goods left")],
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Say which of our places a shipment made at its receiver left: its units leave that shelf."""
    with application(config) as app, app.store.transaction() as tx:
        found = refill.say_origin(tx, app.wiring, number, place, by=person(by))
    console().print(
        Text(f"{number}: it left {place} for {found.destination} with {found.sent} units")
    )


def close(
    number: NumberArgument,
    config: ConfigOption = None,
    note: Annotated[str | None, typer.Option(help="why")] = None,
    by: ByOption = None,
) -> None:
    """Expect nothing more of it; what is missing becomes a Case with the day to claim it by."""
    with application(config) as app, app.store.transaction() as tx:
        found = consignments.close(tx, app.wiring, number, note=note, by=person(by))
    console().print(Text(f"{number}: closed, {sum(found.missing.values())} units did not come"))
