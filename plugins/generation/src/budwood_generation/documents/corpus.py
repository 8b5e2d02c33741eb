"""The documents of a specification: found and read once, and cached by their content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from budwood.errors import ConfigurationError
from budwood.settings import user_folder
from budwood_generation.documents.cache import PassageCache, Summary, summarize
from budwood_generation.documents.exclusion import Exclusion
from budwood_generation.documents.files import find_files, make_document_name
from budwood_generation.documents.index import DocumentIndex
from budwood_generation.documents.passages import Passage
from budwood_generation.documents.reader import load_document
from budwood_generation.documents.records import UnreadableDocument
from budwood_generation.documents.sources import Content, PassageReader, Source, Splitter
from budwood_generation.documents.workers import Task, split_files

_FILE_NAME: Final = "passages.sqlite3"
_BATCH_BYTES: Final = 8 * 1024 * 1024
"""Bytes of documents that are added to the cache in one transaction."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """
    The documents of a specification.

    Attributes:
        sources: The documents that were read, by name, in the order of the names.
        unreadable: What was skipped because it cannot be read.
        unused_exclusions: The patterns in ``exclude`` that match nothing.
        reader: Reads their passages.
    """

    sources: Mapping[str, Source]
    unreadable: tuple[UnreadableDocument, ...]
    unused_exclusions: tuple[str, ...]
    reader: PassageReader

    @property
    def documents(self) -> dict[str, str]:
        """The SHA-256 of each document by name."""
        return {name: source.digest for name, source in self.sources.items()}

    def open_index(self, earlier: Mapping[str, str] | None = None) -> DocumentIndex:
        """
        Return an index of all documents.

        Args:
            earlier: The SHA-256 by name of the documents that come first, in order: those of the earlier stages of a
                run. The others follow in the order of their names.

        Raises:
            ConfigurationError: An earlier document has changed, or is missing.
        """
        for name, digest in (earlier or {}).items():
            source = self.sources.get(name)
            if source is None or source.digest != digest:
                raise ConfigurationError(
                    f"The document {name!r} {'has changed' if source else 'is missing'}.",
                    hint="Restore it, or start another run: documents can be added to a run, not changed or removed.",
                )
        names = dict.fromkeys([*(earlier or {}), *self.sources])
        return DocumentIndex((self.sources[name] for name in names), self.reader)


def open_user_cache() -> PassageCache:
    """Return the cache of the user. Its file is created on first use."""
    return PassageCache(user_folder("cache") / "documents" / _FILE_NAME)


def read_corpus(
    patterns: Sequence[str],
    root: Path,
    *,
    exclude: Sequence[str] = (),
    strict: bool = False,
    splitter: Splitter | None = None,
    cache: PassageCache | None = None,
) -> Corpus:
    """
    Find and read documents.

    Args:
        patterns: Files and patterns.
        root: The folder that they are relative to.
        exclude: Patterns of files and folders that are not read.
        strict: Raise an error for a document that cannot be read, instead of skipping it.
        splitter: Splits the documents into passages.
        cache: The cache of passages; by default that of the user.

    Raises:
        ConfigurationError: A pattern matches nothing; or no document can be read, or with ``strict`` any one.
    """
    reading = _Reading(splitter or Splitter(), cache or open_user_cache(), strict=strict)
    excluded = Exclusion(exclude, root)
    for path, folder in find_files(patterns, root, excluded):
        reading.find(make_document_name(path, folder), path)
    reading.split_missing()
    return reading.finish(excluded.unused)


class _Reading:
    def __init__(self, splitter: Splitter, cache: PassageCache, *, strict: bool) -> None:
        self._splitter = splitter
        self._cache = cache
        self._strict = strict
        self._sources: dict[str, Source | None] = {}  # in the order of the names; None until it is split
        self._unreadable: dict[str, UnreadableDocument] = {}
        self._missing: list[tuple[Task, str]] = []

    def find(self, name: str, path: Path) -> None:
        """Find a document in the cache, or note that it is missing."""
        try:
            data = load_document(path, name)
        except ConfigurationError as error:
            self._report(name, error)
            return
        digest = sha256(data).hexdigest()
        key = self._splitter.make_key(name, digest)
        summary = self._cache.find(key)
        self._sources[name] = None
        if summary is None:
            self._missing.append((Task(name, path, len(data)), digest))
        else:
            self._add(Source(name, path, digest, key, summary))

    def split_missing(self) -> None:
        """Split the documents that are not cached, and add them to the cache, several in one transaction."""
        new: list[tuple[bytes, Summary, Sequence[Passage]]] = []
        size = 0
        contents = split_files([task for task, _ in self._missing], self._splitter)
        with closing(contents):
            for (task, digest), content in zip(self._missing, contents, strict=True):
                if isinstance(content, ConfigurationError):
                    self._report(task.name, content)
                    continue
                source = self._make_source(task, digest, content)
                new.append((source.key, source.summary, content.passages))
                size += task.size
                if size > _BATCH_BYTES:
                    self._cache.add(new)
                    new, size = [], 0
        if new:
            self._cache.add(new)

    def finish(self, unused_exclusions: tuple[str, ...]) -> Corpus:
        sources = {name: source for name, source in self._sources.items() if source is not None}
        unreadable = tuple(self._unreadable[name] for name in sorted(self._unreadable))
        if not sources and unreadable:
            none = f"None of the {len(unreadable)} documents can be read. " if len(unreadable) > 1 else ""
            raise ConfigurationError(f"{none}{unreadable[0].reason}", hint=unreadable[0].hint)
        return Corpus(sources, unreadable, unused_exclusions, PassageReader(self._splitter, self._cache))

    def _make_source(self, task: Task, digest: str, content: Content) -> Source:
        if content.digest != digest:
            raise ConfigurationError(
                f"The document {task.name!r} changed while it was read.",
                hint="Run again when no program writes to it.",
            )
        summary = summarize(content.passages, content.problems)
        source = Source(task.name, task.path, digest, self._splitter.make_key(task.name, digest), summary)
        self._add(source)
        return source

    def _add(self, source: Source) -> None:
        """Add a document, and report lines of it that cannot be read."""
        self._sources[source.name] = source
        if source.summary.problems:
            error = ConfigurationError(
                f"The document {source.name!r} has lines that cannot be read. {' '.join(source.summary.problems)}",
                hint="Correct the file, or exclude it.",
            )
            self._report(source.name, error)

    def _report(self, name: str, error: ConfigurationError) -> None:
        if self._strict:
            raise error
        self._unreadable[name] = UnreadableDocument(name, error.message, error.hint or "")
