"""Tests of bodies with files."""

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
from budwood_testing.suites.isolation import record_opens
from budwood_testing.suites.transport.bench import Make, Mode, TransportTestBase, call, fetch
from budwood_testing.suites.transport.cancellation import check_cancelling
from budwood_testing.suites.transport.sink_server import SinkServer

_CONTENT: Final = bytes(range(256)) * 4000
"""Larger than one block of a file."""

_MORE_THAN_BUFFERS: Final = 30_000_000
"""More bytes than the kernel buffers while the server does not read."""


def _digest(body: bytes) -> tuple[int, str]:
    """Return length and digest of a body: pytest would take minutes to compare two large ones."""
    return len(body), hashlib.sha256(body).hexdigest()


class UploadTests(TransportTestBase):
    """Files are sent completely, are reread by each attempt, and are not loaded into memory."""

    @pytest.fixture
    def file(self, files: Path) -> Path:
        """Create a file to send."""
        file = files / "photo.bin"
        file.write_bytes(_CONTENT)
        return file

    def test_files_and_bytes_are_sent_in_order(self, transport: Transport, server: LoopbackServer, file: Path) -> None:
        """Parts are sent in order, with their total size as ``content-length``, not chunked."""
        empty = file.with_name("empty")
        empty.write_bytes(b"")
        server.play(reply(200, "ok"))

        fetch(transport, call(server.url, body=(b"<", BodyFile(file), b"|", BodyFile(empty), b"|", BodyFile(file))))

        assert _digest(server.requests[0].body) == _digest(b"<" + _CONTENT + b"||" + _CONTENT)
        assert server.requests[0].headers["content-length"] == str(3 + 2 * len(_CONTENT))
        assert "transfer-encoding" not in server.requests[0].headers

    def test_body_of_several_byte_parts_is_sent(self, transport: Transport, server: LoopbackServer) -> None:
        """A body may consist of several parts of bytes."""
        server.play(reply(200, "ok"))

        fetch(transport, call(server.url, body=(b"one ", b"", b"two")))

        assert server.requests[0].body == b"one two"

    def test_range_of_a_file_is_sent(self, transport: Transport, server: LoopbackServer, file: Path) -> None:
        """A file is sent from ``offset``, up to ``size`` bytes or to its end."""
        server.play(reply(), times=2)

        for size in (300_000, None):
            fetch(transport, call(server.url, body=(BodyFile(file, 5, size),)))

        assert [_digest(sent.body) for sent in server.requests] == [_digest(_CONTENT[5:300_005]), _digest(_CONTENT[5:])]

    def test_connection_is_reused_after_an_upload(self, make: Make, server: LoopbackServer, file: Path) -> None:
        """After a body with files, the connection is reused for the next request."""
        server.answer = lambda received: reply(200, received.body, connection="keep-alive")
        transport = make()

        for content in (b"one", b"two"):
            answered = fetch(transport, call(server.url, body=(content, BodyFile(file))))
            assert _digest(answered.body) == _digest(content + _CONTENT)
        assert self.was_reused(server, 1)

    def test_each_attempt_rereads_the_files(self, transport: Transport, server: LoopbackServer, file: Path) -> None:
        """A retry sends the current content of the files."""
        server.play(reply(503)).play(reply())
        request = call(server.url, body=(b"<", BodyFile(file)))

        fetch(transport, request)
        file.write_bytes(b"changed")
        fetch(transport, request)

        assert [_digest(sent.body) for sent in server.requests] == [_digest(b"<" + _CONTENT), _digest(b"<changed")]

    @pytest.mark.parametrize("case", ["missing", "folder", "short"])
    def test_unreadable_file_is_named(
        self, transport: Transport, server: LoopbackServer, file: Path, case: str
    ) -> None:
        """A missing file, a folder, or a range beyond the end raises an error before a connection is opened."""
        broken = {
            "missing": BodyFile(file.with_name("nothing.bin")),
            "folder": BodyFile(file.parent),
            "short": BodyFile(file, len(_CONTENT) - 5, 6),
        }[case]

        with pytest.raises(PromptError, match=broken.path.name):
            fetch(transport, call(server.url, body=(b"<", BodyFile(file), broken)))

        assert server.accepted == 0

    def test_file_that_shrinks_during_upload_is_named(self, make: Make, server: LoopbackServer, file: Path) -> None:
        """A file that shrinks while it is sent raises an error, and the next call works."""
        transport = make(max_connections=1)
        with SinkServer(on_head=lambda: os.truncate(file, 100)) as sink:
            with pytest.raises(PromptError, match=r"photo\.bin changed"):
                fetch(transport, call(sink.url, body=(bytes(_MORE_THAN_BUFFERS), BodyFile(file))))
            assert sink.received < _MORE_THAN_BUFFERS + len(_CONTENT)

        server.play(reply(200, "ok"))
        assert fetch(transport, call(server.url)).body == b"ok"

    def test_uploading_a_large_file_uses_little_memory(self, transport: Transport, file: Path) -> None:
        """Sending 64 MB uses less than 8 MB of memory."""
        os.truncate(file, 64_000_000)
        with SinkServer() as sink:
            tracemalloc.start()
            try:
                assert fetch(transport, call(sink.url, body=(BodyFile(file),))).body == b"received"
                assert tracemalloc.get_traced_memory()[1] < 8_000_000
            finally:
                tracemalloc.stop()

        assert sink.received == 64_000_000

    def test_files_are_read_outside_the_event_loop(
        self, mode: Mode, transport: Transport, server: LoopbackServer, file: Path
    ) -> None:
        """Async transports open and read files in threads, not on the event loop."""
        if mode != "async":
            pytest.skip("applies only to async I/O")
        server.play(reply())

        with record_opens(file) as openers:
            fetch(transport, call(server.url, body=(BodyFile(file),)))

        assert openers
        assert threading.get_ident() not in openers

    def test_deadline_limits_a_file_upload(self, transport: Transport, file: Path) -> None:
        """The deadline ends sending a file to a server that does not read."""
        os.truncate(file, _MORE_THAN_BUFFERS)
        resume = threading.Event()
        with SinkServer(on_head=resume.wait) as sink:
            try:
                with pytest.raises(RequestTimeoutError) as caught:
                    fetch(transport, call(sink.url, body=(BodyFile(file),)), total=0.2)
            finally:
                resume.set()

        assert caught.value.phase == "deadline"

    def test_cancelling_an_upload_releases_everything(
        self, make_async: Callable[..., AsyncTransport], server: LoopbackServer, file: Path
    ) -> None:
        """Cancelling a call with a file at any await releases its connection, and the next call works."""
        check_cancelling(make_async, server, (b"<", BodyFile(file)))
