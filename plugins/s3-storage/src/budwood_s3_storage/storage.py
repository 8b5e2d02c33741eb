"""Datasets as parts and a manifest in an object store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from budwood.contracts import PluginContext
from budwood.errors import BudwoodError, ConfigurationError
from budwood.types import Dataset, Row
from budwood_s3_storage.errors import ConditionalPutUnsupportedError, S3StorageError
from budwood_s3_storage.manifest import MANIFEST, PARTS, Manifest, decode_manifest, start_manifest
from budwood_s3_storage.reading import read_rows
from budwood_s3_storage.settings import S3StorageSettings
from budwood_s3_storage.store import ObjectStore
from budwood_s3_storage.writing import PartWriter

_OTHER_OUTPUT: Final = "Use another output, or delete the objects if you no longer need them."


class S3Storage:
    """
    Stores each batch as a compressed object, and makes the rows visible by a manifest, which is written last.

    See `budwood.contracts.Storage`. The README describes the objects.
    """

    def __init__(self, settings: S3StorageSettings, context: PluginContext) -> None:
        self._store = ObjectStore(settings)
        self._log = context.log
        self._started: PartWriter | None = None
        self._pages: Iterator[Row] = iter(())
        self._loaded = -1

    def begin(self, dataset: Dataset) -> None:
        """
        Claim the prefix for the run by creating the manifest, or continue with the parts of the run.

        Raises:
            ConfigurationError: The prefix has objects of another run or another program, or cannot be used.
            S3StorageError: The server cannot be reached, or failed.
        """
        self._end_pages()
        manifest = self._read_manifest(dataset)
        exclusive = self._claim(dataset) if manifest is None else manifest.is_exclusive
        known = self._started.parts if self._started and self._started.dataset.run == dataset.run else {}
        self._started = PartWriter(self._store, dataset, known, exclusive=exclusive)

    def put(self, rows: Sequence[Row]) -> None:
        """
        Store a batch as one object, or as several if it is large.

        Raises:
            ConfigurationError: An object with the name of the part has other content, or the output cannot be used.
            S3StorageError: The server cannot be reached, or failed.
        """
        self._writer.put(rows)

    def finish(self, rows: Iterable[Row]) -> int:
        """
        Replace the manifest by one that lists the parts of these rows, in one request.

        Rows that no part has are stored. A part in which some rows are outdated is stored again without them.

        Raises:
            ConfigurationError: The manifest was replaced by another run, or the output cannot be used.
            S3StorageError: The server cannot be reached, or failed.
        """
        self._end_pages()
        writer = self._writer
        empty = start_manifest(writer.dataset, exclusive=writer.exclusive)
        count, parts = writer.select(rows, self._read_manifest(writer.dataset) or empty)
        self._read_manifest(writer.dataset)  # once more: reading the rows may have taken long
        finished = empty.model_copy(update={"finished": True, "rows": count, "parts": parts})
        self._store.put(MANIFEST, finished.encode())
        return count

    def load(self, after: int, limit: int) -> list[Row]:
        """
        Read rows. The parts are read once if each page follows the last one.

        Raises:
            ConfigurationError: The dataset is not finished, or a part is missing or damaged.
            S3StorageError: The server cannot be reached, or failed.
        """
        if after != self._loaded or after < 0:
            self._end_pages()
            self._pages = read_rows(self._store, self._read_finished(), after)
        rows = list(islice(self._pages, limit))
        self._loaded = rows[-1].index if rows else after
        return rows

    def close(self) -> None:
        """Close the connections, and the files that `load` reads."""
        self._end_pages()
        self._store.close()

    @property
    def _writer(self) -> PartWriter:
        if self._started is None:
            raise BudwoodError("The storage was not started.", hint="Call begin() first.")
        return self._started

    def _end_pages(self) -> None:
        close = getattr(self._pages, "close", None)
        if close is not None:
            close()
        self._pages = iter(())
        self._loaded = -1

    def _read_manifest(self, dataset: Dataset) -> Manifest | None:
        """Read the manifest of this run; None if there is none."""
        body = self._store.get(MANIFEST)
        if body is None:
            self._refuse_other_parts(dataset)
            return None
        manifest = decode_manifest(body)
        if manifest is None:
            raise ConfigurationError(
                f"{self._store.url(MANIFEST)} exists, and Budwood did not write it.", hint=_OTHER_OUTPUT
            )
        if manifest.run != dataset.run:
            raise ConfigurationError(f"{self._store.url()} has the dataset of another run.", hint=_OTHER_OUTPUT)
        return manifest

    def _refuse_other_parts(self, dataset: Dataset) -> None:
        for key in self._store.list_keys(PARTS):
            if not key.startswith(f"{PARTS}{dataset.run}."):
                raise ConfigurationError(
                    f"{self._store.url(PARTS)} has objects of another run, without a manifest.", hint=_OTHER_OUTPUT
                )

    def _read_finished(self) -> Manifest:
        body = self._store.get(MANIFEST)
        manifest = None if body is None else decode_manifest(body)
        if manifest is None or not manifest.finished:
            raise ConfigurationError(
                f"{self._store.url()} has no finished dataset.", hint="Finish the run: budwood runs resume RUN."
            )
        return manifest

    def _claim(self, dataset: Dataset) -> bool:
        """
        Create the manifest, and find out whether the server can create an object only if it does not exist.

        A server may reject the condition, or ignore it: then the second request succeeds as well.
        """
        body = start_manifest(dataset, exclusive=True).encode()
        try:
            created = self._store.create(MANIFEST, body)
            if not created:
                return self._join(dataset)
            if not self._store.create(MANIFEST, body):
                return True
        except ConditionalPutUnsupportedError:
            pass
        self._log("storage without conditional put", output=self._store.url(), guard="the lock of the run's folder")
        self._store.put(MANIFEST, start_manifest(dataset, exclusive=False).encode())
        return False

    def _join(self, dataset: Dataset) -> bool:
        """Continue with a manifest that exists now: ours if the reply was lost, or that of another process."""
        manifest = self._read_manifest(dataset)
        if manifest is None:
            raise S3StorageError(f"{self._store.url(MANIFEST)} was deleted meanwhile.", hint="Resume the run.")
        return manifest.is_exclusive
