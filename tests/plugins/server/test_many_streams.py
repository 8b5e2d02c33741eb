"""Many streams at once, to a vendor that sends nothing until all have arrived."""

from __future__ import annotations

import asyncio
import json
import re
import threading

import pytest

from budwood_server.process.server import run
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.http_client import encode_request

STREAMS = 500
CHUNKS = 20
PATHS = ("/v1/chat/completions", "/v1/messages")


class BarrierVendor:
    """
    Streams to each client the text of its question, word by word, once a number of clients have asked.
    """

    def __init__(self, clients):
        self.clients = clients
        self.port = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: run(self._serve()))

    def __enter__(self):
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._arrived, self._all = 0, asyncio.Event()
        async with await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=1024) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    async def _answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
        question = json.loads(await reader.readexactly(length))["messages"][-1]["content"]
        self._arrived += 1
        if self._arrived == self.clients:
            self._all.set()
        await self._all.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for word in range(CHUNKS):
            await self._send(writer, {"delta": {"content": f"{question}-{word} "}})
        await self._send(writer, {"delta": {}, "finish_reason": "stop"})
        writer.write(b"data: [DONE]\n\n")
        writer.close()

    async def _send(self, writer, choice):
        data = {"id": "c", "model": "m", "choices": [{"index": 0, **choice}]}
        writer.write(f"data: {json.dumps(data)}\n\n".encode())
        await writer.drain()


async def ask(address, path, number):
    """
    Send a question, and return the text of the reply and its last bytes.
    """
    reader, writer = await asyncio.open_connection(*address)
    body = {"model": "fast", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": f"q{number}"}]}
    writer.write(encode_request(path, body, headers={"connection": "close"}))
    received = await reader.read()
    writer.close()
    events = [line.removeprefix(b"data: ") for line in received.splitlines() if line.startswith(b"data: {")]
    return "".join(map(read_text, map(json.loads, events))), received[-200:]


def read_text(event):
    """
    Return the text in an event of either API.
    """
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"])
    return event.get("delta", {}).get("text", "")


@pytest.mark.parametrize("path", PATHS)
def test_no_stream_loses_anything(path):
    """
    All streams are open at the same time, and each client gets its own reply, complete.
    """

    async def ask_all(address):
        return await asyncio.gather(*(ask(address, path, number) for number in range(STREAMS)))

    with BarrierVendor(STREAMS) as vendor:
        provider = {"plugin": "openai-compatible", "base_url": f"http://127.0.0.1:{vendor.port}/v1"}
        settings = {"providers": {"local": provider}, "server": {"models": {"fast": "local/m"}}, "cache": False}
        with GatewayServer(settings) as gateway:
            replies = run(ask_all(gateway.address))

    for number, (text, end) in enumerate(replies):
        assert text == "".join(f"q{number}-{word} " for word in range(CHUNKS))
        assert b"[DONE]" in end or b"message_stop" in end
