"""
Write a reply to a file: in flat memory, and so that the file is either complete or as it was before.

With async I/O the blocks are written in a thread. That costs some 0.1 ms for each MiB, and a slow disk or a network
file system cannot hold up the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from budwood.contracts import AsyncExchange, Exchange
from budwood.errors import ConfigurationError, ResponseTooLargeError
from budwood.types import SavedReply
from budwood.wire.bodies import announced_size

T = TypeVar("T")

BLOCK_SIZE: Final = 1024 * 1024
"""How many bytes async code gathers before it gives them to a thread."""


def save_reply(exchange: Exchange, path: Path, limit: int | None) -> SavedReply:
    """
    Write the rest of a reply to a file, which is replaced once the reply is complete.

    Raises:
        ConfigurationError: The file cannot be written.
        ResponseTooLargeError: The reply has more than ``limit`` bytes.
        ProviderError: The connection failed.
    """
    part = _PartialFile(path, limit)
    part.check(announced_size(exchange.head.headers))
    try:
        part.create()
        while data := exchange.read():
            part.gather(data)
            part.write()
        return part.replace_target()
    except BaseException:
        part.discard()
        raise


async def save_reply_async(exchange: AsyncExchange, path: Path, limit: int | None) -> SavedReply:
    """Write the rest of a reply to a file; see `save_reply`."""
    part = _PartialFile(path, limit)
    part.check(announced_size(exchange.head.headers))
    try:
        await _run_in_thread(part.create)
        while data := await exchange.read():
            part.gather(data)
            if part.gathered >= BLOCK_SIZE:
                await _run_in_thread(part.write)
        return await _run_in_thread(part.replace_target)
    except BaseException:
        await _run_in_thread(part.discard)
        raise


class _PartialFile:
    """
    A file beside the one that it will replace.

    Attributes:
        gathered: The bytes that were received and not written yet.
    """

    def __init__(self, path: Path, limit: int | None) -> None:
        self._path = path
        self._limit = limit
        self._part = path.with_name(f".budwood-{secrets.token_hex(8)}.part")
        self._file: BinaryIO | None = None
        self._blocks: list[bytes] = []
        self._size = 0
        self.gathered = 0

    def create(self) -> None:
        with self._explain_failure():
            self._file = self._part.open("xb")

    def gather(self, data: bytes) -> None:
        self._size += len(data)
        self.check(self._size)
        self._blocks.append(data)
        self.gathered += len(data)

    def check(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise ResponseTooLargeError(
                f"The reply is larger than the {self._limit:,} bytes that may be written to {self._path}."
            )

    def write(self) -> None:
        blocks, self._blocks, self.gathered = self._blocks, [], 0
        if self._file is not None:
            with self._explain_failure():
                self._file.writelines(blocks)

    def replace_target(self) -> SavedReply:
        """Put the file in the place of the other, whose permissions stay."""
        self.write()
        with self._explain_failure():
            if self._file is not None:
                self._file.close()
            with contextlib.suppress(FileNotFoundError):
                self._part.chmod(stat.S_IMODE(self._path.stat().st_mode))
            self._part.replace(self._path)
        return SavedReply(self._path, self._size)

    def discard(self) -> None:
        with contextlib.suppress(OSError):  # what is raised already tells more
            if self._file is not None:
                self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()

    @contextlib.contextmanager
    def _explain_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"The reply cannot be written to {self._path}: {error.strerror or error}.",
                hint="Name a file in a folder that exists, can be written to and has room.",
            ) from error


async def _run_in_thread(work: Callable[[], T]) -> T:
    """Run blocking work to its end. If the task is cancelled in the meantime, that is raised after it."""
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
