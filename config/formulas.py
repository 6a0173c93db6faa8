"""Values that a connector works out: CEL in its settings, checked when the configuration is read.

A connector's settings say which names a formula may use (`core.ports.Derived`); connectors get it
compiled through `core.ports.Inside.formula` and know nothing of CEL. Beside CEL's own functions
there are `max` and `min`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cel
from pydantic import BaseModel

from config.conditions import unknown_names
from config.expressions import LONGEST, Misread, compiled, why
from config.problems import Path
from config.validation import near
from core.ports import Derived

FUNCTIONS: Mapping[str, Callable[..., Any]] = {"max": max, "min": min}
_KINDS = (bool, int, float, str)


def formula(source: str, sample: Mapping[str, object]) -> Callable[[Mapping[str, object]], object]:
    """Compile, and try out on the sample. Raises Misread.

    The result is for one thread. Called with a value for each name it returns text, a number or a
    truth; it raises ValueError, which repeats none of the values, where there is none.
    """
    if len(source) > LONGEST:
        raise Misread(f"longer than {LONGEST} characters")
    program = compiled(source, example="max(0, on_hand - reserved)")
    for unknown in unknown_names(source, sample):
        known = f"expected one of {', '.join(unknown.known)}" if unknown.known else ""
        fix = near(unknown.name, unknown.known) or (
            "name its column under numbers, decimals or texts"
        )
        raise Misread(f"there is no {unknown.name!r} here", known, fix, offset=unknown.offset)

    def worked_out(seen: Mapping[str, object]) -> object:
        try:
            answer = program.execute(cel.Context(variables=dict(seen), functions=dict(FUNCTIONS)))
        except Exception as error:
            raise ValueError(f"its formula cannot be worked out: {why(error)}") from None
        if not isinstance(answer, _KINDS):
            raise ValueError("its formula makes neither text nor a number")
        return answer

    try:
        worked_out(sample)
    except ValueError as error:
        if "divides by zero" not in str(error):
            raise Misread(
                str(error).removeprefix("its formula cannot be worked out: "),
                "expected something like max(0, on_hand - reserved)",
                "whole numbers, decimals and text do not mix: use double(x), int(x), string(x)",
            ) from None
    return worked_out


def derived(settings: object, path: Path) -> Iterator[tuple[Path, Derived]]:
    """Every formula in a connector's settings, with the path of what it is written in."""
    if isinstance(settings, BaseModel):
        if isinstance(settings, Derived):
            yield path, settings
        for name in type(settings).model_fields:
            yield from derived(getattr(settings, name), (*path, name))
    elif isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from derived(value, (*path, key))
    elif isinstance(settings, Sequence) and not isinstance(settings, str | bytes):
        for index, value in enumerate(settings):
            yield from derived(value, (*path, index))
