"""How many orders places ship on which day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import date

from sqlalchemy import func, select

from core.model.catalog import LocationId
from core.model.fulfillment import FulfillmentState
from jobs.store.store import Tx
from jobs.store.tables import fulfillment

_DEAD = (str(FulfillmentState.CANCELED), str(FulfillmentState.REJECTED))


def planned_on(
    tx: Tx, locations: Collection[LocationId], *, since: date
) -> Counter[tuple[LocationId, date]]:
    """Fulfillments by location and day, from `since` on; what is only observed does not count."""
    if not locations:
        return Counter()
    rows = tx.rows(
        select(fulfillment.c.location, fulfillment.c.ship_on, func.count().label("orders"))
        .where(
            fulfillment.c.location.in_(sorted(locations)),
            fulfillment.c.ship_on >= since,
            fulfillment.c.state.not_in(_DEAD),
            ~fulfillment.c.shadow,
        )
        .group_by(fulfillment.c.location, fulfillment.c.ship_on)
    )
    return Counter({(row.location, row.ship_on): row.orders for row in rows})
