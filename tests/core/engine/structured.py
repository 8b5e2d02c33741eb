"""Schemas of structured output, and models without certain capabilities."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from budwood.types import Capability
from budwood_testing import chat_reply

PERSON = {
    "title": "Person",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}

ADA = '{"name": "Ada", "age": 36}'


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    age: int = Field(ge=0)


def make_tool_reply(arguments: str, name: str = "return_output") -> dict:
    """Make a reply that calls a tool."""
    calls = [{"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}]
    return chat_reply(None, tool_calls=calls, finish_reason="tool_calls")


def make_settings_without(*capabilities: Capability) -> dict:
    """Make settings for a model without these capabilities."""
    return {"models": {"openai/*": {"lacks": [capability.value for capability in capabilities]}}}


NO_SCHEMA = make_settings_without(Capability.JSON_SCHEMA)
