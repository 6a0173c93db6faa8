"""Cycle counts: planned, approved, and never at odds with what moved since."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.errors import ConfigError
from core.model.cases import Case
from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.model.reasons import Reason
from core.model.stock import MovementKind, StockMovement
from core.rules.counting import Counted, Worth
from jobs import counts
from jobs.approve import approve
from jobs.clock import ManualClock
from jobs.counts import CannotCount, CountFile
from jobs.receive import receive
from jobs.store.demand import Demands
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import audit, cases, movement
from tests.config.test_skus import _workbook as workbook
from tests.jobs.builders import NOON, line, minutes, order, rows
from tests.jobs.buying import open_market
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return open_shop(store, clock, tmp_path)


def count(shop: Shop, *found: tuple[str, int], at: datetime = NOON, digest: str = "d") -> int:
    """Propose a count of `home`; the plan's number."""
    lines = tuple(Counted(sku, "home", units, at) for sku, units in found)
    number, _ = counts.propose(
        shop.store, shop.wiring, CountFile("count.csv", digest, lines), by="ann"
    )
    return number


def say_yes(shop: Shop, number: int, *, anyway: bool = False) -> None:
    with shop.store.transaction() as tx:
        counts.apply(tx, number, by="bob", anyway=anyway, wiring=shop.wiring)


def move(shop: Shop, units: int, *, at: datetime, reference: str, sku: str = "TEA") -> None:
    kind = MovementKind.SHIPMENT if units < 0 else MovementKind.RECEIPT
    with shop.store.transaction() as tx:
        Stock(tx).move([StockMovement(sku, "home", kind, units, reference, at, cause="parcel")])


def on_hand(shop: Shop, sku: str = "TEA") -> int:
    with shop.store.reading() as tx:
        assert Stock(tx).verify() == []
        return next(one.on_hand for one in Stock(tx).levels([sku])[sku] if one.location == "home")


def open_cases(shop: Shop, kind: str = "count_variance") -> list[dict[str, object]]:
    return [row for row in rows(shop.store, cases) if (row["kind"], row["state"]) == (kind, "open")]


def test_a_count_changes_nothing_before_a_person_approves_it(shop: Shop) -> None:
    # given ten in the ledger, nine on the shelf
    shop.receive("TEA", 10)
    number = count(shop, ("TEA", 9))
    assert on_hand(shop) == 10

    # when it is approved
    say_yes(shop, number)

    # then the ledger follows the shelf, with who, why and when
    assert on_hand(shop) == 9
    (written,) = [row for row in rows(shop.store, movement) if row["kind"] == "count"]
    assert (written["quantity"], written["cause"], written["person"]) == (-1, "count", "bob")
    assert written["at"] == NOON
    assert [row["action"] for row in rows(shop.store, audit)][-1] == "count applied"


def test_what_moved_after_the_counted_instant_is_not_undone(shop: Shop) -> None:
    # given a count at noon, and a parcel and a receipt since
    shop.receive("TEA", 10)
    shop.clock.advance(1800)
    move(shop, -2, at=minutes(10), reference="P1")
    move(shop, 5, at=minutes(20), reference="R2")
    number = count(shop, ("TEA", 9))

    # when it is approved
    say_yes(shop, number)

    # then the shelf is one short of before, and no more
    assert on_hand(shop) == 10 - 1 - 2 + 5


def test_a_parcel_told_late_that_the_count_saw_gone_is_not_taken_off_twice(shop: Shop) -> None:
    # given a parcel that left at 11:50, a count at noon that found nine, and no word of the parcel
    shop.receive("TEA", 10)
    with shop.store.transaction() as tx:
        Stock(tx).move([StockMovement("CUP", "home", MovementKind.RECEIPT, 4, "R", minutes(-60))])
    shop.clock.advance(1800)
    say_yes(shop, count(shop, ("TEA", 9)))

    # when the parcel is told of
    move(shop, -1, at=minutes(-10), reference="P1")
    move(shop, -1, at=minutes(-10), reference="P1")

    # then nine are there still; one that left after the count is taken off
    assert on_hand(shop) == 9
    move(shop, -1, at=minutes(10), reference="P2")
    assert on_hand(shop) == 8
    move(shop, -1, at=minutes(-10), reference="P3", sku="CUP")
    assert on_hand(shop, "CUP") == 3


