"""Payments back to buyers, as rows: what is wanted, what was decided, what the channel paid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Row, cast, delete, func, insert, select, update

from core.model.catalog import ChannelId
from core.model.money import Money
from core.model.reasons import Reason
from core.model.returns import Disposition, RefundState
from jobs.store.store import Tx
from jobs.store.tables import orders, refund, refund_line


@dataclass(frozen=True, slots=True)
class RefundLineRow:
    #: of the order
    line: str
    quantity: int
    amount: Money
    #: the line of the return it settles; None: none
    return_place: int | None = None
    #: what was found; None: nobody looked
    found: Disposition | None = None
    #: the return of that line; None: none
    return_id: int | None = None


@dataclass(frozen=True, slots=True)
class RefundRow:
    id: int
    channel: ChannelId
    order: str
    order_id: int | None
    number: int
    remote_id: str | None
    #: None: it was made elsewhere
    key: str | None
    return_id: int | None
    state: RefundState
    cause: str
    shipping: Money
    total: Money
    why: tuple[Reason, ...]
    chargeback: bool
    created_at: datetime
    made_at: datetime | None
    decided_by: str | None
    note: str
    lines: tuple[RefundLineRow, ...]
    #: what people call the order; its id where we know none
    order_name: str

    @property
    def subject(self) -> str:
        return f"refund {self.key or f'{self.channel} {self.order} {self.number}'}"


class Refunds:
    """Statements about payments back, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def get(self, number: int) -> RefundRow | None:
        found = self._rows(refund.c.id == number)
        return found[0] if found else None

    def keyed(self, key: str) -> RefundRow | None:
        found = self._rows(refund.c.key == key)
        return found[0] if found else None

    def known(self, channel: ChannelId, remote_id: str) -> RefundRow | None:
        found = self._rows(refund.c.channel == channel, refund.c.remote_id == remote_id)
        return found[0] if found else None

    def of_order(self, order_id: int) -> list[RefundRow]:
        return self._rows(refund.c.order_id == order_id)

    def ended(self, order_ids: Sequence[int]) -> dict[int, dict[str, tuple[int, Money]]]:
        """Of each order, by line: units that were paid back as we canceled them, and the money."""
        rows = self._tx.rows(
            select(
                refund.c.order_id, refund_line.c.line, refund.c.currency,
                func.sum(refund_line.c.quantity).label("units"),
                cast(func.sum(refund_line.c.amount), Integer).label("amount"),
            )
            .join(refund_line, refund_line.c.refund_id == refund.c.id)
            .where(
                refund.c.order_id.in_(order_ids),
                refund.c.cause == "cancellation",
                refund.c.state == str(RefundState.MADE),
                refund_line.c.quantity > 0,
            )
            .group_by(refund.c.order_id, refund_line.c.line, refund.c.currency)
        )  # fmt: skip
        found: dict[int, dict[str, tuple[int, Money]]] = defaultdict(dict)
        for row in rows:
            found[row.order_id][row.line] = (int(row.units), Money(row.amount, row.currency))
        return found

    def of_return(self, return_id: int) -> list[RefundRow]:
        """Those that were wanted for it, and those made elsewhere that settle some of it."""
        settling = select(refund_line.c.refund_id).where(refund_line.c.return_id == return_id)
        return self._rows((refund.c.return_id == return_id) | refund.c.id.in_(settling))

    def wanted(self, channel: ChannelId) -> list[RefundRow]:
        """Those for which the channel is not asked yet what it would pay back."""
        return self._rows(refund.c.channel == channel, refund.c.state == str(RefundState.WANTED))

    def listed(self, *, every: bool = False) -> list[RefundRow]:
        """Those that somebody waits for, refused ones too (or all), oldest first."""
        if every:
            return self._rows()
        waiting = (
            RefundState.WANTED,
            RefundState.PROPOSED,
            RefundState.APPROVED,
            RefundState.REFUSED,
        )
        return self._rows(refund.c.state.in_([str(one) for one in waiting]))

    def beside(self, order_id: int, *, without: int) -> int:
        """Minor units that were paid back on the order, or are decided to be, for no units of it."""
        total = 0
        for row in self.of_order(order_id):
            if row.id == without or row.state not in (RefundState.APPROVED, RefundState.MADE):
                continue
            if row.cause in ("return", "cancellation"):
                continue
            total += row.total.amount - sum(
                line.amount.amount for line in row.lines if line.quantity
            )
        return total

    def elsewhere(self, orders: Sequence[int]) -> dict[int, tuple[int, bool]]:
        """Order -> (minor units that others paid back on it, whether a bank took some of them).

        What was paid for units that left the order with it is not counted: nobody waits for those.
        """
        where = (refund.c.order_id.in_(orders), refund.c.cause == "elsewhere")
        found = {
            row.order_id: (int(row.total), bool(row.chargeback))
            for row in self._tx.rows(
                select(
                    refund.c.order_id,
                    func.sum(refund.c.total).label("total"),
                    func.max(cast(refund.c.chargeback, Integer)).label("chargeback"),
                )
                .where(*where)
                .group_by(refund.c.order_id)
            )
        }
        if not found:
            return found
        for row in self._tx.rows(
            select(refund.c.order_id, func.sum(refund_line.c.amount).label("total"))
            .join(refund_line, refund_line.c.refund_id == refund.c.id)
            .where(*where, refund_line.c.quantity > 0)
            .group_by(refund.c.order_id)
        ):
            total, chargeback = found[row.order_id]
            found[row.order_id] = (total - int(row.total), chargeback)
        return found

    def next_number(self, channel: ChannelId, order: str) -> int:
        last = self._connection.execute(
            select(func.max(refund.c.number)).where(
                refund.c.channel == channel, refund.c.order_remote_id == order
            )
        ).scalar_one()
        return (last or 0) + 1

    def add(
        self, *, channel: ChannelId, order: str, order_id: int | None, number: int,
        state: RefundState, cause: str, lines: Sequence[RefundLineRow], shipping: Money,
        total: Money, key: str | None = None, remote_id: str | None = None,
        return_id: int | None = None, made_at: datetime | None = None, chargeback: bool = False,
        why: Sequence[Reason] = (), by: str | None = None, note: str = "",
    ) -> RefundRow:  # fmt: skip
        made = self._connection.execute(
            insert(refund)
            .values(
                channel=channel,
                order_remote_id=order,
                order_id=order_id,
                number=number,
                remote_id=remote_id,
                key=key,
                return_id=return_id,
                state=str(state),
                cause=cause,
                currency=total.currency,
                shipping=shipping.amount,
                total=total.amount,
                why=_told(why),
                chargeback=chargeback,
                created_at=self._tx.now,
                made_at=made_at,
                decided_by=by,
                note=note or None,
            )
            .returning(refund.c.id)
        ).scalar_one()
        self._put_lines(made, lines)
        found = self.get(made)
        assert found is not None
        return found

    def decide(
        self, one: RefundRow, state: RefundState, *, lines: Sequence[RefundLineRow],
        shipping: Money, total: Money, why: Sequence[Reason],
    ) -> RefundRow:  # fmt: skip
        """What it came to."""
        self._connection.execute(delete(refund_line).where(refund_line.c.refund_id == one.id))
        self._put_lines(one.id, lines)
        return self.mark(
            one, state=str(state), shipping=shipping.amount, total=total.amount, why=_told(why)
        )

    def mark(self, one: RefundRow, **values: Any) -> RefundRow:
        self._connection.execute(update(refund).where(refund.c.id == one.id).values(**values))
        found = self.get(one.id)
        assert found is not None
        return found

    def drop(self, one: RefundRow) -> None:
        """It is another one of these, recorded twice."""
        self._connection.execute(delete(refund).where(refund.c.id == one.id))

    def _put_lines(self, refund_id: int, lines: Sequence[RefundLineRow]) -> None:
        if lines:
            self._connection.execute(
                insert(refund_line),
                [
                    {
                        "refund_id": refund_id,
                        "place": place,
                        "line": one.line,
                        "return_id": one.return_id,
                        "return_place": one.return_place,
                        "disposition": str(one.found) if one.found else None,
                        "quantity": one.quantity,
                        "amount": one.amount.amount,
                    }
                    for place, one in enumerate(lines, start=1)
                ],
            )

    def _rows(self, *where: Any) -> list[RefundRow]:
        rows = self._tx.rows(
            select(refund, orders.c.name.label("order_name"))
            .outerjoin(orders, orders.c.id == refund.c.order_id)
            .where(*where)
            .order_by(refund.c.created_at, refund.c.id)
        )
        currency = {row.id: row.currency for row in rows}
        lines: dict[int, list[RefundLineRow]] = defaultdict(list)
        numbers = select(refund.c.id).where(*where)
        for one in self._tx.rows(
            select(refund_line)
            .where(refund_line.c.refund_id.in_(numbers))
            .order_by(refund_line.c.refund_id, refund_line.c.place)
        ):
            lines[one.refund_id].append(
                RefundLineRow(
                    one.line, one.quantity, Money(one.amount, currency[one.refund_id]),
                    one.return_place, Disposition(one.disposition) if one.disposition else None,
                    one.return_id,
                )
            )  # fmt: skip
        return [_row(row, lines[row.id]) for row in rows]


def _row(row: Row[Any], lines: Sequence[RefundLineRow]) -> RefundRow:
    return RefundRow(
        row.id, row.channel, row.order_remote_id, row.order_id, row.number, row.remote_id, row.key,
        row.return_id, RefundState(row.state), row.cause, Money(row.shipping, row.currency),
        Money(row.total, row.currency), tuple(Reason(code, args) for code, args in row.why),
        row.chargeback, row.created_at, row.made_at, row.decided_by, row.note or "", tuple(lines),
        row.order_name or row.order_remote_id,
    )  # fmt: skip


def _told(why: Sequence[Reason]) -> list[list[Any]]:
    return [[one.code, dict(one.args)] for one in why]
