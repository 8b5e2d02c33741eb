"""The suite for observers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Final, get_args

import pytest
import structlog
from pydantic import BaseModel, SecretBytes, SecretStr

from budwood import Client
from budwood.contracts import ClosableObserver, HeadersObserver, Observer, SelectiveObserver, ToolObserver
from budwood.errors import ConfigurationError, ServerError
from budwood.hooks import OBSERVER, Kind
from budwood.plugins import Instances
from budwood.settings import Settings
from budwood.types import AttemptStarted, Observation, ToolStarted
from budwood.wire.heads import TRANSPORT_HEADERS, normalize_headers
from budwood_testing.clock import FakeClock
from budwood_testing.examples.observations import CONTENT, UnknownEvent, observations, rare_observations
from budwood_testing.suites.echo_provider import ECHO, FAIL, with_echo
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.object_graph import contains_text
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.untested import ReportUntested

_THREADS: Final = 8
_CALLS: Final = 40
_STARTED: Final = ToolStarted(call="1", name="weather", arguments="{}")
_ERRORS: Final = (ValueError, StopIteration, KeyboardInterrupt, asyncio.CancelledError)


class ObserverSuite(PluginSuite):
    """
    Tests an observer.

    .. code-block:: python

        class TestUsage(ObserverSuite):
            plugin = "usage"

            def state(self, observer):
                return observer.totals()

    Attributes:
        keeps_content: Whether it stores prompts and replies, in memory or in files. It must never log them.
        needs_settings: Whether it has required settings, such as a server address.
    """

    kind: ClassVar[Kind[Any]] = OBSERVER
    keeps_content: ClassVar[bool] = False
    needs_settings: ClassVar[bool] = False

    def state(self, observer: Any) -> object:  # noqa: ANN401 - any class of the author
        """Return what it has counted, as a value that can be compared; None if it counts nothing."""
        return None

    @pytest.fixture
    def observer(self, build: Build) -> Observer:
        """Build the observer."""
        observer: Observer = build().implementation
        return observer

    @pytest.fixture
    def logged(self, caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
        """Collect log events of structlog and of the standard library."""
        configured, before = structlog.is_configured(), structlog.get_config()
        structlog.configure()
        caplog.set_level(logging.NOTSET)
        try:
            with structlog.testing.capture_logs() as events:
                yield events
        finally:
            structlog.reset_defaults()
            if configured:
                structlog.configure(**before)

    def test_default_settings_work(self, clock: FakeClock) -> None:
        """The observer works without settings, or raises ConfigurationError if it has required ones."""
        instances = Instances(Settings(), self.found_in(), clock)
        if self.needs_settings:
            with pytest.raises(ConfigurationError):
                instances.build(OBSERVER, self.plugin)
            return
        _close(instances.build(OBSERVER, self.plugin).implementation)

    def test_every_event_is_accepted(self, observer: Observer) -> None:
        """`observe` accepts every kind of event, including rare forms, and returns None."""
        observe: Any = observer.observe
        for event in (*observations(), *rare_observations()):
            assert observe(event) is None, f"observe() returned something for {type(event).__name__}"

    def test_event_types_are_events(self, observer: Observer) -> None:
        """The kinds of events that it receives, if it selects some, are classes of events."""
        if not isinstance(observer, SelectiveObserver):
            pytest.skip(f"{self.plugin} receives all events")
        assert set(observer.event_types) <= set(get_args(Observation)), "event_types has a class that is no event"
        assert observer.event_types or isinstance(observer, HeadersObserver | ToolObserver), "it receives nothing"

    def test_unknown_event_is_ignored(self, observer: Observer) -> None:
        """Events of an unknown class are ignored: later versions of Budwood may add some."""
        observer.observe(_unknown())

    def test_events_are_accepted_in_any_order(self, observer: Observer) -> None:
        """Events of concurrent calls may interleave, and an end may arrive without its start."""
        for event in reversed([*observations("1"), *rare_observations("2")]):
            observer.observe(event)
        for pair in zip(observations("3"), observations("4"), strict=True):
            for event in pair:
                observer.observe(event)

    def test_observing_does_no_io(self, observer: Observer, clock: FakeClock) -> None:
        """`observe` runs on the event loop: it opens no file or connection and does not block."""
        with no_io(waiting=True):
            for event in (*observations(), *rare_observations()):
                observer.observe(event)
        assert clock.slept == []

    def test_is_thread_safe(self, observer: Observer) -> None:
        """`observe` can be called from several threads at once."""
        _observe_in_threads(observer)

    def test_counts_are_complete_with_threads(self, observer: Observer, build: Build, untested: ReportUntested) -> None:
        """Events from several threads give the same counts as events from one."""
        alone = build().implementation
        for number in range(_THREADS):
            _observe_calls(alone, number)
        if self.state(alone) is None:
            untested(f"{self.plugin}: counts are complete with threads. Implement state() to test this.")
        assert self.state(alone) != self.state(build().implementation), "state() is the same before and after events"
        _observe_in_threads(observer)

        assert self.state(observer) == self.state(alone)

    def test_content_is_not_retained(self, observer: Observer, tmp_path: Path) -> None:
        """After the calls, prompts and replies are neither in memory nor in files, unless `keeps_content` is set."""
        if self.keeps_content:
            pytest.skip(f"{self.plugin} sets `keeps_content`")
        for event in (*observations(), *rare_observations()):
            observer.observe(event)
        _close(observer)

        assert not contains_text(observer, CONTENT), (
            "the observer keeps prompts or replies in memory: drop them, or set keeps_content = True"
        )
        files = [path for path in tmp_path.rglob("*") if path.is_file() and CONTENT.encode() in path.read_bytes()]
        assert files == [], "the observer writes prompts or replies to files: drop them, or set keeps_content = True"

    def test_content_is_not_logged(
        self,
        build: Build,
        logged: list[Any],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """Prompts and replies are never logged or printed."""
        _observe_and_close(build)

        assert CONTENT not in _all_output(logged, caplog, capfd)

    def test_secrets_are_not_logged(
        self,
        build: Build,
        logged: list[Any],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """Keys, tokens and passwords of the settings are never logged, printed, or part of the repr."""
        observer, settings = _observe_and_close(build)
        output = f"{_all_output(logged, caplog, capfd)} {observer!r}"

        for name, secret in _secrets_of(settings).items():
            assert secret not in output, (
                f"the value of the setting {name} is in the log, the output or the repr: remove it there"
            )

    def test_headers_are_valid(self, observer: Observer) -> None:
        """Headers for requests are valid HTTP, do not replace headers of the transport, and are made without I/O."""
        if not isinstance(observer, HeadersObserver):
            pytest.skip(f"{self.plugin} adds no headers")
        for event in (*observations(), *rare_observations()):
            if isinstance(event, AttemptStarted):
                with no_io(waiting=True):
                    observer.observe(event)
                    headers = observer.attempt_headers(event)
                assert isinstance(headers, Mapping)
                assert all(isinstance(text, str) for pair in headers.items() for text in pair), "headers must be text"
                assert not normalize_headers(headers).keys() & TRANSPORT_HEADERS, (
                    "the transport sets these headers: leave them out"
                )

    def test_tool_runs_inside_its_context_manager(self, observer: Observer) -> None:
        """A tool runs once inside `around_tool`, also in several threads at once."""
        tracer = _tracer(observer)
        all_inside = threading.Barrier(_THREADS)

        def run(_: int) -> bool:
            try:
                with tracer.around_tool(_STARTED):
                    all_inside.wait()
                    return True
            except BaseException:
                all_inside.abort()
                raise

        with ThreadPoolExecutor(_THREADS) as pool:
            assert all(pool.map(run, range(_THREADS)))

    @pytest.mark.parametrize("kind", _ERRORS)
    def test_tool_exception_propagates(self, observer: Observer, kind: type[BaseException]) -> None:
        """`around_tool` neither suppresses nor replaces an exception of the tool."""
        tracer, error = _tracer(observer), kind("of the tool")
        with pytest.raises(kind) as caught, tracer.around_tool(_STARTED):
            raise error

        assert caught.value is error

    def test_closed_observer_accepts_calls(self, observer: Observer, build: Build) -> None:
        """`close` may be called twice or without use, and events after it are no error."""
        _close(build().implementation)
        for event in observations():
            observer.observe(event)
        for _ in range(2):
            _close(observer)
        for event in observations("late"):
            observer.observe(event)

    def test_works_with_a_client(self, folder: Path, clock: FakeClock, logged: list[Any]) -> None:
        """The observer raises nothing when a client uses it for calls, streams, tools and failures, and closes it."""
        client = Client(
            f"{ECHO}/parrot",
            settings=self.as_settings(self.all_settings(folder)),
            registry=with_echo(self.found_in()),
            observers=[self.plugin],
            clock=clock,
            retries=1,
        )
        with client:
            client.ask("Hello")
            client.ask("What is the time?", tools=[_now])
            with client.stream("Hello again") as stream:
                next(iter(stream))
            with pytest.raises(ServerError):
                client.ask(FAIL)

        assert [event for event in logged if event["event"] == "observer failed"] == []


def _now() -> str:
    """Return the time."""
    return "noon"


def _unknown() -> Any:  # noqa: ANN401 - a class outside the union
    return UnknownEvent(call="1")


def _tracer(observer: Observer) -> ToolObserver:
    if not isinstance(observer, ToolObserver):
        pytest.skip("the observer does not wrap tools")
    return observer


def _close(observer: Observer) -> None:
    if isinstance(observer, ClosableObserver):
        observer.close()


def _observe_calls(observer: Observer, number: int) -> None:
    for call in range(_CALLS):
        for event in observations(f"{number}-{call}"):
            observer.observe(event)


def _observe_in_threads(observer: Observer) -> None:
    """Send events from several threads, which switch as often as possible."""
    barrier = threading.Barrier(_THREADS)

    def work(number: int) -> None:
        barrier.wait()
        _observe_calls(observer, number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            for done in [pool.submit(work, number) for number in range(_THREADS)]:
                done.result()
    finally:
        sys.setswitchinterval(interval)


def _observe_and_close(build: Build) -> tuple[Observer, BaseModel]:
    instance = build()
    observer: Observer = instance.implementation
    events: list[Observation] = [*observations(), *rare_observations()]
    for event in events:
        observer.observe(event)
        if isinstance(event, AttemptStarted) and isinstance(observer, HeadersObserver):
            observer.attempt_headers(event)
        if isinstance(event, ToolStarted) and isinstance(observer, ToolObserver):
            with contextlib.suppress(ValueError), observer.around_tool(event):
                raise ValueError(CONTENT)
    _close(observer)
    return observer, instance.settings


def _all_output(logged: list[Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    printed = capfd.readouterr()
    return f"{logged} {caplog.text} {printed.out} {printed.err}"


def _secrets_of(settings: BaseModel) -> dict[str, str]:
    secrets = {name: value for name, value in settings if isinstance(value, SecretStr | SecretBytes)}
    shown = {name: secret.get_secret_value() for name, secret in secrets.items()}
    return {name: value if isinstance(value, str) else value.decode() for name, value in shown.items() if value}
