"""Transports that keep their connections badly."""

from budwood.errors import ConnectionFailedError
from budwood.transports import pooled
from budwood.transports.pooled import PooledTransport
from tests.plugins.testing.mutants.transport.sound import Carrier, Sound


class TestUsesEachOnce(Sound):
    caught_by = ("test_connection_is_used_again", "test_reply_without_a_body")

    class Mutant(Carrier):
        changed = {"max_idle_connections": 0}


class TestNeverForgets(Sound):
    caught_by = ("test_connection_expires",)

    class Mutant(Carrier):
        changed = {"keepalive_expiry": 3600.0}


class TestKeepsSome(Sound):
    caught_by = ("test_no_connection_is_kept_where_none_is_wanted",)

    class Mutant(Carrier):
        changed = {"max_idle_connections": 5}


class TestCarriesOneCall(Sound):
    caught_by = (
        "test_connection_that_the_server_ends_is_not_used",
        "test_connection_that_the_server_ended_in_silence",
        "test_connection_that_ends_as_it_is_used",
        "test_bytes_that_nobody_asked_for_are_no_reply",
        "test_reply_that_is_left_is_not_the_next_one",
    )

    class Mutant(PooledTransport):
        tired = False

        def open(self, call, timing):
            if self.tired:
                raise ConnectionFailedError("The connection broke.")
            self.tired = True
            return super().open(call, timing)


class TestTakesWhatFollows(Sound):
    caught_by = ("test_bytes_after_the_reply_are_no_reply",)

    class Mutant(PooledTransport):
        def leave(self, place):
            looks, pooled.is_spoilt = pooled.is_spoilt, lambda _: False
            try:
                super().leave(place)
            finally:
                pooled.is_spoilt = looks
