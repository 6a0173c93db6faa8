"""Writes one X12 interchange with one group. The same arguments are the same text.

ISA is padded to its fixed 106 letters (X12.5); SE01, GE01 and IEA01 are counted here. Delimiters
never stand inside a value: they become blanks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.x12.envelope import Delimiters

#: The letters of X12's extended character set beyond [A-Za-z0-9] and the blank (X12.6).
_EXTENDED = "!\"&'()*+,-./:;?=%@[]_{}\\|<>~#$^`"
#: Control numbers have at most nine digits (data elements I12 and 28).
LARGEST_CONTROL = 999_999_999


#: Letters that an element holds where foreign text goes (X12 004010, data elements 19, 67, 93, 116, 127,
#: 166, 234, 364, 387). A translator refuses more, or cuts it off.
_MOST = {
    ("N1", 2): 60, ("N1", 4): 80, ("N2", 1): 60, ("N2", 2): 60, ("N3", 1): 55, ("N3", 2): 55,
    ("N4", 1): 30, ("N4", 3): 15, ("PER", 2): 60, ("PER", 4): 80, ("PO1", 7): 48, ("PO1", 9): 48,
    ("REF", 2): 30, ("TD5", 5): 35,
}  # fmt: skip
#: What most partners use.
USUAL = Delimiters("*", ">", "~")


class Unwritable(ValueError):
    """A value that cannot be said in X12's letters."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends or receives: ISA05/06 or ISA07/08, and GS02 or GS03."""

    qualifier: str
    id: str
    group: str


@dataclass(frozen=True, slots=True)
class Trade:
    """How interchanges with one partner are written."""

    us: Party
    them: Party
    #: GS08: 004010, 004010VICS, 005010
    version: str = "004010"
    delimiters: Delimiters = USUAL
    #: ISA15 is T instead of P
    test: bool = False


def interchange(
    trade: Trade, *, group: str, sets: Sequence[Sequence[Sequence[str]]], control: int, at: datetime
) -> str:
    """The text of it. `group` is GS01 (PO, FA); each set begins with its number, ("850",).

    `control` (1 to 999,999,999) is ISA13 and GS06. Raises ValueError where it is out of range, Unwritable.
    """
    if not 1 <= control <= LARGEST_CONTROL:
        raise ValueError(f"control number {control}; 1 to {LARGEST_CONTROL} are possible")
    marks = trade.delimiters
    lines = [_isa(trade, control, at), _gs(trade, group, control, at)]
    for number, ((kind, *_), *body) in enumerate(sets, start=1):
        name = f"{number:04}"
        inside = [["ST", kind, name], *body, ["SE", str(len(body) + 2), name]]
        lines += [_segment(one, marks) for one in inside]
    lines.append(_segment(["GE", str(len(sets)), str(control)], marks))
    lines.append(_segment(["IEA", "1", f"{control:09}"], marks))
    return "".join(f"{line}{marks.segment}\n" for line in lines)


def as_it_stands(text: str, marks: Delimiters) -> bool:
    """Whether X12 says exactly this, with no letter made another: names of goods are nothing less."""
    return sayable(text, marks) and _plain(text, marks, where="") == text.strip()


def sayable(text: str, marks: Delimiters) -> bool:
    """Whether X12 has letters for it, or such that are read for them."""
    try:
        _plain(text, marks, where="")
    except Unwritable:
        return False
    return True


def _isa(trade: Trade, control: int, at: datetime) -> str:
    # ISA11 is a standards id up to 004010, the repetition separator from 004020 on.
    repeats = "U" if trade.version < "00402" else "^"
    elements = [
        "ISA", "00", " " * 10, "00", " " * 10,
        f"{trade.us.qualifier:2}", f"{trade.us.id:15}",
        f"{trade.them.qualifier:2}", f"{trade.them.id:15}",
        f"{at:%y%m%d}", f"{at:%H%M}", repeats, trade.version[:5], f"{control:09}", "0",
        "T" if trade.test else "P", trade.delimiters.component,
    ]  # fmt: skip
    return trade.delimiters.element.join(elements)


def _gs(trade: Trade, group: str, control: int, at: datetime) -> str:
    elements = [
        "GS", group, trade.us.group, trade.them.group, f"{at:%Y%m%d}", f"{at:%H%M}", str(control),
        "X", trade.version,
    ]  # fmt: skip
    return _segment(elements, trade.delimiters)


def _segment(elements: Sequence[str], marks: Delimiters) -> str:
    """Trailing empty elements are not written (X12.6)."""
    plain = [
        _plain(one, marks, where=f"{elements[0]}{number:02}") for number, one in enumerate(elements)
    ]
    while plain and not plain[-1]:
        plain.pop()
    for number, one in enumerate(plain):
        if len(one) > (most := _MOST.get((elements[0], number), len(one))):
            raise Unwritable(
                f"{elements[0]}{number:02} holds {len(one)} letters, {most} fit; shorten it, or send "
                "this partner the order another way"
            )
    return marks.element.join(plain)


def _plain(text: str, marks: Delimiters, *, where: str) -> str:
    """In X12's letters: accents come off (é is e), delimiters are blanks. Raises Unwritable."""
    flat = unicodedata.normalize("NFKD", text)
    kept = []
    for letter in flat:
        if unicodedata.combining(letter):
            continue
        if letter in (marks.element, marks.component, marks.segment) or not letter.isprintable():
            kept.append(" ")
        elif letter == " " or (letter.isascii() and (letter.isalnum() or letter in _EXTENDED)):
            kept.append(letter)
        else:
            # A parcel for "???" reaches nobody. The text itself may be a buyer's name (I8).
            raise Unwritable(
                f"{where} holds letters that X12 has none for; write it in Latin letters, or send "
                "this partner the order another way"
            )
    return "".join(kept).strip()
