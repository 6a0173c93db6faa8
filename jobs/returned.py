"""RETURNED: goods that are here again: received, looked at, put away in the ledger, claimed."""

from __future__ import annotations

from collections.abc import Mapping

from core.model.cases import Case
from core.model.catalog import LocationId, Sku
from core.model.reasons import Reason
from core.model.returns import QUALITY, Disposition, ReturnState
from core.model.stock import MovementKind, StockMovement
from jobs.goods import supplied_by
from jobs.refunds import terms_of
from jobs.returns import NoReturn, held, look, named, order_of
from jobs.store.orders import OrderRecord
from jobs.store.returns import ReturnLineRow, ReturnRecord, Returns
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.wiring import Wiring

#: States in which units may arrive; of a closed one those that came after all.
_COMING = (
    ReturnState.EXPECTED,
    ReturnState.RECEIVED,
    ReturnState.INSPECTED,
    ReturnState.CLOSED,
)


def receive(
    tx: Tx, wiring: Wiring, name: str, units: Mapping[str, int], *, by: str, note: str
) -> ReturnRecord:
    """Units of it arrived; empty: all that are expected. Raises NoReturn."""
    one = held(tx, name)
    _must_come_here(one)
    asked = units or {str(line.place): line.quantity - line.received for line in one.lines}
    returns = Returns(tx)
    for row, count in _rows(one, asked):
        if count < 0 or not returns.receive(one, row.place, count):
            raise NoReturn(
                f"{count} more of line {row.place} of {one.rma}: {row.quantity} are expected, "
                f"{row.received} are here. Open a return for what was not announced"
            )
    made = returns.mark(one, state=str(ReturnState.RECEIVED), received_at=tx.now)
    tx.audit(by, "receive return", one.subject, after=dict(asked), note=note)
    tx.decide(one.subject, Reason.of("return_received", **named(made)))
    return look(tx, wiring, made)


def inspect(
    tx: Tx, wiring: Wiring, name: str, what: Disposition, units: Mapping[str, int], *,
    location: LocationId = "", by: str, note: str,
) -> ReturnRecord:  # fmt: skip
    """Somebody looked at units that are here; empty: at all that nobody looked at. Raises NoReturn."""
    one = held(tx, name)
    _must_come_here(one)
    asked = units or {str(line.place): line.received - line.inspected for line in one.lines}
    if not any(asked.values()):
        raise NoReturn(f"nothing of {one.rma} waits to be looked at: receive it first")
    record = order_of(tx, one.channel, one.order)
    for row, count in _rows(one, asked):
        if count == 0:
            continue
        if count < 0 or row.inspected + count > row.received:
            raise NoReturn(
                f"{count} more of line {row.place} of {one.rma}: {row.received} are here, "
                f"{row.inspected} were looked at. Receive them first"
            )
        place = location or place_for(wiring, record, row)
        if not wiring.location(place):
            raise NoReturn(
                f"say where it is: --location; {place or 'nothing'} is no location of ours"
            )
        book = Returns(tx).inspect(
            one, row.place, what, count, location=place, person=by, note=note
        )
        _put_away(tx, wiring, record, row, what, count, place, f"{one.rma}/{book}", by, one)
        if what is not Disposition.RESTOCK and row.reason in QUALITY:
            _claim(tx, wiring, record, one, row, count)
    made = Returns(tx).mark(one, state=str(ReturnState.INSPECTED))
    reason = Reason.of(
        "return_inspected", rma=one.rma, units=sum(asked.values()), found=str(what), by=by
    )
    tx.decide(one.subject, reason)
    tx.audit(by, "inspect return", one.subject, after={"found": str(what), **asked}, note=note)
    return look(tx, wiring, made)


def _must_come_here(one: ReturnRecord) -> None:
    """Raises NoReturn."""
    if one.handled_there:
        raise NoReturn(f"{one.rma} goes back to {one.channel}, not to us")
    if one.state is ReturnState.DISPUTED:
        raise NoReturn(f"{one.rma} is disputed: accept it first (`lockstep returns accept`)")
    if one.state not in _COMING:
        raise NoReturn(
            f"{one.rma} is {one.state}: open a return for what came all the same "
            "(`lockstep returns open`)"
        )


