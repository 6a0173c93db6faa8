"""What an admin says of orders that wait, and of what must not go where."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.model.orders import Address, Asked, Order, OrderLine, PaymentStatus, Risk
from core.rules.holds import KINDS
from core.rules.suspicion import Apart, Limits
from tests.config.conftest import Folder, line_and_column

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SERVICES = """\
services:
  ground: {carrier: ups, rates: {1: {500: "7.00"}}}
  air: {carrier: ups, rates: {1: {500: "19.00"}}}
  letter: {carrier: usps, rates: {1: {500: "4.00"}}}
"""


def order(**changes: Any) -> Order:
    made = Order(
        channel="shop", remote_id="1", name="#1", placed_at=NOON, updated_at=NOON,
        payment=PaymentStatus.PAID, canceled_at=None, pending=False, test=False, currency="USD",
        total=None, lines=(OrderLine("1", "MUG", "", "A mug", 2, 2, 0, None),),
        ship_to=Address(region="NJ", postal_code="07102", country="US"),
    )  # fmt: skip
    return replace(made, **changes)


def test_the_least_looks_at_payment_address_and_stated_risk_only(folder: Folder) -> None:
    folder.with_least("")

    loaded = folder.load()

    assert loaded.config.review.limits("USD", known=timedelta(days=90)) == Limits(
        risk=Risk.MEDIUM, velocity_within=timedelta(hours=1), known_days=90
    )
    assert loaded.states["071"] == ("NJ",)
    assert loaded.order_rules.met(order()).holds == ()
    assert loaded.restrictions.of("MUG") == ()


def test_amounts_become_minor_units_of_the_shop(folder: Folder) -> None:
    folder.with_least(
        """\
        review:
          risk: never
          hold_undeliverable: false
          billing: {apart: zip, over: "12.50"}
          high_value: "500.00"
          first_order: "99.99"
          velocity: {orders: 4, within: 2h}
          freight_forwarders: ["331", "97230"]
          price_differs: 40
          quantity: {units: 12, times: 3}
          duplicates_within: 30m
        """
    )

    loaded = folder.load()

    assert loaded.states == {}
    assert loaded.config.review.limits("USD", known=timedelta(days=90)) == Limits(
        risk=None, billing=Apart.ZIP, billing_from=1250, high_value=50_000, first_order=9_999,
        velocity=4, velocity_within=timedelta(hours=2), forwarders=("331", "97230"), price=40,
        many=12, many_times=3, duplicate_within=timedelta(minutes=30),
        known_days=90,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("freight_forwarders: [33166a]", "is no beginning of a ZIP code"),
        ('freight_forwarders: [""]', "is no beginning of a ZIP code"),
        ("restrictions: [{name: a, states: [Alaska]}]", "is no code of two letters"),
        ("restrictions: [{name: a, services: [gruond]}]", "'gruond' names no service"),
        ("restrictions: [{name: a, carriers: [upps]}]", "'upps' is the carrier of no service"),
        ("restrictions: [{name: a, when: 'order.total > 1'}]", "there is no 'order' here"),
        ("rules: [{name: a, when: 'true', services: [airr]}]", "'airr' names no service"),
        ("rules: [{name: a, when: 'true', carriers: [fedex]}]", "'fedex' is the carrier of no"),
        ("rules: [{name: a, when: 'order.ship_to.line1 == \"\"'}]", "there is no 'line1' here"),
        ("rules: [{name: a, when: 'true', priority: 5000}]", "1000"),
        ("risk: some", "risk"),
        ("price_differs: 0", "1"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(
    folder: Folder, written: str, told: str
) -> None:
    folder.with_least(f"{SERVICES}review: {{{written}}}\n")

    problem = folder.problem()

    assert told in str(problem)
    assert line_and_column(problem)[0] > 1


def test_a_slip_of_the_pen_is_guessed(folder: Folder) -> None:
    folder.with_least(f"{SERVICES}review: {{restrictions: [{{name: a, carriers: [usp]}}]}}\n")

    assert "did you mean" in str(folder.problem())


def test_every_hold_may_end_the_keeping_of_units(folder: Folder) -> None:
    folder.with_least(f"ledger: {{expire: {{{', '.join(f'{code}: 2d' for code in KINDS)}}}}}\n")
    assert set(folder.load().config.ledger.expire) == set(KINDS)

    folder.with_least("ledger: {expire: {unpayed: 2d}}\n")
    assert "'unpayed' is no hold; expected one of pending, " in str(folder.problem())


# --- rules -------------------------------------------------------------------------------------------


def test_a_rule_holds_unless_it_asks_for_something_else(folder: Folder) -> None:
    folder.with_least(
        SERVICES
        + """\
