"""Counting and moving units through the command line, to a ledger that adds up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.demo.world import Pace
from tests.e2e.house import House, house


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("stock"), pace=Pace(publish_every=1e9)) as one:
        one.go_live()
        yield one


def on_hand(shop: House, sku: str) -> dict[str, int]:
    told = json.loads(shop.cli("stock", sku, "--json").stdout)
    return {row["location"]: row["on_hand"] for row in told}


def test_a_count_becomes_a_plan_is_approved_and_proved(shop: House, tmp_path: Path) -> None:
    # given a shelf, an order whose unit lies on it still, and a count that misses two
    shop.world.shopify.place_order({"lines": [{"sku": "MUG-BLUE", "quantity": 1}]})
    shop.run("shopify-us/orders", "core/orders")
    there = on_hand(shop, "MUG-BLUE")["newark"]
    file = tmp_path / "count.csv"
    at = shop.clock.now().isoformat()
    file.write_text(f"sku,location,quantity,counted_at\nMUG-BLUE,newark,{there - 2},{at}\n")

    # when it is planned, then it says what differs and is worth, and changes nothing
    told = shop.cli("stock", "count", str(file), "--by", "ann").stdout
    assert "-2" in told
    assert "USD" in told
    assert "lockstep stock approve" in told
    assert on_hand(shop, "MUG-BLUE")["newark"] == there
    assert "count" in shop.cli("plan").stdout

    # when it is approved, then the shelf is as counted and every balance adds up
    number = told.rsplit("approve ", 1)[1].strip()
    assert "-2 units" in shop.cli("stock", "approve", number, "--by", "bob").stdout
    assert on_hand(shop, "MUG-BLUE")["newark"] == there - 2
    shop.cli("verify")
    # and neither it nor its file can be applied again
    assert "no count" in shop.cli("stock", "approve", number, check=2).stderr
    assert "applied already" in shop.cli("stock", "count", str(file), check=2).stderr


def test_a_large_variance_is_approved_as_a_case(shop: House, tmp_path: Path) -> None:
    # given a count that finds one
    file = tmp_path / "count.csv"
    file.write_text("sku,quantity\nTEAPOT,1\n")
    # Later than what commands wrote before: their clocks run on while they work.
    shop.clock.advance(600)
    at = shop.clock.now().isoformat()
    shop.cli("stock", "count", str(file), "--location", "newark", "--at", at)
    case = shop.case_id("count_variance")
    assert "Count" in shop.cli("cases").stdout

    # when the Case is approved
    shop.cli("case", "approve", str(case), "--by", "bob")

    # then it is so
    assert on_hand(shop, "TEAPOT")["newark"] == 1
    shop.cli("verify")


def test_units_move_by_hand(shop: House) -> None:
    # given a shelf, when units come, break, are found and come back
    before = on_hand(shop, "TEAPOT")["newark"]
    where = ("--location", "newark", "--by", "ann")
    shop.cli(
        "stock", "receive", "TEAPOT", "10", *where, "--reason", "purchase", "--reference", "DN-1"
    )
    shop.cli("stock", "damage", "TEAPOT", "2", *where)
    shop.cli("stock", "adjust", *where, "--reason", "missing", "--", "TEAPOT", "-1")
    told = shop.cli("stock", "return", "TEAPOT", "1", *where, "--order", "#1001")

    # then each is in the ledger
    assert f"now {before + 8} on hand" in told.stdout
    assert on_hand(shop, "TEAPOT")["newark"] == before + 8
    shop.cli("verify")


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("receive", "TEAPOT", "1", "--location", "acme", "--reason", "purchase"), "counted by"),
        (
            ("receive", "NOBODY", "1", "--location", "newark", "--reason", "purchase"),
            "nobody knows",
        ),
        (("damage", "TEAPOT", "99999", "--location", "newark"), "--anyway"),
        (
            ("adjust", "TEAPOT", "some", "--location", "newark", "--reason", "found"),
            "changes nothing",
        ),
        (
            ("receive", "TEAPOT", "1", "--location", "newark", "--reason", "x", "--at", "soon"),
            "no instant",
        ),
        (("approve", "999"), "no count"),
        (("arrived", "999"), "not on its way"),
    ],
)
def test_what_cannot_be_moved_is_refused_in_words(
    shop: House, words: tuple[str, ...], word: str
) -> None:
    told = shop.cli("stock", *words, check=2)

    assert word in told.stderr
    assert "Traceback" not in told.stderr


def test_the_old_listing_is_the_default(shop: House) -> None:
    assert "MUG-BLUE" in shop.cli("stock").stdout
    assert json.loads(shop.cli("stock", "--json").stdout)
    assert shop.cli("stock", "list", "MUG-BLUE").stdout == shop.cli("stock", "MUG-BLUE").stdout
    assert "receive" in shop.cli("stock", "--help").stdout
    assert "Nothing is on its way" in shop.cli("stock", "transfers").stdout
