"""The documents of a specification: found and read once, and cached by their content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from budwood.errors import ConfigurationError
from budwood_generation.documents.cache import PassageCache, Summary
from budwood_generation.documents.files import find_files, make_document_name
from budwood_generation.documents.index import DocumentIndex
from budwood_generation.documents.passages import Passage
from budwood_generation.documents.reader import load_document
from budwood_generation.documents.records import UnreadableDocument
from budwood_generation.documents.sources import PassageReader, Source, Splitter

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
        reader: Reads their passages.
    """

    sources: Mapping[str, Source]
    unreadable: tuple[UnreadableDocument, ...]
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
                    hint="Restore it, or start another run. A run can be continued with more documents only.",
                )
        names = dict.fromkeys([*(earlier or {}), *self.sources])
        return DocumentIndex((self.sources[name] for name in names), self.reader)


def open_user_cache() -> PassageCache:
    """Return the cache of the user. Its file is created on first use."""
    return PassageCache(user_cache_path("budwood") / "documents" / _FILE_NAME)


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
    reading = _Reading(splitter or Splitter(), cache or open_user_cache())
    for path, folder in find_files(patterns, root, exclude=exclude):
        name = make_document_name(path, folder)
        try:
            reading.read(name, path)
            reading.check_problems(name)
        except ConfigurationError as error:
            if strict:
                raise
            reading.unreadable.append(UnreadableDocument(name, error.message, error.hint or ""))
    return reading.finish()


class _Reading:
    def __init__(self, splitter: Splitter, cache: PassageCache) -> None:
        self.unreadable: list[UnreadableDocument] = []
        self._sources: dict[str, Source] = {}
        self._splitter = splitter
        self._cache = cache
        self._new: list[tuple[bytes, Summary, Sequence[Passage]]] = []
        self._new_bytes = 0

    def read(self, name: str, path: Path) -> None:
        data = load_document(path, name)
        digest = sha256(data).hexdigest()
        key = self._splitter.make_key(name, digest)
        summary = self._cache.find(key)
        if summary is None:
            summary, passages = self._splitter.split(name, data)
            self._new.append((key, summary, passages))
            self._new_bytes += len(data)
            if self._new_bytes > _BATCH_BYTES:
                self._save()
        self._sources[name] = Source(name, path, digest, key, summary)

    def check_problems(self, name: str) -> None:
        """Report lines that cannot be read; the others are used."""
        problems = self._sources[name].summary.problems
        if problems:
            raise ConfigurationError(
                f"The document {name!r} has lines that cannot be read. {' '.join(problems)}",
                hint="Correct the file, or exclude it.",
            )

    def finish(self) -> Corpus:
        self._save()
        if not self._sources and self.unreadable:
            first = self.unreadable[0]
            raise ConfigurationError(
                f"None of the {len(self.unreadable)} documents can be read. {first.reason}", hint=first.hint
            )
        return Corpus(self._sources, tuple(self.unreadable), PassageReader(self._splitter, self._cache))

    def _save(self) -> None:
        if self._new:
            self._cache.add(self._new)
        self._new, self._new_bytes = [], 0
