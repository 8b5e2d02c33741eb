"""Anthropic's Messages API for models of other vendors, by Anthropic's own SDK."""

from __future__ import annotations

import json

import anthropic
import pytest

from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import TOKEN
from tests.servers import EVENT_STREAM, LoopbackServer, reply

QUESTION = {"model": "fast", "max_tokens": 100, "messages": [{"role": "user", "content": "What grows?"}]}
WEATHER = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 4}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


def complete(message, reason="stop", **fields):
    """
    Return a reply of Chat Completions.
    """
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return reply(200, {"id": "chatcmpl-1", "model": "m-1", "choices": [choice], "usage": USAGE, **fields})


def stream(*deltas, reason="stop"):
    """
    Return a streamed reply of Chat Completions.
    """
    chunks = [
        *({"choices": [{"index": 0, "delta": delta}]} for delta in deltas),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {"choices": [], "usage": USAGE},
    ]
    lines = [json.dumps({"id": "chatcmpl-1", "model": "m-1", **chunk}) for chunk in chunks]
    return reply(200, "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]), **EVENT_STREAM)


@pytest.fixture(scope="module")
def shared_vendor():
    """
    A vendor with Chat Completions.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def vendor(shared_vendor):
    """
    The vendor, without replies that are left from other tests.
    """
    shared_vendor.clear_replies()
    return shared_vendor


@pytest.fixture(scope="module")
def gateway(shared_vendor):
    """
    The gateway, whose model ``fast`` is that of the vendor.
    """
    provider = {"plugin": "openai-compatible", "base_url": f"{shared_vendor.url}/v1"}
    models = {"fast": "local/m-1"}
    settings = {"providers": {"local": provider}, "server": {"models": models}, "options": {"retries": 0}}
    with GatewayServer(settings | {"cache": False}) as server:
        yield server


@pytest.fixture
def client(gateway):
    """
    Anthropic's SDK, with the gateway's key in ``x-api-key``.
    """
    with anthropic.Anthropic(api_key=TOKEN, base_url=gateway.url, max_retries=0) as client:
        yield client


def test_text_is_returned(client, vendor):
    """
    Text, finish reason, model and usage are in Anthropic's form; cached tokens are not part of the input.
    """
    vendor.play(complete({"content": "Trees."}))

    message = client.messages.create(
        **QUESTION, system="Be short.", stop_sequences=["x"], extra_body={"temperature": 0}
    )

    assert [block.text for block in message.content] == ["Trees."]
    assert (message.stop_reason, message.model, message.id) == ("end_turn", "m-1", "chatcmpl-1")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (8, 4, 3)
    sent = vendor.requests[-1].json
    assert sent["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "What grows?"},
    ]
    assert (sent["temperature"], sent["stop"], sent["max_tokens"]) == (0, ["x"], 100)


def test_bearer_token_is_accepted(gateway, vendor):
    """
    The SDK sends an ``auth_token`` as a bearer token.
    """
    vendor.play(complete({"content": "Trees."}))
    with anthropic.Anthropic(auth_token=TOKEN, base_url=gateway.url, max_retries=0) as client:
        assert client.messages.create(**QUESTION).content[0].text == "Trees."


def test_stream_helper_accumulates_the_message(client, vendor):
    """
    The SDK's helper builds the same message from the events.
    """
    vendor.play(stream({"reasoning_content": "Hm."}, {"content": "Tre"}, {"content": "es."}))

    with client.messages.stream(**QUESTION) as events:
        text = "".join(events.text_stream)
        message = events.get_final_message()

    assert text == "Trees."
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert (message.content[0].thinking, message.content[1].text) == ("Hm.", "Trees.")
    assert (message.stop_reason, message.model, message.usage.input_tokens) == ("end_turn", "m-1", 8)


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_make_a_round_trip(client, vendor, streamed):
    """
    The model's call reaches the client, and the client's result the model.
    """
    if streamed:
        vendor.play(
            stream(
                {"tool_calls": [{"index": 0, **CALL, "function": {"name": "weather", "arguments": '{"city": '}}]},
                {"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]},
                reason="tool_calls",
            )
        )
        with client.messages.stream(**QUESTION, tools=[WEATHER], tool_choice={"type": "any"}) as events:
            message = events.get_final_message()
    else:
        vendor.play(complete({"content": None, "tool_calls": [CALL]}, "tool_calls"))
        message = client.messages.create(**QUESTION, tools=[WEATHER], tool_choice={"type": "any"})
    assert message.stop_reason == "tool_use"
    (call,) = message.content
    assert (call.type, call.id, call.name, call.input) == ("tool_use", "call_1", "weather", {"city": "Oslo"})
    sent = vendor.requests[-1].json
    assert sent["tools"][0]["function"]["parameters"] == WEATHER["input_schema"]
    assert sent["tool_choice"] == "required"

    vendor.play(complete({"content": "Rain."}))
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "Wet"}]}
    more = {"type": "text", "text": "Say it."}
    history = [*QUESTION["messages"], {"role": "assistant", "content": message.content}]
    answer = client.messages.create(
        **{**QUESTION, "messages": [*history, {"role": "user", "content": [result, more]}]}, tools=[WEATHER]
    )

    assert answer.content[0].text == "Rain."
    _, assistant, tool, user = vendor.requests[-1].json["messages"]
    assert assistant["tool_calls"][0]["id"] == "call_1"
    assert tool == {"role": "tool", "tool_call_id": "call_1", "content": "Wet"}
    assert user == {"role": "user", "content": "Say it."}


def test_several_calls_of_a_stream_are_separate_blocks(client, vendor):
    """
    Calls whose fragments alternate are not mixed, and each block ends.
    """
    second = {"index": 1, "id": "call_2", "function": {"name": "weather", "arguments": '{"city": '}}
    vendor.play(
        stream(
            {"tool_calls": [{"index": 0, **CALL, "function": {"name": "weather", "arguments": '{"city": '}}]},
            {"tool_calls": [second]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]},
            {"tool_calls": [{"index": 1, "function": {"arguments": '"Bergen"}'}}]},
            reason="tool_calls",
        )
    )

    with client.messages.stream(**QUESTION, tools=[WEATHER]) as events:
        message = events.get_final_message()

    assert [(call.id, call.input["city"]) for call in message.content] == [("call_1", "Oslo"), ("call_2", "Bergen")]


def test_reasoning_returns_to_its_vendor(client, vendor):
    """
    The signature of thinking contains what the vendor needs back.
    """
    vendor.play(complete({"content": None, "reasoning_content": "Hm.", "tool_calls": [CALL]}, "tool_calls"))
    message = client.messages.create(**QUESTION, tools=[WEATHER])
    assert message.content[0].thinking == "Hm."
    vendor.play(complete({"content": "Rain."}))
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "Wet"}
    history = [*QUESTION["messages"], {"role": "assistant", "content": message.content}]

    client.messages.create(
        **{**QUESTION, "messages": [*history, {"role": "user", "content": [result]}]}, tools=[WEATHER]
    )

    assert vendor.requests[-1].json["messages"][1]["reasoning_content"] == "Hm."


@pytest.mark.parametrize("streamed", [False, True])
def test_structured_output_is_translated(client, vendor, streamed):
    """
    The schema reaches the vendor in its form, and the text is JSON.
    """
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    options = {**QUESTION, "output_config": {"format": {"type": "json_schema", "schema": schema}}}
    vendor.play(stream({"content": '{"n":'}, {"content": " 1}"}) if streamed else complete({"content": '{"n": 1}'}))
    if streamed:
        with client.messages.stream(**options) as events:
            message = events.get_final_message()
    else:
        message = client.messages.create(**options)

    assert json.loads(message.content[0].text) == {"n": 1}
    assert vendor.requests[-1].json["response_format"]["json_schema"]["schema"] == schema


def test_media_are_translated(client, vendor):
    """
    Images reach the vendor in its form.
    """
    vendor.play(complete({"content": "A dot."}))
    data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    content = [{"type": "text", "text": "What?"}, image]

    client.messages.create(**{**QUESTION, "messages": [{"role": "user", "content": content}]})

    _, sent = vendor.requests[-1].json["messages"][0]["content"]
    assert sent["image_url"]["url"] == f"data:image/png;base64,{data}"


def test_thinking_is_an_effort_for_others(client, vendor):
    """
    A budget becomes an effort for vendors that take one only, and the reply says so.
    """
    vendor.play(complete({"content": "Trees."}))

    answer = client.messages.with_raw_response.create(
        **{**QUESTION, "max_tokens": 9000}, thinking={"type": "enabled", "budget_tokens": 4096}
    )

    assert vendor.requests[-1].json["reasoning_effort"] == "medium"
    assert "thinking.budget_tokens" in answer.headers["x-budwood-adaptations"]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "x", "content": "?"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "1"}, "max_tokens"),
        ({"tool_choice": {"type": "tool", "name": "x"}}, "tool_choice.name"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"what": 1}, "what"),
        ({"model": "none"}, "model"),
        ({"budwood": {"on_unsupported": "error"}, "top_k": 1}, "top_k"),
    ],
)
def test_errors_name_the_field(client, vendor, fields, where):
    """
    What is not valid, or cannot be translated, is an error in Anthropic's form that names the field.
    """
    body = {**QUESTION, **fields}
    with pytest.raises(anthropic.APIStatusError) as error:
        client.post("/v1/messages", body=body, cast_to=object)

    assert error.value.status_code in (400, 404)
    assert error.value.body["error"]["param"] == where
    assert error.value.body["request_id"] == error.value.response.headers["x-request-id"]


def test_fields_without_equivalent_are_left_out(client, vendor):
    """
    Fields whose loss does not change the form of the reply are left out, and the reply says so.
    """
    vendor.play(complete({"content": "Trees."}))

    answer = client.messages.with_raw_response.create(
        **QUESTION,
        metadata={"user_id": "u"},
        extra_body={"top_k": 0, "context_management": {"edits": [{"type": "x"}]}},
        extra_headers={"anthropic-beta": "x-2025"},
    )

    text = answer.headers["x-budwood-adaptations"]
    assert all(f"dropped {name}:" in text for name in ("top_k", "context_management", "anthropic-beta"))
    assert not {"top_k", "context_management", "metadata", "betas"} & vendor.requests[-1].json.keys()


def test_vendor_errors_have_the_form_of_the_api(client, vendor):
    """
    A rate limit of the vendor is one for the SDK, too.
    """
    vendor.play(reply(429, {"error": {"message": "slow down"}}, retry_after="7"))
    with pytest.raises(anthropic.RateLimitError) as error:
        client.messages.create(**QUESTION)

    assert error.value.body["error"]["type"] == "rate_limit_error"
    assert error.value.response.headers["retry-after"] == "7"


def test_failure_in_a_stream_is_its_last_event(client, vendor):
    """
    A stream that breaks off ends with an error event, and never with ``message_stop``.
    """
    vendor.play(
        reply(200, 'data: {"id": "x", "choices": [{"index": 0, "delta": {"content": "Tr"}}]}\n\n', **EVENT_STREAM)
    )
    kinds = []
    with pytest.raises(anthropic.APIStatusError) as error, client.messages.create(**QUESTION, stream=True) as events:
        kinds += [event.type for event in events]

    assert error.value.body["error"]["code"] == "stream_interrupted"
    assert "message_stop" not in kinds


def test_invalid_key_has_the_form_of_the_api(gateway):
    """
    Authentication errors are Anthropic's, too.
    """
    with (
        anthropic.Anthropic(api_key="wrong", base_url=gateway.url, max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as error,
    ):
        client.messages.create(**QUESTION)

    assert error.value.body["error"]["type"] == "authentication_error"


def test_tokens_are_estimated_if_the_vendor_does_not_count(client):
    """
    The count is then an estimate, and a header says so.
    """
    answer = client.messages.with_raw_response.count_tokens(
        model="fast", messages=QUESTION["messages"], system="Be short.", tools=[WEATHER]
    )

    assert answer.parse().input_tokens > 10
    assert answer.headers["x-budwood-adaptations"].startswith("estimated input_tokens")


def test_other_versions_are_rejected(client):
    """
    The older version of the API has another form.
    """
    with pytest.raises(anthropic.BadRequestError) as error:
        client.messages.create(**QUESTION, extra_headers={"anthropic-version": "2023-01-01"})

    assert error.value.body["error"]["param"] == "anthropic-version"
