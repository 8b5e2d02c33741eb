from __future__ import annotations

import os
import signal
import sqlite3
import sys
from contextlib import closing

import pytest

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def integrity(path):
    """
    Ask SQLite whether the file is whole.
    """
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall()


def begin_together(processes):
    """
    Wait until all are ready, let them begin, and return how they ended.
    """
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.wait() for process in processes]


def test_processes_write_at_once(start, open_cache, path):
    """
    Processes that create the file together and write at once lose nothing.
    """
    ended = begin_together([start("write", path, name, 100) for name in "abcd"])

    cache = open_cache()
    assert ended == [0, 0, 0, 0]
    assert all(cache.get(f"{name} {number}") for name in "abcd" for number in range(100))
    assert integrity(path) == [("ok",)]


def test_processes_begin_anew_together(start, open_cache, path, tmp_path):
    """
    Of several processes that find the file damaged one sets it aside, and none takes away what another began.
    """
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1000)

    ended = begin_together([start("write", path, name, 20) for name in "abcd"])

    cache = open_cache()
    assert ended == [0, 0, 0, 0]
    assert all(cache.get(f"{name} {number}") for name in "abcd" for number in range(20))
    assert path.with_name(f"{path.name}.corrupt").read_bytes() == b"no database " * 1000


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("count", [1, 40, 150])
def test_killed_writer_loses_nothing_that_was_kept(start, open_cache, path, count):
    """
    A process killed in the middle of writing leaves a whole file with every entry whose `set` had returned.
    """
    process = start("write_until_killed", path)
    for _ in range(count):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    last = count - 1 + len(process.stdout.read().rpartition("\n")[0].splitlines())

    cache = open_cache()
    assert all(cache.get(f"key {number}") == str(number).encode() * 5000 for number in range(last + 1))
    cache.set("next", b"value")
    assert cache.get("next") == b"value"
    assert integrity(path) == [("ok",)]


@forks
def test_parent_and_child_lose_nothing_of_each_other(run, path):
    """
    After a fork both go on, and what the child keeps is there although the parent closed its cache in between.
    """
    assert run("fork_and_close", path) == ["b'child' b'parent' b'child' b'child'"]


@forks
def test_fork_among_threads_that_write(run, path):
    """
    A fork in the middle of other threads' writing leaves no lock held in the child, and loses nothing.
    """
    assert run("fork_among_threads", path) == ["10 []"]
    assert integrity(path) == [("ok",)]


@pytest.mark.skipif(sys.platform != "linux", reason="calls fork of the C library")
def test_connection_is_never_used_in_another_process(run, path):
    """
    A fork that Python did not see is noticed by the process's id.
    """
    assert run("fork_unseen", path) == ["b'parent' its own"]
