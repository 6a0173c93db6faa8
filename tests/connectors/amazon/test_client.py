"""Each trap of python-amazon-sp-api 2.1.35 (reference/amazon/FACTS.md, section 1), closed."""

from __future__ import annotations

import gzip
import json
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.amazon import client as client_module
from connectors.amazon.client import Call, NotThere, SellingPartner
from connectors.amazon.operations import (
    CONFIRM_SHIPMENT,
    CREATE_REPORT,
    GET_LISTINGS_ITEM,
    GET_ORDER,
    OPERATIONS,
    PATCH_LISTINGS_ITEM,
    SEARCH_ORDERS,
)
from connectors.http import Http
from connectors.simulation import Response
from core.errors import (
    ConnectorError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
)
from tests.connectors.amazon.scripted import (
    EXPIRED,
    HTML,
    HTML_400,
    HTML_503,
    NOW,
    QUOTA,
    ROLE_MISSING,
    FakeInside,
    client,
    error,
    scripted,
    settings,
)

ROOT = Path(__file__).parents[3]
OK = Response.json({"order": {}})
NO_CONTENT = Response(204)


def read(amazon: SellingPartner) -> dict[str, Any]:
    return amazon.call(GET_ORDER, "902-1", query={"includedData": "FULFILLMENT"})


def write(amazon: SellingPartner) -> dict[str, Any]:
    return amazon.call(CONFIRM_SHIPMENT, "902-1", body={"marketplaceId": "ATVPDKIKX0DER"})


# Where calls go


@pytest.mark.parametrize("marketplace", ["DE", "JP", "no such marketplace"])
def test_the_environment_cannot_redirect_a_call_or_change_the_marketplace(
    monkeypatch: pytest.MonkeyPatch, marketplace: str
) -> None:
    with scripted(OK) as amazon:
        monkeypatch.setenv("SP_API_DEFAULT_MARKETPLACE", marketplace)
        caller = client(amazon)

        caller.call(GET_LISTINGS_ITEM, "A1", "SKU", query={"marketplaceIds": "ATVPDKIKX0DER"})

        assert amazon.request.query == {"marketplaceIds": ["ATVPDKIKX0DER"]}
        assert amazon.request.headers["host"] == f"127.0.0.1:{amazon.port}"


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_ENV": "SANDBOX"},
        {"AWS_ENV": "prod"},
        {"SP_API_DEFAULT_MARKETPLACE": "XX"},
        {"SP_API_AUTH_CACHE_TTL": "1h", "SP_API_AUTH_CACHE_SIZE": "many"},
    ],
)
def test_the_library_is_imported_whatever_its_variables_say_and_they_are_left_as_they_were(
    variables: dict[str, str],
) -> None:
    script = """if True:
        import json, os, sys
        from connectors.amazon.client import Call
        from connectors.amazon.settings import Settings
        from sp_api.base.marketplaces import Marketplaces
        made = Settings(type="amazon", seller_id="A1", lwa_app_id="a", lwa_client_secret="s",
                        refresh_token="r")
        call = Call(made, "token", None)
        names = json.loads(sys.argv[1])
        print(json.dumps([call.endpoint, call.marketplace_id, Marketplaces.US.endpoint,
                          {name: os.environ.get(name) for name in names}]))
    """

    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(list(variables))],
        cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=True,
    )  # fmt: skip

    endpoint = "https://sellingpartnerapi-na.amazon.com"
    assert [endpoint, "ATVPDKIKX0DER", endpoint, variables] == json.loads(done.stdout)


