"""What channels should show, from the store through the policies: sharing, places, seasons."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from core.model.catalog import FulfilledBy
from jobs import publish, pull, upkeep
from jobs.availability import worked_out
from jobs.cli import app
from jobs.clock import ManualClock
from jobs.dates import follow_dates
from jobs.store.database import Database
from jobs.store.demand import EVERYWHERE, DemandRate, Demands
from jobs.store.feeds import Feeds
from jobs.store.migrate import upgrade
from jobs.store.stock import Stock
from jobs.store.store import Store
from jobs.store.tables import cases, decision, dirty_sku, offer, orders
from tests.jobs.builders import NOON, line, order, receipt, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

Open = Callable[..., Shop]
SHOPIFY = "shopify-us: {connection: shopify-us}"
AMAZON = "amazon-us: {connection: amazon-us}"
#: What risk holds back of the last units is not this file's subject.
CERTAIN = "publishing: {risk: {oversold: null}}\n"


@pytest.fixture
def open_with(store: Store, clock: ManualClock, tmp_path: Path) -> Open:
    """Opens a shop; each keyword's text stands beside what it is named for."""

    def opened(
        *, shopify: str = "", amazon: str = "", acme: str = "", more: str = "", packs: str = ""
    ) -> Shop:
        acme_here = "counted_by: acme-files, basis: gross,"
        return open_shop(
            store,
            clock,
            tmp_path,
            changes={
                SHOPIFY: SHOPIFY.replace("}", f"{shopify}}}"),
                AMAZON: AMAZON.replace("}", f"{amazon}}}"),
                acme_here: f"counted_by: acme-files, basis: gross{acme},",
                "skus:\n": f"{more}skus:\n{f'  {packs}' if packs else ''}\n",
            },
            more=CERTAIN,
        )

    return opened


def wanted(shop: Shop, channel: str = "shopify-us") -> dict[str, int]:
    found = [row for row in rows(shop.store, offer) if row["channel"] == channel]
    return {row["remote_id"]: row["wanted"] for row in found}


def steps(shop: Shop, remote_id: str) -> list[tuple[str, Any]]:
    found = next(row for row in rows(shop.store, offer) if row["remote_id"] == remote_id)
    return [(code, args["left"]) for code, args in found["steps"]]


def shelve(shop: Shop, **units: int) -> None:
    for sku, count in units.items():
        shop.receive(sku, count, reference=f"shelf {sku}")


def set_rate(shop: Shop, sku: str, per_day: float, channel: str = EVERYWHERE) -> None:
    with shop.store.transaction() as tx:
        Demands(tx).set_rates([DemandRate(sku, channel, per_day, per_day, 90)])
        tx.mark_dirty([sku])


# --- sharing -------------------------------------------------------------------------------------


def test_a_kit_and_its_component_share_what_there_is_where_the_policy_says_so(open_with: Open):
    # given a channel on which listings share, and one on which they do not
    shop = open_with(shopify=", offers: {share_components: split}")
    shelve(shop, TEA=10, CUP=50)

    # when tea is listed alone and in a kit on both
    for channel in ("shopify-us", "amazon-us"):
        shop.list("tea", "TEA", channel=channel)
        shop.list("gift", "GIFT", channel=channel)
    shop.decide()

    # then the one shows ten of it together, the other each time
    assert wanted(shop) == {"tea": 5, "gift": 5}
    assert wanted(shop, "amazon-us") == {"tea": 10, "gift": 10}


def test_what_shares_units_with_what_moved_is_decided_again_and_nothing_else(
    open_with: Open, monkeypatch: pytest.MonkeyPatch
):
    # given a kit and both of its components, all sharing, and a Sku that shares with nobody
    shop = open_with(shopify=", offers: {share_components: split}")
    shelve(shop, TEA=10, CUP=10, MUG=10)
    for remote_id, sku in (("tea", "TEA"), ("cup", "CUP"), ("gift", "GIFT"), ("mug", "MUG")):
        shop.list(remote_id, sku)
    shop.decide()
    assert wanted(shop) == {"tea": 5, "cup": 5, "gift": 5, "mug": 10}

    # when most of the tea is gone
    asked: list[set[str]] = []
    levels = Stock.levels
    monkeypatch.setattr(
        Stock, "levels", lambda self, skus, **more: levels(self, asked.append(set(skus)) or asked[-1], **more)
    )  # fmt: skip
    shop.receive("TEA", -8, reference="broken")
    shop.decide()

    # then the cups the kit no longer needs are shown alone, and the mug was not looked at
    assert wanted(shop) == {"tea": 1, "cup": 9, "gift": 1, "mug": 10}
    assert asked == [{"TEA", "CUP"}]


