"""A seeded catalog for a simulator that runs alone (`lockstep simulate amazon --seed`)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

_THINGS = (
    "Water Bottle", "Travel Mug", "Yoga Mat", "Desk Lamp", "Phone Stand", "Cable Organizer",
    "Café Press", "Cutting Board", "Dog Leash", "Bike Light",
)  # fmt: skip
_COLORS = ("Black", "Blue", "Green", "Red", "White")
_CODES = {"Black": "BLK", "Blue": "BLU", "Green": "GRN", "Red": "RED", "White": "WHT"}
#: One listing in this many is kept and shipped by Amazon.
_FBA_EVERY = 6


def seeded(*, seed: int, count: int = 50) -> Iterator[dict[str, Any]]:
    """Keyword arguments of `add_listing`, the same for the same seed. At most 50 of them."""
    chance = random.Random(f"catalog {seed}")
    pairs = [(thing, color) for thing in _THINGS for color in _COLORS]
    for number, (thing, color) in enumerate(pairs[:count]):
        letters = "".join(word[0] for word in thing.split())
        by_amazon = number % _FBA_EVERY == _FBA_EVERY - 1
        yield {
            "sku": f"{letters}-{_CODES[color]}-{number:03d}" + ("-FBA" if by_amazon else ""),
            "title": f"{thing}, {color}",
            "price": f"{chance.randrange(800, 6000) / 100:.2f}",
            "quantity": chance.randrange(0, 60),
            "channel": "AMAZON_NA" if by_amazon else "DEFAULT",
        }
