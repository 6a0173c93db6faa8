"""What a walk brought, and what it could not bring."""

from __future__ import annotations

from collections.abc import Sequence

from core.model.orders import Order
from core.ports import Batch


def ids(batches: Sequence[Batch[Order]]) -> set[str]:
    return {one.remote_id for batch in batches for one in batch.items}


def rejects(batches: Sequence[Batch[Order]]) -> list[tuple[str, str]]:
    return [(one.kind, one.remote_id) for batch in batches for one in batch.rejects]
