"""The client against a loopback server: the library's traps, every kind of failure, the pace."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import shopify
import structlog
from pydantic import ValidationError

from connectors.shopify.answers import PartialAnswer
from connectors.shopify.client import Client
from connectors.shopify.documents import FULFILLMENT_CREATE, INVENTORY_SET, LOCATIONS, SHOP
from connectors.shopify.settings import Settings
from core.errors import (
    ConnectorError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from tests.connectors.shopify.scripted import (
    NOW,
    TOKEN,
    Asked,
    FakeInside,
    ScriptedShop,
    Told,
    cost_of,
    data,
    errors,
)
from tests.connectors.shopify.scripted import (
    SHOP as SHOP_NAME,
)

PAGE = b"<html><head><title>Oops</title></head><body>Something went wrong</body></html>"
SECRET = "cs-0123456789abcdef"


def client_of(shop: ScriptedShop, inside: FakeInside, **settings: Any) -> Client:
    return Client("shopify-us", shop.settings(**{"timeout": 2, **settings}), inside)


def by_grant(shop: ScriptedShop, inside: FakeInside) -> Client:
    return client_of(shop, inside, client_id="app-1", client_secret=SECRET)


def granted(value: str, *, expires_in: int = 86_399) -> Told:
    return Told.json({"access_token": value, "scope": "read_orders", "expires_in": expires_in})


# --- what the shopify package would do on its own


def test_a_silent_shop_does_not_hang_the_caller(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answer = lambda asked: Told(silent=True)
    client = client_of(shop, inside, timeout=0.2)

    with pytest.raises(UnknownOutcome, match="TimeoutError"):
        client.write(FULFILLMENT_CREATE, {})


def test_an_answer_that_drips_is_given_up_at_the_deadline(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    # Each byte comes in time, so a time-out per read never strikes.
    shop.answer = lambda asked: Told(b"x" * 1000, pause=0.05)
    client = client_of(shop, inside, timeout=0.3)

    with pytest.raises(UnknownOutcome, match="TimeoutError"):
        client.write(FULFILLMENT_CREATE, {})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_its_target_never_sees_the_token(
    shop: ScriptedShop, inside: FakeInside, status: int
) -> None:
    with ScriptedShop() as elsewhere:
        shop.answers.append(Told(status=status, headers={"Location": elsewhere.url + "/x"}))

        with pytest.raises(Rejected, match="redirect"):
            client_of(shop, inside).read(SHOP, {})

        assert elsewhere.asked == []


def test_nothing_is_printed_when_the_shop_answers_an_error(
    shop: ScriptedShop, inside: FakeInside, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.answers.append(Told.json({"errors": "Not Found"}, status=404))

    with pytest.raises(Unauthorized):
        client_of(shop, inside).read(SHOP, {})

    assert capfd.readouterr() == ("", "")


def test_the_words_of_an_error_body_are_kept(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(Told.json({"errors": "Unavailable Shop"}, status=402))

    with pytest.raises(Unauthorized, match=r"frozen.*HTTP 402.*Unavailable Shop"):
        client_of(shop, inside).read(SHOP, {})


def test_no_logger_sees_the_token_even_at_debug_level(
    shop: ScriptedShop, inside: FakeInside, caplog: pytest.LogCaptureFixture
) -> None:
    # pyactiveresource logs every header and body at debug level.
    caplog.set_level(logging.DEBUG)
    logging.getLogger("pyactiveresource.connection").setLevel(logging.DEBUG)
    shop.answers.append(data(shop={"name": "Acme"}))

    client_of(shop, inside).read(SHOP, {})

    assert TOKEN not in caplog.text
    assert "X-shopify" not in caplog.text


def test_a_proxy_in_the_environment_is_not_used(
    shop: ScriptedShop, inside: FakeInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedShop() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        shop.answers.extend([granted("granted-token-1"), data(shop={"name": "Acme"})])

        by_grant(shop, inside).read(SHOP, {})

        assert proxy.asked == []
        assert len(shop.asked) == 2


def test_two_shops_in_many_threads_never_see_each_others_token(inside: FakeInside) -> None:
    def answer(asked: Asked) -> Told:
        return data(shop={"name": asked.headers["x-shopify-access-token"][-1]})

    with ScriptedShop() as one, ScriptedShop() as two:
        tokens = {one.url: "shpat_" + "1" * 32, two.url: "shpat_" + "2" * 32}
        clients = [
            (shop, Client(name, shop.settings(access_token=tokens[shop.url]), inside))
            for shop, name in ((one, "one"), (two, "two"))
        ]
        one.answer = two.answer = answer

        def ask(number: int) -> tuple[str, str]:
            shop, client = clients[number % 2]
            return shop.url, str(client.read(SHOP, {})["shop"]["name"])

        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(ask, range(200)))

        assert all(mark == tokens[url][-1] for url, mark in seen)
        for shop in (one, two):
            assert len(shop.asked) == 100
            assert {asked.headers["x-shopify-access-token"] for asked in shop.asked} == {
                tokens[shop.url]
            }


def test_the_library_has_no_active_shop_after_our_calls(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(data(shop={"name": "Acme"}))

    client_of(shop, inside).read(SHOP, {})

    assert shopify.ShopifyResource.get_site() is None
    assert "X-Shopify-Access-Token" not in (shopify.ShopifyResource.get_headers() or {})


def test_nulls_in_variables_are_sent(shop: ScriptedShop, inside: FakeInside) -> None:
    # changeFromQuantity: null skips the comparison, an absent one is an error.
    shop.answers.append(data(inventorySetQuantities={"userErrors": []}))

    client_of(shop, inside).write(INVENTORY_SET, {"input": {"changeFromQuantity": None}})

    assert shop.asked[0].variables == {"input": {"changeFromQuantity": None}}


def test_a_path_prefix_and_the_version_are_in_the_address(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(data(shop={}))
    settings = shop.settings(base_url=f"{shop.url}/shop-a/")

    Client("shopify-us", settings, inside).read(SHOP, {})

    assert shop.asked[0].path == "/shop-a/admin/api/2026-10/graphql.json"
    assert shop.asked[0].operation == "Shop"


# --- what each failure means

TROUBLE = {
    "500": Told(status=500),
    "502 with a page": Told(PAGE, status=502),
    "503 with a page": Told(PAGE, status=503),
    "408": Told(status=408),
    "400 with a page": Told(PAGE, status=400),
    "an empty body": Told(),
    "a page with status 200": Told(PAGE),
    "truncated JSON": Told(b'{"data": {"shop": {"na'),
    "JSON that is no object": Told(b"[]"),
    "no data and no errors": Told.json({"extensions": {}}),
    "null data": Told.json({"data": None}),
    "201": Told.json({"data": {}}, status=201),
    "a body cut short": Told(b'{"data": {}}', missing=50),
    "a cut connection": Told(cut=True),
    "INTERNAL_SERVER_ERROR": errors("INTERNAL_SERVER_ERROR"),
}


@pytest.mark.parametrize("told", TROUBLE.values(), ids=TROUBLE.keys())
def test_a_read_in_trouble_is_tried_three_times_and_then_unavailable(
    shop: ScriptedShop, inside: FakeInside, told: Told
) -> None:
    shop.answer = lambda asked: told

    with pytest.raises(Unavailable) as caught:
        client_of(shop, inside).read(SHOP, {})

    assert len(shop.asked) == 3
    assert (caught.value.connector, caught.value.operation) == ("shopify-us", "Shop")


@pytest.mark.parametrize("told", TROUBLE.values(), ids=TROUBLE.keys())
def test_a_write_in_trouble_may_have_landed_and_is_sent_once(
    shop: ScriptedShop, inside: FakeInside, told: Told
) -> None:
    shop.answer = lambda asked: told

    with pytest.raises(UnknownOutcome) as caught:
        client_of(shop, inside).write(FULFILLMENT_CREATE, {})

    assert len(shop.asked) == 1
    assert (caught.value.connector, caught.value.operation) == ("shopify-us", "FulfillmentCreate")


def test_a_read_goes_on_after_short_trouble(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.extend([Told(PAGE, status=503), data(shop={"name": "Acme"})])

    answer = client_of(shop, inside).read(SHOP, {})

    assert answer == {"shop": {"name": "Acme"}}


def test_a_write_that_never_left_is_unavailable_not_unknown(inside: FakeInside) -> None:
    with ScriptedShop() as shop:
        settings = shop.settings()

    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        Client("shopify-us", settings, inside).write(FULFILLMENT_CREATE, {})


@pytest.mark.parametrize("status", [402, 403, 404, 423])
@pytest.mark.parametrize("body", [b'{"errors":"no"}', PAGE, b""], ids=["json", "page", "empty"])
def test_a_shop_that_is_shut_stops_the_connection_for_reads_and_writes(
    shop: ScriptedShop, inside: FakeInside, status: int, body: bytes
) -> None:
    shop.answer = lambda asked: Told(body, status=status)
    client = client_of(shop, inside)

    with pytest.raises(Unauthorized, match=f"HTTP {status}"):
        client.read(SHOP, {})
    with pytest.raises(Unauthorized, match=f"HTTP {status}"):
        client.write(FULFILLMENT_CREATE, {})

    assert len(shop.asked) == 2


def test_a_bad_request_in_json_is_rejected_with_its_status(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(Told.json({"errors": {"query": "Required"}}, status=400))

    with pytest.raises(Rejected) as caught:
        client_of(shop, inside).write(FULFILLMENT_CREATE, {})

    assert caught.value.code == "400"


@pytest.mark.parametrize("body", [b"", b'{"errors":"Too many"}', PAGE])
def test_a_429_read_waits_as_long_as_it_is_told(
    shop: ScriptedShop, inside: FakeInside, body: bytes
) -> None:
    shop.answers.extend([Told(body, status=429, headers={"Retry-After": "7.0"}), data(shop={})])

    client_of(shop, inside).read(SHOP, {})

    assert inside.clock.now() - NOW == timedelta(seconds=7)


def test_a_long_wait_belongs_to_the_unit(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(Told(status=429, headers={"Retry-After": "120"}))

    with pytest.raises(RateLimited) as caught:
        client_of(shop, inside).read(SHOP, {})

    assert caught.value.retry_after == 120
    assert len(shop.asked) == 1


def test_a_security_rejection_waits_a_minute(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(Told(status=430))

    with pytest.raises(RateLimited) as caught:
        client_of(shop, inside).read(SHOP, {})

    assert caught.value.retry_after == 60


@pytest.mark.parametrize("told", [Told(status=429), Told(status=430), errors("THROTTLED")])
def test_a_throttled_write_is_unknown_since_nothing_says_it_did_not_run(
    shop: ScriptedShop, inside: FakeInside, told: Told
) -> None:
    shop.answers.append(told)

    with pytest.raises(UnknownOutcome):
        client_of(shop, inside).write(FULFILLMENT_CREATE, {})


def test_a_denied_field_names_the_missing_scope(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(
        Told.json(
            {
                "data": {"orders": None},
                "errors": [
                    {
                        "message": "Access denied for orders field.",
                        "path": ["orders"],
                        "extensions": {
                            "code": "ACCESS_DENIED",
                            "requiredAccess": "`read_orders` access scope or `read_quick_sale`.",
                        },
                    }
                ],
            }
        )
    )

    with pytest.raises(Unauthorized) as caught:
        client_of(shop, inside).read(SHOP, {})

    assert caught.value.missing == "read_orders or read_quick_sale"


def test_a_denied_write_did_not_run(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(errors("ACCESS_DENIED", body={"fulfillmentCreate": None}))

    with pytest.raises(Unauthorized):
        client_of(shop, inside).write(FULFILLMENT_CREATE, {})


def test_a_write_that_ran_but_answers_in_part_is_unknown(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(
        errors(
            "ACCESS_DENIED",
            body={"fulfillmentCreate": {"fulfillment": None, "userErrors": []}},
            path=["fulfillmentCreate", "fulfillment"],
        )
    )

    with pytest.raises(UnknownOutcome, match="it ran"):
        client_of(shop, inside).write(FULFILLMENT_CREATE, {})


def test_a_partial_read_tells_what_came_and_what_is_missing(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    body = {"locations": {"nodes": [{"id": "1"}, {"id": None}]}}
    path = ["locations", "nodes", 1, "id"]
    shop.answer = lambda asked: errors("INTERNAL_SERVER_ERROR", body=body, path=path)

    with pytest.raises(PartialAnswer) as caught:
        client_of(shop, inside).read(LOCATIONS, {})

    assert caught.value.data == body
    assert caught.value.paths == (tuple(path),)


@pytest.mark.parametrize(
    "code", ["MAX_COST_EXCEEDED", "undefinedField", "INVALID_VARIABLE", "RESOURCE_NOT_FOUND", ""]
)
def test_an_error_about_our_request_is_rejected_with_its_code(
    shop: ScriptedShop, inside: FakeInside, code: str
) -> None:
    shop.answer = lambda asked: errors(code)
    client = client_of(shop, inside)

    for call in (lambda: client.read(SHOP, {}), lambda: client.write(FULFILLMENT_CREATE, {})):
        with pytest.raises(Rejected) as caught:
            call()
        assert caught.value.code == code

    assert len(shop.asked) == 2


def test_errors_as_plain_text_are_rejected(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.append(Told.json({"errors": "An operation name is required"}))

    with pytest.raises(Rejected, match="operation name"):
        client_of(shop, inside).read(SHOP, {})


# --- pace


def test_a_throttled_read_waits_exactly_what_the_bucket_needs(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    throttled = Told.json(
        {
            "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
            "extensions": cost_of(752, 152),
        }
    )
    shop.answers.extend([throttled, data(cost=(752, 1248), shop={})])

    client_of(shop, inside).read(SHOP, {})

    assert inside.clock.now() - NOW == timedelta(seconds=6)


def test_a_call_waits_before_it_is_sent_rather_than_being_throttled(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.extend([data(cost=(600, 100), shop={}), data(cost=(600, 100), shop={})])
    client = client_of(shop, inside)
    client.read(SHOP, {})
    assert inside.clock.now() == NOW

    client.read(SHOP, {})

    assert inside.clock.now() - NOW == timedelta(seconds=5)


def test_the_cost_of_an_operation_is_learned_from_the_answer(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answer = lambda asked: data(cost=(37, 1963), shop={})
    client = client_of(shop, inside)

    client.read(SHOP, {})
    client.read(SHOP, {})

    assert [cost for _, cost in inside.rates.taken] == [SHOP.cost, 37]
    assert inside.rates.corrections == [(f"shopify {SHOP_NAME} shopify-us", 1963)] * 2


def test_a_wait_beyond_the_runs_patience_sends_nothing(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(data(cost=(4000, 0), shop={}))
    client = client_of(shop, inside)
    client.read(SHOP, {})

    with pytest.raises(RateLimited, match="nothing was sent") as caught:
        client.read(SHOP, {})

    assert caught.value.retry_after == 40
    assert len(shop.asked) == 1
    # What was not sent is given back, so that the next run does not wait for it too.
    assert [cost for _, cost in inside.rates.taken[1:]] == [4000, -4000]


def test_calls_under_way_are_taken_off_what_the_shop_says_is_left(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    slow_is_in, go_on = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Told:
        if asked.operation == LOCATIONS.name:
            slow_is_in.set()
            go_on.wait(5)
        return data(cost=(10, 1000), shop={}, locations={})

    shop.answer = answer
    client = client_of(shop, inside)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.read, LOCATIONS, {})
        slow_is_in.wait(5)

        client.read(SHOP, {})

        go_on.set()
        slow.result(5)
    assert [left for _, left in inside.rates.corrections] == [1000 - LOCATIONS.cost, 1000]


# --- tokens


def test_a_granted_token_is_fetched_once_and_used(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.extend([granted("granted-token-1"), data(shop={}), data(shop={})])
    client = by_grant(shop, inside)

    client.read(SHOP, {})
    client.read(SHOP, {})

    assert [asked.path for asked in shop.asked] == [
        "/admin/oauth/access_token",
        "/admin/api/2026-10/graphql.json",
        "/admin/api/2026-10/graphql.json",
    ]
    assert shop.asked[0].body == {
        "client_id": "app-1",
        "client_secret": SECRET,
        "grant_type": "client_credentials",
    }
    assert shop.asked[2].headers["x-shopify-access-token"] == "granted-token-1"
    assert client.token_expires_at() == NOW + timedelta(seconds=86_399)


def test_a_granted_token_is_renewed_before_it_expires(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.extend(
        [granted("granted-token-1"), data(shop={}), granted("granted-token-2"), data(shop={})]
    )
    client = by_grant(shop, inside)
    client.read(SHOP, {})

    inside.clock.advance(86_399 - 300)
    client.read(SHOP, {})

    assert shop.asked[3].headers["x-shopify-access-token"] == "granted-token-2"


def test_many_threads_fetch_one_token(shop: ScriptedShop, inside: FakeInside) -> None:
    def answer(asked: Asked) -> Told:
        return granted("granted-token-1") if "oauth" in asked.path else data(shop={})

    shop.answer = answer
    client = by_grant(shop, inside)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.read(SHOP, {}), range(24)))

    assert sum("oauth" in asked.path for asked in shop.asked) == 1


@pytest.mark.parametrize("write", [False, True])
def test_a_401_renews_the_token_once_and_repeats_the_call(
    shop: ScriptedShop, inside: FakeInside, write: bool
) -> None:
    revoked = Told.json({"errors": "[API] Invalid API key or access token"}, status=401)
    shop.answers.extend(
        [granted("granted-token-1"), revoked, granted("granted-token-2"), data(shop={})]
    )
    client = by_grant(shop, inside)

    answer = client.write(FULFILLMENT_CREATE, {}) if write else client.read(SHOP, {})

    assert answer == {"shop": {}}
    assert shop.asked[3].headers["x-shopify-access-token"] == "granted-token-2"


def test_a_second_401_stops_the_connection(shop: ScriptedShop, inside: FakeInside) -> None:
    revoked = Told.json({"errors": "[API] Invalid API key or access token"}, status=401)
    shop.answers.extend([granted("granted-token-1"), revoked, granted("granted-token-2"), revoked])

    with pytest.raises(Unauthorized, match="not accepted"):
        by_grant(shop, inside).read(SHOP, {})

    assert len(shop.asked) == 4


def test_a_static_token_that_is_refused_is_not_tried_again(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(Told(b'{"errors":"no"}', status=401))

    with pytest.raises(Unauthorized):
        client_of(shop, inside).read(SHOP, {})

    assert len(shop.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"error":"shop_not_permitted"}'),
        (400, b'{"error":"invalid_client"}'),
        (401, b'{"error":"invalid_client"}'),
        (404, PAGE),
    ],
)
def test_a_refused_credential_stops_the_connection(
    shop: ScriptedShop, inside: FakeInside, status: int, body: bytes
) -> None:
    shop.answers.append(Told(body, status=status))

    with pytest.raises(Unauthorized) as caught:
        by_grant(shop, inside).read(SHOP, {})

    assert caught.value.operation == "token"


@pytest.mark.parametrize(
    "told",
    [
        Told(PAGE),
        Told(PAGE, status=400),
        Told(status=503),
        Told(cut=True),
        Told.json({}),
        Told.json([]),
    ],
    ids=["page", "400 with a page", "503", "cut", "no token", "no object"],
)
def test_a_write_without_a_token_was_not_sent(
    shop: ScriptedShop, inside: FakeInside, told: Told
) -> None:
    shop.answer = lambda asked: told

    with pytest.raises(Unavailable):
        by_grant(shop, inside).write(FULFILLMENT_CREATE, {})

    assert {asked.path for asked in shop.asked} == {"/admin/oauth/access_token"}


# --- secrets


def test_no_error_repeats_a_token_or_a_secret(shop: ScriptedShop, inside: FakeInside) -> None:
    token = "an-unusual-token-shape-42"

    def echo(asked: Asked) -> Told:
        if "oauth" in asked.path:
            return granted(token)
        return Told(str(dict(asked.headers)).encode(), status=500)

    shop.answer = echo
    client = by_grant(shop, inside)

    with pytest.raises(ConnectorError) as caught:
        client.read(SHOP, {})
    shop.answer = lambda asked: Told(str(asked.body).encode(), status=400)
    with pytest.raises(ConnectorError) as refused:
        by_grant(shop, inside).read(SHOP, {})

    for error in (caught.value, refused.value):
        assert token not in repr(error) + str(error)
        assert SECRET not in repr(error) + str(error)


def test_no_repr_shows_a_token_or_a_secret(shop: ScriptedShop, inside: FakeInside) -> None:
    shop.answers.extend([granted("granted-token-1"), data(shop={})])
    client = by_grant(shop, inside)
    client.read(SHOP, {})

    shown = repr(
        [client, client._tokens, client._tokens.current(), client._transport, shop.settings()]
    )

    assert "granted-token-1" not in shown
    assert SECRET not in shown
    assert TOKEN not in shown


# --- version and search warnings


def test_another_api_version_in_the_answer_is_told_once(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    answer = data(shop={})
    answer = Told(answer.body, headers={"X-Shopify-API-Version": "2027-01"})
    shop.answer = lambda asked: answer
    client = client_of(shop, inside)

    with structlog.testing.capture_logs() as logs:
        client.read(SHOP, {})
        client.read(SHOP, {})

    assert client.answered_version == "2027-01"
    assert [(entry["event"], entry["subject"]) for entry in logs] == [
        ("shopify.other_api_version", "2027-01")
    ]


def test_the_pinned_version_in_the_answer_is_not_worth_a_word(
    shop: ScriptedShop, inside: FakeInside
) -> None:
    shop.answers.append(Told(data(shop={}).body, headers={"x-shopify-api-version": "2026-10"}))

    with structlog.testing.capture_logs() as logs:
        client_of(shop, inside).read(SHOP, {})

    assert logs == []


def test_a_search_field_that_is_ignored_is_told(shop: ScriptedShop, inside: FakeInside) -> None:
    warning = {"field": "updated", "message": "Invalid search field", "code": "invalid_field"}
    shop.answers.append(
        Told.json(
            {
                "data": {"shop": {}},
                "extensions": {"search": [{"path": ["orders"], "warnings": [warning]}]},
            }
        )
    )

    with structlog.testing.capture_logs() as logs:
        client_of(shop, inside).read(SHOP, {})

    assert logs[0]["event"] == "shopify.search_field_ignored"
    assert logs[0]["subject"] == "updated: invalid_field"


# --- settings


def settings_of(**given: Any) -> Settings:
    return Settings.model_validate(
        {"type": "shopify", "shop": SHOP_NAME, "access_token": TOKEN, **given}
    )


def test_settings_need_no_more_than_a_shop_and_a_credential() -> None:
    settings = settings_of()

    assert settings.root == "https://acme.myshopify.com"
    assert settings.api_version == "2026-10"
    assert (settings.index_lag, settings.overlap, settings.page_size) == (10, 300, 50)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shop": "acme"}, "shop"),
        ({"shop": "acme.myshopify.com.evil.test"}, "shop"),
        ({"access_token": None}, "credential is missing"),
        ({"client_id": "a", "client_secret": "b"}, "not both"),
        ({"access_token": None, "client_id": "a"}, "go together"),
        ({"base_url": "http://example.com"}, "plain http"),
        ({"base_url": "http://127.0.0.1.evil.test:80"}, "plain http"),
        ({"base_url": "https://user:pw@example.com"}, "no user"),
        ({"base_url": "ftp://127.0.0.1"}, "expected http"),
        ({"api_version": "2026-01"}, "lack"),
        ({"api_version": "latest"}, "api_version"),
        ({"page_size": 0}, "page_size"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings_of(**given)


def test_every_setting_is_described_and_no_secret_is_shown() -> None:
    settings = settings_of()

    assert all(field.description for field in Settings.model_fields.values())
    assert TOKEN not in repr(settings)
