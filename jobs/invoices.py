"""INVOICES: what suppliers bill, matched with what was ordered and what came; the rest is a Case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from core.errors import ConfigError
from core.model.cases import Case, Severity
from core.model.catalog import Sku
from core.model.invoices import Invoice, InvoiceState
from core.model.money import Money
from core.model.names import Meaning
from core.model.reasons import Reason
from core.ports import InvoiceSource
from core.rules.invoices import Match, Supplied, Terms, match
from core.rules.sentences import render
from jobs.goods import expected_prices, names_of_goods, sellers_through, ships_through
from jobs.naming import other_words
from jobs.run import Run
from jobs.store.invoices import InvoiceRecord, Invoices
from jobs.store.parcels import Parcels, Requested
from jobs.store.purchases import PurchaseRecord, Purchases
from jobs.store.store import Tx
from jobs.wiring import Wiring

DIFFERS, TWICE = "invoice_differs", "invoice_twice"


class NoInvoice(ConfigError):
    """What a person asked for cannot be done with an invoice."""


def pull_invoices(run: Run, connection: str) -> None:
    """Take what is billed, and look again at what waits for its goods."""
    source = run.wiring.connector(connection, InvoiceSource)
    for batch in source.pull_invoices(since=run.lease.cursor):
        with run.transaction() as tx:
            for one in batch.items:
                record_invoice(tx, run.wiring, connection, one)
            tx.keep_payloads(connection, "invoice", list(batch.raw))
            tx.open_rejects(connection, batch.rejects)
            tx.advance(batch.cursor, complete_to=batch.complete_to)
    with run.transaction() as tx:
        for record in Invoices(tx).listed(connection=connection):
            look(tx, run.wiring, record)


def record_invoice(tx: Tx, wiring: Wiring, connection: str, one: Invoice) -> None:
    """Keep it and match it. The same number with other content is an incident, not a repeat."""
    invoices = Invoices(tx)
    known = invoices.get(connection, one.number)
    if known is not None:
        if known.invoice != one:
            reason = Reason.of(
                TWICE, source=connection, number=one.number, first=str(known.invoice.total),
                second=str(one.total),
            )  # fmt: skip
            tx.open_case(Case(TWICE, known.subject, reason, Severity.WARNING))
        return
    invoices.add(connection, one, key="")
    record = invoices.get(connection, one.number)
    assert record is not None
    look(tx, wiring, record)


def settle(
    tx: Tx, connection: str, number: str, state: InvoiceState, *, by: str, note: str
) -> None:
    """A person takes it as it is, or refuses it. Raises NoInvoice."""
    record = Invoices(tx).get(connection, number)
    if record is None:
        raise NoInvoice(
            f"{connection} sent no invoice {number!r}; `lockstep invoices list` shows all"
        )
    if record.state not in (InvoiceState.WAITING, InvoiceState.DIFFERS):
        raise NoInvoice(f"invoice {number} of {connection} is {record.state} already")
    Invoices(tx).settle(record, state, by=by, note=note)
    tx.close_case(DIFFERS, record.subject, by=by, note=note)
    tx.audit(by, "settle invoice", record.subject, after={"state": str(state)}, note=note)
    # Others of the same order may fit now.
    tx.wake(f"{connection}/invoices")


# --- matching ------------------------------------------------------------------------------------


def differences(tx: Tx, wiring: Wiring, record: InvoiceRecord) -> tuple[Reason, ...]:
    """What does not fit, as things stand now."""
    return _match(tx, wiring, record)[0].differences


def look(tx: Tx, wiring: Wiring, record: InvoiceRecord) -> None:
    """Match it as things stand now, and say what became of it."""
    found, key = _match(tx, wiring, record)
    invoices = Invoices(tx)
    if key != record.key:
        invoices.name(record, key)
    if found.state is InvoiceState.DIFFERS:
        words = " ".join(render(one, wiring.config.shop.language) for one in found.differences)
        reason = Reason.of(
            DIFFERS, source=record.connection, number=record.invoice.number,
            order=key or record.invoice.order, total=str(record.invoice.total), words=words,
        )  # fmt: skip
        tx.renew_case(Case(DIFFERS, record.subject, reason, Severity.WARNING))
    else:
        tx.close_case(DIFFERS, record.subject)
    if found.state is not record.state:
        invoices.settle(record, found.state)
    if found.state is InvoiceState.MATCHED:
        tx.decide(
            record.subject,
            Reason.of(
                "invoice_matched", source=record.connection, number=record.invoice.number, order=key,
                total=str(record.invoice.total),
            ),
        )  # fmt: skip


def _match(tx: Tx, wiring: Wiring, record: InvoiceRecord) -> tuple[Match, str]:
    """What it comes to, and our own name for its order."""
    sellers = [wiring.config.suppliers[name] for name in sellers_through(wiring, record.connection)]
    terms = Terms(
        price=max((one.price_tolerance for one in sellers), default=0),
        extras=max((one.extra_charges for one in sellers), default=0),
    )
    patience = max((one.goods_within for one in sellers), default=timedelta(0))
    key, supplied, names = _order_of(tx, wiring, record)
    found = match(
        _in_our_units(tx, wiring, record, names), supplied, names=names, terms=terms,
        overdue=tx.now > record.received_at + patience,
    )  # fmt: skip
    return found, key


def _in_our_units(
    tx: Tx, wiring: Wiring, record: InvoiceRecord, names: Mapping[str, Sku]
) -> Invoice:
    """The invoice with lines that bill by another word, or by the case, as units of our Sku."""
    lines = record.invoice.lines
    others = other_words(tx, wiring, record.connection, names, (one.item for one in lines))
    return replace(
        record.invoice,
        lines=tuple(
            replace(one, item=meant.sku, quantity=one.quantity * meant.units)
            if (meant := others.get(one.item))
            else one
            for one in lines
        ),
    )


def _order_of(
    tx: Tx, wiring: Wiring, record: InvoiceRecord
) -> tuple[str, Mapping[Sku, Supplied] | None, Mapping[str, Sku]]:
    """Our name for the order, its goods, and their names; None for the goods where it is unknown."""
    purchase = Purchases(tx).get(record.invoice.order)
    if purchase is not None and purchase.connection in ("", record.connection):
        return _of_purchase(tx, wiring, record, purchase)
    request = Parcels(tx).requested(record.invoice.order) if record.invoice.order else None
    if request is not None and ships_through(wiring, request.location) == record.connection:
        return _of_request(tx, wiring, record, request)
    return "", None, {}


def _of_purchase(
    tx: Tx, wiring: Wiring, record: InvoiceRecord, order: PurchaseRecord
) -> tuple[str, Mapping[Sku, Supplied], Mapping[str, Sku]]:
    names = {one.item: one.sku for one in order.lines} | {one.sku: one.sku for one in order.lines}
    billed = _billed(tx, wiring, record, order.number, names)
    supplied = {
        one.sku: Supplied(one.quantity, one.received, billed.get(one.sku, 0), one.price)
        for one in order.lines
    }
    return order.number, supplied, names


def _of_request(
    tx: Tx, wiring: Wiring, record: InvoiceRecord, request: Requested
) -> tuple[str, Mapping[Sku, Supplied], Mapping[str, Sku]]:
    names = names_of_goods(tx, wiring, request)
    billed = _billed(tx, wiring, record, request.key, names)
    prices: Mapping[Sku, Money] = expected_prices(tx, wiring, request)
    ordered: dict[Sku, int] = {}
    came: dict[Sku, int] = {}
    for (_, sku), (quantity, _, shipped) in request.lines.items():
        ordered[sku] = ordered.get(sku, 0) + quantity
        came[sku] = came.get(sku, 0) + shipped
    supplied = {
        sku: Supplied(units, came[sku], billed.get(sku, 0), prices.get(sku))
        for sku, units in ordered.items()
    }
    return request.key, supplied, names


def _billed(
    tx: Tx, wiring: Wiring, record: InvoiceRecord, key: str, names: Mapping[str, Sku]
) -> dict[Sku, int]:
    units: dict[Sku, int] = {}
    billed = Invoices(tx).billed(key, without=record)
    others = other_words(tx, wiring, record.connection, names, billed)
    for item, count in billed.items():
        meant = others.get(item) or (Meaning(names[item]) if item in names else None)
        if meant is not None:
            units[meant.sku] = units.get(meant.sku, 0) + count * meant.units
    return units
