"""What names mean changed, or what channels show: what is recorded is read again, and what does not
fit together is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice

from sqlalchemy import select, update

from core.model.cases import Case, Severity
from core.model.catalog import ChannelId, Sku
from core.model.names import Meaning, OutsideName, Scheme, Source
from core.model.orders import OrderStage
from core.model.reasons import Reason
from core.rules.names import overruled
from jobs.naming import Naming, by_all_names, real_skus
from jobs.run import Run
from jobs.store.bulk import chunks
from jobs.store.names import ListingCodes, NewLine, OutsideNames
from jobs.store.offers import Offers
from jobs.store.orders import Orders
from jobs.store.sales import Sales
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import cases, listing, order_line, orders
from jobs.wiring import Wiring

#: For what comes into force at an instant of its own; everything else wakes it.
EVERY = timedelta(minutes=5)
#: Cases of one kind that are opened for single names; people settle these before the next.
MOST = 100
_SHOWN = 5
_SETTLED = (str(OrderStage.DELIVERED), str(OrderStage.CANCELED), str(OrderStage.RECORDED))
#: Kinds of Cases about names, with what each is about: see `conflicts`.
OVERRULED, NOTHING, IS_SKU = "name_overruled", "name_of_nothing", "name_is_sku"
DOUBT, SHARED, WRONG = "listing_in_doubt", "code_of_two", "codes_wrong"
KINDS = (OVERRULED, NOTHING, IS_SKU, DOUBT, SHARED, WRONG)


def follow_names(run: Run) -> None:
    """Read everything again once what names mean, or the configuration, is another than last time.

    A line that comes into force later is found when its time has come.
    """
    seen = _Seen.read(run.lease.cursor)
    with run.transaction() as tx:
        names = OutsideNames(tx)
        digest = run.wiring.loaded.digest
        if seen.digest != digest:
            record_files(tx, run.wiring)
        lines = names.count()
        begun = seen.at is None or names.any_begin(seen.at, tx.now)
        if begun or (digest, lines) != (seen.digest, seen.lines):
            name_again(tx, run)
        tx.advance(_Seen(digest, lines, tx.now).written())
    # Looked for without keeping anybody waiting: a hundred thousand names take seconds.
    with run.reading() as tx:
        found = {(case.kind, case.subject): case for case in conflicts(tx, run.wiring)}
    with run.transaction() as tx:
        _tell(tx, found)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was looked at last: the configuration, how many lines of history, and when."""

    digest: str = ""
    lines: int = 0
    at: datetime | None = None

    @classmethod
    def read(cls, cursor: str | None) -> _Seen:
        if not cursor:
            return cls()
        digest, lines, at = json.loads(cursor)
        return cls(digest, lines, datetime.fromisoformat(at))

    def written(self) -> str:
        return json.dumps([self.digest, self.lines, self.at.isoformat() if self.at else None])


def record_files(tx: Tx, wiring: Wiring) -> int:
    """Add to the history what the files say anew, and what they say no more; how many lines."""
    names = OutsideNames(tx)
    before = {
        name: (one.meaning, one.who) for name, one in names.in_force(Source.FILE, at=tx.now).items()
    }
    now = dict(_of_files(wiring))
    lines = [
        NewLine(name, Source.FILE, meaning, tx.now, who)
        for name, (meaning, who) in now.items()
        # Where in the file it stands is no news.
        if name not in before or before[name][0] != meaning
    ]
    gone = [
        NewLine(name, Source.FILE, None, tx.now, who)
        for name, (_, who) in before.items()
        if name not in now
    ]
    return names.add([*lines, *gone])


def _of_files(wiring: Wiring) -> Iterator[tuple[OutsideName, tuple[Meaning, str]]]:
    """Every name with one meaning; what a file says two things of means nothing for certain."""
    for alias, sku in wiring.loaded.catalog.aliases.items():
        yield OutsideName(Scheme.REMOTE_SKU, "", alias), (Meaning(sku), "skus")
    for one in wiring.loaded.names.all():
        if len(wiring.loaded.names.of(one.name)) == 1:
            yield one.name, (one.meaning, one.where)


