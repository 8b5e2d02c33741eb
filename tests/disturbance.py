"""
A plugin of pytest that disturbs the order of threads, to find tests, and code, that depend on it.

Run it by hand: ``pytest -p tests.disturbance tests/core/engine``. In each test, some threads stall at random calls of
functions. ``--disturbance-seed`` repeats the choices of a run, as far as the order
of threads allows.
"""

from __future__ import annotations

import random
import sys
import threading
import time

import pytest

SWITCH_INTERVAL = 1e-6
"""Seconds after which a thread gives way to another; the default is 5 ms."""

STALLS = 3
"""The most stalls of a thread."""

STALL_SECONDS = 0.15
"""How long a stall takes: longer than what other threads do meanwhile."""

CALLS_BETWEEN_STALLS = 2000
"""The most calls of functions before the next stall; small numbers are as probable as large ones."""

SEED = pytest.StashKey()


def pytest_addoption(parser):
    """
    Add the option ``--disturbance-seed``.
    """
    parser.addoption("--disturbance-seed", type=int, help="repeats the choices of a disturbed run")


def pytest_configure(config):
    """
    Let threads take turns more often than they do otherwise.
    """
    seed = config.getoption("--disturbance-seed")
    config.stash[SEED] = random.SystemRandom().getrandbits(32) if seed is None else seed
    sys.setswitchinterval(SWITCH_INTERVAL)


def pytest_report_header(config):
    """
    Show the seed.
    """
    return f"disturbance seed: {config.stash[SEED]}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """
    Draw how slow the main thread is in this test, and let each new thread draw for itself.
    """
    chance = random.Random(f"{item.config.stash[SEED]} {item.nodeid}")

    disturb = Disturbance(chance)
    sys.setprofile(disturb)
    threading.setprofile(disturb)
    try:
        return (yield)
    finally:
        threading.setprofile(None)
        sys.setprofile(None)


class Disturbance(threading.local):
    """
    Stalls threads at random calls of functions; each thread has its own state.

    The threads of a test have one function in common, since Python 3.11 crashes if a function that is called replaces
    itself.

    Args:
        chance: Yields the calls.
    """

    def __init__(self, chance):
        self._chance = chance
        self._stalls = chance.randint(0, STALLS)
        self._calls_left = self._draw()

    def __call__(self, frame, event, argument):
        if event != "call" or self._stalls == 0:
            return
        self._calls_left -= 1
        if self._calls_left <= 0:
            self._stalls -= 1
            self._calls_left = self._draw()
            time.sleep(STALL_SECONDS)

    def _draw(self):
        return CALLS_BETWEEN_STALLS ** self._chance.random()
