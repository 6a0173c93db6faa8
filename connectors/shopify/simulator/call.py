"""One API call under way: whose it is, what it may see, what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from connectors.shopify.simulator.access import Rule
from connectors.shopify.simulator.idempotency import Attempts
from connectors.shopify.simulator.refusal import SCOPES_PAGE, top_level
from connectors.shopify.simulator.shop import Shop

#: A field's resolver: (source, call, arguments) -> value.
Resolver = Callable[[Any, "Call", dict[str, Any]], Any]


@dataclass
class Call:
    shop: Shop
    scopes: frozenset[str]
    #: the version that answers: "2026-10"
    version: str
    attempts: Attempts
    request_id: str
    #: a fault: every root field fails with INTERNAL_SERVER_ERROR
    broken: bool = False
    #: the app is approved for protected customer data
    sees_buyers: bool = True
    took_effect: bool = False
    subjects: list[str] = field(default_factory=list)
    #: what `extensions.search` will say
    searches: list[dict[str, Any]] = field(default_factory=list)
    #: of the field being resolved
    info: GraphQLResolveInfo[Any] = field(init=False, repr=False)

    def wrote(self, *subjects: str, changed: bool = True) -> None:
        """The call was about these records, and changed them or not."""
        self.took_effect |= changed
        self.subjects += [each for each in subjects if each not in self.subjects]

    def may(self, rule: Rule | None) -> bool:
        return rule is None or not self.scopes.isdisjoint(rule.scopes)

    def require(self, rule: Rule, *, field: str) -> None:
        """Raises GraphQLError (ACCESS_DENIED); the rest of the answer is kept."""
        if not self.may(rule):
            raise denied(field, rule)


def denied(field: str, rule: Rule) -> GraphQLError:
    return top_level(
        f"Access denied for {field} field. Required access: {rule.text}",
        code="ACCESS_DENIED",
        documentation=SCOPES_PAGE,
        requiredAccess=rule.text,
    )


def protected(field: str) -> GraphQLError:
    """The app is not approved for this piece of a buyer's data."""
    return top_level(
        f"This app is not approved to use the {field} field. See"
        " https://shopify.dev/docs/apps/launch/protected-customer-data for more details.",
        code="ACCESS_DENIED",
        documentation=SCOPES_PAGE,
    )


def internal(request_id: str) -> GraphQLError:
    return top_level(
        "Internal error. Looks like something went wrong on our end.\n"
        f"Request ID: {request_id} (include this in support requests).",
        code="INTERNAL_SERVER_ERROR",
        requestId=request_id,
    )
