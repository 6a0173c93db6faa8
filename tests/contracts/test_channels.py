"""What a place that sells promises, whichever it is."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.errors import RateLimited, Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.model.catalog import Listing, OfferChange, OfferKey, OfferOutcome
from core.model.orders import Cancellation, CancelReason, Order, PartOfLine
from core.ports import (
    Batch,
    BulkOfferTarget,
    BulkStage,
    CancellationTarget,
    HintQueue,
    HintSource,
    Listed,
    ListingSource,
    OfferTarget,
    OrderCensus,
    OrderCount,
    OrderSource,
    ShelfReport,
    ShelfSource,
    ShipmentTarget,
    SubmissionTarget,
    Told,
    Verdict,
)
from tests.contracts.rigs import SKU, TRACKING, UNITS, AmazonRig, ChannelRig, FulfillerRig


def pull(rig: ChannelRig, since: str | None = None) -> list[Batch[Order]]:
    rig.pass_time()
    return list(rig.connector.pull_orders(since=since))


def orders_of(batches: Sequence[Batch[Order]]) -> dict[str, Order]:
    return {order.remote_id: order for batch in batches for order in batch.items}


def listings(rig: ChannelRig) -> list[Listing]:
    """A whole walk, however many runs the remote needs for it."""
    cursor, found = None, {}
    for _ in range(20):
        for batch in rig.connector.pull_listings(since=cursor):
            cursor = batch.cursor
            found |= {one.remote_id: one for one in batch.items}
            if batch.complete_to is not None:
                return list(found.values())
        rig.pass_time(120)
    raise AssertionError("the walk never ended")


class TestOrderSource:
    capability = OrderSource

    def test_a_walk_may_be_repeated_and_says_the_same(self, rig: ChannelRig) -> None:
        # given five orders
        for _ in range(5):
            rig.sell()

        # when they are walked twice from the beginning
        first, second = pull(rig), pull(rig)

        # then both walks saw each
        assert len(orders_of(first)) == 5
        assert orders_of(first) == orders_of(second)

    def test_a_walk_left_after_any_page_goes_on_from_that_page(self, rig: ChannelRig) -> None:
        # given five orders, and a page size where the remote lets us choose one
        for _ in range(5):
            rig.sell()
        whole = pull(rig)

        # when the walk is left after each of its pages and taken up from that page's cursor
        for left_after in range(len(whole)):
            pages = iter(rig.connector.pull_orders(since=None))
            seen = [next(pages) for _ in range(left_after + 1)]
            rest = list(rig.connector.pull_orders(since=seen[-1].cursor))

            # then nothing is missing
            assert set(orders_of([*seen, *rest])) == set(orders_of(whole))

    def test_only_the_last_page_completes_the_walk_and_never_into_the_future(
        self, rig: ChannelRig
    ) -> None:
        # given a walk of several pages
        for _ in range(5):
            rig.sell()

        # when it is walked
        *before, last = pull(rig)

        # then its end is on the last page, and was
        assert all(batch.complete_to is None for batch in before)
        assert last.complete_to is not None
        assert last.complete_to <= rig.clock.now()

    def test_what_is_sold_after_a_walk_is_in_the_next(self, rig: ChannelRig) -> None:
        # given a completed walk
        rig.sell()
        first = pull(rig)

        # when something is sold, and the walk goes on from its end
        rig.sell()
        second = pull(rig, since=first[-1].cursor)

        # then it is there, and the two walks left no gap
        assert len(set(orders_of(second)) - set(orders_of(first))) == 1
        assert second[-1].complete_to > first[-1].complete_to  # type: ignore[operator]

    def test_an_order_read_alone_is_the_one_that_was_pulled(self, rig: ChannelRig) -> None:
        # given an order that was pulled
        rig.sell(quantity=3)
        (pulled,) = orders_of(pull(rig)).values()

        # when it is read by its id
        batch = rig.connector.get_order(pulled.remote_id)

        # then it is the same, word for word
        assert batch.items == (pulled,)
        assert batch.rejects == ()

    def test_an_order_that_is_not_there_is_no_order(self, rig: ChannelRig) -> None:
        # given the shape of an id that is known, and one like it that is not
        rig.sell()
        (known,) = orders_of(pull(rig))
        unknown = known[:-1] + ("1" if known[-1] != "1" else "2")

        # when it is read
        batch = rig.connector.get_order(unknown)

        # then there is none, and no error
        assert batch.items == ()

    def test_every_item_comes_with_its_raw_record(self, rig: ChannelRig) -> None:
        # given orders
        for _ in range(3):
            rig.sell()

        # when they are pulled
        batches = pull(rig)

        # then each page keeps what it was made of
        for batch in batches:
            assert {name for name, _ in batch.raw} >= {one.remote_id for one in batch.items}


def census(rig: ChannelRig, *, days: float = 3) -> Batch[Listed]:
    """What is listed, however many runs the remote needs for it; the last batch with all items."""
    cursor, found = None, []
    first = rig.clock.now() - timedelta(days=days)
    for _ in range(20):
        for batch in rig.connector.list_orders(since=cursor, first=first):
            cursor = batch.cursor
            found += batch.items
            if batch.complete_to is not None:
                return replace(batch, items=tuple(found))
        rig.pass_time(120)
    raise AssertionError("the list never ended")


class TestOrderCensus:
    capability = OrderCensus

    def test_every_order_is_listed_once_by_the_id_it_is_pulled_by(self, rig: ChannelRig) -> None:
        # given five orders
        for _ in range(5):
            rig.sell()
        began = rig.clock.now()

        # when they are listed, and pulled
        found = census(rig)

        # then both name the same, and the list says until when it is whole
        ids = [one.remote_id for one in found.items]
        assert len(ids) == len(set(ids)) == 5
        assert set(ids) == set(orders_of(pull(rig)))
        assert found.complete_to is not None
        assert began <= found.complete_to <= rig.clock.now()

    def test_only_what_was_placed_in_that_time_is_listed_with_when_that_was(
        self, rig: ChannelRig
    ) -> None:
        # given an old order and a new one
        rig.sell()
        rig.pass_time(2 * 86_400)
        before = rig.clock.now().replace(microsecond=0)
        rig.sell()

        # when only a day is asked for
        (found,) = census(rig, days=1).items

        # then it is the new one
        assert before <= found.placed_at <= rig.clock.now()
        assert len(census(rig).items) == 2

    def test_without_orders_the_list_is_whole_and_empty(self, rig: ChannelRig) -> None:
        assert census(rig).items == ()


class TestOrderCount:
    capability = OrderCount

    def test_as_many_are_counted_as_are_listed_of_the_same_time(self, rig: ChannelRig) -> None:
        # given two orders a day apart
        rig.sell()
        rig.pass_time(86_400)
        rig.sell()
        rig.pass_time()
        now = rig.clock.now().replace(microsecond=0)

        # when they are counted and listed, then both say the same
        for days in (0.5, 3.0):
            first = now - timedelta(days=days)
            counted = rig.connector.count_orders(first=first, until=now)
            assert counted == len(census(rig, days=days).items) > 0
        assert rig.connector.count_orders(first=now, until=now + timedelta(days=1)) == 0


class TestHintSource:
    capability = HintSource

    def test_a_call_of_the_remote_s_own_names_flows(self, rig: ChannelRig | FulfillerRig) -> None:
        # given a change of which it calls
        headers, body = rig.call()

        # then there is work for the flow that finds out, as often as it is told
        assert rig.hurried in rig.connector.hinted(headers, body)
        assert rig.connector.hinted(headers, body) == rig.connector.hinted(headers, body)
        assert rig.connector.topics

    def test_what_somebody_else_sends_is_refused_and_not_repeated(
        self, rig: ChannelRig | FulfillerRig
    ) -> None:
        # given the same call with another body, and without what proves it
        headers, body = rig.call()

        # then both are refused, in words of ours
        for forged, sent in ((headers, body + b" forged"), ({}, body), ({}, b"")):
            with pytest.raises(Unauthorized) as refused:
                rig.connector.hinted(forged, sent)
            assert "forged" not in str(refused.value)


class TestListingSource:
    capability = ListingSource

    def test_every_listing_is_found_and_a_second_walk_finds_the_same(self, rig: ChannelRig) -> None:
        # given a catalogue of three
        # when it is walked twice
        first, second = listings(rig), listings(rig)

        # then both walks have it whole
        assert {one.remote_sku for one in first} == {SKU, "TEAPOT", "TRAY"}
        assert {one.remote_id for one in first} == {one.remote_id for one in second}


class TestOfferTarget:
    capability = OfferTarget

    def change(self, rig: ChannelRig, quantity: int, *, sku: str = SKU) -> OfferChange:
        """A change as jobs make it: where, what, and what is shown there now."""
        listing = next(one for one in listings(rig) if one.remote_sku == sku)
        places = [place for place, _ in rig.connector.remote_locations()] or [""]
        wanted = OfferChange(
            OfferKey("it", listing.remote_id, places[0]),
            quantity,
            None,
            inventory_id=listing.inventory_id,
            attributes=listing.attributes,
        )
        (reading,) = rig.connector.read_offers([wanted])
        return replace(wanted, shown=reading.quantity)

    def read(self, rig: ChannelRig, change: OfferChange) -> int | None:
        rig.pass_time()
        (reading,) = rig.connector.read_offers([change])
        assert reading.key == change.key
        assert reading.read_at <= rig.clock.now()
        quantity: int | None = reading.quantity
        return quantity

    def test_what_was_written_is_read_back(self, rig: ChannelRig) -> None:
        # given an offer that shows what the shop has
        change = self.change(rig, 7)
        assert change.shown == UNITS

        # when another number is written
        (result,) = rig.connector.push_offers([change], attempt="a")

        # then it is shown, at once or when the remote got to it, and the result claims no more
        assert result.outcome in (OfferOutcome.SHOWN, OfferOutcome.SENT)
        if result.outcome is OfferOutcome.SHOWN:
            (at_once,) = rig.connector.read_offers([change])
            assert at_once.quantity == 7
        assert self.read(rig, change) == 7

    def test_the_same_number_can_be_written_again_after_another(self, rig: ChannelRig) -> None:
        # given an offer that goes 5, then 7
        for attempt, quantity in (("a", 5), ("b", 7)):
            change = self.change(rig, quantity)
            rig.connector.push_offers([change], attempt=attempt)
            assert self.read(rig, change) == quantity

        # when it goes to 5 again
        change = self.change(rig, 5)
        rig.connector.push_offers([change], attempt="c")

        # then 5 is shown: no key of yesterday swallowed it
        assert self.read(rig, change) == 5

    def test_a_write_that_expects_another_number_changes_nothing_where_that_is_promised(
        self, rig: ChannelRig
    ) -> None:
        # given a change that was decided on an older reading
        change = self.change(rig, 7)
        stale = replace(change, shown=UNITS - 1)

        # when it is written
        (result,) = rig.connector.push_offers([stale], attempt="a")

        # then a remote that compares says STALE and stands still; another one takes it
        if rig.connector.compare_and_set:
            assert result.outcome is OfferOutcome.STALE
            assert self.read(rig, change) == UNITS
        else:
            assert result.outcome is OfferOutcome.SENT
            assert self.read(rig, change) == 7

    def test_there_is_one_result_for_each_change(self, rig: ChannelRig) -> None:
        # given three changes, one of them for a listing that is gone
        changes = [self.change(rig, 3), self.change(rig, 4, sku="TEAPOT")]
        gone = changes[1].key.remote_id + "9"
        lost = replace(
            changes[1],
            key=replace(changes[1].key, remote_id=gone),
            inventory_id=changes[1].inventory_id and changes[1].inventory_id + "9",
        )

        # when they are written together
        results = rig.connector.push_offers([*changes, lost], attempt="a")

        # then each has its own answer, the good ones came true, and nobody calls the lost one shown
        assert sorted(one.key.remote_id for one in results) == sorted(
            [*(one.key.remote_id for one in changes), gone]
        )
        outcomes = {one.key.remote_id: one.outcome for one in results}
        assert outcomes[gone] is not OfferOutcome.SHOWN
        assert self.read(rig, changes[0]) == 3
        assert self.read(rig, lost) is None

    def test_reading_an_offer_that_is_gone_is_no_error(self, rig: ChannelRig) -> None:
        # given a key that never was
        change = self.change(rig, 3)
        lost = replace(change, key=replace(change.key, remote_id=change.key.remote_id + "9"))
        if change.inventory_id:
            lost = replace(lost, inventory_id=change.inventory_id + "9")

        # when it is read beside one that is
        readings = {one.key: one.quantity for one in rig.connector.read_offers([change, lost])}

        # then the one is told, and the other shows nothing
        assert readings == {change.key: UNITS, lost.key: None}


def cancellation_of(order: Order, why: CancelReason = CancelReason.OUT_OF_STOCK) -> Cancellation:
    """All of it."""
    return Cancellation(order.remote_id, why, tuple(one.remote_id for one in order.lines), True)


def told(rig: ChannelRig, ref: str, key: str) -> Told:
    """What a submission's message came to, once it is over."""
    for _ in range(20):
        found: Told = rig.connector.look_at_submission(ref, key=key)
        if found.verdict is not Verdict.WAITING:
            return found
        rig.pass_time(rig.connector.look_every.total_seconds())
    raise AssertionError("it is never over")