def test_only_the_core_of_the_library_is_imported() -> None:
    script = (
        "import sys, connectors.amazon.connector;"
        "print([m for m in sys.modules if m.startswith('sp_api.api')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_our_constructor_sets_every_attribute_the_library_sets() -> None:
    credentials = {"refresh_token": "r", "lwa_app_id": "a", "lwa_client_secret": "s"}
    theirs = client_module.Client(credentials=credentials)

    ours = Call(settings("http://127.0.0.1:1"), "token", client_module.HttpxTransport())

    assert vars(theirs).keys() == vars(ours).keys()
    theirs.close()


def test_credentials_of_the_environment_and_of_files_are_never_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SP_API_REFRESH_TOKEN", "LWA_APP_ID", "LWA_CLIENT_SECRET"):
        monkeypatch.setenv(name, "of-the-environment")
        monkeypatch.setenv(f"{name}_default", "of-the-environment")
    found = tmp_path / "python-sp-api"
    found.mkdir()
    (found / "credentials.yml").write_text(
        "default:\n  refresh_token: of-a-file\n  lwa_app_id: of-a-file\n  lwa_client_secret: of-a-file\n"
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with scripted(OK) as amazon:
        read(client(amazon, refresh_token="Atzr|ours"))

        (form,) = amazon.tokens
        assert form == {
            "grant_type": ["refresh_token"],
            "refresh_token": ["Atzr|ours"],
            "client_id": ["amzn1.application-oa2-client.test"],
            "client_secret": ["amzn1.oa2-cs.v1.0badc0de"],
        }


def test_a_proxy_of_the_environment_never_sees_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted() as proxy, scripted(OK) as amazon:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)

        read(client(amazon))

        assert len(amazon.requests) == 1
        assert proxy.requests + proxy.tokens == []


@pytest.mark.parametrize("call", [read, write])
def test_a_redirect_is_refused_and_nobody_else_gets_the_token(call: Any) -> None:
    with scripted(OK) as elsewhere, scripted() as amazon:
        amazon.answers = [Response(302, headers={"Location": f"{elsewhere.url}/taken"})]

        with pytest.raises(Rejected, match="unexpected redirect"):
            call(client(amazon))

        assert elsewhere.requests == []


# What is sent


def test_a_request_carries_the_right_host_our_name_and_one_token() -> None:
    with scripted(OK) as amazon:
        read(client(amazon))

        headers = amazon.request.headers
        assert headers["host"] == f"127.0.0.1:{amazon.port}"
        assert headers["user-agent"].startswith("Lockstep/")
        assert headers["x-amz-access-token"] == "Atza|token-1"


def test_a_get_has_no_body_and_no_length() -> None:
    with scripted(OK) as amazon:
        read(client(amazon))

        assert "content-length" not in amazon.request.headers
        assert amazon.request.body == b""


def test_nothing_is_added_to_a_query_or_a_body() -> None:
    with scripted(Response.json({}, status=202)) as amazon:
        body = {"reportType": "X", "marketplaceIds": ["ATVPDKIKX0DER"]}

        client(amazon).call(CREATE_REPORT, body=body)

        assert body == amazon.sent
        assert amazon.request.query == {}


def test_a_list_goes_out_as_one_value_and_a_sku_is_encoded_whole() -> None:
    with scripted(OK) as amazon:
        query = {"includedData": "summaries,offers"}

        client(amazon).call(GET_LISTINGS_ITEM, "A1", "SKU/1 a%é", query=query)

        assert amazon.request.query == {"includedData": ["summaries,offers"]}
        assert amazon.request.path == "/listings/2021-08-01/items/A1/SKU%2F1%20a%25%C3%A9"


def test_threads_do_not_mix_up_methods_bodies_or_answers() -> None:
    def echo(request: Any) -> Response:
        return Response.json({"method": request.method, "path": request.path})

    with scripted(echo) as amazon:
        caller = client(amazon)

        def ask(number: int) -> tuple[str, str]:
            operation = GET_LISTINGS_ITEM if number % 2 else PATCH_LISTINGS_ITEM
            found = caller.call(operation, "A1", f"SKU-{number}", body={"n": number} if number % 2 == 0 else None)  # fmt: skip
            return found["method"], found["path"].rpartition("-")[2]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(64)))

        assert [("GET" if n % 2 else "PATCH", str(n)) for n in range(64)] == answers
        assert len(amazon.tokens) == 1


# What an answer means

