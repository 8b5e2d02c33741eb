"""A correct observer, and broken ones."""

import asyncio
import contextlib
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from budwood.hooks import OBSERVER, ObserverSpec
from budwood.types import AttemptFinished, RequestFinished, RequestStarted
from budwood_testing import ObserverSuite
from tests.plugins.testing.mutants.registering import registry_of


class TallySettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: SecretStr | None = None
    path: Path | None = None


class RequiredToken(TallySettings):
    token: SecretStr


class Tally:
    """
    Counts requests and tokens, and adds a header and a context manager.
    """

    def __init__(self, settings, context):
        self.settings = settings
        self.context = context
        self.lock = threading.Lock()
        self.counts = Counter()
        self.closed = False

    def observe(self, event):
        match event:
            case RequestStarted():
                self.add("requests", 1)
            case AttemptFinished(attempt=attempt):
                self.add("tokens", attempt.usage.total_tokens if attempt.usage else 0)
            case RequestFinished():
                self.finished(event)

    def finished(self, event):
        self.context.log("tally", call=event.call)

    def add(self, name, number):
        with self.lock:
            self.counts[name] += number

    def attempt_headers(self, event):
        return {"x-call": event.call}

    @contextlib.contextmanager
    def around_tool(self, event):
        yield

    def close(self):
        self.closed = True


