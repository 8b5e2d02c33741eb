"""
Unpack compressed replies in steps, so that a small reply cannot fill the memory before its size is checked.

httpx unpacks each chunk of a reply at once, and offers to servers whatever packages it finds: 1.6 kB in ``br`` became
gigabytes. The two encodings here are of the standard library, and every server of an API supports one or none.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from budwood.errors import BadResponseError

ACCEPTED: Final = "gzip, deflate"
"""What is offered to servers."""

_STEP: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_WINDOWS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}
_UNPACKED: Final = frozenset({"", "identity"})
_GZIP_MAGIC: Final = b"\x1f\x8b"


def supported_encodings(said: str) -> str:
    """Return what is left of an ``accept-encoding`` without what cannot be unpacked here."""
    codings = [coding.strip() for coding in said.split(",")]
    known = [coding for coding in codings if coding.partition(";")[0].strip().lower() in (_WINDOWS | {"identity": 0})]
    return ", ".join(known) or "identity"


class Decompressor:
    """
    Turns the bytes of a body as sent into the content.

    Sources: RFC 1952, section 2.2, for gzip: a body is one member or several; RFC 9110, section 8.4.1.2, for deflate,
    which some servers send without the frame of zlib.

    Args:
        encoding: The reply's ``content-encoding``.

    Raises:
        BadResponseError: The encoding was not offered.
    """

    __slots__ = ("_encoding", "_is_after_member", "_is_at_end", "_packed", "_stream", "_window")

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in _UNPACKED and self._encoding not in _WINDOWS:
            raise BadResponseError(
                f"The reply is encoded as {encoding!r}, which was not asked for.",
                hint=f"Let the server, or the proxy between, send {ACCEPTED} or none.",
            )
        self._window = _WINDOWS.get(self._encoding, 0)
        self._stream: zlib._Decompress | None = None
        self._packed = b""
        self._is_after_member = False  # one is complete, and another may follow
        self._is_at_end = False

    def feed(self, data: bytes) -> bytes:
        """
        Take bytes in, and return the first step of their content; `more` returns the rest.

        Raises:
            BadResponseError: They are not valid in this encoding.
        """
        if not self._window or not data:
            return data
        if self._is_at_end:
            return b""
        self._packed += data
        return self.more()

    def more(self) -> bytes:
        """Return the next step of what was taken in; empty bytes if there is none."""
        while (stream := self._stream or self._start_member()) is not None:
            unpacked = self._unpack(stream)
            if unpacked or not stream.eof:
                return unpacked
        return b""

    def read_next(self, receive: Callable[[], bytes]) -> bytes:
        """
        Return the next step of the content, receiving what is needed; empty bytes are its end.

        Raises:
            BadResponseError: See `feed` and `finish`.
        """
        data = self.more()
        while not data:
            packed = receive()
            if not packed:
                self.finish()
                break
            data = self.feed(packed)
        return data

    def finish(self) -> None:
        """
        Check that the body is complete, once all of it was taken in and returned.

        Raises:
            BadResponseError: It ends within the compressed data, or before the checksum after it.
        """
        if self._stream is not None or (self._packed and not self._is_after_member):
            raise BadResponseError(
                f"The reply ended before its {self._encoding} data did.",
                hint="Ask again. If it happens often, check the server, or a proxy in front of it.",
                retryable=True,
            )

    def _start_member(self) -> zlib._Decompress | None:
        """Start to unpack a member if there is one; what follows the last one is ignored, as gzip itself does."""
        packed = self._packed
        if len(packed) < len(_GZIP_MAGIC) or self._is_at_end:
            return None
        window = self._window
        if self._is_after_member and (window != _GZIP or not packed.startswith(_GZIP_MAGIC)):
            self._is_at_end, self._packed = True, b""
            return None
        if window == zlib.MAX_WBITS and (packed[0] & 0x0F != zlib.DEFLATED or int.from_bytes(packed[:2]) % 31):
            window = -zlib.MAX_WBITS  # no header of zlib (RFC 1950, section 2.2)
        self._stream = zlib.decompressobj(window)
        return self._stream

    def _unpack(self, stream: zlib._Decompress) -> bytes:
        try:
            unpacked = stream.decompress(self._packed, _STEP)
        except zlib.error as error:
            raise BadResponseError(f"The reply is no valid {self._encoding}: {error}.") from error
        if stream.eof:
            self._packed, self._stream, self._is_after_member = stream.unused_data, None, True
        else:
            self._packed = stream.unconsumed_tail
        return unpacked
