"""Prices that UPS names, asked ahead of a simulated UPS: which orders go by them, and by the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.ups.rating_simulator import Tariff
from connectors.ups.simulator import UpsSimulator
from core.model.carriage import RateAnswer, RateQuestion
from core.ports import CheckReport, RateSource
from jobs import quotes
from jobs.cli import app
from jobs.clock import ManualClock
from jobs.store.store import Store
from jobs.store.tables import rate_quote, unit
from tests.jobs.builders import line, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shop import Shop
from tests.jobs.test_routing import at, open_cases, opened, routed, told

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

#: The table says 8.00 for slow from Reno, 12.00 for quick; tea weighs two pounds.
SERVICES = """
services:
  slow:
    carrier: ups
    rates: {1: {453: "7.00", 907: "8.00", 5000: "14.00"}, 8: {453: "11.00", 907: "12.00", 5000: "19.00"} }
    live: {connection: ups, code: "03"}
  quick:
    carrier: ups
    rates: {1: {5000: "12.00"}, 8: {5000: "30.00"} }
    live: {connection: ups, code: "12"}
"""
DISPATCH = '{postal_code: "89501", services: [slow, quick]}'
CONNECTION = """
  ups: {{type: ups, client_id: simulated-client, client_secret: "${{env:SECRET}}",
    base_url: "{url}", account_number: "${{file:{folder}/account}}"}}
