"""Capabilities of models: known ones are checked before a request is sent, unknown ones are left to the server."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.errors import UnsupportedError
from budwood.types import Capability
from budwood_testing import ScriptedTransport, chat_reply

FOREIGN = {Capability.EMBEDDINGS, Capability.COMPLETION, Capability.MODERATION}

CHAT_MODELS = [
    "openai/gpt-5",
    "openai/gpt-5-mini",
    "openai/gpt-4o",
    "openai/gpt-4.1-mini",
    "openai/gpt-3.5-turbo",
    "openai/o3",
    "openai/gpt-6-sol",
    "openai/chatgpt-4o-latest",
    "openai/ft:gpt-4o-mini-2024-07-18:acme::abc",
    "gemini/gemini-2.5-pro",
    "gemini/gemini-9-flash",
    "anthropic/claude-haiku-4-5",
    "groq/llama-3.3-70b-versatile",
]


def make_scripted_client(model: str, transport: ScriptedTransport | None = None) -> Client:
    """
    Create a client that can send only what is scripted.
    """
    return Client(model, api_key="key-of-the-test", transport=transport or ScriptedTransport())


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_a_chat_model_lists_its_capabilities(model):
    """
    A chat model lists neither embeddings nor plain completions nor moderation.
    """
    with make_scripted_client(model) as client:
        capabilities = client.capabilities()

        assert client.model().is_known
        assert client.model().rules.kind == "chat"
    assert {Capability.CHAT, Capability.STREAM} <= capabilities
    assert not FOREIGN & capabilities


@pytest.mark.parametrize("model", ["openai/gpt-5", "openai/gpt-4o", "gemini/gemini-2.5-flash"])
def test_embeddings_with_a_chat_model_are_rejected_before_sending(model):
    """
    Embeddings with a chat model raise an error before anything is sent.
    """
    transport = ScriptedTransport()

    with (
        make_scripted_client(model, transport) as client,
        pytest.raises(UnsupportedError, match="does not support embeddings"),
    ):
        client.embed(["a"])
    assert transport.calls == []


@pytest.mark.parametrize("model", ["openai/gpt-5", "openai/gpt-3.5-turbo", "openai/gpt-4o-mini"])
def test_completions_and_moderations_with_a_chat_model_are_rejected_before_sending(model):
    """
    Completions and moderations with a chat model raise errors before anything is sent.
    """
    transport = ScriptedTransport()

    with make_scripted_client(model, transport) as client:
        with pytest.raises(UnsupportedError, match="does not support plain completions"):
            client.complete("Once")
        with pytest.raises(UnsupportedError, match="does not support moderation"):
            client.moderate("a", model=model)
    assert transport.calls == []


@pytest.mark.parametrize("model", ["openai/gpt-3.5-turbo-instruct", "openai/davinci-002", "openai/babbage-002"])
def test_a_completion_model_completes_and_does_not_chat(model):
    """
    The error names the method that works.
    """
    transport = ScriptedTransport().reply(200, {"choices": [{"text": " a time", "finish_reason": "stop"}]})

    with make_scripted_client(model, transport) as client:
        assert client.complete("Once upon").text == " a time"
        with pytest.raises(UnsupportedError, match=r"client\.complete"):
            client.ask("Hi")
    assert len(transport.calls) == 1


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("openai/gpt-4o-mini-tts", "speech"),
        ("openai/gpt-4o-transcribe", "transcription"),
        ("openai/gpt-4o-realtime-preview", "realtime"),
        ("openai/gpt-image-1", "image"),
        ("openai/chatgpt-image-latest", "image"),
        ("openai/text-embedding-3-small", "embedding"),
        ("openai/omni-moderation-latest", "moderation"),
        ("gemini/gemini-embedding-001", "embedding"),
    ],
)
def test_names_that_begin_like_chat_models_keep_their_kind(model, kind):
    """
    The longest matching pattern of the catalog decides the kind of a model.
    """
    with make_scripted_client(model) as client:
        assert client.model().rules.kind == kind
        assert Capability.CHAT not in client.capabilities()


def test_requests_to_unknown_models_are_sent():
    """
    An unknown model has the capabilities of its provider, and the request is sent.
    """
    vectors = {"data": [{"index": 0, "embedding": [1.0]}]}
    transport = ScriptedTransport().reply(200, chat_reply("ok")).reply(200, vectors)

    with make_scripted_client("openai/wholly-new", transport) as client:
        details = client.model()

        assert not details.is_known
        assert details.rules.kind is None
        assert client.capabilities() >= FOREIGN
        assert client.ask("Hi").text == "ok"
        assert client.embed(["a"]).vectors == ((1.0,),)


def test_a_row_of_the_settings_makes_a_model_known():
    """
    The kind of a model in the settings decides which calls are rejected.
    """
    settings = {"models": {"openai/wholly-new": {"kind": "embedding"}}}

    with Client("openai/wholly-new", api_key="key-of-the-test", settings=settings) as client:
        assert client.model().is_known
        with pytest.raises(UnsupportedError, match=r"is an embedding model. It does not support chat"):
            client.ask("Hi")
