"""A doubted tracking number: its channel hears of it when it is set right, or just before it is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import LockstepError
from jobs import numbers, push
from jobs.clock import ManualClock
from jobs.store.store import Store
from jobs.store.tables import fulfillment
from tests.jobs.builders import HOME, line, order, rows
from tests.jobs.shop import Shop
from tests.jobs.test_routing import open_cases, opened, told

DATABASES = ["sqlite"]
RIGHT = "1Z5R89390357567127"
WRONG = "1Z5R89390357567128"
HOUR = 3_600
OTHER_DOOR = replace(HOME, name="Eve Other", line1="9 Elm St", email="eve@other.example")


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    return opened(store, clock, tmp_path)


def shipped(shop: Shop, number: str, *, carrier: str = "ups", **changes: Any) -> str:
    """A new order that is shipped whole; returns its request's key."""
    remote_id = str(6001 + len(rows(shop.store, fulfillment)))
    shop.record(order(remote_id, line(units=1), **changes))
    shop.decide()
    for place in ("home-files", "acme-files"):
        push.push_requests(shop.run(f"{place}/requests"), place)
    [one] = [row for row in rows(shop.store, fulfillment) if row["key"].split(":")[1] == remote_id]
    again(shop, one["key"], number, carrier=carrier)
    return str(one["key"])


def again(shop: Shop, key: str, number: str, *, carrier: str = "ups") -> None:
    [one] = [row for row in rows(shop.store, fulfillment) if row["key"] == key]
    through = f"{one['location']}-files"
    shop.ship(key, ("TEA", 1), number=number, carrier=carrier, through=through)


def confirmed(shop: Shop) -> list[tuple[str, str]]:
    """What the channel has been told: (carrier, number)."""
    push.push_confirmations(shop.run("shopify-us/shipments"), "shopify-us")
    return [(one.carrier, one.tracking_number) for one in shop.channels["shopify-us"].confirmed]


def waiting(shop: Shop) -> list[str]:
    with shop.store.reading() as tx:
        return [one.number for one in numbers.doubted(tx)]


def accept(shop: Shop, number: str) -> None:
    with shop.store.transaction() as tx:
        numbers.accept(tx, "6001", number, by="ann", note="they sent a photo")


def correct(shop: Shop, number: str, right: str, *, carrier: str = "") -> None:
    with shop.store.transaction() as tx:
        numbers.correct(
            tx, shop.wiring, "6001", number, right=right, carrier=carrier, by="ann", note="by phone"
        )


def test_a_wrong_number_waits_for_a_person_and_is_told_as_it_stands_after_a_day(shop: Shop):
    shipped(shop, WRONG)

    at_once = confirmed(shop)
    shop.clock.advance(23 * HOUR)
    later = confirmed(shop)

    assert (at_once, later, waiting(shop)) == ([], [], [WRONG])
    assert open_cases(shop) == [("parcel_number_wrong", f"order shopify-us 6001 parcel {WRONG}")]
    assert any(f"lockstep parcels correct 6001 {WRONG}" in one for one in told(shop, "6001"))

    shop.clock.advance(2 * HOUR)
    assert confirmed(shop) == [("ups", WRONG)]
    assert waiting(shop) == []


def test_it_is_told_before_the_order_is_late(shop: Shop):
    shipped(shop, WRONG, ship_by=shop.clock.now() + timedelta(hours=6))

    shop.clock.advance(3.9 * HOUR)
    assert confirmed(shop) == []

    shop.clock.advance(0.2 * HOUR)
    assert confirmed(shop) == [("ups", WRONG)]


def test_the_right_number_takes_the_place_of_the_wrong_one_and_the_notice_again_changes_nothing(
    shop: Shop,
):
    key = shipped(shop, WRONG)
    correct(shop, WRONG, RIGHT.lower())

    again(shop, key, WRONG)

    assert confirmed(shop) == [("ups", RIGHT)]
    assert (open_cases(shop), waiting(shop)) == ([], [])
    assert told(shop, "6001")[-2:] == [
        f"ann put ups {RIGHT} in the place of {WRONG}: by phone",
        f"shopify-us knows the parcel: ups {RIGHT}.",
    ]


def test_who_accepts_a_number_has_it_told(shop: Shop):
    shipped(shop, WRONG)

    accept(shop, WRONG)

    assert confirmed(shop) == [("ups", WRONG)]
    assert open_cases(shop) == []


@pytest.mark.parametrize(
    ("right", "words"), [("1Z", "cannot be the number either"), (WRONG, "cannot be the number")]
)
def test_another_wrong_number_is_not_taken(shop: Shop, right: str, words: str):
    shipped(shop, WRONG)

    with pytest.raises(LockstepError, match=words):
        correct(shop, WRONG, right, carrier="ups")

    assert waiting(shop) == [WRONG]


def test_what_the_channel_knows_is_corrected_there(shop: Shop):
    shipped(shop, RIGHT)
    assert confirmed(shop) == [("ups", RIGHT)]

    with pytest.raises(LockstepError, match="already: correct it there"):
        correct(shop, RIGHT, "986578788855", carrier="fedex")


def test_a_parcel_nobody_has_is_no_parcel(shop: Shop):
    with pytest.raises(LockstepError, match="has no parcel"):
        accept(shop, WRONG)


@pytest.mark.parametrize(
    ("said", "number", "carrier"),
    [
        ("usps", RIGHT, "ups"),
        ("", RIGHT, "ups"),
        ("fedex", "9400110200881269505160", "fedex"),
        ("joe's trucks", "PRO 77", "joe's trucks"),
    ],
)
def test_a_carrier_is_told_by_its_numbers_form(shop: Shop, said: str, number: str, carrier: str):
    shipped(shop, number, carrier=said)

    assert confirmed(shop) == [(carrier, number)]
    assert open_cases(shop) == []


def test_a_number_of_nobody_waits(shop: Shop):
    shipped(shop, "PICKUP", carrier="")

    assert confirmed(shop) == []
    assert [code for code, _ in open_cases(shop)] == ["parcel_number_nobodys"]


def test_one_number_for_two_buyers_waits_and_for_two_orders_of_one_buyer_does_not(shop: Shop):
    shipped(shop, RIGHT)
    shipped(shop, RIGHT)
    same = open_cases(shop)

    shipped(shop, RIGHT, ship_to=OTHER_DOOR)

    assert same == []
    assert open_cases(shop) == [("parcel_number_used", f"order shopify-us 6003 parcel {RIGHT}")]
    assert confirmed(shop) == [("ups", RIGHT)] * 2