def test_a_parcel_told_before_the_approval_explains_the_variance(shop: Shop) -> None:
    # given a variance of one
    shop.receive("TEA", 10)
    shop.clock.advance(1800)
    number = count(shop, ("TEA", 9))

    # when the parcel that explains it is told of before somebody approves
    move(shop, -1, at=minutes(-0), reference="P1")
    say_yes(shop, number)

    # then nothing is left to correct
    assert on_hand(shop) == 9


@pytest.mark.parametrize("later_first", [False, True])
def test_of_two_counts_the_later_one_stands_whatever_their_order(
    shop: Shop, later_first: bool
) -> None:
    # given a count at noon and another at one
    shop.receive("TEA", 10)
    shop.clock.advance(5400)
    first = count(shop, ("TEA", 8), digest="a")
    second = count(shop, ("TEA", 7), at=minutes(60), digest="b")

    # when both are approved
    for number in [second, first] if later_first else [first, second]:
        say_yes(shop, number)

    # then the later one is right
    assert on_hand(shop) == 7


def test_the_same_file_is_one_count(shop: Shop) -> None:
    shop.receive("TEA", 10)
    first = count(shop, ("TEA", 9))
    second = count(shop, ("TEA", 9))

    with pytest.raises(CannotCount, match="no count"):
        say_yes(shop, first)
    say_yes(shop, second)
    with pytest.raises(CannotCount, match="applied already"):
        count(shop, ("TEA", 9))
    assert on_hand(shop) == 9


def test_a_large_variance_is_a_case_that_a_yes_settles(shop: Shop) -> None:
    # given a count that misses half
    shop.receive("TEA", 10)
    number = count(shop, ("TEA", 5))
    (case,) = open_cases(shop)
    assert case["args"]["units"] == 5  # type: ignore[index]
    assert on_hand(shop) == 10

    # when the Case is approved
    with shop.store.transaction() as tx:
        row = tx.connection.execute(select(cases).where(cases.c.id == case["id"])).one()
        assert approve(tx, row, by="bob", note="looked again")

    # then it is applied, and cannot be applied again
    assert on_hand(shop) == 5
    assert open_cases(shop) == []
    with pytest.raises(CannotCount):
        say_yes(shop, number)


def test_a_rejected_count_leaves_everything_and_closes_its_case(shop: Shop) -> None:
    shop.receive("TEA", 10)
    number = count(shop, ("TEA", 5))

    with shop.store.transaction() as tx:
        counts.reject(tx, number, by="bob")

    assert on_hand(shop) == 10
    assert open_cases(shop) == []


def test_less_than_nothing_needs_an_explicit_word(shop: Shop) -> None:
    # given a count of none, and two that left since by the ledger
    shop.receive("TEA", 10)
    shop.clock.advance(1800)
    move(shop, -2, at=minutes(10), reference="P1")
    number = count(shop, ("TEA", 0))

    # when it is approved without a word, then nothing changed and it waits still
    with pytest.raises(CannotCount, match="less than nothing"):
        say_yes(shop, number)
    assert on_hand(shop) == 8
    say_yes(shop, number, anyway=True)
    assert on_hand(shop) == -2


def test_an_order_whose_unit_the_count_did_not_find_is_decided_again(shop: Shop) -> None:
    # given an order that is held for a person, its one unit reserved at home
    shop.receive("TEA", 1)
    shop.record(order("1", line(units=1), test=True))
    shop.decide()

    # when the count finds none
    say_yes(shop, count(shop, ("TEA", 0)))
    shop.decide()

    # then the unit is promised by no place, and taken off what channels show
    with shop.store.reading() as tx:
        assert Stock(tx).unallocated(["TEA"])["TEA"] == 1
    assert on_hand(shop) == 0


