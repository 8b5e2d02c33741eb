"""Replies of servers that speak OpenAI's Chat Completions, and clients that read them from a scripted transport."""

from __future__ import annotations

import json
from contextlib import contextmanager

from budwood import Client
from budwood_testing import chat_reply, sse

MODEL = "openai-compatible/m"
KEY = "sk-made-up-for-a-test"
OSLO = '{"city": "Oslo"}'
ROME = '{"city": "Rome"}'


def weather(city: str) -> str:
    """
    Tell the weather.
    """
    return f"rain in {city}"


def tool_call(arguments=OSLO, name="weather", **fields):
    """
    Make a call of a tool.
    """
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def make_tool_call_reply(*calls, content=None, **fields):
    """
    Make a complete reply that calls tools.
    """
    return chat_reply(content, tool_calls=list(calls), finish_reason="tool_calls", **fields)


def chunk(delta, reason=None, index=0, **fields):
    """
    Make a chunk of a stream.
    """
    return {"id": "c", "choices": [{"index": index, "delta": delta, "finish_reason": reason}], **fields}


def events(*chunks, done=True):
    """
    Write chunks as a stream of events.
    """
    return sse(*chunks, done=done)


def encode_event(value):
    """
    Write one event, of any bytes or any JSON.
    """
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


@contextmanager
def open_client(scripted, clock, model=MODEL, **options):
    """
    Open a client without retries over a scripted transport.
    """
    if model == MODEL:
        options.setdefault("base_url", "http://server.test/v1")
    defaults = {"api_key": KEY, "retries": 0, "cache": False}
    with Client(model, transport=scripted, clock=clock, **{**defaults, **options}) as client:
        yield client


def ask(scripted, clock, *, streamed=False, model=MODEL, prompt="Hello", settings=None, **options):
    """
    Ask once, or stream to the end, and return the response.
    """
    more = {} if settings is None else {"settings": settings}
    with open_client(scripted, clock, model, **more) as client:
        if not streamed:
            return client.ask(prompt, **options)
        with client.stream(prompt, **options) as stream:
            for _event in stream:
                pass
        return stream.response
