from __future__ import annotations

import os
import signal
import sqlite3
import sys
from contextlib import closing
from random import Random

import pytest

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def integrity(path):
    """
    Return the result of SQLite's integrity check.
    """
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall()


def start_together(processes):
    """
    Start all processes at once, when they are ready, and return their exit codes.
    """
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.wait() for process in processes]


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.deep)])
def test_processes_and_threads_can_write_at_once(start, open_cache, path, count):
    """
    Eight processes with eight threads each, which create the file and write to it at once, lose no entry.
    """
    exit_codes = start_together([start("write", path, name, count, 8) for name in "abcdefgh"])

    cache = open_cache()
    assert exit_codes == [0] * 8
    assert len(list(cache.items())) == 64 * count + 1
    assert all(cache.get(f"{name} {thread} {count - 1}") for name in "abcdefgh" for thread in range(8))
    assert integrity(path) == [("ok",)]


def test_processes_replace_a_damaged_file_together(start, open_cache, path, tmp_path):
    """
    If several processes find a damaged file, one renames it, and none removes the new file.
    """
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1000)

    exit_codes = start_together([start("write", path, name, 20, 1) for name in "abcd"])

    cache = open_cache()
    assert exit_codes == [0, 0, 0, 0]
    assert all(cache.get(f"{name} 0 {number}") for name in "abcd" for number in range(20))
    assert path.with_name(f"{path.name}.corrupt").read_bytes() == b"no database " * 1000


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.deep)])
def test_killed_writer_loses_no_stored_entry(start, open_cache, path, kills):
    """
    Processes that are killed while they write leave a valid file with every entry whose `set` had returned.
    """
    moments = Random(kills)
    stored = 0
    for _ in range(kills):
        process = start("write_until_killed", path, stored)
        for _ in range(moments.randrange(1, 150)):
            process.stdout.readline()
            stored += 1
        process.send_signal(signal.SIGKILL)
        stored += len(process.stdout.read().rpartition("\n")[0].splitlines())

    cache = open_cache()
    assert all(cache.get(f"key {number}") == str(number).encode() * 5000 for number in range(stored))
    assert cache.get(f"key {stored}") in (str(stored).encode() * 5000, None)
    cache.set("next", b"value")
    assert cache.get("next") == b"value"
    assert integrity(path) == [("ok",)]


@forks
def test_parent_and_child_share_the_cache_after_a_fork(run, path):
    """
    After a fork both processes can write; closing the cache in the parent loses no entry of the child.
    """
    assert run("fork_and_close", path) == ["b'child' b'parent' b'child' b'child'"]


@forks
def test_fork_while_threads_write(run, path):
    """
    A fork while other threads write leaves no lock in the child, and loses no entry.
    """
    assert run("fork_among_threads", path) == ["10 []"]
    assert integrity(path) == [("ok",)]


@pytest.mark.skipif(sys.platform != "linux", reason="calls fork of the C library")
def test_connection_is_never_used_in_another_process(run, path):
    """
    A fork that bypasses Python is detected by the process id.
    """
    assert run("fork_unseen", path) == ["b'parent' its own"]
