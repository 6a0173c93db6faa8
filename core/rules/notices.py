"""What a notice adds to what other notices said of the same parcel.

A parcel has no list of contents of its own: documents speak of it, one or several, again and again.
The same document twice adds nothing; another one under the same number is of further units; one that
replaces what it said before adds or takes back the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.model.catalog import Sku


@dataclass(frozen=True, slots=True)
class Said:
    """Units of one Sku in a parcel, as one document has it."""

    units: int
    #: of them, counted as shipped
    taken: int


#: Sku -> what one document says of it
Words = Mapping[Sku, Said]
#: The name of what has none: all such documents speak of the parcel as a whole.
NAMELESS = ""


#: Document -> its words. None: what was told before the words of each were kept.
Before = Mapping[str | None, Words]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is new in a notice. Nothing at all: it is a repeat."""

    #: units that left and were not told before
    more: Mapping[Sku, int] = field(default_factory=dict)
    #: units that count as shipped and are taken back
    less: Mapping[Sku, int] = field(default_factory=dict)
    #: it says otherwise, and nobody says whether it is about further units
    doubtful: bool = False


def hear(units: Mapping[Sku, int], *, document: str, replaces: bool, before: Before) -> Heard:
    """Read a notice against what documents said of its parcel.

    What nobody named cannot be told apart: where it differs from what stands, a person decides.
    """
    said = before.get(document)
    unclear = document == NAMELESS or NAMELESS in before or None in before
    if not before or (said is None and not unclear):
        return Heard(more=_some(units))
    if said is None:
        return Heard(doubtful=bool(_beyond(units, before)))
    if replaces:
        return _replaced(units, said)
    return Heard(doubtful=_some(units) != _some({sku: one.units for sku, one in said.items()}))


def _replaced(units: Mapping[Sku, int], said: Words) -> Heard:
    """What stands now against what stood; units taken back once may come again."""
    known = {sku: max(one.units, one.taken) for sku, one in said.items()}
    return Heard(
        more=_some({sku: count - known.get(sku, 0) for sku, count in units.items()}),
        less=_some(
            {
                sku: one.taken - units.get(sku, 0)
                for sku, one in said.items()
                if units.get(sku, 0) < one.units
            }
        ),
    )


def _beyond(units: Mapping[Sku, int], before: Before) -> dict[Sku, int]:
    """What is in none of the documents; a parcel told again with a part of it is no news."""
    told = total(before.values())
    return _some({sku: count - told.get(sku, 0) for sku, count in units.items()})


def total(documents: Iterable[Words]) -> dict[Sku, int]:
    """Units by Sku that these documents say together."""
    told: dict[Sku, int] = {}
    for words in documents:
        for sku, one in words.items():
            told[sku] = told.get(sku, 0) + one.units
    return told


def _some(units: Mapping[Sku, int]) -> dict[Sku, int]:
    return {sku: count for sku, count in units.items() if count > 0}
