"""Exchanges that return prepared replies, for the transports of the test kit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from budwood.contracts import Clock
from budwood.errors import BudwoodError, RequestTimeoutError
from budwood.types import ReplyHead, Timing
from budwood.wire.errors import deadline_error, head_timeout_error, size_error


class ReadStep(NamedTuple):
    """
    The result of one read.

    Attributes:
        outcome: The bytes (empty at the end), or the error to raise.
        delay: Seconds before it.
    """

    outcome: bytes | BudwoodError
    delay: float = 0.0


END = ReadStep(b"")


class ReplayExchange:
    """
    A prepared reply; see `budwood.contracts.Exchange`.

    Args:
        head: The status and headers.
        steps: The result of each read; after the last one the body ends.
        timing: The timeouts.
        clock: The clock for delays; without one there are no delays and no timeouts.
    """

    def __init__(self, head: ReplyHead, steps: Iterator[ReadStep], timing: Timing, clock: Clock | None) -> None:
        self.head = head
        self._steps = steps
        self._timing = timing
        self._clock = clock

    def read(self) -> bytes:
        """Return the next chunk."""
        return wait(next(self._steps, END), self._timing, self._clock)

    def read_all(self, limit: int) -> bytes:
        """Return the complete body."""
        return collect(self.read, limit)

    def close(self) -> None:
        """Discard the rest."""
        self._steps = iter(())


class AsyncReplayExchange:
    """A prepared reply; see `budwood.contracts.AsyncExchange`."""

    def __init__(self, head: ReplyHead, steps: Iterator[ReadStep], timing: Timing, clock: Clock | None) -> None:
        self.head = head
        self._steps = steps
        self._timing = timing
        self._clock = clock

    async def read(self) -> bytes:
        """Return the next chunk."""
        return await wait_async(next(self._steps, END), self._timing, self._clock)

    async def read_all(self, limit: int) -> bytes:
        """Return the complete body."""
        return await collect_async(self.read, limit)

    async def close(self) -> None:
        """Discard the rest."""
        self._steps = iter(())


def wait(step: ReadStep, timing: Timing, clock: Clock | None, *, started: bool = True) -> bytes:
    """
    Wait for the delay of a step, and return or raise its outcome.

    Args:
        step: The delay and the outcome.
        timing: The timeouts, which apply as in a real transport.
        clock: The clock to wait on.
        started: Whether the reply has started, so that the idle timeout applies.
    """
    if clock is not None:
        step = _apply_timeouts(step, timing, clock.monotonic(), started=started)
        if step.delay > 0:
            clock.sleep(step.delay)
    return _result_of(step)


async def wait_async(step: ReadStep, timing: Timing, clock: Clock | None, *, started: bool = True) -> bytes:
    """Wait for the delay of a step, and return or raise its outcome; see `wait`."""
    if clock is not None:
        step = _apply_timeouts(step, timing, clock.monotonic(), started=started)
        if step.delay > 0:
            await clock.sleep_async(step.delay)
    return _result_of(step)


def collect(read: Callable[[], bytes], limit: int) -> bytes:
    """
    Read a body to its end.

    Raises:
        ResponseTooLargeError: The body has more than ``limit`` bytes.
    """
    body = bytearray()
    while chunk := read():
        _add(body, chunk, limit)
    return bytes(body)


async def collect_async(read: Callable[[], Awaitable[bytes]], limit: int) -> bytes:
    """Read a body to its end; see `collect`."""
    body = bytearray()
    while chunk := await read():
        _add(body, chunk, limit)
    return bytes(body)


def _add(body: bytearray, chunk: bytes, limit: int) -> None:
    body += chunk
    if len(body) > limit:
        raise size_error(limit)


def _result_of(step: ReadStep) -> bytes:
    if isinstance(step.outcome, BudwoodError):
        raise step.outcome
    return step.outcome


def _apply_timeouts(step: ReadStep, timing: Timing, now: float, *, started: bool) -> ReadStep:
    """Replace a step by a timeout error if its delay is too long."""
    left = max((timing.deadline if started else timing.open_deadline) - now, 0.0)
    if started and timing.idle_timeout < min(step.delay, left):
        silent = f"The server sent nothing for {timing.idle_timeout:g} s."
        return ReadStep(RequestTimeoutError(silent, phase="read"), timing.idle_timeout)
    if step.delay >= left:
        return ReadStep(deadline_error() if started else head_timeout_error(timing, now + left), left)
    return step
