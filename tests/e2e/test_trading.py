"""A supplier that trades in X12: ours on SFTP, and one that somebody else wrote (mock-edi).

What was supplied is read from the partners' own books and from the parcels they sent.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mockedi import testing as mockedi
from sqlalchemy import select

from connectors.edi.reading import contents_of, parcels
from connectors.edi.simulator import ANSWERS, ORDERS, EdiSimulator
from core.model.money import Money
from core.model.purchasing import PurchaseLine, PurchaseOrder
from core.rules.effects import short_key
from core.rules.modes import Mode
from jobs import consignments, purchase
from jobs.clock import ManualClock
from jobs.demo.world import Pace, World
from jobs.store.permissions import Permissions
from jobs.store.proof import differences
from jobs.store.tables import (
    cases,
    consignment,
    effect,
    fulfillment,
    invoice,
    orders,
    purchase_order,
)
from tests.e2e.house import START, House, house
from tests.e2e.test_modes_and_stops import sell

MUG, POT = "WIDGET-001", "WIDGET-002"
ITEMS = {"MUG-BLUE": {"item": MUG, "cost": 12.50}, "TEAPOT": {"item": POT, "cost": 13.75}}
#: Everybody is quick: hours are about the partner alone.
QUICK = Pace(acknowledge=(60.0, 60.0), ship=(300.0, 300.0), publish_every=1e9)


def trading(**connection: Any) -> Callable[[dict[str, Any]], None]:
    """The place `acme` is asked first, and takes its requests in X12."""

    def edit(tree: dict[str, Any]) -> None:
        tree["connections"]["acme-edi"] = {
            "type": "edi", "outbox": ORDERS, "inbox": {"path": ANSWERS}, "stable_after": 20,
            "timezone": "UTC", **connection,
        }  # fmt: skip
        tree["locations"]["acme"] |= {"ships_through": "acme-edi", "priority": 1}
        tree["suppliers"] = {
            "acme": {"connection": "acme-edi", "restocks": "newark", "items": ITEMS}
        }

    return edit


def by_place(shop: House) -> dict[str, dict[str, int]]:
    """Place -> Sku -> units in parcels that it sent, by its own books."""
    sent: dict[str, Counter[str]] = {"newark": Counter()}
    for one in shop.world.warehouse.books()["shipments"]:
        for line in one["lines"]:
            sent["newark"][line["sku"]] += line["quantity"]
    return {place: dict(units) for place, units in sent.items()}


def proved(shop: House) -> bool:
    with shop.app.store.reading() as tx:
        return differences(tx.connection) == []


def is_over(shop: House, name: str) -> bool:
    stages = [row.stage for row in shop.rows(select(orders.c.stage).where(orders.c.name == name))]
    return bool(stages) and stages[0] in ("shipped", "delivered")


def invoiced(shop: House) -> dict[str, str]:
    """Invoice -> state."""
    return {row.number: row.state for row in shop.rows(select(invoice))}


def requests(shop: House) -> dict[str, str]:
    """Key -> state."""
    return {row.key: row.state for row in shop.rows(select(fulfillment))}


# --- ours ----------------------------------------------------------------------------------------


@contextmanager
def with_partner(
    folder: Path, *, pace: Pace = QUICK, **stock: int
) -> Iterator[tuple[House, EdiSimulator]]:
    made: list[EdiSimulator] = []

    def prepare(world: World) -> None:
        partner = EdiSimulator(
            clock=world.clock,
            seed=3,
            stock=stock or None,
            pick_up_every=20.0,
            answer_after=(60.0, 60.0),
            ship_after=(300.0, 300.0),
            on_ship=world.ups.register,
            autonomous=False,
        )
        partner.start()
        made.append(partner)

    def edit(tree: dict[str, Any]) -> None:
        (partner,) = made
        (folder / "edi-password").write_text(partner.password)
        trading(
            transport={
                "kind": "sftp",
                "host": "127.0.0.1",
                "port": partner.port,
                "username": partner.username,
                "password": f"${{file:{folder / 'edi-password'}}}",
                "host_key": partner.host_key,
            },
            us={"id": "LOCKSTEP"},
            them={"id": "ACME"},
        )(tree)

    try:
        with house(folder, pace=pace, prepare=prepare, edit=edit) as shop:
            also_lives(shop.clock, made[0].live)
            yield shop, made[0]
    finally:
        for one in made:
            one.stop()


def also_lives(clock: ManualClock, live: Callable[[], None]) -> None:
    """One more of those whose life is called at every move of the clock."""
    others = clock.on_move

    def move() -> None:
        if others:
            others()
        live()

    clock.on_move = move


def test_an_order_is_bought_shipped_told_and_receipted_once(tmp_path: Path) -> None:
    with with_partner(tmp_path) as (shop, partner):
        # given a shop that lets this partner be told what of its documents could be read
        shop.go_live()
        shop.cli("mode", "act", "--connection", "acme-edi")
        name = sell(shop, "MUG-BLUE", 3)
        shop.until(lambda: is_over(shop, name))
        shop.live(300)

        # then it was asked once, under the short name of our request, and shipped three
        (key,) = requests(shop)
        (parcel,) = partner.books()["parcels"]
        assert partner.books()["orders"] == {
            short_key(key): {"count": 1, "kind": "DS", "states": ["shipped"]}
        }
        assert parcel["lines"] == {MUG: 3}
        assert by_place(shop) == {"newark": {}}

        # and the buyer's channel knows the parcel
        assert parcel["tracking"] in str(shop.world.shopify.books()["orders"])

        # and each of its documents was receipted once: answer, ship notice, invoice
        assert [verdict for _, verdict in partner.books()["receipts"]] == ["A", "A", "A"]
        assert shop.cases() == []
        assert proved(shop)


def hear(shop: House, *units: str) -> None:
    """The looks that a file needs to be believed, and what follows from it."""
    for _ in range(3):
        shop.clock.advance(30)
        shop.run("acme-edi/notices", *units)


def test_a_parcel_in_two_notices_is_told_to_each_channel_in_two_parts(tmp_path: Path) -> None:
    with with_partner(tmp_path) as (shop, partner):
        # given three sold on each channel, asked for, and not sent by the partner's program
        shop.go_live()
        sell(shop, "MUG-BLUE", 3)
        shop.world.amazon.place_order({"lines": [{"sku": "MUG-BLUE", "quantity": 3}]})
        shop.until(lambda: len(requests(shop)) == 2)
        numbers = {key: short_key(key) for key in requests(shop)}
        for number in numbers.values():
            partner.place_order({"hold": number})
        shop.until(lambda: set(requests(shop).values()) == {"acknowledged"})

        # when somebody there types in two notices for each parcel, and one of them again
        for notice, units in (("1", 2), ("2", 1), ("1", 2)):
            for place, number in enumerate(numbers.values()):
                told = {"number": number, "tracking": f"PRO{place}", "notice": f"{place}-{notice}"}
                partner.place_order({"tell": {**told, "items": {MUG: units}}})
            hear(shop, "shopify-us/shipments", "amazon-us/shipments")
            # the second confirmation lands, and the answer to it is lost
            lost = {"operation": "*ulfillmentCreate", "kind": "lost-answer", "nth": [1]}
            shop.world.shopify.faults.set([{**lost, "probability": 0}] if notice == "1" else [])
        shop.clock.advance(300)
        hear(shop, "shopify-us/shipments", "amazon-us/shipments")

        # then each channel has both parts under the one number, each once
        (sold,) = (one for one in shop.world.shopify.books()["orders"] if one["fulfillments"])
        parts = [(one["number"], one["lines"][0]["quantity"]) for one in sold["fulfillments"]]
        (bought,) = (one for one in shop.world.amazon.books()["orders"] if one["packages"])
        packages = [
            (one["reference"], one["tracking_number"], *one["items"].values(), one["edits"])
            for one in bought["packages"]
        ]
        told = {key: f"PRO{place}" for place, key in enumerate(numbers)}
        mine = {key.split(":")[0]: number for key, number in told.items()}
        assert parts == [(mine["shopify-us"], 2), (mine["shopify-us"], 1)]
        assert packages == [("1", mine["amazon-us"], 2, 0), ("2", mine["amazon-us"], 1, 0)]
        assert [one.fault for one in shop.world.shopify.log.entries() if one.fault] == [
            "lost-answer"
        ]
        assert not [one for one in shop.rows(select(cases.c.kind)) if "parcel" in one.kind]
        assert proved(shop)


def test_goods_for_the_shelf_are_followed_from_the_partners_notice_to_its_invoice(
    tmp_path: Path,
) -> None:
    with with_partner(tmp_path) as (shop, partner):
        # given a purchase order that restocks the warehouse
        wiring = shop.app.wiring
        lines = (PurchaseLine("MUG-BLUE", MUG, 24, Money(1250, "USD")),)
        order = PurchaseOrder("PO-20261124-0000ABCD", "acme", "newark", lines, shop.clock.now())
        with shop.app.store.transaction() as tx:
            for flow in wiring.own_flows["acme-edi"]:
                Permissions(tx).set_mode(
                    "acme-edi", flow, Mode.ACT, skus=None, share=None, by="olga"
                )
            purchase.add(tx, wiring, wiring.config.suppliers["acme"], order, by="olga")

        # when the partner ships it, and tells so
        shop.run("acme-edi/purchases")
        for _ in range(10):
            shop.clock.advance(60)
        hear(shop, "acme-edi/purchase-answers", "acme-edi/invoices")

        # then it is under way by the partner's number and for its day, and billed too early
        (parcel,) = partner.books()["parcels"]
        (found,) = json.loads(shop.cli("consignment", "show", parcel["tracking"], "--json").stdout)
        assert [(one["sku"], one["units"]) for one in found["lines"]] == [("MUG-BLUE", 24)]
        assert found["expected"] == f"{shop.clock.now() + timedelta(days=5):%Y-%m-%d}"
        assert found["notices"] == [parcel["tracking"][-10:]]
        assert set(invoiced(shop).values()) == {"waiting"}

        # when somebody types in a correction, and then what it holds is booked in
        told = {"number": order.number, "tracking": parcel["tracking"], "purpose": "05"}
        notice = {**told, "notice": found["notices"][0], "items": {MUG: 23}}
        partner.place_order({"tell": notice})
        hear(shop)
        with shop.app.store.transaction() as tx:
            consignments.receive_goods(
                tx, wiring, parcel["tracking"], {"MUG-BLUE": 24}, slip="S1", by="olga"
            )
        shop.run("acme-edi/invoices")

        # then the order is settled, its invoice fits, and nobody had to be asked
        assert [one.state for one in shop.rows(select(consignment))] == ["received"]
        assert [one.state for one in shop.rows(select(purchase_order))] == ["received"]
        assert set(invoiced(shop).values()) == {"matched"}
        assert shop.cases() == []
        assert proved(shop)


def test_what_it_has_not_got_comes_from_the_warehouse(tmp_path: Path) -> None:
    with with_partner(tmp_path, **{MUG: 2, POT: 9}) as (shop, partner):
        shop.go_live()
        name = sell(shop, "MUG-BLUE", 3)
        shop.until(lambda: is_over(shop, name))
        assert [one["lines"] for one in partner.books()["parcels"]] == [{MUG: 2}]
        assert by_place(shop) == {"newark": {"MUG-BLUE": 1}}
        assert proved(shop)
        told = shop.cli("explain", "order", name).stdout
        assert "will not ship MUG-BLUE x1" in told


def test_what_it_cannot_read_comes_from_the_warehouse_and_a_person_is_told(tmp_path: Path) -> None:
    with with_partner(tmp_path) as (shop, partner):
        shop.go_live()
        partner.place_order({"refuse": True})
        name = sell(shop, "MUG-BLUE", 3)
        shop.until(lambda: is_over(shop, name))
        assert partner.books()["orders"] == {}
        assert by_place(shop) == {"newark": {"MUG-BLUE": 3}}
        (words,) = shop.cases("document_unread")
        assert "AK3*PO1*6**8; AK5 5" in words
        assert proved(shop)


def test_one_that_falls_silent_keeps_its_units_until_a_person_has_asked_it(tmp_path: Path) -> None:
    with with_partner(tmp_path) as (shop, partner):
        # given a partner that takes orders and says nothing at all
        shop.go_live()
        partner.place_order({"silent": True})
        name = sell(shop, "MUG-BLUE", 3)
        shop.live(3 * 86_400, step=21_600)
        (key,) = requests(shop)

        # then nobody else is asked: it may ship yet
        assert requests(shop) == {key: "requested"}
        assert shop.cases("request_overdue")
        assert shop.cases("receipt_overdue")
        assert by_place(shop) == {"newark": {}}

        # when somebody asked, then the warehouse ships, and what it answers now changes nothing
        shop.cli("withdraw", key, "--note", "Kim at acme: the order never arrived")
        shop.until(lambda: is_over(shop, name))
        assert by_place(shop) == {"newark": {"MUG-BLUE": 3}}
        assert proved(shop)


# --- somebody else's -----------------------------------------------------------------------------


class Stranger:
    """mock-edi behind a folder: what lies there is posted to it, what it says is put there."""

    def __init__(self, root: Path, clock: ManualClock, behaviour: str) -> None:
        self._orders, self._answers = root / ORDERS, root / ANSWERS
        for folder in (self._orders, self._answers):
            folder.mkdir(parents=True)
        self._clock = clock
        self._mock = mockedi.Mock.start()
        self._mock.behaviour("ACME", behaviour)
        #: what it said, oldest first
        self.said: list[str] = []
        #: how often it was sent a document of each kind
        self.sent = Counter[str]()
        self.closed = False

    def close(self) -> None:
        self._mock.close()

    def live(self) -> None:
        for path in sorted(self._orders.glob("*.edi")):
            text = path.read_text()
            path.unlink()
            for found in contents_of(text).found:
                self.sent[found.set.kind] += 1
            self._mock.send(text)
        self._mock.advance(everything=True)
        for document in self._mock.mailbox("ACME"):
            text = document["payload"]
            if text not in self.said:
                self.said.append(text)
                self._put(text)

    def _put(self, text: str) -> None:
        path = self._answers / f"{len(self.said):04d}.edi"
        path.write_text(text)
        at = self._clock.now().timestamp()
        os.utime(path, (at, at))

    def shipped(self) -> dict[str, int]:
        """Units of each item in its ship notices."""
        units = Counter[str]()
        for text in self.said:
            for found in contents_of(text).found:
                if found.set.kind == "856" and not found.faults:
                    for parcel in parcels(found.set, zone=START.tzinfo):  # type: ignore[arg-type]
                        for line in parcel.lines:
                            units[line.names["VP"]] += line.units
        return dict(units)


@contextmanager
def with_stranger(
    folder: Path, behaviour: str, **connection: Any
) -> Iterator[tuple[House, Stranger]]:
    made: list[Stranger] = []

    def prepare(world: World) -> None:
        made.append(Stranger(folder / "edi", world.clock, behaviour))  # type: ignore[arg-type]

    edit = trading(
        transport={"kind": "local", "root": str(folder / "edi")},
        us={"id": "ACME"},
        them={"id": "MOCKEDI"},
        our_item="",
        # It knows no TD5 in an order, and one of its behaviours is to say so.
        services={"Standard": ""},
        **connection,
    )
    try:
        with house(folder, pace=QUICK, prepare=prepare, edit=edit) as shop:
            also_lives(shop.clock, made[0].live)
            shop.go_live()
            shop.cli("mode", "act", "--connection", "acme-edi")
            yield shop, made[0]
    finally:
        for one in made:
            one.close()


def ordered(shop: House) -> str:
    lines = [{"sku": "MUG-BLUE", "quantity": 4}, {"sku": "TEAPOT", "quantity": 2}]
    return str(shop.world.shopify.place_order({"lines": lines})["name"])


@pytest.mark.parametrize("behaviour", ["accept", "out-of-order", "duplicate-invoice", "late"])
def test_a_stranger_that_ships_it_all_is_asked_once(tmp_path: Path, behaviour: str) -> None:
    with with_stranger(tmp_path, behaviour) as (shop, stranger):
        name = ordered(shop)
        shop.until(lambda: is_over(shop, name))
        shop.live(300)
        assert stranger.sent["850"] == 1
        assert stranger.shipped() == {MUG: 4, POT: 2}
        assert by_place(shop) == {"newark": {}}
        # Each of its documents but the receipt got one.
        kinds = [found.set.kind for text in stranger.said for found in contents_of(text).found]
        assert stranger.sent["997"] == len(kinds) - kinds.count("997")
        # And what it bills fits; billing it twice under one number is once.
        assert set(invoiced(shop).values()) == {"matched"}
        assert proved(shop)


@pytest.mark.parametrize("behaviour", ["reject-line", "reject-all", "reject-ack", "short-ship"])
def test_what_a_stranger_refuses_comes_from_the_warehouse(tmp_path: Path, behaviour: str) -> None:
    with with_stranger(tmp_path, behaviour) as (shop, stranger):
        name = ordered(shop)
        shop.until(lambda: is_over(shop, name))
        shop.live(300)

        # then each unit comes once, from one of the two
        theirs, ours = stranger.shipped(), by_place(shop)["newark"]
        assert theirs.get(MUG, 0) + ours.get("MUG-BLUE", 0) == 4
        assert theirs.get(POT, 0) + ours.get("TEAPOT", 0) == 2
        assert sum(ours.values()) > 0
        assert stranger.sent["850"] == 1
        assert proved(shop)


def test_what_a_stranger_leaves_out_without_a_word_waits_for_a_person(tmp_path: Path) -> None:
    with with_stranger(tmp_path, "short-ship", answers={"IQ": "accepted"}) as (shop, stranger):
        # given a stranger whose word for less is known not to mean that the rest stays away
        name = ordered(shop)
        shop.until(stranger.shipped)
        shop.live(4 * 86_400, step=21_600)
        theirs = stranger.shipped()
        assert sum(theirs.values()) < 6

        # then nobody else ships the rest, which may be on its way, until somebody asked
        assert by_place(shop) == {"newark": {}}
        assert shop.cases("shipment_overdue")
        (key,) = requests(shop)
        shop.cli("withdraw", key, "--note", "the rest is not coming")
        shop.until(lambda: is_over(shop, name))

        # then each unit came once
        ours = by_place(shop)["newark"]
        assert theirs.get(MUG, 0) + ours.get("MUG-BLUE", 0) == 4
        assert theirs.get(POT, 0) + ours.get("TEAPOT", 0) == 2
        assert proved(shop)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("no-ack", "receipt_overdue"),
        ("corrupt", "unreadable_record"),
        ("over-ship", "wrong_units_shipped"),
    ],
)
def test_a_stranger_that_misbehaves_is_told_of_and_asked_once(
    tmp_path: Path, behaviour: str, kind: str
) -> None:
    with with_stranger(tmp_path, behaviour) as (shop, stranger):
        ordered(shop)
        shop.live(3 * 86_400, step=21_600)
        assert stranger.sent["850"] == 1
        assert by_place(shop) == {"newark": {}}
        assert shop.cases(kind)
        assert proved(shop)
        states = {row.state for row in shop.rows(select(effect)) if row.kind == "request"}
        assert states == {"done"}
