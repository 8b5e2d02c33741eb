"""Requests of the Responses API to a vendor that speaks Chat Completions."""

from __future__ import annotations

import json

import pytest
from openai import BadRequestError

from tests.plugins.server.responses.vendor import chat_reply

PIXEL = "data:image/png;base64,iVBORw0KGgo="
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
WEATHER = {"type": "function", "name": "weather", "description": "w", "parameters": {"type": "object"}, "strict": False}


def test_text_and_parameters(client, vendor, problems):
    """
    Parameters are translated, zero included, and the reply has the form of the API.
    """
    vendor.reply(chat_reply("Hello."))

    reply = client.responses.create(
        model="plain",
        input="Hi",
        instructions="Be kind.",
        temperature=0,
        top_p=0.5,
        max_output_tokens=20,
        reasoning={"effort": "low", "summary": "auto"},
        metadata={"team": "blue"},
    )

    assert problems("Response", reply.to_dict(mode="json")) == []
    assert (reply.output_text, reply.status, reply.metadata) == ("Hello.", "completed", {"team": "blue"})
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.temperature) == (5, 2, 0)
    sent = vendor.bodies[0]
    assert sent["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["reasoning_effort"]) == (0, 0.5, 20, "low")


def test_items_become_messages(post, vendor):
    """
    Messages, calls and what tools returned are translated, with images.
    """
    vendor.reply(chat_reply())
    image = {"type": "input_image", "image_url": PIXEL, "detail": "low"}
    items = [
        {"role": "developer", "content": "Be kind."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look"}, image]},
        {"type": "message", "role": "assistant", "id": "m", "content": [{"type": "output_text", "text": "I see"}]},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Oslo"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "Rain"},
        {"role": "user", "content": "Thanks"},
    ]

    reply = post({"model": "plain", "input": items, "tools": [WEATHER]})

    assert reply.status_code == 200, reply.text
    _, user, assistant, result, thanks = vendor.bodies[0]["messages"]
    assert user["content"][1] == {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}
    assert (assistant["content"], assistant["tool_calls"]) == ("I see", [CALL])
    assert (result["tool_call_id"], result["content"], thanks["content"]) == ("call_1", "Rain", "Thanks")


def test_tool_calls_are_for_the_client(client, vendor, problems):
    """
    A function is never run here; also a call of a tool that does not exist is returned.
    """
    other = {"id": "call_2", "type": "function", "function": {"name": "unknown", "arguments": "{}"}}
    vendor.reply(chat_reply(None, "tool_calls", tool_calls=[CALL, other]))

    reply = client.responses.create(
        model="plain", input="Hi", tools=[WEATHER], tool_choice={"type": "function", "name": "weather"}
    )

    assert problems("Response", reply.to_dict(mode="json")) == []
    assert [(item.type, item.call_id, item.name) for item in reply.output] == [
        ("function_call", "call_1", "weather"),
        ("function_call", "call_2", "unknown"),
    ]
    assert vendor.bodies[0]["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert len(vendor.requests) == 1


def test_custom_tools_become_functions(client, vendor):
    """
    The client sees a custom tool in both directions, the vendor a function with one argument.
    """
    call = {"id": "call_1", "type": "function", "function": {"name": "patch", "arguments": '{"input": "*** Begin"}'}}
    vendor.reply(chat_reply(None, "tool_calls", tool_calls=[call]))
    vendor.reply(chat_reply("Done."))
    tools = [{"type": "custom", "name": "patch", "description": "Edit files."}]

    first = client.responses.create(model="plain", input="Hi", tools=tools)
    output = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "ok"}
    client.responses.create(model="plain", input=[*first.output, output], tools=tools)

    assert (first.output[0].type, first.output[0].input) == ("custom_tool_call", "*** Begin")
    assert vendor.bodies[0]["tools"][0]["function"]["parameters"]["required"] == ["input"]
    sent = vendor.bodies[1]["messages"]
    assert json.loads(sent[0]["tool_calls"][0]["function"]["arguments"]) == {"input": "*** Begin"}
    assert sent[1]["content"] == "ok"


def test_allowed_tools_are_the_only_ones(post, vendor):
    """
    Other tools are not sent.
    """
    vendor.reply(chat_reply())
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]}
    tools = [WEATHER, {**WEATHER, "name": "other"}]

    assert post({"model": "plain", "input": "Hi", "tools": tools, "tool_choice": choice}).status_code == 200

    assert [tool["function"]["name"] for tool in vendor.bodies[0]["tools"]] == ["weather"]
    assert vendor.bodies[0]["tool_choice"] == "required"