# --- what is recorded ----------------------------------------------------------------------------


def name_again(tx: Tx, run: Run) -> None:
    """What channels call things may mean other Skus now.

    Remotes send a listing or an order again only when it changes there, so a new name would
    otherwise never reach what is recorded.
    """
    touched: set[Sku] = set()
    renamed: list[tuple[ChannelId, str]] = []
    naming = Naming(tx, run.wiring)
    query = select(
        listing.c.channel, listing.c.remote_id, listing.c.remote_sku, listing.c.sku,
        listing.c.units_per_sale,
    )  # fmt: skip
    for chunk in chunks(tx.rows(query)):
        goods = by_all_names(tx, [(row.channel, row.remote_id, row.remote_sku) for row in chunk])
        meant = naming.sold(goods)
        for row, one in zip(chunk, map(meant.__getitem__, goods), strict=True):
            if (one.sku, one.units) == (row.sku, row.units_per_sale):
                continue
            tx.connection.execute(
                update(listing)
                .where(listing.c.channel == row.channel, listing.c.remote_id == row.remote_id)
                .values(sku=one.sku, units_per_sale=one.units)
            )
            touched.update(sku for sku in (one.sku, row.sku) if sku is not None)
            renamed.append((row.channel, row.remote_id))
            if one.sku is not None:
                tx.decide(f"sku {one.sku}", one.why)
    # A number wanted under the name that is gone must not be written under none.
    Offers(tx).disown(renamed)
    Stock(tx).mark_dirty(touched)
    _name_lines_again(tx, run)


def _name_lines_again(tx: Tx, run: Run) -> None:
    """Lines of a Sku nobody knew; a line that was known keeps its name, units are held under it."""
    unknown = (
        select(
            order_line, orders.c.channel, orders.c.placed_at,
            orders.c.remote_id.label("order_remote_id"),
        )
        .join(orders, orders.c.id == order_line.c.order_id)
        .where(order_line.c.sku.is_(None), orders.c.stage.not_in(_SETTLED))
    )  # fmt: skip
    rows = tx.rows(unknown)
    goods = by_all_names(tx, [(row.channel, row.listing_remote_id, row.remote_sku) for row in rows])
    meant = Naming(tx, run.wiring).sold(goods)
    named: list[int] = []
    sold: set[tuple[ChannelId, date]] = set()
    for row, one in zip(rows, map(meant.__getitem__, goods), strict=True):
        if one.sku is None:
            continue
        tx.connection.execute(
            update(order_line)
            .where(order_line.c.order_id == row.order_id, order_line.c.remote_id == row.remote_id)
            .values(sku=one.sku, units_per_sale=one.units)
        )
        tx.decide(f"order {row.channel} {row.order_remote_id}", one.why)
        named.append(row.order_id)
        sold.add((row.channel, run.wiring.day(row.placed_at)))
    if named:
        Sales(tx).mark(sold)
        Orders(tx).decide_again(named)
        tx.wake("core/orders")


# --- what does not fit together ------------------------------------------------------------------


def _tell(tx: Tx, found: Mapping[tuple[str, str], Case]) -> None:
    """One Case for each thing that does not fit, closed once it does."""
    open_now = select(cases.c.kind, cases.c.subject).where(
        cases.c.kind.in_(KINDS), cases.c.state == "open"
    )
    for row in tx.rows(open_now):
        if (row.kind, row.subject) not in found:
            tx.close_case(row.kind, row.subject)
    for case in found.values():
        tx.renew_case(case)


