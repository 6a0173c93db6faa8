"""What a test or the demo may ask for of shipments to FBA, through `place_order`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.amazon.simulator.inbound_state import Dock, InboundShipment


def fulfill(dock: Dock, wish: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """One of

    - {"send": {SKU: units}, "name"?, "step"?: s}: a new shipment, WORKING; with `step` it goes its
      whole way by itself, so many seconds from word to word, and arrives complete;
    - {"move": id, "to": "SHIPPED"}: any later word of its way, DELETED, CANCELLED or ERROR;
    - {"receive": id, "units": {SKU: units}}: counted in and for sale. Less or more than was sent
      may come; after CLOSED it corrects the count, and less than nothing takes units out.

    Returns {"id", "status"}. Raises ValueError.
    """
    match wish:
        case {"send": dict(units), **rest} if not set(rest) - {"name", "step"}:
            made = dock.send(_units(units), name=str(rest.get("name", "")), now=now)
            if rest.get("step") is not None:
                dock.travel(made.shipment_id, step=float(rest["step"]), now=now)
            return _receipt(made)
        case {"move": str(shipment_id), "to": str(status), **rest} if not rest:
            return _receipt(dock.move(shipment_id, status, now=now))
        case {"receive": str(shipment_id), "units": dict(units), **rest} if not rest:
            return _receipt(dock.receive(shipment_id, _units(units), now=now))
        case _:
            raise ValueError("inbound: one of send, move … to, receive … units")


def _units(units: Mapping[Any, Any]) -> dict[str, int]:
    return {str(sku): int(quantity) for sku, quantity in units.items()}


def _receipt(shipment: InboundShipment) -> dict[str, Any]:
    return {"id": shipment.shipment_id, "status": shipment.status.value}