READ_FAILURES = [
    (Response(429), RateLimited),
    (QUOTA, RateLimited),
    (HTML_503, Unavailable),
    (HTML_400, Unavailable),
    (Response.json({"message": "Internal"}, status=500), Unavailable),
    (error("InternalFailure", status=500), Unavailable),
    (Response(504), Unavailable),
    (Response.json({"message": "Forbidden"}, status=403), Unauthorized),
    (Response.json({"message": "Unauthorized"}, status=401), Unauthorized),
    (ROLE_MISSING, Unauthorized),
    (error("InvalidInput", status=400), Rejected),
    (error("NotFound", status=404), NotThere),
    (error("Odd", status=422), Rejected),
    (error("Odd", status=200), Rejected),
    (Response(404, HTML, content_type="text/html"), Unavailable),
    (Response(200, b'{"order": {"orderId": "90'), Unavailable),
    (Response(200), Unavailable),
    (Response(200, HTML, content_type="text/html"), Unavailable),
    (Response.json([]), Unavailable),
    (Response(204), Unavailable),
]


@pytest.mark.parametrize(("answer", "expected"), READ_FAILURES)
def test_no_failed_read_looks_like_an_empty_success(
    answer: Response, expected: type[ConnectorError]
) -> None:
    with scripted(answer) as amazon, pytest.raises(ConnectorError) as raised:
        read(client(amazon))

    assert expected is type(raised.value)
    assert (raised.value.connector, raised.value.operation) == ("amazon-us", "getOrder")


WRITE_FAILURES = [
    (QUOTA, RateLimited),
    (Response(429), UnknownOutcome),
    (error("SomethingElse", status=429), UnknownOutcome),
    (HTML_503, UnknownOutcome),
    (error("InternalFailure", status=500), UnknownOutcome),
    (Response(504), UnknownOutcome),
    (Response(200), UnknownOutcome),
    (Response.json({}), UnknownOutcome),
    (HTML_400, Unavailable),
    (error("InvalidInput", status=400), Rejected),
    (error("InvalidInput", status=200), Rejected),
    (ROLE_MISSING, Unauthorized),
]


@pytest.mark.parametrize(("answer", "expected"), WRITE_FAILURES)
def test_a_write_is_sent_once_and_a_doubtful_answer_stays_a_doubt(
    answer: Response, expected: type[ConnectorError]
) -> None:
    with scripted(answer) as amazon, pytest.raises(ConnectorError) as raised:
        write(client(amazon))

    assert expected is type(raised.value)
    assert len(amazon.requests) == 1


def test_a_confirmation_is_204_without_a_body() -> None:
    with scripted(NO_CONTENT) as amazon:
        assert write(client(amazon)) == {}


@pytest.mark.parametrize("answer", [Response(200, b'{"sku": "A", "sta'), Response(200), HTML_503])
def test_a_patch_whose_answer_cannot_be_read_is_unknown(answer: Response) -> None:
    with scripted(answer) as amazon, pytest.raises(UnknownOutcome):
        client(amazon).call(PATCH_LISTINGS_ITEM, "A1", "SKU", body={"productType": "PRODUCT"})


def test_amazons_words_reach_the_error_and_its_code_is_kept() -> None:
    refusal = error("InvalidInput", "CarrierCode is invalid.", "use a listed carrier", status=400)
    with scripted(refusal) as amazon, pytest.raises(Rejected) as raised:
        write(client(amazon))

    assert raised.value.code == "InvalidInput"
    assert "HTTP 400 InvalidInput CarrierCode is invalid. use a listed carrier" in str(raised.value)


def test_a_read_survives_short_trouble() -> None:
    with scripted(HTML_503, Response(200, b"{"), OK) as amazon:
        assert read(client(amazon)) == {"order": {}}

        assert len(amazon.requests) == 3


# Answers that never come


def faulty(kind: str, **rule: Any) -> list[dict[str, Any]]:
    return [{"operation": "call", "kind": kind, "probability": 1.0, **rule}]


@pytest.mark.parametrize("kind", ["lost-answer", "lost-request"])
def test_a_lost_answer_is_unavailable_for_a_read_and_unknown_for_a_write(kind: str) -> None:
    with scripted(NO_CONTENT) as amazon:
        amazon.faults.set(faulty(kind))

        with pytest.raises(Unavailable):
            read(client(amazon))
        with pytest.raises(UnknownOutcome):
            write(client(amazon))


