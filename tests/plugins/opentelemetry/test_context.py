"""The context of spans: taken from the code that makes a call, and passed on to tools and servers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from budwood_testing import chat_chunks, chat_reply, sse


def parents(telemetry, name):
    """
    Return the names of the parents of spans.
    """
    names = {span.context.span_id: span.name for span in telemetry.spans}
    return [names[span.parent.span_id] if span.parent else None for span in telemetry.named(name)]


def make_tool_reply(count=2):
    """
    Return a reply that calls the tool `look` several times.
    """
    function = {"name": "look", "arguments": "{}"}
    calls = [{"id": f"call_{number}", "type": "function", "function": function} for number in range(count)]
    return chat_reply(tool_calls=calls, finish_reason="tool_calls")


def test_caller_is_the_parent(telemetry, open_client, scripted):
    """
    The span of a request is a child of the span that is current where the call is made; without one, it is a root.
    """
    scripted.reply(200, chat_reply("1")).reply(200, chat_reply("2"))
    client = open_client(telemetry)

    with telemetry.tracer.start_as_current_span("caller"):
        client.ask("a")
    client.ask("b")

    assert parents(telemetry, "chat") == ["caller", None]


def test_stream_belongs_to_the_code_that_opened_it(telemetry, open_client, scripted):
    """
    The parent of a stream is the span in which `stream` was called, also if another thread reads it in another span.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi"])))
    client = open_client(telemetry)

    with telemetry.tracer.start_as_current_span("opener"):
        stream = client.stream("Hello")

    def read():
        with telemetry.tracer.start_as_current_span("reader"), stream:
            return "".join(stream.text_deltas())

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(read).result() == "Hi"

    assert parents(telemetry, "chat") == ["opener"]
    assert parents(telemetry, "attempt") == ["chat gpt-4o"]


