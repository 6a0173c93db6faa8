"""Commands that look and change nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text
from sqlalchemy import func, select

from core.errors import ConnectorError, Unauthorized
from core.model.reasons import Reason
from core.ports import Connector, HintSource
from core.rules.holds import KINDS, Role
from core.rules.sentences import render
from jobs.bootstrap import Application
from jobs.cli.counted import remote_words, words_text
from jobs.cli.explaining import explain_sku
from jobs.cli.lags import lags_of, print_lags
from jobs.cli.shared import (
    ConfigOption,
    JsonOption,
    application,
    console,
    reasons,
    show,
)
from jobs.daemon import heartbeat_file
from jobs.horizons import calendars_too_short
from jobs.store.feeds import Feeds
from jobs.store.offers import Offers
from jobs.store.orders import Orders
from jobs.store.permissions import WRITING_FLOWS, Permissions
from jobs.store.plans import Plans
from jobs.store.purchases import Purchases
from jobs.store.stock import Stock, figure_instants
from jobs.store.tables import (
    cases,
    effect,
    hold,
    mail,
    order_line,
    orders,
    shipment,
    stock_level,
)
from jobs.store.units import UnitRow

#: Real seconds without a heartbeat before `status` calls the daemon dead.
HEARTBEAT_OLD = 60.0


def register(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(plan)
    app.command()(status)
    app.command(name="orders")(list_orders)
    app.command(name="holds")(list_holds)
    app.command(name="cases")(list_cases)
    explain = typer.Typer(help="Why something is as it is.", no_args_is_help=True)
    explain.command(name="order")(explain_order)
    explain.command(name="sku")(explain_sku)
    app.add_typer(explain, name="explain")
    app.command()(verify)
    app.command()(schema)


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the configuration, then each remote: who it is, what we may do there. Makes no write."""
    out = console()
    well = True
    found: list[dict[str, Any]] = []
    with application(config) as app:
        store = app.store.database.described()
        for name, connector in app.wiring.connectors.items():
            entry: dict[str, Any] = {"connection": name, "problems": [], "rights": [], "facts": {}}
            try:
                report = connector.check()
            except Unauthorized as error:
                entry["problems"].append(f"refused: {error}")
            except ConnectorError as error:
                entry["problems"].append(f"not reached: {error}")
            else:
                entry["name"] = report.name
                entry["facts"] = dict(report.facts)
                entry["problems"].extend(report.problems)
                entry["rights"] = [
                    {"name": right.name, "granted": right.granted, "without_it": right.without_it}
                    for right in report.rights
                ]
                entry["hooks"] = _hooks(app, name, connector)
                if report.secret_expires_at:
                    entry["facts"]["secret expires"] = report.secret_expires_at.isoformat()
            found.append(entry)
            well &= not entry["problems"] and all(right["granted"] for right in entry["rights"])
        with app.store.reading() as tx:
            language = app.wiring.config.shop.language
            remarks = [
                {"calendar": calendar, "remark": render(reason, language)}
                for calendar, reason in calendars_too_short(tx, app.wiring)
            ]
    if as_json:
        print(json.dumps([*found, *remarks], ensure_ascii=False))
    else:
        out.print(Text("configuration: in order"))
        for one in remarks:
            out.print(Text(f"  remark: {one['remark']}"))
        out.print(Text(f"store: {store}"))
        for entry in found:
            _print_check(out, entry)
    raise typer.Exit(0 if well else 1)


def _hooks(app: Application, name: str, connector: Connector) -> dict[str, Any]:
    """Where a remote that calls us should call, and about what."""
    section = app.wiring.config.inbound
    if section.port is None or not isinstance(connector, HintSource) or not connector.topics:
        return {}
    base = section.public_url.rstrip("/") or f"http://{section.host}:{section.port}"
    return {"address": f"{base}/hooks/{name}", "topics": list(connector.topics)}


def _print_check(out: Any, entry: dict[str, Any]) -> None:
    missing = [right for right in entry["rights"] if not right["granted"]]
    state = "in order" if not entry["problems"] and not missing else "NOT in order"
    out.print(Text(f"\n{entry['connection']}: {state}  {entry.get('name', '')}"))
    for label, value in entry["facts"].items():
        out.print(Text(f"  {label}: {value}"))
    if entry.get("hooks"):
        out.print(Text(f"  webhooks to: {entry['hooks']['address']}"))
        out.print(Text(f"  topics: {', '.join(entry['hooks']['topics'])}"))
    for right in entry["rights"]:
        if right["granted"]:
            out.print(Text(f"  granted  {right['name']}"))
    for right in missing:
        out.print(Text(f"  MISSING  {right['name']}: {right['without_it']}"))
    for problem in entry["problems"]:
        out.print(Text(f"  problem: {problem}"))


