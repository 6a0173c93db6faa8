"""What makes an order doubtful beside its payment and address: fraud, look-alikes, odd figures.

Each finding looks only at what was known when the order was placed, so that it stays what it is
while more orders come: a person who released it is not asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from core.model.catalog import Sku
from core.model.money import Money
from core.model.orders import Address, Order, OrderLine, Risk
from core.model.reasons import Reason
from core.rules.addresses import is_american, state_of

_RISKS = (Risk.UNKNOWN, Risk.LOW, Risk.MEDIUM, Risk.HIGH)


class Apart(StrEnum):
    """How far the billing address may be from the shipping address before it is doubtful."""

    COUNTRY = "country"
    STATE = "state"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is doubtful. None, 0 and empty: it is not looked at.

    Money is in minor units of the shop's currency.
    """

    #: what the channel itself states, from this word on
    risk: Risk | None = Risk.MEDIUM
    billing: Apart | None = None
    #: orders worth less are not held for their billing address
    billing_from: int = 0
    high_value: int | None = None
    #: a buyer of whom no order is known buys for so much
    first_order: int | None = None
    #: days for which buyers are known after their orders are settled
    known_days: int = 0
    #: what is worth nobody knows how much is as doubtful as what is worth much
    unknown_worth: bool = True
    #: so many orders of one buyer, or to one address, within that time
    velocity: int = 0
    velocity_within: timedelta = timedelta(0)
    #: beginnings of ZIP codes at which forwarders take parcels to send them abroad
    forwarders: tuple[str, ...] = ()
    #: percent that a price may differ from what the channel's listing asks
    price: int | None = None
    #: so many units of one line, and so many times as many as is usual for its Sku
    many: int = 0
    many_times: int = 5
    #: an order of the same goods to the same address within that time is a look-alike
    duplicate_within: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Alike:
    """Another order of the same buyer, or to the same address: placed or known earlier."""

    name: str
    placed_at: datetime
    same_buyer: bool
    same_place: bool
    #: Sku (or, of what nobody knows, the channel's own word) -> units
    goods: Mapping[Sku, int]
    canceled: bool = False
    #: it was known to us before: it may be sent already, though it was placed later
    known_first: bool = True


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known about an order beside what the channel states."""

    #: what it is worth, in the shop's currency; None: not known
    worth: Money | None = None
    #: who bought is known: look-alikes of somebody else are none
    buyer_known: bool = False
    #: no order of this buyer was known when it was placed
    first: bool = False
    alike: Sequence[Alike] = ()
    #: line -> what the channel's listing asks for one, in the order's currency
    asked: Mapping[str, int] = field(default_factory=dict)
    #: line -> the most that other buyers of its Sku take, as a rule
    usual: Mapping[str, int] = field(default_factory=dict)
    #: line -> the Sku that its unknown name is most like
    near: Mapping[str, Sku] = field(default_factory=dict)
    #: (restriction, line) of what must not go where this order goes
    restricted: Sequence[tuple[str, str]] = ()
    #: why we are ending it at its channel; "": we are not
    canceling: str = ""
    #: minor units of the order's currency that were paid back, or may be
    paid_back: int = 0
    #: the bank took money back from us
    charged_back: bool = False
    #: why it may not leave in place of what comes back; None: a buyer placed it
    replacing: Sequence[Reason] | None = None


def doubts(
    order: Order,
    lines: Sequence[OrderLine],
    goods: Mapping[Sku, int],
    beside: Beside,
    limits: Limits,
) -> list[Reason]:
    """Everything doubtful about an order; `lines` are those to ship, `goods` their units by Sku."""
    found = [
        _stated(order, limits),
        _billing(order, beside, limits),
        _value(order, beside, limits),
        _first(order, beside, limits),
        _worth_unknown(order, beside, limits),
        _velocity(order, beside, limits),
        _forwarder(order, limits),
        _prices(order, lines, beside, limits),
        _quantities(order, lines, beside, limits),
        _restricted(order, beside),
        _duplicate(order, goods, beside, limits),
    ]
    return [reason for reason in found if reason is not None]


def _stated(order: Order, limits: Limits) -> Reason | None:
    if limits.risk is None or _RISKS.index(order.risk) < _RISKS.index(limits.risk):
        return None
    return Reason.of("risk_stated", order=order.name, risk=str(order.risk), channel=order.channel)


def _billing(order: Order, beside: Beside, limits: Limits) -> Reason | None:
    billed, shipped = order.bill_to, order.ship_to
    if limits.billing is None or billed is None or shipped is None:
        return None
    # An order whose worth nobody knows is looked at as if it were worth much.
    if beside.worth is not None and beside.worth.amount < limits.billing_from:
        return None
    part = _apart(billed, shipped, limits.billing)
    return Reason.of("billing_elsewhere", order=order.name, part=str(part)) if part else None


def _apart(billed: Address, shipped: Address, most: Apart) -> Apart | None:
    """The largest part in which they differ, of those that are looked at."""
    looked_at = (Apart.COUNTRY, Apart.STATE, Apart.ZIP)[: 1 + list(Apart).index(most)]
    for part in looked_at:
        one, other = _part(billed, part), _part(shipped, part)
        # What one of them does not tell is no difference.
        if one and other and one != other:
            return part
    return None


def _part(address: Address, part: Apart) -> str:
    american = is_american(address)
    if part is Apart.COUNTRY:
        return "US" if american else address.country.strip().upper()
    if part is Apart.STATE:
        return state_of(address) if american else address.region.strip().upper()
    return address.postal_code.strip().upper()[: 5 if american else None]


def _value(order: Order, beside: Beside, limits: Limits) -> Reason | None:
    worth, limit = beside.worth, limits.high_value
    if limit is None or worth is None or worth.amount < limit:
        return None
    return Reason.of(
        "high_value", order=order.name, worth=str(worth), limit=str(replace(worth, amount=limit))
    )


def _first(order: Order, beside: Beside, limits: Limits) -> Reason | None:
    worth, limit = beside.worth, limits.first_order
    if not beside.first or limit is None or worth is None or worth.amount < limit:
        return None
    return Reason.of(
        "first_order",
        order=order.name,
        worth=str(worth),
        limit=str(replace(worth, amount=limit)),
        # Who bought is erased with the address: an older order is no longer known to be his.
        days=limits.known_days,
    )


def _worth_unknown(order: Order, beside: Beside, limits: Limits) -> Reason | None:
    """Its worth is looked at, and no price or no rate of its currency says what it is."""
    asked = limits.high_value is not None or (limits.first_order is not None and beside.first)
    if not asked or not limits.unknown_worth or beside.worth is not None:
        return None
    stated = "" if order.total is None else str(order.total)
    return Reason.of("worth_unknown", order=order.name, stated=stated, currency=order.currency)


def _velocity(order: Order, beside: Beside, limits: Limits) -> Reason | None:
    if not limits.velocity:
        return None
    since = order.placed_at - limits.velocity_within
    recent = [
        one
        for one in beside.alike
        if not one.canceled and since <= one.placed_at <= order.placed_at
    ]
    if len(recent) + 1 < limits.velocity:
        return None
    minutes = int(limits.velocity_within.total_seconds() // 60)
    return Reason.of("velocity", order=order.name, count=len(recent) + 1, minutes=minutes)


def _forwarder(order: Order, limits: Limits) -> Reason | None:
    if not limits.forwarders or order.ship_to is None or not is_american(order.ship_to):
        return None
    code = order.ship_to.postal_code.strip()
    hit = next((one for one in limits.forwarders if code.startswith(one)), None)
    return Reason.of("freight_forwarder", order=order.name, entry=hit) if hit else None


def _prices(
    order: Order, lines: Sequence[OrderLine], beside: Beside, limits: Limits
) -> Reason | None:
    if limits.price is None:
        return None
    found, paid = [], []
    for line in lines:
        asked = beside.asked.get(line.remote_id, 0)
        if line.unit_price is None or asked <= 0:
            continue
        price = line.unit_price.amount
        if abs(price - asked) * 100 > limits.price * asked:
            percent = round(Fraction(100 * (price - asked), asked))
            found.append(f"{_named(line)} {percent:+d} %")
            paid.append(f"{line.remote_id} {line.unit_price}")
    if not found:
        return None
    return Reason.of("price_unlike", order=order.name, lines=", ".join(found), paid=", ".join(paid))


def _quantities(
    order: Order, lines: Sequence[OrderLine], beside: Beside, limits: Limits
) -> Reason | None:
    if not limits.many:
        return None
    found = []
    for line in lines:
        usual = max(1, beside.usual.get(line.remote_id, 1))
        if line.current >= limits.many and line.current > limits.many_times * usual:
            found.append(f"{_named(line)} x{line.current} ({usual})")
    return Reason.of("quantity_unlike", order=order.name, lines=", ".join(found)) if found else None


def _restricted(order: Order, beside: Beside) -> Reason | None:
    if not beside.restricted:
        return None
    rules = sorted({rule for rule, _ in beside.restricted})
    lines = sorted({line for _, line in beside.restricted})
    return Reason.of("restricted", order=order.name, rules=", ".join(rules), lines=", ".join(lines))


def _duplicate(
    order: Order, goods: Mapping[Sku, int], beside: Beside, limits: Limits
) -> Reason | None:
    """Of two it is the one that came to us later: the other may be on its way."""
    if not limits.duplicate_within or not goods:
        return None
    twins = [
        one
        for one in beside.alike
        if one.same_place
        and (one.same_buyer or not beside.buyer_known)
        and one.known_first
        and not one.canceled
        and abs(order.placed_at - one.placed_at) <= limits.duplicate_within
        and dict(one.goods) == dict(goods)
    ]
    if not twins:
        return None
    first = min(twins, key=lambda one: (one.placed_at, one.name))
    minutes = int(abs(order.placed_at - first.placed_at).total_seconds() // 60)
    return Reason.of("duplicate", order=order.name, other=first.name, minutes=minutes)


def _named(line: OrderLine) -> str:
    return line.remote_sku or line.remote_id
