"""Replies that call tools, and the results that the model receives."""

from __future__ import annotations

from typing import Literal

from budwood_testing import chat_reply


def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """
    Tell the weather of a city.

    Args:
        city: Its name, as its people
            write it.
        unit: Of the temperature.

    Returns:
        A sentence.
    """
    return f"10 {unit} in {city}"


def make_call_reply(*calls: tuple[str, str]) -> dict:
    """Make a reply that calls tools; each call is a name and the arguments' text."""
    parts = [
        {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls)
    ]
    return chat_reply(None, tool_calls=parts, finish_reason="tool_calls")


def read_tool_results(scripted) -> list[str]:
    """Return the tool results in the last request."""
    return [message["content"] for message in scripted.sent()["messages"] if message["role"] == "tool"]
