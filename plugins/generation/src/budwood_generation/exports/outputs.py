"""The files of an export: their names, the check that none is overwritten, and their atomic replacement."""

from __future__ import annotations

import contextlib
import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, cast

from budwood.errors import ConfigurationError
from budwood.providing import replace_file
from budwood_generation.errors import OutputError
from budwood_generation.exports.formats import ExportFormat
from budwood_generation.exports.source import ExportSource
from budwood_generation.exports.writers import Writer
from budwood_generation.files import check_path, create_folder
from budwood_generation.outputs import is_url, strip_credentials
from budwood_generation.provenance import sidecar_path

TRAIN: Final = "train"
VALIDATION: Final = "validation"
SPLITS: Final = (TRAIN, VALIDATION)

Target = Path | BinaryIO
"""A file, which is replaced, or a stream, which is written to and stays open."""


def find_target(
    output: str | Path | BinaryIO | None, source: ExportSource, found: ExportFormat, *, is_split: bool
) -> Target:
    """
    Return where an export is written.

    Raises:
        ConfigurationError: It is a URL, or a stream, and the format is a folder or the rows are split.
    """
    if output is None:
        return _default_output(source, found)
    if isinstance(output, str) and is_url(output):
        raise ConfigurationError(
            f"The output of an export is a path, and {strip_credentials(output)!r} is a URL.",
            hint="Export to a file. To have the rows in a bucket or a database, set output in the specification.",
        )
    if isinstance(output, str | os.PathLike):
        return check_path(output)
    if found.is_folder or is_split:
        several = f"the format {found.name} is a folder" if found.is_folder else "a split gives two"
        raise ConfigurationError(f"A stream can contain only one file, and {several}.", hint="Export to a path.")
    return output


def _default_output(source: ExportSource, found: ExportFormat) -> Path:
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


def check_outputs(paths: Iterable[Path], source: ExportSource, *, force: bool) -> None:
    """
    Check that an export may write its files, and create their folders.

    Raises:
        ConfigurationError: A file exists and ``force`` is not set, it belongs to the run itself, or there is no folder
            for it.
    """
    paths = tuple(paths)
    for path in paths:
        _check_own(path, source)
        if path.is_dir():
            raise ConfigurationError(f"The output {str(path)!r} is a folder.", hint="Choose the name of a file.")
        if path.is_file() and not force:
            raise ConfigurationError(
                f"The output {str(path)!r} exists.",
                hint="Choose another output, or replace it with force=True (--force on the command line).",
            )
    for folder in {path.parent for path in paths}:
        create_folder(folder)


@contextlib.contextmanager
def open_writers(targets: Mapping[str, Target], build: Callable[[BinaryIO], Writer]) -> Iterator[dict[str, Writer]]:
    """
    Yield a writer for each target. When the block ends, all files are replaced; if it fails, all stay as they were.

    Args:
        targets: The files by split.
        build: Returns a writer for an open file. A file whose name ends with ``.gz`` is compressed.

    Raises:
        OutputError: A file cannot be written.
        BrokenPipeError: The reader of a stream closed it.
    """
    try:
        with contextlib.ExitStack() as stack:
            writers = {}
            for split, target in targets.items():
                writers[split] = build(stack.enter_context(_open(target)))
                stack.push(partial(_close_failed, writers[split]))
            yield writers
            for writer in writers.values():
                writer.close()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"Cannot write the export: {error.strerror or error}.",
            hint="Free disk space, make the folder writable, or choose another output. The rows are in the journal.",
        ) from error


def _close_failed(writer: Writer, kind: type[BaseException] | None, *_: object) -> None:
    """Close a writer after an error, while its file is open, so that it is not closed when it is collected."""
    if kind is not None:
        with contextlib.suppress(Exception):
            writer.close()


@contextlib.contextmanager
def _open(target: Target) -> Iterator[BinaryIO]:
    """Open a file that replaces the target, or the target itself if it is a stream, a pipe or a device."""
    if not isinstance(target, Path):
        yield target
        target.flush()
    elif target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
    else:
        target = target.resolve()  # a symbolic link, such as /dev/stdout, stays
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        with replace_file(target, part), part.open("wb") as file, _compress(file, target.name) as compressed:
            yield compressed


@contextlib.contextmanager
def _compress(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    if not name.endswith(".gz"):
        yield file
        return
    # without name and time, so that equal rows give equal files
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
        yield cast("BinaryIO", compressed)


def _check_own(path: Path, source: ExportSource) -> None:
    if _is_own(path, source):
        raise ConfigurationError(f"The output {str(path)!r} belongs to the run itself.", hint="Choose another output.")


def _is_own(path: Path, source: ExportSource) -> bool:
    """Tell whether a path is an output of the run or in its folder: an export must not replace those."""
    resolved, run_folder = path.resolve(), source.folder.resolve()
    own = (Path(source.spec.location), sidecar_path(source.folder), run_folder)
    return resolved in [file.resolve() for file in own] or run_folder in resolved.parents