@pytest.mark.parametrize("call", [read, write])
def test_a_connection_that_is_never_made_changed_nothing(call: Any) -> None:
    with scripted(OK) as amazon:
        with_a_token = {"refresh_token": "Atzr|before-the-end"}
        read(client(amazon, **with_a_token))
        caller = client(amazon, **with_a_token)

    with pytest.raises(Unavailable, match="ConnectError") as raised:
        call(caller)
    assert raised.value.operation != "token"


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (httpx.ConnectTimeout, Unavailable),
        (httpx.PoolTimeout, Unavailable),
        (httpx.WriteTimeout, UnknownOutcome),
        (httpx.RemoteProtocolError, UnknownOutcome),
    ],
)
def test_a_write_is_in_doubt_only_once_a_connection_was_made(
    trouble: type[httpx.TransportError], expected: type[ConnectorError]
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise trouble("no")

    with scripted(OK) as amazon:
        caller = client(amazon)
        http = httpx.Client(transport=httpx.MockTransport(fail))
        caller._transport = client_module.HttpxTransport(client=http)

        with pytest.raises(expected):
            write(caller)


@pytest.mark.parametrize(("call", "expected"), [(read, Unavailable), (write, UnknownOutcome)])
def test_an_answer_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, call: Any, expected: type[ConnectorError]
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT", 0.05)
    with scripted(NO_CONTENT) as amazon:
        amazon.faults.set(faulty("slow", seconds=0.5))

        with pytest.raises(expected, match="ReadTimeout"):
            call(client(amazon))


def test_every_client_has_time_outs_on_connecting_and_reading() -> None:
    with scripted(OK) as amazon:
        caller = client(amazon)

        for http in (caller._http, caller._documents._client, caller._transport._client):
            assert httpx.Timeout(30.0, connect=10.0) == http.timeout


# Tokens


def test_many_cold_threads_ask_for_one_token() -> None:
    with scripted(OK) as amazon:
        caller = client(amazon)
        barrier = threading.Barrier(8)

        def ask(_: int) -> None:
            barrier.wait()
            read(caller)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))

        assert len(amazon.tokens) == 1


def test_two_connections_with_one_credential_share_its_token_and_its_lock() -> None:
    with scripted(OK) as amazon:
        inside = FakeInside()
        one = client(amazon, inside, refresh_token="Atzr|shared")
        other = client(amazon, inside, refresh_token="Atzr|shared", marketplace_id="A2EUQ1WTGCTBG2")

        read(one)
        read(other)

        assert len(amazon.tokens) == 1
        assert len(set(inside.locks)) == 1
        assert "Atzr" not in inside.locks[0]


@pytest.mark.parametrize(
    "change", [{"lwa_app_id": "another-app"}, {"lwa_client_secret": "another-secret"}]
)
def test_the_same_refresh_token_in_two_apps_is_two_credentials(change: dict[str, str]) -> None:
    with scripted(OK) as amazon:
        read(client(amazon, refresh_token="Atzr|same"))
        read(client(amazon, refresh_token="Atzr|same", **change))

        used = [r.headers["x-amz-access-token"] for r in amazon.requests]
        assert used == ["Atza|token-1", "Atza|token-2"]


def test_the_same_credential_at_two_addresses_is_two_credentials() -> None:
    with scripted(OK) as one, scripted(OK) as other:
        for amazon in (one, other):
            read(client(amazon, refresh_token="Atzr|same"))

        assert [len(one.tokens), len(other.tokens)] == [1, 1]


def test_a_token_is_used_until_shortly_before_it_ends_on_the_project_clock() -> None:
    with scripted(OK) as amazon:
        amazon.token_answers = [
            Response.json({"access_token": "Atza|short", "expires_in": 600}),
        ]
        inside = FakeInside()
        caller = client(amazon, inside)
        read(caller)

        inside.clock.advance(530)
        read(caller)
        assert len(amazon.tokens) == 1
        inside.clock.advance(20)
        read(caller)

        assert len(amazon.tokens) == 2


@pytest.mark.parametrize("call", [read, write])
def test_an_expired_token_is_renewed_and_the_call_made_again_once(call: Any) -> None:
    with scripted(EXPIRED, NO_CONTENT if call is write else OK) as amazon:
        call(client(amazon))

        used = [r.headers["x-amz-access-token"] for r in amazon.requests]
        assert used == ["Atza|token-1", "Atza|token-2"]


