"""TELL: conditions that hold now become alerts, alerts become incidents, incidents become mails.

Level-triggered: each run works out the whole set of conditions. A mail is written to the outbox in
the transaction that decided it, once per (incident, sequence, recipient), and sent by a unit of its
own, so that it is kept while SMTP is down (I9).
"""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, select

from config.model import Recipient
from core.errors import ConnectorError, Rejected, UnknownOutcome
from core.model.cases import FiringAlert, Severity
from core.model.catalog import Sku
from core.model.orders import OrderStage
from core.model.reasons import Reason
from core.ports import AlertTarget, Mail
from core.rules.alerting import Incident, KitPart, low_kit, low_stock, telling
from core.rules.effects import message_id
from core.rules.holds import KINDS
from core.rules.replenishment import AlertKind
from jobs import buying, replenish
from jobs.letters import Finding, Letter, write_letter
from jobs.run import Run
from jobs.store.orders import Orders
from jobs.store.people import People
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import cases, hold, incident, orders, stock_level, unit
from jobs.watch import quiet_feeds

#: A unit that failed this often in a row is down, not unlucky.
DOWN_AFTER = 3
FIRST_IMPORT = "first import"
#: A first import that takes longer than this is told as far as it got: something stands in its way.
LONGEST_IMPORT = timedelta(hours=1)
#: A group of Skus that one order would bring: `buy acme`.
BUY = "buy "
_RANK = {"info": 0, "warning": 1, "critical": 2}


def decide_alerts(run: Run) -> None:
    """Work out what fires, and write the mails that are due."""
    with run.transaction() as tx:
        people = People(tx)
        importing, joining = _importing(tx, run)
        firing = [
            *_low_stock(tx, run),
            *_open_cases(tx),
            *_held(tx, run),
            *_down(tx),
            *quiet_feeds(tx),
        ]
        people.set_firing(
            firing,
            # A first import finds a hundred things at once: one mail with groups and counts.
            group_of=lambda one: FIRST_IMPORT if joining else _group(one),
        )
        for incident in people.open_incidents():
            if not (importing and incident.group_key == FIRST_IMPORT) and _awake(tx, run, incident):
                _tell(tx, run, people, incident)


def _group(one: FiringAlert) -> str:
    """Low Skus that one supplier sells are one mail, because they are one order."""
    supplier = one.reason.args.get("supplier") if one.rule == "low_stock" else None
    return f"{BUY}{supplier}" if supplier else one.rule


def _awake(tx: Tx, run: Run, incident: Row[tuple[object, ...]]) -> bool:
    """Whether people may be told now: what is not critical waits for the shop's hours."""
    hours = run.wiring.config.alerts.hours
    hour = tx.now.astimezone(ZoneInfo(run.wiring.config.shop.time_zone)).hour
    return incident.severity == "critical" or hours.first <= hour < hours.last


def _importing(tx: Tx, run: Run) -> tuple[bool, bool]:
    """(whether the first import still runs, whether what is found now is told with it).

    It runs until every channel's orders and listings were walked through and decided once, and
    every place that counts for us has told its stock; it never keeps a mail back for longer than
    LONGEST_IMPORT (a credential that is wrong from the first day is found while it runs).
    """
    told = tx.rows(
        select(incident.c.first_at, incident.c.mails).where(incident.c.group_key == FIRST_IMPORT)
    )
    if any(one.mails or tx.now - one.first_at >= LONGEST_IMPORT for one in told):
        return False, False
    walks = [
        f"{channel}/{flow}"
        for channel in run.wiring.config.channels
        for flow in ("orders", "listings")
    ]
    done = tx.connection.execute(
        select(func.count()).where(unit.c.id.in_(walks), unit.c.complete_to.is_not(None))
    ).scalar_one()
    silent = any(
        one.basis is not None and one.counting_channel is None and not Stock(tx).in_force(one.id)
        for one in run.wiring.locations
    )
    importing = int(done) < len(walks) or silent or bool(Orders(tx).undecided(limit=1))
    # The last findings of the import come with its last page: they belong to the same mail.
    return importing, importing or bool(told)


