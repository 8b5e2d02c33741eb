"""Runs of simulated models in virtual time: no client, no disk, no waiting."""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random
from typing import Any

from budwood.errors import BudwoodError
from budwood.types import Cell, Message, Row, Turn
from budwood_generation.journal import CallDone, Entry, RowDone, RowFailed, Totals, TurnDone
from budwood_generation.prompts import ModelRequest
from budwood_generation.runs.calls import Call, Reply
from budwood_generation.runs.progress import Meter, Progress
from budwood_generation.runs.runner import RunLimits, Runner
from budwood_generation.spec import ModelOptions
from tests.virtual_time import run_in_virtual_time

Fault = Callable[[float, Call, int], BudwoodError | None]
"""Returns the error of a call, by its time and the number of its attempt; None for a reply."""

ASKER, ANSWERER = "sim/asker", "sim/answerer"


class MemoryJournal:
    """The part of a journal that the runner uses. Entries are durable at once."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.failed: dict[int, RowFailed] = {}
        self.done: list[CallDone] = []
        self._turns: defaultdict[int, dict[int, Turn]] = defaultdict(dict)
        self._calls: dict[tuple[int, int, str], CallDone] = {}
        self._rejected: defaultdict[tuple[int, int, str], int] = defaultdict(int)

    def commit(self, *entries: Entry) -> Future[None]:
        for entry in entries:
            self._store(entry)
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def _store(self, entry: Entry) -> None:
        match entry:
            case CallDone():
                self.done.append(entry)
                key = (entry.index, entry.turn, entry.purpose)
                if entry.rejected is None:
                    self._calls[key] = entry
                else:
                    self._rejected[key] += 1
            case TurnDone():
                self._turns[entry.index][entry.number] = entry.turn
            case RowDone(row):
                assert row.index not in self.rows
                self.rows[row.index] = row
                self.failed.pop(row.index, None)
            case RowFailed():
                self.failed[entry.index] = entry

    def call(self, index: int, turn: int, purpose: str, _digest: str) -> CallDone | None:
        return self._calls.get((index, turn, purpose))

    def attempts(self, index: int, turn: int, purpose: str) -> int:
        return self._rejected[index, turn, purpose]

    def turns(self, index: int) -> tuple[Turn, ...]:
        return tuple(self._turns[index][number] for number in sorted(self._turns[index]))


class SimulatedRow:
    """A conversation of a number of turns, each a question and an answer."""

    def __init__(self, index: int, turns: int, finished: Sequence[Turn]) -> None:
        self.cell = Cell(id=f"{index:032x}", index=index, turns=turns, passage=None, material={})
        self._turns = list(finished)
        self._question: str | None = None

    @property
    def is_started(self) -> bool:
        return bool(self._turns) or self._question is not None

    @property
    def calls_left(self) -> int:
        return 2 * (self.cell.turns - len(self._turns)) - (self._question is not None)

    def next_call(self) -> Call:
        purpose, model = ("ask", ASKER) if self._question is None else ("answer", ANSWERER)
        request = ModelRequest(purpose, model, (Message.user("?"),), ModelOptions())
        return Call(self.cell, len(self._turns), request)

    def accept(self, done: CallDone) -> Sequence[Entry]:
        if done.purpose == "ask":
            self._question = done.text
            return ()
        turn = Turn(question=self._question or "", answer=done.text)
        self._turns.append(turn)
        self._question = None
        index = self.cell.index
        entry = TurnDone(index=index, number=len(self._turns) - 1, turn=turn)
        if len(self._turns) < self.cell.turns:
            return (entry,)
        data = {"turns": [[turn.question, turn.answer] for turn in self._turns]}
        return entry, RowDone(Row(id=self.cell.id, index=index, data=data))


class SimulatedModels:
    """
    Models that answer after a latency.

    Args:
        fault: Returns the error of a call.
        latencies: Returns the latency of the next call, in seconds.

    Attributes:
        sent: The time of each call, in order, and the call.
        running: The number of calls in flight; ``most`` is the highest.
        cancelled: The number of calls that were cancelled.
    """

    def __init__(self, fault: Fault | None = None, latencies: Callable[[], float] | None = None) -> None:
        self._fault = fault or (lambda _now, _call, _attempt: None)
        self._latencies = latencies or (lambda: 1.0)
        self.sent: list[tuple[float, Call]] = []
        self.running = self.most = 0
        self.cancelled = 0

    async def send(self, call: Call, attempt: int) -> Reply:
        now = asyncio.get_running_loop().time()
        self.sent.append((now, call))
        self.running += 1
        self.most = max(self.most, self.running)
        error = self._fault(now, call, attempt)
        seconds = self._latencies() if error is None or isinstance(error, RejectedError) else 0.01
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if error is not None and not isinstance(error, RejectedError):
            raise error
        return self._reply(call, attempt, error)

    def _reply(self, call: Call, attempt: int, error: BudwoodError | None) -> Reply:
        index, purpose = call.cell.index, call.request.purpose
        done = CallDone(
            index=index,
            turn=call.turn,
            purpose=purpose,
            attempt=attempt,
            digest=call.digest,
            text=f"{purpose} {index} {call.turn} {attempt}",
            rejected=None if error is None else str(error),
            input_tokens=2,
            output_tokens=3,
        )
        return Reply(done, error)


class RejectedError(BudwoodError):
    """A paid reply that cannot be used."""


@dataclass
class SimulatedRun:
    """
    A run of rows with a number of turns each.

    Attributes:
        turns: The number of turns of each row.
        models: The models.
        slots: The most calls at a time.
        patience: As in a specification.
        journal: The journal, which another run can continue.
        seconds: The duration, after `run`.
        progress: What was reported.
    """

    turns: Sequence[int]
    models: SimulatedModels = field(default_factory=SimulatedModels)
    slots: int = 16
    patience: float = 900.0
    attempts: int = 3
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    seconds: float = 0.0
    progress: list[Progress] = field(default_factory=list)
    act: Callable[[Runner], Any] | None = None

    def run(self) -> SimulatedRun:
        """Run until all rows are created or an error stops it."""
        run_in_virtual_time(self._run())
        return self

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        missing = [index for index in range(len(self.turns)) if index not in self.journal.rows]
        before = Totals(calls=len(self.journal.done))
        meter = Meter(before, len(self.turns), sum(self.turns), self.progress.append, monotonic=loop.time)
        limits = RunLimits(slots=self.slots, rows=len(missing), attempts=self.attempts, patience=self.patience)
        runner = Runner(
            lambda index: SimulatedRow(index, self.turns[index], self.journal.turns(index)),
            self.models,
            self.journal,
            meter,
            limits,
            models=(ASKER, ANSWERER),
            has_history=bool(self.journal.done),
            random=Random(1),
        )
        if self.act is not None:
            self.act(runner)
        try:
            await runner.run(iter(missing), dict(self.journal.failed))
        finally:
            self.seconds = loop.time()

    @property
    def calls(self) -> int:
        """The number of calls of all rows."""
        return 2 * sum(self.turns)

    @property
    def data(self) -> Mapping[int, object]:
        """The rows, by index."""
        return {index: self.journal.rows[index].data for index in sorted(self.journal.rows)}


def ideal_seconds(
    turns: Sequence[int], slots: int, latency: Callable[[], float], *, calls_of_first_turn: int = 2
) -> float:
    """
    Return the time that rows take if each slot begins the next call of the longest row at once.

    An ideal scheduler sees all rows, and no call takes time beyond its latency. Each turn has two calls; the first may
    have one, if its question is a seed.
    """
    ready = [(-2 * (number - 1) - calls_of_first_turn, index) for index, number in enumerate(turns)]
    heapq.heapify(ready)
    running: list[tuple[float, int, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < slots:
            left, index = heapq.heappop(ready)
            heapq.heappush(running, (now + latency(), left, index))
        now, left, index = heapq.heappop(running)
        if left + 1 < 0:
            heapq.heappush(ready, (left + 1, index))
    return now
