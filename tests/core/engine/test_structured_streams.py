"""Streams of structured output."""

from __future__ import annotations

import asyncio

from budwood.types import Restarted
from budwood_testing import chat_chunks, sse
from tests.core.engine.structured import ADA, NO_SCHEMA, Person


def test_a_stream_yields_the_object_as_it_grows(client, scripted):
    """
    Partial objects contain the JSON so far; the last is complete, and the response is parsed.
    """
    scripted.reply(chunks=sse(*chat_chunks(['{"na', 'me": "A', "da", '", "age": ', "36}"])))

    with client.stream("Ada, 36", schema=Person) as stream:
        partial = list(stream.partial_objects())

    assert partial == [{}, {"name": "A"}, {"name": "Ada"}, {"name": "Ada", "age": 36}]
    assert stream.response.parsed == Person(name="Ada", age=36)


def test_arguments_of_the_output_tool_are_partial_objects(make_async_client, scripted):
    """
    The arguments of the output tool are the object, also for async streams.
    """
    fragments = ['{"name": "Ada"', ', "age": 36}']
    first_fragment = {"index": 0, "id": "c1", "function": {"name": "return_output", "arguments": ""}}
    calls = [first_fragment, *({"index": 0, "function": {"arguments": fragment}} for fragment in fragments)]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls]
    scripted.reply(chunks=sse(*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))

    async def main():
        async with make_async_client(settings=NO_SCHEMA).stream("Ada, 36", schema=Person) as stream:
            return [value async for value in stream.partial_objects()], stream.response

    partial, response = asyncio.run(main())

    assert partial == [{"name": "Ada"}, {"name": "Ada", "age": 36}]
    assert response.parsed == Person(name="Ada", age=36)


def test_a_repair_restarts_the_stream(client, scripted):
    """
    A `Restarted` event voids the text so far, and partial objects start again.
    """
    scripted.reply(chunks=sse(*chat_chunks(['{"name": "Ada"}'])))
    scripted.reply(chunks=sse(*chat_chunks(['{"name": "Ada"', ', "age": 36}'])))
    scripted.reply(chunks=sse(*chat_chunks(["{}"]))).reply(chunks=sse(*chat_chunks([ADA])))

    with client.stream("Ada, 36", schema=Person) as stream:
        partial = list(stream.partial_objects())
    with client.stream("Ada, 36", schema=Person) as stream:
        events = list(stream)

    assert partial == [{"name": "Ada"}, {"name": "Ada"}, {"name": "Ada", "age": 36}]
    assert sum(isinstance(event, Restarted) for event in events) == 1
    assert stream.response.text == ADA
