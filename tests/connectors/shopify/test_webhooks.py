"""Who may hint, and what a hint means."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from hashlib import sha256

import pytest

from connectors.shopify.webhooks import TOPICS, is_signed
from core.errors import Unauthorized
from tests.connectors.shopify.test_connector_simulated import Rig, rig_of

BODY = b'{"id": 1}'
SECRET = "simulated-secret"


def signature(secret: str = SECRET, body: bytes = BODY) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, sha256).digest()).decode()


def headers(**changes: str) -> dict[str, str]:
    return {
        "x-shopify-topic": "orders/create",
        "x-shopify-hmac-sha256": signature(),
        "x-shopify-shop-domain": "demo.myshopify.com",
    } | {name.replace("_", "-"): value for name, value in changes.items()}


@pytest.fixture
def rig() -> Iterator[Rig]:
    yield from rig_of(webhook_secrets=["older-secret"])


@pytest.mark.parametrize(
    ("topic", "flows"),
    [
        ("orders/create", {"orders"}), ("ORDERS/UPDATED", {"orders"}), 
        ("refunds/create", {"orders", "returns"}), ("returns/approve", {"orders", "returns"}),
        ("products/update", {"listings"}), ("inventory_levels/update", {"stock"}),
        ("bulk_operations/finish", {"bulk"}), ("themes/publish", set()), ("", set()),
    ],
)  # fmt: skip
def test_a_topic_says_which_flows_have_work(rig: Rig, topic: str, flows: set[str]) -> None:
    assert rig.connector.hinted(headers(x_shopify_topic=topic), BODY) == flows


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, b'{"id": 2}'),
        ({"x_shopify_hmac_sha256": ""}, BODY),
        ({"x_shopify_hmac_sha256": signature("guess")}, BODY),
        ({"x_shopify_hmac_sha256": "\u00e9" * 44}, BODY),
        ({"x_shopify_shop_domain": "other.myshopify.com"}, BODY),
        ({"x_shopify_shop_domain": ""}, BODY),
    ],
)
def test_what_this_shop_did_not_sign_is_refused_without_a_word_of_it(
    rig: Rig, changes: dict[str, str], body: bytes
) -> None:
    with pytest.raises(Unauthorized) as refused:
        rig.connector.hinted(headers(**changes), body)

    assert SECRET not in str(refused.value)
    assert "guess" not in str(refused.value)


def test_a_secret_that_was_changed_is_good_as_long_as_it_is_written(rig: Rig) -> None:
    old = headers(x_shopify_hmac_sha256=signature("older-secret"))

    assert rig.connector.hinted(old, BODY) == {"orders"}


def test_a_shop_without_any_secret_believes_nobody() -> None:
    assert not is_signed(BODY, signature(""), [])


def test_the_simulated_shop_signs_as_shopify_does_and_may_deliver_twice(rig: Rig) -> None:
    # given a subscriber nobody answers for
    hooks = rig.simulator.subscribe("http://127.0.0.1:9/hooks/shopify-us", twice=True)
    first = rig.sell(("MUG", 1))
    rig.clock.advance(60)
    rig.simulator.place_order({"cancel": first["id"]})
    rig.sell(("MUG", 1))

    sent = hooks.settle()

    assert {one.topic for one in sent} >= {"orders/create", "orders/cancelled"}
    assert len({one.webhook_id for one in sent}) < len(sent), "some came twice"
    assert {answer for one in sent for answer in one.answers} == {0}
    for one in sent:
        small = {name.lower(): value for name, value in hooks.headers(one).items()}
        assert rig.connector.hinted(small, one.body) == {"orders"}
        assert set(json.loads(one.body)) == {"id", "admin_graphql_api_id", "updated_at"}
    assert len(rig.simulator.books()["webhooks"]) == len(sent)


def test_every_topic_is_known_by_the_connection(rig: Rig) -> None:
    assert set(rig.connector.topics) == set(TOPICS)