channels:
"""


@pytest.fixture
def ups(clock: ManualClock) -> Iterator[UpsSimulator]:
    made = UpsSimulator(clock=clock, seed=7, client_secret="hush")
    # List prices in cents for two pounds to a home in the same place: slow 9.00, quick 5.00.
    made.desk.tariffs = {
        "03": Tariff("UPS Ground", 700, 50, 70, 4),
        "12": Tariff("UPS 3 Day Select", 300, 50, 70, 3),
    }
    made.start()
    yield made
    made.stop()


Open = Callable[..., Shop]


@pytest.fixture
def shop_of(store: Store, clock: ManualClock, tmp_path: Path, ups: UpsSimulator) -> Open:
    def made(services: str = SERVICES, **changes: str) -> Shop:
        (tmp_path / "account").write_text(ups.desk.account_number)
        return opened(
            store, clock, tmp_path, services=services,
            home='{preference: "100.00"}', acme=DISPATCH,
            changes={
                "channels:\n": CONNECTION.format(url=ups.url, folder=tmp_path),
                "    TEA: {}": "    TEA: {parcel: {weight: 907}}",
                **changes,
            },
        )  # fmt: skip

    return made


def ask(shop: Shop) -> bool:
    """The unit runs as the engine runs it; whether that went well."""
    return shop.runner.run("ups/rates", whenever=True)


def trouble(ups: UpsSimulator, kind: str) -> None:
    """Every question for prices meets it."""
    ups.desk.account_number = "ZZZZZZ" if kind == "wrong-account" else "A1B2C3"
    faults = {"operation": "rate", "kind": kind, "probability": 1.0}
    ups.faults.set([faults] if kind not in ("", "wrong-account") else [])


def asked_for(ups: UpsSimulator) -> list[tuple[str, str, str]]:
    """(from, to, pounds) of every question it answered."""
    return [
        (
            one["Shipment"]["ShipFrom"]["Address"]["PostalCode"],
            one["Shipment"]["ShipTo"]["Address"]["PostalCode"],
            one["Shipment"]["Package"][0]["PackageWeight"]["Weight"],
        )
        for one in ups.desk.asked
    ]


def service(shop: Shop, number: str, **more: Any) -> str:
    """By what a new order for tea, to Reno, travels."""
    ((_, by, _),) = routed(shop, order(number, line(units=1), **more))
    return by


@BOTH
def test_an_order_goes_by_what_the_quote_makes_cheaper_and_by_the_table_once_it_ran_out(
    shop_of: Open, ups: UpsSimulator, clock: ManualClock
):
    shop = shop_of()
    # Nothing was asked yet: the table says slow.
    assert service(shop, "1") == "slow"
    assert (
        "slow from acme is priced by its rate table: the carrier's own price for such a parcel is not known now."
        in told(shop, "1")
    )

    assert ask(shop)
    # One question for both services.
    assert asked_for(ups) == [("89501", "89501", "2.0")]
    assert service(shop, "2", ship_to=at("89523")) == "quick"
    said = told(shop, "2")
    assert any("by quick for 4.00 USD" in one for one in said)
    assert "quick from acme is priced as ups said at 2026-11-24 07:00." in said

    # Three days later nobody answers, and the quotes have run out.
    trouble(ups, "500")
    clock.advance(3 * 86_400 + 1)
    assert not ask(shop)
    assert service(shop, "3") == "slow"


def problems(shop: Shop) -> dict[tuple[str, int], str]:
    """(the carrier's code, grams) -> why there is no price; "": there is."""
    return {(row["service"], row["grams"]): row["problem"] for row in rows(shop.store, rate_quote)}


@pytest.mark.parametrize(
    ("kind", "problem", "told_as"),
    [
        ("foreign-currency", "currency", {"live_rate_currency"}),
        ("negative-price", "absurd", {"live_rate_absurd"}),
        ("absurd-price", "absurd", {"live_rate_absurd"}),
        ("wrong-account", "refused", {"live_rate_refused"}),
        ("missing-service", "not_offered", {"live_rate_not_offered"}),
    ],
)
def test_a_price_that_cannot_be_is_told_once_and_the_table_used(
    shop_of: Open, ups: UpsSimulator, clock: ManualClock, kind: str, problem: str, told_as: set[str]
):
    shop = shop_of()
    service(shop, "1")
    trouble(ups, kind)

    # Asked twice in a row, it is told once; what was no price is not asked for every five minutes.
    assert ask(shop)
    questions = len(ups.desk.asked)
    assert ask(shop)
    assert len(ups.desk.asked) == questions
    found = problems(shop)
    assert found["03", 907] == problem
    cases = [one for one in open_cases(shop) if one[0].startswith("live_rate")]
    assert {code for code, _ in cases} == told_as
    assert "service slow" in {subject for _, subject in cases}
    assert len(cases) == len(set(cases))
    # Ground costs 8.00 by the table; where 3 Day Select has a quote, it is cheaper.
    assert service(shop, "2") == ("quick" if kind == "missing-service" else "slow")

    # It is in order again: asked again after six hours, and closed by itself.
    trouble(ups, "")
    clock.advance(6 * 3_600 + 1)
    assert ask(shop)
    assert problems(shop)["03", 907] == ""
    assert [one for one in open_cases(shop) if one[0].startswith("live_rate")] == []


def test_a_carrier_that_is_down_is_told_once_and_stops_nothing_but_its_own_unit(
    shop_of: Open, ups: UpsSimulator, clock: ManualClock
):
    shop = shop_of()
    service(shop, "1")
    trouble(ups, "503-html")

    assert not ask(shop)
    assert not ask(shop)

    (broken,) = [row for row in rows(shop.store, unit) if row["failures"]]
    assert (broken["id"], broken["failures"]) == ("ups/rates", 2)
    assert broken["due_at"] > clock.now()
    assert service(shop, "2") == "slow"
    trouble(ups, "")
    assert ask(shop)
    assert service(shop, "3") == "quick"


def test_orders_are_decided_while_the_carrier_thinks(shop_of: Open, ups: UpsSimulator):
    """No question is asked inside a transaction: on SQLite nobody else could write meanwhile."""
    shop = shop_of()
    service(shop, "1")
    real = shop.wiring.connectors["ups"]
    decided: list[str] = []

    class Thinking(RateSource):
        name, price_basis = "ups", "residential, negotiated"

        def check(self) -> CheckReport:
            return real.check()

        def quote_rates(self, question: RateQuestion) -> Sequence[RateAnswer]:
            decided.append(service(shop, f"9{len(decided)}"))
            return real.quote_rates(question)  # type: ignore[attr-defined,no-any-return]

    wiring = replace(shop.wiring, connectors={**shop.wiring.connectors, "ups": Thinking()})
    quotes.ask_ahead(replace(shop.run("ups/rates"), wiring=wiring), "ups")

    assert decided == ["slow"]
    assert service(shop, "2") == "quick"


def test_what_is_known_is_asked_again_before_it_ends_and_only_as_often_as_the_quota_lets(
    shop_of: Open, ups: UpsSimulator, clock: ManualClock
):
    shop = shop_of(**{"account_number:": "quotes_per_day: 24, account_number:"})
    service(shop, "1")
    service(shop, "2", ship_to=at("07030"))

    # One an hour: what the newest order needs is asked for, the rest waits, and that is no failure.
    ask(shop)
    assert asked_for(ups) == [("89501", "07030", "2.0")]
    (row,) = [row for row in rows(shop.store, unit) if row["id"] == "ups/rates"]
    assert (row["failures"], row["waiting"]) == (0, True)
    for _ in range(3):
        clock.advance(3_601)
        assert ask(shop)
    assert asked_for(ups)[1:] == [("89501", "89501", "2.0")]

    # When a quarter of three days is left both are asked for again, before they end.
    clock.advance(2.25 * 86_400)
    assert not ask(shop)
    clock.advance(3_601)
    assert ask(shop)
    assert len(asked_for(ups)) == 4


def test_a_service_without_a_table_goes_nowhere_until_it_is_priced(
    shop_of: Open, ups: UpsSimulator
):
    shop = shop_of("""
services:
  slow: {carrier: ups, live: {connection: ups, code: "03"} }
  quick: {carrier: ups, rates: {1: {5000: "30.00"} } }
""")

    assert service(shop, "1") == "quick"
    ask(shop)

    assert asked_for(ups) == [("89501", "89501", "2.0"), ("89501", "89501", "150.0")]
    assert service(shop, "2") == "slow"


def test_what_was_named_is_shown(
    shop_of: Open,
    ups: UpsSimulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store_url: str,
):
    # Commands have the clock on the wall.
    shop = shop_of(
        SERVICES + "routing: {quotes: {valid: 36500d} }\n",
        **{f"sqlite:///{tmp_path}/unused.db": store_url},
    )
    service(shop, "1")
    ask(shop)
    monkeypatch.setenv("SECRET", "hush")
    monkeypatch.setenv("COLUMNS", "200")

    words = ["rates", "list", "-c", str(tmp_path / "lockstep.yaml")]
    page = CliRunner().invoke(app, words)
    told_json = json.loads(CliRunner().invoke(app, [*words, "--service", "quick", "--json"]).output)

    assert page.exit_code == 0, page.output
    assert "7.20 USD" in page.output
    assert [(one["from"], one["to"], one["grams"], one["price"], one["days"]) for one in told_json] == [
        ("89501", "895", 907, "4.00 USD", 3)
    ]  # fmt: skip
    assert ups.desk.account_number not in page.output
