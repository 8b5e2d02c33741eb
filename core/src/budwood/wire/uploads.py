"""
Request bodies that contain files: their size is known before anything is sent, and files are read in blocks.

No file stays open between two blocks, so a call that is cancelled or retried leaves none open.
"""

from __future__ import annotations

import os
import stat
from binascii import b2a_base64
from collections.abc import AsyncIterator, Iterator
from typing import Final, NamedTuple

from budwood.errors import PromptError
from budwood.types import Body, BodyFile

BLOCK_SIZE: Final = 256 * 1024 - 1
"""
How many bytes of a file are in memory at a time. Async transports use a thread for each block.

It is divisible by 3, so that blocks in base64 need no padding between them.
"""


class _FileState(NamedTuple):
    """
    A file as it was when the call started; ``version`` changes when it is written to.

    ``size`` is the number of bytes that are read of it.
    """

    file: BodyFile
    size: int
    version: tuple[int, int]

    @property
    def sent_size(self) -> int:
        """The number of bytes that are sent: base64 has four for each three, and pads the last."""
        return -(-self.size // 3) * 4 if self.file.base64 else self.size


class Upload:
    """
    A body that contains files. Each iteration reads them again.

    Attributes:
        size: The size of the body in bytes.

    Raises:
        PromptError: A file cannot be read, or has changed since.
    """

    def __init__(self, body: tuple[bytes | BodyFile, ...]) -> None:
        self._parts = tuple(part if isinstance(part, bytes) else _find(part) for part in body if part)
        self.size = sum(len(part) if isinstance(part, bytes) else part.sent_size for part in self._parts)

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
                continue
            for position in range(0, part.size, BLOCK_SIZE):
                block = _read_block(part, position)
                yield b2a_base64(block, newline=False) if part.file.base64 else block


class AsyncUpload:
    """
    A body that contains files, which are read in threads; see `Upload`.

    Attributes:
        size: The size of the body in bytes.
        failure: The error if a file could not be read: HTTP libraries may hide errors that are raised while they send.
    """

    def __init__(self, upload: Upload) -> None:
        self._blocks = upload
        self.size = upload.size
        self.failure: PromptError | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        import asyncio  # not above: a program with a blocking client does without

        blocks = iter(self._blocks)
        left = self.size
        try:
            while left:
                block = await asyncio.to_thread(next, blocks)
                left -= len(block)
                yield block
        except PromptError as error:
            self.failure = error
            raise


def prepare_body(body: Body) -> bytes | Upload:
    """
    Check the files of a body; a body without files is returned as bytes.

    Raises:
        PromptError: A file is missing, cannot be read, or is shorter than the range to send.
    """
    if isinstance(body, bytes):
        return body
    if any(isinstance(part, BodyFile) for part in body):
        return Upload(body)
    return b"".join(part for part in body if isinstance(part, bytes))


async def prepare_body_async(body: Body) -> bytes | AsyncUpload:
    """Check the files of a body in a thread; see `prepare_body`."""
    if isinstance(body, bytes):
        return body
    import asyncio  # not above, as in AsyncUpload

    prepared = await asyncio.to_thread(prepare_body, body)
    return prepared if isinstance(prepared, bytes) else AsyncUpload(prepared)


def body_size(body: bytes | Upload | AsyncUpload) -> int:
    """Return the size of a prepared body in bytes."""
    return len(body) if isinstance(body, bytes) else body.size


def read_body(body: Body) -> bytes:
    """
    Read a body into memory, for tests and recordings.

    Raises:
        PromptError: See `prepare_body`.
    """
    prepared = prepare_body(body)
    return prepared if isinstance(prepared, bytes) else b"".join(prepared)


def _find(file: BodyFile) -> _FileState:
    try:
        if not stat.S_ISREG(os.stat(file.path).st_mode):  # noqa: PTH116 - opening a pipe waits for its other end
            raise PromptError(f"Cannot send {file.path}: it is not a regular file.", hint=_HINT)
        with open(file.path, "rb", buffering=0, opener=_open) as stream:
            found = os.fstat(stream.fileno())
    except OSError as error:
        raise _unreadable(file, error) from error
    size = found.st_size - file.offset if file.size is None else file.size
    if size < 0 or not 0 <= file.offset <= found.st_size - size:
        end = file.offset + (file.size or 0)
        raise PromptError(
            f"{file.path} has {found.st_size:,} bytes, but the range to send ends at {end:,}.", hint=_HINT
        )
    return _FileState(file, size, (found.st_size, found.st_mtime_ns))


def _open(path: str, flags: int) -> int:
    """Open a file without waiting, since a pipe may have replaced it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _read_block(found: _FileState, position: int) -> bytes:
    count = min(BLOCK_SIZE, found.size - position)
    try:
        with open(found.file.path, "rb", opener=_open) as stream:
            now = os.fstat(stream.fileno())
            stream.seek(found.file.offset + position)
            block = stream.read(count)
    except OSError as error:
        raise _unreadable(found.file, error) from error
    if (now.st_size, now.st_mtime_ns) != found.version or len(block) != count:
        raise PromptError(
            f"{found.file.path} changed while it was sent: it had {found.version[0]:,} bytes, and now has "
            f"{now.st_size:,}. The request was not completed.",
            hint="Send the file when no program writes to it.",
        )
    return block


def _unreadable(file: BodyFile, error: OSError) -> PromptError:
    return PromptError(f"Cannot read {file.path}: {error.strerror or error}.", hint=_HINT)


_HINT: Final = "Check the path of the file and its permissions."
