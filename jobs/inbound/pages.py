"""What every page looks like that a partner's people see: nothing of it runs, is kept, or is framed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from jinja2 import Environment, StrictUndefined, Template

from jobs.store.store import Tx

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;color:#1c2330;max-width:52rem;margin:2rem auto;"
    "padding:0 1rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;"
    "padding:.4rem;border-bottom:1px solid #dde1e7;vertical-align:top}.wrong{color:#a3201b}"
    "button{font:inherit;padding:.5rem 1.5rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

#: With every page: nothing is run, framed, sent elsewhere, kept, or told to other sites.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined)
_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>{{ style }}</style></head><body>
<h1>{{ title }}</h1>
{% if told %}<p>{{ told }}</p>{% endif %}
"""
_FOOT = "</body></html>\n"


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered: an HTTP status and HTML."""

    status: int
    html: str
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)


def template(fields: str = "", *, once: str = "Sent once, it cannot be changed here.") -> Template:
    """A page with these fields to fill in, in Jinja; without any there is nothing to send."""
    form = ""
    if fields:
        form = (
            '{% for problem in problems %}<p class="wrong">{{ problem }}</p>\n{% endfor %}\n'
            f'<form method="post">\n{fields}\n<p>{once}</p>\n'
            '<button type="submit">Send this answer</button>\n</form>\n'
        )
    return _ENVIRONMENT.from_string(_HEAD + form + _FOOT)


_PLAIN = template()


def shown(status: int, title: str, told: str = "") -> Page:
    """A page that only says something."""
    return Page(status, _PLAIN.render(title=title, told=told, style=_STYLE))


def filled_in(
    status: int, title: str, made_of: Template, *, problems: Sequence[str],
    given: Mapping[str, str], **more: object,
) -> Page:  # fmt: skip
    """A page with fields, and what was written into them before."""
    html = made_of.render(
        title=title, told="", style=_STYLE, problems=problems, given=given, **more
    )
    return Page(status, html)


@dataclass(frozen=True, slots=True)
class Taken:
    """An answer that can be read."""

    #: records it
    record: Callable[[Tx], None]
    thanks: str
    #: it uses the page up; else the page closes where nothing is left to be said
    once: bool = True


class Form(Protocol):
    """What one page asks, and what an answer to it means."""

    def page(self, status: int, problems: Sequence[str], given: Mapping[str, str]) -> Page:
        """The page, with what was written into it."""

    def read(self, given: Mapping[str, str], *, at: datetime) -> Taken | list[str]:
        """What was sent from it, or what is wrong with it, in words for who wrote it."""
