"""ENDINGS: which lines and units of an order are to end at its channel, and what they are called."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from core.errors import ConfigError
from core.model.fulfillment import FulfillmentState
from core.model.orders import Cancellation, CancelReason, OrderLine, PartOfLine
from core.rules.changes import FulfillmentFacts
from core.rules.effects import cancel_key
from jobs.claims import needs
from jobs.goods import can_call_off
from jobs.store.effects import EffectRow
from jobs.store.orders import FulfillmentRow, OrderRecord
from jobs.store.types import json_text
from jobs.wiring import Wiring

_OVER = (FulfillmentState.CANCELED, FulfillmentState.REJECTED)
_LEFT = (FulfillmentState.SHIPPED, FulfillmentState.DELIVERED)
#: States in which a place can be told by machine.
_TELLABLE = (
    FulfillmentState.PLANNED,
    FulfillmentState.REQUESTED,
    FulfillmentState.ACKNOWLEDGED,
)


class CannotCancel(ConfigError):
    """What is asked for cannot be canceled as it stands."""


# --- what a person names -------------------------------------------------------------------------


def units_named(
    record: OrderRecord, names: Sequence[str], units: Sequence[int] = ()
) -> dict[str, int]:
    """Line -> units that end, by remote ids or Skus; all of a line where no units are said.

    Of no names all that is left of the order. Raises CannotCancel.
    """
    if units and len(units) != len(names):
        raise CannotCancel("say --units once for each --line, in their order")
    if not names:
        return {one.remote_id: one.current for one in record.order.lines if one.current > 0}
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        line = _line(record, name)
        wanted = units[place] if units else line.current
        if not 0 < wanted <= line.current:
            raise CannotCancel(
                f"{wanted} of line {name!r}: {record.order.name} has {line.current} of it left"
            )
        if units and line.remote_id in found:
            raise CannotCancel(f"line {name!r} is named twice")
        found[line.remote_id] = wanted
    return found


def _line(record: OrderRecord, name: str) -> OrderLine:
    meant = [
        line
        for line in record.order.lines
        if name in (line.remote_id, line.remote_sku, record.resolved[line.remote_id].sku)
    ]
    if len(meant) != 1:
        known = ", ".join(f"{one.remote_id} ({one.remote_sku})" for one in record.order.lines)
        raise CannotCancel(f"{name!r} is {len(meant)} lines of {record.order.name}; it has {known}")
    if meant[0].current <= 0:
        raise CannotCancel(f"line {name!r} of {record.order.name} is canceled already")
    return meant[0]


# --- what is ended -------------------------------------------------------------------------------


def cancellation_of(
    record: OrderRecord, reason: CancelReason, units: Mapping[str, int]
) -> Cancellation:
    """Of these units of lines. An order of which nothing is left without them, and nothing left
    our door, ends as a whole."""
    current = {one.remote_id: one.current for one in record.order.lines if one.current > 0}
    lines = tuple(line for line, left in current.items() if units.get(line, 0) >= left)
    parts = tuple(
        PartOfLine(line, units[line], left - units[line])
        for line, left in current.items()
        if 0 < units.get(line, 0) < left
    )
    whole = len(lines) == len(current) and not _has_left(record)
    return Cancellation(record.order.remote_id, reason, lines, whole, parts)


def _has_left(record: OrderRecord) -> bool:
    return any(line.fulfilled for line in record.order.lines) or any(record.shipped.values())


def key_of(record: OrderRecord, wanted: Cancellation) -> str:
    """The name of the effect that makes it, where it was not made before."""
    if wanted.whole:
        return cancel_key(record.order.channel, wanted.order)
    return cancel_key(record.order.channel, wanted.order, wanted.lines, wanted.parts)


def text_of(wanted: Cancellation) -> str:
    """What an effect keeps of it."""
    parts = [[one.line, one.quantity, one.staying] for one in wanted.parts]
    return json_text([str(wanted.reason), list(wanted.lines), wanted.whole, parts])


def wanted_by(effect: EffectRow, record: OrderRecord) -> Cancellation:
    """What an effect of this kind is to end."""
    if effect.told is None:
        # Written before lines could be ended: all of it.
        units = {one.remote_id: one.current for one in record.order.lines}
        return cancellation_of(record, CancelReason(record.canceling or CancelReason.OTHER), units)
    reason, lines, whole, *rest = json.loads(effect.told)
    parts = tuple(PartOfLine(*one) for one in (rest[0] if rest else []))
    return Cancellation(
        record.order.remote_id, CancelReason(reason), tuple(lines), bool(whole), parts
    )


def ending(record: OrderRecord, wanted: Cancellation) -> dict[str, int]:
    """Line -> units of it that are still to end, as the channel states the order now."""
    if record.order.canceled_at is not None:
        return {}
    current = {one.remote_id: one.current for one in record.order.lines}
    if wanted.whole:
        return dict(+Counter(current))
    left = Counter({line: current.get(line, 0) for line in wanted.lines})
    for part in wanted.parts:
        left[part.line] = min(part.quantity, current.get(part.line, 0) - part.staying)
    return dict(+left)


# --- what stands against it ----------------------------------------------------------------------


def live(record: OrderRecord) -> list[FulfillmentRow]:
    """What is planned, asked for or shipped."""
    return [one for one in record.fulfillments if one.state not in _OVER and not one.shadow]


def lacking(record: OrderRecord, units: Mapping[str, int]) -> dict[str, int]:
    """Line -> how many of these units somebody is set to ship, or shipped."""
    free = needs(record)
    for line in record.order.lines:
        # Nobody is asked for what is not ours to ship, or what nobody knows.
        free.setdefault(line.remote_id, line.current - line.fulfilled)
    return dict(+Counter({line: count - free.get(line, 0) for line, count in units.items()}))


def facts_of(wiring: Wiring, one: FulfillmentRow) -> FulfillmentFacts:
    """With the units that did not leave yet; of a place that said it is too late, none."""
    units: Counter[str] = Counter()
    for (line, _), (quantity, per_unit, shipped) in one.lines.items():
        if one.call_off != "refused" and one.state not in _LEFT:
            # Of a kit in two parcels what left of it counts as gone.
            units[line] = min(units.get(line, quantity), (quantity - shipped) // per_unit)
    tellable = one.state in _TELLABLE and can_call_off(wiring, one.location)
    return FulfillmentFacts(one.number, one.state, one.sent, dict(units), tellable)
