"""FedEx: where its parcels are."""
