"""A loopback server that answers every request with one small chat reply, far faster than any client asks."""

from __future__ import annotations

import asyncio

BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"bench","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,'
    b'"completion_tokens":2,"total_tokens":11}}'
)
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Connection(asyncio.Protocol):
    """
    One connection; requests may come in pieces.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Begin.
        """
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        """
        Answer every request that is complete.
        """
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self.received) < end + 4 + length:
                return
            self.received = self.received[end + 4 + length :]
            self.transport.write(REPLY)


async def main() -> None:
    """
    Serve on a free port, and print it.
    """
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
