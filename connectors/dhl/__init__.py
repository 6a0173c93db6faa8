"""DHL: where its parcels are."""