def test_async_stream_belongs_to_the_code_that_opened_it(telemetry, open_async_client, scripted):
    """
    The same for async streams that another task reads.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi"])))

    async def read(stream):
        with telemetry.tracer.start_as_current_span("reader"):
            async with stream:
                return [text async for text in stream.text_deltas()]

    async def open_and_read():
        async with open_async_client(telemetry) as client:
            with telemetry.tracer.start_as_current_span("opener"):
                stream = client.stream("Hello")
            return await asyncio.create_task(read(stream))

    assert asyncio.run(open_and_read()) == ["Hi"]
    assert parents(telemetry, "chat") == ["opener"]


def test_parallel_calls_belong_to_their_caller(telemetry, open_client, scripted):
    """
    The calls of `ask_many` run in threads, and belong to the span in which it was called.
    """
    for number in range(8):
        scripted.reply(200, chat_reply(str(number)))

    with telemetry.tracer.start_as_current_span("caller"):
        open_client(telemetry).ask_many([str(number) for number in range(8)]).in_order()

    assert parents(telemetry, "chat") == ["caller"] * 8
    assert telemetry.open_spans.ids == set()


def test_calls_of_threads_have_their_own_parents(telemetry, open_client, scripted):
    """
    With eight threads at once, each request, attempt and tool is in the trace of its own thread.
    """
    for _ in range(80):
        scripted.reply(200, chat_reply("Hi"))
    client = open_client(telemetry)

    def ask(number):
        with telemetry.tracer.start_as_current_span(f"thread {number}"):
            for _ in range(10):
                client.ask("Hello", label=str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))

    requests = telemetry.named("chat")
    assert parents(telemetry, "chat") == [f"thread {span.attributes['budwood.label']}" for span in requests]
    traces = {span.context.span_id: span.context.trace_id for span in requests}
    attempts = telemetry.named("attempt")
    assert len(attempts) == 80
    assert all(traces[span.parent.span_id] == span.context.trace_id for span in attempts)


def test_calls_of_tasks_have_their_own_parents(telemetry, open_async_client, scripted):
    """
    The same for tasks, in which async tools run as well.
    """
    for _ in range(16):
        scripted.reply(200, chat_reply("Hi"))

    async def ask(client, number):
        with telemetry.tracer.start_as_current_span(f"task {number}"):
            await client.ask("Hello", label=str(number))

    async def ask_all():
        async with open_async_client(telemetry) as client:
            await asyncio.gather(*(ask(client, number) for number in range(16)))

    asyncio.run(ask_all())

    labels = [span.attributes["budwood.label"] for span in telemetry.named("chat")]
    assert parents(telemetry, "chat") == [f"task {label}" for label in labels]
    assert sorted(labels, key=int) == [str(number) for number in range(16)]


def test_tools_in_parallel_have_the_context_of_the_caller(telemetry, open_client, scripted):
    """
    Tools run in threads, each in its own span, and see the baggage of the caller; afterwards it is as before.
    """
    seen = []

    def look() -> str:
        """Look."""
        seen.append((trace.get_current_span().get_span_context().span_id, baggage.get_baggage("tenant")))
        return "seen"

    scripted.reply(200, make_tool_reply()).reply(200, chat_reply("Done."))
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        open_client(telemetry).ask("Look twice.", tools=[look])
    finally:
        context.detach(token)

    tools = {span.context.span_id for span in telemetry.named("execute_tool look")}
    assert {span for span, _ in seen} == tools
    assert len(tools) == 2
    assert [tenant for _, tenant in seen] == ["acme", "acme"]
    assert trace.get_current_span() is trace.INVALID_SPAN


@pytest.mark.parametrize("blocking", [True, False])
def test_async_client_runs_tools_in_their_span(telemetry, open_async_client, scripted, blocking):
    """
    Async tools run in the context of their span in the task, and blocking ones in a thread.
    """
    seen = []

    def look() -> str:
        """Look."""
        seen.append(trace.get_current_span().get_span_context().span_id)
        return "seen"

    async def look_async() -> str:
        """Look."""
        await asyncio.sleep(0)
        return look()

    look_async.__name__ = "look"
    scripted.reply(200, make_tool_reply()).reply(200, chat_reply("Done."))

    async def ask():
        async with open_async_client(telemetry) as client:
            await client.ask("Look twice.", tools=[look if blocking else look_async])
            return trace.get_current_span()

    assert asyncio.run(ask()) is trace.INVALID_SPAN
    assert set(seen) == {span.context.span_id for span in telemetry.named("execute_tool look")}
    assert parents(telemetry, "execute_tool") == ["chat gpt-4o"] * 2


def test_calls_in_tools_are_children_of_the_tool(telemetry, open_client, scripted):
    """
    A tool that asks a model itself has that request in its span. Afterwards the context is as before.
    """
    scripted.reply(200, make_tool_reply(1)).reply(200, chat_reply("Inner.")).reply(200, chat_reply("Outer."))
    client = open_client(telemetry)

    def look() -> str:
        """Look."""
        return client.ask("Inside?").text

    client.ask("Look.", tools=[look])

    assert parents(telemetry, "chat") == [None, "execute_tool look"]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_context_is_sent_to_the_server(telemetry, open_client, scripted):
    """
    Each attempt sends its own span in `traceparent`, and the baggage of the caller.
    """
    scripted.reply(500, {"error": {"message": "no"}}).reply(200, chat_reply("Hi"))
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        open_client(telemetry).ask("Hello")
    finally:
        context.detach(token)

    sent = [call.headers["traceparent"].split("-")[1:3] for call in scripted.calls]
    attempts = [span.context for span in telemetry.named("attempt")]
    assert sent == [[f"{span.trace_id:032x}", f"{span.span_id:016x}"] for span in attempts]
    assert [call.headers["baggage"] for call in scripted.calls] == ["tenant=acme"] * 2


def test_headers_can_be_turned_off(make_telemetry, open_client, scripted):
    """
    With `headers = false`, vendors receive neither trace nor baggage.
    """
    scripted.reply(200, chat_reply("Hi"))

    open_client(make_telemetry(headers=False)).ask("Hello")

    assert not {"traceparent", "tracestate", "baggage"} & scripted.calls[0].headers.keys()


class Header(TextMapPropagator):
    """
    Sends the trace in a header of its own.
    """

    fields = frozenset({"x-trace"})

    def extract(self, carrier, context=None, getter=None):
        return context

    def inject(self, carrier, context=None, setter=None):
        carrier["x-trace"] = str(trace.get_current_span(context).get_span_context().trace_id)


@pytest.mark.parametrize("is_global", [True, False])
def test_configured_propagators_are_used(make_telemetry, open_client, scripted, is_global, request):
    """
    Headers are those of the global propagator, as it is when the request is sent, or of the one that is passed.
    """
    scripted.reply(200, chat_reply("Hi"))
    telemetry = make_telemetry() if is_global else make_telemetry(propagator=Header())
    client = open_client(telemetry)
    if is_global:
        request.addfinalizer(partial(propagate.set_global_textmap, propagate.get_global_textmap()))
        propagate.set_global_textmap(Header())

    client.ask("Hello")

    headers = scripted.calls[0].headers
    assert headers["x-trace"] == str(telemetry.spans[0].context.trace_id)
    assert "traceparent" not in headers


def test_unsampled_trace_is_passed_on(make_telemetry, open_client, scripted):
    """
    If the sampler drops a trace, the call works, nothing is exported, and the server learns that it is not sampled.
    """
    telemetry = make_telemetry(sampler=ALWAYS_OFF)
    scripted.reply(200, chat_reply("Hi"))

    open_client(telemetry).ask("Hello")

    assert telemetry.spans == []
    flags = int(scripted.calls[0].headers["traceparent"].rpartition("-")[2], 16)
    assert flags & 1 == 0
