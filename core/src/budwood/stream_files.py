"""Files to which streams of media are written as they arrive."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from budwood.atomic_files import open_output
from budwood.types import (
    AudioDelta,
    GeneratedMedia,
    ImageResponse,
    SpeechResponse,
    TranscriptDelta,
    TranscriptionResponse,
    VideoDelta,
    VideoResponse,
)

_BLOCK = 1024 * 1024


class StreamFile:
    """
    A file that receives a stream of media.

    What arrived is compared with the complete reply, and replaced by it if they differ: the header of streamed audio
    has no valid size, samples have no header, and an image replaces the unfinished ones. A pipe keeps what was written.

    Args:
        path: The file. It is replaced once the stream is complete.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stack = ExitStack()
        self._written = hashlib.sha256()
        self._size = 0

    def __enter__(self) -> Self:
        self._file = self._stack.enter_context(open_output(self.path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, event: object) -> None:
        """Write the content of an event, if it has any that continues the file."""
        if isinstance(event, AudioDelta | VideoDelta):
            self._write(event.data)
        elif isinstance(event, TranscriptDelta):
            self._write(event.text.encode("utf-8", "replace"))

    def complete(self, response: object) -> None:
        """
        Make the file equal to the complete reply.

        Raises:
            BudwoodError: The content of the reply is still at the vendor; see `GeneratedMedia.read`.
        """
        content = _content_of(response)
        if isinstance(content, bytes):
            is_equal = self._written.digest() == hashlib.sha256(content).digest()
        else:
            is_equal = self._written.hexdigest() == content.digest()
        if is_equal or (self._size and not self._file.seekable()):
            return
        if self._size:
            self._file.seek(0)
            self._file.truncate()
        if isinstance(content, bytes):
            self._file.write(content)
        elif content.path is None:
            self._file.write(content.read())
        else:
            with content.path.open("rb") as source:
                while block := source.read(_BLOCK):
                    self._file.write(block)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        self._written.update(data)
        self._size += len(data)


def _content_of(response: object) -> bytes | GeneratedMedia:
    match response:
        case TranscriptionResponse(text=text):
            return text.encode("utf-8", "replace")
        case ImageResponse():
            return response.image
        case SpeechResponse():
            return response.audio
        case VideoResponse():
            return response.video
        case _:
            raise TypeError(f"{type(response).__name__} is no reply with media")
