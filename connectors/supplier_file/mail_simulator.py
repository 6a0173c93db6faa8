"""A mailbox on loopback: IMAP4rev1 (RFC 3501) as strict as servers are, over TLS.

What a client of ours needs: CAPABILITY NOOP LOGOUT STARTTLS LOGIN STATUS SELECT EXAMINE CLOSE
UID SEARCH/FETCH/STORE. Everything else, and everything out of turn, is BAD. A log-in before TLS is
refused; a mailbox that was EXAMINEd cannot be changed; FETCH without PEEK marks as read.
"""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any, ClassVar

from connectors.simulation import LOOPBACK, Simulator, SimulatorClock

FAULTS = {
    "auth": "operation login: the log-in is refused",
    "cut": "operations login, search, fetch: the connection is cut without an answer",
    "bye": "operations login, search, fetch: the server says BYE and hangs up",
}
CAPABILITIES = "IMAP4rev1 LITERAL+ STARTTLS LOGINDISABLED"
#: Letters of a command line; longer ones are no commands (RFC 7162, 4).
_LONGEST_LINE = 8192
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_COMMAND = re.compile(r"([A-Za-z0-9.]+) ([A-Za-z]+)(?: (.*))?", re.DOTALL)
_ASTRING = re.compile(r'"((?:[^"\\]|\\["\\])*)"|([^\s"(){}%*\\]+)')


class Bad(Exception):
    """A command that is none, or not now."""


class No(Exception):
    """A command that is refused."""


@dataclass
class Message:
    uid: int
    body: bytes
    arrived_at: datetime
    flags: set[str] = field(default_factory=set)


@dataclass
class Mailbox:
    validity: int = 1
    messages: list[Message] = field(default_factory=list)
    next_uid: int = 1


class MailboxSimulator(Simulator):
    """One account. `deliver` puts mail into a mailbox, `renumber` gives it a new UIDVALIDITY."""

    kind: ClassVar[str] = "mailbox"
    fault_kinds: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        certificate: Path,
        key: Path,
        implicit: bool = True,
        username: str = "feeds@shop.example",
        password: str = "simulated",
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.username, self.password = username, password
        self.implicit = implicit
        self.mailboxes: dict[str, Mailbox] = {"INBOX": Mailbox()}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self._server: _Server | None = None

    def start(self, port: int = 0) -> None:
        self._server = _Server((LOOPBACK, port), self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self.stop_control()

    @property
    def port(self) -> int:
        assert self._server, "the simulator is not started"
        return int(self._server.server_address[1])

    def deliver(self, body: bytes, *, mailbox: str = "INBOX") -> int:
        """A message arrives; its UID."""
        with self.lock:
            there = self.mailboxes.setdefault(mailbox, Mailbox())
            made = Message(there.next_uid, body, self.clock.now())
            there.messages.append(made)
            there.next_uid += 1
            return made.uid

    def renumber(self, mailbox: str = "INBOX") -> None:
        """What a server does after a restore: the same messages under other numbers."""
        with self.lock:
            there = self.mailboxes[mailbox]
            there.validity += 1
            for message in there.messages:
                message.uid = there.next_uid
                there.next_uid += 1

    def books(self) -> dict[str, Any]:
        with self.lock:
            return {
                name: [
                    {"uid": one.uid, "flags": sorted(one.flags), "bytes": len(one.body)}
                    for one in there.messages
                ]
                for name, there in self.mailboxes.items()
            }


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], simulator: MailboxSimulator) -> None:
        self.simulator = simulator
        super().__init__(address, _Conversation)


