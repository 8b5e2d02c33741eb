"""Providers that do not support chat."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, SecretStr

from budwood import Client
from budwood.errors import PluginInvalidError, RateLimitError, UnsupportedError
from budwood.hooks import PROVIDER, ProviderSpec
from budwood.types import Capability, EmbeddingResponse, HTTPCall
from tests.plugins.testing.mutants.registering import registry_of


class Settings(BaseModel):
    api_key: SecretStr | None = None


class Embedder:
    """
    A provider of embeddings only, without a base class.
    """

    capabilities = frozenset({Capability.EMBEDDINGS})

    def __init__(self, settings, context):
        self.context = context

    def authorize(self, call, credential):
        return call.with_headers({"authorization": f"Key {credential.secret.get_secret_value()}"})

    def error(self, reply):
        return RateLimitError(f"HTTP {reply.status}", status=reply.status)

    def encode_embedding(self, request):
        return HTTPCall(method="POST", url="https://acme.example/embed", body=json.dumps(request.texts).encode())

    def decode_embedding(self, request, reply):
        return EmbeddingResponse(vectors=tuple(json.loads(reply.body)), model=request.model)


class Claiming(Embedder):
    """
    A provider that lists the capability chat but lacks its methods.
    """

    capabilities = frozenset({Capability.EMBEDDINGS, Capability.CHAT})


@pytest.fixture
def make_client_of(scripted, clock):
    """
    Make a client of a provider.
    """

    def make(provider):
        spec = ProviderSpec(
            name="acme",
            settings=lambda: Settings,
            build=provider,
            requires_api=(2, 0),
            summary="A vendor of embeddings.",
            capabilities=provider.capabilities,
        )
        registry = registry_of(PROVIDER, spec, "acme")
        return Client("acme/e", registry=registry, api_key="sk-secret", transport=scripted, clock=clock)

    return make


def test_providers_of_embeddings_are_supported(make_client_of, scripted):
    """
    Requests are authorized, retried and listed in `attempts`.
    """
    scripted.reply(429, b"slow").reply(200, [[1.0, 2.0]])

    with make_client_of(Embedder) as client:
        reply = client.embed("Hello")

    assert [list(vector) for vector in reply.vectors] == [[1.0, 2.0]]
    assert [attempt.status for attempt in reply.attempts] == [429, 200]
    assert scripted.calls[0].headers["authorization"] == "Key sk-secret"


def test_chats_are_refused_without_chat_support(make_client_of, scripted):
    """
    The error is raised before anything is sent.
    """
    with make_client_of(Embedder) as client:
        with pytest.raises(UnsupportedError, match="acme/e does not support chat"):
            client.ask("Hello")
        with pytest.raises(UnsupportedError, match="does not support chat"), client.stream("Hello") as stream:
            list(stream)

    assert not scripted.calls


def test_claimed_chat_support_needs_its_methods(make_client_of):
    """
    The error lists the missing methods.
    """
    with pytest.raises(PluginInvalidError, match=r"has the capability chat.*Missing: decode, decoder, encode\."):
        make_client_of(Claiming)
