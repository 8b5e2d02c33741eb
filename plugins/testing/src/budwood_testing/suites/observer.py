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
from typing import Any, ClassVar, Final

import pytest
import structlog
from pydantic import BaseModel, SecretBytes, SecretStr

from budwood import Client
from budwood.contracts import ClosableObserver, HeadersObserver, Observer, ToolObserver
from budwood.errors import ConfigurationError, ServerError
from budwood.hooks import OBSERVER, Kind
from budwood.plugins import Instances
from budwood.settings import Settings
from budwood.types import AttemptStarted, Observation, ToolStarted
from budwood.wire.heads import TRANSPORT_HEADERS, sendable
from budwood_testing.clock import FakeClock
from budwood_testing.examples.observations import CONTENT, UnknownEvent, observations, rare_observations
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.proving import Unproved
from budwood_testing.suites.reaching import holds
from budwood_testing.suites.repeating import FAIL, REPEATING, with_repeating

_THREADS: Final = 8
_CALLS: Final = 40
_STARTED: Final = ToolStarted(call="1", name="weather", arguments="{}")
_ERRORS: Final = (ValueError, StopIteration, KeyboardInterrupt, asyncio.CancelledError)


class ObserverSuite(PluginSuite):
    """
    Proves an observer.

    .. code-block:: python

        class TestUsage(ObserverSuite):
            plugin = "usage"

            def state(self, observer):
                return observer.totals()

    Attributes:
        keeps_content: Whether it keeps what users and models wrote, in memory or in files. It must not log it.
        needs_settings: Whether it cannot be built without settings, such as the address of a server.
    """

    kind: ClassVar[Kind[Any]] = OBSERVER
    keeps_content: ClassVar[bool] = False
    needs_settings: ClassVar[bool] = False

    def state(self, observer: Any) -> object:  # noqa: ANN401 - whatever the author's observer is
        """Return what it has counted, in a form that can be compared; None where it shows nothing."""
        return None

    @pytest.fixture
    def observer(self, build: Build) -> Observer:
        """Make the observer."""
        observer: Observer = build().thing
        return observer

    @pytest.fixture
    def logged(self, caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
        """Collect what is logged, by structlog and by the standard library."""
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

    def test_default_settings_are_enough(self, clock: FakeClock) -> None:
        """Users name it, and it runs; one that needs settings says which."""
        instances = Instances(Settings(), self.found_in(), clock)
        if self.needs_settings:
            with pytest.raises(ConfigurationError):
                instances.build(OBSERVER, self.plugin)
            return
        _close(instances.build(OBSERVER, self.plugin).thing)

    def test_every_event_is_taken(self, observer: Observer) -> None:
        """Of each kind, also in its rarer forms; nothing is returned, so nothing waits to be awaited."""
        observe: Any = observer.observe
        for event in (*observations(), *rare_observations()):
            assert observe(event) is None, f"observe() returned something for {type(event).__name__}"

    def test_event_of_an_unknown_kind_is_ignored(self, observer: Observer) -> None:
        """Later versions of Budwood may add kinds."""
        observer.observe(_unknown())

    def test_events_may_come_in_any_order(self, observer: Observer) -> None:
        """Calls run side by side, and an observer may be told of the end of what it never saw begin."""
        for event in reversed([*observations("1"), *rare_observations("2")]):
            observer.observe(event)
        for pair in zip(observations("3"), observations("4"), strict=True):
            for event in pair:
                observer.observe(event)

    def test_observing_does_no_io(self, observer: Observer, clock: FakeClock) -> None:
        """It runs on the event loop: no file is opened, no connection is made, and nothing waits."""
        with forbidden(waiting=True):
            for event in (*observations(), *rare_observations()):
                observer.observe(event)
        assert clock.slept == []

    def test_threads_may_share_it(self, observer: Observer) -> None:
        """Clients call it from several threads at once."""
        _observe_in_threads(observer)

    def test_threads_lose_no_count(self, observer: Observer, build: Build, unproved: Unproved) -> None:
        """What several threads tell counts as much as what one tells."""
        alone = build().thing
        for number in range(_THREADS):
            _observe_calls(alone, number)
        if self.state(alone) is None:
            unproved("it states no state(…), which tells what it has counted")
        assert self.state(alone) != self.state(build().thing), "state(…) says the same before and after events"
        _observe_in_threads(observer)

        assert self.state(observer) == self.state(alone)

    def test_content_is_not_kept(self, observer: Observer, tmp_path: Path) -> None:
        """What users and models wrote is neither held nor written once the calls are over, unless it claims so."""
        if self.keeps_content:
            pytest.skip("it claims to keep content")
        for event in (*observations(), *rare_observations()):
            observer.observe(event)
        _close(observer)

        assert not holds(observer, CONTENT), "it holds content: set keeps_content = True if it must"
        files = [path for path in tmp_path.rglob("*") if path.is_file() and CONTENT.encode() in path.read_bytes()]
        assert files == [], "it writes content: set keeps_content = True if it must"

    def test_content_is_not_logged(
        self,
        build: Build,
        logged: list[Any],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """The log holds no prompts and no replies, whatever is kept elsewhere."""
        _observe_and_close(build)

        assert CONTENT not in _all_of(logged, caplog, capfd)

    def test_secrets_are_not_logged(
        self,
        build: Build,
        logged: list[Any],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """Nor shown: keys, tokens and passwords of its settings stay where they are."""
        observer, settings = _observe_and_close(build)
        said = f"{_all_of(logged, caplog, capfd)} {observer!r}"

        for name, secret in _secrets_of(settings).items():
            assert secret not in said, f"{name} is logged or shown"

    def test_headers_can_be_sent(self, observer: Observer) -> None:
        """Names and values are text that HTTP allows, and frame no message; they are made without I/O."""
        if not isinstance(observer, HeadersObserver):
            pytest.skip("it adds no headers")
        for event in (*observations(), *rare_observations()):
            if isinstance(event, AttemptStarted):
                with forbidden(waiting=True):
                    observer.observe(event)
                    headers = observer.attempt_headers(event)
                assert isinstance(headers, Mapping)
                assert all(isinstance(text, str) for pair in headers.items() for text in pair), "headers must be text"
                assert not sendable(headers).keys() & TRANSPORT_HEADERS, "these headers are the transport's"

    def test_tool_runs_inside_its_context_manager(self, observer: Observer) -> None:
        """Once, without an error, and in several threads at once."""
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
    def test_exception_of_a_tool_passes(self, observer: Observer, kind: type[BaseException]) -> None:
        """It is neither suppressed nor replaced: the model reads it, or the program ends by it."""
        tracer, error = _tracer(observer), kind("of the tool")
        with pytest.raises(kind) as caught, tracer.around_tool(_STARTED):
            raise error

        assert caught.value is error

    def test_closed_observer_is_left_in_peace(self, observer: Observer, build: Build) -> None:
        """Closing twice is no error, nor is closing what was never used, nor an event that comes too late."""
        _close(build().thing)
        for event in observations():
            observer.observe(event)
        for _ in range(2):
            _close(observer)
        for event in observations("late"):
            observer.observe(event)

    def test_client_runs_and_closes_it(self, folder: Path, clock: FakeClock, logged: list[Any]) -> None:
        """Whole calls, streams, tools and failures pass, and it raises nothing, also when the client closes it."""
        client = Client(
            f"{REPEATING}/parrot",
            settings=self.as_settings(self.all_settings(folder)),
            registry=with_repeating(self.found_in()),
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
    """Tell the time."""
    return "noon"


def _unknown() -> Any:  # noqa: ANN401 - no type knows it
    return UnknownEvent(call="1")


def _tracer(observer: Observer) -> ToolObserver:
    if not isinstance(observer, ToolObserver):
        pytest.skip("it wraps no tools")
    return observer


def _close(observer: Observer) -> None:
    if isinstance(observer, ClosableObserver):
        observer.close()


def _observe_calls(observer: Observer, number: int) -> None:
    for call in range(_CALLS):
        for event in observations(f"{number}-{call}"):
            observer.observe(event)


def _observe_in_threads(observer: Observer) -> None:
    """Tell calls in several threads, which take turns as often as they can."""
    begin = threading.Barrier(_THREADS)

    def work(number: int) -> None:
        begin.wait()
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
    observer: Observer = instance.thing
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


def _all_of(logged: list[Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    printed = capfd.readouterr()
    return f"{logged} {caplog.text} {printed.out} {printed.err}"


def _secrets_of(settings: BaseModel) -> dict[str, str]:
    secrets = {name: value for name, value in settings if isinstance(value, SecretStr | SecretBytes)}
    shown = {name: secret.get_secret_value() for name, secret in secrets.items()}
    return {name: value if isinstance(value, str) else value.decode() for name, value in shown.items() if value}
