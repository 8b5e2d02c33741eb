"""
A loopback server that speaks OpenAI's Chat Completions, far faster than any client asks.

What it does is said in the path, so that a client needs no more than a ``base_url``. Before ``/v1/chat/completions``
there may stand, in any order:

- ``/fixed-50``: it answers after 50 ms.
- ``/lognormal-500-0.5``: after a time drawn from the lognormal distribution of mean 500 ms and sigma 0.5.
- ``/chunks-200-delay-0``: a stream has 200 chunks of text, with so many milliseconds between them: the default.
- ``/error-429``: it answers with that status.

``GET /stats`` tells how many requests came and how many were in flight on average, and begins to count anew.

Usage: python -m tests.benchmarks.server. It prints its port.
"""

from __future__ import annotations

import asyncio
import functools
import json
import math
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

CHUNKS = 200
BACKLOG = 4096
"""How many connections may wait to be accepted: a thousand come at once."""

MODEL = "bench"
TEXT = "Hello."
OBJECT = {"name": "Ada", "age": 36, "city": "London"}
"""What is replied, whole, and where the request asks for JSON."""

_PATH = re.compile(rb"((?:/[a-z]+-[0-9a-z.-]+)*)/v1/chat/completions")
_CONDITION = {
    "fixed": re.compile(r"fixed-(\d+(?:\.\d+)?)"),
    "lognormal": re.compile(r"lognormal-(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)"),
    "chunks": re.compile(r"chunks-(\d+)-delay-(\d+(?:\.\d+)?)"),
    "error": re.compile(r"error-([45]\d\d)"),
}


def word(number: int) -> str:
    """
    Return the text of one chunk of a stream: no two are the same, since some clients take that for a model gone mad.
    """
    return f"word{number} "


def as_json(value: object) -> bytes:
    """
    Write compact JSON.
    """
    return json.dumps(value, separators=(",", ":")).encode()


def reply(status: int, body: bytes) -> bytes:
    """
    Write a whole reply.
    """
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def failure(status: int, message: str) -> bytes:
    """
    Write an error in OpenAI's form.
    """
    return reply(status, as_json({"error": {"message": message, "type": "bench", "param": None, "code": str(status)}}))


def completion(text: str) -> bytes:
    """
    Write a whole chat reply.
    """
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL}
    return reply(200, as_json(body | {"choices": [choice], "usage": usage}))


def frames(count: int) -> list[bytes]:
    """
    Write a streamed chat reply: the head with the first chunk, then chunk by chunk, then the end.
    """
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}

    def chunk(data: bytes) -> bytes:
        event = b"data: " + data + b"\n\n"
        return b"%x\r\n%s\r\n" % (len(event), event)

    def choice(delta: dict[str, str], reason: str | None = None) -> bytes:
        return chunk(as_json(common | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}))

    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count}
    role = {"role": "assistant"}
    words = [choice((role if number == 0 else {}) | {"content": word(number)}) for number in range(count)]
    end = choice({}, "stop") + chunk(as_json(common | {"choices": [], "usage": usage})) + chunk(b"[DONE]")
    pieces = [*words, end + b"0\r\n\r\n"]
    return [head + pieces[0], *pieces[1:]]


PLAIN = completion(TEXT)
STRUCTURED = completion(json.dumps(OBJECT))


@dataclass(frozen=True)
class Plan:
    """
    What a path asks for: a status, a latency in seconds, and the pieces of a stream with the seconds before each.
    """

    status: int
    latency: Callable[[], float] | None
    frames: list[bytes]
    whole: bytes
    delay: float


@functools.lru_cache(maxsize=256)
def plan(path: bytes) -> Plan | None:
    """
    Understand a path; None where it says nothing that is known.
    """
    matched = _PATH.fullmatch(path)
    if matched is None:
        return None
    said: dict[str, tuple[str, ...]] = {}
    for segment in filter(None, matched[1].decode().split("/")):
        kind = segment.partition("-")[0]
        found = _CONDITION[kind].fullmatch(segment) if kind in _CONDITION else None
        if found is None:
            return None
        said[kind] = found.groups()
    count, delay = said.get("chunks", (str(CHUNKS), "0"))
    pieces = frames(int(count))
    status = int(said.get("error", ("200",))[0])
    return Plan(status, latency(said), pieces, b"".join(pieces), float(delay) / 1000)


