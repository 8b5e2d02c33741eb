"""Example replies of vendors, which authors of plugins supply to the conformance suites."""

from budwood_testing.examples.frames import json_lines, server_sent
from budwood_testing.examples.observations import observations
from budwood_testing.examples.openai_chat import OpenAIChatExamples
from budwood_testing.examples.wire import WireBody, WireExamples, WireReply

__all__ = ["OpenAIChatExamples", "WireBody", "WireExamples", "WireReply", "json_lines", "observations", "server_sent"]
