"""Prices that carriers named, for who ships an order: read where it is routed, never asked there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.model.carriage import Dispatch, Quote, Service
from core.model.catalog import LocationId
from core.model.orders import Address
from core.ports import RateSource
from core.rules.carriage import Centroids, area_of, zone_to
from core.rules.live_rates import quoted
from jobs.store.quotes import Quotes, Source
from jobs.store.store import Tx
from jobs.wiring import Wiring

_NONE: Mapping[str, Sequence[Quote]] = {}


class Quoted:
    """The prices that are valid now, for the orders of one transaction."""

    def __init__(self, tx: Tx, wiring: Wiring, centroids: Centroids) -> None:
        self._store = Quotes(tx)
        self._centroids = centroids
        self._all = wiring.loaded.services
        self._live = live_services(wiring)
        self._basis = {
            one.live.connection: wiring.connector(one.live.connection, RateSource).price_basis
            for one in self._live.values()
            if one.live is not None
        }
        #: area -> what is valid into it
        self._valid: dict[str, Mapping[Source, Sequence[Quote]]] = {}
        #: (place, area) -> the services as they are there
        self._services: dict[tuple[LocationId, str], Mapping[str, Service]] = {}

    def services(self, dispatch: Dispatch, to: Address) -> Mapping[str, Service]:
        """All services, with what is valid from a place to an address in them."""
        key = (dispatch.place, area_of(to.postal_code))
        if not self._live or not self.quotes(dispatch, to):
            return self._all
        if key not in self._services:
            zone = zone_to(dispatch, to, self._centroids)
            lane = {
                name: quoted(self._all[name], zone, found)
                for name, found in self.quotes(dispatch, to).items()
            }
            self._services[key] = {**self._all, **lane}
        return self._services[key]

    def quotes(self, dispatch: Dispatch, to: Address) -> Mapping[str, Sequence[Quote]]:
        """Service -> its prices from a place to an address."""
        area = area_of(to.postal_code)
        if not self._live or not dispatch.postal_code or not area or to.country != "US":
            return _NONE
        if area not in self._valid:
            self._valid[area] = self._store.valid(area)
        valid, found = self._valid[area], {}
        for name in dispatch.services:
            live = self._live[name].live if name in self._live else None
            if live is None:
                continue
            source = Source(
                live.connection, self._basis[live.connection], live.code, dispatch.postal_code
            )
            if source in valid:
                found[name] = valid[source]
        return found


def live_services(wiring: Wiring, connection: str | None = None) -> Mapping[str, Service]:
    """The services whose prices are asked for, of this connection or of all, by name."""
    return {
        name: one
        for name, one in wiring.loaded.services.items()
        if one.live is not None and connection in (None, one.live.connection)
    }
