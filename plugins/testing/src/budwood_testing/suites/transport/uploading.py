"""Files are sent as parts of a body: whole, anew with each attempt, and in flat memory."""

from __future__ import annotations

import hashlib
import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from budwood.contracts import AsyncTransport, Transport
from budwood.errors import PromptError, RequestTimeoutError
from budwood.types import BodyFile
from budwood_testing.loopback import LoopbackServer, reply
from budwood_testing.suites.isolation import observed
from budwood_testing.suites.transport.bench import Make, Mode, TransportBench, call, fetch
from budwood_testing.suites.transport.leaving import check_cancelling
from budwood_testing.suites.transport.sinks import SinkServer

_CONTENT: Final = bytes(range(256)) * 4000
"""More than one block of a file."""

_MORE_THAN_BUFFERS: Final = 30_000_000
"""More bytes than the kernel takes from a client while the server reads nothing."""


def _digest(body: bytes) -> tuple[int, str]:
    """Stand for a large body: pytest would take minutes to find the differences of two."""
    return len(body), hashlib.sha256(body).hexdigest()


class Uploading(TransportBench):
    """Bodies with files in them."""

    @pytest.fixture
    def file(self, files: Path) -> Path:
        """Write a file to send."""
        file = files / "photo.bin"
        file.write_bytes(_CONTENT)
        return file

    def test_files_are_sent_among_bytes(self, transport: Transport, server: LoopbackServer, file: Path) -> None:
        """Parts arrive in their order; ``content-length`` is the size of all, and nothing is chunked."""
        empty = file.with_name("empty")
        empty.write_bytes(b"")
        server.play(reply(200, "ok"))

        fetch(transport, call(server.url, body=(b"<", BodyFile(file), b"|", BodyFile(empty), b"|", BodyFile(file))))

        assert _digest(server.requests[0].body) == _digest(b"<" + _CONTENT + b"||" + _CONTENT)
        assert server.requests[0].headers["content-length"] == str(3 + 2 * len(_CONTENT))
        assert "transfer-encoding" not in server.requests[0].headers

    def test_body_may_be_bytes_in_parts(self, transport: Transport, server: LoopbackServer) -> None:
        """Parts need not be files."""
        server.play(reply(200, "ok"))

        fetch(transport, call(server.url, body=(b"one ", b"", b"two")))

        assert server.requests[0].body == b"one two"

    def test_range_of_a_file_is_sent(self, transport: Transport, server: LoopbackServer, file: Path) -> None:
        """From ``offset``, as many bytes as ``size``, or all that follow."""
        server.play(reply(), times=2)

        for size in (300_000, None):
            fetch(transport, call(server.url, body=(BodyFile(file, 5, size),)))

        assert [_digest(sent.body) for sent in server.requests] == [_digest(_CONTENT[5:300_005]), _digest(_CONTENT[5:])]

    def test_connection_is_used_again_after_files(self, make: Make, server: LoopbackServer, file: Path) -> None:
        """A body with files ends where it should: the next request on the connection is understood."""
        server.answer = lambda received: reply(200, received.body, connection="keep-alive")
        transport = make()

        for content in (b"one", b"two"):
            answered = fetch(transport, call(server.url, body=(content, BodyFile(file))))
            assert _digest(answered.body) == _digest(content + _CONTENT)
        assert self.was_reused(server, 1)

    def test_each_attempt_reads_files_anew(self, transport: Transport, server: LoopbackServer, file: Path) -> None:
        """The same call can be sent again, with what its files hold by then."""
        server.play(reply(503)).play(reply())
        made = call(server.url, body=(b"<", BodyFile(file)))

        fetch(transport, made)
        file.write_bytes(b"changed")
        fetch(transport, made)

        assert [_digest(sent.body) for sent in server.requests] == [_digest(b"<" + _CONTENT), _digest(b"<changed")]

    @pytest.mark.parametrize("case", ["missing", "folder", "short"])
    def test_file_that_cannot_be_sent_is_named(
        self, transport: Transport, server: LoopbackServer, file: Path, case: str
    ) -> None:
        """A missing file, a folder or a range beyond the end is an error before the server is asked for anything."""
        broken = {
            "missing": BodyFile(file.with_name("nothing.bin")),
            "folder": BodyFile(file.parent),
            "short": BodyFile(file, len(_CONTENT) - 5, 6),
        }[case]

        with pytest.raises(PromptError, match=broken.path.name):
            fetch(transport, call(server.url, body=(b"<", BodyFile(file), broken)))

        assert server.accepted == 0

    def test_file_that_changes_meanwhile_is_named(self, make: Make, server: LoopbackServer, file: Path) -> None:
        """A file that shrinks while the body is sent is an error; the next call is undisturbed."""
        transport = make(max_connections=1)
        with SinkServer(on_head=lambda: os.truncate(file, 100)) as sink:
            with pytest.raises(PromptError, match=r"photo\.bin changed"):
                fetch(transport, call(sink.url, body=(bytes(_MORE_THAN_BUFFERS), BodyFile(file))))
            assert sink.received < _MORE_THAN_BUFFERS + len(_CONTENT)

        server.play(reply(200, "ok"))
        assert fetch(transport, call(server.url)).body == b"ok"

    def test_large_file_takes_little_memory(self, transport: Transport, file: Path) -> None:
        """64 MB are sent with a few in memory."""
        os.truncate(file, 64_000_000)
        with SinkServer() as sink:
            tracemalloc.start()
            try:
                assert fetch(transport, call(sink.url, body=(BodyFile(file),))).body == b"received"
                assert tracemalloc.get_traced_memory()[1] < 8_000_000
            finally:
                tracemalloc.stop()

        assert sink.received == 64_000_000

    def test_event_loop_does_not_wait_for_the_disk(
        self, mode: Mode, transport: Transport, server: LoopbackServer, file: Path
    ) -> None:
        """Async transports open and read files in threads."""
        if mode != "async":
            pytest.skip("a thread waits for its own files")
        server.play(reply())

        with observed(file) as openers:
            fetch(transport, call(server.url, body=(BodyFile(file),)))

        assert openers
        assert threading.get_ident() not in openers

    def test_deadline_ends_sending_a_file(self, transport: Transport, file: Path) -> None:
        """A server that does not read cannot hold a call that sends a file."""
        os.truncate(file, _MORE_THAN_BUFFERS)
        deaf = threading.Event()
        with SinkServer(on_head=deaf.wait) as sink:
            try:
                with pytest.raises(RequestTimeoutError) as caught:
                    fetch(transport, call(sink.url, body=(BodyFile(file),)), whole=0.2)
            finally:
                deaf.set()

        assert caught.value.phase == "deadline"

    def test_cancelling_an_upload_leaves_nothing(
        self, make_async: Callable[..., AsyncTransport], server: LoopbackServer, file: Path
    ) -> None:
        """Wherever a call that sends a file is cancelled, its place is free and its connection closed."""
        check_cancelling(make_async, server, (b"<", BodyFile(file)))
