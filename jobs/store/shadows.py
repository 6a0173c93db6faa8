"""What is compared with the old way of working, and the reports that were made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, insert, or_, select

from core.model.catalog import ChannelId, FulfilledBy, LocationId
from core.rules.shadow import Quantity, Route
from jobs.store.bulk import chunks
from jobs.store.store import Tx
from jobs.store.tables import decision, listing, offer, order_line, orders, shadow_report


class Shadows:
    """Statements about shadow reports, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def quantities(self, channel: ChannelId, *, currency: str) -> list[Quantity]:
        """Every offer that has a number of ours and was read."""
        rows = self._tx.rows(
            select(offer, listing.c.price, listing.c.currency)
            .join(
                listing,
                and_(
                    listing.c.channel == offer.c.channel, listing.c.remote_id == offer.c.remote_id
                ),
            )
            .where(
                offer.c.channel == channel, offer.c.wanted.is_not(None), offer.c.shown.is_not(None)
            )
        )
        return [
            Quantity(
                row.sku,
                row.remote_id,
                row.remote_location,
                row.wanted,
                row.shown,
                row.price if row.currency == currency else None,
            )
            for row in rows
        ]

    def routes(
        self,
        channel: ChannelId,
        *,
        first: datetime,
        end: datetime,
        currency: str,
        stands_for: Callable[[str], tuple[LocationId, ...]],
    ) -> list[Route]:
        """Orders that changed on the channel within the day and are shipped, whole, by others.

        Only those we would have routed: what we decided is kept, the shadow of it is not.
        """
        shipped = self._tx.rows(
            select(
                orders.c.id,
                orders.c.remote_id,
                orders.c.name,
                orders.c.total,
                orders.c.currency,
                func.min(order_line.c.assigned).label("place"),
                func.max(order_line.c.assigned).label("other_place"),
                func.count(order_line.c.assigned).label("told"),
                func.count().label("lines"),
            )
            .join(order_line, order_line.c.order_id == orders.c.id)
            .where(
                orders.c.channel == channel,
                orders.c.updated_at >= first,
                orders.c.updated_at < end,
                orders.c.canceled_at.is_(None),
                order_line.c.fulfilled_by == str(FulfilledBy.US),
                order_line.c.current > 0,
            )
            .group_by(orders.c.id)
            .having(func.min(order_line.c.fulfilled - order_line.c.current) >= 0)
            .having(func.max(order_line.c.external) > 0)
            .order_by(orders.c.id)
        )
        ours = self._routed([f"order {channel} {row.remote_id}" for row in shipped])
        found = []
        for row in shipped:
            routed = ours.get(f"order {channel} {row.remote_id}")
            if routed is None:
                continue
            one_place = row.place == row.other_place and row.told == row.lines
            found.append(
                Route(
                    row.name,
                    routed,
                    stands_for(row.place) if one_place and row.place else (),
                    row.total if row.currency == currency else None,
                )
            )
        return found

    def routes_told(
        self,
        channel: ChannelId,
        shipped: Mapping[str, tuple[LocationId, ...]],
        *,
        currency: str,
    ) -> dict[str, Route]:
        """Name or remote id of an order -> its route beside the places somebody says it went from.

        Without those that are not recorded on the channel, and those we never routed.
        """
        found = {}
        for chunk in chunks(sorted(shipped), 5_000):
            rows = self._tx.rows(
                select(orders).where(
                    orders.c.channel == channel,
                    or_(orders.c.name.in_(chunk), orders.c.remote_id.in_(chunk)),
                )
            )
            ours = self._routed([f"order {channel} {row.remote_id}" for row in rows])
            for row in rows:
                routed = ours.get(f"order {channel} {row.remote_id}")
                if routed is None:
                    continue
                named = row.name if row.name in shipped else row.remote_id
                value = row.total if row.currency == currency else None
                found[named] = Route(row.name, routed, shipped[named], value)
        return found

    def _routed(self, subjects: list[str]) -> Mapping[str, tuple[LocationId, ...]]:
        """Subject -> where the last decision sent the order."""
        found: dict[str, tuple[LocationId, ...]] = {}
        for chunk in chunks(subjects, 5_000):
            for row in self._tx.rows(
                select(decision.c.subject, decision.c.args)
                .where(decision.c.subject.in_(chunk), decision.c.code == "order_routed")
                .order_by(decision.c.id)
            ):
                found[row.subject] = tuple(str(row.args["location"]).split(", "))
        return found

    def began(self) -> datetime | None:
        """When the first decision of all was made."""
        return self._tx.connection.execute(
            select(decision.c.at).order_by(decision.c.id).limit(1)
        ).scalar()

    # --- reports ---------------------------------------------------------------------------------

    def keep(self, day: date, channel: ChannelId, body: Any) -> None:
        self._tx.connection.execute(
            insert(shadow_report).values(
                day=day.isoformat(), channel=channel, body=body, made_at=self._tx.now
            )
        )

    def kept(self, day: date) -> dict[ChannelId, tuple[Any, datetime]]:
        """Channel -> (its report of the day, when it was made)."""
        rows = self._tx.rows(
            select(shadow_report)
            .where(shadow_report.c.day == day.isoformat())
            .order_by(shadow_report.c.channel)
        )
        return {row.channel: (row.body, row.made_at) for row in rows}
