"""Whatever comes in broken: a clear word about it, nothing lost, nothing else stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from connectors.amazon.simulator.tokens import ALL_ROLES, ORDER_TRACKING
from connectors.shopify.simulator.access import ALL_SCOPES
from connectors.simulation import HttpSimulator, Request, Response
from core.rules.modes import Mode
from jobs.demo.world import Pace
from jobs.store.tables import cases, fulfillment, hold, mail, orders, payload, stock_level
from tests.e2e.house import START, Edit, House, cli, edit_config, house

#: The supplier tells its stock when a test says so.
QUIET = Pace(publish_every=1e9)


@contextmanager
def strict(folder: Path, edit: Edit | None = None) -> Iterator[House]:
    """A shop that looks at its supplier's files as closely as Lockstep does by default."""

    def defaults(tree: dict[str, Any]) -> None:
        del tree["locations"]["acme"]["snapshot"]
        if edit:
            edit(tree)

    with house(folder, pace=QUIET, edit=defaults) as one:
        one.go_live()
        one.until(lambda: at_acme(one), seconds=600)
        yield one


def sell(shop: House, sku: str = "MUG-BLUE", quantity: int = 1) -> str:
    """A buyer orders on Shopify; the order's name."""
    line = {"sku": sku, "quantity": quantity}
    return str(shop.world.shopify.place_order({"lines": [line]})["name"])


def stages(shop: House) -> dict[str, str]:
    return {row.name: row.stage for row in shop.rows(select(orders))}


def tamper(
    simulator: HttpSimulator, operation: str, change: Callable[[bytes], bytes]
) -> Callable[[], None]:
    """Something between us and the remote changes its answers; call what is returned to end it."""
    honest = simulator.answer

    def answer(request: Request, operation_asked: str) -> Response:
        response = honest(request, operation_asked)
        if operation_asked == operation:
            return replace(response, body=change(response.body))
        return response

    simulator.answer = answer  # type: ignore[method-assign]

    def stop() -> None:
        simulator.answer = honest  # type: ignore[method-assign]

    return stop


# --- configuration -------------------------------------------------------------------------------


def test_three_mistakes_and_a_bad_cell_are_all_told_at_once(tmp_path: Path) -> None:
    # given a configuration with three mistakes and a table with a word where a number belongs
    with house(tmp_path) as shop:
        (shop.path.parent / "skus.csv").write_text("sku,low_stock\nMUG-BLUE,5\nTEAPOT,plenty\n")

        def break_it(tree: dict[str, Any]) -> None:
            tree["channels"]["shopify-us"]["conection"] = "shopify-us"
            tree["locations"]["newark"]["priority"] = "first"
            tree["pace"]["orders"] = "1 fortnight"
            tree["skus"] = {"table": "skus.csv"}

        edit_config(shop.path, break_it)

        # when it is checked
        told = shop.cli("check", check=2)

    # then each is named with its place, and nobody sees a traceback
    text = told.stderr
    for word in ("conection", "connection", "priority", "fortnight", "skus.csv", "plenty"):
        assert word in text, text
    assert text.count("lockstep.yaml:") >= 3
    assert "Traceback" not in text + told.stdout


def test_yaml_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    # given a file that breaks off in the middle of a list
    path = tmp_path / "lockstep.yaml"
    path.write_text("shop:\n  name: [Harbor\nchannels: }\n")

    # when it is checked
    told = cli("check", path=path, check=2)

    # then the line is named
    assert "lockstep.yaml:3" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_rule_over_a_field_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    # given a rule with a misspelled field
    with house(tmp_path) as shop:

        def misspell(tree: dict[str, Any]) -> None:
            tree["review"] = {"rules": [{"name": "dear", "when": "order.totl > 5"}]}

        edit_config(shop.path, misspell)

        # when it is checked
        told = shop.cli("check", check=2)

    # then the field is named, with the one that was meant
    assert "totl" in told.stderr
    assert "total" in told.stderr
    assert "lockstep.yaml:" in told.stderr
    assert "Traceback" not in told.stderr


