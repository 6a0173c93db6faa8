"""17TRACK: where the parcels of lines from China are, also under the number of who brings them."""
