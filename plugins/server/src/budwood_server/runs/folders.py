"""The folder of runs on the disk."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from budwood_server.access.tokens import new_id
from budwood_server.web.problems import Problem, ProblemError

if TYPE_CHECKING:
    from budwood_server.settings import RunSettings

INPUT: Final = "input"
"""The folder in that of a run with copies of what its specification reads."""

OUTPUT: Final = "rows.jsonl"
"""The file with the rows of a run, once it ends. Its journal is next to it."""

_ID: Final = re.compile(r"(?:run|doc)_[A-Za-z0-9]{1,60}")

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
    hint="Ask its operator to install it: pip install 'budwood-server[runs]'.",
)


@dataclass(frozen=True, slots=True)
class RunFolders:
    """
    The folders of runs: ``runs/ID`` of each run, ``documents`` with uploaded files, and ``parts`` with unfinished ones.

    Args:
        root: The folder of all.
    """

    root: Path

    def of_run(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return self._child("runs", run_id)

    def of_document(self, document_id: str) -> Path:
        """Return the file with the content of an uploaded document."""
        return self._child("documents", document_id)

    def output(self, run_id: str) -> Path:
        """Return the file with the rows of a run; budwood-generation finds the journal next to it."""
        return self.of_run(run_id) / OUTPUT

    @contextmanager
    def new_part(self) -> Iterator[Path]:
        """Create a folder for a run that is being prepared, or for a file, and remove it unless it was moved."""
        part = self._create("parts") / new_id()
        part.mkdir(mode=0o700)
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def keep_run(self, part: Path, run_id: str) -> None:
        """Make a prepared folder that of a run."""
        self._create("runs")
        part.rename(self.of_run(run_id))

    def keep_document(self, part: Path, document_id: str) -> None:
        """Make a file the content of an uploaded document."""
        self._create("documents")
        part.rename(self.of_document(document_id))

    def remove_run(self, run_id: str) -> None:
        """Remove the folder of a run, if it exists."""
        shutil.rmtree(self.of_run(run_id), ignore_errors=True)

    def remove_document(self, document_id: str) -> None:
        """Remove the content of an uploaded document, if it exists."""
        self.of_document(document_id).unlink(missing_ok=True)

    def _child(self, folder: str, name: str) -> Path:
        assert _ID.fullmatch(name), name  # noqa: S101 - ids come from the database; none leads out of the folder
        return self.root / folder / name

    def _create(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def open_folders(settings: RunSettings) -> RunFolders:
    """
    Return the folders of a server.

    Raises:
        ProblemError: 404: it has no runs.
    """
    if settings.dir is None:
        raise ProblemError(DISABLED)
    return RunFolders(Path(os.path.abspath(settings.dir)))  # noqa: PTH100 - `resolve` follows links
