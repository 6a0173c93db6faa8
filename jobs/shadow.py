"""SHADOW: once a day, what we would have done beside what was done, where we only observe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.model.catalog import ChannelId, LocationId
from core.model.money import Money
from core.model.reasons import Reason
from core.rules.modes import Mode
from core.rules.shadow import (
    QuantityAgreement,
    RouteAgreement,
    compare_quantities,
    compare_routes,
    percent,
)
from jobs.letters import Finding
from jobs.run import Run
from jobs.store.permissions import Permissions
from jobs.store.shadows import Shadows
from jobs.store.store import Tx
from jobs.tell import mail_report
from jobs.wiring import Wiring

#: Differences of each kind that a report tells one by one; the rest is in the sums.
MOST_TOLD = 8
#: Differences that are kept with a report.
MOST_KEPT = 200
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Report:
    """One channel's day. None: that flow is not only observed, or there was nothing to compare."""

    channel: ChannelId
    day: date
    currency: str
    quantities: QuantityAgreement | None
    routes: RouteAgreement | None

    def reasons(self) -> Iterator[Reason]:
        """The report as sentences: sums first, then the differences that weigh most."""
        args: dict[str, str | int] = {"channel": self.channel, "day": self.day.isoformat()}
        if self.quantities:
            one = self.quantities
            yield Reason.of(
                "shadow_quantities",
                **args,
                same=one.same,
                compared=one.compared,
                percent=percent(one.same, one.compared),
                more=one.more,
                more_value=str(Money(one.more_value, self.currency)),
                less=one.less,
                less_value=str(Money(one.less_value, self.currency)),
            )
            for offer in one.differences[:MOST_TOLD]:
                yield Reason.of(
                    "shadow_quantity",
                    channel=self.channel,
                    sku=offer.sku,
                    ours=offer.ours,
                    theirs=offer.theirs,
                )
        if self.routes and not self.routes.compared:
            yield Reason.of("shadow_routes_unknown", **args, unknown=self.routes.unknown)
        elif self.routes:
            sent = self.routes
            yield Reason.of(
                "shadow_routes",
                **args,
                same=sent.same,
                compared=sent.compared,
                percent=percent(sent.same, sent.compared),
                value=str(Money(sent.value, self.currency)),
                unknown=sent.unknown,
            )
            for order in sent.differences[:MOST_TOLD]:
                yield Reason.of(
                    "shadow_route",
                    channel=self.channel,
                    order=order.order,
                    ours=", ".join(order.ours),
                    theirs=", ".join(order.theirs),
                )
        if not self.quantities and not self.routes:
            yield Reason.of("shadow_nothing", **args)

    def as_json(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "day": self.day.isoformat(),
            "currency": self.currency,
            "quantities": _json(self.quantities),
            "routes": _json(self.routes),
            "reasons": [[reason.code, dict(reason.args)] for reason in self.reasons()],
        }


def _json(agreement: QuantityAgreement | RouteAgreement | None) -> dict[str, Any] | None:
    if agreement is None:
        return None
    body = asdict(agreement)
    body["differences"] = body["differences"][:MOST_KEPT]
    part = percent(agreement.same, agreement.compared) if agreement.compared else None
    return {**body, "percent": part}


def report_yesterday(run: Run) -> None:
    """Keep and mail yesterday's report, once. Quantities are compared as they are when it is made."""
    zone = ZoneInfo(run.wiring.config.shop.time_zone)
    with run.transaction() as tx:
        day = tx.now.astimezone(zone).date() - _DAY
        shadows = Shadows(tx)
        began = shadows.began()
        # On the first day there was no yesterday.
        if began is None or began >= _start(day + _DAY, zone) or shadows.kept(day):
            return
        made = [
            one
            for channel in run.wiring.config.channels
            if (one := compare(tx, run.wiring, channel, day)) is not None
            and (one.quantities or one.routes)
        ]
        for one in made:
            shadows.keep(day, one.channel, one.as_json())
        if made and run.wiring.config.shadow.mail:
            mail_report(
                tx,
                run,
                "shadow_report",
                tuple(
                    Finding("shadow_report", reason, "info", tx.now, None)
                    for one in made
                    for reason in one.reasons()
                ),
            )


def compare(tx: Tx, wiring: Wiring, channel: ChannelId, day: date) -> Report | None:
    """The channel's report as things stand now; None where nothing of it is only observed."""
    permissions = Permissions(tx)
    observed = {
        flow: permissions.scope(channel, flow).mode is Mode.OBSERVE
        for flow in ("offers", "requests")
    }
    if not any(observed.values()):
        return None
    currency = wiring.config.shop.currency
    zone = ZoneInfo(wiring.config.shop.time_zone)
    shadows = Shadows(tx)
    quantities = (
        compare_quantities(shadows.quantities(channel, currency=currency))
        if observed["offers"]
        else None
    )

    def stands_for(place: str) -> tuple[LocationId, ...]:
        return wiring.config.channels[channel].twins.get(place, ())

    routes = (
        compare_routes(
            shadows.routes(
                channel,
                first=_start(day, zone),
                end=_start(day + _DAY, zone),
                currency=currency,
                stands_for=stands_for,
            )
        )
        if observed["requests"]
        else None
    )
    return Report(
        channel,
        day,
        currency,
        quantities if quantities and quantities.compared else None,
        # Also where nobody says from where: that nothing could be compared is part of the report.
        routes if routes and (routes.compared or routes.unknown) else None,
    )


def compare_shipped(
    tx: Tx,
    wiring: Wiring,
    channel: ChannelId,
    day: date,
    shipped: Mapping[str, tuple[LocationId, ...]],
) -> tuple[Report | None, frozenset[str]]:
    """The routes of orders that somebody says the origin of, and which of them these were.

    For channels that do not tell where an order was shipped from. `shipped`: name or remote id of an
    order -> our places that shipped it. Whatever the mode: what was routed is compared, not what may
    be written.
    """
    currency = wiring.config.shop.currency
    found = Shadows(tx).routes_told(channel, shipped, currency=currency)
    if not found:
        return None, frozenset()
    routes = compare_routes(list(found.values()))
    return Report(channel, day, currency, None, routes), frozenset(found)


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)
