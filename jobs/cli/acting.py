"""Commands that change something of ours: modes, stops, adoption, Cases, releases. All are audited.

They work beside a running daemon: its next transaction sees what they wrote.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from sqlalchemy import or_, select, update

from core.errors import ConfigError
from core.model.catalog import Sku
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    FulfillmentState,
)
from core.model.orders import CancelReason
from core.rules.modes import Mode
from jobs import adopt as adoption
from jobs import cancel as canceling
from jobs.answers import record_acknowledgment
from jobs.bootstrap import Application
from jobs.cli.shared import ByOption, ConfigOption, JsonOption, application, console, person, show
from jobs.purchase import record_sent
from jobs.repay import record_landed as record_paid
from jobs.reservations import record_landed
from jobs.return_steps import record_landed as record_step
from jobs.store.effects import Effects
from jobs.store.orders import Orders
from jobs.store.parcels import Parcels, Requested
from jobs.store.permissions import EVERYWHERE, WRITING_FLOWS, Permissions
from jobs.store.store import Tx
from jobs.store.tables import cases, effect, hold, offer, orders


def register(app: typer.Typer) -> None:
    app.command()(mode)
    stop = typer.Typer(help="Stop what goes out, at once.", no_args_is_help=True)
    stop.command(name="writes")(stop_writes)
    app.add_typer(stop, name="stop")
    resume = typer.Typer(help="Let writes go out again.", no_args_is_help=True)
    resume.command(name="writes")(resume_writes)
    app.add_typer(resume, name="resume")
    app.command()(adopt)
    app.command()(release)
    app.command()(settle)
    app.command()(withdraw)
    app.command()(cancel)
    app.command()(keep)
    case = typer.Typer(help="Settle a Case.", no_args_is_help=True)
    case.command(name="close")(close_case)
    case.command(name="approve")(approve_case)
    app.add_typer(case, name="case")


def mode(
    to: Annotated[Mode, typer.Argument(help="observe, propose or act")],
    config: ConfigOption = None,
    channel: Annotated[str | None, typer.Option(help="one channel [default: all]")] = None,
    connection: Annotated[
        str | None, typer.Option(help="a supplier's connection: purchase orders, no channel")
    ] = None,
    flow: Annotated[
        str | None, typer.Option(help=f"{', '.join(WRITING_FLOWS)} [default: all]")
    ] = None,
    sku: Annotated[list[str] | None, typer.Option(help="act for these Skus only")] = None,
    share: Annotated[
        int | None, typer.Option(min=1, max=100, help="act for this share of Skus only")
    ] = None,
    by: ByOption = None,
) -> None:
    """Say what may be written to the outside, per channel and flow. The default is observe."""
    if flow is not None and flow not in WRITING_FLOWS:
        raise ConfigError(
            f"there is no flow {flow!r}; flows that write are {', '.join(WRITING_FLOWS)}"
        )
    if connection is not None:
        if channel or flow or sku or share:
            raise ConfigError(
                "--connection is about purchase orders and receipts alone: no channel, flow or share"
            )
        _mode_of_connection(connection, to, config, person(by))
        return
    with application(config) as app:
        channels = [channel] if channel else list(app.wiring.config.channels)
        _known(app, channels)
        with app.store.transaction() as tx:
            for one in channels:
                for each in [flow] if flow else WRITING_FLOWS:
                    Permissions(tx).set_mode(one, each, to, skus=sku, share=share, by=person(by))
                    _reconsider(tx, one, each, to)
                _decide_afresh(tx, one)
    console().print(Text(f"{', '.join(channels)}: {flow or 'every flow'} now {to}"))


def _mode_of_connection(connection: str, to: Mode, config: str | None, by: str) -> None:
    """Orders that a person approved are planned already: they go as soon as the mode lets them."""
    with application(config) as app:
        flows = app.wiring.own_flows.get(connection)
        if not flows:
            known = ", ".join(sorted(app.wiring.own_flows)) or "none"
            raise ConfigError(
                f"no supplier takes orders through {connection!r}, and it wants no receipts; "
                f"these do: {known}"
            )
        with app.store.transaction() as tx:
            for flow in flows:
                Permissions(tx).set_mode(connection, flow, to, skus=None, share=None, by=by)
                tx.wake(f"{connection}/{flow}")
            if to is not Mode.OBSERVE:
                tx.close_case("receipts_untold", f"connection {connection}", by=by)
    console().print(Text(f"{connection}: {', '.join(flows)} now {to}"))


def _known(app: Application, channels: list[str]) -> None:
    for one in channels:
        if one not in app.wiring.config.channels:
            known = ", ".join(app.wiring.config.channels)
            raise ConfigError(f"there is no channel {one!r}; configured are {known}")


def _reconsider(tx: Tx, channel: str, flow: str, to: Mode) -> None:
    """What is decided but not sent follows the mode: `propose` asks a person, `act` lets it go."""
    kind = {
        "requests": "request",
        "reservations": "reservation",
        "shipments": "confirmation",
        "returns": "return",
    }.get(flow)
    change = {Mode.PROPOSE: ("planned", "proposed"), Mode.ACT: ("proposed", "planned")}.get(to)
    if kind is None or change is None:
        return
    before, after = change
    tx.connection.execute(
        update(effect)
        .where(effect.c.scope == channel, effect.c.kind == kind, effect.c.state == before)
        .values(state=after)
    )


def _decide_afresh(tx: Tx, channel: str) -> None:
    """What was decided while observing is never sent; what is wanted now is worked out again."""
    shadowed = list(
        tx.connection.execute(
            select(orders.c.id).where(orders.c.channel == channel, orders.c.shadow)
        ).scalars()
    )
    Orders(tx).decide_again(shadowed)
    tx.connection.execute(
        update(offer).where(offer.c.channel == channel).values(look_at=tx.now, read_due=True)
    )
    tx.wake("core/orders", f"{channel}/offers", f"{channel}/shipments")


def stop_writes(
    channel: Annotated[
        str | None,
        typer.Argument(help="one channel, or a supplier's connection [default: everywhere]"),
    ] = None,
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Stop writes to a channel, or everywhere. In force with the next write; kept over restarts."""
    with application(config) as app:
        if channel and channel not in app.wiring.own_flows:
            _known(app, [channel])
        with app.store.transaction() as tx:
            Permissions(tx).stop(channel or EVERYWHERE, by=person(by))
    console().print(Text(f"writes stopped: {channel or 'everywhere'}"))