def test_who_stops_selling_leaves_its_part_to_the_others(open_with: Open):
    # given two listings that share
    shop = open_with(shopify=", offers: {share_components: split}")
    shelve(shop, TEA=10, CUP=10)
    shop.list("tea", "TEA")
    shop.list("gift", "GIFT")
    shop.decide()
    assert wanted(shop) == {"tea": 5, "gift": 5}

    # when others fulfill the kit from now on
    shop.list("gift", "GIFT", fulfilled_by=FulfilledBy.OTHER)
    shop.decide()

    # then the tea is sold alone
    assert wanted(shop)["tea"] == 10


def test_units_are_shared_by_what_sells_faster(open_with: Open):
    # given a tea that sells alone nine times for each kit
    shop = open_with(shopify=", offers: {share_components: split}")
    shelve(shop, TEA=40, CUP=40)
    shop.list("tea", "TEA")
    shop.list("gift", "GIFT")
    set_rate(shop, "TEA", 9.0, "shopify-us")
    set_rate(shop, "GIFT", 1.0)

    # when it is decided
    shop.decide()

    # then most are for it
    assert wanted(shop) == {"tea": 36, "gift": 4}
    assert steps(shop, "tea")[-1] == ("components_shared", 36)


def test_two_pages_of_one_sku_share_across_channels_where_both_say_so(open_with: Open):
    # given two channels that share with each other
    everywhere = ", offers: {share_components: split_everywhere}"
    shop = open_with(shopify=everywhere, amazon=everywhere)
    shelve(shop, TEA=9)

    # when the tea has two pages here and one there
    shop.list("a", "TEA")
    shop.list("b", "TEA")
    shop.list("c", "TEA", channel="amazon-us")
    shop.decide()

    # then together they show what there is
    assert wanted(shop) | wanted(shop, "amazon-us") == {"a": 3, "b": 3, "c": 3}


# --- single policies -----------------------------------------------------------------------------


def test_days_of_cover_follow_the_demand(open_with: Open):
    # given a buffer in days, and a tea nobody knows the demand of
    shop = open_with(shopify=", offers: {buffer: 2, buffer_days: 3}")
    shelve(shop, TEA=20)
    shop.list("tea", "TEA")
    shop.decide()
    assert wanted(shop) == {"tea": 18}

    # when its demand is known
    set_rate(shop, "TEA", 2.5)
    shop.decide()

    # then three days of it are held back
    assert wanted(shop) == {"tea": 12}


def test_orders_for_a_preorder_wait_and_lower_what_is_left_of_it(open_with: Open):
    # given tea that arrives in spring
    shop = open_with(more="policies: [{name: new, preorder: {units: 20, until: 2027-03-01}}]\n")
    shop.list("tea", "TEA")
    with shop.store.transaction() as tx:
        tx.mark_dirty(["TEA"])
    shop.decide()
    assert wanted(shop) == {"tea": 20}

    # when three are ordered
    shop.record(order("1", line(units=3)))
    shop.decide()

    # then the order waits, and seventeen are left
    assert wanted(shop) == {"tea": 17}

    # and when they arrive, those who waited are served, and the rest is simply stock
    shelve(shop, TEA=30)
    shop.decide()
    assert wanted(shop) == {"tea": 27}
    with shop.store.reading() as tx:
        [now] = worked_out(tx, shop.wiring, ["TEA"])
    assert [code for code, _ in now.steps] == ["units_available"]


def order_cases(shop: Shop) -> set[tuple[str, str]]:
    found = [row for row in rows(shop.store, cases) if row["state"] == "open"]
    return {(row["kind"], row["severity"]) for row in found}


def waits_told(shop: Shop) -> list[tuple[str, object]]:
    found = [row for row in rows(shop.store, decision) if row["code"].startswith("order_waiting")]
    return [(row["code"], row["args"].get("until")) for row in found]


