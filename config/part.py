"""What every part of the configuration is made of."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_INSTANTS = "2026-11-24T00:00:00Z or 2026-11-24T00:00:00-05:00"
_TWO_LETTERS = re.compile(r"[A-Za-z]{2}")


def _written(value: Any) -> Any:
    # Pydantic reads 20261124 as seconds since 1970: a going-live date in August 1970.
    if isinstance(value, int | float) or (isinstance(value, str) and "T" not in value.upper()):
        raise ValueError(f"{value!r} is no instant; write {_INSTANTS}")
    return value


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"an instant needs an offset; write {_INSTANTS}")
    return at


def _day(value: Any) -> Any:
    # Pydantic reads a number as days or seconds since 1970.
    if not isinstance(value, str | date):
        raise ValueError(f"{value!r} is no day; write 2027-02-06")
    return value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name!r}; write an IANA name such as America/New_York"
        ) from None
    return name


def _two_letters(value: str) -> str:
    if not _TWO_LETTERS.fullmatch(value):
        raise ValueError(f"{value!r} is no code of two letters; write NY, AE or DE")
    return value.upper()


#: of a US state, or of a country
TwoLetters = Annotated[str, AfterValidator(_two_letters)]
#: an IANA name
TimeZone = Annotated[str, AfterValidator(_zone)]
#: a day of the shop's (or the place's own) calendar
Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(_written), AfterValidator(_aware)]
#: units of a Sku in one sale or one Kit
Units = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """What every part of the configuration has in common: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
