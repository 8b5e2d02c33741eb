"""
Write a reply to a file without holding it in memory. The file is either complete afterwards, or unchanged.

With async I/O, blocks are written in a thread. That costs some 0.1 ms per MiB, and a slow disk or network file system
cannot block the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from budwood.contracts import AsyncExchange, Exchange
from budwood.engine.content_checks import check_media
from budwood.errors import ConfigurationError, ResponseTooLargeError
from budwood.providing import HEAD_BYTES
from budwood.types import MediaKind, SavedReply
from budwood.wire.bodies import content_length

T = TypeVar("T")

BLOCK_SIZE: Final = 1024 * 1024
"""How many bytes async code buffers before a thread writes them."""


def check_target(path: Path) -> None:
    """
    Check that a reply can be written to a file, before a request is paid for.

    Raises:
        ConfigurationError: The folder is missing or not writable, or the path is not a regular file, such as
            ``/dev/null``, which would be replaced.
    """
    target = Path(os.path.realpath(path))
    with _convert_errors(path):
        if not stat.S_ISDIR(target.parent.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(target.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(target.stat().st_mode):
                raise _write_error(path, "it is not a regular file")


def save_reply(exchange: Exchange, path: Path, limit: int | None, kind: MediaKind | None = None) -> SavedReply:
    """
    Write the rest of a reply to a file, which is replaced once the reply is complete.

    Raises:
        BadResponseError: The reply is not media of ``kind``.
        ConfigurationError: The file cannot be written.
        ResponseTooLargeError: The reply has more than ``limit`` bytes.
        ProviderError: The connection failed.
    """
    part = PartialFile(path, limit, kind)
    part.check(content_length(exchange.head.headers))
    try:
        part.create()
        while data := exchange.read():
            part.buffer(data)
            part.write()
        return part.replace_target()
    except BaseException:
        part.discard()
        raise


async def save_reply_async(
    exchange: AsyncExchange, path: Path, limit: int | None, kind: MediaKind | None = None
) -> SavedReply:
    """Write the rest of a reply to a file; see `save_reply`."""
    part = PartialFile(path, limit, kind)
    part.check(content_length(exchange.head.headers))
    try:
        await _run_in_thread(part.create)
        while data := await exchange.read():
            part.buffer(data)
            if part.buffered >= BLOCK_SIZE:
                await _run_in_thread(part.write)
        return await _run_in_thread(part.replace_target)
    except BaseException:
        await _run_in_thread(part.discard)
        raise


class PartialFile:
    """
    A temporary file next to the one that it will replace.

    Args:
        path: The file that it will replace.
        limit: Its maximum size in bytes; None for none.
        kind: The kind of media that it contains; None for any content.

    Attributes:
        buffered: How many received bytes are not written yet.
    """

    def __init__(self, path: Path, limit: int | None, kind: MediaKind | None = None) -> None:
        self._path = path
        self._kind = kind
        self._target = self._part = path
        self._limit = limit
        self._file: BinaryIO | None = None
        self._blocks: list[bytes] = []
        self._size = 0
        self.buffered = 0

    def create(self) -> None:
        """Create the temporary file."""
        check_target(self._path)
        self._target = Path(os.path.realpath(self._path))  # a symbolic link is not replaced
        self._part = self._target.with_name(f".budwood-{secrets.token_hex(8)}.part")
        with _convert_errors(self._path):
            self._file = self._part.open("xb")

    def buffer(self, data: bytes) -> None:
        """Keep received bytes until they are written."""
        self._size += len(data)
        self.check(self._size)
        self._blocks.append(data)
        self.buffered += len(data)

    def check(self, size: int) -> None:
        """
        Check the size against the limit.

        Raises:
            ResponseTooLargeError: It is larger.
        """
        if self._limit is not None and size > self._limit:
            raise ResponseTooLargeError(
                f"The reply is larger than the limit of {self._limit:,} bytes for {self._path}.",
                hint="Raise the limit, or request less.",
            )

    def write(self) -> None:
        """Write the bytes that are kept."""
        blocks, self._blocks, self.buffered = self._blocks, [], 0
        if self._file is not None:
            with _convert_errors(self._path):
                self._file.writelines(blocks)

    def replace_target(self) -> SavedReply:
        """
        Replace the target, and keep its permissions.

        Raises:
            BadResponseError: The content is not media of the kind.
        """
        self.write()
        with _convert_errors(self._path):
            if self._file is not None:
                self._file.close()
            if self._kind is not None:
                with self._part.open("rb") as file:
                    check_media(file.read(HEAD_BYTES), self._kind)
            with contextlib.suppress(FileNotFoundError):
                self._part.chmod(stat.S_IMODE(self._target.stat().st_mode))
            self._part.replace(self._target)
        return SavedReply(self._path, self._size)

    def discard(self) -> None:
        """Delete the temporary file."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # the error that is being raised says more
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()


@contextlib.contextmanager
def _convert_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _write_error(path, error.strerror or str(error)) from error


def _write_error(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"Cannot write the reply to {path}: {reason}.",
        hint="Choose a file in a folder that exists, is writable and has free space.",
    )


async def _run_in_thread(work: Callable[[], T]) -> T:
    """Run blocking work to its end in a thread. If the task is cancelled, the cancellation is raised afterwards."""
    future = asyncio.get_running_loop().run_in_executor(None, work)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()
        raise cancelled
    return future.result()