def test_a_preorder_that_waits_is_no_trouble_before_its_day_is_over(open_with: Open):
    # given a Kit that is promised until the 27th, and an order for it
    shop = open_with(more="policies: [{name: new, preorder: {units: 20, until: 2026-11-27}}]\n")
    shop.list("gift", "GIFT")
    at(shop, hours=1)
    shop.record(order("1", line(sku="GIFT", listing_remote_id="gift")))
    at(shop, hours=2)
    waiting = order_cases(shop)

    # when the day comes and no units did
    at(shop, days=2, hours=16)
    the_evening_before = order_cases(shop)
    at(shop, days=2, hours=18)
    over = order_cases(shop)

    # then it is told where nobody is woken by it, and no longer once they are there
    assert waits_told(shop) == [("order_waiting_until", "2026-11-27")]
    assert (waiting, the_evening_before) == (set(), set())
    assert over == {("promise_overdue", "info")}
    shelve(shop, TEA=1, CUP=1)
    shop.decide()
    assert order_cases(shop) == set()


def test_an_order_beyond_what_is_there_is_trouble_where_nobody_promised_it(open_with: Open):
    # given tea that only Amazon's buyers may order ahead, until the 27th
    shop = open_with(
        more="policies: [{name: new, channels: [amazon-us], backorder: {units: 9, until: 2026-11-27}}]\n"
    )
    shop.list("tea", "TEA")
    shop.list("asin", "TEA", channel="amazon-us")
    at(shop, hours=1)

    # when one is ordered on either channel, and on Amazon once more after the day
    shop.record(order("1", line(sku="TEA")))
    shop.record(order("2", line(sku="TEA"), channel="amazon-us"))
    at(shop, days=4)
    shop.record(order("3", line(sku="TEA"), channel="amazon-us", placed_at=shop.clock.now()))
    shop.decide()

    # then the first and the last cannot be filled, and the other is late
    found = [(row["kind"], row["subject"]) for row in rows(shop.store, cases)]
    assert sorted(found) == [
        ("promise_overdue", "order amazon-us 2"),
        ("unfillable", "order amazon-us 3"),
        ("unfillable", "order shopify-us 1"),
    ]


def test_a_promise_that_comes_after_the_order_ends_its_case(open_with: Open):
    # given an order that cannot be filled
    shop = open_with()
    shop.list("tea", "TEA")
    at(shop, hours=1)
    shop.record(order("1", line(sku="TEA")))
    at(shop, hours=2)
    before = order_cases(shop)

    # when a policy promises its units for spring
    policies = "policies: [{name: new, backorder: {units: 9, until: 2027-03-01}}]\n"
    other = open_with(more=policies)
    marked(other)
    other.decide()

    # then it waits for that day
    assert before == {("unfillable", "critical")}
    assert order_cases(shop) == set()
    assert waits_told(shop) == [("order_waiting", None), ("order_waiting_until", "2027-03-01")]


def test_a_group_of_places_is_kept_from_a_channel_and_narrowed_on_another(open_with: Open):
    # given a supplier that may not sell on Amazon, and of whose figures a fifth is doubted
    shop = open_with(
        amazon=", sells_from: [own]",
        more="location_groups: {own: [home], suppliers: [acme]}\n"
        "policies: [{name: doubt, locations: [suppliers], percent: 80}]\n",
    )
    shelve(shop, TEA=10)
    shop.snapshot(("TEA", 50), at=NOON)

    # when tea is listed on both
    shop.list("tea", "TEA")
    shop.list("asin", "TEA", channel="amazon-us")
    shop.decide()

    # then the one counts four fifths of it, the other none
    assert wanted(shop) == {"tea": 50}
    assert steps(shop, "tea") == [("units_available", 60), ("place_policy", 50)]
    assert wanted(shop, "amazon-us") == {"asin": 10}


# --- kits and packs ------------------------------------------------------------------------------


def test_a_kit_is_shown_as_often_as_one_place_can_ship_it(open_with: Open):
    # given cups on our shelf and all the tea at a supplier
    shop = open_with()
    shelve(shop, CUP=100)
    shop.snapshot(("TEA", 50), at=NOON)
    shop.list("gift", "GIFT")
    shop.list("tea", "TEA")

    # when nothing is together
    shop.decide()

    # then no kit is shown, and the sum says why
    assert wanted(shop) == {"gift": 0, "tea": 50}
    assert steps(shop, "gift")[-2:] == [("kit_limited", 50), ("only_together", 0)]

    # and when some tea comes to the cups, as many kits are
    shop.receive("TEA", 4)
    shop.decide()
    assert wanted(shop) == {"gift": 4, "tea": 54}


