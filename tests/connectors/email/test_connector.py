"""The connector against the simulated mail server, over real SMTP."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors import registry
from connectors.email import mapping
from connectors.email.connector import Email
from connectors.email.settings import Settings
from connectors.email.simulator import SmtpSimulator
from core.errors import Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.ports import Mail
from tests.connectors.email.conftest import NOON, Server, reach

MAIL = Mail(
    message_id="<incident-1.2.ops@shop.example>",
    in_reply_to="<incident-1.1.ops@shop.example>",
    recipient="ops@shop.example",
    subject="库存不足: MUG-1",
    text="MUG-1 is at 2.\n.\nA line with only a dot.\n",
    html="<p>MUG-1 is at <b>2</b>. 库存</p>" + "<p>row</p>" * 500,
)


@pytest.mark.parametrize("tls", ["starttls", "tls", "none"])
def test_a_mail_arrives_whole(server: Server, tls: str) -> None:
    smtp = server(tls=tls)

    reach(smtp).push_mail(MAIL)

    [mail] = smtp.books()["mails"]
    assert (mail["message_id"], mail["in_reply_to"]) == (MAIL.message_id, MAIL.in_reply_to)
    assert (mail["sender"], mail["to"]) == ("alerts@shop.example", ["ops@shop.example"])
    assert (mail["subject"], mail["auto_submitted"]) == (MAIL.subject, "auto-generated")
    assert mail["text"].replace("\r\n", "\n") == MAIL.text
    assert mail["html"].strip() == MAIL.html
    assert (mail["encrypted"], mail["logged_in_as"]) == (tls != "none", "lockstep")


def test_a_server_without_log_in_is_used_without_one(server: Server) -> None:
    smtp = server(username=None)

    reach(smtp).push_mail(MAIL)

    assert smtp.books()["mails"][0]["logged_in_as"] == ""


def test_a_mail_sent_again_is_the_same_mail_to_its_reader(
    email: Email, smtp: SmtpSimulator
) -> None:
    email.push_mail(MAIL)
    email.push_mail(MAIL)

    assert smtp.books()["duplicates"] == {MAIL.message_id: 2}


# what the server's answers mean


@pytest.mark.parametrize(
    ("operation", "kind", "error"),
    [
        ("rcpt", "451", Unavailable),
        ("rcpt", "550", Rejected),
        ("data", "451", Unavailable),
        ("data", "552", Rejected),
        ("data", "lost-after-data", UnknownOutcome),
        ("data", "lost-before-data", UnknownOutcome),
        ("data", "odd-after-data", UnknownOutcome),
        ("connect", "refuse-connection", Unavailable),
        ("auth", "auth", Unauthorized),
    ],
)
def test_a_refusal_is_named_for_what_happens_next(
    email: Email, smtp: SmtpSimulator, operation: str, kind: str, error: type[Exception]
) -> None:
    # Both log-in mechanisms that are tried; every other step happens once a mail.
    nth = [1, 2] if operation == "auth" else 1
    smtp.faults.set([{"operation": operation, "kind": kind, "nth": nth}])

    with pytest.raises(error) as raised:
        email.push_mail(MAIL)

    assert type(raised.value) is error
    assert len(smtp.books()["mails"]) == kind.endswith("-after-data")
    email.push_mail(MAIL)  # the next one goes through


def test_a_refused_recipient_keeps_the_server_s_code(email: Email, smtp: SmtpSimulator) -> None:
    smtp.faults.set([{"operation": "rcpt", "kind": "550", "nth": 1}])

    with pytest.raises(Rejected) as refused:
        email.push_mail(MAIL)

    assert refused.value.code == "550"
    assert "5.1.1" in str(refused.value)


def test_a_server_that_is_down_is_unavailable_and_later_reached_again(
    server: Server, clock: Any
) -> None:
    smtp = server(tls="none")
    email, port = reach(smtp), smtp.port
    smtp.stop()
    with pytest.raises(Unavailable):
        email.push_mail(MAIL)

    smtp.start(port)
    email.push_mail(MAIL)

    assert len(smtp.books()["mails"]) == 1


def test_a_server_that_says_nothing_is_unavailable_after_the_time_out(smtp: SmtpSimulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        email = reach(smtp, port=silent.getsockname()[1], timeout=0.2)

        with pytest.raises(Unavailable):
            email.push_mail(MAIL)


# encryption and log-in


def test_a_certificate_nobody_vouches_for_gets_no_password(smtp: SmtpSimulator) -> None:
    with pytest.raises(Unauthorized) as refused:
        reach(smtp, ca_file=None).push_mail(MAIL)

    assert refused.value.missing == "certificate"
    assert {entry.operation for entry in smtp.log.entries()} == {"connect"}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.2 leads to the same server, which has no certificate for it."""
    connect = socket.create_connection

    def lead(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        return connect(("127.0.0.1", address[1]), *args, **kwargs)

    monkeypatch.setattr(socket, "create_connection", lead)


@pytest.mark.usefixtures("elsewhere")
def test_a_certificate_for_another_host_gets_no_password(smtp: SmtpSimulator) -> None:
    with pytest.raises(Unauthorized) as refused:
        reach(smtp, host="127.0.0.2").push_mail(MAIL)

    assert refused.value.missing == "certificate"


def test_a_server_without_starttls_is_not_spoken_to_in_the_clear(server: Server) -> None:
    smtp = server(tls="none")

    with pytest.raises(Unauthorized) as refused:
        reach(smtp, tls="starttls").push_mail(MAIL)

    assert "offers no STARTTLS" in str(refused.value)
    assert {entry.operation for entry in smtp.log.entries()} == {"connect"}


def test_a_wrong_password_is_unauthorized_and_named_nowhere(
    smtp: SmtpSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stranger = reach(smtp, password="hunter2-hunter2")

    with pytest.raises(Unauthorized) as refused:
        stranger.check()

    ours = [record.getMessage() for record in caplog.records if "mail.log" not in record.name]
    assert "hunter2" not in str(refused.value) + repr(refused.value) + "".join(ours)
    assert "hunter2" not in str(smtp.books()) + str(smtp.log.entries())


def test_the_check_logs_in_and_sends_nothing(email: Email, smtp: SmtpSimulator) -> None:
    report = email.check()

    assert report.name == f"127.0.0.1:{smtp.port}"
    assert dict(report.facts)["encryption"].startswith("TLSv1.")
    assert dict(report.facts)["logged in as"] == "lockstep"
    assert smtp.books()["mails"] == []
    assert [entry.operation for entry in smtp.log.entries()] == ["connect", "auth"]


# what cannot be written


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "hello\r\nBcc: all@shop.example"},
        {"subject": "hello\nBcc: all@shop.example"},
        {"recipient": "ops@shop.example\r\nBcc: all@shop.example"},
        {"recipient": "ops@shop.example, all@shop.example"},
        {"recipient": "Ops <ops@shop.example>"},
        {"recipient": "ops"},
        {"recipient": ""},
        {"recipient": "öps@shop.example"},
        {"message_id": "<a@b>\r\nBcc: all@shop.example"},
        {"message_id": "no brackets"},
        {"in_reply_to": "<a@b> <c@d>"},
    ],
)
def test_headers_cannot_be_injected(
    email: Email, smtp: SmtpSimulator, change: dict[str, str]
) -> None:
    with pytest.raises(Rejected) as refused:
        email.push_mail(replace(MAIL, **change))

    assert refused.value.code == "mail"
    assert smtp.log.entries() == []


