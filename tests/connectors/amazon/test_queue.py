"""Order changes in a queue: read by the real client of SQS, against a queue that is as strict."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connectors import registry
from connectors.amazon import queue
from connectors.amazon.simulator.notifications import order_change
from core.errors import ConfigError, Unauthorized
from tests.contracts.rigs import AmazonRig, Inside

SCHEMA = (
    Path(__file__).parents[3] / ".." / "shared" / "reference" / "amazon" / "schemas"
    / "notifications" / "OrderChangeNotification.json"
)  # fmt: skip
SELLER, US = "A2LOCKSTEPDEMO", "ATVPDKIKX0DER"
needs_client = pytest.mark.skipif(
    not queue.installed(), reason="the extra `sqs` is not installed: requirements-sqs.lock"
)


@pytest.fixture
def rig() -> Iterator[AmazonRig]:
    made = AmazonRig("amazon")
    yield made
    made.close()


def named(body: object) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    return queue.changed_order(text, seller=SELLER, marketplace=US)


@pytest.mark.skipif(not SCHEMA.is_file(), reason="the published schemas (../shared) are not here")
def test_the_published_example_is_read_and_ours_are_as_published(rig: AmazonRig) -> None:
    # given the schema with its example, and a message of the simulator's
    schema = json.loads(SCHEMA.read_text())
    example = schema["examples"][0]
    order = rig.sell()
    message = json.loads(order_change(rig.simulator.account, order, now=rig.clock.now()))

    # then both are valid, and each names its order to whom it belongs
    jsonschema.Draft7Validator(schema).validate(message)
    assert named(message) == order
    assert queue.changed_order(
        json.dumps(example), seller="A3TH9S8BH6GOGM", marketplace=US
    ) == "903-8868176-2219830"  # fmt: skip
    assert named(example) == ""


@pytest.mark.parametrize(
    "body",
    [
        "", "null", "[]", "not json", "{}", '{"NotificationType": "ORDER_CHANGE"}',
        '{"NotificationType": "ORDER_CHANGE", "Payload": []}',
        '{"notificationType": "FEED_PROCESSING_FINISHED", "payload": {"feedId": "1"}}',
        '{"Type": "SubscriptionConfirmation", "SubscribeURL": "https://elsewhere.example"}',
        '{"NotificationType": "ORDER_CHANGE", "Payload": {"OrderChangeNotification": '
        '{"SellerId": "A2LOCKSTEPDEMO", "AmazonOrderId": "1", "Summary": {"MarketplaceId": "A1"}}}}',
        # what no address holds: the look at it would fail again and again, and at all beside it
        *(
            '{"NotificationType": "ORDER_CHANGE", "Payload": {"OrderChangeNotification": '
            f'{{"SellerId": "A2LOCKSTEPDEMO", "AmazonOrderId": "{order}"}}}}}}'
            for order in (r"\ud83d", "x" * 70_000, "../../feeds", "1?x=2", " ")
        ),
    ],
)  # fmt: skip
def test_what_is_none_of_ours_names_nothing(body: str) -> None:
    assert named(body) == ""


@needs_client
def test_a_wrong_key_is_told_as_such_and_shows_no_secret(rig: AmazonRig) -> None:
    # given keys of somebody else
    tree = rig.settings()
    for field, wrong in (("access_key_id", "AKIAELSE"), ("secret_access_key", "not-the-secret")):
        tree["orders_queue"] = rig._queue() | {field: wrong}
        settings = registry.settings_of("amazon").model_validate(tree)
        other: Any = registry.connect("amazon", "it", settings, Inside(rig.clock))

        # then it is refused, in words without them
        with pytest.raises(Unauthorized) as refused:
            other.read_hints()
        assert "secret" not in str(refused.value)
        other.close()


@needs_client
def test_nothing_is_taken_from_the_environment(
    rig: AmazonRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "AKIAELSE", "AWS_CONFIG_FILE": "/nowhere", "HTTP_PROXY": "http://127.0.0.1:9",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert rig.connector.read_hints() == []


def test_without_the_client_a_queue_is_refused_and_says_what_to_install(
    rig: AmazonRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an installation without the extra
    monkeypatch.setattr(queue, "installed", lambda: False)
    tree = rig.settings() | {
        "orders_queue": {
            "url": "https://sqs.us-east-1.amazonaws.com/123456789012/orders",
            "access_key_id": "AKIA", "secret_access_key": "secret",
        }
    }  # fmt: skip
    settings = registry.settings_of("amazon").model_validate(tree)

    # then a configured queue is an error of the configuration
    assert settings.orders_queue.region_name == "us-east-1"
    with pytest.raises(ConfigError, match=r"requirements-sqs\.lock"):
        registry.connect("amazon", "it", settings, Inside(rig.clock))


def test_the_client_is_imported_with_the_first_look_and_not_before() -> None:
    code = (
        "import sys, connectors.amazon.connector, jobs.schedule; "
        "assert not any(name.startswith('botocore') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
