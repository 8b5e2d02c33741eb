"""Quotas that outlast the process: one file for all processes of a user."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from budwood.limiting.counters import KEPT_SECONDS
from budwood.limiting.lasting import RETRY_SECONDS
from budwood.types import Claim
from budwood_testing import FakeClock

PROGRAM = Path(__file__).with_name("programs") / "take_quota.py"
PROCESSES = 4
EACH = 100


@pytest.fixture
def quota(clock):
    """
    A claim for six of ten units of a day.
    """
    return Claim("day", "quota", 10, amount=6, resets_at=clock.time() + 3600, is_lasting=True)


def break_file(path):
    """
    Replace the file by a folder, which cannot be opened.
    """
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)


def read_rows(path):
    """
    Return the rows of the file.
    """
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT key, used FROM counts ORDER BY key").fetchall()


def test_count_outlasts_the_process(make_limiter, quota):
    """
    Another limiter with the same file continues to count.
    """
    make_limiter().reserve("first", [quota])

    denial = make_limiter().reserve("second", [quota])
    assert (denial.claim, denial.available, denial.delay) == (quota, 4, pytest.approx(3600))


def test_quotas_of_a_ticket_are_taken_together(make_limiter, quota):
    """
    If one of them is exhausted, the other keeps its units, and so do the other limits.
    """
    limiter = make_limiter()
    other = quota._replace(key="month", limit=5)
    slot = Claim("slots", "concurrency", 1)

    assert limiter.reserve("first", [slot, quota, other]).claim is other
    assert limiter.reserve("second", [slot, quota]) is None


def test_waiting_ticket_hears_of_an_exhausted_quota(make_limiter, quota):
    """
    It does not wait for another limit first, and takes no place.
    """
    limiter = make_limiter()
    slot = Claim("slots", "concurrency", 1)
    limiter.reserve("holder", [slot, quota])

    assert limiter.reserve("second", [slot, quota]).claim is quota
    limiter.settle("holder", [slot, quota], {})
    assert limiter.reserve("third", [slot]) is None


def test_settled_and_cancelled_quotas_are_corrected_in_the_file(make_limiter, quota, counts_path):
    """
    A later process counts what was used.
    """
    limiter = make_limiter()
    limiter.reserve("first", [quota])
    limiter.settle("first", [quota], {"day": 2})
    limiter.reserve("second", [quota])
    limiter.cancel("second", [quota])
    limiter.close()

    assert read_rows(counts_path) == [(b"day", 2.0)]


def test_processes_never_exceed_a_quota_together(counts_path):
    """
    Each process tries to take all units, and all of them together take exactly those.
    """
    command = [sys.executable, PROGRAM, counts_path, str(PROCESSES * EACH // 2), str(EACH)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]

    granted = [int(process.communicate()[0]) for process in processes]

    assert sum(granted) == PROCESSES * EACH // 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked_process_counts_in_the_same_file(make_limiter, quota):
    """
    Its connection is a new one, and the parent's stays usable.
    """
    limiter = make_limiter()
    limiter.reserve("first", [quota._replace(amount=1)])
    child = os.fork()
    if child == 0:
        try:
            limiter.reset()
            os._exit(0 if limiter.reserve("second", [quota._replace(amount=8)]) is None else 1)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert limiter.reserve("third", [quota._replace(amount=2)]).available == 1
    assert limiter.reserve("fourth", [quota._replace(amount=1)]) is None


def test_damaged_file_is_replaced_with_a_warning(make_limiter, quota, counts_path, events):
    """
    It is kept under another name.
    """
    counts_path.parent.mkdir()
    counts_path.write_bytes(b"this is not a database" * 100)

    assert make_limiter().reserve("first", [quota]) is None
    assert [event for event, _ in events] == ["limits file damaged"]
    assert counts_path.with_name(f"{counts_path.name}.corrupt").read_bytes().startswith(b"this is not")
    assert read_rows(counts_path) == [(b"day", 6.0)]


def test_unusable_file_is_replaced_by_memory_with_one_warning(make_limiter, quota, counts_path, events):
    """
    The limit holds inside the process.
    """
    break_file(counts_path)
    limiter = make_limiter()

    assert limiter.reserve("first", [quota]) is None
    assert limiter.reserve("second", [quota]).available == 4
    assert [event for event, _ in events] == ["limits file unusable"]


def test_counts_in_memory_are_added_to_the_file_later(make_limiter, quota, counts_path, clock):
    """
    What was used while the file could not be used is not lost.
    """
    limiter = make_limiter()
    limiter.reserve("first", [quota._replace(amount=1)])
    limiter.close()
    break_file(counts_path)
    limiter.reserve("second", [quota._replace(amount=2)])
    assert limiter.reserve("third", [quota._replace(amount=8)]).available == 7
    counts_path.rmdir()
    clock.advance(RETRY_SECONDS)
    limiter.reserve("fourth", [quota._replace(amount=3)])

    assert read_rows(counts_path) == [(b"day", 5.0)]


def test_removed_file_is_created_again(make_limiter, quota, counts_path):
    """
    A user may delete it to start anew.
    """
    limiter = make_limiter()
    limiter.reserve("first", [quota])
    counts_path.unlink()

    assert limiter.reserve("second", [quota]) is None
    assert read_rows(counts_path) == [(b"day", 6.0)]


def test_old_periods_are_removed(make_limiter, quota, counts_path, clock):
    """
    Some time after their end: until then the clock may be set back.
    """
    limiter = make_limiter()
    limiter.reserve("first", [quota])
    limiter.reserve("second", [quota._replace(key="for ever", resets_at=None)])
    clock.advance(3600 + KEPT_SECONDS - 60)
    limiter.reserve("third", [quota._replace(resets_at=clock.time() + 3600)])
    assert len(read_rows(counts_path)) == 3

    clock.advance(3601)
    limiter.reserve("fourth", [quota._replace(resets_at=clock.time() + 3600)])
    assert len(read_rows(counts_path)) == 3
    assert (b"for ever", 6.0) in read_rows(counts_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_only_the_user_can_read_the_file(make_limiter, quota, counts_path):
    """
    It tells what the user spends.
    """
    make_limiter().reserve("first", [quota])

    assert stat.S_IMODE(counts_path.stat().st_mode) == 0o600


def test_default_file_is_in_the_users_data_folder():
    """
    It has nothing to do with the cache, which may be deleted.
    """
    from platformdirs import user_data_path

    from budwood import Client

    settings = {"providers": {"offline": {"limits": {"requests_per_day": 10}}}}
    with Client("offline/extractive", settings=settings, clock=FakeClock()) as client:  # with a limiter of its own
        client.ask("What is grafted? A shoot is grafted onto a rootstock.")

    assert (user_data_path("budwood") / "limits.sqlite3").is_file()
