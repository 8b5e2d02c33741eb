"""Processes that share one Redis server: they keep its limits together, and may be killed or fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from budwood.types import Claim
from budwood_redis_limiter import limiter as module

PROGRAMS = Path(__file__).with_name("programs")
PROCESSES = 4
RATE = 40
SECONDS = 3
SLOT = Claim("slots", "concurrency", 1)
SLOW = Claim("slow", "rate", 60)

pytestmark = pytest.mark.real_server


def start(name, *arguments):
    """
    Start a program, and wait for its first line.
    """
    command = [sys.executable, PROGRAMS / name, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline()
    return process


def test_four_processes_never_exceed_the_limit_together(server, prefix):
    """
    In no window are there more grants than its refill and one capacity, and one request for each process.
    """
    processes = [start("reserve_until.py", server.url, prefix, RATE, SECONDS) for _ in range(PROCESSES)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate()[0] for process in processes]

    counts = [len(output.split()) for output in outputs]
    moments = sorted(float(moment) for output in outputs for moment in output.split())
    assert all(process.returncode == 0 for process in processes)
    for first in range(len(moments)):
        for last in range(first, len(moments)):
            assert last - first + 1 <= RATE + RATE * (moments[last] - moments[first]) + PROCESSES
    assert min(counts) > 0
    assert sum(counts) > RATE


def test_killed_process_does_not_hold_its_slot_for_ever(server, prefix, make_limiter):
    """
    Its lease ends.
    """
    holder = start("hold.py", server.url, prefix, 1)
    limiter = make_limiter()
    assert limiter.reserve("mine", [SLOT]) is not None
    holder.kill()
    holder.communicate()

    wait_for(lambda: limiter.reserve("mine", [SLOT]) is None)


def test_killed_process_does_not_hold_its_place_for_ever(server, prefix, make_limiter):
    """
    Its place ends when it did not ask again in time.
    """
    holder = start("hold.py", server.url, prefix, 60)
    limiter = make_limiter()
    assert limiter.reserve("mine", [SLOW]) is not None
    holder.kill()
    holder.communicate()
    later = time.time() + module.PATIENCE_SECONDS + 2
    limiter._server.client.zadd(
        limiter._key("alive"), {"waiting": time.time() - 1}, xx=True
    )  # as if that time had passed

    wait_for(lambda: limiter.reserve("mine", [SLOW]) is None)
    assert time.time() < later


def test_forked_process_has_connections_of_its_own(make_limiter):
    """
    Parent and child use the server at the same time, and keep the same limits.
    """
    limiter = make_limiter()
    assert limiter.reserve("parent", [SLOT._replace(limit=2)]) is None
    child = os.fork()
    if child == 0:
        try:
            denials = [limiter.reserve(f"child {number}", [SLOT._replace(limit=2)]) for number in range(2)]
            os._exit(0 if denials[0] is None and denials[1] is not None else 1)
        finally:
            os._exit(2)
    answers = [limiter.reserve("parent", [SLOT._replace(limit=2)]) for _ in range(100)]

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert answers == [None] * 100


def test_quotas_of_a_process_are_not_shared(make_limiter):
    """
    A forked process counts them from zero, because it is another process.
    """
    own = Claim("client", "quota", 1)
    limiter = make_limiter()
    limiter.reserve("first", [own])
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if limiter.reserve("second", [own]) is None else 1)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert limiter.reserve("third", [own]) is not None


def test_threads_with_different_limits_all_end(make_limiter):
    """
    No thread waits for ever, whichever limits it shares; at most the slots are used, and all are free in the end.
    """
    limiter = make_limiter()
    slots, fast, model = Claim("slots", "concurrency", 2), Claim("fast", "rate", 12_000), Claim("model", "rate", 3000)
    choices = [[slots], [fast], [slots, fast], [model, fast], [model, slots, fast], [model]]
    running, most, failures = [], [], []

    def work(thread):
        random = Random(thread)
        try:
            for number in range(15):
                ticket, claims = f"{thread}-{number}", random.choice(choices)
                gives_up = random.random() < 0.2
                while (denial := limiter.reserve(ticket, claims)) is not None and not gives_up:
                    time.sleep(denial.delay)
                if denial is not None:
                    limiter.cancel(ticket, claims)
                    continue
                if slots in claims:
                    running.append(ticket)
                    most.append(len(running))
                    running.remove(ticket)
                limiter.settle(ticket, claims, {"fast": 2})
        except Exception as error:  # noqa: BLE001 - a thread has no caller to raise it to
            failures.append(repr(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert max(most) <= slots.limit
    assert limiter.reserve("all", [slots._replace(amount=2)]) is None
    assert limiter._server.client.hgetall(limiter._key("places")) == {}


def wait_for(is_true):
    """
    Ask until it is true; the limits of the test are refilled by the server's clock.
    """
    while not is_true():
        time.sleep(0.05)
