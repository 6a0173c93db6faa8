"""A plan can refuse: changes too large to be meant wait for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from core.model.catalog import ChannelId
from core.model.reasons import Reason


def unsafe(
    *,
    zeroed: int,
    live: int,
    most_zeroed: int,
    least_offers: int,
    before: int = 0,
    within: timedelta = timedelta(days=1),
    channel: ChannelId = "?",
) -> Reason | None:
    """Why a plan must not go out unseen, or None.

    `zeroed` of `live` offers (those that show more than 0) would go to 0, after plans that set
    `before` others to 0 `within` the time that is looked back on: many small plans are one large
    one. More than `most_zeroed` percent of what was live then is too much. Channels on which fewer
    than `least_offers` were live are not guarded: there selling out is everyday life.
    """
    were_live = live + before
    if zeroed <= 0 or live <= 0 or were_live < least_offers:
        return None
    if (zeroed + before) * 100 <= were_live * most_zeroed:
        return None
    if before == 0:
        return Reason.of(
            "unsafe_plan", channel=channel, zeroed=zeroed, live=live, percent=most_zeroed
        )
    return Reason.of(
        "unsafe_plans",
        channel=channel,
        zeroed=zeroed,
        before=before,
        hours=max(1, round(within / timedelta(hours=1))),
        live=were_live,
        percent=most_zeroed,
    )


@dataclass(frozen=True, slots=True)
class Behind:
    """The units of one component behind an offer that would go to 0."""

    #: of it in one sale of the listing
    per_sale: int
    #: on the shelves this channel sells from
    on_hand: int
    #: held for orders there, or promised to orders that wait
    held: int


def sold_out(shown: int, components: Iterable[Behind]) -> bool:
    """Whether orders alone take an offer from `shown` to 0: such a lowering never waits.

    True where some component still lies on the shelf and orders hold at least as many of its units
    as the channel would have sold. A shelf that a supplier's figure emptied is no sale: there
    nothing lies any more.
    """
    return any(one.on_hand > 0 and one.held >= shown * one.per_sale for one in components)