def plan(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """What would be written to the outside, and what waits for a person. Pushes nothing."""
    with application(config) as app, app.store.reading() as tx:
        rows: list[dict[str, Any]] = [
            {
                "what": "quantity",
                "where": f"{row.channel} {row.remote_location}".strip(),
                "subject": f"{row.sku} {row.remote_id}",
                "now": _level(row.shown, row.shown_handling if row.wanted_handling else None),
                "then": _level(row.wanted, row.wanted_handling),
                "state": "refused" if row.refused_version == row.wanted_version else "differs",
            }
            for row in Offers(tx).differing()
        ]
        rows += [
            {
                "what": row.kind,
                "where": row.connection,
                "subject": row.key,
                "now": None,
                "then": "once",
                "state": row.state,
            }
            for row in tx.connection.execute(
                select(effect)
                .where(effect.c.state.in_(["planned", "proposed", "accepted", "unknown", "parked"]))
                .order_by(effect.c.id)
            )
        ]
        rows += [
            {
                "what": f"plan {row.id}",
                "where": row.scope,
                "subject": row.kind,
                "now": None,
                "then": None,
                "state": row.state,
            }
            for row in Plans(tx).waiting()
        ]
    show(
        rows,
        columns=["what", "where", "subject", "now", "then", "state"],
        as_json=as_json,
        title="What would be written",
        empty="Nothing differs: every channel shows what it should, nothing waits to be sent.",
    )


def _level(quantity: int | None, handling: int | None) -> str | int | None:
    """A number, and the days from order to shipment where they are stated with it."""
    return quantity if handling is None else f"{quantity} ({handling} d)"


def status(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    health: Annotated[
        bool, typer.Option(help="exit 1 unless a daemon is alive: for HEALTHCHECK")
    ] = False,
) -> None:
    """Connections, modes, lags, backlogs, open Cases. Exits 1 when something is down."""
    with application(config) as app:
        told, zone = _status(app), app.wiring.config.shop.time_zone
    if as_json:
        print(json.dumps(told, ensure_ascii=False, default=str))
    else:
        _print_status(told, zone)
    down = [unit for unit in told["units"] if unit["failures"] >= 3]
    raise typer.Exit(1 if (health and not told["alive"]) or (down and not health) else 0)


def _status(app: Application) -> dict[str, Any]:
    units = app.store.units.rows()
    with app.store.reading() as tx:
        permissions = Permissions(tx)
        return {
            "alive": _alive(app, units),
            "units": [
                {
                    "unit": row.id,
                    "failures": row.failures,
                    "last_ok": row.last_ok_at,
                    "complete_to": row.complete_to,
                    "error": row.last_error,
                }
                for row in units
            ],
            "modes": {
                f"{channel}/{flow}": _mode_words(permissions, channel, flow)
                for channel in app.wiring.config.channels
                for flow in WRITING_FLOWS
            }
            | {
                f"{name}/{flow}": _mode_words(permissions, name, flow)
                for name, flows in app.wiring.own_flows.items()
                for flow in flows
            },
            "stopped": [scope for scope, _ in permissions.stops()],
            "orders": _counts(tx, orders.c.stage),
            "effects": _counts(tx, effect.c.state),
            "mails": _counts(tx, mail.c.state),
            "offers_differing": len(Offers(tx).differing()),
            "feeds": {one.location: str(one.state) for one in Feeds(tx).states().values()},
            "open_cases": _counts(tx, cases.c.kind, cases.c.state == "open"),
            "lags": lags_of(tx, app.wiring),
        }


def _alive(app: Application, units: Sequence[UnitRow]) -> bool:
    """Whether a daemon is at work: its heartbeat beside the SQLite file, or, where workers on other
    machines share a PostgreSQL, the last run of any unit (`core/alerts` runs each 15 seconds)."""
    path = app.store.database.path
    if path is None:
        now = app.store.clock.now()
        ended = [row.last_ok_at for row in units if row.last_ok_at is not None]
        return bool(ended) and (now - max(ended)).total_seconds() < HEARTBEAT_OLD
    file = heartbeat_file(path)
    beat = file.read_text().split() if file and file.exists() else None
    fresh = beat is not None and time.time() - float(beat[1]) < HEARTBEAT_OLD
    # A killed daemon leaves a fresh heartbeat, but not its lock; a daemon that hangs keeps its lock.
    return fresh and app.store.database.has_daemon()


def _mode_words(permissions: Permissions, channel: str, flow: str) -> str:
    scope = permissions.scope(channel, flow)
    words = str(scope.mode)
    if scope.share is not None:
        words += f" for {scope.share} % of the Skus"
    if scope.skus is not None:
        words += f" for {len(scope.skus)} Skus"
    return words + (" (writes stopped)" if scope.stopped else "")


def _counts(tx: Any, column: Any, *where: Any) -> dict[str, int]:
    return {
        str(name): int(count)
        for name, count in tx.connection.execute(
            select(column, func.count()).where(*where).group_by(column)
        )
    }


def _print_status(told: dict[str, Any], zone: str) -> None:
    out = console()
    out.print(Text(f"daemon: {'alive' if told['alive'] else 'not running'}"))
    show(
        told["units"],
        columns=["unit", "last_ok", "complete_to", "failures", "error"],
        as_json=False,
        title="Units",
        empty="No units yet: `lockstep run` makes them.",
        zone=zone,
    )
    print_lags(told["lags"])
    for label in ("modes", "orders", "effects", "mails", "feeds", "open_cases"):
        pairs = ", ".join(f"{name}: {value}" for name, value in told[label].items()) or "none"
        out.print(Text(f"{label.replace('_', ' ')}: {pairs}"))
    out.print(Text(f"quantities that differ: {told['offers_differing']}"))
    if told["stopped"]:
        out.print(Text(f"WRITES STOPPED: {', '.join(told['stopped'])}"))


def list_orders(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    stage: Annotated[str | None, typer.Option(help="held, waiting, routed, shipped, ...")] = None,
    channel: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option()] = 50,
) -> None:
    """Orders, newest first."""
    query = select(orders).order_by(orders.c.id.desc()).limit(limit)
    if stage:
        query = query.where(orders.c.stage == stage)
    if channel:
        query = query.where(orders.c.channel == channel)
    with application(config) as app, app.store.reading() as tx:
        rows = [
            {
                "channel": row.channel,
                "name": row.name,
                "remote_id": row.remote_id,
                "stage": row.stage,
                "placed_at": row.placed_at,
                "ship_by": row.ship_by,
                "holds": ", ".join(
                    tx.connection.execute(
                        select(hold.c.code).where(
                            hold.c.order_id == row.id, hold.c.released_at.is_(None)
                        )
                    ).scalars()
                ),
            }
            for row in tx.connection.execute(query).all()
        ]
        zone = app.wiring.config.shop.time_zone
    show(
        rows,
        columns=["channel", "name", "stage", "placed_at", "ship_by", "holds"],
        as_json=as_json,
        title="Orders",
        empty="No orders.",
        zone=zone,
    )


