"""What keeps an order from being sent, with what the store knows beside it, and what ends that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.model.money import Money
from core.model.orders import Address, Order, PaymentStatus, Risk
from jobs import decide, push
from jobs.clock import ManualClock
from jobs.store.orders import Orders
from jobs.store.store import Store
from jobs.store.tables import cases, decision, effect, fulfillment, hold, orders, party, reservation
from jobs.upkeep import look_after
from tests.jobs.builders import HOME, line, minutes, order, rows
from tests.jobs.shop import Shop, open_shop

Make = Callable[..., Shop]

SERVICES = """
services:
  ground: {carrier: ups, rates: {1: {5000: "7.00"}, 8: {5000: "12.00"}}}
  letter: {carrier: usps, rates: {1: {5000: "5.00"}, 8: {5000: "6.00"}}}
"""
FROM_RENO = {
    "home: {priority: 10,": 'home: {priority: 10, dispatch: {postal_code: "89501", services: '
    "[ground, letter]},"
}


@pytest.fixture
def make(store: Store, clock: ManualClock, tmp_path: Path) -> Make:
    """A shop with nine of everything on its own shelf, and what is said of `review`."""

    def made(review: str = "{}", **more: Any) -> Shop:
        more["more"] = f"{more.get('more', '')}\nreview: {review}\n"
        shop = open_shop(store, clock, tmp_path, **more)
        shop.receive("TEA", 90)
        shop.receive("CUP", 9, reference="R2")
        shop.decide()
        return shop

    return made


def holds(shop: Shop, remote_id: str) -> dict[str, dict[str, Any]]:
    """Open Hold -> what it says, without the order's name and the mark of where it goes."""
    found = {}
    for row in rows(shop.store, hold):
        if row["released_at"] is None and row["order_id"] == _number(shop, remote_id):
            told = row["args"].items()
            found[row["code"]] = {k: v for k, v in told if k not in ("order", "label")}
    return found


def _number(shop: Shop, remote_id: str) -> int:
    (row,) = (one for one in rows(shop.store, orders) if one["remote_id"] == remote_id)
    return int(row["id"])


def stage(shop: Shop, remote_id: str) -> str:
    (row,) = (one for one in rows(shop.store, orders) if one["remote_id"] == remote_id)
    return str(row["stage"])


def take(shop: Shop, *found: Order) -> None:
    shop.record(*found)
    shop.decide()


def release(shop: Shop, remote_id: str, code: str) -> None:
    with shop.store.transaction() as tx:
        number = _number(shop, remote_id)
        tx.connection.execute(
            update(hold)
            .where(hold.c.order_id == number, hold.c.code == code)
            .values(released_at=tx.now, released_by="ann")
        )
        Orders(tx).decide_again([number])
    shop.decide()


def held_units(shop: Shop) -> int:
    return sum(one["quantity"] for one in rows(shop.store, reservation) if one["state"] == "open")


# --- payment, address, stated risk -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payment", "code"),
    [
        (PaymentStatus.AUTHORIZED, "authorized_only"),
        (PaymentStatus.EXPIRED, "payment_expired"),
        (PaymentStatus.PARTIALLY_PAID, "partly_paid"),
        (PaymentStatus.VOIDED, "unpaid"),
    ],
)
def test_an_order_waits_with_its_units_until_the_channel_says_it_is_paid(
    make: Make, payment: PaymentStatus, code: str
):
    shop = make()
    take(shop, order("1", payment=payment))

    assert stage(shop, "1") == "held"
    assert set(holds(shop, "1")) == {code}
    assert held_units(shop) == 1
    assert not rows(shop.store, effect)

    take(shop, order("1", updated_at=minutes(1)))

    assert stage(shop, "1") == "routed"
    assert holds(shop, "1") == {}


def test_units_held_for_any_lack_of_money_are_let_go_by_one_word(make: Make, clock: ManualClock):
    shop = make(more="ledger: {expire: {unpaid: 2h, partly_paid: 9h}}")
    take(
        shop,
        order("1", payment=PaymentStatus.EXPIRED),
        order("2", payment=PaymentStatus.PARTIALLY_PAID),
    )
    assert held_units(shop) == 2

    clock.advance(3 * 3600)
    look_after(shop.run("core/upkeep"))

    assert held_units(shop) == 1


