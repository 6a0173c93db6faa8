"""What every flow may ask: the configuration in our words, and the connectors by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from config.load import Loaded
from config.model import Config
from config.places import expanded
from core.errors import ConfigError
from core.model.catalog import ChannelId, LocationId, Sku
from core.model.stock import CountedBy, SnapshotBasis, StockLocation
from core.ports import Connector, OfferTarget

C = TypeVar("C", bound=Connector)


@dataclass(frozen=True)
class Wiring:
    """Built once by bootstrap; replaced whole when a changed configuration is accepted."""

    loaded: Loaded
    connectors: Mapping[str, Connector]
    locations: tuple[StockLocation, ...]
    #: channel -> its connection
    connection_of: Mapping[ChannelId, str]
    #: our word for a carrier -> the connection that can ask it
    tracked_by: Mapping[str, str]

    @property
    def config(self) -> Config:
        return self.loaded.config

    def connector(self, name: str, capability: type[C]) -> C:
        """The connection as something it can do. Raises ConfigError when it cannot."""
        found = self.connectors.get(name)
        if not isinstance(found, capability):
            raise ConfigError(f"connection {name!r} cannot be used as {capability.__name__}")
        return found

    def channel(self, channel: ChannelId, capability: type[C]) -> C:
        """The channel's connection as something it can do."""
        return self.connector(self.connection_of[channel], capability)

    def location(self, location: LocationId) -> StockLocation | None:
        return next((one for one in self.locations if one.id == location), None)

    def eligible(self, channel: ChannelId, *, routing: bool) -> tuple[StockLocation, ...]:
        """Locations this channel may sell from (and, for routing, that can be asked to ship)."""
        sells_from = expanded(
            self.loaded.config.channels[channel].sells_from, self.loaded.config.location_groups
        )
        return tuple(
            one
            for one in self.locations
            if (not sells_from or one.id in sells_from)
            and (not one.channels or channel in one.channels)
            and (one.ships_through or not routing)
        )

    def sku_of(self, channel: ChannelId, remote_id: str, remote_sku: str) -> tuple[Sku | None, int]:
        """A channel's thing in our words: (Sku or None, units of it in one sale)."""
        packs = self.config.skus.units_per_sale.get(channel, {})
        units = packs.get(remote_id, packs.get(remote_sku, 1))
        return (self.loaded.catalog.sku_for(remote_sku) if remote_sku else None), units

    def twin(self, channel: ChannelId, location: LocationId) -> str:
        """The channel's own place that stands for one of ours; "" where it has none."""
        for remote, ours in self.config.channels[channel].twins.items():
            if location in ours:
                return remote
        return ""

    def longest_handling(self, channel: ChannelId) -> int:
        """The most days from order to shipment we may state there; 0: none are ours to state."""
        if self.config.channels[channel].handling_days is None:
            return 0
        return self.channel(channel, OfferTarget).longest_handling

    @property
    def carriers(self) -> frozenset[str]:
        """Our words for the carriers that a configured connection can ask."""
        return frozenset(self.tracked_by)

    @property
    def tracking_units(self) -> tuple[str, ...]:
        return tuple(
            f"{connection}/tracking" for connection in sorted(set(self.tracked_by.values()))
        )

    def components(self, sku: Sku, units_per_sale: int) -> dict[Sku, int]:
        """Component Sku -> units of it in one sale."""
        kit = self.loaded.catalog.components_of(sku)
        if not kit:
            return {sku: units_per_sale}
        return {part: quantity * units_per_sale for part, quantity in kit.items()}


def stock_locations(loaded: Loaded) -> tuple[StockLocation, ...]:
    """The configured locations in our words, by priority."""
    made = []
    for name, one in loaded.config.locations.items():
        remote = one.counted_by != "lockstep"
        made.append(
            StockLocation(
                id=name,
                counted_by=CountedBy.REMOTE if remote else CountedBy.LOCKSTEP,
                priority=one.priority,
                ships_through=one.ships_through,
                channels=frozenset(one.channels),
                basis=SnapshotBasis(one.basis) if remote else None,
                counting_channel=next(
                    (
                        channel
                        for channel, described in loaded.config.channels.items()
                        if remote and described.connection == one.counted_by
                    ),
                    None,
                ),
            )
        )
    return tuple(sorted(made, key=lambda one: (one.priority, one.id)))
