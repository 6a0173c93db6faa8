"""A folder with a configuration in it, and connectors that exist only here."""

from __future__ import annotations

import textwrap
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, create_model, model_validator

from config.load import Loaded, load
from config.problems import ConfigProblems, Problem

#: The least a configuration says.
LEAST = "shop: {name: Acme}\norders: {route_from: 2026-11-24T00:00:00Z}\n"


class FakeSettings(BaseModel):
    """What settings can have: a secret, a number, a group of secrets, a check of the whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("localhost", description="where it is")
    port: int = Field(80, ge=1)
    location: str = ""
    token: SecretStr | None = None
    tokens: dict[str, SecretStr] = {}

    @model_validator(mode="after")
    def _careless(self) -> FakeSettings:
        # What a careless connector might do: put a secret into its own error.
        if self.host == "bad" and self.token is not None:
            raise ValueError(f"cannot log in with {self.token.get_secret_value()}")
        return self


class FakeRegistry:
    """Answers like connectors.registry: each kind has the same settings under its own `type`."""

    def kinds(self) -> tuple[str, ...]:
        return ("amazon", "email", "fake", "shopify", "supplier_file")

    @staticmethod
    @cache
    def settings_of(kind: str) -> type[Any]:
        return create_model("Settings", __base__=FakeSettings, type=(Literal[kind], ...))


class Folder:
    """Writes files beside the main one and loads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.main = path / "lockstep.yaml"

    def write(self, text: str, *, name: str = "lockstep.yaml") -> Folder:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return self

    def with_least(self, text: str) -> Folder:
        """The least there must be, and more."""
        return self.write(LEAST + textwrap.dedent(text))

    def load(self, **environment: str) -> Loaded:
        return load(self.main, environment=environment, registry=FakeRegistry())

    def failure(self, **environment: str) -> ConfigProblems:
        with pytest.raises(ConfigProblems) as raised:
            self.load(**environment)
        return raised.value

    def problems(self, **environment: str) -> tuple[Problem, ...]:
        return self.failure(**environment).problems

    def problem(self, **environment: str) -> Problem:
        """The one problem there is."""
        problems = self.problems(**environment)
        assert len(problems) == 1, "\n".join(map(str, problems))
        return problems[0]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def line_and_column(problem: Problem) -> tuple[int, int]:
    assert not isinstance(problem.where, str), problem
    return problem.where.line, problem.where.column
