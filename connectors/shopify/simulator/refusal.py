"""How the API says no: errors beside the data (userErrors) and errors instead of it (top level)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError

LIMITS_PAGE = "https://shopify.dev/api/usage/rate-limits"
SCOPES_PAGE = "https://shopify.dev/api/usage/access-scopes"


class UserErrors(Exception):
    """The mutation does nothing and answers these userErrors."""

    def __init__(self, errors: Sequence[dict[str, Any]], **shown: Any) -> None:
        """`shown`: what the payload says besides."""
        super().__init__("; ".join(error["message"] for error in errors))
        self.errors = list(errors)
        self.shown = shown


def user_error(
    message: str, *, field: Sequence[str | int] | None = None, code: str | None = None
) -> dict[str, Any]:
    """One userError. `field` is the path of the argument, "input.quantities.0" in parts."""
    path = None if field is None else [str(part) for part in field]
    return {"field": path, "message": message, "code": code}


def refuse(
    message: str, *, field: Sequence[str | int] | None = None, code: str | None = None
) -> UserErrors:
    return UserErrors([user_error(message, field=field, code=code)])


def top_level(message: str, *, code: str, **extensions: Any) -> GraphQLError:
    """An error in `errors`, with Shopify's code in its extensions."""
    return GraphQLError(message, extensions={"code": code, **extensions})
