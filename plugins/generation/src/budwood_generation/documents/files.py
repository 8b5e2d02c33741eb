"""Which files the patterns of a specification mean, and what they are called."""

from __future__ import annotations

import os
import re
from collections import Counter
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Kind(StrEnum):
    """A format that can be read."""

    PLAIN = "plain text"
    MARKDOWN = "Markdown"
    HTML = "HTML"
    RESTRUCTURED = "reStructuredText"


KINDS: Final[dict[str, Kind]] = {
    ".rst.txt": Kind.RESTRUCTURED,  # before ".txt": this is how Sphinx publishes its sources
    ".rst": Kind.RESTRUCTURED,
    ".md": Kind.MARKDOWN,
    ".markdown": Kind.MARKDOWN,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
    ".txt": Kind.PLAIN,
    ".text": Kind.PLAIN,
}


def find_files(patterns: Sequence[str], root: Path) -> list[tuple[Path, Path]]:
    """
    Find the files that the patterns mean, each once, in the order of their names.

    With each comes the folder that it is named relative to, which says nothing of where the machine keeps things:
    ``root``, or for files outside of it what of their pattern holds no wildcard.

    A pattern is a path relative to ``root`` whose parts may hold ``*``, ``?`` and ``[...]``; the part ``**`` stands for
    any number of folders. Wildcards take only files of the kinds in `KINDS` (`passed_over` counts the others), leave
    out hidden files and folders, and ``**`` follows no symbolic links. `glob` is not used because it passes over
    folders that it may not read in silence, and runs in circles where a link leads upwards.

    Raises:
        ConfigurationError: A pattern matches nothing, a file of an unknown kind is named, a folder cannot be read, or
            two files outside of ``root`` would have one name.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for pattern in patterns:
        try:
            for path in _matches(pattern, root):
                _add(found, path, _named_from(path, pattern, root))
        except OSError as error:
            raise ConfigurationError(
                f"The document pattern {pattern!r} cannot be followed: {error}.",
                hint="Make the folder readable, or narrow the pattern so that it leaves the folder out.",
            ) from error
    targets: dict[Path, tuple[Path, Path]] = {}
    for name in sorted(found):
        targets.setdefault(found[name][0].resolve(), found[name])
    return list(targets.values())


def passed_over(patterns: Sequence[str], root: Path) -> dict[str, int]:
    """Count the files that wildcards match and nothing here can read, by ending, in small letters."""
    matched = {
        path.resolve() for pattern in patterns if not (root / pattern).is_file() for path in _found(pattern, root)
    }
    kinds = Counter(path.suffix.lower() or "no ending" for path in matched if ending_of(path.name) is None)
    return dict(sorted(kinds.items()))


def document_name(path: Path, root: Path) -> str:
    """
    Name a file by its path relative to ``root``, with forward slashes.

    Raises:
        ConfigurationError: There is no such path, or it is not Unicode, so that no dataset could hold it.
    """
    try:
        name = Path(os.path.relpath(path, root)).as_posix()
    except ValueError as error:  # on Windows, when they lie on different drives
        raise ConfigurationError(
            f"The document {path} lies on another drive than the specification.",
            hint="Move either, so that the one can be named relative to the other.",
        ) from error
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"The name of the document {name!r} is not UTF-8.", hint="Rename the file, or leave it out."
        ) from error
    return name


def document_kind(name: str) -> Kind:
    """
    Tell a file's format by the ending of its name, whatever its case.

    Raises:
        ConfigurationError: The ending is none of `KINDS`.
    """
    ending = ending_of(name)
    if ending is None:
        raise ConfigurationError(
            f"The document {name!r} is of no kind that can be read.",
            hint=f"Convert it to one of {', '.join(KINDS)}, or leave it out.",
        )
    return KINDS[ending]


def ending_of(name: str) -> str | None:
    """Find the ending of a name among `KINDS`; None for any other."""
    lowered = name.lower()
    return next((ending for ending in KINDS if lowered.endswith(ending)), None)


def _matches(pattern: str, root: Path) -> list[Path]:
    named = root / pattern
    if named.is_file():  # also when its name holds brackets
        document_kind(pattern)
        return [named]
    if not _has_wildcard(pattern):
        raise _nothing_at(named, pattern, root)
    matched = list(_found(pattern, root))
    readable = [path for path in matched if ending_of(path.name)]
    if readable:
        return readable
    if matched:
        raise ConfigurationError(
            f"The document pattern {pattern!r} matches only files of kinds that cannot be read, searched in {root}.",
            hint=f"These can be read: {', '.join(KINDS)}.",
        )
    raise ConfigurationError(
        f"The document pattern {pattern!r} matches no file, searched in {root}.",
        hint="Correct it or leave it out; patterns are relative to the folder of the specification.",
    )


def _found(pattern: str, root: Path) -> Iterator[Path]:
    return _expand(*_split(pattern, root))


def _named_from(path: Path, pattern: str, root: Path) -> Path:
    """Choose the folder that a file is named relative to: the first that it lies in."""
    start, parts = _split(pattern, root)
    fixed = start.joinpath(*takewhile(lambda part: not _has_wildcard(part), parts))
    return next((folder for folder in (root, fixed) if _inside(path, folder)), path.parent)


def _inside(path: Path, folder: Path) -> bool:
    below, above = (Path(os.path.abspath(each)) for each in (path, folder))  # noqa: PTH100 - `resolve` follows links
    return above in below.parents


def _add(found: dict[str, tuple[Path, Path]], path: Path, folder: Path) -> None:
    name = document_name(path, folder)
    other, _ = found.setdefault(name, (path, folder))
    if other.resolve() != path.resolve():
        raise ConfigurationError(
            f"Two documents would be called {name!r}: {other} and {path}.",
            hint="Name them by one pattern that begins in a folder above both.",
        )


def _nothing_at(named: Path, pattern: str, root: Path) -> ConfigurationError:
    if named.is_dir():
        return ConfigurationError(
            f"The document path {pattern!r} is a folder, searched in {root}.",
            hint=f"Write {(PurePath(pattern) / '**').as_posix()!r} to take the files in it.",
        )
    if named.exists():
        return ConfigurationError(f"The document {pattern!r} is no regular file.", hint="Copy its content to one.")
    return ConfigurationError(
        f"The document {pattern!r} does not exist, searched in {root}.",
        hint="Correct it or leave it out; paths are relative to the folder of the specification.",
    )


def _split(pattern: str, root: Path) -> tuple[Path, tuple[str, ...]]:
    """Split a pattern into the folder where the search starts and the parts to be matched below it."""
    pure = PurePath(re.sub(r"(?<![^/])(\*\*/)+", "**/", pattern))  # a further ** finds no more, slowly
    if pure.anchor:
        return Path(pure.anchor), pure.parts[1:]
    return root, pure.parts


def _expand(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    part, *rest = parts
    if part == "**":
        yield from _expand(folder, rest or ["*"])
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _expand(folder / entry.name, parts)
    elif rest:
        for path in _named(folder, part):
            yield from _expand(path, rest)
    else:
        yield from (path for path in _named(folder, part) if path.is_file())


def _named(folder: Path, part: str) -> list[Path]:
    if not _has_wildcard(part):
        return [folder / part]
    return [
        folder / entry.name
        for entry in _entries(folder)
        if fnmatchcase(entry.name, part) and (part.startswith(".") or not entry.name.startswith("."))
    ]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _has_wildcard(text: str) -> bool:
    return any(mark in text for mark in "*?[")
