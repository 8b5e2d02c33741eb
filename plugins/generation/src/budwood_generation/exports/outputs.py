"""The files of an export: their names, the check that none is overwritten, and their atomic replacement."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from budwood.errors import ConfigurationError
from budwood.providing import replace_file
from budwood_generation.errors import OutputError
from budwood_generation.exports.formats import ExportFormat
from budwood_generation.exports.source import ExportSource
from budwood_generation.exports.writers import Writer

TRAIN: Final = "train"
VALIDATION: Final = "validation"


def default_output(source: ExportSource, found: ExportFormat) -> Path:
    """Return the output next to the run, such as ``qa.openai.jsonl``."""
    folder = source.folder.parent
    label = "" if found.suffix == f".{found.name}" else f".{found.name}"
    path = folder / f"{source.name}{label}{found.suffix}"
    return folder / f"{source.name}.export{found.suffix}" if _is_own(path, source) else path


def split_path(path: Path, split: str) -> Path:
    """Return the path of a split: ``qa.jsonl`` becomes ``qa.train.jsonl``, which ``datasets`` assigns to the split."""
    compressed = ".gz" if path.suffix == ".gz" else ""
    plain = Path(path.name.removesuffix(compressed))
    return path.with_name(f"{plain.stem}.{split}{plain.suffix}{compressed}")


def check_outputs(files: Mapping[str, Path], source: ExportSource, *, force: bool) -> None:
    """
    Check that an export may write its files, and create their folders.

    Raises:
        ConfigurationError: A file exists and ``force`` is not set, or it belongs to the run itself.
        OutputError: A folder cannot be created.
    """
    for path in files.values():
        _check_own(path, source)
        if path.is_dir():
            raise ConfigurationError(f"The output {str(path)!r} is a folder.", hint="Choose the name of a file.")
        if path.exists() and not force:
            raise ConfigurationError(
                f"The output {str(path)!r} exists.",
                hint="Choose another output, or replace it with force=True (--force on the command line).",
            )
    for folder in {path.parent for path in files.values()}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"Cannot create the folder {str(folder)!r}: {error.strerror}.", hint="Choose another output."
            ) from error


@contextlib.contextmanager
def open_writers(files: Mapping[str, Path], build: Callable[[Path, str], Writer]) -> Iterator[dict[str, Writer]]:
    """
    Yield a writer for each file. When the block ends, all files are replaced; if it fails, all stay as they were.

    Args:
        files: The paths by split.
        build: Returns a writer for a temporary path and the name that the file will have.

    Raises:
        OutputError: A file cannot be written.
    """
    try:
        with contextlib.ExitStack() as stack:
            writers = {}
            for split, path in files.items():
                part = path.with_name(f".{path.name}.{os.getpid()}.part")
                stack.enter_context(replace_file(path, part))
                writers[split] = build(part, path.name)
                stack.callback(writers[split].close)
            yield writers
    except OSError as error:
        raise OutputError(
            f"Cannot write the export: {error.strerror or error}.",
            hint="Free disk space, or make the folder writable. The rows are in the journal of the run.",
        ) from error


def _check_own(path: Path, source: ExportSource) -> None:
    if _is_own(path, source):
        raise ConfigurationError(f"The output {str(path)!r} belongs to the run itself.", hint="Choose another output.")


def _is_own(path: Path, source: ExportSource) -> bool:
    """Tell whether a path is the output of the run or in its folder: an export must not replace those."""
    resolved, run_folder = path.resolve(), source.folder.resolve()
    return resolved in (Path(source.spec.location).resolve(), run_folder) or run_folder in resolved.parents
