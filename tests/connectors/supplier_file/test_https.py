"""The connector against a real TLS server on loopback."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.supplier_file.connector import SupplierFile, connect
from connectors.supplier_file.settings import Settings
from core.errors import RateLimited, Rejected, Unauthorized, Unavailable
from core.ports import Batch
from jobs.clock import ManualClock
from tests.connectors.supplier_file.certificates import certificate
from tests.connectors.supplier_file.conftest import NOON, Inside

CHANGED = "Tue, 24 Nov 2026 11:00:00 GMT"


@dataclass
class Feeds:
    """What is at each path, and what was asked. An answer is (status, headers, body)."""

    port: int = 0
    at: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    #: bytes that are announced and never come
    missing: int = 0

    def put(self, text: str, *, path: str = "/v2/stock.csv", **headers: str) -> None:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.at[path] = (200, told, text.encode())


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path)


@pytest.fixture
def feeds(keys: tuple[Path, Path]) -> Iterator[Feeds]:
    told = Feeds()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = {name.lower(): value for name, value in self.headers.items()}
            told.asked.append((self.command, self.path, asked))
            status, headers, body = told.at.get(self.path, (404, {}, b"nothing here"))
            if status == 200 and _unchanged(asked, headers):
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + told.missing))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)
            if told.missing:
                self.close_connection = True

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*keys)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    told.port = server.server_address[1]
    yield told
    server.shutdown()
    server.server_close()


def _unchanged(asked: dict[str, str], headers: dict[str, str]) -> bool:
    tag, since = asked.get("if-none-match"), asked.get("if-modified-since")
    return bool((tag and tag == headers.get("ETag")) or (since and since == headers.get("Last-Modified")))  # fmt: skip


def settings(feeds: Feeds, keys: tuple[Path, Path] | None, **changes: Any) -> dict[str, Any]:
    top = {name: changes.pop(name) for name in ("folders", "largest_file") if name in changes}
    transport = {"kind": "https", "url": f"https://127.0.0.1:{feeds.port}/v2", "call_timeout": 5}
    if keys:
        transport["ca_file"] = str(keys[0])
    return {
        "type": "supplier_file",
        "transport": transport | changes,
        "folders": {"stock_in": {"path": "stock.csv"}},
        "location": "acme",
    } | top


@pytest.fixture
def acme(feeds: Feeds, keys: tuple[Path, Path], clock: ManualClock) -> Iterator[SupplierFile]:
    made = connect("acme", Settings.model_validate(settings(feeds, keys)), Inside(clock))
    yield made
    made.close()


def pull(acme: SupplierFile, since: str | None = None) -> tuple[list[Batch[Any]], str]:
    batches = list(acme.pull_stock(since=since))
    return batches, batches[-1].cursor


def figures(batches: list[Batch[Any]]) -> list[dict[str, int]]:
    return [dict(one.by_sku) for batch in batches for one in batch.items]


def test_a_file_is_taken_once_and_asked_for_only_when_changed(
    feeds: Feeds, acme: SupplierFile
) -> None:
    feeds.put("sku,quantity\nA,5\n", ETag='"1"', Last_Modified=CHANGED)
    first, cursor = pull(acme)
    again, cursor = pull(acme, cursor)
    feeds.put("sku,quantity\nA,6\n", ETag='"2"')
    newer, _ = pull(acme, cursor)

    assert (figures(first), figures(again), figures(newer)) == ([{"A": 5}], [], [{"A": 6}])
    assert first[0].items[0].as_of == NOON.replace(hour=11), "the time it was changed"
    assert newer[0].items[0].as_of == NOON, "without one: now"
    assert feeds.asked[1][2]["if-none-match"] == '"1"'
    assert feeds.asked[1][2]["if-modified-since"] == CHANGED


def test_the_same_bytes_from_a_server_without_a_memory_are_no_news(
    feeds: Feeds, acme: SupplierFile
) -> None:
    feeds.put("sku,quantity\nA,5\n")

    _, cursor = pull(acme)
    again, _ = pull(acme, cursor)

    assert figures(again) == []


@pytest.mark.parametrize(
    ("ways", "header", "value"),
    [
        ({"username": "u", "password": "p:w"}, "authorization", "Basic dTpwOnc="),
        ({"bearer": "t0k"}, "authorization", "Bearer t0k"),
        ({"headers": {"X-Api-Key": "k3y"}}, "x-api-key", "k3y"),
    ],
)
def test_every_way_in_is_sent_and_never_shown(
    feeds: Feeds, keys: tuple[Path, Path], clock: ManualClock, ways: dict[str, Any], header: str,
    value: str,
) -> None:  # fmt: skip
    told = Settings.model_validate(settings(feeds, keys, **ways))
    acme = connect("acme", told, Inside(clock))
    feeds.put("sku,quantity\nA,5\n")

    pull(acme)

    assert feeds.asked[0][2][header] == value
    for secret in ("p:w", "t0k", "k3y"):
        assert secret not in f"{told!r} {told} {vars(acme)!r}"


def test_a_redirect_is_followed_within_the_host_and_never_beyond(
    feeds: Feeds, keys: tuple[Path, Path], clock: ManualClock
) -> None:
    told = Settings.model_validate(settings(feeds, keys, bearer="t0k"))
    acme = connect("acme", told, Inside(clock))
    feeds.put("sku,quantity\nA,5\n", path="/today.csv")
    feeds.at["/v2/stock.csv"] = (302, {"Location": "/today.csv"}, b"")
    within, _ = pull(acme)

    for beyond in (f"https://localhost:{feeds.port}/today.csv", f"http://127.0.0.1:{feeds.port}/x",
                   "https://127.0.0.1:1/x", "https://[bad"):  # fmt: skip
        feeds.at["/v2/stock.csv"] = (302, {"Location": beyond}, b"")
        with pytest.raises(Rejected, match="unexpected redirect"):
            pull(acme)
    feeds.at["/v2/stock.csv"] = (302, {"Location": "/v2/stock.csv"}, b"")
    with pytest.raises(Rejected, match="redirected in circles"):
        pull(acme)

    assert figures(within) == [{"A": 5}]


def test_a_file_that_is_too_large_is_a_reject_and_is_not_read_to_its_end(
    feeds: Feeds, keys: tuple[Path, Path], clock: ManualClock
) -> None:
    told = Settings.model_validate(settings(feeds, keys, largest_file=1_000))
    acme = connect("acme", told, Inside(clock))
    feeds.put("sku,quantity\n" + "A,5\n" * 5_000)

    [large, _] = list(acme.pull_stock(since=None))

    assert large.items == ()
    assert "more than 1000 bytes" in large.rejects[0].problem


def test_what_comes_packed_though_asked_plain_is_refused(feeds: Feeds, acme: SupplierFile) -> None:
    packed = gzip.compress(b"sku,quantity\nA,5\n")
    feeds.at["/v2/stock.csv"] = (200, {"Content-Encoding": "gzip"}, packed)

    with pytest.raises(Rejected, match="comes packed"):
        pull(acme)

    assert feeds.asked[0][2]["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (401, {}, Unauthorized),
        (403, {}, Unauthorized),
        (404, {}, Rejected),
        (429, {"Retry-After": "3600"}, RateLimited),
        (503, {}, Unavailable),
    ],
)
def test_refusals_are_named_for_what_happens_next(
    feeds: Feeds, acme: SupplierFile, status: int, headers: dict[str, str], error: type[Exception]
) -> None:
    feeds.at["/v2/stock.csv"] = (status, headers, b"<html><title>No</title></html>")

    with pytest.raises(error):
        pull(acme)


def test_an_answer_that_breaks_off_is_no_file(feeds: Feeds, acme: SupplierFile) -> None:
    feeds.put("sku,quantity\nA,5\n")
    feeds.missing = 10

    with pytest.raises(Unavailable):
        pull(acme)


def test_a_server_nobody_vouches_for_is_asked_nothing(feeds: Feeds, clock: ManualClock) -> None:
    acme = connect("acme", Settings.model_validate(settings(feeds, None)), Inside(clock))

    with pytest.raises(Unavailable):
        pull(acme)

    assert feeds.asked == []


def test_a_check_looks_with_head_and_takes_nothing(feeds: Feeds, acme: SupplierFile) -> None:
    feeds.put("sku,quantity\nA,5\n", Last_Modified=CHANGED)

    report = acme.check()

    assert report.problems == ()
    assert f"stock.csv: there, changed {CHANGED}" in [value for _, value in report.facts]
    assert [method for method, _, _ in feeds.asked] == ["HEAD"]


def test_nothing_can_be_requested_where_nothing_can_be_written(
    feeds: Feeds, keys: tuple[Path, Path]
) -> None:
    with pytest.raises(ValidationError, match="requests_out: nothing can be written over https"):
        Settings.model_validate(settings(feeds, keys, folders={"requests_out": "in"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://feeds.example/"},
        {"url": "https://user:pw@feeds.example/"},
        {"username": "u"},
        {"username": "u", "password": "p", "bearer": "t"},
        {"headers": {"X Key": "k"}},
    ],
)
def test_settings_that_cannot_be_right_are_refused(feeds: Feeds, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(settings(feeds, None, **changes))
