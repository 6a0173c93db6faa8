"""Commands about what comes back and what is paid back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text
from sqlalchemy import select

from core.model.money import Money
from core.model.reasons import Reason
from core.model.returns import (
    Disposition,
    ExchangedLine,
    RefundState,
    Resolution,
    ReturnReason,
    ReturnState,
)
from core.rules.sentences import render
from jobs import refunds, return_steps, returned, returns
from jobs.bootstrap import Application
from jobs.cli.shared import (
    ByOption,
    ConfigOption,
    JsonOption,
    application,
    console,
    person,
    reasons,
    show,
)
from jobs.store.orders import OrderRecord, Orders
from jobs.store.refunds import RefundRow, Refunds
from jobs.store.returns import ReturnRecord, Returns
from jobs.store.store import Tx
from jobs.store.tables import order_line

ReturnArgument = Annotated[str, typer.Argument(help="its RMA number, or the channel's name for it")]
NumberArgument = Annotated[int, typer.Argument(help="its number in the list")]
NoteOption = Annotated[str, typer.Option(help="why, and who agreed")]
LineOption = Annotated[
    list[str] | None,
    typer.Option("--line", help="NAME=UNITS: a line's Sku or number; again for more"),
]
EveryOption = Annotated[bool, typer.Option("--all", help="settled ones too")]


def register(app: typer.Typer) -> None:
    back = typer.Typer(help="Goods that come back.", no_args_is_help=True)
    back.command(name="list")(listed)
    back.command(name="show")(shown)
    back.command(name="open")(open_)
    back.command(name="accept")(accept)
    back.command(name="decline")(decline)
    back.command(name="cancel")(cancel)
    back.command(name="close")(close)
    back.command(name="receive")(receive)
    back.command(name="inspect")(inspect)
    back.command(name="claims")(claims)
    back.command(name="claimed")(claimed)
    app.add_typer(back, name="returns")
    money = typer.Typer(help="Money that is paid back to buyers.", no_args_is_help=True)
    money.command(name="list")(refunds_listed)
    money.command(name="add")(add)
    money.command(name="approve")(approve)
    money.command(name="refuse")(refuse)
    money.command(name="again")(again)
    app.add_typer(money, name="refunds")


# --- returns -------------------------------------------------------------------------------------


def listed(
    config: ConfigOption = None, every: EveryOption = False, as_json: JsonOption = False
) -> None:
    """Returns that are not over: where each stands."""
    with application(config) as app, app.store.reading() as tx:
        found = Returns(tx).listed(every=every)
        costs = returns.costs_of(tx, [one.subject for one in found])
        show(
            [{**_row(one), "costs": _costs(costs.get(one.subject, ()))} for one in found],
            columns=(
                "rma",
                "name",
                "channel",
                "order",
                "state",
                "lines",
                "label",
                "costs",
                "since",
            ),
            as_json=as_json,
            title="Returns",
            empty="nothing is on its way back",
            zone=app.wiring.config.shop.time_zone,
        )


def shown(name: ReturnArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Everything that was decided about a return, and why; what is paid back for it."""
    with application(config) as app, app.store.reading() as tx:
        one = returns.the_one(tx, name)
        language = app.wiring.config.shop.language
        told = {
            **_row(one),
            "since": one.created_at.isoformat(),
            "reasons": reasons(tx, one.subject, language),
            "refunds": [
                {**_refund(tx, row), "since": row.created_at.isoformat()}
                for row in Refunds(tx).of_return(one.id)
            ],
        }
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    out = console()
    out.print(
        Text(f"{one.rma} ({one.name}) of order {one.order_name} on {one.channel}: {one.state}")
    )
    for line in one.lines:
        out.print(Text(f"  {_line(line)}"))
    for row in told["refunds"]:
        out.print(Text(f"  refund {row['number']}: {row['total']}, {row['state']}. {row['why']}"))
    for reason in told["reasons"]:
        out.print(Text(f"  {reason['at'][:19]}  {reason['text']}"))