def test_a_late_refusal_of_an_old_token_does_not_lose_the_new_one() -> None:
    with scripted(OK) as amazon:
        caller = client(amazon)
        old = caller._tokens.current()
        caller._tokens.evict(old)
        new = caller._tokens.current()

        caller._tokens.evict(old)

        assert new == caller._tokens.current()
        assert len(amazon.tokens) == 2


def test_a_token_refused_again_is_the_end_of_it() -> None:
    with scripted(EXPIRED) as amazon, pytest.raises(Unauthorized) as raised:
        read(client(amazon))

    assert raised.value.missing is None
    assert len(amazon.requests) == 2


def test_a_missing_role_is_named_and_no_new_token_is_asked_for() -> None:
    with scripted(ROLE_MISSING) as amazon, pytest.raises(Unauthorized) as raised:
        read(client(amazon))

    assert raised.value.missing == "Inventory and Order Tracking"
    assert (len(amazon.requests), len(amazon.tokens)) == (1, 1)


def lwa(code: str, status: int) -> Response:
    body = {"error": code, "error_description": "for Atzr|secret-words"}
    return Response.json(body, status=status)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lwa("invalid_grant", 400), Unauthorized),
        (lwa("invalid_client", 401), Unauthorized),
        (lwa("temporarily_unavailable", 400), Unavailable),
        (lwa("server_error", 500), Unavailable),
        (Response(429), Unavailable),
        (HTML_503, Unavailable),
        (HTML_400, Unavailable),
        (Response(200, b'{"access_token": "Atza|cut'), Unavailable),
        (Response.json({"token_type": "bearer"}), Unavailable),
    ],
)
@pytest.mark.parametrize("call", [read, write])
def test_without_a_token_nothing_is_sent_and_nothing_is_in_doubt(
    answer: Response, expected: type[ConnectorError], call: Any
) -> None:
    with scripted(OK) as amazon:
        amazon.token_answers = [answer] * 3

        with pytest.raises(ConnectorError) as raised:
            call(client(amazon))

        assert expected is type(raised.value)
        assert raised.value.operation == "token"
        assert amazon.requests == []


def test_no_secret_is_in_a_log_a_repr_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    secrets = ("Atzr|0123456789", "Atza|token-1", "amzn1.oa2-cs.v1.0badc0de", "secret-words")
    with scripted(error("Odd", "about Atza|token-1", status=400)) as amazon:
        caplog.set_level(logging.DEBUG)
        caller = client(amazon, refresh_token="Atzr|0123456789")
        with pytest.raises(Rejected) as refused:
            read(caller)
        amazon.token_answers = [lwa("invalid_grant", 400)]
        with pytest.raises(Unauthorized) as unauthorized:
            read(client(amazon))

        seen = "\n".join(
            [
                *(record.getMessage() for record in caplog.records),
                repr(caller._settings),
                repr(vars(caller._tokens)),
                str(refused.value),
                str(unauthorized.value),
            ]
        )
        assert [secret for secret in secrets if secret in seen] == []


# Pace


def test_buckets_belong_to_the_app_the_account_and_the_operation() -> None:
    with scripted(OK) as amazon:
        inside = FakeInside()

        read(client(amazon, inside))

        assert inside.rates.buckets == [
            "amazon:amzn1.application-oa2-client.test:A1SELLER:getOrder"
        ]


def test_search_orders_walks_on_its_burst_and_then_names_the_wait() -> None:
    with scripted(OK) as amazon:
        inside = FakeInside()
        caller = client(amazon, inside)
        for _ in range(20):
            caller.call(SEARCH_ORDERS)

        for _ in range(3):  # looking again does not push the next token further away
            with pytest.raises(RateLimited) as raised:
                caller.call(SEARCH_ORDERS)
            assert 178 < raised.value.retry_after < 179
        assert (20, inside.clock.now()) == (len(amazon.requests), NOW)

        inside.clock.advance(raised.value.retry_after)
        caller.call(SEARCH_ORDERS)

        assert len(amazon.requests) == 21


def test_a_short_wait_is_waited_for_on_the_project_clock() -> None:
    with scripted(OK) as amazon:
        inside = FakeInside()
        caller = client(amazon, inside)

        for number in range(15):
            caller.call(GET_LISTINGS_ITEM, "A1", f"SKU-{number}")

        assert pytest.approx((inside.clock.now() - NOW).total_seconds()) == 1.0


