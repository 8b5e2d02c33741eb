"""Whatever JSON a server sends, callers get a response or an error of ours."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood.errors import BudwoodError
from budwood.types import ChatResponse
from budwood_testing import FakeClock, ScriptedTransport, chat_chunks, chat_reply, sse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "index", "function", "name", "arguments", "text", "content", "error"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(value, path=()):
    """List the paths to all values inside a value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def replaced(value, path, new):
    """Copy a value, with another one at a path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
WHOLE = chat_reply("text", tool_calls=[CALL], refusal="no", reasoning="because")
CHUNKS = chat_chunks(["a", "b"])
CHUNKS[0]["choices"][0]["delta"] |= {"role": "assistant", "tool_calls": [CALL], "refusal": "no", "reasoning": "x"}


@pytest.fixture(scope="module")
def server():
    """
    A transport and its client, used for all examples.
    """
    scripted = ScriptedTransport()
    with Client("openai/m", api_key="k", transport=scripted, clock=FakeClock(), retries=0, cache=False) as client:
        yield scripted, client


def see_what_comes(ask) -> None:
    """See that it is a response, or an error on one line."""
    try:
        response = ask()
    except BudwoodError as error:
        response = error
    if isinstance(response, BudwoodError):
        assert "\n" not in str(response)
    else:
        assert isinstance(response, ChatResponse)
        assert isinstance(response.text, str)


@given(path=st.sampled_from(list(places(WHOLE))), value=JSON)
def test_a_whole_reply_with_anything_anywhere(server, path, value):
    """
    A reply in which one value is replaced by any other is read, or an error of ours on one line.
    """
    scripted, client = server
    scripted.reply(200, json.dumps(replaced(WHOLE, path, value)))

    see_what_comes(lambda: client.ask("hi"))


@given(path=st.sampled_from([place for place in places(CHUNKS) if place]), value=JSON)
def test_a_stream_with_anything_anywhere(server, path, value):
    """
    A stream in which one value is replaced by any other is read, or an error of ours on one line.
    """
    scripted, client = server
    scripted.reply(200, chunks=sse(*replaced(CHUNKS, path, value)))

    def read() -> ChatResponse:
        with client.stream("hi") as stream:
            list(stream)
            return stream.response

    see_what_comes(read)


@given(st.binary(max_size=50), st.sampled_from([200, 204, 302, 400, 401, 404, 429, 500, 503]))
def test_any_bytes_with_any_status(server, body, status):
    """
    Bytes that are nothing in particular are an error of ours, whole or streamed.
    """
    scripted, client = server
    scripted.reply(status, body).reply(status, body)

    with pytest.raises(BudwoodError):
        client.ask("hi")
    with pytest.raises(BudwoodError), client.stream("hi") as stream:
        list(stream)
