"""An answer line by line: all of it, all of it later, fewer, or none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

#: What may be written into a field for units.
UNITS = re.compile(r"[0-9]{1,7}")
#: Letters of a reference.
_LONGEST = 60

CHOICES = (
    ("all", "All of it"),
    ("later", "All of it, later (say the day)"),
    ("fewer", "Fewer (say how many)"),
    ("none", "None of it"),
)
#: Of a page with `lines` and `choices`, in Jinja.
FIELDS = """\
<table><thead><tr><th>Item</th><th>Ordered</th><th>Your answer</th><th>Units</th><th>Leaves you on</th></tr></thead><tbody>
{% for line in lines %}{% set n = loop.index0 %}
<tr><td>{{ line.item }}{% if line.item != line.sku %}<br><small>{{ line.sku }}</small>{% endif %}</td><td>{{ line.quantity }}</td>
<td><select name="choice-{{ n }}">
{% for value, words in choices %}<option value="{{ value }}"{% if given.get("choice-%d" % n, "all") == value %} selected{% endif %}>{{ words }}</option>
{% endfor %}</select></td>
<td><input name="units-{{ n }}" inputmode="numeric" size="7" maxlength="7" value="{{ given.get("units-%d" % n, "") }}"></td>
<td><input name="day-{{ n }}" type="date" value="{{ given.get("day-%d" % n, "") }}"></td></tr>
{% endfor %}</tbody></table>
<p><label>Your reference <input name="reference" maxlength="60" value="{{ given.get("reference", "") }}"></label></p>"""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that they are asked for."""

    #: what they call it
    item: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Said:
    """What they say of it."""

    line: Line
    #: that will come
    units: int
    #: None: not told
    ready_on: date | None


def plain(text: str) -> str:
    """What somebody wrote into a field, on one line."""
    return "".join(c for c in text if c.isprintable()).strip()[:_LONGEST]


def read(lines: Sequence[Line], given: Mapping[str, str]) -> tuple[list[Said], list[str]]:
    """An answer for each line, and what is wrong with those that are none."""
    said: list[Said] = []
    problems: list[str] = []
    for number, line in enumerate(lines):
        try:
            units, ready_on = _line(
                line.quantity,
                given.get(f"choice-{number}", ""),
                given.get(f"units-{number}", "").strip(),
                given.get(f"day-{number}", "").strip(),
            )
        except ValueError as why:
            problems.append(f"{line.item}: {why}")
            continue
        said.append(Said(line, units, ready_on))
    return said, problems


def _line(quantity: int, choice: str, units: str, day: str) -> tuple[int, date | None]:
    """(units that will come, the day they leave). Raises ValueError with words for who wrote it."""
    if choice not in dict(CHOICES):
        raise ValueError("choose an answer")
    ready_on = None
    if day and choice != "none":
        try:
            ready_on = date.fromisoformat(day)
        except ValueError:
            raise ValueError("write the day as 2026-12-31") from None
    if choice == "none":
        return 0, None
    if choice == "later" and ready_on is None:
        raise ValueError("on which day does it leave you?")
    if choice != "fewer":
        return quantity, ready_on
    if not UNITS.fullmatch(units) or int(units) >= quantity:
        raise ValueError(f"how many units will come? Fewer than {quantity}")
    return int(units), ready_on