def test_json_schema(client, vendor):
    """
    The vendor gets the schema. A reply that does not satisfy it is returned as it is, once.
    """
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    text = {"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True}}
    vendor.reply(chat_reply('{"a": ', "length"))

    reply = client.responses.create(model="plain", input="Hi", text=text)

    assert (reply.status, reply.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert reply.output_text == '{"a": '
    assert vendor.bodies[0]["response_format"]["json_schema"]["schema"]["properties"] == schema["properties"]


def test_reasoning_comes_back_to_its_vendor(client, vendor, problems):
    """
    Reasoning is an item with encrypted content, which the same vendor gets back in its own field.
    """
    vendor.reply(chat_reply("Hello.", reasoning_content="Let me think."))
    vendor.reply(chat_reply("Bye."))

    first = client.responses.create(model="plain", input="Hi", include=["reasoning.encrypted_content"])
    client.responses.create(model="plain", input=[*first.output, {"role": "user", "content": "Bye"}])

    assert problems("Response", first.to_dict(mode="json")) == []
    reasoning = first.output[0]
    assert (reasoning.type, reasoning.summary[0].text) == ("reasoning", "Let me think.")
    assert reasoning.encrypted_content.startswith("bwd1.")
    assert vendor.bodies[1]["messages"][0]["reasoning_content"] == "Let me think."


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "other"}}, "tool_choice"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"input": None}, "input"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "Hi"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "hologram"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format"),
        ({"stream": "yes"}, "stream"),
        ({"reasoning": "high"}, "reasoning"),
    ],
)
def test_what_cannot_be_translated_is_named(client, vendor, fields, param):
    """
    The field is in the error, and nothing is sent.
    """
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model="plain", input="Hi", extra_body=fields)

    assert caught.value.param == param
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"truncation": "auto"}, "truncation"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include[0]"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"max_tool_calls": 3}, "max_tool_calls"),
        ({"prompt_cache_retention": "24h"}, "prompt_cache_retention"),
        ({"input": [{"type": "web_search_call", "id": "ws"}, {"role": "user", "content": "Hi"}]}, "input[0]"),
        (
            {"input": [{"type": "reasoning", "encrypted_content": "gAAA"}, {"role": "user", "content": "Hi"}]},
            "input[0]",
        ),
        ({"store": True}, "store"),
    ],
)
def test_what_can_be_left_out_is_reported(post, vendor, fields, name):
    """
    It is named in a header, and it is an error if the request wants that.
    """
    vendor.reply(chat_reply())
    body = {"model": "plain", "input": "Hi", **fields}

    reply = post(body)
    strict = post({**body, "budwood": {"on_unsupported": "error"}})

    assert reply.status_code == 200, reply.text
    assert f"dropped {name}" in reply.headers["x-budwood-adaptations"]
    assert (strict.status_code, strict.json()["error"]["param"]) == (400, name)


@pytest.mark.parametrize(
    "fields",
    [
        {"truncation": "disabled", "service_tier": "auto", "top_logprobs": 0, "include": [], "store": False},
        {"user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "tool_choice": "auto", "tools": []},
        {"text": {"format": {"type": "text"}, "verbosity": "medium"}, "background": False, "conversation": None},
    ],
)
def test_defaults_are_no_adaptations(post, vendor, fields):
    """
    Values that say what happens anyway are accepted without a report.
    """
    vendor.reply(chat_reply())

    reply = post({"model": "plain", "input": "Hi", **fields, "budwood": {"on_unsupported": "error"}})

    assert reply.status_code == 200, reply.text
    assert "x-budwood-adaptations" not in reply.headers


def test_tokens_are_counted(post):
    """
    The number of tokens is returned in the form of the API.
    """
    reply = post({"model": "plain", "input": "Hello there"}, "/responses/input_tokens")

    assert reply.json()["object"] == "response.input_tokens"
    assert reply.json()["input_tokens"] > 0
