"""RECORD: on which terms suppliers sell, as their stock files tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from core.model.cases import Case
from core.model.catalog import Sku
from core.model.purchasing import SupplierItem
from core.model.reasons import Reason
from core.model.stock import StockSnapshot
from jobs.store.bulk import chunks
from jobs.store.demand import Demands
from jobs.store.store import Tx


def record_terms(tx: Tx, snapshot: StockSnapshot, *, sku_for: Callable[[str], Sku | None]) -> None:
    """Take down what changed, in the transaction of the snapshot that told it."""
    demands = Demands(tx)
    for chunk in chunks(_in_our_words(tx, snapshot, sku_for)):
        told = {one.sku: one for one in chunk}
        changed = demands.new_terms(told.values())
        for supplier in sorted({told[sku].supplier for sku in changed}):
            mine = {sku for sku in changed if told[sku].supplier == supplier}
            before = demands.discontinued(supplier, mine)
            stopped = {sku for sku in mine if told[sku].discontinued}
            for sku in sorted(stopped - before):
                item = told[sku].item
                reason = Reason.of("item_discontinued", sku=sku, supplier=supplier, item=item)
                tx.decide(f"sku {sku}", reason)
            for sku in sorted(before - stopped):
                item = told[sku].item
                reason = Reason.of("item_resumed", sku=sku, supplier=supplier, item=item)
                tx.decide(f"sku {sku}", reason)
        demands.set_items(told[sku] for sku in sorted(changed))


def _in_our_words(
    tx: Tx, snapshot: StockSnapshot, sku_for: Callable[[str], Sku | None]
) -> Iterator[SupplierItem]:
    """Items that are known here. Terms that could not be read become one Case for the place."""
    subject = f"terms {snapshot.location}"
    unread = False
    for one in snapshot.terms:
        if isinstance(one, SupplierItem):
            sku = sku_for(one.sku)
            if sku is not None:
                yield one if sku == one.sku else replace(one, sku=sku)
            continue
        unread = True
        # Not named for its file: the same cells are wrong in the next one too.
        reason = Reason.of(
            "terms_unreadable", location=snapshot.location, name=one.name, lines=one.lines,
            first=one.first,
        )  # fmt: skip
        tx.open_case(Case("terms_unreadable", subject, reason))
    if not unread:
        tx.close_case("terms_unreadable", subject)
