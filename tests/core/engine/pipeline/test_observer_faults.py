"""Observers that fail: their errors are reported once, and they do not change calls, tools or requests."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from structlog.testing import capture_logs

from budwood import logs
from budwood.engine.accounting.observers import Observers
from budwood.errors import ConfigurationError
from budwood.types import CacheHit, ToolFinished
from budwood_testing import chat_reply

SECRET_PROMPT = "secret-prompt-4711"


@pytest.fixture
def log_events(monkeypatch):
    """
    Return the events that a program receives that configured structlog itself.
    """
    monkeypatch.setattr(logs, "_logs_content", False)
    structlog.configure()
    with capture_logs() as events:
        yield events
    structlog.reset_defaults()


def select_reports(events):
    """
    Select the reports of observers that failed.
    """
    return [event for event in events if event["event"] == "observer failed"]


class SuppressesAll:
    def __enter__(self):
        pass

    def __exit__(self, *error):
        return True


class RaisesAtTheEnd:
    def __enter__(self):
        pass

    def __exit__(self, *error):
        raise RuntimeError("broken span")


@contextlib.contextmanager
def _suppress_all():
    with contextlib.suppress(BaseException):
        yield


@contextlib.contextmanager
def _replace_error():
    try:
        yield
    except BaseException as error:
        raise RuntimeError("another") from error


@contextlib.contextmanager
def _yield_nothing():
    if sys.maxsize < 0:
        yield


@contextlib.contextmanager
def _yield_twice():
    try:
        yield
    finally:
        yield


def _exit():
    sys.exit("broken span")


SCOPES = [
    SuppressesAll,
    RaisesAtTheEnd,
    _suppress_all,
    _replace_error,
    _yield_nothing,
    _yield_twice,
    _exit,
    lambda: None,
]


def make_observer(make_scope):
    """
    Return an observer with these context managers.
    """

    class Tracer:
        def __init__(self):
            self.results = []

        def observe(self, event):
            if isinstance(event, ToolFinished):
                self.results.append((event.failed, event.result))

        def around_tool(self, event):
            return make_scope()

    return Tracer()


@pytest.mark.parametrize("make_scope", SCOPES)
@pytest.mark.parametrize("error", [ValueError("no such city"), StopIteration("empty"), RuntimeError("out")], ids=repr)
def test_error_of_a_tool_passes_an_observer_unchanged(make_client, scripted, make_tool_reply, make_scope, error):
    """
    Whatever the observer's context manager does, the model gets the tool's error.
    """

    def find() -> str:
        """
        Find.
        """
        raise error

    results = []
    for observers in ([], [make_observer(make_scope)]):
        scripted.reply(200, make_tool_reply("find")).reply(200, chat_reply("ok"))
        with make_client(observers=observers) as client:
            client.ask("Hello", tools=[find])
        results.append(scripted.sent()["messages"][-1]["content"])

    assert results[1] == results[0]
    assert str(error) in results[0]


@pytest.mark.parametrize("make_scope", SCOPES)
def test_result_of_a_tool_passes_an_observer_unchanged(make_client, scripted, make_tool_reply, make_scope):
    """
    An error of the context manager is not an error of the tool.
    """

    def find() -> str:
        """
        Find.
        """
        return "Oslo"

    observer = make_observer(make_scope)
    scripted.reply(200, make_tool_reply("find")).reply(200, chat_reply("ok"))

    with make_client(observers=[observer]) as client:
        client.ask("Hello", tools=[find])

    assert observer.results == [(False, "Oslo")]


@pytest.mark.parametrize("make_scope", SCOPES)
def test_cancellation_of_an_async_tool_passes_an_observer(make_async_client, scripted, make_tool_reply, make_scope):
    """
    A context manager that suppresses all exceptions does not keep a cancelled task alive.
    """

    async def run():
        running = asyncio.Event()

        async def wait() -> str:
            """
            Wait.
            """
            running.set()
            await asyncio.Event().wait()
            return "never"

        scripted.reply(200, make_tool_reply("wait"))
        async with make_async_client(observers=[make_observer(make_scope)]) as client:
            task = asyncio.create_task(client.ask("Hello", tools=[wait]))
            await running.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


def test_interrupt_between_two_observers_leaves_no_context_manager_open(make_client, scripted, make_tool_reply):
    """
    Ctrl-C while the second one starts closes the first one.
    """
    steps = []

    @contextlib.contextmanager
    def record_steps():
        steps.append("open")
        try:
            yield
        finally:
            steps.append("closed")

    def interrupt():
        raise KeyboardInterrupt

    def find() -> str:
        """
        Find.
        """
        return "Oslo"

    scripted.reply(200, make_tool_reply("find"))
    observers = [make_observer(record_steps), make_observer(interrupt)]
    with make_client(observers=observers) as client, pytest.raises(KeyboardInterrupt):
        client.ask("Hello", tools=[find])

    assert steps == ["open", "closed"]


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "00-1\r\nx-injected: 1"},
        {"trace parent": "1"},
        {"traceparent": 1},
        {1: "1"},
        {"traceparent": "caf\xe9"},
        {b"traceparent": b"1"},
        None,
        "traceparent",
    ],
    ids=repr,
)
def test_headers_that_cannot_be_sent_are_the_observers_error(make_client, scripted, log_events, headers):
    """
    The request is sent without them, but with those of other observers.
    """

    class Broken:
        def observe(self, event):
            pass

        def attempt_headers(self, event):
            return headers

    class Sound(Broken):
        def attempt_headers(self, event):
            return {"x-sound": "1"}

    scripted.reply(200, chat_reply("Hi"))
    with make_client(observers=[Broken(), Sound()]) as client:
        assert client.ask("Hello").text == "Hi"

    assert scripted.calls[0].headers["x-sound"] == "1"
    assert not {"traceparent", "trace parent", "x-injected", 1} & set(scripted.calls[0].headers)
    assert [event["observer"] for event in select_reports(log_events)] == ["Broken"]


def test_headers_replace_no_other_headers(make_client, scripted):
    """
    The first observer's header is sent, whatever its case; headers that frame the request cannot be set.
    """

    def observer(headers):
        class Tracer:
            def observe(self, event):
                pass

            def attempt_headers(self, event):
                return headers

        return Tracer()

    first = observer(
        {"Traceparent": "1", "Host": "evil.example", "Content-Length": "0", "Transfer-Encoding": "chunked"}
    )
    scripted.reply(200, chat_reply("Hi"))
    with make_client(observers=[first, observer({"traceparent": "2", "tracestate": "a"})]) as client:
        client.ask("Hello")

    sent = {name.lower(): value for name, value in scripted.calls[0].headers.items()}
    assert (sent["traceparent"], sent["tracestate"]) == ("1", "a")
    assert not {"host", "content-length", "transfer-encoding"} & sent.keys()


def test_exit_of_an_observer_does_not_end_the_program(make_client, scripted):
    """
    `SystemExit` in an observer is an error like any other.
    """

    class Exits:
        def observe(self, event):
            sys.exit(1)

    scripted.reply(200, chat_reply("Hi"))
    with make_client(observers=[Exits()]) as client:
        assert client.ask("Hello").text == "Hi"


def test_report_of_an_error_contains_no_content(make_client, scripted, log_events):
    """
    The text may quote the prompt, so that the log has only the error's type and line.
    """

    class Quotes:
        def observe(self, event):
            raise ValueError(f"cannot parse {event.prompt}")

    scripted.reply(200, chat_reply("Hi"))
    with make_client(observers=[Quotes()]) as client:
        client.ask(SECRET_PROMPT)

    (report,) = select_reports(log_events)
    assert SECRET_PROMPT not in str(report)
    assert (report["observer"], report["error"], report["text"]) == ("Quotes", "ValueError", logs.REDACTED)
    assert report["line"].startswith("test_observer_faults.py:")


def test_error_is_reported_once_by_concurrent_threads(log_events):
    """
    Threads that fail at the same time write one report.
    """

    class Broken:
        def observe(self, event):
            raise ValueError("broken")

    observers = Observers([Broken(), Broken()])
    barrier = threading.Barrier(8)

    def report_hits(_):
        barrier.wait()
        for _ in range(50):
            observers.observe(CacheHit(call="1", provider="openai", model="m"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(report_hits, range(8)))

    assert len(select_reports(log_events)) == 2


def test_log_that_fails_breaks_no_call(make_client, scripted):
    """
    A program may have closed the stream of its log.
    """

    def fail(logger, method, event):
        raise BrokenPipeError

    structlog.configure(processors=[fail])
    try:
        scripted.reply(200, chat_reply("Hi"))
        with make_client() as client:
            assert client.ask("Hello").text == "Hi"
    finally:
        structlog.reset_defaults()


def test_async_observer_is_an_error(make_client):
    """
    It would never be awaited.
    """

    class AsyncObserver:
        async def observe(self, event):
            pass

    with pytest.raises(ConfigurationError, match="plain method"):
        make_client(observers=[AsyncObserver()])
