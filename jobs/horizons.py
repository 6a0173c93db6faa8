"""How far calendars are known, against how far ahead is bought."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from config.buying import names_of, terms_of
from config.replenishment import Supplier
from core.model.calendars import Calendar
from core.model.reasons import Reason
from core.rules.calendars import NeverOpen
from core.rules.lead_times import arrives, lead_time, unannounced
from jobs.store.purchases import Purchases
from jobs.store.store import Tx
from jobs.store.tables import supplier_item
from jobs.wiring import Wiring


def calendars_too_short(tx: Tx, wiring: Wiring) -> Iterator[tuple[str, Reason]]:
    """(calendar, what to do about it) of each supplier whose longest order of today arrives after
    the last day whose holidays are announced."""
    today = wiring.day(tx.now)
    for name, supplier in wiring.config.suppliers.items():
        if not supplier.calendar:
            continue
        calendar: Calendar = wiring.loaded.calendars[supplier.calendar]
        try:
            latest = arrives(calendar, today, _longest(tx, name, supplier))
        except NeverOpen:
            continue
        if unannounced(calendar, latest) and calendar.known_until:
            yield (
                supplier.calendar,
                Reason.of(
                    "calendar_too_short",
                    calendar=supplier.calendar,
                    known_until=calendar.known_until.isoformat(),
                    supplier=name,
                    arrives=latest.isoformat(),
                ),
            )


def _longest(tx: Tx, name: str, supplier: Supplier) -> int:
    """Days that nine of ten of its slowest orders take at most."""
    told = tx.connection.execute(
        select(func.max(supplier_item.c.lead_days)).where(
            supplier_item.c.supplier.in_(names_of(name, supplier))
        )
    ).scalar()
    written = [one.lead_days for one in terms_of(name, supplier, {}).values()]
    known = [days for days in (told, *written) if days is not None]
    observed = Purchases(tx).lead_days(name)
    stated: list[int | None] = [max(known)] if known else []
    return max(
        lead_time(observed, stated=one, assumed=supplier.lead_days).p90 for one in (*stated, None)
    )
