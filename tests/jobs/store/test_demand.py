"""Demand rates and suppliers' terms, on both databases."""

from __future__ import annotations

from core.model.money import Money
from core.model.purchasing import SupplierItem
from jobs.store.demand import EVERYWHERE, DemandRate, Demands
from jobs.store.store import Store


def test_only_rates_that_changed_are_told(store: Store) -> None:
    slow, fast = DemandRate("A", EVERYWHERE, 0.5, 0.7, 90), DemandRate("B", "web", 9.0, 20.0, 90)
    with store.transaction() as tx:
        Demands(tx).set_rates([slow, fast])

    faster = DemandRate("B", "web", 10.0, 20.0, 91)
    with store.transaction() as tx:
        changed = Demands(tx).set_rates([slow, faster])

    assert changed == {"B"}
    with store.reading() as tx:
        assert Demands(tx).rates(["A", "B", "C"]) == {("A", ""): slow, ("B", "web"): faster}


def test_a_suppliers_terms_come_back_as_they_were_told(store: Store) -> None:
    told = SupplierItem(
        "acme", "A", "AC-1", pack=12, least=48, cost=Money(450, "CNY"),
        breaks=((480, Money(420, "CNY")),), lead_days=35,
    )  # fmt: skip
    bare = SupplierItem("bolt", "A", "B7", discontinued=True)
    with store.transaction() as tx:
        assert Demands(tx).set_items([told, bare]) == {"A"}
        assert Demands(tx).set_items([told]) == set()

    with store.reading() as tx:
        assert Demands(tx).items(["A"]) == {"A": [told, bare]}
