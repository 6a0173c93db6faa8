"""What an address says about itself: whether a parcel can be labeled, and whether two are one place.

Nothing here changes an address, and no reason holds one: findings name parts and states (I8).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from core.model.orders import Address

#: Military post: the regions it uses instead of states, and its cities.
MILITARY = frozenset({"AA", "AE", "AP"})
_MILITARY_CITY = re.compile(r"\s*[afd]\.?p\.?o\.?\s*", re.IGNORECASE)
#: Countries of their own to ISO 3166 that the US post delivers to as to states (USPS Publication 28,
#: appendix B); a channel may call them by either.
_TERRITORIES = frozenset({"AS", "FM", "GU", "MH", "MP", "PR", "PW", "UM", "VI"})
#: The states by their names, small letters without dots, as channels whose region is free text have
#: them (Amazon's `stateOrRegion`).
_STATES = {
    "alabama": "AL", "alaska": "AK", "american samoa": "AS", "arizona": "AZ", "arkansas": "AR",
    "armed forces africa": "AE", "armed forces americas": "AA", "armed forces canada": "AE",
    "armed forces europe": "AE", "armed forces middle east": "AE", "armed forces pacific": "AP",
    "california": "CA", "colorado": "CO", "connecticut": "CT", "delaware": "DE",
    "district of columbia": "DC", "federated states of micronesia": "FM", "florida": "FL",
    "georgia": "GA", "guam": "GU", "hawaii": "HI", "idaho": "ID", "illinois": "IL",
    "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY", "louisiana": "LA",
    "maine": "ME", "marshall islands": "MH", "maryland": "MD", "massachusetts": "MA",
    "michigan": "MI", "micronesia": "FM", "minnesota": "MN", "mississippi": "MS",
    "missouri": "MO", "montana": "MT", "nebraska": "NE", "nevada": "NV", "new hampshire": "NH",
    "new jersey": "NJ", "new mexico": "NM", "new york": "NY", "north carolina": "NC",
    "north dakota": "ND", "northern mariana islands": "MP", "ohio": "OH", "oklahoma": "OK",
    "oregon": "OR", "palau": "PW", "pennsylvania": "PA", "puerto rico": "PR",
    "rhode island": "RI", "south carolina": "SC", "south dakota": "SD", "tennessee": "TN",
    "texas": "TX", "us virgin islands": "VI", "utah": "UT", "vermont": "VT",
    "virgin islands": "VI", "virginia": "VA", "washington": "WA", "washington dc": "DC",
    "west virginia": "WV", "wisconsin": "WI", "wyoming": "WY",
}  # fmt: skip
#: Three-digit ZIP area -> the states it reaches into, by their two letters
States = Mapping[str, Collection[str]]

#: "P.O. Box", "PO-Box", "P0 BX", "P.O.B.", "Post Office Box"; where more than a box follows it is none.
_BOX = re.compile(
    r"\b(?:p[\W_]{0,3}[o0][\W_]{0,3}(?:box|bx|b|drawer)|post(?:al)?\s+(?:office\s+)?(?:box|bx)|"
    r"apartado(?:\s+postal)?|apa?r?t?do)(?=[\W_\d]|$)",
    re.IGNORECASE,
)
#: A bare box or "PO 12" is one only where the line begins so: carriers know the way to a box on a
#: rural route, and to one behind a street number.
_BARE_BOX = re.compile(
    r"\s*(?:(?:caller|lock)?\s*(?:box|bx)|p\.?\s*o\.?)\s*(?:#|no\b\.?|number\b)?\s*\d+[\s-]?[a-z]?\s*$",
    re.IGNORECASE,
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
    "avenue": "ave", "boulevard": "blvd", "building": "bldg", "circle": "cir", "court": "ct",
    "drive": "dr", "east": "e", "eighth": "8th", "expressway": "expy", "fifth": "5th",
    "first": "1st", "floor": "fl", "fort": "ft", "fourth": "4th", "highway": "hwy", "lane": "ln",
    "mount": "mt", "ninth": "9th", "north": "n", "northeast": "ne", "northwest": "nw",
    "parkway": "pkwy", "place": "pl", "plaza": "plz", "road": "rd", "route": "rte", "saint": "st",
    "second": "2nd", "seventh": "7th", "sixth": "6th", "south": "s", "southeast": "se",
    "southwest": "sw", "square": "sq", "street": "st", "tenth": "10th", "terrace": "ter",
    "third": "3rd", "trail": "trl", "turnpike": "tpke", "west": "w",
    # Who writes "#4" means the door that others call an apartment, a unit or a suite.
    "apartment": "", "apt": "", "no": "", "number": "", "rm": "", "room": "", "ste": "",
    "suite": "", "unit": "",
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
        if not state_of(address):
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
    """Whether the US post delivers there as at home: the states, territories and military post."""
    country = address.country.strip().upper()
    return country == "US" or country in _TERRITORIES


def state_of(address: Address) -> str:
    """The two letters of a US address's state or territory, whichever way its channel writes it.

    What is no state's name stays as it stands, in capitals; "" abroad and where nothing is told.
    """
    if not is_american(address):
        return ""
    country = address.country.strip().upper()
    return country if country in _TERRITORIES else _letters(address.region)


def _letters(region: str) -> str:
    told = region.strip().replace(".", "")
    return _STATES.get(" ".join(_WORD.findall(told.casefold())), told.upper())


def as_posted(address: Address) -> Address:
    """The address with its state in two letters, as labels and X12 (N402) want it; else as it stands."""
    state = state_of(address)
    return replace(address, region=state) if len(state) == 2 else address


def countries_of(address: Address) -> frozenset[str]:
    """Its country, by every code that it goes by: Puerto Rico is PR, and US."""
    found = {address.country.strip().upper()}
    if is_american(address):
        found |= {"US", state_of(address)} & (_TERRITORIES | {"US"})
    return frozenset(found)


def is_po_box(address: Address) -> bool:
    """Whether only the post delivers there: "P.O. Box 12", "POB 12", "PO #12", "Box 12"."""
    return any(
        _BOX.search(line) or _BARE_BOX.match(line)
        for line in (address.line1, address.line2, address.line3)
    )


def is_military(address: Address) -> bool:
    """APO, FPO and DPO addresses, by their region or their city."""
    # AP is a province of Italy.
    if address.country.strip() and not is_american(address):
        return False
    return _letters(address.region) in MILITARY or bool(_MILITARY_CITY.fullmatch(address.city))


# --- which addresses, and which buyers, are the same -------------------------------------------------


def plain_form(address: Address) -> str:
    """One spelling of where it is, so that two of one place are most often equal.

    For addresses a parser refuses (PO boxes, rural routes, military post, abroad): letters and digits
    only, the usual words shortened, in one order whichever line they stand on. The name is no part
    of it.
    """
    lines = _BOX.sub(" box ", _bare(f"{address.line1} {address.line2} {address.line3}"))
    words = _joined(_SHORT.get(word, word) for word in _WORD.findall(lines))
    code = address.postal_code.strip()[:5].casefold()
    country = "us" if is_american(address) else address.country.strip().casefold()
    return " ".join([*sorted(words), code, country])


def _joined(words: Iterable[str]) -> list[str]:
    """A letter beside a number is a part of it: "4 B" is "4B"."""
    made: list[str] = []
    for word in words:
        before = made[-1] if made else ""
        pair = (before, word)
        if any(len(one) == 1 and one.isalpha() for one in pair) and any(map(str.isdecimal, pair)):
            made[-1] += word
        elif word:
            made.append(word)
    return made


def _bare(text: str) -> str:
    """Small letters without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))


def door_mark(address: Address | None) -> str | None:
    """A mark that all spellings of one address share, and few others do: to find look-alikes by.

    Made of the ZIP code and the largest number, whichever line that stands on; None where there are
    not both. A mark tells nothing to who does not know the address, and goes when the address is
    erased.
    """
    if address is None:
        return None
    found = _NUMBER.findall(f"{address.line1} {address.line2} {address.line3}")
    code = address.postal_code.strip()[:5].casefold()
    if not found or not code:
        return None
    largest = max((one.lstrip("0") for one in found), key=lambda one: (len(one), one))
    country = "us" if is_american(address) else address.country.strip().casefold()
    return _mark(f"{country} {code} {largest}")


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
