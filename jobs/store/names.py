"""What outside names mean and meant, line by line; the codes that channels show for listings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, select, tuple_

from core.model.catalog import ChannelId, Sku
from core.model.names import Meaning, NameChange, OutsideName, Scheme, Source
from core.rules.names import in_force
from jobs.store.bulk import chunks, upsert
from jobs.store.store import Tx
from jobs.store.tables import listing, listing_code, outside_name


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line to add to the history; it is numbered and dated when it is added."""

    name: OutsideName
    source: Source
    meaning: Meaning | None
    begins: datetime
    who: str
    note: str = ""


class OutsideNames:
    """Statements about outside names, within one transaction. Lines are added, never changed."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def add(self, lines: Iterable[NewLine]) -> int:
        """How many were added."""
        added = 0
        for chunk in chunks(lines):
            self._connection.execute(
                insert(outside_name),
                [
                    {
                        "scheme": str(one.name.scheme),
                        "place": one.name.place,
                        "value": one.name.value,
                        "source": str(one.source),
                        "sku": one.meaning.sku if one.meaning else None,
                        "units": one.meaning.units if one.meaning else 1,
                        "begins": one.begins,
                        "told_at": self._tx.now,
                        "who": one.who,
                        "note": one.note,
                    }
                    for one in chunk
                ],
            )
            added += len(chunk)
        return added

    def any_by_people(self, places: Collection[tuple[Scheme, str]] = ()) -> bool:
        """Whether a person ever said what a name means, of these schemes and places; (): any. Most
        shops' files say it all."""
        said = outside_name.c.source == str(Source.PERSON)
        if places:
            kinds = [(str(scheme), place) for scheme, place in places]
            said &= tuple_(outside_name.c.scheme, outside_name.c.place).in_(kinds)
        return bool(self._connection.execute(select(exists().where(said))).scalar())

    def said_by_people(
        self, names: Iterable[OutsideName], *, at: datetime
    ) -> dict[OutsideName, NameChange]:
        """What people say of these names at this instant."""
        asked = set(names)
        found: dict[OutsideName, list[NameChange]] = defaultdict(list)
        for chunk in chunks(sorted({one.value for one in asked}), 5_000):
            query = select(outside_name).where(
                outside_name.c.value.in_(chunk),
                outside_name.c.source == str(Source.PERSON),
                outside_name.c.begins <= at,
            )
            for row in self._connection.execute(query):
                if (name := _name(row)) in asked:
                    found[name].append(_change(row))
        held = {name: in_force(lines, at=at) for name, lines in found.items()}
        return {name: one[Source.PERSON] for name, one in held.items() if one}

    def in_force(self, source: Source, *, at: datetime) -> dict[OutsideName, NameChange]:
        """All that this source says at this instant."""
        query = select(outside_name).where(
            outside_name.c.source == str(source), outside_name.c.begins <= at
        )
        last: dict[OutsideName, Row[Any]] = {}
        for row in self._connection.execute(
            query.order_by(outside_name.c.begins, outside_name.c.id)
        ):
            last[_name(row)] = row
        return {name: _change(row) for name, row in last.items() if row.sku is not None}

    def history(self, name: OutsideName) -> list[NameChange]:
        """Every line of one name, in the order in which they were told."""
        return [
            _change(row)
            for row in self._tx.rows(
                select(outside_name)
                .where(
                    outside_name.c.value == name.value,
                    outside_name.c.scheme == str(name.scheme),
                    outside_name.c.place == name.place,
                )
                .order_by(outside_name.c.id)
            )
        ]

    def of_sku(self, sku: Sku) -> list[NameChange]:
        """Lines of every name that ever meant the Sku."""
        ever = select(outside_name.c.scheme, outside_name.c.place, outside_name.c.value).where(
            outside_name.c.sku == sku
        )
        named = tuple_(outside_name.c.scheme, outside_name.c.place, outside_name.c.value)
        query = select(outside_name).where(named.in_(ever)).order_by(outside_name.c.id)
        return [_change(row) for row in self._tx.rows(query)]

    def count(self) -> int:
        """Lines there are. It grows with every one that is committed, in whatever order they are
        numbered."""
        query = select(func.count()).select_from(outside_name)
        return int(self._connection.execute(query).scalar_one())

    def any_begin(self, after: datetime, until: datetime) -> bool:
        """Whether a line comes into force after the one instant and not after the other."""
        query = select(
            exists().where(outside_name.c.begins > after, outside_name.c.begins <= until)
        )
        return bool(self._connection.execute(query).scalar())


