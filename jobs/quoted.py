"""Prices that carriers named, for who ships an order: read where it is routed, never asked there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.model.carriage import Dispatch, Quote, Service
from core.model.orders import Address
from core.ports import RateSource
from core.rules.carriage import area_of
from jobs.store.quotes import Quotes, Source
from jobs.store.store import Tx
from jobs.wiring import Wiring

_NONE: Mapping[str, Sequence[Quote]] = {}


class Quoted:
    """The prices that are valid now, for the orders of one transaction."""

    def __init__(self, tx: Tx, wiring: Wiring) -> None:
        self._store = Quotes(tx)
        self._services = live_services(wiring)
        self._basis = {
            one.live.connection: wiring.connector(one.live.connection, RateSource).price_basis
            for one in self._services.values()
            if one.live is not None
        }
        #: area -> what is valid into it
        self._known: dict[str, Mapping[Source, Sequence[Quote]]] = {}

    def of(self, dispatch: Dispatch, to: Address) -> Mapping[str, Sequence[Quote]]:
        """Service -> its prices from a place to an address."""
        area = area_of(to.postal_code)
        if not self._services or not dispatch.postal_code or not area or to.country != "US":
            return _NONE
        if area not in self._known:
            self._known[area] = self._store.valid(area)
        valid, found = self._known[area], {}
        for name in dispatch.services:
            live = self._services[name].live if name in self._services else None
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
