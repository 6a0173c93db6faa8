"""What a counting remote must be told next about a sale that was made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from core.model.catalog import Sku
from core.model.reservations import ReservationStep, Standing, Telling


def next_telling(standings: Mapping[Sku, Standing]) -> Telling | None:
    """The next step for one order at one place; None where the remote knows everything.

    Units that were sold are set aside before anything else is told, those already shipped too: a
    parcel may be faster than we are, and the remote can only let go of what it keeps. Then what
    is not needed any more is given back, and last what was shipped is taken off its shelf.
    """
    needed = {sku: one.held + max(0, one.shipped - one.told) for sku, one in standings.items()}
    for step, units in (
        (ReservationStep.RESERVE, {s: needed[s] - one.kept for s, one in standings.items()}),
        (ReservationStep.RELEASE, {s: one.kept - needed[s] for s, one in standings.items()}),
        (ReservationStep.SHIP, {s: one.shipped - one.told for s, one in standings.items()}),
    ):
        some = {sku: count for sku, count in sorted(units.items()) if count > 0}
        if some:
            return Telling(step, some)
    return None


def after(step: ReservationStep, units: int, *, kept: int, told: int) -> tuple[int, int]:
    """(kept, told) once the remote has done this step."""
    if step is ReservationStep.RESERVE:
        return kept + units, told
    if step is ReservationStep.RELEASE:
        return kept - units, told
    return kept - units, told + units


def reservation_key(connection: str, place: str, channel: str, order: str, number: int) -> str:
    """The name of one such write: `reserve:shopify-us:gid://…/1:amazon-us:114-…:1`."""
    return f"reserve:{connection}:{place}:{channel}:{order}:{number}"
