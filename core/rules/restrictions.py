"""What must not go where, or not by whom, as the shop says: there is no legal list in Lockstep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.model.carriage import Service
from core.model.orders import Address
from core.rules.addresses import (
    countries_of,
    is_american,
    is_military,
    is_po_box,
    state_of,
)


@dataclass(frozen=True, slots=True)
class Restriction:
    """Holds for addresses that meet every condition given; of a condition's values one is enough."""

    name: str
    #: ISO 3166-1 alpha-2, and USPS codes of states
    countries: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    #: beginnings of ZIP codes
    zips: tuple[str, ...] = ()
    #: only PO boxes; only military addresses
    po_box: bool = False
    military: bool = False
    #: who must not carry it there; where neither is given nobody may, and the order is held
    carriers: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    @property
    def forbids(self) -> bool:
        """Nobody may carry it there."""
        return not self.carriers and not self.services

    def bars(self, service: Service) -> bool:
        return service.carrier in self.carriers or service.name in self.services


def holds_for(restriction: Restriction, address: Address) -> bool:
    """Whether it holds for what goes to this address."""
    code, state = address.postal_code.strip(), state_of(address)
    return (
        (not restriction.countries or bool(countries_of(address) & restriction.countries))
        and (not restriction.states or state in restriction.states)
        and (
            not restriction.zips
            or (is_american(address) and any(code.startswith(one) for one in restriction.zips))
        )
        and (not restriction.po_box or is_po_box(address))
        and (not restriction.military or is_military(address))
    )


def barred(restrictions: Iterable[Restriction], services: Iterable[Service]) -> dict[str, str]:
    """Service -> the restriction that keeps it from carrying an order these hold for."""
    asked = list(restrictions)
    found: dict[str, str] = {}
    for service in services:
        name = next((one.name for one in asked if one.bars(service)), None)
        if name is not None:
            found[service.name] = name
    return found
