"""What tests of programs and plugins need: a scripted transport and a clock."""

from budwood.testing.clock import FakeClock
from budwood.testing.scripted import (
    AsyncScriptedTransport,
    ScriptedReply,
    ScriptedTransport,
    chat_chunks,
    chat_reply,
    sse,
)

__all__ = [
    "AsyncScriptedTransport",
    "FakeClock",
    "ScriptedReply",
    "ScriptedTransport",
    "chat_chunks",
    "chat_reply",
    "sse",
]
