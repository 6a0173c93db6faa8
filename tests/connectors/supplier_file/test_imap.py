"""The connector against a mailbox: a real IMAP conversation over TLS, by the client in use."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.supplier_file.connector import SupplierFile, connect
from connectors.supplier_file.mail_simulator import MailboxSimulator
from connectors.supplier_file.settings import Settings
from core.errors import Unauthorized, Unavailable
from core.ports import Batch
from jobs.clock import ManualClock
from tests.connectors.supplier_file.certificates import certificate
from tests.connectors.supplier_file.conftest import NOON, Inside

ACME = "Acme Feeds <Feeds@Acme.example>"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path)


@pytest.fixture(params=["implicit", "starttls"])
def mailbox(
    request: pytest.FixtureRequest, keys: tuple[Path, Path], clock: ManualClock
) -> Iterator[MailboxSimulator]:
    made = MailboxSimulator(
        clock=clock, seed=7, certificate=keys[0], key=keys[1], implicit=request.param == "implicit"
    )
    made.start()
    yield made
    made.stop()


Place = Callable[..., SupplierFile]


@pytest.fixture
def place(mailbox: MailboxSimulator, keys: tuple[Path, Path], clock: ManualClock) -> Place:
    def make(
        *, path: str = "INBOX", largest_file: int = 1_000_000, **transport: Any
    ) -> SupplierFile:
        reached = {
            "kind": "imap", "host": "127.0.0.1", "port": mailbox.port,
            "tls": "implicit" if mailbox.implicit else "starttls", "username": mailbox.username,
            "password": mailbox.password, "ca_file": str(keys[0]), "call_timeout": 5,
            "senders": ["feeds@acme.example"],
        } | transport  # fmt: skip
        told = {
            "type": "supplier_file", "transport": reached, "location": "acme",
            "folders": {"stock_in": {"path": path, "pattern": "stock*.csv"}},
            "largest_file": largest_file,
        }  # fmt: skip
        return connect("acme", Settings.model_validate(told), Inside(clock))

    return make


def mail(
    units: int, *, sender: str = ACME, name: str = "stock.csv", sent: Any = NOON, more: str = ""
) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, "feeds@shop.example", "Stock"
    if sent:
        made["Date"] = format_datetime(sent)
    made.set_content("See attachment.")
    made.add_attachment(f"sku,quantity\nA,{units}\n{more}".encode(), maintype="text", subtype="csv",
                        filename=name)  # fmt: skip
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="terms.pdf")
    return bytes(made)


def pull(acme: SupplierFile, since: str | None = None) -> tuple[list[Batch[Any]], str]:
    batches = list(acme.pull_stock(since=since))
    return batches, batches[-1].cursor


def figures(batches: list[Batch[Any]]) -> list[int]:
    return [one.by_sku["A"] for batch in batches for one in batch.items]


def test_attachments_are_taken_newest_first_and_once(
    mailbox: MailboxSimulator, place: Place, clock: ManualClock
) -> None:
    for units in (1, 2, 3):
        mailbox.deliver(mail(units, sent=clock.now()))
        clock.advance(60)
    acme = place()

    first, cursor = pull(acme)
    again, cursor = pull(acme, cursor)
    mailbox.deliver(mail(4, sent=clock.now()))
    newer, _ = pull(acme, cursor)

    assert (figures(first), figures(again), figures(newer)) == ([3, 2, 1], [], [4])
    assert first[0].items[0].as_of == NOON + timedelta(minutes=2)


def test_nothing_in_the_mailbox_is_changed(mailbox: MailboxSimulator, place: Place) -> None:
    mailbox.deliver(mail(1))
    before = mailbox.books()

    pull(place())

    assert mailbox.books() == before
    assert [one.operation for one in mailbox.log.entries() if one.took_effect] == []


def test_a_walk_that_was_left_goes_on_where_it_was(mailbox: MailboxSimulator, place: Place) -> None:
    for units in (1, 2, 3):
        mailbox.deliver(mail(units))
    acme = place()
    walk = acme.pull_stock(since=None)
    left_at = next(walk).cursor
    walk.close()
    mailbox.deliver(mail(4))

    rest, cursor = pull(acme, left_at)
    none, _ = pull(acme, cursor)

    assert figures(rest) == [4, 2, 1]
    assert figures(none) == []


def test_only_allowed_senders_are_heard(mailbox: MailboxSimulator, place: Place) -> None:
    for sender in ("eve@evil.example", "feeds@acme.example.evil.example", '"feeds@acme.example" <eve@evil.example>',
                   "feeds@acme.example, eve@evil.example"):  # fmt: skip
        mailbox.deliver(mail(999, sender=sender))
    mailbox.deliver(mail(5))

    taken, _ = pull(place())

    assert figures(taken) == [5]
    assert [batch.rejects for batch in taken] == [(), ()]


def test_a_name_that_leads_elsewhere_and_a_file_too_large_are_told(
    mailbox: MailboxSimulator, place: Place
) -> None:
    mailbox.deliver(mail(1, name="stock/../../etc/x.csv"))
    mailbox.deliver(mail(2, more="B,1\n" * 300))
    mailbox.deliver(mail(3, more="B,1\n" * 30_000))
    mailbox.deliver(mail(4))

    taken, _ = pull(place(largest_file=1_000))

    assert figures(taken) == [4]
    told = [reject.problem for batch in taken for reject in batch.rejects]
    assert len(told) == 3
    assert "a message of" in told[0]
    assert "the largest that is read has 1000" in told[1]
    assert told[2] == "its name leads out of its folder: it is not read"


def test_a_figure_is_as_old_as_the_earlier_of_both_times(
    mailbox: MailboxSimulator, place: Place, clock: ManualClock
) -> None:
    mailbox.deliver(mail(1, sent=NOON - timedelta(hours=3)))
    mailbox.deliver(mail(2, sent=NOON + timedelta(days=2)))
    mailbox.deliver(mail(3, sent=None))

    taken, _ = pull(place())

    stated = [one.as_of for batch in taken for one in batch.items]
    assert stated == [NOON, NOON, NOON - timedelta(hours=3)]


def test_a_mailbox_that_numbers_anew_is_walked_anew(
    mailbox: MailboxSimulator, place: Place
) -> None:
    mailbox.deliver(mail(1))
    acme = place()
    _, cursor = pull(acme)
    mailbox.renumber()

    again, cursor = pull(acme, cursor)
    none, _ = pull(acme, cursor)

    assert (figures(again), figures(none)) == ([1], [])


def test_the_first_walk_does_not_dig_up_old_mail(
    mailbox: MailboxSimulator, place: Place, clock: ManualClock
) -> None:
    mailbox.deliver(mail(1))
    clock.advance(timedelta(days=20).total_seconds())
    mailbox.deliver(mail(2))

    taken, _ = pull(place())

    assert figures(taken) == [2]


def test_a_server_nobody_vouches_for_gets_no_password(
    mailbox: MailboxSimulator, place: Place, tmp_path: Path
) -> None:
    other, _ = certificate(tmp_path, name="other")

    for changes in ({"ca_file": None}, {"ca_file": str(other)}, {"host": "localhost"}):
        with pytest.raises(Unauthorized) as refused:
            pull(place(**changes))
        assert refused.value.missing == "certificate"

    assert "login" not in [one.operation for one in mailbox.log.entries()]


def test_a_wrong_password_stops_the_connection_and_is_not_shown(
    mailbox: MailboxSimulator, place: Place
) -> None:
    with pytest.raises(Unauthorized, match=r"log-in refused for feeds@shop\.example") as refused:
        pull(place(password="guessed-wrong"))

    assert "guessed-wrong" not in str(refused.value)


@pytest.mark.parametrize("operation", ["login", "search", "fetch"])
@pytest.mark.parametrize("kind", ["cut", "bye"])
def test_a_connection_that_breaks_off_is_unavailable_and_loses_nothing(
    mailbox: MailboxSimulator, place: Place, operation: str, kind: str
) -> None:
    mailbox.deliver(mail(1))
    mailbox.faults.set([{"operation": operation, "kind": kind, "nth": [1], "probability": 0}])
    acme = place()

    with pytest.raises(Unavailable):
        pull(acme)
    taken, _ = pull(acme)

    assert figures(taken) == [1]


def test_a_missing_mailbox_is_a_problem_of_the_check(place: Place) -> None:
    there, missing = place().check(), place(path="Suppliers").check()

    assert there.problems == ()
    assert "INBOX: 0 messages" in [value for _, value in there.facts]
    assert len(missing.problems) == 1
    assert "no such mailbox" in missing.problems[0]


def test_senders_must_be_addresses_and_nothing_can_be_requested_by_mail(place: Place) -> None:
    for senders in ([], ["*@acme.example"], ["acme"]):
        with pytest.raises(ValidationError):
            place(senders=senders)


# the simulator itself, asked by Python's own client


def test_the_mailbox_is_as_strict_as_servers_are(
    mailbox: MailboxSimulator, keys: tuple[Path, Path]
) -> None:
    context = ssl.create_default_context(cafile=str(keys[0]))
    mailbox.deliver(mail(1))
    if mailbox.implicit:
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL("127.0.0.1", mailbox.port, ssl_context=context)
    else:
        client = imaplib.IMAP4("127.0.0.1", mailbox.port)
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            client.login(mailbox.username, mailbox.password)
        client.starttls(context)
    client.login(mailbox.username, mailbox.password)
    client.select("INBOX", readonly=True)
    refused, _ = client.uid("STORE", "1", "+FLAGS", "(\\Seen)")
    client.uid("FETCH", "1", "(BODY[])")
    unread = mailbox.books()["INBOX"][0]["flags"]
    client.select("INBOX")
    client.uid("FETCH", "1", "(BODY[])")
    with pytest.raises(imaplib.IMAP4.error, match="BAD"):
        client.uid("SEARCH", "SUBJECT", "x")
    client.logout()

    assert refused == "NO"
    assert unread == []
    assert mailbox.books()["INBOX"][0]["flags"] == ["\\Seen"]
