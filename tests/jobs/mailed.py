"""A shop that mails its orders to a supplier: real SMTP, a real mailbox, a real page to answer on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from connectors.email.simulator import SmtpSimulator
from connectors.supplier_email.connector import connect
from connectors.supplier_email.settings import Settings
from connectors.supplier_email.simulator import OrderDesk
from connectors.supplier_file.mail_simulator import MailboxSimulator
from core.model.purchasing import PurchaseOrder
from jobs import purchase, purchase_calls, reminders, upkeep
from jobs.clock import ManualClock
from jobs.inbound.answering import Answers
from jobs.inbound.hints import Hints
from jobs.inbound.server import Receiver
from jobs.runner import Runner
from jobs.store.store import Store
from jobs.store.tables import cases, effect, purchase_order
from tests.contracts.rigs import Inside, SupplierEmailRig
from tests.jobs.builders import rows
from tests.jobs.buying import CALLED, SUPPLIERS, Market, open_market
from tests.jobs.shop import Shop

PUBLIC = "https://hooks.shop.example/lockstep"
INBOUND = f"\ninbound: {{port: 8099, public_url: {PUBLIC}}}\n"


class Log:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def warning(self, event: str, **facts: Any) -> None:
        self.told.append({"event": event, **facts})


@dataclass
class Mailed:
    """The shop, its mail servers, the people at the supplier, and the way to our page."""

    market: Market
    smtp: SmtpSimulator
    mailbox: MailboxSimulator
    desk: OrderDesk
    http: httpx.Client
    #: what the web server logged
    log: Log

    def approve(self, units: int = 48) -> PurchaseOrder:
        plan = self.market.plans()["mill"][0]
        return self.market.approve(plan, skus=["TEA"], quantities={"TEA": units})

    def send(self) -> None:
        purchase_calls.submit_purchases(self.market.shop.run("home-files/purchases"), "home-files")

    def look(self) -> None:
        """What is due by now is told, and what is to be mailed is."""
        upkeep.look_after(self.market.shop.run("core/upkeep"))
        self.remind()

    def remind(self) -> None:
        reminders.push_reminders(self.market.shop.run("home-files/reminders"), "home-files")

    def ordered(self, units: int = 48) -> PurchaseOrder:
        order = self.approve(units)
        self.send()
        return order

    def pull(self) -> None:
        purchase.pull_answers(self.market.shop.run("home-files/purchase-answers"), "home-files")

    def page_of(self, number: str) -> str:
        """The path of the page, as somebody with the mail opens it."""
        page = next(one.page for one in self.desk.mails() if one.number == number)
        assert page.startswith(f"{PUBLIC}/answer/"), page
        # The proxy in front takes its own path away.
        return page.removeprefix(PUBLIC)

    @property
    def effect(self) -> dict[str, Any]:
        (row,) = rows(self.market.shop.store, effect)
        return row

    @property
    def order(self) -> dict[str, Any]:
        (row,) = rows(self.market.shop.store, purchase_order)
        return row

    def cases(self) -> set[str]:
        store = self.market.shop.store
        return {row["kind"] for row in rows(store, cases) if row["state"] == "open"}


@contextmanager
def open_mailed(
    store: Store, clock: ManualClock, folder: Path, *, patience: str = "", more: str = ""
) -> Iterator[Mailed]:
    """Tea is low: a plan waits. The connection `home-files` is the supplier's mail, `patience` YAML
    of when it is reminded."""
    market = open_market(
        store, clock, folder, more=SUPPLIERS + INBOUND + more, changes={CALLED: patience or CALLED}
    )
    with open_post(market.shop) as post:
        market.shop.receive("TEA", 20)
        market.sell("TEA", 3, days=10)
        yield Mailed(market, post.smtp, post.mailbox, post.desk, post.http, post.log)


@dataclass
class Post:
    """What carries mail between a shop and a supplier, and the way to our pages."""

    smtp: SmtpSimulator
    mailbox: MailboxSimulator
    desk: OrderDesk
    http: httpx.Client
    log: Log


@contextmanager
def open_post(shop: Shop) -> Iterator[Post]:
    """The connection `home-files` of this shop is a supplier's mail."""
    store = shop.store
    rig = SupplierEmailRig.__new__(SupplierEmailRig)
    rig.kind, rig.clock = "supplier_email", shop.clock
    smtp = rig.simulator = rig.start()  # type: ignore[assignment]
    connector = connect("home-files", Settings.model_validate(rig.settings()), Inside(shop.clock))
    shop.wiring = replace(
        shop.wiring, connectors={**shop.wiring.connectors, "home-files": connector}
    )
    shop.runner = Runner(store, shop.wiring, shop.runner._log)
    shop.runner.declare()
    hints, log = Hints(store, shop.wiring, frozenset(shop.runner.units)), Log()
    receiver = Receiver(hints, log, host="127.0.0.1", port=0, answers=Answers(store, shop.wiring))
    receiver.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{receiver.port}", timeout=10) as http:
            yield Post(smtp, rig.mailbox, rig.desk, http, log)
    finally:
        receiver.stop()
        rig.mailbox.stop()
        smtp.stop()
