"""An observer that stores its events, and replies that call a tool."""

from __future__ import annotations

from collections import Counter

import pytest

from budwood.types import RequestFinished, RequestStarted
from budwood_testing import chat_reply


class Recorder:
    """
    Stores all events.
    """

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)

    def select_events(self, *kinds):
        """
        Select the events of these kinds.
        """
        return [event for event in self.events if isinstance(event, kinds)]

    def count_pairs(self):
        """
        Count starts and ends of requests, by call.
        """
        return Counter((event.call, type(event)) for event in self.select_events(RequestStarted, RequestFinished))


@pytest.fixture
def recorder():
    """
    Return an observer that stores all events.
    """
    return Recorder()


@pytest.fixture
def make_tool_reply():
    """
    Return a function that creates a reply with a tool call.
    """

    def make(name, arguments="{}"):
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        reply = chat_reply("")
        reply["choices"][0]["message"]["tool_calls"] = [call]
        reply["choices"][0]["finish_reason"] = "tool_calls"
        return reply

    return make
