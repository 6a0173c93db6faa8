"""Durations as people write them: 30s, 5m, 2h, 1d12h."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

_PATTERN = r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$"
_SHAPE = re.compile(_PATTERN)


class Duration(timedelta):
    """A timedelta that is read from text like `1d12h` and refuses bare numbers."""

    @classmethod
    def seconds_of(cls, text: str) -> Duration:
        """Raises ValueError when the text is no duration."""
        match = _SHAPE.match(text)
        if not text or match is None:
            raise ValueError(f"{text!r} is no duration; write 30s, 5m, 2h or 1d12h")
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return cls(days=days, hours=hours, minutes=minutes, seconds=seconds)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def read(value: Any) -> Duration:
            if isinstance(value, Duration):
                return value
            if not isinstance(value, str):
                raise ValueError(f"{value!r} is no duration; write 30s, 5m, 2h or 1d12h")
            return cls.seconds_of(value)

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": _PATTERN, "examples": ["30s", "5m", "2h", "1d12h"]}

    def __str__(self) -> str:
        rest = int(self.total_seconds())
        text = ""
        for letter, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
            if rest >= size:
                text += f"{rest // size}{letter}"
                rest %= size
        return text or "0s"
