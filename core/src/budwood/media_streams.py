"""Streams of media."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, TypeVar

from budwood.errors import BudwoodError
from budwood.event_streams import AsyncEventStream, EventStream
from budwood.types import AudioDelta, TranscriptDelta

if TYPE_CHECKING:
    from pathlib import Path


E = TypeVar("E")
R = TypeVar("R")


class MediaStream(EventStream[E, R]):
    """
    A stream of media. Iterating over it yields events of `budwood.types`.

    Use it in a ``with`` block: leaving the block closes the connection immediately.
    """

    def audio(self) -> Iterator[bytes]:
        """
        Yield only the bytes of audio, for a player that reads them as they arrive.

        They have the requested format. Samples (``format="pcm"``) have no header, and the header of a WAV has no valid
        size; only `save` and `response` correct both.
        """
        return (event.data for event in self._events if isinstance(event, AudioDelta))

    def text_deltas(self) -> Iterator[str]:
        """Yield only the text of a transcript."""
        return (event.text for event in self._events if isinstance(event, TranscriptDelta))

    def save(self, path: str | Path) -> Path:
        """
        Write the stream to a file as it arrives, to its end. Returns the path.

        The file is replaced once it is complete: audio with a valid header, the last state of the first image, or the
        text of a transcript in UTF-8. A pipe or a device receives the bytes unchanged.

        Events that were read before are part of the file, unless it is a pipe.

        Raises:
            OSError: The file cannot be written.
        """
        from budwood.stream_files import StreamFile  # only programs that save streams need it

        with StreamFile(path) as file:
            for event in self._events:
                file.add(event)
            file.complete(self.response)
        return file.path

    @property
    def response(self) -> R:
        """
        The complete reply, after all events were read.

        Raises:
            BudwoodError: The stream has not ended.
        """
        if self._events.result is None:
            raise _make_incomplete_error()
        return self._events.result


class AsyncMediaStream(AsyncEventStream[E, R]):
    """A stream of media; see `MediaStream`. Use it in an ``async with`` block."""

    async def audio(self) -> AsyncIterator[bytes]:
        """Yield only the bytes of audio; see `MediaStream.audio`."""
        async for event in self._events:
            if isinstance(event, AudioDelta):
                yield event.data

    async def text_deltas(self) -> AsyncIterator[str]:
        """Yield only the text of a transcript."""
        async for event in self._events:
            if isinstance(event, TranscriptDelta):
                yield event.text

    async def save(self, path: str | Path) -> Path:
        """Write the stream to a file as it arrives; see `MediaStream.save`. A thread writes the file."""
        from budwood.stream_files import StreamFile

        file = StreamFile(path)
        with file:
            async for event in self._events:
                await asyncio.to_thread(file.add, event)
            await asyncio.to_thread(file.complete, self.response)
        return file.path

    @property
    def response(self) -> R:
        """The complete reply, after all events were read; see `MediaStream.response`."""
        if self._events.result is None:
            raise _make_incomplete_error()
        return self._events.result


def _make_incomplete_error() -> BudwoodError:
    return BudwoodError("The stream has not ended.", hint="Read its events first.")