@dataclass(frozen=True, slots=True)
class Code:
    """A code as a channel shows it for a listing. `wrong`: its check digit is not right."""

    scheme: Scheme
    code: str
    wrong: bool = False


class ListingCodes:
    """Statements about the UPC, EAN and ASIN of listings, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def record(self, told: Iterable[tuple[tuple[ChannelId, str], Sequence[Code]]]) -> None:
        """Each of these listings shows these codes now, and no others."""
        codes = dict(told)
        rows = [
            {
                "channel": channel,
                "remote_id": remote_id,
                "scheme": str(one.scheme),
                "code": one.code,
                "wrong": one.wrong,
            }
            for (channel, remote_id), some in codes.items()
            for one in dict.fromkeys(some)
        ]
        kept = {(row["channel"], row["remote_id"], row["scheme"], row["code"]) for row in rows}
        gone = [
            (channel, remote_id, str(one.scheme), one.code)
            for (channel, remote_id), before in self.of(codes).items()
            for one in before
            if (channel, remote_id, str(one.scheme), one.code) not in kept
        ]
        key = (
            listing_code.c.channel,
            listing_code.c.remote_id,
            listing_code.c.scheme,
            listing_code.c.code,
        )
        for chunk in chunks(gone, 200):
            self._connection.execute(delete(listing_code).where(tuple_(*key).in_(chunk)))
        upsert(
            self._connection,
            listing_code,
            rows,
            key=["channel", "remote_id", "scheme", "code"],
            returning=[],
        )

    def of(self, keys: Iterable[tuple[ChannelId, str]]) -> dict[tuple[ChannelId, str], list[Code]]:
        """The codes of these listings; nothing for those that show none."""
        found: dict[tuple[ChannelId, str], list[Code]] = defaultdict(list)
        for chunk in chunks(sorted(set(keys)), 400):
            for row in self._connection.execute(
                select(listing_code)
                .where(tuple_(listing_code.c.channel, listing_code.c.remote_id).in_(chunk))
                .order_by(listing_code.c.scheme, listing_code.c.code)
            ):
                found[row.channel, row.remote_id].append(_code(row))
        return found

    def shared(self) -> Iterator[tuple[Scheme, str, list[tuple[ChannelId, str, Sku]]]]:
        """Codes that listings of several Skus show, and those listings."""
        joined = (listing.c.channel == listing_code.c.channel) & (
            listing.c.remote_id == listing_code.c.remote_id
        )
        several = (
            select(listing_code.c.scheme, listing_code.c.code)
            .join(listing, joined)
            .where(listing.c.sku.is_not(None), ~listing_code.c.wrong)
            .group_by(listing_code.c.scheme, listing_code.c.code)
            .having(func.count(func.distinct(listing.c.sku)) > 1)
        )
        rows = self._tx.rows(
            select(listing_code, listing.c.sku)
            .join(listing, joined)
            .where(
                tuple_(listing_code.c.scheme, listing_code.c.code).in_(several),
                listing.c.sku.is_not(None),
            )
            .order_by(
                listing_code.c.scheme,
                listing_code.c.code,
                listing_code.c.channel,
                listing_code.c.remote_id,
            )
        )
        found: dict[tuple[str, str], list[tuple[ChannelId, str, Sku]]] = defaultdict(list)
        for row in rows:
            found[row.scheme, row.code].append((row.channel, row.remote_id, row.sku))
        for (scheme, code), listings in found.items():
            yield Scheme(scheme), code, listings

    def wrong(self) -> dict[ChannelId, list[tuple[str, str]]]:
        """Channel -> (listing, code) of codes whose check digit is not right."""
        found: dict[ChannelId, list[tuple[str, str]]] = defaultdict(list)
        for row in self._tx.rows(
            select(listing_code)
            .where(listing_code.c.wrong)
            .order_by(listing_code.c.channel, listing_code.c.remote_id, listing_code.c.code)
        ):
            found[row.channel].append((row.remote_id, row.code))
        return found


def _code(row: Row[Any]) -> Code:
    return Code(Scheme(row.scheme), row.code, row.wrong)


def _name(row: Row[Any]) -> OutsideName:
    return OutsideName(Scheme(row.scheme), row.place, row.value)


def _change(row: Row[Any]) -> NameChange:
    return NameChange(
        id=row.id,
        name=_name(row),
        source=Source(row.source),
        meaning=None if row.sku is None else Meaning(row.sku, row.units),
        begins=row.begins,
        told_at=row.told_at,
        who=row.who,
        note=row.note,
    )
