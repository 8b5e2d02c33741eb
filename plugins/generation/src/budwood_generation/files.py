"""Files that a specification names in place of values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from budwood.errors import ConfigurationError


def check_path(path: object) -> Path:
    """
    Return a path.

    Raises:
        ConfigurationError: The value is not a path, or the operating system rejects it.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"Expected a path; got a value of type {type(path).__name__}.")
    if "\0" in str(path):
        raise ConfigurationError(f"The path {str(path)!r} contains a null byte.")
    try:
        Path(path).exists()
    except (OSError, ValueError) as error:  # too long, not readable, or text that the file system cannot encode
        raise ConfigurationError(f"The path {str(path)!r} cannot be read: {error}.") from error
    return Path(path)


def resolved(table: Mapping[str, Any], root: Path, *, where: str) -> dict[str, Any]:
    """
    Put the content of files where a specification names them.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    whole = dict(table)
    if isinstance(row := table.get("row"), dict) and isinstance(name := row.get("schema"), str):
        whole["row"] = row | {"schema": _json(root / name, where)}
    for job in ("conversation", "row"):
        if isinstance(whole.get(job), dict):
            whole[job] = {key: _with_lines(value, root, where) for key, value in whole[job].items()}
    return whole


def _with_lines(value: object, root: Path, where: str) -> object:
    """Replace each ``{ file = "…" }`` in the settings of plugins by the lines of the file."""
    if isinstance(value, list):
        return [_with_lines(item, root, where) for item in value]
    if not isinstance(value, dict) or "plugin" not in value:
        return value
    return {key: _lines(root / inner["file"], where) if _names_a_file(inner) else inner for key, inner in value.items()}


def _names_a_file(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"file"} and isinstance(value["file"], str)


def _lines(path: Path, where: str) -> list[str]:
    return [line.strip() for line in _text(path, where).splitlines() if line.strip()]


def _json(path: Path, where: str) -> object:
    try:
        return from_json(_text(path, where))
    except ValueError as error:
        raise ConfigurationError(f"{where}: {path.name} is no valid JSON: {error}.") from error


def _text(path: Path, where: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"{where}: the file {str(path)!r} cannot be read: {error.strerror}.",
            hint="Paths are relative to the folder of the specification.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where}: the file {str(path)!r} is not UTF-8.", hint="Save it as UTF-8.") from error
    except ValueError as error:  # a path with a null byte
        raise ConfigurationError(f"{where}: the file {str(path)!r} cannot be read: {error}.") from error
