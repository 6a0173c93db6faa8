"""Plans that wait for a person: adoption, and pushes that would change too much."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, update

from jobs.store.store import Tx
from jobs.store.tables import change_plan


class Plans:
    """Statements about plans, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def add(self, kind: str, scope: str, body: Any, *, by: str, state: str = "waiting") -> int:
        """A new plan replaces the waiting one of the same kind and scope."""
        self._connection.execute(
            update(change_plan)
            .where(
                change_plan.c.kind == kind,
                change_plan.c.scope == scope,
                change_plan.c.state == "waiting",
            )
            .values(state="replaced", settled_at=self._tx.now, settled_by=by)
        )
        return int(
            self._connection.execute(
                insert(change_plan)
                .values(
                    kind=kind,
                    scope=scope,
                    body=body,
                    state=state,
                    created_at=self._tx.now,
                    created_by=by,
                )
                .returning(change_plan.c.id)
            ).scalar_one()
        )

    def amend(self, plan_id: int, body: Any) -> None:
        """Tell the same plan with newer figures; what a person would approve is unchanged."""
        self._connection.execute(
            update(change_plan).where(change_plan.c.id == plan_id).values(body=body)
        )

    def waiting(self) -> list[Row[Any]]:
        return self._tx.rows(select(change_plan).where(change_plan.c.state == "waiting"))

    def get(self, plan_id: int) -> Row[Any] | None:
        return self._connection.execute(
            select(change_plan).where(change_plan.c.id == plan_id)
        ).first()

    def settle(self, plan_id: int, state: str, *, by: str) -> bool:
        """End a plan that waits or was approved. False: it was settled before."""
        return bool(
            self._connection.execute(
                update(change_plan)
                .where(
                    change_plan.c.id == plan_id, change_plan.c.state.in_(["waiting", "approved"])
                )
                .values(state=state, settled_at=self._tx.now, settled_by=by)
            ).rowcount
        )

    def use_up(self, kind: str, scope: str) -> None:
        """What a person approved is out: the next of this kind asks again."""
        self._connection.execute(
            update(change_plan)
            .where(
                change_plan.c.kind == kind,
                change_plan.c.scope == scope,
                change_plan.c.state == "approved",
            )
            .values(state="done", settled_at=self._tx.now)
        )

    def approved(self, kind: str, scope: str) -> bool:
        """A person said yes to a plan of this kind, and it has not been used up."""
        return (
            self._connection.execute(
                select(change_plan.c.id).where(
                    change_plan.c.kind == kind,
                    change_plan.c.scope == scope,
                    change_plan.c.state == "approved",
                )
            ).first()
            is not None
        )