def list_holds(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    owner: Annotated[Role | None, typer.Option(help="only what this role looks after")] = None,
    code: Annotated[str | None, typer.Option("--hold", help="one kind of hold only")] = None,
) -> None:
    """Orders that are held: why, since when, who looks after it, and what ends it."""
    query = (
        select(hold, orders.c.channel, orders.c.name, orders.c.ship_by)
        .join(orders, orders.c.id == hold.c.order_id)
        .where(hold.c.released_at.is_(None))
        .order_by(hold.c.opened_at, orders.c.id)
    )
    if owner is not None:
        kinds = [name for name, kind in KINDS.items() if kind.owner is owner]
        query = query.where(hold.c.code.in_(kinds))
    if code is not None:
        query = query.where(hold.c.code == code)
    with application(config) as app, app.store.reading() as tx:
        language = app.wiring.config.shop.language
        rows = [
            {
                "order": row.name,
                "channel": row.channel,
                "hold": row.code,
                "owner": str(KINDS[row.code].owner),
                "since": row.opened_at,
                "until": row.until,
                "ends": str(KINDS[row.code].ends),
                "ship_by": row.ship_by,
                "why": render(Reason(row.code, row.args), language),
            }
            for row in tx.rows(query)
        ]
        zone = app.wiring.config.shop.time_zone
    show(
        rows,
        columns=["order", "channel", "hold", "owner", "since", "ends", "ship_by", "why"],
        as_json=as_json,
        title="Held orders",
        empty="No order is held.",
        zone=zone,
    )


def list_stock(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    sku: Annotated[str | None, typer.Argument(help="one Sku only")] = None,
    limit: Annotated[int, typer.Option()] = 200,
) -> None:
    """Units per Sku and location."""
    query = select(stock_level).order_by(stock_level.c.sku, stock_level.c.location).limit(limit)
    if sku:
        query = query.where(stock_level.c.sku == sku)
    with application(config) as app, app.store.reading() as tx:
        levels = tx.rows(query)
        instants = figure_instants(
            tx, {row.sku for row in levels}, {row.location for row in levels}
        )
        words = remote_words(tx, [(row.sku, row.location) for row in levels])
        rows = [
            {
                "sku": row.sku,
                "location": row.location,
                "on_hand": row.on_hand,
                "committed": row.committed,
                "available": row.on_hand - row.committed - row.safety_stock,
                "in_transit": row.in_transit,
                "as_of": instants.get((row.sku, row.location)),
                "there": words_text(words.get((row.sku, row.location), {})),
            }
            for row in levels
        ]
    show(
        rows,
        columns=[
            "sku",
            "location",
            "on_hand",
            "committed",
            "available",
            "in_transit",
            "as_of",
            "there",
        ],
        as_json=as_json,
        title="Stock",
        empty="No stock recorded.",
    )


