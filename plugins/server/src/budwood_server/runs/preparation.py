"""Prepare the folder of a run: copies of its inputs, and the specification that the worker executes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import BudwoodError
from budwood_server.runs.document_folder import refuse
from budwood_server.runs.folders import INPUT, NOT_INSTALLED, OUTPUT, RUN_FOLDER
from budwood_server.runs.inputs import Uploads, copy_inputs
from budwood_server.web.problems import ProblemError

if TYPE_CHECKING:
    from budwood_server.runs.work_limits import WorkLimit
    from budwood_server.settings import RunSettings

SPECIFICATION: Final = "specification.json"
NOTES: Final = "notes.json"
_SHOWN: Final = 5


def check_installed() -> None:
    """
    Check that budwood-generation, an optional requirement, is installed.

    Raises:
        ProblemError: 404: it is not.
    """
    try:
        import budwood_generation  # noqa: F401 - loaded at the first run
    except ModuleNotFoundError as error:
        if error.name != "budwood_generation":
            raise
        raise ProblemError(NOT_INSTALLED) from None


def prepare_folder(
    table: Mapping[str, Any], folder: Path, settings: RunSettings, uploads: Uploads, work: WorkLimit
) -> None:
    """
    Copy what a specification reads into the folder of its run, and check it there. It blocks.

    Args:
        table: The specification, after `check_specification`.
        folder: The folder, which must exist.
        settings: Say where documents are.
        uploads: The uploaded documents that it names.
        work: Limits what its patterns look at, and ends it when the request is cancelled.

    Raises:
        ProblemError: 400; the message names the field.
        WorkCancelledError: Nobody waits for it.
    """
    inputs = folder / INPUT
    inputs.mkdir(mode=0o700)
    copied, skipped = copy_inputs(table, inputs, settings, uploads, work)
    notes = [_describe_skipped(skipped)] if skipped else []
    (folder / NOTES).write_text(json.dumps(notes), "utf-8")
    (folder / SPECIFICATION).write_text(json.dumps(copied), "utf-8")
    if "storage" in copied:
        (folder / RUN_FOLDER).write_text(_name_run_folder(copied["output"]), "utf-8")
    work.check()
    _validate(folder)


def load_source(folder: Path) -> dict[str, Any]:
    """
    Return the specification of a prepared folder, as budwood-generation takes it.

    Raises:
        OSError: The folder was removed.
    """
    table: dict[str, Any] = json.loads((folder / SPECIFICATION).read_text("utf-8"))
    output = table["output"] if "storage" in table else str(folder / OUTPUT)
    return table | {"root": str(folder / INPUT), "output": output}


def load_location(folder: Path) -> str | None:
    """Return the URL at which a run stores its rows; None if the server keeps them."""
    source = load_source(folder)
    return str(source["output"]) if "storage" in source else None


def load_notes(folder: Path) -> list[str]:
    """Return what the client of a prepared folder should know, such as links that were skipped."""
    try:
        notes: list[str] = json.loads((folder / NOTES).read_text("utf-8"))
    except FileNotFoundError:  # it was prepared by an earlier version
        return []
    return notes


def _describe_skipped(links: Sequence[str]) -> str:
    more = f" and {len(links) - _SHOWN:,} more" if len(links) > _SHOWN else ""
    return f"Symbolic links are not read, and were skipped: {', '.join(links[:_SHOWN])}{more}."


def hide_folder(text: str, folder: Path) -> str:
    """Return a text without the path of the folder, which clients need not know."""
    return text.replace(f"{folder / INPUT}/", "").replace(f"{folder}/", "").replace(str(folder), ".")


def _name_run_folder(output: str) -> str:
    from budwood_generation.outputs import run_folder

    return f"{INPUT}/{run_folder(output, Path()).name}"


def _validate(folder: Path) -> None:
    from budwood import Settings
    from budwood_generation.plugins import build_plugins
    from budwood_generation.spec_sources import to_spec

    source = load_source(folder) | {"output": str(folder / OUTPUT)}
    source.pop("storage", None)  # a worker builds it: its library may take much memory
    try:
        build_plugins(to_spec(source), Settings())  # the settings of a plugin are checked as it is built
    except BudwoodError as error:
        message = hide_folder(error.message, folder).removeprefix("specification: ").rstrip(".")
        raise refuse("specification", message, hint=error.hint) from None
