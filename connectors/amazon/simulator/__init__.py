"""A simulated Amazon seller account over real HTTP (Selling Partner API and Login with Amazon).

Built to the rules of `reference/amazon/FACTS.md`, section 9, and the published Swagger models.
"""

from connectors.amazon.simulator.server import AmazonSimulator

__all__ = ["AmazonSimulator"]