@BOTH
def test_worth_is_a_suppliers_cost_else_a_price_else_unknown(shop: Shop) -> None:
    # given a cost of one Sku, a price of another, nothing of a third
    with shop.store.transaction() as tx:
        Demands(tx).set_items(
            [
                SupplierItem("acme", "TEA", "T", cost=Money(700, "USD")),
                SupplierItem("zhou", "TEA", "T", cost=Money(3000, "CNY")),
            ]
        )
    shop.list("v-cup", "CUP", price=Money(1999, "USD"))
    for sku in ("TEA", "CUP", "OIL"):
        shop.receive(sku, 10, reference=sku)

    # when they are counted
    lines = tuple(Counted(sku, "home", 9, NOON) for sku in ("TEA", "CUP", "OIL"))
    with shop.store.reading() as tx:
        found = {one.counted.sku: one for one in counts.valued(tx, shop.wiring, lines)}

    # then each says where its worth comes from
    assert found["TEA"].value == Money(-700, "USD")
    worth = {sku: one.worth and (one.worth.basis, one.worth.source) for sku, one in found.items()}
    assert worth == {"TEA": ("cost", "acme"), "CUP": ("price", "shopify-us"), "OIL": None}
    assert found["OIL"].value is None
    assert counts.totals(found.values()) == ({"USD": -2699}, 1)


def test_a_foreign_price_is_held_against_the_limit_of_money_at_todays_rate(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given a unit that costs 1,000 yuan by a file, and a limit of 50 dollars
    more = """
currencies: {CNY: {2026-11-01: "0.14"}}
ledger: {counts: {most_units: 90, most_value: 5000}}
"""
    shop = open_shop(store, clock, tmp_path, more=more)
    with store.transaction() as tx:
        Demands(tx).set_items([SupplierItem("zhou", "TEA", "T", cost=Money(100_000, "CNY"))])
    shop.receive("TEA", 100)

    # when half of them are missing
    count(shop, ("TEA", 50))

    # then 7,000 dollars are a Case
    (case,) = open_cases(shop)
    assert case["args"]["value"] == "7000.00 USD"  # type: ignore[index]


def test_a_unit_is_worth_what_it_cost_on_our_shelf_before_what_anybody_asks(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given two Skus with terms in the YAML and prices on a channel, one of which was received at a
    # dollar of freight on top
    market = open_market(store, clock, tmp_path)
    for sku in ("TEA", "CUP"):
        market.shop.list(f"v-{sku}", sku, price=Money(999, "USD"))
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3)
    order = market.approve(market.plans()["mill"][0], skus=["TEA"], quantities={"TEA": 48})
    market.send()
    with store.transaction() as tx:
        receive(
            tx, market.shop.wiring, order.number, {"TEA": 48}, slip="S1",
            freight=Money(4_800, "USD"), by="ann",
        )  # fmt: skip

    # when both are counted
    lines = tuple(Counted(sku, "home", 0, NOON) for sku in ("TEA", "CUP"))
    with store.reading() as tx:
        found = {one.counted.sku: one.worth for one in counts.valued(tx, market.shop.wiring, lines)}

    # then the one has its landed cost, the other its supplier's price
    assert found == {
        "TEA": Worth(Money(250, "USD"), "landed", ""),
        "CUP": Worth(Money(300, "USD"), "cost", "mill"),
    }


# --- files ---------------------------------------------------------------------------------------


def read(shop: Shop, folder: Path, text: str, **given: object) -> CountFile:
    path = folder / "count.csv"
    path.write_text(text)
    options = {"location": None, "counted_at": None, **given}
    return counts.read_file(path, shop.wiring, now=shop.clock.now(), **options)  # type: ignore[arg-type]


def test_a_file_says_what_was_counted_where_and_when(shop: Shop, tmp_path: Path) -> None:
    found = read(
        shop,
        tmp_path,
        "sku;location;quantity;counted_at\nTEA;home;9;2026-11-24 06:30\n;;;\nCUP;home;0;2026-11-24T11:00Z\n",
    )

    # the shop is in New York
    assert found.lines == (
        Counted("TEA", "home", 9, NOON - timedelta(minutes=30)),
        Counted("CUP", "home", 0, NOON - timedelta(hours=1)),
    )
    assert CountFile.from_json(found.as_json()) == found


def test_every_bad_cell_is_told_at_once(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        read(
            shop,
            tmp_path,
            "sku,location,quantity,counted_at\n"
            "TEA,home,nine,2026-11-24T10:00Z\n"
            "GIFT,home,1,2026-11-24T10:00Z\n"
            "TEA,acme,1,2026-11-24T10:00Z\n"
            "TEA,moon,1,2026-11-24T10:00Z\n"
            "TEA,home,1,\n"
            "TEA,home,1,2026-11-24\n"
            "TEA,home,1,2027-01-01T00:00Z\n"
            ",home,1,2026-11-24T10:00Z\n"
            "CUP,home,1,2026-11-24T10:00Z\n"
            "CUP,home,2,2026-11-24T10:00Z\n",
        )

    words = str(told.value).splitlines()
    assert len(words) == 9
    for number, part in enumerate(
        ["no whole number", "is a Kit", "counted by acme-files", "no location 'moon'", "empty",
         "no instant", "still to come", "no Sku", "stands in line 10"], start=2,
    ):  # fmt: skip
        assert part in words[number - 2], words[number - 2]


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "missing"), ("sku,quantity\nTEA,1\n", "--location"), ("sku,location,quantity,counted_at\n", "nothing was")],
)  # fmt: skip
def test_a_file_without_what_is_needed_says_so(
    shop: Shop, tmp_path: Path, text: str, word: str
) -> None:
    with pytest.raises(ConfigError, match=word):
        read(shop, tmp_path, text)


