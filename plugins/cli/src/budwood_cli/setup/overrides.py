"""Find what takes precedence over the settings that are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from budwood_cli import terminal

if TYPE_CHECKING:
    from pathlib import Path

    from budwood import Settings
    from budwood.settings_sources import Source

KeyPath = tuple[str, ...]


def describe_overrides(
    settings: Settings, file: Path, values: Mapping[KeyPath, str], *, variables: Mapping[KeyPath, tuple[str, ...]]
) -> Iterator[str]:
    """
    Yield a note for each value that a source of higher precedence overrides.

    Args:
        settings: The settings before they are written.
        file: The file that is written.
        values: The new values, by their paths in the file.
        variables: The vendor's own variables for these paths.
    """
    for path, value in values.items():
        for source in _sources_above(settings, file):
            place, other = _find_value(source, path, variables.get(path, ()))
            if place and other != value:
                yield f"{place} takes precedence over the new value of {'.'.join(path)}."
                break


def _sources_above(settings: Settings, file: Path) -> Iterator[Source]:
    """Yield the sources of higher precedence than a file: variables, and the project's file for that of the user."""
    from budwood.settings import user_folder
    from budwood.settings_sources import FILE_NAME

    lower = {str(file), str(user_folder("config") / FILE_NAME)}
    for source in settings.sources:
        if source.name in lower:
            return
        yield source


def _find_value(source: Source, path: KeyPath, variables: tuple[str, ...]) -> tuple[str, object]:
    """Return the place of a value in a source, and the value; an empty place if it has none."""
    value: Any = source.tree
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if value is not None:
        variable = f"BUDWOOD_{'__'.join(path).upper().replace('-', '_')}"
        return (variable if variable in source.variables else _name(source)), value
    for variable in variables:
        if source.variables.get(variable, "").strip():
            return variable, source.variables[variable]
    return "", None


def _name(source: Source) -> str:
    from pathlib import Path

    return terminal.short_path(Path(source.name))
