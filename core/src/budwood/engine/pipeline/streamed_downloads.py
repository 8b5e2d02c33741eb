"""Write a reply to a file, and emit its bytes while they arrive."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budwood.contracts import AsyncExchange, Exchange
from budwood.engine.drivers.effects import Emit, Flow, Invoke, Read
from budwood.engine.drivers.reply_files import PartialFile
from budwood.errors import BadResponseError
from budwood.types import HTTPCall, MediaKind, SavedReply, VideoDelta
from budwood.wire.bodies import content_length

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Round


@dataclass
class EmittedBytes:
    """The first bytes of a download to a file, which a stream has emitted: their number, and their hash."""

    target: Path
    size: int = 0
    digest: Any = field(default_factory=sha256)


def save_and_emit(
    request: HTTPCall, exchange: Exchange | AsyncExchange, kind: MediaKind | None, round_: Round
) -> Flow[SavedReply]:
    """
    Write a reply to the file of its request, and emit each block as a `VideoDelta`.

    A repeated download emits only what follows the bytes that were emitted before.

    Raises:
        BadResponseError: The reply is not media of ``kind``, or a repeated download differs from the first.
        ProviderError: The connection failed.
    """
    if request.reply_to is None:
        raise ValueError("the request has no file for its reply")
    size = content_length(exchange.head.headers)
    if round_.emitted is None or round_.emitted.target != request.reply_to:
        round_.emitted = EmittedBytes(request.reply_to)
    download = _Download(round_.emitted)
    part = PartialFile(request.reply_to, request.max_file_bytes, kind)
    part.check(size)
    try:
        yield Invoke(part.create)
        while data := (yield Read(exchange)):
            part.buffer(data)
            yield Invoke(part.write)
            if added := download.remove_emitted(data):
                yield Emit([VideoDelta(added, size or None)])
        download.check_end()
        saved: SavedReply = yield Invoke(part.replace_target)
    except BaseException:
        yield Invoke(part.discard)
        raise
    return saved


class _Download:
    """Skips the bytes of a download that an earlier attempt has emitted, and checks that they are the same."""

    def __init__(self, emitted: EmittedBytes) -> None:
        self._emitted = emitted
        self._left = emitted.size
        self._digest = sha256()

    def remove_emitted(self, data: bytes) -> bytes:
        """Return the bytes of a block that were not emitted yet, and count them as emitted."""
        known, added = data[: self._left], data[self._left :]
        if known:
            self._left -= len(known)
            self._digest.update(known)
            if self._left == 0 and self._digest.digest() != self._emitted.digest.digest():
                raise _make_difference_error()
        self._emitted.size += len(added)
        self._emitted.digest.update(added)
        return added

    def check_end(self) -> None:
        """Check that the download has all bytes that were emitted before."""
        if self._left:
            raise _make_difference_error()


def _make_difference_error() -> BadResponseError:
    return BadResponseError(
        "The download was interrupted, and its repetition has other content.",
        hint="Fetch the result of the job again: client.job(error.job).result().",
    )
