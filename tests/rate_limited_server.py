"""A vendor that limits requests and tokens: as a server on loopback, and in simulated time."""

from __future__ import annotations

import asyncio
import json
import random
import selectors
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from budwood.engine.drivers import threads
from budwood.types import HTTPCall, Timing
from budwood.wire.uploads import read_body
from budwood_testing import ScriptedTransport
from budwood_testing.scripted import AsyncScriptedExchange, AsyncScriptedTransport, ScriptedReply
from tests.servers import LoopbackServer, ReceivedRequest

T = TypeVar("T")

BURST = 1.0
"""The seconds of refill that a limit holds at most."""


class Bucket:
    """A limit that is refilled continuously, and holds one second of it."""

    def __init__(self, per_minute: float, now: float) -> None:
        self.rate = per_minute / 60
        self.capacity = max(self.rate * BURST, 1.0)
        self.level = self.capacity
        self.now = now

    def refill(self, now: float) -> None:
        """Refill what has become available since the last request."""
        self.level = min(self.level + max(now - self.now, 0.0) * self.rate, self.capacity)
        self.now = now

    def delay(self, amount: float) -> float:
        """Return the seconds until an amount is available, or 0."""
        return max(min(amount, self.capacity) - self.level, 0.0) / self.rate


class Reply(NamedTuple):
    """A reply, which is sent after a delay in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay: float


@dataclass
class LimitedVendor:
    """
    Answers chat requests with real token counts, and rejects those that exceed its limits. Safe to use from threads.

    Attributes:
        tokens_per_minute: The limit of tokens, input and output together.
        requests_per_minute: The limit of requests.
        reject: The share of requests that it rejects at random, without counting them.
        latency: The least and the most seconds that a reply takes.
        outputs: The fewest and the most tokens that it writes.
        has_headers: Whether replies have rate headers.
    """

    tokens_per_minute: float = 600_000
    requests_per_minute: float = 1_000_000
    reject: float = 0.0
    latency: tuple[float, float] = (0.2, 0.6)
    outputs: tuple[int, int] = (50, 250)
    has_headers: bool = True
    seed: int = 1
    served: list[tuple[float, int]] = field(default_factory=list)
    limited: int = 0
    rejected: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._buckets: tuple[Bucket, Bucket] | None = None

    def answer(self, body: dict[str, Any], now: float) -> Reply:
        """Answer a request that arrives now."""
        with self._lock:
            if self._random.random() < self.reject:
                self.rejected += 1
                return self._refuse(0.1, {})
            prompt = sum(len(str(message["content"]).split()) for message in body["messages"])
            output = self._random.randint(*self.outputs)
            requests, tokens = self._refill(now)
            delay = max(requests.delay(1), tokens.delay(prompt + output))
            if delay > 0:
                self.limited += 1
                return self._refuse(delay, self._headers())
            requests.level -= 1
            tokens.level -= prompt + output
            self.served.append((now, prompt + output))
            return Reply(200, self._headers(), _make_body(prompt, output), self._random.uniform(*self.latency))

    def throughput(self, start: float, end: float) -> float:
        """Return the tokens per minute that were served between two times, as a share of the limit."""
        tokens = sum(count for moment, count in self.served if start <= moment < end)
        return tokens / (end - start) * 60 / self.tokens_per_minute

    def request_rate(self, start: float, end: float) -> float:
        """Return the requests per minute that were served between two times, as a share of the limit."""
        count = sum(start <= moment < end for moment, _ in self.served)
        return count / (end - start) * 60 / self.requests_per_minute

    @property
    def limited_share(self) -> float:
        """The share of requests that exceeded a limit."""
        return self.limited / max(self.limited + len(self.served), 1)

    def _refill(self, now: float) -> tuple[Bucket, Bucket]:
        if self._buckets is None:
            self._buckets = Bucket(self.requests_per_minute, now), Bucket(self.tokens_per_minute, now)
        for bucket in self._buckets:
            bucket.refill(now)
        return self._buckets

    def _headers(self) -> dict[str, str]:
        headers = {}
        if self.has_headers and self._buckets is not None:
            for name, bucket in zip(("requests", "tokens"), self._buckets, strict=True):
                headers[f"x-ratelimit-limit-{name}"] = str(int(bucket.rate * 60))
                headers[f"x-ratelimit-remaining-{name}"] = str(max(int(bucket.level), 0))
                headers[f"x-ratelimit-reset-{name}"] = f"{bucket.delay(bucket.capacity):.3f}s"
        return headers

    def _refuse(self, delay: float, headers: Mapping[str, str]) -> Reply:
        error = {"message": "Rate limit reached.", "type": "tokens", "code": "rate_limit_exceeded"}
        milliseconds = str(int(delay * 1000) + 1)
        return Reply(429, {**headers, "retry-after-ms": milliseconds}, json.dumps({"error": error}).encode(), 0.005)


def _make_body(prompt: int, output: int) -> bytes:
    message = {"role": "assistant", "content": "word " * 5}
    usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    body = {"id": "1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return json.dumps({**body, "usage": usage}).encode()


class LimitedServer(LoopbackServer):
    """
    A vendor on loopback.

    Args:
        vendor: The vendor.
    """

    def __init__(self, vendor: LimitedVendor) -> None:
        super().__init__()
        self.vendor = vendor
        self.answer = self._answer

    def _answer(self, request: ReceivedRequest) -> bytes:
        reply = self.vendor.answer(json.loads(request.body), time.monotonic())
        time.sleep(reply.delay)
        lines = [
            f"HTTP/1.1 {reply.status} X",
            "content-type: application/json",
            f"content-length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + reply.body


class VirtualTime(selectors.DefaultSelector):
    """A selector for an event loop whose time passes at once when all its tasks wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass instead of waiting."""
        if timeout is not None:
            self.now += max(timeout, 0.0)
        return super().select(0 if timeout is not None else None)


class ImmediateExecutor(ThreadPoolExecutor):
    """Calls functions for threads at once, so that results do not depend on speed."""

    def submit(self, function: Callable[..., T], /, *args: object, **kwargs: object) -> Future[T]:
        """Call a function at once."""
        future: Future[T] = Future()
        future.set_result(function(*args, **kwargs))
        return future


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in simulated time, which has no threads."""

    def __init__(self) -> None:
        self.virtual = VirtualTime()
        super().__init__(self.virtual)
        threads._executors[self] = ImmediateExecutor()

    def time(self) -> float:
        """Return the simulated time."""
        return self.virtual.now


