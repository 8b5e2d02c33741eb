"""Creating all rows of a plan. A slot is a call: a row that waits for anything else holds none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

from budwood import BudwoodError
from budwood.errors import BudgetExceededError
from budwood_generation.journal import CallDone, Entry, Journal, RowDone, RowFailed
from budwood_generation.runs.calls import Call, Reply, Usage, add_usage, describe, rejected_call, usage_of_error
from budwood_generation.runs.faults import Fault, classify
from budwood_generation.runs.gate import Gate, Ticket
from budwood_generation.runs.open_rows import OpenRows
from budwood_generation.runs.progress import Meter
from budwood_generation.runs.recovery import Action, Recovery
from budwood_generation.runs.refusals import Refusals
from budwood_generation.runs.rows import OpenRow
from budwood_generation.runs.scheduler import Scheduler
from budwood_generation.runs.tasks import RowTask, SetAside
from budwood_generation.runs.waits import Silence, Waits

LOOKAHEAD: Final = 4
"""Open rows per slot, among which those with the most calls come first."""

WORK_PER_SLOT: Final = 2
"""Calls in flight and replies that are being committed, per slot."""

DRAIN_SECONDS: Final = 8.0
"""Seconds for which a run that stops waits for the calls in flight."""

FEW_ROWS: Final = 3
"""
The number of rows, at the end of a run or left by an earlier session, that are suspects if an endpoint fails for all of
them: their requests may be the cause, so they fail soon, instead of stopping the run at the end of the patience.
"""

BUDGET_SECONDS: Final = 0.5
"""Seconds until a call is sent again that a budget refused while others run, which reserve more than they cost."""


class Sender(Protocol):
    """Sends calls; see `budwood_generation.runs.calls.Caller`."""

    async def send(self, call: Call, attempt: int) -> Reply:
        """Send a call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """
    Limits of a run.

    Attributes:
        slots: The most calls at a time.
        rows: The number of rows to create.
        attempts: The most replies that are requested for one call, if they are rejected.
        patience: The longest time without a success of an endpoint, in seconds.
    """

    slots: int
    rows: int
    attempts: int = 3
    patience: float = 900.0


