"""A small catalog for `lockstep simulate shopify`: the same seed, the same shop."""

from __future__ import annotations

import random
from typing import Any

_THINGS = (
    "Mug", "Tee", "Cap", "Notebook", "Tote Bag", "Water Bottle", "Poster", "Candle", "Phone Case",
    "Desk Lamp",
)  # fmt: skip
_COLORS = ("Black", "Blue", "Green", "Red", "White")
WAREHOUSE = "Main Warehouse"
THIRD_PARTY = "Third-Party Warehouse"


def default_catalog(seed: int) -> list[dict[str, Any]]:
    """Entries for `load_catalog`: ordinary goods, and the odd ones every real shop has."""
    chance = random.Random(seed)
    entries: list[dict[str, Any]] = []
    for number, thing in enumerate(_THINGS, start=1):
        color = chance.choice(_COLORS)
        entries.append(
            {
                "sku": f"{thing[:3].upper()}-{color[:3].upper()}-{number:02d}",
                "title": f"{color} {thing}",
                "price": f"{chance.randrange(8, 60)}.{chance.choice(('00', '50', '95', '99'))}",
                "quantities": {WAREHOUSE: chance.randrange(5, 80)},
            }
        )
    entries[-1]["quantities"][THIRD_PARTY] = 12
    entries[-2]["policy"] = "CONTINUE"
    twin = entries[0]
    return [
        *entries,
        {"sku": "", "title": "Sticker without SKU", "price": "2.00", "quantities": {WAREHOUSE: 9}},
        {**twin, "title": f"{twin['title']} (second listing)", "quantities": {WAREHOUSE: 3}},
        {
            "sku": "GIFT-25",
            "title": "Gift Card",
            "price": "25.00",
            "tracked": False,
            "gift_card": True,
        },
    ]
