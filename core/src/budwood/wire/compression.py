"""
Unpack compressed replies in steps, so that a small reply cannot fill the memory before anybody has looked at its size.

httpx unpacks each piece of a reply at once, and offers to servers whatever packages it finds: 1.6 kB in ``br`` became
gigabytes. The two encodings here are of the standard library, and every server of an API speaks one or none.
"""

from __future__ import annotations

import zlib
from typing import Final

from budwood.errors import BadResponseError

ACCEPTED: Final = "gzip, deflate"
"""What is offered to servers."""

_STEP: Final = 64 * 1024
_WINDOWS: Final = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_UNPACKED: Final = frozenset({"", "identity"})


def offered(said: str) -> str:
    """Return what is left of an ``accept-encoding`` without what cannot be unpacked here."""
    codings = [coding.strip() for coding in said.split(",")]
    known = [coding for coding in codings if coding.partition(";")[0].strip().lower() in (_WINDOWS | {"identity": 0})]
    return ", ".join(known) or "identity"


class Unpacker:
    """
    Turns the bytes of a body as sent into the bytes that are meant.

    Args:
        encoding: The reply's ``content-encoding``.

    Raises:
        BadResponseError: Nobody asked for that encoding.
    """

    __slots__ = ("_encoding", "_packed", "_stream", "_touched")

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in _UNPACKED and self._encoding not in _WINDOWS:
            raise BadResponseError(
                f"The reply is encoded as {encoding!r}, which was not asked for.",
                hint=f"Let the server, or the proxy between, send {ACCEPTED} or none.",
            )
        self._stream = zlib.decompressobj(_WINDOWS[self._encoding]) if self._encoding in _WINDOWS else None
        self._packed = b""
        self._touched = False

    def feed(self, data: bytes) -> bytes:
        """
        Take a piece in, and return what it begins with; the rest is had from `more`.

        Raises:
            BadResponseError: It is not what the encoding promises.
        """
        if self._stream is None or not data:
            return data
        if self._stream.eof:  # what follows the end of the compressed body belongs to nobody
            return b""
        self._packed += data
        return self.more()

    def more(self) -> bytes:
        """Return more of what was taken in, a step at a time; empty bytes where there is none."""
        stream = self._stream
        if stream is None or stream.eof:
            return b""
        try:
            unpacked = stream.decompress(self._packed, _STEP)
        except zlib.error as error:
            if self._encoding == "deflate" and not self._touched:  # some servers leave out the frame of zlib
                self._touched = True
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
                return self.more()
            raise BadResponseError(f"The reply is no valid {self._encoding}: {error}.") from error
        self._touched = True
        self._packed = stream.unconsumed_tail
        return unpacked