def test_a_zip_code_of_another_state_waits_until_the_buyer_corrects_it(make: Make):
    shop = make()
    take(shop, order("1", ship_to=replace(HOME, postal_code="10001")))

    assert holds(shop, "1") == {"zip_elsewhere": {"state": "NV", "states": "NY"}}

    take(shop, order("1", updated_at=minutes(1)))
    assert stage(shop, "1") == "routed"


def test_stated_risk_waits_for_a_person_or_for_the_channel(make: Make):
    shop = make()
    take(shop, order("1", risk=Risk.HIGH), order("2", risk=Risk.MEDIUM), order("3", risk=Risk.LOW))

    assert holds(shop, "1")["risk_stated"]["risk"] == "high"
    assert (stage(shop, "2"), stage(shop, "3")) == ("held", "routed")

    release(shop, "1", "risk_stated")
    take(shop, order("2", risk=Risk.LOW, updated_at=minutes(1)))
    assert (stage(shop, "1"), stage(shop, "2")) == ("routed", "routed")


def test_a_billing_address_is_compared_and_kept_only_as_far_as_that_needs(make: Make):
    shop = make('{billing: {apart: state, over: "10.00"}}')
    elsewhere = replace(
        HOME, line1="9 Other St", region="NY", postal_code="10001", email="a@b.example"
    )
    take(shop, order("1", bill_to=elsewhere), order("2", bill_to=HOME))
    take(shop, order("3", bill_to=elsewhere, total=Money(999, "USD")))

    assert holds(shop, "1") == {"billing_elsewhere": {"part": "state"}}
    assert (stage(shop, "2"), stage(shop, "3")) == ("routed", "routed")
    kept = [one for one in rows(shop.store, party) if one["role"] == "bill_to"]
    assert {one["region"] for one in kept} == {"NY", "NV"}
    for one in kept:
        assert {one[part] for part in ("name", "line1", "city", "phone", "email")} == {""}


# --- fraud by figures --------------------------------------------------------------------------------

ADA = replace(HOME, email="ada@example.com")
BOB = replace(HOME, name="Bob", line1="77 Elm St", email="bob@example.com")


def test_value_and_a_first_order_wait_and_a_known_buyer_does_not(make: Make):
    shop = make('{first_order: "50.00", high_value: "500.00"}')

    def of(remote_id: str, cents: int, at: int, to: Address = ADA, **more: Any) -> Order:
        total = Money(cents, "USD")
        return order(remote_id, total=total, placed_at=minutes(at), ship_to=to, **more)

    take(shop, of("1", 5000, 0))
    take(shop, of("2", 5000, 5), of("3", 50_000, 6), of("4", 50_000, 7, BOB), of("5", 4999, 8, BOB))

    assert set(holds(shop, "1")) == {"first_order"}
    assert holds(shop, "2") == {}
    assert holds(shop, "3") == {"high_value": {"worth": "500.00 USD", "limit": "500.00 USD"}}
    assert set(holds(shop, "4")) == {"first_order", "high_value"}
    assert holds(shop, "5") == {}


def test_money_of_another_currency_is_judged_by_its_worth(make: Make):
    shop = make('{high_value: "500.00"}', more='currencies: {EUR: {2026-01-01: "1.20"}}')

    take(shop, order("1", currency="EUR", total=Money(42_000, "EUR")))
    take(shop, order("2", currency="EUR", total=Money(41_000, "EUR")))
    take(shop, order("3", currency="JPY", total=Money(99_000, "JPY")))

    assert set(holds(shop, "1")) == {"high_value"}
    assert holds(shop, "2") == {}
    # nobody said what a yen is worth: it may be much
    assert holds(shop, "3") == {"worth_unknown": {"stated": "99000 JPY", "currency": "JPY"}}
    release(shop, "3", "worth_unknown")
    assert stage(shop, "3") == "routed"