def push_cancellation(rig: ChannelRig, cancellation: Cancellation, key: str = "cancel:it:1") -> str:
    """Have it made, or refused, wherever the channel says so. Raises Rejected."""
    ref: str = rig.connector.push_cancellation(cancellation, key=key)
    if isinstance(rig.connector, SubmissionTarget):
        found = told(rig, ref, key)
        if found.verdict is Verdict.REFUSED:
            raise Rejected(found.words, connector="it", operation="cancel", code=found.code)
        assert found.verdict is Verdict.TAKEN
    return ref


class TestCancellationTarget:
    capability = CancellationTarget

    def test_an_order_is_canceled_once_and_found_canceled(self, rig: ChannelRig) -> None:
        # given an order that nobody canceled
        rig.sell(quantity=2)
        (order,) = orders_of(pull(rig)).values()
        assert not rig.connector.find_cancellation(cancellation_of(order), key="cancel:it:1")

        # when it is canceled, and once more
        push_cancellation(rig, cancellation_of(order))
        with contextlib.suppress(Rejected):
            push_cancellation(rig, cancellation_of(order))
        rig.pass_time()

        # then it is canceled, and a pull says so
        assert rig.connector.find_cancellation(cancellation_of(order), key="cancel:it:1")
        (again,) = orders_of(pull(rig)).values()
        assert again.canceled_at is not None

    def test_one_that_was_shipped_is_refused(self, rig: ChannelRig) -> None:
        rig.sell(quantity=2)
        (order,) = orders_of(pull(rig)).values()
        rig.connector.push_shipment(rig.parcel(order), key="confirm:1")
        rig.pass_time()
        with pytest.raises(Rejected):
            push_cancellation(rig, cancellation_of(order, CancelReason.BUYER))
        assert not rig.connector.find_cancellation(cancellation_of(order), key="cancel:it:1")

    @pytest.mark.parametrize("reason", CancelReason)
    def test_every_reason_has_a_word_there(self, rig: ChannelRig, reason: CancelReason) -> None:
        rig.sell()
        (order,) = orders_of(pull(rig)).values()
        push_cancellation(rig, cancellation_of(order, reason))
        rig.pass_time()
        assert rig.connector.find_cancellation(cancellation_of(order), key="cancel:it:1")

    @pytest.mark.parametrize("fault", ["lost-answer", "503-html"])
    def test_a_lost_answer_is_an_unknown_outcome(self, rig: ChannelRig, fault: str) -> None:
        rig.sell(quantity=2)
        (order,) = orders_of(pull(rig)).values()
        rig.simulator.faults.set([{"operation": rig.cancel_call, "kind": fault, "nth": 1}])
        with pytest.raises(UnknownOutcome):
            rig.connector.push_cancellation(cancellation_of(order), key="cancel:it:1")

    def test_one_line_of_several_is_canceled_alone_where_it_can_be(self, rig: ChannelRig) -> None:
        # given an order of two lines
        if not rig.connector.cancels_lines:
            pytest.skip("only whole orders are canceled there")
        rig.simulator.place_order(
            {"lines": [{"sku": SKU, "quantity": 1}, {"sku": "TRAY", "quantity": 2}]}
        )
        (order,) = orders_of(pull(rig)).values()
        first, second = (one.remote_id for one in order.lines)
        alone = Cancellation(order.remote_id, CancelReason.OUT_OF_STOCK, (first,), False)

        # when one of them is canceled
        push_cancellation(rig, alone)
        rig.pass_time()

        # then it is wanted no more, and the other is
        (again,) = orders_of(pull(rig)).values()
        assert {one.remote_id: one.current for one in again.lines} == {first: 0, second: 2}
        assert again.canceled_at is None
        assert rig.connector.find_cancellation(alone, key="cancel:it:1")
        assert not rig.connector.find_cancellation(cancellation_of(order), key="cancel:it:1")

    def test_one_line_that_was_shipped_is_refused(self, rig: ChannelRig) -> None:
        # given an order of two lines of which one left
        if not rig.connector.cancels_lines:
            pytest.skip("only whole orders are canceled there")
        rig.simulator.place_order(
            {"lines": [{"sku": SKU, "quantity": 1}, {"sku": "TRAY", "quantity": 2}]}
        )
        (order,) = orders_of(pull(rig)).values()
        left = order.lines[0].remote_id
        parcel = rig.parcel(replace(order, lines=order.lines[:1]))
        rig.connector.push_shipment(parcel, key="confirm:1")
        rig.pass_time()

        # then that one cannot be canceled
        with pytest.raises(Rejected):
            push_cancellation(
                rig, Cancellation(order.remote_id, CancelReason.OTHER, (left,), False)
            )

    def test_units_of_a_line_are_canceled_and_the_others_stay(self, rig: ChannelRig) -> None:
        # given an order of three of a thing, and one of another
        if not rig.connector.cancels_units:
            pytest.skip("only whole lines are canceled there")
        rig.simulator.place_order(
            {"lines": [{"sku": SKU, "quantity": 3}, {"sku": "TRAY", "quantity": 1}]}
        )
        (order,) = orders_of(pull(rig)).values()
        first, second = (one.remote_id for one in order.lines)
        part = PartOfLine(first, quantity=1, staying=2)
        some = Cancellation(order.remote_id, CancelReason.OUT_OF_STOCK, (), False, (part,))
        assert not rig.connector.find_cancellation(some, key="cancel:it:1")

        # when one of the three is canceled, twice
        push_cancellation(rig, some)
        push_cancellation(rig, some)
        rig.pass_time()

        # then two are wanted, and it is known by its outcome and by its name
        (again,) = orders_of(pull(rig)).values()
        assert {one.remote_id: one.current for one in again.lines} == {first: 2, second: 1}
        assert rig.connector.find_cancellation(some, key="cancel:it:2")
        more = replace(some, parts=(PartOfLine(first, quantity=1, staying=1),))
        assert rig.connector.find_cancellation(more, key="cancel:it:1")
        assert not rig.connector.find_cancellation(more, key="cancel:it:2")


