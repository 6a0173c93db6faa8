"""Every command against a shop at work: what it says, in JSON too, how it ends, and what it never shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobs.demo.world import Pace
from jobs.store.tables import cases
from tests.e2e import drill
from tests.e2e.house import House, cli, edit_config, house

HOSTILE = "[bold red]=cmd|' /C calc'!A0[/] \x1b[31mred\x1b[0m <script>alert(1)</script>"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x9b]")
#: Read-only commands, and the exit code of a shop in order.
LOOKING = (
    ("check",),
    ("plan",),
    ("status",),
    ("orders",),
    ("stock",),
    ("cases",),
    ("explain", "order", "#1001"),
    ("explain", "sku", "MUG-BLUE"),
    ("explain", "sku", "MUG-BLUE", "--channel", "amazon-us"),
    ("verify",),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A shop at work, with an order on its way, a held one, and hostile words in every name."""
    folder = tmp_path_factory.mktemp("cli")

    def put_up(world: Any) -> None:
        place = world.shopify.add_location("Harbor Goods, Newark")
        world.shopify.add_product(HOSTILE, title=HOSTILE, quantities={place.id: 5})

    with house(folder, pace=Pace(publish_every=1e9), prepare=put_up) as one:
        one.go_live()
        world = one.world.shopify
        world.place_order({"lines": [{"sku": "MUG-BLUE", "quantity": 1}]})
        world.place_order({"lines": [{"sku": HOSTILE, "quantity": 1}], "note": HOSTILE})
        world.place_order({"lines": [{"sku": "TEAPOT", "quantity": 1}], "test": True})
        one.live(900, step=60)
        yield one


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_a_command_that_looks_says_it_for_people_and_for_machines(
    shop: House, words: tuple[str, ...]
) -> None:
    # given a shop at work
    # when it is looked at, both ways
    before = shop.writes()
    told = shop.cli(*words, check=None)
    machine = shop.cli(*words, "--json", check=None)

    # then both end alike, the JSON is JSON, and nothing was written
    assert told.returncode == machine.returncode
    assert told.returncode in (0, 1)
    assert told.stdout.strip()
    json.loads(machine.stdout)
    assert "Traceback" not in told.stderr + machine.stderr
    assert shop.writes() == before
    # and no terminal obeys the hostile names among it
    assert not _CONTROL.search(told.stdout), repr(told.stdout)


def test_markup_in_a_name_is_printed_as_it_stands(shop: House) -> None:
    # given an order of a Sku that is written like markup
    # when the order is explained, then the brackets are there
    assert "[bold red]" in shop.cli("explain", "order", "#1002").stdout


def test_an_explanation_reads_as_a_story(shop: House) -> None:
    # given an order on its way, when it is explained
    told = shop.cli("explain", "order", "#1001").stdout

    # then each step is there in its order
    steps = ["recorded", "reserved at newark", "goes to newark", "handed over", "newark shipped"]
    places = [told.find(step) for step in steps]
    assert -1 not in places, told
    assert places == sorted(places), told


def test_a_quantity_is_explained_as_a_sum(shop: House) -> None:
    # given what Amazon shows, when it is explained for that channel only
    told = shop.cli("explain", "sku", "MUG-BLUE", "--channel", "amazon-us").stdout

    # then the places, the sum and the result are there, and no other channel
    assert "newark" in told
    assert "to be shown" in told
    assert "amazon-us" in told
    assert "shopify-us" not in told


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("explain", "order", "#9999"), 1),
        (("explain", "sku", "NOBODY"), 1),
        (("case", "close", "999"), 1),
        (("case", "approve", "999"), 1),
        (("release", "#9999"), 1),
        (("mode", "act", "--channel", "ebay"), 2),
        (("mode", "act", "--flow", "mail"), 2),
        (("mode", "fly"), 2),
        (("stop", "writes", "ebay"), 2),
        (("adopt", "shopify-us", "--cutover", "yesterday"), 2),
        (("status", "--health"), 1),
        (("nonsense",), 2),
    ],
)
def test_what_cannot_be_done_ends_as_documented(
    shop: House, words: tuple[str, ...], code: int
) -> None:
    # given a shop at work, when the impossible is asked, then a word and the code say so
    told = shop.cli(*words, check=code)
    assert (told.stdout + told.stderr).strip()
    assert "Traceback" not in told.stderr