def resume_writes(
    channel: Annotated[str | None, typer.Argument(help="one channel [default: everywhere]")] = None,
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Let writes go out again. Exits 1 when they were not stopped there."""
    with application(config) as app, app.store.transaction() as tx:
        gone = Permissions(tx).resume(channel or EVERYWHERE, by=person(by))
        tx.wake(
            *(
                f"{one}/{flow}"
                for one, flows in app.wiring.own_flows.items()
                if channel in (None, one)
                for flow in flows
            )
        )
        channels = app.wiring.config.channels
        for one in channels if channel is None else [channel] if channel in channels else []:
            tx.connection.execute(
                update(offer).where(offer.c.channel == one).values(look_at=tx.now)
            )
            tx.wake(f"{one}/offers", f"{one}/shipments")
        tx.wake(
            *{f"{one.ships_through}/requests" for one in app.wiring.locations if one.ships_through}
        )
    console().print(
        Text(f"writes {'resumed' if gone else 'were not stopped'}: {channel or 'everywhere'}")
    )
    raise typer.Exit(0 if gone else 1)


def adopt(
    channel: Annotated[str, typer.Argument()],
    config: ConfigOption = None,
    cutover: Annotated[str | None, typer.Option(help="an instant with offset [default: orders.route_from]")] = None,
    count: Annotated[Path | None, typer.Option(help="CSV sku,location,quantity [default: what the channel shows]")] = None,
    handed_over: Annotated[Path | None, typer.Option(help="CSV order,place,carrier,tracking")] = None,
    route: Annotated[Path | None, typer.Option(help="CSV order: old orders to route all the same")] = None,
    apply: Annotated[int | None, typer.Option(help="apply this plan")] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Take a channel over: opening stock and open orders, first as a plan, then applied by its number."""
    with application(config) as app:
        if apply is not None:
            adoption.apply(app.store, app.wiring, apply, by=person(by))
            console().print(
                Text(f"plan {apply} applied; `lockstep mode act --channel {channel}` switches")
            )
            return
        wish = adoption.Wish(
            channel=channel,
            cutover=_instant(cutover) if cutover else app.wiring.config.orders.route_from,
            count=adoption.read_count(count) if count else None,
            handed_over=adoption.read_handed_over(handed_over) if handed_over else (),
            to_route=tuple(row["order"] for row in adoption.read_rows(route, ("order",)))
            if route
            else (),
        )
        number, differences = adoption.propose(app.store, app.wiring, wish, by=person(by))
    show(
        [
            {
                "plan": number,
                "what": one.what,
                "subject": one.subject,
                "before": one.before,
                "after": one.after,
            }
            for one in differences
        ],
        columns=["what", "subject", "before", "after"],
        as_json=as_json,
        title=f"Plan {number}: what changes",
        empty=f"Plan {number}: nothing changes.",
    )
    if not as_json:
        console().print(Text(f"apply it with: lockstep adopt {channel} --apply {number}"))


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--cutover {text!r} is no instant; write 2026-11-24T00:00:00Z") from None
    if at.tzinfo is None:
        raise ConfigError(f"--cutover {text!r} has no offset; write 2026-11-24T00:00:00Z")
    return at


def release(
    what: Annotated[
        str,
        typer.Argument(
            help="an order's name or remote id, the key of a proposed effect, or a channel "
            "whose quantities are to go out as `lockstep plan` shows them"
        ),
    ],
    config: ConfigOption = None,
    code: Annotated[
        str | None, typer.Option("--hold", help="one hold only [default: all open ones]")
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="why; an order's holds are not released without")
    ] = None,
    by: ByOption = None,
) -> None:
    """Release an order's holds, a proposed effect, or a channel's proposed quantities.

    Exits 1 when there is nothing to release.
    """
    with application(config) as app, app.store.transaction() as tx:
        who = person(by)
        released = (
            _release_effect(tx, what, who)
            or (what in app.wiring.config.channels and _release_offers(tx, what, who))
            or _release_holds(tx, what, code, note, who)
        )
    console().print(
        Text(f"{released} released" if released else f"nothing to release for {what!r}")
    )
    raise typer.Exit(0 if released else 1)


