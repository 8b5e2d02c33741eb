"""Read the catalog's data files."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Any

from pydantic_core import from_json

Table = dict[str, Any]


def exists(name: str) -> bool:
    """Tell whether there is a file of that name beside this module."""
    return (Path(__file__).parent / name).is_file()


def read(name: str) -> Table:
    """
    Read one of the files beside this module.

    Raises:
        FileNotFoundError: There is none of that name.
    """
    table: Table = from_json(pkgutil.get_data(__name__, name) or b"")
    return table
