"""REVIEW: what the store knows about orders beside themselves, gathered for a batch at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Row, or_, select

from core.model.cases import Case
from core.model.catalog import FulfilledBy, Sku
from core.model.orders import Address, OrderLine
from core.model.reasons import Reason
from core.rules.restrictions import holds_for
from core.rules.review import ReviewSettings, Verdict, goods_of, review
from core.rules.suspicion import Alike, Beside, Limits
from jobs import exchanges
from jobs.money import in_shop_money
from jobs.naming import Naming, by_all_names
from jobs.run import Run
from jobs.spelling import same_place
from jobs.store.bulk import chunks
from jobs.store.offers import Offers
from jobs.store.orders import OrderRecord, Orders
from jobs.store.refunds import Refunds
from jobs.store.store import Tx
from jobs.store.tables import listing, order_line, orders, party

#: Earlier lines of a listing that say what buyers usually take, and the part of them that does.
_USUAL_OF, _USUAL_SHARE = 200, 0.8
#: An order that a channel makes to replace another is like it on purpose.
_REPLACES = "replaces"
#: A Case about a rule that could not be judged.
RULE_FAILED = "order_rule_failed"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the review of one order came to; `record.asked` is brought up to date by it."""

    verdict: Verdict
    #: whether its rules ask for something else than is stored
    asks_anew: bool


def review_all(tx: Tx, run: Run, records: Sequence[OrderRecord]) -> dict[int, Reviewed]:
    """Judge these orders as they are now, with everything the store knows."""
    wiring = run.wiring
    section = wiring.config.review
    limits = section.limits(
        wiring.config.shop.currency, known=wiring.config.orders.keep_personal_data
    )
    beside = _Beside.of(tx, run, records, limits)
    settings = ReviewSettings(
        route_from=wiring.config.orders.route_from,
        hold_unpaid=section.hold_unpaid,
        hold_test=section.hold_test,
        hold_incomplete_address=section.hold_incomplete_address,
        hold_undeliverable=section.hold_undeliverable,
        ships_authorized=section.ships_authorized,
        states=wiring.loaded.states,
        limits=limits,
    )
    found = {}
    for record in records:
        skus = {line: known.sku for line, known in record.resolved.items()}
        met = wiring.loaded.order_rules.met(record.order, skus=skus)
        described = wiring.config.channels.get(record.order.channel)
        verdict = review(
            record.order,
            skus=skus,
            rule_hits=met.holds,
            settings=replace(settings, release_window=described.release_window)
            if described
            else settings,
            now=tx.now,
            beside=beside.about(record),
            listed=record.listed,
            released=record.released_holds,
            seen_at=record.recorded_at,
        )
        for rule, why in met.failed:
            reason = Reason.of(
                RULE_FAILED, rule=rule, order=record.order.name, channel=record.order.channel,
                lines=len(record.order.lines), why=why,
            )  # fmt: skip
            tx.open_case(Case(RULE_FAILED, f"rule {rule}", reason), once=True)
        found[record.id] = Reviewed(verdict, met.asked != record.asked)
        record.asked = met.asked
    return found


def look_ahead(tx: Tx, run: Run, numbers: Sequence[int]) -> None:
    """Judge what takes long of these orders before anybody waits for the transaction that decides them:
    what changes in between is judged again there."""
    for record in Orders(tx).load(numbers):
        skus = {line: known.sku for line, known in record.resolved.items()}
        run.wiring.loaded.order_rules.met(record.order, skus=skus)


@dataclass(frozen=True, slots=True)
class _Other:
    """Another order that shares a mark with one of the batch."""

    id: int
    row: Row[tuple[object, ...]]
    address: Address
    goods: Mapping[Sku, int]


