"""JSON out of a tree with names in it, values out of JSON by their path. Pure.

A text that is nothing but `$order_name` becomes that value, a number stays one; a list of one
thing that speaks of `$line` is repeated for every line. Values are put into the tree, never into
text: nothing in them can become a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from core.model.fulfillment import ShipRequest

#: What a JSON tree is made of.
Json = None | bool | int | float | str | list[Any] | dict[str, Any]

#: What may stand behind a $ outside of lines ...
NAMES = (
    "key", "short_key", "order_name", "service", "note", "location", "requested_at", "ship_by",
    "ship_to.name", "ship_to.company", "ship_to.line1", "ship_to.line2", "ship_to.line3",
    "ship_to.city", "ship_to.region", "ship_to.postal_code", "ship_to.country", "ship_to.phone",
)  # fmt: skip
#: ... and in a list of lines, besides.
LINE_NAMES = (
    "line.number",
    "line.sku",
    "line.item",
    "line.quantity",
    "line.price",
    "line.currency",
)
#: What may stand in braces in a path.
PATH_NAMES = ("key", "short_key", "reference")


def faults(tree: Json, *, where: str = "body", line: bool = False) -> Iterator[str]:
    """Names that do not exist, or stand where they have no value."""
    if isinstance(tree, str):
        name = _name(tree)
        if name is not None and name not in NAMES and not (line and name in LINE_NAMES):
            known = ", ".join(f"${one}" for one in (*NAMES, *LINE_NAMES))
            if name in LINE_NAMES:
                yield f"{where}: {tree} has a value only in a list with one thing, which is made for each line"
            else:
                yield f"{where}: {tree} is no name; there are {known}; $$ is a $"
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from faults(value, where=f"{where}.{key}", line=line)
    elif isinstance(tree, list):
        repeated = line or _is_repeated(tree)
        for place, value in enumerate(tree):
            yield from faults(value, where=f"{where}[{place}]", line=repeated)


def filled(tree: Json, request: ShipRequest) -> Json:
    """The tree with the request's values. What is empty is left out of objects."""
    return _filled(tree, _values(request), _lines(request))


def _filled(tree: Json, values: Mapping[str, Json], lines: list[Mapping[str, Json]]) -> Json:
    if isinstance(tree, str):
        name = _name(tree)
        return tree.replace("$$", "$", 1) if name is None else values[name]
    if isinstance(tree, list):
        if _is_repeated(tree) and "line.sku" not in values:
            return [_filled(tree[0], {**values, **line}, lines) for line in lines]
        return [_filled(one, values, lines) for one in tree]
    if isinstance(tree, dict):
        made = {key: _filled(value, values, lines) for key, value in tree.items()}
        return {key: value for key, value in made.items() if value not in ("", None)}
    return tree


def _name(text: str) -> str | None:
    """What stands behind the $; None: it is text."""
    if not text.startswith("$") or text.startswith("$$"):
        return None
    return text[1:]


def _is_repeated(tree: list[Any]) -> bool:
    return len(tree) == 1 and _speaks_of_lines(tree[0])


def _speaks_of_lines(tree: Json) -> bool:
    if isinstance(tree, str):
        return (_name(tree) or "") in LINE_NAMES
    if isinstance(tree, dict):
        return any(_speaks_of_lines(one) for one in tree.values())
    return isinstance(tree, list) and any(_speaks_of_lines(one) for one in tree)


def _values(request: ShipRequest) -> dict[str, Json]:
    to = request.ship_to
    address: dict[str, Json] = {
        f"ship_to.{name}": getattr(to, name)
        for name in (
            "name", "company", "line1", "line2", "line3", "city", "region", "postal_code", "country",
            "phone",
        )
    }  # fmt: skip
    return address | {
        "key": request.key,
        "short_key": request.short_key,
        "order_name": request.order_name,
        "service": request.service,
        "note": request.note,
        "location": request.location,
        "requested_at": request.requested_at.isoformat(timespec="seconds"),
        "ship_by": request.ship_by.isoformat(timespec="seconds") if request.ship_by else "",
    }


def _lines(request: ShipRequest) -> list[Mapping[str, Json]]:
    made: list[Mapping[str, Json]] = []
    for number, line in enumerate(request.by_sku(), start=1):
        price, _, currency = str(line.price or "").partition(" ")
        made.append(
            {
                "line.number": number,
                "line.sku": line.sku,
                "line.item": line.item or line.sku,
                "line.quantity": line.quantity,
                "line.price": price,
                "line.currency": currency,
            }
        )
    return made


def path_of(template: str, *, key: str, short_key: str, reference: str = "") -> str:
    """An address with its names filled in, each as one component."""
    names = {"key": key, "short_key": short_key, "reference": reference}
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def at(tree: Any, path: str) -> Any:
    """What stands at `data.orders.0.id`; None where nothing does. "": the tree itself."""
    for part in path.split(".") if path else ():
        if isinstance(tree, Mapping):
            tree = tree.get(part)
        elif isinstance(tree, list) and part.isdigit() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return None
    return tree


def text_at(tree: Any, path: str | None) -> str:
    """As text; "" where there is nothing, or no place for it is known."""
    found = None if path is None else at(tree, path)
    return "" if found is None or isinstance(found, dict | list) else str(found).strip()


def list_at(tree: Any, path: str | None) -> list[Any]:
    found = None if path is None else at(tree, path)
    return found if isinstance(found, list) else []
