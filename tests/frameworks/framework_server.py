"""A server in place of OpenAI that replies as the frameworks' prompts and tools require."""

from __future__ import annotations

import re
from typing import Any

from tests.docs.vendor_server import CALL, TEXT, VALUE, Body, VendorServer

INVALID = VALUE.replace("36", '"thirty-six"')
DSPY_REQUEST = "Respond with the corresponding output fields"
DSPY_FIELD = re.compile(r"\[\[ ## (\w+) ## \]\]")
DSPY_VALUES = {"answer": TEXT, "reasoning": "Two plants become one.", "next_thought": "The forecast decides."}


class FrameworkServer(VendorServer):
    """
    Calls the first tool once in each conversation; then replies as `VendorServer` does, or with the fields of DSPy.

    The first call of a tool that a request demands by name has an invalid argument.
    """

    def complete(self, body: Body) -> Body:
        reply = super().complete(body)
        choice, messages = reply["choices"][0], body["messages"]
        has_results = any(message["role"] == "tool" for message in messages)
        if isinstance(body.get("tool_choice"), dict):
            choice |= call_tool(body["tool_choice"]["function"]["name"], VALUE if has_results else INVALID)
        elif "tools" in body and not has_results:
            choice |= call_tool(CALL["function"]["name"], CALL["function"]["arguments"])
        elif DSPY_REQUEST in (prompt := str(messages[-1]["content"])):
            choice["message"]["content"] = write_fields(prompt)
        return reply


def call_tool(name: str, arguments: str) -> dict[str, Any]:
    """Return the fields of a choice that calls a tool."""
    call = CALL | {"function": {"name": name, "arguments": arguments}}
    return {"message": {"role": "assistant", "content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}


def write_fields(prompt: str) -> str:
    """Return the fields that a prompt of DSPy requests. An agent calls the tool ``weather``, and then finishes."""
    is_done = "Oslo: rain" in prompt
    tool = (
        {"next_tool_name": "finish", "next_tool_args": "{}"}
        if is_done
        else {
            "next_tool_name": "weather",
            "next_tool_args": '{"city": "Oslo"}',
        }
    )
    values = DSPY_VALUES | tool
    fields = DSPY_FIELD.findall(prompt.partition(DSPY_REQUEST)[2])
    return "".join(f"[[ ## {field} ## ]]\n{values.get(field, '')}\n\n" for field in fields)
