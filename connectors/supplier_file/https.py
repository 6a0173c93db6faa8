"""Files at HTTPS addresses: asked for only when changed, never larger than allowed.

RFC 9110: ETag, Last-Modified and 304. The place in the walk is what the last answer called itself.
"""

from __future__ import annotations

import base64
import email.utils
import json
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from connectors.folders.transport import Arrival, digest_of, spooled
from connectors.http import Http, retrying
from connectors.supplier_file.settings import Https
from core.errors import Rejected, Unauthorized
from core.ports import Clock


class HttpsDeliveries:
    """Each `path` of the settings is one file under the configured address."""

    def __init__(self, settings: Https, *, connector: str, clock: Clock, largest: int) -> None:
        self._settings = settings
        self._connector = connector
        self._clock = clock
        self._largest = largest
        self._http: Http | None = None

    def arrivals(
        self, folder: str, pattern: str, *, since: str | None, now: datetime
    ) -> Iterator[Arrival]:
        """The file, where it is another one than last time. `pattern` plays no part here."""
        before: dict[str, str] = json.loads(since) if since else {}
        name, body = _name(folder), spooled()
        try:
            answer = retrying(
                self._clock,
                lambda: self._client().download(
                    self._settings.url + folder,
                    into=body,
                    largest=self._largest,
                    operation=f"read {folder}",
                    headers={**self._secrets(), **_unchanged(before)},
                ),
            )
        except Rejected as error:
            body.close()
            if error.code != "too-large":
                raise
            yield Arrival(name, now, "", since or "{}", None, refused=str(error))
            return
        if answer.status == 304:
            body.close()
            yield _nothing(name, now, since or "{}")
            return
        digest = digest_of(body)
        place = json.dumps(
            {
                "etag": answer.headers.get("etag", ""),
                "modified": answer.headers.get("last-modified", ""),
                "digest": digest,
            }
        )
        if digest == before.get("digest"):
            # A server without a memory hands out the same bytes again and again.
            body.close()
            yield _nothing(name, now, place)
            return
        changed_at = _instant(answer.headers.get("last-modified", "")) or now
        yield Arrival(name, changed_at, digest, place, body)

    def look(self, folder: str) -> str:
        answer = self._client().call(
            "HEAD",
            self._settings.url + folder,
            operation=f"list {folder}",
            write=False,
            expect_json=False,
            headers=self._secrets(),
        )
        return f"there, changed {answer.headers.get('last-modified', 'at a time it does not tell')}"

    def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def _client(self) -> Http:
        if self._http is None:
            try:
                context = ssl.create_default_context(cafile=self._settings.ca_file)
            except OSError as error:
                raise Unauthorized(
                    f"ca_file cannot be read: {error.strerror or error}",
                    connector=self._connector, operation="connect", missing="ca_file",
                ) from None  # fmt: skip
            self._http = Http(
                connector=self._connector,
                clock=self._clock,
                read_timeout=self._settings.call_timeout,
                context=context,
            )
        return self._http

    def _secrets(self) -> dict[str, str]:
        told = self._settings
        found = {name: value.get_secret_value() for name, value in told.headers.items()}
        if told.bearer is not None:
            found["Authorization"] = f"Bearer {told.bearer.get_secret_value()}"
        elif told.username is not None and told.password is not None:
            pair = f"{told.username}:{told.password.get_secret_value()}".encode()
            found["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return found


def _nothing(name: str, now: datetime, cursor: str) -> Arrival:
    return Arrival(name, now, "", cursor, None)


def _unchanged(before: Mapping[str, str]) -> dict[str, str]:
    asked = {"If-None-Match": before.get("etag"), "If-Modified-Since": before.get("modified")}
    return {name: value for name, value in asked.items() if value}


def _name(folder: str) -> str:
    """The last part of the path, as text that may stand anywhere."""
    last = unquote(urlsplit(folder).path.rsplit("/", 1)[-1])
    return "".join(letter if letter.isprintable() else "?" for letter in last)[:200] or "file"


def _instant(text: str) -> datetime | None:
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
