"""What every flow may ask: the configuration in our words, and the connectors by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from config.ledger import SnapshotGuard
from config.load import Loaded
from config.model import Config, Plan
from config.places import expanded
from config.shipping import cents
from core.errors import ConfigError
from core.model.calendars import Calendar
from core.model.carriage import Dispatch
from core.model.catalog import ChannelId, LocationId, Sku
from core.model.orders import OrderLine
from core.model.stock import CountedBy, SnapshotBasis, StockLocation
from core.ports import Connector, OfferTarget, ReceiptSource, ReservationTarget
from jobs.store.permissions import PURCHASES, RECEIPTS

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

    def day(self, at: datetime) -> date:
        """The day it is in the shop at this instant."""
        return at.astimezone(ZoneInfo(self.config.shop.time_zone)).date()

    def begin(self, day: date) -> datetime:
        """The instant at which a day of the shop begins; days of 23 and 25 hours included."""
        zone = ZoneInfo(self.config.shop.time_zone)
        return datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC"))

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
        """Locations this channel may sell from (and, for routing, that can be asked to ship).

        What a channel counts and ships itself (FBA) is never asked for its own orders: those it sold
        from there it ships anyway, the others it sold as ours to ship.
        """
        sells_from = expanded(
            self.loaded.config.channels[channel].sells_from, self.loaded.config.location_groups
        )
        return tuple(
            one
            for one in self.locations
            if (not sells_from or one.id in sells_from)
            and (not one.channels or channel in one.channels)
            and (not routing or (one.ships_through and not _ships_for_itself(one, channel)))
        )

    def barred(self, sku: Sku, channel: ChannelId, *, at: datetime) -> frozenset[LocationId]:
        """Locations that a policy keeps from this channel's buyers of the Sku at this instant."""
        return self.loaded.policies.barred(sku, channel, today=self.day(at))

    def counted_by_channel(self, channel: ChannelId) -> tuple[StockLocation, ...]:
        """Places that this channel counts and sells from itself."""
        return tuple(one for one in self.locations if one.counting_channel == channel)

    def counted_place(self, connection: str, remote_id: str) -> StockLocation | None:
        """Our location that the connection counts under this name; "": its only one."""
        counted = [
            one for one in self.locations if self.config.locations[one.id].counted_by == connection
        ]
        for one in counted:
            if remote_id and remote_id in (one.remote_id, one.id):
                return one
        return counted[0] if len(counted) == 1 and not remote_id else None

    def counted_by(self, location: LocationId) -> str:
        """The connection that counts it, or `lockstep`."""
        return self.config.locations[location].counted_by

    @property
    def owned_places(self) -> frozenset[LocationId]:
        """Locations whose units are ours: counted by us, or by a channel that keeps our goods. What
        somebody else tells by file is taken for a supplier's own, who sells it through us."""
        return frozenset(
            one.id
            for one in self.locations
            if one.basis is None or one.counting_channel is not None
        )

    def channels_of(self, connection: str) -> frozenset[ChannelId]:
        """The channels this connection speaks to."""
        return frozenset(name for name, by in self.connection_of.items() if by == connection)

    @property
    def reservation_units(self) -> tuple[str, ...]:
        """Units that tell counting remotes of sales made elsewhere."""
        connections = {
            self.counted_by(one.id) for one in self.locations if one.counting_channel is not None
        }
        return tuple(
            f"{connection}/reservations"
            for connection in sorted(connections)
            if isinstance(self.connectors.get(connection), ReservationTarget)
        )

    @property
    def own_flows(self) -> dict[str, tuple[str, ...]]:
        """Connection -> its flows that write and have a mode beside those of the channels."""
        sellers = {one.connection for one in self.config.suppliers.values()}
        found = {
            name: tuple(
                flow
                for flow, has in (
                    (PURCHASES, name in sellers),
                    (RECEIPTS, isinstance(one, ReceiptSource)),
                )
                if has
            )
            for name, one in self.connectors.items()
        }
        return {name: flows for name, flows in sorted(found.items()) if flows}

    def counted_ids(self, connection: str) -> tuple[str, ...]:
        """What a connection calls the places it counts for us, where it counts several."""
        return tuple(
            one.remote_id
            for one in self.config.locations.values()
            if one.counted_by == connection and one.remote_id
        )

    def taken_from(self, channel: ChannelId, line: OrderLine) -> dict[LocationId, int]:
        """Units of a line that the channel took off its own figures, by our names of the places."""
        # Where it ships itself what it sold (FBA), such lines are not ours; of ours nothing is taken.
        places = [one for one in self.counted_by_channel(channel) if not one.ships_own_count]
        if line.taken_from is None:
            # It does not say where: with one place there is no doubt.
            return {places[0].id: line.current} if len(places) == 1 else {}
        told = dict(line.taken_from)
        return {
            one.id: told[one.remote_id or ""] for one in places if told.get(one.remote_id or "")
        }

    def twin(self, channel: ChannelId, location: LocationId) -> str:
        """The channel's own place that stands for one of ours; "" where it has none."""
        for remote, ours in self.config.channels[channel].twins.items():
            if location in ours:
                return remote
        return ""

    def shown_places(
        self, channel: ChannelId, remote: Sequence[str]
    ) -> dict[str, frozenset[LocationId]]:
        """Remote location -> our locations whose units it shows; `remote` are the channel's own, in order.

        Without twins the channel's first location shows all. A channel never gets a number of ours
        for a place it counts itself.
        """
        described = self.config.channels.get(channel)
        counted = {one.remote_id for one in self.counted_by_channel(channel)}
        remote = [one for one in remote if not one or one not in counted]
        if described is None or not remote:
            return {}
        ours = frozenset(
            one.id
            for one in self.eligible(channel, routing=False)
            if one.counting_channel != channel
        )
        if not described.twins:
            return {remote[0]: ours}
        return {
            place: ours & frozenset(locations)
            for place, locations in described.twins.items()
            if place in remote
        }

    def longest_handling(self, channel: ChannelId) -> int:
        """The most days from order to shipment we may state there; 0: none are ours to state."""
        if self.config.channels[channel].handling_days is None:
            return 0
        return self.channel(channel, OfferTarget).longest_handling

    def low_stock(self, sku: Sku, *, today: date) -> int:
        """The Sku's low-stock level on this day of the shop's."""
        default = self.config.alerts.low_stock
        return self.seasonal(self.loaded.catalog.low_stock(sku, default=default), today=today)

    def seasonal(self, level: int, *, today: date) -> int:
        """A low-stock level in the seasons of this day, rounded up; of several the last that says so."""
        seasons = self.loaded.policies.seasons_on(today)
        said = [one.low_stock_percent for one in seasons if one.low_stock_percent != 100]
        return -(-level * said[-1] // 100) if said else level

    def plan_on(self, today: date) -> Plan:
        """When a push plan stops as unsafe, on this day of the shop's."""
        usual = self.config.plan
        seasons = self.loaded.policies.seasons_on(today)
        said = [one.most_zeroed for one in seasons if one.most_zeroed is not None]
        return usual.model_copy(update={"most_zeroed": said[-1]}) if said else usual

    def dispatch(self, location: LocationId, *, today: date) -> Dispatch:
        """How the location ships, in the seasons of this day of the shop's."""
        described = self.config.locations[location]
        usual, currency = described.dispatch, self.config.shop.currency
        said = {
            name: value
            for season in self.loaded.policies.seasons_on(today)
            for one in season.dispatch
            if not one.locations or location in expanded(one.locations, self.config.location_groups)
            for name in ("cut_off", "handling_days", "capacity", "preference")
            if (value := getattr(one, name)) is not None
        }
        here = usual.model_copy(update=said) if said else usual
        return Dispatch(
            place=location,
            postal_code=here.postal_code,
            zone=ZoneInfo(here.time_zone or self.config.shop.time_zone),
            calendar=self.loaded.calendars[described.calendar]
            if described.calendar
            else Calendar(),
            cut_off=here.cut_off,
            handling_days=here.handling_days,
            services=here.services,
            capacity=here.capacity,
            parcel=cents(here.parcel, currency),
            line=cents(here.line, currency),
            unit=cents(here.unit, currency),
            preference=cents(here.preference, currency),
        )

    def stale_after(self, location: LocationId, *, today: date) -> timedelta:
        """So long after a figure was due the location is stale, on this day of the shop's."""
        seasons = self.loaded.policies.seasons_on(today)
        said = [one.stale_after for one in seasons if one.stale_after is not None]
        return said[-1] if said else self.config.locations[location].feed.stale_after

    def snapshot_guard(self, location: LocationId, *, today: date) -> SnapshotGuard:
        """Outside which limits the location's figures are put aside, on this day of the shop's."""
        usual = self.config.locations[location].snapshot
        groups = self.config.location_groups
        said = {
            name: value
            for season in self.loaded.policies.seasons_on(today)
            for one in season.snapshots
            if not one.locations or location in expanded(one.locations, groups)
            for name in SnapshotGuard.model_fields
            if (value := getattr(one, name)) is not None
        }
        return usual.model_copy(update=said) if said else usual

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


def _ships_for_itself(place: StockLocation, channel: ChannelId) -> bool:
    return place.ships_own_count and place.counting_channel == channel


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
                remote_id=one.remote_id,
                ships_own_count=remote and one.ships_through == one.counted_by,
            )
        )
    return tuple(sorted(made, key=lambda one: (one.priority, one.id)))
