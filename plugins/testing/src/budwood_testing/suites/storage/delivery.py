"""Tests of the delivery of rows: batches, repetitions, crashes, several writers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from budwood.contracts import Storage
from budwood.errors import BudwoodError
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import check_error
from budwood_testing.suites.storage.data import FLAT, OTHER_RUN, make_dataset, make_rows, store
from budwood_testing.suites.storage.under_test import StorageUnderTest


class DeliveryTests(StorageUnderTest):
    """Tests `begin` and `put`, and what `finish` makes of the batches."""

    def test_a_batch_can_be_put_again(self, storage: Storage, address: str) -> None:
        """The same batch, and batches that overlap, store each row once."""
        rows = make_rows(FLAT)
        storage.begin(make_dataset(rows))
        for batch in (rows[:2], rows[:2], rows[1:4], rows[1:3], []):
            storage.put(batch)

        assert storage.finish(iter(rows)) == len(rows)
        assert self.read_back(address) == list(FLAT)

    def test_a_row_with_the_id_of_a_stored_one_replaces_it(self, storage: Storage, address: str) -> None:
        """Of two rows with the same id, the later one counts, also within a batch."""
        rows = make_rows(FLAT[:2])
        drafts = [replace(row, data={"question": "draft", "answer": "draft"}) for row in rows]
        storage.begin(make_dataset(rows))
        storage.put(drafts)
        storage.put([rows[1], drafts[0], rows[0]])

        assert storage.finish(iter(rows)) == len(rows)
        assert self.read_back(address) == [row.data for row in rows]

    def test_delivery_continues_after_a_crash(self, storage: Storage, build: Build, address: str) -> None:
        """If the program ended after `put`, a new one delivers the same batch again and continues."""
        rows = make_rows(FLAT)
        storage.begin(make_dataset(rows))
        storage.put([rows[3], rows[1]])

        later: Storage = build().implementation
        later.begin(make_dataset(rows))
        later.put([rows[3], rows[1]])
        later.put([rows[0], rows[2]])

        assert later.finish(iter(rows)) == len(rows)
        assert self.read_back(address) == list(FLAT)

    def test_finish_can_follow_more_rows(self, storage: Storage, build: Build, address: str) -> None:
        """A run that was resumed or extended delivers further rows, and finishes again."""
        rows = make_rows(FLAT)
        storage.begin(make_dataset(rows))
        storage.put([rows[2]])
        assert storage.finish(iter([rows[2]])) == 1
        assert storage.finish(iter([rows[2]])) == 1
        storage.close()

        later: Storage = build().implementation
        later.begin(make_dataset(rows))
        later.put([rows[3], rows[0], rows[1]])

        assert later.finish(iter(rows)) == len(rows)
        assert self.read_back(address) == list(FLAT)

    def test_writers_share_an_output(self, storage: Storage, build: Build, address: str) -> None:
        """Two processes of a run deliver different rows; one of them finishes."""
        rows = make_rows(FLAT)
        other: Storage = build().implementation
        storage.begin(make_dataset(rows))
        other.begin(make_dataset(rows, writer="1"))
        storage.put([rows[0]])
        other.put([rows[1], rows[3]])
        storage.put([rows[2]])

        assert storage.finish(iter(rows)) == len(rows)
        assert self.read_back(address) == list(FLAT)

    def test_output_of_another_run_is_refused(self, storage: Storage, build: Build, address: str) -> None:
        """`begin` raises a BudwoodError if the output has the rows of another run, and does not change them."""
        if not self.identifies:
            pytest.skip(f"{self.plugin} does not set `identifies`")
        rows = make_rows(FLAT)
        store(storage, rows)

        with pytest.raises(BudwoodError) as raised:
            build().implementation.begin(make_dataset(rows, run=OTHER_RUN))

        check_error(raised.value)
        assert self.read_back(address) == list(FLAT)
