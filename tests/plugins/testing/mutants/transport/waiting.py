"""Transports that mind neither deadlines nor limits."""

import dataclasses
import time

from budwood.errors import RequestTimeoutError
from budwood.transports.pooled import PooledTransport
from tests.plugins.testing.mutants.transport.sound import Carrier, Exchanging, Sound


class TestEveryDelayIsOfReading(Sound):
    caught_by = (
        "test_connection_in_time_or_not_at_all",
        "test_deadline_ends_waiting_for_the_head",
        "test_deadline_ends_waiting_for_the_body",
        "test_slow_head_cannot_outlast_the_deadline",
        "test_slow_body_cannot_outlast_the_deadline",
        "test_deadline_ends_sending",
        "test_call_without_a_place_waits_for_one",
        "test_handshake_in_time_or_not_at_all",
        "test_deadline_ends_the_handshake",
        "test_deadline_holds_behind_a_proxy",
        "test_tunnel_in_time_or_not_at_all",
    )

    class Mutant(Exchanging):
        def error(self, error):
            return RequestTimeoutError(str(error), phase="read") if isinstance(error, RequestTimeoutError) else error


class TestIsNeverSilent(Sound):
    caught_by = ("test_silence_within_a_reply_ends_at_the_idle_timeout",)

    class Mutant(Exchanging):
        def timing(self, timing):
            return dataclasses.replace(timing, idle_timeout=3600.0)


class TestHurriesModels(Sound):
    caught_by = ("test_model_that_thinks_is_not_idle",)

    class Mutant(Exchanging):
        def timing(self, timing):
            return dataclasses.replace(timing, deadline=min(timing.deadline, time.monotonic() + timing.idle_timeout))


class TestHasAClockOfItsOwn(Sound):
    caught_by = ("test_deadline_is_a_moment_of_the_given_clock",)

    class Mutant(Carrier):
        def blocking(self):
            return PooledTransport(self.settings, monotonic=lambda: 0.0)


class TestHasAnyNumberOfPlaces(Sound):
    caught_by = (
        "test_call_without_a_place_waits_for_one",
        "test_threads_take_turns",
        "test_tasks_take_turns",
        "test_closing_an_exchange_twice_is_no_error",
    )

    class Mutant(Carrier):
        changed = {"max_connections": 1000}


class TestLosesPlaces(Sound):
    caught_by = ("test_place_is_free_again_after_each_failure",)

    class Mutant(Exchanging):
        def error(self, error):
            self._places.acquire(blocking=False)
            return error