def _low_stock(tx: Tx, run: Run) -> list[FiringAlert]:
    """Skus with few units on the shelf, and those that are to be bought again by demand."""
    alerts = {one.labels[0][1]: one for one in _few_units(tx, run)}
    before = People(tx).firing()
    catalog = run.wiring.loaded.catalog
    fresh = [
        sku
        for sku, one in alerts.items()
        # Of a Kit, its parts are bought.
        if one.fingerprint not in before and not catalog.components_of(sku)
    ]
    if fresh and run.wiring.config.suppliers:
        # Told with what to buy, not first without and an hour later with it.
        found = buying.lines_for(tx, run.wiring, fresh)
        replenish.keep_plans(tx, run.wiring, found, by="lockstep", whole=False)
    currency = run.wiring.config.shop.currency
    for _, lines in replenish.planned(tx).values():
        for sku, line in lines.items():
            by_demand = run.wiring.loaded.buying.of(sku).alert is not AlertKind.STATIC
            if sku in alerts or (line.low and by_demand):
                reason = buying.why_low(line, currency)
                alerts[sku] = FiringAlert("low_stock", (("sku", sku),), reason)
    return list(alerts.values())


def _few_units(tx: Tx, run: Run) -> list[FiringAlert]:
    """Skus at or below a number that a person wrote."""
    config = run.wiring.config
    catalog = run.wiring.loaded.catalog
    today = run.wiring.day(tx.now)
    usual = catalog.highest_low_stock(default=config.alerts.low_stock)
    highest = run.wiring.seasonal(usual, today=today)
    if not highest:
        return []
    free = func.sum(stock_level.c.on_hand - stock_level.c.committed - stock_level.c.safety_stock)
    margin = config.alerts.clear_margin
    rows = tx.rows(
        select(stock_level.c.sku, free.label("free"))
        .group_by(stock_level.c.sku)
        .having(free <= highest + margin)
    )
    unallocated = Stock(tx).unallocated(row.sku for row in rows)
    before = People(tx).firing()
    found = _few_kits(tx, run)
    for row in rows:
        level = run.wiring.low_stock(row.sku, today=today)
        one = low_stock(
            row.sku,
            available=int(row.free) - unallocated[row.sku],
            level=level,
            firing=_named(row.sku) in before,
            margin=margin,
        )
        if one is None or level <= 0:
            continue
        if run.wiring.loaded.buying.of(row.sku).alert is AlertKind.STATIC:
            found.append(one)
    return found


def _few_kits(tx: Tx, run: Run) -> list[FiringAlert]:
    """Kits whose parts make no more of them than the number a person wrote for the Kit.

    Whatever makes plain Skus low: nobody looks at the demand for Kits, only at that for their parts.
    """
    catalog = run.wiring.loaded.catalog
    kits = {kit: catalog.components_of(kit) for kit in catalog.watched_kits}
    parts = {part for one in kits.values() for part in one}
    levels = Stock(tx).levels(parts)
    unallocated = Stock(tx).unallocated(parts)
    before = People(tx).firing()
    found = []
    for kit, components in kits.items():
        if not any(levels.get(part) for part in components):
            # As with a plain Sku: what never stood on a shelf does not run low.
            continue
        one = low_kit(
            kit,
            [
                KitPart(
                    part,
                    sum(level.available for level in levels.get(part, ())) - unallocated[part],
                    units,
                )
                for part, units in components.items()
            ],
            level=run.wiring.low_stock(kit, today=run.wiring.day(tx.now)),
            firing=_named(kit) in before,
            margin=run.wiring.config.alerts.clear_margin,
        )
        if one is not None:
            found.append(one)
    return found


def _named(sku: Sku) -> str:
    """The fingerprint of a Sku's low-stock alert."""
    return FiringAlert("low_stock", (("sku", sku),), Reason.of("alert_low_stock")).fingerprint


