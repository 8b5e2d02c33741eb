"""Chunked bodies over the default transport, whose data bypasses h11."""

from __future__ import annotations

import pytest

from budwood.errors import ConnectionFailedError
from budwood_testing.loopback import CHUNKED, KEEP_ALIVE, chunk, head, reply
from budwood_testing.suites.transport.bench import TransportTestBase, call, fetch, timing

BEGIN = head(**CHUNKED | KEEP_ALIVE)


class TestChunked(TransportTestBase):
    plugin = "default"

    def test_all_chunks_of_a_read_are_returned_together(self, transport, server):
        """
        Each read costs time, not each chunk. If this fails, the internals of h11 or httpcore have changed.
        """
        server.play(BEGIN + b"".join(chunk(b"%03d" % number) for number in range(500)) + chunk(b""))
        exchange = transport.open(call(server.url), timing())

        reads = list(iter(exchange.read, b""))
        exchange.close()

        assert b"".join(reads) == b"".join(b"%03d" % number for number in range(500))
        assert len(reads) <= 3

    @pytest.mark.parametrize("end", [chunk(b""), b"0;last=yes\r\n\r\n", b"0\r\nx-checksum: 1\r\nx-two: 2\r\n\r\n"])
    def test_connection_is_reused_after_the_last_chunk(self, make, server, end):
        """
        The last chunk may have extensions, trailers, or neither.
        """
        server.play(BEGIN + b"3;a=b\r\none\r\n", end, keep_alive=True).play(reply(200, "next", **KEEP_ALIVE))
        transport = make()

        assert fetch(transport, call(server.url)).body == b"one"
        assert fetch(transport, call(server.url)).body == b"next"
        assert server.accepted == 1

    @pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", b"x"])
    def test_connection_with_bytes_after_the_reply_is_closed(self, make, server, more):
        """
        Bytes after the last chunk are not the next reply.
        """
        server.play(BEGIN + chunk(b"one") + chunk(b"") + more, keep_alive=True).play(reply(200, "next"))
        transport = make()

        assert fetch(transport, call(server.url)).body == b"one"
        assert fetch(transport, call(server.url)).body == b"next"
        assert server.accepted == 2

    @pytest.mark.parametrize(
        "data", [b"3\r\nabcdef\r\n0\r\n\r\n", b"3\r\nabcde\r\n", b"zz\r\n", b"0\r\nno colon\r\n\r\n"]
    )
    def test_invalid_chunk_is_a_connection_error(self, make, server, data):
        """
        Chunks that are longer than their size, invalid sizes, and invalid trailers end the reply.
        """
        server.play(BEGIN + chunk(b"one") + data, keep_alive=True).play(reply(200, "next"))
        transport = make()

        with pytest.raises(ConnectionFailedError, match="was lost"):
            fetch(transport, call(server.url))

        assert fetch(transport, call(server.url)).body == b"next"
        assert server.accepted == 2
