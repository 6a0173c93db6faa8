"""DECIDE what to buy: which Skus are low, from whom, how many, by when, and what waiting costs.

The outcome is one waiting plan per supplier (`change_plan`, kind "replenish"): a person approves it
or some of its lines. A plan whose purchases are the same as before keeps its number, so that the
number in a mail stays good; one that changed is replaced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import select

from config.buying import names_of
from core.model.cases import Case
from core.model.catalog import Sku
from core.model.reasons import Reason
from core.rules.replenishment import AlertKind
from jobs import booked_in, consignments, refill
from jobs.buying import PLAN, Line, lines_for
from jobs.run import Run
from jobs.store.bulk import chunks
from jobs.store.demand import EVERYWHERE
from jobs.store.plans import Plans
from jobs.store.purchases import Purchases
from jobs.store.store import Tx
from jobs.store.tables import demand, supplier_item
from jobs.wiring import Wiring

#: Skus looked at together.
AT_ONCE = 500
#: A delivery that is so many days late becomes a Case.
LATE = timedelta(days=3)


def refresh_plans(run: Run) -> None:
    """Work out every supplier's plan; open Cases for deliveries that are late."""
    with run.reading() as tx:
        look = look_at(tx, run.wiring)
        transfers = refill.look_at(tx, run.wiring)
    with run.transaction() as tx:
        if keep_look(tx, run.wiring, look, by="lockstep"):
            refill.keep_plans(tx, transfers, by="lockstep")
        _late(tx, run.wiring)
        booked_in.book_what_waits(tx, run.wiring)
        consignments.follow(tx, run.wiring)


@dataclass(frozen=True, slots=True)
class Look:
    """What was found low, and how far buying was when it was looked at."""

    lines: tuple[Line, ...]
    #: one supplier only; None: all
    supplier: str | None
    mark: tuple[object, ...]
    #: rules that could not be evaluated, by name: (for which Sku first, why)
    failed: Mapping[str, tuple[Sku, str]]


def look_at(tx: Tx, wiring: Wiring, *, supplier: str | None = None) -> Look:
    """Look at everything that may be low. Takes its time, so it only reads."""
    skus = _candidates(tx, wiring, supplier)
    lines = [
        line
        for some in chunks(skus, AT_ONCE)
        for line in lines_for(tx, wiring, some)
        if supplier in (None, line.supplier)
    ]
    failed: dict[str, tuple[Sku, str]] = {}
    for sku in skus:
        if (failure := wiring.loaded.buying.of(sku).failed) is not None:
            failed.setdefault(failure.rule, (sku, failure.why))
    return Look(tuple(lines), supplier, Purchases(tx).mark(), failed)


def keep_look(tx: Tx, wiring: Wiring, look: Look, *, by: str) -> bool:
    """Put what was found into the plans. False: something was bought or came in meanwhile, and
    what it would propose may be on its way already; whoever changed that wakes the next look."""
    for rule, (sku, why) in look.failed.items():
        reason = Reason.of("buying_rule_failed", rule=rule, sku=sku, why=why)
        tx.open_case(Case("buying_rule_failed", f"rule {rule}", reason), once=True)
    if Purchases(tx).mark() != look.mark:
        return False
    suppliers = None if look.supplier is None else [look.supplier]
    keep_plans(tx, wiring, look.lines, by=by, whole=True, suppliers=suppliers)
    return True


def _late(tx: Tx, wiring: Wiring) -> None:
    today = wiring.day(tx.now)
    for order in Purchases(tx).listed():
        if order.sent_at is None or order.expected_on + LATE >= today:
            continue
        # What is under way is late by its own legs.
        owed = sum(line.coming for line in order.lines) - consignments.under_way(tx, order.number)
        if owed > 0:
            reason = Reason.of(
                "purchase_late",
                number=order.number,
                supplier=order.supplier,
                expected=order.expected_on.isoformat(),
                units=owed,
            )
            tx.open_case(Case("purchase_late", f"purchase {order.number}", reason), once=True)


# --- plans ---------------------------------------------------------------------------------------


def planned(tx: Tx) -> dict[str, tuple[int, dict[Sku, Line]]]:
    """Every supplier's waiting plan: (its number, its lines)."""
    return {
        row.scope: (row.id, {one["sku"]: Line(**one) for one in row.body["lines"]})
        for row in Plans(tx).waiting()
        if row.kind == PLAN
    }


def keep_plans(
    tx: Tx, wiring: Wiring, lines: Sequence[Line], *, by: str, whole: bool,
    suppliers: Iterable[str] | None = None,
) -> None:  # fmt: skip
    """Put lines into the plans of their suppliers. `whole`: these are all there are (of
    `suppliers`, where given), and a line that is not among them goes."""
    before = planned(tx)
    after: dict[str, dict[Sku, Line]] = defaultdict(dict)
    looked_at = {line.sku for line in lines}
    for supplier, (_, known) in before.items():
        stays = not whole or (suppliers is not None and supplier not in suppliers)
        after[supplier] = {sku: one for sku, one in known.items() if stays and sku not in looked_at}
    for line in lines:
        after[line.supplier][line.sku] = line
    for supplier, found in sorted(after.items()):
        number, known = before.get(supplier, (0, {}))
        if found == known:
            continue
        body = {"lines": [asdict(one) for _, one in sorted(found.items())]}
        if number and found and _wishes(found) == _wishes(known):
            Plans(tx).amend(number, body)
        elif found:
            Plans(tx).add(PLAN, supplier, body, by=by)
        elif number:
            Plans(tx).settle(number, "done", by=by)
        tx.wake("core/alerts")


def _wishes(lines: Mapping[Sku, Line]) -> list[tuple[Sku, int, int | None]]:
    return sorted(one.wish for one in lines.values() if one.quantity)


# --- which Skus ----------------------------------------------------------------------------------


def _candidates(tx: Tx, wiring: Wiring, supplier: str | None = None) -> list[Sku]:
    """Skus that a supplier sells to us, and those whose alert looks at demand."""
    config = wiring.config
    found: set[Sku] = set()
    for name, described in config.suppliers.items():
        if supplier not in (None, name):
            continue
        found |= described.items.keys()
        found |= set(
            tx.connection.execute(
                select(supplier_item.c.sku).where(
                    supplier_item.c.supplier.in_(names_of(name, described))
                )
            ).scalars()
        )
    if supplier is None and config.replenishment.alert != str(AlertKind.STATIC):
        found |= set(
            tx.connection.execute(
                select(demand.c.sku).where(demand.c.channel == EVERYWHERE)
            ).scalars()
        )
    catalog = wiring.loaded.catalog
    return sorted(sku for sku in found if not catalog.components_of(sku))
