"""What an address says about itself: whether a parcel can be labeled, and whether two are one place.

Nothing here changes an address, and no reason holds one: findings name parts and states (I8).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Mapping

from core.model.orders import Address

#: Military post: the regions it uses instead of states.
MILITARY = frozenset({"AA", "AE", "AP"})
#: Three-digit ZIP area -> the states it reaches into, by their two letters
States = Mapping[str, Collection[str]]

_PO_BOX = re.compile(
    r"\b(?:p\.?\s*o\.?\s*(?:box|b\b)|post\s+office\s+box|postal\s+box|box\s+\d+\s*$)", re.IGNORECASE
)
_ZIP = re.compile(r"\d{5}(-?\d{4})?")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W_]+")
#: Addresses without a number that the post delivers all the same.
_NUMBERLESS = re.compile(r"\bgeneral\s+delivery\b|\b(?:one|two|three|four|five)\b", re.IGNORECASE)
#: What people type where a form insists on something.
_PLACEHOLDERS = frozenset(
    {
        "address", "asdf", "asdfg", "n a", "na", "nil", "none", "null", "qwerty", "same",
        "same as above", "same as billing", "street", "tba", "tbc", "tbd", "test", "test address",
        "to be announced", "undefined", "unknown", "xx", "xxx",
    }
)  # fmt: skip
#: The same where a name belongs: some of the others are names.
_NO_NAMES = frozenset({"asdf", "asdfg", "n a", "qwerty", "test", "undefined", "unknown", "xxx"})
#: The spellings that one address comes in most often (USPS Publication 28, appendices B and C).
_SHORT = {
    "apartment": "apt", "avenue": "ave", "boulevard": "blvd", "building": "bldg", "circle": "cir",
    "court": "ct", "drive": "dr", "east": "e", "expressway": "expy", "floor": "fl",
    "highway": "hwy", "lane": "ln", "north": "n", "northeast": "ne", "northwest": "nw",
    "number": "", "no": "", "parkway": "pkwy", "place": "pl", "plaza": "plz", "road": "rd",
    "room": "rm", "route": "rte", "south": "s", "southeast": "se", "southwest": "sw",
    "square": "sq", "street": "st", "suite": "ste", "terrace": "ter", "trail": "trl",
    "turnpike": "tpke", "unit": "unit", "west": "w",
}  # fmt: skip


# --- what keeps a parcel from being labeled ----------------------------------------------------------


def incomplete(address: Address | None) -> tuple[str, ...]:
    """Which parts keep a parcel from being labeled; names of parts, never their content (I8)."""
    address = address or Address()
    parts = [
        part
        for part in ("name", "line1", "city", "postal_code", "country")
        if not getattr(address, part).strip()
    ]
    # A company takes parcels too, where no person is named.
    if "name" in parts and address.company.strip():
        parts.remove("name")
    if is_american(address):
        if not address.region.strip():
            parts.append("region")
        if "postal_code" not in parts and not _ZIP.fullmatch(address.postal_code.strip()):
            parts.append("zip")
    return tuple(parts)


def undeliverable(address: Address) -> tuple[tuple[str, str], ...]:
    """(part, why) of parts that are there and that no US carrier could deliver by.

    `why` is `placeholder`, `no_number`, `mail_or_link` or `script` (no Latin letter or digit in it).
    Of a name only a stopgap is odd: parcels are delivered by where they go, and "Na" is a name.
    Addresses abroad are judged by whoever ships there.
    """
    if not is_american(address):
        return ()
    found = []
    for part in ("name", "line1", "city"):
        text = getattr(address, part).strip()
        if part == "name" and not text:
            text = address.company.strip()
        why = _unfit(text, _NO_NAMES if part == "name" else _PLACEHOLDERS) if text else None
        if part == "name" and why == "script":
            why = None
        if why is None and part == "line1" and text and not _has_number(address):
            why = "no_number"
        if why:
            found.append((part, why))
    return tuple(found)


def _unfit(text: str, stopgaps: Collection[str]) -> str | None:
    words = " ".join(_WORD.findall(text.casefold()))
    if "@" in text or "://" in text or "www." in text.casefold():
        return "mail_or_link"
    if words in stopgaps or (len(words) > 2 and len(set(words)) == 1) or not words:
        return "placeholder"
    if not any(_is_latin(letter) for letter in words):
        return "script"
    return None


def _is_latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN ")


def _has_number(address: Address) -> bool:
    lines = f"{address.line1} {address.line2} {address.line3}"
    return bool(_NUMBER.search(lines) or _NUMBERLESS.search(lines))


def states_of(address: Address, states: States) -> Collection[str] | None:
    """The states in which a US address's ZIP code lies; none: no such code; None: nobody can say."""
    if not states or not is_american(address) or not _ZIP.fullmatch(address.postal_code.strip()):
        return None
    return states.get(address.postal_code.strip()[:3], ())


def is_american(address: Address) -> bool:
    return address.country.strip().upper() == "US"


def is_po_box(address: Address) -> bool:
    """Whether only the post delivers there: "P.O. Box 12", "PO BOX 12", "Box 12"."""
    return any(_PO_BOX.search(line) for line in (address.line1, address.line2, address.line3))


def is_military(address: Address) -> bool:
    """APO, FPO and DPO addresses."""
    return address.region.strip().upper() in MILITARY


# --- which addresses, and which buyers, are the same -------------------------------------------------


def plain_form(address: Address) -> str:
    """One spelling of where it is, so that two of one place are most often equal.

    For addresses a parser refuses (PO boxes, rural routes, military post, abroad): letters and digits
    only, the usual words shortened. The name is no part of it.
    """
    lines = f"{address.line1} {address.line2} {address.line3}"
    words = [_SHORT.get(word, word) for word in _WORD.findall(_bare(lines))]
    code = address.postal_code.strip()[:5].casefold()
    return " ".join([*(word for word in words if word), code, address.country.strip().casefold()])


def _bare(text: str) -> str:
    """Small letters without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))


def door_mark(address: Address | None) -> str | None:
    """A mark that all spellings of one address share, and few others do: to find look-alikes by.

    Made of the ZIP code and the first number; None where there are not both. A mark tells nothing to
    who does not know the address, and goes when the address is erased.
    """
    if address is None:
        return None
    found = _NUMBER.search(f"{address.line1} {address.line2} {address.line3}")
    code = address.postal_code.strip()[:5].casefold()
    return (
        _mark(f"{address.country.strip().casefold()} {code} {found[0]}") if found and code else None
    )


def buyer_mark(address: Address | None) -> str | None:
    """A mark of who bought: of the e-mail address, else of the telephone; None where neither is told."""
    if address is None:
        return None
    mail = address.email.strip().casefold()
    if "@" in mail:
        return _mark(mail)
    digits = "".join(_NUMBER.findall(address.phone))
    return _mark(f"tel {digits[-10:]}") if len(digits) >= 10 else None


def label_mark(address: Address | None) -> str | None:
    """A mark of everything a label shows: another one means that a parcel goes somewhere else."""
    if address is None:
        return None
    parts = (
        address.name, address.company, address.line1, address.line2, address.line3, address.city,
        address.region, address.postal_code, address.country,
    )  # fmt: skip
    return _mark("label " + "\n".join(" ".join(part.split()).casefold() for part in parts))


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
