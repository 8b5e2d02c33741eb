"""What tests of programs and plugins need: a scripted transport, cassettes, faults and a clock."""

from budwood.testing.cassettes import (
    AsyncRecordingTransport,
    AsyncReplayTransport,
    RecordingTransport,
    ReplayTransport,
    cassette,
    cassette_async,
)
from budwood.testing.clock import FakeClock
from budwood.testing.faults import AsyncFaultyTransport, Fault, FaultyTransport, random_faults
from budwood.testing.scripted import (
    AsyncScriptedTransport,
    ScriptedReply,
    ScriptedTransport,
    chat_chunks,
    chat_reply,
    sse,
)

__all__ = [
    "AsyncFaultyTransport",
    "AsyncRecordingTransport",
    "AsyncReplayTransport",
    "AsyncScriptedTransport",
    "FakeClock",
    "Fault",
    "FaultyTransport",
    "RecordingTransport",
    "ReplayTransport",
    "ScriptedReply",
    "ScriptedTransport",
    "cassette",
    "cassette_async",
    "chat_chunks",
    "chat_reply",
    "random_faults",
    "sse",
]
