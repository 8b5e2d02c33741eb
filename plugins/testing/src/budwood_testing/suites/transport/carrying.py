"""Calls arrive, and replies come back, byte by byte as they were."""

from __future__ import annotations

import gzip
import itertools
import threading
import tracemalloc
from typing import Final

import pytest

from budwood.contracts import Transport
from budwood.errors import BadResponseError, ResponseTooLargeError
from budwood_testing.loopback import CHUNKED, KEPT, LEAVE, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import TransportBench, call, fetch, is_left, timing

_LARGE: Final = bytes(range(256)) * (5_000_000 // 256)
"""More than any buffer on the way holds."""


class Carrying(TransportBench):
    """What goes out and what comes in."""

    def test_call_arrives_as_it_was_made(self, transport: Transport, server: LoopbackServer) -> None:
        """Method, path, headers and body reach the server unchanged."""
        server.play(reply())

        fetch(transport, call(f"{server.url}/v1/x?y=1&z=%2F", body=b"\x00\xff", authorization="Bearer k"))

        sent = server.requests[0]
        assert sent.line == "POST /v1/x?y=1&z=%2F HTTP/1.1"
        assert sent.headers["host"] == f"127.0.0.1:{server.port}"
        assert sent.headers["authorization"] == "Bearer k"
        assert sent.headers["content-length"] == "2"
        assert sent.body == b"\x00\xff"

    def test_call_without_a_body(self, transport: Transport, server: LoopbackServer) -> None:
        """A POST says that it has none; a GET says nothing of it."""
        server.play(reply(), times=2)

        for method in ("POST", "GET"):
            fetch(transport, call(server.url, method=method))

        assert [sent.headers.get("content-length") for sent in server.requests] == ["0", None]

    def test_head_has_lower_case_names_and_all_values(self, transport: Transport, server: LoopbackServer) -> None:
        """A header that comes twice is one, joined by a comma; any status is a reply."""
        server.play(b"HTTP/1.1 418 Tea\r\nX-One: a\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 2\r\n\r\nok")

        answered, body = fetch(transport, call(server.url))

        assert (answered.status, answered.ok, body) == (418, False, b"ok")
        assert answered.headers["x-one"] == "a"
        assert answered.headers["x-two"] == "1, 2"

    def test_many_and_long_headers(self, transport: Transport, server: LoopbackServer) -> None:
        """Some servers send 25 headers, and a policy of 60 kB."""
        many = {f"x_{number}": str(number) for number in range(25)}
        server.play(reply(200, "ok", **many, content_security_policy="p" * 60_000))

        answered, body = fetch(transport, call(server.url))

        assert body == b"ok"
        assert [answered.headers[f"x-{number}"] for number in range(25)] == list(many.values())
        assert answered.headers["content-security-policy"] == "p" * 60_000

    def test_large_bodies_go_both_ways(self, transport: Transport, server: LoopbackServer) -> None:
        """5 MB arrive, and 5 MB come back."""
        server.play(reply(200, _LARGE))

        assert fetch(transport, call(server.url, body=_LARGE)).body == _LARGE
        assert server.requests[0].body == _LARGE

    def test_chunked_body_comes_whole(self, transport: Transport, server: LoopbackServer) -> None:
        """The chunks of a body are put together, and nothing of their frame stays."""
        server.play(head(**CHUNKED), chunk(b"one "), chunk(b"two"), chunk(b""))

        assert fetch(transport, call(server.url)).body == b"one two"

    def test_reply_may_be_cut_at_every_byte(self, transport: Transport, server: LoopbackServer) -> None:
        """However the bytes come in, it is the same reply."""
        whole = head(**CHUNKED, x_kept="yes") + chunk(b"one ") + chunk(b"two") + chunk(b"")
        for place in range(1, len(whole)):
            server.play(whole[:place], whole[place:])
        server.play([bytes([byte]) for byte in whole])

        for _ in range(len(whole)):
            answered, body = fetch(transport, call(server.url))
            assert (answered.headers["x-kept"], body) == ("yes", b"one two")

    def test_pieces_come_as_they_are_sent(self, transport: Transport, server: LoopbackServer) -> None:
        """The first piece can be read while the server still holds the second back; after the end nothing comes."""
        more = threading.Event()
        server.play(head(**CHUNKED) + chunk(b"one"), more, chunk(b"two") + chunk(b""))

        exchange = transport.open(call(server.url), timing())
        first = exchange.read()
        more.set()

        assert (first, exchange.read(), exchange.read(), exchange.read()) == (b"one", b"two", b"", b"")
        exchange.close()

    def test_body_that_ends_with_the_connection(self, transport: Transport, server: LoopbackServer) -> None:
        """Old servers say no length."""
        server.play(head() + b"one", b" two")

        assert fetch(transport, call(server.url)).body == b"one two"

    def test_what_comes_before_the_reply_is_no_reply(self, transport: Transport, server: LoopbackServer) -> None:
        """A status of 1xx is only a greeting."""
        early = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"
        server.play(b"HTTP/1.1 100 Continue\r\n\r\n" + early, reply(200, "ok"))

        answered, body = fetch(transport, call(server.url, body=b"x"))

        assert (answered.status, body) == (200, b"ok")
        assert "link" not in answered.headers

    @pytest.mark.parametrize(
        ("method", "answer"),
        [
            ("HEAD", head(200, length=100, **KEPT)),
            ("GET", head(204, **KEPT)),
            ("POST", head(204, **KEPT)),
            ("GET", head(304, length=100, **KEPT)),
            ("GET", head(200, length=0, **KEPT)),
        ],
    )
    def test_reply_without_a_body(
        self, transport: Transport, server: LoopbackServer, method: str, answer: bytes
    ) -> None:
        """None is waited for, whatever the head says, and the connection is kept."""
        server.play(answer, keep=True).play(reply(200, "next"))

        assert fetch(transport, call(server.url, method=method)).body == b""
        assert fetch(transport, call(server.url)).body == b"next"
        assert self.was_reused(server, 1)

    def test_compressed_body_is_unpacked(self, transport: Transport, server: LoopbackServer) -> None:
        """Servers are offered gzip and deflate; a body in gzip comes out as what was packed."""
        packed = gzip.compress(b"plain")
        server.play(head(length=len(packed), content_encoding="gzip") + packed)

        assert fetch(transport, call(server.url)).body == b"plain"
        assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"

    def test_another_encoding_is_a_bad_reply(self, transport: Transport, server: LoopbackServer) -> None:
        """An encoding that was not asked for is refused, whatever is installed."""
        server.play(reply(200, b"plain", content_encoding="br"))

        with pytest.raises(BadResponseError, match="'br'"):
            fetch(transport, call(server.url))

    @pytest.mark.parametrize("streamed", [True, False])
    def test_bomb_does_not_fill_the_memory(
        self,
        transport: Transport,
        server: LoopbackServer,
        streamed: bool,  # noqa: FBT001 - pytest hands it over by name
    ) -> None:
        """A reply of 64 kB that unpacks to 64 MB is refused at the limit, with little more than that in memory."""
        packed = gzip.compress(bytes(64_000_000))
        server.play(head(length=len(packed), content_encoding="gzip") + packed)
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
        """A redirect is a reply like any other: a key must not travel to another address."""
        server.play(reply(307, location=f"{server.url}/elsewhere"))

        assert fetch(transport, call(server.url)).head.status == 307
        assert len(server.requests) == 1

    def test_cookies_are_not_kept(self, transport: Transport, server: LoopbackServer) -> None:
        """What one reply sets, the next call does not send: callers of a program are not one browser."""
        server.play(reply(set_cookie="session=1; Path=/")).play(reply())

        for _ in range(2):
            fetch(transport, call(server.url))

        assert "cookie" not in server.requests[1].headers

    def test_body_announced_too_large_is_not_read(self, transport: Transport, server: LoopbackServer) -> None:
        """A length above the limit is refused before any of the body arrives, and the connection is closed."""
        server.play(head(length=2 * 1024**3), LEAVE)

        with pytest.raises(ResponseTooLargeError, match="larger than the 1,000 bytes"):
            fetch(transport, call(server.url), limit=1000)

        assert is_left(transport, server)

    def test_endless_body_ends_at_the_limit(self, transport: Transport, server: LoopbackServer) -> None:
        """A body without a length is read no further than the limit, and the connection is closed."""
        server.play(head(**CHUNKED), itertools.repeat(chunk(b"x" * 65536), 256))

        with pytest.raises(ResponseTooLargeError):
            fetch(transport, call(server.url), limit=1_000_000)

        assert is_left(transport, server)

    def test_body_of_just_the_limit_is_read(self, transport: Transport, server: LoopbackServer) -> None:
        """The limit is the largest body that is taken."""
        server.play(reply(200, "x" * 1000))

        assert len(fetch(transport, call(server.url), limit=1000).body) == 1000
