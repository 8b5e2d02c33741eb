"""A sound transport, and transports that are broken in one place each."""

import asyncio
import dataclasses
import time
import urllib.parse
from typing import ClassVar

import pytest

from budwood.errors import ConfigurationError, ConnectionFailedError, RequestTimeoutError, UnsupportedError
from budwood.hooks import TRANSPORT, TransportSpec
from budwood.transports import pooled
from budwood.transports.origins import Place
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import ReplyHead
from budwood.wire.connecting import TransportSettings
from budwood_testing import TransportSuite, loopback
from budwood_testing.suites.transport import bench, leaving
from tests.plugins.testing.mutants.registering import registry_of

for module in (loopback, bench, leaving):  # what waits for a mutant waits in vain
    module.PATIENCE = 5.0
bench.timing.__kwdefaults__ = dict.fromkeys(("connect", "idle", "whole"), 5.0)


class Carrier:
    """
    It makes the default transports, of changed settings, and of other classes.
    """

    Blocking: ClassVar = PooledTransport
    Async: ClassVar = AsyncPooledTransport
    changed: ClassVar = {}

    def __init__(self, settings, context):
        self.settings = settings.model_copy(update=self.changed)
        self.monotonic = context.clock.monotonic

    def blocking(self):
        return self.Blocking(self.settings, monotonic=self.monotonic)

    def asynchronous(self):
        return self.Async(self.settings, monotonic=self.monotonic)


class Exchanging(PooledTransport):
    """
    Changes calls, heads, bodies and errors on their way.
    """

    def open(self, call, timing):
        try:
            exchange = super().open(self.call(call), self.timing(timing))
        except Exception as error:
            raise self.error(error) from error
        return Changed(exchange, self)

    def call(self, call):
        return call

    def timing(self, timing):
        return timing

    def head(self, head):
        return head

    def piece(self, data):
        return data

    def limit(self, limit):
        return limit

    def error(self, error):
        return error

    def end(self, exchange):
        exchange.close()


class Changed:
    def __init__(self, exchange, by):
        self.exchange = exchange
        self.by = by
        self.head = by.head(exchange.head)

    def read(self):
        try:
            return self.by.piece(self.exchange.read())
        except Exception as error:
            raise self.by.error(error) from error

    def read_all(self, limit):
        try:
            return self.by.piece(self.exchange.read_all(self.by.limit(limit)))
        except Exception as error:
            raise self.by.error(error) from error

    def close(self):
        self.by.end(self.exchange)


class Sound(TransportSuite):
    """
    All that a mutant states is what is broken, and by which tests it must be caught.
    """

    plugin = "carrier"
    caught_by: ClassVar = ()
    Mutant: ClassVar = Carrier

    def __init_subclass__(cls):
        made = cls.Mutant if issubclass(cls.Mutant, Carrier) else type("Made", (Carrier,), {"Blocking": cls.Mutant})
        spec = TransportSpec(
            name="carrier",
            settings=lambda: TransportSettings,
            build=made,
            requires_api=(2, 0),
            summary="It carries.",
        )
        cls.registry = registry_of(TRANSPORT, spec)
        if cls.caught_by:  # mutants leave sockets behind, which are found at any time, also while a report is made
            cls.pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning")]


class TestSound(Sound):
    pass


# Calls.


class TestLosesTheQuery(Sound):
    caught_by = ("test_call_arrives_as_it_was_made", "test_path_and_query_are_encoded_once")

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.partition("?")[0])


class TestEncodesTwice(Sound):
    caught_by = ("test_call_arrives_as_it_was_made", "test_path_and_query_are_encoded_once")

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.replace("%", "%25"))


class TestAlwaysSaysALength(Sound):
    caught_by = ("test_call_without_a_body",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, headers={"content-length": str(len(call.body)), **call.headers})


class TestSendsTheBeginning(Sound):
    caught_by = ("test_large_bodies_go_both_ways",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, body=call.body[:1_000_000])


class TestOffersMore(Sound):
    caught_by = ("test_compressed_body_is_unpacked",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, headers={**call.headers, "accept-encoding": "gzip, br"})


class TestDropsTheUser(Sound):
    caught_by = ("test_user_and_password_become_basic_authorization",)

    class Mutant(Exchanging):
        def call(self, call):
            scheme, _, rest = call.url.partition("://")
            return dataclasses.replace(call, url=f"{scheme}://{rest.rpartition('@')[2]}")


