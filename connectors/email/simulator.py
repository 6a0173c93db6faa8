"""A mail server on loopback that keeps everything it is given (aiosmtpd).

Its certificate is made at start for 127.0.0.1 and localhost; `ca_file` is what to trust.
"""

from __future__ import annotations

import asyncio
import email.policy
import ipaddress
import shutil
import ssl
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.simulation import LOOPBACK, FaultRule, Simulator, SimulatorClock

FAULTS = {
    "451": "operations rcpt, data: refused for now, the mail is not kept",
    "550": "operations rcpt, data: refused for good, the mail is not kept",
    "552": "operations rcpt, data: too large or mailbox full, the mail is not kept",
    "lost-after-data": "operation data: the mail is kept, then the connection is cut",
    "odd-after-data": "operation data: the mail is kept, and the answer is none of SMTP's",
    "lost-before-data": "operation data: the connection is cut, the mail is not kept",
    "auth": "operation auth: the log-in is refused",
    "refuse-connection": "operation connect: cut before a word is said",
}

_REFUSALS = {
    "451": "451 4.3.0 Requested action aborted: local error in processing",
    "550": "550 5.1.1 Requested action not taken: mailbox unavailable",
    "552": "552 5.2.2 Requested mail action aborted: exceeded storage allocation",
}


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as it came in."""

    message_id: str
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str
    in_reply_to: str
    auto_submitted: str
    received_at: str
    encrypted: bool
    logged_in_as: str


class SmtpSimulator(Simulator):
    """`tls` is starttls, tls or none; `username` None lets everybody in."""

    kind: ClassVar[str] = "smtp"
    fault_kinds: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        tls: str = "starttls",
        username: str | None = "lockstep",
        password: str = "simulated",
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        if tls not in ("starttls", "tls", "none"):
            raise ValueError("tls is starttls, tls or none")
        self.tls = tls
        self.username, self.password = username, password
        self.mails: list[Received] = []
        #: every mail as it came, byte for byte
        self.contents: list[bytes] = []
        self.ready = False
        self._folder = Path(tempfile.mkdtemp(prefix="smtp-simulator-"))
        self._controller: _Controller | None = None

    @property
    def ca_file(self) -> Path:
        """PEM of the certificate; there once the simulator was started."""
        return self._folder / "certificate.pem"

    @property
    def key_file(self) -> Path:
        """PEM of its key: another server of the same house may use both."""
        return self._folder / "key.pem"

    @property
    def port(self) -> int:
        assert self._controller, "the simulator is not started"
        return int(self._controller.port)

    def start(self, port: int = 0) -> None:
        self._folder.mkdir(exist_ok=True)
        context = self._context() if self.tls != "none" else None
        self._controller = _Controller(self, port=port, context=context)
        self._controller.start()
        # The controller's own first connection is no client's.
        self.ready = True

    def stop(self) -> None:
        self.ready = False
        if self._controller:
            self._controller.stop(no_assert=True)
            self._controller = None
        self.stop_control()
        shutil.rmtree(self._folder, ignore_errors=True)

    def books(self) -> dict[str, Any]:
        """Every mail in the order it came, and the Message-IDs that came more than once."""
        with self.lock:
            counts = Counter(mail.message_id for mail in self.mails)
            return {
                "mails": [asdict(mail) for mail in self.mails],
                "duplicates": {known: n for known, n in counts.items() if n > 1},
            }

    def keep(self, session: Session, envelope: Envelope) -> str:
        """File one mail; returns its Message-ID."""
        content = envelope.original_content or b""
        mail = message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        kept = Received(
            message_id=str(mail["Message-ID"] or ""),
            sender=envelope.mail_from or "",
            to=list(envelope.rcpt_tos),
            subject=str(mail["Subject"] or ""),
            text=_body(mail, "plain"),
            html=_body(mail, "html"),
            in_reply_to=str(mail["In-Reply-To"] or ""),
            auto_submitted=str(mail["Auto-Submitted"] or ""),
            received_at=self.clock.now().isoformat(),
            encrypted=self.tls == "tls" or session.ssl is not None,
            logged_in_as=str(session.auth_data or ""),
        )
        with self.lock:
            self.mails.append(kept)
            self.contents.append(content)
        return kept.message_id

    def told(
        self,
        operation: str,
        status: int,
        *,
        subject: str = "",
        kept: bool = False,
        rule: FaultRule | None = None,
    ) -> None:
        fault = rule.kind if rule else ""
        self.log.add(operation, subject=subject, status=status, took_effect=kept, fault=fault)

    def _context(self) -> ssl.SSLContext:
        certificate, key = _certificate(self.clock.now())
        self.ca_file.write_bytes(certificate)
        self.key_file.write_bytes(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, self.key_file)
        return context


class _Conversation(SMTP):
    """aiosmtpd's server with a door that can be slammed."""

    def __init__(self, simulator: SmtpSimulator, **kwargs: Any) -> None:
        super().__init__(_Hooks(simulator), **kwargs)
        self._simulator = simulator

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        again = self._original_transport is not None  # the same client after STARTTLS
        if self._simulator.ready and not again:
            rule = self._simulator.faults.strike("connect")
            refused = rule is not None and rule.kind == "refuse-connection"
            self._simulator.told("connect", 421 if refused else 220, rule=rule)
            if refused:
                assert isinstance(transport, asyncio.Transport)
                transport.abort()
                # aiosmtpd greets nobody: its conversation starts in the base method.
                return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.session is not None:
            super().connection_lost(error)