def test_a_quota_refusal_empties_our_bucket_too() -> None:
    with scripted(QUOTA) as amazon:
        inside = FakeInside()
        caller = client(amazon, inside)

        with pytest.raises(RateLimited) as first:
            caller.call(SEARCH_ORDERS)
        with pytest.raises(RateLimited) as second:
            caller.call(SEARCH_ORDERS)

        assert len(amazon.requests) == 1
        assert first.value.retry_after == pytest.approx(second.value.retry_after)


def test_the_rate_amazon_grants_is_followed() -> None:
    limited = Response.json({"order": {}}, headers={"x-amzn-RateLimit-Limit": "0.1"})
    with scripted(limited) as amazon:
        inside = FakeInside()
        caller = client(amazon, inside)

        read(caller)
        read(caller)

        assert pytest.approx((inside.clock.now() - NOW).total_seconds()) == 10.0


@pytest.mark.parametrize("value", ["string", "0", "-1", "nan", "inf", "0.5"])
def test_a_rate_that_is_none_or_the_known_one_changes_nothing(value: str) -> None:
    limited = Response.json({"order": {}}, headers={"x-amzn-RateLimit-Limit": value})
    with scripted(limited) as amazon:
        inside = FakeInside()
        caller = client(amazon, inside)

        for _ in range(5):
            read(caller)

        assert inside.clock.now() == NOW


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_rates_are_those_of_the_published_models(operation: Any) -> None:
    models = ROOT / ".." / "shared" / "reference" / "amazon" / "models"
    if not models.is_dir():
        pytest.skip("the published models (../shared) are not here")
    for file in models.glob("*.json"):
        for path, verbs in json.loads(file.read_text())["paths"].items():
            for verb, found in verbs.items():
                if isinstance(found, dict) and found.get("operationId") == operation.name:
                    same_version = path.split("/")[1:3] == operation.path.split("/")[1:3]
                    if same_version:
                        assert operation.method == verb.upper()
                        plan = f"| {operation.rate:g} | {operation.burst:g} |"
                        assert plan in found["description"]
                        return
    raise AssertionError(f"{operation.name} is in no model")


# Documents


def test_a_report_is_fetched_without_our_token_and_unpacked() -> None:
    packed = Response(200, gzip.compress("Ümlaut ✓".encode()), content_type="text/plain")
    with scripted(packed) as amazon:
        content, content_type = client(amazon).download(
            f"{amazon.url}/report?X-Amz-Signature=1", compression="GZIP"
        )

        assert (content.decode(), content_type) == ("Ümlaut ✓", "text/plain")
        assert "x-amz-access-token" not in amazon.request.headers
        assert amazon.tokens == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(403, b"<Error>AccessDenied X-Amz-Signature=1</Error>"), Unavailable),
        (Response(404), Unavailable),
        (Response(503), Unavailable),
        (Response(200, gzip.compress(b"whole")[:-9]), Unavailable),
        (Response(200, b"not packed"), Unavailable),
    ],
)
def test_a_report_that_cannot_be_had_is_asked_for_again_and_stops_nothing(
    answer: Response, expected: type[ConnectorError]
) -> None:
    with scripted(answer) as amazon, pytest.raises(expected) as raised:
        client(amazon).download(f"{amazon.url}/report", compression="GZIP")

    assert "Signature" not in str(raised.value)


def test_a_report_is_fetched_over_https_only() -> None:
    with scripted() as amazon:
        caller = client(amazon)
        real = SellingPartner(
            "amazon-us", settings(amazon.url, endpoint=None, lwa_url=None), FakeInside()
        )

        with pytest.raises(Rejected, match="not https"):
            caller.download("http://example.com/report", compression=None)
        with pytest.raises(Rejected, match="not https"):
            real.download(f"{amazon.url}/report", compression=None)
        with pytest.raises(Rejected, match="unknown compression"):
            caller.download(f"{amazon.url}/report", compression="ZSTD")


def test_closing_twice_is_fine() -> None:
    with scripted() as amazon:
        caller = client(amazon)

        caller.close()
        caller.close()

        assert isinstance(caller._documents, Http)