class Correct(ObserverSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "tally"
    caught_by: ClassVar = ()
    Mutant: ClassVar = Tally
    settings_of: ClassVar = TallySettings

    def __init_subclass__(cls):
        spec = ObserverSpec(
            name="tally",
            settings=lambda: cls.settings_of,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="Counts requests.",
        )
        cls.registry = registry_of(OBSERVER, spec)

    def settings(self, folder):
        return {"token": "conformance-secret", "path": folder / "tally"}

    def state(self, observer):
        return dict(observer.counts)


class TestCorrect(Correct):
    pass


class TestCorrectWithContent(Correct):
    keeps_content = True

    class Mutant(Tally):
        def observe(self, event):
            super().observe(event)
            self.last = event


class TestCorrectWithSettings(Correct):
    needs_settings = True
    settings_of = RequiredToken


class TestRequiresUndeclaredSettings(Correct):
    caught_by = ("test_default_settings_work",)
    settings_of = RequiredToken


class TestDeclaresUnneededSettings(Correct):
    caught_by = ("test_default_settings_work",)
    needs_settings = True


class TestSelectsSomethingElse(Correct):
    caught_by = ("test_event_types_are_events",)

    class Mutant(Tally):
        event_types = (RequestStarted, AttemptFinished, RequestFinished, dict)


class TestSelectsNoEvent(Correct):
    caught_by = ("test_event_types_are_events",)

    class Mutant(Tally):
        event_types = ()
        attempt_headers = around_tool = None


class TestRequiresUsage(Correct):
    caught_by = ("test_every_event_is_accepted", "test_works_with_a_client")

    class Mutant(Tally):
        def observe(self, event):
            if isinstance(event, AttemptFinished):
                self.add("tokens", event.attempt.usage.total_tokens)


class TestIsAsync(Correct):
    caught_by = ("test_every_event_is_accepted",)

    class Mutant(Tally):
        def observe(self, event):
            return asyncio.sleep(0)


class TestRejectsUnknownEvents(Correct):
    caught_by = ("test_unknown_event_is_ignored",)

    class Mutant(Tally):
        def observe(self, event):
            if type(event).__module__ != RequestStarted.__module__:
                raise TypeError(type(event).__name__)
            super().observe(event)


class TestRequiresRequestStarted(Correct):
    caught_by = ("test_events_are_accepted_in_any_order",)

    class Mutant(Tally):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.open = {}

        def observe(self, event):
            if isinstance(event, RequestStarted):
                self.open[event.call] = self.context.clock.monotonic()
            if isinstance(event, RequestFinished):
                self.open[event.call]


class TestAllowsOneCall(Correct):
    caught_by = ("test_events_are_accepted_in_any_order",)

    class Mutant(Tally):
        call = None

        def observe(self, event):
            if isinstance(event, RequestStarted):
                if self.call is not None:
                    raise RuntimeError("another call is active")
                self.call = event.call
            if isinstance(event, RequestFinished):
                self.call = None


class TestWritesFile(Correct):
    caught_by = ("test_observing_does_no_io",)

    class Mutant(Tally):
        def finished(self, event):
            with contextlib.suppress(OSError), self.settings.path.open("a") as file:
                file.write(event.call)


class TestSleeps(Correct):
    caught_by = ("test_observing_does_no_io",)

    class Mutant(Tally):
        def finished(self, event):
            with contextlib.suppress(OSError):
                time.sleep(0.0)


class TestSleepsByClock(Correct):
    caught_by = ("test_observing_does_no_io",)

    class Mutant(Tally):
        def finished(self, event):
            self.context.clock.sleep(0.1)


class TestAllowsOneThread(Correct):
    caught_by = ("test_is_thread_safe",)

    class Mutant(Tally):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.creator = threading.get_ident()

        def observe(self, event):
            if threading.get_ident() != self.creator:
                raise RuntimeError("created in another thread")
            super().observe(event)


class TestHasDataRace(Correct):
    caught_by = ("test_counts_are_complete_with_threads",)

    class Mutant(Tally):
        """
        With several threads, another one always writes between the read and the write.
        """

        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.first_thread = {}
            self.is_updated = threading.Event()

        def add(self, name, number):
            before = self.counts[name]
            here = threading.current_thread()
            if here is threading.main_thread():
                self.counts[name] = before + number
            elif self.first_thread.setdefault(name, here) is here:
                self.is_updated.wait()
                self.counts[name] = before + number
            else:
                self.counts[name] = before + number
                self.is_updated.set()


class TestCountsNothing(Correct):
    caught_by = ("test_counts_are_complete_with_threads",)

    class Mutant(Tally):
        def add(self, name, number):
            pass


class TestRetainsEvents(Correct):
    caught_by = ("test_content_is_not_retained",)

    class Mutant(Tally):
        def observe(self, event):
            self.last = event


class TestRetainsErrors(Correct):
    caught_by = ("test_content_is_not_retained",)

    class Mutant(Tally):
        def finished(self, event):
            if event.error is not None:
                self.show = lambda: event.error


class TestRetainsCopies(Correct):
    caught_by = ("test_content_is_not_retained",)

    class Mutant(Tally):
        def finished(self, event):
            self.counts[event.prompt.encode()[:200]] += 1


class TestWritesContent(Correct):
    caught_by = ("test_content_is_not_retained",)

    class Mutant(Tally):
        def finished(self, event):
            self.settings.path.write_text(event.prompt)


class TestLogsContent(Correct):
    caught_by = ("test_content_is_not_logged",)

    class Mutant(Tally):
        def finished(self, event):
            self.context.log("tally", question=event.prompt)


class TestPrintsContent(Correct):
    caught_by = ("test_content_is_not_logged",)

    class Mutant(Tally):
        def finished(self, event):
            sys.stderr.write(event.prompt)


class TestLogsToolErrors(Correct):
    caught_by = ("test_content_is_not_logged",)

    class Mutant(Tally):
        @contextlib.contextmanager
        def around_tool(self, event):
            try:
                yield
            except ValueError as error:
                self.context.log("tool failed", reason=str(error))
                raise


class TestLogsToken(Correct):
    caught_by = ("test_secrets_are_not_logged",)

    class Mutant(Tally):
        def close(self):
            if self.settings.token:
                self.context.log("closed", server=f"https://{self.settings.token.get_secret_value()}@tally.example")


class TestReprShowsToken(Correct):
    caught_by = ("test_secrets_are_not_logged",)

    class Mutant(Tally):
        def __repr__(self):
            return f"Tally({self.settings.token.get_secret_value()})"


class TestHeaderWithNewline(Correct):
    caught_by = ("test_headers_are_valid",)

    class Mutant(Tally):
        def attempt_headers(self, event):
            return {"x-call": f"{event.call}\r\n"}


class TestHeaderIsNumber(Correct):
    caught_by = ("test_headers_are_valid",)

    class Mutant(Tally):
        def attempt_headers(self, event):
            return {"x-number": event.number}


class TestSetsHostHeader(Correct):
    caught_by = ("test_headers_are_valid",)

    class Mutant(Tally):
        def attempt_headers(self, event):
            return {"Host": "tally.example"}


class TestHeadersRequireKey(Correct):
    caught_by = ("test_headers_are_valid",)

    class Mutant(Tally):
        def attempt_headers(self, event):
            return {"x-key": event.key.lower()}


class TestReturnsNoContextManager(Correct):
    caught_by = ("test_tool_runs_inside_its_context_manager",)

    class Mutant(Tally):
        def around_tool(self, event):
            return None


class TestReusesContextManager(Correct):
    caught_by = ("test_tool_runs_inside_its_context_manager",)

    class Mutant(Tally):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.scope = super().around_tool(None)

        def around_tool(self, event):
            return self.scope


class TestSuppressesExceptions(Correct):
    caught_by = ("test_tool_exception_propagates",)

    class Mutant(Tally):
        def around_tool(self, event):
            return contextlib.suppress(Exception)


class TestReplacesExceptions(Correct):
    caught_by = ("test_tool_exception_propagates",)

    class Mutant(Tally):
        @contextlib.contextmanager
        def around_tool(self, event):
            try:
                yield
            except ValueError as error:
                raise ValueError("a tool failed") from error


class TestClosingTwiceFails(Correct):
    caught_by = ("test_closed_observer_accepts_calls",)

    class Mutant(Tally):
        def close(self):
            if self.closed:
                raise RuntimeError("already closed")
            super().close()


class TestRejectsEventsAfterClose(Correct):
    caught_by = ("test_closed_observer_accepts_calls",)

    class Mutant(Tally):
        def observe(self, event):
            if self.closed:
                raise ValueError("closed")
            super().observe(event)


class TestCloseFails(Correct):
    caught_by = ("test_works_with_a_client",)

    class Mutant(Tally):
        def close(self):
            raise OSError("disk full")
