"""Every connector folder is held to the contracts of what it declares, and looks without touching."""

from __future__ import annotations

import pytest

from connectors import registry
from core import ports
from core.ports import Connector
from tests.contracts import test_channels, test_counting, test_places, test_returns
from tests.contracts.rigs import RIGS, class_of, rig_of


def capabilities() -> dict[str, type[Connector]]:
    return {
        name: one
        for name, one in vars(ports).items()
        if isinstance(one, type) and issubclass(one, Connector) and one is not Connector
    }


@pytest.mark.parametrize("kind", registry.kinds())
def test_there_is_a_rig_for_every_connector(kind: str) -> None:
    # given a connector folder, then the contracts can be run against it
    assert kind in RIGS, f"connectors/{kind} has no rig in tests/contracts/rigs.py"


@pytest.mark.parametrize("name", capabilities())
def test_there_is_a_contract_for_every_capability(name: str) -> None:
    # given the contract classes
    held = {
        one.capability
        for module in (test_channels, test_counting, test_places, test_returns)
        for one in vars(module).values()
        if isinstance(one, type) and hasattr(one, "capability")
    }

    # then this capability has one
    assert capabilities()[name] in held, f"core.ports.{name} has no class in tests/contracts"


@pytest.mark.parametrize("kind", registry.kinds())
def test_a_check_names_the_remote_and_writes_nothing(kind: str) -> None:
    with rig_of(kind) as rig:
        # given a connection in order
        # when it is checked, and closed twice
        report = rig.connector.check()
        rig.connector.close()

        # then it is told who answered, and nothing there changed
        assert report.name
        assert report.problems == ()
        assert all(right.granted for right in report.rights)
        effects = [one.operation for one in rig.simulator.log.entries() if one.took_effect]
        assert effects in ([], ["token"]), effects


@pytest.mark.parametrize("kind", registry.kinds())
def test_no_secret_stands_in_what_a_connector_shows_of_itself(kind: str) -> None:
    with rig_of(kind) as rig:
        # given its settings, then nothing of it that can be printed shows a secret
        settings = registry.settings_of(kind).model_validate(rig.settings())
        shown = f"{settings!r} {settings} {rig.connector!r} {vars(rig.connector)!r}"
        for secret in _secrets(rig.settings()):
            assert secret not in shown
        assert issubclass(class_of(kind), Connector)


def _secrets(tree: dict[str, object]) -> list[str]:
    found = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += _secrets(value)
        elif name in (
            "password",
            "client_secret",
            "lwa_client_secret",
            "refresh_token",
            "secret_access_key",
        ):
            found.append(str(value))
    return found
