"""What a channel shows that we did not write: found, explained, repaired, or left to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.drift import OtherWriter
from core.model.catalog import OfferChange, OfferOutcome, OfferResult
from core.rules.modes import Mode
from jobs import approve, drift, publish, upkeep
from jobs.clock import ManualClock
from jobs.store import tables
from jobs.store.store import Store
from tests.jobs.builders import line, order, rows
from tests.jobs.conftest import BOTH
from tests.jobs.shelf import CHANNEL, Shelf, configure, live, put_shelf
from tests.jobs.shop import Shop, open_shop

# On PostgreSQL too where it says so: those tests make every kind of statement the others make.
DATABASES = ["sqlite"]


@pytest.fixture
def shop(store: Store, clock: ManualClock, tmp_path: Path) -> Shop:
    made = open_shop(store, clock, tmp_path)
    put_shelf(made, Shelf(CHANNEL, clock))
    made.receive("TEA", 5)
    made.list("v1", "TEA")
    live(made)
    return made


def shelf(shop: Shop) -> Shelf:
    found = shop.channels[CHANNEL]
    assert isinstance(found, Shelf)
    assert found.shown["v1"] is not None
    return found


def found(shop: Shop) -> list[tuple[str, str | None]]:
    return [(row["state"], row["cause"]) for row in rows(shop.store, tables.drift)]


def open_cases(shop: Shop) -> list[dict]:  # type: ignore[type-arg]
    return [row for row in rows(shop.store, tables.cases) if row["state"] == "open"]


def settle_case(shop: Shop, kind: str) -> None:
    with shop.store.transaction() as tx:
        (row,) = tx.rows(
            tables.cases.select().where(tables.cases.c.kind == kind, tables.cases.c.state == "open")
        )
        assert approve.approve(tx, row, by="tester", note=None)


@pytest.mark.parametrize("number", [9, 2])
def test_a_number_somebody_set_by_hand_is_found_named_and_put_right(shop: Shop, number: int):
    # given an offer that shows what we want
    remote = shelf(shop)
    assert remote.shown["v1"] == 5

    # when a person sets another number
    remote.shown["v1"] = number
    live(shop, seconds=1200)

    # then it is put right, and why it differed is kept
    assert remote.shown["v1"] == 5
    assert found(shop) == [("repaired", "by_hand")]
    (difference,) = rows(shop.store, tables.drift)
    assert (difference["expected"], difference["found"]) == (5, number)
    assert difference["unexplained"] == number - 5
    codes = [row["code"] for row in rows(shop.store, tables.decision)]
    assert {"drift_by_hand", "drift_repaired"} <= set(codes)


def test_a_sale_that_is_pulled_later_explains_the_number_and_nothing_is_put_back(shop: Shop):
    # given a buyer who took two, whose order cannot be seen yet
    remote = shelf(shop)
    remote.shown["v1"] = 3
    remote.order_lag = 120.0  # type: ignore[misc]
    sold = order("7001", line(units=2, listing_remote_id="v1"), placed_at=shop.clock.now())
    shop.clock.advance(700)
    drift.read_slice(shop.run(f"{CHANNEL}/drift"), CHANNEL)
    assert found(shop) == [("found", None)]

    # when the order is pulled
    remote.orders = [sold]
    writes = len(remote.writes)
    live(shop)

    # then the difference is explained and the number of the new stock is what is shown
    assert found(shop) == [("explained", "channel_sale")]
    assert remote.shown["v1"] == 3
    assert len(remote.writes) == writes


def test_a_sale_beside_a_hand_leaves_the_remainder_to_repair(shop: Shop):
    # given a buyer who took one, and a person who set the rest to 9
    remote = shelf(shop)
    remote.shown["v1"] = 9
    remote.orders = [
        order("7001", line(units=1, listing_remote_id="v1"), placed_at=shop.clock.now())
    ]

    # when time passes
    live(shop)

    # then what is left is shown, and the difference counts what orders do not explain
    assert remote.shown["v1"] == 4
    assert found(shop)[0] == ("repaired", "by_hand")
    (difference, *_) = rows(shop.store, tables.drift)
    assert difference["found"] == 9
    assert difference["unexplained"] == 4


def test_a_sale_known_before_the_reading_is_no_difference(shop: Shop):
    # given an order that is pulled before the shelf is read again
    remote = shelf(shop)
    remote.orders = [
        order("7001", line(units=2, listing_remote_id="v1"), placed_at=shop.clock.now())
    ]
    remote.shown["v1"] = 3

    # when time passes
    live(shop)

    # then nobody speaks of it
    assert found(shop) == []
    assert remote.shown["v1"] == 3


def test_a_write_that_never_came_to_be_is_a_lost_write(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    # given a channel that takes a number and does nothing
    remote = shelf(shop)
    with monkeypatch.context() as patch:
        patch.setattr(
            remote,
            "push_offers",
            lambda changes, attempt: [OfferResult(one.key, OfferOutcome.SENT) for one in changes],
        )
        shop.receive("TEA", 3, reference="R2")
        live(shop, seconds=300)

    # when it is read back, and works again
    live(shop)

    # then the cause is named and the number arrives
    assert remote.shown["v1"] == 8
    assert ("repaired", "lost_write") in found(shop)


@BOTH
def test_a_write_whose_answer_was_lost_is_no_change_by_hand(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    # given a channel that takes one number, and whose answer never comes
    remote = shelf(shop)
    put = remote.push_offers

    def deaf(changes: list[OfferChange], *, attempt: str) -> list[OfferResult]:
        put(changes, attempt=attempt)
        monkeypatch.undo()
        return [OfferResult(one.key, OfferOutcome.UNKNOWN) for one in changes]

    monkeypatch.setattr(remote, "push_offers", deaf)
    shop.receive("TEA", 1, reference="more")

    # when it is read
    live(shop, seconds=1200)

    # then the number is known for ours
    assert remote.shown["v1"] == 6
    assert "by_hand" not in [cause for _, cause in found(shop)]
    assert "offer_unclear" in [row["code"] for row in rows(shop.store, tables.decision)]


def test_a_listing_that_moved_to_another_stock_item_is_named_as_such(shop: Shop):
    # given a listing whose stock item was exchanged, with another number
    remote = shelf(shop)
    shop.list("v1", "TEA", inventory_id="another item")
    remote.shown["v1"] = 40

    # when it is read
    live(shop)

    # then it is put right, and the cause is the mapping
    assert remote.shown["v1"] == 5
    assert found(shop) == [("repaired", "mapping_moved")]


def test_by_policy_a_difference_waits_for_a_person(shop: Shop):
    # given a shop that wants to be asked
    configure(shop, unexplained="case")
    remote = shelf(shop)
    writes = len(remote.writes)

    # when a person sets another number, even a higher one
    remote.shown["v1"] = 9
    live(shop)

    # then it stays, one Case tells it
    assert remote.shown["v1"] == 9
    assert len(remote.writes) == writes
    (case,) = open_cases(shop)
    assert (case["kind"], case["args"]["examples"]) == ("drift_found", "TEA 5 -> 9")

    # and once it is approved it is put right
    settle_case(shop, "drift_found")
    live(shop)
    assert remote.shown["v1"] == 5
    assert open_cases(shop) == []
    assert found(shop) == [("repaired", "by_hand")]


def test_by_policy_a_difference_that_orders_explain_asks_nobody(shop: Shop):
    # given a shop that wants to be asked, and a sale not pulled yet
    configure(shop, unexplained="case")
    remote = shelf(shop)
    remote.shown["v1"] = 3
    sold = order("7001", line(units=2, listing_remote_id="v1"), placed_at=shop.clock.now())
    shop.clock.advance(700)
    drift.read_slice(shop.run(f"{CHANNEL}/drift"), CHANNEL)

    # when it is pulled, and stock arrives
    remote.orders = [sold]
    live(shop)
    shop.receive("TEA", 4, reference="R2")
    live(shop)

    # then no Case was opened and the offer is free
    assert open_cases(shop) == []
    assert remote.shown["v1"] == 7


def overwrite(shop: Shop, remote: Shelf, *, times: int, number: int = 9) -> None:
    """Another system puts its number back whenever it sees ours."""
    for _ in range(times):
        remote.shown["v1"] = number
        live(shop, seconds=1200)


def test_another_writer_is_not_fought_and_becomes_one_case(shop: Shop):
    # given an old system that sets its own number again and again
    remote = shelf(shop)
    overwrite(shop, remote, times=3)

    # when it does so once more and time passes
    writes = len(remote.writes)
    overwrite(shop, remote, times=2)

    # then nothing is written any more, and one Case names the offer and both numbers
    assert len(remote.writes) == writes
    assert remote.shown["v1"] == 9
    (case,) = open_cases(shop)
    assert case["kind"] == "other_writer"
    assert case["args"]["offers"] == 1
    assert case["args"]["examples"].startswith("TEA 5 -> 9 (3x)")

    # and a new want that lowers is written, once, not fought for
    shop.receive("TEA", -3, reference="lost")
    live(shop, seconds=600)
    assert remote.shown["v1"] == 2
    writes = len(remote.writes)
    overwrite(shop, remote, times=2)
    assert len(remote.writes) == writes

    # and one that raises is not
    shop.receive("TEA", 20, reference="R3")
    live(shop)
    assert len(remote.writes) == writes

    # and once a person settled it, repair goes on and old overwrites are forgotten
    settle_case(shop, "other_writer")
    live(shop)
    assert remote.shown["v1"] == 22
    overwrite(shop, remote, times=1)
    assert remote.shown["v1"] == 22
    assert open_cases(shop) == []


@BOTH
def test_a_writer_faster_than_our_reading_is_seen_too(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    # given a channel that applies late, and a writer who is back before we verify
    remote = shelf(shop)

    def undone(changes, attempt):  # type: ignore[no-untyped-def]
        remote.writes += [(one.key.remote_id, one.quantity) for one in changes]
        return [OfferResult(one.key, OfferOutcome.SENT) for one in changes]

    monkeypatch.setattr(remote, "push_offers", undone)
    remote.shown["v1"] = 9

    # when time passes
    live(shop, seconds=4 * 3600, step=600)

    # then there is an end to it, and a Case
    writes = len(remote.writes)
    live(shop, seconds=3600, step=600)
    assert len(remote.writes) == writes
    assert [case["kind"] for case in open_cases(shop)] == ["other_writer"]


def test_below_the_count_of_offers_it_is_no_other_writer(shop: Shop):
    # given a guard of two offers
    configure(shop, other_writer=OtherWriter(offers=2))
    remote = shelf(shop)

    # when one offer is overwritten again and again
    overwrite(shop, remote, times=4)

    # then it is repaired each time
    assert remote.shown["v1"] == 5
    assert open_cases(shop) == []


@pytest.mark.parametrize("early", [True, False])
def test_another_writer_that_takes_each_sale_off_once_more_is_found(shop: Shop, early: bool):
    # given an old system that lowers by what was sold, which the channel did itself already
    shop.receive("TEA", 60, reference="R2")
    live(shop, seconds=600)
    remote = shelf(shop)

    # when buyers keep coming
    for number in range(8):
        now = shop.clock.now()
        remote.orders = [
            order(
                f"8{number}", line(units=2, listing_remote_id="v1"), placed_at=now, updated_at=now
            )
        ]
        remote.shown["v1"] -= 2  # type: ignore[operator]
        if not early:
            # What the sale left is read before the old system writes.
            live(shop, seconds=900)
        remote.shown["v1"] -= 2  # type: ignore[operator]
        live(shop, seconds=900)

    # then it is known for another writer
    assert "other_writer" in [case["kind"] for case in open_cases(shop)]


def test_while_only_observing_what_others_write_is_not_amiss(shop: Shop):
    # given a channel that is only observed
    shop.switch(Mode.OBSERVE)
    remote = shelf(shop)

    # when the system that runs it writes
    overwrite(shop, remote, times=3)

    # then nothing is found and nothing is written
    assert found(shop) == []
    assert remote.shown["v1"] == 9


def test_a_report_finds_what_slices_have_not_reached(shop: Shop):
    # given a number set by hand just after the offer was read
    remote = shelf(shop)
    remote.shown["v1"] = 9
    shop.clock.advance(1)

    # when the report is compared, and the offer read for itself
    drift.read_report(shop.run(f"{CHANNEL}/shelf"), CHANNEL)
    live(shop, seconds=300)

    # then it is put right
    assert remote.shown["v1"] == 5
    assert found(shop) == [("repaired", "by_hand")]


def test_an_old_report_is_not_believed(shop: Shop):
    # given a report that tells an old number
    remote = shelf(shop)
    remote.reported = {"v1": 1}
    shop.clock.advance(1)
    writes = len(remote.writes)

    # when it is compared
    drift.read_report(shop.run(f"{CHANNEL}/shelf"), CHANNEL)
    live(shop, seconds=300)

    # then the offer was read for itself, and nothing came of it
    assert found(shop) == []
    assert len(remote.writes) == writes


@BOTH
def test_a_report_renews_the_readings_it_agrees_with(shop: Shop):
    # given readings that grow old
    shop.clock.advance(86_400)

    # when a report says the same
    drift.read_report(shop.run(f"{CHANNEL}/shelf"), CHANNEL)

    # then they are as of the report, and no slice has anything to read
    (one,) = rows(shop.store, tables.offer)
    assert one["shown_at"] == shop.clock.now()
    reads = shelf(shop).reads
    drift.read_slice(shop.run(f"{CHANNEL}/drift"), CHANNEL)
    assert shelf(shop).reads == reads


def test_slices_keep_to_their_share_and_reach_everything(shop: Shop):
    # given more offers than one slice may read: 10 a second, a twentieth of it, each minute
    configure(shop, share=5)
    remote = shelf(shop)
    for number in range(90):
        shop.receive(f"G{number}", 3, reference=f"R{number}")
        shop.list(f"g{number}", f"G{number}")
    live(shop, seconds=450)
    shop.clock.advance(1200)
    read: list[int] = []
    asked = remote.read_offers
    remote.read_offers = lambda changes: (read.append(len(changes)), asked(changes))[1]  # type: ignore[assignment]

    # when slices run
    for _ in range(5):
        drift.read_slice(shop.run(f"{CHANNEL}/drift"), CHANNEL)

    # then each read its share, oldest first, until all were read, and then none
    assert read == [30, 30, 30, 1]
    with_reads = [row["shown_at"] for row in rows(shop.store, tables.offer)]
    assert set(with_reads) == {shop.clock.now()}


def test_the_push_reads_by_itself_only_what_nobody_renewed(shop: Shop):
    # given an offer as wanted
    remote = shelf(shop)
    reads = remote.reads

    # when hours pass in which no slice runs
    for _ in range(30):
        publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
        shop.clock.advance(3600)
    assert remote.reads == reads

    # then only after the time of trust it is read by the push
    shop.clock.advance(7 * 86_400)
    publish.push_offers(shop.run(f"{CHANNEL}/offers"), CHANNEL)
    assert remote.reads == reads + 1


@BOTH
def test_settled_differences_are_forgotten_in_time(shop: Shop):
    # given a difference that was put right
    remote = shelf(shop)
    remote.shown["v1"] = 9
    live(shop)
    assert len(found(shop)) == 1

    # when a month passes, and another is found
    shop.clock.advance(31 * 86_400)
    upkeep.look_after(shop.run("core/upkeep"))
    remote.shown["v1"] = 8
    live(shop)

    # then only that one is kept
    assert [row["found"] for row in rows(shop.store, tables.drift)] == [8]
