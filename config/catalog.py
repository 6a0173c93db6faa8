"""The Skus that are written down, and how a remote's word becomes one of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from config.model import SkuSettings
from config.offers import OfferPolicy
from config.shipping import NO_PARCEL, Parcel
from core.model.catalog import Sku

NO_POLICY = OfferPolicy()
#: Percent of its letters that a name must share with another to be like it.
_LIKE = 75.0


@dataclass(frozen=True, slots=True)
class CatalogSku:
    """What is known of one Sku; small, for there may be a hundred thousand of them."""

    sku: Sku
    title: str = ""
    tags: tuple[str, ...] = ()
    #: None: the level of `alerts.low_stock`
    low_stock: int | None = None
    #: a Kit: component Sku -> units in one Kit
    components: Mapping[Sku, int] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    offers: OfferPolicy = NO_POLICY
    parcel: Parcel = NO_PARCEL

    @classmethod
    def of(cls, sku: Sku, settings: SkuSettings) -> CatalogSku:
        """A Sku as it stands in the YAML."""
        return cls(
            sku=sku,
            title=settings.title,
            tags=settings.tags,
            low_stock=settings.low_stock,
            components=settings.components,
            aliases=settings.aliases,
            offers=settings.offers,
            parcel=settings.parcel,
        )


class Catalog:
    """Answers what a remote's SKU means here. Skus that are written nowhere have no settings."""

    def __init__(self, skus: Iterable[CatalogSku], *, accept_channel_skus: bool) -> None:
        self.skus: Mapping[Sku, CatalogSku] = {one.sku: one for one in skus}
        #: whether a name that is written nowhere is our Sku as it stands
        self.accepts = accept_channel_skus
        self._alias_of = {alias: one.sku for one in self.skus.values() for alias in one.aliases}
        self._highest_low_stock = max((one.low_stock or 0 for one in self.skus.values()), default=0)
        self._parts = {
            one.sku: self._flattened(one) for one in self.skus.values() if one.components
        }
        #: Kits that have a low-stock level of their own
        self.watched_kits = tuple(kit for kit in self._parts if self.skus[kit].low_stock)
        #: letters of a name -> the Sku; made when it is first asked for
        self._names: dict[str, Sku] | None = None
        #: how a Sku looks -> the Sku; as above
        self._seen: dict[str, Sku] | None = None
        self._kits_with: dict[Sku, tuple[Sku, ...]] = {}
        for kit, parts in self._parts.items():
            for part in parts:
                self._kits_with[part] = (*self._kits_with.get(part, ()), kit)

    def sku_for(self, remote_sku: str) -> Sku | None:
        """Our Sku for what a channel or supplier calls it; None where it is not known here."""
        name = remote_sku.strip()
        return self.written(name) or (name if name and self.accepts else None)

    def written(self, name: str) -> Sku | None:
        """The Sku that is called so, by its own name or another; None where that is written nowhere."""
        name = name.strip()
        return name if name in self.skus else self._alias_of.get(name)

    def knows(self, sku: Sku) -> bool:
        """Whether there can be such a Sku."""
        return self.accepts or sku in self.skus

    @property
    def aliases(self) -> Mapping[str, Sku]:
        """Other names, and the Skus they mean."""
        return self._alias_of

    def nearest(self, remote_sku: str) -> Sku | None:
        """The Sku whose name, or other name, is most like this one; None: none is like it."""
        # Rarely asked: most shops know what they sell.
        from rapidfuzz import fuzz, process

        if self._names is None:
            self._names = {
                _letters(name): sku
                for names in (self._alias_of, {sku: sku for sku in self.skus})
                for name, sku in names.items()
            }
        found = process.extractOne(
            _letters(remote_sku), self._names.keys(), scorer=fuzz.ratio, score_cutoff=_LIKE
        )
        return self._names[found[0]] if found else None

    def looks_like(self, sku: Sku) -> Sku | None:
        """The written Sku that people would take an unwritten one for; None: there is none."""
        if not self.skus or self.written(sku) is not None:
            return None
        if self._seen is None:
            self._seen = {_as_seen(one): one for one in self.skus}
        return self._seen.get(_as_seen(sku))

    def settings(self, sku: Sku) -> CatalogSku:
        """What is written of the Sku; the defaults where nothing is."""
        return self.skus.get(sku) or CatalogSku(sku)

    def low_stock(self, sku: Sku, *, default: int) -> int:
        """The Sku's low-stock level in units; `default` (`alerts.low_stock`) without its own."""
        level = self.settings(sku).low_stock
        return default if level is None else level

    def highest_low_stock(self, *, default: int) -> int:
        """The highest low-stock level of any Sku: whoever has more units than that is not low."""
        return max(default, self._highest_low_stock)

    def components_of(self, sku: Sku) -> Mapping[Sku, int]:
        """Plain Sku -> units of it in one Kit, kits within kits taken apart; {} for a plain Sku."""
        return self._parts.get(sku, {})

    def kits_with(self, sku: Sku) -> tuple[Sku, ...]:
        """The Kits that hold this plain Sku, directly or inside another Kit."""
        return self._kits_with.get(sku, ())

    def _flattened(self, kit: CatalogSku) -> dict[Sku, int]:
        """Terminates because cycles were refused when the configuration was checked."""
        parts: dict[Sku, int] = {}
        for name, units in kit.components.items():
            inner = self.skus.get(name)
            within = self._flattened(inner) if inner and inner.components else {name: 1}
            for part, count in within.items():
                parts[part] = parts.get(part, 0) + count * units
        return parts


def cycle(skus: Mapping[Sku, CatalogSku]) -> tuple[Sku, ...]:
    """A chain of Kits that ends where it began ("A", "B", "A"); () when there is none."""
    clear: set[Sku] = set()

    def walk(sku: Sku, above: tuple[Sku, ...]) -> tuple[Sku, ...]:
        if sku in above:
            return (*above[above.index(sku) :], sku)
        if sku in clear or sku not in skus:
            return ()
        for part in skus[sku].components:
            if found := walk(part, (*above, sku)):
                return found
        clear.add(sku)
        return ()

    for one in skus.values():
        if one.components and (found := walk(one.sku, ())):
            return found
    return ()


#: Letters of other scripts that look like these (Unicode TR 39, "confusables").
_ALIKE = str.maketrans("АВЕКМНОРСТУХІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTYXISJABEZHIKMNOPTYX")


def _as_seen(name: str) -> str:
    """Without what nobody sees: case, marks of width, odd blanks, letters of another script."""
    return _letters(unicodedata.normalize("NFKC", name).upper().translate(_ALIKE))


def _letters(name: str) -> str:
    """What people mistype least: letters and digits, whatever their case."""
    return "".join(one for one in name.casefold() if one.isalnum())
