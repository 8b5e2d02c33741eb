from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from budwood import Client
from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood.errors import AuthenticationError, ConfigurationError, StreamInterruptedError, UnsupportedError
from budwood.types import (
    Capability,
    ChatRequest,
    HTTPReply,
    ImagePart,
    Message,
    ReasoningPart,
    ReplyHead,
    TextPart,
    ToolDefinition,
    VendorPart,
    VendorTool,
)
from budwood_openai import OpenAI, OpenAISettings
from budwood_testing import FakeClock, chat_reply
from tests.responses import call, message, reasoning, response, stream

WEATHER = ToolDefinition(name="weather", parameters={"type": "object"})
ITEM = {"type": "reasoning", "id": "rs_1", "summary": []}
MODEL = {"settings": {"providers": {"openai": {"api": "responses"}}}}


class Person(BaseModel):
    """
    A person.
    """

    name: str


def weather(city: str) -> str:
    """
    Return the weather.
    """
    return f"rain in {city}"


@pytest.fixture
def openai(tmp_path):
    """
    Return a function that creates OpenAI's provider with the catalog's rules.
    """

    def make(**settings):
        context = PluginContext(
            instance="openai",
            rules=lambda model: Catalog().rules("openai", "openai", model),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        return OpenAI(OpenAISettings(**settings), context)

    return make


KEY = "sk-test-of-responses"


@pytest.fixture
def responses(scripted, clock):
    """
    Return a client that uses Responses.
    """
    with Client("openai/gpt-5", api_key=KEY, transport=scripted, clock=clock, cache=False, **MODEL) as client:
        yield client


def request(model="gpt-4o", *messages, **parameters):
    """
    Create a request.
    """
    return ChatRequest(model=model, messages=messages or (Message.user("Hello"),), **parameters)


@pytest.mark.parametrize(
    ("chat_request", "api"),
    [
        (request(), "chat"),
        (request("gpt-5-pro"), "responses"),
        (request("o3-deep-research-2025-06-26"), "responses"),
        (request("gpt-5-pro", stop=("x",)), "responses"),
        (request("gpt-5.4", tools=(WEATHER,), reasoning_effort="low"), "responses"),
        (request("gpt-5.4", tools=(WEATHER,)), "chat"),
        (request("gpt-5.6-luna", tools=(WEATHER,)), "responses"),
        (request("gpt-5.6-luna", tools=(WEATHER,), reasoning_effort="none"), "chat"),
        (request("gpt-5.6-luna", tools=(WEATHER,), seed=1), "chat"),
        (request("gpt-5.6-luna"), "chat"),
        (request(extra={"previous_response_id": "resp_1"}), "responses"),
        (request(extra={"n": 2}), "chat"),
        (request(vendor_tools=(VendorTool(provider="openai", data={"type": "web_search"}),)), "responses"),
        (request(vendor_tools=(VendorTool(provider="groq", data={"type": "browser_search"}),)), "chat"),
        (
            request(vendor_tools=(VendorTool(provider="openai", data={"type": "custom", "custom": {"name": "x"}}),)),
            "chat",
        ),
    ],
)
def test_api_depends_on_model_and_request(openai, chat_request, api):
    """
    Without a setting, the API depends on features that only one API has, and on the catalog's rules for the model.
    """
    assert openai().api(chat_request) == api


@pytest.mark.parametrize(
    ("part", "api"),
    [
        (ReasoningPart(text="Hm", provider="openai", data=ITEM), "responses"),
        (ReasoningPart(text="Hm"), "chat"),
        (ReasoningPart(text="Hm", provider="azure", data=ITEM), "chat"),
        (VendorPart(provider="openai", kind="web_search_call", data={"type": "web_search_call"}), "responses"),
        (VendorPart(provider="openai", kind="annotations", data=[1]), "chat"),
        (VendorPart(provider="openai", kind="audio", data={"id": "audio_1"}), "chat"),
        (TextPart(text="Hi", provider="openai", data={"message": {"id": "msg_1"}}), "chat"),
    ],
)
def test_items_keep_a_conversation_in_responses(openai, part, api):
    """
    Items that only Responses accepts keep a conversation there.
    """
    history = (Message.user("Hello"), Message(role="assistant", parts=(part,)), Message.user("And?"))

    assert openai().api(request("gpt-4o", *history)) == api


@pytest.mark.parametrize(
    ("kind", "api"), [("input_file", "responses"), ("file", "chat"), ("input_audio", "chat"), ("image_url", "chat")]
)
def test_content_parts_determine_the_api(openai, kind, api):
    """
    A content part in the form of one API is sent to that API.
    """
    part = VendorPart(provider="openai", kind=kind, data={"type": kind})

    assert openai().api(request("gpt-4o", Message.user("Look", part))) == api


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_setting_determines_the_api(openai, api):
    """
    The API of the settings is used for every model and request.
    """
    provider = openai(api=api)

    assert {provider.api(request()), provider.api(request("gpt-5-pro", extra={"include": []}))} == {api}


def test_unknown_api_is_rejected(scripted):
    """
    The error names the setting.
    """
    settings = {"providers": {"openai": {"api": "completions"}}}

    with pytest.raises(ConfigurationError, match="api"):
        Client("openai/gpt-5", transport=scripted, settings=settings, cache=False)


def test_reply_is_decoded_by_the_api_of_the_request(openai):
    """
    A reply is decoded by the API that its request was sent to.
    """
    provider = openai()
    for chat_request, path, body in (
        (request("gpt-5-pro"), "/responses", response(message("Hi"))),
        (request("gpt-4o"), "/chat/completions", chat_reply("Hi")),
    ):
        assert provider.encode(chat_request, stream=True).url.endswith(path)
        assert provider.decode(chat_request, HTTPReply(ReplyHead(200, {}), json.dumps(body).encode())).text == "Hi"


def test_reply(responses, scripted):
    """
    Text, usage and finish reason of a reply are decoded.
    """
    scripted.reply(body=response(message("Hi")), headers={"x-request-id": "req_1"})

    reply = responses.ask("Hello", system="Be brief.", max_tokens=9)

    assert (reply.text, reply.finish_reason, reply.request_id) == ("Hi", "stop", "req_1")
    assert (reply.usage.input_tokens, reply.usage.cache_read_tokens) == (10, 4)
    assert scripted.calls[0].url == "https://api.openai.com/v1/responses"
    assert scripted.sent() == {
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "Hello"}],
        "max_output_tokens": 9,
    }