class Runner:
    """
    Creates rows, or stops at a fatal error.

    Args:
        open_row: Opens the row of an index, with its finished turns.
        sender: Sends the calls.
        journal: Stores what is finished.
        meter: Counts it.
        limits: The limits of the run.
        models: The models that are called.
        has_history: Whether the journal has entries of an earlier session.
        find_previous: For `OpenRows`.
        random: Yields the jitter of delays, which does not change rows.
    """

    def __init__(
        self,
        open_row: Callable[[int], OpenRow],
        sender: Sender,
        journal: Journal,
        meter: Meter,
        limits: RunLimits,
        *,
        models: tuple[str, ...],
        has_history: bool = True,
        find_previous: Callable[[int], int | None] | None = None,
        random: Random | None = None,
    ) -> None:
        self._open_row = open_row
        self._sender = sender
        self._journal = journal
        self._meter = meter
        self._limits = limits
        self._models = models
        self._has_history = has_history
        self._random = random or Random()
        self._recovery = Recovery(limits.patience, self._random)
        self._indexes: Iterator[int] = iter(())
        self._failed_before: frozenset[int] = frozenset()
        self._set_aside: dict[int, SetAside] = {}  # rows for the second pass
        self._rows = OpenRows(find_previous if has_history else None)
        self._running = 0
        self._refusals = Refusals(models, limits.slots, limits.rows)
        self._work: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._changed: asyncio.Future[None] | None = None

    async def run(self, indexes: Iterator[int], failed_before: Mapping[int, object] | None = None) -> None:
        """
        Create the rows of indexes, in about their order.

        Args:
            indexes: The rows to create.
            failed_before: Those of them that failed in an earlier session. They come last.

        Raises:
            BaseException: The error that stopped the run.
        """
        self._loop = asyncio.get_running_loop()
        self._failed_before = frozenset(failed_before or ())
        self._set_aside = dict.fromkeys(sorted(self._failed_before), SetAside(is_suspect=True, lost=Usage()))
        self._indexes = (index for index in indexes if index not in self._failed_before)
        gate = (self._limits.slots, self._limits.patience, self._loop.time(), self._random)
        self._gates = {model: Gate(*gate) for model in self._models}
        self._scheduler: Scheduler[RowTask] = Scheduler(self._gates, self._prepare)
        self._waits = Waits(self._gates, self._meter)
        self._silence = Silence(self._meter)
        try:
            while self._error is None and self._fill():
                self._dispatch()
                await self._wait()
            self._waits.end()
            await self._drain()
        finally:
            await self._cancel()
        if self._error is not None:
            raise self._error

    def stop(self, error: BaseException) -> None:
        """Send no more calls. `run` raises the error after it has waited for those in flight."""
        if self._error is None:
            self._error = error
            self._meter.stop()
        self._wake()

    def _fill(self) -> bool:
        """Open rows up to the look-ahead. Returns whether any is open."""
        while len(self._rows) < LOOKAHEAD * self._limits.slots:
            task = self._open_next()
            if task is None:
                break
            if task.row.cell.after in self._set_aside:
                self._set_aside[task.index] = SetAside(task.is_suspect, task.lost)
            elif self._rows.add(task):
                self._scheduler.open(task)
        return len(self._rows) > 0

    def _open_next(self) -> RowTask | None:
        index = next(self._indexes, None)
        if index is not None:
            is_last = self._has_history and self._limits.rows <= FEW_ROWS
            return RowTask(self._open_row(index), is_second_pass=is_last, is_suspect=is_last)
        if not self._set_aside:
            return None
        is_last = len(self._rows) + len(self._set_aside) <= FEW_ROWS
        index = next(iter(self._set_aside))
        is_suspect, lost = self._set_aside.pop(index)
        return RowTask(self._open_row(index), is_second_pass=True, is_suspect=is_suspect or is_last, lost=lost)

    def _close(self, task: RowTask) -> None:
        """Close a row that has ended, and start those that waited for it."""
        for waiting in self._rows.close(task.index):
            self._scheduler.open(waiting)

    def _put_aside(self, task: RowTask) -> None:
        """Leave a row and those that wait for it to the second pass."""
        self._set_aside[task.index] = SetAside(task.is_suspect, task.lost)
        for waiting in self._rows.close(task.index):
            self._put_aside(waiting)

    def _dispatch(self) -> None:
        """Send calls while there are slots."""
        now = self._loop.time()
        while self._error is None and self._has_slot:
            task = self._scheduler.take(now)
            if task is None:
                break
            ticket = self._gates[task.model].enter(now)
            if not self._running:
                self._silence.restart(now)
            self._running += 1
            self._start(self._process(task, ticket))

    @property
    def _has_slot(self) -> bool:
        """Whether another call may be sent. A slow disk limits how many replies wait for their commit."""
        return self._running < self._limits.slots and len(self._work) < WORK_PER_SLOT * self._limits.slots

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stop(error)
        self._wake()

    async def _wait(self) -> None:
        """Wait until a call or a commit ends, or the time of a delayed call has come."""
        for model, gate in self._gates.items():
            if gate.is_exhausted and gate.pause is not None:
                gate.pause.error.add_note(f"The run waited {self._limits.patience:g} s for {model} (patience).")
                self.stop(gate.pause.error)
        self._waits.report(self._loop.time(), self._scheduler.next_delayed() if not self._work else None)
        if self._error is not None:
            return
        self._changed = self._loop.create_future()
        times = [self._silence.report(self._loop.time())] if self._running else []
        if self._has_slot and (time := self._scheduler.next_time()) is not None:
            times.append(time)
        timer = self._loop.call_at(min(times), self._wake) if times else None
        try:
            await self._changed
        finally:
            self._changed = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def _drain(self) -> None:
        """Wait for the calls in flight and for commits."""
        end = self._loop.time() + DRAIN_SECONDS
        while self._work and (left := end - self._loop.time()) > 0:
            await asyncio.wait(self._work, timeout=left)

    async def _cancel(self) -> None:
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    def _prepare(self, task: RowTask) -> bool:
        """Set the next call of a row. Returns whether there is one that is not in the journal."""
        try:
            while True:
                call = task.row.next_call()
                if not self._has_history and not task.is_second_pass:
                    task.prepare(call, 0, counts_earlier=True)
                    return True
                saved = self._journal.call(call.cell.index, call.turn, call.request.purpose, call.digest)
                if saved is None:
                    rejected = self._journal.attempts(call.cell.index, call.turn, call.request.purpose)
                    task.prepare(call, rejected, counts_earlier=task.index not in self._failed_before)
                    return True
                entries = task.row.accept(saved)
                if entries:  # they were lost from a journal that was damaged
                    self._start(self._finish(task, *entries))
                    return False
        except BudwoodError as error:
            self._handle_error_of_row(task, error)
            return False

    def _handle_error_of_row(self, task: RowTask, error: BudwoodError) -> None:
        if classify(error) is Fault.FATAL:
            self.stop(error)
        else:
            self._start(self._fail(task, error))

    async def _process(self, task: RowTask, ticket: Ticket) -> None:
        """Send the next call of a row, and free its slot before its outcome is committed."""
        gate = self._gates[task.model]
        try:
            outcome: Reply | BudwoodError = await self._sender.send(task.call, task.attempt)
        except BudwoodError as error:
            outcome = error
        except BaseException:
            gate.leave(ticket)
            raise
        finally:
            self._running -= 1
            self._silence.restart(self._loop.time())
            self._wake()
        if isinstance(outcome, Reply):
            gate.succeed(ticket, self._loop.time())
            await self._handle_reply(task, outcome)
        else:
            await self._handle_error(task, gate, ticket, outcome)

    async def _handle_reply(self, task: RowTask, reply: Reply) -> None:
        done = add_usage(reply.done, task.lost) if task.lost else reply.done
        task.lost = Usage()
        if reply.error is not None:
            await self._reject(task, done, reply.error, is_final=reply.is_final)
            return
        self._refusals.accept(task.model)
        try:
            entries = task.row.accept(done)
        except BudwoodError:  # of a plugin; the call is paid
            await self._commit(done)
            raise
        await self._finish(task, done, *entries)

    async def _finish(self, task: RowTask, *entries: Entry) -> None:
        """Commit entries of a row, and continue with its next call."""
        await self._commit(*entries)
        if isinstance(entries[-1], RowDone):
            self._close(task)
        elif self._prepare(task):
            self._scheduler.add(task)

    async def _reject(self, task: RowTask, done: CallDone, error: BudwoodError, *, is_final: bool) -> None:
        """Commit a rejected reply. Request another one, or give up the row."""
        task.attempt += 1
        if is_final:
            await self._fail(task, error, done)
        elif task.attempt - task.first_attempt >= self._limits.attempts:
            if self._refusals.count(task.model, error):
                self.stop(error)
            await self._fail(task, error, done)
        else:
            await self._commit(done)
            self._scheduler.add(task)

    async def _handle_error(self, task: RowTask, gate: Gate, ticket: Ticket, error: BudwoodError) -> None:
        fault = classify(error)
        task.lost += usage_of_error(error)
        if fault is Fault.ENDPOINT:
            await self._handle_endpoint(task, gate, ticket, error)
            return
        if getattr(error, "status", None) is None:
            gate.leave(ticket)
        else:
            gate.succeed(ticket, self._loop.time())
        if isinstance(error, BudgetExceededError) and error.required is not None and self._running:
            self._scheduler.delay(task, self._loop.time() + BUDGET_SECONDS)
        elif fault is Fault.FATAL:
            self.stop(error)
        elif fault is Fault.REPLY:
            await self._reject_unread(task, error)
        else:
            if fault is Fault.REFUSAL and self._refusals.count(task.model, error):
                self.stop(error)
            await self._fail(task, error)

    async def _reject_unread(self, task: RowTask, error: BudwoodError) -> None:
        done = rejected_call(task.call, task.attempt, describe(error), task.lost)
        task.lost = Usage()
        await self._reject(task, done, error, is_final=False)

    async def _handle_endpoint(self, task: RowTask, gate: Gate, ticket: Ticket, error: BudwoodError) -> None:
        """Send a call again later that the endpoint did not answer, or give it up."""
        now = self._loop.time()
        match self._recovery.judge(task, gate, ticket, error, now):
            case Action.WAIT:
                task.error = error
                self._scheduler.delay(task, now + self._recovery.delay(task, error))
            case Action.REJECT:
                await self._reject_unread(task, error)
            case Action.SET_ASIDE:
                self._put_aside(task)
            case Action.GIVE_UP:
                await self._fail(task, error, is_transient=True)
            case Action.STOP:
                self.stop(error)

    async def _fail(self, task: RowTask, error: BudwoodError, *entries: CallDone, is_transient: bool = False) -> None:
        """Give up a row, and store why."""
        if task.lost and not entries and task.next is not None:
            entries = (rejected_call(task.next, task.attempt, describe(error), task.lost),)
        failure = RowFailed(
            index=task.index, reason=describe(error), error=type(error).__name__, transient=is_transient
        )
        await self._commit(*entries, failure)
        self._close(task)

    async def _commit(self, *entries: Entry) -> None:
        """Commit entries, then count them."""
        await asyncio.wrap_future(self._journal.commit(*entries))
        self._meter.count(*entries)