def conflicts(tx: Tx, wiring: Wiring) -> Iterator[Case]:
    """A Case for each thing that does not fit as things stand now; of single names at most `MOST`."""
    people = {
        name: one.meaning
        for name, one in OutsideNames(tx).in_force(Source.PERSON, at=tx.now).items()
        if one.meaning is not None
    }
    files = {name: said[0].meaning for name in people if (said := wiring.loaded.names.of(name))}
    for name in islice(overruled(files, people), MOST):
        reason = Reason.of(
            "name_overruled", name=str(name), said=str(people[name]), file=str(files[name]),
            where=wiring.loaded.names.of(name)[0].where,
        )  # fmt: skip
        yield Case(OVERRULED, f"name {name}", reason)
    yield from islice(_of_nothing(tx, wiring, people), MOST)
    yield from islice(_skus_themselves(wiring, people), MOST)
    yield from islice(_in_doubt(tx, wiring), MOST)
    for scheme, code, listings in islice(ListingCodes(tx).shared(), MOST):
        shown_by = ", ".join(
            f"{channel} {page} = {sku}" for channel, page, sku in listings[:_SHOWN]
        )
        reason = Reason.of(
            "code_of_two", name=f"{scheme} {code}", count=len(listings), listings=shown_by
        )
        yield Case(SHARED, f"code {scheme} {code}", reason)
    for channel, some in ListingCodes(tx).wrong().items():
        shown_by = ", ".join(f"{code} ({page})" for page, code in some[:_SHOWN])
        reason = Reason.of("codes_wrong", channel=channel, count=len(some), codes=shown_by)
        yield Case(WRONG, f"codes {channel}", reason, Severity.INFO)


def _of_nothing(tx: Tx, wiring: Wiring, people: Mapping[OutsideName, Meaning]) -> Iterator[Case]:
    """Names of a Sku that nobody knows: written in no list, shown by no channel, held nowhere."""
    meant = [
        *((name, meaning, "") for name, meaning in people.items()),
        *((one.name, one.meaning, one.where) for one in wiring.loaded.names.all()),
    ]
    known = real_skus(tx, wiring, {meaning.sku for _, meaning, _ in meant})
    unknown = [one for one in meant if one[1].sku not in known]
    for name, meaning, where in sorted(unknown, key=lambda one: (one[0], one[2])):
        near = wiring.loaded.catalog.nearest(meaning.sku) or ""
        reason = Reason.of(
            "name_of_nothing", name=str(name), sku=meaning.sku, near=near, where=where
        )
        yield Case(NOTHING, f"name {name}", reason)


def _skus_themselves(wiring: Wiring, people: Mapping[OutsideName, Meaning]) -> Iterator[Case]:
    """Names that people gave to one Sku and that the list of Skus gives to another."""
    aliases = sorted(name for name in people if name.scheme is Scheme.REMOTE_SKU)
    for name in aliases:
        meaning, own = people[name], wiring.loaded.catalog.written(name.value)
        if own not in (None, meaning.sku):
            reason = Reason.of("name_is_sku", name=str(name), sku=meaning.sku, own=own)
            yield Case(IS_SKU, f"name {name}", reason)


def _in_doubt(tx: Tx, wiring: Wiring) -> Iterator[Case]:
    """Listings whose names speak of two Skus, or of one and of six units of one."""
    unknown = select(listing.c.channel, listing.c.remote_id, listing.c.remote_sku).where(
        listing.c.sku.is_(None)
    )
    rows = tx.rows(unknown.order_by(listing.c.channel, listing.c.remote_id))
    goods = by_all_names(tx, [(row.channel, row.remote_id, row.remote_sku) for row in rows])
    meant = Naming(tx, wiring).sold(goods)
    for one in goods:
        channel, remote_id = one.place, one.remote_id
        if meant[one].perhaps:
            reason = Reason.of(
                "listing_in_doubt", channel=channel, listing=remote_id, name=one.remote_sku,
                codes=", ".join(f"{scheme} {code}" for scheme, code in one.codes),
                skus=", ".join(meant[one].perhaps),
            )  # fmt: skip
            yield Case(DOUBT, f"listing {channel} {remote_id}", reason)
