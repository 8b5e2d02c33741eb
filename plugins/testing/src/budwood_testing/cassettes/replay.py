"""Transports that play what was recorded."""

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
from budwood_testing.cassettes.files import describe_files
from budwood_testing.cassettes.mismatch import difference
from budwood_testing.cassettes.scrubbing import Scrubber
from budwood_testing.cassettes.tape import RecordedCall, RecordedReply, Recording, load
from budwood_testing.exchanges import AsyncPlayedExchange, Beat, PlayedExchange

Cut = int | Callable[[bytes], Iterable[bytes]]
"""How a body is split: into pieces of a number of bytes, or by a function that returns the pieces."""


class ReplayTransport:
    """
    Plays a cassette for `Client`, and sends nothing; `asynchronous` plays it for `AsyncClient`.

    A call is answered by the first recording not yet played that has its method, its URL and its body, where bodies are
    compared as JSON and without secrets. What was recorded by one client is played to the other just as well.

    Args:
        path: The cassette's file.
        strict_order: Whether calls must come in the order in which they were recorded.
        match_host: Whether the URL's host counts, or only path and query.
        cut: Cuts each body anew; by default pieces come as they were recorded.
        clock: Waits for the recorded times before each piece; by default there are no delays.
        secrets: What `RecordingTransport` was given.
        scrub: The same.

    Raises:
        ConfigurationError: There is no cassette, or it is not whole. A call that is not in it raises it too, and says
            how the nearest recording differs.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        strict_order: bool = False,
        match_host: bool = True,
        cut: Cut | None = None,
        clock: Clock | None = None,
        secrets: Iterable[str] = (),
        scrub: Iterable[str] = (),
    ) -> None:
        if isinstance(cut, int) and cut < 1:
            raise ConfigurationError(f"cut={cut} leaves no pieces.", hint="Give the bytes of a piece, 1 or more.")
        self._path = Path(path)
        self._unused = list(load(self._path))
        self._recorded = tuple(self._unused)
        self._strict_order = strict_order
        self._match_host = match_host
        self._cut = cut
        self._clock = clock
        self._scrubber = Scrubber(secrets, scrub)
        self._lock = threading.Lock()

    @property
    def unused(self) -> tuple[Recording, ...]:
        """The recordings that no call has asked for yet, in their order."""
        return tuple(self._unused)

    @property
    def asynchronous(self) -> AsyncReplayTransport:
        """The same cassette for `AsyncClient`."""
        return AsyncReplayTransport(self)

    def open(self, call: HTTPCall, timing: Timing) -> PlayedExchange:
        """Play the recording of a call; see `budwood.contracts.Transport`."""
        return PlayedExchange(*self.play(call), timing, self._clock)

    def play(self, call: HTTPCall) -> tuple[ReplyHead, Iterator[Beat]]:
        """Find the recording of a call; return what it is answered with, or raise what the call failed with."""
        call = describe_files(call)
        self._scrubber.learn_call(call)
        recording = self._found(self._scrubber.call(call))
        if recording.reply is None:
            raise _end(recording)
        head = ReplyHead(recording.reply.status, recording.reply.headers)
        return head, self._beats(recording, recording.reply)

    def interrupt(self, thread: int) -> None:
        """Do nothing: a cassette does not block."""

    def close(self) -> None:
        """Do nothing: a cassette holds no connection."""

    @property
    def clock(self) -> Clock | None:
        """Lets recorded times pass."""
        return self._clock

    def _found(self, call: RecordedCall) -> Recording:
        wanted = self._key(call)
        with self._lock:
            eligible = self._unused[:1] if self._strict_order else self._unused
            found = next((one for one in eligible if self._key(one.call) == wanted), None)
            if found is None:
                raise self._unmatched(call)
            self._unused = [one for one in self._unused if one is not found]
        return found

    def _key(self, call: RecordedCall) -> tuple[str, str, str | bytes]:
        address, _, query = call.url.partition("?")
        if not self._match_host:
            address = "/" + address.partition("://")[2].partition("/")[2]
        return call.method, f"{address}?{'&'.join(sorted(query.split('&')))}", _canonical(call.body)

    def _unmatched(self, call: RecordedCall) -> ConfigurationError:
        """Say why nothing answers a call, and what to do."""
        said = f"{self._path} does not answer {call.method} {call.url}: "
        times = sum(self._key(one.call) == self._key(call) for one in self._recorded)
        if not self._recorded:
            said += "it holds nothing."
        elif times and self._strict_order and any(self._key(one.call) == self._key(call) for one in self._unused):
            said += f"in the order of the recordings, {self._unused[0]} comes first."
        elif times:
            said += f"it was recorded {'once' if times == 1 else f'{times} times'}, and asked for once more."
        else:
            left = self._unused[:1] if self._strict_order else self._unused
            said += f"no such call was recorded.\n{difference(call, [one.call for one in left or self._recorded])}\n"
        return ConfigurationError(said, hint="Record anew with BUDWOOD_CASSETTES=record if the program is right.")

    def _beats(self, recording: Recording, reply: RecordedReply) -> Iterator[Beat]:
        pieces: Iterable[bytes] = reply.body
        if self._cut is not None:
            pieces = _recut(b"".join(reply.body), self._cut)
        seconds = reply.seconds if self._cut is None and reply.seconds else (0.0,) * len(reply.body)
        pauses = (later - sooner for sooner, later in pairwise((0.0, *seconds)))
        for piece in pieces:
            pause = next(pauses, 0.0)
            if piece:  # one that was a secret's and nothing else is empty, which would be the end
                yield Beat(piece, pause)
        if recording.failure is not None or not reply.complete:
            yield Beat(_end(recording))


class AsyncReplayTransport:
    """Plays a cassette for `AsyncClient`; made by `ReplayTransport.asynchronous`."""

    def __init__(self, replay: ReplayTransport) -> None:
        self._replay = replay

    @property
    def unused(self) -> tuple[Recording, ...]:
        """The recordings that no call has asked for yet, in their order."""
        return self._replay.unused

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncPlayedExchange:
        """Play the recording of a call; see `budwood.contracts.AsyncTransport`."""
        return AsyncPlayedExchange(*self._replay.play(call), timing, self._replay.clock)

    async def close(self) -> None:
        """Do nothing: a cassette holds no connection."""


def _end(recording: Recording) -> BudwoodError:
    """Make what is raised where a recording ends before its reply does."""
    if recording.failure is not None:
        return recording.failure.again()
    return ConfigurationError(
        f"The recording of {recording} ends here: the recording program left before the end of the reply.",
        hint="Record anew, and read the stream to its end.",
    )


def _recut(body: bytes, cut: Cut) -> Iterable[bytes]:
    if isinstance(cut, int):
        return (body[start : start + cut] for start in range(0, len(body), cut))
    return cut(body)


def _canonical(body: bytes) -> str | bytes:
    """Write JSON so that equal values are equal texts; what is no JSON stays as it is."""
    try:
        return json.dumps(from_json(body), sort_keys=True)
    except ValueError:
        return body
