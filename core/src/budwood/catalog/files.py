"""Read the data files of the catalog."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Any

from pydantic_core import from_json

Table = dict[str, Any]


def has_file(name: str) -> bool:
    """Tell whether the folder of this module has a file with that name."""
    return (Path(__file__).parent / name).is_file()


def load_table(name: str) -> Table:
    """
    Read a file in the folder of this module.

    Raises:
        FileNotFoundError: There is no file with that name.
    """
    table: Table = from_json(pkgutil.get_data(__name__, name) or b"")
    return table
