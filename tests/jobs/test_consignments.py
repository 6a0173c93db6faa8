"""Goods under way: legs, arrival, what is missing, and what a receiver says of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from core.errors import Rejected
from core.model.catalog import FulfilledBy
from core.model.inbound import InboundItem, InboundReport, InboundState, Leg
from core.model.money import Money
from core.model.stock import MovementKind, StockMovement
from core.ports import Batch
from jobs import booked_in, consignments, receive, refill, replenish
from jobs.clock import ManualClock
from jobs.consignments import CannotShip
from jobs.purchase import CannotBuy
from jobs.store.consignments import ConsignmentRecord, Consignments
from jobs.store.costs import Costs
from jobs.store.purchases import Purchases
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import (
    cases,
    fulfillment,
    fulfillment_line,
    orders,
    receipt_cost,
    transfer,
)
from tests.jobs.builders import rows
from tests.jobs.buying import SUPPLIERS, Market, open_market
from tests.jobs.conftest import BOTH
from tests.jobs.underway import (
    FBA,
    LANES,
    Fba,
    bought,
    come,
    coming,
    leg,
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


@pytest.fixture
def market(store: Store, clock: ManualClock, tmp_path: Path) -> Market:
    more = SUPPLIERS.replace("lead_days: 10", "lead_days: 10\n    lane: sea") + LANES
    return open_market(store, clock, tmp_path, more=more, locations=FBA)


@pytest.fixture
def fba(market: Market) -> Fba:
    return receiving(market)


# --- legs ----------------------------------------------------------------------------------------


def test_goods_under_way_count_on_the_day_their_consignment_is_expected(market: Market):
    # given an order of which half is on a ship
    number = bought(market)
    today = market.shop.wiring.day(market.shop.clock.now())
    ordered = coming(market)["home"][0][0]

    # when the ship sails, and its owner says when it arrives
    ship(market, "MSKU1", number, units={"TEA": 24})
    leg(market, "MSKU1", Leg.SAILED, actual=today)
    leg(market, "MSKU1", Leg.PORT, planned=today + timedelta(days=20))

    # then the units on it come when it does, the others when the order does
    assert coming(market)["home"] == ((ordered, 24), (today + timedelta(days=23), 24))


@BOTH
def test_a_leg_that_slips_moves_the_day_and_is_told_once(market: Market):
    # given a ship that is planned to arrive in four days
    ship(market, "MSKU1", bought(market))
    today = market.shop.wiring.day(market.shop.clock.now())
    leg(market, "MSKU1", Leg.SAILED, actual=today)
    leg(market, "MSKU1", Leg.PORT, planned=today + timedelta(days=4))
    assert now(market, "MSKU1").expected_on == today + timedelta(days=7)

    # when nine days pass
    pass_days(market, 9)
    pass_days(market, 1)

    # then what the way usually takes counts again, and one Case asks for the new day
    assert now(market, "MSKU1").expected_on == today + timedelta(days=15 + 3)
    late = open_cases(market)["consignment_late"]
    assert (late["leg"], late["planned"]) == ("port", (today + timedelta(days=4)).isoformat())
    assert (
        len([row for row in rows(market.shop.store, cases) if row["kind"] == "consignment_late"])
        == 1
    )
    # and the order is not called late, for its goods are
    assert "purchase_late" not in open_cases(market)

    # when the port is reached, then nothing is late any more
    leg(market, "MSKU1", Leg.PORT, actual=today + timedelta(days=10))
    replenish.refresh_plans(market.shop.run("core/replenishment"))
    assert "consignment_late" not in open_cases(market)


def test_days_are_learned_from_the_ways_that_came_before(market: Market):
    # given five ways that took 25 days to the port instead of 15
    number = bought(market, units=240)
    for index in range(5):
        today = market.shop.wiring.day(market.shop.clock.now())
        ship(market, f"S{index}", number, units={"TEA": 24}, started_on=today)
        leg(market, f"S{index}", Leg.READY, actual=today)
        leg(market, f"S{index}", Leg.SAILED, actual=today)
        market.shop.clock.advance(25 * 86_400)
        leg(market, f"S{index}", Leg.PORT, actual=market.shop.wiring.day(market.shop.clock.now()))
        come(market, f"S{index}", "1", TEA=24)

    # then the next one is expected to take as long
    with market.shop.store.reading() as tx:
        days = consignments.leg_days(tx, market.shop.wiring, "sea")
    assert days[Leg.PORT].p50 == 25
    assert days[Leg.PORT].observed == 5


@pytest.mark.parametrize(
    ("day", "why"), [(1, "still to come"), (-400, "before MSKU1 began"), (-2, "does not go with")]
)
def test_a_day_that_cannot_be_is_refused(market: Market, day: int, why: str):
    ship(market, "MSKU1", bought(market), started_on=date(2026, 11, 1))
    today = market.shop.wiring.day(market.shop.clock.now())
    leg(market, "MSKU1", Leg.READY, actual=today - timedelta(days=1))

    with pytest.raises(CannotShip, match=why):
        leg(market, "MSKU1", Leg.SAILED, actual=today + timedelta(days=day))


def test_units_cannot_be_on_two_ships(market: Market):
    # given an order that is under way whole
    number = bought(market)
    ship(market, "MSKU1", number)

    with pytest.raises(CannotShip, match="nothing is owed"):
        ship(market, "MSKU2", number)
    with pytest.raises(CannotShip, match="48 are on their way elsewhere"):
        ship(market, "MSKU2", number, units={"TEA": 1})

    # when it is said again with fewer, then the rest can go with another
    ship(market, "MSKU1", number, units={"TEA": 36})
    ship(market, "MSKU2", number)
    assert now(market, "MSKU2").sent == 12


# --- arriving ------------------------------------------------------------------------------------


def test_what_comes_with_a_consignment_is_received_under_its_order_once(market: Market):
    # given 48 units under way
    number = bought(market)
    ship(market, "MSKU1", number)

    # when 30 come, the slip is told twice, and then the rest
    come(market, "MSKU1", "A", TEA=30)
    come(market, "MSKU1", "A", TEA=30)
    assert (now(market, "MSKU1").received, now(market, "MSKU1").open) == (30, True)
    come(market, "MSKU1", "B", TEA=18)

    # then the shelf has them, the order is done, and so is the consignment
    with market.shop.store.reading() as tx:
        order_now = Purchases(tx).get(number)
        (shelf,) = [one for one in Stock(tx).levels(["TEA"])["TEA"] if one.location == "home"]
    assert order_now is not None
    assert order_now.state == "received"
    assert (shelf.on_hand, shelf.incoming) == (68, 0)
    assert now(market, "MSKU1").state == "received"
    assert coming(market) == {}


def test_goods_received_by_their_order_alone_are_under_way_no_more(market: Market):
    # given two ships with goods of one order
    number = bought(market)
    ship(market, "LATE", number, units={"TEA": 24})
    ship(market, "SOON", number)
    leg(market, "SOON", Leg.PORT, actual=market.shop.wiring.day(market.shop.clock.now()))

    # when somebody receives 30 under the order
    with market.shop.store.transaction() as tx:
        receive.receive(tx, market.shop.wiring, number, {"TEA": 30}, slip="S", by="olga")

    # then they are those of the ship that was expected first
    assert now(market, "SOON").state == "received"
    assert now(market, "LATE").received == 6


def test_units_that_did_not_arrive_are_told_with_the_day_to_claim_them_by(market: Market):
    # given a consignment of which 45 of 48 came on the day it was delivered
    ship(market, "MSKU1", bought(market))
    today = market.shop.wiring.day(market.shop.clock.now())
    leg(market, "MSKU1", Leg.DELIVERED, actual=today)
    come(market, "MSKU1", "A", TEA=45)

    # when the days for booking in pass
    pass_days(market, 5)
    assert "consignment_short" not in open_cases(market)
    pass_days(market, 1)

    # then what is missing is a Case
    short = open_cases(market)["consignment_short"]
    assert short["code"] == "consignment_short"
    assert (short["missing"], short["received"], short["sent"]) == (3, 45, 48)
    assert short["claim_by"] == (today + timedelta(days=40)).isoformat()
    assert short["value"] != "unknown"

    # when they turn up, then it closes by itself
    come(market, "MSKU1", "B", TEA=3)
    assert "consignment_short" not in open_cases(market)


def test_a_closed_consignment_leaves_its_missing_units_with_the_order(market: Market):
    number = bought(market)
    ship(market, "MSKU1", number)
    come(market, "MSKU1", "A", TEA=40)

    with market.shop.store.transaction() as tx:
        consignments.close(tx, market.shop.wiring, "MSKU1", note="container lost", by="olga")

    assert open_cases(market)["consignment_short"]["missing"] == 8
    assert [units for _, units in coming(market)["home"]] == [8]


def test_a_slip_told_again_books_nothing_under_the_next_order(market: Market):
    # given a container with the goods of two orders
    ship(
        market,
        "MSKU1",
        po(market, "PO-A", to="home", TEA=10),
        po(market, "PO-B", to="home", TEA=10),
    )

    # when its slip over ten is told twice
    come(market, "MSKU1", "S", TEA=10)
    come(market, "MSKU1", "S", TEA=10)

    # then ten came
    assert (received(market, "PO-A"), received(market, "PO-B")) == ({"TEA": 10}, {"TEA": 0})
    assert now(market, "MSKU1").received == 10


def test_a_slip_that_could_not_be_booked_can_be_told_again(market: Market):
    ship(market, "MSKU1", po(market, "PO-A", to="home", TEA=10))
    with pytest.raises(CannotBuy, match="is not in the configuration"):
        po(market, "PO-Z", to="home", supplier="gone", CUP=5)
        ship(market, "MSKU1", "PO-Z")
        come(market, "MSKU1", "S", TEA=10, CUP=5)

    assert now(market, "MSKU1").received == 0
    come(market, "MSKU1", "S", TEA=10)
    assert received(market, "PO-A") == {"TEA": 10}


def test_what_is_booked_in_was_delivered_that_day(market: Market):
    # given goods of which nobody told the legs
    ship(market, "MSKU1", po(market, "PO-A", to="home", TEA=10))
    today = market.shop.wiring.day(market.shop.clock.now())
    come(market, "MSKU1", "S", TEA=8)

    # when the days for booking in are over, then what is missing has its day
    pass_days(market, 6)
    assert (
        open_cases(market)["consignment_short"]["claim_by"]
        == (today + timedelta(days=40)).isoformat()
    )


def test_goods_that_turn_up_of_a_closed_consignment_are_its_own(market: Market):
    # given a consignment that was closed two short, and another with goods of the same order
    ship(market, "OLD", po(market, "PO-A", to="home", TEA=20), units={"TEA": 10})
    come(market, "OLD", "S", TEA=8)
    with market.shop.store.transaction() as tx:
        consignments.close(tx, market.shop.wiring, "OLD", note="lost", by="olga")
    ship(market, "NEW", "PO-A", units={"TEA": 10})

    # when the two are found
    come(market, "OLD", "T", TEA=2)

    # then the other is as full as before
    assert (now(market, "OLD").received, now(market, "NEW").received) == (10, 0)
    assert sum(units for _, units in coming(market)["home"]) == 10


def by_volume(store: Store, clock: ManualClock, folder: Path) -> Market:
    """The mill's tea is large and cheap, its cups are small and dear."""
    more = SUPPLIERS.replace(
        "lead_days: 10", "lead_days: 10\n    freight: {by: volume}", 1
    ).replace('cost: "1.50"', 'volume: 10000, cost: "1.50"').replace(
        'cost: "3.00"', 'volume: 1000, cost: "3.00"'
    )  # fmt: skip
    return open_market(store, clock, folder, more=more + LANES)


