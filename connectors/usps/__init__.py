"""USPS: where its parcels are."""