def test_every_kit_that_is_shown_is_shipped_and_the_rest_waits_for_what_it_needs(open_with: Open):
    # given two kits that can be made, and components apart
    shop = open_with()
    shelve(shop, CUP=5, TEA=2)
    shop.snapshot(("TEA", 50), at=NOON)
    for remote_id, sku in (("gift", "GIFT"), ("cup", "CUP"), ("tea", "TEA")):
        shop.list(remote_id, sku)
    shop.decide()
    assert wanted(shop)["gift"] == 2

    # when three are bought, one of them on another channel at the same time
    shop.record(*(order(f"{n}", line(sku="GIFT", units=1)) for n in range(3)))
    shop.decide()

    # then two are on their way, and the third keeps one of each from being sold
    assert [row["stage"] for row in rows(shop.store, orders)] == ["routed", "routed", "waiting"]
    assert wanted(shop) == {"gift": 0, "cup": 2, "tea": 49}

    # and when tea comes to the cups, it is served, and not a kit less is shown than is left
    shop.receive("TEA", 3)
    shop.decide()
    assert [row["stage"] for row in rows(shop.store, orders)] == ["routed"] * 3
    assert wanted(shop) == {"gift": 2, "cup": 2, "tea": 52}


def test_a_pack_of_four_is_not_shown_of_three_here_and_three_there(open_with: Open):
    shop = open_with(more="", packs="units_per_sale: {shopify-us: {four: 4}}")
    shelve(shop, TEA=3)
    shop.snapshot(("TEA", 3), at=NOON)
    shop.list("four", "TEA")
    shop.decide()
    assert wanted(shop) == {"four": 0}

    shop.receive("TEA", 1)
    shop.decide()
    assert wanted(shop) == {"four": 1}


@BOTH
def test_listings_that_share_promise_kits_only_of_what_lies_together(open_with: Open):
    # given a kit and its parts on a channel on which listings share
    shop = open_with(shopify=", offers: {share_components: split}")
    shelve(shop, CUP=10, TEA=4)
    shop.snapshot(("TEA", 50), at=NOON)
    for remote_id, sku in (("gift", "GIFT"), ("cup", "CUP"), ("tea", "TEA")):
        shop.list(remote_id, sku)

    # when it is decided
    shop.decide()

    # then the kits are some of the four that can be made, and nothing is left over
    shown = wanted(shop)
    assert 0 < shown["gift"] <= 4
    assert shown["gift"] + shown["tea"] == 54
    assert shown["gift"] + shown["cup"] == 10


# --- time alone ----------------------------------------------------------------------------------


def at(shop: Shop, **later: float) -> None:
    """So long after noon of the 24th, the unit of dates runs if it is due, and what it marks is decided."""
    moment = NOON + timedelta(**later)
    shop.clock.advance((moment - shop.clock.now()).total_seconds())
    shop.runner.run("core/dates")
    shop.decide()


def push(shop: Shop) -> None:
    """Orders are complete, and what differs is read and written until nothing does."""
    for _ in range(4):
        for channel in shop.channels:
            pull.pull_orders(shop.run(f"{channel}/orders"), channel)
            publish.push_offers(shop.run(f"{channel}/offers"), channel)
        shop.clock.advance(30)


def marked(shop: Shop) -> list[str]:
    """What a run of the unit marks now."""
    follow_dates(shop.run("core/dates"))
    return sorted(row["sku"] for row in rows(shop.store, dirty_sku))


def test_a_place_that_falls_silent_counts_less_every_day_until_it_speaks_again(open_with: Open):
    # given a supplier whose figures are believed for two days
    shop = open_with(acme=", feed: {every: 1d, stale_after: 1d}, stale: {show: buffer, grows: 30}")
    shelve(shop, TEA=10)
    shop.snapshot(("TEA", 50), at=NOON)
    shop.list("tea", "TEA")
    shop.decide()

    # when nothing comes from it, then its units fade
    seen = []
    for hours in (1, 47.99, 48, 71.99, 72, 96, 120, 500):
        at(shop, hours=hours)
        seen.append(wanted(shop)["tea"])
    assert seen == [60, 60, 45, 45, 30, 15, 10, 10]
    assert steps(shop, "tea") == [("units_available", 60), ("place_stale", 10)]

    # and when it speaks again, all of them count at once
    shop.snapshot(("TEA", 50), at=shop.clock.now(), name="again.csv")
    at(shop, hours=500)
    assert wanted(shop) == {"tea": 60}


