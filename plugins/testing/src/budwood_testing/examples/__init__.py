"""What vendors send, written by their plugins' authors: the one thing that a conformance suite cannot know."""

from budwood_testing.examples.frames import json_lines, server_sent
from budwood_testing.examples.observations import observations
from budwood_testing.examples.openai_chat import OpenAIChatExamples
from budwood_testing.examples.wire import WireBody, WireExamples, WireReply

__all__ = ["OpenAIChatExamples", "WireBody", "WireExamples", "WireReply", "json_lines", "observations", "server_sent"]
