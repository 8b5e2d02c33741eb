"""LangChain's own model of OpenAI through the gateway."""

from __future__ import annotations

import openai
import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.gateway_clients.gateway import start_gateway

TEXT = "Grafting joins two plants."


class Person(BaseModel):
    """A person."""

    name: str
    age: int
    city: str


@tool
def weather(city: str) -> str:
    """Return the weather of a city."""
    return f"It rains in {city}."


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway to a server in place of OpenAI."""
    with start_gateway(tmp_path_factory.mktemp("gateway")) as started:
        yield started


@pytest.fixture
def model(gateway):
    """LangChain's model of OpenAI, at the address of the gateway."""
    return ChatOpenAI(model="fast", base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)


def test_plain(model):
    """
    A chat has its text, its usage and the model that answered.
    """
    reply = model.invoke("What is grafting?")

    assert reply.content == TEXT
    assert reply.usage_metadata["total_tokens"] == 16
    assert reply.response_metadata["model_name"] == "gpt-4.1-mini"


async def test_streamed(model):
    """
    A stream arrives in parts, with its usage.
    """
    chunks = [chunk async for chunk in model.astream("What is grafting?", stream_usage=True)]

    assert "".join(chunk.content for chunk in chunks).strip() == TEXT
    assert [chunk.usage_metadata["total_tokens"] for chunk in chunks if chunk.usage_metadata] == [16]


def test_tools(model):
    """
    The call of a tool and its result make the round trip.
    """
    bound = model.bind_tools([weather])
    called = bound.invoke("How is the weather in Oslo?")

    (call,) = called.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert bound.invoke([("user", "How is the weather in Oslo?"), called, result]).content == TEXT


def test_structured(model):
    """
    Structured output is parsed.
    """
    assert model.with_structured_output(Person).invoke("Ada, 36, London") == Person(name="Ada", age=36, city="London")


def test_responses(model):
    """
    The Responses API works as well.
    """
    reply = model.model_copy(update={"use_responses_api": True}).invoke("What is grafting?")

    assert reply.text == TEXT


def test_embeddings(gateway):
    """
    Embeddings of tokens or texts have their numbers.
    """
    embeddings = OpenAIEmbeddings(
        model="fast", base_url=f"{gateway.url}/v1", api_key=gateway.key, check_embedding_ctx_length=False
    )

    assert embeddings.embed_query("tree") == pytest.approx([0.1, 0.2])


def test_error(model):
    """
    An unknown model is OpenAI's error for that, with similar names.
    """
    with pytest.raises(openai.NotFoundError) as error:
        model.model_copy(update={"model_name": "fats"}).invoke("What is grafting?")

    assert error.value.code == "model_not_found"
