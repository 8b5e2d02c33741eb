"""What a provider can do besides chat: embeddings, lists of models, counts, verdicts, plain completions."""

from __future__ import annotations

from typing import Any, Final

import pytest

from budwood.contracts import ModelDetailProvider
from budwood.errors import ProviderError
from budwood.types import Capability, EmbeddingRequest, Message, ModerationRequest, TextPart
from budwood_testing.examples.wire import WireReply
from budwood_testing.suites.provider.bench import Bench, scripted
from budwood_testing.suites.provider.sent import holds_text
from budwood_testing.suites.provider.tested import ProviderUnderTest

_TEXTS: Final = ("first text", "second text", "third text")
_VECTORS: Final = ((0.5, -0.25), (0.125, 1.0), (0.0, -2.0))
_FLAGGED: Final = (True, False, True)
_MODELS: Final = ("model-one", "model-two")


class Services(ProviderUnderTest):
    """What is claimed besides chat works through the client."""

    def test_texts_are_embedded_in_their_order(self, bench: Bench) -> None:
        """One vector for each text, in the order of the texts."""
        bench.claims(Capability.EMBEDDINGS)
        body = bench.body(bench.examples.embeddings(_VECTORS), "embeddings", Capability.EMBEDDINGS)
        script = scripted(body)
        with bench.client(script) as client:
            response = client.embed(_TEXTS)

        assert response.vectors == _VECTORS
        assert all(holds_text(script.calls[0], text) for text in _TEXTS)

    def test_missing_vectors_are_an_error(self, bench: Bench) -> None:
        """Fewer vectors than texts would belong to the wrong ones."""
        bench.claims(Capability.EMBEDDINGS)
        body = bench.body(bench.examples.embeddings(_VECTORS[:2]), "embeddings", Capability.EMBEDDINGS)
        with bench.client(scripted(body)) as client, pytest.raises(ProviderError):
            client.embed(_TEXTS)

    def test_models_are_listed(self, bench: Bench) -> None:
        """By the names under which they are asked."""
        bench.claims(Capability.MODELS)
        replies = [bench.body(bench.examples.models(_MODELS), "models", Capability.MODELS)]
        if isinstance(bench.provider, ModelDetailProvider):
            replies += [bench.body(bench.examples.model(name), "model", Capability.MODELS) for name in _MODELS]
        with bench.client(scripted(*replies)) as client:
            listed = client.models()

        assert [model.id for model in listed] == list(_MODELS)
        assert {model.provider for model in listed} == {bench.instance.name}

    def test_tokens_are_counted(self, bench: Bench) -> None:
        """The count is the vendor's own."""
        bench.claims(Capability.COUNT_TOKENS)
        script = scripted(bench.body(bench.examples.token_count(321), "token_count", Capability.COUNT_TOKENS))
        with bench.client(script) as client:
            count = client.count_tokens("How many are these?")

        assert (count.input_tokens, count.exact) == (321, True)
        assert holds_text(script.calls[0], "How many are these?")

    def test_contents_are_judged_in_their_order(self, bench: Bench) -> None:
        """One verdict for each content, in the order of the contents."""
        bench.claims(Capability.MODERATION)
        script = scripted(bench.body(bench.examples.moderation(_FLAGGED), "moderation", Capability.MODERATION))
        with bench.client(script) as client:
            response = client.moderate(_TEXTS)

        assert [verdict.flagged for verdict in response.verdicts] == list(_FLAGGED)
        assert all(holds_text(script.calls[0], text) for text in _TEXTS)

    def test_text_is_completed(self, bench: Bench) -> None:
        """The continuation is the response's text."""
        bench.claims(Capability.COMPLETION)
        script = scripted(bench.body(bench.examples.completion(" time"), "completion", Capability.COMPLETION))
        with bench.client(script) as client:
            response = client.complete("Once upon a")

        assert response.text == " time"
        assert holds_text(script.calls[0], "Once upon a")

    def test_refusal_of_a_service_is_the_same_error(self, bench: Bench) -> None:
        """Errors of embeddings and lists are those of chat."""
        calls = list(self.service_calls(bench))
        if not calls:
            pytest.skip(f"{bench.instance.name} claims no service besides chat")
        body = bench.body(bench.examples.error(500, "Broken."), "error", Capability.CHAT)
        for ask in calls:
            with pytest.raises(ProviderError, match="Broken"):
                ask(WireReply(status=500, body=body))

    def service_calls(self, bench: Bench) -> list[Any]:
        """Return a function for each claimed service, which asks for it and gets a reply."""

        def embed(reply: WireReply) -> object:
            with bench.client(scripted(reply)) as client:
                return client.embed(_TEXTS)

        def models(reply: WireReply) -> object:
            with bench.client(scripted(reply)) as client:
                return client.models()

        claimed = {Capability.EMBEDDINGS: embed, Capability.MODELS: models}
        return [ask for capability, ask in claimed.items() if capability in bench.provider.capabilities]

    def test_services_are_written_alike(self, bench: Bench) -> None:
        """The same request is the same call."""
        provider, capabilities = bench.provider, bench.provider.capabilities
        embedding = EmbeddingRequest(model=bench.model, texts=_TEXTS)
        judged = ModerationRequest(contents=((TextPart(text="one"),),))
        counted = bench.request(Message.user("Hello."))

        if Capability.EMBEDDINGS in capabilities:
            assert provider.encode_embedding(embedding) == provider.encode_embedding(embedding)
        if Capability.MODERATION in capabilities:
            assert provider.encode_moderation(judged) == provider.encode_moderation(judged)
        if Capability.COUNT_TOKENS in capabilities:
            assert provider.encode_token_count(counted) == provider.encode_token_count(counted)
        if Capability.MODELS in capabilities:
            assert provider.encode_models() == provider.encode_models()
