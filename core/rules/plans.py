"""A plan can refuse: changes too large to be meant wait for a person."""

from __future__ import annotations

from core.model.catalog import ChannelId
from core.model.reasons import Reason


def unsafe(
    *, zeroed: int, live: int, most_zeroed: int, least_offers: int, channel: ChannelId = "?"
) -> Reason | None:
    """Why a plan must not go out unseen, or None.

    `zeroed` of `live` offers (those that show more than 0) would go to 0; more than `most_zeroed`
    percent is too much. Channels with fewer than `least_offers` live offers are not guarded: there
    selling out is everyday life.
    """
    if live <= 0 or live < least_offers or zeroed * 100 <= live * most_zeroed:
        return None
    return Reason.of("unsafe_plan", channel=channel, zeroed=zeroed, live=live, percent=most_zeroed)
