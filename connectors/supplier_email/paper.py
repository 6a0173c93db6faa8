"""A purchase order on paper. Pure: the same order is the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reportlab.platypus import Flowable

from connectors.paper import Part, Pen, gap, printed, width_of
from connectors.sheets import ADDRESS_COLUMNS, address_cells, address_lines, plain_cell
from connectors.supplier_email.settings import Settings
from core.model.fulfillment import ShipRequest
from core.model.money import Money
from core.model.purchasing import PurchaseLine, PurchaseOrder

#: Shares of the width, by column.
_WIDTHS = (0.06, 0.25, 0.25, 0.1, 0.1, 0.11, 0.13)
_HEADINGS = ("#", "Item", "Our SKU", "Units", "Packs", "Unit price", "Amount")
_FIGURES = frozenset({3, 4, 5, 6})


def purchase_pdf(order: PurchaseOrder, settings: Settings) -> bytes:
    """The order to be read by people; quantities are units. Foreign text stands there as text."""
    return _printed(order.number, _facts(order, settings), order.lines, settings)


def request_pdf(request: ShipRequest, settings: Settings) -> bytes:
    """A request to ship: an order that says where the parcel goes."""
    to = zip(ADDRESS_COLUMNS, address_cells(request.ship_to), strict=True)
    cells = {column: plain_cell(cell) for column, cell in to}
    phone = [cells["phone"]] if cells["phone"] else []
    facts: list[tuple[str, Sequence[str]]] = [
        ("Supplier", [settings.to]),
        ("Ordered on", [request.requested_at.date().isoformat()]),
        ("Ship by", [ship_by(request)]),
        ("Service", [request.service or "as agreed"]),
        ("Our order", [request.order_name]),
        ("Ship to", [*address_lines(cells), *phone]),
        *([("Note", [request.note])] if request.note else []),
    ]
    lines = [
        replace(line, item=" ".join([line.item or line.sku, request.titles.get(line.sku, "")]))
        for line in request.by_sku()
    ]
    return _printed(request.short_key, facts, lines, settings)


def ship_by(request: ShipRequest) -> str:
    return request.ship_by.date().isoformat() if request.ship_by else "as soon as can be"


def _printed(
    number: str, facts: Sequence[tuple[str, Sequence[str]]], lines: Sequence[PurchaseLine],
    settings: Settings,
) -> bytes:  # fmt: skip
    pen = Pen()
    story = _story(number, facts, lines, settings, width_of(settings.paper), pen)
    return printed(
        [Part(story, pen.text(number, size=8))],
        title=f"Purchase order {number}",
        author=settings.buyer[0],
        size=settings.paper,
    )


def _story(
    number: str, facts: Sequence[tuple[str, Sequence[str]]], lines: Sequence[PurchaseLine],
    settings: Settings, width: float, pen: Pen,
) -> list[Flowable]:  # fmt: skip
    story: list[Flowable] = [
        *(pen.text(line, bold=not at) for at, line in enumerate(settings.buyer)),
        gap(8),
        pen.text(f"Purchase order {number}", size=16, bold=True),
        gap(4),
        pen.told(facts, width),
        gap(6),
        pen.lined(_HEADINGS, _rows(lines), _WIDTHS, width, right=_FIGURES),
    ]
    total = total_of(lines)
    if total is not None:
        story += [gap(3), pen.text(f"Total {total}", bold=True, right=True)]
    if settings.terms:
        story += [gap(6), *map(pen.text, settings.terms)]
    return [*pen.told_of_missing("mail that brought this, with its CSV file,"), *story]


def total_of(lines: Sequence[PurchaseLine]) -> Money | None:
    """None where a price is not known, or is in another currency than the others."""
    amounts = [one.price * one.quantity for one in lines if one.price is not None]
    if len(amounts) < len(lines) or len({one.currency for one in amounts}) != 1:
        return None
    return Money(sum(one.amount for one in amounts), amounts[0].currency)


def delivered_to(order: PurchaseOrder, settings: Settings) -> tuple[str, ...]:
    """The lines of the address that receives it; the place's name where none is known."""
    return settings.deliver_to.get(order.location) or (order.location,)


def _facts(order: PurchaseOrder, settings: Settings) -> list[tuple[str, Sequence[str]]]:
    needed = order.needed_on.isoformat() if order.needed_on else "as soon as can be"
    return [
        ("Supplier", [settings.to]),
        ("Ordered on", [order.ordered_at.date().isoformat()]),
        ("Needed on", [needed]),
        ("Deliver to", delivered_to(order, settings)),
    ]


def _rows(lines: Sequence[PurchaseLine]) -> Iterator[tuple[str, ...]]:
    for number, line in enumerate(lines, 1):
        packs = f"{line.quantity // line.pack} x {line.pack}" if line.pack > 1 else ""
        yield (
            str(number), line.item, line.sku, str(line.quantity), packs,
            "" if line.price is None else str(line.price),
            "" if line.price is None else str(line.price * line.quantity),
        )  # fmt: skip
