"""UPS: where parcels are, and what they cost."""
