"""The daily comparison with the old way of working."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.ledger import Shadow
from config.model import Recipient
from core.model.money import Money
from core.rules.modes import Mode
from core.rules.sentences import render
from jobs import publish
from jobs.cli import app
from jobs.clock import ManualClock
from jobs.shadow import Report, compare, compare_shipped, report_yesterday
from jobs.store.database import Database
from jobs.store.migrate import upgrade
from jobs.store.offers import Offers
from jobs.store.shadows import Shadows
from jobs.store.store import Store
from jobs.store.tables import incident, mail, shadow_report
from tests.jobs.builders import line, minutes, order, rows
from tests.jobs.shop import Shop, open_shop

CHANNEL = "shopify-us"
HOME, ELSEWHERE = "gid://shopify/Location/1", "gid://shopify/Location/2"
DAY = 24 * 3600.0


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    """A channel that is observed: it shows 12 TEA and 4 CUP, we would show 5 and 4."""
    one = open_shop(store, clock, tmp_path)
    one.switch(Mode.OBSERVE)
    described = one.wiring.config.channels[CHANNEL]
    channels = {
        **one.wiring.config.channels,
        CHANNEL: described.model_copy(update={"twins": {HOME: ("home",), ELSEWHERE: ("acme",)}}),
    }
    configure(one, channels=channels)
    for sku, before, units in (("TEA", 12, 5), ("CUP", 4, 4)):
        one.receive(sku, units, reference=sku)
        one.list(f"v-{sku}", sku, price=Money(1000, "USD"))
        one.channels[CHANNEL].shown[f"v-{sku}"] = before
    with store.transaction() as tx:
        Offers(tx).set_remote_locations(CHANNEL, [(HOME, "Home")])
    one.decide()
    clock.advance(60)
    publish.push_offers(one.run(f"{CHANNEL}/offers"), CHANNEL)
    return one


def configure(shop: Shop, **changes: object) -> None:
    config = shop.wiring.config.model_copy(update=changes)
    shop.wiring = replace(shop.wiring, loaded=replace(shop.wiring.loaded, config=config))


def read_by(shop: Shop, *recipients: Recipient) -> None:
    alerts = shop.wiring.config.alerts.model_copy(update={"recipients": recipients})
    configure(shop, alerts=alerts)


def report(shop: Shop, day: date = date(2026, 11, 24)) -> Report:
    with shop.store.reading() as tx:
        found = compare(tx, shop.wiring, CHANNEL, day)
    assert found is not None
    return found


def shipped_by_others(shop: Shop, remote_id: str, place: str) -> None:
    """An order that we would route, and that the old way of working ships from `place`."""
    bought = order(remote_id, line(units=1, assigned=place))
    shop.record(bought)
    shop.decide()
    gone = order(remote_id, line(units=1, fulfilled=1, assigned=place), updated_at=minutes(30))
    shop.record(gone)
    shop.decide()


def test_quantities_are_compared_with_what_the_channel_shows(shop: Shop) -> None:
    found = report(shop).quantities

    assert found is not None
    assert (found.same, found.compared) == (1, 2)
    assert (found.more, found.more_value) == (7, 7000)
    assert shop.channels[CHANNEL].writes == []


def test_routes_are_compared_with_where_the_channel_says_it_shipped(shop: Shop) -> None:
    # given two orders we would send home, one of them shipped from elsewhere, one from nobody knows
    shipped_by_others(shop, "1", HOME)
    shipped_by_others(shop, "2", ELSEWHERE)
    shipped_by_others(shop, "3", "")

    # when they are compared
    found = report(shop).routes

    # then one agrees, one differs by its worth, one is not known
    assert found is not None
    assert (found.compared, found.same, found.unknown, found.value) == (2, 1, 1, 1999)
    words = " ".join(render(reason) for reason in report(shop).reasons())
    assert "order #2: shipped from acme, we would have sent it to home" in words
    # of another day there is nothing
    assert report(shop, date(2026, 11, 23)).routes is None


def test_where_nobody_says_from_where_the_report_says_that(shop: Shop) -> None:
    # given an order that was shipped, on a channel that does not tell its origin
    shipped_by_others(shop, "1", "")

    # when it is compared
    made = report(shop)

    # then the report says that it could not be, and how it can
    assert made.routes is not None
    assert (made.routes.compared, made.routes.unknown) == (0, 1)
    words = " ".join(render(reason) for reason in made.reasons())
    assert "1 order was shipped that we had routed; shopify-us does not tell from where" in words
    assert made.as_json()["routes"]["percent"] is None


def test_a_file_of_the_old_way_of_working_tells_the_places(shop: Shop, tmp_path: Path) -> None:
    # given orders nobody says the origin of, and a file of three
    for number in ("1", "2", "3"):
        shipped_by_others(shop, number, "")
    places = {"#1": ("home",), "2": ("acme",), "#9": ("home",)}

    # when they are compared
    with shop.store.reading() as tx:
        made, compared = compare_shipped(tx, shop.wiring, CHANNEL, date(2026, 11, 24), places)
        nothing = compare_shipped(tx, shop.wiring, "amazon-us", date(2026, 11, 24), places)

    # then by name or remote id each is found, and what differs is told
    assert made is not None
    assert made.routes is not None
    assert compared == {"#1", "2"}
    assert (made.routes.compared, made.routes.same, made.routes.value) == (2, 1, 1999)
    words = " ".join(render(reason) for reason in made.reasons())
    assert "order #2: shipped from acme, we would have sent it to home" in words
    assert nothing == (None, frozenset())


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("order,place\n#1,acme\n#9,home\n", 0, "1 order of the file cannot be compared"),
        ("order,place\n#1,moon\n", 2, "place 'moon' is none of home, acme"),
        ("order,from\n#1,home\n", 2, "column place is missing"),
    ],
)
def test_the_command_reads_the_file(
    clock: ManualClock, tmp_path: Path, text: str, code: int, words: str
) -> None:
    # given an order that others shipped
    store = Store(Database(f"sqlite:///{tmp_path}/unused.db"), clock)
    upgrade(store.database)
    shop = open_shop(store, clock, tmp_path)
    shop.switch(Mode.OBSERVE)
    shop.receive("TEA", 5)
    shipped_by_others(shop, "1", "")
    store.close()
    (tmp_path / "old.csv").write_text(text)

    # when a file says from where
    told = ["shadow", "--shipped", f"{tmp_path}/old.csv", "-c", f"{tmp_path}/lockstep.yaml"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "hush")
        patch.setenv("COLUMNS", "250")
        page = CliRunner().invoke(app, told)

    # then it is compared, or its mistake is named
    said = page.output if code == 0 else f"{page.output} {page.exception}"
    assert words in said, said
    assert page.exit_code == 0 if code == 0 else page.exit_code != 0


def test_yesterday_is_told_once_to_who_reads_it(shop: Shop) -> None:
    # given two readers, one of whom wants warnings only
    read_by(
        shop,
        Recipient(email="ann@x.example", least="info", language="zh"),
        Recipient(email="bob@x.example"),
    )

    # when the first day is not over, then nothing is told
    report_yesterday(shop.run("core/shadow"))
    assert rows(shop.store, shadow_report) == []

    # when it is over, and looked at again and again
    shop.clock.advance(DAY)
    for _ in range(3):
        report_yesterday(shop.run("core/shadow"))

    # then there is one report and one mail, which is no alert
    (kept,) = rows(shop.store, shadow_report)
    assert (kept["day"], kept["channel"]) == ("2026-11-24", CHANNEL)
    (written,) = rows(shop.store, mail)
    assert written["recipient"] == "ann@x.example"
    assert "TEA" in written["text"]
    assert "我们会怎么做" in written["subject"]
    (told,) = rows(shop.store, incident)
    assert told["closed_at"] is not None
    with shop.store.reading() as tx:
        body, _ = Shadows(tx).kept(date(2026, 11, 24))[CHANNEL]
    assert body["quantities"]["percent"] == 50

    # and the next day has its own
    shop.clock.advance(DAY)
    report_yesterday(shop.run("core/shadow"))
    assert len(rows(shop.store, shadow_report)) == 2


def test_a_report_is_kept_where_nobody_wants_the_mail(shop: Shop) -> None:
    read_by(shop, Recipient(email="ann@x.example", least="info"))
    configure(shop, shadow=Shadow(mail=False))
    shop.clock.advance(DAY)

    report_yesterday(shop.run("core/shadow"))

    assert len(rows(shop.store, shadow_report)) == 1
    assert rows(shop.store, mail) == []


def test_a_channel_that_acts_has_no_shadow(shop: Shop) -> None:
    shop.switch(Mode.ACT)
    shop.clock.advance(DAY)

    report_yesterday(shop.run("core/shadow"))

    with shop.store.reading() as tx:
        assert compare(tx, shop.wiring, CHANNEL, date(2026, 11, 24)) is None
    assert rows(shop.store, shadow_report) == []
