"""Their files, read as the connector reads them."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, cast

from pydantic import TypeAdapter

from config.formulas import formula
from connectors.supplier_file.files import File
from connectors.supplier_file.settings import Format, Layout
from connectors.supplier_file.stock import stock_of, stock_snapshot
from core.model.purchasing import SupplierItem
from core.model.stock import StockSnapshot

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def file(
    content: str | bytes, *, layout: dict[str, Any] | None = None, most_lines: int = 1_000_000,
    **format_: Any,
) -> File:  # fmt: skip
    """A spooled file; keyword arguments are those of `format`."""
    written = content if isinstance(content, bytes) else content.encode()
    body = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
    body.write(written)
    return File(
        name="theirs",
        body=body,
        digest=hashlib.sha256(written).hexdigest(),
        changed_at=NOON,
        format=Format.model_validate(format_),
        connector="acme",
        layout=TypeAdapter(Layout).validate_python(layout or {"kind": "csv"}),
        most_lines=most_lines,
        formulas=formula,
    )


def snapshot(content: str | bytes, **kwargs: Any) -> StockSnapshot:
    return stock_snapshot(file(content, **kwargs), location="acme", lag=timedelta(minutes=10))


def faults(content: str | bytes, **kwargs: Any) -> list[str]:
    """What is wrong with the envelope."""
    made = stock_of(file(content, **kwargs), location="acme", lag=timedelta())
    return [one.problem for one in made[1]]


def quantities(content: str | bytes, **kwargs: Any) -> dict[str, int]:
    return dict(snapshot(content, **kwargs).by_sku)


def terms(content: str | bytes, **kwargs: Any) -> dict[str, SupplierItem]:
    told = snapshot(content, **kwargs).terms
    return {one.sku: one for one in told if isinstance(one, SupplierItem)}
