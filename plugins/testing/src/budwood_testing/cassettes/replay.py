"""Transports that replay a cassette."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from pydantic_core import from_json

from budwood.contracts import Clock
from budwood.errors import BudwoodError, ConfigurationError
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood_testing.cassettes.cassette_file import RecordedCall, RecordedReply, Recording, load
from budwood_testing.cassettes.mismatch import difference
from budwood_testing.cassettes.scrubbing import Scrubber
from budwood_testing.cassettes.uploads import describe_files
from budwood_testing.exchanges import AsyncReplayExchange, ReadStep, ReplayExchange

Split = int | Callable[[bytes], Iterable[bytes]]
"""How to split a body into chunks: the size of the chunks in bytes, or a function that returns them."""


class ReplayTransport:
    """
    Replays a cassette for `Client`, and sends nothing; see `asynchronous` for `AsyncClient`.

    A call gets the reply of the first unused recording with the same method, URL and body. Bodies are compared as JSON
    and without secrets. A cassette of one client can be replayed for the other.

    Args:
        path: The file of the cassette.
        strict_order: Whether calls must have the order of the recordings.
        match_host: Whether the host of the URL must match, or only path and query.
        split: How to split bodies into chunks; by default as recorded.
        clock: The clock for the recorded times of chunks; by default there are no delays.
        secrets: The ``secrets`` of the `RecordingTransport`.
        scrub: The ``scrub`` of the `RecordingTransport`.

    Raises:
        ConfigurationError: The cassette does not exist or is invalid. A call without a recording raises it too, with
            the difference to the most similar recording.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        strict_order: bool = False,
        match_host: bool = True,
        split: Split | None = None,
        clock: Clock | None = None,
        secrets: Iterable[str] = (),
        scrub: Iterable[str] = (),
    ) -> None:
        if isinstance(split, int) and split < 1:
            raise ConfigurationError(f"Invalid split={split}.", hint="Use the size of a chunk, 1 or more bytes.")
        self._path = Path(path)
        self._unused = list(load(self._path))
        self._recorded = tuple(self._unused)
        self._strict_order = strict_order
        self._match_host = match_host
        self._split = split
        self._clock = clock
        self._scrubber = Scrubber(secrets, scrub)
        self._lock = threading.Lock()

    @property
    def unused(self) -> tuple[Recording, ...]:
        """The recordings that no call has used yet, in order."""
        return tuple(self._unused)

    @property
    def asynchronous(self) -> AsyncReplayTransport:
        """The same cassette for `AsyncClient`."""
        return AsyncReplayTransport(self)

    def open(self, call: HTTPCall, timing: Timing) -> ReplayExchange:
        """Replay the recording of a call; see `budwood.contracts.Transport`."""
        return ReplayExchange(*self.replay(call), timing, self._clock)

    def replay(self, call: HTTPCall) -> tuple[ReplyHead, Iterator[ReadStep]]:
        """Find the recording of a call; return its reply, or raise its failure."""
        call = describe_files(call)
        self._scrubber.learn_call(call)
        recording = self._use_recording(self._scrubber.scrub_call(call))
        if recording.reply is None:
            raise _error_at_end(recording)
        head = ReplyHead(recording.reply.status, recording.reply.headers)
        return head, self._steps(recording, recording.reply)

    def interrupt(self, thread: int) -> None:
        """Do nothing: replies do not block."""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    @property
    def clock(self) -> Clock | None:
        """The clock for the recorded times."""
        return self._clock

    def _use_recording(self, call: RecordedCall) -> Recording:
        key = self._key(call)
        with self._lock:
            eligible = self._unused[:1] if self._strict_order else self._unused
            found = next((one for one in eligible if self._key(one.call) == key), None)
            if found is None:
                raise self._no_match(call)
            self._unused = [one for one in self._unused if one is not found]
        return found

    def _key(self, call: RecordedCall) -> tuple[str, str, str | bytes]:
        address, _, query = call.url.partition("?")
        if not self._match_host:
            address = "/" + address.partition("://")[2].partition("/")[2]
        return call.method, f"{address}?{'&'.join(sorted(query.split('&')))}", _canonical(call.body)

    def _no_match(self, call: RecordedCall) -> ConfigurationError:
        """Return the error for a call without a recording."""
        message = f"{self._path} has no recording for {call.method} {call.url}: "
        times = sum(self._key(one.call) == self._key(call) for one in self._recorded)
        if not self._recorded:
            message += "the cassette is empty."
        elif times and self._strict_order and any(self._key(one.call) == self._key(call) for one in self._unused):
            message += f"the next recording is {self._unused[0]}, and strict_order is set."
        elif times:
            message += f"it was recorded {'once' if times == 1 else f'{times} times'}, and all are used."
        else:
            unused = self._unused[:1] if self._strict_order else self._unused
            diff = difference(call, [one.call for one in unused or self._recorded])
            message += f"no such call was recorded.\n{diff}\n"
        return ConfigurationError(
            message, hint="If the program is correct, set BUDWOOD_CASSETTES=record and run it to record again."
        )

    def _steps(self, recording: Recording, reply: RecordedReply) -> Iterator[ReadStep]:
        chunks: Iterable[bytes] = reply.body
        if self._split is not None:
            chunks = _split(b"".join(reply.body), self._split)
        seconds = reply.seconds if self._split is None and reply.seconds else (0.0,) * len(reply.body)
        delays = (later - earlier for earlier, later in pairwise((0.0, *seconds)))
        for chunk in chunks:
            delay = next(delays, 0.0)
            if chunk:  # a chunk that was only part of a secret is empty, and must not end the body
                yield ReadStep(chunk, delay)
        if recording.failure is not None or not reply.complete:
            yield ReadStep(_error_at_end(recording))


class AsyncReplayTransport:
    """Replays a cassette for `AsyncClient`; created by `ReplayTransport.asynchronous`."""

    def __init__(self, replay: ReplayTransport) -> None:
        self._replay = replay

    @property
    def unused(self) -> tuple[Recording, ...]:
        """The recordings that no call has used yet, in order."""
        return self._replay.unused

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncReplayExchange:
        """Replay the recording of a call; see `budwood.contracts.AsyncTransport`."""
        return AsyncReplayExchange(*self._replay.replay(call), timing, self._replay.clock)

    async def close(self) -> None:
        """Do nothing: there is no connection."""


def _error_at_end(recording: Recording) -> BudwoodError:
    """Return the error to raise at the end of an incomplete recording."""
    if recording.failure is not None:
        return recording.failure.to_error()
    return ConfigurationError(
        f"The recording of {recording} is incomplete: the program closed the reply before its end.",
        hint="Record again, and read the stream to its end.",
    )


def _split(body: bytes, split: Split) -> Iterable[bytes]:
    if isinstance(split, int):
        return (body[start : start + split] for start in range(0, len(body), split))
    return split(body)


def _canonical(body: bytes) -> str | bytes:
    """Return JSON in a canonical form, so that equal values have equal texts; return another body unchanged."""
    try:
        return json.dumps(from_json(body), sort_keys=True)
    except ValueError:
        return body
