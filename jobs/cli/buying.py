"""Commands about buying: what to order, ordering it, receiving it, and what lies too long."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from core.errors import ConfigError
from core.model.money import Money
from core.model.reasons import Reason
from core.rules.sentences import render
from jobs import buying as lines
from jobs import purchase, receive, replenish, slow
from jobs.bootstrap import Application
from jobs.cli.shared import ByOption, ConfigOption, JsonOption, application, console, person, show
from jobs.store.consignments import ConsignmentRecord, Consignments
from jobs.store.purchases import PurchaseRecord, Purchases


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Buy again: proposals, purchase orders, receipts.", no_args_is_help=True
    )
    group.command(name="plan")(plan)
    group.command(name="approve")(approve)
    group.command(name="orders")(orders)
    group.command(name="sent")(sent)
    group.command(name="answer")(answer)
    group.command(name="receive")(receive_goods)
    group.command(name="close")(close)
    group.command(name="slow")(slow_movers)
    app.add_typer(group, name="replenish")


SupplierOption = Annotated[str | None, typer.Option("--supplier", help="one supplier only")]


def plan(
    config: ConfigOption = None, supplier: SupplierOption = None, as_json: JsonOption = False
) -> None:
    """What to order now, from whom, by when, and what it costs to wait. Nothing is ordered."""
    with application(config) as app:
        _known_supplier(app, supplier)
        with app.store.reading() as tx:
            look = replenish.look_at(tx, app.wiring, supplier=supplier)
        with app.store.transaction() as tx:
            if not replenish.keep_look(tx, app.wiring, look, by=person(None)):
                raise ConfigError("something was ordered or received meanwhile; ask again")
            found = replenish.planned(tx)
        rows = [
            _row(app, number, line)
            for name, (number, planned) in sorted(found.items())
            if supplier in (None, name)
            for line in planned.values()
        ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    show(
        rows,
        columns=["plan", "supplier", "sku", "position", "reorder_point", "quantity", "packs",
                 "cost", "order_by", "waiting_costs", "why"],
        as_json=False,
        title="What to order",
        empty="Nothing is low: there is nothing to order.",
    )  # fmt: skip
    for number in sorted({row["plan"] for row in rows if row["quantity"]}):
        console().print(Text(f"order plan {number} with: lockstep replenish approve {number}"))


def _known_supplier(app: Application, supplier: str | None) -> None:
    known = app.wiring.config.suppliers
    if supplier is not None and supplier not in known:
        listed = f"configured are {', '.join(known)}" if known else "none is configured"
        raise ConfigError(f"there is no supplier {supplier!r}; {listed}")


def _row(app: Application, number: int, line: lines.Line) -> dict[str, Any]:
    config = app.wiring.config
    currency, language = config.shop.currency, config.shop.language
    lost = lines.said(line.loss, currency)
    words = render(Reason.of("replenish_wait", units=line.lost, loss=lost), language)
    return {
        "plan": number,
        "supplier": line.supplier,
        "sku": line.sku,
        "position": line.position,
        "reorder_point": line.level,
        "quantity": line.quantity,
        "packs": line.packs,
        "cost": None if line.cost is None else str(Money(line.cost, currency)),
        "order_by": line.order_by or None,
        "waiting_costs": words if line.quantity else None,
        "lost_units": line.lost,
        "lost_margin": None if line.loss is None else str(Money(line.loss, currency)),
        "why": " ".join(render(Reason(code, args), language) for code, args in line.steps),
    }


def approve(
    what: Annotated[
        list[str],
        typer.Argument(help="a plan (12), or lines of it (12/MUG-BLUE), as `plan` lists them"),
    ],
    config: ConfigOption = None,
    quantity: Annotated[
        int | None, typer.Option(min=1, help="another number of units, for a single line")
    ] = None,
    below_minimum: Annotated[
        bool, typer.Option("--below-minimum", help="though the order is below the agreed value")
    ] = False,
    by: ByOption = None,
) -> None:
    """Order what a plan proposes: a purchase order is made and sent to the supplier, once."""
    wanted = _wanted(what)
    if quantity is not None and (len(what) != 1 or not next(iter(wanted.values()))):
        raise ConfigError(
            "--quantity is for a single line: lockstep replenish approve 12/MUG-BLUE --quantity 48"
        )
    with application(config) as app:
        made = []
        with app.store.transaction() as tx:
            for number, skus in wanted.items():
                order = purchase.approve(
                    tx, app.wiring, number, skus=skus, by=person(by), below_minimum=below_minimum,
                    quantities={skus[0]: quantity} if quantity is not None else None,
                )  # fmt: skip
                made.append(order)
        for order in made:
            described = app.wiring.config.suppliers[order.supplier]
            units = sum(line.quantity for line in order.lines)
            how = f"goes out through {described.connection}"
            if not described.connection:
                how = f"send it to {described.mail or order.supplier}, then: lockstep replenish sent {order.number}"
            console().print(Text(f"{order.number}: {units} units from {order.supplier}; {how}"))


def _wanted(what: list[str]) -> dict[int, list[str]]:
    """Plan -> its Skus, [] for all of it."""
    wanted: dict[int, list[str]] = {}
    for one in what:
        plan_id, _, sku = one.partition("/")
        if not plan_id.isdecimal():
            raise ConfigError(f"{one!r} is neither a plan (12) nor a line of one (12/MUG-BLUE)")
        skus = wanted.setdefault(int(plan_id), [])
        if sku:
            skus.append(sku)
    for number, skus in wanted.items():
        if skus and str(number) in what:
            raise ConfigError(f"plan {number} stands there whole and in lines; write one of them")
    return wanted


def orders(
    config: ConfigOption = None,
    supplier: SupplierOption = None,
    everything: Annotated[bool, typer.Option("--all", help="settled ones too")] = False,
    as_json: JsonOption = False,
) -> None:
    """Purchase orders: what is on the way, and what the supplier said."""
    with application(config) as app, app.store.reading() as tx:
        rows = [
            row
            for order in Purchases(tx).listed(closed=everything, supplier=supplier)
            for row in _lines(order, Consignments(tx).carrying(order.number))
        ]
    show(
        rows,
        columns=["order", "supplier", "state", "expected", "sku", "item", "ordered", "confirmed", "received", "under_way", "price"],
        as_json=as_json,
        title="Purchase orders",
        empty="No purchase order is open.",
    )  # fmt: skip


def _lines(order: PurchaseRecord, carried_by: Sequence[ConsignmentRecord]) -> list[dict[str, Any]]:
    under_way: dict[str, list[str]] = defaultdict(list)
    for one in carried_by:
        for part in one.lines:
            if part.sku and part.purchase == order.number and part.left:
                told = f"{part.left} on {one.number}, {one.expected_on}"
                under_way[part.sku].append(told)
    return [
        {
            "order": order.number,
            "supplier": order.supplier,
            "state": str(order.state),
            "expected": order.expected_on.isoformat(),
            "sku": line.sku,
            "item": line.item,
            "ordered": line.quantity,
            "confirmed": line.confirmed,
            "received": line.received,
            "under_way": "; ".join(under_way[line.sku]) or None,
            "price": str(line.price) if line.price else None,
        }
        for line in order.lines
    ]


def sent(
    order: Annotated[str, typer.Argument(help="its number")],
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Say that you sent an order to a supplier without a connection."""
    with application(config) as app, app.store.transaction() as tx:
        purchase.sent_by_hand(tx, order, by=person(by))
    console().print(Text(f"{order}: sent"))


