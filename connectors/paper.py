"""What people read on paper: PDF by ReportLab. Pure: the same words are the same bytes."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import io
import itertools
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

PaperSize = Literal["letter", "a4"]

#: What every reader has.
_LATIN, _BOLD, _SIGNS = "Helvetica", "Helvetica-Bold", "ZapfDingbats"
#: Chinese, Japanese, Korean, Cyrillic, Greek, every Latin letter: what is used of it goes into the
#: document. A font that only the reader may have prints nothing where he has not, and nobody notices.
_SCRIPTS, _SCRIPTS_FILE = "paperang_p2_fonts_cjk", "fonts/wqy-microhei.ttc"
#: Written from right to left (UAX 9), with letters that join: in this order they would be misread.
_FROM_RIGHT = ("R", "AL", "AN")
#: Letters that Unicode does not take apart.
_PLAINER = {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ħ": "h", "Ħ": "H"}
#: Stands for a letter that none of them has: what is missing is seen to be missing.
_UNKNOWN = "❑"
_MISSING = (
    "Each ❑ stands for a letter that could not be printed. The {sheet} has the text as it was "
    "written: read it there."
)
_GRAY = colors.HexColor("#5b6472")
_SIDE, _TOP, _BOTTOM = 18 * mm, 18 * mm, 20 * mm


@dataclass(frozen=True, slots=True)
class Part:
    """Pages of their own, numbered from 1."""

    story: Sequence[Flowable]
    #: at the foot of each of its pages
    foot: Paragraph


def width_of(size: PaperSize) -> float:
    """Points between the margins."""
    return _page(size)[0] - 2 * float(_SIDE)


def printed(parts: Sequence[Part], *, title: str, author: str, size: PaperSize) -> bytes:
    """One document. Neither the time it was made nor a random id is in it."""
    out = io.BytesIO()
    page = _page(size)
    paper = BaseDocTemplate(
        out, pagesize=page, leftMargin=_SIDE, rightMargin=_SIDE, topMargin=_TOP,
        bottomMargin=_BOTTOM, title=title, author=author, invariant=1,
    )  # fmt: skip
    for number, part in enumerate(parts):
        frame = Frame(_SIDE, _BOTTOM, paper.width, paper.height, leftPadding=0, rightPadding=0)
        paper.addPageTemplates(PageTemplate(str(number), [frame], onPage=_footer(part.foot, page)))
    story: list[Flowable] = []
    for number, part in enumerate(parts):
        if number:
            story += [NextPageTemplate(str(number)), PageBreak()]
        story += part.story
    paper.build(story)
    return out.getvalue()


def gap(millimeters: float) -> Spacer:
    return Spacer(1, millimeters * mm)


class Pen:
    """Writes in every script it has letters for. `font`: a TrueType file whose letters go into the
    document, so that whoever prints it need not have them; one that cannot be read is left out."""

    def __init__(self, font: str | None = None) -> None:
        self._font, self._letters = "", frozenset[int]()
        self._left_out = False
        if font is not None and not font_problem(font):
            self._font = _name_of(font)
            self._letters = frozenset(pdfmetrics.getFont(self._font).face.charToGlyph)

    def told_of_missing(self, sheet: str) -> list[Flowable]:
        """What the paper says where it lacks letters of what was written with this pen so far.

        `sheet`: where they are, like "CSV file of this request".
        """
        if not self._left_out:
            return []
        return [self.text(_MISSING.format(sheet=sheet), bold=True), gap(4)]

    def text(
        self, words: str, *, size: int = 9, bold: bool = False, right: bool = False
    ) -> Paragraph:
        """A paragraph that shows exactly these words: ReportLab reads markup in what it is given."""
        style = ParagraphStyle(
            "line", fontName=_LATIN, fontSize=size, leading=size * 1.3, alignment=2 if right else 0
        )
        return Paragraph(self._marked(words, _BOLD if bold else _LATIN), style)

    def told(self, facts: Iterable[tuple[str, Sequence[str]]], width: float) -> Table:
        """What is told about the whole: a word, and the lines that belong to it."""
        rows = [
            (self.text(word, bold=True), [self.text(line) for line in lines])
            for word, lines in facts
        ]
        made = Table(rows, colWidths=(width * 0.2, width * 0.8), hAlign="LEFT", splitInRow=1)
        made.setStyle(
            TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
        )
        return made

    def lined(
        self,
        headings: Sequence[str],
        rows: Iterable[Sequence[str]],
        shares: Sequence[float],
        width: float,
        *,
        right: frozenset[int],
    ) -> Table:
        """Rows under headings that every page repeats. `shares` of the width and `right` by column."""
        cells = [
            [self.text(word, bold=True, right=at in right) for at, word in enumerate(headings)]
        ]
        cells += [
            [self.text(cell, right=at in right) for at, cell in enumerate(row)] for row in rows
        ]
        # Where one row is longer than a page it goes on on the next.
        made = Table(
            cells, colWidths=[width * share for share in shares], repeatRows=1, splitInRow=1
        )
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

    def _marked(self, words: str, latin: str) -> str:
        """ReportLab's markup for these words, each stretch of them in a font that has its letters."""
        plain = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", words))
        shown = [one for letter in plain for one in self._shown(letter, latin)]
        return "".join(
            f'<font name="{font}">{escape("".join(letter for _, letter in run))}</font>'
            for font, run in itertools.groupby(shown, key=lambda one: one[0])
        )

    def _shown(self, letter: str, latin: str) -> list[tuple[str, str]]:
        """(font, letter) that shows a letter, or what is nearest to it; _UNKNOWN where nothing is."""
        plainer = _PLAINER.get(letter) or "".join(
            part
            for part in unicodedata.normalize("NFKD", letter)
            if not unicodedata.combining(part)
        )
        if _has(letter, "cp1252"):
            return [(latin, letter)]
        if unicodedata.bidirectional(letter) not in _FROM_RIGHT:
            if ord(letter) in self._letters:
                return [(self._font, letter)]
            if ord(letter) in _letters_of_scripts():
                return [(_SCRIPTS, letter)]
            if plainer and _has(plainer, "cp1252"):
                return [(latin, part) for part in plainer]
        if unicodedata.category(letter) in ("Mn", "Me"):
            return []  # it belongs to the letter before, which is shown
        self._left_out = True
        return [(_SIGNS, _UNKNOWN)]