def _open_cases(tx: Tx) -> list[FiringAlert]:
    return [
        FiringAlert(
            f"case_{row.kind}",
            (("subject", row.subject),),
            Reason(row.code, row.args),
            Severity(row.severity),
        )
        for row in tx.rows(select(cases).where(cases.c.state == "open").order_by(cases.c.id))
    ]


def _held(tx: Tx, run: Run) -> list[FiringAlert]:
    """Orders that wait for a person, one group for each role that looks after them."""
    told = {code: kind for code, kind in KINDS.items() if kind.told}
    return [
        FiringAlert(
            f"held_{told[row.code].owner}",
            (("order", f"{row.channel} {row.remote_id}"), ("hold", row.code)),
            Reason(row.code, row.args),
        )
        for row in tx.rows(
            select(hold.c.code, hold.c.args, orders.c.channel, orders.c.remote_id)
            .join(orders, orders.c.id == hold.c.order_id)
            .where(
                hold.c.code.in_(sorted(told)),
                hold.c.released_at.is_(None),
                hold.c.opened_at <= tx.now - run.wiring.config.review.tell_after,
                orders.c.stage == str(OrderStage.HELD),
            )
            .order_by(orders.c.id)
        )
    ]


def _down(tx: Tx) -> list[FiringAlert]:
    return [
        FiringAlert(
            "connection_down",
            (("unit", row.id),),
            Reason.of("connection_down", unit=row.id, failures=row.failures, error=(row.last_error or "")[:200]),
            Severity.CRITICAL,
        )
        for row in tx.rows(select(unit).where(unit.c.failures >= DOWN_AFTER).order_by(unit.c.id))
        # The mail unit cannot mail about itself; `lockstep status` shows it.
        if row.id != "core/mail"
    ]  # fmt: skip


def _tell(tx: Tx, run: Run, people: People, row: Row[tuple[object, ...]]) -> None:
    settings = run.wiring.config.alerts
    decision = telling(
        Incident(
            first_at=row.first_at,
            changed_at=row.changed_at,
            last_mail_at=row.last_mail_at,
            resolved_at=row.resolved_at,
            severity=Severity(row.severity),
            silenced=False,
            inhibited=False,
            mails=row.mails,
        ),
        now=tx.now,
        group_wait=settings.group_wait,
        group_interval=settings.group_interval,
        repeat_interval=run.wiring.config.replenishment.remind
        if row.group_key.startswith(BUY)
        else settings.repeat_interval,
    )
    if not decision.tell:
        if row.resolved_at is not None and row.mails == 0:
            people.close_untold(row.id)
        return
    alerts = people.alerts_of(row.id)
    sums = _sums(tx) if any(one.rule == "low_stock" for one in alerts) else {}
    letter = Letter(
        shop=run.wiring.config.shop.name,
        kind=decision.kind,
        group=row.group_key,
        severity=row.severity,
        at=tx.now,
        time_zone=run.wiring.config.shop.time_zone,
        findings=tuple(
            Finding(
                one.rule,
                Reason(one.code, one.args),
                one.severity,
                one.since,
                one.resolved_at,
                steps=_steps(dict(one.labels), sums),
            )
            for one in alerts
        ),
        **_order_to_make(tx, run, row.group_key),
    )
    for recipient in _recipients(settings.recipients, row.severity):
        _write(tx, people, row, decision.sequence, letter, recipient)
    people.told(row.id, closed=decision.kind == "resolve")
    tx.decide(
        f"incident {row.id}",
        Reason.of("alert_told", group=row.group_key, kind=decision.kind, count=len(alerts)),
    )


def _steps(labels: dict[str, str], sums: dict[Sku, tuple[Reason, ...]]) -> tuple[Reason, ...]:
    """What stands behind a finding, or what to do about it."""
    if "hold" in labels:
        # The channel's own id: a name may be anything, and this is meant to be typed.
        _, _, remote_id = labels["order"].partition(" ")
        order = shlex.quote(remote_id)
        return (Reason.of("held_how", order=order, named=labels["hold"]),)
    return sums.get(labels.get("sku", ""), ())


