"""Removing runs."""

from __future__ import annotations

import shutil
from pathlib import Path

from budwood.errors import ConfigurationError
from budwood_generation.errors import JournalError
from budwood_generation.journal import JOURNAL
from budwood_generation.outputs import SUFFIX
from budwood_generation.runs.folder import find_run_folder, lock_run


def remove_run(path: str | Path) -> Path:
    """
    Remove the folder of a run with its journal, and return the path of the folder. The output stays.

    Finished rows that are not in an output, and all calls, are lost.

    Args:
        path: The folder of the run, or its output.

    Raises:
        ConfigurationError: There is no run.
        RunBusyError: A process is running it.
        JournalError: The folder cannot be removed.
    """
    folder = find_run_folder(path)
    if folder.is_symlink() or folder.suffix != SUFFIX:
        raise ConfigurationError(
            f"{str(folder)!r} is a link, or does not have the name of a run folder.", hint="Delete it manually."
        )
    with lock_run(folder):
        try:
            (folder / JOURNAL).unlink()  # first: without it, what may be left is no run
        except OSError as error:
            raise JournalError(
                f"Cannot remove {folder.name}: {error.strerror}.", hint="Make the folder writable."
            ) from error
    shutil.rmtree(folder, ignore_errors=True)
    return folder
