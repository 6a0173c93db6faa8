"""What a remote that counts or receives for us promises, and one told of sales made elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import Rejected, Stale, UnknownOutcome
from core.model.inbound import InboundReport, InboundState
from core.model.reservations import ReservationMove, ReservationStep
from core.model.stock import StockSnapshot
from core.ports import Batch, InboundSource, Landed, ReservationTarget, StockSource
from tests.contracts.rigs import SKU, UNITS, Rig

DAY = 86_400.0


def counts(rig: Rig, since: str | None = None) -> tuple[list[StockSnapshot], str]:
    """Everything told, after as many looks as a file needs to be believed; and where that ended."""
    told: list[StockSnapshot] = []
    for _ in range(3):
        for batch in rig.connector.pull_stock(since=since, places=rig.places):
            told.extend(batch.items)
            since = batch.cursor
        rig.pass_time(60)
    assert since is not None
    return told, since


def figure(told: list[StockSnapshot]) -> int:
    """What the newest of them that names the thing says of it."""
    named = [
        row.quantity
        for one in sorted(told, key=lambda one: one.as_of)
        for row in one.rows
        if row.sku in (SKU, "FBA")
    ]
    return named[-1]


class TestStockSource:
    capability = StockSource

    def test_the_first_count_is_complete_and_a_newer_one_is_told_with_a_later_instant(
        self, rig: Rig
    ) -> None:
        # given units to count
        rig.stock_up()

        # when they are pulled, and pulled on after another count
        first, cursor = counts(rig)
        rig.recount(3)
        rig.pass_time(60)
        asked_at = rig.clock.now()
        second, _ = counts(rig, cursor)

        # then both are told, each as of a moment that has passed
        assert first[0].complete
        assert figure(first) == UNITS
        assert figure(second) == 3
        assert max(one.as_of for one in first) < max(one.as_of for one in second)
        assert all(one.as_of <= rig.clock.now() for one in (*first, *second))
        assert asked_at

    def test_pulling_again_tells_nothing_else(self, rig: Rig) -> None:
        # given a count that was pulled
        rig.stock_up()
        first, cursor = counts(rig)

        # when nothing changed, and it is pulled on, or from the beginning
        on, _ = counts(rig, cursor)
        anew, _ = counts(rig)

        # then the figure is the same wherever it is told
        assert figure(anew) == UNITS
        assert {figure([one]) for one in (*first, *on) if one.rows} == {UNITS}

    def test_every_row_is_told_once_and_never_below_nothing(self, rig: Rig) -> None:
        # given a count
        rig.stock_up()

        # when it is pulled, then no snapshot names a thing twice
        for one in counts(rig)[0]:
            names = [row.item or row.sku for row in one.rows]
            assert len(names) == len(set(names))
            assert all(row.quantity >= 0 for row in one.rows)


def under_way(rig: Rig, since: str | None = None) -> tuple[dict[str, InboundReport], str]:
    """What one pull tells of each shipment, and where it ended."""
    batches: list[Batch[InboundReport]] = list(rig.connector.pull_inbound(since=since))
    assert [batch.complete_to is None for batch in batches] == [True] * (len(batches) - 1) + [False]
    told = [report for batch in batches for report in batch.items]
    assert len({report.ref for report in told}) == len(told)
    return {report.ref: report for report in told}, batches[-1].cursor


class TestInboundSource:
    capability = InboundSource

    def test_a_shipment_is_told_whole_from_its_announcement_to_its_end(self, rig: Rig) -> None:
        # given a shipment that was announced
        ref = rig.send(UNITS)
        first, cursor = under_way(rig)

        # when some of it is booked in, and the rest later
        rig.pass_time(60)
        rig.receive(ref, 5, close=False)
        second, cursor = under_way(rig, cursor)
        rig.pass_time(60)
        rig.receive(ref, UNITS - 5, close=True)
        third, _ = under_way(rig, cursor)

        # then each pull says how far it is, as of a later moment
        told = [one[ref] for one in (first, second, third)]
        (planned, receiving, closed) = told
        assert [one.state for one in told] == [
            InboundState.PLANNED, InboundState.RECEIVING, InboundState.CLOSED,
        ]  # fmt: skip
        assert [(i.sent, i.received) for one in told for i in one.items] == [
            (UNITS, 0), (UNITS, 5), (UNITS, UNITS),
        ]  # fmt: skip
        assert planned.as_of < receiving.as_of < closed.as_of <= rig.clock.now()

    def test_what_is_open_is_told_each_time_and_what_ended_long_ago_no_more(self, rig: Rig) -> None:
        # given a shipment that is open, and one that was called off and told
        waiting, canceled = rig.send(1), rig.send(2)
        rig.call_off(canceled)
        first, cursor = under_way(rig)

        # when it is pulled on for days: walks overlap, so once more is no fault
        for _ in range(2):
            rig.pass_time(DAY)
            later, cursor = under_way(rig, cursor)

        # then only the open one is told again
        assert first[canceled].state is InboundState.CANCELED
        assert list(later) == [waiting]

    def test_a_correction_after_the_end_is_told(self, rig: Rig) -> None:
        # given a shipment that was closed short, and told so
        ref = rig.send(UNITS)
        rig.receive(ref, UNITS - 3, close=True)
        rig.pass_time(DAY)
        _, cursor = under_way(rig)
        rig.pass_time(DAY)

        # when the rest is found
        rig.receive(ref, 3, close=False)
        told, _ = under_way(rig, cursor)

        # then it is told again, whole
        (item,) = told[ref].items
        assert (item.sent, item.received) == (UNITS, UNITS)

    def test_a_pull_that_was_left_begins_where_the_last_whole_one_ended(self, rig: Rig) -> None:
        # given more shipments than are told at once
        sent = {rig.send(1) for _ in range(60)}

        # when a pull is left after its first batch, and another goes on from there
        first = next(rig.connector.pull_inbound(since=None))
        told, _ = under_way(rig, first.cursor)

        # then nothing is missing
        assert first.complete_to is None
        assert set(told) == sent

    def test_the_raw_record_of_each_shipment_is_told_too(self, rig: Rig) -> None:
        # given a shipment
        ref = rig.send(UNITS)

        # when it is pulled, then its record comes with it
        (batch,) = rig.connector.pull_inbound(since=None)
        assert [name for name, _ in batch.raw] == [ref]


class TestReservationTarget:
    capability = ReservationTarget

    def move(self, rig: Any, step: ReservationStep, units: int = 2) -> bytes:
        made: bytes = rig.connector.reservation_document(
            ReservationMove(step, rig.places[0], {rig.item: units}, "lockstep://amazon-us/1")
        )
        return made

    def test_a_sale_elsewhere_is_set_aside_shipped_or_given_back(self, rig: Any) -> None:
        # given units for sale
        assert rig.standing() == (UNITS, 0, UNITS)

        # when some are set aside, one is given back and one is shipped, then each is seen there
        rig.connector.push_reservation(self.move(rig, ReservationStep.RESERVE), attempt="a")
        assert rig.standing() == (UNITS - 2, 2, UNITS)
        rig.connector.push_reservation(self.move(rig, ReservationStep.RELEASE, 1), attempt="b")
        assert rig.standing() == (UNITS - 1, 1, UNITS)
        rig.connector.push_reservation(self.move(rig, ReservationStep.SHIP, 1), attempt="c")
        assert rig.standing() == (UNITS - 1, 0, UNITS - 1)

    def test_a_repeat_of_an_attempt_is_the_same_write(self, rig: Any) -> None:
        # given a write whose answer got lost
        document = self.move(rig, ReservationStep.RESERVE)
        rig.connector.push_reservation(document, attempt="a")

        # when it is repeated as long as it is the same write
        rig.pass_time(rig.connector.reservation_replay.total_seconds() - 60)
        rig.connector.push_reservation(document, attempt="a")

        # then it was made once
        assert rig.standing() == (UNITS - 2, 2, UNITS)

    def test_a_write_whose_figures_moved_is_not_made(self, rig: Any) -> None:
        # given a write that was frozen, and a buyer who was faster
        document = self.move(rig, ReservationStep.RESERVE)
        rig.sell()

        # when it is pushed, and pushed again
        for _ in range(2):
            with pytest.raises(Stale):
                rig.connector.push_reservation(document, attempt="a")

        # then nothing was set aside, and it is when it is frozen afresh
        assert rig.standing()[1] == 0
        fresh = self.move(rig, ReservationStep.RESERVE)
        rig.connector.push_reservation(fresh, attempt="b")
        assert rig.standing()[:2] == (UNITS - 3, 2)

    def test_what_is_not_stocked_is_refused_before_anything_is_sent(self, rig: Any) -> None:
        # given a thing that is not there, when a write is frozen, then it says so
        with pytest.raises(Rejected) as refused:
            rig.connector.reservation_document(
                ReservationMove(
                    ReservationStep.RESERVE,
                    rig.places[0],
                    {"gid://shopify/InventoryItem/999999": 1},
                    "lockstep://amazon-us/1",
                )
            )
        assert refused.value.code == "not_stocked"

    def test_the_figures_tell_what_became_of_a_write_or_say_that_they_cannot(
        self, rig: Any
    ) -> None:
        # given two writes, a day ago: one was made, one never left
        rig.pass_time(DAY)
        sent_at = rig.clock.now()
        document = self.move(rig, ReservationStep.RESERVE)
        rig.pass_time(DAY)
        assert rig.connector.find_reservation(document, sent_at=sent_at) is Landed.NO
        rig.connector.push_reservation(document, attempt="a")
        assert rig.connector.find_reservation(document, sent_at=sent_at) is Landed.YES

        # when others have moved the figures since
        rig.sell()

        # then nobody can tell any more
        assert rig.connector.find_reservation(document, sent_at=sent_at) is Landed.UNTOLD

    def test_a_lost_answer_is_an_unknown_outcome(self, rig: Any) -> None:
        # given a remote that makes the write and does not say so
        document = self.move(rig, ReservationStep.RESERVE)
        rig.lose_answers("InventoryMove")

        # when it is pushed
        with pytest.raises(UnknownOutcome):
            rig.connector.push_reservation(document, attempt="a")

        # then the same attempt says that it was made
        rig.connector.push_reservation(document, attempt="a")
        assert rig.standing() == (UNITS - 2, 2, UNITS)