def test_many_orders_of_one_buyer_or_to_one_door_wait(make: Make):
    shop = make("{velocity: {orders: 3, within: 1h}}")
    door = replace(BOB, line1="1 MAIN STREET", email="eve@example.com")
    take(shop, order("1", ship_to=ADA, placed_at=minutes(0)))
    take(shop, order("2", ship_to=door, placed_at=minutes(10)))
    take(shop, order("3", ship_to=replace(BOB, email="ADA@example.com"), placed_at=minutes(20)))
    take(shop, order("4", ship_to=ADA, placed_at=minutes(30)))
    take(shop, order("5", ship_to=ADA, placed_at=minutes(200)))

    assert [stage(shop, one) for one in "1235"] == ["routed"] * 4
    assert holds(shop, "4") == {"velocity": {"count": 4, "minutes": 60}}

    # a release stands though one of the others is canceled
    release(shop, "4", "velocity")
    gone = order("1", ship_to=ADA, placed_at=minutes(0), canceled_at=minutes(40))
    take(shop, replace(gone, updated_at=minutes(40)))
    take(shop, order("4", ship_to=ADA, placed_at=minutes(30), updated_at=minutes(41), tags=("x",)))
    assert stage(shop, "4") == "routed"


# --- goods -------------------------------------------------------------------------------------------


def test_an_unknown_sku_waits_with_the_name_it_is_most_like(make: Make):
    shop = make(changes={"skus:\n": "skus:\n  accept_channel_skus: false\n"})
    shop.record(
        order("1", line(sku="GIFTT"), line("L2", sku="gi ft/"), line("L3", sku="\U0001f600"))
    )
    shop.decide()

    said = holds(shop, "1")["unknown_sku"]
    assert said == {
        "count": 3, "lines": "GIFTT (L1) ~ GIFT, gi ft/ (L2) ~ GIFT, \U0001f600 (L3)"
    }  # fmt: skip


def test_a_price_far_from_what_the_listing_asks_waits(make: Make):
    shop = make("{price_differs: 50}")
    shop.list("variant-TEA", "TEA", price=Money(1999, "USD"))

    take(shop, order("1", line(unit_price=Money(199, "USD"))), order("2"))
    take(shop, order("3", line(unit_price=Money(199, "EUR"))))

    said = {"lines": "TEA -90 %", "paid": "L1 1.99 USD"}
    assert holds(shop, "1") == {"price_unlike": said}
    assert (stage(shop, "2"), stage(shop, "3")) == ("routed", "routed")

    # a release is about what was paid: another listing price is no news, another paid price is
    release(shop, "1", "price_unlike")
    shop.list("variant-TEA", "TEA", price=Money(9999, "USD"))
    paid = line(unit_price=Money(199, "USD"))
    take(shop, order("1", paid, updated_at=minutes(1), tags=("vip",)))
    assert stage(shop, "1") == "routed"
    take(shop, order("1", replace(paid, unit_price=Money(99, "USD")), updated_at=minutes(2)))
    assert set(holds(shop, "1")) == {"price_unlike"}


def test_a_quantity_is_measured_by_what_others_took(make: Make):
    shop = make("{quantity: {units: 10, times: 3}}")
    take(shop, order("1", line(units=10)))
    assert holds(shop, "1") == {"quantity_unlike": {"lines": "TEA x10 (1)"}}

    take(shop, *(order(f"2{n}", line(units=4), placed_at=minutes(n)) for n in range(8)))
    take(shop, order("3", line(units=12)), order("4", line(units=13)))

    assert holds(shop, "3") == {}
    assert holds(shop, "4") == {"quantity_unlike": {"lines": "TEA x13 (4)"}}


RESTRICTED = """{restrictions: [
  {name: no tea by box, skus: [TEA], po_box: true},
  {name: no cups in Nevada, when: 'sku.id == "CUP"', states: [nv]},
]}"""


