"""The values of all settings, and the source that each of them comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from budwood.credential_store import read_index
from budwood.hooks import PROVIDER
from budwood.settings import RootSettings, Settings
from budwood.settings_sources import PREFIX, Source, read_text, vendor_values
from budwood_cli import terminal
from budwood_cli.key_sources import KeyFacts, find_key_facts
from budwood_cli.setting_keys import Steps, format_key
from budwood_cli.setting_problems import LineFinder
from budwood_cli.setting_secrets import mask_value
from budwood_cli.setting_types import convert
from budwood_cli.stored_keys import stored_keys_path

_DISABLED: Final = ("plugins", "disabled")
_SHORTHAND: Final = f"{PREFIX}PLUGINS_DISABLED"


class Value(NamedTuple):
    """
    One value of the settings.

    Attributes:
        path: The steps of its key.
        value: The value, without secrets.
        origin: The source: ``argument``, ``environment``, ``file``, ``stored key`` or ``default``.
        name: The variable or the path of the file.
        line: The line of the file, if it is known.
    """

    path: Steps
    value: Any
    origin: str
    name: str | None = None
    line: int | None = None

    @property
    def key(self) -> str:
        """The dotted key."""
        return format_key(self.path)

    @property
    def place(self) -> str:
        """The source, for people."""
        if self.origin in {"file", "environment"} and self.name is not None:
            text = terminal.short_path(Path(self.name)) if self.origin == "file" or os.sep in self.name else self.name
            return f"{text}:{self.line}" if self.line is not None else text
        return f"{self.origin} ({self.name})" if self.name else self.origin


def collect_values(settings: Settings, *, defaults: bool, providers: Iterable[str] = ()) -> list[Value]:
    """
    Return all values that are set, and the source that takes precedence for each.

    Args:
        settings: The settings.
        defaults: Whether to add the defaults of keys that no source has.
        providers: Providers whose vendors' variables count, besides those in the settings and of stored keys.
    """
    values: dict[Steps, Value] = {}
    for source in settings.sources:
        tree = _with_vendor_values(source, settings, providers)
        for path, value in flatten(tree):
            if path == _DISABLED and path in values:
                values[path] = _join(values[path], value, source)
            elif not _is_overridden(path, values, source):
                typed = convert(value, path, settings) if source.variables else value
                values[path] = Value(path, mask_value(typed, path[-1]), *_find_origin(source, path))
    for value in _stored_values():
        if not any(
            path[:2] == value.path[:2] and path[2:3] in _credentials(path[1]) for path in values if len(path) > 2
        ):
            values[value.path] = value
    if defaults:
        for path, value in _flatten_defaults():
            if not any(known[: len(path)] == path for known in values):
                values[path] = Value(path, value, "default")
    return sorted(values.values(), key=lambda value: value.path)


def _with_vendor_values(source: Source, settings: Settings, providers: Iterable[str]) -> Mapping[str, Any]:
    """Return the tree of a source, with what the vendors' own variables fill."""
    names = {
        *settings.instance_names(PROVIDER.section),
        *providers,
        *(key.provider for key in read_index(stored_keys_path())),
    }
    models = [model for model in (settings.model, *settings.options.fallbacks) if model]
    names |= {*providers, *(model.partition("/")[0] for model in models)}
    tree = dict(source.tree)
    sections = dict(tree.get(PROVIDER.section, {}))
    for name in names if source.variables else ():
        found = vendor_values(source.variables, {"api_key": _facts(name).variables})
        if found and not any(field in sections.get(name, {}) for field in _facts(name).fields):
            sections[name] = {**found, **sections.get(name, {})}
    if sections:
        tree[PROVIDER.section] = sections
    return tree


