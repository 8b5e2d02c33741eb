from __future__ import annotations

import errno
import threading
import time
from queue import SimpleQueue

import pytest

from budwood.errors import ConfigurationError
from budwood_usage import writer as module
from budwood_usage.rows import Ended
from budwood_usage.writer import BATCH, EXIT_SECONDS, Writer

FULL = OSError(errno.ENOSPC, "no space left")


class Rows:
    """
    Keeps rows in memory.

    Attributes:
        batches: The numbers of rows of each write.
        errors: Raised by the next writes, one each.
        gate: Writes wait for it.
    """

    is_remote = False

    def __init__(self):
        self.rows = []
        self.batches = []
        self.threads = []
        self.dropped = 0
        self.errors = []
        self.failed = threading.Semaphore(0)
        self.written = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.closed = 0

    def write(self, rows, dropped, seconds):
        self.gate.wait()
        if self.errors:
            error = self.errors.pop(0)
            self.failed.release()
            raise error
        self.rows += [row[1] for row in rows]
        self.dropped += dropped
        self.batches.append(len(rows))
        self.threads.append(threading.current_thread())
        self.written.release()

    def close(self):
        self.closed += 1


@pytest.fixture
def rows():
    """
    Where rows are written.
    """
    return Rows()


@pytest.fixture
def writer(rows, logged, monkeypatch):
    """
    A writer of a program that has warned of nothing. It is closed after the test.
    """
    monkeypatch.setattr(module, "_warnings", set())
    writer = Writer(rows, lambda event, **fields: logged.append((event, fields)))
    yield writer
    rows.errors.clear()
    rows.gate.set()
    writer.close()


@pytest.fixture
def slow(monkeypatch):
    """
    Let the thread wait for a whole batch, however long it takes.
    """
    monkeypatch.setattr(module, "FLUSH_SECONDS", 1e6)


@pytest.fixture
def fast(monkeypatch):
    """
    Let the thread write at once, also after failures.
    """
    monkeypatch.setattr(module, "FLUSH_SECONDS", 1e-6)


def ended(number):
    """
    Return a call that has ended.
    """
    return Ended(1.0, str(number), "chat", "acme", "large", None, None, 1.0, None, None, ())


def add(writer, *numbers):
    """
    Add calls.
    """
    for number in numbers:
        writer.add(ended(number))


def test_records_are_written_after_a_second(writer, rows):
    """
    One record is written by the thread, without anything else happening.
    """
    start = time.monotonic()
    add(writer, 1)
    rows.written.acquire()

    assert rows.rows == ["1"]
    assert time.monotonic() - start >= module.FLUSH_SECONDS
    assert rows.threads != [threading.current_thread()]


def test_batch_is_written_at_once(slow, writer, rows):
    """
    500 records are written without waiting; the rest waits for the next batch, or the end.
    """
    add(writer, *range(BATCH))
    rows.written.acquire()
    add(writer, "last")

    assert rows.batches == [BATCH]
    writer.close()
    assert rows.rows == [*map(str, range(BATCH)), "last"]
    assert rows.closed == 1


def test_batches_have_at_most_500_records(slow, writer, rows):
    """
    More records are written in several transactions.
    """
    rows.gate.clear()
    add(writer, *range(BATCH * 2 + 7))
    rows.gate.set()
    writer.flush()

    assert sum(rows.batches) == BATCH * 2 + 7
    assert max(rows.batches) == BATCH


def test_close_writes_in_its_own_thread(slow, writer, rows):
    """
    What has been collected is written before `close` returns, and a second `close` writes nothing.
    """
    add(writer, 1, 2)
    writer.close()
    writer.close()

    assert rows.rows == ["1", "2"]
    assert rows.threads == [threading.current_thread()]


def test_records_after_the_end_are_written(fast, writer, rows):
    """
    A record of an abandoned call that arrives after `close` starts another thread.
    """
    writer.close()
    add(writer, "late")
    rows.written.acquire()

    assert rows.rows == ["late"]


def test_thread_ends_when_it_is_idle(fast, writer, rows, monkeypatch):
    """
    A client that is never closed leaves no thread behind, and a later record starts one.
    """
    monkeypatch.setattr(module, "IDLE_SECONDS", 1e-6)
    for number in range(3):
        add(writer, number)
        rows.written.acquire()
        while any(thread.name == "budwood-usage" for thread in threading.enumerate()):
            time.sleep(0)

    assert rows.rows == ["0", "1", "2"]
    assert len(set(rows.threads)) == 3


def test_thread_may_end_before_it_is_known_to_have_started(fast, writer, rows, monkeypatch):
    """
    The next record starts another one.
    """
    start = threading.Thread.start

    def run_to_its_end(thread):
        start(thread)
        thread.join()

    monkeypatch.setattr(module, "IDLE_SECONDS", 1e-6)
    monkeypatch.setattr(threading.Thread, "start", run_to_its_end)
    add(writer, 1)
    add(writer, 2)

    assert rows.rows == ["1", "2"]


def test_record_wakes_a_thread_that_is_idle(fast, writer, rows, monkeypatch):
    """
    A thread that waits for records writes the next one.
    """
    monkeypatch.setattr(module, "IDLE_SECONDS", 1e6)
    for number in range(3):
        add(writer, number)
        rows.written.acquire()
        while not writer._is_idle:
            time.sleep(0)

    assert rows.rows == ["0", "1", "2"]
    assert len(set(rows.threads)) == 1