@BOTH
def test_the_freight_of_a_container_is_borne_by_volume_whoever_ordered_it(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given one order of few large things and one of many small ones
    market = by_volume(store, clock, tmp_path)
    ship(
        market, "MSKU1",
        po(market, "PO-A", to="home", TEA=10), po(market, "PO-B", to="home", CUP=10),
    )  # fmt: skip

    # when they come together at 1000.00 of freight
    with store.transaction() as tx:
        consignments.receive_goods(
            tx, market.shop.wiring, "MSKU1", {"TEA": 10, "CUP": 10}, slip="S",
            freight=Money(100_000, "USD"), by="olga",
        )  # fmt: skip

    # then each bears it by the room it took, to the cent
    freights = {row["sku"]: row["freight"] for row in rows(store, receipt_cost)}
    assert freights == {"TEA": 90_909, "CUP": 9_091}


@pytest.mark.parametrize("cents", [1, 100, 9_999])
def test_no_cent_of_a_freight_is_lost_between_orders(
    store: Store, clock: ManualClock, tmp_path: Path, cents: int
):
    market = by_volume(store, clock, tmp_path)
    orders = [po(market, f"PO-{name}", to="home", TEA=7) for name in "ABC"]
    ship(market, "MSKU1", *orders)

    with store.transaction() as tx:
        consignments.receive_goods(
            tx, market.shop.wiring, "MSKU1", {"TEA": 21}, slip="S",
            freight=Money(cents, "USD"), by="olga",
        )  # fmt: skip

    assert sum(row["freight"] for row in rows(store, receipt_cost)) == cents


# --- a receiver that tells -----------------------------------------------------------------------


def test_a_shipment_made_at_fba_is_followed_to_its_end(market: Market, fba: Fba):
    # given a shipment nobody told us of, before it left
    told(market, fba, InboundState.PLANNED, InboundItem("TEA", 100, 0))
    found = now(market, "FBA15")
    assert (found.destination, found.lane, found.watched) == ("fba", "truck", True)
    assert coming(market)["fba"] == ((found.expected_on, 100),)

    # when it leaves the shelf, is delivered and booked in but for four
    start = market.shop.wiring.day(market.shop.clock.now())
    market.shop.receive("TEA", 150)
    pass_days(market, 2)
    with market.shop.store.transaction() as tx:
        refill.say_origin(tx, market.shop.wiring, "FBA15", "home", by="olga")
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 100, 0))
    pass_days(market, 4)
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 100, 0))
    pass_days(market, 1)
    told(market, fba, InboundState.DELIVERED, InboundItem("TEA", 100, 0))
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 100, 60))
    assert [units for _, units in coming(market)["fba"]] == [40]
    assert open_cases(market) == {}
    pass_days(market, 3)
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 100, 96))

    # then the four are a Case with the day until which to claim them
    short = open_cases(market)["consignment_short"]
    assert (short["missing"], short["lines"]) == (4, "TEA x4")
    # which counts from the last look at which they were not delivered yet
    assert short["claim_by"] == (start + timedelta(days=6 + 60)).isoformat()
    assert coming(market) == {}

    # when FBA finds them, then the Case closes
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 100, 100))
    assert open_cases(market) == {}
    assert now(market, "FBA15").state == "received"