def test_a_workbook_is_read_as_people_see_it(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "count.xlsx"
    shop.receive("10045", 5)
    workbook(path, [["Sku", "Location", "Quantity"], [10045, "home", 4]])

    found = counts.read_file(
        path, shop.wiring, location=None, counted_at=NOON, now=shop.clock.now()
    )

    assert found.lines == (Counted("10045", "home", 4, NOON),)
    assert counts.moment(datetime(2026, 11, 24, 7, 0), "America/New_York") == NOON  # noqa: DTZ001


def test_what_all_lines_share_may_be_said_once(shop: Shop, tmp_path: Path) -> None:
    found = read(shop, tmp_path, "sku,quantity\nTEA,3\n", location="home", counted_at=NOON)

    assert found.lines == (Counted("TEA", "home", 3, NOON),)


def test_a_sku_nobody_knows_is_not_made_by_a_slip_of_the_pen(shop: Shop) -> None:
    with pytest.raises(CannotCount, match="TAE"):
        count(shop, ("TAE", 3))


def test_an_old_case_of_another_kind_is_not_touched(shop: Shop) -> None:
    shop.receive("TEA", 10)
    with shop.store.transaction() as tx:
        tx.open_case(Case("unfillable", "order x", Reason.of("order_waiting", order="x")))
    say_yes(shop, count(shop, ("TEA", 1)))

    assert len(open_cases(shop, "unfillable")) == 1


# --- any order of telling ------------------------------------------------------------------------

minute = st.integers(0, 30)
units = st.integers(-4, 4).filter(bool)


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Any], list[Any], list[tuple[str, int]]]:
    """(movements that are told, losses that are not, in which order things are written down)."""
    moved = draw(st.lists(st.tuples(minute, units), max_size=5))
    lost = draw(st.lists(st.tuples(minute, st.integers(-3, -1)), max_size=3))
    counted = draw(st.lists(minute, max_size=3, unique=True))
    told = [("move", number) for number in range(len(moved))] + [("count", at) for at in counted]
    return moved, lost, draw(st.permutations(told))


@BOTH
def test_whatever_is_told_when_the_last_count_and_what_moved_since_is_what_is_there(
    shop: Shop,
) -> None:
    numbers = itertools.count()

    @settings(
        max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(days())
    def told_in_any_order(day: tuple[list[Any], list[Any], list[tuple[str, int]]]) -> None:
        # given a shelf of ten, on which things move and are lost through half an hour
        moved, lost, told = day
        sku = f"S{next(numbers)}"
        move(shop, 10, at=minutes(-1), reference="R0", sku=sku)
        there = [(-1, 10), *moved, *lost]

        # when movements are told and counts are made and approved, in any order
        for what, number in told:
            if what == "move":
                at, change = moved[number]
                move(shop, change, at=minutes(at), reference=f"M{number}", sku=sku)
            else:
                found = sum(change for at, change in there if at <= number)
                say_yes(
                    shop,
                    count(shop, (sku, found), at=minutes(number), digest=f"{sku}/{number}"),
                    anyway=True,
                )

        # then the ledger has what the last count found and what moved since
        last = max((number for what, number in told if what == "count"), default=None)
        if last is None:
            expected = 10 + sum(change for _, change in moved)
        else:
            expected = sum(change for at, change in there if at <= last)
            expected += sum(change for at, change in moved if at > last)
        assert on_hand(shop, sku) == expected

    shop.clock.advance(3600)
    told_in_any_order()
