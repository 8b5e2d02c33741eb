"""HTTP as data: what a provider encodes and decodes, and what a transport carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from budwood.types.usage import Adaptation

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""The largest reply that is kept in memory: 64 MiB."""

_SECRET_WORDS = frozenset({"authorization", "auth", "key", "apikey", "token", "secret", "password", "cookie"})
"""Words in the name of a header that holds a secret: each vendor has a name of its own for the same thing."""


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value if _SECRET_WORDS.isdisjoint(name.lower().split("-")) else "[redacted]"
        for name, value in headers.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPCall:
    """
    One request, ready to be sent but for its credential.

    ``adaptations`` are the receipts of the encoder; ``max_reply_bytes`` bounds the reply, streamed or not.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    adaptations: tuple[Adaptation, ...] = ()
    max_reply_bytes: int = MAX_REPLY_BYTES

    def with_headers(self, headers: Mapping[str, str]) -> HTTPCall:
        """Return the same call with further headers, which come before its own of the same names."""
        return HTTPCall(
            method=self.method,
            url=self.url,
            headers={**self.headers, **headers},
            body=self.body,
            adaptations=self.adaptations,
            max_reply_bytes=self.max_reply_bytes,
        )

    def __repr__(self) -> str:
        return f"HTTPCall({self.method} {self.url}, headers={_shown(self.headers)}, body={len(self.body)} bytes)"


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


@dataclass(slots=True)
class HTTPReply:
    """A whole reply."""

    head: ReplyHead
    body: bytes

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.head.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, their names in lower case."""
        return self.head.headers

    def __repr__(self) -> str:
        return f"HTTPReply({self.status}, {len(self.body)} bytes)"


@dataclass(slots=True, kw_only=True)
class Timing:
    """
    How long one call may take.

    ``connect_timeout`` and ``idle_timeout`` (between two pieces of a reply that has begun) are seconds; ``deadline`` is
    the moment of the driver's monotonic clock at which the whole call is over, ``head_deadline`` the moment by which
    the head of the reply must have come.
    """

    connect_timeout: float
    idle_timeout: float
    deadline: float
    head_deadline: float | None = None
