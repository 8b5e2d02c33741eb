from __future__ import annotations

import asyncio
import json

import pytest
from pydantic import BaseModel

from budwood import AsyncClient, Client
from budwood.errors import AuthenticationError, ContentFilterError, CredentialError, RateLimitError, UnsupportedError
from budwood.types import Message
from budwood_testing import sse
from tests.plugins.gemini.conftest import SECRET
from tests.plugins.gemini.replies import USAGE, call, reply, text


class City(BaseModel):
    name: str
    inhabitants: int


def weather(city: str) -> str:
    """
    Get the weather.
    """
    return f"sunny in {city}"


def ask_or_stream(client, prompt, *, streaming, **options):
    """
    Send a prompt, with or without streaming.
    """
    if not streaming:
        return client.ask(prompt, **options)
    with client.stream(prompt, **options) as stream:
        list(stream)
    return stream.response


def refusal(status, word, message, **info):
    """
    Create the body of an error.
    """
    details = [{"@type": f"type.googleapis.com/google.rpc.{kind}", **fields} for kind, fields in info.items()]
    return {"error": {"code": status, "message": message, "status": word, "details": details}}


def test_ask(client, scripted):
    """
    The key is in its header; the reply has usage, finish reason and id.
    """
    scripted.reply(200, reply(text("Hi")))
    response = client.ask("Hello", temperature=0.5)

    assert (response.text, response.finish_reason, response.id, response.model) == ("Hi", "stop", "r1", "gemini-9")
    assert response.usage.total_tokens == USAGE["totalTokenCount"]
    (sent,) = scripted.calls
    assert sent.url.endswith("/v1beta/models/gemini-3-flash:generateContent")
    assert sent.headers["x-goog-api-key"] == SECRET
    assert scripted.sent()["contents"] == [{"role": "user", "parts": [{"text": "Hello"}]}]


def test_stream(client, scripted):
    """
    Texts arrive as events, and the response is complete at the end.
    """
    chunk = {"candidates": [{"content": {"parts": [text("Hel")]}}]}
    scripted.reply(200, chunks=sse(chunk, reply(text("lo")), done=False))
    with client.stream("Hi") as stream:
        fragments = list(stream.text_deltas())

    assert fragments == ["Hel", "lo"]
    assert (stream.response.text, stream.response.usage.output_tokens) == ("Hello", 7)
    assert scripted.calls[0].url.endswith(":streamGenerateContent?alt=sse")


def test_async_client(scripted, clock):
    """
    The async client returns the same reply.
    """

    async def main():
        options = {"api_key": SECRET, "transport": scripted.asynchronous, "clock": clock, "cache": False}
        async with AsyncClient("gemini/gemini-3-flash", **options) as client:
            return (await client.ask("Hello")).text

    scripted.reply(200, reply(text("Hi")))
    assert asyncio.run(main()) == "Hi"


@pytest.mark.parametrize("streaming", [False, True])
def test_the_tool_loop_returns_signatures(client, scripted, streaming):
    """
    The second request has the results and the call with its signature, without an id of ours.
    """
    first, last = reply(text("Hm.", thought=True), call(args={"city": "Oslo"}, signature="S")), reply(text("Sunny."))
    for payload in (first, last):
        scripted.reply(200, chunks=sse(payload, done=False) if streaming else [json.dumps(payload).encode()])
    response = ask_or_stream(client, "Weather?", streaming=streaming, tools=[weather])

    assert response.text == "Sunny."
    assert response.usage.input_tokens == 10
    assert scripted.sent()["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "S"},
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "weather", "response": {"output": "sunny in Oslo"}}}],
        },
    ]


@pytest.mark.parametrize("streaming", [False, True])
def test_equal_calls_of_replies_without_ids_have_two_ids(client, scripted, streaming):
    """
    If a proxy leaves out ``responseId``, the number of earlier calls distinguishes replies.
    """
    for parts in ([call()], [call()], [text("Sunny.")]):
        payload = {name: value for name, value in reply(*parts).items() if name != "responseId"}
        scripted.reply(200, chunks=sse(payload, done=False) if streaming else [json.dumps(payload).encode()])

    response = ask_or_stream(client, "Weather?", streaming=streaming, tools=[weather])

    ids = [tool_call.id for message in response.messages for tool_call in message.tool_calls]
    assert len(ids) == len(set(ids)) == 2


def test_structured_output(client, scripted):
    """
    A Pydantic model becomes the response schema, and the reply an instance.
    """
    scripted.reply(200, reply(text('{"name":"Oslo","inhabitants":700000}')))
    response = client.ask("A city.", schema=City)

    assert response.parsed == City(name="Oslo", inhabitants=700000)
    assert scripted.sent()["generationConfig"]["responseJsonSchema"]["required"] == ["name", "inhabitants"]


