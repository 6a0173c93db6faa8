"""What the models allow at a path: names for "did you mean", and which values are secret."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, SecretBytes, SecretStr

from config.model import Config
from config.problems import Path

#: Reads a value of the tree: the text at a path, None where there is none.
Look = Callable[[Path], object]


class Shape:
    """The configuration's shape: Config, and below `connections` each connector's Settings."""

    def __init__(self, settings: Mapping[str, type[BaseModel]], *, look: Look) -> None:
        self._settings = settings
        self._look = look
        self._known: dict[Path, tuple[Any, ...]] = {(): (Config,)}

    def at(self, path: Path) -> tuple[Any, ...]:
        """The types a value at the path may have; () where nothing is known."""
        allowed = self._known.get(path)
        if allowed is None:
            allowed = self._known[path] = self._looked_up(path[:-1], path[-1])
        return allowed

    def _looked_up(self, above: Path, step: str | int) -> tuple[Any, ...]:
        if above == ("connections",):
            known = self._settings.get(str(step))
            return (known,) if known else ()
        return tuple(self._below(self.at(above), step, above))

    def secret(self, path: Path) -> bool:
        """Whether the value must not be shown. What is not known may be a misspelled secret."""
        if path[:1] == ("include",) or (path[:1] == ("connections",) and path[2:] == ("type",)):
            return False
        allowed = self.at(path)
        return not allowed or any(one in (SecretStr, SecretBytes) for one in allowed)

    def names(self, path: Path) -> tuple[str, ...]:
        """The keys that are allowed below the path."""
        models = self._models(self.at(path), path)
        return tuple(dict.fromkeys(name for model in models for name in fields(model)))

    def _below(self, allowed: Iterable[Any], step: str | int, here: Path) -> Iterator[Any]:
        for model in self._models(allowed, here):
            if (field := fields(model).get(str(step))) is not None:
                yield from flat(field)
        for one in allowed:
            origin, arguments = typing.get_origin(one), typing.get_args(one)
            if origin is dict:
                yield from flat(arguments[1])
            elif origin in (tuple, list, set, frozenset):
                yield from flat(arguments[0])

    def _models(self, allowed: Iterable[Any], here: Path) -> list[type[BaseModel]]:
        """The models among the types; of a discriminated union those the values point to."""
        models = [one for one in allowed if isinstance(one, type) and issubclass(one, BaseModel)]
        fitting = [model for model in models if self._fits(model, here)]
        return fitting or models

    def _fits(self, model: type[BaseModel], here: Path) -> bool:
        return all(
            self._look((*here, name)) in typing.get_args(field)
            for name, field in fields(model).items()
            if typing.get_origin(field) is Literal and model.model_fields[name].is_required()
        )


@cache
def fields(model: type[BaseModel]) -> dict[str, Any]:
    """Key in YAML -> annotation."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def flat(annotation: Any) -> Iterator[Any]:
    """The plain types of an annotation: unions and Annotated taken apart."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from flat(typing.get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for one in typing.get_args(annotation):
            yield from flat(one)
    else:
        yield annotation
