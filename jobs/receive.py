"""RECEIVE: goods of a purchase order come into the ledger, and what they cost is frozen.

What came is what is counted: more than was ordered is taken in and told, less stays expected until
it comes or a person closes the order.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from config.replenishment import Supplier
from core.model.cases import Case
from core.model.catalog import Sku
from core.model.money import Money
from core.model.purchasing import PurchaseState
from core.model.reasons import Reason
from core.model.stock import MovementKind, StockMovement
from core.rules.landed_cost import LandedLine
from jobs import arrivals
from jobs.landing import Goods, freight_shares, land
from jobs.purchase import CASES, CannotBuy
from jobs.store.costs import Costs
from jobs.store.purchases import LineRecord, PurchaseRecord, Purchases
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import movement
from jobs.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a receipt."""

    reference: str
    #: this slip had been received before: nothing was done
    repeated: bool
    state: PurchaseState
    #: units beyond the order, and units that are still expected
    over: dict[Sku, int]
    short: dict[Sku, int]
    #: nothing where no price is known
    costs: tuple[LandedLine, ...] = ()


def receive(
    tx: Tx, wiring: Wiring, number: str, units: Mapping[Sku, int], *, slip: str,
    freight: Money | None = None, first: str = "", told: Mapping[Sku, int] | None = None, by: str,
) -> Received:  # fmt: skip
    """Take in units under a packing slip: once per slip, however often it is said.

    `freight`: of this receipt, in the shop's currency; None: as the supplier's rates have it.
    `first`: the consignment it came with. `told`: what the remote that counts the place says it has
    booked in since it last told, of each Sku in all; its own figures move the shelf. Raises
    CannotBuy.
    """
    purchases = Purchases(tx)
    order = purchases.get(number, lock=True)
    if order is None:
        raise CannotBuy(
            f"there is no purchase order {number!r}; `lockstep replenish orders` lists them"
        )
    _check_counter(wiring, order, told=told is not None)
    reference = f"{number}/{slip}"
    if _was_received(tx, reference):
        return Received(reference, True, order.state, {}, {})
    if order.state is PurchaseState.CANCELED or (
        order.state is PurchaseState.DRAFT and order.connection
    ):
        raise CannotBuy(f"{number} is {order.state}: it never left us, and nothing can come of it")
    lines = {line.sku: line for line in order.lines}
    costs = _costs(tx, wiring, order, lines, units, reference, freight, told=told)
    if told is None:
        Stock(tx).move(
            [
                StockMovement(
                    sku, order.location, MovementKind.RECEIPT, count, reference, tx.now,
                    cause="purchase", person=by,
                )
                for sku, count in sorted(units.items())
            ]
        )  # fmt: skip
    state = purchases.received(order, {sku: n for sku, n in units.items() if sku in lines})
    over = {
        sku: count - (lines[sku].coming if sku in lines else 0)
        for sku, count in units.items()
        if count > (lines[sku].coming if sku in lines else 0)
    }
    short = {
        sku: line.coming - units.get(sku, 0)
        for sku, line in lines.items()
        if line.coming > units.get(sku, 0)
    }
    # Who books in goods for days says what is short when it is done, with the consignment.
    partly = state is PurchaseState.PARTLY_RECEIVED and told is None
    _tell(tx, order, reference, units, over, short if partly else {}, state)
    if told is None:
        arrivals.came(tx, number, units, first=first, day=wiring.day(tx.now))
    tx.audit(by, "receive", reference, after=dict(units))
    tx.wake("core/replenishment", "core/alerts")
    return Received(reference, False, state, over, short, costs)


def _check_counter(wiring: Wiring, order: PurchaseRecord, *, told: bool) -> None:
    """A receipt of ours where a remote counts would be counted twice. Raises CannotBuy."""
    place = wiring.location(order.location)
    if place is not None and place.basis is not None and not told:
        raise CannotBuy(
            f"{order.location} is counted by {wiring.counted_by(order.location)}, which tells what "
            f"it books in: say which of its shipments brings {order.number} "
            "(`lockstep consignment link`)"
        )


def _was_received(tx: Tx, reference: str) -> bool:
    return (
        tx.connection.execute(
            select(movement.c.id).where(
                movement.c.kind == str(MovementKind.RECEIPT), movement.c.reference == reference
            )
        ).first()
        is not None
    )


def _tell(
    tx: Tx, order: PurchaseRecord, reference: str, units: Mapping[Sku, int],
    over: Mapping[Sku, int], short: Mapping[Sku, int], state: PurchaseState,
) -> None:  # fmt: skip
    subject = f"purchase {order.number}"
    tx.decide(
        subject,
        Reason.of(
            "purchase_received",
            number=order.number,
            reference=reference,
            units=sum(units.values()),
            location=order.location,
        ),
    )
    if over:
        reason = Reason.of("receipt_over", number=order.number, lines=_listed(over))
        tx.open_case(Case("receipt_over", f"purchase {reference}", reason))
    if short:
        reason = Reason.of(
            "receipt_short",
            number=order.number,
            supplier=order.supplier,
            lines=_listed(short),
        )
        # An older one tells what was missing then.
        tx.close_case("receipt_short", subject)
        tx.open_case(Case("receipt_short", subject, reason))
    elif state is PurchaseState.RECEIVED:
        for kind in CASES:
            tx.close_case(kind, subject)


