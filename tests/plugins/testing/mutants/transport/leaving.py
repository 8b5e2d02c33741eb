"""Transports that close, cancel and interrupt badly."""

import asyncio

from budwood.errors import ConnectionFailedError
from budwood.transports.origins import Place
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from tests.plugins.testing.mutants.transport.sound import Carrier, Exchanging, Sound


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
