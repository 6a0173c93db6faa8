"""Our purchase order as a file, their answers to it as our facts. Pure, like `mapping`."""

from __future__ import annotations

import csv
import io
import json

from connectors.sheets import PURCHASE_COLUMNS, purchase_rows
from connectors.supplier_file.cells import Unreadable, instant_of, quantity_of
from connectors.supplier_file.files import File
from connectors.supplier_file.mapping import (
    Row,
    cell_of,
    day_of,
    reject_of,
    required_of,
    rows_of,
)
from core.model.purchasing import PurchaseAnswer, PurchaseOrder
from core.ports import Reject


def purchase_document(order: PurchaseOrder) -> bytes:
    """The order as UTF-8 CSV with CRLF; quantities are units. The same order is the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(PURCHASE_COLUMNS)
    writer.writerows(purchase_rows(order))
    return out.getvalue().encode("utf-8")


def answers(file: File) -> tuple[list[PurchaseAnswer], list[Reject], list[tuple[str, str]]]:
    """Answers, lines that could not be read, and each answer's raw line as JSON."""
    columns = file.format.purchase_answer
    items: list[PurchaseAnswer] = []
    rejects: list[Reject] = []
    raw: list[tuple[str, str]] = []
    for row in rows_of(
        file,
        needed=(columns.order, columns.item, columns.quantity),
        optional=(columns.at, columns.ready_on, columns.reference),
    ):
        if not isinstance(row, Row):
            rejects.append(reject_of(file, "purchase answer", *row))
            continue
        try:
            one = _answer(row, file)
        except Unreadable as why:
            rejects.append(reject_of(file, "purchase answer", row.line, row.text, str(why)))
            continue
        items.append(one)
        cells = json.dumps(dict(row.cells), ensure_ascii=False)
        raw.append((f"{one.number} {one.item}", cells))
    return items, rejects, raw


def _answer(row: Row, file: File) -> PurchaseAnswer:
    columns = file.format.purchase_answer
    at = cell_of(row, columns.at)
    quantity = quantity_of(required_of(row, columns.quantity))
    if quantity < 0:
        raise Unreadable(f"{quantity} units cannot come")
    return PurchaseAnswer(
        number=required_of(row, columns.order),
        item=required_of(row, columns.item),
        quantity=quantity,
        at=instant_of(at, file.format) if at else file.changed_at,
        ready_on=day_of(cell_of(row, columns.ready_on), file),
        reference=cell_of(row, columns.reference),
    )
