"""Shopify: orders, listings, quantities and shipments over the Admin GraphQL API."""