def test_a_report_that_is_told_again_changes_nothing(market: Market, fba: Fba):
    for _ in range(3):
        told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 100, 60))
    for _ in range(3):
        told(market, fba, InboundState.CLOSED, InboundItem("TEA", 100, 96))

    short = [row for row in rows(market.shop.store, cases) if row["kind"] == "consignment_short"]
    assert len(short) == 1
    # it was under way before we looked: nobody can say when it was delivered
    assert short[0]["code"] == "consignment_short_undated"


def test_an_item_nobody_knows_is_told_and_counts_for_nothing(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a shop that knows only what is written
    written = {"skus:\n": "skus:\n  accept_channel_skus: false\n"}
    market = open_market(
        store, clock, tmp_path, more=SUPPLIERS + LANES, locations=FBA, changes=written
    )
    fba = receiving(market)

    told(
        market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 5, 0), InboundItem("MYSTERY", 7, 0)
    )

    assert open_cases(market)["consignment_unknown_items"]["items"] == "MYSTERY"
    assert [units for _, units in coming(market)["fba"]] == [5]


def test_a_word_of_the_receiver_that_nobody_knows_is_a_case(market: Market, fba: Fba):
    told(market, fba, InboundState.UNCLEAR, InboundItem("TEA", 5, 0), word="ERROR")
    assert open_cases(market)["consignment_unclear"]["word"] == "ERROR"

    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 5, 0))
    assert open_cases(market) == {}


