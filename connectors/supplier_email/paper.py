"""A purchase order on paper: PDF by ReportLab. Pure: the same order is the same bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from connectors.supplier_email.settings import Settings
from core.model.money import Money
from core.model.purchasing import PurchaseLine, PurchaseOrder

#: What every reader has, and what readers have for text that the first cannot show (Chinese).
_LATIN, _BOLD, _WIDE = "Helvetica", "Helvetica-Bold", "STSong-Light"
_GRAY = colors.HexColor("#5b6472")
#: Shares of the width, by column.
_WIDTHS = (0.06, 0.25, 0.25, 0.1, 0.1, 0.11, 0.13)
_HEADINGS = ("#", "Item", "Our SKU", "Units", "Packs", "Unit price", "Amount")


def purchase_pdf(order: PurchaseOrder, settings: Settings) -> bytes:
    """The order to be read by people; quantities are units. Foreign text stands there as text."""
    pdfmetrics.registerFont(UnicodeCIDFont(_WIDE))
    out = io.BytesIO()
    size = LETTER if settings.paper == "letter" else A4
    # Neither the time it was made nor a random id: a repeat is the same file.
    paper = SimpleDocTemplate(
        out, pagesize=size, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=18 * mm,
        bottomMargin=20 * mm, title=f"Purchase order {order.number}", author=settings.buyer[0],
        invariant=1,
    )  # fmt: skip

    def foot(canvas: Any, page: Any) -> None:
        canvas.setFont(_LATIN, 8)
        canvas.setFillColor(_GRAY)
        canvas.drawString(18 * mm, 12 * mm, order.number)
        canvas.drawRightString(size[0] - 18 * mm, 12 * mm, f"Page {page.page}")

    paper.build(_story(order, settings, paper.width), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _story(order: PurchaseOrder, settings: Settings, width: float) -> list[Flowable]:
    story: list[Flowable] = [
        *(_text(line, bold=not number) for number, line in enumerate(settings.buyer)),
        Spacer(1, 8 * mm),
        _text(f"Purchase order {order.number}", size=16, bold=True),
        Spacer(1, 4 * mm),
        _head(order, settings, width),
        Spacer(1, 6 * mm),
        _lines(order.lines, width),
    ]
    total = total_of(order.lines)
    if total is not None:
        story += [Spacer(1, 3 * mm), _text(f"Total {total}", bold=True, right=True)]
    if settings.terms:
        story += [Spacer(1, 6 * mm), *map(_text, settings.terms)]
    return story


def total_of(lines: Sequence[PurchaseLine]) -> Money | None:
    """None where a price is not known, or is in another currency than the others."""
    amounts = [one.price * one.quantity for one in lines if one.price is not None]
    if len(amounts) < len(lines) or len({one.currency for one in amounts}) != 1:
        return None
    return Money(sum(one.amount for one in amounts), amounts[0].currency)


def delivered_to(order: PurchaseOrder, settings: Settings) -> tuple[str, ...]:
    """The lines of the address that receives it; the place's name where none is known."""
    return settings.deliver_to.get(order.location) or (order.location,)


def _head(order: PurchaseOrder, settings: Settings, width: float) -> Table:
    needed = order.needed_on.isoformat() if order.needed_on else "as soon as can be"
    rows = [
        (_text("Supplier", bold=True), [_text(settings.to)]),
        (_text("Ordered on", bold=True), [_text(order.ordered_at.date().isoformat())]),
        (_text("Needed on", bold=True), [_text(needed)]),
        (_text("Deliver to", bold=True), [_text(line) for line in delivered_to(order, settings)]),
    ]
    made = Table(rows, colWidths=(width * 0.2, width * 0.8), hAlign="LEFT")
    made.setStyle(
        TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
    )
    return made


def _lines(lines: Sequence[PurchaseLine], width: float) -> Table:
    rows = [[_text(word, bold=True, right=place > 2) for place, word in enumerate(_HEADINGS)]]
    for number, line in enumerate(lines, 1):
        packs = f"{line.quantity // line.pack} x {line.pack}" if line.pack > 1 else ""
        cells = (
            str(number), line.item, line.sku, str(line.quantity), packs,
            "" if line.price is None else str(line.price),
            "" if line.price is None else str(line.price * line.quantity),
        )  # fmt: skip
        rows.append([_text(cell, right=place > 2) for place, cell in enumerate(cells)])
    made = Table(rows, colWidths=[width * share for share in _WIDTHS], repeatRows=1)
    made.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
                ("LINEBELOW", (0, 1), (-1, -1), 0.3, _GRAY),
            ]
        )
    )
    return made


def _text(words: str, *, size: int = 9, bold: bool = False, right: bool = False) -> Paragraph:
    """A paragraph that shows exactly these words: ReportLab reads markup in what it is given."""
    plain = "".join(c if c.isprintable() else " " for c in words)
    try:
        plain.encode("cp1252")
        font = _BOLD if bold else _LATIN
    except UnicodeEncodeError:
        font = _WIDE
    style = ParagraphStyle(
        "line", fontName=font, fontSize=size, leading=size * 1.3, alignment=2 if right else 0
    )
    return Paragraph(escape(plain), style)