class TestSubmissionTarget:
    capability = SubmissionTarget

    def submitted(self, rig: ChannelRig, key: str) -> tuple[Order, str]:
        rig.sell()
        order = max(orders_of(pull(rig)).values(), key=lambda one: one.placed_at)
        return order, rig.connector.push_cancellation(cancellation_of(order), key=key)

    def test_nothing_came_true_with_the_push(self, rig: ChannelRig) -> None:
        # given a write that was taken in
        order, ref = self.submitted(rig, "cancel:it:1")

        # then it waits, nothing is changed, and once it is over it is
        assert rig.connector.look_at_submission(ref, key="cancel:it:1").verdict is Verdict.WAITING
        assert not rig.connector.find_cancellation(cancellation_of(order), key="cancel:it:1")
        assert told(rig, ref, "cancel:it:1").verdict is Verdict.TAKEN
        assert rig.connector.find_cancellation(cancellation_of(order), key="cancel:it:1")

    def test_what_was_refused_is_told_with_the_remotes_words(self, rig: ChannelRig) -> None:
        order, ref = self.submitted(rig, "cancel:it:1")
        told(rig, ref, "cancel:it:1")
        again = rig.connector.push_cancellation(cancellation_of(order), key="cancel:it:1")
        found = told(rig, again, "cancel:it:1")
        assert (found.verdict, bool(found.words)) == (Verdict.REFUSED, True)

    def test_what_began_after_a_lost_answer_is_found(self, rig: ChannelRig) -> None:
        # given one that is known, and one whose answer was lost
        _, known = self.submitted(rig, "cancel:it:1")
        since = rig.clock.now()
        rig.simulator.faults.set([{"operation": rig.cancel_call, "kind": "lost-answer", "nth": 1}])
        with pytest.raises(UnknownOutcome):
            self.submitted(rig, "cancel:it:2")

        # when it is looked for
        (found,) = rig.connector.find_submissions("cancellation", since=since, known=[known])

        # then it is there, and is over in its time; nothing else is
        assert told(rig, found, "cancel:it:2").verdict is Verdict.TAKEN
        assert not rig.connector.find_submissions("cancellation", since=since, known=[known, found])


