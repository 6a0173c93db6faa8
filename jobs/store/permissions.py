"""Modes and stops: what may be written where (I10). Kept in the database, so a restart keeps them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select

from core.model.catalog import Sku
from core.rules.modes import Mode, Scope
from jobs.store.bulk import upsert
from jobs.store.store import Tx
from jobs.store.tables import mode, write_stop

#: The flows of a channel that write to the outside, each with a mode of its own.
WRITING_FLOWS = (
    "offers",
    "requests",
    "reservations",
    "shipments",
    "cancellations",
    "refunds",
    "returns",
)
#: The flow of a supplier's connection that writes to the outside.
PURCHASES = "purchases"
#: The flow of a trading partner's connection that tells it which of its documents could be read.
RECEIPTS = "receipts"
#: The flow of a channel that ends orders there.
CANCELLATIONS = "cancellations"
#: The flow of a channel that pays buyers back there.
REFUNDS = "refunds"
#: The flow of a channel that approves, declines, closes and cancels returns there.
RETURNS = "returns"
EVERYWHERE = "*"


class Permissions:
    """Statements about modes and stops, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def scope(self, channel: str, flow: str) -> Scope:
        """What the channel's flow may do now. Never set: observe."""
        row = self._connection.execute(
            select(mode).where(mode.c.scope == f"{channel}/{flow}")
        ).first()
        stopped = (
            self._connection.execute(
                select(write_stop.c.scope).where(write_stop.c.scope.in_([EVERYWHERE, channel]))
            ).first()
            is not None
        )
        if row is None:
            return Scope(mode=Mode.OBSERVE, skus=None, share=None, stopped=stopped)
        skus = None if row.skus is None else frozenset(row.skus)
        return Scope(mode=Mode(row.mode), skus=skus, share=row.share, stopped=stopped)

    def set_mode(
        self,
        channel: str,
        flow: str,
        to: Mode,
        *,
        skus: Iterable[Sku] | None,
        share: int | None,
        by: str,
    ) -> None:
        before = self.scope(channel, flow)
        upsert(
            self._connection,
            mode,
            [
                {
                    "scope": f"{channel}/{flow}",
                    "mode": str(to),
                    "skus": None if skus is None else sorted(skus),
                    "share": share,
                    "changed_at": self._tx.now,
                    "changed_by": by,
                }
            ],
            key=["scope"],
            returning=[],
        )
        self._tx.audit(
            by,
            "mode",
            f"{channel}/{flow}",
            before={"mode": str(before.mode), "share": before.share},
            after={"mode": str(to), "share": share, "skus": None if skus is None else sorted(skus)},
        )

    def stop(self, scope: str, *, by: str) -> None:
        upsert(
            self._connection,
            write_stop,
            [{"scope": scope, "since": self._tx.now, "by": by}],
            key=["scope"],
            keep=["since", "by"],
            returning=[],
        )
        self._tx.audit(by, "stop writes", scope)

    def resume(self, scope: str, *, by: str) -> bool:
        gone = self._connection.execute(
            delete(write_stop).where(write_stop.c.scope == scope)
        ).rowcount
        self._tx.audit(by, "resume writes", scope)
        return bool(gone)

    def stops(self) -> list[tuple[str, str]]:
        return [(row.scope, row.by) for row in self._connection.execute(select(write_stop))]
