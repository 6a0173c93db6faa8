"""Names: a hundred thousand of them read from a table, said by people, and asked for.

Every step is a fresh process, so that its peak memory is that of the step alone.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import world
from bench.figures import Figures, Row, memory_of
from config.naming import COLUMNS, FileNames, read_names
from core.model.names import Meaning, OutsideName, Scheme
from jobs import mapping, renaming
from jobs.mapping import Said
from jobs.naming import Naming, shown

SIZES = (10_000, 100_000)
#: Names of one Sku: an item number, a page of one channel, an alias.
_PER_SKU = 4
#: Lines of one page of orders.
_PAGE = 100


def measure(*, seed: int, sizes: tuple[int, ...] = SIZES) -> Figures:
    """`seed` is not used: nothing here is left to chance."""
    found = Figures(
        "names: tables, people and questions", "what 100,000 names cost in time and memory, SQLite"
    )
    for count in sizes:
        with world.folder() as within:
            url = f"sqlite:///{within / 'lockstep.db'}"
            _child("stock", url, within, count)
            for step in ("read", "file", "say", "ask", "follow"):
                found.add(names=count, step=_STEPS[step], **_child(step, url, within, count))
    return found


_STEPS = {
    "stock": "",
    "read": "a table of them read (CSV) and kept in memory",
    "file": "the table's names added to the history",
    "say": "all said by a person at once (map import)",
    "ask": f"a page of {_PAGE} order lines understood, all said by people",
    "follow": "everything read again and looked through for what does not fit",
}


def _child(step: str, url: str, within: Path, count: int) -> Row:
    root = Path(__file__).parent.parent
    told = subprocess.run(
        [sys.executable, "-m", "bench.names", step, url, str(within), str(count)],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return dict(json.loads(told.stdout or b"{}"))


def _names(count: int) -> list[tuple[OutsideName, Meaning]]:
    made = []
    for number in range(count):
        sku = world.sku(number // _PER_SKU)
        scheme = (Scheme.ITEM, Scheme.LISTING, Scheme.REMOTE_SKU)[number % 3]
        place = {Scheme.ITEM: "acme-files", Scheme.LISTING: "shopify-us"}.get(scheme, "")
        made.append((OutsideName(scheme, place, f"X-{number:07d}"), Meaning(sku, 1 + number % 6)))
    return made


def _table(within: Path, count: int) -> Path:
    file = within / "names.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for name, meaning in _names(count):
            writer.writerow([name.scheme, name.place, name.value, meaning.sku, meaning.units, ""])
    return file


def _read(within: Path, count: int) -> None:
    table = read_names(Path("names.csv"), _table(within, count).read_bytes(), name="names.csv")
    names = FileNames()
    names.from_table(table)
    assert len(names) == count, table.problems[:1]


def _work(shop: world.Shop, step: str, within: Path, count: int) -> Callable[[], object]:
    store, wiring = shop.application.store, shop.application.wiring
    if step == "read":
        _table(within, count)
        return lambda: _read(within, count)
    if step == "file":
        for name, meaning in _names(count):
            wiring.loaded.names.add(name, meaning, "names.csv: row 2")

        def keep() -> None:
            with store.transaction() as tx:
                assert renaming.record_files(tx, wiring) >= count

        return keep
    if step == "say":
        said = [Said(name, meaning) for name, meaning in _names(count)]

        def say() -> None:
            with store.transaction() as tx:
                assert mapping.say(tx, wiring, said, by="bench", note="") == count

        return say
    if step == "ask":
        every = count // _PAGE
        goods = [shown("shopify-us", f"L-{n}", f"X-{n * every:07d}") for n in range(_PAGE)]

        def ask() -> None:
            with store.reading() as tx:
                assert len(Naming(tx, wiring).sold(goods)) == _PAGE

        return ask
    run = shop.run("core/names")
    return lambda: renaming.follow_names(run)


def _main(step: str, url: str, within: str, number: str) -> None:
    count = int(number)
    with world.shop(url, Path(within)) as shop:
        if step == "stock":
            world.stock(shop, skus=count // _PER_SKU + 1, units={"newark": 20})
            return
        idle = memory_of()
        work = _work(shop, step, Path(within), count)
        began, used = time.perf_counter(), time.process_time()
        work()
        told = {
            "seconds": time.perf_counter() - began,
            "processor_s": time.process_time() - used,
            "peak_mb": memory_of(peak=True),
            "before_mb": idle,
        }
        print(json.dumps(told))


if __name__ == "__main__":
    _main(*sys.argv[1:])
