"""The measures with an open client, one entry each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.server import CHUNKS, OBJECT, TEXT, create_word

SECONDS: Final = {1: 0.4, 32: 0.4, 256: 0.6, 1000: 1.5}
"""How many calls are in flight at once, and how long a round of them takes: each lane makes several calls."""

OTHERS: Final = {0: (2, 3, 2, 1), 50: (0, 0, 1, 0), 500: (0, 0, 0, 1)}
"""
Rounds of contenders other than Budwood and the reference, by latency and number in flight: a round of 1,000 calls
takes minutes, and with latency they are measured only where they become slow.
"""

WARM_UP_SECONDS: Final = 3.0
"""Longer than httpx keeps idle connections: surplus ones of the first calls slow its pool until then."""

MOST_TO_WARM_UP: Final = 1000

MANY: Final = 10_000
STORY: Final = "".join(map(create_word, range(CHUNKS)))


@dataclass(frozen=True, kw_only=True)
class Measure:
    """
    A measure of all contenders that support its operation.

    Attributes:
        name: The name on the command line and in the results.
        title: The title in the report.
        operation: The method of the contenders' clients.
        expected: What it must return.
        path: How the server behaves; see `tests.benchmarks.server`.
        in_flight: The number of concurrent calls.
        seconds: The minimum duration of a round; None if `count` is set.
        count: The number of calls in a round.
        rounds: The maximum number of rounds.
        other_rounds: The maximum for contenders other than Budwood and the reference: they
            are slow, and far from the bounds.
        group: Measures of a group share their rounds, so that they can be compared.
        against: The contender with which the report compares the others.
    """

    name: str
    title: str
    operation: str
    expected: object = TEXT
    path: str = ""
    in_flight: int = 1
    seconds: float | None = 0.8
    count: int | None = None
    rounds: int = 5
    other_rounds: int = 2
    group: str = ""
    against: str = "aiohttp"

    def command(self, factor: float = 1.0) -> dict[str, object]:
        """
        Return a worker's command for a round; see `tests.benchmarks.worker.Command`. ``factor`` scales the duration.
        """
        seconds = None if self.seconds is None else self.seconds * factor
        fields = ("operation", "expected", "path", "in_flight", "count")
        common = {field: getattr(self, field) for field in fields}
        warm_up = {
            "warm_up": max(5, min(3 * self.in_flight, MOST_TO_WARM_UP)),
            "warm_up_seconds": WARM_UP_SECONDS * factor,
        }
        return common | warm_up | {"seconds": seconds}


def create_async_calls() -> Iterator[Measure]:
    """
    Yield the concurrent calls for each latency and number in flight, with the calls with schemas or tools.
    """
    for milliseconds, others in OTHERS.items():
        for lanes, other_rounds in zip(SECONDS, others, strict=True):
            yield Measure(
                name=f"async-{lanes}" + (f"-{milliseconds}ms" if milliseconds else ""),
                title=f"Async, {lanes:,} in flight, {milliseconds} ms latency",
                operation="async_call",
                path=f"/fixed-{milliseconds}" if milliseconds else "",
                in_flight=lanes,
                seconds=max(SECONDS[lanes], 2.5 * milliseconds / 1000),
                rounds=3 if lanes == 1000 else 2 if milliseconds else 5,
                other_rounds=other_rounds,
                group=f"async-{milliseconds}ms",
            )
        if not milliseconds:
            yield from create_calls_with_options("async", in_flight=32, seconds=SECONDS[32], group="async-0ms")


def create_calls_with_options(kind: str, **common: Any) -> Iterator[Measure]:
    """
    Yield the calls with a schema or tools, in the group of the plain calls.
    """
    kinds = (
        ("structured", "structured output into a Pydantic model", OBJECT),
        ("dictionary", "structured output by a JSON schema", OBJECT),
        ("tools", "a call with 3 tools", TEXT),
    )
    lanes = f", {common['in_flight']} in flight" if "in_flight" in common else ""
    for name, title, expected in kinds:
        yield Measure(
            name=f"{name}-{kind}",
            title=f"{kind.title()}, {title}{lanes}",
            operation=f"{kind}_{name}",
            expected=expected,
            **common,
        )


MEASURES: Final = (
    Measure(
        name="sync",
        title="Sync, one call after the other",
        operation="sync_call",
        other_rounds=3,
        against="httpx",
        group="sync",
    ),
    *create_calls_with_options("sync", against="httpx", group="sync"),
    *create_async_calls(),
    Measure(
        name="stream-sync",
        title=f"Sync, a stream of {CHUNKS} chunks",
        operation="sync_stream",
        expected=STORY,
        against="httpx",
    ),
    Measure(
        name="stream-async",
        title=f"Async, a stream of {CHUNKS} chunks",
        operation="async_stream",
        expected=STORY,
        other_rounds=3,
    ),
    Measure(
        name="stream-paced",
        title=f"Async, 8 streams at once, each with {CHUNKS} chunks, one every 2 ms",
        operation="async_stream",
        expected=STORY,
        path=f"/chunks-{CHUNKS}-delay-2",
        in_flight=8,
        seconds=1.2,
        rounds=3,
        other_rounds=1,
    ),
    Measure(
        name="cache-memory",
        title="A reply from a cache in memory",
        operation="cached_memory",
        seconds=0.5,
        against="budwood",
    ),
    Measure(
        name="cache-sqlite",
        title="A reply from a cache in SQLite",
        operation="cached_sqlite",
        seconds=0.5,
        against="budwood",
    ),
    Measure(
        name="cache-sqlite-async",
        title="Async, a reply from a cache in SQLite",
        operation="async_cached_sqlite",
        seconds=0.5,
        against="budwood",
    ),
    Measure(
        name="many",
        title=f"{MANY:,} prompts at once, 64 in flight (`ask_many`; bare: `gather` and a semaphore)",
        operation="async_many",
        in_flight=64,
        seconds=None,
        count=MANY,
        rounds=2,
    ),
)
