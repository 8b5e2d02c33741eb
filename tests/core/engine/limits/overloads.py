"""A simulation of workers at an endpoint that rejects requests, in simulated time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from budwood.engine.endpoints.health import Health
from budwood.engine.limits import adaptive
from budwood.errors import RateLimitError

SERVICE = (0.4, 0.6)
REJECTION = 0.02
BACKOFF = (0.0, 0.5)
"""Seconds that the server takes for a reply and for a rejection, and that a worker waits after a rejection."""


class Outcome(NamedTuple):
    """The successes per second, the share of attempts that were rejected, and the limit at the end."""

    rate: float
    rejected: float
    limit: int | None


@dataclass
class Simulation:
    """
    Workers that send a request as soon as the one before has succeeded, and repeat it until it does.

    Attributes:
        capacity: Returns how many requests the server takes at a time, by the time; None for all.
        reject: The share of requests that it rejects at random.
        is_adaptive: Whether rejections limit the concurrency.
    """

    capacity: Callable[[float], int] | None = None
    reject: float = 0.0
    is_adaptive: bool = True
    seed: int = 1
    health: Health = field(default_factory=Health)
    now: float = 0.0
    served: int = 0
    successes: int = 0
    rejections: int = 0

    def __post_init__(self):
        self.random = random.Random(self.seed)
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.numbers = itertools.count()

    def run(self, workers: int, seconds: float) -> Outcome:
        """Start workers, and simulate a number of seconds."""
        for worker in range(workers):
            self.schedule(0.0, lambda worker=worker: self.start(worker))
        return self.resume(seconds)

    def resume(self, seconds: float) -> Outcome:
        """Simulate further seconds."""
        end, before = self.now + seconds, (self.successes, self.rejections)
        while self.events[0][0] < end:
            self.now, _, event = heapq.heappop(self.events)
            event()
        self.now = end
        successes, rejections = self.successes - before[0], self.rejections - before[1]
        limit = self.health.adaptive.limit if self.health.adaptive is not None else None
        return Outcome(successes / seconds, rejections / (successes + rejections), limit)

    def schedule(self, delay, event):
        heapq.heappush(self.events, (self.now + delay, next(self.numbers), event))

    def start(self, worker):
        """Send a request, when there is a place for it."""
        limit = self.health.adaptive if self.is_adaptive else None
        latch = limit.enter(worker) if limit is not None else None
        if latch is None:
            self.send(worker)
        else:
            latch.add_waker(lambda: self.schedule(0.0, lambda: self.send(worker)))

    def send(self, worker):
        started = self.now
        self.health.running.add(worker)
        is_full = self.capacity is not None and self.served >= self.capacity(self.now)
        if is_full or self.random.random() < self.reject:
            self.schedule(REJECTION, lambda: self.fail(worker, started))
        else:
            self.served += 1
            self.schedule(self.random.uniform(*SERVICE), lambda: self.succeed(worker, started))

    def succeed(self, worker, started):
        self.served -= 1
        self.successes += 1
        self.health.running.discard(worker)
        if self.health.adaptive is not None:
            adaptive.record_end(self.health, started, self.now, is_rejected=False)
        self.schedule(0.0, lambda: self.start(worker))

    def fail(self, worker, started):
        self.rejections += 1
        self.health.running.discard(worker)
        if self.is_adaptive:
            error = RateLimitError("Too many.", status=429)
            adaptive.record_failure(self.health, error, started, self.now, lambda: False)
        self.schedule(self.random.uniform(*BACKOFF), lambda: self.start(worker))
