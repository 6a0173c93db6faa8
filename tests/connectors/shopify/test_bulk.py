"""Quantities as a bulk mutation: lines compare for themselves, results are read line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from connectors.shopify.bulk import lines_of, mutation_of
from core.errors import Rejected, Unavailable, UnknownOutcome
from core.model.catalog import OfferChange, OfferKey, OfferOutcome
from core.ports import BulkStage
from tests.contracts.rigs import ShopifyRig

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def rig() -> Iterator[ShopifyRig]:
    made = ShopifyRig("shopify")
    yield made
    made.close()


def changes(rig: ShopifyRig, *quantities: int) -> list[OfferChange]:
    shop = rig.simulator.shop
    (place,) = shop.locations
    return [
        OfferChange(
            OfferKey("it", variant.id, place), quantity, 20, inventory_id=variant.inventory_item.id
        )
        for variant, quantity in zip(shop.variants.values(), quantities, strict=False)
    ]


def begun(rig: ShopifyRig, wanted: list[OfferChange], *, key: str = KEY) -> str:
    staged = rig.connector.stage_bulk(wanted, key=key)
    return str(rig.connector.submit_bulk(staged, key=key))


def shown(rig: ShopifyRig, wanted: list[OfferChange]) -> list[int | None]:
    return [one.quantity for one in rig.connector.read_offers(wanted)]


def test_a_line_sets_one_quantity_and_never_without_comparing(rig: ShopifyRig):
    # given two changes
    wanted = changes(rig, 3, 4)

    # when they are written as lines
    first, second = (json.loads(line) for line in lines_of(wanted, key=KEY))

    # then each compares with what was read, and has a key of its own
    assert first["input"]["quantities"][0]["changeFromQuantity"] == 20
    assert len(first["input"]["quantities"]) == 1
    assert first["key"] != second["key"]
    assert f"mutation Lockstep_{KEY}(" in mutation_of(KEY)
    assert "@idempotent(key: $key)" in mutation_of(KEY)


def test_a_number_lowered_while_it_runs_is_not_undone(rig: ShopifyRig):
    # given an operation under way
    wanted = changes(rig, 30, 40)
    ref = begun(rig, wanted)

    # when one of its offers is lowered by a mutation meanwhile
    lowered = changes(rig, 1)
    (result,) = rig.connector.push_offers(lowered, attempt="a")
    assert result.outcome is OfferOutcome.SHOWN
    rig.pass_time(600)

    # then its line is stale, and the lower number stands
    assert rig.connector.look_at_bulk(ref).stage is BulkStage.ENDED
    stale, done = rig.connector.bulk_results(ref, wanted)
    assert (stale.outcome, done.outcome) == (OfferOutcome.STALE, OfferOutcome.SHOWN)
    assert shown(rig, wanted) == [1, 40]


def test_a_line_that_is_refused_says_why_and_harms_no_other(rig: ShopifyRig):
    # given a change for an item that is gone
    good, lost = changes(rig, 3, 4)
    gone = OfferChange(lost.key, 4, 20, inventory_id="gid://shopify/InventoryItem/9")

    # when they run
    ref = begun(rig, [gone, good])
    rig.pass_time(600)

    # then only that one is refused
    refused, done = rig.connector.bulk_results(ref, [gone, good])
    assert (refused.outcome, refused.code) == (OfferOutcome.REFUSED, "INVALID_INVENTORY_ITEM")
    assert done.outcome is OfferOutcome.SHOWN


def test_an_operation_whose_answer_was_lost_is_found_by_its_name(rig: ShopifyRig):
    # given another one of ours, and one whose answer never came
    since = rig.clock.now()
    begun(rig, changes(rig, 3), key="f" * 32)
    staged = rig.connector.stage_bulk(changes(rig, 5), key=KEY)
    rig.simulator.faults.set([{"operation": "BulkRunMutation", "kind": "lost-answer", "nth": 1}])
    with pytest.raises(UnknownOutcome):
        rig.connector.submit_bulk(staged, key=KEY)
    rig.simulator.faults.set([])

    # when it is asked for, then it is that one
    found = rig.connector.find_bulk(key=KEY, since=since, known=())
    assert rig.simulator.shop.bulk.operations[found].path == staged


def test_the_sixth_at_once_did_not_begin_and_is_tried_later(rig: ShopifyRig):
    # given five that run
    rig.clock.advance(1)
    for number in range(5):
        begun(rig, changes(rig, 3), key=f"{number:032}")

    # when a sixth is sent
    staged = rig.connector.stage_bulk(changes(rig, 5), key=KEY)
    with pytest.raises(Unavailable):
        rig.connector.submit_bulk(staged, key=KEY)

    # then it begins once one has ended
    rig.pass_time(600)
    assert rig.connector.submit_bulk(staged, key=KEY)


def test_a_file_that_was_never_uploaded_is_refused(rig: ShopifyRig):
    with pytest.raises(Rejected) as told:
        rig.connector.submit_bulk("tmp/1/bulk/7/nothing.jsonl", key=KEY)

    assert told.value.code == "NO_SUCH_FILE"


def test_one_that_fails_or_does_not_end_is_told_apart(rig: ShopifyRig):
    # given one that breaks half-way, and one that is stuck
    rig.simulator.place_order({"next_bulk": "broken"})
    broken = begun(rig, changes(rig, 3, 4), key="a" * 32)
    rig.pass_time(600)
    rig.simulator.place_order({"next_bulk": "stuck"})
    stuck = begun(rig, changes(rig, 5), key=KEY)
    rig.pass_time(86_400)

    # then each says where it is; half of the broken one came true
    assert rig.connector.look_at_bulk(broken).stage is BulkStage.FAILED
    assert rig.connector.look_at_bulk(stuck).stage is BulkStage.RUNNING
    assert shown(rig, changes(rig, 0, 0)) == [3, 20]

    # and what is stuck can be canceled while it runs
    rig.connector.cancel_bulk(stuck)
    rig.pass_time(60)
    assert rig.connector.look_at_bulk(stuck).stage is BulkStage.FAILED


def test_a_canceled_one_that_had_not_begun_changes_nothing(rig: ShopifyRig):
    # given one that waits
    ref = begun(rig, changes(rig, 3))
    assert rig.connector.look_at_bulk(ref).stage is BulkStage.QUEUED

    # when it is canceled
    rig.connector.cancel_bulk(ref)
    rig.pass_time(600)

    # then nothing moved, and it cannot be canceled again
    assert rig.connector.look_at_bulk(ref).stage is BulkStage.FAILED
    assert shown(rig, changes(rig, 0)) == [20]
    with pytest.raises(Rejected):
        rig.connector.cancel_bulk(ref)


def test_an_address_of_results_that_expired_is_trouble_and_not_harm(rig: ShopifyRig):
    # given results nobody read for more than a week
    wanted = changes(rig, 3)
    ref = begun(rig, wanted)
    rig.pass_time(600)
    rig.connector.look_at_bulk(ref)
    rig.pass_time(8 * 86_400)

    # then it is said, without the address
    with pytest.raises(Unavailable) as told:
        rig.connector.bulk_results(ref, wanted)
    assert "bulk-results" not in str(told.value)
