"""Transports with defects in reusing connections."""

from dataclasses import replace

from budwood.errors import ConnectionFailedError
from budwood.transports import pooled
from budwood.transports.pooled import PooledTransport
from tests.plugins.testing.mutants.transport.correct import Correct, ModifyingTransport, Wrapper


class TestNeverReusesConnections(Correct):
    caught_by = ("test_connection_is_reused", "test_reply_without_a_body")

    class Mutant(Wrapper):
        changed = {"max_idle_connections": 0}


class TestNeverExpiresConnections(Correct):
    caught_by = ("test_idle_connection_expires",)

    class Mutant(Wrapper):
        changed = {"keepalive_expiry": 3600.0}


class TestKeepsIdleConnections(Correct):
    caught_by = ("test_no_idle_connections_when_the_limit_is_zero",)

    class Mutant(Wrapper):
        changed = {"max_idle_connections": 5}


class TestAllowsOneCall(Correct):
    caught_by = (
        "test_connection_close_header_prevents_reuse",
        "test_closed_idle_connection_is_replaced",
        "test_connection_closed_during_reuse_is_retryable",
        "test_unsolicited_bytes_are_not_a_reply",
        "test_unread_rest_is_not_the_next_reply",
    )

    class Mutant(PooledTransport):
        is_used = False

        def open(self, call, timing):
            if self.is_used:
                raise ConnectionFailedError("The connection broke.")
            self.is_used = True
            return super().open(call, timing)


class TestAcceptsTrailingData(Correct):
    caught_by = ("test_bytes_after_a_reply_are_not_the_next_reply",)

    class Mutant(PooledTransport):
        def release(self, active):
            original, pooled.has_trailing_data = pooled.has_trailing_data, lambda _: False
            try:
                super().release(active)
            finally:
                pooled.has_trailing_data = original


class TestLooksUpHosts(Correct):
    caught_by = (
        "test_host_of_a_call_with_addresses_is_not_looked_up",
        "test_second_address_is_tried",
        "test_no_other_address_is_connected_to",
        "test_connection_to_other_addresses_is_not_reused",
        "test_certificate_is_that_of_the_host",
    )

    class Mutant(ModifyingTransport):
        def call(self, call):
            return replace(call, addresses=())


class TestVerifiesTheAddress(Correct):
    caught_by = ("test_certificate_is_that_of_the_host", "test_certificate_of_the_address_is_rejected")

    class Mutant(ModifyingTransport):
        def call(self, call):
            return replace(call, url=call.url.replace("storage.invalid", "127.0.0.1"), addresses=())