class _Hooks:
    """What happens at each step (aiosmtpd calls these by name)."""

    def __init__(self, simulator: SmtpSimulator) -> None:
        self._simulator = simulator

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        rule = self._simulator.faults.strike("rcpt")
        refusal = _REFUSALS.get(rule.kind) if rule else None
        self._simulator.told("rcpt", int((refusal or "250")[:3]), subject=address, rule=rule)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        rule = self._simulator.faults.strike("data")
        kind = rule.kind if rule else ""
        if kind in _REFUSALS:
            self._simulator.told("data", int(kind), rule=rule)
            return _REFUSALS[kind]
        if kind == "lost-before-data":
            self._simulator.told("data", 0, rule=rule)
            return self._cut(server)
        message_id = self._simulator.keep(session, envelope)
        lost = kind == "lost-after-data"
        self._simulator.told("data", 0 if lost else 250, subject=message_id, kept=True, rule=rule)
        if lost:
            return self._cut(server)
        return (
            "OK queued" if kind == "odd-after-data" else "250 2.0.0 Message accepted for delivery"
        )

    def _cut(self, server: SMTP) -> str:
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        # Written to a connection that is gone.
        return "250 lost"


class _Controller(Controller):
    def __init__(
        self, simulator: SmtpSimulator, *, port: int, context: ssl.SSLContext | None
    ) -> None:
        self._simulator = simulator
        self._starttls = context if simulator.tls == "starttls" else None
        implicit = context if simulator.tls == "tls" else None
        super().__init__(_Hooks(simulator), LOOPBACK, port, ssl_context=implicit)

    def factory(self) -> SMTP:
        simulator = self._simulator
        return _Conversation(
            simulator,
            hostname="localhost",
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            auth_required=simulator.username is not None,
            auth_require_tls=self._starttls is not None,
            authenticator=self._authenticate,
            loop=self.loop,
        )

    def _create_server(self) -> Any:
        return self._listen()

    async def _listen(self) -> asyncio.AbstractServer:
        server = await self.loop.create_server(
            self._factory_invoker, LOOPBACK, self.port, ssl=self.ssl_context
        )
        # Port 0 was a wish for any free one.
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        simulator = self._simulator
        rule = simulator.faults.strike("auth")
        right = isinstance(data, LoginPassword) and simulator.username is not None
        right = right and (data.login, data.password) == (
            (simulator.username or "").encode(),
            simulator.password.encode(),
        )
        granted = right and not (rule and rule.kind == "auth")
        name = data.login.decode("utf-8", "replace") if isinstance(data, LoginPassword) else ""
        simulator.told("auth", 235 if granted else 535, subject=name, rule=rule)
        return AuthResult(success=granted, handled=False, auth_data=name)


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""


def _certificate(now: datetime) -> tuple[bytes, bytes]:
    """(certificate, key) as PEM, signed by itself, for 127.0.0.1 and localhost.

    Valid 20 years around `now`: TLS compares with the machine's clock, which is not the project's.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SMTP simulator")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