def test_goods_a_supplier_sends_to_fba_are_booked_by_what_fba_says(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a supplier that restocks FBA, and an order of 48
    more = SUPPLIERS.replace("restocks: home", "restocks: fba", 1) + LANES
    market = open_market(store, clock, tmp_path, more=more, locations=FBA)
    fba = receiving(market)
    number = bought(market)
    ship(market, "CTR1", number)

    # then nobody can receive it by hand, for FBA counts its own shelf
    with pytest.raises(CannotBuy, match="counted by amazon-us"), store.transaction() as tx:
        receive.receive(tx, market.shop.wiring, number, {"TEA": 48}, slip="S", by="olga")

    # when it is linked to FBA's number, which books in part, then the rest
    with store.transaction() as tx:
        booked_in.link(tx, market.shop.wiring, "CTR1", "FBA15", by="olga")
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 48, 20))
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 48, 20))
    with store.reading() as tx:
        partly = Purchases(tx).get(number)
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 48, 48))

    # then the order is received with its landed cost, and no shelf of ours moved
    with store.reading() as tx:
        done = Purchases(tx).get(number)
        cost = Costs(tx).unit_cost(["TEA"])["TEA"]
        shelves = {one.location: one.on_hand for one in Stock(tx).levels(["TEA"])["TEA"]}
    assert partly is not None
    assert partly.lines[0].received == 20
    assert done is not None
    assert (done.state, done.lines[0].received) == ("received", 48)
    assert cost.of(1).amount == 150
    assert shelves.get("fba", 0) == 0
    assert now(market, "CTR1").state == "received"
    assert open_cases(market).keys() <= {"purchase_late"}