def test_a_message_passes_the_oldest_servers() -> None:
    content = mapping.message(MAIL, sender="alerts@shop.example", at=NOON)

    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n" in content
    assert b"References: <incident-1.1.ops@shop.example>\r\n" in content


def test_the_first_mail_of_an_incident_answers_nothing() -> None:
    first = replace(MAIL, in_reply_to="", html="")

    content = mapping.message(first, sender="alerts@shop.example", at=NOON)

    assert b"In-Reply-To" not in content
    assert b"multipart" not in content


# settings and control


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tls": "none", "host": "smtp.example.com"}, "for loopback only"),
        ({"username": "me", "password": None}, "go together"),
        ({"sender": "Alerts <a@shop.example>"}, "an address without a name"),
        ({"sender": "nobody"}, "an address without a name"),
        ({"sendr": "x"}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, Any], words: str) -> None:
    good = {"type": "email", "host": "smtp.example.com", "sender": "a@shop.example"}

    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(good | change)

    assert words in str(refused.value)
    assert Settings.model_validate(good).port_in_use == 587


def test_the_registry_finds_this_connector_by_its_folder() -> None:
    assert "email" in registry.kinds()
    assert registry.settings_of("email") is Settings


def test_the_control_api_shows_what_was_caught_and_sets_faults(
    email: Email, smtp: SmtpSimulator
) -> None:
    url = f"http://127.0.0.1:{smtp.start_control()}/__sim__"
    email.push_mail(MAIL)

    fault = [{"operation": "data", "kind": "451", "probability": 1}]
    answer = httpx.post(f"{url}/faults", json=fault, trust_env=False)

    assert answer.status_code == 204
    with pytest.raises(Unavailable):
        email.push_mail(MAIL)
    [mail] = httpx.get(f"{url}/books", trust_env=False).json()["mails"]
    assert mail["subject"] == MAIL.subject
