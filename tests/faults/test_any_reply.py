"""Any JSON of a server gives a response or a BudwoodError."""

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


def paths_in(value, path=()):
    """Yield the paths to all values inside a value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths_in(child, (*path, key))


def replace_at(value, path, new):
    """Return a copy of a value with another value at a path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replace_at(value[path[0]], path[1:], new)
    return copy


CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
REPLY = chat_reply("text", tool_calls=[CALL], refusal="no", reasoning="because")
CHUNKS = chat_chunks(["a", "b"])
CHUNKS[0]["choices"][0]["delta"] |= {"role": "assistant", "tool_calls": [CALL], "refusal": "no", "reasoning": "x"}


@pytest.fixture(scope="module")
def server():
    """
    A transport and a client for all examples.
    """
    scripted = ScriptedTransport()
    with Client("openai/m", api_key="k", transport=scripted, clock=FakeClock(), retries=0, cache=False) as client:
        yield scripted, client


def check_outcome(ask) -> None:
    """Check that a call returns a response, or raises an error with a message on one line."""
    try:
        response = ask()
    except BudwoodError as error:
        response = error
    if isinstance(response, BudwoodError):
        assert "\n" not in str(response)
    else:
        assert isinstance(response, ChatResponse)
        assert isinstance(response.text, str)


@given(path=st.sampled_from(list(paths_in(REPLY))), value=JSON)
def test_any_value_anywhere_in_a_reply(server, path, value):
    """
    A reply in which one value is replaced by another gives a response or a BudwoodError.
    """
    scripted, client = server
    scripted.reply(200, json.dumps(replace_at(REPLY, path, value)))

    check_outcome(lambda: client.ask("hi"))


@given(path=st.sampled_from([path for path in paths_in(CHUNKS) if path]), value=JSON)
def test_any_value_anywhere_in_a_stream(server, path, value):
    """
    A stream in which one value is replaced by another gives a response or a BudwoodError.
    """
    scripted, client = server
    scripted.reply(200, chunks=sse(*replace_at(CHUNKS, path, value)))

    def read() -> ChatResponse:
        with client.stream("hi") as stream:
            list(stream)
            return stream.response

    check_outcome(read)


@given(st.binary(max_size=50), st.sampled_from([200, 204, 302, 400, 401, 404, 429, 500, 503]))
def test_any_bytes_with_any_status(server, body, status):
    """
    Arbitrary bytes raise a BudwoodError, with and without streaming.
    """
    scripted, client = server
    scripted.reply(status, body).reply(status, body)

    with pytest.raises(BudwoodError):
        client.ask("hi")
    with pytest.raises(BudwoodError), client.stream("hi") as stream:
        list(stream)