@functools.cache
def _letters_of_scripts() -> frozenset[int]:
    """Letters that our own font has; it is read with the first one that is looked for."""
    with importlib.resources.as_file(
        importlib.resources.files(_SCRIPTS).joinpath(_SCRIPTS_FILE)
    ) as path:
        pdfmetrics.registerFont(TTFont(_SCRIPTS, str(path)))
    return frozenset(pdfmetrics.getFont(_SCRIPTS).face.charToGlyph)


def font_problem(font: str) -> str:
    """Why letters cannot be taken from a file; "" where they can."""
    try:
        if _name_of(font) not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(_name_of(font), font))
    except Exception as error:
        # Whoever reads a broken font raises whatever it likes.
        return str(error) or type(error).__name__
    return ""


def _name_of(font: str) -> str:
    # It stands in markup: never the path itself.
    return f"file{hashlib.sha256(font.encode()).hexdigest()[:16]}"


def _page(size: PaperSize) -> tuple[float, float]:
    wide, high = LETTER if size == "letter" else A4
    return float(wide), float(high)


def _footer(line: Paragraph, page: tuple[float, float]) -> Callable[[Any, Any], None]:
    first: list[int] = []

    def draw(canvas: Any, paper: Any) -> None:
        first.append(paper.page)
        _, high = line.wrap(page[0] - 2 * _SIDE - 25 * mm, 10 * mm)
        line.drawOn(canvas, _SIDE, 14 * mm - high)
        canvas.setFont(_LATIN, 8)
        canvas.setFillColor(_GRAY)
        number = f"Page {paper.page - first[0] + 1}"
        canvas.drawRightString(page[0] - _SIDE, 12 * mm, number)

    return draw


def _has(letters: str, encoding: str) -> bool:
    try:
        letters.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
