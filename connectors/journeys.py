"""Parcels of a simulated carrier: what happens to each, where, and when.

One story book for all carriers' simulators, so that a rule about parcels can be tried on each of them;
a carrier's own codes for the steps stay in its simulator.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from connectors.simulation import Request, SimulatorClock


class Site(NamedTuple):
    city: str
    state: str
    postal_code: str
    zone: str
    #: a building's own number, where a carrier prints one
    slic: str


ORIGIN = Site("Edison", "NJ", "08817", "America/New_York", "0886")
HUB = Site("Louisville", "KY", "40213", "America/Kentucky/Louisville", "4009")
DESTINATIONS = (
    Site("Los Angeles", "CA", "90001", "America/Los_Angeles", "9016"),
    Site("Denver", "CO", "80202", "America/Denver", "8029"),
    Site("Austin", "TX", "78701", "America/Chicago", "7879"),
    Site("Boston", "MA", "02108", "America/New_York", "0219"),
)


class Step(StrEnum):
    """What may happen to a parcel."""

    LABEL = "label"
    PICKED_UP = "picked up"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    OUT = "out"
    DELIVERED = "delivered"
    WEATHER = "weather"
    ATTEMPTED = "attempted"
    HELD = "held"
    ADDRESS = "address"
    DAMAGED = "damaged"
    REFUSED = "refused"
    RETURNING = "returning"
    RETURNED = "returned"


_TO_THE_DOOR = (
    (0.0, "origin", Step.LABEL),
    (0.08, "origin", Step.PICKED_UP),
    (0.2, "origin", Step.DEPARTED),
    (0.45, "hub", Step.ARRIVED),
    (0.55, "hub", Step.DEPARTED),
    (0.8, "destination", Step.ARRIVED),
    (0.88, "destination", Step.OUT),
)
_BACK = (
    (1.1, "destination", Step.RETURNING),
    (1.5, "hub", Step.ARRIVED),
    (2.0, "origin", Step.RETURNED),
)

#: What happens to a parcel: (share of its transit time, site, step).
STORIES: Mapping[str, tuple[tuple[float, str, Step], ...]] = {
    "": (*_TO_THE_DOOR, (1.0, "destination", Step.DELIVERED)),
    "weather": (
        *_TO_THE_DOOR[:5],
        (0.6, "hub", Step.WEATHER),
        *((share + 0.4, site, step) for share, site, step in _TO_THE_DOOR[5:]),
        (1.4, "destination", Step.DELIVERED),
    ),
    "attempted": (
        *_TO_THE_DOOR,
        (1.0, "destination", Step.ATTEMPTED),
        (1.4, "destination", Step.OUT),
        (1.5, "destination", Step.DELIVERED),
    ),
    "held": (
        *_TO_THE_DOOR,
        (1.0, "destination", Step.ATTEMPTED),
        (1.1, "destination", Step.HELD),
        (2.5, "destination", Step.DELIVERED),
    ),
    "address": (
        *_TO_THE_DOOR,
        (1.0, "destination", Step.ADDRESS),
        *_BACK,
    ),
    "damaged": (*_TO_THE_DOOR[:5], (0.6, "hub", Step.DAMAGED)),
    "refused": (*_TO_THE_DOOR, (1.0, "destination", Step.REFUSED), *_BACK),
    # Scanned once and never again.
    "lost": _TO_THE_DOOR[:3],
    # A label that nobody ever stuck on a parcel.
    "label only": _TO_THE_DOOR[:1],
}


@dataclass(frozen=True, slots=True)
class Scan:
    at: datetime
    site: Site
    step: Step

    @property
    def local(self) -> datetime:
        """The wall clock where it happened."""
        return self.at.astimezone(ZoneInfo(self.site.zone))


@dataclass(slots=True)
class Parcel:
    number: str
    shipped_at: datetime
    destination: Site
    story: str
    #: all there will ever be, oldest first
    scans: list[Scan]
    #: instants it was asked for
    asked_at: list[datetime] = field(default_factory=list)

    def seen(self, now: datetime) -> list[Scan]:
        """What happened by now, newest first, as carriers list it."""
        return [scan for scan in reversed(self.scans) if scan.at <= now]

    def first(self, step: Step) -> Scan | None:
        return next((scan for scan in self.scans if scan.step is step), None)


class GivenTokens:
    """Bearer tokens that a simulated carrier gave out, and until when each lets its bearer in."""

    def __init__(self, *, seed: int, life: timedelta) -> None:
        self._random = random.Random(seed)
        self._life = life
        self._ends: dict[str, datetime] = {}
        #: how many were ever given
        self.given = 0

    def give(self, now: datetime) -> str:
        token = f"{self._random.getrandbits(256):064x}"
        self._ends[token] = now + self._life
        self.given += 1
        return token

    def let_in(self, request: Request, now: datetime) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and self._ends.get(token, now) > now

    def forget(self) -> None:
        """Every token given so far stops working."""
        self._ends.clear()


class Journeys:
    """The parcels of one carrier.

    `transit` is (least, most) clock seconds from label to door; `exceptions` the share of parcels with
    another story than the usual one. Both are drawn by seed and number, not by order of
    registration: threads do not change what happens.
    """

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        transit: tuple[float, float] = (86_400.0, 5 * 86_400.0),
        exceptions: float = 0.0,
        origin: Site = ORIGIN,
        hub: Site = HUB,
    ) -> None:
        self._clock, self._seed = clock, seed
        self._origin, self._hub = origin, hub
        self._transit, self._exceptions = transit, exceptions
        self._parcels: dict[str, Parcel] = {}

    def register(self, number: str, shipped_at: datetime, *, story: str | None = None) -> None:
        """A shipper made a label at `shipped_at`. A number that is known stays as it is.

        Raises ValueError where there is no such story.
        """
        if story is not None and story not in STORIES:
            raise ValueError(f"story {story!r} is none of {sorted(STORIES)}")
        if number in self._parcels:
            return
        chance = random.Random(f"{self._seed} {number}")
        if story is None:
            odd = chance.random() < self._exceptions
            story = chance.choice(sorted(STORIES)[1:]) if odd else ""
        destination = chance.choice(DESTINATIONS)
        seconds = chance.uniform(*self._transit)
        sites = {"origin": self._origin, "hub": self._hub, "destination": destination}
        scans = [
            Scan(shipped_at + timedelta(seconds=share * seconds), sites[site], step)
            for share, site, step in STORIES[story]
        ]
        self._parcels[number] = Parcel(number, shipped_at, destination, story, scans)

    def place(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """{"parcel": number, "shipped_at": instant or now, "story": "", weather, attempted, ...}."""
        number = order.get("parcel")
        if not isinstance(number, str) or set(order) - {"parcel", "shipped_at", "story"}:
            raise ValueError("parcel, and maybe shipped_at and story, are expected")
        at = order.get("shipped_at")
        shipped_at = datetime.fromisoformat(at).astimezone(UTC) if at else self._clock.now()
        self.register(number, shipped_at, story=order.get("story"))
        return {"parcel": number}

    def find(self, number: str, *, kept: timedelta) -> Parcel | None:
        """The parcel of a number that was scanned by now and is not forgotten yet."""
        parcel, now = self._parcels.get(number), self._clock.now()
        if parcel is None or now - parcel.shipped_at >= kept or not parcel.seen(now):
            return None
        return parcel

    def __iter__(self) -> Iterator[Parcel]:
        return iter(self._parcels.values())


def ups_number(shipper: str, parcel: int) -> str:
    """A UPS Ground number: 1Z, shipper (6), service 03, package (7), check digit.

    The check digit is modulo 10 with even places doubled; a letter counts as (ASCII - 63) mod 10
    (tracking_number_data, couriers/ups.json).
    """
    body = f"{shipper}03{parcel % 10_000_000:07d}"
    digits = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in body]
    total = sum(digits[0::2]) + 2 * sum(digits[1::2])
    return f"1Z{body}{-total % 10}"
