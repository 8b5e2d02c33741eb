"""A client that goes away ends the vendor's call, in every phase."""

from __future__ import annotations

import json
import threading

import pytest

from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.http_client import connect, encode_request, read_until
from tests.servers import EVENT_STREAM, WAIT_FOR_CLOSE, LoopbackServer, head, signal

PATHS = ("/v1/chat/completions", "/v1/messages")
QUESTION = {"model": "fast", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}


def chunk(text):
    """
    Return a chunk of the vendor's stream.
    """
    data = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}}]}
    return f"data: {json.dumps(data)}\n\n".encode()


STREAM = head(200, **EVENT_STREAM)


@pytest.fixture
def vendor():
    """
    A vendor whose replies are scripted.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def gateway(vendor):
    """
    The gateway, with comments every 20 ms.
    """
    provider = {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1"}
    server = {"models": {"fast": "local/m"}, "keep_alive": 0.02}
    with GatewayServer({"providers": {"local": provider}, "server": server, "cache": False}) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_client_that_leaves_while_it_waits(vendor, gateway, path, stream):
    """
    Before the vendor has said anything.
    """
    reached = threading.Event()
    vendor.play(signal(reached), WAIT_FOR_CLOSE)
    with connect(gateway) as connection:
        connection.sendall(encode_request(path, {**QUESTION, "stream": stream}))
        reached.wait()

    vendor.closed_by_client.wait()


@pytest.mark.parametrize("path", PATHS)
def test_client_that_leaves_before_the_first_token(vendor, gateway, path):
    """
    After the head of the vendor's stream, while only comments are sent.
    """
    vendor.play(STREAM, WAIT_FOR_CLOSE)
    with connect(gateway) as connection:
        connection.sendall(encode_request(path, {**QUESTION, "stream": True}))
        received = read_until(connection, b": keep-alive\n\n")

    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"data:" not in received
    vendor.closed_by_client.wait()


@pytest.mark.parametrize("path", PATHS)
def test_client_that_leaves_in_mid_stream(vendor, gateway, path):
    """
    After some of the reply.
    """
    vendor.play(STREAM, chunk("Hel"), WAIT_FOR_CLOSE)
    with connect(gateway) as connection:
        connection.sendall(encode_request(path, {**QUESTION, "stream": True}))
        assert b"Hel" in read_until(connection, b"Hel")

    vendor.closed_by_client.wait()


@pytest.mark.parametrize("path", PATHS)
def test_client_that_leaves_while_it_reads_slowly(vendor, gateway, path):
    """
    While the gateway waits because the buffers on the way to the client are full.
    """
    block = chunk("x" * 60_000)
    vendor.play(STREAM, (block for _ in range(10_000)))
    with connect(gateway) as connection:
        connection.sendall(encode_request(path, {**QUESTION, "stream": True}))
        read_until(connection, b"xxx")
        sent = -1
        while vendor.sent != sent:  # until all buffers are full
            sent = vendor.sent
            vendor.stopping.wait(0.3)

    vendor.closed_by_client.wait()
    assert vendor.sent < 10_000 * len(block)


@pytest.mark.parametrize("path", PATHS)
def test_comments_keep_a_quiet_stream_alive(vendor, gateway, path):
    """
    Comments are sent before the first token and between tokens, and the reply is complete.
    """
    first, second = threading.Event(), threading.Event()
    end = b'data: {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    vendor.play(STREAM, first, chunk("Hel"), second, chunk("lo"), end)
    with connect(gateway) as connection:
        connection.sendall(encode_request(path, {**QUESTION, "stream": True}))
        before = read_until(connection, b": keep-alive")
        first.set()
        between = read_until(connection, b"Hel")
        between += read_until(connection, b": keep-alive")
        second.set()
        after = read_until(connection, b"0\r\n\r\n")

    assert b"Hel" not in before
    assert b": keep-alive" in between.partition(b"Hel")[2] or b": keep-alive" in between
    assert b"[DONE]" in after or b"message_stop" in after
