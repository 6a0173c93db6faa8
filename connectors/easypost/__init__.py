"""EasyPost: where the parcels of many carriers are."""
