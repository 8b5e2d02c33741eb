"""The spans of calls, attempts and tools."""

from __future__ import annotations

import gc
import importlib.metadata
import json
import threading

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from budwood import Image, Message
from budwood.errors import PromptError, RateLimitError, StructuredOutputError
from budwood_testing import chat_chunks, chat_reply, sse

QUESTION = "What is the weather in Oslo?"


def weather(city: str) -> str:
    """
    Forecast the weather.
    """
    return f"{city}: rain"


def broken(city: str) -> str:
    """
    Forecast the weather.
    """
    raise LookupError(f"no forecast for {city}")


def make_tool_reply(name="weather"):
    """
    Return a reply that calls a tool.
    """
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"city": "Oslo"}'}}
    return chat_reply(tool_calls=[call], finish_reason="tool_calls")


def test_request_has_a_span_with_the_names_of_the_conventions(telemetry, open_client, scripted):
    """
    The span of a request has operation, provider, models, parameters, tokens, reply and cost.
    """
    scripted.reply(200, chat_reply("Rain."))

    options = {"label": "nightly", "tags": {"user": "ada", "app.team": "a"}}
    reply = open_client(telemetry).ask(QUESTION, temperature=0.5, max_tokens=50, stop=["!"], **options)

    (request,) = telemetry.named("chat gpt-4o")
    assert request.kind is SpanKind.CLIENT
    assert request.status.status_code is StatusCode.UNSET
    assert dict(request.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ("!",),
        "gen_ai.response.model": "scripted",
        "gen_ai.response.id": reply.id,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": reply.usage.input_tokens,
        "gen_ai.usage.output_tokens": reply.usage.output_tokens,
        "budwood.call": request.attributes["budwood.call"],
        "budwood.label": "nightly",
        "budwood.tag.user": "ada",
        "budwood.tag.app.team": "a",
        "budwood.provider": "openai",
        "budwood.attempts": 1,
        "budwood.cost": float(reply.cost),
    }


