"""Orders by mail, with a real process that is killed at every step: one mail each, and answers that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from connectors.supplier_email.simulator import OrderDesk
from connectors.supplier_file.mail_simulator import MailboxSimulator
from core.model.money import Money
from core.model.purchasing import PurchaseLine, PurchaseOrder
from core.rules.modes import Mode
from jobs import log, purchase
from jobs.demo.world import Pace, World
from jobs.inbound.answering import Answers
from jobs.inbound.hints import Hints
from jobs.inbound.server import Receiver
from jobs.store.effects import Effects
from jobs.store.permissions import PURCHASES, Permissions
from jobs.store.tables import effect, purchase_order, purchase_order_line
from tests.e2e.house import Edit, House, house
from tests.e2e.mortal import Mortal

UNIT = "birch/purchases"
#: Of a run with one new order: before `sending` is committed, on both sides of the call, before the
#: record is.
STEPS = (1, 2, 3, 4)
PUBLIC = "https://hooks.shop.example"


@contextmanager
def with_birch(
    folder: Path, *, also: Edit | None = None, pace: Pace | None = None
) -> Iterator[tuple[House, OrderDesk]]:
    """A supplier whose orders are mailed by the shop's own mail server."""
    worlds: list[World] = []
    mailbox: list[MailboxSimulator] = []

    def secret(name: str, text: str) -> str:
        (folder / name).write_text(text)
        return f"${{file:{folder / name}}}"

    def edit(tree: dict[str, Any]) -> None:
        smtp = worlds[0].smtp
        box = MailboxSimulator(
            clock=smtp.clock, seed=7, certificate=smtp.ca_file, key=smtp.key_file
        )
        box.start()
        mailbox.append(box)
        tree["connections"]["birch"] = {
            "type": "supplier_email",
            "to": "orders@birch.example",
            "smtp": {
                "host": "127.0.0.1", "port": smtp.port, "username": smtp.username,
                "password": secret("smtp", smtp.password), "ca_file": str(smtp.ca_file),
                "sender": "po@shop.example",
            },
            "buyer": ["Example Shop LLC"],
            "replies": {
                "host": "127.0.0.1", "port": box.port, "username": box.username,
                "password": secret("imap", box.password), "ca_file": str(smtp.ca_file),
                "senders": ["orders@birch.example"],
            },
        }  # fmt: skip
        tree["suppliers"] = {"birch": {"connection": "birch", "restocks": "newark"}}
        tree["inbound"] = {"port": 8099, "public_url": PUBLIC}
        if also is not None:
            also(tree)

    def orders_alone() -> list[bytes]:
        return [one for one in worlds[0].smtp.contents if b"\r\nSubject: Purchase order " in one]

    try:
        with house(folder, prepare=worlds.append, edit=edit, pace=pace) as home:
            with home.app.store.transaction() as tx:
                Permissions(tx).set_mode(
                    "birch", PURCHASES, Mode.ACT, skus=None, share=None, by="tester"
                )
            desk = OrderDesk(
                orders_alone, mailbox[0].deliver, address="orders@birch.example",
                now=home.clock.now,
            )  # fmt: skip
            yield home, desk
    finally:
        for one in mailbox:
            one.stop()


@contextmanager
def open_pages(home: House) -> Iterator[Callable[[str, dict[str, str]], int]]:
    """What sends a filled-in page to our server, as its proxy would; the HTTP status."""
    hints = Hints(home.app.store, home.app.wiring, frozenset(home.runner.units))
    answers = Answers(home.app.store, home.app.wiring)
    receiver = Receiver(hints, log.get(), host="127.0.0.1", port=0, answers=answers)
    receiver.start()
    here = f"http://127.0.0.1:{receiver.port}"
    try:
        yield (
            lambda page, given: (
                httpx.post(page.replace(PUBLIC, here), data=given, timeout=10).status_code
            )
        )
    finally:
        receiver.stop()


def approved(home: House, number: int) -> str:
    """An order as a person's yes makes it."""
    line = PurchaseLine("CANDLE-3", "B-77", 24 * number, Money(410, "USD"), pack=12)
    order = PurchaseOrder(f"PO-20261124-{number:08X}", "birch", "newark", (line,), home.clock.now())
    supplier = home.app.wiring.config.suppliers["birch"]
    with home.app.store.transaction() as tx:
        purchase.add(tx, home.app.wiring, supplier, order, by="olga")
    return order.number


def states(home: House) -> dict[str, str]:
    query = select(effect.c.key, effect.c.state).where(effect.c.kind == "purchase")
    return {row.key: row.state for row in home.rows(query)}


def settled(home: House, number: str, *, landed: bool) -> None:
    """As `lockstep settle` has it."""
    with home.app.store.transaction() as tx:
        parked = Effects(tx).parked_as(number)
        assert parked is not None
        if landed:
            purchase.record_sent(tx, parked, number)
        else:
            Effects(tx).planned_again(parked)
        tx.close_case("effect_parked", f"purchase {number}", by="olga")


def test_killed_around_the_mail_each_order_comes_once_and_is_answered(tmp_path: Path) -> None:
    with with_birch(tmp_path) as (home, desk):
        # given a process that is killed at each step from before the intent to after the record
        mortal = Mortal(home)
        try:
            for number, step in enumerate(STEPS, 1):
                approved(home, number)
                assert mortal.run(step, [UNIT])
                home.run(UNIT)
        finally:
            mortal.close()

        # when what is in doubt has settled
        home.clock.advance(timedelta(minutes=5).total_seconds())
        home.run(UNIT, UNIT)

        # then nothing came twice, and what nobody can tell is asked of a person, who looks
        counts = {number: one["count"] for number, one in desk.books().items()}
        assert set(counts.values()) == {1}
        parked = [number for number, state in states(home).items() if state == "parked"]
        assert {number in counts for number in parked} == {True, False}
        assert len(home.cases("effect_parked")) == len(parked)
        for number in parked:
            settled(home, number, landed=number in counts)
        home.run(UNIT)
        assert {one["count"] for one in desk.books().values()} == {1}
        assert len(desk.books()) == len(STEPS)
        assert set(states(home).values()) == {"done"}

        # and the supplier answers one on the page, one by sheet, one in words that a person reads
        by_page, by_sheet, by_words = list(desk.books())[:3]
        page = next(one.page for one in desk.mails() if one.number == by_page)
        with open_pages(home) as post:
            assert post(page, {"choice-0": "all"}) == 200
        desk.answer_by_sheet(by_sheet, {"CANDLE-3": ("0", "")})
        desk.answer_in_words(by_words, "Half of it.")
        home.run("birch/purchase-answers")
        assert len(home.cases("purchase_words")) == 1
        home.cli("replenish", "answer", by_words, "CANDLE-3=36@2027-01-15", "--note", "mail")
        assert home.cases("purchase_words") == []
        query = select(purchase_order_line.c.purchase, purchase_order_line.c.confirmed)
        confirmed = {row.purchase: row.confirmed for row in home.rows(query)}
        assert confirmed[by_page] > 0
        assert (confirmed[by_sheet], confirmed[by_words]) == (0, 36)
        answered = select(purchase_order).where(purchase_order.c.state == "acknowledged")
        assert len(home.rows(answered)) == 3
