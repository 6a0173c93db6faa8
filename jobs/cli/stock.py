"""`lockstep stock`: units as they are, counts, and everything a person moves."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from core.errors import ConfigError
from core.model.money import Money
from core.model.stock import MovementKind
from core.rules.counting import Variance, Worth
from jobs import counts, movements
from jobs.bootstrap import Application
from jobs.cli.looking import list_stock
from jobs.cli.shared import ByOption, ConfigOption, JsonOption, application, console, person, show
from jobs.movements import CannotMove, Moving
from jobs.store.transfers import Transfers


class _ListsByDefault(TyperGroup):
    """`stock` and `stock MUG-BLUE` list; a Sku that is called like a command: `stock list count`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


SkuArgument = Annotated[str, typer.Argument(help="a Sku, or a name that stands for it")]
UnitsArgument = Annotated[int, typer.Argument(min=1, help="units")]
LocationOption = Annotated[
    str, typer.Option("--location", "-l", help="the shelf; one that Lockstep counts")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help=f"a short code: {', '.join(movements.USUAL)}, ...")
]
ReferenceOption = Annotated[
    str, typer.Option(help="a delivery note, an order: the same one twice is written once")
]
NoteOption = Annotated[str, typer.Option(help="in your own words")]
AnywayOption = Annotated[
    bool,
    typer.Option("--anyway", help="your word that it is true, though more leaves than is there"),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", help="when; without an offset in the shop's time [default: now]"),
]


def register(app: typer.Typer) -> None:
    stock = typer.Typer(
        cls=_ListsByDefault, help="Units per Sku and location; counts; what people move."
    )
    stock.command(name="list")(list_stock)
    stock.command(name="count")(count)
    stock.command(name="approve")(approve)
    stock.command(name="reject")(reject)
    stock.command(name="receive")(receive)
    stock.command(name="adjust")(adjust)
    stock.command(name="damage")(damage)
    stock.command(name="return")(take_back)
    stock.command(name="transfer")(transfer)
    stock.command(name="arrived")(arrived)
    stock.command(name="transfers")(transfers)
    app.add_typer(stock, name="stock")


# --- counts --------------------------------------------------------------------------------------


