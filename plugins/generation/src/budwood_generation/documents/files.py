"""Find and name the files that match the patterns of a specification."""

from __future__ import annotations

import os
import re
from collections import Counter
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from budwood.errors import ConfigurationError
from budwood_generation.documents.exclusion import Exclusion
from budwood_generation.documents.formats import KINDS, detect_kind, find_suffix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def find_files(patterns: Sequence[str], root: Path, excluded: Exclusion | None = None) -> list[tuple[Path, Path]]:
    """
    Find the files that match the patterns, each once, sorted by name.

    A pattern is a path relative to ``root``. Its parts can contain ``*``, ``?`` and ``[...]``; the part ``**`` matches
    any number of folders. Wildcards match only files with a suffix in `KINDS` (`count_skipped_files` counts the
    others), no hidden files or folders, and no outputs of runs; ``**`` does not follow symbolic links. `glob` is not
    used: it silently skips folders that it cannot read, and loops if a link points to a parent folder.

    Args:
        patterns: Files and patterns.
        root: The folder that they are relative to.
        excluded: Files and folders that are left out; a folder with all in it.

    Returns:
        Each file with the folder that its name is relative to: ``root``, or for files outside of it the part of the
        pattern before the first wildcard.

    Raises:
        ConfigurationError: A pattern matches nothing, a named file has an unsupported suffix, a folder cannot be read,
            or two files outside of ``root`` would have the same name.
    """
    excluded = excluded or Exclusion((), root)
    found: dict[str, tuple[Path, Path]] = {}
    for pattern in patterns:
        try:
            for path in _match(pattern, root, excluded):
                _add(found, path, _base_folder(path, pattern, root))
        except OSError as error:
            raise ConfigurationError(
                f"Cannot search for the document pattern {pattern!r}: {error}.",
                hint="Make the folder readable, or add it to documents.exclude.",
            ) from error
    if not found and patterns:
        raise ConfigurationError(
            f"All documents in {root} are excluded.", hint="Correct documents.exclude, or documents.paths."
        )
    targets: dict[Path, tuple[Path, Path]] = {}
    for name in sorted(found):
        targets.setdefault(found[name][0].resolve(), found[name])
    return list(targets.values())


def count_skipped_files(patterns: Sequence[str], root: Path, *, exclude: Sequence[str] = ()) -> dict[str, int]:
    """Count the files with an unsupported suffix that wildcards match, by suffix in lower case."""
    excluded = Exclusion(exclude, root)
    matched = {
        path.resolve()
        for pattern in patterns
        if not (root / pattern).is_file()
        for path in _search(pattern, root, excluded)
        if find_suffix(path.name) is None and path not in excluded
    }
    kinds = Counter(path.suffix.lower() or "no suffix" for path in matched)
    return dict(sorted(kinds.items()))


def make_document_name(path: Path, root: Path) -> str:
    """
    Return the path of a file relative to ``root``, with forward slashes.

    Raises:
        ConfigurationError: There is no relative path, or it is not valid Unicode and cannot be part of a dataset.
    """
    try:
        name = Path(os.path.relpath(path, root)).as_posix()
    except ValueError as error:  # on Windows, if they are on different drives
        raise ConfigurationError(
            f"The document {path} and the specification are on different drives.",
            hint="Move them to the same drive.",
        ) from error
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"The name of the document {name!r} is not valid UTF-8.", hint="Rename the file, or exclude it."
        ) from error
    return name


def _match(pattern: str, root: Path, excluded: Exclusion) -> list[Path]:
    exact_path = root / pattern
    if exact_path.is_file():  # even if its name contains brackets
        detect_kind(pattern)
        return [exact_path] if exact_path not in excluded else []
    if not _has_wildcard(pattern):
        raise _make_missing_file_error(exact_path, pattern, root)
    matched = list(_search(pattern, root, excluded))
    if any(find_suffix(path.name) for path in matched):
        kept = [path for path in matched if path not in excluded]
        return [path for path in kept if find_suffix(path.name) and not _is_output(path)]
    if matched:
        raise ConfigurationError(
            f"The document pattern {pattern!r} matches only files of unsupported types, in {root}.",
            hint=f"Supported types: {', '.join(KINDS)}.",
        )
    raise ConfigurationError(
        f"The document pattern {pattern!r} matches no file in {root}.",
        hint="Correct or remove it. Patterns are relative to the folder of the specification.",
    )


def _search(pattern: str, root: Path, excluded: Exclusion) -> Iterator[Path]:
    start, parts = _split(pattern, root)
    parts = (*parts, "*") if parts[-1:] == ("**",) else parts
    return _expand(start, parts, excluded, set())


def _base_folder(path: Path, pattern: str, root: Path) -> Path:
    """Return the folder that the name of a file is relative to: the first candidate that contains it."""
    start, parts = _split(pattern, root)
    fixed = start.joinpath(*takewhile(lambda part: not _has_wildcard(part), parts))
    return next((folder for folder in (root, fixed) if _is_inside(path, folder)), path.parent)


def _is_inside(path: Path, folder: Path) -> bool:
    below, above = (Path(os.path.abspath(either)) for either in (path, folder))  # noqa: PTH100 - `resolve` follows links
    return above in below.parents


def _add(found: dict[str, tuple[Path, Path]], path: Path, folder: Path) -> None:
    name = make_document_name(path, folder)
    other, _ = found.setdefault(name, (path, folder))
    if other.resolve() != path.resolve():
        raise ConfigurationError(
            f"Two documents have the same name {name!r}: {other} and {path}.",
            hint="Use one pattern that starts in a common parent folder.",
        )


def _is_output(path: Path) -> bool:
    """Tell whether a file is the output of a run: it is next to the folder of the run."""
    return path.with_name(f"{path.name}.run").is_dir()


def _make_missing_file_error(path: Path, pattern: str, root: Path) -> ConfigurationError:
    if path.is_dir():
        return ConfigurationError(
            f"The document path {pattern!r} is a folder, in {root}.",
            hint=f"Use {(PurePath(pattern) / '**').as_posix()!r} to select the files in it.",
        )
    if path.exists():
        return ConfigurationError(
            f"The document {pattern!r} is not a regular file.", hint="Copy its content to a regular file."
        )
    return ConfigurationError(
        f"The document {pattern!r} does not exist in {root}.",
        hint="Correct or remove it. Paths are relative to the folder of the specification.",
    )


def _split(pattern: str, root: Path) -> tuple[Path, tuple[str, ...]]:
    """Split a pattern into the folder where the search starts and the parts to match below it."""
    pure = PurePath(re.sub(r"(?<![^/])(\*\*/)+", "**/", pattern))  # repeated ** match the same files, but slowly
    if pure.anchor:
        return Path(pure.anchor), pure.parts[1:]
    return root, pure.parts


def _expand(folder: Path, parts: Sequence[str], excluded: Exclusion, searched: set[tuple[Path, int]]) -> Iterator[Path]:
    """Yield the files below a folder. The same rest of a pattern is searched for once in each: many ``**`` overlap."""
    if (folder, len(parts)) in searched or folder in excluded:  # it may be large, or not readable
        return
    searched.add((folder, len(parts)))
    part, *rest = parts
    if part == "**":
        yield from _expand(folder, rest, excluded, searched)
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _expand(folder / entry.name, parts, excluded, searched)
    elif rest:
        for path in _match_part(folder, part):
            yield from _expand(path, rest, excluded, searched)
    else:
        yield from (path for path in _match_part(folder, part) if path.is_file())


def _match_part(folder: Path, part: str) -> list[Path]:
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
    return any(wildcard in text for wildcard in "*?[")
