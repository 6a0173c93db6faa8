"""Supplier feeds: a stock file, from the folder it lies in to committed figures.

One location whose 200,000 Skus are known gets a newer file, in which 1 % of the figures differ. A
fresh process does the measured work; its idle memory is that of the built application, before the
file is read. PostgreSQL's own memory is not counted.
"""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from sqlalchemy import func, select

from bench import world
from bench.figures import Figures, Row, memory_of
from jobs import log
from jobs.bootstrap import build
from jobs.pull import pull_stock
from jobs.runner import Runner
from jobs.store.stock import Stock
from jobs.store.tables import movement, snapshot, stock_level

ROWS = (200_000,)
#: What is in the file: figures alone, or their items' terms as well (pack, MOQ, cost, lead time).
KINDS = ("csv", "csv with terms", "xlsx")
SHARE = 100

_CONFIG = """
shop: {{name: Bench}}
orders: {{route_from: "2026-11-01T00:00:00Z"}}
store: {{url: "${{env:BENCH_STORE}}"}}
connections:
  shopify-us:
    {{type: shopify, shop: bench.myshopify.com, client_id: bench, client_secret: "${{env:BENCH_SECRET}}"}}
  acme:
    type: supplier_file
    transport: {{kind: local, root: {folder}}}
    folders: {{stock_in: {{path: stock, pattern: "stock*", layout: {{kind: {layout}}}}}}}
    format: {{stock: {{sku: Item, quantity: Available{terms}}}}}
    location: acme
    stable_after: 0
channels:
  shopify-us: {{connection: shopify-us}}
locations:
  acme: {{counted_by: acme, basis: net}}
"""
_TERMS = ", pack: Case Pack, least: MOQ, cost: Unit Cost, lead_days: Lead Time"
#: Twelve columns, as suppliers' catalogues have.
_HEADINGS = (
    "Item", "UPC", "Description", "Brand", "Category", "Available", "On Order", "Case Pack", "MOQ",
    "Unit Cost", "Lead Time", "Status",
)  # fmt: skip


def measure(*, seed: int, rows: tuple[int, ...] = ROWS) -> Figures:
    found = Figures(
        "feeds: parse to committed, 1 % changed",
        "goal: 200,000 rows of CSV in 3 s and 60 MB above the idle process, of XLSX in 10 s",
    )
    for kind in KINDS:
        for database in world.DATABASES:
            for count in rows:
                with world.folder() as within, world.database(database, within) as url:
                    told = _twice(url, within, kind, count, seed)
                    assert told["changed"] == count // SHARE, f"{told['changed']} changed"
                    found.add(file=kind, database=database, rows=count, **told)
    return found


def _twice(url: str, within: Path, kind: str, count: int, seed: int) -> Row:
    """The file is taken, then a newer one, each by a process of its own; what the second tells."""
    layout, terms = kind.partition(" ")[0], _TERMS if "terms" in kind else ""
    (within / "lockstep.yaml").write_text(_CONFIG.format(folder=within, layout=layout, terms=terms))
    (within / "stock").mkdir()
    told: Row = {}
    for name, moved in (("stock-1", False), ("stock-2", True)):
        _write(within / "stock" / name, kind, _lines(count, seed, moved=moved))
        told = _child(url, within)
    return told


def _child(url: str, within: Path) -> Row:
    root = Path(__file__).parent.parent
    told = subprocess.run(
        [sys.executable, "-m", "bench.feeds", url, str(within)],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return dict(json.loads(told.stdout))


def _lines(count: int, seed: int, *, moved: bool) -> Iterator[tuple[str | int | float, ...]]:
    chance = random.Random(seed)
    changing = set(random.Random(seed + 1).sample(range(count), count // SHARE))
    for number in range(count):
        units = chance.choice((0, 3, 12, 40, 250, 1_800)) + (moved and number in changing)
        yield (
            f"ACM-{number:06d}", f"{60_000_000_000 + number}", f"Mug, {number % 97} oz, glazed",
            f"Brand {number % 31}", f"Kitchen > Mugs > {number % 13}", units, chance.randrange(90),
            12, 48, round(1 + chance.random() * 40, 2), 14 + number % 30, "active",
        )  # fmt: skip


def _write(path: Path, kind: str, lines: Iterator[tuple[str | int | float, ...]]) -> None:
    if kind == "xlsx":
        _write_xlsx(path, lines)
        return
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(_HEADINGS)
        writer.writerows(lines)


def _write_xlsx(path: Path, lines: Iterator[tuple[str | int | float, ...]]) -> None:
    """The least a workbook consists of (ECMA-376), text in its cells, not in a shared table."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _PARTS.items():
            archive.writestr(name, text)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(_SHEET.encode())
            for row in (_HEADINGS, *lines):
                cells = "".join(
                    f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
                    if isinstance(cell, str)
                    else f"<c><v>{cell}</v></c>"
                    for cell in row
                )
                sheet.write(f"<row>{cells}</row>".encode())
            sheet.write(b"</sheetData></worksheet>")


_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_SPACE = "http://schemas.openxmlformats.org"
_SHEET = f'{_HEAD}<worksheet xmlns="{_SPACE}/spreadsheetml/2006/main"><sheetData>'
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATION = f"{_SPACE}/officeDocument/2006/relationships"
_PARTS = {
    "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_SPACE}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_SPACE}/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_SPACE}/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{_RELATION}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_SPACE}/spreadsheetml/2006/main" xmlns:r="{_RELATION}">'
    '<sheets><sheet name="Stock" sheetId="1" r:id="r1"/></sheets></workbook>',
}  # fmt: skip


def _main(url: str, folder: str) -> None:
    """Take what lies in the folder; the figures of the second file are told."""
    log.configure(level="error")
    environment = {"BENCH_STORE": url, "BENCH_SECRET": "none"}
    application = build(Path(folder) / "lockstep.yaml", environment=environment)
    runner = Runner(application.store, application.wiring, log.get())
    runner.declare()
    shop = world.Shop(application, runner)
    try:
        _pull(shop)  # the first look only notes that the file is there
        idle = memory_of()
        processor, began = time.process_time(), time.perf_counter()
        _pull(shop)
        seconds, processor = time.perf_counter() - began, time.process_time() - processor
        peak = memory_of(peak=True)
        changed = _check(shop)
    finally:
        application.close()
    told = {
        "changed": changed, "seconds": seconds, "processor_s": processor,
        "above_idle_mb": peak - idle, "idle_mb": idle,
    }  # fmt: skip
    print(json.dumps(told))


def _pull(shop: world.Shop) -> None:
    run = shop.run("acme/stock")
    pull_stock(run, "acme")
    shop.release(run)


def _check(shop: world.Shop) -> int:
    """Every figure is in force; the number of those that the last snapshot moved."""
    with shop.application.store.reading() as tx:
        connection = tx.connection
        levels = connection.execute(select(func.count()).select_from(stock_level)).scalar_one()
        last = connection.execute(select(snapshot).order_by(snapshot.c.id.desc()).limit(1)).one()
        assert levels == last.rows, f"{levels} levels of {last.rows} rows"
        assert last.state == "applied", f"the last snapshot is {last.state}"
        on_hand = connection.execute(select(func.sum(stock_level.c.on_hand))).scalar_one()
        assert on_hand == last.units, f"{on_hand} units, the file has {last.units}"
        assert not Stock(tx).verify(), "the ledger does not add up"
        moved = movement.c.reference.startswith(f"{last.name}#")
        return int(
            connection.execute(select(func.count()).select_from(movement).where(moved)).scalar_one()
        )


if __name__ == "__main__":
    _main(*sys.argv[1:])