def _sums(tx: Tx) -> dict[Sku, tuple[Reason, ...]]:
    """Sku -> the sum behind what a plan says of it, as `replenish plan` shows it."""
    return {
        sku: tuple(Reason(code, args) for code, args in line.steps)
        for _, lines in replenish.planned(tx).values()
        for sku, line in lines.items()
    }


def _order_to_make(tx: Tx, run: Run, group: str) -> dict[str, Any]:
    """The headline and the last line of a mail that is one order; nothing for other mails."""
    if not group.startswith(BUY):
        return {}
    supplier = group.removeprefix(BUY)
    title = Reason.of("mail_buy_title", supplier=supplier)
    number, lines = replenish.planned(tx).get(supplier, (0, {}))
    wanted = [one for one in lines.values() if one.quantity]
    if not wanted:
        return {"title": title}
    costs = [one.cost for one in wanted]
    total = None if None in costs else sum(one for one in costs if one is not None)
    return {
        "title": title,
        "headline": Reason.of(
            "mail_buy",
            supplier=supplier,
            count=len(wanted),
            cost=buying.said(total, run.wiring.config.shop.currency),
            order_by=min(one.order_by for one in wanted),
        ),
        "closing": Reason.of("mail_buy_how", plan=number, supplier=supplier),
    }


def _recipients(recipients: tuple[Recipient, ...], severity: str) -> list[Recipient]:
    return [one for one in recipients if _RANK[severity] >= _RANK[one.least]]


def _write(
    tx: Tx,
    people: People,
    row: Row[tuple[object, ...]],
    sequence: int,
    letter: Letter,
    recipient: Recipient,
) -> None:
    written = write_letter(letter, language=recipient.language)
    incident = f"{row.id}:{row.first_at.isoformat()}"
    domain = "lockstep.invalid"
    first = message_id(incident, 1, recipient.email, domain)
    people.write_mail(
        row.id,
        sequence,
        recipient=recipient.email,
        message_id=message_id(incident, sequence, recipient.email, domain),
        in_reply_to="" if sequence == 1 else first,
        subject=written.subject,
        text=written.text,
        html=written.html,
    )


def mail_report(tx: Tx, run: Run, group: str, findings: tuple[Finding, ...]) -> int:
    """A report that nobody has to answer, to who reads `info`; how many mails were written."""
    settings = run.wiring.config.alerts
    recipients = _recipients(settings.recipients, str(Severity.INFO))
    if not recipients:
        return 0
    people = People(tx)
    row = people.report(group)
    letter = Letter(
        shop=run.wiring.config.shop.name,
        kind="report",
        group=group,
        severity=str(Severity.INFO),
        at=tx.now,
        time_zone=run.wiring.config.shop.time_zone,
        findings=findings,
    )
    for recipient in recipients:
        _write(tx, people, row, 1, letter, recipient)
    return len(recipients)


def send_mails(run: Run) -> None:
    """Empty the outbox. A mail that cannot be sent now is kept; one that is refused is told."""
    through = run.wiring.config.alerts.through
    if not through:
        return
    target = run.wiring.connector(through, AlertTarget)
    with run.reading() as tx:
        waiting = People(tx).waiting(limit=200)
    for one in waiting:
        mail = Mail(one.message_id, one.in_reply_to, one.recipient, one.subject, one.text, one.html)
        try:
            target.push_mail(mail)
            state, problem = "sent", None
        except Rejected as error:
            state, problem = "refused", str(error)
        except UnknownOutcome as error:
            # It may be there already: it is sent again under the same Message-ID.
            state, problem = "waiting", str(error)
        except ConnectorError as error:
            with run.transaction() as tx:
                People(tx).attempted(one.id, state="waiting", problem=str(error))
            raise
        with run.transaction() as tx:
            sent_at = tx.now if state == "sent" else None
            People(tx).attempted(one.id, state=state, problem=problem, sent_at=sent_at)
            if state == "sent":
                tx.decide(
                    f"incident {one.incident_id}", Reason.of("mail_sent", subject=one.subject)
                )
