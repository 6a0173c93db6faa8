"""`lockstep demand SKU`: how a Sku sells, what is expected of it, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from core.model.catalog import Sku
from core.model.demand import Cover, Forecast, LeadTime
from core.model.reasons import Reason
from core.rules.lead_times import lead_time
from core.rules.sentences import render
from jobs.cli.shared import ConfigOption, JsonOption, application, console
from jobs.demand import SEED
from jobs.store.demand import Demands
from jobs.store.store import Tx

if TYPE_CHECKING:
    from jobs.forecast import History

WEEKS, WIDTH = 16, 40
WEEK = 7
#: Days until a supplier of whom nothing is known delivers.
ASSUMED_LEAD = 14
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)


def register(app: typer.Typer) -> None:
    app.command()(demand)


def demand(
    sku: Annotated[str, typer.Argument(help="a Sku; what a Kit needs is told of its components")],
    service: Annotated[
        float, typer.Option(min=0.01, max=0.999, help="the chance that stock is enough")
    ] = 0.95,
    review: Annotated[int, typer.Option(min=0, help="days from one order to the next")] = 7,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """How a Sku sells: its weeks, the forecast and why it is that one, and its safety stock."""
    from jobs.forecast import cover, forecast, histories, uplifts_of

    with application(config) as app, app.store.reading() as tx:
        language = app.wiring.config.shop.language
        today = app.wiring.day(tx.now)
        history = histories(tx, app.wiring, [sku])[sku]
        lead = _lead(tx, sku)
        uplifts = uplifts_of(app.wiring, sku)
    made = forecast(history, today=today, seed=SEED)
    days = lead.p50 + review
    need = cover(made, history, first=today, days=days, service=service, uplifts=uplifts)
    if as_json:
        print(json.dumps(_plain(history, made, lead, need, days), ensure_ascii=False))
        return
    out = console()
    for reason in _told(history, made, lead, need, days, service, language):
        out.print(Text(render(reason, language)))
    if not len(history.units):
        raise typer.Exit(1)


def _lead(tx: Tx, sku: Sku) -> LeadTime:
    """The stated lead time of whoever delivers soonest."""
    items = Demands(tx).items([sku]).get(sku, [])
    stated = [one.lead_days for one in items if one.lead_days is not None and not one.discontinued]
    return lead_time([], stated=min(stated, default=None), assumed=ASSUMED_LEAD)


def _told(
    history: History,
    made: Forecast,
    lead: LeadTime,
    need: Cover,
    days: int,
    service: float,
    language: str,
) -> list[Reason]:
    if not len(history.units):
        return [Reason.of("demand_unknown", sku=made.sku)]
    told = [
        Reason.of(
            "demand_rate",
            sku=made.sku,
            rate=f"{made.level:.2f}",
            deviation=f"{made.variance**0.5:.2f}",
            observed=made.days,
            days=len(history.units),
        ),
        *made.reasons,
        Reason.of("demand_sold"),
        *_weeks(history),
    ]
    if len(set(made.weekday)) > 1:
        told.append(_profile(made, language))
    if history.channels:
        shares = ", ".join(f"{one} {share:.0%}" for one, share in history.channels.items())
        told.append(Reason.of("demand_channels", shares=shares))
    told.append(lead.reason)
    told.append(
        Reason.of(
            "demand_cover",
            days=days,
            expected=f"{need.expected:.1f}",
            level=need.level,
            percent=f"{100 * service:g}",
            safety=f"{need.safety_stock:.1f}",
        )
    )
    return told


def _weeks(history: History) -> list[Reason]:
    """The last weeks as bars; the newest ends with yesterday."""
    begins = range(len(history.units) % WEEK, len(history.units), WEEK)[-WEEKS:]
    sums = [int(history.units[at : at + WEEK].sum()) for at in begins]
    most = max(sums, default=0) or 1
    told = []
    for at, units in zip(begins, sums, strict=True):
        bar = "█" * -(-WIDTH * units // most)
        first = (history.first + _DAY * at).isoformat()
        hidden = int((~history.observed[at : at + WEEK]).sum())
        if hidden:
            reason = Reason.of(
                "demand_hidden_week", first=first, bar=bar, units=units, hidden=hidden
            )
        else:
            reason = Reason.of("demand_sold_week", first=first, bar=bar, units=units)
        told.append(reason)
    return told


def _profile(made: Forecast, language: str) -> Reason:
    """The factor of each weekday, in the reader's words."""
    each = (
        render(Reason.of("demand_weekday", weekday=name, percent=f"{100 * factor:.0f}"), language)
        for name, factor in zip(_WEEKDAYS, made.weekday, strict=True)
    )
    return Reason.of("demand_profile", profile=", ".join(each))


def _plain(
    history: History, made: Forecast, lead: LeadTime, need: Cover, days: int
) -> dict[str, Any]:
    """For machines: units by day, and every figure that the words tell."""
    return {
        "sku": made.sku,
        "first": history.first.isoformat(),
        "units": [round(float(units), 3) for units in history.units],
        "observed": history.observed.tolist(),
        "channels": dict(history.channels),
        "method": str(made.method),
        "per_day": made.level,
        "variance": made.variance,
        "weekday": made.weekday,
        "reasons": [asdict(reason) for reason in (*made.reasons, lead.reason)],
        "lead_days": {"p50": lead.p50, "p90": lead.p90},
        "cover": {"days": days, "expected": need.expected, "level": need.level},
    }
