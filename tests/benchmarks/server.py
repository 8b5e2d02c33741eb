"""
A loopback server with OpenAI's Chat Completions API, faster than any client.

The path controls its behaviour, so that a client needs only a ``base_url``. Before ``/v1/chat/completions``
there may be, in any order:

- ``/fixed-50``: it answers after 50 ms.
- ``/lognormal-500-0.5``: it answers after a random time, lognormal with mean 500 ms and sigma 0.5.
- ``/chunks-200-delay-0``: a stream has 200 chunks of text, 0 ms apart (the default).
- ``/error-429``: it answers with this status.
- ``/for-NAME``: nothing else. Each path has its own sequence of latencies, so each name gets the same one.

``GET /stats`` returns the number of requests and the mean in flight, and resets both.

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
"""The accept backlog: a thousand connections may arrive at once."""

MODEL = "bench"
TEXT = "Hello."
OBJECT = {"name": "Ada", "age": 36, "city": "London"}
"""The content of the reply, and of a structured reply."""

_PATH = re.compile(rb"((?:/[a-z]+-[0-9a-z.-]+)*)/v1/chat/completions")
_CONDITION = {
    "fixed": re.compile(r"fixed-(\d+(?:\.\d+)?)"),
    "lognormal": re.compile(r"lognormal-(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)"),
    "chunks": re.compile(r"chunks-(\d+)-delay-(\d+(?:\.\d+)?)"),
    "error": re.compile(r"error-([45]\d\d)"),
    "for": re.compile(r"for-([a-z0-9-]+)"),
}


def create_word(number: int) -> str:
    """
    Return the text of a chunk; all differ, because some clients end streams whose chunks repeat.
    """
    return f"word{number} "


def encode_json(value: object) -> bytes:
    """
    Serialize data as compact JSON.
    """
    return json.dumps(value, separators=(",", ":")).encode()


def create_reply(status: int, body: bytes) -> bytes:
    """
    Return an HTTP reply.
    """
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def create_failure(status: int, message: str) -> bytes:
    """
    Return an error in OpenAI's format.
    """
    return create_reply(
        status, encode_json({"error": {"message": message, "type": "bench", "param": None, "code": str(status)}})
    )


def create_completion(text: str) -> bytes:
    """
    Return a chat reply without streaming.
    """
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL}
    return create_reply(200, encode_json(body | {"choices": [choice], "usage": usage}))


def create_frames(count: int) -> list[bytes]:
    """
    Return the parts of a streamed chat reply: the head with the first chunk, the other chunks, the end.
    """
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}

    def chunk(data: bytes) -> bytes:
        event = b"data: " + data + b"\n\n"
        return b"%x\r\n%s\r\n" % (len(event), event)

    def choice(delta: dict[str, str], reason: str | None = None) -> bytes:
        return chunk(encode_json(common | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}))

    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count}
    role = {"role": "assistant"}
    words = [choice((role if number == 0 else {}) | {"content": create_word(number)}) for number in range(count)]
    end = choice({}, "stop") + chunk(encode_json(common | {"choices": [], "usage": usage})) + chunk(b"[DONE]")
    parts = [*words, end + b"0\r\n\r\n"]
    return [head + parts[0], *parts[1:]]


PLAIN = create_completion(TEXT)
STRUCTURED = create_completion(json.dumps(OBJECT))
STRUCTURED_SIGNS = (b'"response_format"', b"<response_schema>")
"""What a request for structured output contains; Data Designer describes the schema in the prompt."""


@dataclass(frozen=True)
class Plan:
    """
    The behaviour that a path selects: the status, the latency in seconds, and the chunks of a stream with their delays.
    """

    status: int
    latency: Callable[[], float] | None
    frames: list[bytes]
    body: bytes
    delay: float


@functools.lru_cache(maxsize=256)
def parse_path(path: bytes) -> Plan | None:
    """
    Parse a path; None if it is unknown.
    """
    matched = _PATH.fullmatch(path)
    if matched is None:
        return None
    options: dict[str, tuple[str, ...]] = {}
    for segment in filter(None, matched[1].decode().split("/")):
        kind = segment.partition("-")[0]
        found = _CONDITION[kind].fullmatch(segment) if kind in _CONDITION else None
        if found is None:
            return None
        options[kind] = found.groups()
    count, delay = options.get("chunks", (str(CHUNKS), "0"))
    parts = create_frames(int(count))
    status = int(options.get("error", ("200",))[0])
    return Plan(status, create_latency(options), parts, b"".join(parts), float(delay) / 1000)


def create_latency(options: dict[str, tuple[str, ...]]) -> Callable[[], float] | None:
    """
    Return a function that returns latencies.
    """
    if "fixed" in options:
        seconds = float(options["fixed"][0]) / 1000
        return lambda: seconds
    if "lognormal" in options:
        mean, sigma = (float(number) for number in options["lognormal"])
        chance = random.Random(1)
        location = math.log(mean / 1000) - sigma**2 / 2
        return lambda: chance.lognormvariate(location, sigma)
    return None


@dataclass
class Count:
    """
    The number of requests and their time in flight since the last query.
    """

    requests: int = 0
    in_flight: int = 0
    _busy: float = 0.0
    _began: float = field(default=0.0)
    _changed: float = 0.0
    _first: float | None = None

    def change(self, by: int, now: float) -> None:
        """
        Record that requests arrived or were answered.
        """
        self._busy += self.in_flight * (now - self._changed)
        self._changed = now
        self.in_flight += by
        if self._first is None and by > 0:
            self._first = now

    def look(self, now: float) -> dict[str, float]:
        """
        Return the statistics, and reset them. The span begins with the first request and ends with the last reply.
        """
        span = self._changed - self._first if self._first is not None and not self.in_flight else now - self._began
        self.change(0, now)
        seconds = now - self._began
        statistics = {
            "requests": self.requests,
            "seconds": seconds,
            "mean_in_flight": self._busy / seconds if seconds else 0.0,
            "span": span,
            "mean_in_span": self._busy / span if span else 0.0,
        }
        self.requests, self._busy, self._began, self._first = 0, 0.0, now, None
        return statistics


class Connection(asyncio.Protocol):
    """
    A connection. Requests may arrive in parts, and before the previous one is answered.
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
        Answer all complete requests.
        """
        self.received += data
        if not self.pending:
            self.serve()

    def serve(self) -> None:
        """
        Answer requests in order until one is delayed.
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
        Answer an invalid request, and close the connection.
        """
        self.pending = True
        self.transport.write(create_failure(status, message))
        self.transport.close()

    def answer(self, method: bytes, path: bytes, body: bytes) -> None:
        """
        Answer one request.
        """
        if method == b"get" and path == b"/stats":
            self.transport.write(create_reply(200, encode_json(self.count.look(self.loop.time()))))
            return
        selected = parse_path(path)
        if method != b"post" or selected is None:
            self.transport.write(create_failure(404, "Nothing is known under this path."))
            return
        self.count.requests += 1
        parts = select_reply(selected, body)
        wait = selected.latency() if selected.latency else 0.0
        if wait or len(parts) > 1:
            self.pending = True
            self.count.change(1, self.loop.time())
            self.loop.call_later(wait, self.write, iter(parts), selected.delay)
        else:
            self.transport.write(parts[0])

    def write(self, parts: Iterator[bytes], delay: float) -> None:
        """
        Write the next part, and schedule the others.
        """
        piece = next(parts, None)
        if piece is None or self.transport.is_closing():
            self.count.change(-1, self.loop.time())
            self.pending = False
            return self.serve()
        self.transport.write(piece)
        if delay:
            self.loop.call_later(delay, self.write, parts, delay)
            return None
        return self.write(parts, delay)


def select_reply(selected: Plan, body: bytes) -> list[bytes]:
    """
    Return the parts of the reply, sent one by one.
    """
    if selected.status != 200:
        return [create_failure(selected.status, "The path requests this error.")]
    if b'"stream":true' in body or b'"stream": true' in body:
        return selected.frames if selected.delay else [selected.body]
    return [STRUCTURED if any(sign in body for sign in STRUCTURED_SIGNS) else PLAIN]


async def main() -> None:
    """
    Listen on a free port, and print it.
    """
    loop = asyncio.get_running_loop()
    count = Count()
    count.look(loop.time())
    server = await loop.create_server(lambda: Connection(count), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def run() -> None:
    """
    Run the server, on uvloop if it is installed.
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