# --- orders --------------------------------------------------------------------------------------


def test_an_unreadable_order_is_one_case_and_the_others_go_through(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        shop.go_live()

        # given three orders, one of which no longer reads as one
        names = [sell(shop, quantity=2) for _ in range(3)]
        bad = names[1]

        def spoil(body: bytes) -> bytes:
            tree = json.loads(body)
            for node in tree["data"]["orders"]["nodes"]:
                if node["name"] == bad:
                    node["lineItems"] = {"nodes": "a salad"}
            return json.dumps(tree).encode()

        operation = next(
            entry.operation
            for entry in shop.world.shopify.log.entries()
            if "orders" in entry.operation.lower()
        )
        mend = tamper(shop.world.shopify, operation, spoil)

        # when they are pulled, again and again
        shop.live(300)

        # then two are routed, and the third is one Case whose raw record is kept
        assert set(stages(shop)) == set(names) - {bad}
        assert len(shop.cases("unreadable_record")) == 1, shop.cases()
        kept = [row.body for row in shop.rows(select(payload)) if bad in str(row.body)]
        assert any("a salad" in str(body) for body in kept)
        assert not shop.errors()

        # when it reads well again
        mend()
        shop.world.shopify.place_order({"edit": bad, "lines": [{"sku": "MUG-BLUE", "quantity": 1}]})
        shop.live(300)

        # then it comes in, and its Case is closed
        assert bad in stages(shop)
        assert not shop.cases("unreadable_record")


# --- stock files ---------------------------------------------------------------------------------


def at_acme(shop: House) -> dict[str, int]:
    found = shop.rows(select(stock_level).where(stock_level.c.location == "acme"))
    return {row.sku: row.on_hand for row in found}


def publish(shop: House, kind: str | None = None, **more: Any) -> None:
    """The supplier writes a stock file, well or badly; it is pulled once it stands still."""
    rule = {"operation": "stock-file", "kind": kind, "probability": 1.0, **more}
    shop.clock.advance(60)
    shop.world.acme.faults.set([rule] if kind else [])
    shop.world.acme.place_order({"publish": True})
    shop.world.acme.faults.set([])
    shop.live(240)


@pytest.mark.parametrize(
    ("kind", "case", "words"),
    [
        ("half-file", "snapshot_quarantined", "rows"),
        ("zeros", "snapshot_quarantined", "zero"),
        ("missing-column", "unreadable_record", "quantity"),
        ("gbk", "unreadable_record", "utf-8"),
    ],
)
def test_a_bad_stock_file_leaves_the_last_good_one_in_force(
    tmp_path: Path, kind: str, case: str, words: str
) -> None:
    with strict(tmp_path) as shop:
        before = at_acme(shop)
        assert before["MUG-BLUE"] == 60

        # given a file that cannot be believed, or not be read
        publish(shop, kind)

        # then one Case tells why, and what was known stays in force
        (told,) = shop.cases()
        assert shop.cases(case) == [told]
        assert words in told.lower()
        assert at_acme(shop) == before
        assert not shop.errors()

        # when an order comes in
        name = sell(shop)
        shop.live(120)

        # then it is routed as if nothing had happened
        assert stages(shop)[name] in ("routed", "shipped")

        # when the next file is good
        publish(shop)

        # then the Case is closed
        assert not shop.cases()


def test_what_a_person_approves_comes_into_force(tmp_path: Path) -> None:
    with strict(tmp_path) as shop:
        # given a file of zeros, in quarantine
        publish(shop, "zeros")
        number = shop.case_id("snapshot_quarantined")

        # when a person says that it is right
        shop.cli("case", "approve", str(number), "--note", "they closed", "--by", "ann")
        shop.live(60)

        # then it counts
        assert set(at_acme(shop).values()) == {0}
        assert not shop.cases("snapshot_quarantined")


def test_a_stock_file_that_is_still_being_written_is_left_alone_until_it_is_whole(
    tmp_path: Path,
) -> None:
    with strict(tmp_path) as shop:
        # given a stock file of which half is there, cut in the middle of a line
        before = at_acme(shop)
        shop.world.acme.place_order({"set_stock": {"MUG-BLUE": 47}})
        rule = {"operation": "stock-file", "kind": "slow-write", "probability": 1, "seconds": 60}
        shop.clock.advance(60)
        shop.world.acme.faults.set([rule])
        shop.world.acme.place_order({"publish": True})

        # when it is looked at while it grows
        shop.run("acme/stock")
        shop.clock.advance(15)
        shop.run("acme/stock")

        # then nothing of it is believed
        assert at_acme(shop) == before
        assert not shop.cases()

        # when it is whole
        shop.live(240)

        # then all of it is
        assert at_acme(shop) == {**before, "MUG-BLUE": 47}
        assert not shop.cases()


# --- who we are ----------------------------------------------------------------------------------


def test_a_wrong_host_key_is_told_and_nothing_is_handed_over(tmp_path: Path) -> None:
    def pin_another(tree: dict[str, Any]) -> None:
        transport = tree["connections"]["warehouse"]["transport"]
        transport["host_key"] = tree["connections"]["acme"]["transport"]["host_key"]

    with strict(tmp_path, pin_another) as shop:
        # given a server that is not the one we pinned, and a supplier whose units are on sale
        shop.live(180)

        # when orders are to go to it
        name = sell(shop, "TRAY-OAK")
        other = sell(shop, "LAMP-DESK")
        shop.live(600)

        # then nothing reached it, one Case says why, and the other place goes on
        (told,) = shop.cases("connection_unauthorized")
        assert "warehouse" in told
        assert not shop.world.warehouse.books()["requests"]
        assert stages(shop)[name] == "routed"
        assert stages(shop)[other] in ("routed", "shipped")
        assert len(shop.world.acme.books()["requests"]) == 1
        assert "host key" in shop.cli("check", check=1).stdout

        # when the right one is pinned, and the daemon started again
        edit_config(shop.path, lambda tree: _pin(tree, shop.world.warehouse.host_key))
        reopened(shop)
        shop.until(lambda: not shop.cases("connection_unauthorized"), step=120)
        shop.live(120)

        # then it is handed over once
        assert handed_over(shop) == [1]


def _pin(tree: dict[str, Any], key: str) -> None:
    tree["connections"]["warehouse"]["transport"]["host_key"] = key


def handed_over(shop: House) -> list[int]:
    """How often the warehouse got each request, ever."""
    return [one["count"] for one in shop.world.warehouse.books()["requests"].values()]


def reopened(shop: House) -> House:
    """Stop, read the configuration again, start."""
    from jobs.bootstrap import build

    shop.app.close()
    shop.app = build(shop.path, clock=shop.clock)
    shop.__post_init__()
    return shop


def test_expired_tokens_are_renewed_and_nobody_is_told(tmp_path: Path) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        shop.go_live()

        # given that every token dies now
        shop.world.shopify.faults.set(
            [{"operation": "*", "kind": "expire-tokens", "nth": [1], "probability": 0}]
        )
        shop.world.amazon.faults.set(
            [{"operation": "[!t]*", "kind": "403-expired", "nth": [1], "probability": 0}]
        )

        # when work goes on
        name = sell(shop)
        amazon = shop.world.amazon.place_order({"lines": [{"sku": "TEAPOT", "quantity": 1}]})
        shop.live(480, step=120)

        # then it does so with new ones
        assert stages(shop)[name] in ("routed", "shipped")
        assert amazon["id"] in {row.remote_id for row in shop.rows(select(orders))}
        assert not shop.errors()
        assert not shop.rows(select(cases))


def revoke_shopify(shop: House) -> Callable[[], None]:
    gate = shop.world.shopify.gate
    gate.installed = False
    gate.expire_all()

    def grant() -> None:
        gate.installed = True

    return grant


def revoke_amazon(shop: House) -> Callable[[], None]:
    shop.world.amazon.revoke_refresh_token()
    return shop.world.amazon.lwa.grant_again


def take_scope(shop: House) -> Callable[[], None]:
    gate = shop.world.shopify.gate
    gate.scopes = tuple(
        scope for scope in ALL_SCOPES if "_orders" not in scope or "fulfillment" in scope
    )
    gate.expire_all()

    def grant() -> None:
        gate.scopes = ALL_SCOPES
        gate.expire_all()

    return grant


def take_role(shop: House) -> Callable[[], None]:
    lwa = shop.world.amazon.lwa
    lwa.roles = frozenset(ALL_ROLES) - {ORDER_TRACKING}

    def grant() -> None:
        lwa.roles = frozenset(ALL_ROLES)

    return grant


@pytest.mark.parametrize(
    ("broken", "take", "missing"),
    [
        ("shopify-us", revoke_shopify, ""),
        ("amazon-us", revoke_amazon, ""),
        ("shopify-us", take_scope, "read_orders"),
        ("amazon-us", take_role, ORDER_TRACKING),
    ],
    ids=["shopify revoked", "amazon revoked", "shopify scope", "amazon role"],
)
def test_a_refused_account_is_one_case_that_closes_by_itself(
    tmp_path: Path, broken: str, take: Callable[[House], Callable[[], None]], missing: str
) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        shop.go_live()

        # given orders on both channels, one of which no longer lets us in
        grant = take(shop)
        on_shopify = sell(shop)
        on_amazon = shop.world.amazon.place_order({"lines": [{"sku": "TEAPOT", "quantity": 1}]})
        shop.live(480, step=120)

        # then one Case tells it, no order is held for it, and the other channel goes on
        told = shop.cases("connection_unauthorized")
        assert len(told) == 1, (shop.cases(), shop.errors())
        assert broken in told[0]
        assert not shop.rows(select(hold))
        known = {row.channel for row in shop.rows(select(orders))}
        assert known == {"shopify-us", "amazon-us"} - {broken}
        checked = shop.cli("check", check=1).stdout
        if missing:
            assert f"MISSING  {missing}" in checked
        else:
            assert "refused" in checked

        # when it is granted again
        grant()
        shop.until(lambda: not shop.cases("connection_unauthorized"), step=120)

        # then the Case closes of its own, and what was sold meanwhile comes in
        shop.live(240, step=120)
        names = {row.remote_id for row in shop.rows(select(orders))} | set(stages(shop))
        assert {on_shopify, on_amazon["id"]} <= names
        assert shop.cases("connection_unauthorized", state="closed")


# --- remotes in trouble --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["503-html", "400-html", "429-empty", "empty", "truncated"])
def test_a_remote_that_talks_nonsense_is_waited_out(tmp_path: Path, kind: str) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        shop.go_live()

        # given marketplaces that answer everything with a page for people, or with nothing
        rule = {"operation": "*", "kind": kind, "probability": 1.0}
        for remote in (shop.world.shopify, shop.world.amazon):
            remote.faults.set([rule])
        name = sell(shop)
        shop.live(480, step=120)

        # then nobody is asked to settle what is nobody's fault, and nothing is made of it
        assert not shop.cases("connection_unauthorized")
        assert not shop.cases("unreadable_record")
        assert name not in stages(shop)
        told = " ".join(shop.errors().values())
        for word in ("Traceback", "JSONDecodeError", "<html"):
            assert word not in told

        # when they talk sense again
        for remote in (shop.world.shopify, shop.world.amazon):
            remote.faults.set([])
        shop.until(lambda: not shop.errors() and name in stages(shop), step=120)
        shop.live(240, step=120)

        # then the order is there once and on its way
        assert list(stages(shop)) == [name]
        assert stages(shop)[name] not in ("new", "held", "waiting")
        assert not shop.errors()


# --- mail ----------------------------------------------------------------------------------------


def test_mails_are_kept_while_smtp_is_down_and_sent_once_when_it_is_back(tmp_path: Path) -> None:
    with strict(tmp_path) as shop:
        # given a mail server that lets nobody in, and something to tell
        shop.live(300)
        already = len(shop.world.smtp.books()["mails"])
        shop.world.smtp.faults.set(
            [{"operation": "connect", "kind": "refuse-connection", "probability": 1.0}]
        )
        publish(shop, "zeros")
        shop.live(480, step=120)
        assert len(shop.world.smtp.books()["mails"]) == already
        waiting = shop.rows(select(mail).where(mail.c.state == "waiting"))
        assert waiting

        # when it is back
        shop.world.smtp.faults.set([])
        shop.until(lambda: not shop.rows(select(mail).where(mail.c.state == "waiting")), step=120)

        # then every mail that was kept is there, once
        books = shop.world.smtp.books()
        ids = [one["message_id"] for one in books["mails"]]
        assert {row.message_id for row in waiting} <= set(ids)
        assert not books["duplicates"]


def test_a_lost_answer_is_followed_by_the_same_message_id(tmp_path: Path) -> None:
    with strict(tmp_path) as shop:
        # given a mail server that takes a mail and dies before it says so
        shop.live(300)
        shop.world.smtp.faults.set(
            [{"operation": "data", "kind": "lost-after-data", "nth": [1], "probability": 0}]
        )

        # when something is told
        publish(shop, "zeros")
        shop.live(600, step=120)

        # then it came twice under one name, which every mail program shows once
        books = shop.world.smtp.books()
        assert list(books["duplicates"].values()) == [2]
        sent = shop.rows(select(mail.c.message_id, func.count()).group_by(mail.c.message_id))
        assert all(count == 1 for _, count in sent)
        assert not shop.rows(select(mail).where(mail.c.state == "waiting"))


# --- disk ----------------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_half_written_and_work_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    with house(tmp_path, pace=QUIET) as shop:
        shop.go_live()
        engine = shop.app.store.database.engine
        ceiling: list[int] = []

        @event.listens_for(engine, "begin")
        def limit(connection: Any) -> None:
            # SQLite itself answers "database or disk is full" past this many pages.
            pages = ceiling[0] if ceiling else 2**30
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

        # given a database file that cannot grow any more
        with engine.connect() as connection:
            used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        ceiling.append(int(used))
        names = [sell(shop, quantity=1) for _ in range(30)]
        shop.live(300)

        # then what is there is whole: no order without its lines and its units
        recorded = stages(shop)
        assert len(recorded) < len(names), "the disk was not full"
        assert not json.loads(shop.cli("verify", "--json").stdout)
        assert all("Traceback" not in one for one in shop.errors().values())

        # when there is room again
        ceiling.clear()
        shop.until(lambda: len(handed_over(shop)) == len(names), step=60)

        # then every order is recorded and handed over, once
        assert set(stages(shop)) == set(names)
        assert set(stages(shop).values()) <= {"routed", "shipped", "delivered"}
        assert len(shop.rows(select(fulfillment))) == len(names)
        assert handed_over(shop) == [1] * len(names)
        assert not json.loads(shop.cli("verify", "--json").stdout)


def test_the_world_starts_where_the_tests_believe(tmp_path: Path) -> None:
    # given a shop in observe
    with house(tmp_path) as shop:
        # then its clock stands still, and switching writes nothing
        assert shop.clock.now() == START
        shop.switch(Mode.OBSERVE)
        assert shop.writes() == []