def test_goods_that_must_not_go_somewhere_wait_alone_or_in_a_kit(make: Make):
    shop = make(RESTRICTED)
    box = replace(HOME, line1="PO Box 12")
    away = replace(HOME, region="NY", postal_code="10001")
    take(shop, order("1", ship_to=box), order("2"), order("3", line(sku="CUP")))
    take(
        shop, order("4", line(sku="CUP"), ship_to=away), order("5", line(sku="GIFT"), ship_to=HOME)
    )

    assert holds(shop, "1") == {"restricted": {"rules": "no tea by box", "lines": "L1"}}
    assert set(holds(shop, "3")) == set(holds(shop, "5")) == {"restricted"}
    assert (stage(shop, "2"), stage(shop, "4")) == ("routed", "routed")


def test_a_restriction_of_carriers_leaves_the_others(make: Make):
    shop = make(
        "{restrictions: [{name: no post, skus: [CUP], carriers: [usps]}, "
        "{name: no tea at all, skus: [TEA], states: [NY], services: [ground, letter]}]}",
        more=SERVICES, changes=FROM_RENO,
    )  # fmt: skip
    away = replace(HOME, region="NY", postal_code="10001")
    take(shop, order("1"), order("2", line(), line("L2", sku="CUP")), order("3", ship_to=away))

    services = {row["order_id"]: row["service"] for row in rows(shop.store, fulfillment)}
    assert services == {_number(shop, "1"): "letter", _number(shop, "2"): "ground"}
    assert stage(shop, "3") == "waiting"
    (case,) = (one for one in rows(shop.store, cases) if one["state"] == "open")
    assert case["kind"] == "unroutable"


# --- look-alikes -------------------------------------------------------------------------------------


def test_a_look_alike_waits_and_goes_when_the_first_is_canceled(make: Make):
    shop = make("{duplicates_within: 2h}")
    spelled = replace(ADA, name="A. Buyer", line1="1 MAIN STREET", postal_code="89501-1234")
    take(shop, order("1", ship_to=ADA), order("2", ship_to=spelled, placed_at=minutes(30)))

    assert stage(shop, "1") == "routed"
    assert holds(shop, "2") == {"duplicate": {"other": "#1", "minutes": 30}}
    assert held_units(shop) == 2

    take(shop, order("1", ship_to=ADA, updated_at=minutes(40), canceled_at=minutes(40)))

    assert stage(shop, "1") == "canceled"
    assert stage(shop, "2") == "routed"


@pytest.mark.parametrize(
    "other",
    [
        {"ship_to": BOB},
        {"ship_to": replace(ADA, email="eve@example.com")},
        {"ship_to": replace(ADA, line2="Apt 9")},
        {"placed_at": minutes(121)},
        {"lines": (line(units=2),)},
        {"lines": (line(sku="CUP"),)},
        {"attributes": {"replaces": "1"}},
    ],
)
def test_what_differs_is_no_look_alike(make: Make, other: dict[str, Any]):
    shop = make("{duplicates_within: 2h}")
    twin = order("2", ship_to=ADA, placed_at=minutes(5))

    take(shop, order("1", ship_to=ADA), replace(twin, **other))

    assert (stage(shop, "1"), stage(shop, "2")) == ("routed", "routed")


@pytest.mark.parametrize(
    "changed",
    [
        {"lines": (line(units=2),)},
        {"lines": (line(current=0),)},
        {"ship_to": BOB},
    ],
)
def test_a_look_alike_goes_when_the_first_is_another_order_now(make: Make, changed: dict[str, Any]):
    shop = make("{duplicates_within: 2h}")
    take(shop, order("1", ship_to=ADA), order("2", ship_to=ADA, placed_at=minutes(5)))
    assert set(holds(shop, "2")) == {"duplicate"}

    take(shop, replace(order("1", ship_to=ADA, updated_at=minutes(9)), **changed))

    assert holds(shop, "2") == {}
    assert stage(shop, "2") == "routed"


