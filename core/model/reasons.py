"""Why something was decided: a code and its arguments, never a sentence (I7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: What a reason's argument may be. Everything here survives JSON unchanged.
Arg = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` names a sentence in the catalogues (core/rules/sentences), `args` fill its blanks.

    Arguments hold ids, quantities and remote words; never secrets, never a buyer's name or address.
    """

    code: str
    args: Mapping[str, Arg] = field(default_factory=dict)

    @classmethod
    def of(cls, code: str, **args: Arg) -> Reason:
        return cls(code, args)
