"""The HTTP server on loopback, as tests here import it."""

from budwood_testing.loopback import (
    CHUNKED,
    EVENT_STREAM,
    KEPT,
    LEAVE,
    PATIENCE,
    LoopbackServer,
    Received,
    chunk,
    head,
    reply,
    signal,
)

__all__ = [
    "CHUNKED",
    "EVENT_STREAM",
    "KEPT",
    "LEAVE",
    "PATIENCE",
    "LoopbackServer",
    "Received",
    "chunk",
    "head",
    "reply",
    "signal",
]