def _rows(one: ReturnRecord, asked: Mapping[str, int]) -> list[tuple[ReturnLineRow, int]]:
    """Each line that is named, by its number, order line or Sku. Raises NoReturn."""
    found: list[tuple[ReturnLineRow, int]] = []
    for name, count in asked.items():
        rows = [row for row in one.lines if name in (str(row.place), row.line, row.remote_sku)]
        if len(rows) != 1:
            there = ", ".join(f"{row.place} ({row.remote_sku})" for row in one.lines)
            raise NoReturn(f"{name!r} is {len(rows)} lines of {one.rma}; it has {there}")
        if any(rows[0].place == row.place for row, _ in found):
            raise NoReturn(f"{name!r} is line {rows[0].place}, which is named twice")
        found.append((rows[0], count))
    return found


def place_for(wiring: Wiring, record: OrderRecord | None, row: ReturnLineRow) -> LocationId:
    """Where its units are put away: as its policy says, else where they came from, else at home."""
    wished = terms_of(wiring, record, row.line).return_to
    if wished:
        return wished
    came = [
        one.location
        for one in (record.fulfillments if record else ())
        if any(line == row.line for line, _ in one.lines) and _counts(wiring, one.location)
    ]
    home = [one.id for one in wiring.locations if _counts(wiring, one.id)]
    return next(iter([*came, *home]), "")


def _counts(wiring: Wiring, location: LocationId) -> bool:
    """Whether we count it ourselves; elsewhere the remote's figure is the truth."""
    found = wiring.location(location)
    return found is not None and found.basis is None


def _put_away(
    tx: Tx, wiring: Wiring, record: OrderRecord | None, row: ReturnLineRow, what: Disposition,
    count: int, place: LocationId, reference: str, by: str, one: ReturnRecord,
) -> None:  # fmt: skip
    """Lines of our ledger; none where a remote counts the place, or nobody knows the goods."""
    if not _counts(wiring, place):
        return
    moves = []
    for sku, units in goods_of(wiring, record, row.line, count).items():
        moves.append(
            StockMovement(
                sku, place, MovementKind.RETURN, units, f"{reference}/{sku}", tx.now,
                cause="customer", person=by, note=one.rma,
            )
        )  # fmt: skip
        if what is not Disposition.RESTOCK:
            # It came, and it cannot be sold: both are told, so that the book says where it went.
            moves.append(
                StockMovement(
                    sku, place, MovementKind.DAMAGE, -units, f"{reference}/{sku}", tx.now,
                    cause=str(what), person=by, note=one.rma,
                )
            )  # fmt: skip
    Stock(tx).move(moves)


def goods_of(wiring: Wiring, record: OrderRecord | None, line: str, units: int) -> dict[Sku, int]:
    """What so many units of an order line consist of, as they were sent; else as they are sold."""
    if record is None:
        return {}
    for one in record.fulfillments:
        sent = {
            sku: per_unit
            for (name, sku), (_, per_unit, shipped) in one.lines.items()
            if name == line and shipped
        }
        if sent:
            return {sku: per_unit * units for sku, per_unit in sent.items()}
    known = record.resolved.get(line)
    if known is None or known.sku is None:
        return {}
    parts = wiring.components(known.sku, known.units_per_sale)
    return {sku: per_unit * units for sku, per_unit in parts.items()}


def _claim(
    tx: Tx, wiring: Wiring, record: OrderRecord | None, one: ReturnRecord, row: ReturnLineRow,
    count: int,
) -> None:  # fmt: skip
    """Bad goods: whoever supplied them answers for it."""
    if record is None or not terms_of(wiring, record, row.line).claims:
        return
    for sku, units in goods_of(wiring, record, row.line, count).items():
        supplier, cost = supplied_by(tx, wiring, record, row.line, sku)
        made = Returns(tx).claim(
            one, row.place, supplier=supplier, sku=sku, quantity=units, cost=cost, reason=row.reason
        )
        reason = Reason.of(
            "supplier_claim", supplier=supplier or "?", sku=sku, units=made.quantity, rma=one.rma,
            why=str(row.reason), number=made.id,
        )  # fmt: skip
        tx.decide(one.subject, reason)
        tx.renew_case(Case("supplier_claim", made.subject, reason))


def settle_claim(tx: Tx, number: int, state: str, *, by: str, note: str) -> None:
    """The supplier credited it, or gives nothing. Raises NoReturn."""
    found = Returns(tx).claims(number=number)
    if not found or found[0].state != "open":
        raise NoReturn(
            f"claim {number} is not open; `lockstep returns claims` shows those that are"
        )
    (one,) = found
    Returns(tx).close_claim(number, state, by=by, note=note)
    tx.close_case("supplier_claim", one.subject, by=by, note=note)
    tx.audit(by, "settle claim", f"return {one.rma}", after={"state": state}, note=note)
