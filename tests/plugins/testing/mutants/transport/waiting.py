"""Transports that ignore deadlines or limits."""

import dataclasses
import time

from budwood.errors import RequestTimeoutError
from budwood.transports.pooled import PooledTransport
from tests.plugins.testing.mutants.transport.correct import Correct, ModifyingTransport, Wrapper


class TestReportsReadTimeout(Correct):
    caught_by = (
        "test_connect_timeout_limits_connecting",
        "test_deadline_limits_waiting_for_the_head",
        "test_deadline_limits_waiting_for_the_body",
        "test_slow_head_is_stopped_at_the_deadline",
        "test_slow_body_is_stopped_at_the_deadline",
        "test_deadline_limits_sending",
        "test_call_waits_for_a_free_connection",
        "test_connect_timeout_limits_the_handshake",
        "test_deadline_limits_the_handshake",
        "test_deadline_applies_through_a_proxy",
        "test_connect_timeout_limits_the_tunnel",
    )

    class Mutant(ModifyingTransport):
        def error(self, error):
            return RequestTimeoutError(str(error), phase="read") if isinstance(error, RequestTimeoutError) else error


class TestIgnoresIdleTimeout(Correct):
    caught_by = ("test_idle_timeout_limits_silence_during_a_reply",)

    class Mutant(ModifyingTransport):
        def timing(self, timing):
            return dataclasses.replace(timing, idle_timeout=3600.0)


class TestAppliesIdleTimeoutToHead(Correct):
    caught_by = ("test_idle_timeout_does_not_apply_before_the_head",)

    class Mutant(ModifyingTransport):
        def timing(self, timing):
            return dataclasses.replace(timing, deadline=min(timing.deadline, time.monotonic() + timing.idle_timeout))


class TestUsesOwnClock(Correct):
    caught_by = ("test_deadline_uses_the_clock_of_the_context",)

    class Mutant(Wrapper):
        def blocking(self):
            return PooledTransport(self.settings, monotonic=lambda: 0.0)


class TestIgnoresConnectionLimit(Correct):
    caught_by = (
        "test_call_waits_for_a_free_connection",
        "test_threads_share_the_connections",
        "test_tasks_share_the_connections",
        "test_closing_an_exchange_twice_is_no_error",
    )

    class Mutant(Wrapper):
        changed = {"max_connections": 1000}


class TestLeaksSlots(Correct):
    caught_by = ("test_failed_call_releases_its_connection",)

    class Mutant(ModifyingTransport):
        def error(self, error):
            self._slots.acquire(blocking=False)
            return error
