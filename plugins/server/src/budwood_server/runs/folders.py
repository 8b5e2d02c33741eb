"""The folder of runs on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from budwood.plugins.first_party import install_hint
from budwood_server.access.tokens import new_id
from budwood_server.runs.kept_files import KeptFiles, is_older, remove_tree
from budwood_server.web.problems import Problem, ProblemError

if TYPE_CHECKING:
    from budwood_server.settings import RunSettings

INPUT: Final = "input"
"""The folder in that of a run with copies of what its specification reads."""

OUTPUT: Final = "rows.jsonl"
"""The file with the rows of a run, once it ends. Its journal is next to it."""

RUN_FOLDER: Final = "run_folder"
"""The file in the folder of a run that names the folder of its journal, if its rows are stored at a URL."""

_PARTS: Final = "parts"

DISABLED: Final = Problem(
    status=404,
    message="This server has no dataset runs.",
    type="invalid_request_error",
    code="runs_disabled",
    hint="Ask its operator to set dir in [server.runs].",
)
NOT_INSTALLED: Final = Problem(
    status=404,
    message="This server has no dataset runs: budwood-generation is not installed.",
    type="invalid_request_error",
    code="runs_disabled",
    hint=f"Ask its operator: {install_hint('budwood-generation')}.",
)


@dataclass(frozen=True, slots=True)
class RunFolders:
    """
    The folders of runs: ``runs/ID`` of each run, ``documents`` with uploaded files, and ``parts`` with unfinished ones.

    Args:
        root: The folder of all.
    """

    root: Path

    @property
    def runs(self) -> KeptFiles:
        """The folders of runs."""
        return KeptFiles(self.root / "runs")

    @property
    def documents(self) -> KeptFiles:
        """The contents of uploaded documents."""
        return KeptFiles(self.root / "documents")

    def output(self, run_id: str) -> Path:
        """Return the path by which budwood-generation finds the journal of a run. It blocks."""
        return find_output(self.runs.path(run_id))

    @contextmanager
    def new_part(self) -> Iterator[Path]:
        """Create a folder for a run that is being prepared, or for a file, and remove it unless it was moved."""
        parts = self.root / _PARTS
        parts.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = parts / new_id()
        part.mkdir(mode=0o700)
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def remove_parts(self, before: float) -> None:
        """Remove parts in which nothing has changed since a moment in seconds since 1970: their process was killed."""
        for part in (self.root / _PARTS).glob("*"):
            if all(is_older(each, before) for each in (part, *part.rglob("*"))):
                remove_tree(part)


def find_output(folder: Path) -> Path:
    """Return the file with the rows of a run; or the folder of its journal, if they are stored at a URL. It blocks."""
    try:
        return folder / (folder / RUN_FOLDER).read_text("utf-8")
    except FileNotFoundError:
        return folder / OUTPUT


def open_folders(settings: RunSettings) -> RunFolders:
    """
    Return the folders of a server.

    Raises:
        ProblemError: 404: it has no runs.
    """
    if settings.dir is None:
        raise ProblemError(DISABLED)
    return RunFolders(Path(os.path.abspath(settings.dir)))  # noqa: PTH100 - `resolve` follows links
