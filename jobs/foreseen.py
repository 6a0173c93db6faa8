"""Why a channel does not show what we want: what the push would do next, and what keeps it from that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, and_, select

from core.model.catalog import ChannelId, OfferKey, Sku
from core.model.reasons import Reason
from core.ports import OfferTarget
from core.rules.modes import Scope
from core.rules.publishing import Move, Repair, next_step
from jobs.publish import aim, barred, pace_of
from jobs.sales import sold_out_offers
from jobs.store.offers import OfferRow, offer_row
from jobs.store.permissions import Permissions
from jobs.store.store import Tx
from jobs.store.tables import cases, decision, listing, offer, unit
from jobs.wiring import Wiring


def foreseen(
    tx: Tx, wiring: Wiring, channel: ChannelId, sku: Sku
) -> dict[OfferKey, tuple[Reason, ...]]:
    """Each offer of a Sku -> what is next for it, and why not; empty where it shows what we want.

    Nothing is read from the channel and nothing is written.
    """
    if channel not in wiring.config.channels:
        return {}
    if not isinstance(wiring.connectors[wiring.connection_of[channel]], OfferTarget):
        return {}
    rows = tx.rows(
        select(offer, listing.c.inventory_id, listing.c.attributes)
        .join(
            listing,
            and_(listing.c.channel == offer.c.channel, listing.c.remote_id == offer.c.remote_id),
        )
        .where(offer.c.channel == channel, offer.c.sku == sku, offer.c.wanted.is_not(None))
    )
    outlook = _Outlook(tx, wiring, channel)
    asked = {OfferKey(row.channel, row.remote_id, row.remote_location): row for row in rows}
    aimed, fewer = aim(tx, wiring, channel, [offer_row(row) for row in rows], outlook.complete_to)
    return {
        row.change.key: tuple(outlook.of(row, asked[row.change.key], fewer.get(row.change.key, 0)))
        for row in aimed
    }


class _Outlook:
    """What decides about the offers of one channel now."""

    def __init__(self, tx: Tx, wiring: Wiring, channel: ChannelId) -> None:
        self._tx, self._wiring, self._channel = tx, wiring, channel
        self._pace = pace_of(wiring, channel)
        self._scope: Scope = Permissions(tx).scope(channel, "offers")
        self._counted = {one.remote_id for one in wiring.counted_by_channel(channel)}
        self._unsafe = self._case("unsafe_plan")
        self._sold_out = (
            sold_out_offers(tx, wiring, channel) if self._unsafe is not None else frozenset()
        )
        self.complete_to: datetime | None = tx.connection.execute(
            select(unit.c.complete_to).where(unit.c.id == f"{channel}/orders")
        ).scalar()

    def of(self, aimed: OfferRow, stored: Row[Any], fewer: int) -> Iterator[Reason]:
        """`aimed`: as it would be written now, `fewer` units less than it is wanted."""
        key = aimed.change.key
        if key.remote_location and key.remote_location in self._counted:
            yield Reason.of("offer_not_ours")
            return
        step = next_step(
            aimed.state,
            orders_complete_to=self.complete_to,
            now=self._tx.now,
            pace=self._pace,
        )
        differs = aimed.state.before != stored.wanted or aimed.state.handling_due
        refusal = barred(aimed, self._scope)
        refused = refusal is not None and refusal.code == "refused_as_it_is"
        # A number that was refused is not looked at again, whatever would be next.
        if step.move is not Move.NOTHING and not refused:
            yield step.reason
        if refusal is not None and differs:
            yield refusal
        if aimed.state.repair is not Repair.FREE and (case := self._case(stored.stopped_by)):
            yield Reason.of("stopped_by_case", case=case.id, group=f"case_{case.kind}")
        if (
            self._unsafe is not None
            and step.move is Move.PUSH
            and stored.wanted == 0
            and key not in self._sold_out
        ):
            yield Reason.of("stopped_by_case", case=self._unsafe.id, group="case_unsafe_plan")
            yield Reason(self._unsafe.code, self._unsafe.args)
        if differs:
            yield from self._unseen(aimed, stored, fewer)

    def _unseen(self, aimed: OfferRow, stored: Row[Any], fewer: int) -> Iterator[Reason]:
        """What is taken off for orders we have not heard of: now, or by the write that is shown."""
        if fewer and self.complete_to is not None:
            yield Reason.of(
                "unseen_orders",
                sku=aimed.sku,
                channel=self._channel,
                quantity=fewer,
                minutes=max(1, round((self._tx.now - self.complete_to) / timedelta(minutes=1))),
            )
            return
        told = self._tx.rows(
            select(decision)
            .where(
                decision.c.subject == f"sku {aimed.sku}",
                decision.c.code == "unseen_orders",
                decision.c.at >= stored.wanted_at,
            )
            .order_by(decision.c.id.desc())
        )
        latest = next((one for one in told if one.args["channel"] == self._channel), None)
        if latest is not None:
            yield Reason.of(
                "unseen_taken_off",
                at=self._local(latest.at),
                quantity=latest.args["quantity"],
                minutes=latest.args["minutes"],
            )

    def _local(self, at: datetime) -> str:
        zone = ZoneInfo(self._wiring.config.shop.time_zone)
        return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    def _case(self, kind: str | None) -> Row[Any] | None:
        """The channel's open Case of a kind."""
        found = self._tx.rows(
            select(cases).where(
                cases.c.kind == kind,
                cases.c.subject == f"channel {self._channel}",
                cases.c.state == "open",
            )
        )
        return found[0] if found else None