class _Beside:
    """What is known beside the orders of one batch; nothing is asked for that no limit needs."""

    def __init__(self, tx: Tx, run: Run, limits: Limits) -> None:
        self._tx = tx
        self._wiring = run.wiring
        self._limits = limits
        self._others: dict[str, list[_Other]] = {}
        #: buyer mark -> his first order
        self._firsts: Mapping[str, tuple[object, int]] = {}
        self._prices: Mapping[tuple[str, str, str], int] = {}
        self._usual: Mapping[tuple[int, str], int] = {}
        #: order -> (minor units paid back elsewhere, whether a bank took them)
        self._paid: Mapping[int, tuple[int, bool]] = {}
        self._replacing: Mapping[int, Sequence[Reason]] = {}

    @classmethod
    def of(cls, tx: Tx, run: Run, records: Sequence[OrderRecord], limits: Limits) -> _Beside:
        made = cls(tx, run, limits)
        if limits.velocity or limits.duplicate_within:
            made._others = _others(
                tx, records, max(limits.velocity_within, limits.duplicate_within)
            )
        if limits.first_order is not None:
            made._firsts = _firsts(tx, records)
        if limits.price is not None:
            made._prices = _prices(tx, records)
        made._paid = Refunds(tx).elsewhere([record.id for record in records])
        made._replacing = {
            record.id: exchanges.waits(tx, run.wiring, record)
            for record in records
            if record.replaces is not None
        }
        if limits.many:
            made._usual = _usual(tx, records, limits.many)
        return made

    def about(self, record: OrderRecord) -> Beside:
        order = record.order
        mark = record.buyer_mark
        worth = in_shop_money(self._wiring, order.total, self._wiring.day(order.placed_at))
        own = (order.placed_at, record.id)
        return Beside(
            worth=worth,
            buyer_known=mark is not None,
            first=mark is not None and self._firsts.get(mark, own) >= own,
            alike=self._alike(record),
            asked=self._asked(record),
            usual={
                line.remote_id: self._usual[record.id, line.remote_id]
                for line in order.lines
                if (record.id, line.remote_id) in self._usual
            },
            near=self._near(record),
            restricted=self._restricted(record),
            canceling=record.canceling,
            paid_back=self._paid[record.id][0] if record.id in self._paid else 0,
            charged_back=record.id in self._paid and self._paid[record.id][1],
            replacing=self._replacing.get(record.id),
        )

    def _alike(self, record: OrderRecord) -> list[Alike]:
        """Orders of the same buyer, or to the same door, that were placed or known earlier."""
        found, first = {}, set()
        own = (record.order.placed_at, record.id)
        for mark in (record.buyer_mark, record.door_mark):
            for other in self._others.get(mark or "", ()):
                placed = (other.row.placed_at, other.id)
                # A page is known at once: of its orders those placed earlier are the first.
                if (other.row.recorded_at, *placed) < (record.recorded_at, *own):
                    first.add(other.id)
                if placed < own or other.id in first:
                    found[other.id] = other
        to = record.order.ship_to or Address()
        replaced = record.order.attributes.get(_REPLACES)
        made = []
        for other in found.values():
            row = other.row
            same_buyer = row.buyer_mark is not None and row.buyer_mark == record.buyer_mark
            near = row.door_mark is not None and row.door_mark == record.door_mark
            here = near and replaced != row.remote_id and same_place(other.address, to)
            if same_buyer or here:
                made.append(
                    Alike(
                        row.name,
                        row.placed_at,
                        same_buyer,
                        here,
                        other.goods,
                        canceled=row.canceled_at is not None or not other.goods,
                        known_first=other.id in first,
                    )
                )
        return made

    def _asked(self, record: OrderRecord) -> dict[str, int]:
        channel = record.order.channel
        return {
            line.remote_id: price
            for line in record.order.lines
            if line.unit_price is not None
            and (
                price := self._prices.get(
                    (channel, line.listing_remote_id, line.unit_price.currency)
                )
            )
            is not None
        }

    def _near(self, record: OrderRecord) -> dict[str, Sku]:
        """The known Sku that each unknown name is most like."""
        catalog = self._wiring.loaded.catalog
        unknown = [
            line
            for line in record.order.lines
            if line.remote_sku and record.resolved[line.remote_id].sku is None
        ]
        found = {line.remote_id: catalog.nearest(line.remote_sku) for line in unknown}
        near = {line: sku for line, sku in found.items() if sku is not None}
        return near | self._perhaps(record)

    def _perhaps(self, record: OrderRecord) -> dict[str, str]:
        """The Skus that lines in doubt may be: a person chooses, nobody guesses."""
        channel = record.order.channel
        unknown = [one for one in record.order.lines if record.resolved[one.remote_id].sku is None]
        if not unknown:
            return {}
        pages = [(channel, one.listing_remote_id) for one in unknown]
        called = Offers(self._tx).called(pages)
        goods = by_all_names(
            self._tx,
            [
                (*page, called.get(page, one.remote_sku))
                for one, page in zip(unknown, pages, strict=True)
            ],
        )
        meant = Naming(self._tx, self._wiring).sold(goods)
        return {
            line.remote_id: " / ".join(meant[one].perhaps)
            for line, one in zip(unknown, goods, strict=True)
            if meant[one].perhaps
        }

    def _restricted(self, record: OrderRecord) -> list[tuple[str, str]]:
        to = record.order.ship_to
        if to is None:
            return []
        return [
            (one.name, line.remote_id)
            for line in record.order.lines
            if _ships(line) and (sku := record.resolved[line.remote_id].sku) is not None
            for one in self._wiring.loaded.restrictions.of(sku)
            if one.forbids and holds_for(one, to)
        ]


def _ships(line: OrderLine) -> bool:
    return (
        line.fulfilled_by is FulfilledBy.US
        and line.requires_shipping
        and line.current > line.fulfilled
    )


