"""Writes that must happen exactly once: the intent first, then the call, then the record (I4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, case, select, text, update

from core.model.fulfillment import FulfillmentState
from core.rules.effects import EffectState
from jobs.store.bulk import upsert
from jobs.store.store import Tx
from jobs.store.tables import effect, fulfillment, orders

#: States in which a write may be under way or in doubt, or has still to be made.
LIVE = (
    EffectState.PLANNED,
    EffectState.SENDING,
    EffectState.STAGED,
    EffectState.ACCEPTED,
    EffectState.UNKNOWN,
)

_NEXT = text(
    "INSERT INTO serial (connection, last) VALUES (:connection, 1) "
    "ON CONFLICT (connection) DO UPDATE SET last = serial.last + 1 RETURNING last"
)


@dataclass(frozen=True, slots=True)
class EffectRow:
    id: int
    kind: str
    connection: str
    scope: str
    subject: str
    #: None where it is about no order of a buyer
    order_id: int | None
    number: int
    sku: str | None
    key: str
    document: bytes | None
    state: EffectState
    attempts: int
    settle_until: datetime | None
    response: str
    remote_ref: str
    told: str | None
    #: when the last call was begun
    sent_at: datetime | None

    @property
    def of_order(self) -> int:
        """The order it is about; requests and confirmations always have one."""
        assert self.order_id is not None, self.key
        return self.order_id


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect to be: `key` is fixed for ever and made of remote ids."""

    kind: str
    connection: str
    scope: str
    subject: str
    #: None where it is about no order of a buyer
    order_id: int | None
    number: int
    key: str
    #: what is asked for, in a stable text; its hash is kept beside the key
    request: str
    sku: str | None = None
    proposed: bool = False
    #: what it says, where nothing else keeps it
    told: str | None = None