def test_a_silent_place_may_show_nothing_at_once(open_with: Open):
    # given a supplier whose figure is due twice a day, and nothing said of what follows
    shop = open_with(acme=", feed: {every: 12h, stale_after: 12h}")
    shop.snapshot(("TEA", 50), at=NOON)
    shop.list("tea", "TEA")
    at(shop, hours=23.9)
    assert wanted(shop) == {"tea": 50}

    # when a day is over
    at(shop, hours=24)

    # then none of its units are shown
    assert wanted(shop) == {"tea": 0}


@BOTH
def test_what_is_told_of_a_place_and_what_is_shown_of_it_change_together(open_with: Open):
    # given an office whose last file came on a Friday evening
    shop = open_with(
        acme=", calendar: office, feed: {every: 1d, stale_after: 2d}",
        more="calendars: {office: {}}\n",
    )
    shop.list("tea", "TEA")
    at(shop, days=3, hours=6)
    shop.snapshot(("TEA", 50), at=shop.clock.now())

    # when the days go by
    seen = []
    for hours in (0, 47, 60, 66, 100, 119, 120):
        at(shop, days=3, hours=6 + hours)
        upkeep.look_after(shop.run("core/upkeep"))
        shop.decide()
        with shop.store.reading() as tx:
            state = Feeds(tx).states()["acme"].state
        seen.append((hours, str(state), wanted(shop)["tea"]))

    # then its units are shown over the weekend, until it is told as stale
    assert seen == [
        (0, "fresh", 50), (47, "fresh", 50), (60, "fresh", 50), (66, "fresh", 50),
        (100, "silent", 50), (119, "silent", 50), (120, "stale", 0),
    ]  # fmt: skip


def test_a_place_that_was_counted_here_before_and_never_told_a_figure_is_stale_too(open_with: Open):
    # given units that stand at a supplier by our own ledger
    shop = open_with(acme=", feed: {every: 1d, stale_after: 1d}")
    with shop.store.transaction() as tx:
        Stock(tx).move([receipt("TEA", 30, location="acme", reference="ours")])
    shop.list("tea", "TEA")
    upkeep.look_after(shop.run("core/upkeep"))
    at(shop, hours=47)
    assert wanted(shop) == {"tea": 30}

    # when it never sends a file
    at(shop, hours=48)

    # then none of them are shown
    assert wanted(shop) == {"tea": 0}


CLOSES = (
    ", calendar: china, closing: {notice: 3, time_zone: Asia/Shanghai}",
    "calendars: {china: {closed: [{first: 2026-11-30, last: 2026-12-04}]}}\n",
)


def test_a_place_that_closes_shows_nothing_from_its_notice_to_its_end(open_with: Open):
    # given a supplier in China that is closed from a Saturday, for nine days with its weekends
    shop = open_with(acme=CLOSES[0], more=CLOSES[1])
    shelve(shop, TEA=10)
    shop.snapshot(("TEA", 50), at=NOON)
    shop.list("tea", "TEA")
    shop.decide()
    assert wanted(shop) == {"tea": 60}

    # when its days pass: they begin at 16:00 of ours
    seen = {}
    for day, hour in ((24, 15), (24, 16), (28, 12), (36, 12), (36, 15), (36, 16)):
        at(shop, days=day - 24, hours=hour - 12)
        seen[day, hour] = wanted(shop)["tea"]

    # then its units go three days before the first closed one, and return after the last
    assert seen == {
        (24, 15): 60, (24, 16): 10, (28, 12): 10, (36, 12): 10, (36, 15): 10, (36, 16): 60,
    }  # fmt: skip


HANDLING = (
    ", calendar: china, closing: {show: longer_handling, time_zone: Asia/Shanghai}",
    ", handling_days: 2",
)


