"""What an outside name means: so many units of one Sku, or nothing that is certain.

Names are never guessed at. Where what is written speaks of two Skus, or of one and of six units, the
thing has no Sku until a person settles it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.model.catalog import Sku
from core.model.names import Known, Meaning, NameChange, OutsideName, Scheme, Source
from core.model.reasons import Reason

#: Of GTIN-8, UPC-A, EAN-13 and GTIN-14.
_GTIN_LENGTHS = (8, 12, 13, 14)
_ASIN = re.compile(r"[A-Z0-9]{10}")
_LONGEST = 300


class BadName(ValueError):
    """A name that no remote can have given: its words say why."""


def normal(scheme: Scheme, value: str) -> str:
    """A name as it is kept and looked up. Raises BadName.

    A GTIN becomes 14 digits, whichever of its lengths it was written in: a UPC and the EAN that is
    the same number with a zero before it are one code.
    """
    text = value.strip()
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise BadName(f"expected 1 to {_LONGEST} letters, none of them a control character")
    if scheme is Scheme.GTIN:
        return _gtin(text)
    if scheme is Scheme.ASIN and not _ASIN.fullmatch(text.upper()):
        raise BadName(f"{text!r} is no ASIN: expected ten letters and digits")
    return text.upper() if scheme is Scheme.ASIN else text


def _gtin(text: str) -> str:
    digits = text.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdecimal()):
        raise BadName(f"{text!r} is no UPC, EAN or GTIN: expected digits")
    if len(digits) not in _GTIN_LENGTHS:
        raise BadName(
            f"{text!r} has {len(digits)} digits; a UPC has 12, an EAN 8 or 13, a GTIN 14 "
            "(spreadsheets take leading zeros away: format the column as text)"
        )
    if int(digits[-1]) != check_digit(digits[:-1]):
        raise BadName(
            f"{text!r} ends in {digits[-1]}, its check digit is {check_digit(digits[:-1])}"
        )
    return digits.zfill(14)


def check_digit(digits: str) -> int:
    """The last digit of a GTIN whose others are these (GS1 General Specifications, 7.9)."""
    weighted = sum(int(one) * (3, 1)[at % 2] for at, one in enumerate(reversed(digits)))
    return -weighted % 10


def in_force(changes: Iterable[NameChange], *, at: datetime) -> dict[Source, NameChange]:
    """The line of each source that holds at this instant; none where it says nothing then.

    Of two that begin at one instant the later told one holds.
    """
    found: dict[Source, NameChange] = {}
    for one in changes:
        before = found.get(one.source)
        if one.begins <= at and (
            before is None or (before.begins, before.id) <= (one.begins, one.id)
        ):
            found[one.source] = one
    return {source: one for source, one in found.items() if one.meaning is not None}


@dataclass(frozen=True, slots=True)
class Understood:
    """What goods are in our words. `sku` None: unknown or in doubt, and `why` says which."""

    sku: Sku | None
    units: int
    why: Reason
    #: the Skus it may be, where there is doubt
    perhaps: tuple[Sku, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """Everything that is written of some goods' names."""

    #: of the page itself, or of the supplier's item number: they decide alone
    itself: Sequence[Known] = ()
    #: of the name in its SKU field; only those of the nearest place
    called: Sequence[Known] = ()
    #: the Sku whose own name, or alias in the list of Skus, that is; None: no such
    listed: Sku | None = None
    #: of the codes it shows
    codes: Sequence[Known] = ()
    #: units in one sale as `skus.units_per_sale` says; None: nothing
    pack: int | None = None


def understand(name: str, written: Written, *, accept: bool) -> Understood:
    """What goods of this name are.

    `accept`: a name that is written nowhere is our Sku as it stands, unless a code of it is known.
    """
    if written.itself:
        said = _said(written.itself)
        if written.pack is not None:
            said = {sku: units | {written.pack} for sku, units in said.items()}
        return _one(name, said, written.itself[0])
    by = [*written.called, *written.codes]
    said = _said(by)
    if written.listed is not None:
        # Of its own a name means one unit, unless what is written of that very name says more.
        told = {one.meaning.units for one in written.called if one.meaning.sku == written.listed}
        said.setdefault(written.listed, set()).update(
            () if written.pack is not None else told or {1}
        )
    if said:
        if written.pack is not None:
            for units in said.values():
                units.add(written.pack)
        return _one(name, said, by[0] if by else None)
    if accept and name:
        return Understood(name, written.pack or 1, Reason.of("name_as_it_stands", name=name))
    return Understood(None, written.pack or 1, Reason.of("name_unknown", name=name))


def _said(known: Iterable[Known]) -> dict[Sku, set[int]]:
    found: dict[Sku, set[int]] = {}
    for one in known:
        found.setdefault(one.meaning.sku, set()).add(one.meaning.units)
    return found


def _one(name: str, said: Mapping[Sku, set[int]], by: Known | None) -> Understood:
    """The one thing that all of it says; in doubt where it says two."""
    if len(said) > 1:
        why = Reason.of("name_of_two", name=name, skus=", ".join(sorted(said)))
        return Understood(None, 1, why, tuple(sorted(said)))
    ((sku, counts),) = said.items()
    if len(counts) > 1:
        units = ", ".join(str(one) for one in sorted(counts))
        return Understood(
            None, 1, Reason.of("pack_of_two", name=name, sku=sku, units=units), (sku,)
        )
    (units_each,) = counts
    if by is None:
        return Understood(sku, units_each, Reason.of("name_of_sku", name=name, sku=sku))
    why = Reason.of(
        "name_written", name=name, sku=sku, units=units_each, by=str(by.name), where=by.where
    )
    return Understood(sku, units_each, why)


def nearest_place(known: Iterable[Known]) -> list[Known]:
    """Those of a place; those that hold everywhere, where no place has its own."""
    found = list(known)
    return [one for one in found if one.name.place] or found


def overruled(
    file: Mapping[OutsideName, Meaning], person: Mapping[OutsideName, Meaning]
) -> list[OutsideName]:
    """Names of which a person said something else than the files now do."""
    return sorted(name for name, said in person.items() if file.get(name, said) != said)
