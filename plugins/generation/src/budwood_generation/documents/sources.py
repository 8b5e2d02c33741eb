"""Documents whose passages are read when they are asked for."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from budwood.errors import ConfigurationError
from budwood_generation.documents.cache import Block, PassageCache, Summary, make_key, summarize
from budwood_generation.documents.formats import detect_kind, parser_version
from budwood_generation.documents.passages import CodeOption, Passage, split_document
from budwood_generation.documents.reader import load_document, parse_document

_LOADED_BLOCKS: Final = 128
"""Blocks of passages that are kept in memory: two million characters."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    A document that was read.

    Attributes:
        name: The name of the document.
        path: The file.
        digest: The SHA-256 of its bytes.
        key: The key of its passages in the cache.
        summary: The lengths of its passages.
    """

    name: str
    path: Path
    digest: str
    key: bytes
    summary: Summary


@dataclass(frozen=True, slots=True)
class Content:
    """
    The passages of a document.

    Attributes:
        digest: The SHA-256 of the bytes of the document.
        passages: The passages.
        problems: What could not be read of the document.
    """

    digest: str
    passages: Sequence[Passage]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Splitter:
    """
    Splits documents into passages.

    Attributes:
        passage_chars: Approximate length of a passage.
        code: Whether code and tables are part of passages.
    """

    passage_chars: int = 1200
    code: CodeOption = "keep"

    def make_key(self, name: str, digest: str) -> bytes:
        """Return the key of the passages of a document; ``digest`` is the SHA-256 of its bytes."""
        kind = detect_kind(name)
        return make_key(digest, kind, parser_version(kind), self.passage_chars, self.code)

    def read(self, name: str, path: Path) -> Content:
        """
        Read, parse and split a document.

        Raises:
            ConfigurationError: It cannot be read, or is not valid in its format.
        """
        document = parse_document(name, load_document(path, name))
        passages = split_document(document.parts, target_chars=self.passage_chars, code=self.code)
        return Content(document.digest, passages, document.problems)


class PassageReader:
    """
    Reads passages of documents from the cache, and keeps the last ones in memory. Thread-safe.

    Args:
        splitter: Splits documents that are not cached.
        cache: The cache.
    """

    def __init__(self, splitter: Splitter, cache: PassageCache) -> None:
        self._splitter = splitter
        self._cache = cache
        self._loaded: OrderedDict[tuple[bytes, int], Block] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, source: Source, position: int) -> Passage:
        """
        Return a passage of a document by its number in the document.

        Raises:
            ConfigurationError: It is not in the cache any more, and the document has changed.
        """
        starts = source.summary.starts
        start = starts[bisect_right(starts, position) - 1]
        with self._lock:
            block = self._loaded.get((source.key, start))
            if block is not None:
                self._loaded.move_to_end((source.key, start))
        if block is None:
            block = self._cache.load(source.key, start) or self._read_document(source, start)
            self._keep((source.key, start), block)
        return block.passages[position - start]

    def _keep(self, key: tuple[bytes, int], block: Block) -> None:
        with self._lock:
            self._loaded[key] = block
            while len(self._loaded) > _LOADED_BLOCKS:
                self._loaded.popitem(last=False)

    def _read_document(self, source: Source, start: int) -> Block:
        """Read a document again whose passages another process removed from the cache."""
        content = self._splitter.read(source.name, source.path)
        if content.digest != source.digest:
            raise ConfigurationError(
                f"The document {source.name!r} has changed since the run started.",
                hint="Restore the file, or start another run.",
            )
        summary = summarize(content.passages, content.problems)
        self._cache.add([(source.key, summary, content.passages)])
        end = next((end for end in summary.starts if end > start), len(content.passages))
        return Block(start, content.passages[start:end])