def test_each_attempt_is_a_child(telemetry, open_client, scripted):
    """
    A retried request has two attempts, of which the first has the error, and an event of the retry.
    """
    scripted.reply(500, {"error": {"message": "no"}}).reply(200, chat_reply("Rain."))

    open_client(telemetry).ask(QUESTION)

    (request,) = telemetry.named("chat")
    failed, answered = telemetry.named("attempt openai")
    assert failed.parent.span_id == answered.parent.span_id == request.context.span_id
    assert (failed.attributes["http.response.status_code"], failed.attributes["error.type"]) == (500, "ServerError")
    assert (failed.status.status_code, answered.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert [span.attributes["budwood.attempt.number"] for span in (failed, answered)] == [1, 2]
    (retry,) = request.events
    assert (retry.name, retry.attributes["error.type"]) == ("budwood.retry", "ServerError")
    assert request.status.status_code is StatusCode.UNSET


def test_server_is_that_of_the_endpoint(telemetry, open_client, scripted):
    """
    Each attempt has the address and the port of its endpoint, and the request those of the last one.
    """
    scripted.reply(503, {"error": {"message": "down"}}).reply(200, chat_reply("Rain."))
    backups = [{"base_url": "http://user:secret@[::1]/v1"}]

    open_client(telemetry, backups=backups, retries=0).ask(QUESTION)

    servers = [(span.attributes["server.address"], span.attributes["server.port"]) for span in telemetry.spans]
    assert servers == [("::1", 80), ("api.openai.com", 443), ("::1", 80)]
    ((attributes, _),) = telemetry.points("gen_ai.client.operation.duration")
    assert (attributes["server.address"], attributes["server.port"]) == ("::1", 80)


@pytest.mark.parametrize(
    ("provider", "vendor"),
    [
        (("work", "openai"), "openai"),
        (("home", "openai-compatible"), "home"),
        (("mistral", "openai-compatible"), "mistral_ai"),
    ],
)
def test_vendor_is_named_as_in_the_conventions(telemetry, open_client, scripted, provider, vendor):
    """
    A provider with a name of the user's own has the vendor of its plugin, in spans and metrics, and its name besides.
    """
    name, plugin = provider
    scripted.reply(200, chat_reply("Rain."))
    settings = {"providers": {name: {"plugin": plugin, "api_key": "sk-test", "base_url": "https://api.example/v1"}}}

    open_client(telemetry, settings=settings, api_key=None).ask(QUESTION, model=f"{name}/m")

    ((metric, _),) = telemetry.points("gen_ai.client.operation.duration")
    for attributes in (*(span.attributes for span in telemetry.spans), metric):
        assert (attributes["gen_ai.provider.name"], attributes["budwood.provider"]) == (vendor, name)


def test_cached_reply_of_a_fallback_names_its_provider(telemetry, open_client, scripted):
    """
    If the cache answers for a fallback, its provider is named, although it was not asked.
    """
    scripted.reply(503, {"error": {"message": "down"}}).reply(200, chat_reply("Rain."))
    settings = {"providers": {"groq": {"api_key": "sk-test-groq"}}}
    client = open_client(telemetry, settings=settings, retries=0, cache="memory", fallbacks=["groq/m"])

    client.ask(QUESTION)
    scripted.reply(503, {"error": {"message": "down"}})
    client.ask(QUESTION)

    assert [span.attributes["gen_ai.provider.name"] for span in telemetry.named("chat")] == ["groq", "groq"]


def test_tokens_are_only_in_the_span_of_the_request(telemetry, open_client, scripted):
    """
    Backends that sum over spans count tokens once: attempts have no usage and no operation.
    """
    scripted.reply(200, chat_reply("Rain."))

    open_client(telemetry).ask(QUESTION)

    (attempt,) = telemetry.named("attempt")
    assert not [name for name in attempt.attributes if name.startswith(("gen_ai.usage", "gen_ai.operation"))]


def test_failed_request_has_the_class_of_the_error(telemetry, open_client, scripted):
    """
    An error is recorded by its class; its text, which may quote content, is not.
    """
    scripted.reply(429, {"error": {"message": "secret prompt", "code": "rate_limit_exceeded"}})

    with pytest.raises(RateLimitError):
        open_client(telemetry, retries=0).ask(QUESTION)

    (request,) = telemetry.named("chat")
    assert request.attributes["error.type"] == "RateLimitError"
    assert request.status.status_code is StatusCode.ERROR
    assert request.status.description == "RateLimitError"
    assert "secret prompt" not in "".join(span.to_json() for span in telemetry.spans)


def test_failed_request_has_the_reply_of_its_error(make_telemetry, open_client, scripted):
    """
    A request that fails because of its replies has their tokens, their cost and the last text.
    """
    telemetry = make_telemetry(content=True)
    scripted.reply(200, chat_reply("no number")).reply(200, chat_reply("still none"))

    with pytest.raises(StructuredOutputError) as caught:
        open_client(telemetry).ask(QUESTION, schema=int)

    (request,) = telemetry.named("chat")
    usage = caught.value.response.usage
    assert request.attributes["error.type"] == "StructuredOutputError"
    assert request.attributes["gen_ai.usage.input_tokens"] == usage.input_tokens
    assert request.attributes["budwood.cost"] == float(caught.value.response.cost)
    assert "still none" in request.attributes["gen_ai.output.messages"]


def test_tool_runs_in_a_span(telemetry, open_client, scripted):
    """
    The span of a tool is a child of the request, and the parent of spans that the tool creates.
    """

    def traced(city: str) -> str:
        """Forecast the weather."""
        with telemetry.tracer.start_as_current_span("inside"):
            return f"{city}: rain"

    scripted.reply(200, make_tool_reply("traced")).reply(200, chat_reply("Rain."))

    open_client(telemetry).ask(QUESTION, tools=[traced])

    (request,) = telemetry.named("chat")
    (tool,) = telemetry.named("execute_tool traced")
    (inside,) = telemetry.named("inside")
    assert tool.parent.span_id == request.context.span_id
    assert inside.parent.span_id == tool.context.span_id
    assert dict(tool.attributes) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "traced",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_1",
    }