def _release_effect(tx: Tx, key: str, who: str) -> int:
    rows = tx.connection.execute(
        update(effect)
        .where(effect.c.key == key, effect.c.state == "proposed")
        .values(state="planned")
        .returning(effect.c.connection, effect.c.kind, effect.c.scope)
    ).all()
    for row in rows:
        tx.audit(who, "release", key)
        flow, owner = _unit_of(row.kind, connection=row.connection, scope=row.scope)
        tx.wake(f"{owner}/{flow}")
    return len(rows)


def _release_offers(tx: Tx, channel: str, who: str) -> int:
    """Every quantity that differs now may go out as it is wanted now; a later want asks again."""
    count = tx.connection.execute(
        update(offer)
        .where(
            offer.c.channel == channel,
            offer.c.wanted.is_not(None),
            or_(offer.c.shown.is_(None), offer.c.shown != offer.c.wanted),
        )
        .values(released_version=offer.c.wanted_version, look_at=tx.now)
    ).rowcount
    if count:
        tx.audit(who, "release quantities", channel, after={"count": count})
        tx.wake(f"{channel}/offers")
    return int(count)


def settle(
    key: Annotated[str, typer.Argument(help="the key of a parked effect, as its Case names it")],
    landed: Annotated[
        bool,
        typer.Option("--landed/--again", help="you looked: it is there / it is not, send it again"),
    ],
    config: ConfigOption = None,
    note: Annotated[str | None, typer.Option(help="what you saw")] = None,
    by: ByOption = None,
) -> None:
    """Say what became of a write that nobody could tell. Exits 1 when it is not parked."""
    with application(config) as app, app.store.transaction() as tx:
        effects = Effects(tx)
        parked = effects.parked_as(key)
        if parked is None:
            console().print(Text(f"{key!r} is not parked"))
            raise typer.Exit(1)
        if not landed:
            effects.planned_again(parked)
        elif parked.kind == "request":
            effects.handed_over(parked, remote_ref=key)
            tx.close_case("request_bounced", f"request {key}", by=person(by), note=note)
        elif parked.kind == "purchase":
            record_sent(tx, parked, key)
        elif parked.kind == "cancellation":
            # The order itself says so too, and what is left of it is recorded as it is then.
            effects.unknown(parked, response="")
        else:
            effects.done(parked, remote_ref=key)
            if parked.kind == "reservation":
                record_landed(tx, parked)
            elif parked.kind == "refund":
                record_paid(tx, app.wiring, parked)
            elif parked.kind == "return":
                record_step(tx, app.wiring, parked)
        tx.close_case("effect_parked", f"{parked.kind} {key}", by=person(by), note=note)
        tx.audit(person(by), "settle", key, after={"landed": landed}, note=note)
        flow, owner = _unit_of(parked.kind, connection=parked.connection, scope=parked.scope)
        tx.wake(f"{owner}/{flow}", "core/orders")
    console().print(Text(f"{key}: {'landed' if landed else 'is sent again'}"))