class VirtualClock:
    """The clock of an async client in simulated time; see `budwood.contracts.Clock`."""

    def monotonic(self) -> float:
        """Return the time of the event loop."""
        return asyncio.get_running_loop().time()

    def time(self) -> float:
        """Return seconds since 1970."""
        return 1_700_000_000.0 + self.monotonic()

    async def sleep_async(self, seconds: float) -> None:
        """Let the time pass."""
        await asyncio.sleep(seconds)

    async def wait_async(self, future: asyncio.Future[None], deadline: float) -> None:
        """Wait for a future, at most until a deadline."""
        await asyncio.wait((future,), timeout=max(deadline - self.monotonic(), 0.0))

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        """Fail: there are no threads."""
        raise AssertionError("a thread sleeps in simulated time")

    def wait(self, event: threading.Event, deadline: float) -> None:
        """Fail: there are no threads."""
        raise AssertionError("a thread waits in simulated time")


class SimulatedTransport(AsyncScriptedTransport):
    """
    A transport to a vendor in simulated time. Requests arrive after a random delay.

    Args:
        vendor: The vendor.
        clock: The clock of the client.
        jitter: The most seconds that a request travels.
    """

    def __init__(self, vendor: LimitedVendor, clock: VirtualClock, jitter: float = 0.02) -> None:
        super().__init__(ScriptedTransport(clock=clock))
        self._vendor = vendor
        self._clock = clock
        self._jitter = jitter
        self._random = random.Random(vendor.seed)

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncScriptedExchange:
        """Return the reply of the vendor."""
        await self._clock.sleep_async(self._random.uniform(0.0, self._jitter))
        reply = self._vendor.answer(json.loads(read_body(call.body)), self._clock.monotonic())
        await self._clock.sleep_async(reply.delay)
        return AsyncScriptedExchange(self.script.start(ScriptedReply(reply.status, reply.headers, (reply.body,))))


def run_simulated(main: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine in simulated time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())  # type: ignore[arg-type]  # coroutine functions return coroutines
