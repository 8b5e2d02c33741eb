"""Replies that are played: what transports for tests hand out in place of a connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from budwood.contracts import Clock
from budwood.errors import BudwoodError, RequestTimeoutError, ResponseTooLargeError
from budwood.types import ReplyHead, Timing
from budwood.wire.failures import deadline_passed, head_late


class Beat(NamedTuple):
    """
    What one reading of a reply gives.

    Attributes:
        outcome: Bytes, empty at the end, or what is raised.
        pause: Seconds until then.
    """

    outcome: bytes | BudwoodError
    pause: float = 0.0


END = Beat(b"")


class PlayedExchange:
    """
    A reply that is played; see `budwood.contracts.Exchange`.

    Args:
        head: Its status and headers.
        beats: What each reading gives; nothing more is its end.
        timing: How long each reading may take.
        clock: Waits; without one there are no delays and no timeouts.
    """

    def __init__(self, head: ReplyHead, beats: Iterator[Beat], timing: Timing, clock: Clock | None) -> None:
        self.head = head
        self._beats = beats
        self._timing = timing
        self._clock = clock

    def read(self) -> bytes:
        """Give the next piece."""
        return wait(next(self._beats, END), self._timing, self._clock)

    def read_all(self, limit: int) -> bytes:
        """Give the whole body."""
        return gathered(self.read, limit)

    def close(self) -> None:
        """Leave the rest."""
        self._beats = iter(())


class AsyncPlayedExchange:
    """A reply that is played; see `budwood.contracts.AsyncExchange`."""

    def __init__(self, head: ReplyHead, beats: Iterator[Beat], timing: Timing, clock: Clock | None) -> None:
        self.head = head
        self._beats = beats
        self._timing = timing
        self._clock = clock

    async def read(self) -> bytes:
        """Give the next piece."""
        return await wait_async(next(self._beats, END), self._timing, self._clock)

    async def read_all(self, limit: int) -> bytes:
        """Give the whole body."""
        return await gathered_async(self.read, limit)

    async def close(self) -> None:
        """Leave the rest."""
        self._beats = iter(())


def wait(beat: Beat, timing: Timing, clock: Clock | None, *, begun: bool = True) -> bytes:
    """
    Let a beat's pause pass, and give its outcome.

    Args:
        beat: The pause and the outcome.
        timing: Bounds the pause, as a transport that carries calls would.
        clock: Lets it pass.
        begun: Whether the reply has begun, so that silence is bounded by the idle timeout.
    """
    if clock is not None:
        beat = _bounded(beat, timing, clock.monotonic(), begun=begun)
        if beat.pause > 0:
            clock.sleep(beat.pause)
    return _given(beat)


async def wait_async(beat: Beat, timing: Timing, clock: Clock | None, *, begun: bool = True) -> bytes:
    """Let a beat's pause pass, and give its outcome; see `wait`."""
    if clock is not None:
        beat = _bounded(beat, timing, clock.monotonic(), begun=begun)
        if beat.pause > 0:
            await clock.sleep_async(beat.pause)
    return _given(beat)


def gathered(read: Callable[[], bytes], limit: int) -> bytes:
    """
    Read a body to its end.

    Raises:
        ResponseTooLargeError: It has more than ``limit`` bytes.
    """
    body = bytearray()
    while piece := read():
        _add(body, piece, limit)
    return bytes(body)


async def gathered_async(read: Callable[[], Awaitable[bytes]], limit: int) -> bytes:
    """Read a body to its end; see `gathered`."""
    body = bytearray()
    while piece := await read():
        _add(body, piece, limit)
    return bytes(body)


def _add(body: bytearray, piece: bytes, limit: int) -> None:
    body += piece
    if len(body) > limit:
        raise ResponseTooLargeError(f"The reply is larger than the {limit:,} bytes that are kept in memory.")


def _given(beat: Beat) -> bytes:
    if isinstance(beat.outcome, BudwoodError):
        raise beat.outcome
    return beat.outcome


def _bounded(beat: Beat, timing: Timing, now: float, *, begun: bool) -> Beat:
    """Cut a pause short where a timeout comes first."""
    left = max((timing.deadline if begun else timing.open_deadline) - now, 0.0)
    if begun and timing.idle_timeout < min(beat.pause, left):
        silent = f"The server sent nothing for {timing.idle_timeout:g} s."
        return Beat(RequestTimeoutError(silent, phase="read"), timing.idle_timeout)
    if beat.pause >= left:
        return Beat(deadline_passed() if begun else head_late(timing, now + left), left)
    return beat
