"""UPS: where parcels are."""
