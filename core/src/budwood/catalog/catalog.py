"""Look up rules and presets in the data files, with the user's own rows before them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

from budwood.names import normalise
from budwood.settings import validated
from budwood.types import ModelRules

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
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
    environment: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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

    def rules(self, instance: str, plugin: str, model: str) -> ModelRules:
        """Return what is known of a model; nothing known is an empty set of rules."""
        model = model.lower()
        for rows in (self._own, _builtin_rows()):
            for owner in dict.fromkeys((instance, plugin)):
                row = _longest_match(rows, f"{owner}/{model}")
                if row is not None:
                    return row
        return _NOTHING_KNOWN

    def preset(self, name: str) -> Preset | None:
        """Return the preset of that name, or None."""
        return presets().get(normalise(name))


_NOTHING_KNOWN = ModelRules()


def _compared(key: str) -> str:
    owner, slash, pattern = key.partition("/")
    return f"{normalise(owner)}{slash}{pattern.lower()}"


def _longest_match(rows: Mapping[str, ModelRules], name: str) -> ModelRules | None:
    fitting = [pattern for pattern in rows if fnmatchcase(name, pattern)]
    return rows[max(fitting, key=len)] if fitting else None


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name."""
    return {name: _preset(row) for name, row in _read("presets.toml").items()}


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
def _builtin_rows() -> Mapping[str, ModelRules]:
    return {pattern: ModelRules.model_validate(row) for pattern, row in _read("models.toml").items()}


def _read(name: str) -> Table:
    return tomllib.loads((resources.files(__package__) / name).read_text("utf-8"))