def flatten(tree: Mapping[str, Any], above: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Return the values of a table and of those in it, each with the steps of its key."""
    for key, value in tree.items():
        path = (*above, str(key))
        if isinstance(value, Mapping) and value:
            yield from flatten(value, path)
        else:
            yield path, value


def _flatten_defaults() -> Iterator[tuple[Steps, Any]]:
    """Return the defaults of single values at the top level and of options."""
    from pydantic import BaseModel

    for name, field in RootSettings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            shown = type(default)().model_dump(mode="json")
            yield from (((name, key), value) for key, value in shown.items())
        elif not isinstance(default, dict):
            yield (name,), list(default) if isinstance(default, tuple) else default


def _is_overridden(path: Steps, values: Mapping[Steps, Value], source: Source) -> bool:
    """Tell whether a source of higher precedence has the value, a table above it, or an exclusive key."""
    if any(known[: len(path)] == path or path[: len(known)] == known for known in values):
        return True
    if not is_credential(path):
        return False
    fields = _credentials(path[1])
    kind, name, _ = _find_origin(source, path)
    others = [value for known, value in values.items() if known[:2] == path[:2] and known[2:3] in fields]
    return any((value.origin, value.name) != (kind, name) for value in others)


def is_credential(path: Steps) -> bool:
    """Tell whether a key is that of a provider's API key, or of what replaces it."""
    return len(path) > 2 and path[0] == PROVIDER.section and path[2:3] in _credentials(path[1])


def _credentials(provider: str) -> set[Steps]:
    return {(field,) for field in _facts(provider).fields}


def _stored_values() -> Iterator[Value]:
    for key in read_index(stored_keys_path()):
        path = (PROVIDER.section, key.provider, "api_key" if key.label == "default" else f"keys.{key.label}")
        yield Value(path, f"…{key.ending}", "stored key", key.place)


def _join(value: Value, added: Any, source: Source) -> Value:  # noqa: ANN401 - a value of TOML
    """Add the plugins that a source disables: no source can enable what another disables."""
    origin, name, line = _find_origin(source, value.path)
    names = [*value.value, *(each for each in added if each not in value.value)]
    other = Value(value.path, names, origin, name, line).place
    return value._replace(value=names, name=f"{value.place}, {other}", line=None, origin="several")


def _find_origin(source: Source, path: Steps) -> tuple[str, str | None, int | None]:
    """Return the kind of a source, its name, and the line of a key."""
    if source.name == "arguments":
        return "argument", None, None
    if source.name == "environment":
        return "environment", find_variable(source.variables, path), None
    if source.variables:  # .env
        variable = find_variable(source.variables, path)
        return "file", source.name, _find_line_of(source.name, variable)
    return "file", source.name, _line_finder(source.name).find(path)


def find_variable(variables: Mapping[str, str], path: Steps) -> str | None:
    """Return the variable that has a key, or a table above it."""
    by_name = {name.upper(): name for name, value in variables.items() if value.strip()}
    if path[:2] == _DISABLED and _SHORTHAND in by_name:
        return _SHORTHAND
    for length in range(len(path), 0, -1):
        name = PREFIX + "__".join(step.upper().replace("-", "_") for step in path[:length])
        if name in by_name:
            return by_name[name]
    if path[0] == PROVIDER.section and len(path) > 2:
        own = f"{PREFIX}PROVIDERS__{path[1].upper().replace('-', '_')}__API_KEYS"
        candidates = [own, *(name for each in _facts(path[1]).variables for name in (f"{each}S", each))]
        return next((name for name in candidates if name in by_name), None)
    return None


@cache
def _facts(provider: str) -> KeyFacts:
    return find_key_facts(provider)


@cache
def _line_finder(path: str) -> LineFinder:
    return LineFinder(read_text(Path(path)) or "")


def _find_line_of(path: str, variable: str | None) -> int | None:
    """Return the line of a variable in a ``.env`` file."""
    pattern = re.compile(rf"\s*(export\s+)?['\"]?{re.escape(variable or '')}['\"]?\s*=")
    lines = (read_text(Path(path)) or "").splitlines()
    return max((number for number, line in enumerate(lines, 1) if pattern.match(line)), default=None)
