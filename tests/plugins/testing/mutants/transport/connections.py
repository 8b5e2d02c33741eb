"""Transports that keep their connections badly."""

from budwood.errors import ConnectionFailedError
from budwood.transports import pooled
from budwood.transports.pooled import PooledTransport
from tests.plugins.testing.mutants.transport.correct import Carrier, Correct


class TestUsesEachOnce(Correct):
    caught_by = ("test_connection_is_reused", "test_reply_without_a_body")

    class Mutant(Carrier):
        changed = {"max_idle_connections": 0}


class TestNeverForgets(Correct):
    caught_by = ("test_idle_connection_expires",)

    class Mutant(Carrier):
        changed = {"keepalive_expiry": 3600.0}


class TestKeepsSome(Correct):
    caught_by = ("test_no_idle_connections_when_the_limit_is_zero",)

    class Mutant(Carrier):
        changed = {"max_idle_connections": 5}


class TestCarriesOneCall(Correct):
    caught_by = (
        "test_connection_close_header_prevents_reuse",
        "test_closed_idle_connection_is_replaced",
        "test_connection_closed_during_reuse_is_retryable",
        "test_unsolicited_bytes_are_not_a_reply",
        "test_unread_rest_is_not_the_next_reply",
    )

    class Mutant(PooledTransport):
        tired = False

        def open(self, call, timing):
            if self.tired:
                raise ConnectionFailedError("The connection broke.")
            self.tired = True
            return super().open(call, timing)


class TestTakesWhatFollows(Correct):
    caught_by = ("test_bytes_after_a_reply_are_not_the_next_reply",)

    class Mutant(PooledTransport):
        def release(self, active):
            looks, pooled.has_trailing_data = pooled.has_trailing_data, lambda _: False
            try:
                super().release(active)
            finally:
                pooled.has_trailing_data = looks
