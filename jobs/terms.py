"""RECORD: on which terms suppliers sell, as their stock files tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.model.cases import Case, Severity
from core.model.catalog import Sku
from core.model.money import Money
from core.model.purchasing import SupplierItem, UnreadTerms
from core.model.reasons import Reason
from core.model.stock import StockSnapshot
from core.rules.names import Understood
from jobs.store.bulk import chunks
from jobs.store.demand import Demands
from jobs.store.store import Tx

#: Names as they are understood here.
Reader = Callable[[Iterable[str]], Mapping[str, Understood]]
#: Names that a Case shows.
_SHOWN = 5


def record_terms(tx: Tx, snapshot: StockSnapshot, *, meant: Reader) -> None:
    """Take down what changed, in the transaction of the snapshot that told it."""
    demands = Demands(tx)
    for chunk in chunks(_in_our_words(tx, snapshot, meant)):
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


def kept_terms(tx: Tx, snapshot: StockSnapshot, *, meant: Reader) -> list[Any]:
    """What a snapshot that nobody believes yet tells anew, as JSON for `told_terms`.

    Nothing of it counts before a person approves the snapshot. Terms that are as they were are left
    out: a long catalogue is kept for the few that differ.
    """
    demands = Demands(tx)
    kept: list[Any] = []
    for chunk in chunks(snapshot.terms):
        ours: dict[Sku, SupplierItem] = {}
        said = meant(one.sku for one in chunk if isinstance(one, SupplierItem))
        for one in chunk:
            if not isinstance(one, SupplierItem):
                kept.append({"unread": [one.name, one.lines, one.first, one.text]})
            elif (sku := by_the_unit(said[one.sku])) is not None:
                ours[sku] = replace(one, sku=sku)
        kept += [_as_json(ours[sku]) for sku in sorted(demands.new_terms(ours.values()))]
    return kept


def told_terms(tx: Tx, kept: Iterable[Any], *, at: datetime) -> list[SupplierItem | UnreadTerms]:
    """The terms that were kept at `at`, in our words, without what was told anew since."""
    told = [UnreadTerms(*one["unread"]) if "unread" in one else _from_json(one) for one in kept]
    items = [one for one in told if isinstance(one, SupplierItem)]
    newer = Demands(tx).told_since(at, {one.sku for one in items})
    return [
        one for one in told if isinstance(one, UnreadTerms) or (one.supplier, one.sku) not in newer
    ]


def _as_json(one: SupplierItem) -> dict[str, Any]:
    return {
        "supplier": one.supplier,
        "sku": one.sku,
        "item": one.item,
        "pack": one.pack,
        "least": one.least,
        "cost": [one.cost.amount, one.cost.currency] if one.cost else None,
        "breaks": [[units, price.amount, price.currency] for units, price in one.breaks],
        "lead_days": one.lead_days,
        "discontinued": one.discontinued,
    }


def _from_json(kept: Mapping[str, Any]) -> SupplierItem:
    cost = kept["cost"]
    breaks = tuple((units, Money(amount, currency)) for units, amount, currency in kept["breaks"])
    return SupplierItem(**{**kept, "cost": Money(*cost) if cost else None, "breaks": breaks})


def by_the_unit(one: Understood) -> Sku | None:
    """The Sku whose terms these are; None for a case of it, whose price and pack are another thing's."""
    return one.sku if one.units == 1 else None


def ours(names: Iterable[str]) -> dict[str, Understood]:
    """Names that are our Skus already."""
    return {
        name: Understood(name, 1, Reason.of("name_of_sku", name=name, sku=name)) for name in names
    }


def _in_our_words(tx: Tx, snapshot: StockSnapshot, meant: Reader) -> Iterator[SupplierItem]:
    """Items that are known here. Terms that could not be read become one Case for the place, those
    of whole cases another."""
    subject = f"terms {snapshot.location}"
    unread, packs = False, dict[str, None]()
    for chunk in chunks(snapshot.terms):
        said = meant(one.sku for one in chunk if isinstance(one, SupplierItem))
        for one in chunk:
            if isinstance(one, SupplierItem):
                sku = by_the_unit(said[one.sku])
                if sku is not None:
                    yield one if sku == one.sku else replace(one, sku=sku)
                elif said[one.sku].sku is not None:
                    packs[one.sku] = None
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
    if packs:
        names = ", ".join(list(packs)[:_SHOWN])
        reason = Reason.of(
            "terms_of_cases", location=snapshot.location, count=len(packs), names=names
        )
        tx.renew_case(Case("terms_of_cases", subject, reason, Severity.INFO))
    else:
        tx.close_case("terms_of_cases", subject)