@BOTH
def test_units_that_are_found_of_one_sku_are_booked_though_another_is_counted_down(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given an order of two Skus of which FBA has booked in 20 and 10
    more = SUPPLIERS.replace("restocks: home", "restocks: fba", 1) + LANES
    market = open_market(store, clock, tmp_path, more=more, locations=FBA)
    fba = receiving(market)
    market.shop.receive("CUP", 20, reference="R2")
    market.sell("CUP", 3, days=30)
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3, days=30)
    wishes = {"skus": ["TEA", "CUP"], "quantities": {"TEA": 48, "CUP": 40}}
    number = market.approve(market.plans()["mill"][0], **wishes).number
    market.send()
    ship(market, "CTR1", number)
    with store.transaction() as tx:
        booked_in.link(tx, market.shop.wiring, "CTR1", "FBA15", by="olga")
    told(
        market, fba, InboundState.RECEIVING, InboundItem("TEA", 48, 20), InboundItem("CUP", 40, 10)
    )

    # when it finds 5 of the one, and takes 5 of the other off again: as many as before in all
    told(market, fba, InboundState.RECEIVING, InboundItem("TEA", 48, 25), InboundItem("CUP", 40, 5))

    # then what was found is booked, and what was booked of the other stays in our books
    with store.reading() as tx:
        order = Purchases(tx).get(number)
    assert order is not None
    assert {line.sku: line.received for line in order.lines} == {"TEA": 25, "CUP": 10}
    assert {line.sku: line.received for line in now(market, "CTR1").lines} == {"TEA": 25, "CUP": 5}
    # and is told as missing when FBA is done
    told(market, fba, InboundState.CLOSED, InboundItem("TEA", 48, 48), InboundItem("CUP", 40, 35))
    short = open_cases(market)["consignment_short"]
    assert (short["lines"], short["missing"]) == ("CUP x5", 5)


