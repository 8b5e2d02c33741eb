"""An HTTP server that gets events."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager


def accept(_request):
    """
    Answer any request that it is accepted.
    """
    return 204


class Receiver:
    """
    Keeps the requests that it gets, and answers each with a status.
    """

    def __init__(self):
        self.requests = []
        self.find_status = accept
        self.arrived = asyncio.Condition()
        self.url = None

    async def serve(self, reader, writer):
        """
        Answer the requests of a connection.
        """
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = (headers, body)
                status = self.find_status(request)
                async with self.arrived:
                    self.requests.append(request)
                    self.arrived.notify_all()
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def wait_for(self, count):
        """
        Wait until some requests have arrived.
        """
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)


@asynccontextmanager
async def run_receiver():
    """
    Run a receiver on this machine.
    """
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
    try:
        yield receiver
    finally:
        server.close()
