"""`stream()` raises for what is wrong with its arguments when it is called, not when the stream is first read."""

from __future__ import annotations

import pytest

from budwood import AsyncClient, Client
from budwood.errors import BudwoodError, ConfigurationError, CredentialError, PluginNotFoundError, PromptError
from budwood_testing import chat_reply

MISTAKES = [
    ({"nonsense": 1}, ConfigurationError, "Unknown option 'nonsense'"),
    ({"temperature": "warm"}, ConfigurationError, "temperature"),
    ({"max_tokens": 0}, ConfigurationError, "max_tokens"),
    ({"timeout": -1}, ConfigurationError, "timeout"),
    ({"tools": [5]}, ConfigurationError, "tool"),
    ({"tool_choice": "bogus"}, ConfigurationError, "tool_choice"),
    ({"schema": 5}, ConfigurationError, "schema"),
    ({"files": ["absent.txt"], "max_tokens": 0}, ConfigurationError, "max_tokens"),
    ({"model": "absent/model"}, PluginNotFoundError, "absent"),
    ({"prompt": 5}, PromptError, "int"),
]


@pytest.fixture(params=[Client, AsyncClient])
def make(request, scripted, clock, monkeypatch):
    """
    Make clients of either kind over the scripted transport.
    """
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def make(model="openai/gpt-4o", **changes):
        transport = scripted if request.param is Client else scripted.asynchronous
        return request.param(model, **{"transport": transport, "clock": clock, "cache": False, **changes})

    return make


@pytest.fixture(params=["client", "chat"])
def streaming(request):
    """
    What streams: a client, or a conversation of its.
    """
    return lambda client: client.stream if request.param == "client" else client.chat().stream


@pytest.mark.parametrize("mistake", MISTAKES, ids=[str(options) for options, *_ in MISTAKES])
def test_a_wrong_argument_is_said_by_the_call(make, streaming, scripted, mistake):
    """
    Options that are unknown or impossible, and a prompt that is none, raise before a stream is returned.
    """
    options, kind, text = mistake
    stream = streaming(make(api_key="k"))

    with pytest.raises(kind, match=text):
        stream(**{"prompt": "hi", **options})

    assert scripted.calls == []


def test_a_missing_model_is_said_by_the_call(make, streaming):
    """
    Where neither the call nor the client names a model, there is no stream.
    """
    with pytest.raises(ConfigurationError, match="model"):
        streaming(make(None))("hi")


def test_a_missing_key_is_said_by_the_call(make, streaming):
    """
    A provider that needs a key, and has none, is told apart from one that refuses it: by the call.
    """
    with pytest.raises(CredentialError, match="no API key"):
        streaming(make())("hi")


def test_a_closed_client_streams_no_more(scripted, clock, streaming):
    """
    A stream of a closed client is refused by the call.
    """
    client = Client("openai/gpt-4o", api_key="k", transport=scripted, clock=clock, cache=False)
    client.close()

    with pytest.raises(BudwoodError, match="closed"):
        streaming(client)("hi")


def test_a_cached_reply_needs_no_key(make, scripted):
    """
    With a cache the key is only looked for once something is sent.
    """
    client = make(cache="memory")

    assert client.stream("hi") is not None
    assert scripted.calls == []


def test_a_prompt_that_fails_does_not_end_the_others(make_client, scripted):
    """
    `ask_many` still gives an error in the place of a prompt that is none.
    """
    scripted.reply(200, chat_reply("yes"))

    failed, reply = make_client().ask_many([5, "hi"])

    assert isinstance(failed, PromptError)
    assert reply.text == "yes"
