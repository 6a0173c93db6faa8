"""What a mail says: groups with counts, one line per finding and the sum behind it, in the
reader's language.

Words come from the two catalogues of core.rules.sentences; everything foreign is escaped.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from jinja2 import DictLoader, Environment, StrictUndefined

from core.model.reasons import Reason
from core.rules.sentences import render

#: Lines per group; the rest is counted and found by `lockstep cases`.
LONGEST_GROUP = 20

_LOCALES = {"en": "en_US", "zh": "zh_Hans_CN"}

_TEXT = """{{ headline }}

{% for group in groups -%}
{{ group.title }} ({{ group.count }})
{% for line in group.lines -%}
- {{ line.text }}{% if line.resolved %} [{{ resolved_word }}]{% endif %}
{% for step in line.steps %}    {{ step }}
{% endfor -%}
{% endfor -%}
{% if group.more %}  {{ group.more }}
{% endif %}
{% endfor -%}
{% if closing %}{{ closing }}

{% endif -%}
--
{{ footer }}
"""

_HTML = """<!DOCTYPE html>
<html lang="{{ language }}"><body style="margin:0;padding:16px;font:15px/1.5 system-ui,sans-serif;color:#1c2330;background:#ffffff">
<div style="max-width:640px;margin:0 auto">
<p style="margin:0 0 4px;color:#5b6472;font-size:13px">{{ shop }} · {{ when }}</p>
<h1 style="margin:0 0 16px;font-size:19px;border-left:4px solid {{ color }};padding-left:10px">{{ headline }}</h1>
{% for group in groups %}
<h2 style="margin:16px 0 6px;font-size:15px">{{ group.title }} <span style="color:#5b6472;font-weight:normal">({{ group.count }})</span></h2>
<ul style="margin:0;padding-left:20px">
{% for line in group.lines %}<li style="margin:2px 0">{% if line.resolved %}<s>{{ line.text }}</s> <span style="color:#1b7f4d">{{ resolved_word }}</span>{% else %}{{ line.text }}{% endif %}{% if line.steps %}
<ul style="margin:2px 0 8px;padding-left:16px;color:#5b6472;font-size:13px">{% for step in line.steps %}<li>{{ step }}</li>{% endfor %}</ul>
{% endif %}</li>
{% endfor %}</ul>
{% if group.more %}<p style="margin:4px 0;color:#5b6472">{{ group.more }}</p>{% endif %}
{% endfor %}
{% if closing %}<p style="margin:16px 0 0">{{ closing }}</p>
{% endif %}<p style="margin:24px 0 0;padding-top:8px;border-top:1px solid #dde1e7;color:#5b6472;font-size:12px">{{ footer }}</p>
</div></body></html>
"""

_COLORS = {"info": "#3b6fb6", "warning": "#c27a0a", "critical": "#b3261e"}


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    reason: Reason
    severity: str
    since: datetime
    resolved_at: datetime | None
    #: the sum behind it, step by step; said while it is not over
    steps: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail's facts."""

    shop: str
    #: open, change, repeat, resolve
    kind: str
    group: str
    severity: str
    at: datetime
    time_zone: str
    findings: tuple[Finding, ...]
    #: what the group is called, where it has no rule's name
    title: Reason | None = None
    #: said instead of the usual headline, unless it is over
    headline: Reason | None = None
    #: what to do about it, after all findings
    closing: Reason | None = None


@dataclass(frozen=True, slots=True)
class Written:
    subject: str
    text: str
    html: str


@lru_cache(maxsize=1)
def _templates() -> tuple[Environment, Environment]:
    text = Environment(
        loader=DictLoader({"mail": _TEXT}), undefined=StrictUndefined, autoescape=False
    )
    html = Environment(
        loader=DictLoader({"mail": _HTML}), undefined=StrictUndefined, autoescape=True
    )
    return text, html


def write_letter(letter: Letter, *, language: str) -> Written:
    """Render one letter in one language."""

    def say(code: str, **args: str | int) -> str:
        return render(Reason.of(code, **args), language)

    by_rule: dict[str, list[Finding]] = {}
    for finding in letter.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    groups = [
        {
            "title": say(f"group_{rule}"),
            "count": len(found),
            "lines": [
                {
                    "text": render(one.reason, language),
                    "resolved": one.resolved_at is not None,
                    "steps": [render(step, language) for step in one.steps]
                    if one.resolved_at is None
                    else [],
                }
                for one in found[:LONGEST_GROUP]
            ],
            "more": say("mail_more", count=len(found) - LONGEST_GROUP)
            if len(found) > LONGEST_GROUP
            else "",
        }
        for rule, found in by_rule.items()
    ]
    open_now = Counter(one.rule for one in letter.findings if one.resolved_at is None)
    title = say(f"group_{letter.group}") if letter.group in by_rule else say("mail_first_import")
    if letter.title is not None:
        title = render(letter.title, language)
    headline = say(f"mail_{letter.kind}", title=title, count=sum(open_now.values()))
    over = letter.kind == "resolve"
    if letter.headline is not None and not over:
        headline = render(letter.headline, language)
    when = format_datetime(
        letter.at.astimezone(ZoneInfo(letter.time_zone)), "medium", locale=_LOCALES[language]
    )
    words = {
        "shop": letter.shop,
        "when": f"{when} {letter.time_zone}",
        "headline": headline,
        "groups": groups,
        "resolved_word": say("mail_resolved_word"),
        "closing": render(letter.closing, language) if letter.closing and not over else "",
        "footer": say("mail_footer", when=f"{when} {letter.time_zone}", shop=letter.shop),
        "language": language,
        "color": "#1b7f4d" if over else _COLORS[letter.severity],
    }
    text, html = _templates()
    return Written(
        subject=f"[{letter.shop}] {headline}",
        text=text.get_template("mail").render(words),
        html=html.get_template("mail").render(words),
    )
