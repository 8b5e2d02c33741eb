from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from budwood.types import CallFilter

EVERYTHING = CallFilter()
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def ask_together(start, address, *, processes, threads, calls):
    """
    Ask in several processes at once, and return the sums of their ledgers: calls, tokens of output, and cost.
    """
    running = [start("ask", address, f"process{number}", threads, calls) for number in range(processes)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    sums = [process.stdout.readline().split() for process in running]
    assert [process.wait() for process in running] == [0] * processes
    return tuple(sum(map(Decimal, column)) for column in zip(*sums, strict=True))


def sums_of(observer, where=EVERYTHING):
    """
    Return the same sums of the store.
    """
    [totals] = observer.totals((), where)
    return totals.calls, totals.output_tokens, totals.cost


@pytest.mark.parametrize(
    ("threads", "calls"),
    [(2, 40), pytest.param(5, 2500, marks=pytest.mark.deep)],
)
def test_totals_equal_the_sums_of_the_ledger(start, observer, path, threads, calls):
    """
    After calls of eight processes with threads, which create the store together, no call and no digit is missing.
    """
    expected = ask_together(start, path, processes=8, threads=threads, calls=calls)

    assert expected[0] == 8 * threads * calls
    assert sums_of(observer) == expected
    assert observer.dropped() == 0
    groups = observer.totals(("label",), EVERYTHING)
    assert {each.calls for each in groups} == {calls}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_process_loses_at_most_what_was_not_written(start, observer, path):
    """
    The store has the first calls of the killed process, at least those that were written, and all of the others.
    """
    killed = start("ask_until_killed", path, 30)
    assert killed.stdout.readline() == "written\n"
    others = start("ask", path, "others", 2, 40)
    assert others.stdout.readline() == "ready\n"
    for _ in range(20):
        killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    finished = 50 + len(killed.stdout.read().rpartition("\n")[0].splitlines())
    others.communicate("\n")

    numbers = [each.output_tokens for each in observer.calls(CallFilter(label="killed"), limit=1_000_000)]

    assert sorted(numbers) == list(range(len(numbers)))
    assert 30 <= len(numbers) <= finished + 1
    assert sum(each.calls for each in observer.totals(("label",), EVERYTHING) if each.group != ("killed",)) == 80
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("way", ["return", "exit", "exception", "dropped", pytest.param("forked", marks=forks)])
def test_end_of_the_program_writes_the_last_records(start, observer, path, way):
    """
    A client that is not closed loses nothing, however Python ends, also in a child of multiprocessing.
    """
    process = start("end", path, way)
    process.communicate()

    assert [each.output_tokens for each in observer.calls(EVERYTHING)] == [1]


def test_end_of_the_program_does_not_wait_for_ever(start, observer, path):
    """
    While another process holds the lock of the store, a program ends without its last records.
    """
    process = start("end", path, "waiting")
    process.stdout.readline()
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait() == 0  # the lock is still held
        connection.execute("ROLLBACK")

    assert observer.calls(EVERYTHING) == []


@forks
def test_fork_records_each_call_once(run, observer, path):
    """
    The child drops what its parent has collected, and writes its own records.
    """
    assert run("fork", path) == ["0"]

    labels = sorted(each.label for each in observer.calls(EVERYTHING))
    assert labels == ["before", "child", "parent", "written"]


@forks
def test_fork_while_the_thread_writes(run, observer, path):
    """
    The lock that it holds does not block the child, and the batch is written once.
    """
    assert run("fork_while_writing", path) == ["0"]

    assert sorted(each.label for each in observer.calls(EVERYTHING)) == ["child", "parent"]
