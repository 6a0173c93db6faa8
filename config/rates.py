"""A carrier's rate table: a CSV or XLSX file with a row for each weight and a column for each zone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from config.problems import Problem
from config.shipping import Rates
from config.table import Cell, cells_of, text_of

#: heading of the first column -> grams in one of it
_WEIGHTS = {"grams": Decimal(1), "kilograms": Decimal(1000), "pounds": Decimal("453.59237")}
_ZONES = frozenset("123456789")
#: Dearer than this a parcel is a mistake.
_DEAREST = Decimal(100_000)


def read_rates(file: Path, content: bytes, *, name: str) -> tuple[Rates, list[Problem]]:
    """(zone -> grams -> price, what is wrong). Never raises; a wrong cell is told and left out."""
    try:
        rows = cells_of(file, content)
    except ValueError as error:
        return {}, [Problem(name, (), str(error))]
    problems: list[Problem] = []
    heading = [text_of(cell).lower() for cell in rows[0]] if rows else []
    if not heading or heading[0] not in _WEIGHTS or not set(heading[1:]) <= _ZONES:
        expected = "expected pounds, kilograms or grams, then zones: pounds,2,3,4,5,6,7,8"
        wrong = f"the headings are {', '.join(heading) or 'missing'}"
        return {}, [Problem(f"{name}: row 1", (), wrong, expected)]
    rates: Rates = {int(zone): {} for zone in heading[1:]}
    if len(rates) < len(heading) - 1:
        problems.append(Problem(f"{name}: row 1", (), "a zone stands there twice"))
    for number, row in enumerate(rows[1:], start=2):
        if any(text_of(cell) for cell in row):
            _row(f"{name}: row {number}", heading, row, rates, problems)
    if len(rows) < 2:
        problems.append(Problem(name, (), "there is no row below the headings"))
    return rates, problems


def _row(
    where: str, heading: list[str], row: Sequence[Cell], rates: Rates, problems: list[Problem]
) -> None:
    up_to = _decimal(row[0])
    if up_to is None or up_to <= 0:
        wrong = f"{text_of(row[0])!r} is no weight"
        problems.append(Problem(f"{where}, column {heading[0]}", (), wrong, "expected more than 0"))
        return
    grams = math.floor(up_to * _WEIGHTS[heading[0]]) or 1
    for index, zone in enumerate(heading[1:], start=1):
        at = f"{where}, column {zone}"
        cell = row[index] if index < len(row) else None
        price = _decimal(cell)
        prices = rates[int(zone)]
        if price is None or not 0 <= price <= _DEAREST or price != round(price, 2):
            wrong = f"{text_of(cell)!r} is no price"
            problems.append(Problem(at, (), wrong, "expected an amount such as 8.15"))
        elif prices and grams <= max(prices):
            problems.append(Problem(at, (), "the weight is no more than in the row before"))
        elif prices and price < prices[max(prices)]:
            wrong = f"{price} is less than the lighter parcel before costs ({prices[max(prices)]})"
            problems.append(Problem(at, (), wrong, "prices rise with the weight"))
        else:
            prices[grams] = price


def _decimal(cell: Cell) -> Decimal | None:
    """A number as it is written; spreadsheets keep 8.15 as the nearest binary fraction."""
    try:
        found = Decimal(text_of(cell)) if cell is not None else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None
