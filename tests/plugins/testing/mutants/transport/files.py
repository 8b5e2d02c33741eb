"""Transports that are broken in what they do with files, and with the time until a reply begins."""

import asyncio
import dataclasses

from budwood.errors import ConnectionFailedError, RequestTimeoutError
from budwood.transports.origins import Place
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import BodyFile
from budwood.wire import uploads
from tests.plugins.testing.mutants.transport.sound import Carrier, Exchanging, Sound


class TestSendsNoFiles(Sound):
    caught_by = (
        "test_files_are_sent_among_bytes",
        "test_range_of_a_file_is_sent",
        "test_connection_is_used_again_after_files",
        "test_each_attempt_reads_files_anew",
        "test_file_that_cannot_be_sent_is_named",
        "test_file_that_changes_meanwhile_is_named",
        "test_large_file_takes_little_memory",
    )

    class Mutant(Exchanging):
        def call(self, call):
            parts = (call.body,) if isinstance(call.body, bytes) else call.body
            return dataclasses.replace(call, body=b"".join(part for part in parts if isinstance(part, bytes)))


class TestTakesBytesOrFiles(Sound):
    caught_by = ("test_body_may_be_bytes_in_parts",)

    class Mutant(Exchanging):
        def call(self, call):
            if isinstance(call.body, tuple) and not any(isinstance(part, BodyFile) for part in call.body):
                return dataclasses.replace(call, body=b"")
            return call


class TestSendsWholeFiles(Sound):
    caught_by = ("test_range_of_a_file_is_sent", "test_file_that_cannot_be_sent_is_named")

    class Mutant(Exchanging):
        def call(self, call):
            parts = (call.body,) if isinstance(call.body, bytes) else call.body
            whole = tuple(BodyFile(part.path) if isinstance(part, BodyFile) else part for part in parts)
            return dataclasses.replace(call, body=whole)


class TestReadsFilesAtOnce(Sound):
    caught_by = ("test_large_file_takes_little_memory", "test_file_that_changes_meanwhile_is_named")

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, body=uploads.read_body(call.body))


class TestRemembersFiles(Sound):
    caught_by = ("test_each_attempt_reads_files_anew",)

    class Mutant(Exchanging):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.read = {}

        def call(self, call):
            body = self.read.setdefault(call.url, uploads.read_body(call.body))
            return dataclasses.replace(call, body=body)


class TestBlamesTheConnection(Sound):
    caught_by = ("test_file_that_cannot_be_sent_is_named", "test_file_that_changes_meanwhile_is_named")

    class Mutant(Exchanging):
        def error(self, error):
            return ConnectionFailedError("The connection broke.")


class TestClosesAfterFiles(Sound):
    caught_by = ("test_connection_is_used_again_after_files",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, headers={"connection": "close", **call.headers})

        def end(self, exchange):
            exchange._place.connection.close()
            exchange.close()


class TestReadsInTheLoop(Sound):
    caught_by = ("test_event_loop_does_not_wait_for_the_disk",)

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def open(self, call, timing):
                return await super().open(dataclasses.replace(call, body=uploads.read_body(call.body)), timing)


class TestWaitsForTheServerToRead(Sound):
    caught_by = ("test_deadline_ends_sending_a_file",)

    class Mutant(Exchanging):
        def error(self, error):
            return RequestTimeoutError(str(error), phase="read") if isinstance(error, RequestTimeoutError) else error


class TestForgetsCancelledUploads(Sound):
    caught_by = ("test_cancelling_an_upload_leaves_nothing",)

    class Mutant(Carrier):
        class Async(AsyncPooledTransport):
            async def _sent(self, target, request):
                connection = target.server.pool.create_connection(target.server.origin)
                return Place(target.server, connection), await connection.handle_async_request(request)


# Replies in files.


class TestLosesABytePerRead(Sound):
    caught_by = (
        "test_reply_is_saved",
        "test_compressed_reply_is_saved_unpacked",
        "test_large_reply_takes_little_memory",
    )

    class Mutant(Exchanging):
        def piece(self, data):
            return data[1:]


class TestHoardsReplies(Sound):
    caught_by = ("test_large_reply_takes_little_memory", "test_reply_beyond_the_limit_changes_no_file")

    class Mutant(Exchanging):
        def open(self, call, timing):
            exchange = super().open(call, timing)
            exchange.read = iter([exchange.read_all(10**9), b""]).__next__
            return exchange


class TestTakesABreakForTheEnd(Sound):
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


class TestStaysWithTheRest(Sound):
    caught_by = ("test_reply_beyond_the_limit_changes_no_file",)

    class Mutant(Exchanging):
        def end(self, exchange):
            pass


class TestTakesCancellingForTheEnd(Sound):
    caught_by = ("test_cancelled_saving_changes_no_file",)

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


class TestKnowsNoHeadDeadline(Sound):
    caught_by = (
        "test_head_deadline_ends_waiting_for_the_head",
        "test_slow_head_cannot_outlast_its_deadline",
        "test_head_deadline_ends_connecting",
        "test_head_deadline_ends_waiting_for_a_place",
        "test_head_deadline_that_has_passed",
    )

    class Mutant(Exchanging):
        def timing(self, timing):
            return dataclasses.replace(timing, head_deadline=None)


class TestBlamesTheHead(Sound):
    caught_by = ("test_deadline_of_the_call_comes_first", "test_body_is_late_by_its_own_limits")

    class Mutant(Exchanging):
        def error(self, error):
            return RequestTimeoutError(str(error), phase="head") if isinstance(error, RequestTimeoutError) else error


class TestHurriesTheBody(Sound):
    caught_by = ("test_head_deadline_does_not_bound_the_body",)

    class Mutant(Exchanging):
        def timing(self, timing):
            head = timing.head_deadline or timing.deadline
            return dataclasses.replace(timing, deadline=min(timing.deadline, head))
