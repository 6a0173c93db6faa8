"""Prices that carriers name, beside the rate table: which are asked for, believed, and used.

The invariant that `core.rules.loads` rests on (its bounds are straight lines below the steps, and
the first step is taken for the least a parcel can cost): the grams of a way's rates rise strictly,
and its cents never fall. A table is checked when it is read. A carrier's prices come step by step, at
different times, and know nothing of our table, so they are merged into it here:

- carriers bill by whole pounds, so a quote is the price of all parcels down to the step of `LADDER`
  below it;
- a parcel that no quote prices costs what the table says, but no less than any lighter quote and no
  more than any heavier one, since a heavier parcel is never cheaper;
- quotes that contradict this among themselves (a price changed between two questions) are raised to
  the dearest lighter one: too dear rather than too cheap.

Both bounds rise with the weight, and what rises, held between two bounds that rise, rises.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import accumulate

from core.model.carriage import Quote, RateAnswer, Service
from core.model.routing import Piece

#: A parcel dearer than this, in cents, or out of proportion to the table by more than this factor, is
#: a mistake of somebody's.
_DEAREST, _FACTOR = 1_000_000, 10
_CURRENCY = "USD"
_GRAMS_A_POUND = 453.59237
_POUNDS = (*range(1, 51), *range(55, 151, 5))
#: The weights, in grams rounded down, that prices are asked for: whole pounds, fewer where parcels are
#: rare, up to the heaviest that UPS takes (150 lb).
LADDER = tuple(int(pounds * _GRAMS_A_POUND) for pounds in _POUNDS)

Rates = tuple[tuple[int, int], ...]


def parcels(goods: Iterable[tuple[Piece, int]]) -> tuple[tuple[int, int], ...]:
    """(grams, volume) of what travels together, and of each unit that travels alone, once."""
    grams = volume = 0
    together, alone = False, set()
    for piece, units in goods:
        if piece.alone:
            alone.add((piece.grams, piece.volume))
        else:
            together = True
            grams, volume = grams + piece.grams * units, volume + piece.volume * units
    return (*([(grams, volume)] if together else ()), *sorted(alone))


def ladder(service: Service, zone: int) -> tuple[int, ...]:
    """The weights to ask prices for, rising; empty: nobody is asked, or it does not go there.

    The last is the heaviest parcel of the table, since a heavier one is billed as several.
    """
    if service.live is None:
        return ()
    if not service.rates:
        return LADDER
    table = service.rates.get(zone, ())
    return (*(one for one in LADDER if one < table[-1][0]), table[-1][0]) if table else ()


def steps(ladder: Sequence[int], parcels: Iterable[int]) -> frozenset[int]:
    """The steps by which parcels of these billable grams are priced; several, where one is too heavy."""
    found: set[int] = set()
    for grams in parcels:
        full, rest = divmod(grams, ladder[-1]) if grams > ladder[-1] else (0, grams)
        if full:
            found.add(ladder[-1])
        if rest or not full:
            found.add(ladder[bisect_left(ladder, rest)])
    return frozenset(found)


def asked(service: Service, zone: int, parcels: Iterable[int]) -> frozenset[int]:
    """The steps to ask prices for, so that these parcels are priced by them."""
    known = ladder(service, zone)
    if not known:
        return frozenset()
    # Without a table the heaviest step says how much one parcel holds at all.
    least = frozenset() if service.rates else frozenset({known[-1]})
    return steps(known, parcels) | least


def merged(table: Rates, quotes: Iterable[Quote]) -> Rates:
    """The table with what was quoted in it: grams rise strictly, cents never fall.

    Quotes beyond the heaviest parcel of the table are left out: how much goes into one parcel is the
    table's to say. An empty table is made of the quotes alone.
    """
    heaviest = table[-1][0] if table else None
    named = {one.grams: one.cents for one in quotes if heaviest is None or one.grams <= heaviest}
    if not named:
        return table
    weights = sorted(named)
    prices = list(accumulate((named[one] for one in weights), max))
    known = [grams for grams, _ in table]
    made = []
    for grams in sorted({*known, *weights}):
        at = bisect_left(weights, grams)
        if _prices(weights, grams):
            made.append((grams, prices[at]))
            continue
        price = table[bisect_left(known, grams)][1]
        if at:
            price = max(price, prices[at - 1])
        if at < len(weights):
            price = min(price, prices[at])
        made.append((grams, price))
    return tuple(made)


def _prices(weights: Sequence[int], grams: int) -> bool:
    """Whether the next heavier of the quoted weights prices a parcel of so many grams."""
    at = bisect_left(weights, grams)
    if at == len(weights):
        return False
    below = bisect_left(LADDER, weights[at])
    return grams > (LADDER[below - 1] if below else 0)


def quoted(service: Service, zone: int, quotes: Sequence[Quote]) -> Service:
    """The service as it is on a lane for which these prices are valid.

    Without quotes it is the service as its table has it; without a table too it goes nowhere. One
    without a table goes where its heaviest parcel was priced.
    """
    if service.live is None or not quotes:
        return service
    table = service.rates.get(zone, ())
    if service.rates and not table:
        return service
    if not service.rates and not any(one.grams == LADDER[-1] for one in quotes):
        return service
    told = [one.days for one in quotes if one.days is not None]
    return replace(
        service,
        rates={**service.rates, zone: merged(table, quotes)},
        days={**service.days, zone: max(told)} if told else service.days,
    )


def asked_at(rates: Rates, quotes: Sequence[Quote], parcels: Iterable[int]) -> datetime | None:
    """When the prices of all these parcels were asked for, the oldest; None: the table priced some."""
    weights = sorted(one.grams for one in quotes)
    when: Mapping[int, datetime] = {one.grams: one.asked_at for one in quotes}
    used = steps([grams for grams, _ in rates], parcels)
    if not used or not all(_prices(weights, one) for one in used):
        return None
    return min(when[weights[bisect_left(weights, one)]] for one in used)


def doubt(answer: RateAnswer | None, table: int | None) -> str:
    """Why an answer is no price to use: not_offered, unreadable, currency, absurd; "": it is one.

    `table`: cents of the same parcel by the rate table; None: it has none.
    """
    if answer is None:
        return "not_offered"
    if answer.price is None:
        return "unreadable"
    if answer.price.currency != _CURRENCY:
        return "currency"
    cents = answer.price.amount
    if not 0 < cents <= _DEAREST:
        return "absurd"
    if table and not table <= cents * _FACTOR <= table * _FACTOR * _FACTOR:
        return "absurd"
    return ""


def table_price(service: Service, zone: int, grams: int) -> int | None:
    """Cents of one parcel by the table; None: it has no price for it."""
    rates = service.rates.get(zone, ())
    at = bisect_left(rates, (grams,))
    return rates[at][1] if at < len(rates) else None