def latency(said: dict[str, tuple[str, ...]]) -> Callable[[], float] | None:
    """
    Return what draws a latency.
    """
    if "fixed" in said:
        seconds = float(said["fixed"][0]) / 1000
        return lambda: seconds
    if "lognormal" in said:
        mean, sigma = (float(number) for number in said["lognormal"])
        chance = random.Random(1)
        location = math.log(mean / 1000) - sigma**2 / 2
        return lambda: chance.lognormvariate(location, sigma)
    return None


@dataclass
class Count:
    """
    How many requests came, and how long they were in flight, since the last look.
    """

    requests: int = 0
    in_flight: int = 0
    _busy: float = 0.0
    _began: float = field(default=0.0)
    _changed: float = 0.0

    def change(self, by: int, now: float) -> None:
        """
        Note that requests came or were answered.
        """
        self._busy += self.in_flight * (now - self._changed)
        self._changed = now
        self.in_flight += by

    def look(self, now: float) -> dict[str, float]:
        """
        Tell, and begin anew.
        """
        self.change(0, now)
        seconds = now - self._began
        told = {
            "requests": self.requests,
            "seconds": seconds,
            "mean_in_flight": self._busy / seconds if seconds else 0.0,
        }
        self.requests, self._busy, self._began = 0, 0.0, now
        return told


class Connection(asyncio.Protocol):
    """
    One connection. Requests may come in pieces, and before the one ahead of them is answered.
    """

    def __init__(self, count: Count) -> None:
        self.loop = asyncio.get_running_loop()
        self.count = count
        self.received = b""
        self.pending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Begin.
        """
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """
        Answer every request that is complete.
        """
        self.received += data
        if not self.pending:
            self.serve()

    def serve(self) -> None:
        """
        Answer one request after the other, until one takes its time.
        """
        while not self.pending and (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            line = head.partition(b"\r\n")[0].split(b" ")
            if len(line) != 3 or not line[2].startswith(b"http/1."):
                return self.refuse(400, "This is no HTTP/1.1 request.")
            if b"\r\ntransfer-encoding:" in head:
                return self.refuse(411, "A request needs a content-length here.")
            length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0].strip() or b"0"
            if not length.isdigit():
                return self.refuse(400, "The content-length is no number.")
            start, end = end + 4, end + 4 + int(length)
            if len(self.received) < end:
                return None
            body = self.received[start:end]
            self.received = self.received[end:]
            self.answer(line[0], line[1], body)
        return None

    def refuse(self, status: int, message: str) -> None:
        """
        Answer what cannot be understood, and hang up.
        """
        self.pending = True
        self.transport.write(failure(status, message))
        self.transport.close()

    def answer(self, method: bytes, path: bytes, body: bytes) -> None:
        """
        Answer one request.
        """
        if method == b"get" and path == b"/stats":
            self.transport.write(reply(200, as_json(self.count.look(self.loop.time()))))
            return
        asked = plan(path)
        if method != b"post" or asked is None:
            self.transport.write(failure(404, "Nothing is known under this path."))
            return
        self.count.requests += 1
        pieces = said(asked, body)
        wait = asked.latency() if asked.latency else 0.0
        if wait or len(pieces) > 1:
            self.pending = True
            self.count.change(1, self.loop.time())
            self.loop.call_later(wait, self.write, iter(pieces), asked.delay)
        else:
            self.transport.write(pieces[0])

    def write(self, pieces: Iterator[bytes], delay: float) -> None:
        """
        Write the next piece, and the others in their time.
        """
        piece = next(pieces, None)
        if piece is None or self.transport.is_closing():
            self.count.change(-1, self.loop.time())
            self.pending = False
            return self.serve()
        self.transport.write(piece)
        if delay:
            self.loop.call_later(delay, self.write, pieces, delay)
            return None
        return self.write(pieces, delay)


def said(asked: Plan, body: bytes) -> list[bytes]:
    """
    Choose what is replied, in pieces that go out one by one.
    """
    if asked.status != 200:
        return [failure(asked.status, "The path asked for this.")]
    if b'"stream":true' in body or b'"stream": true' in body:
        return asked.frames if asked.delay else [asked.whole]
    return [STRUCTURED if b'"response_format"' in body else PLAIN]


async def main() -> None:
    """
    Serve on a free port, and print it.
    """
    loop = asyncio.get_running_loop()
    count = Count()
    count.look(loop.time())
    server = await loop.create_server(lambda: Connection(count), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def run() -> None:
    """
    Serve on uvloop where it is installed.
    """
    try:
        import uvloop
    except ImportError:
        print("uvloop is not installed: the server runs on asyncio, which is slower", file=sys.stderr)
        asyncio.run(main())
    else:
        uvloop.run(main())


if __name__ == "__main__":
    run()