def test_failed_tool_has_an_error(telemetry, open_client, scripted):
    """
    The exception of a tool is recorded by its class, and the request goes on.
    """
    scripted.reply(200, make_tool_reply("broken")).reply(200, chat_reply("I do not know."))

    open_client(telemetry).ask(QUESTION, tools=[broken])

    (tool,) = telemetry.named("execute_tool broken")
    assert (tool.attributes["error.type"], tool.status.status_code) == ("LookupError", StatusCode.ERROR)
    assert "no forecast" not in tool.to_json()
    assert telemetry.open_spans.ids == set()


def test_content_is_off_by_default(telemetry, open_client, scripted):
    """
    Without the setting, no span contains texts of users, models or tools.
    """
    scripted.reply(200, make_tool_reply()).reply(200, chat_reply("It will rain in Oslo."))

    open_client(telemetry).ask(QUESTION, tools=[weather], system="Be brief about Oslo.")

    assert "Oslo" not in "".join(span.to_json() for span in telemetry.spans)


def test_content_is_recorded_if_enabled(make_telemetry, open_client, scripted):
    """
    With `content`, the request has its messages in the form of the conventions, and the tool its arguments.
    """
    telemetry = make_telemetry(content=True)
    scripted.reply(200, make_tool_reply()).reply(200, chat_reply("Rain."))

    open_client(telemetry).ask(QUESTION, tools=[weather], system="Be brief.")

    (request,) = telemetry.named("chat")
    assert json.loads(request.attributes["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(request.attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": QUESTION}]}
    ]
    call = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}}
    result = {"type": "tool_call_response", "id": "call_1", "response": "Oslo: rain"}
    assert json.loads(request.attributes["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [call]},
        {"role": "tool", "parts": [result]},
        {"role": "assistant", "parts": [{"type": "text", "content": "Rain."}], "finish_reason": "stop"},
    ]
    assert json.loads(request.attributes["gen_ai.tool.definitions"]) == [{"type": "function", "name": "weather"}]
    (tool,) = telemetry.named("execute_tool")
    assert tool.attributes["gen_ai.tool.call.arguments"] == '{"city": "Oslo"}'


def test_error_text_is_content(make_telemetry, open_client, scripted):
    """
    With `content`, the span of a failed request has the exception with its text.
    """
    telemetry = make_telemetry(content=True)
    scripted.reply(400, {"error": {"message": "too long"}})

    with pytest.raises(Exception, match="too long"):
        open_client(telemetry).ask(QUESTION)

    (request,) = telemetry.named("chat")
    (event,) = request.events
    assert "too long" in event.attributes["exception.message"]


def test_stream_has_the_time_to_its_first_content(telemetry, open_client, scripted):
    """
    A streamed request is marked, and has the seconds to its first chunk.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Ra", "in."])))

    with open_client(telemetry).stream(QUESTION) as stream:
        list(stream)

    (request,) = telemetry.named("chat")
    assert request.attributes["gen_ai.request.stream"] is True
    assert request.attributes["gen_ai.response.time_to_first_chunk"] >= 0


def test_abandoned_stream_ends_its_spans(telemetry, open_client, scripted):
    """
    If the caller leaves a stream early, all spans end. That is no error.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Ra", "in."])))

    with open_client(telemetry).stream(QUESTION) as stream:
        next(iter(stream))

    (request,) = telemetry.named("chat")
    assert telemetry.open_spans.ids == set()
    assert (request.attributes["error.type"], request.status.status_code) == ("Abandoned", StatusCode.UNSET)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_dropped_stream_ends_its_spans(telemetry, open_client, scripted):
    """
    If the caller drops a stream without closing it, all spans end.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Ra", "in."])))
    client = open_client(telemetry)

    next(iter(client.stream(QUESTION)))
    gc.collect()
    client.close()
    for thread in threading.enumerate():
        if thread.name == "budwood-dropped":
            thread.join()

    assert telemetry.open_spans.ids == set()
    assert len(telemetry.named("chat")) == 1


def test_cached_reply_is_marked(telemetry, open_client, scripted):
    """
    A reply from the cache is marked, with what it saved; it has no attempts.
    """
    scripted.reply(200, chat_reply("Rain."))
    client = open_client(telemetry, cache="memory")

    client.ask(QUESTION)
    reply = client.ask(QUESTION)

    sent, cached = telemetry.named("chat")
    assert "budwood.cached" not in sent.attributes
    assert cached.attributes["budwood.cached"] is True
    assert cached.attributes["budwood.saved"] == float(reply.saved)
    assert (cached.attributes["budwood.attempts"], cached.attributes["budwood.cost"]) == (0, 0.0)
    (attempt,) = telemetry.named("attempt")
    assert attempt.parent.span_id == sent.context.span_id


def test_embeddings_have_a_span(telemetry, open_client, scripted):
    """
    Other services have the operation of the conventions.
    """
    scripted.reply(200, {"object": "list", "model": "e", "data": [{"index": 0, "embedding": [0.5]}], "usage": {}})

    open_client(telemetry).embed("Oslo", model="openai/text-embedding-3-small", dimensions=1)

    (request,) = telemetry.named("embeddings text-embedding-3-small")
    assert request.attributes["gen_ai.operation.name"] == "embeddings"
    assert request.attributes["gen_ai.embeddings.dimension.count"] == 1


def test_services_other_than_chat_have_a_cost(telemetry, open_client, scripted):
    """
    The span of a request for speech has what it cost, as that of a chat has.
    """
    scripted.reply(200, b"ID3\x04", headers={"content-type": "audio/mpeg"})

    reply = open_client(telemetry).speak("Hello", model="openai/tts-1")

    (request,) = telemetry.named("speech tts-1")
    assert reply.cost
    assert request.attributes["budwood.cost"] == float(reply.cost)


def test_unpaired_surrogates_are_recorded(make_telemetry, open_client, scripted):
    """
    Texts that UTF-8 cannot express, in prompts that are refused and in tool calls, neither lose a span nor its export.
    """
    telemetry = make_telemetry(content=True)
    reply = make_tool_reply()
    reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = '{"city": "\ud800"}'
    scripted.reply(200, json.dumps(reply).encode()).reply(200, chat_reply("Rain."))
    client = open_client(telemetry)

    with pytest.raises(PromptError):
        client.ask("What is \ud800?")
    client.ask(QUESTION, tools=[weather])

    refused, _ = telemetry.named("chat")
    assert json.loads(refused.attributes["gen_ai.input.messages"])[0]["parts"][0]["content"] == "What is \ud800?"
    assert all(str(value).encode() for span in telemetry.spans for value in span.attributes.values())
    assert telemetry.open_spans.ids == set()


def test_scope_has_the_version_of_the_plugin(telemetry, open_client, scripted):
    """
    Spans name the library that created them.
    """
    scripted.reply(200, chat_reply("Rain."))

    open_client(telemetry).ask(QUESTION)

    scope = telemetry.spans[0].instrumentation_scope
    assert (scope.name, scope.version) == ("budwood", importlib.metadata.version("budwood-opentelemetry"))


def test_images_are_recorded_in_the_form_of_the_conventions(make_telemetry, open_client, scripted):
    """
    With `content`, images are blobs or addresses.
    """
    telemetry = make_telemetry(content=True)
    scripted.reply(200, chat_reply("A cat."))
    images = (Image(data=b"cat", media_type="image/png"), Image(url="https://cats.example/1.png"))

    open_client(telemetry).ask([Message.user("What is this?", *images)])

    (request,) = telemetry.named("chat")
    _, blob, address = json.loads(request.attributes["gen_ai.input.messages"])[0]["parts"]
    assert blob == {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "Y2F0"}
    assert address["uri"] == "https://cats.example/1.png"
