"""Transports with defects in closing, cancelling and interrupting."""

import asyncio

from budwood.errors import ConnectionFailedError
from budwood.transports.origins import ActiveConnection
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from tests.plugins.testing.mutants.transport.correct import Correct, ModifyingTransport, Wrapper


class TestKeepsConnectionOpen(Correct):
    caught_by = (
        "test_closing_during_a_reply_closes_the_connection",
        "test_closing_before_the_body_closes_the_connection",
    )

    class Mutant(ModifyingTransport):
        def end(self, exchange):
            pass


class TestCloseDoesNothing(Correct):
    caught_by = ("test_closing_the_transport_closes_its_connections", "test_closing_the_transport_ends_active_calls")

    class Mutant(PooledTransport):
        def close(self):
            pass


class TestAsyncCloseDoesNothing(Correct):
    caught_by = ("test_closing_the_transport_ends_active_tasks", "test_cancelling_at_any_step_releases_everything")

    class Mutant(Wrapper):
        class Async(AsyncPooledTransport):
            async def close(self):
                pass


class TestClosingTwiceFails(Correct):
    caught_by = ("test_closing_twice_is_no_error",)

    class Mutant(PooledTransport):
        closed = False

        def close(self):
            if self.closed:
                raise RuntimeError("already closed")
            self.closed = True
            super().close()


class TestInterruptsTheNextCall(Correct):
    caught_by = ("test_interrupting_an_idle_thread_has_no_effect",)

    class Mutant(PooledTransport):
        interrupted = False

        def interrupt(self, thread):
            self.interrupted = True

        def open(self, call, timing):
            if self.interrupted:
                raise ConnectionFailedError("interrupted")
            return super().open(call, timing)


class TestLeaksCancelledConnections(Correct):
    caught_by = (
        "test_cancelling_at_any_step_releases_everything",
        "test_cancelling_at_any_step_of_tls_releases_everything",
    )

    class Mutant(Wrapper):
        class Async(AsyncPooledTransport):
            async def _send(self, target, request):
                connection = target.server.pool.create_connection(target.server.origin)
                return ActiveConnection(target.server, connection), await connection.handle_async_request(request)


class TestReportsCancellationAsError(Correct):
    caught_by = ("test_cancelling_a_task_closes_the_connection",)

    class Mutant(Wrapper):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                try:
                    return await super().open(call, timing)
                except asyncio.CancelledError:
                    raise ConnectionFailedError("The connection broke.") from None


class TestLeaksSlotOnCancellation(Correct):
    caught_by = ("test_cancelling_a_queued_call_takes_no_connection",)

    class Mutant(Wrapper):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                try:
                    return await super().open(call, timing)
                except asyncio.CancelledError:
                    self._leaked = asyncio.ensure_future(self._slots.acquire())
                    raise


class TestLogsUnclosedTransport(Correct):
    caught_by = ("test_unclosed_transport_prints_nothing",)

    class Mutant(Wrapper):
        class Async(AsyncPooledTransport):
            def __del__(self):
                import logging

                logging.getLogger("wrapper").error("Unclosed transport")
