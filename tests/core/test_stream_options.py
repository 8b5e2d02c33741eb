"""`stream()` raises errors for invalid arguments when it is called, not when the stream is first read."""

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
    Return an object with a method `stream`: a client or a conversation.
    """
    return lambda client: client.stream if request.param == "client" else client.chat().stream


@pytest.mark.parametrize("mistake", MISTAKES, ids=[str(options) for options, *_ in MISTAKES])
def test_invalid_arguments_are_errors_of_the_call(make, streaming, scripted, mistake):
    """
    Unknown options, invalid values and invalid prompts are errors before a stream is returned.
    """
    options, kind, text = mistake
    stream = streaming(make(api_key="k"))

    with pytest.raises(kind, match=text):
        stream(**{"prompt": "hi", **options})

    assert scripted.calls == []


def test_a_missing_model_is_an_error_of_the_call(make, streaming):
    """
    Without a model in the call and in the client, no stream is returned.
    """
    with pytest.raises(ConfigurationError, match="model"):
        streaming(make(None))("hi")


def test_a_missing_key_is_an_error_of_the_call(make, streaming):
    """
    A missing key is an error of the call, unlike a key that the provider rejects.
    """
    with pytest.raises(CredentialError, match="no API key"):
        streaming(make())("hi")


def test_closed_clients_refuse_streams(scripted, clock, streaming):
    """
    The call on a closed client raises the error.
    """
    client = Client("openai/gpt-4o", api_key="k", transport=scripted, clock=clock, cache=False)
    client.close()

    with pytest.raises(BudwoodError, match="closed"):
        streaming(client)("hi")


def test_cached_replies_need_no_key(make, scripted):
    """
    With a cache, the key is needed only when a request is sent.
    """
    client = make(cache="memory")

    assert client.stream("hi") is not None
    assert scripted.calls == []


def test_a_failed_prompt_does_not_affect_others(make_client, scripted):
    """
    `ask_many` returns an error in the place of an invalid prompt.
    """
    scripted.reply(200, chat_reply("yes"))

    failed, reply = make_client().ask_many([5, "hi"]).in_order()

    assert isinstance(failed, PromptError)
    assert reply.text == "yes"