def count(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or XLSX: sku, location, quantity, counted_at; units of open orders included"
        ),
    ],
    config: ConfigOption = None,
    location: Annotated[str | None, typer.Option(help="of all lines without one")] = None,
    at: Annotated[
        str | None,
        typer.Option(help="when all lines without an instant were counted, in the shop's time"),
    ] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a count with the ledger at the counted instant. Nothing changes before it is approved."""
    with application(config) as app:
        read = counts.read_file(
            file,
            app.wiring,
            location=location,
            counted_at=_moment(app, at),
            now=app.store.clock.now(),
        )
        number, variances = counts.propose(app.store, app.wiring, read, by=person(by))
    _show_variances(number, variances, as_json=as_json)


def _show_variances(number: int, variances: list[Variance], *, as_json: bool) -> None:
    rows = [
        {
            "plan": number,
            "location": one.counted.location,
            "sku": one.counted.sku,
            "counted_at": one.counted.at,
            "ledger": one.ledger,
            "counted": one.counted.quantity,
            "variance": one.units,
            "after": one.after,
            "held": one.committed,
            "value": str(one.value) if one.value else None,
            "worth": _source(one.worth),
            "remark": _remark(one),
        }
        for one in variances
    ]
    show(
        rows if as_json else [row for row in rows if row["variance"] or row["remark"]],
        columns=["location", "sku", "ledger", "counted", "variance", "after", "value", "worth", "remark"],
        as_json=as_json,
        title=f"Count {number}: what differs from the ledger at the counted instant",
        empty=f"Count {number}: {len(variances)} lines, every one as the ledger says.",
    )  # fmt: skip
    if as_json:
        return
    money, unknown = counts.totals(variances)
    sums = [str(Money(amount, currency)) for currency, amount in sorted(money.items())]
    if unknown:
        sums.append(f"{unknown} units of unknown worth")
    out = console()
    out.print(
        Text(
            f"{sum(one.units for one in variances):+d} units in {len(variances)} lines"
            + (f", {', '.join(sums)}" if sums else "")
        )
    )
    out.print(Text(f"apply it with: lockstep stock approve {number}"))


def _source(worth: Worth | None) -> str:
    if worth is None:
        return "unknown"
    return f"{worth.basis} of {worth.source}" if worth.source else f"{worth.basis} cost"


def _remark(one: Variance) -> str:
    if one.superseded:
        return "counted again since"
    if one.units and one.after < 0:
        return "less than nothing would be there"
    return "fewer than orders hold" if one.units and one.after < one.committed else ""


def approve(
    number: Annotated[int, typer.Argument(help="the count's number")],
    config: ConfigOption = None,
    anyway: AnywayOption = False,
    note: Annotated[str | None, typer.Option(help="why it is right")] = None,
    by: ByOption = None,
) -> None:
    """Write a count into the ledger. What moved after the counted instant is not undone."""
    with application(config) as app, app.store.transaction() as tx:
        done = counts.apply(tx, number, by=person(by), note=note, anyway=anyway, wiring=app.wiring)
    changed = [one for one in done if one.units]
    console().print(
        Text(
            f"count {number} applied: {len(changed)} of {len(done)} lines changed, "
            f"{sum(one.units for one in changed):+d} units"
        )
    )


def reject(
    number: Annotated[int, typer.Argument(help="the count's number")],
    config: ConfigOption = None,
    note: Annotated[str | None, typer.Option(help="why it is not believed")] = None,
    by: ByOption = None,
) -> None:
    """Put a count aside; the ledger stays as it is."""
    with application(config) as app, app.store.transaction() as tx:
        counts.reject(tx, number, by=person(by), note=note)
    console().print(Text(f"count {number} rejected"))


# --- movements by hand ---------------------------------------------------------------------------


def receive(
    sku: SkuArgument,
    units: UnitsArgument,
    location: LocationOption,
    reason: ReasonOption,
    config: ConfigOption = None,
    reference: ReferenceOption = "",
    at: AtOption = None,
    note: NoteOption = "",
    by: ByOption = None,
) -> None:
    """Units came in: from a supplier, from production."""
    _move(config, MovementKind.RECEIPT, sku, units, location, reason, reference, at, note, by)


def adjust(
    sku: SkuArgument,
    units: Annotated[str, typer.Argument(help="+3 or -3; write -- before a negative one")],
    location: LocationOption,
    reason: ReasonOption,
    config: ConfigOption = None,
    reference: ReferenceOption = "",
    at: AtOption = None,
    note: NoteOption = "",
    anyway: AnywayOption = False,
    by: ByOption = None,
) -> None:
    """Correct a shelf by so many units, up or down: found, missing, taken as a sample."""
    try:
        signed = int(units)
    except ValueError:
        signed = 0
    if not signed:
        raise CannotMove(f"{units!r} changes nothing; write +3 or -3")
    _move(
        config, MovementKind.ADJUSTMENT, sku, signed, location, reason, reference, at, note, by, anyway=anyway
    )  # fmt: skip


def damage(
    sku: SkuArgument,
    units: UnitsArgument,
    location: LocationOption,
    reason: ReasonOption = "broken",
    config: ConfigOption = None,
    reference: ReferenceOption = "",
    at: AtOption = None,
    note: NoteOption = "",
    anyway: AnywayOption = False,
    by: ByOption = None,
) -> None:
    """Units can be sold no more; they leave the shelf."""
    _move(
        config, MovementKind.DAMAGE, sku, -units, location, reason, reference, at, note, by, anyway=anyway
    )  # fmt: skip


def take_back(
    sku: SkuArgument,
    units: UnitsArgument,
    location: LocationOption,
    reason: ReasonOption = "customer",
    config: ConfigOption = None,
    order: Annotated[str, typer.Option(help="the order they came back from")] = "",
    reference: ReferenceOption = "",
    at: AtOption = None,
    note: NoteOption = "",
    by: ByOption = None,
) -> None:
    """Units came back from a buyer and can be sold again."""
    if order and reference:
        raise CannotMove("say --order or --reference, not both: a return has one name")
    name = f"return/{order}" if order else reference
    _move(config, MovementKind.RETURN, sku, units, location, reason, name, at, note, by)


def _move(
    config: str | None,
    kind: MovementKind,
    sku: str,
    units: int,
    location: str,
    reason: str,
    reference: str,
    at: str | None,
    note: str,
    by: str | None,
    *,
    anyway: bool = False,
) -> None:
    with application(config) as app:
        asked = Moving(
            kind, sku, location, units, reason, person(by), reference, note, _moment(app, at)
        )
        shelf = movements.move(app.store, app.wiring, asked, anyway=anyway)
    console().print(
        Text(
            f"{kind}: {units:+d} {shelf.sku} at {location}, now {shelf.on_hand} on hand, "
            f"{shelf.committed} held, {shelf.available} free"
        )
    )


def transfer(
    sku: SkuArgument,
    units: UnitsArgument,
    origin: Annotated[str, typer.Option("--from", help="a shelf that Lockstep counts")],
    to: Annotated[str, typer.Option("--to", help="where they go")],
    reason: ReasonOption = "move",
    config: ConfigOption = None,
    on_the_way: Annotated[
        bool, typer.Option("--on-the-way", help="they arrive later: `stock arrived` confirms them")
    ] = False,
    note: NoteOption = "",
    anyway: AnywayOption = False,
    by: ByOption = None,
) -> None:
    """Send units from one location to another. Units that orders hold stay, unless you say --anyway."""
    with application(config) as app:
        asked = Moving(MovementKind.TRANSFER, sku, origin, units, reason, person(by), note=note)
        number = movements.transfer(
            app.store, app.wiring, asked, to=to, on_the_way=on_the_way, anyway=anyway
        )
    words = f"transfer {number}: {units} {sku} from {origin} to {to}"
    if on_the_way:
        words += f", on their way; confirm with: lockstep stock arrived {number}"
    console().print(Text(words))


def arrived(
    number: Annotated[int, typer.Argument(help="the transfer's number")],
    units: Annotated[int | None, typer.Argument(min=0, help="so many [default: all]")] = None,
    config: ConfigOption = None,
    rest_lost: Annotated[
        bool, typer.Option("--rest-lost", help="what is not there now never will be")
    ] = False,
    note: NoteOption = "",
    by: ByOption = None,
) -> None:
    """Confirm that a transfer's units are there, all or some of them."""
    with application(config) as app:
        there, lost, rest = movements.arrive(
            app.store, number, units, person=person(by), rest_lost=rest_lost, note=note
        )
    console().print(
        Text(f"transfer {number}: {there} arrived, {lost} lost, {rest} still on the way")
    )


def transfers(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Units on their way between locations."""
    with application(config) as app, app.store.reading() as tx:
        rows = [
            {
                "transfer": row.id,
                "sku": row.sku,
                "from": row.origin,
                "to": row.destination,
                "sent": row.quantity,
                "arrived": row.arrived,
                "sent_at": row.sent_at,
                "by": row.person,
            }
            for row in Transfers(tx).on_the_way()
        ]
        zone = app.wiring.config.shop.time_zone
    show(
        rows,
        columns=["transfer", "sku", "from", "to", "sent", "arrived", "sent_at", "by"],
        as_json=as_json,
        title="On their way",
        empty="Nothing is on its way between locations.",
        zone=zone,
    )


def _moment(app: Application, text: str | None) -> datetime | None:
    try:
        return counts.moment(text, app.wiring.config.shop.time_zone)
    except ValueError as wrong:
        raise ConfigError(f"--at {wrong}") from None
