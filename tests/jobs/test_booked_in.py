"""What a receiver says of goods several orders bring, and of those nobody here told of."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.model.catalog import FulfilledBy
from core.model.inbound import InboundItem, InboundState
from core.model.money import Money
from jobs import booked_in, consignments, refill, replenish
from jobs.clock import ManualClock
from jobs.consignments import CannotShip
from jobs.store.consignments import Consignments
from jobs.store.costs import Costs
from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import transfer
from tests.jobs.builders import rows
from tests.jobs.buying import SUPPLIERS, Market, open_market
from tests.jobs.conftest import BOTH
from tests.jobs.underway import (
    FBA,
    LANES,
    Fba,
    coming,
    link,
    now,
    open_cases,
    pass_days,
    po,
    received,
    receiving,
    sell_at_fba,
    ship,
    told,
)

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

TO_FBA = SUPPLIERS.replace("restocks: home", "restocks: fba", 1) + LANES
STATED = {"skus:\n": "skus:\n  accept_channel_skus: false\n"}


@pytest.fixture
def market(store: Store, clock: ManualClock, tmp_path: Path) -> Market:
    return open_market(store, clock, tmp_path, more=TO_FBA, locations=FBA)


@pytest.fixture
def fba(market: Market) -> Fba:
    return receiving(market)


def shares(market: Market, number: str) -> dict[str, tuple[int, int, int]]:
    """Purchase order -> (sent, received, booked)."""
    return {
        line.purchase: (line.units, line.received, line.booked)
        for line in now(market, number).lines
    }


# --- several orders in one shipment --------------------------------------------------------------


def test_an_order_that_joins_late_does_not_take_units_another_has_booked(market: Market, fba: Fba):
    # given a shipment with the goods of one order, which FBA has booked in
    ship(market, "CTR1", po(market, "PO-B", TEA=20))
    link(market, "CTR1")
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 20, 20))
    assert received(market, "PO-B") == {"TEA": 20}

    # when another order's goods are said to be on it, and FBA says the same again
    ship(market, "CTR1", po(market, "PO-A", TEA=20))
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 20, 20))

    # then no unit is booked under both
    assert received(market, "PO-A") == {"TEA": 0}
    # and when FBA is told of those too, they go to the order that brought them
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 40, 33))
    assert (received(market, "PO-A"), received(market, "PO-B")) == ({"TEA": 13}, {"TEA": 20})


def test_a_sum_that_falls_for_a_while_is_shared_by_what_each_order_loaded(market: Market, fba: Fba):
    # given a shipment of 20 and 28
    ship(market, "CTR1", po(market, "PO-A", TEA=20), po(market, "PO-B", TEA=28))
    link(market, "CTR1")

    # when FBA says 48, then 10, then 48, and books them in
    for sent in (48, 10, 48):
        told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", sent, 0))
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 48, 48))

    assert shares(market, "CTR1") == {"PO-A": (20, 20, 20), "PO-B": (28, 28, 28)}
    assert (received(market, "PO-A"), received(market, "PO-B")) == ({"TEA": 20}, {"TEA": 28})


def test_more_than_was_ordered_is_told_though_fba_counts(market: Market, fba: Fba):
    ship(market, "CTR1", po(market, "PO-A", TEA=20))
    link(market, "CTR1")

    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 20, 23))

    assert open_cases(market)["receipt_over"]["lines"] == "TEA x3"


def test_units_fba_takes_off_again_are_missing_though_they_were_booked(market: Market, fba: Fba):
    # given an order of which everything was booked in
    ship(market, "CTR1", po(market, "PO-A", TEA=48))
    link(market, "CTR1")
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 48, 48))
    assert now(market, "CTR1").state == "received"

    # when FBA takes five off
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 48, 43))
    short = open_cases(market)["consignment_short"]
    assert (short["missing"], short["received"]) == (5, 43)

    # then puts them back and takes them off again, then it is told again
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 48, 48))
    assert "consignment_short" not in open_cases(market)
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 48, 43))
    assert open_cases(market)["consignment_short"]["missing"] == 5
    # and nothing was booked a second time
    assert received(market, "PO-A") == {"TEA": 48}


def test_a_case_a_person_settled_is_not_told_again_by_the_same_report(market: Market, fba: Fba):
    ship(market, "CTR1", po(market, "PO-A", TEA=48))
    link(market, "CTR1")
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 48, 43))
    with market.shop.store.transaction() as tx:
        tx.close_case("consignment_short", "consignment CTR1", by="olga", note="claimed")

    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 48, 43))

    assert "consignment_short" not in open_cases(market)


# --- what our books cannot take yet --------------------------------------------------------------

NO_RATE = 'currencies: {CNY: {2030-01-01: "0.14"}}\n'
A_RATE = 'currencies: {CNY: {2020-01-01: "0.14"}}\n'


@BOTH
def test_what_cannot_be_booked_is_not_missing_and_is_tried_again_by_itself(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given an order in a currency without a rate, beside one that has one
    market = open_market(store, clock, tmp_path, more=TO_FBA + NO_RATE, locations=FBA)
    fba = receiving(market)
    ship(market, "CTR1", po(market, "PO-C", currency="CNY", TEA=20), po(market, "PO-D", CUP=10))
    link(market, "CTR1")

    # when FBA has booked everything in and is done
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 20, 20), InboundItem("CUP", 10, 10))

    # then one is booked, the other asks for its rate, and nothing is claimed or bought again
    assert (received(market, "PO-C"), received(market, "PO-D")) == ({"TEA": 0}, {"CUP": 10})
    found = open_cases(market)
    assert found["consignment_unbooked"]["purchase"] == "PO-C"
    assert "consignment_short" not in found
    assert coming(market, "TEA") == {}

    # when the rate is written, then it is booked though FBA never speaks of it again
    better = open_market(store, clock, tmp_path, more=TO_FBA + A_RATE, locations=FBA)
    replenish.refresh_plans(better.shop.run("core/replenishment"))
    assert received(market, "PO-C") == {"TEA": 20}
    assert "consignment_unbooked" not in open_cases(market)


# --- names ---------------------------------------------------------------------------------------


def test_an_item_that_becomes_known_keeps_its_units_once(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a shipment of which one item was a riddle, and one whose item has two names
    market = open_market(store, clock, tmp_path, more=TO_FBA, locations=FBA, changes=STATED)
    fba = receiving(market)
    items = (InboundItem("TEA-FBA", 7, 2), InboundItem("TEA-OLD", 5, 0), InboundItem("TEA", 1, 0))
    told(market, fba, InboundState.RECEIVING, *items)
    assert open_cases(market)["consignment_unknown_items"]["items"] == "TEA-FBA, TEA-OLD"
    assert [units for _, units in coming(market)["fba"]] == [1]

    # when both are written as aliases
    aliases = STATED | {"TEA: {}": "TEA: {aliases: [TEA-FBA, TEA-OLD]}"}
    better = open_market(store, clock, tmp_path, more=TO_FBA, locations=FBA, changes=aliases)
    told(better, receiving(better), InboundState.RECEIVING, *items)

    # then all of it is tea, once
    assert [units for _, units in coming(better)["fba"]] == [11]
    (line,) = now(better, "FBA15").lines
    assert (line.sku, line.units, line.received) == ("TEA", 13, 2)
    assert "consignment_unknown_items" not in open_cases(better)


# --- days ----------------------------------------------------------------------------------------


def test_a_claim_counts_from_the_last_look_before_the_delivery(market: Market, fba: Fba):
    # given a shipment we did not see begin, but did see on the road
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 10, 0))
    seen = market.shop.wiring.day(market.shop.clock.now())

    # when we look again days later, and it is over
    pass_days(market, 6)
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 10, 8))

    # then it may have been delivered right after we looked
    short = open_cases(market)["consignment_short"]
    assert (short["code"], short["claim_by"]) == (
        "consignment_short",
        (seen + timedelta(days=60)).isoformat(),
    )


def test_a_delivery_before_we_looked_has_no_day_to_claim_by(market: Market, fba: Fba):
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 10, 0))
    pass_days(market, 1)
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 10, 8))

    assert open_cases(market)["consignment_short"]["code"] == "consignment_short_undated"


# --- what a person closed ------------------------------------------------------------------------


def test_a_shipment_a_person_closed_stays_closed_until_its_state_moves(market: Market, fba: Fba):
    # given a shipment that FBA has been booking in for weeks
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 10, 8))
    with market.shop.store.transaction() as tx:
        consignments.close(tx, market.shop.wiring, "FBA15", note="stuck", by="olga")

    # when it says the same again, then it is over all the same
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 10, 8))
    assert now(market, "FBA15").state == "closed"
    assert coming(market) == {}

    # when the last two turn up, then nothing is missing any more
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 10, 10))
    assert now(market, "FBA15").state == "received"
    assert "consignment_short" not in open_cases(market)


def test_a_shipment_that_goes_on_after_it_was_canceled_asks_no_more(market: Market, fba: Fba):
    market.shop.receive("TEA", 50)
    told(market, fba, InboundState.PLANNED, InboundItem("TEA", 10, 0))
    with market.shop.store.transaction() as tx:
        refill.say_origin(tx, market.shop.wiring, "FBA15", "home", by="olga")
    told(market, fba, InboundState.CANCELED, InboundItem("TEA", 10, 0))
    assert "consignment_canceled" in open_cases(market)

    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 10, 0))

    assert "consignment_canceled" not in open_cases(market)
    assert [units for _, units in coming(market)["fba"]] == [10]


# --- a shipment that was made there first --------------------------------------------------------


def on_shelf(market: Market, sku: str = "TEA") -> int:
    with market.shop.store.reading() as tx:
        return sum(one.on_hand for one in Stock(tx).levels([sku])[sku] if one.location == "home")


def looked(market: Market, fba: Fba) -> None:
    """We have looked at FBA before: what comes now is new."""
    fba.reports = []
    booked_in.pull_inbound(market.shop.run("amazon-us/inbound"), "amazon-us")


def test_goods_that_left_unsaid_are_asked_for_and_taken_off_the_shelf(market: Market, fba: Fba):
    # given a shipment made at Amazon that has not left
    looked(market, fba)
    market.shop.receive("TEA", 200)
    told(market, fba, InboundState.PLANNED, InboundItem("TEA", 96, 0), name="FBA STA 1")
    assert "consignment_origin" not in open_cases(market)

    # when it leaves
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 96, 0), name="FBA STA 1")
    asked = open_cases(market)["consignment_origin"]
    assert (asked["units"], asked["lines"]) == (96, "TEA x96")

    # and a person says where it left, then it is off that shelf, once
    with market.shop.store.transaction() as tx:
        refill.say_origin(tx, market.shop.wiring, "FBA15", "home", by="olga")
    assert on_shelf(market) == 104
    assert "consignment_origin" not in open_cases(market)
    with pytest.raises(CannotShip, match="known where it came from"), market.shop.store.transaction() as tx:  # fmt: skip
        refill.say_origin(tx, market.shop.wiring, "FBA15", "home", by="olga")

    # and what FBA books in is what arrived of it
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 96, 95), name="FBA STA 1")
    (row,) = rows(market.shop.store, transfer)
    assert (row["arrived"], row["lost"], row["state"]) == (95, 1, "closed")
    assert open_cases(market)["consignment_short"]["missing"] == 1


def test_what_was_under_way_before_we_looked_first_is_not_asked_for(market: Market, fba: Fba):
    # given a shipment that was on the road when we looked for the first time
    market.shop.receive("TEA", 200)
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 96, 0))
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 96, 40))
    assert "consignment_origin" not in open_cases(market)

    # but one that is made and sent between two later looks is
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 9, 0), ref="FBA16")
    assert open_cases(market)["consignment_origin"]["number"] == "FBA16"


def test_goods_that_an_order_brought_are_asked_for_no_more(market: Market, fba: Fba):
    looked(market, fba)
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 30, 0))
    assert "consignment_origin" in open_cases(market)
    expected = sum(units for _, units in coming(market)["fba"])

    # when a person says which order it was
    ship(market, "FBA15", po(market, "PO-A", TEA=30))

    # then its units are those FBA speaks of, however often it is said, before and after its report
    assert sum(units for _, units in coming(market)["fba"]) == expected == 30
    ship(market, "FBA15", "PO-A", units={"TEA": 20})
    ship(market, "FBA15", "PO-A", units={"TEA": 30})
    assert sum(units for _, units in coming(market)["fba"]) == 30
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 30, 30))
    assert sum(units for _, units in coming(market).get("fba", ())) == 0
    assert received(market, "PO-A") == {"TEA": 30}
    assert "consignment_origin" not in open_cases(market)


def proposal(market: Market) -> int:
    replenish.refresh_plans(market.shop.run("core/replenishment"))
    with market.shop.store.reading() as tx:
        return refill.planned(tx)["home>fba"][0]


@pytest.mark.parametrize("number", ["FBA15", "FBA STA 1"])
def test_a_plan_is_sent_as_the_shipment_that_was_made_there_for_it(
    market: Market, fba: Fba, number: str
):
    # given a proposal that a person typed into Amazon's own pages before telling us
    _sells_at_fba(market)
    looked(market, fba)
    plan = proposal(market)
    told(market, fba, InboundState.PLANNED, InboundItem("TEA", 96, 0), name="FBA STA 1")

    # when it is sent under Amazon's id or name
    with market.shop.store.transaction() as tx:
        sent = refill.send(
            tx, market.shop.wiring, plan, number=number, units={"TEA": 96}, by="olga"
        )

    # then there is one shipment, and the units left the shelf once
    assert (sent.number, sent.sent) == ("FBA15", 96)
    assert [units for _, units in coming(market)["fba"]] == [96]
    assert on_shelf(market) == 200 - 96
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 96, 96), name="FBA STA 1")
    (row,) = rows(market.shop.store, transfer)
    assert (row["arrived"], row["state"]) == (96, "closed")


def test_a_plan_sent_under_another_name_asks_whether_it_is_the_one_made_there(
    market: Market, fba: Fba
):
    _sells_at_fba(market)
    looked(market, fba)
    plan = proposal(market)
    told(market, fba, InboundState.PLANNED, InboundItem("TEA", 96, 0), name="FBA STA 1")

    with market.shop.store.transaction() as tx:
        refill.send(tx, market.shop.wiring, plan, number="T-1", units={"TEA": 96}, by="olga")

    assert open_cases(market)["consignment_stranger"]["waiting"] == "T-1"
    link(market, "T-1")
    assert [units for _, units in coming(market)["fba"]] == [96]
    assert open_cases(market) == {}


def _sells_at_fba(market: Market) -> None:
    market.shop.list("v1", "TEA", channel="amazon-us", fulfilled_by=FulfilledBy.AMAZON)
    market.shop.receive("TEA", 200)
    sell_at_fba(market, 2)
    market.sell("TEA", 3)


# --- what it costs -------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_the_average_counts_what_was_there_before_whoever_counts_first(
    market: Market, fba: Fba, first: bool
):
    # given 10 units at 1.00 that FBA has, by its own figures and by its report
    ship(market, "CTR1", po(market, "PO-A", price=100, TEA=10))
    link(market, "CTR1")
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 10, 10))
    market.shop.receive("TEA", 10, location="fba", reference="figures")

    # when 10 more at 2.00 come, and FBA raises its figures before or after it tells of them
    ship(market, "CTR2", po(market, "PO-B", price=200, TEA=10))
    link(market, "CTR2", "FBA16")
    if first:
        market.shop.receive("TEA", 10, location="fba", reference="more")
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 10, 10), ref="FBA16")

    # then a unit costs 1.50
    with market.shop.store.reading() as tx:
        assert Costs(tx).unit_cost(["TEA"])["TEA"].of(1) == Money(150, "USD")


def test_units_on_their_way_between_our_places_are_part_of_the_average(market: Market, fba: Fba):
    # given 10 units at 1.00, of which 8 are on their way to FBA
    po(market, "PO-A", to="home", price=100, TEA=10)
    ship(market, "CTR1", "PO-A")
    with market.shop.store.transaction() as tx:
        consignments.receive_goods(tx, market.shop.wiring, "CTR1", {"TEA": 10}, slip="1", by="olga")
    looked(market, fba)
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 8, 0))
    with market.shop.store.transaction() as tx:
        refill.say_origin(tx, market.shop.wiring, "FBA15", "home", by="olga")

    # when 10 more at 2.00 come
    po(market, "PO-B", to="home", price=200, TEA=10)
    ship(market, "CTR2", "PO-B")
    with market.shop.store.transaction() as tx:
        consignments.receive_goods(tx, market.shop.wiring, "CTR2", {"TEA": 10}, slip="1", by="olga")

    with market.shop.store.reading() as tx:
        assert Costs(tx).unit_cost(["TEA"])["TEA"].of(1) == Money(150, "USD")
        assert [*Stock(tx).verify(), *Purchases(tx).verify()] == []
        assert Consignments(tx).to_book() == []


@BOTH
def test_two_orders_that_are_told_at_once_are_averaged_as_two(market: Market, fba: Fba):
    # given 10 units at 1.00 that FBA has
    ship(market, "CTR1", po(market, "PO-A", price=100, TEA=10))
    link(market, "CTR1")
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 10, 10))
    market.shop.receive("TEA", 10, location="fba", reference="figures")

    # when 10 at 2.00 and 10 at 3.00 are booked in together, whether its figures know them or not
    for name, raised in (("CTR2", 20), ("CTR3", 0)):
        market.shop.clock.advance(60)
        orders = [po(market, f"{name}-{p}", price=p, TEA=10) for p in (200, 300)]
        ship(market, name, *orders)
        link(market, name, name)
        if raised:
            market.shop.receive("TEA", raised, location="fba", reference=name)
        told(market, fba, InboundState.CLOSED, InboundItem("TEA", 20, 20), ref=name)

        # then the average is that of all: 6000 over 30, then 11000 over 50
        with market.shop.store.reading() as tx:
            pool = Costs(tx).unit_cost(["TEA"])["TEA"].pool
        assert (pool.units, pool.value) == ((30, 6_000) if raised else (50, 11_000))


# --- odd orders of events ------------------------------------------------------------------------


def test_a_consignment_of_ours_may_bear_the_id_its_receiver_gives_it(market: Market, fba: Fba):
    # given goods that a person shipped under Amazon's own id before we heard of it there
    ship(market, "FBA15", po(market, "PO-A", TEA=30))

    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 30, 0))

    assert sum(units for _, units in coming(market)["fba"]) == 30
    assert now(market, "FBA15").ref == "FBA15"


def test_an_unclear_word_does_not_say_that_it_was_not_delivered(market: Market, fba: Fba):
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 10, 0))
    seen = market.shop.wiring.day(market.shop.clock.now())
    pass_days(market, 5)
    told(market, fba, InboundState.UNCLEAR, InboundItem("TEA", 10, 0))
    pass_days(market, 5)
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 10, 8))

    claim_by = open_cases(market)["consignment_short"]["claim_by"]
    assert claim_by == (seen + timedelta(days=60)).isoformat()


def sent_from_home(market: Market, fba: Fba, units: int = 96) -> None:
    """A plan that was sent under Amazon's name for the shipment."""
    _sells_at_fba(market)
    looked(market, fba)
    plan = proposal(market)
    with market.shop.store.transaction() as tx:
        refill.send(tx, market.shop.wiring, plan, number="T-1", units={"TEA": units}, by="olga")