def test_record_that_arrives_while_the_thread_ends_is_written(fast, writer, rows):
    """
    A thread that ends looks once more whether a record has arrived.
    """
    wake = writer._wake = SimpleQueue()
    add(writer, 1)
    writer._retire(wake)
    rows.written.acquire()

    assert rows.rows == ["1"]


def test_record_is_written_if_a_thread_ends_while_another_one_is_started(fast, writer, rows):
    """
    The thread that ends cannot start the next one meanwhile. Who holds the lock looks once more after its release.
    """
    ending, lock = SimpleQueue(), writer._starting

    class Interleaved:
        is_first = True

        def acquire(self, *, blocking):
            if self.is_first:
                writer._wake = ending  # another thread has started one in between
            return lock.acquire(blocking=blocking)

        def release(self):
            if self.is_first:
                self.is_first = False
                writer._retire(ending)
            lock.release()

    writer._starting = Interleaved()
    add(writer, 1)

    assert rows.written.acquire(timeout=60)


def test_no_record_is_lost_among_threads(fast, writer, rows, monkeypatch):
    """
    Records of several threads, which switch often, are all written without anything else happening.
    """
    monkeypatch.setattr(module, "IDLE_SECONDS", 1e-6)
    names = [f"{thread}-{number}" for thread in range(8) for number in range(300)]
    threads = [threading.Thread(target=add, args=(writer, *names[start::8])) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while len(rows.rows) < len(names):
        rows.written.acquire()

    assert sorted(rows.rows) == sorted(names)


def test_failing_store_is_logged_once_and_when_it_works_again(fast, writer, rows, logged):
    """
    Whatever it raises, records are kept and written later, in order, each once.
    """
    rows.errors = [FULL, RuntimeError("row 1"), FULL]
    add(writer, 1, 2)
    for _ in range(3):
        rows.failed.acquire()
    add(writer, 3)
    writer.close()

    assert rows.rows == ["1", "2", "3"]
    assert [event for event, _ in logged] == ["usage store failed", "usage store works again"]
    assert (logged[0][1]["error"], logged[0][1]["level"]) == ("OSError", "warning")
    assert "no space left" in logged[0][1]["reason"]


def test_reason_of_an_unexpected_error_is_not_logged(writer, rows, logged):
    """
    Its text could have values of rows.
    """
    rows.errors = [RuntimeError("secret label")]
    add(writer, 1)
    writer.flush()

    assert "secret" not in str(logged)
    assert logged[0][1]["error"] == "RuntimeError"


def test_dropped_records_are_counted(slow, writer, rows, logged, monkeypatch):
    """
    When too many wait, further ones are dropped; the log says so once, and the store gets the number when it works.
    """
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    rows.errors = [FULL, FULL]
    add(writer, *range(13))
    assert writer.dropped == 3
    writer.flush()
    add(writer, *range(2))
    writer.flush()
    assert writer.dropped == 5
    writer.flush()

    assert (len(rows.rows), rows.dropped, writer.dropped) == (10, 5, 0)
    assert [event for event, _ in logged] == ["usage store failed", "usage records dropped", "usage store works again"]
    assert logged[-1][1]["dropped"] == 5


def test_store_that_can_never_be_written_is_left_alone(writer, rows, logged):
    """
    There is one warning with the cure, and nothing is collected any more.
    """
    rows.errors = [ConfigurationError("newer version", hint="Update.")]
    add(writer, 1)
    writer.flush()
    add(writer, 2)
    writer.flush()

    assert (rows.rows, writer.dropped) == ([], 0)
    [(event, fields)] = logged
    assert event == "usage is not recorded"
    assert "newer version" in fields["reason"]
    assert "Update." in fields["reason"]


def test_end_waits_for_the_thread_that_writes(slow, writer, rows, monkeypatch):
    """
    While another thread writes, `close` waits for it, but not for ever.
    """
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.01)
    rows.gate.clear()
    add(writer, *range(BATCH))
    while not writer._writing.locked():
        time.sleep(0)

    writer.close()

    assert (rows.rows, rows.closed) == ([], 0)
    rows.gate.set()
    rows.written.acquire()
    assert len(rows.rows) == BATCH


def test_end_logs_how_many_records_are_not_written(slow, writer, rows, logged):
    """
    They are lost if the program ends before the store works again.
    """
    rows.errors = [FULL]
    add(writer, *range(3))
    writer.close()
    add(writer, 3)
    writer.close()

    assert [event for event, _ in logged] == [
        "usage store failed",
        "usage records not written",
        "usage store works again",
    ]
    assert (logged[1][1]["waiting"], logged[1][1]["level"]) == (3, "warning")
    assert rows.rows == ["0", "1", "2", "3"]


def test_end_stops_between_batches(slow, writer, rows, monkeypatch):
    """
    The time for the last records is bounded for all batches together.
    """
    add(writer, *range(3))
    moments = iter([0.0, 1.0, 3.0])
    monkeypatch.setattr(module, "BATCH", 1)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(moments))

    writer.flush(EXIT_SECONDS)

    monkeypatch.undo()
    assert rows.rows == ["0"]
