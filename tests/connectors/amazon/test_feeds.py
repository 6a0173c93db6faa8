"""Quantities as a listings feed: what is sent, what it keeps, and what its report means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from connectors.amazon.feeds import results_of
from core.errors import Rejected, Unavailable, UnknownOutcome
from core.model.catalog import OfferChange, OfferKey, OfferOutcome
from core.ports import BulkStage
from tests.contracts.rigs import AmazonRig

SCHEMAS = Path(__file__).parents[3] / ".." / "shared" / "reference" / "amazon" / "schemas" / "feeds"
US = "it"


@pytest.fixture
def rig() -> Iterator[AmazonRig]:
    made = AmazonRig("amazon")
    yield made
    made.close()


def change(sku: str, quantity: int, **more: object) -> OfferChange:
    return OfferChange(OfferKey(US, sku), quantity, 20, **more)  # type: ignore[arg-type]


def sent(rig: AmazonRig, *changes: OfferChange) -> str:
    staged = rig.connector.stage_bulk(changes, key="k")
    return str(rig.connector.submit_bulk(staged, key="k"))


def availability(rig: AmazonRig, sku: str) -> dict[str, object]:
    return dict(rig.simulator.account.listings[sku].current["DEFAULT"])


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the published schemas (../shared) are not here")
def test_the_feed_is_what_the_published_schemas_ask_for(rig: AmazonRig):
    # given the schemas of a feed and of a message
    whole = json.loads((SCHEMAS / "listings-feed-schema-v2.json").read_text())
    message = json.loads((SCHEMAS / "listings-feed-message-schema-v2.json").read_text())

    # when a feed is made
    feed = rig.connector._feeds.feed([change("MUG-BLUE", 3), change("TRAY", 0)])

    # then it and each of its messages is valid
    jsonschema.Draft7Validator(message).validate(feed["messages"][0])
    jsonschema.Draft7Validator(message).validate(feed["messages"][1])
    header = whole["properties"]["header"]
    jsonschema.Draft7Validator(header).validate(feed["header"])


def test_a_feed_sets_quantities_and_keeps_the_handling_time(rig: AmazonRig):
    # given a listing with a handling time of its own
    rig.simulator.account.listings["MUG-BLUE"].current["DEFAULT"]["lead_time_to_ship_max_days"] = 7

    # when a feed is sent and ends
    ref = sent(rig, change("MUG-BLUE", 3), change("TRAY", 0))
    assert rig.connector.look_at_bulk(ref).stage is BulkStage.QUEUED
    rig.pass_time()

    # then each change was taken, and nothing beside the quantity moved
    assert rig.connector.look_at_bulk(ref).stage is BulkStage.ENDED
    results = rig.connector.bulk_results(ref, [change("MUG-BLUE", 3), change("TRAY", 0)])
    assert [one.outcome for one in results] == [OfferOutcome.SENT] * 2
    assert availability(rig, "MUG-BLUE") == {
        "fulfillment_channel_code": "DEFAULT", "quantity": 3, "lead_time_to_ship_max_days": 7,
    }  # fmt: skip


def test_done_does_not_mean_accepted(rig: AmazonRig):
    # given one listing that Amazon will not have changed
    rig.simulator.place_order({"block": {"sku": "TRAY", "code": "8541"}})

    # when a feed with both ends
    changes = [change("MUG-BLUE", 3), change("TRAY", 1)]
    ref = sent(rig, *changes)
    rig.pass_time()

    # then one was taken and the other refused in Amazon's words
    assert rig.connector.look_at_bulk(ref).stage is BulkStage.ENDED
    taken, refused = rig.connector.bulk_results(ref, changes)
    assert taken.outcome is OfferOutcome.SENT
    assert (refused.outcome, refused.code) == (OfferOutcome.REFUSED, "8541")


def test_a_feed_that_is_stuck_or_broken_says_so(rig: AmazonRig):
    # given a feed that breaks and one that does not end
    rig.simulator.place_order({"next_feed": "broken"})
    broken = sent(rig, change("MUG-BLUE", 3))
    rig.pass_time()
    rig.simulator.place_order({"next_feed": "stuck"})
    stuck = sent(rig, change("MUG-BLUE", 4))
    rig.pass_time(86_400)

    # then they are told apart, and what is stuck can be canceled no more
    assert rig.connector.look_at_bulk(broken).stage is BulkStage.FAILED
    assert rig.connector.look_at_bulk(stuck).stage is BulkStage.RUNNING
    with pytest.raises(Rejected):
        rig.connector.cancel_bulk(stuck)
    assert availability(rig, "MUG-BLUE")["quantity"] == 20

    # and it ends when Amazon lets it go
    rig.simulator.place_order({"free_feeds": True})
    assert rig.connector.look_at_bulk(stuck).stage is BulkStage.ENDED
    assert availability(rig, "MUG-BLUE")["quantity"] == 4


def test_a_feed_that_waits_can_be_canceled_and_changes_nothing(rig: AmazonRig):
    # given a feed that was not begun
    ref = sent(rig, change("MUG-BLUE", 3))

    # when it is canceled
    rig.connector.cancel_bulk(ref)
    rig.pass_time()

    # then it is over without an effect
    assert rig.connector.look_at_bulk(ref).stage is BulkStage.FAILED
    assert availability(rig, "MUG-BLUE")["quantity"] == 20


def test_a_feed_whose_answer_was_lost_is_found_among_those_that_began_since(rig: AmazonRig):
    # given one feed of ours, and one whose answer never came
    since = rig.clock.now() - timedelta(minutes=2)
    first = sent(rig, change("MUG-BLUE", 3))
    staged = rig.connector.stage_bulk([change("TRAY", 2)], key="k")
    assert rig.connector.find_bulk(key="k", since=since, known={first}) is None
    rig.simulator.faults.set([{"operation": "createFeed", "kind": "lost-answer", "nth": 1}])
    with pytest.raises(UnknownOutcome):
        rig.connector.submit_bulk(staged, key="k")
    rig.simulator.faults.set([])

    # when it is asked for
    found = rig.connector.find_bulk(key="k", since=since, known={first})

    # then it is that one, with its results
    assert found not in (None, first)
    rig.pass_time()
    (result,) = rig.connector.bulk_results(found, [change("TRAY", 2)])
    assert result.outcome is OfferOutcome.SENT


def test_several_feeds_that_may_be_ours_are_waited_for_and_then_only_read(rig: AmazonRig):
    # given two feeds nobody of us knows
    since = rig.clock.now() - timedelta(minutes=2)
    sent(rig, change("MUG-BLUE", 3))
    sent(rig, change("TRAY", 2))
    found = rig.connector.find_bulk(key="k", since=since, known=())

    # when both have ended
    assert rig.connector.look_at_bulk(found).stage is BulkStage.QUEUED
    rig.pass_time()

    # then nothing is believed of them
    assert rig.connector.look_at_bulk(found).stage is BulkStage.ENDED
    (result,) = rig.connector.bulk_results(found, [change("TRAY", 2)])
    assert result.outcome is OfferOutcome.UNKNOWN


def test_an_address_that_expired_before_the_upload_is_trouble_and_not_harm(rig: AmazonRig):
    # given an upload that comes too late
    amazon = rig.connector._amazon
    upload = amazon.upload

    def late(url: str, content: bytes, **more: str) -> None:
        rig.clock.advance(600)
        upload(url, content, **more)

    amazon.upload = late

    # when it is staged, then it is tried again later, and no address is told
    with pytest.raises(Unavailable) as told:
        rig.connector.stage_bulk([change("TRAY", 2)], key="k")
    assert "Signature" not in str(told.value)


def test_a_patch_against_a_queued_feed_keeps_no_order(rig: AmazonRig):
    # given a feed that waits, and a patch that lowers meanwhile
    ref = sent(rig, change("MUG-BLUE", 30))
    rig.connector.push_offers([change("MUG-BLUE", 1)], attempt="a")

    # when both have come true
    rig.pass_time()

    # then the feed was the last: whoever relies on order oversells
    assert rig.connector.look_at_bulk(ref).stage is BulkStage.ENDED
    assert availability(rig, "MUG-BLUE")["quantity"] in (1, 30)


def test_a_report_that_does_not_add_up_proves_nothing():
    # given a summary that knows of fewer messages than were sent
    report = {
        "header": {"feedId": "7"}, "issues": [],
        "summary": {"messagesAccepted": 1, "messagesInvalid": 0},
    }  # fmt: skip

    # then nothing is taken for sent, and another feed's report neither
    changes = [change("A", 1), change("B", 2)]
    assert {one.outcome for one in results_of(report, changes, feed="7")} == {OfferOutcome.UNKNOWN}
    report["summary"] = {"messagesAccepted": 2, "messagesInvalid": 0}
    assert {one.outcome for one in results_of(report, changes, feed="8")} == {OfferOutcome.UNKNOWN}
    assert {one.outcome for one in results_of(report, changes, feed="7")} == {OfferOutcome.SENT}


def test_what_amazon_fulfills_is_in_no_feed(rig: AmazonRig):
    # given a listing that Amazon counts
    fba = change("FBA", 3, attributes=(("fulfillment_channel", "AMAZON_NA"),))

    # when a feed is made, then it is left out, and told as refused
    feed = rig.connector._feeds.feed([fba, change("TRAY", 1)])
    assert [one["sku"] for one in feed["messages"]] == ["TRAY"]
    report = {
        "header": {"feedId": "7"}, "issues": [],
        "summary": {"messagesAccepted": 1, "messagesInvalid": 0},
    }  # fmt: skip
    refused, taken = results_of(report, [fba, change("TRAY", 1)], feed="7")
    assert refused.outcome is OfferOutcome.REFUSED
    assert taken.outcome is OfferOutcome.SENT
