"""Transports with defects in handling files and the deadline of the head."""

import asyncio
import dataclasses

from budwood.errors import ConnectionFailedError, RequestTimeoutError
from budwood.transports.origins import ActiveConnection
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import BodyFile
from budwood.wire import uploads
from tests.plugins.testing.mutants.transport.correct import Correct, ModifyingTransport, Wrapper


class TestSendsNoFiles(Correct):
    caught_by = (
        "test_files_and_bytes_are_sent_in_order",
        "test_range_of_a_file_is_sent",
        "test_connection_is_reused_after_an_upload",
        "test_each_attempt_rereads_the_files",
        "test_unreadable_file_is_named",
        "test_file_that_shrinks_during_upload_is_named",
        "test_uploading_a_large_file_uses_little_memory",
    )

    class Mutant(ModifyingTransport):
        def call(self, call):
            parts = (call.body,) if isinstance(call.body, bytes) else call.body
            return dataclasses.replace(call, body=b"".join(part for part in parts if isinstance(part, bytes)))


class TestIgnoresSeveralByteParts(Correct):
    caught_by = ("test_body_of_several_byte_parts_is_sent",)

    class Mutant(ModifyingTransport):
        def call(self, call):
            if isinstance(call.body, tuple) and not any(isinstance(part, BodyFile) for part in call.body):
                return dataclasses.replace(call, body=b"")
            return call


class TestSendsWholeFiles(Correct):
    caught_by = ("test_range_of_a_file_is_sent", "test_unreadable_file_is_named")

    class Mutant(ModifyingTransport):
        def call(self, call):
            parts = (call.body,) if isinstance(call.body, bytes) else call.body
            files = tuple(BodyFile(part.path) if isinstance(part, BodyFile) else part for part in parts)
            return dataclasses.replace(call, body=files)


class TestReadsFilesIntoMemory(Correct):
    caught_by = ("test_uploading_a_large_file_uses_little_memory", "test_file_that_shrinks_during_upload_is_named")

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, body=uploads.read_body(call.body))


class TestCachesFiles(Correct):
    caught_by = ("test_each_attempt_rereads_the_files",)

    class Mutant(ModifyingTransport):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.read = {}

        def call(self, call):
            body = self.read.setdefault(call.url, uploads.read_body(call.body))
            return dataclasses.replace(call, body=body)


class TestReportsConnectionError(Correct):
    caught_by = ("test_unreadable_file_is_named", "test_file_that_shrinks_during_upload_is_named")

    class Mutant(ModifyingTransport):
        def error(self, error):
            return ConnectionFailedError("The connection broke.")


class TestClosesConnectionAfterUpload(Correct):
    caught_by = ("test_connection_is_reused_after_an_upload",)

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, headers={"connection": "close", **call.headers})

        def end(self, exchange):
            exchange._active.connection.close()
            exchange.close()


class TestReadsFilesInEventLoop(Correct):
    caught_by = ("test_files_are_read_outside_the_event_loop",)

    class Mutant(Wrapper):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                return await super().open(dataclasses.replace(call, body=uploads.read_body(call.body)), timing)


class TestReportsReadTimeout(Correct):
    caught_by = ("test_deadline_limits_a_file_upload",)

    class Mutant(ModifyingTransport):
        def error(self, error):
            return RequestTimeoutError(str(error), phase="read") if isinstance(error, RequestTimeoutError) else error


class TestLeaksCancelledUploads(Correct):
    caught_by = ("test_cancelling_an_upload_releases_everything",)

    class Mutant(Wrapper):
        class Async(AsyncPooledTransport):
            async def _send(self, target, request):
                connection = target.server.pool.create_connection(target.server.origin)
                return ActiveConnection(target.server, connection), await connection.handle_async_request(request)


# Saving replies.


class TestLosesBytePerRead(Correct):
    caught_by = (
        "test_reply_is_saved",
        "test_compressed_reply_is_saved_decompressed",
        "test_saving_a_large_reply_uses_little_memory",
    )

    class Mutant(ModifyingTransport):
        def chunk(self, data):
            return data[1:]


class TestReadsReplyIntoMemory(Correct):
    caught_by = ("test_saving_a_large_reply_uses_little_memory", "test_reply_beyond_the_limit_changes_no_file")

    class Mutant(ModifyingTransport):
        def open(self, call, timing):
            exchange = super().open(call, timing)
            exchange.read = iter([exchange.read_all(10**9), b""]).__next__
            return exchange


class TestIgnoresBrokenReply(Correct):
    caught_by = ("test_broken_reply_changes_no_file",)

    class Mutant(ModifyingTransport):
        def open(self, call, timing):
            exchange = super().open(call, timing)
            read = exchange.read

            def read_without_error():
                try:
                    return read()
                except ConnectionFailedError:
                    return b""

            exchange.read = read_without_error
            return exchange


class TestKeepsConnectionOpen(Correct):
    caught_by = ("test_reply_beyond_the_limit_changes_no_file",)

    class Mutant(ModifyingTransport):
        def end(self, exchange):
            pass


class TestIgnoresCancellation(Correct):
    caught_by = ("test_cancelled_save_changes_no_file",)

    class Mutant(Wrapper):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                return UncancelledExchange(await super().open(call, timing))


class UncancelledExchange:
    def __init__(self, exchange):
        self.exchange = exchange
        self.head = exchange.head

    async def read(self):
        try:
            return await self.exchange.read()
        except asyncio.CancelledError:
            return b""

    async def read_all(self, limit):
        return await self.exchange.read_all(limit)

    async def close(self):
        await self.exchange.close()


# Deadline of the head.


class TestIgnoresHeadDeadline(Correct):
    caught_by = (
        "test_head_deadline_limits_waiting_for_the_head",
        "test_slow_head_is_stopped_at_the_head_deadline",
        "test_head_deadline_limits_connecting",
        "test_head_deadline_limits_queueing",
        "test_expired_head_deadline_sends_nothing",
    )

    class Mutant(ModifyingTransport):
        def timing(self, timing):
            return dataclasses.replace(timing, head_deadline=None)


class TestReportsHeadTimeout(Correct):
    caught_by = ("test_earlier_call_deadline_takes_precedence", "test_body_timeout_is_not_a_head_timeout")

    class Mutant(ModifyingTransport):
        def error(self, error):
            return RequestTimeoutError(str(error), phase="head") if isinstance(error, RequestTimeoutError) else error


class TestAppliesHeadDeadlineToBody(Correct):
    caught_by = ("test_head_deadline_does_not_limit_the_body",)

    class Mutant(ModifyingTransport):
        def timing(self, timing):
            head = timing.head_deadline or timing.deadline
            return dataclasses.replace(timing, deadline=min(timing.deadline, head))
