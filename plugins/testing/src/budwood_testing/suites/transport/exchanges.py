"""Tests of requests and replies: headers, bodies, encodings, limits."""

from __future__ import annotations

import gzip
import itertools
import threading
import tracemalloc
from typing import Final

import pytest

from budwood.contracts import Transport
from budwood.errors import BadResponseError, ResponseTooLargeError
from budwood_testing.loopback import CHUNKED, KEEP_ALIVE, WAIT_FOR_CLOSE, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import TransportTestBase, call, fetch, is_closed_by_client, timing

_LARGE: Final = bytes(range(256)) * (5_000_000 // 256)
"""Larger than all buffers between client and server."""


class ExchangeTests(TransportTestBase):
    """Requests and replies are transferred unchanged."""

    def test_call_is_sent_unchanged(self, transport: Transport, server: LoopbackServer) -> None:
        """The server receives method, path, headers and body unchanged."""
        server.play(reply())

        fetch(transport, call(f"{server.url}/v1/x?y=1&z=%2F", body=b"\x00\xff", authorization="Bearer k"))

        sent = server.requests[0]
        assert sent.line == "POST /v1/x?y=1&z=%2F HTTP/1.1"
        assert sent.headers["host"] == f"127.0.0.1:{server.port}"
        assert sent.headers["authorization"] == "Bearer k"
        assert sent.headers["content-length"] == "2"
        assert sent.body == b"\x00\xff"

    def test_call_without_a_body(self, transport: Transport, server: LoopbackServer) -> None:
        """A POST without a body has ``content-length: 0``; a GET has no content-length."""
        server.play(reply(), times=2)

        for method in ("POST", "GET"):
            fetch(transport, call(server.url, method=method))

        assert [sent.headers.get("content-length") for sent in server.requests] == ["0", None]

    def test_head_has_lower_case_names_and_all_values(self, transport: Transport, server: LoopbackServer) -> None:
        """Header names are lower case, repeated headers are joined by a comma, and any status is a reply."""
        server.play(b"HTTP/1.1 418 Tea\r\nX-One: a\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 2\r\n\r\nok")

        answered, body = fetch(transport, call(server.url))

        assert (answered.status, answered.ok, body) == (418, False, b"ok")
        assert answered.headers["x-one"] == "a"
        assert answered.headers["x-two"] == "1, 2"

    def test_many_and_long_headers_are_read(self, transport: Transport, server: LoopbackServer) -> None:
        """A reply may have 25 headers, and one of 60 kB."""
        many = {f"x_{number}": str(number) for number in range(25)}
        server.play(reply(200, "ok", **many, content_security_policy="p" * 60_000))

        answered, body = fetch(transport, call(server.url))

        assert body == b"ok"
        assert [answered.headers[f"x-{number}"] for number in range(25)] == list(many.values())
        assert answered.headers["content-security-policy"] == "p" * 60_000

    def test_large_bodies_are_sent_and_received(self, transport: Transport, server: LoopbackServer) -> None:
        """Bodies of 5 MB are sent and received unchanged."""
        server.play(reply(200, _LARGE))

        assert fetch(transport, call(server.url, body=_LARGE)).body == _LARGE
        assert server.requests[0].body == _LARGE

    def test_chunked_body_is_decoded(self, transport: Transport, server: LoopbackServer) -> None:
        """The chunks of a body are joined without their framing."""
        server.play(head(**CHUNKED), chunk(b"one "), chunk(b"two"), chunk(b""))

        assert fetch(transport, call(server.url)).body == b"one two"

    def test_reply_split_at_any_byte_is_read(self, transport: Transport, server: LoopbackServer) -> None:
        """The reply does not depend on where its bytes are split."""
        raw = head(**CHUNKED, x_test="yes") + chunk(b"one ") + chunk(b"two") + chunk(b"")
        for index in range(1, len(raw)):
            server.play(raw[:index], raw[index:])
        server.play([bytes([byte]) for byte in raw])

        for _ in range(len(raw)):
            answered, body = fetch(transport, call(server.url))
            assert (answered.headers["x-test"], body) == ("yes", b"one two")

    def test_chunks_are_returned_as_they_arrive(self, transport: Transport, server: LoopbackServer) -> None:
        """`read` returns a chunk before the next one is sent, and empty bytes after the end."""
        more = threading.Event()
        server.play(head(**CHUNKED) + chunk(b"one"), more, chunk(b"two") + chunk(b""))

        exchange = transport.open(call(server.url), timing())
        first = exchange.read()
        more.set()

        assert (first, exchange.read(), exchange.read(), exchange.read()) == (b"one", b"two", b"", b"")
        exchange.close()

    def test_body_without_a_length_ends_with_the_connection(self, transport: Transport, server: LoopbackServer) -> None:
        """A body without a length ends when the server closes the connection."""
        server.play(head() + b"one", b" two")

        assert fetch(transport, call(server.url)).body == b"one two"

    def test_informational_responses_are_skipped(self, transport: Transport, server: LoopbackServer) -> None:
        """Responses with status 1xx are skipped."""
        early = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"
        server.play(b"HTTP/1.1 100 Continue\r\n\r\n" + early, reply(200, "ok"))

        answered, body = fetch(transport, call(server.url, body=b"x"))

        assert (answered.status, body) == (200, b"ok")
        assert "link" not in answered.headers

    @pytest.mark.parametrize(
        ("method", "answer"),
        [
            ("HEAD", head(200, length=100, **KEEP_ALIVE)),
            ("GET", head(204, **KEEP_ALIVE)),
            ("POST", head(204, **KEEP_ALIVE)),
            ("GET", head(304, length=100, **KEEP_ALIVE)),
            ("GET", head(200, length=0, **KEEP_ALIVE)),
        ],
    )
    def test_reply_without_a_body(
        self, transport: Transport, server: LoopbackServer, method: str, answer: bytes
    ) -> None:
        """A reply that has no body by definition is complete after its head, and the connection is reused."""
        server.play(answer, keep_alive=True).play(reply(200, "next"))

        assert fetch(transport, call(server.url, method=method)).body == b""
        assert fetch(transport, call(server.url)).body == b"next"
        assert self.was_reused(server, 1)

    def test_compressed_body_is_decompressed(self, transport: Transport, server: LoopbackServer) -> None:
        """The transport accepts gzip and deflate, and decompresses a gzip body."""
        compressed = gzip.compress(b"plain")
        server.play(head(length=len(compressed), content_encoding="gzip") + compressed)

        assert fetch(transport, call(server.url)).body == b"plain"
        assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"

    def test_unsupported_encoding_is_an_error(self, transport: Transport, server: LoopbackServer) -> None:
        """A content encoding that was not accepted is an error, even if a decoder for it is installed."""
        server.play(reply(200, b"plain", content_encoding="br"))

        with pytest.raises(BadResponseError, match="'br'"):
            fetch(transport, call(server.url))

    @pytest.mark.parametrize("streamed", [True, False])
    def test_decompression_bomb_is_rejected(
        self,
        transport: Transport,
        server: LoopbackServer,
        streamed: bool,  # noqa: FBT001 - pytest passes it by name
    ) -> None:
        """A reply of 64 kB that decompresses to 64 MB is rejected at the limit, without using more memory."""
        compressed = gzip.compress(bytes(64_000_000))
        server.play(head(length=len(compressed), content_encoding="gzip") + compressed)
        exchange = transport.open(call(server.url), timing())

        tracemalloc.start()
        try:
            if streamed:
                assert 0 < len(exchange.read()) <= 65536
            else:
                with pytest.raises(ResponseTooLargeError):
                    exchange.read_all(1_000_000)
            assert tracemalloc.get_traced_memory()[1] < 3_000_000
        finally:
            tracemalloc.stop()
            exchange.close()

    def test_redirects_are_not_followed(self, transport: Transport, server: LoopbackServer) -> None:
        """A redirect is returned, not followed: following it could send the key to another host."""
        server.play(reply(307, location=f"{server.url}/elsewhere"))

        assert fetch(transport, call(server.url)).head.status == 307
        assert len(server.requests) == 1

    def test_cookies_are_not_stored(self, transport: Transport, server: LoopbackServer) -> None:
        """A cookie of one reply is not sent with the next call."""
        server.play(reply(set_cookie="session=1; Path=/")).play(reply())

        for _ in range(2):
            fetch(transport, call(server.url))

        assert "cookie" not in server.requests[1].headers

    def test_body_with_too_large_a_length_is_not_read(self, transport: Transport, server: LoopbackServer) -> None:
        """A content-length above the limit is rejected before reading the body, and the connection is closed."""
        server.play(head(length=2 * 1024**3), WAIT_FOR_CLOSE)

        with pytest.raises(ResponseTooLargeError, match="limit of 1,000 bytes"):
            fetch(transport, call(server.url), limit=1000)

        assert is_closed_by_client(transport, server)

    def test_endless_body_is_stopped_at_the_limit(self, transport: Transport, server: LoopbackServer) -> None:
        """A body without a length is read up to the limit, then rejected, and the connection is closed."""
        server.play(head(**CHUNKED), itertools.repeat(chunk(b"x" * 65536), 256))

        with pytest.raises(ResponseTooLargeError):
            fetch(transport, call(server.url), limit=1_000_000)

        assert is_closed_by_client(transport, server)

    def test_body_of_exactly_the_limit_is_read(self, transport: Transport, server: LoopbackServer) -> None:
        """A body of exactly the limit is accepted."""
        server.play(reply(200, "x" * 1000))

        assert len(fetch(transport, call(server.url), limit=1000).body) == 1000
