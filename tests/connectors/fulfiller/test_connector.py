"""An HTTP API by its own words: the worked example against the 3PL it was written for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from connectors.fulfiller.connector import signed
from connectors.fulfiller.settings import Settings, Signature
from connectors.http import Answer
from core.errors import Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.model.fulfillment import AcknowledgmentStatus, AnsweredLine, ShippedLine
from core.ports import AskedFor
from core.rules.effects import short_key
from tests.contracts.rigs import FulfillerRig, cedar
from tests.contracts.test_places import KEY, document

ASKED = AskedFor(KEY, short_key(KEY), "C000001")


@contextmanager
def rig(**changes: Any) -> Iterator[FulfillerRig]:
    made = FulfillerRig("fulfiller")
    try:
        if changes:
            known = Settings.model_validate({**made.settings(), **changes})
            made.connector._settings = known
        yield made
    finally:
        made.close()


def test_an_order_says_what_the_yaml_says() -> None:
    with rig() as made:
        made.connector.submit_request(KEY, document(made))
        (order,) = made.simulator.books()["orders"]
        assert order["reference"] == KEY
        assert order["address"] == {
            "name": "Ann Buyer", "address1": "1 Main St", "city": "Wayne", "state": "NJ",
            "postal_code": "07470", "country": "US",
        }  # fmt: skip


def test_who_refuses_says_why_and_who_is_away_is_come_back_to() -> None:
    with rig() as made:
        sheet = json.loads(document(made))
        sheet["body"]["items"] = []
        with pytest.raises(Rejected, match="reference, items and recipient are needed"):
            made.connector.submit_request(KEY, json.dumps(sheet).encode())
    with rig(base_url="http://127.0.0.1:9/") as made, pytest.raises(Unavailable):
        made.connector.submit_request(KEY, document(made))


@pytest.mark.parametrize("fault", ["500", "503-html", "lost-answer", "truncated", "429-empty"])
def test_what_may_have_landed_is_never_taken_for_what_did_not(fault: str) -> None:
    with rig() as made:
        made.simulator.faults.set([{"operation": "createOrder", "kind": fault, "nth": 1}])
        with pytest.raises(UnknownOutcome):
            made.connector.submit_request(KEY, document(made))


def test_a_wrong_token_is_told_and_never_shown() -> None:
    with rig(headers={"Authorization": "Bearer sesame-open-now"}) as made:
        with pytest.raises(Unauthorized) as refused:
            made.connector.submit_request(KEY, document(made))
        assert "sesame" not in str(refused.value)
        assert "sesame" not in repr(made.connector._settings)


def test_a_name_that_is_taken_is_ours_only_if_it_is_found() -> None:
    with rig() as made:
        made.simulator._unique = True
        first = made.connector.submit_request(KEY, document(made))
        made.pass_time()
        assert made.connector.submit_request(KEY, document(made)) == first
        assert made.received(KEY) == 1

    # and one that says so of every order is not believed
    with rig() as made:
        made.simulator._unique = True
        made.connector.submit_request(KEY, document(made))
        with pytest.raises(Rejected, match="taken"):
            made.connector.submit_request(KEY, document(made))


def test_a_refusal_and_an_unknown_word_are_told_as_they_stand() -> None:
    with rig() as made:
        made.connector.submit_request(KEY, document(made))
        made.simulator.place_order({"cancel": KEY, "reason": "out of stock"})
        told = made.connector.request_status(ASKED).acknowledgment
        assert (told.status, told.raw_status, told.message) == (
            AcknowledgmentStatus.REJECTED, "cancelled", "out of stock",
        )  # fmt: skip
        made.simulator._orders["C000001"].state = "in_limbo"
        told = made.connector.request_status(ASKED).acknowledgment
        assert (told.status, told.raw_status) == (AcknowledgmentStatus.UNKNOWN, "in_limbo")


def test_answers_by_line_days_and_odd_values() -> None:
    with rig() as made:
        made.connector.submit_request(KEY, document(made))
        answer: dict[str, Any] = {
            "order": {
                "status": "On_Hold",
                "expected_ship_date": "2026-12-04T20:00:00-08:00",
                "lines": [
                    {"sku": "MUG", "quantity": "2", "status": "accepted"},
                    {"sku": "TEA", "quantity": 1.0, "status": "on_hold", "ships_on": "2026-12-05"},
                ],
                "parcels": [{"carrier": "DHL eCommerce", "tracking_number": ""}],
            }
        }
        made.connector._read = lambda *_, **__: answer
        told = made.connector.request_status(ASKED)
        later = AcknowledgmentStatus.BACKORDERED
        assert told.acknowledgment.ready_on == date(2026, 12, 4)
        assert told.acknowledgment.lines == (
            AnsweredLine("MUG", AcknowledgmentStatus.ACCEPTED, 2),
            AnsweredLine("TEA", later, 1, date(2026, 12, 5)),
        )
        # A parcel without a number is none yet.
        assert told.notices == ()
        # The first and the last year say that there is no day, wherever their clocks stand.
        for none in ("0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-05:00"):
            answer["order"]["parcels"][0] |= {"tracking_number": "1Z", "shipped_at": none}
            (parcel,) = made.connector.request_status(ASKED).notices
            assert parcel.shipped_at == made.connector._clock.now()
        for wrong in ("two", 1.5, -1, math.nan, math.inf):
            answer["order"]["lines"][0]["quantity"] = wrong
            with pytest.raises(Rejected, match="units"):
                made.connector.request_status(ASKED)


def test_cartons_under_one_number_are_one_parcel_of_all_that_is_in_them() -> None:
    with rig() as made:
        made.connector.submit_request(KEY, document(made))
        cartons = [
            {"tracking_number": "1Z", "items": [{"sku": sku, "quantity": 2}]}
            for sku in ("MUG", "TEA")
        ]
        answer = {"order": {"status": "shipped", "parcels": cartons}}
        made.connector._read = lambda *_, **__: answer
        (notice,) = made.connector.request_status(ASKED).notices
        assert notice.lines == (ShippedLine("MUG", 2), ShippedLine("TEA", 2))


def test_a_cancellation_that_was_only_taken_up_is_no_yes() -> None:
    with rig() as made:
        made.connector._call = lambda *_, **__: Answer(202, {}, b"")
        with pytest.raises(UnknownOutcome):
            made.connector.cancel_request(ASKED)


def test_a_parcel_without_a_list_is_all_that_is_left() -> None:
    status = cedar("http://127.0.0.1:1")["status"]
    del status["parcel"]["lines"]
    with rig(status=status) as made:
        made.connector.submit_request(KEY, document(made))
        made.pass_time(130)
        made.simulator.live()
        made.pass_time(1300)
        (notice,) = made.connector.request_status(ASKED).notices
        assert notice.whole
        assert notice.lines == ()


def test_a_body_is_signed_as_they_check_it() -> None:
    body = b'{"reference":"K"}'
    digest = hmac.new(b"sesame-open", body, hashlib.sha256).digest()
    for encoding, text in (("hex", digest.hex()), ("base64", base64.b64encode(digest).decode())):
        how = Signature.model_validate(
            {
                "header": "X-Hub-Signature-256",
                "secret": "sesame-open",
                "encoding": encoding,
                "prefix": "sha256=",
            }
        )
        assert signed(how, body) == {"X-Hub-Signature-256": f"sha256={text}"}
        assert how.secret.get_secret_value() not in repr(how)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("base_url",), "http://api.cedar3pl.example/", "no address"),
        (("submit", "path"), "/orders", "a path below base_url"),
        (("submit", "path"), "orders/{id}", "{id} is no name"),
        (("submit", "body"), {"r": "$kee"}, r"body.r: \$kee is no name"),
        (("submit", "headers"), {"X": "$kee"}, r"\$kee is no name"),
        (("status", "parcel"), None, "belong together"),
        (("timezone",), "Mars", "no time zone"),
    ],
)
def test_settings_that_cannot_work_say_what_is_wrong(
    path: tuple[str, ...], value: Any, words: str
) -> None:
    tree: dict[str, Any] = cedar("http://127.0.0.1:1")
    at = tree
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    with pytest.raises(ValueError, match=words):
        Settings.model_validate(tree)
