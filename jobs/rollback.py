"""Going back: a channel shows again what it showed when it was taken over, and is left alone then.

First a plan that lists every difference, then applied by its number. The quantities go out the
ordinary way (compare-and-set, raising only when the orders are in, one at a time where a remote is
slow), released like any other proposal; meanwhile nothing else is decided for the channel. What is
written once is not written again: the old way of working may go on at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import LockstepError
from core.model.catalog import ChannelId, Sku
from core.model.reasons import Reason
from core.rules.modes import Mode
from jobs.store.permissions import Permissions
from jobs.store.plans import Plans
from jobs.store.rollbacks import KIND, Rollbacks
from jobs.store.store import Store
from jobs.wiring import Wiring


class CannotRollBack(LockstepError):
    """The channel cannot be rolled back."""


@dataclass(frozen=True)
class GoingBack:
    """One offer that shows something else than when the channel was taken over."""

    sku: Sku
    remote_id: str
    place: str
    shown: int | None
    #: at the take-over
    found: int
    #: what we would show now: more than this is more than there is, as far as we know
    ours: int


def propose(
    store: Store, wiring: Wiring, channel: ChannelId, *, by: str
) -> tuple[int, list[GoingBack], int]:
    """Keep the plan: its number, what it changes, and how many offers were never read before us.

    Nothing else is written. Raises CannotRollBack.
    """
    if channel not in wiring.config.channels:
        known = ", ".join(wiring.config.channels)
        raise CannotRollBack(f"there is no channel {channel!r}; configured are {known}")
    with store.transaction() as tx:
        offers = Rollbacks(tx).offers(channel)
        known_before = [row for row in offers if row.found is not None]
        if not known_before:
            raise CannotRollBack(
                f"nothing is known of what {channel} showed before: no quantity of ours was ever read there"
            )
        body = {"offers": [[row.remote_id, row.remote_location, row.found] for row in known_before]}
        plan = Plans(tx).add(KIND, channel, body, by=by)
        tx.audit(by, "rollback proposed", channel, after={"plan": plan})
    changes = [
        GoingBack(row.sku, row.remote_id, row.remote_location, row.shown, row.found, row.wanted)
        for row in known_before
        if row.shown != row.found
    ]
    return plan, changes, len(offers) - len(known_before)


def apply(store: Store, plan_id: int, *, channel: ChannelId, by: str) -> tuple[int, bool]:
    """Let a waiting plan out: (quantities to write, whether writes are stopped). Raises CannotRollBack."""
    with store.transaction() as tx:
        plans = Plans(tx)
        plan = plans.get(plan_id)
        if plan is None or (plan.kind, plan.scope, plan.state) != (KIND, channel, "waiting"):
            raise CannotRollBack(
                f"there is no rollback plan {plan_id} of {channel} waiting; `lockstep plan` lists them"
            )
        if not plans.settle(plan_id, "approved", by=by):
            raise CannotRollBack(f"rollback plan {plan_id} was applied by somebody else just now")
        writing = Rollbacks(tx).want_found(
            channel, [(remote_id, place, units) for remote_id, place, units in plan.body["offers"]]
        )
        permissions = Permissions(tx)
        permissions.set_mode(channel, "offers", Mode.PROPOSE, skus=None, share=None, by=by)
        # A person read the plan: setting many offers to 0 is what it says.
        plans.add("offers", channel, {}, by=by, state="approved")
        tx.decide(
            f"channel {channel}",
            Reason.of("rollback_applied", channel=channel, count=writing, by=by),
        )
        tx.audit(by, "rollback applied", channel, after={"plan": plan_id, "count": writing})
        return writing, permissions.scope(channel, "offers").stopped
