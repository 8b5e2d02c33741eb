"""Tests of services besides chat: embeddings, model lists, token counts, moderation, completions."""

from __future__ import annotations

from typing import Any, Final

import pytest

from budwood.contracts import ModelDetailProvider
from budwood.errors import ProviderError
from budwood.types import Capability, EmbeddingRequest, Message, ModerationRequest, TextPart
from budwood_testing.examples.wire import WireReply
from budwood_testing.suites.provider.bench import Bench, script_of
from budwood_testing.suites.provider.request_content import holds_text
from budwood_testing.suites.provider.under_test import ProviderUnderTest

_TEXTS: Final = ("first text", "second text", "third text")
_VECTORS: Final = ((0.5, -0.25), (0.125, 1.0), (0.0, -2.0))
_FLAGGED: Final = (True, False, True)
_MODELS: Final = ("model-one", "model-two")


class ServiceTests(ProviderUnderTest):
    """The services besides chat work through the client."""

    def test_embeddings_are_in_input_order(self, bench: Bench) -> None:
        """There is one vector for each text, in the order of the texts."""
        bench.claims(Capability.EMBEDDINGS)
        body = bench.body(bench.examples.embeddings(_VECTORS), "embeddings", Capability.EMBEDDINGS)
        script = script_of(body)
        with bench.client(script) as client:
            response = client.embed(_TEXTS)

        assert response.vectors == _VECTORS
        assert all(holds_text(script.calls[0], text) for text in _TEXTS)

    def test_missing_embeddings_are_an_error(self, bench: Bench) -> None:
        """Fewer vectors than texts are an error."""
        bench.claims(Capability.EMBEDDINGS)
        body = bench.body(bench.examples.embeddings(_VECTORS[:2]), "embeddings", Capability.EMBEDDINGS)
        with bench.client(script_of(body)) as client, pytest.raises(ProviderError):
            client.embed(_TEXTS)

    def test_models_are_listed(self, bench: Bench) -> None:
        """Models are listed under the names that requests use."""
        bench.claims(Capability.MODELS)
        replies = [bench.body(bench.examples.models(_MODELS), "models", Capability.MODELS)]
        if isinstance(bench.provider, ModelDetailProvider):
            replies += [bench.body(bench.examples.model(name), "model", Capability.MODELS) for name in _MODELS]
        with bench.client(script_of(*replies)) as client:
            listed = client.models()

        assert [model.id for model in listed] == list(_MODELS)
        assert {model.provider for model in listed} == {bench.instance.name}

    def test_tokens_are_counted(self, bench: Bench) -> None:
        """The vendor's token count is exact."""
        bench.claims(Capability.COUNT_TOKENS)
        script = script_of(bench.body(bench.examples.token_count(321), "token_count", Capability.COUNT_TOKENS))
        with bench.client(script) as client:
            count = client.count_tokens("How many are these?")

        assert (count.input_tokens, count.exact) == (321, True)
        assert holds_text(script.calls[0], "How many are these?")

    def test_moderation_results_are_in_input_order(self, bench: Bench) -> None:
        """There is one moderation result for each input, in the order of the inputs."""
        bench.claims(Capability.MODERATION)
        script = script_of(bench.body(bench.examples.moderation(_FLAGGED), "moderation", Capability.MODERATION))
        with bench.client(script) as client:
            response = client.moderate(_TEXTS)

        assert [result.flagged for result in response.results] == list(_FLAGGED)
        assert all(holds_text(script.calls[0], text) for text in _TEXTS)

    def test_text_is_completed(self, bench: Bench) -> None:
        """The text of the response is the completion."""
        bench.claims(Capability.COMPLETION)
        script = script_of(bench.body(bench.examples.completion(" time"), "completion", Capability.COMPLETION))
        with bench.client(script) as client:
            response = client.complete("Once upon a")

        assert response.text == " time"
        assert holds_text(script.calls[0], "Once upon a")

    def test_service_raises_the_same_error(self, bench: Bench) -> None:
        """Embeddings and model lists raise the same errors as chat."""
        calls = list(self.service_calls(bench))
        if not calls:
            pytest.skip(f"{bench.instance.name} has no service besides chat")
        body = bench.body(bench.examples.error(500, "Broken."), "error", Capability.CHAT)
        for ask in calls:
            with pytest.raises(ProviderError, match="Broken"):
                ask(WireReply(status=500, body=body))

    def service_calls(self, bench: Bench) -> list[Any]:
        """Return a function for each service, which calls it with a given reply."""

        def embed(reply: WireReply) -> object:
            with bench.client(script_of(reply)) as client:
                return client.embed(_TEXTS)

        def models(reply: WireReply) -> object:
            with bench.client(script_of(reply)) as client:
                return client.models()

        functions = {Capability.EMBEDDINGS: embed, Capability.MODELS: models}
        return [ask for capability, ask in functions.items() if capability in bench.provider.capabilities]

    def test_service_requests_are_deterministic(self, bench: Bench) -> None:
        """Encoding the same request twice gives the same call."""
        provider, capabilities = bench.provider, bench.provider.capabilities
        embedding = EmbeddingRequest(model=bench.model, texts=_TEXTS)
        moderation = ModerationRequest(contents=((TextPart(text="one"),),))
        count_request = bench.request(Message.user("Hello."))

        if Capability.EMBEDDINGS in capabilities:
            assert provider.encode_embedding(embedding) == provider.encode_embedding(embedding)
        if Capability.MODERATION in capabilities:
            assert provider.encode_moderation(moderation) == provider.encode_moderation(moderation)
        if Capability.COUNT_TOKENS in capabilities:
            assert provider.encode_token_count(count_request) == provider.encode_token_count(count_request)
        if Capability.MODELS in capabilities:
            assert provider.encode_models() == provider.encode_models()
