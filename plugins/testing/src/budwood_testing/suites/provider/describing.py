"""What a provider claims."""

from __future__ import annotations

from typing import Any, Final

from pydantic import SecretStr

from budwood.contracts import (
    CompletionProvider,
    EmbeddingProvider,
    ModelListProvider,
    ModerationProvider,
    Provider,
    TokenCountProvider,
)
from budwood.hooks import ProviderSpec
from budwood.types import Capability
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.provider.tested import ProviderUnderTest

_PROTOCOLS: Final[dict[Capability, type[Any]]] = {
    Capability.EMBEDDINGS: EmbeddingProvider,
    Capability.MODELS: ModelListProvider,
    Capability.COUNT_TOKENS: TokenCountProvider,
    Capability.MODERATION: ModerationProvider,
    Capability.COMPLETION: CompletionProvider,
}


class Describing(ProviderUnderTest):
    """A provider is what its spec says."""

    def test_it_is_a_provider(self, bench: Bench) -> None:
        """The object has the methods of the Protocol."""
        assert isinstance(bench.provider, Provider), f"{type(bench.provider).__name__} lacks methods of Provider"

    def test_instance_claims_no_more_than_its_spec(self, bench: Bench) -> None:
        """The spec's capabilities are the upper bound."""
        assert isinstance(bench.provider.capabilities, frozenset)
        assert bench.provider.capabilities <= bench.instance.spec.capabilities

    def test_claims_have_their_methods(self, bench: Bench) -> None:
        """What is claimed besides chat brings the methods of its Protocol."""
        for capability, protocol in _PROTOCOLS.items():
            if capability in bench.provider.capabilities:
                assert isinstance(bench.provider, protocol), (
                    f"{capability.value} needs the methods of {protocol.__name__}"
                )

    def test_variables_fill_settings_that_exist(self, spec: ProviderSpec[Any]) -> None:
        """Each of the vendor's environment variables, and each exclusive setting, belongs to a field."""
        fields = set(spec.settings().model_fields)

        assert set(spec.environment) <= fields
        assert set(spec.exclusive) <= fields

    def test_needed_credential_has_its_setting(self, spec: ProviderSpec[Any]) -> None:
        """A provider that needs a key takes one as ``api_key``, which is a secret."""
        field = spec.settings().model_fields.get("api_key")
        if field is None:
            assert not spec.needs_credential, "needs_credential is about the setting api_key, and there is none"
        else:
            assert "SecretStr" in str(field.annotation), f"api_key must be a {SecretStr.__name__}"
