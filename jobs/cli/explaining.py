"""Why a channel shows the number it shows, as a sum a person can follow."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy import Row, func, select

from config.expressions import RuleFailed
from core.model.catalog import OfferKey, Sku
from core.model.reasons import Reason
from core.rules.sentences import render
from jobs.availability import worked_out
from jobs.bootstrap import Application
from jobs.cli.counted import in_the_figure, remote_words, words_text
from jobs.cli.shared import ConfigOption, JsonOption, application, console, harmless
from jobs.cli.supply import names_of, supply_line, supply_of
from jobs.foreseen import foreseen
from jobs.places import shop_day
from jobs.store.offers import Wanted
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import offer, reservation

#: Steps that begin a sum of their own: the units of one component.
_BEGIN = "units_available"
#: Steps after which the total counts something else: kits instead of units, packs instead of kits.
_TURN = ("kit_limited", "sold_in_packs")


def explain_sku(
    sku: Annotated[str, typer.Argument()],
    config: ConfigOption = None,
    channel: Annotated[str | None, typer.Option(help="one channel only")] = None,
    as_json: JsonOption = False,
) -> None:
    """Why each channel shows the number it shows, as a small sum."""
    with application(config) as app, app.store.reading() as tx:
        language = app.wiring.config.shop.language
        told = _told(app, tx, sku, channel)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    out = console()
    for reason in _heading(told):
        out.print(Text(render(reason, language)))
    for terms in told["supply"]:
        out.print(Text(supply_line(terms, language)))
    for named in told["names"]:
        out.print(Text(render(Reason("explain_named", named), language)))
    for one in told["offers"]:
        out.print(Text(f"\n{one['channel']} {one['listing']} {one['place']}".rstrip()))
        if one["rules"]:
            rules = Reason.of("explain_rules", rules=", ".join(one["rules"]))
            out.print(Text(f"  {render(rules, language)}"))
        out.print(_sum(one, language))
        out.print(Text(f"  {render(_state(one), language)}"))
        if one["refused"]:
            out.print(
                Text(f"  {render(Reason.of('explain_refused', words=one['refused']), language)}")
            )
        for why in one["why"]:
            out.print(Text(f"  {harmless(why['text'])}"))
    if not told["levels"] and not told["offers"]:
        out.print(Text(render(Reason.of("explain_nothing", sku=sku), language)))
        raise typer.Exit(1)


def _told(app: Application, tx: Tx, sku: Sku, channel: str | None) -> dict[str, Any]:
    query = select(offer).where(offer.c.sku == sku).order_by(offer.c.channel, offer.c.remote_id)
    if channel:
        query = query.where(offer.c.channel == channel)
    parts = list(app.wiring.components(sku, 1))
    levels = Stock(tx).levels(parts)
    there = remote_words(
        tx, [(part, level.location) for part in parts for level in levels.get(part, ())]
    )
    lacking = {
        (part, location): units
        for part in parts
        for location, units in in_the_figure(tx, part).items()
    }
    fresh = {one.key: one for one in worked_out(tx, app.wiring, [sku])}
    rows = tx.rows(query)
    why: dict[OfferKey, tuple[Reason, ...]] = {}
    for each in sorted({row.channel for row in rows}):
        why |= foreseen(tx, app.wiring, each, sku)
    held = select(func.count()).where(reservation.c.sku.in_(parts), reservation.c.state == "open")
    return {
        "sku": sku,
        "levels": [
            {
                "sku": part,
                "location": level.location,
                "on_hand": level.on_hand,
                "committed": level.committed,
                "available": level.available,
                "there": words_text(there.get((part, level.location), {})),
                "in_its_figure": lacking.get((part, level.location), 0),
            }
            for part in parts
            for level in levels.get(part, ())
        ],
        "reservations": tx.connection.execute(held).scalar_one(),
        "unallocated": sum(Stock(tx).unallocated(parts).values()),
        "supply": supply_of(tx, sku),
        "names": names_of(tx, app.wiring, sku),
        "offers": [_offer(app, tx, row, fresh, why) for row in rows],
    }


def _offer(
    app: Application,
    tx: Tx,
    row: Row[Any],
    fresh: Mapping[OfferKey, Wanted],
    why: Mapping[OfferKey, Sequence[Reason]],
) -> dict[str, Any]:
    """An offer with its sum as of now; where that comes to another number, the one it was decided by."""
    language = app.wiring.config.shop.language
    rules: Sequence[str] = ()
    with contextlib.suppress(RuleFailed):
        today = shop_day(app.wiring.config, tx.now)
        rules = app.wiring.loaded.policies.rules_for(row.sku, row.channel, today=today)
    key = OfferKey(row.channel, row.remote_id, row.remote_location)
    now = fresh.get(key)
    same = now is not None and now.quantity == row.wanted
    steps = (
        now.steps if now is not None and same else [(one, args) for one, args in row.steps or ()]
    )
    return {
        "channel": row.channel,
        "listing": row.remote_id,
        "place": row.remote_location,
        "wanted": row.wanted,
        "sent": row.sent,
        "shown": row.shown,
        "refused": row.refused if row.refused_version == row.wanted_version else None,
        "why": [
            {"code": one.code, "args": dict(one.args), "text": render(one, language)}
            for one in why.get(key, ())
        ],
        "rules": list(rules),
        "steps": list(_lines(steps, language)),
    }


def _lines(steps: Sequence[tuple[str, dict[str, Any]]], language: str) -> Iterator[dict[str, Any]]:
    """What each step did, and the running total after it."""
    before = 0
    for code, args in steps:
        left = args["left"]
        if code == _BEGIN:
            before = 0
        change = None if code in _TURN else left - before
        yield {
            "code": code,
            "text": render(Reason(code, args), language),
            "change": change,
            "left": left,
        }
        before = left


def _heading(told: dict[str, Any]) -> Iterator[Reason]:
    for level in told["levels"]:
        yield Reason("explain_level", level)
        if level["there"]:
            yield Reason.of("explain_counted_there", words=level["there"])
        if level["in_its_figure"]:
            yield Reason.of("explain_in_its_figure", quantity=level["in_its_figure"])
    waiting, held = told["unallocated"], told["reservations"]
    yield Reason.of("explain_promised", reservations=held, waiting=waiting)


def _sum(one: dict[str, Any], language: str) -> Table:
    """One line per step, numbers right-aligned, the result under a line."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for step in one["steps"]:
        change = "" if step["change"] is None else f"{step['change']:+d}"
        table.add_row(Text(f"  {harmless(step['text'])}"), Text(change), Text(str(step["left"])))
    wanted = "–" if one["wanted"] is None else str(one["wanted"])
    total = render(Reason.of("explain_total"), language)
    table.add_row(Text(f"  = {total}"), Text(""), Text(wanted, style="bold"))
    return table


def _state(one: dict[str, Any]) -> Reason:
    if one["sent"] is not None:
        return Reason.of("explain_sent", sent=one["sent"], shown=one["shown"])
    return Reason.of("explain_shown", shown=one["shown"])
