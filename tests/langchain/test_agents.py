"""Chains, agents and structured output with the chat model."""

from __future__ import annotations

import json
from typing import TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.exceptions import ModelRefusalError, OutputParserException
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from pydantic import BaseModel, field_validator

import budwood
from budwood_langchain import ChatBudwood
from tests.langchain.vendor import TEXT


class Weather(BaseModel):
    """The weather."""

    city: str
    degrees: int


class WeatherDictionary(TypedDict):
    """The weather."""

    city: str
    degrees: int


def weather(city: str) -> str:
    """Return the weather of a city."""
    return f"Sunny in {city}."


@pytest.fixture
def model(vendor):
    """
    A model of the vendor.
    """
    with budwood.Client("vendor/parrot", settings={"providers": {"vendor": vendor.provider}}) as client:
        yield ChatBudwood(client=client)


def test_chain_formats_asks_and_parses(model):
    """
    The model is a part of a chain, also streamed and for several inputs at once.
    """
    chain = ChatPromptTemplate.from_template("Tell me about {topic}.") | model | StrOutputParser()

    assert chain.invoke({"topic": "buds"}) == f"{TEXT}Tell me about buds."
    assert "".join(chain.stream({"topic": "buds"})) == f"{TEXT}Tell me about buds."
    assert chain.batch([{"topic": "a"}, {"topic": "b"}]) == [f"{TEXT}Tell me about {x}." for x in "ab"]


def test_agent_runs_a_tool(model, vendor):
    """
    LangChain's agent runs the tool that the model calls, and sends its result.
    """
    agent = create_agent(model, tools=[weather], system_prompt="You know the weather.")

    state = agent.invoke({"messages": [HumanMessage("Use the tool: Oslo")]})

    assert state["messages"][-1].text == f"{TEXT}Sunny in Use the tool: Oslo."
    assert [message["role"] for message in vendor.requests[1]["messages"]] == ["system", "user", "assistant", "tool"]


async def test_agent_streams_messages(model):
    """
    An agent streams the tokens of the model.
    """
    agent = create_agent(model, tools=[weather])

    chunks = [chunk async for chunk, _ in agent.astream({"messages": [HumanMessage("tool")]}, stream_mode="messages")]

    assert "".join(chunk.text for chunk in chunks if chunk.type == "AIMessageChunk") == f"{TEXT}Sunny in tool."