class TestHintQueue:
    capability = HintQueue

    def test_a_hint_names_its_order_and_is_gone_once_it_is_forgotten(self, rig: AmazonRig) -> None:
        # given an order that the remote tells of twice, and what nobody can read
        if not rig.connector.has_queue:
            pytest.skip("its client is an extra that is not installed")
        order = rig.sell()
        rig.hint(order, duplicates=1)
        rig.queue.send("{")

        # when they are read, and read again before they are forgotten
        hints = rig.connector.read_hints()
        assert Counter(one.order for one in hints) == {order: 2, "": 1}
        assert rig.connector.read_hints() == []
        rig.pass_time()
        again = rig.connector.read_hints()
        assert len(again) == 3

        # then they come again until they are forgotten
        rig.connector.forget_hints(again)
        rig.connector.forget_hints([])
        rig.pass_time()
        assert rig.connector.read_hints() == []
        assert rig.queue.left == 0

    @pytest.mark.parametrize(
        ("fault", "error"),
        [("lost-answer", Unavailable), ("503-html", Unavailable), ("throttled", RateLimited)],
    )
    def test_trouble_with_the_queue_is_told_apart(
        self, rig: AmazonRig, fault: str, error: type[Exception]
    ) -> None:
        if not rig.connector.has_queue:
            pytest.skip("its client is an extra that is not installed")
        rig.queue.faults.set([{"operation": "ReceiveMessage", "kind": fault, "nth": 1}])
        with pytest.raises(error):
            rig.connector.read_hints()