def _others(tx: Tx, records: Sequence[OrderRecord], within: timedelta) -> dict[str, list[_Other]]:
    """Mark -> orders that have it, placed up to so long before the earliest of these."""
    if not records:
        return {}
    marks = sorted(
        {one for record in records for one in (record.door_mark, record.buyer_mark) if one}
    )
    since = min(record.order.placed_at for record in records) - within
    rows: dict[int, Row[tuple[object, ...]]] = {}
    for chunk in chunks(marks, 200):
        for row in tx.rows(
            # Not the buyer's name: what is told names orders.
            select(
                *(column for column in party.c if column is not party.c.name),
                orders.c.name,
                orders.c.remote_id,
                orders.c.placed_at,
                orders.c.recorded_at,
                orders.c.canceled_at,
            )
            .join(orders, orders.c.id == party.c.order_id)
            .where(
                party.c.role == "ship_to",
                or_(party.c.door_mark.in_(chunk), party.c.buyer_mark.in_(chunk)),
                orders.c.placed_at >= since,
            )
        ):
            rows[row.order_id] = row
    goods = _goods(tx, rows)
    found: dict[str, list[_Other]] = defaultdict(list)
    for number, row in sorted(rows.items()):
        address = Address(
            line1=row.line1, line2=row.line2, line3=row.line3, city=row.city, region=row.region,
            postal_code=row.postal_code, country=row.country,
        )  # fmt: skip
        other = _Other(number, row, address, goods.get(number, {}))
        for mark in {row.door_mark, row.buyer_mark} - {None}:
            found[mark].append(other)
    return found


def _goods(tx: Tx, numbers: Mapping[int, object]) -> dict[int, dict[Sku, int]]:
    """What we ship of these orders."""
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    skus: dict[int, dict[str, Sku | None]] = defaultdict(dict)
    for chunk in chunks(sorted(numbers), 500):
        for row in tx.rows(
            select(order_line).where(
                order_line.c.order_id.in_(chunk),
                order_line.c.fulfilled_by == str(FulfilledBy.US),
                order_line.c.requires_shipping,
                order_line.c.current > 0,
            )
        ):
            lines[row.order_id].append(
                OrderLine(
                    row.remote_id, row.remote_sku, row.listing_remote_id, "", row.ordered,
                    row.current, row.fulfilled, None,
                )
            )  # fmt: skip
            skus[row.order_id][row.remote_id] = row.sku
    return {number: goods_of(found, skus[number]) for number, found in lines.items()}


def _firsts(tx: Tx, records: Sequence[OrderRecord]) -> dict[str, tuple[object, int]]:
    """Buyer mark -> (when, number) of the first order that is known of him."""
    marks = sorted({record.buyer_mark for record in records if record.buyer_mark})
    found: dict[str, tuple[object, int]] = {}
    for chunk in chunks(marks, 500):
        for row in tx.rows(
            select(party.c.buyer_mark, orders.c.placed_at, orders.c.id)
            .join(orders, orders.c.id == party.c.order_id)
            .where(party.c.role == "ship_to", party.c.buyer_mark.in_(chunk))
        ):
            told = (row.placed_at, row.id)
            if row.buyer_mark not in found or told < found[row.buyer_mark]:
                found[row.buyer_mark] = told
    return found


def _prices(tx: Tx, records: Sequence[OrderRecord]) -> dict[tuple[str, str, str], int]:
    """(channel, listing, currency) -> what it asks for one."""
    asked: dict[str, set[str]] = defaultdict(set)
    for record in records:
        asked[record.order.channel].update(line.listing_remote_id for line in record.order.lines)
    found = {}
    for channel, names in sorted(asked.items()):
        for chunk in chunks(sorted(names), 500):
            for row in tx.rows(
                select(listing.c.remote_id, listing.c.price, listing.c.currency).where(
                    listing.c.channel == channel,
                    listing.c.remote_id.in_(chunk),
                    listing.c.price > 0,
                )
            ):
                found[channel, row.remote_id, row.currency] = row.price
    return found


def _usual(tx: Tx, records: Sequence[OrderRecord], least: int) -> dict[tuple[int, str], int]:
    """(order, line) of large lines -> what four of five earlier buyers of that listing took at most."""
    found = {}
    for record in records:
        for line in record.order.lines:
            if line.current < least or not line.listing_remote_id:
                continue
            earlier = [
                row.ordered
                for row in tx.rows(
                    select(order_line.c.ordered)
                    .join(orders, orders.c.id == order_line.c.order_id)
                    .where(
                        order_line.c.listing_remote_id == line.listing_remote_id,
                        orders.c.channel == record.order.channel,
                        orders.c.replaces.is_(None),
                        order_line.c.order_id < record.id,
                    )
                    .order_by(order_line.c.order_id.desc())
                    .limit(_USUAL_OF)
                )
            ]
            if earlier:
                rank = int(_USUAL_SHARE * (len(earlier) - 1))
                found[record.id, line.remote_id] = sorted(earlier)[rank]
    return found
