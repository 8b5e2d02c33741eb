"""Tests of a provider's spec and capabilities."""

from __future__ import annotations

from typing import Any, Final

from pydantic import SecretStr

from budwood.contracts import (
    BackgroundProvider,
    BatchProvider,
    CompletionProvider,
    EmbeddingProvider,
    FileProvider,
    ImageProvider,
    ModelListProvider,
    ModerationProvider,
    PromptProvider,
    Provider,
    SpeechProvider,
    TokenCountProvider,
    TranscriptionProvider,
    VideoProvider,
)
from budwood.hooks import ProviderSpec
from budwood.types import Capability
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.provider.under_test import ProviderUnderTest
from budwood_testing.suites.spec_checks import check_key_data

_PROTOCOLS: Final[dict[Capability, type[Any]]] = {
    Capability.EMBEDDINGS: EmbeddingProvider,
    Capability.MODELS: ModelListProvider,
    Capability.COUNT_TOKENS: TokenCountProvider,
    Capability.MODERATION: ModerationProvider,
    Capability.COMPLETION: CompletionProvider,
    Capability.PROMPTS: PromptProvider,
    Capability.IMAGES: ImageProvider,
    Capability.IMAGE_EDITS: ImageProvider,
    Capability.SPEECH: SpeechProvider,
    Capability.TRANSCRIPTION: TranscriptionProvider,
    Capability.TRANSLATION: TranscriptionProvider,
    Capability.VIDEOS: VideoProvider,
    Capability.FILES: FileProvider,
    Capability.BATCHES: BatchProvider,
    Capability.BACKGROUND: BackgroundProvider,
}


class ClaimTests(ProviderUnderTest):
    """A provider matches its spec."""

    def test_implements_provider(self, bench: Bench) -> None:
        """The object has the methods of Provider."""
        assert isinstance(bench.provider, Provider), (
            f"{type(bench.provider).__name__} does not implement all methods of Provider"
        )

    def test_capabilities_are_within_the_spec(self, bench: Bench) -> None:
        """The instance has no capabilities beyond those of its spec."""
        assert isinstance(bench.provider.capabilities, frozenset)
        assert bench.provider.capabilities <= bench.instance.spec.capabilities

    def test_capabilities_have_their_methods(self, bench: Bench) -> None:
        """For each capability, the object has the methods of its protocol."""
        for capability, protocol in _PROTOCOLS.items():
            if capability in bench.provider.capabilities:
                assert isinstance(bench.provider, protocol), (
                    f"the capability {capability.value} requires the methods of {protocol.__name__}: implement them"
                )

    def test_environment_variables_match_settings(self, spec: ProviderSpec[Any]) -> None:
        """Environment variables and mutually exclusive settings of the spec refer to fields of the settings."""
        fields = set(spec.settings().model_fields)

        assert set(spec.environment) <= fields
        assert set(spec.exclusive) <= fields

    def test_required_credential_has_a_setting(self, spec: ProviderSpec[Any]) -> None:
        """If the spec requires a credential, the settings have a secret field ``api_key``."""
        field = spec.settings().model_fields.get("api_key")
        if field is None:
            assert not spec.needs_credential, "needs_credential is set, but the settings have no api_key: add the field"
        else:
            assert "SecretStr" in str(field.annotation), f"the type of api_key must be {SecretStr.__name__}"

    def test_key_data_are_valid(self, spec: ProviderSpec[Any]) -> None:
        """The page for keys is a URL, the pattern of keys a regular expression, and the check a request."""
        check_key_data(spec)
