"""
Decompress replies in blocks, so that a small reply cannot fill the memory before its size is checked.

httpx decompresses each chunk of a reply completely, in every encoding for which a library is installed: 1.6 kB of
``br`` decompressed to gigabytes. This module supports only gzip and deflate, which are in the standard library. API
servers use one of them, or send uncompressed replies.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from budwood.errors import BadResponseError

ACCEPT_ENCODING: Final = "gzip, deflate"
"""The value of ``accept-encoding``."""

_BLOCK_SIZE: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_WINDOWS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}
_UNCOMPRESSED: Final = frozenset({"", "identity"})
_GZIP_MAGIC: Final = b"\x1f\x8b"


def supported_encodings(accept_encoding: str) -> str:
    """Return an ``accept-encoding`` without the encodings that `Decompressor` does not support."""
    codings = [coding.strip() for coding in accept_encoding.split(",")]
    known = [coding for coding in codings if coding.partition(";")[0].strip().lower() in (_WINDOWS | {"identity": 0})]
    return ", ".join(known) or "identity"


class Decompressor:
    """
    Decompresses the body of a reply.

    Sources: RFC 1952, section 2.2, for gzip: a body is one member or several; RFC 9110, section 8.4.1.2, for deflate,
    which some servers send without the zlib header and checksum.

    Args:
        encoding: The reply's ``content-encoding``.

    Raises:
        BadResponseError: The encoding is not supported.
    """

    __slots__ = ("_compressed", "_encoding", "_is_after_member", "_is_at_end", "_stream", "_window")

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in _UNCOMPRESSED and self._encoding not in _WINDOWS:
            raise BadResponseError(
                f"The reply has the content-encoding {encoding!r}, which Budwood did not accept.",
                hint=f"Configure the server, or the proxy in front of it, to send {ACCEPT_ENCODING} or no encoding.",
            )
        self._window = _WINDOWS.get(self._encoding, 0)
        self._stream: zlib._Decompress | None = None
        self._compressed = b""
        self._is_after_member = False  # a gzip member is complete, and another may follow
        self._is_at_end = False

    def feed(self, data: bytes) -> bytes:
        """
        Add compressed bytes, and return the first block of their content; `read_block` returns the rest.

        Raises:
            BadResponseError: They are not valid in this encoding.
        """
        if not self._window or not data:
            return data
        if self._is_at_end:
            return b""
        self._compressed += data
        return self.read_block()

    def read_block(self) -> bytes:
        """Return the next block of content; empty bytes if there is none."""
        while (stream := self._stream or self._start_member()) is not None:
            decompressed = self._decompress(stream)
            if decompressed or not stream.eof:
                return decompressed
        return b""

    def read_next(self, receive: Callable[[], bytes]) -> bytes:
        """
        Return the next block of content, receiving more data if necessary; empty bytes at the end.

        Raises:
            BadResponseError: See `feed` and `finish`.
        """
        data = self.read_block()
        while not data:
            compressed = receive()
            if not compressed:
                self.finish()
                break
            data = self.feed(compressed)
        return data

    def finish(self) -> None:
        """
        Check that the body is complete. Call it after the last block.

        Raises:
            BadResponseError: It ends within the compressed data, or before the checksum that follows.
        """
        if self._stream is not None or (self._compressed and not self._is_after_member):
            raise BadResponseError(
                f"The reply ended before its {self._encoding} data did.",
                hint="Ask again. If it happens often, check the server, or a proxy in front of it.",
                retryable=True,
            )

    def _start_member(self) -> zlib._Decompress | None:
        """Start the next member, if any. Bytes after the last one are ignored, as gzip itself does."""
        compressed = self._compressed
        if len(compressed) < len(_GZIP_MAGIC) or self._is_at_end:
            return None
        window = self._window
        if self._is_after_member and (window != _GZIP or not compressed.startswith(_GZIP_MAGIC)):
            self._is_at_end, self._compressed = True, b""
            return None
        if window == zlib.MAX_WBITS and (compressed[0] & 0x0F != zlib.DEFLATED or int.from_bytes(compressed[:2]) % 31):
            window = -zlib.MAX_WBITS  # no header of zlib (RFC 1950, section 2.2)
        self._stream = zlib.decompressobj(window)
        return self._stream

    def _decompress(self, stream: zlib._Decompress) -> bytes:
        try:
            decompressed = stream.decompress(self._compressed, _BLOCK_SIZE)
        except zlib.error as error:
            raise BadResponseError(f"The reply is not valid {self._encoding}: {error}.") from error
        if stream.eof:
            self._compressed, self._stream, self._is_after_member = stream.unused_data, None, True
        else:
            self._compressed = stream.unconsumed_tail
        return decompressed
