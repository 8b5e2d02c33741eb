"""The HTTP server on loopback, for tests."""

from budwood_testing.loopback import (
    CHUNKED,
    EVENT_STREAM,
    KEEP_ALIVE,
    MAX_WAIT,
    RESET,
    WAIT_FOR_CLOSE,
    LoopbackServer,
    ReceivedRequest,
    chunk,
    head,
    reply,
    signal,
)

__all__ = [
    "CHUNKED",
    "EVENT_STREAM",
    "KEEP_ALIVE",
    "MAX_WAIT",
    "RESET",
    "WAIT_FOR_CLOSE",
    "LoopbackServer",
    "ReceivedRequest",
    "chunk",
    "head",
    "reply",
    "signal",
]
