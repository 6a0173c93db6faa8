"""Sales told to the remote whose place they are sold from: where each stands, and every step told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, insert, or_, select, union, update

from core.model.catalog import ChannelId, LocationId, Sku
from core.model.reservations import ReservationStep, Standing, Telling
from core.model.stock import HELD, ReservationState
from core.rules.effects import EffectState
from core.rules.reservations import after
from jobs.store.bulk import chunks, upsert
from jobs.store.effects import LIVE, EffectRow
from jobs.store.store import Tx
from jobs.store.tables import effect, orders, reservation, set_aside, set_aside_step

KIND = "reservation"


@dataclass(frozen=True, slots=True)
class Sale:
    """An order of one channel that is sold from a place another remote counts."""

    order_id: int
    channel: ChannelId
    order: str
    location: LocationId


@dataclass(frozen=True, slots=True)
class Told:
    """One step, as it was planned."""

    location: LocationId
    telling: Telling


class SetAsides:
    """Statements about units set aside at remotes, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def standings(
        self,
        location: LocationId,
        *,
        besides: Collection[ChannelId],
        since: datetime,
        order_id: int | None = None,
    ) -> dict[Sale, dict[Sku, Standing]]:
        """Where sales stand that are not of the counting channels, placed from the cut-over on."""
        live = union(
            select(reservation.c.order_id).where(
                reservation.c.location == location, reservation.c.state.in_(HELD)
            ),
            select(set_aside.c.order_id).where(
                set_aside.c.location == location, set_aside.c.kept > 0
            ),
        )
        gone = or_(
            reservation.c.state == ReservationState.CONSUMED, reservation.c.shipped.is_(True)
        )
        held = reservation.c.state.in_(HELD) & reservation.c.shipped.is_(False)
        units = reservation.c.quantity
        query = (
            select(
                orders.c.id,
                orders.c.channel,
                orders.c.remote_id,
                reservation.c.sku,
                func.sum(case((held, units), else_=0)).label("held"),
                func.sum(case((gone, units), else_=0)).label("gone"),
            )
            .join(orders, orders.c.id == reservation.c.order_id)
            .where(
                reservation.c.location == location,
                orders.c.channel.not_in(list(besides)),
                or_(orders.c.placed_at >= since, orders.c.listed),
                orders.c.id == order_id if order_id else orders.c.id.in_(live),
            )
            .group_by(orders.c.id, orders.c.channel, orders.c.remote_id, reservation.c.sku)
            .order_by(orders.c.id, reservation.c.sku)
        )
        found: dict[Sale, dict[Sku, Standing]] = defaultdict(dict)
        rows = self._tx.rows(query)
        known = self._acknowledged(location, {row.id for row in rows})
        for row in rows:
            kept, told = known.get((row.id, row.sku), (0, 0))
            found[Sale(row.id, row.channel, row.remote_id, location)][row.sku] = Standing(
                held=int(row.held), shipped=int(row.gone), kept=kept, told=told
            )
        return found

    def _acknowledged(
        self, location: LocationId, order_ids: Collection[int]
    ) -> dict[tuple[int, Sku], tuple[int, int]]:
        return {
            (row.order_id, row.sku): (row.kept, row.told)
            for chunk in chunks(sorted(order_ids))
            for row in self._tx.rows(
                select(set_aside).where(
                    set_aside.c.location == location, set_aside.c.order_id.in_(chunk)
                )
            )
        }

    def put(
        self,
        order_id: int,
        location: LocationId,
        counts: Mapping[Sku, tuple[int, int]],
        *,
        reserved: bool = False,
    ) -> None:
        """(kept, told) per Sku, as the remote acknowledged; `reserved`: it keeps more since now."""
        upsert(
            self._connection,
            set_aside,
            [
                {
                    "order_id": order_id,
                    "location": location,
                    "sku": sku,
                    "kept": kept,
                    "told": told,
                    "since": self._tx.now if reserved else None,
                }
                for sku, (kept, told) in sorted(counts.items())
            ],
            key=["order_id", "location", "sku"],
            keep=() if reserved else ("since",),
            returning=[],
        )

    def acknowledge(self, order_id: int, told: Told) -> None:
        """The remote has done this step."""
        known = self._acknowledged(told.location, {order_id})
        counts = {}
        for sku, units in told.telling.units.items():
            kept, before = known.get((order_id, sku), (0, 0))
            counts[sku] = after(told.telling.step, units, kept=kept, told=before)
        reserved = told.telling.step is ReservationStep.RESERVE
        self.put(order_id, told.location, counts, reserved=reserved)

    # --- steps -----------------------------------------------------------------------------------

    def add_step(self, sale: Sale, telling: Telling) -> int:
        """Number a step of this order. (Its Effect is planned in the same transaction.)"""
        number = 1 + int(
            self._connection.execute(
                select(func.coalesce(func.max(set_aside_step.c.number), 0)).where(
                    set_aside_step.c.order_id == sale.order_id
                )
            ).scalar_one()
        )
        self._connection.execute(
            insert(set_aside_step).values(
                order_id=sale.order_id,
                number=number,
                location=sale.location,
                step=str(telling.step),
                units=dict(telling.units),
            )
        )
        return number

    def step(self, order_id: int, number: int) -> Told:
        row = self._connection.execute(
            select(set_aside_step).where(
                set_aside_step.c.order_id == order_id, set_aside_step.c.number == number
            )
        ).one()
        return Told(row.location, Telling(ReservationStep(row.step), dict(row.units)))

    def barred(self, location: LocationId, sales: Sequence[Sale]) -> dict[int, Telling | None]:
        """Orders that must not be told anything now; or, with a Telling, not this one again.

        A step is under way, waits for a person, or was refused as it is.
        """
        found: dict[int, Telling | None] = {}
        waiting = {*map(str, LIVE), str(EffectState.PROPOSED), str(EffectState.PARKED)}
        for chunk in chunks(sorted({sale.order_id for sale in sales}), 500):
            for row in self._tx.rows(
                select(set_aside_step, effect.c.state)
                .join(
                    effect,
                    (effect.c.order_id == set_aside_step.c.order_id)
                    & (effect.c.number == set_aside_step.c.number)
                    & (effect.c.kind == KIND),
                )
                .where(
                    set_aside_step.c.order_id.in_(chunk),
                    set_aside_step.c.location == location,
                    effect.c.state.in_([*waiting, str(EffectState.REFUSED)]),
                )
                .order_by(set_aside_step.c.order_id, set_aside_step.c.number)
            ):
                if row.state in waiting:
                    found[row.order_id] = None
                elif found.get(row.order_id, "") is not None:
                    found[row.order_id] = Telling(ReservationStep(row.step), dict(row.units))
        return found

    def cancel(self, one: EffectRow) -> bool:
        """Not needed any more, and never sent. False: it is not as it was read."""
        return bool(
            self._connection.execute(
                update(effect)
                .where(effect.c.id == one.id, effect.c.state == str(EffectState.PLANNED))
                .values(state=str(EffectState.CANCELED))
            ).rowcount
        )

    def sent_at(self, one: EffectRow) -> datetime | None:
        row = self._connection.execute(select(effect.c.sent_at).where(effect.c.id == one.id)).one()
        at: datetime | None = row.sent_at
        return at