def test_what_we_sent_ourselves_was_not_delivered_before_that(market: Market, fba: Fba):
    sent_from_home(market, fba)
    sent = market.shop.wiring.day(market.shop.clock.now())
    pass_days(market, 9)

    # when the first we hear of it is that it is over
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 96, 90), name="T-1")

    short = open_cases(market)["consignment_short"]
    assert short["claim_by"] == (sent + timedelta(days=60)).isoformat()


@BOTH
def test_units_given_up_that_turn_up_have_arrived(market: Market, fba: Fba):
    # given a transfer that a person closed, whose units count as lost
    sent_from_home(market, fba)
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 96, 0), name="T-1")
    with market.shop.store.transaction() as tx:
        consignments.close(tx, market.shop.wiring, "T-1", note="lost", by="olga")
    assert rows(market.shop.store, transfer)[0]["lost"] == 96

    # when FBA begins to book them in
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 96, 10), name="T-1")

    # then they are on their way again, and nothing is claimed
    (row,) = rows(market.shop.store, transfer)
    assert (row["arrived"], row["lost"], row["state"]) == (10, 0, "open")
    assert [units for _, units in coming(market)["fba"]] == [86]
    assert "consignment_short" not in open_cases(market)
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 96, 94), name="T-1")
    # and those that are found after the end arrive as well
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 96, 96), name="T-1")
    (row,) = rows(market.shop.store, transfer)
    assert (row["arrived"], row["lost"], row["state"]) == (96, 0, "closed")
    with market.shop.store.reading() as tx:
        assert list(Stock(tx).verify()) == []