def test_of_look_alikes_the_one_that_came_late_waits_for_the_other_may_be_sent(
    make: Make, clock: ManualClock
):
    shop = make("{duplicates_within: 2h}")
    take(shop, order("2", ship_to=ADA, placed_at=minutes(5)))
    sent(shop)

    clock.advance(3600)
    take(shop, order("1", ship_to=ADA))

    assert holds(shop, "1") == {"duplicate": {"other": "#2", "minutes": 5}}
    assert held_units(shop) == 2
    take(shop, order("2", ship_to=ADA, placed_at=minutes(5), updated_at=minutes(61)))
    assert holds(shop, "2") == {}


def test_a_look_alike_a_person_released_stays_released(make: Make):
    shop = make("{duplicates_within: 2h}")
    take(shop, order("1", ship_to=ADA), order("2", ship_to=ADA, placed_at=minutes(5)))
    release(shop, "2", "duplicate")
    assert stage(shop, "2") == "routed"

    take(shop, order("2", ship_to=ADA, placed_at=minutes(5), updated_at=minutes(9), tags=("vip",)))

    assert stage(shop, "2") == "routed"


def test_a_cause_that_went_and_came_back_holds_again_though_a_person_released_it(make: Make):
    # given an order a person let go for its value, which an edit makes small
    shop = make('{high_value: "500.00"}')
    dear, cheap = Money(50_000, "USD"), Money(49_999, "USD")
    take(shop, order("1", total=dear))
    release(shop, "1", "high_value")
    take(shop, order("1", total=dear, updated_at=minutes(1), tags=("vip",)))
    assert stage(shop, "1") == "routed"
    take(shop, order("1", total=cheap, updated_at=minutes(2)))
    assert stage(shop, "1") == "routed"

    # when another edit makes it as dear as it was, in the very same words
    take(shop, order("1", total=dear, updated_at=minutes(3)))

    # then a person looks again, and is told what became of the release
    assert set(holds(shop, "1")) == {"high_value"}
    told = [row["code"] for row in rows(shop.store, decision)]
    assert told.count("release_used_up") == 1


@pytest.mark.parametrize(
    ("review", "code", "to"),
    [
        ("{}", "address_undeliverable", replace(HOME, line1="Main St")),
        ("{freight_forwarders: ['895']}", "freight_forwarder", HOME),
        ("{restrictions: [{name: gambling, states: [NV]}]}", "restricted", HOME),
    ],
)
def test_what_a_person_released_for_one_address_waits_at_another(
    make: Make, review: str, code: str, to: Address
):
    # given an order that a person let go where it goes
    shop = make(review)
    take(shop, order("1", ship_to=to))
    release(shop, "1", code)
    assert stage(shop, "1") == "routed"

    # when it changes in something else, and then goes to a place as odd
    take(shop, order("1", ship_to=to, updated_at=minutes(1), tags=("vip",)))
    assert stage(shop, "1") == "routed"
    take(shop, order("1", ship_to=replace(to, name="Eve"), updated_at=minutes(2)))

    # then a person looks again
    assert set(holds(shop, "1")) == {code}


def test_a_release_of_two_rules_counts_for_one_of_them_and_not_for_a_third(make: Make):
    rules = ", ".join(f"{{name: {one}, when: '\"{one}\" in order.tags'}}" for one in "abc")
    shop = make(f"{{rules: [{rules}]}}")
    take(shop, order("1", tags=("a", "b")))
    release(shop, "1", "rule_hit")

    take(shop, order("1", tags=("b",), updated_at=minutes(1)))
    assert stage(shop, "1") == "routed"

    take(shop, order("1", tags=("a", "b"), updated_at=minutes(2)))
    assert holds(shop, "1") == {"rule_hit": {"rules": "a, b"}}, "it had gone"

    take(shop, order("1", tags=("b",), updated_at=minutes(3)))
    release(shop, "1", "rule_hit")
    take(shop, order("1", tags=("b", "c"), updated_at=minutes(4)))
    assert holds(shop, "1") == {"rule_hit": {"rules": "b, c"}}


# --- what is known too late ---------------------------------------------------------------------------


