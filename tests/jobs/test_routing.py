"""Which place ships an order: the cheapest of all there are, with the sum, and what is in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.zip3 import states
from core.errors import Rejected
from core.model.fulfillment import AcknowledgmentStatus
from core.model.orders import Address, PaymentStatus
from core.model.reasons import Reason
from core.rules.modes import Mode
from core.rules.sentences import render
from jobs import dates, push, requests, upkeep
from jobs.clock import ManualClock
from jobs.store.demand import DemandRate, Demands
from jobs.store.orders import Orders
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import cases, decision, fulfillment
from tests.jobs.builders import HOME, line, minutes, order, rows
from tests.jobs.changing import Caller
from tests.jobs.shop import Shop, open_shop

#: Our own warehouse is in Newark, the supplier's in Reno, where buyers live unless it is said.
SERVICES = """
services:
  ground:
    carrier: ups
    rates: {{1: {{5000: "7.00"}}, 4: {{5000: "8.00"}}, 8: {{5000: "12.00"}}}}
    days: {{1: 1, 4: 3, 8: 5}}
"""
NEWARK = '"07102", services: [ground]'
RENO = '"89501", services: [ground]'


def at(postal_code: str, **more: Any) -> Address:
    """An address with this ZIP code, in its state."""
    (state, *_) = states().get(postal_code[:3], (HOME.region,))
    return replace(HOME, **{"postal_code": postal_code, "region": state, **more})


def opened(
    store: Store, clock: ManualClock, folder: Path, *,
    home: str = f"{{postal_code: {NEWARK}}}", acme: str = f"{{postal_code: {RENO}}}",
    more: str = "", services: str = SERVICES, changes: Mapping[str, str] = {},
) -> Shop:  # fmt: skip
    """Both places have all that is sold."""
    shop = open_shop(
        store, clock, folder, more=services.replace("{{", "{").replace("}}", "}") + more,
        changes={
            "home: {priority: 10,": f"home: {{priority: 10, dispatch: {home},",
            "acme: {priority: 20,": f"acme: {{priority: 20, dispatch: {acme},",
            **changes,
        },
    )  # fmt: skip
    shop.receive("TEA", 9)
    shop.receive("CUP", 9, reference="R2")
    shop.snapshot(("TEA", 9), ("CUP", 9), at=minutes(-1))
    shop.decide()
    return shop


def routed(shop: Shop, one: Any) -> list[tuple[str, str, date | None]]:
    """(place, service, day it ships) of the order's fulfillments."""
    shop.record(one)
    shop.decide()
    return [
        (row["location"], row["service"], row["ship_on"])
        for row in rows(shop.store, fulfillment)
        if row["key"].split(":")[1] == one.remote_id and row["state"] != "canceled"
    ]


def places(shop: Shop, one: Any) -> list[str]:
    return [place for place, _, _ in routed(shop, one)]


def told(shop: Shop, remote_id: str, channel: str = "shopify-us") -> list[str]:
    """Why, in English."""
    with shop.store.reading() as tx:
        found = tx.rows(
            select(decision)
            .where(decision.c.subject == f"order {channel} {remote_id}")
            .order_by(decision.c.id)
        )
        return [render(Reason(row.code, row.args), "en") for row in found]


def open_cases(shop: Shop) -> list[tuple[str, str]]:
    return [
        (row["code"], row["subject"]) for row in rows(shop.store, cases) if row["state"] == "open"
    ]


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return opened(store, clock, tmp_path)


def test_an_order_ships_from_where_carriage_is_cheapest_and_says_what_it_cost(shop: Shop):
    assert routed(shop, order("1")) == [("acme", "ground", date(2026, 11, 24))]
    assert places(shop, order("2", ship_to=at("07030"))) == ["home"]

    said = told(shop, "1")
    assert (
        "acme ships 1 parcel by ground for 7.00 USD: carriage 7.00 USD, handling 0.00 USD, goods "
        "0.00 USD, lateness 0.00 USD, scarce units 0.00 USD, preference 0.00 USD." in said
    )
    assert "home would cost 5.00 USD more; of that, carriage 5.00 USD." in said


