"""Endpoints that misbehave: servers on this machine that send bytes as a test says."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from contextlib import asynccontextmanager, closing, suppress

from budwood_server.webhooks.sending import Sender

PIECE = b"x" * 65536


class Endpoint:
    """
    Answers each connection by a function that writes to it, and counts what was sent.
    """

    def __init__(self, answer):
        self._answer = answer
        self.heads = []
        self.sent = 0
        self.port = None
        self.tasks = set()

    async def serve(self, reader, writer):
        """
        Read a request, and answer it until the other side has closed.
        """
        self.tasks.add(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError), closing(writer.transport):
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            async for piece in self._answer():
                writer.write(piece)
                self.sent += len(piece)
                await writer.drain()


@asynccontextmanager
async def run_endpoint(answer, tls=None):
    """
    Run an endpoint.

    Args:
        answer: An async generator function of bytes.
        tls: The context for TLS.
    """
    endpoint = Endpoint(answer)
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0, ssl=tls)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()
        for task in endpoint.tasks:
            task.cancel()
        await asyncio.gather(*endpoint.tasks, return_exceptions=True)


def find_at(*answers):
    """
    Return a function that looks up hosts: each time as the next addresses, and the last ones from then on.
    """
    left = list(answers)
    asked = []

    async def resolve(host, port, **_options):
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (each, port)) for each in found]

    resolve.asked = asked
    return resolve


async def send_once(url, *, timeout=500.0, resolve=None, headers=None):
    """
    Send a request to an endpoint on this machine, and return what came of it.
    """
    sender = Sender(timeout=timeout, allow_local=True, resolve=resolve)
    try:
        return await sender.send(url, headers or {}, b"{}")
    finally:
        await sender.close()


def send_to(answer, *, timeout=500.0):
    """
    Send a request to an endpoint that answers as a function says.

    Returns:
        What came of it, the endpoint, and the memory in bytes that it took at most.
    """

    async def main():
        async with run_endpoint(answer) as endpoint:
            url = f"http://127.0.0.1:{endpoint.port}/"
            tracemalloc.start()
            try:
                attempt = await send_once(url, timeout=timeout)
                return attempt, endpoint, tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    return asyncio.run(main())
