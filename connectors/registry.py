"""Finds connectors by folder. Only the settings of all, and the code of configured ones, are imported.

A connector folder has `settings.py` with a pydantic model `Settings` (its `type` is a Literal of
the folder's name) and `connector.py` with `connect(name, settings, inside) -> Connector`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import Any, cast

from core.ports import Connector, Inside


def kinds() -> tuple[str, ...]:
    """Every connector folder, in alphabetical order."""
    here = Path(__file__).parent
    return tuple(
        sorted(
            module.name
            for module in pkgutil.iter_modules([str(here)])
            if module.ispkg and (here / module.name / "settings.py").is_file()
        )
    )


def settings_of(kind: str) -> type[Any]:
    """The pydantic model of this connector's settings. Imports no client."""
    return cast("type[Any]", importlib.import_module(f"connectors.{kind}.settings").Settings)


def connect(kind: str, name: str, settings: Any, inside: Inside) -> Connector:
    """Build the connector. Makes no call to the remote."""
    module = importlib.import_module(f"connectors.{kind}.connector")
    return cast(Connector, module.connect(name, settings, inside))
