"""HTTP requests and replies as data, which providers encode and decode and transports send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from budwood.types.usage import Adaptation

if TYPE_CHECKING:
    from pathlib import Path

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""Maximum size of a reply in memory: 64 MiB."""

_SECRET_WORDS = frozenset({"authorization", "auth", "key", "apikey", "token", "secret", "password", "cookie"})
"""Words in the names of headers that contain secrets; vendors use many different names."""


def is_secret_header(name: str) -> bool:
    """Return whether a header contains a secret, by its name."""
    return not _SECRET_WORDS.isdisjoint(name.lower().split("-"))


def _redact(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: "[redacted]" if is_secret_header(name) else value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class BodyFile:
    """
    A file, or a range of it, as a part of a request's body.

    The transport opens the file for each attempt, and reads it in blocks while it sends.

    Attributes:
        path: The file.
        offset: The first byte that is sent.
        size: The number of bytes that are read; None for all up to the end of the file.
        base64: Whether they are sent in base64, as within JSON.
    """

    path: Path
    offset: int = 0
    size: int | None = None
    base64: bool = False


Body = bytes | tuple[bytes | BodyFile, ...]
"""The body of a request: bytes, or parts that are sent one after the other."""


@dataclass(slots=True, kw_only=True)
class HTTPCall:
    """
    A complete request, except for its credential.

    Do not modify a call: create another one by `with_headers` or `dataclasses.replace`. The class is not frozen because
    each request creates two calls, and a frozen dataclass takes twice the time.

    Attributes:
        method: The HTTP method.
        url: The URL.
        headers: Headers of the provider; transports add ``host``, ``content-length`` and others.
        body: Bytes, or parts that may be files. Every attempt sends it again.
        adaptations: Parameters that the encoder did not send as passed.
        max_reply_bytes: Maximum size of a reply in memory, or of a stream.
        reply_to: The file for a reply with status 2xx. It is replaced when the reply is complete, and unchanged if
            anything fails. Other replies are not written to it. It must be a regular file or not exist, and its folder
            must exist: this is checked before anything is sent.
        max_file_bytes: Maximum size of a reply that is written to a file; None for no limit.
        repeatable: Whether it may be sent again although the server may have received it. If it creates something that
            is paid for, it may not, unless it carries an idempotency key that the vendor heeds.
        delay: Seconds to wait before it is sent, as one of several steps.
        addresses: The IP addresses to connect to, of which each was checked. The host is not looked up again, since a
            second look-up could return another address; certificates are still those of the host. Empty to look it up.
            A proxy looks up the host itself.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""
    adaptations: tuple[Adaptation, ...] = ()
    max_reply_bytes: int = MAX_REPLY_BYTES
    reply_to: Path | None = None
    max_file_bytes: int | None = None
    repeatable: bool = True
    delay: float = 0.0
    addresses: tuple[str, ...] = ()

    def with_headers(self, headers: Mapping[str, str]) -> HTTPCall:
        """Return the same call with further headers, which override its own headers of the same names."""
        return HTTPCall(
            method=self.method,
            url=self.url,
            headers={**self.headers, **headers},
            body=self.body,
            adaptations=self.adaptations,
            max_reply_bytes=self.max_reply_bytes,
            reply_to=self.reply_to,
            max_file_bytes=self.max_file_bytes,
            repeatable=self.repeatable,
            delay=self.delay,
            addresses=self.addresses,
        )

    def __repr__(self) -> str:
        return f"HTTPCall({self.method} {self.url}, headers={_redact(self.headers)}, body={_describe_body(self.body)})"


def _describe_body(body: Body) -> str:
    if isinstance(body, bytes):
        return f"{len(body)} bytes"
    files = [part for part in body if isinstance(part, BodyFile)]
    size = sum(len(part) for part in body if isinstance(part, bytes))
    return f"{size} bytes and {len(files)} {'file' if len(files) == 1 else 'files'}"


@dataclass(slots=True)
class ReplyHead:
    """Status and headers of a reply. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def __repr__(self) -> str:
        return f"ReplyHead({self.status}, {_redact(self.headers)})"


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
    A complete reply.

    Attributes:
        head: Status and headers.
        body: The body; empty if it was written to a file.
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
        """The headers; names are in lower case."""
        return self.head.headers

    def __repr__(self) -> str:
        size = len(self.body) if self.saved is None else self.saved.size
        return f"HTTPReply({self.status}, {size} bytes)"


@dataclass(slots=True, kw_only=True)
class Timing:
    """
    The time limits of one attempt. Deadlines are times of the driver's monotonic clock.

    Attributes:
        connect_timeout: Seconds to connect.
        idle_timeout: Maximum seconds between two chunks of a reply.
        deadline: The deadline of the call, after which nothing is retried.
        head_deadline: The deadline for status and headers, or None. If it passes before ``deadline``, the attempt fails
            with phase ``"head"`` and may be retried.
    """

    connect_timeout: float
    idle_timeout: float
    deadline: float
    head_deadline: float | None = None

    @property
    def open_deadline(self) -> float:
        """The deadline for status and headers."""
        return self.deadline if self.head_deadline is None else min(self.deadline, self.head_deadline)

    def after_head(self) -> Timing:
        """Return the time limits of the rest of the reply, after its head."""
        return self if self.head_deadline is None else replace(self, head_deadline=None)