def test_a_configuration_that_is_not_there_is_no_traceback(tmp_path: Path) -> None:
    # given no file, when any command is run
    told = cli("status", path=tmp_path / "nowhere.yaml", check=2)

    # then its name is told
    assert "nowhere.yaml" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_schema_is_a_schema(shop: House) -> None:
    # given the configuration's schema, then editors can read it
    assert json.loads(shop.cli("schema").stdout)["$schema"]


def test_chinese_is_spoken_where_the_shop_speaks_it(shop: House) -> None:
    # given the same shop, speaking Chinese
    edit_config(shop.path, lambda tree: tree["shop"].update(language="zh"))
    try:
        # when an order is explained
        told = shop.cli("explain", "order", "#1001").stdout
    finally:
        edit_config(shop.path, lambda tree: tree["shop"].update(language="en"))

    # then every reason is in Chinese
    reasons = [line for line in told.splitlines() if re.match(r"\s+2026-", line)]
    assert reasons
    assert all(re.search(r"[\u4e00-\u9fff]", line) for line in reasons), told


def test_no_secret_is_in_anything_that_leaves_the_process(shop: House) -> None:
    # given every secret of the simulated accounts
    secrets = {file.read_text().strip() for file in (shop.path.parent / "secrets").iterdir()} | {
        "simulated-secret",
        "Atzr|simulated",
    }
    # the mail server's password is a word that user names are made of too
    secrets = {one for one in secrets if len(one) > 9}
    assert len(secrets) >= 3
    tokens = [rb"shpat_[0-9a-f]{32}", rb"Atza\|[0-9a-f]{16}", rb"Bearer [0-9a-f]{16}"]

    # when something goes wrong besides, and all there is to see is looked at
    shop.world.shopify.gate.installed = False
    shop.world.shopify.gate.expire_all()
    shop.world.amazon.revoke_refresh_token()
    shop.live(240, step=120)
    seen = [shop.cli(*words, check=None) for words in LOOKING]
    shop.world.shopify.gate.installed = True
    shop.world.amazon.lwa.grant_again()
    text = "".join(one.stdout + one.stderr for one in seen).encode()
    text += json.dumps(shop.world.smtp.books()).encode()
    text += repr(shop.app.wiring).encode()
    for file in shop.path.parent.glob("lockstep.db*"):
        text += file.read_bytes()

    # then none of them is in it
    for secret in secrets:
        assert secret.encode() not in text, secret
    for pattern in tokens:
        assert not re.search(pattern, text), pattern
    assert shop.rows(select(cases).where(cases.c.kind == "connection_unauthorized"))


@pytest.mark.slow
def test_commands_work_beside_a_daemon_and_only_one_daemon_runs(tmp_path: Path) -> None:
    with drill.world(speed=60, seed=5) as made:
        # given a daemon at work
        path = made.write_config(tmp_path / "shop", language="en")
        daemon = drill.Daemon(path, made)
        daemon.start()
        try:
            assert drill.wait_until(
                lambda: (
                    cli("status", "--health", path=path, clock=made.clock, check=None).returncode
                    == 0
                ),
                patience=30,
            ), daemon.log()

            # when commands that write are run beside it
            cli("mode", "propose", "--by", "ann", path=path, clock=made.clock)
            cli("stop", "writes", "--by", "ann", path=path, clock=made.clock)
            cli("verify", path=path, clock=made.clock)

            # then they are done, and a second daemon is told that there is one
            told = json.loads(
                cli("status", "--json", path=path, clock=made.clock, check=None).stdout
            )
            assert told["stopped"] == ["*"]
            assert all(mode.startswith("propose") for mode in told["modes"].values())
            second = cli("run", path=path, clock=made.clock, check=2)
            assert "another Lockstep daemon" in second.stderr
            assert daemon.alive
        finally:
            code = daemon.terminate()
        assert code == 0
        assert "Traceback" not in daemon.log()