def test_a_canceled_shipment_that_was_received_after_all_says_what_is_short(
    market: Market, fba: Fba
):
    sent_from_home(market, fba)
    told(market, fba, InboundState.CANCELED, InboundItem("TEA", 96, 0), name="T-1")
    assert "consignment_canceled" in open_cases(market)

    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 96, 90), name="T-1")

    found = open_cases(market)
    assert found["consignment_short"]["missing"] == 6
    assert "consignment_canceled" not in found
    assert now(market, "T-1").state == "closed"


def test_what_left_our_shelf_stays_what_it_was_when_its_item_means_another_sku(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given ten teas that left under an item that is an alias of tea
    tea = {"TEA: {}": "TEA: {aliases: [X-1]}"}
    market = open_market(store, clock, tmp_path, more=TO_FBA, locations=FBA, changes=tea)
    fba = receiving(market)
    market.shop.receive("TEA", 50)
    told(market, fba, InboundState.PLANNED, InboundItem("X-1", 10, 0))
    with store.transaction() as tx:
        refill.say_origin(tx, market.shop.wiring, "FBA15", "home", by="olga")

    # when the alias is given to cups, and FBA books it in
    cup = {"CUP: {}": "CUP: {aliases: [X-1]}"}
    other = open_market(store, clock, tmp_path, more=TO_FBA, locations=FBA, changes=cup)
    told(other, receiving(other), InboundState.CLOSED, InboundItem("X-1", 10, 10))

    (line,) = now(other, "FBA15").lines
    assert (line.sku, line.units, line.received, line.booked) == ("TEA", 10, 10, 10)
    assert rows(store, transfer)[0]["state"] == "closed"


def test_where_everything_runs_once_shipments_are_read_before_it_is_decided_what_to_buy(
    market: Market, fba: Fba
):
    units = list(market.shop.runner.units)

    assert units.index("amazon-us/inbound") < units.index("core/replenishment")


def test_more_than_was_taken_off_the_shelf_is_asked_for_and_taken_off_too(market: Market, fba: Fba):
    # given 50 units sent as the shipment that Amazon knows with 96
    _sells_at_fba(market)
    looked(market, fba)
    plan = proposal(market)
    told(market, fba, InboundState.PLANNED, InboundItem("TEA", 96, 0), name="FBA STA 1")
    with market.shop.store.transaction() as tx:
        refill.send(tx, market.shop.wiring, plan, number="FBA15", units={"TEA": 50}, by="olga")
    assert on_shelf(market) == 150

    # when all 96 leave, and half are booked in
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 96, 60), name="FBA STA 1")
    asked = open_cases(market)["consignment_origin"]
    assert (asked["units"], asked["lines"]) == (46, "TEA x46")

    # then the rest is taken off where a person says it left, nowhere else
    with pytest.raises(CannotShip, match="left home"), market.shop.store.transaction() as tx:
        refill.say_origin(tx, market.shop.wiring, "FBA15", "acme", by="olga")
    with market.shop.store.transaction() as tx:
        refill.say_origin(tx, market.shop.wiring, "FBA15", "home", by="olga")
    assert on_shelf(market) == 104
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 96, 96), name="FBA STA 1")
    (row,) = rows(market.shop.store, transfer)
    assert (row["quantity"], row["arrived"], row["lost"], row["state"]) == (96, 96, 0, "closed")
    assert "consignment_origin" not in open_cases(market)
    with market.shop.store.reading() as tx:
        assert list(Stock(tx).verify()) == []


def test_a_place_that_its_own_counter_takes_the_units_off_is_asked_for_once(
    market: Market, fba: Fba
):
    # given a shipment that left the supplier's shelf, which the supplier counts
    looked(market, fba)
    market.shop.receive("TEA", 5)
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 30, 0))
    with market.shop.store.transaction() as tx:
        refill.say_origin(tx, market.shop.wiring, "FBA15", "acme", by="olga")

    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 30, 30))

    assert "consignment_origin" not in open_cases(market)
    assert rows(market.shop.store, transfer) == []
    assert on_shelf(market) == 5