def test_graph_runs_a_tool(model):
    """
    A graph of LangGraph calls the model and its tools.
    """
    graph = StateGraph(MessagesState)
    bound = model.bind_tools([weather])
    graph.add_node("model", lambda state: {"messages": [bound.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([weather]))
    graph.set_entry_point("model")
    graph.add_edge("model", "tools")

    state = graph.compile().invoke({"messages": [HumanMessage("Use the tool: Oslo")]})

    assert isinstance(state["messages"][-1], ToolMessage)
    assert state["messages"][-1].content == "Sunny in Use the tool: Oslo."


STRATEGIES = pytest.mark.parametrize("strategy", [lambda schema: schema, ProviderStrategy, ToolStrategy])


@STRATEGIES
def test_agent_returns_structured_output(model, strategy):
    """
    An agent with a response format returns an instance of the model, by the vendor's schemas or by a tool.
    """
    agent = create_agent(model, tools=[], response_format=strategy(Weather))

    state = agent.invoke({"messages": [HumanMessage("Oslo, 7 degrees")]})

    assert state["structured_response"] == Weather(city="Oslo, 7 degrees", degrees=7)


@STRATEGIES
async def test_agent_runs_tools_before_its_structured_output(model, vendor, strategy):
    """
    With a response format the model may first call other tools.
    """
    output = json.dumps({"city": "Oslo", "degrees": 7})

    def reply(body):
        name, arguments = ("Weather", output) if len(body["messages"]) > 1 else ("weather", '{"city": "Oslo"}')
        if name == "Weather" and "response_format" in body:
            return {"content": output}
        call = {"id": name, "type": "function", "function": {"name": name, "arguments": arguments}}
        return {"content": None, "tool_calls": [call]}

    vendor.reply = reply
    agent = create_agent(model, tools=[weather], response_format=strategy(Weather))

    state = await agent.ainvoke({"messages": [HumanMessage("Oslo?")]}, {"recursion_limit": 8})

    assert state["structured_response"] == Weather(city="Oslo", degrees=7)
    assert "Sunny in Oslo." in json.dumps(vendor.requests[1])
    assert ["response_format" in request for request in vendor.requests] == [strategy is not ToolStrategy] * 2


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize(
    "schema", [Weather, WeatherDictionary, Weather.model_json_schema()], ids=["model", "type", "json"]
)
def test_structured_output(model, schema, method):
    """
    The result has the form of the schema, with each method.
    """
    result = model.with_structured_output(schema, method=method).invoke("Oslo, 7 degrees")

    assert result == (Weather if schema is Weather else dict)(city="Oslo, 7 degrees", degrees=7)


def test_json_mode_works_without_schemas_of_the_vendor(model, vendor):
    """
    Any object is requested in the prompt, because many servers only know the older form of JSON output.
    """
    result = model.with_structured_output(WeatherDictionary, method="json_mode").invoke("Return JSON with 'city'.")

    assert list(result) == ["city"]
    assert "response_format" not in vendor.requests[0]
    model.invoke("Return JSON with 'city'.", response_format={"type": "json_object"})
    assert "response_format" not in vendor.requests[1]


def test_invalid_output_is_repaired(model, vendor):
    """
    Budwood sends the errors of the model's validators back, and the second reply is valid.
    """

    class Known(Weather):
        @field_validator("city")
        @classmethod
        def check(cls, city):
            if city != "Oslo":
                raise ValueError("unknown city")
            return city

    replies = iter(["Atlantis", "Oslo"])
    vendor.reply = lambda _: {"content": json.dumps({"city": next(replies), "degrees": 7})}

    assert model.with_structured_output(Known).invoke("Weather?").city == "Oslo"
    assert "unknown city" in json.dumps(vendor.requests[1])


def test_invalid_output_is_in_the_raw_result(model, vendor):
    """
    With ``include_raw``, the message and the error of LangChain's parser are returned.
    """
    vendor.reply = lambda _: {"content": "No JSON."}

    result = model.with_structured_output(Weather, include_raw=True).invoke("Weather?")

    assert result["raw"].text == "No JSON."
    assert result["parsed"] is None
    assert isinstance(result["parsing_error"], OutputParserException)


def test_refusal_is_the_error_of_langchain(model, vendor):
    """
    A model that refuses does not produce invalid output.
    """
    vendor.reply = lambda _: {"content": None, "refusal": "I will not."}

    with pytest.raises(ModelRefusalError, match="I will not"):
        model.with_structured_output(Weather).invoke("Weather?")


def test_unknown_method_names_the_methods(model):
    """
    The error lists the methods.
    """
    with pytest.raises(budwood.ConfigurationError, match="json_mode"):
        model.with_structured_output(Weather, method="telepathy")


@pytest.mark.parametrize(
    ("choice", "sent"),
    [("any", "required"), (True, {"type": "function", "function": {"name": "weather"}}), ("none", "none")],
)
def test_tool_choice_reaches_the_vendor(model, vendor, choice, sent):
    """
    Each form of the choice has a counterpart.
    """
    model.bind_tools([weather], tool_choice=choice, parallel_tool_calls=False).invoke("Hello")

    assert vendor.requests[0]["tool_choice"] == sent
    assert vendor.requests[0]["parallel_tool_calls"] is False


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "weather"}])
def test_choice_in_anthropics_form_forbids_parallel_calls(model, vendor, choice):
    """
    That form also says whether several calls may be requested at once.
    """
    model.bind_tools([weather], tool_choice={**choice, "disable_parallel_tool_use": True}).invoke("Hello")
    model.bind_tools([weather], tool_choice=choice).invoke("Hello")

    assert [request.get("parallel_tool_calls") for request in vendor.requests] == [False, None]


def test_choice_of_an_unknown_tool_lists_the_tools(model):
    """
    Nothing is sent.
    """
    with pytest.raises(budwood.ConfigurationError, match="The tools are: weather"):
        model.bind_tools([weather], tool_choice="whether")


def test_streamed_call_of_an_unknown_tool_is_a_call(model, vendor):
    """
    The model may invent a tool: its arguments are not text of the reply, as in a reply that is not streamed.
    """
    function = {"name": "invented", "arguments": '{"city": "Oslo"}'}
    vendor.reply = lambda _body: {
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": function}],
    }

    whole = model.bind_tools([weather]).invoke("Hello")
    first, *others = model.bind_tools([weather]).stream("Hello")
    streamed = sum(others, first)

    assert (streamed.text, streamed.tool_calls) == (whole.text, whole.tool_calls)
    assert streamed.tool_calls[0]["name"] == "invented"


def test_tool_in_the_form_of_the_vendor_runs_there(model):
    """
    It becomes a vendor's tool of the provider of the model, beside tools that LangChain runs.
    """
    bound = model.bind_tools([{"type": "web_search", "search_context_size": "low"}, weather]).kwargs

    (tool,) = bound["vendor_tools"]
    assert (tool.provider, tool.data) == ("vendor", {"type": "web_search", "search_context_size": "low"})
    assert [each["function"]["name"] for each in bound["tools"]] == ["weather"]