@BOTH
def test_where_only_a_closing_place_has_units_they_ship_later_and_the_channel_says_so(
    open_with: Open,
):
    # given tea that only a closing supplier has, and cups that we have too
    shop = open_with(acme=HANDLING[0], more=CLOSES[1], amazon=HANDLING[1])
    shelve(shop, CUP=10)
    shop.snapshot(("TEA", 50), ("CUP", 50), at=NOON)
    for channel in ("amazon-us", "shopify-us"):
        shop.list("tea", "TEA", channel=channel)
        shop.list("cup", "CUP", channel=channel)

    # when its notice begins, and when its closure is over
    seen = []
    for day in (0, 1, 6, 13):
        at(shop, days=day)
        push(shop)
        found = {
            row["remote_id"]: row
            for row in rows(shop.store, offer)
            if row["channel"] == "amazon-us"
        }
        seen.append(
            [(found[name]["wanted"], found[name]["wanted_handling"]) for name in ("tea", "cup")]
        )

    # then Amazon shows the tea with the days until it ships, and the cups we have ourselves
    assert seen == [
        [(50, 2), (60, 2)], [(50, 12), (10, 2)], [(50, 7), (10, 2)], [(50, 2), (60, 2)],
    ]  # fmt: skip
    assert shop.channels["amazon-us"].stated == {"tea": 2, "cup": 2}
    assert [days for name, days in shop.channels["amazon-us"].restated if name == "tea"] == [
        2,
        12,
        7,
        2,
    ]

    # and Shopify, which can state none, showed no tea meanwhile and shows it again
    assert wanted(shop) == {"tea": 50, "cup": 60}
    assert [units for name, units in shop.channels["shopify-us"].writes if name == "tea"] == [
        50,
        0,
        50,
    ]


def test_a_place_that_closes_has_its_usual_time_to_send_a_file_when_it_opens_again(open_with: Open):
    # given a supplier in China whose last file comes on the evening before a fortnight's closure
    closed = CLOSES[1].replace("2026-12-04", "2026-12-14")
    shop = open_with(
        acme=HANDLING[0] + ", feed: {every: 1d, stale_after: 1d}, stale: {show: buffer, grows: 20}",
        more=closed,
        amazon=HANDLING[1],
    )
    shop.list("tea", "TEA", channel="amazon-us")
    at(shop, days=3)
    shop.snapshot(("TEA", 50), at=shop.clock.now())

    # when the closure comes and goes, and no file
    seen = {}
    for day, hour in (
        (27, 13),
        (29, 15),
        (30, 12),
        (35, 12),
        (41, 12),
        (44, 15),
        (44, 16),
        (46, 11),
        (46, 12),
    ):
        at(shop, days=day - 24, hours=hour - 12)
        seen[day, hour] = wanted(shop, "amazon-us")["tea"]

    # then its units are shown all the time, until it was open for two days: of Friday four hours, of
    # the Tuesday it opens from 16:00 of ours twenty-four, of Wednesday twenty
    assert seen == {
        (27, 13): 50, (29, 15): 50, (30, 12): 50, (35, 12): 50, (41, 12): 50, (44, 15): 50,
        (44, 16): 50, (46, 11): 50, (46, 12): 40,
    }  # fmt: skip


def test_a_closure_longer_than_the_channel_can_state_shows_nothing(open_with: Open):
    # given a supplier that closes for longer than a month
    closed = CLOSES[1].replace("2026-12-04", "2026-12-31")
    shop = open_with(acme=HANDLING[0], more=closed, amazon=HANDLING[1])
    shop.snapshot(("TEA", 50), at=NOON)
    shop.list("tea", "TEA", channel="amazon-us")

    # when its notice begins
    at(shop, days=1)

    # then no tea is shown
    assert wanted(shop, "amazon-us") == {"tea": 0}


def test_only_what_the_place_has_is_decided_again(open_with: Open):
    # given a supplier that closes, and a Sku it does not have
    shop = open_with(acme=CLOSES[0], more=CLOSES[1])
    shelve(shop, TEA=10, CUP=10)
    shop.snapshot(("TEA", 50), at=NOON)
    shop.list("tea", "TEA")
    shop.list("cup", "CUP")
    at(shop, hours=1)

    # when it closes
    shop.clock.advance(4 * 3600)

    # then the other is not looked at, and a second look finds nothing to do
    assert marked(shop) == ["TEA"]
    shop.decide()
    assert marked(shop) == []