def test_stream(responses, scripted):
    """
    Text is emitted as it is received, and the response is complete at the end.
    """
    scripted.reply(chunks=stream(reasoning("Hm."), message("Hi")))

    with responses.stream("Hello") as reading:
        assert list(reading.text_deltas()) == ["H", "i"]

    assert (reading.response.reasoning, reading.response.usage.reasoning_tokens) == ("Hm.", 5)
    assert scripted.sent()["stream"] is True


def test_interrupted_stream_has_the_partial_text(responses, scripted):
    """
    The error of an interrupted stream has the partial text.
    """
    scripted.reply(chunks=stream(message("Hi"))[:4])

    with responses.stream("Hello") as reading, pytest.raises(StreamInterruptedError) as caught:
        list(reading)

    assert caught.value.response.text == "Hi"


def test_tool_loop_returns_the_reasoning(responses, scripted):
    """
    Reasoning and call are returned unchanged, before the result of the tool.
    """
    reasoning_item, tool_call = reasoning("Hm."), call("weather", '{"city":"Oslo"}')
    scripted.reply(body=response(reasoning_item, tool_call)).reply(body=response(message("It rains.")))

    reply = responses.ask("Weather?", tools=[weather])

    assert reply.text == "It rains."
    assert scripted.sent()["input"][1:] == [
        reasoning_item,
        tool_call,
        {"type": "function_call_output", "call_id": "call_1", "output": "rain in Oslo"},
    ]


def test_tool_loop_with_streams(responses, scripted):
    """
    Streamed reasoning and calls are returned unchanged, too.
    """
    reasoning_item, tool_call = reasoning("Hm."), call("weather", '{"city":"Oslo"}')
    scripted.reply(chunks=stream(reasoning_item, tool_call)).reply(chunks=stream(message("It rains.")))

    with responses.stream("Weather?", tools=[weather]) as reading:
        list(reading)

    assert reading.response.text == "It rains."
    assert scripted.sent()["input"][1:3] == [reasoning_item, tool_call]


def test_schema(responses, scripted):
    """
    A Pydantic model is sent as ``text.format``, and the reply is parsed into it.
    """
    scripted.reply(body=response(message('{"name":"Ada"}')))

    assert responses.ask("Who?", schema=Person).parsed == Person(name="Ada")
    assert scripted.sent()["text"]["format"]["type"] == "json_schema"


def test_cached_reply_is_returned_like_a_new_one(scripted, clock):
    """
    Fields to return to the server are cached with the reply, also if the cached reply is streamed.
    """
    scripted.reply(body=response(reasoning("Hm."), message("Hi")))
    with Client("openai/gpt-5", api_key="sk", transport=scripted, clock=clock, cache="memory", **MODEL) as client:
        first = client.ask("Hello")
        with client.stream("Hello") as reading:
            assert list(reading.text_deltas()) == ["Hi"]

    assert (reading.response.cached, reading.response.message) == (True, first.message)


def test_invalid_key(responses, scripted):
    """
    The error about an invalid key has a hint, and does not contain the key.
    """
    error = {
        "message": f"Incorrect API key provided: {KEY}.",
        "type": "invalid_request_error",
        "code": "invalid_api_key",
    }
    scripted.reply(401, {"error": error})

    with pytest.raises(AuthenticationError, match="Check the API key") as caught:
        responses.ask("Hello")

    assert KEY not in str(caught.value)


def test_token_count(client, scripted):
    """
    The token count of the vendor is exact, and requested with the fields that affect it.
    """
    scripted.reply(body={"object": "response.input_tokens", "input_tokens": 12})

    count = client.count_tokens("Hello", system="Be brief.", temperature=0.5)

    assert (count.input_tokens, count.exact) == (12, True)
    assert scripted.calls[0].url == "https://api.openai.com/v1/responses/input_tokens"
    assert scripted.sent() == {
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "Hello"}],
    }


def test_optional_capabilities(client):
    """
    OpenAI has the capabilities to count tokens and to moderate.
    """
    capabilities = client.capabilities("openai/new-1")
    assert {Capability.COUNT_TOKENS, Capability.MODERATION, Capability.COMPLETION} <= capabilities


def test_moderation_of_text_and_image(client, scripted):
    """
    A message with text and image is one input of the moderation.
    """
    row = {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.9}}
    scripted.reply(body={"id": "modr-1", "model": "omni", "results": [row]})

    result = client.moderate(Message.user("Look", ImagePart(url="https://x/y"))).results[0]

    assert (result.flagged, result.categories, result.scores) == (True, {"violence": True}, {"violence": 0.9})
    assert scripted.sent() == {
        "input": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "https://x/y"}}]
    }


def test_moderation_of_several_inputs(client, scripted):
    """
    OpenAI moderates several texts in one request, but only one input with an image.
    """
    with pytest.raises(UnsupportedError, match="for each input separately"):
        client.moderate(["a", Message.user("b", ImagePart(url="https://x/y"))])
    assert scripted.calls == []