class TestSpellsHostsByEar(Sound):
    caught_by = ("test_host_beyond_ascii",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.replace("ü", "ue"))


class TestStripsKeys(Sound):
    caught_by = ("test_key_that_no_header_can_hold", "test_header_with_an_impossible_name")

    class Mutant(Exchanging):
        def call(self, call):
            kept = {name.strip() or "x": "".join(filter(str.isalnum, value)) for name, value in call.headers.items()}
            return dataclasses.replace(
                call,
                headers={name.replace("\n", "")[:1]: kept[name] for name in kept}
                if any(not name.isidentifier() and "-" not in name for name in kept)
                else kept,
            )


class TestKeepsCookies(Sound):
    caught_by = ("test_cookies_are_not_kept",)

    class Mutant(Exchanging):
        jar: ClassVar = {}

        def call(self, call):
            return dataclasses.replace(call, headers={**call.headers, **self.jar})

        def head(self, head):
            if "set-cookie" in head.headers:
                self.jar["cookie"] = head.headers["set-cookie"]
            return head


class TestFollowsRedirects(Sound):
    caught_by = ("test_redirects_are_not_followed",)

    class Mutant(PooledTransport):
        def open(self, call, timing):
            exchange = super().open(call, timing)
            if exchange.head.status != 307:
                return exchange
            exchange.close()
            return super().open(dataclasses.replace(call, url=exchange.head.headers["location"]), timing)


class TestTakesAnyAddress(Sound):
    caught_by = ("test_impossible_address_is_said_at_once", "test_no_secret_is_in_an_address_that_fails")

    class Mutant(Exchanging):
        def error(self, error):
            return ValueError(error) if "base_url" in str(error) else error

        def open(self, call, timing):
            try:
                return super().open(call, timing)
            except ValueError:
                raise RuntimeError(call.url) from None


# Replies.


class TestSpellsHeadersItsWay(Sound):
    caught_by = ("test_head_has_lower_case_names_and_all_values",)

    class Mutant(Exchanging):
        def head(self, head):
            return ReplyHead(head.status, {name.title(): value for name, value in head.headers.items()})


class TestCutsHeaders(Sound):
    caught_by = ("test_many_and_long_headers",)

    class Mutant(Exchanging):
        def head(self, head):
            return ReplyHead(head.status, {name: value[:8000] for name, value in head.headers.items()})


class TestTakesTheGreeting(Sound):
    caught_by = ("test_what_comes_before_the_reply_is_no_reply",)

    class Mutant(Exchanging):
        def head(self, head):
            return ReplyHead(100, head.headers)


class TestLosesAByte(Sound):
    caught_by = (
        "test_chunked_body_comes_whole",
        "test_reply_may_be_cut_at_every_byte",
        "test_pieces_come_as_they_are_sent",
        "test_body_that_ends_with_the_connection",
        "test_body_of_just_the_limit_is_read",
        "test_authority_of_the_settings_is_trusted",
        "test_authority_of_the_environment_is_trusted",
        "test_nothing_is_verified_where_that_is_wanted",
        "test_client_proves_who_it_is",
        "test_proxy_of_the_environment_is_used",
        "test_proxy_of_the_settings_goes_first",
        "test_no_proxy_stands_before_some_hosts",
    )

    class Mutant(Exchanging):
        def piece(self, data):
            return data[1:]


class TestSaysValueError(Sound):
    caught_by = (
        "test_another_encoding_is_a_bad_reply",
        "test_bomb_does_not_fill_the_memory",
        "test_body_announced_too_large_is_not_read",
        "test_endless_body_ends_at_the_limit",
        "test_cut_body_is_a_broken_connection",
        "test_no_reply_at_all_is_a_broken_connection",
        "test_what_is_not_http_is_a_broken_connection",
        "test_nobody_listens",
        "test_host_that_nobody_knows",
        "test_no_secret_is_in_any_error",
        "test_untrusted_server_is_not_asked",
        "test_other_name_is_not_trusted",
        "test_server_that_wants_to_know_who_asks",
        "test_files_that_cannot_be_read_are_named",
        "test_server_without_tls",
        "test_proxy_that_refuses_a_tunnel",
        "test_proxy_that_refuses_to_forward",
        "test_key_is_not_told_to_the_proxy_of_a_tunnel",
        "test_proxy_that_is_not_there",
        "test_another_thread_can_end_the_waiting",
    )

    class Mutant(Exchanging):
        def error(self, error):
            return ValueError(str(error))