def sent(shop: Shop) -> None:
    """Every request left."""
    with shop.store.transaction() as tx:
        tx.connection.execute(update(effect).values(state="done", sent_at=tx.now))
        tx.connection.execute(update(fulfillment).values(state="requested", requested_at=tx.now))


def test_a_doubt_about_an_order_that_was_sent_is_told_once_and_holds_nothing_back(make: Make):
    shop = make()
    take(shop, order("1"))
    sent(shop)

    take(shop, order("1", risk=Risk.HIGH, updated_at=minutes(1)))
    take(shop, order("1", risk=Risk.HIGH, updated_at=minutes(2), tags=("vip",)))

    assert stage(shop, "1") == "routed"
    assert holds(shop, "1") == {}
    (case,) = rows(shop.store, cases)
    assert case["kind"] == "sent_before_doubt"
    assert case["args"] == {
        "order": "#1", "channel": "shopify-us", "hold": "risk_stated", "location": "home"
    }  # fmt: skip


def test_what_is_known_before_it_is_sent_holds_it_though_it_is_routed(make: Make):
    shop = make()
    take(shop, order("1"))
    assert stage(shop, "1") == "routed"

    take(shop, order("1", risk=Risk.HIGH, updated_at=minutes(1)))

    assert stage(shop, "1") == "held"
    assert rows(shop.store, cases) == []


def test_nothing_is_sent_of_an_order_that_changed_and_is_not_decided_yet(make: Make):
    # given a routed order that becomes doubtful before it is sent
    shop = make()
    take(shop, order("1"), order("2"))
    shop.record(order("1", risk=Risk.HIGH, updated_at=minutes(1)))

    # when the place's turn comes first
    push.push_requests(shop.run("home-files/requests"), "home-files")

    # then it is not sent, and held when its own turn comes
    assert list(shop.places["home-files"].received) == ["shopify-us:2:F1"]
    shop.decide()
    push.push_requests(shop.run("home-files/requests"), "home-files")
    assert stage(shop, "1") == "held"
    assert list(shop.places["home-files"].received) == ["shopify-us:2:F1"]


def test_an_address_that_is_found_odd_after_sending_disturbs_nobody(make: Make):
    shop = make()
    take(shop, order("1"))
    sent(shop)

    take(shop, order("1", ship_to=replace(HOME, postal_code="10001"), updated_at=minutes(1)))

    assert stage(shop, "1") == "routed"
    assert rows(shop.store, cases) == []


def test_a_line_that_joins_after_sending_and_nobody_knows_is_not_lost(make: Make):
    shop = make(changes={"skus:\n": "skus:\n  accept_channel_skus: false\n"})
    take(shop, order("1"))
    sent(shop)

    take(shop, order("1", line(), line("L2", sku="NEW"), updated_at=minutes(1)))

    assert set(holds(shop, "1")) == {"unknown_sku"}
    assert stage(shop, "1") == "held"


def test_a_buyer_who_asks_to_cancel_after_sending_is_heard(make: Make):
    shop = make()
    take(shop, order("1"))
    sent(shop)

    take(shop, order("1", line(cancel_requested=True), updated_at=minutes(1)))

    assert set(holds(shop, "1")) == {"cancel_requested"}


# --- what is planned, and not sent yet ------------------------------------------------------------------


def planned(shop: Shop) -> list[tuple[int, str, str]]:
    """(number, state, service) of every fulfillment."""
    return [(one["number"], one["state"], one["service"]) for one in rows(shop.store, fulfillment)]


