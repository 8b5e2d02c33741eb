"""Paths, and files that a specification names in place of values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from budwood.errors import ConfigurationError
from budwood_generation.seed_files import FileValues, read_values
from budwood_generation.texts import read_text


def check_path(path: object) -> Path:
    """
    Return a path.

    Raises:
        ConfigurationError: The value is not a path, or the operating system rejects it.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"Expected a path; got a value of type {type(path).__name__}.")
    if path == "":
        raise ConfigurationError("Expected a path; got an empty text.", hint='Write "." for the current folder.')
    if "\0" in str(path):
        raise ConfigurationError(f"The path {str(path)!r} contains a null byte.")
    try:
        Path(path).exists()
    except (OSError, ValueError) as error:  # too long, not readable, or text that the file system cannot encode
        raise ConfigurationError(f"The path {str(path)!r} cannot be read: {error}.") from error
    return Path(path)


def create_folder(folder: Path) -> None:
    """
    Create the folder of an output, with its parents, if it does not exist.

    Raises:
        ConfigurationError: It cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot create the folder {str(folder)!r}: {error.strerror}.", hint="Choose another output."
        ) from error


def insert_files(table: Mapping[str, Any], root: Path, *, where: str) -> dict[str, Any]:
    """
    Replace the names of files in a specification by the content of the files: a schema, and values such as seeds.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    result = dict(table)
    if isinstance(row := table.get("row"), dict) and isinstance(name := row.get("schema"), str):
        result["row"] = row | {"schema": _read_json(root / name, where)}
    for job in ("conversation", "row"):
        if isinstance(result.get(job), dict):
            result[job] = {key: _insert_values(value, root, where) for key, value in result[job].items()}
    return result


def read_values_of(settings: Mapping[str, Any], root: Path, *, where: str) -> dict[str, FileValues]:
    """
    Return the values of the files that settings of a plugin name as ``{ file = "…" }``, by the key.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    return {key: read_values(root, inner["file"], where) for key, inner in settings.items() if _is_file_table(inner)}


def _insert_values(value: object, root: Path, where: str) -> object:
    """Replace each ``{ file = "…" }`` in the settings of plugins by the values of the file."""
    if isinstance(value, list):
        return [_insert_values(item, root, where) for item in value]
    if not isinstance(value, dict) or "plugin" not in value:
        return value
    return value | read_values_of(value, root, where=where)


def _is_file_table(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"file"} and isinstance(value["file"], str)


def _read_json(path: Path, where: str) -> object:
    try:
        return from_json(read_text(path, where))
    except ValueError as error:
        raise ConfigurationError(f"{where}: {path.name} is not valid JSON: {error}.") from error