class TestShipmentTarget:
    capability = ShipmentTarget

    def order(self, rig: ChannelRig) -> Order:
        rig.sell(quantity=2)
        (found,) = orders_of(pull(rig)).values()
        return found

    def test_the_same_push_twice_is_one_parcel(self, rig: ChannelRig) -> None:
        # given a parcel that was told once
        order = self.order(rig)
        parcel = rig.parcel(order)
        first = rig.connector.push_shipment(parcel, key="confirm:1")
        rig.pass_time()

        # when it is told again
        second = rig.connector.push_shipment(parcel, key="confirm:1")

        # then the remote knows one
        assert rig.tracking_numbers(order) == [TRACKING]
        assert first == second

    def test_a_parcel_is_found_only_after_it_was_pushed(self, rig: ChannelRig) -> None:
        # given a parcel nobody told the remote about
        order = self.order(rig)
        parcel = rig.parcel(order)
        before = rig.connector.find_shipment(parcel, key="confirm:1")

        # when it is told
        reference = rig.connector.push_shipment(parcel, key="confirm:1")
        rig.pass_time()

        # then it is found, under the reference the push gave
        assert before is None
        assert rig.connector.find_shipment(parcel, key="confirm:1") == reference

    def test_another_parcel_is_not_taken_for_this_one(self, rig: ChannelRig) -> None:
        # given an order with one of its two units confirmed
        order = self.order(rig)
        half = replace(rig.parcel(order).lines[0], quantity=1)
        first = replace(rig.parcel(order), lines=(half,))
        rig.connector.push_shipment(first, key="confirm:1")
        rig.pass_time()
        second: Any = replace(first, package_number=2, tracking_number="1Z999AA10123456793")

        # when the second parcel is asked about, told, and asked about again
        before = rig.connector.find_shipment(second, key="confirm:2")
        reference = rig.connector.push_shipment(second, key="confirm:2")
        rig.pass_time()

        # then it was not there before, and both are now
        assert before is None
        assert rig.connector.find_shipment(second, key="confirm:2") == reference
        assert sorted(rig.tracking_numbers(order)) == sorted([TRACKING, second.tracking_number])


