"""Many quantities as one file: nothing is sent twice, lost, or undone by a file that ends late."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from config.drift import Bulk
from core.errors import RateLimited, Rejected, UnknownOutcome
from core.model.catalog import OfferChange, OfferOutcome, OfferResult
from core.ports import BulkOfferTarget, BulkProgress, BulkStage
from core.rules.modes import Mode
from jobs import bulk, decide, drift, publish, pull
from jobs.clock import ManualClock
from jobs.store import tables
from jobs.store.store import Store
from tests.jobs.builders import rows
from tests.jobs.conftest import BOTH
from tests.jobs.shelf import Shelf, put_shelf
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]

CHANNEL = "shopify-us"
GOODS = [f"G{number}" for number in range(6)]


class Killed(BaseException):
    """The process ends here."""


class Files(Shelf, BulkOfferTarget):
    """Takes files and applies them when `end` is called. Patches come true at once."""

    bulk_most = 100

    def __init__(self, name: str, clock: ManualClock) -> None:
        super().__init__(name, clock)
        self.staged: dict[str, list[OfferChange]] = {}
        self.begun: dict[str, str] = {}
        self.stage: dict[str, BulkStage] = {}
        self.refusing: set[str] = set()
        self.trouble: dict[str, list[BaseException]] = {}
        self.canceled: list[str] = []

    def _fail(self, when: str) -> None:
        if self.trouble.get(when):
            raise self.trouble[when].pop(0)

    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        super().push_offers(changes, attempt=attempt)
        return [OfferResult(one.key, OfferOutcome.SENT) for one in changes]

    def stage_bulk(self, changes: Sequence[OfferChange], *, key: str) -> str:
        self._fail("before stage")
        name = f"document {len(self.staged)}"
        self.staged[name] = list(changes)
        self._fail("after stage")
        return name

    def submit_bulk(self, staged: str, *, key: str) -> str:
        self._fail("before submit")
        ref = f"feed {len(self.begun)}"
        self.begun[ref] = staged
        self.stage[ref] = BulkStage.RUNNING
        self._fail("after submit")
        return ref

    def find_bulk(self, *, key: str, since: datetime, known: Collection[str]) -> str | None:
        found = [ref for ref in self.begun if ref not in known]
        return found[-1] if found else None

    def look_at_bulk(self, ref: str) -> BulkProgress:
        self._fail("look")
        return BulkProgress(self.stage[ref], str(self.stage[ref]))

    def cancel_bulk(self, ref: str) -> None:
        self.canceled.append(ref)
        if self.stage[ref] is not BulkStage.QUEUED:
            raise Rejected("too late", connector=self.name, operation="cancel", code="late")
        self.stage[ref] = BulkStage.FAILED

    def bulk_results(self, ref: str, changes: Sequence[OfferChange]) -> Sequence[OfferResult]:
        self._fail("results")
        return [
            OfferResult(one.key, OfferOutcome.REFUSED, code="8541")
            if one.key.remote_id in self.refusing
            else OfferResult(one.key, OfferOutcome.SENT)
            for one in changes
        ]

    def end(self, ref: str = "feed 0", stage: BulkStage = BulkStage.ENDED) -> None:
        """The file comes true as a whole, over whatever was patched meanwhile."""
        self.stage[ref] = stage
        if stage is BulkStage.ENDED:
            for one in self.staged[self.begun[ref]]:
                if one.key.remote_id not in self.refusing:
                    self.shown[one.key.remote_id] = one.quantity
                    if one.handling_days is not None:
                        self.stated[one.key.remote_id] = one.handling_days


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    """Six offers that show 3; from five changes on they leave as a file."""
    made = open_shop(store, clock, tmp_path)
    remote = Files(CHANNEL, clock)
    put_shelf(made, remote)
    for sku in GOODS:
        made.receive(sku, 3)
        made.list(sku, sku)
        remote.shown[sku] = 3
    work(made)
    loaded = made.wiring.loaded
    channel = loaded.config.channels[CHANNEL].model_copy(update={"bulk": Bulk(least=5)})
    channels = {**loaded.config.channels, CHANNEL: channel}
    config = loaded.config.model_copy(update={"channels": channels})
    made.wiring = replace(made.wiring, loaded=replace(loaded, config=config))
    return made


def files(shop: Shop) -> Files:
    remote = shop.channels[CHANNEL]
    assert isinstance(remote, Files)
    return remote


def work(shop: Shop, *, rounds: int = 4, step: float = 40) -> None:
    for _ in range(rounds):
        pull.pull_orders(shop.run(f"{CHANNEL}/orders"), CHANNEL)
        decide.decide_offers(shop.run("core/offers"))
        publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
        bulk.carry(shop.run(f"{CHANNEL}/bulk"), CHANNEL)
        shop.clock.advance(step)


def receive(shop: Shop, units: int, name: str) -> None:
    for sku in GOODS:
        shop.receive(sku, units, reference=f"{name} {sku}")


def settle(shop: Shop) -> None:
    """What was sent is read back, by the report or one by one."""
    drift.read_report(shop.run(f"{CHANNEL}/shelf"), CHANNEL)
    work(shop, rounds=4, step=900)


def states(shop: Shop) -> list[str]:
    return [row["state"] for row in rows(shop.store, tables.submission)]


def kinds(shop: Shop) -> list[str]:
    return [row["kind"] for row in rows(shop.store, tables.cases) if row["state"] == "open"]


def test_many_changes_leave_as_one_file_and_few_one_by_one(shop: Shop):
    # given one change
    shop.receive("G0", 1, reference="one")
    work(shop)
    assert (files(shop).writes[-1], files(shop).begun) == (("G0", 4), {})

    # when all change
    writes = len(files(shop).writes)
    receive(shop, 10, "all")
    work(shop, rounds=8)

    # then one file carries them, and nothing was patched
    remote = files(shop)
    assert [one.quantity for one in remote.staged["document 0"]] == [14, *[13] * 5]
    assert len(remote.writes) == writes
    assert states(shop) == ["running"]

    # and once it has ended they are what is shown
    remote.end()
    work(shop)
    settle(shop)
    assert set(remote.shown.values()) == {13, 14}
    assert states(shop) == ["ended"]
    offers = rows(shop.store, tables.offer)
    assert {(row["feed"], row["sent"]) for row in offers} == {(None, None)}
    assert {row["shown"] for row in offers} == {13, 14}


@BOTH
def test_a_file_states_the_days_to_shipment_and_no_patch_states_them_again(shop: Shop):
    # given a channel whose days from order to shipment are ours to say
    loaded = shop.wiring.loaded
    channel = loaded.config.channels[CHANNEL].model_copy(update={"handling_days": 2})
    channels = {**loaded.config.channels, CHANNEL: channel}
    config = loaded.config.model_copy(update={"channels": channels})
    shop.wiring = replace(shop.wiring, loaded=replace(loaded, config=config))

    # when all change, and the file ends
    receive(shop, 10, "all")
    work(shop, rounds=8)
    remote = files(shop)
    remote.end()
    shop.clock.advance(900)
    bulk.carry(shop.run(f"{CHANNEL}/bulk"), CHANNEL)
    shop.clock.advance(900)
    drift.read_report(shop.run(f"{CHANNEL}/shelf"), CHANNEL)

    # then it stated them, and a report that confirms it, and does not tell them, makes no work
    assert set(remote.stated.values()) == {2}
    assert {row["sent"] for row in rows(shop.store, tables.offer)} == {None}
    work(shop, rounds=4, step=40)
    assert remote.restated == []
    assert {row["shown_handling"] for row in rows(shop.store, tables.offer)} == {2}


@BOTH
def test_a_number_lowered_while_a_file_runs_is_not_undone_by_its_end(shop: Shop):
    # given a file that runs with 13 of each
    receive(shop, 10, "all")
    work(shop)
    remote = files(shop)
    assert states(shop) == ["running"]

    # when one is nearly sold out meanwhile
    shop.receive("G0", -12, reference="sold")
    work(shop)

    # then it is patched at once, beside the file
    assert remote.shown["G0"] == 1

    # and sent again right after the file put its own number there
    remote.end()
    assert remote.shown["G0"] == 13
    bulk.carry(shop.run(f"{CHANNEL}/bulk"), CHANNEL)
    publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
    assert remote.shown["G0"] == 1
    settle(shop)
    assert remote.shown["G0"] == 1
    assert remote.shown["G1"] == 13


def test_a_number_is_not_raised_while_a_file_holds_it(shop: Shop):
    # given a file that runs
    receive(shop, 10, "all")
    work(shop)
    writes = len(files(shop).writes)

    # when more arrives of one
    shop.receive("G0", 5, reference="more")
    work(shop, rounds=6)

    # then it waits for the end, and is raised then
    assert len(files(shop).writes) == writes
    files(shop).end()
    work(shop, rounds=2)
    settle(shop)
    assert files(shop).shown["G0"] == 18


@BOTH
def test_results_are_believed_message_by_message(shop: Shop):
    # given a channel that refuses half of a file
    remote = files(shop)
    remote.refusing = set(GOODS[:3])
    receive(shop, 10, "all")
    work(shop)

    # when it has ended
    remote.end()
    work(shop)
    settle(shop)

    # then the others are shown, and each refusal is a Case of its own
    assert [remote.shown[sku] for sku in GOODS] == [3, 3, 3, 13, 13, 13]
    assert kinds(shop) == ["offer_refused"] * 3
    (ended,) = [r for r in rows(shop.store, tables.decision) if r["code"] == "bulk_ended"]
    assert (ended["args"]["taken"], ended["args"]["refused"]) == (3, 3)


@BOTH
@pytest.mark.parametrize("step", ["before stage", "after stage", "before submit", "after submit"])
def test_a_kill_at_any_step_sends_the_file_once_and_forgets_none(shop: Shop, step: str):
    # given a process that ends in the middle
    remote = files(shop)
    remote.trouble[step] = [Killed()]
    receive(shop, 10, "all")
    with pytest.raises(Killed):
        work(shop)

    # when another goes on
    work(shop, rounds=10)

    # then exactly one file was begun, and it holds every change
    assert list(remote.begun) == ["feed 0"]
    assert len(remote.staged[remote.begun["feed 0"]]) == len(GOODS)
    remote.end()
    work(shop)
    settle(shop)
    assert set(remote.shown.values()) == {13}


@BOTH
@pytest.mark.parametrize("step", ["look", "results"])
def test_a_kill_at_the_end_reads_the_results_again(shop: Shop, step: str):
    # given a file that has ended, and a process that ends while it reads
    receive(shop, 10, "all")
    work(shop)
    remote = files(shop)
    remote.end()
    remote.trouble[step] = [Killed()]
    with pytest.raises(Killed):
        work(shop)

    # when another goes on, then everything is settled once
    work(shop)
    settle(shop)
    assert states(shop) == ["ended"]
    assert set(remote.shown.values()) == {13}


def test_an_answer_that_was_lost_is_asked_for_and_never_repeated_blindly(shop: Shop):
    # given a file that began although its answer was lost
    remote = files(shop)
    lost = UnknownOutcome("lost", connector=CHANNEL, operation="createFeed")
    remote.trouble["after submit"] = [lost]
    receive(shop, 10, "all")
    with pytest.raises(UnknownOutcome):
        work(shop, rounds=6)

    # when it is asked too early, then nobody repeats it
    work(shop, rounds=1)
    assert states(shop) == ["submitting"]

    # and after it had time to settle it is found
    work(shop, rounds=6)
    assert (states(shop), len(remote.begun)) == (["running"], 1)


def test_a_file_that_was_turned_away_for_its_rate_is_sent_later(shop: Shop):
    # given a channel whose files are used up
    remote = files(shop)
    remote.trouble["before submit"] = [
        RateLimited("later", connector=CHANNEL, operation="createFeed", retry_after=60)
    ]
    receive(shop, 10, "all")
    with pytest.raises(RateLimited):
        work(shop)

    # when it is tried again, then it goes out at once, and once
    work(shop)
    assert (states(shop), list(remote.begun)) == (["running"], ["feed 0"])


def test_a_file_that_does_not_end_is_told_once_and_holds_raises_only(shop: Shop):
    # given a file that is stuck
    receive(shop, 10, "all")
    work(shop)
    remote = files(shop)

    # when hours pass, and one is sold out meanwhile
    work(shop, rounds=4, step=3600)
    shop.receive("G0", -13, reference="gone")
    work(shop)

    # then one Case tells it, what sold out shows 0, and nothing was canceled that had begun
    assert kinds(shop) == ["bulk_stuck"]
    assert remote.shown["G0"] == 0
    assert remote.canceled == []

    # and the Case closes when it ends
    remote.end()
    work(shop)
    settle(shop)
    assert kinds(shop) == []
    assert (remote.shown["G0"], remote.shown["G1"]) == (0, 13)


@BOTH
def test_a_file_that_was_never_begun_is_canceled_and_its_changes_go_otherwise(shop: Shop):
    # given a file that waits for hours
    receive(shop, 10, "all")
    work(shop)
    remote = files(shop)
    remote.stage["feed 0"] = BulkStage.QUEUED
    work(shop, rounds=3, step=3600)
    assert remote.canceled == ["feed 0"]

    # when time passes, then the changes are on another file
    work(shop, rounds=6)
    assert states(shop) == ["failed", "running"]
    remote.end("feed 1")
    work(shop)
    settle(shop)
    assert set(remote.shown.values()) == {13}


def test_a_file_that_fails_is_read_back_and_told(shop: Shop):
    # given a file that the channel gives up
    receive(shop, 10, "all")
    work(shop)
    remote = files(shop)
    reads = remote.reads
    remote.end(stage=BulkStage.FAILED)

    # when time passes
    work(shop, rounds=1)

    # then its offers are read, a Case tells it, and the next file closes it
    assert kinds(shop) == ["bulk_failed"]
    work(shop, rounds=6)
    assert remote.reads > reads
    remote.end("feed 1")
    work(shop)
    assert kinds(shop) == []


@BOTH
def test_what_is_wanted_otherwise_before_the_file_leaves_is_taken_out(shop: Shop):
    # given changes that are gathered
    receive(shop, 10, "all")
    shop.decide()
    publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
    assert states(shop) == ["gathering"]

    # when one is wanted otherwise before it leaves
    shop.receive("G0", -12, reference="sold")
    work(shop)

    # then the file does not carry it
    remote = files(shop)
    carried = {one.key.remote_id for one in remote.staged[remote.begun["feed 0"]]}
    assert carried == set(GOODS[1:])
    assert remote.shown["G0"] == 1


@BOTH
def test_nothing_leaves_where_nothing_may_be_written(shop: Shop):
    # given changes that are gathered
    receive(shop, 10, "all")
    shop.decide()
    publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)

    # when a person goes back to observe before they leave
    shop.switch(Mode.OBSERVE)
    work(shop)

    # then no file was begun, and nothing is held
    assert files(shop).begun == {}
    assert states(shop) == ["dropped"]
    assert {row["feed"] for row in rows(shop.store, tables.offer)} == {None}


def test_what_sells_out_never_waits_for_a_file(shop: Shop):
    # given many changes, one of them down to nothing
    receive(shop, 10, "all")
    shop.receive("G0", -13, reference="gone")

    # when they leave
    work(shop)

    # then the empty shelf was written by itself
    remote = files(shop)
    assert remote.writes[-1] == ("G0", 0)
    assert "G0" not in {one.key.remote_id for one in remote.staged["document 0"]}