def answer(
    order: Annotated[str, typer.Argument(help="the purchase order's number")],
    lines: Annotated[
        list[str], typer.Argument(help="MUG-BLUE=48, MUG-BLUE=48@2026-12-31; =0: none will come")
    ],
    config: ConfigOption = None,
    reference: Annotated[str, typer.Option(help="the supplier's own number for it")] = "",
    note: Annotated[str | None, typer.Option(help="who said it, and how")] = None,
    by: ByOption = None,
) -> None:
    """Record what a supplier answered in words, by mail or telephone: what will come, and when."""
    told = dict(_answered(one) for one in lines)
    with application(config) as app, app.store.transaction() as tx:
        purchase.answered_by_person(
            tx, app.wiring, order, told, reference=reference, note=note, by=person(by)
        )
    units = sum(count for count, _ in told.values())
    console().print(Text(f"{order}: {units} units will come"))


def _answered(text: str) -> tuple[str, tuple[int, date | None]]:
    """Sku -> (units that will come, the day they leave). Raises ConfigError."""
    sku, _, rest = text.rpartition("=")
    units, _, day = rest.partition("@")
    try:
        ready_on = date.fromisoformat(day) if day else None
    except ValueError:
        ready_on, units = None, ""
    if not sku or not (units.isascii() and units.isdecimal()):
        raise ConfigError(f"{text!r} is no answer; MUG-BLUE=48, or MUG-BLUE=48@2026-12-31")
    return sku, (int(units), ready_on)


