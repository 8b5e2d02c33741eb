"""Look up rules and presets in the data files, with the user's own rows before them."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic_core import from_json

from budwood.names import normalise
from budwood.settings import validated
from budwood.types import ModelRules

Table = dict[str, Any]


class Preset(NamedTuple):
    """
    An instance that exists without a settings section.

    Attributes:
        plugin: The plugin that it is an instance of.
        settings: Its settings, below all that users say.
        environment: Names of variables by the key that they fill.
        needs_credential: Whether the service answers nobody without a key.
    """

    plugin: str
    settings: Mapping[str, Any]
    environment: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    needs_credential: bool = False


class Catalog:
    """
    What is known about models and services.

    Args:
        rows: Rows of the user's settings, by ``INSTANCE/PATTERN`` or ``PLUGIN/PATTERN``; they come before ours.

    Raises:
        ConfigurationError: A row of the user has an unknown key.
    """

    def __init__(self, rows: Mapping[str, Table] | None = None) -> None:
        self._own = {
            _compared(key): validated(ModelRules, row, where=f"[models.{key!r}]") for key, row in (rows or {}).items()
        }

    def rules(self, instance: str, plugin: str, model: str, *, also: tuple[str, ...] = ()) -> ModelRules:
        """
        Return what is known of a model; nothing known is an empty set of rules.

        Args:
            instance: The instance whose rows come first.
            plugin: Its plugin, whose rows come next.
            model: The model's name.
            also: Further plugins, whose rows hold where these two have none.
        """
        model = model.lower()
        names = [f"{owner}/{model}" for owner in dict.fromkeys((instance, plugin, *also))]
        for name in names:
            if pattern := _longest_match(self._own, name):
                return self._own[pattern]
        for name in names:
            if pattern := _longest_match(_builtin_rows(), name):
                return _builtin(pattern)
        return _NOTHING_KNOWN

    def preset(self, name: str) -> Preset | None:
        """Return the preset of that name, or None."""
        return presets().get(normalise(name))


_NOTHING_KNOWN = ModelRules.model_construct()
_SPECIAL = re.compile(r"[*?[]")


def _compared(key: str) -> str:
    owner, slash, pattern = key.partition("/")
    return f"{normalise(owner)}{slash}{pattern.lower()}"


def _longest_match(patterns: Iterable[str], name: str) -> str | None:
    return max((pattern for pattern in patterns if _fits(name, pattern)), key=len, default=None)


def _fits(name: str, pattern: str) -> bool:
    """Tell whether a pattern fits; its plain beginning is compared first, since `fnmatch` compiles every pattern."""
    return name.startswith(_SPECIAL.split(pattern, maxsplit=1)[0]) and fnmatchcase(name, pattern)


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name."""
    return {name: _preset(row) for name, row in _read("presets.json").items()}


def _preset(row: Table) -> Preset:
    settings = dict(row.get("settings", {}))
    if "base_url" in row:
        settings["base_url"] = row["base_url"]
    return Preset(
        plugin=row["plugin"],
        settings=settings,
        environment={key: tuple(names) for key, names in row.get("environment", {}).items()},
        needs_credential=row.get("needs_credential", False),
    )


@cache
def _builtin(pattern: str) -> ModelRules:
    return ModelRules.model_validate(_builtin_rows()[pattern])


@cache
def _builtin_rows() -> Mapping[str, Table]:
    return _read("models.json")


def _read(name: str) -> Table:
    table: Table = from_json(pkgutil.get_data(__name__, name) or b"")
    return table
