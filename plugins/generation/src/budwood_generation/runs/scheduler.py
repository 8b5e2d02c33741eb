"""Which call is sent next."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

from budwood_generation.runs.gate import Gate

Key = tuple[bool, int, int]


class Task(Protocol):
    """An open row."""

    @property
    def index(self) -> int:
        """The index of the row."""
        ...

    @property
    def is_started(self) -> bool:
        """Whether the row has a finished call."""
        ...

    @property
    def calls_left(self) -> int:
        """The number of calls that the row still needs at most."""
        ...

    @property
    def model(self) -> str:
        """The model of the next call."""
        ...


T = TypeVar("T", bound=Task)


class Scheduler(Generic[T]):
    """
    Orders the next calls of open rows: those of started rows first, then those with the most calls left, then by index.

    A row has at most one call that is ready. Rows of a model whose gate is closed wait, while those of others go on.

    Args:
        gates: The gate of each model.
        prepare: Prepares the first call of a row, as late as possible because it takes time and memory. Returns whether
            the row has one.
    """

    def __init__(self, gates: Mapping[str, Gate], prepare: Callable[[T], bool]) -> None:
        self._gates = gates
        self._prepare = prepare
        self._ready: dict[str, list[tuple[Key, T]]] = {model: [] for model in gates}
        self._new: list[tuple[Key, T]] = []
        self._delayed: list[tuple[float, int, T]] = []

    def open(self, task: T) -> None:
        """Add a row whose first call is not prepared yet."""
        heapq.heappush(self._new, (_key(task), task))

    def add(self, task: T) -> None:
        """Add a row whose next call is ready."""
        heapq.heappush(self._ready[task.model], (_key(task), task))

    def delay(self, task: T, until: float) -> None:
        """Add a row whose next call is ready at a time."""
        heapq.heappush(self._delayed, (until, task.index, task))

    def take(self, now: float) -> T | None:
        """Remove and return the row whose call is sent next; None if no call may be sent now."""
        while self._delayed and self._delayed[0][0] <= now:
            self.add(heapq.heappop(self._delayed)[2])
        while self._prefers_new(now):
            task = heapq.heappop(self._new)[1]
            if self._prepare(task):
                self.add(task)
        heap = self._first(now)
        return heapq.heappop(heap)[1] if heap is not None else None

    def next_time(self) -> float | None:
        """Return when a call may be ready next, if that depends only on the time."""
        times = [self._delayed[0][0]] if self._delayed else []
        for model, gate in self._gates.items():
            time = gate.next_time() if self._ready[model] or self._new else None
            if time is not None:
                times.append(time)
        return min(times, default=None)

    def next_delayed(self) -> tuple[float, T] | None:
        """Return the next time of `delay`, and its row; None if another row is ready."""
        if not self._delayed or self._new or any(self._ready.values()):
            return None
        until, _, task = self._delayed[0]
        return until, task

    def _first(self, now: float) -> list[tuple[Key, T]] | None:
        """Return the heap with the first of the calls that may be sent."""
        admitted = [heap for model, heap in self._ready.items() if heap and self._gates[model].admits(now)]
        return min(admitted, key=itemgetter(0), default=None)

    def _prefers_new(self, now: float) -> bool:
        """Return whether a new row comes before all calls that may be sent now."""
        if not self._new or not any(gate.admits(now) for gate in self._gates.values()):
            return False
        heap = self._first(now)
        return heap is None or self._new[0] < heap[0]


def _key(task: Task) -> Key:
    return not task.is_started, -task.calls_left, task.index
