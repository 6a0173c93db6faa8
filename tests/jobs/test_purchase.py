"""Purchase orders: once at the supplier, received as they come, at what they cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.edi import mapping as edi
from core.errors import Rejected, Unavailable, UnknownOutcome
from core.model.money import Money
from core.model.purchasing import PurchaseAnswer, PurchaseOrder, PurchaseVerdict
from core.rules.landed_cost import Pool
from core.rules.modes import Mode
from jobs import purchase, receive, upkeep
from jobs.clock import ManualClock
from jobs.purchase import CannotBuy
from jobs.store.costs import Costs
from jobs.store.permissions import Permissions
from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import cases, effect, purchase_order, purchase_order_line, receipt_cost
from tests.jobs.builders import NOON, rows, together
from tests.jobs.buying import SUPPLIERS, Market, open_market
from tests.jobs.conftest import BOTH
from tests.jobs.shop import open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]


@pytest.fixture
def market(store: Store, clock: ManualClock, tmp_path: Path) -> Market:
    """Tea is low: a plan waits."""
    made = open_market(store, clock, tmp_path)
    made.shop.receive("TEA", 20)
    made.sell("TEA", 3, days=30)
    return made


def plan_of(market: Market) -> int:
    return market.plans()["mill"][0]


def ordered(market: Market, units: int = 48) -> PurchaseOrder:
    order = market.approve(plan_of(market), skus=["TEA"], quantities={"TEA": units})
    market.send()
    return order


def take_in(market: Market, order: str, units: dict[str, int], slip: str, **more: object) -> receive.Received:  # fmt: skip
    with market.shop.store.transaction() as tx:
        return receive.receive(tx, market.shop.wiring, order, units, slip=slip, by="olga", **more)  # type: ignore[arg-type]


def level(market: Market, sku: str = "TEA") -> tuple[int, int]:
    with market.shop.store.reading() as tx:
        assert [*Stock(tx).verify(), *Purchases(tx).verify()] == []
        (one,) = [one for one in Stock(tx).levels([sku])[sku] if one.location == "home"]
    return one.on_hand, one.incoming


def open_cases(market: Market) -> set[str]:
    return {row["kind"] for row in rows(market.shop.store, cases) if row["state"] == "open"}


def state(market: Market) -> str:
    (row,) = rows(market.shop.store, purchase_order)
    return str(row["state"])


def lost(operation: str) -> UnknownOutcome:
    return UnknownOutcome(connector="home-files", operation=operation)


# --- approving -----------------------------------------------------------------------------------


def test_an_approved_plan_is_one_order_and_cannot_be_approved_again(market: Market):
    # given a plan
    plan = plan_of(market)

    # when it is approved twice
    order = market.approve(plan)
    with pytest.raises(CannotBuy, match="settled by olga"):
        market.approve(plan)

    # then one order is on its way, and counts as incoming
    assert [row["number"] for row in rows(market.shop.store, purchase_order)] == [order.number]
    assert level(market) == (20, order.lines[0].quantity)
    assert market.plans() == {}


def test_an_order_can_be_written_in_x12_whatever_its_supplier_is_called(market: Market):
    order = market.approve(plan_of(market), skus=["TEA"])

    body = edi.purchase_order(order, edi.Words())

    assert body[1][:4] == ["BEG", "00", "SA", order.number]
    assert order.supplier not in order.number


@BOTH
def test_of_two_people_who_approve_one_plan_at_once_one_orders(market: Market):
    # given a plan, and two people with different wishes
    plan = plan_of(market)

    def wish(units: int) -> bool:
        try:
            market.approve(plan, skus=["TEA"], quantities={"TEA": units})
        except CannotBuy:
            return False
        return True

    # when both say yes
    done = together(lambda: wish(48), lambda: wish(60))

    # then there is one order
    assert sorted(done) == [False, True]
    assert len(rows(market.shop.store, purchase_order)) == 1
    assert len(rows(market.shop.store, effect)) == 1


def test_a_plan_that_changed_is_not_approved_unseen(market: Market):
    # given a plan in a mail, and units that came meanwhile
    plan = plan_of(market)
    market.shop.receive("TEA", 30, reference="R2")
    newer = plan_of(market)

    # when the old one is approved, then the newer one is named
    with pytest.raises(CannotBuy, match=f"plan {newer} took its place"):
        market.approve(plan)


@pytest.mark.parametrize(("units", "why"), [(12, "fewer than mill takes"), (50, "take 48 or 60")])
def test_a_quantity_the_supplier_would_refuse_is_refused_first(
    market: Market, units: int, why: str
):
    with pytest.raises(CannotBuy, match=why):
        market.approve(plan_of(market), skus=["TEA"], quantities={"TEA": units})

    assert rows(market.shop.store, purchase_order) == []


def test_another_quantity_has_its_own_price(market: Market):
    order = market.approve(plan_of(market), skus=["TEA"], quantities={"TEA": 240})

    assert order.lines[0].price == Money(120, "USD")


def test_an_order_below_the_agreed_value_needs_a_persons_word(
    store: Store, clock: ManualClock, tmp_path: Path
):
    more = SUPPLIERS.replace('order_minimum: "20.00"', 'order_minimum: "900.00"')
    market = open_market(store, clock, tmp_path, more=more)
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3, days=30)
    plan = plan_of(market)

    with pytest.raises(CannotBuy, match=r"are missing to the minimum of 900\.00 USD"):
        market.approve(plan)
    market.approve(plan, below_minimum=True)

    assert state(market) == "draft"


def test_nothing_is_approved_while_purchases_are_only_observed(market: Market):
    market.switch(Mode.OBSERVE)

    with pytest.raises(CannotBuy, match="mode act --connection home-files"):
        market.approve(plan_of(market))

    assert rows(market.shop.store, effect) == []


# --- sending -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "moment", "operation"),
    [
        ("killed", "before", "stage"),
        ("killed", "after", "stage"),
        ("killed", "before", "release"),
        ("killed", "after", "release"),
        ("lost", "before", "stage"),
        ("lost", "after", "release"),
    ],
)
def test_an_order_reaches_the_supplier_once_whatever_breaks(
    market: Market, what: str, moment: str, operation: str
):
    # given an approved order, and a call that breaks
    order = market.approve(plan_of(market))
    trouble = KeyboardInterrupt() if what == "killed" else lost(operation)
    (market.mill.trouble if moment == "before" else market.mill.late_trouble)[operation] = trouble

    # when it is sent, and sent again when the trouble is over
    try:
        market.send()
    except KeyboardInterrupt:
        assert what == "killed"
    for _ in range(3):
        market.shop.clock.advance(120)
        market.send()

    # then the supplier has it, once (the supplier in memory refuses a second one)
    assert list(market.mill.received) == [order.number]
    assert market.mill.staged == {}
    assert [row["state"] for row in rows(market.shop.store, effect)] == ["done"]
    assert state(market) == "sent"


def test_a_stopped_connection_gets_nothing_until_it_is_resumed(market: Market):
    # given an approved order and a stop
    market.approve(plan_of(market))
    with market.shop.store.transaction() as tx:
        Permissions(tx).stop("home-files", by="olga")

    # when it is sent, nothing goes; after the stop it does
    market.send()
    assert market.mill.received == {}
    with market.shop.store.transaction() as tx:
        Permissions(tx).resume("home-files", by="olga")
    market.send()
    assert len(market.mill.received) == 1


def test_a_supplier_that_is_down_gets_it_later(market: Market):
    market.approve(plan_of(market))
    market.mill.trouble["stage"] = Unavailable(connector="home-files", operation="stage")

    with pytest.raises(Unavailable):
        market.send()
    market.send()

    assert len(market.mill.received) == 1


def test_an_order_that_is_refused_is_a_case(market: Market):
    market.approve(plan_of(market))
    market.mill.trouble["stage"] = Rejected("no", connector="home-files", operation="stage")

    market.send()

    assert open_cases(market) == {"purchase_refused"}


def test_an_order_that_was_taken_back_in_time_is_never_sent(market: Market):
    # given an order that waits
    order = market.approve(plan_of(market))

    # when it is canceled
    with market.shop.store.transaction() as tx:
        done = purchase.close(tx, order.number, note="too dear", by="olga")
    market.send()

    # then nothing goes out and nothing is expected
    assert str(done) == "canceled"
    assert market.mill.received == {}
    assert level(market) == (20, 0)


# --- answers -------------------------------------------------------------------------------------


def answer(number: str, quantity: int, *, item: str = "T-1", days: int = 30) -> PurchaseAnswer:
    ready = NOON.date().replace(month=12, day=days)
    return PurchaseAnswer(number, item, quantity, NOON, ready, "SO-1")


def test_a_short_answer_is_a_case_and_only_what_will_come_is_reckoned_with(market: Market):
    # given a sent order of 48
    order = ordered(market)

    # when the supplier has 12 of them, a month from now
    market.answer(answer(order.number, 12))

    # then a person is told, and the rest is proposed again
    assert state(market) == "acknowledged"
    assert open_cases(market) == {"purchase_short"}
    with market.shop.store.reading() as tx:
        (coming,) = Purchases(tx).incoming(["TEA"])["TEA", "home"]
    assert coming == (NOON.date().replace(month=12, day=30), 12)
    assert market.plans()["mill"][1]["TEA"].incoming == 12


def test_an_older_answer_that_is_read_later_does_not_replace_a_newer_one(market: Market):
    # given an order that is answered in full, and then by a mail that was written before
    order = ordered(market)
    at = market.shop.clock.now()
    newer, older = answer(order.number, 48), answer(order.number, 12)
    market.answer(replace(newer, at=at))
    market.answer(replace(older, at=at - timedelta(hours=1)))

    # then the later word stands, and a person is told of the other
    (line,) = rows(market.shop.store, purchase_order_line)
    assert line["confirmed"] == 48
    assert open_cases(market) == {"purchase_answer_older"}

    # when both lie there at once in the wrong order, and their clock is a year ahead
    market.shop.clock.advance(3_600)
    far = market.shop.clock.now() + timedelta(days=365)
    market.answer(replace(newer, at=far, quantity=36), replace(older, at=at))

    # then the later one counts, and does not shut out what a person hears next
    (line,) = rows(market.shop.store, purchase_order_line)
    assert line["confirmed"] == 36
    market.shop.clock.advance(3_600)
    with market.shop.store.transaction() as tx:
        told = {"TEA": (48, None)}
        purchase.answered_by_person(
            tx, market.shop.wiring, order.number, told, reference="", note=None, by="olga"
        )
    (line,) = rows(market.shop.store, purchase_order_line)
    assert (line["confirmed"], open_cases(market)) == (48, set())


def test_an_order_that_its_supplier_says_nothing_about_is_told_and_told_louder(market: Market):
    # given an order that a supplier has had for most of the agreed three days, and then all but all
    order = ordered(market)
    for days, told_of in ((2.2, set()), (0.7, {"reminder_call"})):
        market.shop.clock.advance(days * 86_400)
        upkeep.look_after(market.shop.run("core/upkeep"))

        # then somebody is asked to call there before it is too late, as nobody can be mailed
        assert open_cases(market) == told_of

    # when the days are over, and then twice as many
    for days, severity in ((0.2, "warning"), (1, "warning"), (2.1, "critical")):
        market.shop.clock.advance(days * 86_400)
        upkeep.look_after(market.shop.run("core/upkeep"))

        # then that is one Case, which becomes a louder one
        (told,) = [row for row in rows(market.shop.store, cases) if row["state"] == "open"]
        assert (told["kind"], told["severity"]) == ("purchase_unanswered", severity)
        assert told["subject"] == f"purchase {order.number}"
        assert told["args"]["supplier"] == "mill (Bo, 555 0100)"

    # when they answer after all, it is over
    market.answer(answer(order.number, 48))
    assert open_cases(market) == set()


def test_more_than_was_ordered_is_a_case_until_it_is_put_right(market: Market):
    order = ordered(market)

    # when the supplier wants to send ten times as much, or a number that nobody could store
    for units in (480, 99_999_999_999):
        market.answer(answer(order.number, units))
        assert open_cases(market) == {"purchase_over"}

    # then no more is reckoned with than was ordered
    with market.shop.store.reading() as tx:
        assert sum(units for _, units in Purchases(tx).incoming(["TEA"])["TEA", "home"]) == 48

    # and what it puts right is over, as what it finds after all is
    market.answer(answer(order.number, 12))
    assert open_cases(market) == {"purchase_short"}
    market.answer(answer(order.number, 48))
    assert open_cases(market) == set()


def test_a_day_that_only_says_that_there_is_none_stops_no_planning(market: Market):
    # given what many programs write where they know no day
    order = ordered(market)
    market.answer(replace(answer(order.number, 48), ready_on=date(9999, 12, 31)))

    # then it is expected as before, and plans are made
    with market.shop.store.reading() as tx:
        (coming,) = Purchases(tx).incoming(["TEA"])["TEA", "home"]
    assert coming[0].year == NOON.year
    market.plans()


def test_another_price_than_was_ordered_at_is_a_case_and_the_order_stands(market: Market):
    # given a sent order at an agreed price
    order = ordered(market)
    (line,) = order.lines
    assert line.price is not None

    # when the supplier confirms it all, a tenth dearer
    dearer = Money(line.price.amount * 11 // 10, line.price.currency)
    market.answer(replace(answer(order.number, 48), price=dearer))

    # then a person is told
    assert open_cases(market) == {"purchase_repriced"}
    assert state(market) == "acknowledged"

    # until it confirms the agreed one
    market.answer(replace(answer(order.number, 48), price=line.price))
    assert open_cases(market) == set()


def test_an_answer_to_no_order_of_ours_or_about_other_things_is_a_case(market: Market):
    order = ordered(market)

    market.answer(answer("PO-unknown", 5), answer(order.number, 48, item="SHOE"))

    assert open_cases(market) == {"unknown_purchase", "purchase_answer_strange"}
    assert state(market) == "sent"


@pytest.mark.parametrize(("comes", "told"), [(True, set()), (False, {"purchase_short"})])
def test_an_answer_to_the_whole_order_is_one_about_each_line(
    market: Market, comes: bool, told: set[str]
):
    order = ordered(market)

    market.answer(PurchaseVerdict(order.number, comes, market.shop.clock.now(), "SO-7"))

    assert open_cases(market) == told
    assert state(market) == "acknowledged"
    (line,) = (one for one in rows(market.shop.store, purchase_order_line))
    assert line["confirmed"] == (48 if comes else 0)


# --- receiving -----------------------------------------------------------------------------------


def test_a_receipt_is_counted_once_however_often_the_slip_is_read(market: Market):
    order = ordered(market)

    first = take_in(market, order.number, {"TEA": 48}, "S1")
    again = take_in(market, order.number, {"TEA": 48}, "S1")

    assert (first.repeated, again.repeated) == (False, True)
    assert level(market) == (68, 0)
    assert state(market) == "received"
    assert open_cases(market) == set()


def test_a_short_receipt_stays_expected_until_the_rest_comes(market: Market):
    order = ordered(market)

    take_in(market, order.number, {"TEA": 20}, "S1")
    halfway = (level(market), state(market), open_cases(market))
    take_in(market, order.number, {"TEA": 28}, "S2")

    assert halfway == ((40, 28), "partly_received", {"receipt_short"})
    assert (level(market), state(market), open_cases(market)) == ((68, 0), "received", set())


def test_a_short_order_is_closed_by_a_person(market: Market):
    order = ordered(market)
    take_in(market, order.number, {"TEA": 20}, "S1")

    with market.shop.store.transaction() as tx:
        purchase.close(tx, order.number, note="sold out there", by="olga")

    assert (level(market), state(market), open_cases(market)) == ((40, 0), "closed", set())
    with market.shop.store.transaction() as tx, pytest.raises(CannotBuy, match="closed already"):
        purchase.close(tx, order.number, note=None, by="olga")


def test_more_than_was_ordered_is_counted_and_told(market: Market):
    order = ordered(market)

    done = take_in(market, order.number, {"TEA": 60, "CUP": 2}, "S1")

    assert done.over == {"TEA": 12, "CUP": 2}
    assert open_cases(market) == {"receipt_over"}
    assert level(market) == (80, 0)
    assert level(market, "CUP") == (2, 0)
    assert state(market) == "received"
    (line,) = rows(market.shop.store, purchase_order_line)
    assert (line["quantity"], line["received"]) == (48, 60)


def test_nothing_can_come_of_an_order_that_never_left_us(market: Market):
    order = market.approve(plan_of(market))

    with pytest.raises(CannotBuy, match="never left us"):
        take_in(market, order.number, {"TEA": 48}, "S1")


# --- what it cost --------------------------------------------------------------------------------


def test_a_receipt_freezes_its_landed_cost_and_moves_the_average(market: Market):
    # given 20 units of unknown cost, and an order of 48 at 1.50
    order = ordered(market)

    # when half of them come with freight, then the others with more of it
    take_in(market, order.number, {"TEA": 24}, "S1", freight=Money(700, "USD"))
    with market.shop.store.reading() as tx:
        first = Costs(tx).unit_cost(["TEA"])["TEA"]
    take_in(market, order.number, {"TEA": 24}, "S2", freight=Money(2_300, "USD"))

    # then each has its own, and what is in stock has the average
    costs = [(row["goods"], row["freight"]) for row in rows(market.shop.store, receipt_cost)]
    assert costs == [(3_600, 700), (3_600, 2_300)]
    assert first.of(24) == Money(4_300, "USD")
    with market.shop.store.reading() as tx:
        second = Costs(tx).unit_cost(["TEA", "CUP"])
        lead = Purchases(tx).lead_days("mill")
    # 44 were there, each at the first receipt's cost
    assert second["TEA"].of(68) == Money(round(44 * 4_300 / 24) + 5_900, "USD")
    assert "CUP" not in second
    assert lead == [0]


def test_units_that_a_supplier_keeps_for_us_do_not_thin_the_average(market: Market):
    # given a receipt at 1.50 each, and a supplier's own warehouse that shows ten thousand
    order = ordered(market)
    take_in(market, order.number, {"TEA": 24}, "S1", freight=Money(0, "USD"))
    market.shop.snapshot(("TEA", 10_000), at=NOON)

    # when as many come at 11.50 each
    take_in(market, order.number, {"TEA": 24}, "S2", freight=Money(24_000, "USD"))

    # then the average is that of the 68 units we own
    with market.shop.store.reading() as tx:
        cost = Costs(tx).unit_cost(["TEA"])["TEA"]
    assert cost.pool == Pool(68, 44 * 150 + 24 * 1_150)


def test_units_are_ours_where_we_count_and_where_a_channel_keeps_them(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a shelf, a channel that keeps goods of ours, and a supplier that tells its own stock
    places = "  fba: {counted_by: amazon-us, basis: net, channels: [amazon-us]}\n"
    shop = open_shop(store, clock, tmp_path, more_locations=places)

    # then all but the supplier's units are ours
    assert shop.wiring.owned_places == {"home", "fba"}


def test_a_foreign_price_needs_a_rate_of_the_day_and_keeps_it(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a supplier in yuan, duty on its goods, and a rate that changes
    more = SUPPLIERS.replace(
        "    restocks: home\n    lead_days: 10",
        "    restocks: home\n    currency: CNY\n    lead_days: 10",
    )
    more = more.replace("TEA: {item: T-1,", "TEA: {hts: '0902.30', origin: CN, item: T-1,")
    more += "currencies: {CNY: {2026-11-01: '0.14', 2027-01-01: '0.15'}}\n"
    more += "duties: [{hts: '0902', since: 2026-01-01, percent: '7.5'}]\n"
    market = open_market(store, clock, tmp_path, more=more)
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3, days=30)
    order = ordered(market)

    # when it comes
    take_in(market, order.number, {"TEA": 48}, "S1")

    # then the rate and the duty it was reckoned with stand beside it
    (row,) = rows(store, receipt_cost)
    assert (row["goods"], row["duty"]) == (1_008, 76)
    assert row["basis"]["rate"] == "0.14"
    assert row["basis"]["rate_since"] == "2026-11-01"
    assert row["basis"]["duty_percent"] == "7.5"


@BOTH
def test_an_order_to_a_supplier_without_a_connection_waits_for_a_person_to_send_it(
    store: Store, clock: ManualClock, tmp_path: Path
):
    more = SUPPLIERS.replace("    connection: home-files\n", "")
    market = open_market(store, clock, tmp_path, more=more)
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3, days=30)
    order = market.approve(plan_of(market))
    assert rows(store, effect) == []

    with store.transaction() as tx:
        purchase.sent_by_hand(tx, order.number, by="olga")

    assert state(market) == "sent"
    with store.reading() as tx:
        assert tx.rows(select(purchase_order.c.sent_at))[0].sent_at == NOON


# --- what a person brings ------------------------------------------------------------------------


def test_a_packing_slip_is_read_and_every_bad_cell_is_named(tmp_path: Path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("sku,quantity\nTEA,10\nCUP,2\nTEA,5\n")
    bad.write_text("sku,quantity\nTEA,ten\n,4\nCUP,-1\n")

    units, digest = receive.read_slip(good)
    with pytest.raises(CannotBuy) as refused:
        receive.read_slip(bad)

    assert units == {"TEA": 15, "CUP": 2}
    assert len(digest) == 12
    assert [f":{number}:" in str(refused.value) for number in (2, 3, 4)] == [True] * 3


@pytest.mark.parametrize("text", ["12,50", "-3.00", "1.234", ""])
def test_an_amount_that_cannot_be_is_refused(text: str):
    with pytest.raises(CannotBuy):
        receive.parse_money(text, "USD")
