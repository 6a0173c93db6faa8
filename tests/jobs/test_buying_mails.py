"""The mail that says what to order, as the person reads it who gets it in the morning."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.model.reasons import Reason
from jobs import tell
from jobs.clock import ManualClock
from jobs.letters import Finding, Letter, write_letter
from jobs.store.store import Store
from jobs.store.tables import mail
from tests.jobs.builders import rows
from tests.jobs.buying import SUPPLIERS, open_market

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BUY = Reason.of(
    "alert_buy", sku="MUG", available=40, incoming=24, promised=4, position=60, level=85,
    supplier="acme", quantity=96, packs=4, pack=24, price="3.10 USD", cost="297.60 USD", order_by="2026-11-27",
    runs_out="2026-12-19", later="2026-12-29", lost=31, loss="217.00 USD",
)  # fmt: skip
LETTER = Letter(
    shop="Harbor Goods", kind="open", group="buy acme", severity="warning", at=AT,
    time_zone="America/New_York", findings=(Finding("low_stock", BUY, "warning", AT, None),),
    title=Reason.of("mail_buy_title", supplier="acme"),
    headline=Reason.of("mail_buy", supplier="acme", count=1, cost="297.60 USD", order_by="2026-11-27"),
    closing=Reason.of("mail_buy_how", plan=12, supplier="acme"),
)  # fmt: skip


def test_the_mail_says_what_how_many_by_when_why_and_how() -> None:
    written = write_letter(LETTER, language="en")

    assert written.subject == "[Harbor Goods] Order from acme by 2026-11-27: 1 Sku, 297.60 USD"
    assert written.text.splitlines()[:6] == [
        "Order from acme by 2026-11-27: 1 Sku, 297.60 USD",
        "",
        "Low stock (1)",
        "- MUG: order 96 units (4 packs of 24) from acme (a unit: 3.10 USD) by 2026-11-27, 297.60 USD. "
        "40 free + 24 on the way - 4 promised = 60; low is 85 or fewer; runs out: 2026-12-19. Waiting for the next "
        "order (here 2026-12-29) may lose 31 sales, 217.00 USD.",
        "",
        "To order all of it: lockstep replenish approve 12 - one line of it: lockstep replenish "
        "approve 12/SKU - the whole sum: lockstep replenish plan --supplier acme",
    ]
    assert "lockstep replenish approve 12" in written.html


def test_the_mail_speaks_chinese() -> None:
    written = write_letter(LETTER, language="zh")

    assert written.subject == "[Harbor Goods] 请在 2026-11-27 前向 acme 订货：1 个 Sku，297.60 USD"
    assert "订购 96 件（4 箱，每箱 24 件）" in written.text


STEPS = (
    Reason.of("replenish_target", target=150, days=60, need=90),
    Reason.of("replenish_minimum", least=96, quantity=96),
    Reason.of("replenish_cheapest", supplier="acme", each="3.10 USD", other="<b>zhou", than=""),
)


def test_the_sum_behind_a_quantity_stands_under_it_in_the_readers_language() -> None:
    # given a finding with its steps, and one that is over
    open_one = replace(LETTER.findings[0], steps=STEPS)
    over = replace(open_one, resolved_at=AT, reason=Reason("alert_buy", {**BUY.args, "sku": "PEN"}))
    letter = replace(LETTER, findings=(open_one, over))

    # when it is written
    english, chinese = (write_letter(letter, language=one) for one in ("en", "zh"))

    # then each step is a line, of what goes on alone, and nothing foreign is markup
    lines = english.text.splitlines()
    assert lines[4:7] == [
        "    Enough for 60 days is 150 → 90.",
        "    They take no fewer than 96 → 96.",
        "    A unit from acme costs 3.10 USD on our shelf, from <b>zhou –.",
    ]
    assert lines[7].startswith("- PEN: order 96 units")
    assert lines[8] == ""
    assert "<li>They take no fewer than 96 → 96.</li>" in english.html
    assert "&lt;b&gt;zhou" in english.html
    assert english.html.count("They take no fewer") == 1
    assert "    供应商最少起订 96 件 → 96。" in chinese.text


def test_a_unit_without_a_price_is_said_to_have_none() -> None:
    unknown = Reason("alert_buy", {**BUY.args, "price": "unknown", "cost": "unknown"})
    letter = replace(LETTER, findings=(replace(LETTER.findings[0], reason=unknown),))

    text = write_letter(letter, language="en").text

    assert "from acme (a unit: not known) by 2026-11-27, price not known." in text


def test_a_mail_that_it_is_over_asks_for_nothing() -> None:
    resolved = Letter(
        "Harbor Goods", "resolve", "buy acme", "warning", AT, "America/New_York", LETTER.findings,
        LETTER.title, LETTER.headline, LETTER.closing,
    )  # fmt: skip

    written = write_letter(resolved, language="en")

    assert written.subject == "[Harbor Goods] Order from acme: resolved"
    assert "approve" not in written.text


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    unknown = Reason("alert_buy", {**BUY.args, "cost": "unknown", "loss": "unknown"})
    letter = Letter(
        "Harbor Goods", "open", "buy acme", "warning", AT, "America/New_York",
        (Finding("low_stock", unknown, "warning", AT, None),), LETTER.title,
    )  # fmt: skip

    text = write_letter(letter, language="en").text

    assert "by 2026-11-27, price not known." in text
    assert "31 sales, margin not known." in text


MAILED = """
alerts:
  through: letters
  recipients: [{email: ops@shop.example}]
  group_wait: 0s
  hours: {first: 7, last: 19}
"""


@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_order_is_told_in_the_shops_hours_and_reminded_of_once_a_day(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    # given a Sku that is low, in a shop whose first import is over
    market = open_market(store, clock, tmp_path, more=SUPPLIERS + MAILED)
    market.shop.receive("TEA", 20)
    market.sell("TEA", 3, days=30)
    for channel in ("shopify-us", "amazon-us"):
        for flow in ("orders", "listings"):
            run = market.shop.run(f"{channel}/{flow}")
            with run.transaction() as tx:
                tx.advance("end", complete_to=clock.now())
    market.shop.decide()
    market.shop.snapshot(("BOX", 50), at=clock.now())
    market.plans()

    def told_after(hours: float) -> int:
        clock.advance(hours * 3600)
        tell.decide_alerts(market.shop.run("core/alerts"))
        return len(rows(store, mail))

    # when the night passes, then a day, hour by hour
    night = [told_after(16), told_after(3), told_after(4.9)]
    day = [told_after(0.2), *(told_after(1) for _ in range(23)), told_after(1.5)]

    # then nobody is woken, and the reminder comes a day later
    assert night == [0, 0, 0]
    mails = rows(store, mail)
    assert ["Order from mill by" in row["subject"] for row in mails] == [True, True]
    # with the sum behind the quantity, down to what a unit costs on our shelf
    assert all("    Whole packs of 12 → " in row["text"] for row in mails)
    assert all("0.00 USD fees = " in row["html"] for row in mails)
    assert day[:24] == [1] * 24
    assert day[24] == 2
