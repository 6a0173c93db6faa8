"""Sales whose units must all come from one place: a Kit and a pack are never taken apart.

One unit of one Sku may come from anywhere, so places count together. A Kit, or a pack of several
units, leaves one place whole (`core.rules.allocation`): a cup here and its saucer there are no set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from core.model.catalog import LocationId, Sku


def single(per_sale: Mapping[Sku, int]) -> bool:
    """Whether a sale takes one unit of one Sku: only then is any place as good as another."""
    return len(per_sale) == 1 and 1 in per_sale.values()


def sales_at(
    per_sale: Mapping[Sku, int], units_of: Callable[[Sku], Iterable[tuple[LocationId, int]]]
) -> dict[LocationId, int]:
    """Place -> whole sales it can ship by itself; places that cannot ship one are left out.

    `units_of` lists what the places have of a component; less than none is none.
    """
    found: dict[LocationId, int] | None = None
    for sku, per in per_sale.items():
        there: dict[LocationId, int] = {}
        for place, units in units_of(sku):
            if units > 0:
                there[place] = there.get(place, 0) + units
        if found is None:
            found = {place: units // per for place, units in there.items()}
        else:
            found = {
                place: min(sales, there[place] // per)
                for place, sales in found.items()
                if place in there
            }
    return {place: sales for place, sales in (found or {}).items() if sales}


def may_wait(per_sale: Mapping[Sku, int], unallocated: Mapping[Sku, int]) -> int:
    """How many of the sales that wait for units may be of this very Kit or pack.

    A Kit that waits asks for all of its components, so no more wait than of the least. What waits
    for single components beyond that can be served where the Kit could not be made anyway.
    """
    return min(unallocated.get(sku, 0) // per for sku, per in per_sale.items())