class _Conversation(socketserver.BaseRequestHandler):
    """One client."""

    server: _Server

    def handle(self) -> None:
        self.simulator = self.server.simulator
        self.encrypted = self.authenticated = self.writable = False
        self.selected: Mailbox | None = None
        self.connection: socket.socket = self.request
        self.connection.settimeout(30)
        try:
            if self.simulator.implicit:
                self._encrypt()
            self._open()
            self._say("* OK IMAP4rev1 ready")
            while self._turn():
                pass
        except OSError:
            pass  # the client went away, or was cut off
        finally:
            self.connection.close()

    def _encrypt(self) -> None:
        self.connection = self.simulator.context.wrap_socket(self.connection, server_side=True)
        self.encrypted = True

    def _open(self) -> None:
        self._lines = self.connection.makefile("rb")

    def _say(self, line: str | bytes) -> None:
        self.connection.sendall((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def _turn(self) -> bool:
        """One command. False: the conversation is over."""
        line = self._lines.readline(_LONGEST_LINE)
        if not line.endswith(b"\r\n"):
            return False
        match = _COMMAND.fullmatch(line[:-2].decode("utf-8", "replace"))
        if match is None:
            self._say("* BAD no command")
            return True
        tag, name, rest = match[1], match[2].upper(), match[3] or ""
        if name == "UID":
            verb, _, rest = rest.partition(" ")
            name = f"UID {verb.upper()}"
        try:
            answer = self._commands().get(name)
            if answer is None:
                raise Bad(f"{name} is not known here, or not now")
            told = answer(rest)
        except Bad as why:
            self._say(f"{tag} BAD {why}")
            return True
        except No as why:
            self._say(f"{tag} NO {why}")
            return True
        self._say(f"{tag} OK {told or 'done'}")
        if name == "STARTTLS":
            self._encrypt()
            self._open()
        return name != "LOGOUT"

    def _commands(self) -> dict[str, Callable[[str], str]]:
        """What may be said in this state."""
        found: dict[str, Callable[[str], str]] = {
            "CAPABILITY": self._capability,
            "NOOP": lambda _: "",
            "LOGOUT": self._logout,
        }
        if not self.authenticated:
            found["LOGIN"] = self._login
            if not self.encrypted:
                found["STARTTLS"] = lambda _: "begin TLS"
            return found
        found |= {
            "STATUS": self._status,
            "SELECT": lambda rest: self._select(rest, writable=True),
            "EXAMINE": lambda rest: self._select(rest, writable=False),
        }
        if self.selected is not None:
            found |= {
                "CLOSE": self._close,
                "UID SEARCH": self._search,
                "UID FETCH": self._fetch,
                "UID STORE": self._store,
            }
        return found

    def _strike(self, operation: str) -> str:
        rule = self.simulator.faults.strike(operation)
        fault = rule.kind if rule else ""
        self.simulator.log.add(operation, status=0, took_effect=False, fault=fault)
        if fault == "bye":
            self._say("* BYE going down")
        if fault in ("bye", "cut"):
            raise ConnectionAbortedError
        return fault

    # any state

    def _capability(self, _: str) -> str:
        told = "IMAP4rev1 LITERAL+" if self.encrypted else CAPABILITIES
        self._say(f"* CAPABILITY {told}")
        return ""

    def _logout(self, _: str) -> str:
        self._say("* BYE logging out")
        return ""

    def _login(self, rest: str) -> str:
        if not self.encrypted:
            raise No("[PRIVACYREQUIRED] not without TLS")
        fault = self._strike("login")
        words = _astrings(rest, 2)
        if fault == "auth" or words != [self.simulator.username, self.simulator.password]:
            raise No("[AUTHENTICATIONFAILED] no")
        self.authenticated = True
        return ""

    # log-in made

    def _mailbox(self, name: str) -> Mailbox:
        found = self.simulator.mailboxes.get("INBOX" if name.upper() == "INBOX" else name)
        if found is None:
            raise No("[NONEXISTENT] no such mailbox")
        return found

    def _status(self, rest: str) -> str:
        match = re.fullmatch(r"(.+) \(([A-Z ]+)\)", rest)
        if match is None:
            raise Bad("STATUS mailbox (items)")
        [name] = _astrings(match[1], 1)
        with self.simulator.lock:
            there = self._mailbox(name)
            known = {
                "UIDVALIDITY": there.validity,
                "UIDNEXT": there.next_uid,
                "MESSAGES": len(there.messages),
            }
            if set(match[2].split()) - set(known):
                raise Bad("an item that is not known")
            told = " ".join(f"{item} {known[item]}" for item in match[2].split())
        self._say(f'* STATUS "{name}" ({told})')
        return ""

    def _select(self, rest: str, *, writable: bool) -> str:
        [name] = _astrings(rest, 1)
        self.selected = None
        with self.simulator.lock:
            there = self._mailbox(name)
            self.selected, self.writable = there, writable
            self._say(f"* {len(there.messages)} EXISTS")
            self._say("* 0 RECENT")
            self._say(r"* FLAGS (\Seen \Deleted)")
            self._say(f"* OK [UIDVALIDITY {there.validity}] as it is")
            self._say(f"* OK [UIDNEXT {there.next_uid}] as it is")
        return "[READ-WRITE]" if writable else "[READ-ONLY]"

    # mailbox selected

    def _close(self, _: str) -> str:
        self.selected = None
        return ""

    def _search(self, rest: str) -> str:
        self._strike("search")
        if match := re.fullmatch(r"CHARSET (\S+) (.+)", rest):
            if match[1].upper() not in ("US-ASCII", "UTF-8"):
                raise No("[BADCHARSET (US-ASCII UTF-8)] not known")
            rest = match[2]
        with self.simulator.lock:
            found = [str(one.uid) for one in self._there() if self._matches(one, rest)]
        self._say(f"* SEARCH {' '.join(found)}".rstrip())
        return ""

    def _there(self) -> list[Message]:
        assert self.selected is not None
        return self.selected.messages

    def _matches(self, message: Message, criteria: str) -> bool:
        asked = criteria.strip().removeprefix("(").removesuffix(")")
        name, _, value = asked.partition(" ")
        if name.upper() == "ALL" and not value:
            return True
        if name.upper() == "UID":
            return message.uid in self._uids(value)
        if name.upper() == "SINCE":
            return message.arrived_at.date() >= _day(value)
        raise Bad(f"search key {name}")

    def _uids(self, text: str) -> set[int]:
        """A sequence set. `n:*` holds the last message even where that is before n (RFC 3501, 6.4.8)."""
        there = [one.uid for one in self._there()]
        last = max(there, default=0)
        found: set[int] = set()
        for part in text.split(","):
            match = re.fullmatch(r"(\d+|\*)(?::(\d+|\*))?", part)
            if match is None:
                raise Bad("no sequence set")
            ends = [last if end == "*" else int(end) for end in match.groups() if end]
            found |= {uid for uid in there if min(ends) <= uid <= max(ends)}
        return found

    def _fetch(self, rest: str) -> str:
        self._strike("fetch")
        match = re.fullmatch(r"(\S+) \((.+)\)", rest)
        if match is None:
            raise Bad("FETCH set (items)")
        items = re.findall(r"[A-Z0-9.]+(?:\[[^\]]*\])?", match[2])
        with self.simulator.lock:
            wanted = self._uids(match[1])
            for number, message in enumerate(self._there(), 1):
                if message.uid in wanted:
                    self._tell(number, message, items)
        return ""

    def _tell(self, number: int, message: Message, items: list[str]) -> None:
        parts = [b"UID %d" % message.uid]
        for item in items:
            if item == "FLAGS":
                parts.append(f"FLAGS ({' '.join(sorted(message.flags))})".encode())
            elif item == "RFC822.SIZE":
                parts.append(b"RFC822.SIZE %d" % len(message.body))
            elif item == "INTERNALDATE":
                parts.append(f'INTERNALDATE "{_internal(message.arrived_at)}"'.encode())
            elif item.startswith(("BODY.PEEK[", "BODY[")):
                content, section = _section(message, item)
                parts.append(b"BODY[%s] {%d}\r\n%s" % (section.encode(), len(content), content))
                if not item.startswith("BODY.PEEK") and self.writable:
                    message.flags.add("\\Seen")
            elif item != "UID":
                raise Bad(f"FETCH item {item}")
        self._say(b"* %d FETCH (%s)" % (number, b" ".join(parts)))

    def _store(self, rest: str) -> str:
        if not self.writable:
            raise No("[READ-ONLY] this mailbox was EXAMINEd")
        match = re.fullmatch(r"(\S+) ([+-])FLAGS(?:\.SILENT)? \(([^)]*)\)", rest)
        if match is None:
            raise Bad("STORE set +FLAGS (flags)")
        with self.simulator.lock:
            for message in self._there():
                if message.uid in self._uids(match[1]):
                    change = (
                        message.flags.update if match[2] == "+" else message.flags.difference_update
                    )
                    change(match[3].split())
                    self.simulator.log.add(
                        "store", subject=str(message.uid), status=0, took_effect=True
                    )
        return ""


def _astrings(text: str, count: int) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = _ASTRING.match(text, at)
        if match is None:
            break
        quoted, atom = match.groups()
        found.append(atom if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        at = match.end() + 1
    if len(found) != count or at < len(text):
        raise Bad("arguments")
    return found


def _day(text: str) -> date:
    day, month, year = text.strip('"').split("-")
    return date(int(year), _MONTHS.index(month) + 1, int(day))


def _internal(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc.day:2}-{_MONTHS[utc.month - 1]}-{utc:%Y %H:%M:%S} +0000"


def _section(message: Message, item: str) -> tuple[bytes, str]:
    """(content, name of the section) of BODY[...]."""
    section = item.partition("[")[2].removesuffix("]")
    if not section:
        return message.body, section
    match = re.fullmatch(r"HEADER\.FIELDS \(([A-Z -]+)\)", section)
    if match is None:
        raise Bad(f"section {section}")
    headers = message_from_bytes(message.body)
    lines = [
        f"{name.title()}: {value}"
        for name in match[1].split()
        for value in headers.get_all(name, [])
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode(), section
