"""The error tree, named for what happens next."""

from __future__ import annotations

import pytest

from core import errors
from core.errors import (
    ConfigError,
    ConnectorError,
    LeaseLost,
    LockstepError,
    RateLimited,
    Rejected,
    Stale,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
    UnsafePlan,
)

WHERE = {"connector": "shopify-us", "operation": "orders"}
REMOTE = [
    Unauthorized("no", **WHERE),
    RateLimited("no", retry_after=2.5, **WHERE),
    Unavailable("no", **WHERE),
    Stale("no", **WHERE),
    Rejected("no", **WHERE),
    UnknownOutcome("no", **WHERE),
]


@pytest.mark.parametrize("kind", [LockstepError, ConfigError, UnsafePlan, LeaseLost])
def test_a_docstring_is_the_default_message(kind):
    assert str(kind()) == kind.__doc__
    assert str(kind("something else")) == "something else"


@pytest.mark.parametrize("error", REMOTE, ids=lambda error: type(error).__name__)
def test_a_remotes_trouble_says_where_it_was(error):
    assert isinstance(error, ConnectorError)
    assert (error.connector, error.operation) == ("shopify-us", "orders")
    assert str(error) == "shopify-us orders: no"


def test_a_remotes_trouble_without_words_has_its_docstring():
    assert str(Stale(**WHERE)) == "shopify-us orders: The world moved since we read it."


def test_what_is_needed_to_go_on_is_attached():
    assert Unauthorized(missing="read_orders", **WHERE).missing == "read_orders"
    assert Unauthorized(**WHERE).missing is None
    assert RateLimited(retry_after=2.5, **WHERE).retry_after == 2.5
    assert Rejected(code="exists", **WHERE).code == "exists"
    assert Rejected(**WHERE).code == ""


def test_what_happens_next_is_never_two_things():
    """Each leaf is caught by its own name and by the two above it, never by a sister's."""
    leaves = [type(error) for error in REMOTE]

    assert all(leaf.__mro__[1:3] == (ConnectorError, LockstepError) for leaf in leaves)


def test_the_drawn_tree_is_the_real_one():
    real = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, LockstepError)
    }

    assert all(name in (errors.__doc__ or "") for name in real)
    assert len(real) == 11
