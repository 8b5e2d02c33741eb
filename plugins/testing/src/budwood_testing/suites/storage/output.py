"""Tests of the finished output: one step, the same bytes, pages, memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from budwood.contracts import Storage
from budwood.types import Row
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.storage.data import (
    FLAT,
    TEXT_CHARS,
    is_path,
    list_neighbours,
    make_dataset,
    make_large_rows,
    make_rows,
    read_files,
    store,
)
from budwood_testing.suites.storage.under_test import StorageUnderTest

_MANY: Final = 6000
"""The number of large rows; together more than a storage may keep in memory."""
_BATCH: Final = 500


class _Crash(Exception):  # noqa: N818 - stands for any exception of a program
    """An exception that the iterator of rows raises."""


class OutputTests(StorageUnderTest):
    """Tests `finish` and `load`."""

    def test_finish_makes_the_output_equal_to_its_rows(self, storage: Storage, address: str) -> None:
        """Rows that were lost or have changed since `put` are stored by `finish`; rows that it does not get go."""
        rows = make_rows(FLAT)
        outdated = replace(rows[1], data={"question": "old", "answer": "old"})
        storage.begin(make_dataset(rows))
        storage.put([outdated, rows[3], rows[0]])

        assert storage.finish(iter(rows[:3])) == 3
        assert self.read_back(address) == list(FLAT[:3])

    def test_rows_are_read_once_in_order(self, storage: Storage, address: str) -> None:
        """`finish` accepts a generator, and reads it once from start to end."""
        rows = make_rows(FLAT)
        consumed: list[int] = []

        def read_rows() -> Iterator[Row]:
            for row in rows:
                consumed.append(row.index)
                yield row

        storage.begin(make_dataset(rows))
        storage.put(rows)

        assert storage.finish(read_rows()) == len(rows)
        assert consumed == list(range(len(rows)))
        assert self.read_back(address) == list(FLAT)

    def test_same_rows_give_the_same_bytes(self, storage: Storage, address: str) -> None:
        """A file depends only on the rows: not on time, random numbers, the id of the run or the batches."""
        if not is_path(address) or not self.replaces:
            pytest.skip("the output is not a file that `finish` replaces")
        rows = make_rows(FLAT)
        store(storage, rows)
        first = read_files(address)
        for batch in (rows[2:], rows[:2]):
            storage.put(batch)
        storage.finish(iter(rows))

        assert read_files(address) == first

    def test_load_reads_pages(self, storage: Storage, build: Build) -> None:
        """After `begin`, `load` returns the rows after an index in order, at most as many as the limit."""
        rows = [Row(id=f"{index:032x}", index=index, data={"text": f"row {index}"}) for index in (0, 2, 3, 7, 8)]
        store(storage, rows)
        later: Storage = build().implementation
        later.begin(make_dataset(rows))
        pages = [later.load(-1, 2)]
        while pages[-1] and len(pages) < len(rows):
            pages.append(later.load(pages[-1][-1].index, 2))
        loaded = [row for page in pages for row in page]

        assert [row.data for row in loaded] == [row.data for row in rows]
        assert [len(page) for page in pages] == [2, 2, 1, 0]
        assert all(one.index < next_one.index for one, next_one in pairwise(loaded))
        assert [row.data for row in later.load(-1, 100)] == [row.data for row in rows]

    def test_rows_are_stored_incrementally(self, storage: Storage) -> None:
        """The storage may collect batches in memory, but not the complete dataset."""
        if not self.streams:
            pytest.skip(f"{self.plugin} does not set `streams`")
        storage.begin(make_dataset(list(make_large_rows(0, 1))))
        tracemalloc.start()
        try:
            for start in range(0, _MANY, _BATCH):
                storage.put(list(make_large_rows(start, start + _BATCH)))
            count = storage.finish(make_large_rows(0, _MANY))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        total = _MANY * TEXT_CHARS

        assert count == _MANY
        assert peak < total / 2, (
            f"storing {total:,} bytes used {peak:,} bytes of memory: write rows as they arrive, or set streams = False"
        )

    def test_old_output_stays_until_the_new_one_is_complete(self, storage: Storage, address: str) -> None:
        """Readers see the old output until the new one is complete."""
        self._require_replacing()
        old, new = make_rows(FLAT), make_rows(FLAT[:2] * 500)
        store(storage, old)
        seen: list[list[dict[str, Any]]] = []

        def read_rows() -> Iterator[Row]:
            for row in new:
                if row.index in (0, 1, 999):
                    seen.append(self.read_back(address))
                yield row

        storage.put(new)
        assert self.read_back(address) == list(FLAT)
        storage.finish(read_rows())

        assert seen == [list(FLAT)] * 3
        assert self.read_back(address) == [row.data for row in new]

    def test_exception_leaves_the_old_output(self, storage: Storage, address: str) -> None:
        """An exception of the rows' iterator propagates; output and folder are as before."""
        self._require_replacing()
        store(storage, make_rows(FLAT))
        before = list_neighbours(address) if is_path(address) else set()
        with pytest.raises(_Crash):
            storage.finish(_crashing())

        assert self.read_back(address) == list(FLAT)
        after = list_neighbours(address) if is_path(address) else set()
        assert after == before, "an incomplete file is left in the folder: remove it when `finish` fails"

    def test_exception_during_the_first_finish_leaves_nothing(self, storage: Storage, address: str) -> None:
        """If the first `finish` fails, there is no output."""
        self._require_replacing()
        if not is_path(address):
            pytest.skip("the output is not a file")
        rows = make_rows(FLAT)
        storage.begin(make_dataset(rows))
        storage.put(rows)
        before = list_neighbours(address)
        with pytest.raises(_Crash):
            storage.finish(_crashing())

        assert not Path(address).exists()
        assert list_neighbours(address) == before, "an incomplete file is left: remove it when `finish` fails"

    def _require_replacing(self) -> None:
        if not self.replaces:
            pytest.skip(f"{self.plugin} does not set `replaces`")


def _crashing() -> Iterator[Row]:
    """Yield more data than fits into any buffer, then raise."""
    yield from make_rows([{"question": "x" * 1000, "answer": "y"}] * 500)
    raise _Crash