def test_nothing_is_due_until_something_changes(open_with: Open):
    # given figures that will be too old in ten minutes
    shop = open_with(acme=", feed: {every: 1d, stale_after: 1d}")
    shop.snapshot(("TEA", 50), at=NOON - timedelta(hours=47, minutes=50))

    # when the unit ran
    again = follow_dates(shop.run("core/dates"))

    # then it is due in ten minutes
    assert again == timedelta(minutes=10)


SEASON = """\
seasons:
  - name: black friday
    first: 2026-11-26
    last: 2026-11-27
    policies:
      - {name: more in hand, when: 'sku.id == "TEA"', buffer: 7}
"""


def test_a_season_wins_on_its_days_and_leaves_no_trace(open_with: Open):
    # given two Skus, one of which has a buffer of its own and a season
    shop = open_with(more=SEASON, shopify=", offers: {buffer: 1}")
    shelve(shop, TEA=10, CUP=10)
    shop.list("tea", "TEA")
    shop.list("cup", "CUP")
    shop.decide()

    # when its days come and go: midnight in New York is 05:00
    seen = []
    for day, hour in ((24, 13), (26, 4), (26, 5), (27, 12), (28, 4), (28, 5)):
        at(shop, days=day - 24, hours=hour - 12)
        seen.append((wanted(shop)["tea"], wanted(shop)["cup"]))

    # then they are its own
    assert seen == [(9, 9), (9, 9), (3, 9), (3, 9), (3, 9), (9, 9)]


def test_only_what_a_season_changes_is_decided_again(open_with: Open):
    # given a season for one of two Skus
    shop = open_with(more=SEASON)
    shelve(shop, TEA=10, CUP=10)
    shop.list("tea", "TEA")
    shop.list("cup", "CUP")
    at(shop, hours=1)

    # when it begins
    shop.clock.advance(3 * 86_400)

    # then only that one is marked
    assert marked(shop) == ["TEA"]


def test_a_preorder_ends_on_its_day_though_nothing_moved(open_with: Open):
    # given a preorder until the 26th
    shop = open_with(more="policies: [{name: new, preorder: {units: 5, until: 2026-11-26}}]\n")
    shop.list("tea", "TEA")
    at(shop, hours=1)
    assert wanted(shop) == {"tea": 5}

    # when that day begins in New York
    at(shop, days=1, hours=17)

    # then it is over
    assert wanted(shop) == {"tea": 0}


def test_another_policy_reaches_every_listing_and_another_recipient_none(
    open_with: Open, store: Store, clock: ManualClock, tmp_path: Path
):
    # given a listing that shows what it should
    shop = open_with()
    shelve(shop, TEA=10)
    shop.list("tea", "TEA")
    at(shop, hours=1)
    assert wanted(shop) == {"tea": 10}

    # when the configuration changes what is of no concern to it
    mails = open_with(more="pace: {mail: 5m}\n")

    # then nothing is marked
    assert marked(mails) == []

    # and when it changes the policy, the number follows
    other = open_with(shopify=", offers: {buffer: 4}")
    other.decide()
    assert marked(other) == ["TEA"]
    other.decide()
    assert wanted(other) == {"tea": 6}


def test_a_rule_that_fails_on_its_day_is_told_and_stops_nothing(open_with: Open):
    # given a season whose rule fails for one of two Skus
    shop = open_with(more=SEASON.replace('sku.id == "TEA"', "10 / (size(sku.id) - 4) != 0"))
    shelve(shop, TEA=10, SODA=10)
    shop.list("tea", "TEA")
    shop.list("soda", "SODA")
    shop.decide()

    # when it begins
    at(shop, days=3)

    # then the other follows it, and of the one nothing is decided but a Case
    assert wanted(shop) == {"tea": 3}
    assert [row["kind"] for row in rows(shop.store, cases)] == ["rule_failed"]


