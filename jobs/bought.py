"""BOUGHT: what a buyer paid for in place of which something else was sent.

What replaces goods costs nothing: a unit of it that comes back is paid back as the unit it replaced,
and only where that one came back too. So the buyer has the money, or one of the two, never more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from core.model.returns import Resolution
from jobs.store.orders import OrderRecord, Orders
from jobs.store.refunds import RefundLineRow
from jobs.store.returns import ReturnRecord, Returns
from jobs.store.store import Tx


def order_of_buyer(tx: Tx, record: OrderRecord) -> OrderRecord:
    """The order that was paid for: itself, or the one it replaces something of."""
    while (one := _replaced_by(tx, record)) is not None:
        record = _order(tx, one)
    return record


def line_of_buyer(tx: Tx, record: OrderRecord, line: str) -> str:
    """A line that was paid for, for money that goes back for no units of it."""
    while (one := _replaced_by(tx, record)) is not None:
        line = next(row.line for row in one.lines if row.resolution is Resolution.REPLACEMENT)
        record = _order(tx, one)
    return line


def is_even(tx: Tx, record: OrderRecord) -> bool:
    """Whether each unit of it stands for one that was bought: else nobody can say for which."""
    while (one := _replaced_by(tx, record)) is not None:
        if len(_replaced(one)) != sum(line.ordered for line in record.order.lines):
            return False
        record = _order(tx, one)
    return True


def as_bought(
    tx: Tx, record: OrderRecord, lines: Sequence[RefundLineRow], *, again: bool = False
) -> list[RefundLineRow]:
    """The same units as they were paid for; those of which what they replaced is not here are left out.

    `again`: units that are in refunds already are meant, not those beside them.
    """
    found = list(lines)
    while (one := _replaced_by(tx, record)) is not None:
        found = _in_place_of(tx, one, record, found, again=again)
        record = _order(tx, one)
    return found


def returns_of(tx: Tx, order_id: int) -> list[ReturnRecord]:
    """Returns of an order and, before each, those of what replaced its units."""
    found = []
    for one in Returns(tx).of_order(order_id):
        number = Returns(tx).replacement_of(one)
        found += [*(returns_of(tx, number) if number is not None else ()), one]
    return found


def _replaced_by(tx: Tx, record: OrderRecord) -> ReturnRecord | None:
    """The return whose units it replaces."""
    return Returns(tx).get(record.replaces) if record.replaces is not None else None


def _order(tx: Tx, one: ReturnRecord) -> OrderRecord:
    assert one.order_id is not None, one.rma
    return Orders(tx).load([one.order_id])[0]


def _replaced(one: ReturnRecord) -> list[str | None]:
    """The order line of each unit that is replaced; None: it did not come back."""
    return [
        row.line if unit < row.received else None
        for row in one.lines
        if row.resolution is Resolution.REPLACEMENT
        for unit in range(row.quantity)
    ]


def _in_place_of(
    tx: Tx, one: ReturnRecord, record: OrderRecord, lines: Iterable[RefundLineRow], *, again: bool
) -> list[RefundLineRow]:
    """Units of what replaces, as units of what it replaces: the first for the first, and so on."""
    units = _replaced(one)
    if len(units) != sum(line.ordered for line in record.order.lines):
        return []
    used = Counter[str]()
    for back in () if again else Returns(tx).of_order(record.id):
        for row in back.lines:
            used[row.line] += sum(row.refunding.values())
    stands_for, start = {}, 0
    for line in record.order.lines:
        part = units[start : start + line.ordered]
        stands_for[line.remote_id] = sorted(part, key=lambda name: name is None)
        start += line.ordered
    found = []
    for wanted in lines:
        upto = used[wanted.line]
        taken = stands_for.get(wanted.line, [])[upto : upto + wanted.quantity]
        used[wanted.line] += wanted.quantity
        found += [
            replace(wanted, line=name, quantity=len(list(same)))
            for name, same in groupby(taken)
            if name is not None
        ]
    return found
