"""A place that ships and takes orders over HTTP and JSON. What it calls things stands in the settings."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.fulfiller.settings import LinePaths, ParcelPaths, Settings, Signature
from connectors.fulfiller.template import at, filled, list_at, path_of, text_at
from connectors.http import Answer, Http, retrying
from connectors.values import CARRIER_WORDS
from core.errors import Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.model.fulfillment import (
    Acknowledgment,
    AcknowledgmentStatus,
    AnsweredLine,
    ShipmentNotice,
    ShippedLine,
    ShipRequest,
    by_number,
)
from core.ports import (
    AskedFor,
    CheckReport,
    HintSource,
    Inside,
    Key,
    RemoteRef,
    RequestService,
    RequestStatus,
)

#: Accepted for processing, which has not been completed (RFC 9110, section 15.3.3).
_TAKEN_UP = 202
#: Letters of a key or an id.
_LONGEST_NAME = 200


class Fulfiller(RequestService, HintSource):
    """One place. Makes no call until a method is used."""

    def __init__(self, name: str, *, settings: Settings, http: Http, inside: Inside) -> None:
        self.name = name
        self._settings = settings
        self._http = http
        self._clock, self._rates = inside.clock, inside.rates
        self._zone = ZoneInfo(settings.timezone)

    def close(self) -> None:
        self._http.close()

    def check(self) -> CheckReport:
        """Ask for an order that cannot be there: who answers that they have none is spoken to rightly."""
        facts = [("reached", self._settings.base_url)]
        asked = AskedFor("lockstep-check", "R-CHECK", "lockstep-check")
        if self._settings.find is None:
            facts.append(
                ("asking", "it cannot be asked whether it has an order: `find` is left out")
            )
        else:
            self.find_submitted(asked)
        return CheckReport(name=self._settings.base_url, facts=tuple(facts))

    # what goes out

    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        """What is sent, with what its address and headers are made of."""
        submit = self._settings.submit
        made = {
            "short_key": request.short_key,
            "headers": filled(dict(submit.headers), request),
            "body": filled(submit.body, request),
        }
        return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()

    def submit_request(self, key: Key, document: bytes) -> RemoteRef:
        """Raises Rejected, UnknownOutcome and the others of `Http`."""
        submit = self._settings.submit
        made = json.loads(document)
        body = json.dumps(made["body"], ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", **made["headers"]}
        if self._settings.signature is not None:
            headers |= signed(self._settings.signature, body)
        asked = AskedFor(key, made["short_key"])
        try:
            answer = self._call(
                submit.method, submit.path, asked, operation="submit request", write=True,
                expect_json=submit.reference is not None, content=body, headers=headers,
            )  # fmt: skip
        except Rejected as refused:
            if refused.code.isdigit() and int(refused.code) in submit.exists:
                return self._existing(asked, refused)
            raise
        return "" if submit.reference is None else text_at(answer.json(), submit.reference)

    def _existing(self, asked: AskedFor, refused: Rejected) -> RemoteRef:
        """They say that they have it: if so it is ours, under our key."""
        if self._settings.find is None:
            return ""
        found = self.find_submitted(asked)
        if found is None:
            raise refused
        return found

    @property
    def request_settle(self) -> timedelta:
        return timedelta(seconds=self._settings.settle)

    @property
    def request_repeat_is_same(self) -> bool:
        return self._settings.submit.repeat_is_same

    @property
    def can_find_requests(self) -> bool:
        return self._settings.find is not None

    def find_submitted(self, asked: AskedFor) -> RemoteRef | None:
        """Their id, our key where they have none; None: they do not have it."""
        find = self._settings.find
        assert find is not None, "asked only where it can be"
        tree = self._read(find.path, asked, operation="find request")
        found = None if tree is None else at(tree, find.found)
        if isinstance(found, list):
            found = found[0] if found else None
        if not found:
            return None
        if find.reference is None:
            return asked.key
        whole = text_at(tree, find.reference)
        return whole or text_at(found, find.reference) or asked.key

    @property
    def can_cancel_requests(self) -> bool:
        return self._settings.cancel is not None

    def cancel_request(self, asked: AskedFor) -> bool:
        """Raises Rejected where they say neither yes nor that it is too late, UnknownOutcome where
        they will only see to it."""
        cancel = self._settings.cancel
        assert cancel is not None, "asked only where it can be"
        content = json.dumps(cancel.body).encode() if cancel.body else None
        headers = {"Content-Type": "application/json"} if cancel.body else {}
        if self._settings.signature is not None:
            headers |= signed(self._settings.signature, content or b"")
        try:
            answer = self._call(
                cancel.method, cancel.path, asked, operation="cancel request", write=True,
                expect_json=False, content=content, headers=headers,
            )  # fmt: skip
        except Rejected as refused:
            if refused.code.isdigit() and int(refused.code) in cancel.too_late:
                return False
            raise
        if answer.status == _TAKEN_UP:
            # They will see: it may be packed by then, and must not be asked of others yet.
            raise UnknownOutcome(
                "they took up the cancellation and have not said yes",
                connector=self.name,
                operation="cancel request",
            )
        return True

    # what comes back

    @property
    def ask_every(self) -> timedelta | None:
        if self._settings.status is None:
            return None
        return timedelta(minutes=self._settings.ask_every)

    def request_status(self, asked: AskedFor) -> RequestStatus:
        """Raises Rejected with code "unknown" where they know no such order."""
        status = self._settings.status
        assert status is not None, "asked only where it can be"
        tree = self._read(status.path, asked, operation="request status")
        if tree is None:
            raise self._rejected(f"they know no order {asked.key}", code="unknown")
        word = text_at(tree, status.state)
        meaning = {text.casefold(): one for text, one in status.words.items()}.get(word.casefold())
        acknowledgment = None
        if meaning != "waiting":
            acknowledgment = Acknowledgment(
                key=asked.key,
                status=AcknowledgmentStatus.UNKNOWN if meaning is None else meaning,
                at=self._clock.now(),
                raw_status=word,
                message=text_at(tree, status.reason),
                reference=asked.reference,
                lines=tuple(
                    self._line(one, status.lines) for one in list_at(tree, status.lines.list)
                )
                if status.lines
                else (),
                ready_on=self._day(text_at(tree, status.ready_on)),
            )
        notices: list[ShipmentNotice] = []
        if status.parcel is not None:
            for one in list_at(tree, status.parcels):
                notices += self._parcel(one, status.parcel, asked)
        raw = json.dumps(tree, ensure_ascii=False)
        return RequestStatus(acknowledgment, by_number(notices), raw)

    def _line(self, one: Any, paths: LinePaths) -> AnsweredLine:
        words = {
            text.casefold(): each
            for text, each in (self._settings.status.words.items() if self._settings.status else ())
        }
        meaning = words.get(text_at(one, paths.status).casefold(), AcknowledgmentStatus.UNKNOWN)
        return AnsweredLine(
            item=text_at(one, paths.item),
            status=AcknowledgmentStatus.ACCEPTED if meaning == "waiting" else meaning,
            quantity=self._units(one, paths.quantity),
            ready_on=self._day(text_at(one, paths.ready_on)),
        )

    def _parcel(self, one: Any, paths: ParcelPaths, asked: AskedFor) -> list[ShipmentNotice]:
        """Nothing where it has no number yet: it is asked about again."""
        tracking = text_at(one, paths.tracking)
        if not tracking:
            return []
        carrier = text_at(one, paths.carrier)
        words = {**CARRIER_WORDS} | {
            text.casefold(): ours for text, ours in self._settings.carriers.items()
        }
        shipped_at = self._instant(text_at(one, paths.shipped_at))
        lines = tuple(
            ShippedLine(text_at(line, paths.item), self._units(line, paths.quantity))
            for line in list_at(one, paths.lines)
        )
        return [
            ShipmentNotice(
                key=asked.key,
                carrier=words.get(carrier.casefold(), carrier.casefold() or "other"),
                tracking_number=tracking.replace(" ", ""),
                shipped_at=shipped_at or self._clock.now(),
                lines=lines,
                service=text_at(one, paths.service),
                whole=paths.lines is None,
                # An answer tells how the parcel stands now, whatever it told before.
                replaces=True,
            )
        ]

    # what they call us with

    @property
    def topics(self) -> tuple[str, ...]:
        hook = self._settings.hook
        return hook.topics if hook is not None else ()

    def hinted(self, headers: Mapping[str, str], body: bytes) -> frozenset[str]:
        """Raises Unauthorized where no secret is known, or another one signed it."""
        hook = self._settings.hook
        if hook is None or not is_signed(hook, headers, body):
            raise Unauthorized(
                "a call that is not signed by them", connector=self.name, operation="webhook"
            )
        return frozenset({"statuses"})

    def requests_named(self, body: bytes) -> frozenset[str]:
        """What stands where `hook.names` points; a body that cannot be read names none."""
        hook = self._settings.hook
        if hook is None or not hook.names:
            return frozenset()
        try:
            tree = json.loads(body)
        except (ValueError, RecursionError):
            return frozenset()
        named = (text_at(tree, path) for path in hook.names)
        return frozenset(one for one in named if 0 < len(one) <= _LONGEST_NAME)

    # values

    def _units(self, tree: Any, path: str) -> int:
        text = text_at(tree, path)
        try:
            value = float(text)
        except ValueError:
            raise self._rejected(f"{path} is {text[:20]!r}, units are expected") from None
        # The bounds first: NaN and Infinity, which many write as JSON, are no int.
        if not 0 <= value < 1_000_000 or value != int(value):
            raise self._rejected(f"{path} is {text[:20]!r}, whole units are expected")
        return int(value)

    def _instant(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            made = datetime.fromisoformat(text)
        except ValueError:
            raise self._rejected(f"{text[:30]!r} is no instant; 2026-11-24T08:00:00Z") from None
        if made.year in (date.min.year, date.max.year):
            return None  # what .NET and many others write where there is none
        return (made if made.tzinfo else made.replace(tzinfo=self._zone)).astimezone(UTC)

    def _day(self, text: str) -> date | None:
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            instant = self._instant(text)
            return None if instant is None else instant.astimezone(self._zone).date()

    # calls

    def _read(self, path: str, asked: AskedFor, *, operation: str) -> Any:
        """The answer; None where there is nothing of this name."""
        try:
            answer = retrying(
                self._clock,
                lambda: self._call("GET", path, asked, operation=operation, write=False),
            )
        except Rejected as refused:
            if refused.code == "404":
                return None
            raise
        return answer.json()

    def _call(
        self, method: str, path: str, asked: AskedFor, *, operation: str, write: bool,
        expect_json: bool = True, content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        wait = self._rates.take(self.name, rate=self._settings.calls_per_second, burst=5.0)
        if wait:
            self._clock.sleep(wait)
        place = path_of(
            path, key=asked.key, short_key=asked.short_key, reference=asked.reference or asked.key
        )
        known = {name: value.get_secret_value() for name, value in self._settings.headers.items()}
        return self._http.call(
            method, f"{self._settings.base_url}{place}", operation=operation, write=write,
            expect_json=expect_json, content=content, headers={**known, **(headers or {})},
        )  # fmt: skip

    def _rejected(self, words: str, *, code: str = "unreadable") -> Rejected:
        return Rejected(words, connector=self.name, operation="read status", code=code)


def signed(signature: Signature, body: bytes) -> dict[str, str]:
    """The header that proves who sent the body."""
    secret = signature.secret.get_secret_value().encode()
    digest = hmac.new(secret, body, hashlib.sha256).digest()
    text = digest.hex() if signature.encoding == "hex" else base64.b64encode(digest).decode()
    return {signature.header: f"{signature.prefix}{text}"}


def is_signed(signature: Signature, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether who knows the secret sent exactly these bytes. `headers`: small letters."""
    (wanted,) = signed(signature, body).values()
    given = headers.get(signature.header.lower(), "").strip()
    # In a time that tells nothing of how much of it is right.
    return hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))


def connect(name: str, settings: Settings, inside: Inside) -> Fulfiller:
    """Build the connector. Makes no call. Raises Unavailable where `ca_file` cannot be read."""
    context = None
    if settings.ca_file is not None:
        try:
            context = ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            raise Unavailable(
                f"{settings.ca_file}: {error.strerror or error}",
                connector=name,
                operation="connect",
            ) from None
    http = Http(
        connector=name, clock=inside.clock, read_timeout=settings.call_timeout, context=context
    )
    return Fulfiller(name, settings=settings, http=http, inside=inside)