def receive_goods(
    order: Annotated[str, typer.Argument(help="the purchase order's number")],
    slip_file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="packing slip: CSV sku,quantity")
    ] = None,
    config: ConfigOption = None,
    sku: Annotated[str | None, typer.Option(help="a single Sku instead of a file")] = None,
    quantity: Annotated[int | None, typer.Option(min=1, help="units of it that came")] = None,
    slip: Annotated[
        str | None, typer.Option(help="the packing slip's number: the same slip counts once")
    ] = None,
    freight: Annotated[
        str | None, typer.Option(help="what its way here cost, in the shop's currency: 312.50")
    ] = None,
    by: ByOption = None,
) -> None:
    """Take goods of a purchase order into the ledger, at their landed cost."""
    with application(config) as app:
        currency = app.wiring.config.shop.currency
        units, name = _came(slip_file, sku, quantity, slip)
        with app.store.transaction() as tx:
            done = receive.receive(
                tx, app.wiring, order, units, slip=slip or name, by=person(by),
                freight=receive.parse_money(freight, currency) if freight is not None else None,
            )  # fmt: skip
    out = console()
    if done.repeated:
        out.print(Text(f"{done.reference} was received before; nothing was changed"))
        return
    out.print(Text(f"{done.reference}: {sum(units.values())} units received, order {done.state}"))
    for line in done.costs:
        total, goods = Money(line.total, currency), Money(line.goods, currency)
        rest = ", ".join(
            f"{label} {Money(amount, currency)}"
            for label, amount in (
                ("freight", line.freight),
                ("duty", line.duty),
                ("fees", line.fees),
            )
        )
        out.print(Text(f"  {line.sku}: {line.units} units cost {total} (goods {goods}, {rest})"))
    for label, some in (("more than ordered", done.over), ("still expected", done.short)):
        for each, count in sorted(some.items()):
            out.print(Text(f"  {each}: {count} {label}"))


def _came(
    file: Path | None, sku: str | None, quantity: int | None, slip: str | None
) -> tuple[dict[str, int], str]:
    if file is not None and sku is None and quantity is None:
        return receive.read_slip(file)
    if file is None and sku is not None and quantity is not None:
        if slip is None:
            raise ConfigError(
                "--slip is needed with --sku: it keeps one delivery from counting twice"
            )
        return {sku: quantity}, slip
    raise ConfigError("name a packing slip file, or one --sku with its --quantity and --slip")


def close(
    order: Annotated[str, typer.Argument(help="its number")],
    config: ConfigOption = None,
    note: Annotated[str | None, typer.Option(help="why")] = None,
    by: ByOption = None,
) -> None:
    """Expect nothing more of a purchase order; one that is not sent yet is canceled."""
    with application(config) as app, app.store.transaction() as tx:
        state = purchase.close(tx, order, note=note, by=person(by))
    console().print(Text(f"{order}: {state}"))


def slow_movers(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Stock that lies too long, its value (what it cost, or what it would cost now), and what to do."""
    with application(config) as app, app.store.reading() as tx:
        language = app.wiring.config.shop.language
        rows = [
            {
                "sku": one.found.sku,
                "units": one.units,
                "cover_days": one.found.cover_days,
                "age_days": one.age_days,
                "unsold_days": one.unsold_days,
                "value": str(one.value) if one.value else None,
                "value_is": _basis(one),
                "proposal": str(one.found.step),
                "why": render(one.found.reason, language),
            }
            for one in slow.slow_movers(tx, app.wiring)
        ]
    show(
        rows,
        columns=[
            "sku",
            "units",
            "cover_days",
            "age_days",
            "unsold_days",
            "value",
            "value_is",
            "proposal",
            "why",
        ],
        as_json=as_json,
        title="Slow movers, the most money first",
        empty="Nothing lies too long.",
    )


def _basis(one: slow.SlowStock) -> str | None:
    if one.value is None:
        return None
    return "estimated" if one.estimated else "landed cost"
