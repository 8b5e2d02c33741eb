"""Functions that alerts call."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from budwood_server.alerts.callbacks import Callbacks

ALERT = {"rule": "mine", "state": "firing"}


@pytest.fixture
def pager(monkeypatch):
    """
    A module with functions.
    """
    module = SimpleNamespace(release=threading.Event(), received=[])

    async def receive(alert):
        module.received.append((alert, threading.current_thread()))

    async def wait(_):
        import asyncio

        await asyncio.Event().wait()

    module.nested = SimpleNamespace(receive=lambda alert: module.received.append((alert, threading.current_thread())))
    module.receive, module.wait = receive, wait
    module.fail = lambda _: 1 / 0
    module.hang = lambda _: module.release.wait()
    monkeypatch.setitem(sys.modules, "pager", module)
    yield module
    module.release.set()


def call(callbacks, target):
    """
    Call a function, wait until it has returned, and return what was logged.
    """
    with capture_logs() as log:
        callbacks.call(target, ALERT)
        callbacks._running[target].join()
    return [entry["reason"] for entry in log if entry["event"] == "alert callback failed"]


@pytest.mark.parametrize("target", ["pager:nested.receive", "pager:receive"])
def test_functions_get_the_alert_in_a_thread(pager, target):
    """
    An async function is awaited there.
    """
    assert call(Callbacks(), target) == []

    ((alert, thread),) = pager.received
    assert alert == ALERT
    assert thread is not threading.current_thread()
    assert thread.daemon


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("pager:fail", "ZeroDivisionError: division by zero"),
        ("pager:missing", "AttributeError: 'types.SimpleNamespace' object has no attribute 'missing'"),
        ("missing_pager:send", "ModuleNotFoundError: No module named 'missing_pager'"),
    ],
)
def test_errors_are_logged(pager, target, reason):
    """
    The next call is tried again.
    """
    callbacks = Callbacks()

    assert call(callbacks, target) == [reason]
    assert call(callbacks, target) == [reason]


def test_async_function_that_hangs_is_cancelled(pager):
    """
    After the time that functions have.
    """
    reasons = call(Callbacks(max_seconds=0.01), "pager:wait")

    assert "It was cancelled: it took too long." in reasons


def test_function_that_hangs_is_not_called_again(pager):
    """
    It holds up no other function, and threads do not pile up. Once it has returned, it is called again.
    """
    callbacks = Callbacks()
    with capture_logs() as log:
        callbacks.call("pager:hang", ALERT)
        callbacks.call("pager:hang", ALERT)
    assert [entry["reason"] for entry in log] == ["The last call of it has not returned."]
    assert call(callbacks, "pager:receive") == []
    pager.release.set()
    callbacks._running["pager:hang"].join()
    assert call(callbacks, "pager:hang") == []


def test_function_that_is_slow_is_logged(pager):
    """
    The log says so while it is running.
    """
    callbacks = Callbacks(max_seconds=0.01)
    reported = threading.Event()
    log = []

    def report(_target, _alert, reason):
        log.append(reason)
        reported.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("budwood_server.alerts.callbacks._warn", report)
        callbacks.call("pager:hang", ALERT)
        reported.wait()
        pager.release.set()
        callbacks._running["pager:hang"].join()
    assert log == ["It has not returned yet."]
