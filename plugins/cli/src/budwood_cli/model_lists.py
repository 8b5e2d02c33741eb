"""The names of models that providers listed before, in the user's cache folder, so that shells can complete them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from budwood.names import normalise


def save_model_list(provider: str, names: Iterable[str]) -> None:
    """Save the names of a provider's models. A folder that cannot be written is no error."""
    from budwood.providing import write_file_atomically

    file = _file(provider)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file_atomically(file, json.dumps(sorted(names)).encode())


def read_model_list(provider: str) -> list[str]:
    """Return the names that were saved; none if there are none, or if they cannot be read."""
    try:
        names = json.loads(_file(provider).read_bytes())
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _file(provider: str) -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("budwood", appauthor=False) / "models" / f"{normalise(provider)}.json"