def withdraw(
    key: Annotated[str, typer.Argument(help="the key of a request, as its Case names it")],
    note: Annotated[
        str, typer.Option(help="who said at the place that it will not ship, and when")
    ],
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """A place confirmed that it will not ship a request, or the rest of it: it is routed elsewhere.

    Ask the place first: what it ships all the same is shipped twice. Exits 1 where the request cannot be
    withdrawn (any more).
    """
    with application(config) as app, app.store.transaction() as tx:
        found, row = Parcels(tx).requested(key), Effects(tx).request_of(key)
        why = _why_not_withdrawn(found, row)
        if found is None or why:
            console().print(Text(f"{key!r} {why}"))
            raise typer.Exit(1)
        answer = Acknowledgment(
            key,
            AcknowledgmentStatus.REJECTED,
            tx.now,
            raw_status=f"withdrawn by {person(by)}",
            lines=_rest_of(found),
        )
        through = app.wiring.location(found.location)
        record_acknowledgment(tx, app.wiring, through.ships_through if through else "", answer)
        tx.audit(person(by), "withdraw", key, note=note)
    console().print(Text(f"{key}: {found.location} does not ship it; it is routed again"))


def cancel(
    order: Annotated[str, typer.Argument(help="its name, like '#1001', or its id on the channel")],
    reason: Annotated[CancelReason, typer.Option(help="what the channel is told")],
    note: Annotated[str, typer.Option(help="why, and who decided it")],
    line: Annotated[
        list[str] | None,
        typer.Option(help="only this line: its id on the channel, or its SKU; may be repeated"),
    ] = None,
    units: Annotated[
        list[int] | None,
        typer.Option(help="only so many units of the line; once for each --line, in their order"),
    ] = None,
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Cancel an order at its channel, or lines or units of it; the buyer is paid back. What is canceled does not ship.

    Where a place was asked to ship it, it must say first that it will not. The rest of an order waits
    until that is canceled. Exits 2 where it cannot be canceled (any more).
    """
    with application(config) as app, app.store.transaction() as tx:
        channel = canceling.cancel(
            tx, app.wiring, order, reason, by=person(by), note=note,
            lines=line or (), units=units or (),
        )  # fmt: skip
    counts = [f"{count} x " for count in units or ()] or [""] * len(line or ())
    named = [f"{count}{name}" for count, name in zip(counts, line or (), strict=True)]
    what = f"{', '.join(named)} of {order}" if named else order
    console().print(Text(f"{what} is canceled at {channel} as soon as nobody is asked to ship it"))


def keep(
    order: Annotated[str, typer.Argument(help="its name, like '#1001', or its id on the channel")],
    note: Annotated[str, typer.Option(help="why it is not canceled after all")],
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Take back a `cancel` that the channel was not told of yet."""
    with application(config) as app, app.store.transaction() as tx:
        canceling.keep(tx, order, by=person(by), note=note)
    console().print(Text(f"{order} is not canceled"))


def _rest_of(found: Requested) -> tuple[AnsweredLine, ...]:
    """Of a request that was shipped in part, all that was not; an answer counts earlier ones in."""
    if not any(shipped for _, _, shipped in found.lines.values()):
        return ()
    left = Counter[Sku]()
    for (line, sku), (quantity, _, shipped) in found.lines.items():
        left[sku] += quantity - shipped + found.declined.get((line, sku), 0)
    rejected = AcknowledgmentStatus.REJECTED
    return tuple(AnsweredLine(sku, rejected, units) for sku, units in left.items() if units)


def _why_not_withdrawn(found: Requested | None, state: str | None) -> str:
    """What keeps a request from being withdrawn; "" where nothing does."""
    if found is None:
        return "is no request"
    if found.state not in (
        FulfillmentState.REQUESTED,
        FulfillmentState.ACKNOWLEDGED,
        FulfillmentState.PARTIALLY_SHIPPED,
    ):
        return f"is {found.state}: nobody was asked to ship it, or it is over"
    if state != "done":
        return "is being handed over, or nobody can tell whether it was: see `lockstep settle`"
    return ""


def _unit_of(kind: str, *, connection: str, scope: str) -> tuple[str, str]:
    """(flow, whose unit) that carries out effects of this kind."""
    if kind == "confirmation":
        return "shipments", scope
    return f"{kind}s", scope if kind in ("cancellation", "refund", "return") else connection


def _release_holds(tx: Tx, order: str, code: str | None, note: str | None, who: str) -> int:
    numbers = Orders(tx).named(order)
    query = update(hold).where(hold.c.order_id.in_(numbers), hold.c.released_at.is_(None))
    if code:
        query = query.where(hold.c.code == code)
    count = tx.connection.execute(
        query.values(released_at=tx.now, released_by=who, note=note)
    ).rowcount
    if count and not (note or "").strip():
        raise typer.BadParameter(
            f"{order} is held for a reason: say why it may go all the same", param_hint="--note"
        )
    if count:
        Orders(tx).decide_again(numbers)
        tx.audit(who, "release holds", order, after={"hold": code, "count": count}, note=note)
        tx.wake("core/orders")
    return int(count)


def close_case(
    number: Annotated[int, typer.Argument(help="its id in `lockstep cases`")],
    config: ConfigOption = None,
    note: Annotated[str | None, typer.Option(help="how it was settled")] = None,
    by: ByOption = None,
) -> None:
    """Close a Case that was settled. Exits 1 when it is not open."""
    from jobs.approve import dismiss

    with application(config) as app, app.store.transaction() as tx:
        row = _open_case(tx, number)
        if row is None:
            console().print(Text(f"Case {number} is not open"))
            raise typer.Exit(1)
        dismiss(tx, row)
        tx.close_case(row.kind, row.subject, by=person(by), note=note)
        tx.audit(person(by), "close case", row.subject, note=note)
    console().print(Text(f"Case {number} closed"))


def approve_case(
    number: Annotated[int, typer.Argument(help="its id in `lockstep cases`")],
    config: ConfigOption = None,
    note: Annotated[str | None, typer.Option(help="why it is right")] = None,
    by: ByOption = None,
) -> None:
    """Approve what a Case stopped: a quarantined snapshot is applied, an unsafe plan goes out."""
    from jobs.approve import approve

    with application(config) as app, app.store.transaction() as tx:
        row = _open_case(tx, number)
        done = row is not None and approve(tx, row, by=person(by), note=note)
        if row is None or not done:
            console().print(Text(f"Case {number} is not open, or is not one that can be approved"))
            raise typer.Exit(1)
    console().print(Text(f"Case {number} approved"))


def _open_case(tx: Tx, number: int):  # type: ignore[no-untyped-def]  # a Row of cases
    return tx.connection.execute(
        select(cases).where(cases.c.id == number, cases.c.state == "open")
    ).first()