def _row(one: ReturnRecord) -> dict[str, Any]:
    return {
        "rma": one.rma,
        "name": one.name,
        "channel": one.channel,
        "order": one.order_name,
        "state": str(one.state),
        "lines": "; ".join(_line(line) for line in one.lines),
        "label": " ".join(part for part in (one.carrier, one.tracking_number, one.label) if part),
        "since": one.created_at,
    }


def _costs(told: Iterable[Reason]) -> str:
    """label 4.14 USD; C-1 Denied."""
    return "; ".join(
        f"{one.args.get('claim', 'label')} {one.args.get('amount') or one.args['state']}"
        for one in told
    )


def _line(line: Any) -> str:
    """2 x MUG-1 (defective): 1 here, 1 restock, refund."""
    said = [f"{line.received} here", *(f"{units} {what}" for what, units in line.found.items())]
    return (
        f"{line.quantity} x {line.remote_sku or line.line} ({line.reason}): "
        f"{', '.join(said)}, {line.resolution}"
    )


def open_(
    order: Annotated[str, typer.Argument(help="the order's name or id")],
    reason: Annotated[ReturnReason, typer.Option(help="why it comes back")],
    note: NoteOption,
    line: LineOption = None,
    instead: Annotated[
        list[str] | None,
        typer.Option(help="SKU=UNITS[@PRICE]: the buyer gets this in its place, and no money"),
    ] = None,
    label: Annotated[str, typer.Option(help="what who made the label calls it")] = "",
    carrier: Annotated[str, typer.Option(help="who brings it")] = "",
    tracking: Annotated[str, typer.Option(help="the parcel's number")] = "",
    our_label: Annotated[bool, typer.Option(help="the shop paid for the label")] = False,
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Open a return that the channel knows nothing of, and print its RMA number."""
    with application(config) as app, app.store.transaction() as tx:
        asked = returns.Opening(
            order=order,
            units=_units(line),
            reason=reason,
            resolution=Resolution.REPLACEMENT if instead else Resolution.REFUND,
            instead=_instead(tx, app, order, instead or ()),
            label=label,
            carrier=carrier,
            tracking_number=tracking,
            our_label=our_label,
        )
        made = returns.open_return(tx, app.wiring, asked, by=person(by), note=note)
    console().print(f"{made.rma}: write it on the parcel", markup=False)


def _units(line: Sequence[str] | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in line or ():
        name, _, count = one.rpartition("=")
        if not name or not count.isascii() or not count.isdecimal() or name in found:
            raise typer.BadParameter(f"{one!r}: write NAME=UNITS, each name once")
        found[name] = int(count)
    return found


def _instead(
    tx: Tx, app: Application, order: str, instead: Sequence[str]
) -> tuple[ExchangedLine, ...]:
    """The same Sku costs what it cost; another one what is said, else what its listing asks."""
    if not instead:
        return ()
    record = _order(tx, order)
    made = []
    for number, one in enumerate(instead, start=1):
        wanted, _, price = one.partition("@")
        ((sku, units),) = _units([wanted]).items()
        currency = record.order.currency
        try:
            cost = Money.parse(price, currency) if price else returns.price_of(tx, record, sku)
        except ValueError as error:
            raise typer.BadParameter(f"{one!r}: {error}") from None
        if cost is None:
            raise typer.BadParameter(f"{one!r}: no price of {sku} is known: write {wanted}@19.90")
        made.append(ExchangedLine(f"{number}", sku, "", units, cost))
    return tuple(made)


def _order(tx: Tx, name: str) -> OrderRecord:
    found = Orders(tx).load(Orders(tx).named(name))
    if len(found) != 1:
        raise typer.BadParameter(f"{name!r} names {len(found)} orders")
    return found[0]


def accept(
    name: ReturnArgument, note: NoteOption, config: ConfigOption = None, by: ByOption = None
) -> None:
    """It is taken back: one that its buyer asked for, or one that was disputed and is ours after all."""
    with application(config) as app, app.store.transaction() as tx:
        told = return_steps.accept(tx, app.wiring, name, by=person(by), note=note)
    console().print(
        f"{name} is approved: its channel is told" if told else f"{name} is expected", markup=False
    )


def decline(
    name: ReturnArgument,
    note: NoteOption,
    reason: Annotated[
        str, typer.Option(help="the channel's word for why: RETURN_PERIOD_ENDED, FINAL_SALE, OTHER")
    ] = "",
    tell: Annotated[str, typer.Option(help="what the buyer is told")] = "",
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """It is not taken back. Where its buyer asked for it on the channel, that is told, once."""
    with application(config) as app, app.store.transaction() as tx:
        told = return_steps.decline(
            tx, app.wiring, name, by=person(by), note=note, reason=reason, words=tell
        )
    console().print(f"{name} is declined" + (": its channel is told" if told else ""), markup=False)


def cancel(
    name: ReturnArgument, note: NoteOption, config: ConfigOption = None, by: ByOption = None
) -> None:
    """It will not come: nothing is paid back, and what replaces it is taken back if it is not sent."""
    _end(name, ReturnState.CANCELED, note, config, by)


def close(
    name: ReturnArgument, note: NoteOption, config: ConfigOption = None, by: ByOption = None
) -> None:
    """Nothing more is to be done: what has not come will not."""
    _end(name, ReturnState.CLOSED, note, config, by)


def _end(name: str, state: ReturnState, note: str, config: Any, by: Any) -> None:
    with application(config) as app, app.store.transaction() as tx:
        returns.end(tx, app.wiring, name, state, by=person(by), note=note)
    console().print(f"{name} is {state}", markup=False)


def receive(
    name: ReturnArgument,
    line: LineOption = None,
    note: Annotated[str, typer.Option(help="what is to be known of it")] = "",
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Units of it are here; without --line all that is expected. Nothing is sold before inspection."""
    with application(config) as app, app.store.transaction() as tx:
        made = returned.receive(tx, app.wiring, name, _units(line), by=person(by), note=note)
    console().print("; ".join(_line(one) for one in made.lines), markup=False)


def inspect(
    name: ReturnArgument,
    found: Annotated[Disposition, typer.Argument(help="what becomes of the units")],
    line: LineOption = None,
    location: Annotated[str, typer.Option(help="where they are put; else as the policy says")] = "",
    note: Annotated[str, typer.Option(help="what was seen")] = "",
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Somebody looked at units; without --line at all that are here and nobody looked at."""
    with application(config) as app, app.store.transaction() as tx:
        made = returned.inspect(
            tx, app.wiring, name, found, _units(line), location=location, by=person(by), note=note
        )
    console().print("; ".join(_line(one) for one in made.lines), markup=False)


def claims(
    config: ConfigOption = None, every: EveryOption = False, as_json: JsonOption = False
) -> None:
    """Bad goods that suppliers answer for, and what they cost us."""
    with application(config) as app, app.store.reading() as tx:
        rows = [
            {
                "number": one.id,
                "supplier": one.supplier or "?",
                "sku": one.sku,
                "units": one.quantity,
                "cost": str(one.cost * one.quantity) if one.cost else "?",
                "why": str(one.reason),
                "rma": one.rma,
                "state": one.state,
                "since": one.opened_at,
            }
            for one in Returns(tx).claims(every=every)
        ]
        show(
            rows,
            columns=("number", "supplier", "sku", "units", "cost", "why", "rma", "state", "since"),
            as_json=as_json,
            title="Claims on suppliers",
            empty="nothing is claimed",
            zone=app.wiring.config.shop.time_zone,
        )


def claimed(
    number: NumberArgument,
    note: NoteOption,
    refused: Annotated[bool, typer.Option("--refused", help="they give nothing for it")] = False,
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """A claim is settled: credited, or refused."""
    state = "refused" if refused else "credited"
    with application(config) as app, app.store.transaction() as tx:
        returned.settle_claim(tx, number, state, by=person(by), note=note)
    console().print(f"claim {number} is {state}", markup=False)


# --- refunds -------------------------------------------------------------------------------------


def refunds_listed(
    config: ConfigOption = None, every: EveryOption = False, as_json: JsonOption = False
) -> None:
    """Refunds that are not paid: what each comes to, and what it waits for."""
    with application(config) as app, app.store.reading() as tx:
        show(
            [_refund(tx, one) for one in Refunds(tx).listed(every=every)],
            columns=(
                "number",
                "channel",
                "order",
                "total",
                "state",
                "for",
                "lines",
                "why",
                "since",
            ),
            as_json=as_json,
            title="Refunds",
            empty="no refund waits for anything",
            zone=app.wiring.config.shop.time_zone,
        )


def _refund(tx: Tx, one: RefundRow) -> dict[str, Any]:
    query = select(order_line.c.remote_id, order_line.c.remote_sku)
    named = {
        row.remote_id: row.remote_sku
        for row in tx.connection.execute(query.where(order_line.c.order_id == one.order_id))
    }
    lines = [
        f"{line.quantity} x {named.get(line.line) or line.line}: {line.amount}"
        for line in one.lines
    ]
    if one.shipping.amount:
        lines.append(f"shipping: {one.shipping}")
    return {
        "number": one.id,
        "channel": one.channel,
        "order": one.order_name,
        "total": str(one.total),
        "state": f"{one.state} by {one.decided_by}" if one.decided_by else str(one.state),
        "for": one.cause,
        "lines": "; ".join(lines),
        "why": " ".join(render(reason, "en") for reason in one.why),
        "since": one.created_at,
    }


def add(
    order: Annotated[str, typer.Argument(help="the order's name or id")],
    amount: Annotated[str, typer.Option(help="how much, in the order's currency: 10.00")],
    note: NoteOption,
    line: Annotated[str, typer.Option(help="the line it is for; else the first")] = "",
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Pay a buyer back although nothing comes back. Above the limit another approval is asked for."""
    with application(config) as app, app.store.transaction() as tx:
        record = _order(tx, order)
        made = refunds.want_money(
            tx, record, line, _amount(amount, record.order.currency), by=person(by), note=note
        )
    console().print(f"refund {made.id} of {made.total} is wanted", markup=False)


def approve(
    number: NumberArgument,
    note: NoteOption,
    amount: Annotated[str, typer.Option(help="so much of it and no more: 10.00")] = "",
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Have it paid, once. Exits 1 where it is not due any more: it is withdrawn then."""
    with application(config) as app, app.store.transaction() as tx:
        row = Refunds(tx).get(number)
        less = _amount(amount, row.total.currency) if amount and row else None
        made = refunds.approve(tx, app.wiring, number, by=person(by), note=note, amount=less)
    if made.state is RefundState.WITHDRAWN:
        console().print(
            f"refund {number} is not due any more, and is withdrawn; "
            "`lockstep refunds list` shows what is due",
            markup=False,
        )
        raise typer.Exit(1)
    console().print(f"refund {number} of {made.total} is approved", markup=False)


def refuse(
    number: NumberArgument, note: NoteOption, config: ConfigOption = None, by: ByOption = None
) -> None:
    """Pay nothing for it. Its units are settled by that."""
    with application(config) as app, app.store.transaction() as tx:
        row = refunds.refuse(tx, number, by=person(by), note=note)
        if row.return_id is not None:
            returns.look(tx, app.wiring, Returns(tx).get(row.return_id))
    console().print(f"refund {number} is not paid", markup=False)


def again(
    number: NumberArgument, note: NoteOption, config: ConfigOption = None, by: ByOption = None
) -> None:
    """What the channel refused is asked for afresh."""
    with application(config) as app, app.store.transaction() as tx:
        made = refunds.again(tx, number, by=person(by), note=note)
    console().print(f"refund {number} is asked for again, as refund {made.id}", markup=False)


def _amount(text: str, currency: str) -> Money:
    try:
        return Money.parse(text, currency)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
