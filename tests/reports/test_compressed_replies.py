"""Compressed replies: truncated, in several members, with invalid characters, or with very many values."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import httpx
import pytest

from budwood import AsyncClient, Client
from budwood.errors import BadResponseError, ProviderError, ResponseTooLargeError, StreamInterruptedError
from budwood_testing import chat_chunks, chat_reply, sse
from tests.servers import EVENT_STREAM, reply

BODY = json.dumps(chat_reply("Hello. " * 50)).encode()
TEXT = "Hello. " * 50
WORDS = ["Once", " upon", " a", " time"]


def compress_raw(data):
    """
    Compress without a zlib header, as some servers do for ``deflate``.
    """
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS = [
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("deflate", zlib.compress, id="deflate"),
    pytest.param("deflate", compress_raw, id="raw deflate"),
]
every_transport = pytest.mark.parametrize(
    "transport", ["blocking", "default", "httptools", "aiohttp", "httpx", "httpx-async"]
)


@pytest.fixture
def ask(loopback_server, transport):
    """
    Send a request to a local server over a transport, and return the text of the reply or the stream.
    """
    options = {"base_url": f"{loopback_server.url}/v1", "cache": False, "retries": 0}

    async def ask_async(own, *, streamed):
        async with AsyncClient("openai-compatible/any", transport=own, **options) as client:
            if not streamed:
                return (await client.ask("Hi")).text
            async with client.stream("Hi") as stream:
                return "".join([text async for text in stream.text_deltas()])

    async def ask_with_httpx(*, streamed):
        async with httpx.AsyncClient(trust_env=False) as own:
            return await ask_async(own, streamed=streamed)

    def ask_blocking(own, *, streamed):
        with Client("openai-compatible/any", transport=own, **options) as client:
            if not streamed:
                return client.ask("Hi").text
            with client.stream("Hi") as stream:
                return "".join(stream.text_deltas())

    def ask(*, streamed=False):
        if transport == "blocking":
            return ask_blocking("default", streamed=streamed)
        if transport == "httpx":
            with httpx.Client(trust_env=False) as own:
                return ask_blocking(own, streamed=streamed)
        if transport == "httpx-async":
            return asyncio.run(ask_with_httpx(streamed=streamed))
        return asyncio.run(ask_async(transport, streamed=streamed))

    return ask


@every_transport
@pytest.mark.parametrize(("encoding", "compress"), PACKERS)
def test_truncated_compressed_reply_is_an_error(loopback_server, ask, encoding, compress):
    """
    A truncated reply is an error, even if only the checksum is incomplete; a complete one is read.
    """
    packed = compress(BODY)
    for size in (1, 2, 9, len(packed) // 2, len(packed) - 8, len(packed) - 4, len(packed) - 1):
        loopback_server.play(reply(200, packed[:size], content_encoding=encoding))
        with pytest.raises(BadResponseError, match=f"ended before its {encoding} data") as caught:
            ask()
        assert caught.value.retryable

    loopback_server.play(reply(200, packed, content_encoding=encoding))
    assert ask() == TEXT


@every_transport
def test_wrong_checksum_is_an_error(loopback_server, ask):
    """
    A changed byte raises an error.
    """
    packed = gzip.compress(BODY)
    loopback_server.play(reply(200, packed[:-8] + b"12345678", content_encoding="gzip"))

    with pytest.raises(BadResponseError, match="not valid gzip"):
        ask()


@every_transport
@pytest.mark.parametrize(
    "after",
    [b"", bytes(512), b"\x1f", b"garbage", gzip.compress(b"")],
    ids=["nothing", "padding", "one byte", "garbage", "empty member"],
)
def test_all_members_of_gzip_are_read(loopback_server, ask, after):
    """
    All members of a gzip body are read; padding and garbage after them are ignored, as gzip does.
    """
    packed = b"".join(gzip.compress(part) for part in (BODY[:10], b"", BODY[10:200], BODY[200:]))
    loopback_server.play(reply(200, packed + after, content_encoding="gzip"))

    assert ask() == TEXT


@every_transport
def test_truncated_gzip_member_is_an_error(loopback_server, ask):
    """
    A truncated member is an error, even if the data before it is a valid reply.
    """
    packed = gzip.compress(BODY) + gzip.compress(b" " * 100)[:-5]
    loopback_server.play(reply(200, packed, content_encoding="gzip"))

    with pytest.raises(BadResponseError, match="ended before its gzip data"):
        ask()


@every_transport
def test_truncated_compressed_stream_is_interrupted(loopback_server, ask):
    """
    The error has the partial reply; a complete stream is read.
    """
    packed = gzip.compress(b"".join(sse(*chat_chunks(WORDS))))
    headers = {**EVENT_STREAM, "content_encoding": "gzip"}
    loopback_server.play(reply(200, packed[:-9], **headers))
    with pytest.raises(StreamInterruptedError):
        ask(streamed=True)

    loopback_server.play(reply(200, packed, **headers))
    assert ask(streamed=True) == "".join(WORDS)


@every_transport
@pytest.mark.parametrize("streamed", [False, True])
def test_invalid_utf8_does_not_discard_a_reply(loopback_server, ask, streamed):
    """
    An invalid byte becomes U+FFFD, with and without streaming and compression.
    """
    body = b"".join(sse(*chat_chunks(WORDS))) if streamed else BODY
    body = body.replace(b"Once" if streamed else b"Hello", b"On\xffce", 1)
    headers = EVENT_STREAM if streamed else {}
    loopback_server.play(reply(200, body, **headers))
    loopback_server.play(reply(200, gzip.compress(body), content_encoding="gzip", **headers))

    for _ in range(2):
        assert ask(streamed=streamed).startswith("On\ufffdce")


BOMBS = [
    pytest.param(b"[" + b"[]," * 3_000_000 + b"0]", id="lists"),
    pytest.param(b"[" + b'{"a":1},' * 2_100_000 + b"0]", id="objects"),
    pytest.param(b"[" + b"1," * 9_000_000 + b"0]", id="numbers"),
    pytest.param(b"[" * 5_000_000, id="depth"),
]


@pytest.mark.parametrize("transport", ["blocking"])
@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("streamed", [False, True])
def test_parsing_a_reply_costs_a_bounded_amount(loopback_server, ask, bomb, streamed):
    """
    A few kilobytes of gzip that contain millions of JSON values are rejected before they are parsed.
    """
    body = b'{"id": "x", "choices": ' + bomb + b"}"
    if streamed:
        body = b"data: " + body + b"\n\n"
    packed = gzip.compress(body, 1)
    loopback_server.play(reply(200, packed, content_encoding="gzip", **(EVENT_STREAM if streamed else {})))

    with pytest.raises((ResponseTooLargeError, StreamInterruptedError), match=r"too many to parse|a line of more than"):
        ask(streamed=streamed)


@pytest.mark.parametrize("transport", ["blocking"])
def test_large_reply_with_few_values_is_read(loopback_server, ask):
    """
    A large reply is accepted if its size comes from an image or a long text.
    """
    text = "Word, [and] {more}: " * 300_000
    loopback_server.play(reply(200, chat_reply(text)))

    assert len(ask()) == len(text)


@pytest.mark.parametrize("transport", ["blocking"])
def test_decompression_bomb_in_an_error_body_is_not_read(loopback_server, ask):
    """
    Only the beginning of an error's body is decompressed.
    """
    packed = gzip.compress(b"[" + b"[]," * 3_000_000, 1)
    loopback_server.play(reply(500, packed, content_encoding="gzip"))

    with pytest.raises(ProviderError, match="500"):
        ask()
