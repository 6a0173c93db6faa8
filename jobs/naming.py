"""What goods are in our words: files, people and codes asked for many names at once."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import select

from core.model.catalog import ChannelId, Listing, Sku
from core.model.fulfillment import AnsweredLine, ShippedLine
from core.model.money import Money
from core.model.names import CODES, Goods, Known, Meaning, OutsideName, Scheme, Source
from core.model.purchasing import PurchaseAnswer
from core.rules.names import BadName, Understood, Written, nearest_place, normal, understand
from jobs.store.bulk import chunks
from jobs.store.names import Code, ListingCodes, OutsideNames
from jobs.store.offers import Offers
from jobs.store.store import Tx
from jobs.store.tables import listing, stock_level, supplier_item
from jobs.wiring import Wiring

Answer = TypeVar("Answer", AnsweredLine, PurchaseAnswer)
Line = TypeVar("Line", bound=Hashable)


class Naming:
    """Reads names as they are understood now. What the files say wins over what people said."""

    def __init__(self, tx: Tx, wiring: Wiring) -> None:
        self._tx = tx
        self._files = wiring.loaded.names
        self._catalog = wiring.loaded.catalog
        self._packs = wiring.config.skus.units_per_sale
        self._suppliers = {
            connection: sorted(
                {connection}
                | {name for name, one in wiring.config.suppliers.items() if one.connection == connection}
            )
            for connection in wiring.connectors
        }  # fmt: skip
        self._people: bool | None = None

    def sold(self, goods: Iterable[Goods]) -> dict[Goods, Understood]:
        """What a channel shows or sells; `place` is the channel."""
        names = {one: _names_sold(one) for one in goods}
        known = self._known(name for some in names.values() for name in some)
        return {one: self._sold(one, some, known) for one, some in names.items()}

    def supplied(self, connection: str, names: Iterable[str]) -> dict[str, Understood]:
        """What a supplier or another place calls goods: its number, our Sku, or a UPC."""
        places = self._suppliers.get(connection, [connection])
        asked = {name: _names_supplied(name.strip(), places) for name in names}
        known = self._known(one for some in asked.values() for one in some)
        return {name: self._supplied(name.strip(), some, known) for name, some in asked.items()}

    def plain(self, connection: str, names: Iterable[str]) -> bool:
        """Whether a place calls everything by our own Skus, and nothing else is written of it."""
        places = {
            *((Scheme.ITEM, one) for one in self._suppliers.get(connection, [connection])),
            (Scheme.REMOTE_SKU, ""),
            (Scheme.GTIN, ""),
        }
        if not places.isdisjoint(self._files.places):
            return False
        if self._by_people() and OutsideNames(self._tx).any_by_people(places):
            return False
        return all(self._catalog.sku_for(name) == name for name in names)

    # --- one of them -----------------------------------------------------------------------------

    def _sold(
        self,
        goods: Goods,
        names: Sequence[OutsideName],
        known: Mapping[OutsideName, Sequence[Known]],
    ) -> Understood:
        packs = self._packs.get(goods.place, {})
        pack = packs.get(goods.remote_id, packs.get(goods.remote_sku))
        return self._understood(goods.remote_sku, names, known, pack)

    def _supplied(
        self,
        name: str,
        names: Sequence[OutsideName],
        known: Mapping[OutsideName, Sequence[Known]],
    ) -> Understood:
        return self._understood(name, names, known, None)

    def _understood(
        self,
        name: str,
        names: Sequence[OutsideName],
        known: Mapping[OutsideName, Sequence[Known]],
        pack: int | None,
    ) -> Understood:
        found = [one for key in names for one in known.get(key, ())]
        written = Written(
            itself=[one for one in found if one.name.scheme in (Scheme.LISTING, Scheme.ITEM)],
            called=nearest_place(one for one in found if one.name.scheme is Scheme.REMOTE_SKU),
            listed=self._catalog.written(name),
            codes=[one for one in found if one.name.scheme in CODES],
            pack=pack,
        )
        return understand(name.strip(), written, accept=self._catalog.accepts)

    # --- what is written -------------------------------------------------------------------------

    def _by_people(self) -> bool:
        if self._people is None:
            self._people = OutsideNames(self._tx).any_by_people()
        return self._people

    def _known(self, names: Iterable[OutsideName]) -> dict[OutsideName, list[Known]]:
        asked = set(names)
        found = {name: said for name in asked if (said := self._files.of(name))}
        if self._by_people():
            people = OutsideNames(self._tx).said_by_people(asked - found.keys(), at=self._tx.now)
            for name, one in people.items():
                meaning = one.meaning
                # A Sku that is written nowhere any more is nothing to sell; its Case says so.
                if meaning is not None and self._catalog.knows(meaning.sku):
                    found[name] = [Known(name, meaning, Source.PERSON, one.who)]
        return found


def real_skus(tx: Tx, wiring: Wiring, skus: Collection[Sku]) -> set[Sku]:
    """Those of them that somebody else knows than who named them: the list of Skus, a channel's own
    SKU field, a shelf, a supplier."""
    found = set(skus) & wiring.loaded.catalog.skus.keys()
    for column in (stock_level.c.sku, listing.c.remote_sku, supplier_item.c.sku):
        for chunk in chunks(sorted(set(skus) - found), 5_000):
            query = select(column).where(column.in_(chunk)).distinct()
            found.update(tx.connection.execute(query).scalars())
    return found


def other_words(
    tx: Tx, wiring: Wiring, connection: str, names: Mapping[str, Sku], items: Iterable[str]
) -> dict[str, Meaning]:
    """Items of an answer that are none of `names`, but other words for goods that were asked for: a
    UPC, a number of old, a case. What is in doubt or was not asked for is left out."""
    strange = {item for item in items if item not in names}
    if not strange:
        return {}
    asked = set(names.values())
    meant = Naming(tx, wiring).supplied(connection, strange)
    return {
        item: Meaning(one.sku, one.units)
        for item, one in meant.items()
        if one.sku is not None and one.sku in asked
    }


def in_skus(
    tx: Tx, wiring: Wiring, connection: str, names: Mapping[str, Sku],
    lines: Sequence[ShippedLine],
) -> dict[Sku, int]:  # fmt: skip
    """Units by our Sku of what was sent, by whichever word; one that nobody knows stays as it is."""
    others = other_words(tx, wiring, connection, names, (one.sku for one in lines))
    units: dict[Sku, int] = {}
    for one in lines:
        meant = others.get(one.sku) or Meaning(names.get(one.sku, one.sku))
        units[meant.sku] = units.get(meant.sku, 0) + one.quantity * meant.units
    return units


def in_our_units(
    tx: Tx, wiring: Wiring, connection: str, names: Mapping[str, Sku], lines: Sequence[Answer]
) -> list[Answer]:
    """Lines of an answer that name our goods by another word, or by the case, as units of our Sku."""
    others = other_words(tx, wiring, connection, names, (one.item for one in lines))
    return [
        replace(
            one,
            item=meant.sku,
            quantity=one.quantity * meant.units,
            price=_of_one(one.price, meant.units),
        )
        if (meant := others.get(one.item))
        else one
        for one in lines
    ]


def _of_one(price: Money | None, units: int) -> Money | None:
    """What a unit costs where so many cost this, to the nearest cent."""
    return price and Money((2 * price.amount + units) // (2 * units), price.currency)


def sold_as(
    tx: Tx, wiring: Wiring, channel: ChannelId, lines: Mapping[Line, tuple[str, str]]
) -> dict[Line, Understood]:
    """What lines sell that each name (a listing's remote id, a remote SKU).

    What the page says now is asked, and where that says nothing what the line itself says. What is
    in doubt is told so: the other name is no way around it.
    """
    pages = {(channel, page) for page, _ in lines.values() if page}
    called = Offers(tx).called(pages)
    asked = [
        (key, (channel, page, name))
        for key, (page, own) in lines.items()
        for name in dict.fromkeys((called.get((channel, page), own), own))
    ]
    goods = by_all_names(tx, [one for _, one in asked])
    meant = Naming(tx, wiring).sold(goods)
    found: dict[Line, Understood] = {}
    for (key, _), one in zip(asked, goods, strict=True):
        before = found.get(key)
        if before is None or (before.sku is None and not before.perhaps):
            found[key] = meant[one]
    return found


def by_all_names(tx: Tx, pages: Sequence[tuple[ChannelId, str, str]]) -> list[Goods]:
    """Each (channel, remote id, remote SKU) with the codes its channel shows for it."""
    codes = ListingCodes(tx).of((channel, remote_id) for channel, remote_id, _ in pages)
    return [shown(*page, codes.get(page[:2], ())) for page in pages]


def goods_of(one: Listing, codes: Sequence[Code] = ()) -> Goods:
    """A listing by all its names."""
    return shown(one.channel, one.remote_id, one.remote_sku, codes)


def shown(
    channel: ChannelId, remote_id: str, remote_sku: str, codes: Collection[Code] = ()
) -> Goods:
    """A channel's thing by all its names. A code that is wrong is no name of anything."""
    return Goods(
        channel,
        remote_id,
        remote_sku,
        tuple((str(one.scheme), one.code) for one in codes if not one.wrong),
    )


def codes_of(one: Listing) -> list[Code]:
    """The codes a listing shows. One that is no UPC, EAN or ASIN at all is left out: people write
    shelf numbers into that field."""
    found = []
    for word, text in one.codes:
        scheme = Scheme(word)
        try:
            found.append(Code(scheme, normal(scheme, text)))
        except BadName:
            if scheme is Scheme.GTIN and _looks_like_gtin(text):
                found.append(Code(scheme, text.strip(), wrong=True))
    return found


def _looks_like_gtin(text: str) -> bool:
    digits = text.strip()
    return digits.isascii() and digits.isdecimal() and len(digits) in (8, 12, 13, 14)


def _names_sold(goods: Goods) -> list[OutsideName]:
    made = []
    if goods.remote_id:
        made.append(OutsideName(Scheme.LISTING, goods.place, goods.remote_id.strip()))
    if name := goods.remote_sku.strip():
        made.append(OutsideName(Scheme.REMOTE_SKU, goods.place, name))
        made.append(OutsideName(Scheme.REMOTE_SKU, "", name))
    return made + [OutsideName(Scheme(scheme), "", code) for scheme, code in goods.codes]


def _names_supplied(name: str, places: Sequence[str]) -> list[OutsideName]:
    made = [OutsideName(Scheme.ITEM, place, name) for place in places]
    made.append(OutsideName(Scheme.REMOTE_SKU, "", name))
    # Most names are no codes: those are told apart without an exception.
    if name[:1].isdecimal():
        with contextlib.suppress(BadName):
            made.append(OutsideName(Scheme.GTIN, "", normal(Scheme.GTIN, name)))
    return made
