"""Invoices as they came, and what became of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, insert, select, update

from core.model.invoices import OPEN_INVOICES, Invoice, InvoicedLine, InvoiceState
from core.model.money import Money
from jobs.store.store import Tx
from jobs.store.tables import invoice, invoice_line

_OPEN = [str(one) for one in OPEN_INVOICES]


@dataclass(frozen=True, slots=True)
class InvoiceRecord:
    connection: str
    invoice: Invoice
    #: our own name for the order; "": we know none
    key: str
    state: InvoiceState
    received_at: datetime
    settled_by: str | None

    @property
    def subject(self) -> str:
        return f"invoice {self.connection} {self.invoice.number}"


class Invoices:
    """Statements about invoices, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def add(self, connection: str, one: Invoice, *, key: str) -> bool:
        """Keep a new one, to be matched. False: this number is there already."""
        if self.get(connection, one.number) is not None:
            return False
        self._connection.execute(
            insert(invoice).values(
                connection=connection,
                number=one.number,
                names=one.order,
                key=key,
                on_day=one.on,
                currency=one.currency,
                extras=one.extras.amount,
                total=one.total.amount,
                credit=one.credit,
                state=str(InvoiceState.WAITING),
                received_at=self._tx.now,
            )
        )
        if one.lines:
            self._connection.execute(
                insert(invoice_line),
                [
                    {
                        "connection": connection,
                        "number": one.number,
                        "place": place,
                        "item": line.item,
                        "quantity": line.quantity,
                        "amount": line.amount.amount,
                    }
                    for place, line in enumerate(one.lines, start=1)
                ],
            )
        return True

    def get(self, connection: str, number: str) -> InvoiceRecord | None:
        query = select(invoice).where(
            invoice.c.connection == connection, invoice.c.number == number
        )
        found = self._records(self._tx.rows(query))
        return found[0] if found else None

    def listed(
        self, *, connection: str | None = None, settled: bool = False
    ) -> list[InvoiceRecord]:
        """Those that are not settled (or all), oldest first."""
        query = select(invoice).order_by(
            invoice.c.received_at, invoice.c.connection, invoice.c.number
        )
        if connection is not None:
            query = query.where(invoice.c.connection == connection)
        if not settled:
            query = query.where(invoice.c.state.in_(_OPEN))
        return self._records(self._tx.rows(query))

    def billed(self, key: str, *, without: InvoiceRecord) -> Counter[str]:
        """Units of each item that other invoices of this order billed, credits taken off."""
        query = select(invoice).where(invoice.c.key == key)
        units = Counter[str]()
        for one in self._records(self._tx.rows(query)):
            later = (one.received_at, one.connection, one.invoice.number) > (
                without.received_at, without.connection, without.invoice.number,
            )  # fmt: skip
            if one.subject == without.subject or one.state is InvoiceState.REJECTED:
                continue
            if later and one.state in OPEN_INVOICES:
                # Of two for the same goods the first is right until a person says otherwise.
                continue
            for line in one.invoice.lines:
                units[line.item] += -line.quantity if one.invoice.credit else line.quantity
        return units

    def settle(
        self, one: InvoiceRecord, state: InvoiceState, *, by: str | None = None,
        note: str | None = None,
    ) -> None:  # fmt: skip
        settled = None if state in OPEN_INVOICES else self._tx.now
        self._connection.execute(
            update(invoice)
            .where(invoice.c.connection == one.connection, invoice.c.number == one.invoice.number)
            .values(state=str(state), settled_at=settled, settled_by=by, note=note)
        )

    def name(self, one: InvoiceRecord, key: str) -> None:
        """We know the order it names now."""
        self._connection.execute(
            update(invoice)
            .where(invoice.c.connection == one.connection, invoice.c.number == one.invoice.number)
            .values(key=key)
        )

    def _records(self, rows: Sequence[Row[tuple[object, ...]]]) -> list[InvoiceRecord]:
        lines: dict[tuple[str, str], list[InvoicedLine]] = defaultdict(list)
        currency = {(row.connection, row.number): row.currency for row in rows}
        numbers = sorted({row.number for row in rows})
        for line in self._tx.rows(
            select(invoice_line)
            .where(invoice_line.c.number.in_(numbers))
            .order_by(invoice_line.c.connection, invoice_line.c.number, invoice_line.c.place)
        ):
            key = line.connection, line.number
            if key in currency:
                amount = Money(line.amount, currency[key])
                lines[key].append(InvoicedLine(line.item, line.quantity, amount))
        return [
            InvoiceRecord(
                row.connection,
                Invoice(
                    row.number,
                    row.names,
                    row.on_day,
                    row.currency,
                    tuple(lines[row.connection, row.number]),
                    Money(row.extras, row.currency),
                    Money(row.total, row.currency),
                    row.credit,
                ),
                row.key,
                InvoiceState(row.state),
                row.received_at,
                row.settled_by,
            )
            for row in rows
        ]
