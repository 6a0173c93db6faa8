"""Amazon: orders, offers and shipments of a seller account through the Selling Partner API."""
