"""A Shopify shop for tests and the demo: state, rules, limits and faults of the Admin GraphQL API."""

from connectors.shopify.simulator.server import ShopifySimulator

__all__ = ["ShopifySimulator"]
