"""Reasons in words, for people: English and Simplified Chinese.

A template's blanks are the reason's arguments. `{quantity:unit|units}` is a count with its noun,
singular or plural ("1 unit", "3 units"); `{key:request}` is a request's key with the short one beside
it, which is all that places with room for few letters know it by. Arguments named in `TRANSLATED` hold words of ours (or
lists of them, separated by ", " or "; ") and are said in the reader's language; where a word means
different things, "payment.pending" goes before "pending".

Every code used anywhere is in both catalogues with the same blanks; tests/core/test_sentences.py
reads the whole tree to prove it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from core.model.reasons import Arg, Reason
from core.rules.effects import short_key
from core.rules.sentences import en, zh

#: language -> code -> template
CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = {"en": en.SENTENCES, "zh": zh.SENTENCES}
_GROUP = "group_"
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    language: {
        **words,
        # A group of findings is called by the title its mails have.
        **{
            f"group.{code.removeprefix(_GROUP)}": title
            for code, title in CATALOGUES[language].items()
            if code.startswith(_GROUP)
        },
    }
    for language, words in (("en", en.WORDS), ("zh", zh.WORDS))
}
#: Arguments that hold our own words rather than ids, quantities or a remote's words.
TRANSLATED: Final = frozenset(
    {
        "cost",
        "cover",
        "doubts",
        "flow",
        "group",
        "hold",
        "holds",
        "kind",
        "leg",
        "loss",
        "mode",
        "part",
        "parts",
        "payment",
        "price",
        "risk",
        "runs_out",
        "state",
        "status",
        "value",
        "weekday",
    }
)
#: What is written in a blank that names a request.
_REQUEST = "request"
_SEPARATOR = re.compile(r"([,;:] )")


def render(reason: Reason, language: str = "en") -> str:
    """The reason as a sentence; an unknown language reads English.

    Never fails, because it is used where trouble is told: an unknown code shows itself and its
    arguments, a missing argument shows "?".
    """
    language = language if language in CATALOGUES else "en"
    template = CATALOGUES[language].get(reason.code)
    words = _WORDS[language]
    if template is None:
        args = ", ".join(
            f"{name}={_say(name, value, words)}" for name, value in reason.args.items()
        )
        return f"{reason.code} ({args})" if args else reason.code
    blanks = _Blanks(
        {name: _Blank(value, _say(name, value, words)) for name, value in reason.args.items()}
    )
    return template.format_map(blanks)


def _say(name: str, value: Arg, words: Mapping[str, str]) -> str:
    if value is None or isinstance(value, bool):
        return words[str(value)]
    if name not in TRANSLATED or not isinstance(value, str):
        return str(value) or words[""]
    return "".join(
        words.get(f"{name}.{word}", words.get(word, word)) for word in _SEPARATOR.split(value)
    )


class _Blank:
    """A value that knows its plural."""

    __slots__ = ("_text", "_value")

    def __init__(self, value: Arg, text: str) -> None:
        self._value = value
        self._text = text

    def __format__(self, nouns: str) -> str:
        if not nouns:
            return self._text
        if nouns == _REQUEST:
            return ", ".join(_both_keys(one) for one in self._text.split(", "))
        one, many = nouns.split("|")
        return f"{self._text} {one if self._value == 1 else many}"


def _both_keys(key: str) -> str:
    """A purchase order has one number only."""
    return f"{key} ({short_key(key)})" if ":" in key else key


class _Blanks(dict[str, _Blank]):
    def __missing__(self, name: str) -> _Blank:
        return _Blank(None, "?")
