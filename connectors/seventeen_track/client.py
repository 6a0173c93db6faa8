"""17TRACK's API v2.2 over HTTP: forty numbers a call, three calls a second.

https://asset.17track.net/api/document/v2.2_en/index.html; codes:
https://help.17track.net/hc/en-us/articles/37570440168473-Error-Codes-and-Troubleshooting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from connectors.http import Answer, Http, retrying
from connectors.pace import Pace
from connectors.parts import object_of, objects, text
from connectors.seventeen_track.settings import Settings
from core.errors import Rejected, Unauthorized, Unavailable
from core.ports import Inside

VERSION = "/track/v2.2"
#: It allows three.
_CALLS_PER_SECOND = 2.5
_OPERATION = "track"
#: Codes of a whole answer that are about the token: not on the list of addresses, wrong, disabled.
_REFUSED = frozenset({-18010001, -18010002, -18010004, -18010005})


class Told(NamedTuple):
    """What is said of the numbers of one call."""

    accepted: list[Mapping[str, Any]]
    #: number -> 17TRACK's code for why not
    rejected: Mapping[str, int]


class Client:
    """One account's token. Safe to use from several threads."""

    def __init__(self, name: str, *, settings: Settings, inside: Inside) -> None:
        self._name = name
        self._settings = settings
        self._clock = inside.clock
        self._http = Http(connector=name, clock=inside.clock)
        self._pace = Pace(name, inside=inside)

    def close(self) -> None:
        self._http.close()

    def infos(self, asked: Sequence[Mapping[str, Any]]) -> Told:
        """What it knows of these numbers. Costs nothing.

        Raises Unauthorized, RateLimited, Unavailable.
        """
        return self._told(retrying(self._clock, lambda: self._call("gettrackinfo", asked)))

    def register(self, asked: Sequence[Mapping[str, Any]]) -> Told:
        """Have these numbers followed, each for one of the quota. Raises as `infos`.

        Not repeated at once: were the answer lost, the next question shows which are registered, and
        one that is costs nothing again.
        """
        return self._told(self._call("register", asked))

    def affords_one_more(self) -> bool:
        """Whether another number may be registered today; if so, it is counted."""
        return self._pace.affords("registrations", in_a_day=self._settings.registrations_per_day)

    def quota(self) -> Mapping[str, Any]:
        """quota_total, quota_used, quota_remain. Raises as `infos`."""
        return self._data(retrying(self._clock, lambda: self._call("getquota", [])))

    def _told(self, answer: Answer) -> Told:
        data = self._data(answer)
        rejected = {}
        for one in objects(data.get("rejected")):
            code = object_of(one.get("error")).get("code")
            rejected[text(one.get("number"))] = code if isinstance(code, int) else 0
        return Told(objects(data.get("accepted")), rejected)

    def _data(self, answer: Answer) -> Mapping[str, Any]:
        body = object_of(answer.json())
        code, data = body.get("code"), object_of(body.get("data"))
        if code in _REFUSED:
            raise Unauthorized(f"code {code}", connector=self._name, operation=_OPERATION)
        if code != 0:
            raise self._unavailable(f"code {code}")
        return data

    def _call(self, verb: str, asked: Sequence[Mapping[str, Any]]) -> Answer:
        self._pace.wait("calls", operation=_OPERATION, rate=_CALLS_PER_SECOND, burst=1)
        try:
            return self._http.call(
                "POST",
                f"{self._settings.base_url}{VERSION}/{verb}",
                operation=_OPERATION,
                # Registering may be repeated as safely as asking.
                write=False,
                json=list(asked),
                headers={"17token": self._settings.token.get_secret_value()},
            )
        except Rejected as error:
            # What is wrong with one number is said of that number in a 200.
            raise self._unavailable(f"HTTP {error.code}, {error}") from None

    def _unavailable(self, said: str) -> Unavailable:
        return Unavailable(said, connector=self._name, operation=_OPERATION)
