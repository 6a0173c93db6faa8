"""`rig` is every connector that declares the capability of the contract class it is used in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.rigs import kinds_with, rig_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rig" in metafunc.fixturenames:
        assert metafunc.cls is not None, "a contract is a class with a `capability`"
        metafunc.parametrize("rig", kinds_with(metafunc.cls.capability), indirect=True)


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[Any]:
    with rig_of(request.param) as made:
        yield made
