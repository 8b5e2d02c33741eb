"""LlamaIndex's model for servers like OpenAI's through the gateway."""

from __future__ import annotations

import httpx
import openai
import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

from tests.gateway_clients.gateway import start_gateway

TEXT = "Grafting joins two plants."


def weather(city: str) -> str:
    """
    Return the weather of a city.
    """
    return f"It rains in {city}."


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway to a server in place of OpenAI."""
    with start_gateway(tmp_path_factory.mktemp("gateway")) as started:
        yield started


@pytest.fixture
def llm(gateway):
    """LlamaIndex's model, at the address of the gateway."""
    with httpx.Client() as client:
        yield OpenAILike(
            model="fast",
            api_base=f"{gateway.url}/v1",
            api_key=gateway.key,
            is_chat_model=True,
            is_function_calling_model=True,
            max_retries=0,
            http_client=client,
        )


def test_plain(llm):
    """
    A completion has its text.
    """
    assert llm.complete("What is grafting?").text == TEXT


def test_streamed(llm):
    """
    A stream grows to the whole text.
    """
    *_, last = llm.stream_chat([ChatMessage(role="user", content="What is grafting?")])

    assert last.message.content.strip() == TEXT


def test_tools(llm):
    """
    The call of a tool arrives.
    """
    reply = llm.chat_with_tools([FunctionTool.from_defaults(weather)], user_msg="How is the weather in Oslo?")

    (call,) = llm.get_tool_calls_from_response(reply)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Oslo"})


def test_error(llm):
    """
    An unknown model is OpenAI's error for that.
    """
    llm.model = "fats"

    with pytest.raises(openai.NotFoundError):
        llm.complete("What is grafting?")
