"""RETURNS: what comes back is expected, received, looked at and put away; what is due follows.

What the channel states is recorded; a person may open a return the channel knows nothing of. After
each change `look` brings what is due in line with where the return stands: money, a replacement, a
claim on the supplier.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy import select

from core.errors import ConfigError
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId
from core.model.money import Money
from core.model.reasons import Reason
from core.model.returns import (
    ExchangedLine,
    Refund,
    RefundState,
    Resolution,
    Return,
    ReturnedLine,
    ReturnReason,
    ReturnState,
    ReturnStatus,
)
from core.ports import ReturnSource, ReturnTarget
from core.rules.effects import letters
from core.rules.modes import Mode
from core.rules.returns import Sold, doubts, late_by
from core.rules.sentences import render
from jobs import exchanges, refunds
from jobs.bought import is_even, line_of_buyer, order_of_buyer
from jobs.refunds import terms_of
from jobs.run import Run
from jobs.store.offers import Offers
from jobs.store.orders import OrderRecord, Orders
from jobs.store.permissions import RETURNS, Permissions
from jobs.store.refunds import Refunds
from jobs.store.returns import OVER, ReturnRecord, Returns
from jobs.store.store import Tx
from jobs.store.tables import decision
from jobs.wiring import Wiring

CLAIM_DENIED = "channel_claim_denied"
_CLAIM_CODES = ("channel_claim_open", "channel_claim_paid", CLAIM_DENIED)
DISPUTED, LATE = "return_disputed", "return_late"
#: Where we are with one of which nothing is here, by its channel's word; any other word: expected.
#: What the channel closed will not come: it is settled there.
STATES = {
    ReturnStatus.REQUESTED: ReturnState.REQUESTED,
    ReturnStatus.CLOSED: ReturnState.CLOSED,
    ReturnStatus.DECLINED: ReturnState.DECLINED,
    ReturnStatus.CANCELED: ReturnState.CANCELED,
}


class NoReturn(ConfigError):
    """What a person asked for cannot be done with a return."""


def pull_returns(run: Run, channel: ChannelId) -> None:
    """Take what comes back and what was paid back; a page and its place are saved together."""
    source = run.wiring.channel(channel, ReturnSource)
    for batch in source.pull_returns(since=run.lease.cursor):
        with run.transaction() as tx:
            for one in batch.items:
                one = replace(one, channel=channel)
                if isinstance(one, Refund):
                    for number in refunds.record_refund(tx, run.wiring, one):
                        look(tx, run.wiring, Returns(tx).get(number))
                else:
                    record_return(tx, run.wiring, one)
            tx.close_rejects(channel, "return", (one.remote_id for one in batch.items))
            tx.keep_payloads(channel, "return", list(batch.raw))
            tx.open_rejects(channel, batch.rejects)
            tx.advance(batch.cursor, complete_to=batch.complete_to)
    with run.transaction() as tx:
        catch_up(tx, run.wiring, channel)


def catch_up(tx: Tx, wiring: Wiring, channel: ChannelId) -> None:
    """Returns that wait for nothing but what others recorded meanwhile: their order, or the parcel
    with what replaces them."""
    for known in Returns(tx).of_no_order(channel):
        _find_order(tx, wiring, known)
    for known in Returns(tx).replaced(channel):
        if _is_over(tx, known):
            look(tx, wiring, known)


# --- what the channel states ---------------------------------------------------------------------


def record_return(tx: Tx, wiring: Wiring, one: Return) -> ReturnRecord | None:
    """Keep it, judge whether it can be ours, and see what is due. None: it has no line that counts."""
    returns = Returns(tx)
    Orders(tx).lock(Orders(tx).find(one.channel, one.order))
    known = returns.known(one.channel, one.remote_id)
    if known is not None:
        return _changed(tx, wiring, known, one)
    lines = tuple(line for line in one.lines if line.quantity > 0)
    if not lines:
        return None
    one = replace(one, lines=lines)
    record = order_of(tx, one.channel, one.order)
    names, problems = _judge(tx, record, one)
    state = _state_of(one)
    if problems and state in OVER:
        # It was over before we heard of it, as all returns of the time before us.
        problems = ()
    elif problems:
        state = ReturnState.DISPUTED
    resolution = Resolution.REPLACEMENT if one.exchanged else Resolution.REFUND
    if one.handled_there:
        # Whoever takes it back pays it back; we only look on.
        resolution = Resolution.NOTHING
    made = returns.add(
        one,
        rma=_number(one.channel, one.remote_id),
        order_id=record.id if record else None,
        state=state,
        lines=names,
        resolutions=[resolution] * len(lines),
        late=_late(tx, wiring, record, names, one),
        remote=True,
    )
    tx.decide(made.subject, Reason.of("return_recorded", **named(made)))
    if record is not None:
        tx.decide(record.subject, Reason.of("return_recorded", **named(made)))
    if problems:
        _dispute(tx, wiring, made, problems)
    _take_in_there(tx, made, one)
    _tell_costs(tx, made, one)
    _now_exchanged(tx, made)
    return look(tx, wiring, returns.get(made.id))


def _changed(tx: Tx, wiring: Wiring, known: ReturnRecord, one: Return) -> ReturnRecord:
    """The channel states it otherwise than before, or again."""
    returns = Returns(tx)
    values: dict[str, object] = {
        "status": str(one.status), "carrier": one.carrier or known.carrier,
        "tracking_number": one.tracking_number or known.tracking_number,
        "label": one.label or known.label,
    }  # fmt: skip
    state = known.state
    if state in (ReturnState.REQUESTED, ReturnState.EXPECTED):
        state = _state_of(one)
    elif one.status in (ReturnStatus.CANCELED, ReturnStatus.DECLINED) and not known.handled_there:
        # It was canceled there though units of it are here: a person sees what they are.
        if known.live and any(line.received for line in known.lines):
            reason = Reason.of("return_canceled_though_here", **named(known))
            tx.open_case(Case("return_canceled_though_here", known.subject, reason))
        elif known.live:
            state = _state_of(one)
            tx.close_case(DISPUTED, known.subject)
    if state is not known.state:
        values["state"] = str(state)
    record = returns.mark(known, **values)
    returns.exchange(known.id, one.exchanged)
    if record.live:
        _new_quantities(tx, wiring, record, one)
        _now_exchanged(tx, returns.get(known.id))
    _take_in_there(tx, returns.get(known.id), one)
    _tell_costs(tx, known, one)
    return look(tx, wiring, returns.get(known.id))


def _tell_costs(tx: Tx, known: ReturnRecord, one: Return) -> None:
    """What it costs the shop beside the refund, and what the channel gives for it: told once each."""
    if one.label_cost is not None:
        cost = Reason.of("return_label_cost", rma=known.rma, amount=str(one.label_cost))
        tx.decide_once(known.subject, cost, among=[cost.code], named="rma")
    for claim in one.claims:
        args = {"rma": known.rma, "claim": claim.remote_id, "channel": known.channel}
        state = claim.state or str(ReturnStatus.UNKNOWN)
        if claim.reimbursed is not None:
            said = Reason.of("channel_claim_paid", amount=str(claim.reimbursed), **args)
        elif claim.denied:
            said = Reason.of("channel_claim_denied", state=state, **args)
        else:
            said = Reason.of("channel_claim_open", state=state, **args)
        if tx.decide_once(known.subject, said, among=_CLAIM_CODES, named="claim"):
            subject = f"{known.subject} {claim.remote_id}"
            tx.close_case(CLAIM_DENIED, subject)
            if said.code == CLAIM_DENIED:
                tx.open_case(Case(CLAIM_DENIED, subject, said))


def costs_of(tx: Tx, subjects: Collection[str]) -> dict[str, list[Reason]]:
    """What each of these returns costs beside its refund, and where each claim for it stands now."""
    query = select(decision.c.subject, decision.c.code, decision.c.args).where(
        decision.c.subject.in_(subjects),
        decision.c.code.in_(("return_label_cost", *_CLAIM_CODES)),
    )
    now: dict[str, dict[str, Reason]] = defaultdict(dict)
    for row in tx.rows(query.order_by(decision.c.id)):
        now[row.subject][row.args.get("claim", "")] = Reason(row.code, row.args)
    return {subject: list(found.values()) for subject, found in now.items()}


def _new_quantities(tx: Tx, wiring: Wiring, record: ReturnRecord, one: Return) -> None:
    """The channel changed which units come; what is here already stays. More than before is judged."""
    returns = Returns(tx)
    told = {line.remote_id: line for line in one.lines}
    more = False
    for row in record.lines:
        line = told.pop(row.remote_id, None)
        units = max(line.quantity if line else 0, row.received)
        if units != row.quantity:
            more |= units > row.quantity
            returns.mark_line(record, row.place, quantity=units)
    order = order_of(tx, record.channel, record.order)
    for line in told.values():
        if line.quantity <= 0:
            continue
        more = True
        name = _line_of(order, line, Counter()) if order else line.line
        what = Resolution.REPLACEMENT if one.exchanged else Resolution.REFUND
        returns.add_line(
            returns.get(record.id), line, name,
            Resolution.NOTHING if record.handled_there else what,
        )  # fmt: skip
    if not more or order is None or record.handled_there or record.state is ReturnState.DISPUTED:
        return
    now = returns.get(record.id)
    wanted = Counter[str]()
    for row in now.lines:
        wanted[row.line or row.remote_sku] += row.quantity
    problems = doubts(+wanted, _sold(tx, order, without=record.id))
    if problems:
        _dispute(tx, wiring, returns.mark(now, state=str(ReturnState.DISPUTED)), problems)


def _now_exchanged(tx: Tx, one: ReturnRecord) -> None:
    """What the channel gives instead is no money of ours: nor the other way around."""
    what = Resolution.REPLACEMENT if one.exchanged else Resolution.REFUND
    other = Resolution.REFUND if one.exchanged else Resolution.REPLACEMENT
    if one.remote_id is None:
        return
    for row in one.lines:
        if row.resolution is other:
            Returns(tx).mark_line(one, row.place, resolution=str(what))
    units = sum(row.quantity for row in one.lines), sum(each.quantity for each in one.exchanged)
    if one.exchanged and units[0] != units[1]:
        reason = Reason.of("exchange_uneven", **named(one), instead=units[1])
        tx.open_case(Case("exchange_uneven", one.subject, reason), once=True)


def _state_of(one: Return) -> ReturnState:
    """As long as nothing of it is here."""
    return STATES.get(one.status, ReturnState.EXPECTED)


def _take_in_there(tx: Tx, record: ReturnRecord, one: Return) -> None:
    """What the channel itself received and judged (FBA) is written down as it says."""
    told = {line.remote_id: line for line in one.lines}
    for row in record.lines:
        line = told.get(row.remote_id)
        if line is None or line.received <= row.received:
            continue
        Returns(tx).mark_line(record, row.place, received=line.received)
        if line.disposition is not None:
            Returns(tx).inspect(
                record, row.place, line.disposition, line.received - row.inspected,
                location=record.channel, person=None, note="",
            )  # fmt: skip


def _find_order(tx: Tx, wiring: Wiring, known: ReturnRecord) -> None:
    """A return may be told before its order is: it is judged once that is there."""
    order = order_of(tx, known.channel, known.order)
    if order is None:
        return
    Orders(tx).lock(order.id)
    known = Returns(tx).get(known.id)
    if known.state is not ReturnState.DISPUTED or known.order_id is not None:
        return
    lines = tuple(
        ReturnedLine(row.remote_id, row.line, row.remote_sku, row.quantity, row.reason)
        for row in known.lines
    )
    told = Return(
        known.channel, known.remote_id or "", known.name, known.order, known.status,
        known.created_at, lines, handled_there=known.handled_there,
    )  # fmt: skip
    names, problems = _judge(tx, order, told)
    late = _late(tx, wiring, order, names, told)
    for row, name, days in zip(known.lines, names, late, strict=True):
        Returns(tx).mark_line(known, row.place, line=name, late_days=days)
    tx.close_case(DISPUTED, known.subject)
    state = ReturnState.DISPUTED if problems else _state_of(told)
    made = Returns(tx).mark(known, order_id=order.id, state=str(state))
    tx.decide(order.subject, Reason.of("return_recorded", **named(made)))
    if problems:
        _dispute(tx, wiring, made, problems)
    look(tx, wiring, made)


# --- whether it can be ours ----------------------------------------------------------------------


def order_of(tx: Tx, channel: ChannelId, order: str) -> OrderRecord | None:
    number = Orders(tx).find(channel, order)
    return Orders(tx).load([number])[0] if number is not None else None


def _judge(tx: Tx, record: OrderRecord | None, one: Return) -> tuple[list[str], tuple[Reason, ...]]:
    """The order line of each of its rows ("": none), and why it cannot be ours."""
    if record is None:
        return [line.line for line in one.lines], (Reason.of("return_no_order", order=one.order),)
    if one.handled_there:
        # Others shipped it: our parcels say nothing of it.
        return [_line_of(record, line, Counter()) for line in one.lines], ()
    sold = _sold(tx, record)
    wanted = Counter[str]()
    names = []
    for line in one.lines:
        left = Counter({name: known.returnable for name, known in sold.items()}) - wanted
        name = _line_of(record, line, left)
        names.append(name)
        wanted[name or line.remote_sku or line.remote_id] += line.quantity
    return names, doubts(wanted, sold)


def _sold(tx: Tx, record: OrderRecord, *, without: int | None = None) -> dict[str, Sold]:
    lines = {line.remote_id: line for line in record.order.lines}
    fulfilled = {name: line.fulfilled for name, line in lines.items()}
    found = Returns(tx).sold(record.id, fulfilled=fulfilled, without=without)
    # What was paid back was, first of all, for units that never left.
    return {
        name: replace(one, settled=max(0, one.settled - max(0, lines[name].ordered - one.shipped)))
        for name, one in found.items()
    }


def _line_of(record: OrderRecord, line: ReturnedLine, left: Mapping[str, int]) -> str:
    """The order line it speaks of; the goods alone may be in several. "": none."""
    lines = {one.remote_id: one for one in record.order.lines}
    if line.line:
        return line.line if line.line in lines else ""
    alike = [name for name, one in lines.items() if one.remote_sku == line.remote_sku]
    alike.sort(key=lambda name: (left.get(name, 0) < line.quantity, name))
    return alike[0] if alike else ""


def _late(
    tx: Tx, wiring: Wiring, record: OrderRecord | None, names: Sequence[str], one: Return
) -> list[int]:
    """Days each row is after its window."""
    if record is None:
        return [0] * len(names)
    if record.replaces is not None:
        # What replaces goods is no new purchase: the window is that of what was bought.
        names = [line_of_buyer(tx, record, name) for name in names]
        record = order_of_buyer(tx, record)
    sold = _sold(tx, record)
    zone = ZoneInfo(wiring.config.shop.time_zone)
    return [
        late_by(sold[name], terms_of(wiring, record, name), asked=one.created_at, zone=zone)
        if name in sold
        else 0
        for name in names
    ]


def _dispute(tx: Tx, wiring: Wiring, one: ReturnRecord, problems: Sequence[Reason]) -> None:
    words = " ".join(render(reason, wiring.config.shop.language) for reason in problems)
    reason = Reason.of(
        DISPUTED, name=one.name, rma=one.rma, order=one.order_name, words=words
    )  # fmt: skip
    tx.decide(one.subject, reason)
    tx.open_case(Case(DISPUTED, one.subject, reason, Severity.WARNING))


def accept(tx: Tx, wiring: Wiring, name: str, *, by: str, note: str) -> ReturnRecord:
    """A person says that a disputed return is ours. Raises NoReturn."""
    one = held(tx, name)
    if one.state is not ReturnState.DISPUTED:
        raise NoReturn(f"{one.rma} is {one.state}: nothing is to be accepted")
    record = must_have_order(tx, one)
    made = Returns(tx).mark(one, state=str(ReturnState.EXPECTED), order_id=record.id)
    tx.close_case(DISPUTED, one.subject, by=by, note=note)
    tx.audit(by, "accept return", one.subject, note=note)
    return look(tx, wiring, made)


def must_have_order(tx: Tx, one: ReturnRecord) -> OrderRecord:
    """The order it is of. Raises NoReturn where it is of none of ours, or of no line of it."""
    record = order_of(tx, one.channel, one.order)
    if record is None or not all(line.line for line in one.lines):
        raise NoReturn(
            f"{one.rma} belongs to no order of ours: what comes is put away by `lockstep stock "
            "receive`, and what is owed is settled on the channel"
        )
    return record


def must_write(tx: Tx, one: ReturnRecord) -> None:
    """Raises NoReturn where its channel would be told nothing."""
    if Permissions(tx).scope(one.channel, RETURNS).mode is Mode.OBSERVE:
        raise NoReturn(
            f"{RETURNS} of {one.channel!r} are only observed: decide it there, or `lockstep mode "
            f"act --channel {one.channel} --flow {RETURNS}` switches"
        )


def end(
    tx: Tx, wiring: Wiring, name: str, state: ReturnState, *, by: str, note: str
) -> ReturnRecord:
    """A person ends it: declined, canceled, or closed as it is. Raises NoReturn."""
    one = held(tx, name)
    if one.remote_id is not None and state is not ReturnState.CLOSED:
        told = wiring.connectors.get(wiring.connection_of.get(one.channel, ""))
        if state is not ReturnState.CANCELED or not isinstance(told, ReturnTarget):
            raise NoReturn(f"{one.rma} is a return of {one.channel}'s: end it there")
        must_write(tx, one)
    if not one.live:
        raise NoReturn(f"{one.rma} is {one.state} already")
    here = sum(line.received for line in one.lines)
    if state is not ReturnState.CLOSED and here:
        raise NoReturn(f"{here} units of {one.rma} are here: inspect them, and close it")
    waiting = sum(line.received - line.inspected for line in one.lines)
    if state is ReturnState.CLOSED and waiting:
        raise NoReturn(f"{waiting} units of {one.rma} wait to be inspected")
    made = Returns(tx).mark(one, state=str(state), closed_at=tx.now, note=note)
    tx.close_case(DISPUTED, one.subject, by=by, note=note)
    tx.close_case(LATE, one.subject, by=by, note=note)
    tx.audit(by, "end return", one.subject, after={"state": str(state)}, note=note)
    _is_told(tx, made)
    return look(tx, wiring, made)


def held(tx: Tx, name: str) -> ReturnRecord:
    """The one of that name, kept from others until the end of the transaction. Raises NoReturn."""
    Orders(tx).lock(the_one(tx, name).order_id)
    return the_one(tx, name)


def the_one(tx: Tx, name: str) -> ReturnRecord:
    """Raises NoReturn where the name is of none, or of several."""
    found = Returns(tx).named(name)
    if len(found) == 1:
        return found[0]
    many = ", ".join(f"{one.rma} ({one.channel})" for one in found)
    raise NoReturn(
        f"{name!r} is {len(found)} returns: {many}"
        if found
        else f"there is no return {name!r}; `lockstep returns list` shows all"
    )


# --- returns that we open ------------------------------------------------------------------------


@dataclass(frozen=True)
class Opening:
    """A return that a person opens."""

    #: the order's name or id
    order: str
    #: order line, its remote Sku or our Sku -> units of the line
    units: Mapping[str, int]
    reason: ReturnReason
    resolution: Resolution
    #: what the buyer gets instead
    instead: Sequence[ExchangedLine] = ()
    #: who made the label calls it so; a carrier's number
    label: str = ""
    carrier: str = ""
    tracking_number: str = ""
    our_label: bool = False


def open_return(tx: Tx, wiring: Wiring, asked: Opening, *, by: str, note: str) -> ReturnRecord:
    """Open a return the channel knows nothing of. Raises NoReturn."""
    found = Orders(tx).load(Orders(tx).named(asked.order))
    if len(found) != 1:
        raise NoReturn(f"{asked.order!r} names {len(found)} orders")
    Orders(tx).lock(found[0].id)
    (record,) = Orders(tx).load([found[0].id])
    lines = tuple(
        ReturnedLine("", _named_line(record, name), name, units, asked.reason)
        for name, units in asked.units.items()
    )
    if not lines or any(line.quantity < 1 for line in lines):
        raise NoReturn("say which units come back: --line SKU=1")
    if (asked.resolution is Resolution.REPLACEMENT) != bool(asked.instead):
        raise NoReturn("a replacement needs what the buyer gets: --instead SKU=1, and only it")
    number = _number(
        record.order.channel, record.order.remote_id, len(Returns(tx).of_order(record.id))
    )
    one = Return(
        record.order.channel, "", number, record.order.remote_id, ReturnStatus.OPEN, tx.now, lines,
        tuple(asked.instead), carrier=asked.carrier, tracking_number=asked.tracking_number,
        label=asked.label,
    )  # fmt: skip
    names, problems = _judge(tx, record, one)
    if problems:
        words = [render(reason) for reason in problems]
        words += [f"{one} replaces units of it." for one in _instead_of(tx, record)]
        raise NoReturn(" ".join(words))
    even = is_even(tx, record)
    made = Returns(tx).add(
        one, rma=number, order_id=record.id, state=ReturnState.EXPECTED, lines=names,
        resolutions=[asked.resolution if even else Resolution.NOTHING] * len(lines), late=_late(tx, wiring, record, names, one),
        remote=False, our_label=asked.our_label, person=by, note=note,
    )  # fmt: skip
    tx.audit(by, "open return", made.subject, after={"order": record.order.name}, note=note)
    tx.decide(record.subject, Reason.of("return_recorded", **named(made)))
    if not even:
        units = sum(line.ordered for line in record.order.lines)
        reason = Reason.of("exchange_uneven", **{**named(made), "instead": units})
        tx.open_case(Case("exchange_uneven", made.subject, reason), once=True)
    return look(tx, wiring, made)


def _instead_of(tx: Tx, record: OrderRecord) -> list[str]:
    """Names of orders that replace units of it: what comes back of these is a return of theirs."""
    numbers = [Returns(tx).replacement_of(one) for one in Returns(tx).of_order(record.id)]
    return [one.order.name for one in Orders(tx).load([each for each in numbers if each])]


def price_of(tx: Tx, record: OrderRecord, sku: str) -> Money | None:
    """What one of it costs this buyer: as before where it was bought, else as it is listed there."""
    for line in record.order.lines:
        if sku in (line.remote_sku, record.resolved[line.remote_id].sku):
            return line.unit_price
    return Offers(tx).price(record.order.channel, sku)


def _named_line(record: OrderRecord, name: str) -> str:
    """The order line a person means: by its id, its Sku there, or ours. Raises NoReturn."""
    lines = [
        line.remote_id
        for line in record.order.lines
        if name in (line.remote_id, line.remote_sku, record.resolved[line.remote_id].sku)
    ]
    if len(lines) == 1:
        return lines[0]
    there = ", ".join(f"{one.remote_id} ({one.remote_sku})" for one in record.order.lines)
    raise NoReturn(f"{name!r} is {len(lines)} lines of {record.order.name}; it has {there}")


def _number(*parts: object) -> str:
    """Our number of a return, the same for ever: RMA-7K3M9Q2XPA."""
    return f"RMA-{letters(':'.join(str(one) for one in parts), 10)}"


# --- what is due ---------------------------------------------------------------------------------


def look(tx: Tx, wiring: Wiring, one: ReturnRecord) -> ReturnRecord:
    """Bring what is due in line with where it stands; the return as it is then."""
    record = order_of(tx, one.channel, one.order)
    if one.handled_there or record is None:
        return one
    gone = refunds.want(tx, wiring, one, record)
    one = Returns(tx).get(one.id)
    over = one.state in (ReturnState.DECLINED, ReturnState.CANCELED)
    if over and not refunds.withdraw(tx, one):
        gone = False
    if over and (not gone or exchanges.is_out(tx, one) or any(row.refunded for row in one.lines)):
        reason = Reason.of("return_ended_though_settled", **named(one))
        tx.open_case(
            Case("return_ended_though_settled", one.subject, reason, Severity.CRITICAL), once=True
        )
    _never_both(tx, one)
    one = Returns(tx).get(one.id)
    exchanges.follow(tx, wiring, one, record)
    _tell_difference(tx, wiring, one)
    one = Returns(tx).get(one.id)
    late = [line for line in one.lines if line.late_days]
    if late and one.live and one.state is not ReturnState.DISPUTED:
        reason = Reason.of(
            LATE, name=one.name, rma=one.rma, days=max(line.late_days for line in late)
        )
        tx.open_case(Case(LATE, one.subject, reason), once=True)
    elif late and not one.live:
        tx.close_case(LATE, one.subject)
    _follow_what_came_instead(tx, wiring, one)
    if one.live and _is_over(tx, one):
        one = Returns(tx).mark(one, state=str(ReturnState.CLOSED), closed_at=tx.now)
        tx.close_case(LATE, one.subject)
        tx.decide(one.subject, Reason.of("return_closed", **named(one)))
        _is_told(tx, one)
    return one


def _is_told(tx: Tx, one: ReturnRecord) -> None:
    """Its channel, where it knows of it, is to hear that it is over (jobs.return_steps)."""
    if one.remote_id is not None and not one.handled_there:
        tx.wake(f"{one.channel}/{RETURNS}")


def _follow_what_came_instead(tx: Tx, wiring: Wiring, one: ReturnRecord) -> None:
    """What replaced its units may be paid back once these are here themselves."""
    number = Returns(tx).replacement_of(one)
    for later in Returns(tx).of_order(number) if number is not None else ():
        look(tx, wiring, later)


def _never_both(tx: Tx, one: ReturnRecord) -> None:
    """Somebody paid back what we meant to replace: it is not replaced, if it is not too late."""
    both = [row for row in one.lines if row.resolution is Resolution.REPLACEMENT and row.refunded]
    if not both:
        return
    if exchanges.is_out(tx, one):
        reason = Reason.of("refunded_and_replaced", **named(one))
        tx.open_case(
            Case("refunded_and_replaced", one.subject, reason, Severity.CRITICAL), once=True
        )
        return
    for row in both:
        Returns(tx).mark_line(one, row.place, resolution=str(Resolution.REFUND))


def _tell_difference(tx: Tx, wiring: Wiring, one: ReturnRecord) -> None:
    """A cheaper replacement was settled in money, and is not sent after all: that money is too much."""
    for row in Refunds(tx).of_return(one.id):
        if row.cause != "difference" or row.state is not RefundState.MADE:
            continue
        if not refunds.still_due(tx, wiring, row):
            reason = Reason.of(
                "difference_not_due", amount=str(row.total), rma=one.rma, order=one.order_name
            )
            tx.open_case(
                Case("difference_not_due", one.subject, reason, Severity.CRITICAL), once=True
            )


def _is_over(tx: Tx, one: ReturnRecord) -> bool:
    """All of it came, was looked at and settled."""
    for row in one.lines:
        if row.inspected < row.quantity:
            return False
        if row.resolution is Resolution.REFUND and row.refunded < row.quantity:
            return False
        if row.resolution is Resolution.REPLACEMENT and not exchanges.left(tx, one):
            return False
    return True


def named(one: ReturnRecord) -> dict[str, str | int]:
    units = sum(line.quantity for line in one.lines)
    return {"name": one.name, "rma": one.rma, "order": one.order_name, "units": units}
