"""Documents whose passages are read when they are asked for."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
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

    def split(self, name: str, data: bytes) -> tuple[Summary, Sequence[Passage]]:
        """
        Parse and split the bytes of a document.

        Raises:
            ConfigurationError: They are not valid in the format of the document.
        """
        document = parse_document(name, data)
        passages = split_document(document.parts, target_chars=self.passage_chars, code=self.code)
        return summarize(passages, document.problems), passages


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
        data = load_document(source.path, source.name)
        if sha256(data).hexdigest() != source.digest:
            raise ConfigurationError(
                f"The document {source.name!r} has changed since the run started.",
                hint="Restore it, or start another run.",
            )
        summary, passages = self._splitter.split(source.name, data)
        self._cache.add([(source.key, summary, passages)])
        end = next((end for end in summary.starts if end > start), len(passages))
        return Block(start, passages[start:end])
