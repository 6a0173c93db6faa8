"""Channels on their way back to the quantities they showed before we took them over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, case, func, null, or_, select, update

from core.model.catalog import ChannelId, Sku
from jobs.store.plans import Plans
from jobs.store.store import Tx
from jobs.store.tables import change_plan, offer

KIND = "rollback"


class Rollbacks:
    """Statements about rollbacks, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def in_force(self) -> list[ChannelId]:
        """Channels whose wanted quantities a person fixed to those found at the take-over."""
        return list(
            self._connection.execute(
                select(change_plan.c.scope)
                .where(change_plan.c.kind == KIND, change_plan.c.state == "approved")
                .distinct()
                .order_by(change_plan.c.scope)
            ).scalars()
        )

    def offers(self, channel: ChannelId) -> list[Row[Any]]:
        """Offers of ours on the channel, with what was found there first."""
        return self._tx.rows(
            select(offer)
            .where(offer.c.channel == channel, offer.c.wanted.is_not(None))
            .order_by(offer.c.sku, offer.c.remote_id, offer.c.remote_location)
        )

    def want_found(self, channel: ChannelId, found: Sequence[tuple[str, str, int]]) -> int:
        """Want (remote id, place, quantity) again and let it out once; how many are to be written."""
        writing = 0
        for remote_id, place, quantity in found:
            version = offer.c.wanted_version + 1
            row = self._connection.execute(
                update(offer)
                .where(
                    offer.c.channel == channel,
                    offer.c.remote_id == remote_id,
                    offer.c.remote_location == place,
                    offer.c.wanted.is_not(None),
                )
                .values(
                    wanted=quantity,
                    wanted_version=version,
                    # What is shown already and nothing is under way to change needs no word.
                    released_version=case(
                        (and_(offer.c.shown == quantity, offer.c.sent.is_(None)), null()),
                        else_=version,
                    ),
                    wanted_at=self._tx.now,
                    steps=[["rolled_back", {"left": quantity}]],
                    look_at=self._tx.now,
                )
                .returning(offer.c.shown)
            ).first()
            writing += row is not None and row.shown != quantity
        self._tx.wake(f"{channel}/offers")
        return writing

    def left(self, channel: ChannelId) -> int:
        """Offers that do not show it yet, and still may: neither refused nor not kept there at all."""
        return int(
            self._connection.execute(
                select(func.count()).where(
                    offer.c.channel == channel,
                    offer.c.released_version == offer.c.wanted_version,
                    or_(offer.c.shown.is_not(None), offer.c.shown_at.is_(None)),
                    or_(
                        offer.c.refused_version.is_(None),
                        offer.c.refused_version != offer.c.wanted_version,
                    ),
                )
            ).scalar_one()
        )

    def end(self, channel: ChannelId) -> None:
        """Its quantities are decided by us again."""
        Plans(self._tx).use_up(KIND, channel)
        self._connection.execute(
            update(offer).where(offer.c.channel == channel).values(released_version=None)
        )

    def skus(self, channel: ChannelId) -> set[Sku]:
        return set(
            self._connection.execute(
                select(offer.c.sku).where(offer.c.channel == channel)
            ).scalars()
        )
