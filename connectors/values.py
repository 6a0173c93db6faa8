"""Values that several connectors know: kinds of them in settings, usual words. Imports no client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("no time zone; America/New_York, Asia/Shanghai, UTC, ...") from None
    return value


def one_line(text: str, longest: int) -> str:
    """Others' words in a text of ours: they begin no line of their own."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]


def without_papers(values: object) -> object:
    """Settings of a place whose requests are no CSV files: there is nothing papers could lie beside."""
    if isinstance(values, dict) and "papers" in values:
        raise ValueError(
            "papers: pick lists and packing slips are written beside requests that are CSV files "
            "(type: supplier_file); this place takes none; leave them out"
        )
    return values


def header_name(value: str) -> str:
    """Of an HTTP request, as it may be written anywhere."""
    if not value.replace("-", "").isalnum() or not value.isascii():
        raise ValueError(f"{value!r} is no name of a header; letters, digits and - only")
    return value


#: an IANA name: America/New_York
TimeZone = Annotated[str, AfterValidator(_zone)]
#: ISO 4217, upper case
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
HeaderName = Annotated[str, AfterValidator(header_name)]
#: headers with secrets in them: {X-Api-Key: ...}
SecretHeaders = dict[HeaderName, SecretStr]

#: Usual words for a carrier, lower case, in ours. What is not here stays as they wrote it.
CARRIER_WORDS: Mapping[str, str] = {
    "ups": "ups",
    "united parcel service": "ups",
    "fedex": "fedex",
    "federal express": "fedex",
    "usps": "usps",
    "us postal service": "usps",
    "dhl": "dhl",
    "ontrac": "ontrac",
    "uniuni": "uniuni",
}


def known_host(url: str, *known: str) -> str:
    """`url` without a slash at its end, if it is one of `known` or a simulator on loopback.

    Raises ValueError with what was expected: where credentials go, nobody else gets them by a slip
    of the pen.
    """
    parts = urlsplit(url)
    loopback = parts.scheme in ("http", "https") and parts.hostname in (
        "127.0.0.1",
        "localhost",
        "::1",
    )
    plain = not (parts.query or parts.fragment or parts.username)
    if url.rstrip("/") in known or (loopback and plain):
        return url.rstrip("/")
    raise ValueError(f"{', '.join(known)} or a simulator on loopback")