class TestShowsTheKey(Sound):
    caught_by = ("test_no_secret_is_in_any_error", "test_what_is_not_http_is_a_broken_connection")

    class Mutant(Exchanging):
        def call(self, call):
            self.last = call
            return call

        def error(self, error):
            error.request = dict(self.last.headers)
            return error


# Waiting.


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


# Connections.


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


# Leaving.


class TestStays(Sound):
    caught_by = (
        "test_closing_in_mid_reply_closes_the_connection",
        "test_closing_before_the_body_closes_the_connection",
    )

    class Mutant(Exchanging):
        def end(self, exchange):
            pass


class TestLeavesTheRestOpen(Sound):
    caught_by = ("test_closing_the_transport_closes_its_connections", "test_closing_ends_calls_under_way")

    class Mutant(PooledTransport):
        def close(self):
            pass


class TestLeavesTasksWaiting(Sound):
    caught_by = ("test_closing_ends_tasks_under_way", "test_cancelling_at_any_step_leaves_nothing")

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def close(self):
                pass


class TestClosesOnce(Sound):
    caught_by = ("test_closing_twice_is_no_error",)

    class Mutant(PooledTransport):
        closed = False

        def close(self):
            if self.closed:
                raise RuntimeError("closed already")
            self.closed = True
            super().close()


class TestInterruptsTheNextCall(Sound):
    caught_by = ("test_interrupting_who_does_not_wait_is_no_error",)

    class Mutant(PooledTransport):
        interrupted = False

        def interrupt(self, thread):
            self.interrupted = True

        def open(self, call, timing):
            if self.interrupted:
                raise ConnectionFailedError("interrupted")
            return super().open(call, timing)


class TestForgetsWhatWasCancelled(Sound):
    caught_by = (
        "test_cancelling_at_any_step_leaves_nothing",
        "test_cancelling_at_any_step_of_tls_leaves_nothing",
    )

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def _sent(self, target, request):
                connection = target.server.pool.create_connection(target.server.origin)
                return Place(target.server, connection), await connection.handle_async_request(request)


class TestTakesCancellingForAFailure(Sound):
    caught_by = ("test_cancelling_a_task_closes_the_connection",)

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                try:
                    return await super().open(call, timing)
                except asyncio.CancelledError:
                    raise ConnectionFailedError("The connection broke.") from None


class TestWaitersKeepTheirPlace(Sound):
    caught_by = ("test_cancelling_who_waits_for_a_place",)

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                try:
                    return await super().open(call, timing)
                except asyncio.CancelledError:
                    self._kept = asyncio.ensure_future(self._places.acquire())
                    raise


class TestComplains(Sound):
    caught_by = ("test_dropping_it_unclosed_is_silent",)

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            def __del__(self):
                import logging

                logging.getLogger("carrier").error("Unclosed transport")


# Proxies, and what it is.


class TestKeepsPasswordsFromProxies(Sound):
    caught_by = ("test_proxy_is_told_user_and_password",)

    class Mutant(Carrier):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            if settings.proxy is not None:
                address = urllib.parse.urlsplit(settings.proxy.get_secret_value())
                bare = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
                self.settings = TransportSettings(proxy=bare)


class TestShowsTheProxy(Sound):
    caught_by = ("test_proxy_that_cannot_be_used_is_said",)

    class Mutant(Carrier):
        def blocking(self):
            try:
                return super().blocking()
            except ConfigurationError:
                raise ConfigurationError(f"The proxy {self.settings.proxy.get_secret_value()} is none.") from None


class TestSomethingIsClaimed(Sound):
    caught_by = ("test_something_is_claimed",)
    blocking = False
    asynchronous = False


class TestConnectsAtOnce(Sound):
    caught_by = ("test_making_it_talks_to_nobody",)

    class Mutant(Carrier):
        def blocking(self):
            import socket

            socket.getaddrinfo("127.0.0.1", 80)
            return super().blocking()


class TestGoesStraight(Sound):
    caught_by = ("test_proxies_are_refused_where_it_knows_none",)
    proxies = False


class TestHasMoreThanItClaims(Sound):
    caught_by = ("test_what_it_has_not_is_refused",)
    asynchronous = False


class TestRefusesWithoutACure(Sound):
    caught_by = ("test_what_it_has_not_is_refused",)
    asynchronous = False

    class Mutant(Carrier):
        def asynchronous(self):
            raise UnsupportedError("No.")
