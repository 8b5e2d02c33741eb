"""Partial replies of streams that are not read to their end, and errors before a stream is read."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from budwood import AsyncClient, Client
from budwood.errors import (
    BudwoodError,
    CredentialError,
    PluginFaultError,
    PromptError,
    StreamInterruptedError,
    UnsupportedError,
)
from budwood.types import TextDelta
from budwood_testing import chat_chunks, chat_reply, sse
from tests.core.engine.tool_calls import make_call_reply, weather


class Person(BaseModel):
    name: str


def test_a_stream_after_break_has_a_partial_reply(client, scripted):
    """
    The partial reply has the text so far, `partial`, the provider and the attempts.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once ", "upon ", "a time"])))

    with client.stream("A story", temperature=3) as stream:
        for text in stream.text_deltas():
            if text == "upon ":
                break

    reply = stream.response
    assert (reply.text, reply.partial, reply.finish_reason) == ("Once upon ", True, "other")
    assert (reply.provider, reply.usage.output_tokens, reply.cost) == ("openai", None, None)
    assert [attempt.status for attempt in reply.attempts] == [200]
    assert reply.messages == (reply.message,)


def test_the_partial_reply_can_be_read_inside_the_block(client, scripted):
    """
    While a stream is open, its response has the text so far; at the end it is complete.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once ", "upon"])))

    with client.stream("A story") as stream:
        next(stream.text_deltas())
        early = stream.response
        list(stream)

    assert (early.text, early.partial) == ("Once ", True)
    assert (stream.response.text, stream.response.partial) == ("Once upon", False)


def test_an_async_stream_after_break_has_a_partial_reply(async_client, scripted):
    """
    After a break, an async stream has a partial reply, too.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once ", "upon"])))

    async def break_early():
        async with async_client.stream("A story") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        return stream.response

    reply = asyncio.run(break_early())

    assert (reply.text, reply.partial) == ("Once ", True)


def test_a_partial_reply_is_not_added_to_the_chat(client, scripted):
    """
    A partial reply is not added to the conversation.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once ", "upon"])))
    chat = client.chat()

    with chat.stream("A story") as stream:
        next(stream.text_deltas())

    assert stream.response.text == "Once "
    assert chat.messages == ()


def test_a_cached_stream_after_break_has_a_partial_reply(scripted, clock):
    """
    A cached reply that was not read to its end is partial, too.
    """
    scripted.reply(body=chat_reply("Once upon"))

    with Client("openai/gpt-4o", api_key="sk-test", transport=scripted, clock=clock, cache="memory") as client:
        client.ask("A story")
        with client.stream("A story") as stream:
            next(stream.text_deltas())

    assert (stream.response.text, stream.response.partial, stream.response.cached) == ("Once upon", True, True)


def test_discarded_text_is_not_in_the_partial_reply(client, scripted):
    """
    Text before a `Restarted` event is not part of the partial reply.
    """
    scripted.reply(chunks=sse(*chat_chunks(["No."]))).reply(chunks=sse(*chat_chunks(['{"name": "Ada"}'])))

    with client.stream("?", schema=Person) as stream:
        for event in stream:
            if type(event).__name__ == "Restarted":
                break
        with pytest.raises(BudwoodError, match="No part of the reply has arrived"):
            _ = stream.response


def test_an_unread_stream_has_no_response(client):
    """
    The error for a stream that was not read says what to do.
    """
    with client.stream("A story") as stream, pytest.raises(BudwoodError, match="Read the events"):
        _ = stream.response


def test_an_interrupted_stream_has_a_partial_reply(client, scripted):
    """
    After the error, both the stream and the error have the partial reply.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once "])[:1], done=False))

    with client.stream("A story") as stream, pytest.raises(StreamInterruptedError) as caught:
        list(stream)

    assert caught.value.response.partial
    assert (stream.response.text, stream.response.partial) == ("Once ", True)


def test_a_partial_reply_has_the_text_of_the_last_round(client, scripted):
    """
    After tools have run, the partial reply is the text of the current round.
    """
    scripted.reply(body=None, chunks=encode_tool_call_stream()).reply(chunks=sse(*chat_chunks(["Rain ", "in Oslo"])))

    with client.stream("?", tools=[weather]) as stream:
        next(stream.text_deltas())

    assert stream.response.text == "Rain "


def encode_tool_call_stream():
    """
    Encode a streamed reply that calls a tool.
    """
    (call,) = make_call_reply(("weather", '{"city": "Oslo"}'))["choices"][0]["message"]["tool_calls"]
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [{**call, "index": 0}]}}]}
    return sse(chunk, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})


@pytest.mark.parametrize(
    ("make_stream", "error"),
    [
        (lambda client: client.stream(""), PromptError),
        (lambda client: client.stream("  \n"), PromptError),
        (lambda client: client.stream([]), PromptError),
        (lambda client: client.chat().stream(""), PromptError),
        (lambda client: client.stream("Hi", model="openai/text-embedding-3-small"), UnsupportedError),
        (lambda client: client.chat().stream("Hi", model="openai/text-embedding-3-small"), UnsupportedError),
        (lambda client: client.stream("Hi", files=["a.txt"], model="openai/omni-moderation-latest"), UnsupportedError),
        (lambda client: client.stream("Hi", model="anthropic/claude-sonnet-4-5"), CredentialError),
        (lambda client: client.stream_completion("", model="openai/gpt-3.5-turbo-instruct"), PromptError),
        (lambda client: client.stream_completion("Hi", model="gemini/gemini-2.5-flash"), UnsupportedError),
        (lambda client: client.pull("openai/gpt-4o"), UnsupportedError),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_invalid_stream_arguments_are_rejected_at_creation(kind, make_stream, error, scripted):
    """
    Errors are raised where the stream is created, not where it is read.
    """
    settings = {"providers": {"gemini": {"api_key": "no-key-123"}}}
    client = kind("openai/gpt-4o", api_key="sk-test", transport=scripted, settings=settings)

    with pytest.raises(error):
        make_stream(client)

    assert scripted.calls == []


@pytest.mark.parametrize(("method", "result"), [("feed", None), ("close", None), ("feed", 7), ("feed", b"{}")])
def test_a_decoder_that_returns_none_is_a_plugin_fault(client, scripted, monkeypatch, method, result):
    """
    The error names the plugin and does not blame the server.
    """
    from budwood_openai_compatible.stream_decoder import ChatStreamDecoder

    monkeypatch.setattr(ChatStreamDecoder, method, lambda *_: result)
    scripted.reply(chunks=sse(*chat_chunks(["Once"])))

    with client.stream("A story") as stream, pytest.raises(PluginFaultError) as caught:
        list(stream)

    assert caught.value.method == method
    assert f"it returned {type(result).__name__} instead of list" in str(caught.value)