# --- explained -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", ["held back there", "to be shown"]), ("zh", ["该库位保留", "应展示"])],
)
def test_a_number_is_explained_as_a_sum_in_the_language_of_the_shop(
    clock: ManualClock, tmp_path: Path, language: str, told: list[str]
):
    # given a number with some steps behind it
    store = Store(Database(f"sqlite:///{tmp_path}/unused.db"), clock)
    upgrade(store.database)
    changes = {
        "{name: Small shop}": f"{{name: Small shop, language: {language}}}",
        "skus:\n": "policies:\n  - {name: doubt, locations: [acme], percent: 80}\n"
        "  - {name: careful, buffer: 3}\nskus:\n",
    }
    shop = open_shop(store, clock, tmp_path, changes=changes, more=CERTAIN)
    shelve(shop, TEA=10)
    shop.snapshot(("TEA", 50), at=NOON)
    shop.list("tea", "TEA")
    shop.decide()

    # when it is explained
    words = ["explain", "sku", "TEA", "--channel", "shopify-us", "-c", f"{tmp_path}/lockstep.yaml"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "hush")
        page = CliRunner().invoke(app, words)
        machine = CliRunner().invoke(app, [*words, "--json"])
    store.close()

    # then each step has its line, its change and its total, one below the other
    lines = page.stdout.splitlines()
    assert page.exit_code == 0, page.output
    numbers = [tuple(one.split()[-2:]) for one in lines if re.search(r"[+-]\d+ +\d+ *$", one)]
    assert numbers == [("+60", "60"), ("-10", "50"), ("-3", "47")]
    assert all(word in page.stdout for word in told)
    ends = {cell_len(one.rstrip()) for one in lines if re.search(r" (60|50|47) *$", one)}
    assert len(ends) == 1
    [found] = json.loads(machine.stdout)["offers"]
    assert [step["change"] for step in found["steps"]] == [60, -10, -3]
    assert found["rules"] == ["doubt", "careful"]


# --- properties ----------------------------------------------------------------------------------

PARTS = ("P0", "P1", "P2", "P3")
SHARING = ("overlap", "split", "split_everywhere")


@pytest.mark.parametrize("seed", range(5))
def test_step_by_step_comes_to_the_same_as_all_at_once_and_promises_nothing_twice(
    store: Store, clock: ManualClock, tmp_path: Path, seed: int
):
    # given kits and components on two channels, that share as they please
    chance = random.Random(seed)
    kit = {
        name: {part: chance.randint(1, 2) for part in chance.sample(PARTS, chance.randint(1, 3))}
        for name in ("K0", "K1", "K2")
    }
    share = {SHOPIFY: chance.choice(SHARING), AMAZON: chance.choice(SHARING[1:])}
    alone = set(chance.sample(PARTS, 2))
    items = "".join(
        f"    {name}: {{components: {json.dumps(made)}}}\n" for name, made in kit.items()
    )
    changes = {
        channel: channel.replace("}", f", offers: {{share_components: {how}}}}}")
        for channel, how in share.items()
    }
    shop = open_shop(
        store,
        clock,
        tmp_path,
        changes={**changes, "  items:\n": f"  items:\n{items}"},
        more=CERTAIN,
    )
    for channel in ("shopify-us", "amazon-us"):
        for sku in sorted(alone | kit.keys()):
            shop.list(f"{channel} {sku}", sku, channel=channel)
    moves = [(chance.choice(PARTS), chance.randint(-4, 12)) for _ in range(9)]

    # when units come and go
    for number, (sku, units) in enumerate(moves):
        shop.receive(sku, units, reference=f"m{number}")
        shop.decide()

    # then each number is what it would be if everything were decided afresh
    found = wanted(shop) | wanted(shop, "amazon-us")
    with store.reading() as tx:
        fresh = worked_out(tx, shop.wiring, sorted(alone | kit.keys()))
        levels = Stock(tx).levels(PARTS)
    assert found == {one.key.remote_id: one.quantity for one in fresh}

    # and of no component is more promised than there is, by those who share it
    scopes: dict[str, list[Any]] = defaultdict(list)
    for one in fresh:
        how = share[SHOPIFY if one.key.channel == "shopify-us" else AMAZON]
        if how != "overlap":
            scopes["" if how == "split_everywhere" else one.key.channel].append(one)
    for together in scopes.values():
        needed: Counter[str] = Counter()
        for one in together:
            for sku, units in kit.get(one.sku, {one.sku: 1}).items():
                needed[sku] += units * one.quantity
        for sku, units in needed.items():
            assert units <= max(0, sum(level.available for level in levels.get(sku, ())))
