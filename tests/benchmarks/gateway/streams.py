"""Opens many streams at once, and counts what arrives."""

from __future__ import annotations

import asyncio
import json
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tests.benchmarks.gateway.load import BODY

END: Final = b"data: [DONE]"


class Streams(NamedTuple):
    """
    What arrived of many streams.

    Attributes:
        complete: The streams with all chunks and the end.
        chunks: The chunks of all streams.
    """

    complete: int
    chunks: int


def open_streams(url: str, key: str, count: int, expected: int) -> Streams:
    """
    Open streams at once, and read each to its end.

    Args:
        url: The address of the chats.
        key: The API key.
        count: The number of streams.
        expected: The chunks of text that each has.
    """
    return asyncio.run(_open_all(url, key, count, expected))


async def _open_all(url: str, key: str, count: int, expected: int) -> Streams:
    found = await asyncio.gather(*(_read_stream(url, key) for _ in range(count)))
    complete = sum(1 for text in found if END in text and text.count(b'"content":"word') == expected)
    return Streams(complete, sum(text.count(b'"content":"word') for text in found))


async def _read_stream(url: str, key: str) -> bytes:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    body = json.dumps({**BODY, "stream": True}).encode()
    head = (
        f"POST {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    try:
        return await reader.read()
    finally:
        writer.close()
