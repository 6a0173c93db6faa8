"""EasyPost's trackers over HTTP: many are read in one call, each is made by one.

https://docs.easypost.com/docs/trackers. A tracker costs money when it is made; the same number of the same
carrier gets the one that there is, for three months.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.easypost.settings import Settings
from connectors.http import Answer, Http, retrying
from connectors.pace import Pace
from core.errors import Rejected, Unavailable
from core.ports import Inside

#: Trackers of one page, the most there may be.
PAGE = 100
#: Pages of one question: numbers of a batch have few trackers each.
_MOST_PAGES = 5
_OPERATION = "track"
_CODE = re.compile(r'"code":\s*"([A-Z_.]+)"')


class Refused(Exception):
    """EasyPost makes no tracker for this number; `code` is its own word for why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Client:
    """One account's key. Safe to use from several threads."""

    def __init__(self, name: str, *, settings: Settings, inside: Inside) -> None:
        self._name = name
        self._settings = settings
        self._clock = inside.clock
        self._http = Http(connector=name, clock=inside.clock)
        self._pace = Pace(name, inside=inside)

    def close(self) -> None:
        self._http.close()

    def now(self) -> datetime:
        return self._clock.now()

    def trackers(self, numbers: Sequence[str], *, since: datetime) -> list[Mapping[str, Any]]:
        """The trackers there are of these numbers, made since then, newest first.

        Raises Unauthorized, RateLimited, Unavailable.
        """
        found: list[Mapping[str, Any]] = []
        query: dict[str, Any] = {
            "tracking_codes[]": list(numbers),
            "page_size": PAGE,
            # Without these it looks a month back.
            "start_datetime": _written(since),
            "end_datetime": _written(self._clock.now() + timedelta(days=1)),
        }
        for _ in range(_MOST_PAGES):
            body = self._read(query)
            page = body.get("trackers")
            if not isinstance(page, list):
                raise self._unavailable("an answer without trackers")
            found += [one for one in page if isinstance(one, dict)]
            last = found[-1].get("id") if found else None
            if not body.get("has_more") or last is None:
                break
            query["before_id"] = last
        return found

    def affords_one_more(self) -> bool:
        """Whether another tracker may be made today; if so, it is counted."""
        return self._pace.affords("trackers", in_a_day=self._settings.trackers_per_day)

    def make_tracker(self, number: str, carrier: str) -> Mapping[str, Any]:
        """The tracker of a number, made or there before; `carrier` empty: EasyPost finds out whose it is.

        Raises Refused, Unauthorized, RateLimited, Unavailable.
        """
        wanted = {"tracking_code": number} | ({"carrier": carrier} if carrier else {})
        try:
            # Not repeated at once: were the answer lost, the next question finds the tracker, and asking
            # for it again makes no second one.
            body = self._call("POST", json={"tracker": wanted}).json()
        except Rejected as error:
            told = _CODE.search(str(error))
            if told is None or error.code not in ("400", "404", "422"):
                raise self._unavailable(f"HTTP {error.code}, {error}") from None
            raise Refused(told[1]) from None
        if not isinstance(body, dict):
            raise self._unavailable("an answer that is no object")
        return body

    def _read(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            body = retrying(self._clock, lambda: self._call("GET", params=query)).json()
        except Rejected as error:
            # It is about the question, not about one of its numbers.
            raise self._unavailable(f"HTTP {error.code}, {error}") from None
        if not isinstance(body, dict):
            raise self._unavailable("an answer that is no object")
        return body

    def _call(self, method: str, **request: Any) -> Answer:
        rate = self._settings.calls_per_minute / 60
        self._pace.wait("calls", operation=_OPERATION, rate=rate, burst=10)
        return self._http.call(
            method,
            f"{self._settings.base_url}/v2/trackers",
            operation=_OPERATION,
            # Making a tracker may be repeated as safely as reading one.
            write=False,
            auth=(self._settings.api_key.get_secret_value(), ""),
            **request,
        )

    def _unavailable(self, said: str) -> Unavailable:
        return Unavailable(said, connector=self._name, operation=_OPERATION)


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