def list_cases(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    everything: Annotated[bool, typer.Option("--all", help="closed ones too")] = False,
) -> None:
    """Exceptions a person must settle."""
    query = select(cases).order_by(cases.c.id)
    if not everything:
        query = query.where(cases.c.state == "open")
    with application(config) as app, app.store.reading() as tx:
        language = app.wiring.config.shop.language
        rows = [
            {
                "id": row.id,
                "kind": row.kind,
                "severity": row.severity,
                "state": row.state,
                "opened_at": row.opened_at,
                "subject": row.subject,
                "what": render(Reason(row.code, row.args), language),
            }
            for row in tx.connection.execute(query)
        ]
    show(
        rows,
        columns=["id", "severity", "state", "opened_at", "what"],
        as_json=as_json,
        title="Cases",
        empty="No open Cases.",
    )


def explain_order(
    order: Annotated[str, typer.Argument(help="its name or remote id")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything that was decided about an order, and why."""
    with application(config) as app, app.store.reading() as tx:
        language = app.wiring.config.shop.language
        found = tx.rows(select(orders).where(orders.c.id.in_(Orders(tx).named(order))))
        if not found:
            console().print(Text(f"no order {order!r} is recorded"))
            raise typer.Exit(1)
        told = []
        for row in found:
            lines = tx.rows(select(order_line).where(order_line.c.order_id == row.id))
            parcels = tx.rows(select(shipment).where(shipment.c.order_id == row.id))
            told.append(
                {
                    "order": row.name,
                    "channel": row.channel,
                    "stage": row.stage,
                    "lines": [
                        {"sku": line.sku or f"unknown ({line.remote_sku})", "units": line.current, "fulfilled": line.fulfilled}
                        for line in lines
                    ],
                    "parcels": [
                        {"carrier": one.carrier, "number": one.tracking_number, "status": one.status}
                        for one in parcels
                    ],
                    "holds": _holds(tx, row.id, language),
                    "priority": row.priority,
                    "asked": row.asked or {},
                    "reasons": reasons(tx, f"order {row.channel} {row.remote_id}", language),
                }
            )  # fmt: skip
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    for one in told:
        _print_order(one)


def _holds(tx: Any, number: int, language: str) -> list[dict[str, Any]]:
    """Every Hold the order had: what it says, who looks after it, how it ended."""
    return [
        {
            "hold": row.code,
            "text": render(Reason(row.code, row.args), language),
            "owner": str(KINDS[row.code].owner),
            "since": row.opened_at.isoformat(),
            "released": row.released_at.isoformat() if row.released_at else None,
            "by": row.released_by,
            "note": row.note,
        }
        for row in tx.connection.execute(
            select(hold).where(hold.c.order_id == number).order_by(hold.c.opened_at, hold.c.code)
        )
    ]


def _print_order(one: dict[str, Any]) -> None:
    out = console()
    out.print(Text(f"{one['order']} on {one['channel']}: {one['stage']}"))
    for line in one["lines"]:
        out.print(Text(f"  {line['units']} x {line['sku']}"))
    for parcel in one["parcels"]:
        out.print(Text(f"  parcel {parcel['carrier']} {parcel['number']}: {parcel['status']}"))
    for held in one["holds"]:
        if held["released"] is None:
            out.print(Text(f"  held, {held['owner']}: {held['text']}"))
        elif held["by"]:
            said = f' "{held["note"]}"' if held["note"] else ""
            out.print(Text(f"  {held['hold']} released by {held['by']}{said}"))
    for name, told in one["asked"].items():
        out.print(Text(f"  {name}: {', '.join(told)}"))
    for reason in one["reasons"]:
        out.print(Text(f"  {reason['at'][:19]}  {reason['text']}"))


def verify(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Recompute every balance from its rows. Exits 1 when one differs."""
    with application(config) as app, app.store.reading() as tx:
        differences = [
            {
                "sku": one.sku,
                "location": one.location,
                "field": one.field,
                "kept": one.kept,
                "recomputed": one.recomputed,
            }
            for one in (*Stock(tx).verify(), *Purchases(tx).verify())
        ]
    show(
        differences,
        columns=["sku", "location", "field", "kept", "recomputed"],
        as_json=as_json,
        title="Balances that differ",
        empty="Every balance equals the sum of its rows.",
    )
    raise typer.Exit(1 if differences else 0)


def schema() -> None:
    """The JSON Schema of the configuration, for editors."""
    from config.schema import schema as describe

    print(json.dumps(describe(), indent=2, ensure_ascii=False))
