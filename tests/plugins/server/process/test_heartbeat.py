"""Processes that hang: noticed by their silence, with a clock that the tests move."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from budwood_server.process.heartbeat import MAX_INTERVAL, SilenceWatch, call_regularly, choose_interval
from budwood_server.process.systemd import notify_watchdog

LIMIT = 60.0


class Timer:
    """A call that can be cancelled."""

    def __init__(self, due, call):
        self.due, self.call, self.is_cancelled = due, call, False

    def cancel(self):
        self.is_cancelled = True


class ClockLoop:
    """What a watch needs of an event loop, with a clock that only `advance` moves."""

    def __init__(self):
        self.now = 1000.0
        self.timers = []

    def time(self):
        return self.now

    def call_later(self, delay, call):
        self.timers.append(Timer(self.now + delay, call))
        return self.timers[-1]

    def advance(self, seconds):
        """Let time pass, with all calls at their time."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.due <= end and not timer.is_cancelled]:
            first = min(due, key=lambda timer: timer.due)
            self.timers.remove(first)
            self.now = max(self.now, first.due)
            first.call()
        self.now = end

    def sleep(self, seconds):
        """Let time pass in which nothing runs, as in a machine that is suspended."""
        self.now += seconds
        self.advance(0)


@pytest.fixture
def loop():
    """
    A loop.
    """
    return ClockLoop()


@pytest.fixture
def silences():
    """
    What the watch has called.
    """
    return []


@pytest.fixture
def watch(loop, silences):
    """
    A watch.
    """
    return SilenceWatch(LIMIT, silences.append, loop)


def test_silence_is_noticed_once(loop, silences, watch):
    """
    After the limit, and before it is a quarter longer.
    """
    loop.advance(LIMIT)
    assert silences == []

    loop.advance(LIMIT / 4)
    loop.advance(10 * LIMIT)

    assert silences == [LIMIT * 1.25]


def test_heartbeats_prevent_it(loop, silences, watch):
    """
    For as long as they come.
    """
    for _ in range(100):
        loop.advance(LIMIT / 2)
        watch.hear()
    assert silences == []

    loop.advance(2 * LIMIT)

    assert len(silences) == 1


def test_process_that_was_suspended_blames_no_other(loop, silences, watch):
    """
    A process that hangs is noticed afterwards.
    """
    loop.advance(LIMIT / 2)

    loop.sleep(100 * LIMIT)
    loop.advance(LIMIT)
    assert silences == []

    loop.advance(LIMIT / 4)
    assert len(silences) == 1


def test_another_limit_holds_at_once(loop, silences, watch):
    """
    From the last message on.
    """
    watch.change_limit(4.0)

    loop.advance(5.0)

    assert silences == [5.0]


def test_stopped_watch_calls_nothing(loop, silences, watch):
    """
    Whatever happens later.
    """
    watch.stop()

    loop.advance(10 * LIMIT)

    assert silences == []


@pytest.mark.parametrize(("timeout", "interval"), [(4.0, 1.0), (20.0, 5.0), (3600.0, MAX_INTERVAL), (0.0, 0.0)])
def test_interval_is_a_part_of_the_timeout(timeout, interval):
    """
    And at most a few seconds.
    """
    assert choose_interval(timeout) == interval


def test_calls_are_repeated_until_the_end_of_the_block():
    """
    The first one is made at once.
    """
    calls = []

    async def main():
        loop, third = asyncio.get_running_loop(), asyncio.Event()

        def call():
            calls.append(loop.time())
            if len(calls) == 3:
                third.set()

        with call_regularly(0.001, call):
            await third.wait()

    asyncio.run(main())

    assert len(calls) == 3
    assert calls == sorted(calls)


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """
    The socket on which systemd listens.
    """
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "3000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.setblocking(False)
        yield listener


def test_systemd_is_notified(systemd):
    """
    Again and again.
    """

    async def main():
        loop = asyncio.get_running_loop()
        with notify_watchdog():
            return [await loop.sock_recv(systemd, 100) for _ in range(3)]

    assert asyncio.run(main()) == [b"WATCHDOG=1"] * 3


@pytest.mark.parametrize("variables", [{"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": ""}, {"NOTIFY_SOCKET": ""}])
def test_without_a_watchdog_nothing_is_sent(systemd, monkeypatch, variables):
    """
    Nor by a process for which it is not meant, such as a worker.
    """
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    async def main():
        with notify_watchdog():
            for _ in range(3):
                await asyncio.sleep(0)

    asyncio.run(main())

    with pytest.raises(BlockingIOError):
        systemd.recv(100)