@pytest.mark.parametrize(
    ("review", "changed"),
    [
        ("{rules: [{name: g, when: '\"g\" in order.tags', services: [ground]}]}", {"tags": ("g",)}),
        (
            "{restrictions: [{name: box, po_box: true, services: [letter]}]}",
            {"ship_to": replace(HOME, line1="PO Box 12")},
        ),
    ],
)
def test_what_must_not_travel_as_planned_is_planned_anew_until_it_is_sent(
    make: Make, review: str, changed: dict[str, Any]
):
    # given an order that is to go by letter
    post = SERVICES.replace("ground: {", "ground: {po_box: true, ").replace(
        "letter: {", "letter: {po_box: true, "
    )
    shop = make(review, changes=FROM_RENO, more=post)
    take(shop, order("1"))
    assert planned(shop) == [(1, "planned", "letter")]

    # when it changes so that it must not, before anybody was asked
    take(shop, replace(order("1", updated_at=minutes(1)), **changed))

    # then it goes by ground, once, from the very units it had
    assert planned(shop) == [(1, "canceled", "letter"), (2, "planned", "ground")]
    assert [one["state"] for one in rows(shop.store, effect)] == ["canceled", "planned"]
    assert [(one["fulfillment"], one["state"]) for one in rows(shop.store, reservation)] == [
        (2, "open")
    ]
    assert stage(shop, "1") == "routed"

    # and what was asked for stays: a place is not told twice
    sent(shop)
    take(shop, order("1", updated_at=minutes(2)))
    assert len(planned(shop)) == 2


def test_when_the_configuration_changes_what_is_not_sent_is_reviewed_again_and_what_is_sent_is_not(
    make: Make,
):
    # given an order that was sent, one that is only planned, and one that is held
    shop = make()
    take(shop, order("1"))
    sent(shop)
    take(shop, order("2"))
    take(shop, order("3", test=True))
    look_after(shop.run("core/upkeep"))
    shop.decide()

    # when the shop writes a rule that holds everything
    shop = make("{rules: [{name: stop, when: 'true'}]}")
    look_after(shop.run("core/upkeep"))
    assert [one["decide"] for one in rows(shop.store, orders)] == [False, True, True]
    shop.decide()

    # then it holds what nobody was asked to ship yet
    assert [stage(shop, one) for one in "123"] == ["routed", "held", "held"]
    assert set(holds(shop, "2")) == {"rule_hit"}
    assert holds(shop, "1") == {}


def test_a_rule_that_would_loop_for_long_holds_its_order_is_told_and_keeps_no_other(make: Make):
    # given a rule of three loops, and one of two, which are quick over usual orders
    loop = "order.lines.exists({0}, {1})"
    alike = "a.sku + b.sku == b.sku + a.sku && a.quantity > 5"
    twice = loop.format("a", loop.format("b", alike))
    thrice = loop.format("a", loop.format("b", loop.format("c", f"{alike} && c.quantity > 5")))
    shop = make(f"{{rules: [{{name: three, when: '{thrice}'}}, {{name: two, when: '{twice}'}}]}}")
    many = [line(f"L{n}", units=1) for n in range(120)]

    # when an order of 120 lines comes between two others
    began = time.process_time()
    cup = line(sku="CUP")
    take(shop, order("1", cup), order("2", *many), order("3", cup))

    # then it waits for a person, who is told the rule's name, and all goes on at once
    assert time.process_time() - began < 10
    assert holds(shop, "2") == {"rule_hit": {"rules": "three"}}
    assert (stage(shop, "1"), stage(shop, "3")) == ("routed", "routed")
    (told,) = (one for one in rows(shop.store, cases) if one["kind"] == "order_rule_failed")
    assert (told["subject"], told["args"]["order"], told["args"]["lines"]) == (
        "rule three", "#2", 120
    )  # fmt: skip


def test_what_no_service_carries_to_its_country_waits_for_a_person_and_says_why(make: Make):
    shop = make(more=SERVICES, changes=FROM_RENO)
    # Five digits abroad are no ZIP code.
    take(shop, order("1", ship_to=replace(HOME, country="DE", region="", postal_code="10115")))

    assert stage(shop, "1") == "waiting"
    (told,) = rows(shop.store, cases)
    assert (told["kind"], told["code"]) == ("unroutable", "unroutable_service")
    why = [one["args"] for one in rows(shop.store, decision)
           if one["code"] == "service_not_to_country"]  # fmt: skip
    assert {(one["service"], one["country"]) for one in why} == {("ground", "DE"), ("letter", "DE")}


# --- the window --------------------------------------------------------------------------------------