review:
  rules:
    - {name: plain, when: 'order.units == 2'}
    - {name: marked, when: 'order.units == 2', tags: [two, two], note: a pair}
    - {name: both, when: 'order.units == 2', hold: true, priority: 3, tags: [pair]}
    - {name: later, when: 'order.units == 2', priority: -5, note: a pair}
    - {name: other, when: 'order.units == 9', priority: 99}
"""
    )

    met = folder.load().order_rules.met(order())

    assert met.holds == ("plain", "both")
    assert met.asked == Asked(priority=3, tags=("two", "pair"), notes=("a pair",))


@pytest.mark.parametrize(
    ("rules", "services"),
    [
        ("[{name: a, when: 'true', carriers: [ups]}]", ("air", "ground")),
        ("[{name: a, when: 'true', carriers: [usps], services: [air]}]", ("air", "letter")),
        (
            "[{name: a, when: 'true', carriers: [ups]}, {name: b, when: 'true', services: [air, letter]}]",
            ("air",),
        ),
        (
            "[{name: a, when: 'true', carriers: [ups]}, {name: b, when: 'true', services: [letter]}]",
            (),
        ),
        ("[{name: a, when: 'true', note: x}]", None),
    ],
)
def test_an_order_travels_as_all_its_rules_allow(
    folder: Folder, rules: str, services: tuple[str, ...] | None
) -> None:
    folder.with_least(f"{SERVICES}review: {{rules: {rules}}}\n")

    assert folder.load().order_rules.met(order()).asked.services == services


def test_conditions_see_what_an_address_is_and_never_what_it_says(folder: Folder) -> None:
    folder.with_least(
        """\
        review:
          rules:
            - {name: box, when: 'order.ship_to.po_box && !order.ship_to.company'}
            - {name: post, when: 'order.ship_to.military'}
            - {name: billed, when: 'order.bill_to.country != order.ship_to.country'}
            - {name: risky, when: 'order.risk == "high"'}
            - {name: west, when: 'order.ship_to.region == "CA"'}
        """
    )
    rules = folder.load().order_rules
    box = Address(line1="PO Box 1", region="AE", postal_code="09001", country="US")

    met = rules.met(order(ship_to=box, bill_to=Address(country="CA"), risk=Risk.HIGH))

    assert met.holds == ("box", "post", "billed", "risky")
    assert rules.met(order(bill_to=Address(country="US"))).holds == ()
    west = Address(region="California", country="US")
    assert rules.met(order(ship_to=west, bill_to=west)).holds == ("west",)


def test_what_takes_long_is_judged_once_and_anew_when_the_order_changes(folder: Folder) -> None:
    twins = "order.lines.exists(a, order.lines.exists(b, a.sku == b.sku && a.title != b.title))"
    folder.with_least(f"review: {{rules: [{{name: twins, when: '{twins}'}}]}}\n")
    rules = folder.load().order_rules
    small = order()
    (one,) = small.lines
    lines = tuple(replace(one, remote_id=str(n), remote_sku=f"MUG-{n}") for n in range(200))
    twin = replace(lines[0], remote_sku="MUG-1", title="Another")
    large = replace(small, lines=(twin, *lines[1:]))

    assert rules.may_be_long
    ahead = rules.met(large)
    assert ahead.holds == ("twins",)
    assert rules.met(large) is ahead
    assert rules.met(replace(large, lines=lines)).holds == ()
    assert rules.met(large) is not ahead


# --- restrictions ------------------------------------------------------------------------------------


def test_goods_are_restricted_by_name_by_condition_or_all(folder: Folder) -> None:
    folder.with_least(
        """\
        review:
          restrictions:
            - {name: all, states: [hi]}
            - {name: named, skus: [MUG], po_box: true}
            - {name: tagged, when: '"glass" in sku.tags', military: true}
        skus: {items: {MUG: {tags: [glass]}, TEA: {}, SET: {components: {TEA: 1, MUG: 1}}}}
        """
    )
    restrictions = folder.load().restrictions

    def of(sku: str) -> list[str]:
        return [one.name for one in restrictions.of(sku)]

    assert of("TEA") == ["all"]
    assert of("MUG") == ["all", "named", "tagged"]
    assert of("SET") == ["all", "named", "tagged"], "what is in a Kit travels with it"
    assert restrictions.of("MUG")[0].states == {"HI"}


# --- names that nobody knows -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("MUG-BLEU", "MUG-BLUE"), ("mug blue", "MUG-BLUE"), ("MUGBLUE/", "MUG-BLUE"),
        ("B-MG-2", "MUG-BLUE"), ("TEAPOT", None), ("", None), ("\U0001f600", None),
    ],
)  # fmt: skip
def test_the_name_most_like_an_unknown_one_is_found(
    folder: Folder, name: str, found: str | None
) -> None:
    folder.with_least("skus: {items: {MUG-BLUE: {aliases: [B-MUG-2]}, CANDLE-3: {}}}\n")

    assert folder.load().catalog.nearest(name) == found