class TestBulkOfferTarget:
    capability = BulkOfferTarget

    def changes(self, rig: ChannelRig, *quantities: int) -> list[OfferChange]:
        skus = (SKU, "TEAPOT", "TRAY")
        offers = TestOfferTarget()
        return [
            offers.change(rig, quantity, sku=sku)
            for sku, quantity in zip(skus, quantities, strict=False)
        ]

    def ended(self, rig: ChannelRig, ref: str) -> None:
        for _ in range(20):
            if rig.connector.look_at_bulk(ref).stage is BulkStage.ENDED:
                return
            rig.pass_time(120)
        raise AssertionError("it never ended")

    def test_what_is_staged_is_not_written_and_what_is_submitted_is(self, rig: ChannelRig) -> None:
        # given two changes that are staged, twice, as after a crash
        changes = self.changes(rig, 7, 0)
        rig.connector.stage_bulk(changes, key="0123456789abcdef")
        staged = rig.connector.stage_bulk(changes, key="0123456789abcdef")
        rig.pass_time()
        assert [one.quantity for one in rig.connector.read_offers(changes)] == [UNITS, UNITS]

        # when it is submitted and ends
        ref = rig.connector.submit_bulk(staged, key="0123456789abcdef")
        self.ended(rig, ref)

        # then each change has its result and is shown
        results = rig.connector.bulk_results(ref, changes)
        assert [one.key for one in results] == [one.key for one in changes]
        assert {one.outcome for one in results} <= {OfferOutcome.SHOWN, OfferOutcome.SENT}
        rig.pass_time()
        assert [one.quantity for one in rig.connector.read_offers(changes)] == [7, 0]

    def test_what_began_can_be_found_and_what_did_not_cannot(self, rig: ChannelRig) -> None:
        # given something staged
        since = rig.clock.now()
        staged = rig.connector.stage_bulk(self.changes(rig, 7), key="0123456789abcdef")
        find = rig.connector.find_bulk
        assert find(key="0123456789abcdef", since=since, known=()) is None

        # when it begins, then it is found by whoever did not get the answer
        ref = rig.connector.submit_bulk(staged, key="0123456789abcdef")
        rig.pass_time()
        assert find(key="0123456789abcdef", since=since, known=()) == ref

    def test_a_comparison_holds_for_each_change_by_itself(self, rig: ChannelRig) -> None:
        # given two changes, one decided on an older reading
        good, other = self.changes(rig, 7, 8)
        stale = replace(other, shown=UNITS - 1)

        # when they are sent together
        staged = rig.connector.stage_bulk([good, stale], key="0123456789abcdef")
        ref = rig.connector.submit_bulk(staged, key="0123456789abcdef")
        self.ended(rig, ref)
        rig.pass_time()

        # then the good one came true, and a remote that compares left the other alone
        outcomes = [one.outcome for one in rig.connector.bulk_results(ref, [good, stale])]
        shown = [one.quantity for one in rig.connector.read_offers([good, stale])]
        assert shown[0] == 7
        if rig.connector.compare_and_set:
            assert outcomes == [OfferOutcome.SHOWN, OfferOutcome.STALE]
            assert shown[1] == UNITS
        else:
            assert shown[1] == 8


class TestShelfSource:
    capability = ShelfSource

    def test_a_rate_of_reading_is_told(self, rig: ChannelRig) -> None:
        assert rig.connector.offers_per_second > 0


class TestShelfReport:
    capability = ShelfReport

    def test_a_report_tells_what_every_offer_showed_at_one_instant(self, rig: ChannelRig) -> None:
        # given offers that show what the shop has, and one that changed
        change = TestOfferTarget().change(rig, 7)
        rig.connector.push_offers([change], attempt="a")
        rig.pass_time()

        # when the report is walked, over as many runs as it takes
        cursor, found, complete_to = None, {}, None
        for _ in range(20):
            for batch in rig.connector.pull_shown(since=cursor):
                cursor, complete_to = batch.cursor, batch.complete_to
                found |= {one.key.remote_id: one for one in batch.items}
            if complete_to is not None:
                break
            rig.pass_time(120)

        # then it has each, as of one instant that is past
        assert sorted(one.quantity for one in found.values()) == [7, UNITS, UNITS]
        assert {one.read_at for one in found.values()} == {complete_to}
        assert complete_to <= rig.clock.now()