def test_the_place_is_asked_for_the_service_that_was_chosen(shop: Shop):
    routed(shop, order("1", service="Standard"))
    (row,) = [one for one in rows(shop.store, fulfillment) if one["order_id"]]

    with shop.store.reading() as tx:
        from jobs.push import _ship_request
        from jobs.store.effects import Effects
        from jobs.store.orders import Orders

        (record,) = Orders(tx).load([row["order_id"]])
        (effect,) = Effects(tx).live("acme-files", "request")

        assert _ship_request(tx, shop.wiring, record, effect).service == "ground"


def test_what_the_goods_cost_there_counts(store: Store, clock: ManualClock, tmp_path: Path):
    shop = opened(store, clock, tmp_path, more="""
suppliers:
  maker: {restocks: home, items: {TEA: {cost: "4.00"}, CUP: {cost: "4.00"}}}
  acme: {connection: acme-files, restocks: home, items: {TEA: {cost: "12.00"}}}
""")  # fmt: skip

    # Five dollars of carriage against eight that the supplier asks more for the tea.
    assert places(shop, order("1")) == ["home"]
    assert places(shop, order("2", line(sku="CUP"))) == ["acme"]
    assert "acme would cost 3.00 USD more; of that, what the goods cost there 8.00 USD." in told(
        shop, "1"
    )


def test_work_fees_and_preference_count(store: Store, clock: ManualClock, tmp_path: Path):
    dear = f'{{postal_code: {RENO}, parcel: "1.00", line: "0.50", unit: "2.00"}}'
    shop = opened(store, clock, tmp_path, acme=dear)

    # 7.00 + 1.00 + 0.50 + 2.00 for one unit, 14.50 for three: more than 12.00.
    assert places(shop, order("1")) == ["acme"]
    assert places(shop, order("2", line(units=3))) == ["home"]


