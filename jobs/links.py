"""Pages on which a partner's people answer: an address nobody can guess, that answers once.

The token is 256 random bits; what is kept is its SHA-256, so that nobody who reads the database or
a copy of it can answer for a supplier.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from core.ports import AnswerPages
from jobs.store.store import Tx
from jobs.store.tables import answer_link
from jobs.wiring import Wiring

#: What the path of every page begins with.
PATH = "/answer/"
#: What the key of a page begins with on which a parcel of that request is told.
PARCEL = "parcel:"
#: How long a link that is over is kept, to say that it is.
KEPT_AFTER = timedelta(days=90)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Link:
    """What a token opens."""

    token_hash: str
    connection: str
    key: str
    expires_at: datetime
    spent_at: datetime | None


def issue(tx: Tx, wiring: Wiring, connection: str, key: str, *, open_for: timedelta | None) -> str:
    """A new page's whole address; "" where they answer by no page, or none can be reached."""
    inbound = wiring.config.inbound
    if open_for is None or inbound.port is None or not inbound.public_url:
        return ""
    token = secrets.token_urlsafe(32)
    tx.connection.execute(
        insert(answer_link).values(
            token_hash=_hash(token),
            connection=connection,
            key=key,
            made_at=tx.now,
            expires_at=tx.now + open_for,
        )
    )
    return f"{inbound.public_url.rstrip('/')}{PATH}{token}"


def pages_of(
    tx: Tx, wiring: Wiring, connection: str, key: str, *, open_for: timedelta | None
) -> AnswerPages:
    """New pages on which a request to ship is answered, and its parcel told."""
    parcel = f"{PARCEL}{key}"
    return AnswerPages(
        issue(tx, wiring, connection, key, open_for=open_for),
        issue(tx, wiring, connection, parcel, open_for=open_for),
    )


def find(tx: Tx, token: str) -> Link | None:
    """What it opens, open or over. What was never given out opens nothing.

    It is looked up by its hash: how long that takes tells nothing of any token.
    """
    if not _TOKEN.fullmatch(token):
        return None
    columns = answer_link.c
    row = tx.connection.execute(
        select(
            columns.token_hash, columns.connection, columns.key, columns.expires_at,
            columns.spent_at,
        ).where(columns.token_hash == _hash(token))
    ).first()  # fmt: skip
    return None if row is None else Link(*row)


def spend(tx: Tx, link: Link) -> bool:
    """Use it up, with every other link to the same order. False: somebody was faster."""
    used = tx.connection.execute(
        update(answer_link)
        .where(answer_link.c.token_hash == link.token_hash, answer_link.c.spent_at.is_(None))
        .values(spent_at=tx.now)
    ).rowcount
    tx.connection.execute(
        update(answer_link)
        .where(
            answer_link.c.connection == link.connection,
            answer_link.c.key == link.key,
            answer_link.c.spent_at.is_(None),
        )
        .values(spent_at=tx.now)
    )
    return bool(used)


def forget(tx: Tx) -> None:
    """Links that are over for long."""
    tx.connection.execute(delete(answer_link).where(answer_link.c.expires_at < tx.now - KEPT_AFTER))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