@BOTH
def test_a_shipment_that_may_be_ours_asks_and_is_taken_over_when_it_is(market: Market, fba: Fba):
    # given a transfer of ours, and a shipment at FBA under another name
    with market.shop.store.transaction() as tx:
        Consignments(tx).add(
            "T-1", destination="fba", lane="truck",
            started_on=market.shop.wiring.day(tx.now), by="olga",
        )  # fmt: skip
    told(market, fba, InboundState.ON_THE_WAY, InboundItem("TEA", 10, 0))
    assert open_cases(market)["consignment_stranger"]["waiting"] == "T-1"

    # when a person says that it is that one
    with market.shop.store.transaction() as tx:
        booked_in.link(tx, market.shop.wiring, "T-1", "FBA15", by="olga")

    # then there is one consignment, with what FBA said
    with market.shop.store.reading() as tx:
        (only,) = Consignments(tx).listed()
    assert (only.number, only.ref, only.sent) == ("T-1", "FBA15", 10)
    assert open_cases(market) == {}


@BOTH
def test_a_refused_page_leaves_everything_as_it_was(market: Market, fba: Fba, monkeypatch):
    def refuse(*, since: str | None) -> Iterator[Batch[InboundReport]]:
        raise Rejected("no", connector="amazon-us", operation="getShipments", code="X")

    monkeypatch.setattr(fba, "pull_inbound", refuse)
    with pytest.raises(Rejected):
        booked_in.pull_inbound(market.shop.run("amazon-us/inbound"), "amazon-us")

    with market.shop.store.reading() as tx:
        assert Consignments(tx).listed(closed=True) == []


# --- filling up ----------------------------------------------------------------------------------


def proposals(market: Market) -> dict[str, tuple[int, list[refill.RefillLine]]]:
    replenish.refresh_plans(market.shop.run("core/replenishment"))
    with market.shop.store.reading() as tx:
        return refill.planned(tx)


def send(market: Market, plan: int, number: str) -> ConsignmentRecord:
    with market.shop.store.transaction() as tx:
        return refill.send(tx, market.shop.wiring, plan, number=number, by="olga")


@pytest.fixture
def selling(market: Market, fba: Fba) -> Market:
    """Two a day sold by FBA, three a day from home, which has 200; FBA has none."""
    market.shop.list("v1", "TEA", channel="amazon-us", fulfilled_by=FulfilledBy.AMAZON)
    market.shop.receive("TEA", 200)
    sell_at_fba(market, 2)
    market.sell("TEA", 3)
    return market


def test_a_place_that_sells_by_itself_is_filled_up_from_the_3pl(selling: Market):
    # when proposals are worked out
    ((scope, (plan, lines)),) = proposals(selling).items()

    # then what FBA sells in lead time, review and order days is proposed, as one Case
    assert (scope, [one.sku for one in lines]) == ("home>fba", ["TEA"])
    days = 11 + 7 + 14
    assert 2 * days <= lines[0].units <= 2 * days * 1.6
    assert lines[0].units % 12 == 0
    assert open_cases(selling)["refill_due"]["units"] == lines[0].units
    # and the same look again is the same plan
    assert proposals(selling)["home>fba"][0] == plan


