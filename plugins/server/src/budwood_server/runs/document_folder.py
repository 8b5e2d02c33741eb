"""
Copies of files below a folder that no path and no symbolic link leads out of.

Each part of a path is opened relative to the folder before it, without following links (``openat`` with
``O_NOFOLLOW``), and the file that was opened is copied. So it does not matter what is renamed or replaced meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

from budwood_server.runs.work_limits import WorkLimit
from budwood_server.web.problems import ProblemError, reject

WILDCARDS: Final = frozenset("*?[")
MAX_FILES: Final = 10_000
"""The maximum number of files of a run."""

MAX_DEPTH: Final = 32
"""The maximum number of folders in each other that are searched."""

_BLOCK: Final = 1024 * 1024
_FOLDER: Final = (
    os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)
_FILE: Final = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
)  # a pipe without a writer does not block
_LINKS: Final = frozenset({errno.ELOOP, errno.EMLINK, errno.ENOTDIR})


class Copies:
    """
    Copies files into the folder of a run, within a limit of bytes and files.

    Args:
        target: The folder, which must exist.
        max_bytes: The maximum size of all files.
        work: Ends the copying when the request is cancelled.
    """

    def __init__(self, target: Path, max_bytes: int, work: WorkLimit | None = None) -> None:
        self._target = target
        self._max_bytes = max_bytes
        self._left = max_bytes
        self._names: set[str] = set()
        self._work = work or WorkLimit()

    def add(self, source: int, name: str, field: str) -> None:
        """
        Copy an open file, unless it was copied under this name before.

        Args:
            source: Its descriptor.
            name: Its path relative to the folder, with forward slashes.
            field: The field of the specification that names it, for errors.

        Raises:
            ProblemError: 400: it is not a regular file, or there is too much.
        """
        if not stat.S_ISREG(os.fstat(source).st_mode):
            hint = "Copy its content to a regular file, or exclude it by documents.exclude."
            raise refuse(field, f"{name!r} is not a regular file", hint=hint)
        if name in self._names:
            return
        if len(self._names) >= MAX_FILES:
            raise refuse(field, f"the run has more than {MAX_FILES:,} files")
        self._names.add(name)
        path = self._target / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as file:
            while block := os.read(source, _BLOCK):
                self._work.check()
                self._left -= len(block)
                if self._left < 0:
                    raise refuse(
                        field,
                        f"the files of the run have more than {self._max_bytes:,} bytes",
                        hint="Name fewer files, or ask the operator to raise max_documents in [server.runs].",
                    )
                file.write(block)


class DocumentFolder:
    """
    A folder whose files may be copied.

    Args:
        path: The folder.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        if os.open not in os.supports_dir_fd:
            raise OSError(errno.ENOSYS, "this system cannot open files safely below a folder", str(path))
        self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close the folder."""
        os.close(self._root)

    @contextlib.contextmanager
    def open(self, parts: Sequence[str], field: str) -> Iterator[int]:
        """
        Open a file by the parts of its path.

        Raises:
            ProblemError: 400: it does not exist, cannot be read, or a part is a symbolic link.
        """
        *folders, name = parts
        with contextlib.ExitStack() as stack:
            folder = self._root
            for part in folders:
                folder = _open(part, folder, _FOLDER, "/".join(parts), field)
                stack.callback(os.close, folder)
            opened = _open(name, folder, _FILE, "/".join(parts), field)
            stack.callback(os.close, opened)
            yield opened

    def find_kind(self, parts: Sequence[str]) -> Literal["file", "link"] | None:
        """Tell whether a path is that of a regular file or of a symbolic link; None if it is of neither."""
        return _find_kind(self._root, parts)

    def find(self, parts: Sequence[str], field: str, work: WorkLimit | None = None) -> Iterator[tuple[str, ...]]:
        """
        Yield the paths of the entries that match a pattern, as budwood-generation matches them; links too.

        Hidden entries match only patterns that begin with a period. Some may not exist. Links to folders are not
        entered: those that wildcards match are yielded instead of what is below them.

        Args:
            parts: The parts of the pattern.
            field: The field of the specification that has it, for errors.
            work: Counts the entries of folders.

        Raises:
            ProblemError: 400: a folder cannot be read, there are too many entries, or the pattern begins with the name
                of a symbolic link.
        """
        yield from _Search(self._root, parts, field, work or WorkLimit()).find()


class _Search:
    """
    Looks for the paths that match a pattern. No rest of the pattern is looked for twice in the same folder.

    Args:
        root: The descriptor of the folder.
        parts: The parts of the pattern.
        field: The field of the specification that has it, for errors.
        work: Counts the entries of folders.
    """

    def __init__(self, root: int, parts: Sequence[str], field: str, work: WorkLimit) -> None:
        self._root = root
        self._parts = _simplify(parts)
        self._field = field
        self._work = work
        self._named = next((number for number, part in enumerate(parts) if has_wildcard(part)), len(parts))
        self._seen: set[tuple[tuple[str, ...], int]] = set()

    def find(self, path: tuple[str, ...] = (), start: int = 0) -> Iterator[tuple[str, ...]]:
        """Yield the paths below a folder that match the rest of the pattern, which starts with a part."""
        if (path, start) in self._seen:
            return
        self._seen.add((path, start))
        self._work.spend(1, self._field)
        if len(path) > MAX_DEPTH:
            raise refuse(self._field, f"more than {MAX_DEPTH} folders are in each other")
        if len(path) > self._named and _find_kind(self._root, path) == "link":
            yield path
            return
        part = self._parts[start]
        if part == "**":
            yield from self.find(path, start + 1)
            for name in self._list(path, only_folders=True):
                if not name.startswith("."):
                    yield from self.find((*path, name), start)
            return
        for name in self._match(path, part):
            if start + 1 < len(self._parts):
                yield from self.find((*path, name), start + 1)
            else:
                yield (*path, name)

    def _match(self, path: tuple[str, ...], part: str) -> list[str]:
        if not has_wildcard(part):
            return [part]
        return [
            name
            for name in self._list(path)
            if fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
        ]

    def _list(self, path: tuple[str, ...], *, only_folders: bool = False) -> list[str]:
        """List the names in a folder; none if it is no folder."""
        with contextlib.ExitStack() as stack:
            folder = self._root
            for part in path:
                try:
                    folder = os.open(part, _FOLDER, dir_fd=folder)
                except FileNotFoundError:
                    return []
                except OSError as error:
                    if isinstance(error, NotADirectoryError) and not _is_link(part, folder):
                        return []
                    raise _refuse_entry("/".join(path), self._field, error) from None
                stack.callback(os.close, folder)
            try:
                with os.scandir(folder) as entries:
                    return sorted(self._name(entries, only_folders))
            except OSError as error:
                raise _refuse_entry("/".join(path), self._field, error) from None

    def _name(self, entries: Iterable[os.DirEntry[str]], only_folders: bool) -> Iterator[str]:  # noqa: FBT001
        for entry in entries:
            self._work.spend(1, self._field)
            if not only_folders or entry.is_dir(follow_symlinks=False):
                yield entry.name


def _find_kind(root: int, parts: Sequence[str]) -> Literal["file", "link"] | None:
    with contextlib.ExitStack() as stack:
        folder = root
        try:
            for part in parts[:-1]:
                folder = os.open(part, _FOLDER, dir_fd=folder)
                stack.callback(os.close, folder)
            mode = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode
        except OSError:
            return None
    return "file" if stat.S_ISREG(mode) else "link" if stat.S_ISLNK(mode) else None


def _simplify(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of a pattern with one ``**`` in place of several in a row, and ``*`` after one at the end."""
    kept = [part for number, part in enumerate(parts) if part != "**" or number == 0 or parts[number - 1] != "**"]
    return (*kept, "*") if kept[-1:] == ["**"] else tuple(kept)


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def has_wildcard(text: str) -> bool:
    """Tell whether a part of a path is a pattern."""
    return not WILDCARDS.isdisjoint(text)


def refuse(field: str, problem: str, *, hint: str | None = None) -> ProblemError:
    """Return the error for a field of a specification."""
    return reject(f"{field}: {problem}.", param=field, code="invalid_specification", hint=hint)


def _open(part: str, folder: int, flags: int, shown: str, field: str) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    except OSError as error:
        raise _refuse_entry(shown, field, error) from None


def _refuse_entry(shown: str, field: str, error: OSError) -> ProblemError:
    if isinstance(error, FileNotFoundError):
        return refuse(field, f"{shown!r} does not exist", hint="Paths are relative to the folder of documents.")
    if error.errno in _LINKS:
        hint = "Name the file itself, or exclude the link by documents.exclude."
        return refuse(field, f"{shown!r} leads through a symbolic link, or through a file", hint=hint)
    return refuse(field, f"{shown!r} cannot be read")
