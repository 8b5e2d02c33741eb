"""Tests of errors: their classes and hints, and that they contain no secrets."""

from __future__ import annotations

import socket
import traceback
from typing import Final

import pytest

from budwood.contracts import Transport
from budwood.errors import BudwoodError, ConfigurationError, ConnectionFailedError
from budwood.types import HTTPCall
from budwood_testing.loopback import CHUNKED, KEEP_ALIVE, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import TransportTestBase, call, fetch, timing

_SECRET: Final = "s3" + "cret"

_INVALID_HTTP: Final = (
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"\x16\x03\x01\x00\x05hello",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy",
    b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\na\x00b: c\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nendless: " + b"x" * 5_000_000,
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    b"\x00" * 1000,
)


class ErrorTests(TransportTestBase):
    """Failures raise Budwood's errors, without secrets."""

    def test_truncated_body_is_a_connection_error(self, transport: Transport, server: LoopbackServer) -> None:
        """A body shorter than its length, or without a last chunk, raises a retryable connection error."""
        server.play(head(length=100) + b"only this").play(head(**CHUNKED) + chunk(b"only this"))

        for _ in range(2):
            with pytest.raises(ConnectionFailedError, match="was lost") as caught:
                fetch(transport, call(server.url))
            assert caught.value.retryable
            assert caught.value.hint

    def test_missing_reply_is_a_connection_error(self, transport: Transport, server: LoopbackServer) -> None:
        """A connection that closes before the end of the head raises a retryable connection error."""
        server.play(b"").play(b"HTTP/1.1 200 O")

        for _ in range(2):
            with pytest.raises(ConnectionFailedError, match="was lost") as caught:
                fetch(transport, call(server.url, body=b"x"))
            assert caught.value.retryable

    @pytest.mark.parametrize("data", _INVALID_HTTP, ids=lambda data: repr(data[:50]))
    def test_invalid_http_is_a_connection_error(
        self, transport: Transport, server: LoopbackServer, data: bytes
    ) -> None:
        """Bytes that are not HTTP, or are ambiguous, raise a connection error without secrets."""
        server.play(data)

        with pytest.raises(ConnectionFailedError, match="was lost") as caught:
            fetch(transport, call(server.url, authorization=f"Bearer {_SECRET}"))

        assert _SECRET not in text_of(caught.value)

    def test_refused_connection_names_the_address(self, transport: Transport) -> None:
        """A refused connection raises a retryable error that names the address, with a hint to start the server."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # bound and not listening
            port = closed.getsockname()[1]
            with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{port}") as caught:
                fetch(transport, call(f"http://127.0.0.1:{port}/v1"))

        assert "running" in (caught.value.hint or "")
        assert caught.value.retryable

    def test_unknown_host_is_named(self, transport: Transport) -> None:
        """A host that cannot be resolved raises an error that names it, with a hint to check base_url."""
        with pytest.raises(ConnectionFailedError, match=r"unknown\.invalid") as caught:
            fetch(transport, call("http://unknown.invalid/"))

        assert "base_url" in (caught.value.hint or "")

    @pytest.mark.parametrize("end", ["\n", "\r\nx: y", "\0", "\x7f", "é", "🌱", " "])
    def test_invalid_characters_in_a_key_are_reported(
        self, transport: Transport, server: LoopbackServer, end: str
    ) -> None:
        """A key with characters that a header cannot contain raises an error, and is neither sent nor shown."""
        with pytest.raises(ConfigurationError, match="header") as caught:
            transport.open(call(server.url, authorization=f"Bearer {_SECRET}{end}"), timing())

        assert "API key" in (caught.value.hint or "")
        assert _SECRET not in text_of(caught.value)
        assert server.requests == []

    @pytest.mark.parametrize("name", ["x\ny", "x y", "x:y", "", "é"])
    def test_invalid_header_name_is_rejected(self, transport: Transport, server: LoopbackServer, name: str) -> None:
        """An invalid header name raises an error, and nothing is sent."""
        invalid = HTTPCall(method="GET", url=server.url, headers={name: "value"})

        with pytest.raises(ConfigurationError, match="header"):
            transport.open(invalid, timing())

        assert server.requests == []

    @pytest.mark.parametrize("port", ["1", "99999999", "x"])
    def test_errors_hide_secrets_in_urls(self, transport: Transport, port: str) -> None:
        """An error and its causes contain neither the key, nor the query, nor the credentials of the URL."""
        url = f"http://user:{_SECRET}@127.0.0.1:{port}/?key={_SECRET}"

        with pytest.raises(ConnectionFailedError) as caught:
            transport.open(call(url, cookie=_SECRET), timing())

        assert _SECRET not in text_of(caught.value)

    def test_credentials_of_the_url_do_not_replace_the_key(self, transport: Transport, server: LoopbackServer) -> None:
        """If the URL and a header hold different credentials, an error says so, and nothing is sent."""
        url = f"http://user:{_SECRET}@127.0.0.1:{server.port}/"

        with pytest.raises(ConfigurationError, match="base_url") as caught:
            transport.open(call(url, authorization=f"Bearer {_SECRET}"), timing())

        assert _SECRET not in text_of(caught.value)
        assert server.requests == []

    @pytest.mark.parametrize(
        "steps",
        [
            (b"",),
            (head(length=9) + b"1",),
            (head(**CHUNKED) + b"x",),
            (reply(200, "no gzip at all", content_encoding="gzip"),),
            (reply(200, "x" * 9, **KEEP_ALIVE),),
        ],
    )
    def test_errors_hide_all_secrets(
        self, transport: Transport, server: LoopbackServer, steps: tuple[bytes, ...]
    ) -> None:
        """Text, repr and attributes of any error and its causes contain neither key, query nor body."""
        server.play(*steps)
        url = f"http://user:{_SECRET}@127.0.0.1:{server.port}/?key={_SECRET}"
        request = HTTPCall(method="POST", url=url, headers={"x-api-key": _SECRET}, body=_SECRET.encode())

        with pytest.raises(BudwoodError) as caught:
            fetch(transport, request, limit=5)

        assert _SECRET not in text_of(caught.value)


def text_of(error: BaseException) -> str:
    """Return everything that an error and its causes show."""
    texts = ["".join(traceback.format_exception(error))]
    links: list[BaseException | None] = [error]
    seen: set[int] = set()
    while links:
        link = links.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        links += [link.__cause__, link.__context__]
        texts += [str(link), repr(link), repr(link.args), *_attributes(link)]
    return "\n".join(texts)


def _attributes(error: BaseException) -> list[str]:
    values = vars(error).items()
    return [f"{name}={_with_attributes(value)}" for name, value in values]


def _with_attributes(value: object) -> str:
    return f"{value!r} {getattr(value, '__dict__', '')!r} {getattr(value, 'headers', '')!r}"
