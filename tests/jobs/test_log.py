"""What is logged: one JSON object a line, its run, and no secret in whatever shape it comes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from jobs import log
from tests.jobs.builders import HOME

SECRET = "hunter2hunter2"
TOKENS = (
    "shpat_0123456789abcdef",
    "Atza|IwEBIJ-secret_part",
    "Bearer eyJhbGciOi.abc.def",
    "amzn1.oa2-cs.v1.abcdef0123",
)


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_its_level_time_unit_and_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure(pretty=False)

    log.get().bind(unit="shop/orders", run="r1").info("pulled", orders=3, 說="茶")

    (one,) = lines(capsys)
    assert one.pop("timestamp").endswith("Z")
    assert one == {"event": "pulled", "level": "info", "unit": "shop/orders", "run": "r1",
                   "orders": 3, "說": "茶"}  # fmt: skip


def boom(password: str) -> None:
    raise RuntimeError(f"POST failed, Authorization: {password}")


@pytest.mark.parametrize("pretty", [True, False])
@pytest.mark.parametrize(
    "said",
    [
        *({"problem": f"it said {token}"} for token in TOKENS),
        {"password": SECRET},
        {"headers": {"X-Shopify-Access-Token": SECRET, "Authorization": f"Basic {SECRET}"}},
        {"deep": [{"client_secret": SECRET}, (f"refresh_token={SECRET}",)]},
        {"error": ValueError(f"access_token={SECRET}")},
    ],
)
def test_no_secret_is_logged(
    capsys: pytest.CaptureFixture[str], said: dict[str, Any], pretty: bool
) -> None:
    log.configure(pretty=pretty)

    log.get().warning("remote said no", **said)

    out = capsys.readouterr().err
    assert "remote said no" in out
    assert "[redacted]" in out
    assert SECRET not in out
    for token in TOKENS:
        assert token.split("|")[-1] not in out


@pytest.mark.parametrize("pretty", [True, False])
def test_a_traceback_shows_neither_a_secret_nor_local_variables(
    capsys: pytest.CaptureFixture[str], pretty: bool
) -> None:
    log.configure(pretty=pretty)
    home = HOME

    try:
        boom(SECRET)
    except RuntimeError as error:
        log.get().error("run failed", exc_info=error)

    out = capsys.readouterr().err
    assert "RuntimeError" in out
    assert "in boom" in out
    assert SECRET not in out
    assert home.name not in out


@pytest.mark.parametrize("pretty", [True, False])
def test_a_buyers_address_is_not_logged(capsys: pytest.CaptureFixture[str], pretty: bool) -> None:
    log.configure(pretty=pretty)

    log.get().info("order", ship_to=HOME, all=[HOME], by={"order": HOME})

    out = capsys.readouterr().err
    assert "order" in out
    for part in (HOME.name, HOME.line1, HOME.city, HOME.postal_code):
        assert part not in out


def test_libraries_do_not_write_to_our_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(pretty=False)

    logging.getLogger("urllib3").warning("token=%s", SECRET)
    logging.getLogger("apscheduler.scheduler").error("job failed")

    assert capfd.readouterr() == ("", "")
