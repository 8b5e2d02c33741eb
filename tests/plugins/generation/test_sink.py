"""The sink delivers rows to the storage, behind the run."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import replace

import pytest

from budwood.errors import ConfigurationError, ServerError
from budwood.types import Dataset, Row
from budwood_generation.errors import JournalError
from budwood_generation.journal import Header, RowDone, SQLiteJournal, Stage
from budwood_generation.runs.sink import BATCH_ROWS, FIRST_DELAY, MAX_DELAY, Sink

DATASET = Dataset(run="5eed", name="rows", content="value", schema={}, rows=10)


class MemoryStorage:
    """
    Stores rows in memory; `errors` are raised by the next calls of a method.
    """

    def __init__(self):
        self.rows = {}
        self.batches = []
        self.calls = []
        self.threads = set()
        self.errors = {}
        self.finished = None
        self.put_called = threading.Event()
        self.may_put = threading.Event()
        self.may_put.set()

    def _call(self, name):
        self.calls.append(name)
        self.threads.add(threading.get_ident())
        if self.errors.get(name):
            raise self.errors[name].pop(0)

    def begin(self, dataset):
        self._call("begin")

    def put(self, rows):
        self._call("put")
        self.put_called.set()
        self.may_put.wait()
        self.batches.append([row.index for row in rows])
        self.rows |= {row.id: row for row in rows}

    def finish(self, rows):
        self._call("finish")
        self.finished = [row.index for row in rows]
        return len(self.finished)

    def close(self):
        self._call("close")


class Waits:
    """
    Replaces time: a wait returns at once and advances the clock, or waits for the event if it is not a retry.
    """

    def __init__(self):
        self.now = 0.0
        self.delays = []

    def monotonic(self):
        return self.now

    def wait(self, event, seconds):
        self.delays.append(seconds)
        self.now += seconds


def make_row(index):
    """Return a row."""
    return Row(id=f"{index:032x}", index=index, data={"number": index})


@contextlib.contextmanager
def open_journal(folder, *indexes):
    """
    Open a journal, and finish rows in it.
    """
    header = Header(spec={}, root="..", identity={}, models=())
    stage = Stage(first=0, rows=5000, documents={}, passages=(), turns=5000, digest="")
    with contextlib.closing(SQLiteJournal(folder / "journal.sqlite", header, (stage,))) as journal:
        add(journal, *indexes)
        yield journal


def add(journal, *indexes):
    """Finish rows."""
    for future in [journal.commit(RowDone(make_row(index))) for index in indexes]:
        future.result()


def make_sink(storage, journal, **options):
    """Return a sink that reports nothing, and completes rows by nothing."""
    defaults = {"complete": lambda row: row, "patience": 0.0, "report": lambda _: None, "on_finish": lambda: None}
    return Sink(storage, journal, DATASET, **defaults | options)


def deliver(storage, journal, **options):
    """Start a sink, and finish it."""

    async def run():
        async with make_sink(storage, journal, **options) as sink:
            return await sink.finish()

    return asyncio.run(run())


def test_rows_are_put_in_the_order_of_their_commits_and_finished_by_index(tmp_path):
    """
    All calls come from one thread, and the storage is closed.
    """
    storage = MemoryStorage()
    with open_journal(tmp_path, 4, 0, 2) as journal:
        assert deliver(storage, journal) == 3

    assert (storage.batches, storage.finished) == ([[4, 0, 2]], [0, 2, 4])
    assert storage.calls == ["begin", "put", "finish", "close"]
    assert len(storage.threads) == 1
    assert threading.get_ident() not in storage.threads


def test_rows_are_completed_before_they_are_stored(tmp_path):
    """
    Both for `put` and for `finish`.
    """
    storage = MemoryStorage()
    with open_journal(tmp_path, 0) as journal:
        deliver(storage, journal, complete=lambda row: replace(row, index=row.index + 100))

    assert (storage.batches, storage.finished) == ([[100]], [100])


def test_batches_are_bounded(tmp_path):
    """
    At most one batch is in memory.
    """
    storage = MemoryStorage()
    with open_journal(tmp_path, *range(2 * BATCH_ROWS + 1)) as journal:
        deliver(storage, journal)

    assert [len(batch) for batch in storage.batches] == [BATCH_ROWS, BATCH_ROWS, 1]


def test_rows_that_are_finished_during_a_delivery_wait_for_the_next(tmp_path):
    """
    A batch that is not full is followed by a pause, so that a slow storage does not get a batch for every few rows.
    """
    storage, waits, has_all = MemoryStorage(), [], threading.Event()
    put = storage.put

    def put_and_add(rows):
        put(rows)
        add(journal, *[len(storage.rows)] if len(storage.rows) < 5 else [])
        if len(storage.rows) == 5:
            has_all.set()

    async def run():
        async with make_sink(storage, journal, wait=lambda *_: waits.append(len(storage.batches))) as sink:
            await asyncio.to_thread(has_all.wait)
            return await sink.finish()

    storage.put = put_and_add
    with open_journal(tmp_path, 0) as journal:
        assert asyncio.run(run()) == 5

    assert {1, 2, 3, 4} <= set(waits)


def test_a_batch_is_delivered_again_if_it_was_not_recorded(tmp_path):
    """
    After a crash between `put` and the journal, the same rows come again, even if others were finished since.
    """
    with open_journal(tmp_path, 3, 1) as journal:
        interrupted = journal.next_batch(BATCH_ROWS)  # a sink that was killed after `put`
        add(journal, 2)
    storage = MemoryStorage()
    with open_journal(tmp_path) as journal:
        deliver(storage, journal)
        deliver(storage, journal)

    assert [row.index for row in interrupted.rows] == [3, 1]
    assert storage.batches == [[3, 1], [2]]


def test_a_failing_storage_is_tried_again_with_growing_delays(tmp_path):
    """
    The delays double up to a bound, and each failure is reported until the storage works again.
    """
    storage, waits, reports = MemoryStorage(), Waits(), []
    storage.errors["put"] = [ServerError(f"failure {number}") for number in range(8)]
    with open_journal(tmp_path, 0) as journal:
        deliver(storage, journal, patience=900.0, monotonic=waits.monotonic, wait=waits.wait, report=reports.append)

    assert storage.batches == [[0]]
    assert waits.delays[:8] == [FIRST_DELAY, 2.0, 4.0, 8.0, 16.0, 32.0, MAX_DELAY, MAX_DELAY]
    assert reports[0] == f"the storage failed, next attempt in {FIRST_DELAY:.0f} s: failure 0. Retry later."
    assert reports[-1] is None
    assert None not in reports[:-1]


def test_patience_bounds_the_attempts_at_the_end(tmp_path):
    """
    The last error is raised once the storage has failed for so long.
    """
    storage, waits = MemoryStorage(), Waits()
    storage.errors["finish"] = [ServerError(f"failure {number}") for number in range(100)]
    with open_journal(tmp_path, 0) as journal, pytest.raises(ServerError, match="failure 4"):
        deliver(storage, journal, patience=10.0, monotonic=waits.monotonic, wait=waits.wait)

    assert waits.now >= 10.0
    assert storage.calls[-1] == "close"


def test_wrong_settings_are_not_tried_again_at_the_end(tmp_path):
    """
    Time does not change them.
    """
    storage, waits = MemoryStorage(), Waits()
    storage.errors["finish"] = [ConfigurationError("wrong password")]
    with open_journal(tmp_path, 0) as journal, pytest.raises(ConfigurationError, match="wrong password"):
        deliver(storage, journal, patience=900.0, monotonic=waits.monotonic, wait=waits.wait)

    assert storage.calls.count("finish") == 1


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ConfigurationError("another run")])
def test_a_storage_that_cannot_begin_stops_the_run_at_once(tmp_path, error):
    """
    Nothing has been paid.
    """
    storage = MemoryStorage()
    storage.errors["begin"] = [error]
    with open_journal(tmp_path, 0) as journal, pytest.raises(type(error), match=r"No space|another run"):
        deliver(storage, journal)

    assert storage.calls == ["begin", "close"]


def test_a_failure_in_the_middle_of_a_run_does_not_end_it(tmp_path):
    """
    The rows are delivered with the next attempt, even if the patience is over.
    """
    storage = MemoryStorage()
    storage.errors["put"] = [OSError(28, "No space left")] * 3

    async def run(journal):
        failed = asyncio.Event()
        loop = asyncio.get_running_loop()
        sink = make_sink(
            storage, journal, wait=lambda event, _: event.wait(), report=lambda _: loop.call_soon_threadsafe(failed.set)
        )
        async with sink:
            await failed.wait()
            del storage.errors["put"]
            return await sink.finish()

    with open_journal(tmp_path, 0) as journal:
        assert asyncio.run(run(journal)) == 1

    assert storage.batches == [[0]]


def test_a_stalled_storage_blocks_neither_the_run_nor_the_journal(tmp_path):
    """
    Rows are committed while `put` hangs, and delivered in the next batch.
    """
    storage = MemoryStorage()
    storage.may_put.clear()

    async def run(journal):
        async with make_sink(storage, journal) as sink:
            await asyncio.to_thread(storage.put_called.wait)
            await asyncio.wrap_future(journal.commit(RowDone(make_row(1)), RowDone(make_row(2))))
            finished = len(journal.finished())
            storage.may_put.set()
            return finished, await sink.finish()

    with open_journal(tmp_path, 0) as journal:
        assert asyncio.run(run(journal)) == (3, 3)

    assert storage.batches == [[0], [1, 2]]


def test_an_interrupted_run_does_not_finish_the_output(tmp_path):
    """
    The batch that is under way is recorded, and the storage is closed.
    """
    storage = MemoryStorage()

    async def run(journal):
        async with make_sink(storage, journal):
            await asyncio.to_thread(storage.put_called.wait)
            raise KeyboardInterrupt

    with open_journal(tmp_path, 0) as journal:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(run(journal))
        assert journal.next_batch(BATCH_ROWS) is None

    assert storage.calls == ["begin", "put", "close"]


def test_a_failing_journal_ends_the_delivery(tmp_path):
    """
    Its error is raised, and not tried again.
    """
    storage = MemoryStorage()
    with open_journal(tmp_path, 0) as journal:

        def fail(_limit):
            raise JournalError("damaged")

        journal.next_batch = fail
        with pytest.raises(JournalError, match="damaged"):
            deliver(storage, journal, patience=900.0)

    assert storage.calls == ["begin", "close"]