def test_a_new_order_is_sent_when_its_window_is_over_and_nobody_need_do_anything(
    make: Make, clock: ManualClock
):
    window = {
        "shopify-us: {connection: shopify-us}":
        "shopify-us: {connection: shopify-us, release_window: 10m}"
    }  # fmt: skip
    shop = make(changes=window)
    shop.record(order("1"))
    again = decide.decide_orders(shop.run("core/orders"))

    assert again == timedelta(minutes=10)
    assert (stage(shop, "1"), held_units(shop)) == ("held", 1)

    clock.advance(599)
    shop.decide()
    assert stage(shop, "1") == "held"

    clock.advance(1)
    assert decide.decide_orders(shop.run("core/orders")) is None
    assert stage(shop, "1") == "routed"


def test_an_order_that_comes_late_has_its_whole_window_from_when_it_came(
    make: Make, clock: ManualClock
):
    window = {
        "shopify-us: {connection: shopify-us}":
        "shopify-us: {connection: shopify-us, release_window: 10m}"
    }  # fmt: skip
    shop = make("{duplicates_within: 2h}", changes=window)

    # given an order nobody brought for an hour, and its look-alike minutes after it
    clock.advance(3600)
    take(shop, order("2", placed_at=minutes(5)))
    assert set(holds(shop, "2")) == {"release_window"}
    clock.advance(300)
    take(shop, order("1", placed_at=minutes(6)))

    # when their windows are over
    clock.advance(300)
    shop.decide()

    # then one of them is sent
    assert stage(shop, "2") == "routed"
    assert set(holds(shop, "1")) == {"duplicate", "release_window"}


def test_a_cancellation_within_the_window_costs_nothing(make: Make, clock: ManualClock):
    window = {
        "shopify-us: {connection: shopify-us}":
        "shopify-us: {connection: shopify-us, release_window: 10m}"
    }  # fmt: skip
    shop = make(changes=window)
    take(shop, order("1"))
    take(shop, order("1", updated_at=minutes(1), canceled_at=minutes(1)))
    clock.advance(3600)
    shop.decide()

    assert stage(shop, "1") == "canceled"
    assert not rows(shop.store, effect)
    assert held_units(shop) == 0


# --- the shop's rules --------------------------------------------------------------------------------

RULES = """{rules: [
  {name: gifts, when: '"gift" in order.tags', hold: false, priority: 10, tags: [gift], note: wrap it},
  {name: fast, when: 'order.units > 3', carriers: [ups]},
  {name: look, when: '"odd" in order.tags'},
]}"""


def test_what_rules_ask_is_kept_told_and_looked_at_again_when_the_order_changes(make: Make):
    shop = make(RULES, more=SERVICES, changes=FROM_RENO)
    take(shop, order("1", tags=("gift",)), order("2", line(units=4)), order("3"))

    asked = {row["remote_id"]: (row["priority"], row["asked"]) for row in rows(shop.store, orders)}
    assert asked == {
        "1": (10, {"tags": ["gift"], "notes": ["wrap it"]}),
        "2": (0, {"services": ["ground"]}),
        "3": (0, None),
    }
    services = {row["order_id"]: row["service"] for row in rows(shop.store, fulfillment)}
    assert services == {
        _number(shop, "1"): "letter", _number(shop, "2"): "ground", _number(shop, "3"): "letter"
    }  # fmt: skip

    take(shop, order("1", tags=("odd",), updated_at=minutes(1)))
    (row,) = (one for one in rows(shop.store, orders) if one["remote_id"] == "1")
    assert (row["stage"], row["priority"], row["asked"]) == ("held", 0, None)


def test_of_orders_that_wait_the_one_of_higher_priority_is_served_first(make: Make):
    shop = make(RULES.replace("carriers: [ups]", "tags: [fast]"))
    take(shop, order("1", line(units=90)))
    take(shop, order("2"), order("3", tags=("gift",)), order("4"))
    assert [stage(shop, one) for one in "234"] == ["waiting"] * 3

    shop.receive("TEA", 1, reference="R3")
    shop.decide()

    assert [stage(shop, one) for one in "234"] == ["waiting", "routed", "waiting"]
