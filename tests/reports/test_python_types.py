"""Pydantic aliases in schemas and tools, and tool calls without ids."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from budwood_testing import chat_reply
from tests.reports.wire import CALL, OLLAMA, weather


class Search(BaseModel):
    query: str
    most: int = Field(alias="maxResults")


@pytest.mark.report("langchain-ai/langchain#31035", outcome="right")
def test_an_alias_is_the_name_for_the_model_in_a_schema(scripted, make_client):
    """
    The schema and the reply use a field's alias.
    """
    scripted.reply(200, chat_reply('{"query": "grafts", "maxResults": 3}'))

    reply = make_client("openai/gpt-4.1", api="chat").ask("Search.", schema=Search)

    schema = scripted.sent()["response_format"]["json_schema"]["schema"]
    assert sorted(schema["properties"]) == ["maxResults", "query"]
    assert reply.parsed.most == 3


@pytest.mark.report("langchain-ai/langgraph#4420", outcome="right")
def test_an_alias_is_the_name_for_the_model_in_a_tool(scripted, make_client):
    """
    Aliases work in a tool's parameters, and in the fields of their models.
    """
    seen = []

    def search(search: Search, page: Annotated[int, Field(alias="pageNumber")] = 1) -> str:
        """Search."""
        seen.append((search.most, page))
        return "none"

    arguments = '{"search": {"query": "x", "maxResults": 3}, "pageNumber": 7}'
    call = {**CALL, "function": {"name": "search", "arguments": arguments}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(200, chat_reply("None."))

    make_client().ask("Search.", tools=[search])

    assert seen == [(3, 7)]


@pytest.mark.report("microsoft/agent-framework#6822", outcome="right")
def test_parallel_calls_without_ids_get_different_ids(scripted, make_client):
    """
    Ollama sends calls without ids: Budwood assigns different ids, and sends results in order.
    """
    calls = [{"function": {"name": "weather", "arguments": {"city": city}}} for city in ("Oslo", "Rome")]
    message = {"role": "assistant", "content": "", "tool_calls": calls}
    scripted.reply(200, {"model": "m", "message": message, "done": True, "done_reason": "stop"})
    message = {"role": "assistant", "content": "Rain."}
    scripted.reply(200, {"model": "m", "message": message, "done": True, "done_reason": "stop"})

    reply = make_client(OLLAMA).ask("Weather?", tools=[weather])

    ids = [call.id for call in reply.messages[0].tool_calls]
    assert len(set(ids)) == 2
    results = [message for message in scripted.sent()["messages"] if message["role"] == "tool"]
    assert [(one["tool_name"], one["content"]) for one in results] == [
        ("weather", "rain in Oslo"),
        ("weather", "rain in Rome"),
    ]
