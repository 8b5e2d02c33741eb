"""Hedged requests over real connections: the loser's connection is closed, and the winner's stream is complete."""

import asyncio
import contextlib
import json
import socket
import threading

import pytest

import budwood
from budwood_testing import chat_chunks, chat_reply, sse

pytestmark = pytest.mark.filterwarnings("error")

SECONDS = 30.0
"""A server that waits this long for the end of a connection has found a fault."""


class SlowServer:
    """
    Never answers its first request, and answers the others.

    Attributes:
        closed: Set when the client has closed the connection of the first request.
    """

    def __init__(self):
        self.closed = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._is_first = True
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def settings(self):
        url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        return {"providers": {"local": {"plugin": "openai-compatible", "base_url": url}}}

    def _accept(self):
        with contextlib.suppress(OSError):  # the test has ended
            while True:
                connection, _ = self._socket.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(connection, self._is_first)))
                self._threads[-1].start()
                self._is_first = False

    def _serve(self, connection, is_first):
        connection.settimeout(SECONDS)
        with connection, contextlib.suppress(OSError):
            data = b""
            while not data.endswith(b"}") and (received := connection.recv(65536)):
                data += received
            if is_first:
                while connection.recv(65536):
                    pass
                self.closed.set()
                return
            streamed = b'"stream":true' in data
            body = (
                b"".join(sse(*chat_chunks(["Hel", "lo."]))) if streamed else json.dumps(chat_reply("Hello.")).encode()
            )
            kind = "text/event-stream" if streamed else "application/json"
            head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            connection.recv(1)

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(SECONDS)


@pytest.fixture
def server():
    """
    Return a server whose first request never ends.
    """
    started = SlowServer()
    yield started
    started.close()


def check(server, reply):
    """
    Check the reply of the winner, the ledger, and that the loser's connection is closed.
    """
    assert reply.text == "Hello."
    assert sorted(attempt.hedge for attempt in reply.attempts) == [False, True]
    assert server.closed.wait(SECONDS)


@pytest.mark.parametrize("streamed", [False, True])
def test_blocking_hedge_closes_the_loser(server, streamed):
    """
    While the client remains open.
    """
    with budwood.Client("local/m", settings=server.settings, hedge=0.05, retries=0) as client:
        if streamed:
            with client.stream("Hi") as stream:
                assert "".join(stream.text_deltas()) == "Hello."
                reply = stream.response
        else:
            reply = client.ask("Hi")
        check(server, reply)


@pytest.mark.parametrize("streamed", [False, True])
def test_async_hedge_closes_the_loser(server, streamed):
    """
    The same with tasks.
    """

    async def run():
        async with budwood.AsyncClient("local/m", settings=server.settings, hedge=0.05, retries=0) as client:
            if streamed:
                async with client.stream("Hi") as stream:
                    assert "".join([text async for text in stream.text_deltas()]) == "Hello."
                    reply = stream.response
            else:
                reply = await client.ask("Hi")
            await asyncio.to_thread(check, server, reply)

    asyncio.run(run())
