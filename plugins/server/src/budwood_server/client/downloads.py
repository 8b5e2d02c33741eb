"""Replies that are written to a file as they arrive."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from budwood.errors import ProviderError
from budwood.providing import open_output
from budwood.types import HTTPCall, ReplyHead
from budwood_server.client.calls import UNLIMITED, Connection, check_head, send_with_retries
from budwood_server.client.effects import Flow, Invoke, Open, Read
from budwood_server.client.requests import Download


def download(connection: Connection, source: Download) -> Flow[int]:
    """
    Write a reply to a file, and return its size in bytes.

    If the connection breaks, the request is sent again, and the file begins again, unless it is a pipe.

    Raises:
        APIError: The server answered with an error.
        NetworkError: There is no answer, or the reply broke off.
        OSError: The file cannot be written. One that was named by its path is unchanged, whatever the error.
    """
    with _closing() as stack:
        file: BinaryIO = yield Invoke(partial(_open, stack, source.target))
        received = _Received(file, source)
        timing = connection.start_timing(UNLIMITED if source.request.timeout is None else source.request.timeout)

        def receive(call: HTTPCall) -> Flow[int]:
            yield Invoke(received.restart)
            head: ReplyHead = yield Open(call, timing)
            yield from check_head(head)
            return (yield from received.read())

        size = yield from send_with_retries(connection, source.request, timing, receive)
        yield Invoke(stack.close)  # it waits for the disk
    return size


class _Received:
    """
    The part of a reply that was written.

    Args:
        file: The file.
        source: What is written to it.
    """

    def __init__(self, file: BinaryIO, source: Download) -> None:
        self._file = file
        self._progress = source.progress
        self._start = file.tell() if file.seekable() else None
        self._size = 0

    def restart(self) -> None:
        """Remove what was written."""
        if self._size and self._start is not None:
            self._file.seek(self._start)
            self._file.truncate()
        self._size = 0

    def read(self) -> Flow[int]:
        """Write the open reply, and return its size."""
        try:
            while data := (yield Read()):
                yield Invoke(partial(self._file.write, data))
                self._size += len(data)
                if self._progress is not None:
                    self._progress(self._size)
        except ProviderError as error:
            if self._size and self._start is None:  # a pipe cannot take it back
                error.retryable = False
            raise
        return self._size


@contextmanager
def _closing() -> Iterator[ExitStack]:
    """Close what was opened with the error of the block, at once: the caller may have left."""
    stack = ExitStack()
    try:
        yield stack
    except BaseException:
        stack.__exit__(*sys.exc_info())
        raise


def _open(stack: ExitStack, target: str | os.PathLike[str] | BinaryIO) -> BinaryIO:
    return stack.enter_context(open_output(Path(target))) if isinstance(target, str | os.PathLike) else target