class Effects:
    """Statements about effects, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def plan(self, intents: Sequence[Intent]) -> None:
        """Write intents in the transaction that decided them; a repeat of a key is a no-op."""
        upsert(
            self._connection,
            effect,
            [
                {
                    "kind": one.kind,
                    "connection": one.connection,
                    "scope": one.scope,
                    "subject": one.subject,
                    "order_id": one.order_id,
                    "number": one.number,
                    "sku": one.sku,
                    "key": one.key,
                    "told": one.told,
                    "request_hash": hashlib.sha256(one.request.encode()).hexdigest(),
                    "state": str(EffectState.PROPOSED if one.proposed else EffectState.PLANNED),
                    "attempts": 0,
                    "created_at": self._tx.now,
                    "response": "",
                    "remote_ref": "",
                }
                for one in intents
            ],
            key=["key"],
            keep=[
                "kind", "connection", "scope", "subject", "order_id", "number", "sku", "told", "request_hash",
                "state", "attempts", "created_at", "response", "remote_ref",
            ],
            returning=[],
        )  # fmt: skip

    def live(
        self, connection: str, kind: str, *, after: int = 0, limit: int = 500
    ) -> list[EffectRow]:
        """Effects of this connection that are not settled and newer than `after`, oldest first."""
        rows = self._connection.execute(
            select(effect)
            .where(
                effect.c.connection == connection,
                effect.c.kind == kind,
                effect.c.id > after,
                effect.c.state.in_([str(state) for state in LIVE]),
            )
            .order_by(effect.c.id)
            .limit(limit)
        )
        return [_row(row) for row in rows]

    def hold_unsent(self, orders: Sequence[int]) -> None:
        """Keep the requests of these orders from being sent until this transaction ends."""
        if self._connection.dialect.name != "sqlite":
            self._connection.execute(
                select(effect.c.id)
                .where(
                    effect.c.order_id.in_(orders),
                    effect.c.state.in_([str(EffectState.PLANNED), str(EffectState.PROPOSED)]),
                )
                .order_by(effect.c.id)
                .with_for_update()
            )

    def get(self, effect_id: int) -> EffectRow:
        return _row(self._connection.execute(select(effect).where(effect.c.id == effect_id)).one())

    def parked_as(self, key: str) -> EffectRow | None:
        """The parked effect of this key."""
        return self._as(key, EffectState.PARKED)

    def latest_as(self, key: str) -> EffectRow | None:
        """The effect of this key, in whatever state; of several the last."""
        query = select(effect).where(effect.c.key == key).order_by(effect.c.id.desc()).limit(1)
        row = self._connection.execute(query).first()
        return None if row is None else _row(row)

    def done_as(self, key: str) -> EffectRow | None:
        """The effect of this key that took place."""
        return self._as(key, EffectState.DONE)

    def _as(self, key: str, state: EffectState) -> EffectRow | None:
        row = self._connection.execute(
            select(effect).where(effect.c.key == key, effect.c.state == str(state))
        ).first()
        return None if row is None else _row(row)

    def made_of(self, kind: str, subject: str) -> list[EffectRow]:
        """Effects of this kind about this subject that took place, oldest first."""
        query = select(effect).where(
            effect.c.kind == kind,
            effect.c.subject == subject,
            effect.c.state == str(EffectState.DONE),
        )
        return [_row(row) for row in self._connection.execute(query.order_by(effect.c.id))]

    def tried(self, key: str) -> bool:
        """Whether a call was ever made for it: somebody may know of it."""
        found = select(effect.c.id).where(effect.c.key == key, effect.c.attempts > 0)
        return self._connection.execute(found).first() is not None

    def handed_over(self, one: EffectRow, *, remote_ref: str) -> None:
        """A request is where its place picks it up: done, and the fulfillment is asked for."""
        self.done(one, remote_ref=remote_ref)
        # The place's own answer may have been faster than this record.
        planned = fulfillment.c.state == str(FulfillmentState.PLANNED)
        requested = case((planned, str(FulfillmentState.REQUESTED)), else_=fulfillment.c.state)
        self._connection.execute(
            update(fulfillment)
            .where(
                fulfillment.c.order_id == one.order_id,
                fulfillment.c.number == one.number,
            )
            .values(state=requested, requested_at=self._tx.now)
        )

    def cancel_unsent(self, key: str) -> bool:
        """Take back what did not go out. False: it is on its way or in doubt, or was never planned."""
        unsent = (EffectState.PLANNED, EffectState.PROPOSED, EffectState.REFUSED)
        return bool(
            self._connection.execute(
                update(effect)
                .where(effect.c.key == key, effect.c.state.in_([str(one) for one in unsent]))
                .values(state=str(EffectState.CANCELED))
            ).rowcount
        )

    def sending(
        self, one: EffectRow, *, settle_until: datetime, fence: int, document: bytes | None = None
    ) -> bool:
        """Committed before the call: nobody looks or resends before `settle_until`.

        False: it is not as it was read any more (canceled meanwhile), and must not be sent.
        """
        values: dict[str, object] = {
            "state": str(EffectState.SENDING),
            "attempts": effect.c.attempts + 1,
            "sent_at": self._tx.now,
            "settle_until": settle_until,
            "fence": fence,
        }
        if document is not None:
            values["document"] = document
        return bool(
            self._connection.execute(
                update(effect)
                .where(effect.c.id == one.id, effect.c.state == str(one.state))
                .values(**values)
            ).rowcount
        )

    def number(self, one: EffectRow) -> int:
        """The next number of this connection's documents, for the one that is made now."""
        made = int(self._connection.execute(_NEXT, {"connection": one.connection}).scalar_one())
        self._set(one.id, {"serial": made})
        return made

    def numbered(self, connection: str, number: int) -> EffectRow | None:
        """What went out (or may have) under this number."""
        row = self._connection.execute(
            select(effect).where(effect.c.connection == connection, effect.c.serial == number)
        ).first()
        return None if row is None else _row(row)

    def wish_again(self, key: str, *, told: str | None = None) -> None:
        """What was refused, or taken back before it was sent, is planned anew, as it is `told` now."""
        over = (EffectState.REFUSED, EffectState.CANCELED)
        self._connection.execute(
            update(effect)
            .where(effect.c.key == key, effect.c.state.in_([str(one) for one in over]))
            .values(
                state=str(EffectState.PLANNED),
                settle_until=None,
                response="",
                remote_ref="",
                told=told,
            )
        )

    def others(self, kind: str, connection: str, *, begins: str, key: str) -> list[str]:
        """Keys of this kind that begin so, but for this one."""
        query = select(effect.c.key).where(
            effect.c.kind == kind,
            effect.c.connection == connection,
            effect.c.key.startswith(begins, autoescape=True),
            effect.c.key != key,
        )
        return sorted(self._connection.execute(query).scalars())

    def any_numbered(self, connection: str) -> bool:
        """Whether a document with a number ever went out through this connection."""
        query = select(effect.c.id).where(
            effect.c.connection == connection, effect.c.serial.is_not(None)
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def received(self, one: EffectRow, at: datetime) -> None:
        """The other side said that it could read the document."""
        self._set(one.id, {"received_at": at})

    def not_received(
        self, connection: str, *, sent_after: datetime, sent_before: datetime
    ) -> list[EffectRow]:
        """Documents that went out between these and that the other side has not spoken of."""
        rows = self._connection.execute(
            select(effect)
            .where(
                effect.c.connection == connection,
                effect.c.serial.is_not(None),
                effect.c.kind != "receipt",
                effect.c.state == str(EffectState.DONE),
                effect.c.sent_at > sent_after,
                effect.c.sent_at < sent_before,
                effect.c.received_at.is_(None),
            )
            .order_by(effect.c.id)
        )
        return [_row(row) for row in rows]

    def exists(self, key: str) -> bool:
        """Whether it was ever planned."""
        found = self._connection.execute(select(effect.c.id).where(effect.c.key == key))
        return found.first() is not None

    def of_order(self, order_id: int, kind: str) -> list[EffectRow]:
        """All of this kind that were ever planned for this order."""
        query = select(effect).where(effect.c.order_id == order_id, effect.c.kind == kind)
        return [_row(row) for row in self._connection.execute(query.order_by(effect.c.id))]

    def unshown(self, kind: str, scope: str, *, sent_before: datetime) -> list[EffectRow]:
        """Cancellations that were made so long ago, of orders that the channel does not show so."""
        rows = self._connection.execute(
            select(effect)
            .join(orders, orders.c.id == effect.c.order_id)
            .where(
                orders.c.canceling.is_not(None),
                orders.c.canceled_at.is_(None),
                effect.c.kind == kind,
                effect.c.scope == scope,
                effect.c.state == str(EffectState.DONE),
                effect.c.sent_at < sent_before,
            )
        )
        return [_row(row) for row in rows]

    def knows(self, key: str) -> bool:
        """Whether something of ours has this name."""
        query = select(effect.c.id).where(effect.c.key == key)
        return self._tx.connection.execute(query).first() is not None

    def request_of(self, key: str) -> str | None:
        """How far the request of this key is; None: there is none."""
        return self._tx.connection.execute(
            select(effect.c.state).where(effect.c.key == key, effect.c.kind == "request")
        ).scalar_one_or_none()

    def staged(self, one: EffectRow) -> None:
        """The file lies there whole under its staging name; only now may it be renamed."""
        self._set(one.id, {"state": str(EffectState.STAGED), "settle_until": None})

    def releasing(self, one: EffectRow, *, settle_until: datetime) -> None:
        """Committed before the rename."""
        self._set(one.id, {"settle_until": settle_until})

    def done(self, one: EffectRow, *, remote_ref: str) -> None:
        self._set(
            one.id, {"state": str(EffectState.DONE), "remote_ref": remote_ref, "settle_until": None}
        )

    def accepted(self, one: EffectRow, *, remote_ref: str, look_at: datetime) -> None:
        """The remote took it in and says later what became of it; nobody looks before `look_at`."""
        values = {"state": str(EffectState.ACCEPTED), "remote_ref": remote_ref}
        self._set(one.id, {**values, "settle_until": look_at})

    def wait(self, one: EffectRow, *, until: datetime) -> None:
        """Nobody looks at it again before then."""
        self._set(one.id, {"settle_until": until})

    def references(self, kind: str, connection: str) -> list[str]:
        """What the remote calls those of this kind that it took in."""
        query = select(effect.c.remote_ref).where(
            effect.c.kind == kind, effect.c.connection == connection, effect.c.remote_ref != ""
        )
        return list(self._connection.execute(query).scalars())

    def open_of(self, order_id: int, kind: str) -> list[EffectRow]:
        """Effects of an order that may have been sent or not, and are not over."""
        rows = self._connection.execute(
            select(effect).where(
                effect.c.order_id == order_id,
                effect.c.kind == kind,
                effect.c.state.in_([*map(str, LIVE), str(EffectState.PROPOSED)]),
            )
        )
        return [_row(row) for row in rows]

    def refused(self, one: EffectRow, *, response: str) -> None:
        self._set(one.id, {"state": str(EffectState.REFUSED), "response": response})

    def unknown(self, one: EffectRow, *, response: str) -> None:
        """It may have landed; the settle delay committed with `sending` still holds."""
        self._set(one.id, {"state": str(EffectState.UNKNOWN), "response": response})

    def planned_again(self, one: EffectRow, *, response: str = "") -> None:
        """Proved not to have landed. What goes out next is written afresh from what is known then."""
        self._set(
            one.id,
            {
                "state": str(EffectState.PLANNED),
                "response": response,
                "settle_until": None,
                "document": None,
            },
        )

    def parked(self, one: EffectRow, *, response: str) -> None:
        self._set(one.id, {"state": str(EffectState.PARKED), "response": response})

    def _set(self, effect_id: int, values: dict[str, object]) -> None:
        self._connection.execute(update(effect).where(effect.c.id == effect_id).values(**values))


def _row(row: Row[tuple[object, ...]]) -> EffectRow:
    return EffectRow(
        id=row.id,
        kind=row.kind,
        connection=row.connection,
        scope=row.scope,
        subject=row.subject,
        order_id=row.order_id,
        number=row.number,
        sku=row.sku,
        key=row.key,
        document=row.document,
        state=EffectState(row.state),
        attempts=row.attempts,
        settle_until=row.settle_until,
        response=row.response,
        remote_ref=row.remote_ref,
        told=row.told,
        sent_at=row.sent_at,
    )
