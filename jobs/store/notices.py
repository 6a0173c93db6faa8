"""What each document said of what goes under one number: a parcel, or goods for our own shelf."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import select

from core.model.catalog import Sku
from core.rules.notices import Said
from jobs.store.bulk import upsert
from jobs.store.store import Tx
from jobs.store.tables import notice_line

#: The Sku of a document that says that nothing is in the parcel: it is known all the same.
_NOTHING = ""


class Notices:
    """Statements about notices of one request or purchase order, within one transaction."""

    def __init__(self, tx: Tx, key: str) -> None:
        self._tx, self._key = tx, key

    def said(self) -> dict[str, dict[str, dict[Sku, Said]]]:
        """Tracking number -> document -> Sku -> what it says."""
        found: dict[str, dict[str, dict[Sku, Said]]] = defaultdict(dict)
        query = select(notice_line).where(notice_line.c.key == self._key)
        for row in self._tx.rows(query.order_by(notice_line.c.document, notice_line.c.sku)):
            words = found[row.tracking_number].setdefault(row.document, {})
            if row.sku != _NOTHING:
                words[row.sku] = Said(row.units, row.taken)
        return dict(found)

    def keep(self, tracking_number: str, document: str, words: Mapping[Sku, Said]) -> None:
        """This is what it says now. What it said before and does not any more stays, with 0 units."""
        rows = [
            {
                "key": self._key,
                "tracking_number": tracking_number,
                "document": document,
                "sku": sku,
                "units": said.units,
                "taken": said.taken,
                "at": self._tx.now,
            }
            for sku, said in sorted((words or {_NOTHING: Said(0, 0)}).items())
        ]
        key = ["key", "tracking_number", "document", "sku"]
        upsert(self._tx.connection, notice_line, rows, key=key, keep=["at"], returning=[])
