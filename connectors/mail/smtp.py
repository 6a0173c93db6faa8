"""One SMTP conversation, step by step: what failed says whether the mail may have left.

smtplib of the standard library; RFC 5321. Its own `sendmail` is not used: it does not tell a
connection lost before DATA from one lost after it.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from collections.abc import Iterator

from connectors.http import excerpt
from connectors.mail.servers import Smtp
from core.errors import Rejected, Unauthorized, Unavailable, UnknownOutcome

_LINE_STARTING_WITH_DOT = re.compile(rb"(?m)^\.")


class Client:
    """Talks to one server. Every call opens a connection of its own: safe in threads."""

    def __init__(self, name: str, *, settings: Smtp) -> None:
        self._name = name
        self._settings = settings

    def look(self) -> tuple[tuple[str, str], ...]:
        """Connect, log in and say goodbye; (label, value) of what was found."""
        with self._session("check") as smtp:
            cipher = smtp.sock.version() if isinstance(smtp.sock, ssl.SSLSocket) else None
            size = smtp.esmtp_features.get("size", "")
            return (
                ("encryption", cipher or "none"),
                ("logged in as", self._settings.username or "nobody"),
                ("largest mail", f"{size} bytes" if size else "not said"),
            )

    def send(self, content: bytes, *, recipient: str) -> None:
        """Hand over one message.

        Raises Rejected (5xx), Unavailable (4xx, or the connection failed before the text was
        sent), UnknownOutcome (it failed after).
        """
        operation = "send mail"
        with self._session(operation) as smtp:
            size = f"SIZE={len(content)}" if smtp.has_extn("size") else ""
            self._expect(smtp.mail(self._settings.sender, [size] if size else []), 250, operation)
            self._expect(smtp.rcpt(recipient), 250, operation)
            self._expect(smtp.docmd("DATA"), 354, operation)
            text = _LINE_STARTING_WITH_DOT.sub(b"..", content)
            try:
                smtp.send(text + b".\r\n")
                answer = smtp.getreply()
            except (smtplib.SMTPException, OSError) as error:
                raise self._in_doubt(type(error).__name__, operation) from None
            if not 400 <= answer[0] < 600 and answer[0] != 250:
                # Only a 4xx or a 5xx says that they have not got it.
                raise self._in_doubt(f"{answer[0]} {excerpt(answer[1])}", operation)
            self._expect(answer, 250, operation)

    def _in_doubt(self, words: str, operation: str) -> UnknownOutcome:
        return UnknownOutcome(
            f"the answer was lost: {words}", connector=self._name, operation=operation
        )

    def _expect(self, answer: tuple[int, bytes], wanted: int, operation: str) -> None:
        code, words = answer
        if code == wanted or (wanted == 250 and code == 251):
            return
        text = f"{code} {excerpt(words)}"
        if 500 <= code < 600 and code != 530:
            raise Rejected(text, connector=self._name, operation=operation, code=str(code))
        if code == 530:
            raise Unauthorized(text, connector=self._name, operation=operation)
        if code == -1:
            text = "the connection was cut"
        raise Unavailable(text, connector=self._name, operation=operation)

    @contextlib.contextmanager
    def _session(self, operation: str) -> Iterator[smtplib.SMTP]:
        """Connected, encrypted and logged in. Errors until then leave no doubt: nothing was sent."""
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._connect()
            self._log_in(smtp, operation)
            yield smtp
        except smtplib.SMTPNotSupportedError as error:
            raise Unauthorized(
                # Sending anyway would show password and mail to whoever listens.
                f"the server offers no {'STARTTLS' if 'TLS' in str(error) else 'log-in'}",
                connector=self._name,
                operation=operation,
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise Unauthorized(
                f"the server's certificate is not trusted: {error.verify_message}",
                connector=self._name,
                operation=operation,
                missing="certificate",
            ) from None
        except smtplib.SMTPResponseException as error:
            raise Unavailable(
                f"{error.smtp_code} {excerpt(_bytes(error.smtp_error))}",
                connector=self._name,
                operation=operation,
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Unavailable(
                type(error).__name__, connector=self._name, operation=operation
            ) from None
        finally:
            if smtp is not None:
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    smtp.quit()
                smtp.close()

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        # Verified against the system's authorities, or against the configured one alone.
        context = ssl.create_default_context(cafile=settings.ca_file)
        # Our domain, not this machine's name: that may need a slow look-up, and is nobody's business.
        domain = settings.sender.rpartition("@")[2]
        if settings.tls == "tls":
            return smtplib.SMTP_SSL(
                settings.host,
                settings.port_in_use,
                local_hostname=domain,
                timeout=settings.timeout,
                context=context,
            )
        smtp = smtplib.SMTP(
            settings.host, settings.port_in_use, local_hostname=domain, timeout=settings.timeout
        )
        try:
            if settings.tls == "starttls":
                smtp.starttls(context=context)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _log_in(self, smtp: smtplib.SMTP, operation: str) -> None:
        smtp.ehlo_or_helo_if_needed()
        if self._settings.username is None or self._settings.password is None:
            return
        try:
            smtp.login(self._settings.username, self._settings.password.get_secret_value())
        except smtplib.SMTPAuthenticationError as error:
            if 400 <= error.smtp_code < 500:
                raise
            # Its words are the server's; some quote what was sent.
            raise Unauthorized(
                f"{error.smtp_code} log-in refused for {self._settings.username}",
                connector=self._name,
                operation=operation,
            ) from None


def _bytes(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode("utf-8", "replace")