def _listed(units: Mapping[Sku, int]) -> str:
    return ", ".join(f"{sku} x{count}" for sku, count in sorted(units.items()))


# --- what it cost --------------------------------------------------------------------------------


def _costs(
    tx: Tx, wiring: Wiring, order: PurchaseRecord, lines: Mapping[Sku, LineRecord],
    units: Mapping[Sku, int], reference: str, freight: Money | None, *, told: Mapping[Sku, int] | None,
) -> tuple[LandedLine, ...]:  # fmt: skip
    """Work out and freeze the landed cost of what has a price. Raises CannotBuy without a rate."""
    supplier = _supplier_of(wiring, order)
    today = wiring.day(tx.now)
    priced = _priced(lines, units)
    found = land(wiring, supplier, priced, currency=order.currency, day=today, freight=freight)
    if found is None:
        own = wiring.config.shop.currency
        raise CannotBuy(
            f"{order.number} is in {order.currency} and no rate to {own} holds on {today}; write "
            f"one under `currencies`"
        )
    if not found.lines:
        return ()
    Costs(tx).freeze(
        reference,
        found.lines,
        purchase=order.number,
        location=order.location,
        currency=wiring.config.shop.currency,
        basis=found.basis,
        owned=wiring.owned_places,
        told=told,
    )
    return found.lines


def _supplier_of(wiring: Wiring, order: PurchaseRecord) -> Supplier:
    supplier = wiring.config.suppliers.get(order.supplier)
    if supplier is None:
        raise CannotBuy(
            f"{order.number}: supplier {order.supplier!r} is not in the configuration any more; "
            "its freight and duty terms are needed to receive"
        )
    return supplier


def _priced(
    lines: Mapping[Sku, LineRecord], units: Mapping[Sku, int]
) -> dict[Sku, tuple[int, int]]:
    """Sku -> (units, price of one) of what has a price."""
    return {
        sku: (count, line.price.amount)
        for sku, count in sorted(units.items())
        if (line := lines.get(sku)) is not None and line.price is not None
    }


def freight_of(
    tx: Tx, wiring: Wiring, units: Mapping[str, Mapping[Sku, int]], freight: Money
) -> dict[str, Money]:
    """Purchase order -> its part of what the way of all these units cost; the parts add up to it.

    Each unit bears what it would if all were one receipt, whoever sold it. Raises CannotBuy.
    """
    goods = []
    for number, some in sorted(units.items()):
        order = Purchases(tx).get(number, lock=True)
        if order is None:
            raise CannotBuy(f"there is no purchase order {number!r} any more")
        priced = _priced({line.sku: line for line in order.lines}, some)
        goods.append(Goods(_supplier_of(wiring, order), priced, order.currency))
    shares = freight_shares(wiring, goods, freight, day=wiring.day(tx.now))
    if shares is None:
        raise CannotBuy(
            f"no rate to {wiring.config.shop.currency} holds on {wiring.day(tx.now)} for one of "
            f"{', '.join(sorted({one.currency for one in goods}))}; write it under `currencies`"
        )
    return dict(zip(sorted(units), shares, strict=True))


# --- what a person brings ------------------------------------------------------------------------


def read_slip(path: Path) -> tuple[dict[Sku, int], str]:
    """A packing slip: CSV with the columns sku and quantity. (units, what names these bytes).

    Raises CannotBuy with every bad cell.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotBuy(f"{path} cannot be read: {error}") from None
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in ("sku", "quantity") if name not in (reader.fieldnames or ())]
    if missing:
        found = ", ".join(reader.fieldnames or ())
        raise CannotBuy(f"{path}: column {', '.join(missing)} is missing; found {found}")
    units: Counter[Sku] = Counter()
    problems = []
    for number, row in enumerate(reader, start=2):
        sku, count = (row["sku"] or "").strip(), (row["quantity"] or "").strip()
        if not sku and not count:
            continue
        if not sku or not count.isascii() or not count.isdecimal() or len(count) > 9:
            problems.append(
                f"{path}:{number}: expected a Sku and a whole number, found {sku!r} {count!r}"
            )
        else:
            units[sku] += int(count)
    if problems:
        raise CannotBuy("\n".join(problems))
    # The digest of the bytes: the same file twice is one receipt.
    return {sku: n for sku, n in units.items() if n}, hashlib.sha256(content).hexdigest()[:12]


def parse_money(text: str, currency: str) -> Money:
    """An amount as a person types it. Raises CannotBuy."""
    try:
        amount = Money.parse(text, currency)
    except ValueError as error:
        raise CannotBuy(f"{text!r}: {error}; write 1234.50") from None
    if Decimal(text) < 0:
        raise CannotBuy(f"{text} is below nothing")
    return amount