def test_what_would_come_late_ships_from_elsewhere_and_the_cut_off_is_named(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a supplier whose cut-off is over, and a parcel promised for tomorrow
    late = 'routing: {late: {once: "6.00", each_day: "1.00"}}'
    early = f'{{postal_code: {RENO}, cut_off: "06:00"}}'
    quick = SERVICES.replace("8: 5", "8: 1")
    shop = opened(store, clock, tmp_path, acme=early, more=late, services=quick)

    # when it is routed
    found = routed(shop, order("1", deliver_by=minutes(36 * 60)))

    # then it ships from where it comes in time, and what was missed is said
    assert found == [("home", "ground", date(2026, 11, 24))]
    assert "acme would cost 2.00 USD more; of that, coming late 7.00 USD." in told(shop, "1")
    assert "It would have been acme, had the order come before 06:00, the cut-off of acme." in told(
        shop, "1"
    )


def fulfilled_from(shop: Shop) -> dict[str, list[str]]:
    """Order -> the places that ship it."""
    found: dict[str, list[str]] = {}
    for row in rows(shop.store, fulfillment):
        if row["state"] != "canceled":
            found.setdefault(row["key"].split(":")[1], []).append(row["location"])
    return found


def competing(near: str, nearer: str) -> tuple[Any, Any]:
    """Two orders for all the tea one place has; the second one lives nearer to it."""
    first = order("1", line("L1", units=9), ship_to=at(near))
    return first, order("2", line("L2", units=9), ship_to=at(nearer))


def test_an_order_gives_way_to_one_decided_with_it_that_would_pay_more(shop: Shop):
    # given an order from Pittsburgh, which home ships for 4.00 less, and then one from Newark, for
    # which that is 5.00
    shop.record(*competing("15222", "07102"))

    # when both are decided
    shop.decide()

    # then the second one gets the tea near by, and both are told why
    assert fulfilled_from(shop) == {"1": ["acme"], "2": ["home"]}
    gave = [text for text in told(shop, "1") if "instead of home" in text]
    assert len(gave) == 1
    assert "4.00 USD dearer" in gave[0]
    assert any("5.00 USD cheaper" in text for text in told(shop, "2"))
    with shop.store.reading() as tx:
        assert list(Stock(tx).verify()) == []


def test_orders_of_which_none_would_gain_ship_in_their_turn(shop: Shop):
    shop.record(*competing("07102", "15222"))
    shop.decide()

    assert fulfilled_from(shop) == {"1": ["home"], "2": ["acme"]}
    assert not any("instead of" in text for one in "12" for text in told(shop, one))


def test_an_order_that_was_sent_gives_nothing_back(shop: Shop):
    # given an order that was routed before the other came
    first, second = competing("15222", "07102")
    shop.record(first)
    shop.decide()
    shop.record(second)
    shop.decide()

    assert fulfilled_from(shop) == {"1": ["home"], "2": ["acme"]}


def test_a_place_with_a_full_day_is_not_chosen_for_the_sake_of_others(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given a supplier that takes one order a day
    shop = opened(store, clock, tmp_path, acme=f"{{postal_code: {RENO}, capacity: 1}}")
    shop.record(*competing("15222", "07102"))
    shop.decide()

    # then nobody is moved to it
    assert fulfilled_from(shop) == {"1": ["home"], "2": ["acme"]}


# --- what there is now, the rest later ------------------------------------------------------------


def parted(store: Store, clock: ManualClock, folder: Path, after: str) -> Shop:
    """Nine of everything at each place; an order for more may go in parts."""
    path = {"shopify-us: {connection: shopify-us": f"shopify-us: {{ships_partly_after: {after}, connection: shopify-us"}  # fmt: skip
    shop = open_shop(store, clock, folder, changes=path)
    shop.receive("TEA", 9)
    shop.receive("CUP", 9, reference="R2")
    shop.decide()
    return shop


def shipping(shop: Shop) -> list[dict[str, int]]:
    """Units by line of each fulfillment, in the order they were made."""
    with shop.store.reading() as tx:
        (number,) = Orders(tx).named("1")
        (record,) = Orders(tx).load([number])
    return [
        {line: quantity for (line, _), (quantity, _, _) in one.lines.items()}
        for one in sorted(record.fulfillments, key=lambda one: one.number)
    ]


def test_an_order_that_waits_long_enough_ships_what_there_is_and_the_rest_later(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given an order for two things of which one is short by three
    shop = parted(store, clock, tmp_path, "2d")
    shop.record(order("1", line("L1", units=2), line("L2", sku="CUP", units=12)))
    shop.decide()
    assert shipping(shop) == []
    assert ("unfillable", "order shopify-us 1") in open_cases(shop)

    # when it is not old enough, then it waits
    clock.advance(86_400)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()
    assert shipping(shop) == []

    # when it is, then what there is ships, and the rest is still asked for
    clock.advance(86_400)
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()
    assert shipping(shop) == [{"L1": 2, "L2": 9}]
    assert "Of order #1 what is there goes to home; CUP x3 follows when it comes." in told(
        shop, "1"
    )
    assert ("unfillable", "order shopify-us 1") in open_cases(shop)
    # and once
    upkeep.look_after(shop.run("core/upkeep"))
    shop.decide()
    assert len(shipping(shop)) == 1

    # when the rest comes, then it follows in a parcel of its own, and nothing is promised twice
    shop.receive("CUP", 3, reference="R3")
    shop.decide()
    assert shipping(shop) == [{"L1": 2, "L2": 9}, {"L2": 3}]
    assert open_cases(shop) == []
    with store.reading() as tx:
        assert list(Stock(tx).verify()) == []


def test_an_order_may_go_in_parts_at_once(store: Store, clock: ManualClock, tmp_path: Path):
    shop = parted(store, clock, tmp_path, "0s")
    shop.record(order("1", line("L1", units=2), line("L2", sku="CUP", units=12)))
    shop.decide()

    assert shipping(shop) == [{"L1": 2, "L2": 9}]


def test_a_kit_never_ships_without_one_of_its_parts(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given twelve gifts of a cup and a tea, of which there are nine cups and nine teas
    shop = parted(store, clock, tmp_path, "0s")
    shop.receive("TEA", 30, reference="R4")
    shop.record(order("1", line("L1", sku="GIFT", units=12)))
    shop.decide()

    with store.reading() as tx:
        (number,) = Orders(tx).named("1")
        (record,) = Orders(tx).load([number])
    (sent,) = record.fulfillments
    assert {sku: units for (_, sku), (units, _, _) in sent.lines.items()} == {"CUP": 9, "TEA": 9}


def test_a_part_of_an_order_that_is_held_does_not_ship(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = parted(store, clock, tmp_path, "0s")
    lines = (line("L1", units=2), line("L2", sku="CUP", units=12))
    shop.record(order("1", *lines, payment=PaymentStatus.PENDING))
    shop.decide()

    assert shipping(shop) == []


def test_orders_beyond_a_day_s_capacity_count_on_the_next(
    store: Store, clock: ManualClock, tmp_path: Path
):
    full = f"{{postal_code: {RENO}, capacity: 2}}"
    shop = opened(store, clock, tmp_path, acme=full)

    days = [routed(shop, order(str(number)))[0] for number in range(1, 6)]

    tuesday, one = date(2026, 11, 24), timedelta(days=1)
    assert days == [
        ("acme", "ground", day)
        for day in (tuesday, tuesday, tuesday + one, tuesday + one, tuesday + 2 * one)
    ]


def test_a_full_day_sends_what_was_promised_elsewhere(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = opened(
        store, clock, tmp_path, acme=f"{{postal_code: {RENO}, capacity: 1}}",
        more='routing: {late: {once: "9.00"}}',
    )  # fmt: skip
    today = minutes(10 * 60)

    assert places(shop, order("1", ship_by=today)) == ["acme"]
    assert places(shop, order("2", ship_by=today)) == ["home"]
    assert places(shop, order("3")) == ["acme"]


def test_a_season_changes_cut_offs_and_capacities_while_it_lasts(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = opened(
        store, clock, tmp_path, acme=f'{{postal_code: {RENO}, cut_off: "12:00"}}',
        more="""
seasons:
  - name: black friday
    first: 2026-11-23
    last: 2026-11-30
    dispatch:
      - {cut_off: "06:00"}
      - {locations: [acme], capacity: 1}
""",
    )  # fmt: skip

    # It is 7 in the morning of the 24th.
    assert routed(shop, order("1"))[0][2] == date(2026, 11, 25)
    assert routed(shop, order("2"))[0][2] == date(2026, 11, 26)

    clock.advance(7 * 86_400)
    assert routed(shop, order("3"))[0][2] == date(2026, 12, 1)
    assert routed(shop, order("4"))[0][2] == date(2026, 12, 1)


def test_an_order_observed_takes_no_place_in_the_day(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = opened(store, clock, tmp_path, acme=f"{{postal_code: {RENO}, capacity: 1}}")
    shop.switch(Mode.OBSERVE)
    routed(shop, order("1"))
    shop.switch(Mode.ACT)

    assert routed(shop, order("2")) == [("acme", "ground", date(2026, 11, 24))]


def test_an_order_for_too_many_places_waits_with_a_case_until_one_has_it(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given an order whose lines lie in two places, where one may ship
    shop = opened(store, clock, tmp_path, more="routing: {most_splits: 1}")
    shop.snapshot(("TEA", 20), ("CUP", 0), at=minutes(1), name="2.csv")
    twelve = order("1", line("L1", units=12), line("L2", sku="CUP"))

    # when it is decided
    found = places(shop, twelve)

    # then its units are held and a person is asked, once
    assert found == []
    assert open_cases(shop) == [("unroutable_places", "order shopify-us 1")]
    shop.decide()
    assert told(shop, "1").count("It would take 2 locations; 1 are allowed.") == 1

    # when one place has it all
    shop.snapshot(("TEA", 20), ("CUP", 5), at=minutes(2), name="3.csv")
    shop.decide()

    # then it ships, and the Case is closed
    assert [row["location"] for row in rows(shop.store, fulfillment)] == ["acme"]
    assert open_cases(shop) == []


def test_an_address_no_service_reaches_waits_with_a_case_until_it_changes(shop: Shop):
    # given an order to a PO box, where the one service delivers to none
    assert places(shop, order("1", ship_to=at("89501", line1="PO Box 12"))) == []
    assert open_cases(shop) == [("unroutable_service", "order shopify-us 1")]
    assert "ground of acme does not deliver to PO boxes." in told(shop, "1")

    # when the buyer gives another address
    moved = order("1", ship_to=at("89501", line1="12 Main St"), updated_at=minutes(1))

    # then it ships
    assert places(shop, moved) == ["acme"]
    assert open_cases(shop) == []


def test_last_units_stay_for_the_channel_that_sells_from_nowhere_else(
    store: Store, clock: ManualClock, tmp_path: Path
):
    # given Amazon, which sells from the supplier's place alone, and two units left there
    shop = open_shop(
        store, clock, tmp_path,
        more=SERVICES.replace("{{", "{").replace("}}", "}") + "routing: {scarce: {days: 10}}\n",
        changes={
            "home: {priority: 10,":
                f"home: {{priority: 10, channels: [shopify-us], dispatch: {{postal_code: {NEWARK}}},",
            "acme: {priority: 20,": f"acme: {{priority: 20, dispatch: {{postal_code: {RENO}}},",
        },
    )  # fmt: skip
    shop.list("v-TEA", "TEA", price=order().total)
    shop.receive("TEA", 9)
    shop.snapshot(("TEA", 2), at=minutes(-1))

    # when Amazon hardly sells it, the cheaper place ships
    assert places(shop, order("1")) == ["acme"]

    # when it does, what is left there is worth more than five dollars of carriage
    with shop.store.transaction() as tx:
        Demands(tx).set_rates([DemandRate("TEA", "amazon-us", 2.0, 2.0, 60)])
    assert places(shop, order("2")) == ["home"]
    assert any("units that sell elsewhere" in one for one in told(shop, "2"))


def test_a_shop_that_says_nothing_of_costs_ships_from_the_fewest_and_first(
    store: Store, clock: ManualClock, tmp_path: Path
):
    shop = open_shop(store, clock, tmp_path)
    shop.receive("TEA", 9)
    shop.snapshot(("TEA", 9), ("CUP", 9), at=minutes(-1))

    assert places(shop, order("1")) == ["home"]
    assert places(shop, order("2", line("L1"), line("L2", sku="CUP"))) == ["acme"]
    assert not any("carriage" in one for one in told(shop, "1"))

    # and why the other one does not is said, whether it could or not
    assert places(shop, order("3", line(sku="CUP", units=2))) == ["acme"]
    assert any(one.startswith("acme could ship it as well") for one in told(shop, "1"))
    assert "home has 0 of the 2 units of CUP, so it cannot ship all of it." in told(shop, "3")
    assert "ground of acme does not deliver to PO boxes." in told(
        _with_a_box(store, clock, tmp_path), "4"
    )


def _with_a_box(store: Store, clock: ManualClock, folder: Path) -> Shop:
    """Order 4 goes to a PO box, which only home's service reaches."""
    shop = opened(
        store, clock, folder, services=SERVICES + """
  mail: {{carrier: usps, po_box: true, rates: {{8: {{5000: "20.00"}}}}, days: {{8: 9}}}}
""",
        home='{postal_code: "07102", services: [mail]}',
    )  # fmt: skip
    assert places(shop, order("4", ship_to=replace(at("89501"), line1="PO Box 12"))) == ["home"]
    return shop


# --- a place that does not find what it has ------------------------------------------------------


def refusing(shop: Shop, *names: str) -> None:
    """Orders that the supplier next door is sent and refuses, one after the other."""
    for name in names:
        assert places(shop, order(name))[0] == "acme"
        push.push_requests(shop.run("acme-files/requests"), "acme-files")
        (row,) = [
            one
            for one in rows(shop.store, fulfillment)
            if one["location"] == "acme" and one["key"].split(":")[1] == name
        ]
        shop.clock.advance(60)
        shop.answer(row["key"], AcknowledgmentStatus.REJECTED, through="acme-files")
        shop.decide()


def test_a_place_that_refuses_again_and_again_gets_no_more_orders(shop: Shop):
    # given a place that refused two orders: they went elsewhere, it gets the next one all the same
    refusing(shop, "1", "2")
    assert ("location_untrusted", "location acme") not in open_cases(shop)

    # when it refuses a third one
    refusing(shop, "3")

    # then that is a Case, and what it would ship ships from elsewhere
    assert ("location_untrusted", "location acme") in open_cases(shop)
    assert places(shop, order("4")) == ["home"]

    # when a person had it counted, then it is asked again, and its past is forgotten
    with shop.store.transaction() as tx:
        tx.close_case("location_untrusted", "location acme", by="olga")
    shop.clock.advance(60)
    refusing(shop, "5")
    assert ("location_untrusted", "location acme") not in open_cases(shop)


def test_an_order_that_only_such_a_place_can_fill_waits_until_it_is_trusted_again(shop: Shop):
    # given a place that gets no more orders, and an order for more than any other has
    refusing(shop, "1", "2", "3")
    shop.snapshot(("TEA", 40), ("CUP", 9), at=shop.clock.now() + timedelta(seconds=1))
    dates.follow_dates(shop.run("core/dates"))
    shop.decide()
    assert places(shop, order("4", line("L4", units=20))) == []
    assert ("unfillable", "order shopify-us 4") in open_cases(shop)

    # when it is trusted again
    with shop.store.transaction() as tx:
        tx.close_case("location_untrusted", "location acme", by="olga")
    dates.follow_dates(shop.run("core/dates"))
    shop.decide()

    assert fulfilled_from(shop)["4"] == ["acme"]
    assert open_cases(shop) == []


class Refusing(Caller):
    """A place that takes no request, in the words of HTTP."""

    status = ""

    def submit_request(self, key: str, document: bytes) -> str:
        raise Rejected("no", connector=self.name, operation="submit", code=self.status)


@pytest.mark.parametrize(("status", "distrusted"), [("422", True), ("409", True), ("400", False)])
def test_a_place_that_takes_no_request_gets_no_more_unless_we_asked_wrongly(
    shop: Shop, status: str, distrusted: bool
):
    # given a place that is called, and three orders it is to ship
    place = Refusing(tells=False, name="acme-files")
    place.status = status
    shop.wiring = replace(shop.wiring, connectors={**shop.wiring.connectors, "acme-files": place})
    for name in "123":
        assert places(shop, order(name)) == ["acme"]

    # when it refuses all of them as they are submitted
    requests.submit_requests(shop.run("acme-files/requests"), "acme-files")

    # then each is a Case, and of the place too if it was not our request that was malformed
    told_of = [code for code, _ in open_cases(shop)]
    assert told_of.count("request_refused") == 3
    assert (("location_untrusted", "location acme") in open_cases(shop)) is distrusted


def test_few_refusals_of_many_are_no_reason(store: Store, clock: ManualClock, tmp_path: Path):
    shop = opened(
        store, clock, tmp_path, more="routing: {untrusted: {refusals: 1, share: 60, within: 1d}}\n"
    )
    for name in "12":
        routed(shop, order(name))
        push.push_requests(shop.run("acme-files/requests"), "acme-files")

    # when one of three is refused
    refusing(shop, "3")

    assert ("location_untrusted", "location acme") not in open_cases(shop)
