"""HTTP as data: what a provider encodes and decodes, and what a transport carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from budwood.types.usage import Adaptation

if TYPE_CHECKING:
    from pathlib import Path

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""The largest reply that is kept in memory: 64 MiB."""

_SECRET_WORDS = frozenset({"authorization", "auth", "key", "apikey", "token", "secret", "password", "cookie"})
"""Words in the name of a header that holds a secret: each vendor has a name of its own for the same thing."""


def is_secret_header(name: str) -> bool:
    """Tell by the name of a header whether it holds a secret."""
    return not _SECRET_WORDS.isdisjoint(name.lower().split("-"))


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: "[redacted]" if is_secret_header(name) else value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class BodyFile:
    """
    A file, or a range of it, as a part of a request's body.

    Nothing is read here: the transport opens the file for each attempt, and reads it in blocks while it sends.

    Attributes:
        path: The file.
        offset: The first byte that is sent.
        size: The number of bytes that are sent; None for all up to the end of the file.
    """

    path: Path
    offset: int = 0
    size: int | None = None


Body = bytes | tuple[bytes | BodyFile, ...]
"""A request's body: bytes, or parts that are sent one after the other."""


@dataclass(slots=True, kw_only=True)
class HTTPCall:
    """
    One request, ready to be sent but for its credential.

    Do not change one: make another by `with_headers` or `dataclasses.replace`. It is not frozen, since each call makes
    two of them, and a frozen one costs twice as much.

    Attributes:
        method: The HTTP method.
        url: The address.
        headers: Those that the provider sets; transports add ``host``, ``content-length`` and others.
        body: Bytes, or parts of which some may be files. Each attempt sends it anew.
        adaptations: The receipts of the encoder.
        max_reply_bytes: The limit of a reply that is kept in memory or streamed.
        reply_to: The file to which a reply of status 2xx is written instead of into memory. It is replaced once the
            reply is complete, and left as it was if anything fails. Other replies are never written to it. It must be a
            regular file, or none yet, in a folder that exists: this is checked before anything is sent.
        max_file_bytes: The limit of a reply that is written to a file; None for no limit.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""
    adaptations: tuple[Adaptation, ...] = ()
    max_reply_bytes: int = MAX_REPLY_BYTES
    reply_to: Path | None = None
    max_file_bytes: int | None = None

    def with_headers(self, headers: Mapping[str, str]) -> HTTPCall:
        """Return the same call with further headers, which come before its own of the same names."""
        return HTTPCall(
            method=self.method,
            url=self.url,
            headers={**self.headers, **headers},
            body=self.body,
            adaptations=self.adaptations,
            max_reply_bytes=self.max_reply_bytes,
            reply_to=self.reply_to,
            max_file_bytes=self.max_file_bytes,
        )

    def __repr__(self) -> str:
        return f"HTTPCall({self.method} {self.url}, headers={_shown(self.headers)}, body={_describe_body(self.body)})"


def _describe_body(body: Body) -> str:
    if isinstance(body, bytes):
        return f"{len(body)} bytes"
    files = [part for part in body if isinstance(part, BodyFile)]
    size = sum(len(part) for part in body if isinstance(part, bytes))
    return f"{size} bytes and {len(files)} {'file' if len(files) == 1 else 'files'}"


@dataclass(slots=True)
class ReplyHead:
    """Status and headers of a reply; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def __repr__(self) -> str:
        return f"ReplyHead({self.status}, {_shown(self.headers)})"


@dataclass(frozen=True, slots=True)
class SavedReply:
    """
    The body of a reply that was written to a file.

    Attributes:
        path: The file.
        size: Its size in bytes.
    """

    path: Path
    size: int


@dataclass(slots=True)
class HTTPReply:
    """
    A whole reply.

    Attributes:
        head: Status and headers.
        body: The body; empty where it was written to a file.
        saved: The file to which the body was written, if the call asked for it.
    """

    head: ReplyHead
    body: bytes
    saved: SavedReply | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.head.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, their names in lower case."""
        return self.head.headers

    def __repr__(self) -> str:
        size = len(self.body) if self.saved is None else self.saved.size
        return f"HTTPReply({self.status}, {size} bytes)"


@dataclass(slots=True, kw_only=True)
class Timing:
    """
    How long one attempt may take. Moments are those of the driver's monotonic clock.

    Attributes:
        connect_timeout: Seconds until there is a connection.
        idle_timeout: Seconds between two pieces of a reply that has begun.
        deadline: The moment at which the whole call is over; it is not retried after that.
        head_deadline: The moment by which status and headers must have come, or None. If it passes before
            ``deadline`` does, the attempt fails with phase ``"head"``, and may be retried.
    """

    connect_timeout: float
    idle_timeout: float
    deadline: float
    head_deadline: float | None = None

    @property
    def open_deadline(self) -> float:
        """The moment by which status and headers must have come."""
        return self.deadline if self.head_deadline is None else min(self.deadline, self.head_deadline)

    def after_head(self) -> Timing:
        """Return how long the rest of the reply may take, once its head has come."""
        return self if self.head_deadline is None else replace(self, head_deadline=None)