def test_a_schema_and_tools_with_an_older_model(scripted, clock):
    """
    The schema is sent in words, which the response reports.
    """
    scripted.reply(200, reply(text('{"name":"Oslo","inhabitants":700000}')))
    with Client("gemini/gemini-2.5-flash", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client:
        response = client.ask("A city.", schema=City, tools=[weather])

    assert response.parsed == City(name="Oslo", inhabitants=700000)
    assert [adaptation.parameter for adaptation in response.adaptations] == ["output_schema"]
    assert "generationConfig" not in scripted.sent()


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-3-flash", "none", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "max", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 512, "includeThoughts": True}),
        ("gemini-2.0-flash", "low", None),
    ],
)
def test_the_catalog_adapts_thinking(scripted, clock, model, effort, thinking):
    """
    If a model does not support a value, the nearest is sent, with an adaptation.
    """
    scripted.reply(200, reply(text("Hi")))
    with Client(f"gemini/{model}", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client:
        response = client.ask("Hello", reasoning_effort=effort)

    assert scripted.sent().get("generationConfig", {}).get("thinkingConfig") == thinking
    changed = [(adaptation.parameter, adaptation.action) for adaptation in response.adaptations]
    is_unchanged = thinking == {"thinkingBudget": 0}
    assert changed == ([] if is_unchanged else [("reasoning_effort", "changed" if thinking else "dropped")])


def test_a_wrong_key(client, scripted):
    """
    It is not retried, and the error has a hint.
    """
    scripted.reply(400, refusal(400, "INVALID_ARGUMENT", "API key not valid.", ErrorInfo={"reason": "API_KEY_INVALID"}))
    with pytest.raises(AuthenticationError, match=r"gemini: .*API key not valid.*Check the API key"):
        client.ask("Hello")
    assert len(scripted.calls) == 1


def test_no_key(scripted, clock):
    """
    The error names the environment variable, and nothing is sent.
    """
    with (
        Client("gemini/gemini-3-flash", transport=scripted, clock=clock, cache=False) as client,
        pytest.raises(CredentialError, match="GEMINI_API_KEY"),
    ):
        client.ask("Hello")
    assert scripted.calls == []


@pytest.mark.parametrize("variable", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_the_vendors_own_variables(scripted, clock, monkeypatch, variable):
    """
    Key and URL come from the environment variables of Google's own library.
    """
    monkeypatch.setenv(variable, SECRET)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "https://proxy.example.org/v1beta/")
    scripted.reply(200, reply(text("Hi")))
    with Client("gemini/gemini-3-flash", transport=scripted, clock=clock, cache=False) as client:
        client.ask("Hello")

    (sent,) = scripted.calls
    assert sent.url == "https://proxy.example.org/v1beta/models/gemini-3-flash:generateContent"
    assert sent.headers["x-goog-api-key"] == SECRET


def test_a_rate_limit_is_retried_after_its_delay(client, scripted, clock):
    """
    A 429 is retried after the delay in its body.
    """
    rate_limit = refusal(429, "RESOURCE_EXHAUSTED", "Slow down.", RetryInfo={"retryDelay": "7s"})
    scripted.reply(429, rate_limit).reply(200, reply(text("Hi")))

    assert client.ask("Hello").text == "Hi"
    assert clock.slept == [7.0]


def test_a_long_delay_is_raised(client, scripted):
    """
    A delay of an hour exceeds the maximum.
    """
    scripted.reply(429, refusal(429, "RESOURCE_EXHAUSTED", "Slow down.", RetryInfo={"retryDelay": "3600s"}))
    with pytest.raises(RateLimitError) as caught:
        client.ask("Hello")
    assert caught.value.retry_after == 3600.0


@pytest.mark.parametrize("streaming", [False, True])
def test_a_blocked_prompt_is_not_retried(client, scripted, streaming):
    """
    The error has the categories of the filter.
    """
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"}]
    blocked = {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": ratings}}
    scripted.reply(200, chunks=sse(blocked, done=False) if streaming else [json.dumps(blocked).encode()])
    with pytest.raises(ContentFilterError) as caught:
        ask_or_stream(client, "Hello", streaming=streaming)

    assert caught.value.categories == {"HARM_CATEGORY_HARASSMENT": {"probability": "HIGH"}}
    assert len(scripted.calls) == 1


def test_a_saved_conversation_can_be_continued(client, scripted):
    """
    Saved messages keep their signatures.
    """
    scripted.reply(200, reply(text("Hi", thoughtSignature="S"))).reply(200, reply(text("Fine")))
    message = client.ask("Hello").message
    restored = Message.model_validate_json(message.model_dump_json())
    client.ask([Message.user("Hello"), restored, Message.user("How are you?")])

    assert scripted.sent()["contents"][1]["parts"] == [{"text": "Hi", "thoughtSignature": "S"}]


def test_tokens_embeddings_and_models(client, scripted):
    """
    Counts, vectors and the list of models have methods of the client.
    """
    scripted.reply(200, {"totalTokens": 31})
    count = client.count_tokens("Hello")
    assert (count.input_tokens, count.exact) == (31, True)

    scripted.reply(200, {"embeddings": [{"values": [1.0]}, {"values": [2.0]}]})
    assert client.embed(["a", "b"], model="gemini/gemini-embedding-001").vectors == ((1.0,), (2.0,))

    scripted.reply(200, {"models": [{"name": "models/gemini-9"}]})
    assert [(model.provider, model.id) for model in client.models()] == [("gemini", "gemini-9")]


def test_a_missing_capability_is_an_error_before_sending(scripted, clock):
    """
    A native schema is rejected for a model that takes none.
    """
    with (
        Client("gemini/gemini-2.5-flash-image", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client,
        pytest.raises(UnsupportedError),
    ):
        client.ask("A city.", schema=City, schema_mode="native")
    assert scripted.calls == []
