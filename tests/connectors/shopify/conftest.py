from collections.abc import Iterator

import pytest

from tests.connectors.shopify.scripted import FakeInside, ScriptedShop


@pytest.fixture
def shop() -> Iterator[ScriptedShop]:
    with ScriptedShop() as running:
        yield running


@pytest.fixture
def inside() -> FakeInside:
    return FakeInside()
