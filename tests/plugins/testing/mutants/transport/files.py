"""Transports that are broken in what they do with files, and with the time until a reply begins."""

import asyncio
import dataclasses

from budwood.errors import ConnectionFailedError, RequestTimeoutError
from budwood.transports.origins import ActiveConnection
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import BodyFile
from budwood.wire import uploads
from tests.plugins.testing.mutants.transport.correct import Carrier, Correct, Exchanging


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

    class Mutant(Exchanging):
        def call(self, call):
            parts = (call.body,) if isinstance(call.body, bytes) else call.body
            return dataclasses.replace(call, body=b"".join(part for part in parts if isinstance(part, bytes)))


class TestTakesBytesOrFiles(Correct):
    caught_by = ("test_body_of_several_byte_parts_is_sent",)

    class Mutant(Exchanging):
        def call(self, call):
            if isinstance(call.body, tuple) and not any(isinstance(part, BodyFile) for part in call.body):
                return dataclasses.replace(call, body=b"")
            return call


class TestSendsWholeFiles(Correct):
    caught_by = ("test_range_of_a_file_is_sent", "test_unreadable_file_is_named")

    class Mutant(Exchanging):
        def call(self, call):
            parts = (call.body,) if isinstance(call.body, bytes) else call.body
            whole = tuple(BodyFile(part.path) if isinstance(part, BodyFile) else part for part in parts)
            return dataclasses.replace(call, body=whole)


class TestReadsFilesAtOnce(Correct):
    caught_by = ("test_uploading_a_large_file_uses_little_memory", "test_file_that_shrinks_during_upload_is_named")

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, body=uploads.read_body(call.body))


class TestRemembersFiles(Correct):
    caught_by = ("test_each_attempt_rereads_the_files",)

    class Mutant(Exchanging):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.read = {}

        def call(self, call):
            body = self.read.setdefault(call.url, uploads.read_body(call.body))
            return dataclasses.replace(call, body=body)


class TestBlamesTheConnection(Correct):
    caught_by = ("test_unreadable_file_is_named", "test_file_that_shrinks_during_upload_is_named")

    class Mutant(Exchanging):
        def error(self, error):
            return ConnectionFailedError("The connection broke.")


class TestClosesAfterFiles(Correct):
    caught_by = ("test_connection_is_reused_after_an_upload",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, headers={"connection": "close", **call.headers})

        def end(self, exchange):
            exchange._place.connection.close()
            exchange.close()


class TestReadsInTheLoop(Correct):
    caught_by = ("test_files_are_read_outside_the_event_loop",)

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                return await super().open(dataclasses.replace(call, body=uploads.read_body(call.body)), timing)


class TestWaitsForTheServerToRead(Correct):
    caught_by = ("test_deadline_limits_a_file_upload",)

    class Mutant(Exchanging):
        def error(self, error):
            return RequestTimeoutError(str(error), phase="read") if isinstance(error, RequestTimeoutError) else error


class TestForgetsCancelledUploads(Correct):
    caught_by = ("test_cancelling_an_upload_releases_everything",)

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def _send(self, target, request):
                connection = target.server.pool.create_connection(target.server.origin)
                return ActiveConnection(target.server, connection), await connection.handle_async_request(request)


# Replies in files.


class TestLosesABytePerRead(Correct):
    caught_by = (
        "test_reply_is_saved",
        "test_compressed_reply_is_saved_decompressed",
        "test_saving_a_large_reply_uses_little_memory",
    )

    class Mutant(Exchanging):
        def piece(self, data):
            return data[1:]


class TestHoardsReplies(Correct):
    caught_by = ("test_saving_a_large_reply_uses_little_memory", "test_reply_beyond_the_limit_changes_no_file")

    class Mutant(Exchanging):
        def open(self, call, timing):
            exchange = super().open(call, timing)
            exchange.read = iter([exchange.read_all(10**9), b""]).__next__
            return exchange


class TestTakesABreakForTheEnd(Correct):
    caught_by = ("test_broken_reply_changes_no_file",)

    class Mutant(Exchanging):
        def open(self, call, timing):
            exchange = super().open(call, timing)
            read = exchange.read

            def read_somehow():
                try:
                    return read()
                except ConnectionFailedError:
                    return b""

            exchange.read = read_somehow
            return exchange


class TestStaysWithTheRest(Correct):
    caught_by = ("test_reply_beyond_the_limit_changes_no_file",)

    class Mutant(Exchanging):
        def end(self, exchange):
            pass


class TestTakesCancellingForTheEnd(Correct):
    caught_by = ("test_cancelled_save_changes_no_file",)

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                return CalmExchange(await super().open(call, timing))


class CalmExchange:
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


# Beginning.


class TestKnowsNoHeadDeadline(Correct):
    caught_by = (
        "test_head_deadline_limits_waiting_for_the_head",
        "test_slow_head_is_stopped_at_the_head_deadline",
        "test_head_deadline_limits_connecting",
        "test_head_deadline_limits_queueing",
        "test_expired_head_deadline_sends_nothing",
    )

    class Mutant(Exchanging):
        def timing(self, timing):
            return dataclasses.replace(timing, head_deadline=None)


class TestBlamesTheHead(Correct):
    caught_by = ("test_earlier_call_deadline_takes_precedence", "test_body_timeout_is_not_a_head_timeout")

    class Mutant(Exchanging):
        def error(self, error):
            return RequestTimeoutError(str(error), phase="head") if isinstance(error, RequestTimeoutError) else error


class TestHurriesTheBody(Correct):
    caught_by = ("test_head_deadline_does_not_limit_the_body",)

    class Mutant(Exchanging):
        def timing(self, timing):
            head = timing.head_deadline or timing.deadline
            return dataclasses.replace(timing, deadline=min(timing.deadline, head))
