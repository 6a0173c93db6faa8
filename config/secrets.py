"""Secrets by reference: ${env:NAME}, ${env:NAME:-default}, ${file:/path}; and their masking.

References are filled in after parsing and in values only, so that a value can never inject keys
(the way Vector does it, src/config/loading/interpolation.rs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

MASK = "•••"

_REFERENCE = re.compile(r"\$\$|\$\{([^}]*)\}?")
_ENVIRONMENT = re.compile(r"^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$", re.DOTALL)
_DEFAULT = re.compile(r"(\$\{env:[A-Za-z_][A-Za-z0-9_]*:-)[^}]*")
_ONLY_REFERENCES = re.compile(r"^[\"']?(?:\$\{(?:env|file):[^}]*\})+[\"']?$")
_SUSPICIOUS = re.compile(
    r"(?i)^(\s*(?:- )?\s*[\"']?[\w.-]*"
    r"(?:secret|token|pass|pwd|key|cred|auth|url|dsn|private)[\w.-]*[\"']?\s*:\s*)(\S.*)$"
)
_LOGIN = re.compile(r"(://)[^/@\s]+@")
_LONG = re.compile(r"[A-Za-z0-9+/_=.~-]{20,}")


class Unresolved(Exception):
    """A reference leads nowhere. `wrong`, `expected` and `fix` name it without its value."""

    def __init__(self, wrong: str, expected: str, fix: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.expected = expected
        self.fix = fix


class References:
    """Fills references in, and remembers which secret files were read."""

    def __init__(self, environment: Mapping[str, str], *, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self.files: list[Path] = []

    def fill(self, text: str) -> tuple[str, bool]:
        """(the text with references filled in, whether there were any). Raises Unresolved."""
        found = False

        def value(match: re.Match[str]) -> str:
            nonlocal found
            if match.group() == "$$":
                return "$"
            if not match.group().endswith("}"):
                raise Unresolved("a `${` that is never closed", "", "close it, or write `$${`")
            found = True
            return self._value(match.group(1))

        return _REFERENCE.sub(value, text), found

    def _value(self, reference: str) -> str:
        if match := _ENVIRONMENT.match(reference):
            return self._from_environment(match.group(1), match.group(2))
        if reference.startswith("file:") and len(reference) > len("file:"):
            return self._from_file(reference.removeprefix("file:"))
        raise Unresolved(
            "no reference that is known",
            "expected ${env:NAME}, ${env:NAME:-default} or ${file:/path}",
            "write `$${` for a plain `${`",
        )

    def _from_environment(self, name: str, default: str | None) -> str:
        # As in a shell, :- stands in for an empty variable as well as for an absent one.
        value = self._environment.get(name, "")
        if value:
            return value
        if default is not None:
            return default
        raise Unresolved(
            f"environment variable {name} is not set", "", "set it, or write a default after :-"
        )

    def _from_file(self, name: str) -> str:
        path = self._folder / name
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise Unresolved(f"file {name} cannot be read: {why}", "", "check the mount") from None
        self.files.append(path)
        return text.removesuffix("\n").removesuffix("\r")


def masked(written: str) -> str:
    """What may be shown of a secret value: its reference, never the value or its default."""
    if _ONLY_REFERENCES.match(written.strip()):
        return _DEFAULT.sub(lambda match: match.group(1) + MASK, written)
    return MASK if written.strip() else written


def without(values: Iterable[str], text: str) -> str:
    """The text without these values, however Python's repr wrote them."""
    for value in sorted({value for value in values if value}, key=len, reverse=True):
        text = text.replace(value, MASK).replace(repr(value)[1:-1], MASK)
    return text


def without_logins(text: str) -> str:
    """The text with the user and password of every URL masked."""
    return _LOGIN.sub(rf"\1{MASK}@", text)


def suspicious_masked(line: str) -> str:
    """A line whose structure is not known, without what looks like a secret."""
    if match := _SUSPICIOUS.match(line):
        return match.group(1) + masked(match.group(2))
    return _LONG.sub(MASK, line)
