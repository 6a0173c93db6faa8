"""Calls of a 3PL: who knows the secret is heard, and names the order it is about."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors import registry
from connectors.fulfiller.connector import Fulfiller, is_signed
from connectors.fulfiller.settings import Hook
from core.errors import Unauthorized
from jobs.clock import ManualClock
from tests.contracts.rigs import NOON, Inside, cedar

BODY = b'{"order": {"id": "C1"}}'
DIGEST = hmac.new(b"hush", BODY, hashlib.sha256).digest()


def place(**changes: Any) -> Fulfiller:
    told = cedar("http://127.0.0.1:9/") | changes
    settings = registry.settings_of("fulfiller").model_validate(told)
    made = registry.connect("fulfiller", "cedar", settings, Inside(ManualClock(NOON)))
    assert isinstance(made, Fulfiller)
    return made


@pytest.mark.parametrize(
    ("hook", "given", "right"),
    [
        ({}, DIGEST.hex(), True),
        ({}, f" {DIGEST.hex()} ", True),
        ({"prefix": "sha256="}, f"sha256={DIGEST.hex()}", True),
        ({"encoding": "base64"}, base64.b64encode(DIGEST).decode(), True),
        ({"prefix": "sha256="}, DIGEST.hex(), False),
        ({"encoding": "base64"}, DIGEST.hex(), False),
        ({}, DIGEST.hex()[:-1], False),
        ({}, "", False),
        ({}, "\u4e2d" * 64, False),
    ],
)
def test_only_the_very_signature_over_the_very_bytes_will_do(
    hook: dict[str, str], given: str, right: bool
) -> None:
    settings = Hook.model_validate({"secret": "hush", **hook})

    assert is_signed(settings, {"x-signature": given}, BODY) is right
    assert not is_signed(settings, {"x-signature": given}, BODY + b" ")
    assert not is_signed(settings, {"x-other": given}, BODY)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"order": {"reference": "shopify-us:1:F1", "id": "C000001"}}', {"shopify-us:1:F1", "C000001"}),
        (b'{"order": {"id": 17}}', {"17"}),
        (b'{"order": {"id": ["C1"]}}', set()),
        (b'{"order": {"id": "%s"}}' % (b"9" * 300), set()),
        (b"[]", set()),
        (b"<order/>", set()),
        (b"\xff\xfe", set()),
        (b"[" * 100_000, set()),
    ],
)  # fmt: skip
def test_what_a_call_names_is_taken_where_it_stands_and_nothing_else(
    body: bytes, named: set[str]
) -> None:
    assert place().requests_named(body) == named


def test_without_a_hook_nobody_is_heard() -> None:
    deaf = place(hook=None)

    with pytest.raises(Unauthorized):
        deaf.hinted({"x-cedar-signature": "sha256="}, BODY)
    assert deaf.topics == ()
    assert deaf.requests_named(BODY) == frozenset()


def test_a_hook_without_a_question_to_hurry_is_refused() -> None:
    told = cedar("http://127.0.0.1:9/") | {"status": None}

    with pytest.raises(ValueError, match="a call only hurries the asking"):
        registry.settings_of("fulfiller").model_validate(json.loads(json.dumps(told)))
