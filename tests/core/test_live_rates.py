"""Prices that carriers name: how they go into the table, which are believed, which are asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model.carriage import Dispatch, Lateness, Live, Quote, RateAnswer, Service
from core.model.money import Money
from core.model.orders import Address
from core.model.routing import Origin, Piece, Way
from core.rules.allocation import Demand
from core.rules.carriage import Buyer, ways
from core.rules.live_rates import LADDER, asked, asked_at, doubt, merged, parcels, quoted
from core.rules.loads import carriage
from core.rules.routing import route

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TABLE = ((453, 800), (907, 900), (4_535, 1_400))
LIVE = Live("ups", "03")


def quote(grams: int, cents: int, *, days: int | None = None, hours: int = 0) -> Quote:
    return Quote(grams, cents, days, NOON - timedelta(hours=hours))


def ground(table: dict[int, tuple[tuple[int, int], ...]]) -> Service:
    return Service("ground", "ups", table, {2: 1, 8: 5}, live=LIVE)


weights = st.integers(1, 70_000)
cents = st.integers(1, 20_000)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """What a rate table of one zone may be: weights rise, prices do not fall. Empty: there is none."""
    grams = sorted(draw(st.sets(weights, max_size=8)))
    prices = sorted(draw(st.lists(cents, min_size=len(grams), max_size=len(grams))))
    return tuple(zip(grams, prices, strict=True))


@given(tables(), st.dictionaries(weights, cents, max_size=8))
def test_whatever_a_carrier_names_grams_rise_and_cents_never_fall(
    table: tuple[tuple[int, int], ...], named: dict[int, int]
):
    """Also where its prices contradict each other, as after a change of prices between two questions."""
    made = merged(table, [quote(*one) for one in named.items()])

    assert all(a < b and p <= q for (a, p), (b, q) in pairwise(made))
    if table:
        # How much goes into one parcel stays the table's to say, and no step of it is lost.
        assert made[-1][0] == table[-1][0]
        assert {grams for grams, _ in table} <= {grams for grams, _ in made}
    heaviest = table[-1][0] if table else 70_000
    used = {grams: price for grams, price in named.items() if grams <= heaviest}
    prices = dict(made)
    # No quote is undercut, and where quotes agree each is exactly what its parcel costs.
    assert all(prices[grams] >= price for grams, price in used.items())
    if [price for _, price in sorted(used.items())] == sorted(used.values()):
        assert used.items() <= prices.items()


@settings(max_examples=40)
@given(
    st.lists(st.tuples(tables().filter(bool), st.dictionaries(weights, cents, max_size=5)),
             min_size=2, max_size=2),
    st.lists(st.integers(1, 40_000), min_size=3, max_size=3),
)  # fmt: skip
def test_the_exact_search_finds_the_least_by_merged_prices(
    places: list[tuple[tuple[tuple[int, int], ...], dict[int, int]]], grams: list[int]
):
    """Its bounds hold for what `merged` makes: every way to deal three lines over two places is tried."""
    found = [
        Way("ground", merged(table, [quote(*one) for one in named.items()]))
        for table, named in places
    ]
    names, skus = ("a", "b"), ("1", "2", "3")
    pieces = {sku: Piece(grams=weight) for sku, weight in zip(skus, grams, strict=True)}

    made = route(
        [Demand(sku, {sku: 1}, 1) for sku in skus],
        origins=[Origin(name, ways=(way,)) for name, way in zip(names, found, strict=True)],
        available={(sku, name): 1 for sku in skus for name in names},
        pieces=pieces,
    )

    def cost(dealt: tuple[int, ...]) -> int:
        loads = [
            sum(g for g, at in zip(grams, dealt, strict=True) if at == place) for place in (0, 1)
        ]
        return sum(
            carriage(way, load, 0)[0] for way, load in zip(found, loads, strict=True) if load
        )

    assert made.plan is not None
    assert made.plan.costs.total == min(map(cost, product((0, 1), repeat=3)))


def test_a_step_that_nobody_quoted_costs_what_the_table_says_between_its_quoted_neighbors():
    assert merged(TABLE, [quote(907, 650)]) == ((453, 650), (907, 650), (4_535, 1_400))
    assert merged(TABLE, [quote(907, 1_500)]) == ((453, 800), (907, 1_500), (4_535, 1_500))
    assert merged(TABLE, [quote(2_000, 950)]) == (*TABLE[:2], (2_000, 950), TABLE[2])
    assert merged(TABLE, [quote(9_000, 100)]) == TABLE


def test_a_quote_prices_its_whole_pound_whatever_steps_the_table_has():
    coarse, two_pounds = ((500, 800), (5_000, 1_400)), quote(907, 650)

    made = merged(coarse, [two_pounds])

    assert made == ((500, 650), (907, 650), (5_000, 1_400))
    assert asked_at(made, [two_pounds], [480]) == NOON
    # One of more than two pounds is the table's, and so is one of less than one.
    assert asked_at(made, [two_pounds], [908]) is None
    assert asked(ground({2: coarse}), 2, [480]) == {907}
    assert asked(ground({2: coarse}), 2, [4_990]) == {5_000}


def test_a_service_without_a_table_goes_where_its_heaviest_parcel_was_priced():
    service, heaviest = ground({}), quote(LADDER[-1], 9_000, days=2)

    assert quoted(service, 5, [quote(LADDER[0], 700)]) == service
    made = quoted(service, 5, [heaviest, quote(LADDER[0], 700)])

    assert made.rates == {5: ((453, 700), (68_038, 9_000))}
    assert made.days == {2: 1, 8: 5, 5: 2}
    # The heaviest is always asked for, so that nothing is split into parcels that need not be.
    assert asked(service, 5, [400]) == {LADDER[0], LADDER[-1]}


def test_where_the_table_does_not_go_and_where_nobody_is_asked_a_quote_changes_nothing():
    elsewhere = ground({2: TABLE})
    unasked = Service("ground", "ups", {2: TABLE}, {})

    assert quoted(elsewhere, 8, [quote(453, 100)]) == elsewhere
    assert asked(elsewhere, 8, [400]) == frozenset()
    assert quoted(unasked, 2, [quote(453, 100)]) == unasked


def test_a_way_has_the_quoted_price_and_days_and_a_promise_is_judged_by_them():
    reno = Dispatch(
        "reno", "", ZoneInfo("UTC"), Service("", "", {}, {}).calendar, services=("ground",)
    )
    buyer = Buyer(Address(postal_code="10001", country="US"), deliver_by=date(2026, 11, 26))
    cost = Lateness(once=300)

    def way(*quotes: Quote) -> tuple[tuple[tuple[int, int], ...], int]:
        services = {"ground": quoted(ground({8: TABLE}), 8, quotes)}
        (one,) = ways(reno, services, {}, buyer, shipped=date(2026, 11, 24), cost=cost).ways
        return one.rates, one.lateness

    assert way() == (TABLE, 300)
    assert way(quote(453, 600, days=2)) == (((453, 600), *TABLE[1:]), 0)


def test_an_order_is_priced_by_quotes_only_where_they_price_all_its_parcels():
    goods = [
        (Piece(grams=300), 1),
        (Piece(grams=100, volume=50), 2),
        (Piece(grams=900, alone=True), 3),
    ]
    loads = parcels(goods)
    assert loads == ((500, 100), (900, 0))

    two = [quote(907, 700, hours=1), quote(4_535, 1_500, hours=5)]
    assert asked_at(merged(TABLE, two), two, [500, 900]) == NOON - timedelta(hours=1)
    assert asked_at(merged(TABLE, two), two, [400]) is None
    # Two parcels of the heaviest and a light one.
    assert asked_at(merged(TABLE, two), two, [9_500]) is None
    assert asked_at(merged(TABLE, two), two, [9_800]) == NOON - timedelta(hours=5)
    assert asked(ground({2: TABLE}), 2, [9_500]) == {453, 4_535}


@pytest.mark.parametrize(
    ("price", "table", "wrong"),
    [
        (Money(900, "USD"), 800, ""),
        (Money(8_000, "USD"), 800, ""),
        (Money(80, "USD"), 800, ""),
        (Money(999_999, "USD"), None, ""),
        (Money(900, "CAD"), 800, "currency"),
        (None, 800, "unreadable"),
        (Money(0, "USD"), None, "absurd"),
        (Money(-900, "USD"), 800, "absurd"),
        (Money(1_000_001, "USD"), None, "absurd"),
        (Money(8_001, "USD"), 800, "absurd"),
        (Money(79, "USD"), 800, "absurd"),
    ],
)
def test_a_price_that_cannot_be_is_none(price: Money | None, table: int | None, wrong: str):
    assert doubt(RateAnswer("03", price), table) == wrong
    assert doubt(None, table) == "not_offered"
