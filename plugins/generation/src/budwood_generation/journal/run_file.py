"""``run.json``: a copy of a journal's header and stages, for people and for a journal that has lost them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json, to_json

from budwood.providing import write_file_atomically
from budwood_generation.journal import encoding
from budwood_generation.journal.problems import convert_errors
from budwood_generation.journal.records import Header, Stage

RUN_FILE: Final = "run.json"


def write_run_file(folder: Path, header: Header, stages: Sequence[Stage]) -> None:
    """
    Write the file, unless it has this content.

    Raises:
        JournalError: It cannot be written.
    """
    text = to_json({"header": header, "stages": stages}, indent=2).decode() + "\n"
    path = folder / RUN_FILE
    with convert_errors(path):
        if not path.exists() or path.read_bytes() != text.encode():
            write_file_atomically(path, text)


def read_run_file(folder: Path) -> tuple[Header, tuple[Stage, ...]] | None:
    """Return the header and the stages, or None if there is no file or it cannot be read."""
    try:
        content: dict[str, Any] = from_json((folder / RUN_FILE).read_bytes())
        header = encoding.decode_header(to_json(content["header"]))
        return header, tuple(encoding.decode_stage(to_json(stage)) for stage in content["stages"])
    except (OSError, ValueError, TypeError, LookupError):
        return None
