"""What goes wrong is said in words of ours, and shows no secret."""

from __future__ import annotations

import socket
import traceback
from typing import Final

import pytest

from budwood.contracts import Transport
from budwood.errors import BudwoodError, ConfigurationError, ConnectionFailedError
from budwood.types import HTTPCall
from budwood_testing.loopback import CHUNKED, KEPT, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import TransportBench, call, fetch, timing

_SECRET: Final = "s3" + "cret"

_HOSTILE: Final = (
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


class Failing(TransportBench):
    """Errors."""

    def test_cut_body_is_a_broken_connection(self, transport: Transport, server: LoopbackServer) -> None:
        """Fewer bytes than were announced are no reply, and neither are chunks without their end."""
        server.play(head(length=100) + b"only this").play(head(**CHUNKED) + chunk(b"only this"))

        for _ in range(2):
            with pytest.raises(ConnectionFailedError, match="broke") as caught:
                fetch(transport, call(server.url))
            assert caught.value.retryable
            assert caught.value.hint

    def test_no_reply_at_all_is_a_broken_connection(self, transport: Transport, server: LoopbackServer) -> None:
        """A server that closes before the head, or within it, is no reply, and may be asked again."""
        server.play(b"").play(b"HTTP/1.1 200 O")

        for _ in range(2):
            with pytest.raises(ConnectionFailedError, match="broke") as caught:
                fetch(transport, call(server.url, body=b"x"))
            assert caught.value.retryable

    @pytest.mark.parametrize("said", _HOSTILE, ids=lambda said: repr(said[:50]))
    def test_what_is_not_http_is_a_broken_connection(
        self, transport: Transport, server: LoopbackServer, said: bytes
    ) -> None:
        """A server that speaks something else, or HTTP that can be read in two ways, gives an error of ours."""
        server.play(said)

        with pytest.raises(ConnectionFailedError, match="broke") as caught:
            fetch(transport, call(server.url, authorization=f"Bearer {_SECRET}"))

        assert _SECRET not in shown(caught.value)

    def test_nobody_listens(self, transport: Transport) -> None:
        """A refused connection names the address and asks whether the server runs; it may be asked again."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

        with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{port}") as caught:
            fetch(transport, call(f"http://127.0.0.1:{port}/v1"))

        assert "running" in (caught.value.hint or "")
        assert caught.value.retryable

    def test_host_that_nobody_knows(self, transport: Transport) -> None:
        """A name without an address names it, and asks whether `base_url` is right."""
        with pytest.raises(ConnectionFailedError, match=r"nobody\.invalid") as caught:
            fetch(transport, call("http://nobody.invalid/"))

        assert "base_url" in (caught.value.hint or "")

    @pytest.mark.parametrize("end", ["\n", "\r\nx: y", "\0", "\x7f", "é", "🌱", " "])
    def test_key_that_no_header_can_hold(self, transport: Transport, server: LoopbackServer, end: str) -> None:
        """A key copied with a line break or worse is said to be one, and neither sent nor shown."""
        with pytest.raises(ConfigurationError, match="header") as caught:
            transport.open(call(server.url, authorization=f"Bearer {_SECRET}{end}"), timing())

        assert "API key" in (caught.value.hint or "")
        assert _SECRET not in shown(caught.value)
        assert server.requests == []

    @pytest.mark.parametrize("name", ["x\ny", "x y", "x:y", "", "é"])
    def test_header_with_an_impossible_name(self, transport: Transport, server: LoopbackServer, name: str) -> None:
        """It is not sent."""
        made = HTTPCall(method="GET", url=server.url, headers={name: "value"})

        with pytest.raises(ConfigurationError, match="header"):
            transport.open(made, timing())

        assert server.requests == []

    @pytest.mark.parametrize("port", ["1", "99999999", "x"])
    def test_no_secret_is_in_an_address_that_fails(self, transport: Transport, port: str) -> None:
        """Neither the error nor its causes show the key, the query or the part before the @ of the address."""
        url = f"http://user:{_SECRET}@127.0.0.1:{port}/?key={_SECRET}"

        with pytest.raises(ConnectionFailedError) as caught:
            transport.open(call(url, authorization=f"Bearer {_SECRET}"), timing())

        assert _SECRET not in shown(caught.value)

    @pytest.mark.parametrize(
        "steps",
        [
            (b"",),
            (head(length=9) + b"1",),
            (head(**CHUNKED) + b"x",),
            (reply(200, "no gzip at all", content_encoding="gzip"),),
            (reply(200, "x" * 9, **KEPT),),
        ],
    )
    def test_no_secret_is_in_any_error(
        self, transport: Transport, server: LoopbackServer, steps: tuple[bytes, ...]
    ) -> None:
        """Whatever fails: text, repr and attributes of the error and its causes show neither key, query nor body."""
        server.play(*steps)
        url = f"http://user:{_SECRET}@127.0.0.1:{server.port}/?key={_SECRET}"
        made = HTTPCall(method="POST", url=url, headers={"x-api-key": _SECRET}, body=_SECRET.encode())

        with pytest.raises(BudwoodError) as caught:
            fetch(transport, made, limit=5)

        assert _SECRET not in shown(caught.value)


def shown(error: BaseException) -> str:
    """Write all that an error and its causes show."""
    said = ["".join(traceback.format_exception(error))]
    links: list[BaseException | None] = [error]
    seen: set[int] = set()
    while links:
        link = links.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        links += [link.__cause__, link.__context__]
        said += [str(link), repr(link), repr(link.args), *_attributes(link)]
    return "\n".join(said)


def _attributes(error: BaseException) -> list[str]:
    values = vars(error).items()
    return [f"{name}={_with_attributes(value)}" for name, value in values]


def _with_attributes(value: object) -> str:
    return f"{value!r} {getattr(value, '__dict__', '')!r} {getattr(value, 'headers', '')!r}"