@BOTH
def test_what_fba_ships_for_other_channels_fills_it_up_too(selling: Market):
    # given that Amazon was asked to ship all that the shop sold
    ((_, (_, before)),) = proposals(selling).items()
    with selling.shop.store.transaction() as tx:
        sold = [one for one in rows(selling.shop.store, orders) if one["channel"] == "shopify-us"]
        for one in sold:
            known = {"order_id": one["id"], "number": 1}
            shipped = {"state": "shipped", "created_at": tx.now, "shipped_at": one["placed_at"]}
            tx.connection.execute(
                insert(fulfillment).values(**known, location="fba", key=f"F{one['id']}", **shipped)
            )
            tx.connection.execute(
                insert(fulfillment_line).values(
                    **known, line="L", sku="TEA", quantity=3, per_unit=1, shipped=3
                )
            )

    ((_, (_, after)),) = proposals(selling).items()

    # then it gets what all five a day need
    assert after[0].units >= 2 * before[0].units


def test_the_origin_keeps_what_its_other_sales_need(selling: Market):
    # given only 60 left at the origin, of which its own sales need three a day
    with selling.shop.store.transaction() as tx:
        Stock(tx).move(
            [StockMovement("TEA", "home", MovementKind.ADJUSTMENT, -140, "gone", tx.now, cause="x")]
        )

    ((_, (_, lines)),) = proposals(selling).items()

    assert 0 < lines[0].units <= 60 - 3 * 7


@BOTH
def test_a_transfer_takes_the_units_off_the_shelf_and_ends_with_what_fba_received(
    selling: Market, fba: Fba
):
    # given a proposal that is sent, and an FBA shipment of the same name
    plan, lines = proposals(selling)["home>fba"]
    sent = send(selling, plan, "T-1")
    assert sent.sent == lines[0].units
    with selling.shop.store.reading() as tx:
        (shelf,) = [one for one in Stock(tx).levels(["TEA"])["TEA"] if one.location == "home"]
    assert shelf.on_hand == 200 - sent.sent
    # then nothing more is proposed while it is under way
    assert proposals(selling) == {}
    assert open_cases(selling) == {}

    # when FBA books in all but one
    told(
        selling, fba, InboundState.CLOSED, InboundItem("TEA", sent.sent, sent.sent - 1), name="T-1"
    )

    # then the transfer is closed with one lost, and a Case tells it
    (row,) = rows(selling.shop.store, transfer)
    assert (row["state"], row["arrived"], row["lost"]) == ("closed", sent.sent - 1, 1)
    assert open_cases(selling)["consignment_short"]["missing"] == 1
    assert now(selling, "T-1").state == "closed"


def test_a_transfer_that_is_booked_in_by_hand_arrives_once_for_each_slip(selling: Market):
    # given a transfer of which Amazon tells nothing yet
    plan, lines = proposals(selling)["home>fba"]
    sent = send(selling, plan, "T-1")
    assert sent.sent == lines[0].units > 12

    # when a slip over 12 is told twice
    come(selling, "T-1", "S", TEA=12)
    come(selling, "T-1", "S", TEA=12)

    # then 12 arrived, and the others are on their way
    (row,) = rows(selling.shop.store, transfer)
    assert (row["arrived"], row["state"]) == (12, "open")
    assert now(selling, "T-1").received == 12
    assert [units for _, units in coming(selling)["fba"]] == [sent.sent - 12]


def test_a_shipment_canceled_at_fba_says_which_units_left_the_shelf(selling: Market, fba: Fba):
    plan, lines = proposals(selling)["home>fba"]
    send(selling, plan, "T-1")

    told(selling, fba, InboundState.CANCELED, InboundItem("TEA", lines[0].units, 0), name="T-1")

    gone = open_cases(selling)["consignment_canceled"]
    assert (gone["units"], gone["transfers"]) == (lines[0].units, "1")
    assert now(selling, "T-1").state == "canceled"


def test_a_plan_that_is_sent_twice_is_refused(selling: Market):
    plan, _ = proposals(selling)["home>fba"]
    send(selling, plan, "T-1")

    with pytest.raises(CannotShip, match=f"no transfer plan {plan} waits"):
        send(selling, plan, "T-2")
