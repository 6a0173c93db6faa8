"""What commands share: opening the application, printing a table or JSON."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import select

from core.model.reasons import Reason
from core.rules.sentences import render
from jobs import log
from jobs.bootstrap import Application, build, config_path
from jobs.store.store import Tx
from jobs.store.tables import decision

ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config", "-c", help="the YAML file [default: $LOCKSTEP_CONFIG or lockstep.yaml]"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="for machines")]
ByOption = Annotated[
    str | None, typer.Option("--by", help="who does this [default: your login name]")
]


def harmless(text: str) -> str:
    """Foreign text without control characters: no terminal obeys an order's title."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


class _Careful(Console):
    def print(self, *objects: Any, **options: Any) -> None:
        """Print; a Text that holds control characters is shown without them."""
        super().print(
            *(
                Text(harmless(one.plain))
                if isinstance(one, Text) and harmless(one.plain) != one.plain
                else one
                for one in objects
            ),
            **options,
        )


def console() -> Console:
    return _Careful(highlight=False)


def person(by: str | None) -> str:
    """Whom the audit trail names."""
    return by or os.environ.get("SUDO_USER") or getpass.getuser()


@contextlib.contextmanager
def application(config: str | None) -> Iterator[Application]:
    """The configured application, for one command."""
    log.configure(level="warning")
    opened = build(config_path(config, os.environ))
    try:
        yield opened
    finally:
        opened.close()


def show(
    rows: Sequence[Mapping[str, Any]],
    *,
    columns: Sequence[str],
    as_json: bool,
    title: str,
    empty: str,
    zone: str = "UTC",
) -> None:
    """A table for people, or a JSON list for machines. Foreign text is never read as markup."""
    if as_json:
        print(
            json.dumps(
                [{name: _plain(row[name]) for name in row} for row in rows], ensure_ascii=False
            )
        )
        return
    out = console()
    if not rows:
        out.print(Text(empty))
        return
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_words(row[name], zone)) for name in columns))
    out.print(table)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _words(value: Any, zone: str) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M:%S")
    return harmless(str(value))


def reasons(tx: Tx, subject: str, language: str) -> list[dict[str, str]]:
    """Everything that was decided about it, in turn."""
    return [
        {
            "at": row.at.isoformat(),
            "code": row.code,
            "text": render(Reason(row.code, row.args), language),
        }
        for row in tx.connection.execute(
            select(decision).where(decision.c.subject == subject).order_by(decision.c.id)
        )
    ]
