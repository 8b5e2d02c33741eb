"""OpenAI: Chat Completions, Responses, embeddings, moderations, token counts, images, speech and files."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

from budwood.contracts import PluginContext
from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_openai_compatible import BaseURL, OpenAICompatibleSettings, OpenAIFileBatches, OptionalFeature

__all__ = ["OpenAI", "OpenAISettings", "budwood_providers"]


class OpenAISettings(OpenAICompatibleSettings):
    """
    Settings of OpenAI.

    Attributes:
        api_key: Begins with ``sk-``.
        organization: The organization to bill, if the key belongs to several.
        project: The project to bill, if the key belongs to several.
    """

    base_url: BaseURL = "https://api.openai.com/v1"
    api_key: SecretStr | None = None
    organization: str | None = None
    project: str | None = None
    system_role: Literal["system", "developer"] | None = None
    offers: frozenset[OptionalFeature] = frozenset(
        {
            "count_tokens",
            "moderation",
            "audio_input",
            "document_input",
            "audio_output",
            "image_output",
            "files",
            "background",
        }
    )
    extra_message_fields: frozenset[str] | None = frozenset()
    api: Literal["chat", "responses", "auto"] = "auto"


class OpenAI(OpenAIFileBatches):
    """The provider for OpenAI's own API."""

    vendor: ClassVar[str] = "openai"
    max_call_id_length: ClassVar[int | None] = 40

    def __init__(self, settings: OpenAISettings, context: PluginContext) -> None:
        super().__init__(settings, context)
        if settings.organization:
            self._headers["openai-organization"] = settings.organization
        if settings.project:
            self._headers["openai-project"] = settings.project


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Return the specification of the provider."""
    return [
        ProviderSpec(
            name="openai",
            settings=lambda: OpenAISettings,
            build=OpenAI,
            requires_api=(2, 0),
            summary="OpenAI.",
            capabilities=OpenAI.all_capabilities,
            environment={
                "api_key": ("OPENAI_API_KEY",),
                "base_url": ("OPENAI_BASE_URL",),
                "organization": ("OPENAI_ORG_ID",),
                "project": ("OPENAI_PROJECT_ID",),
            },
            needs_credential=True,
            counts_output=True,
            key_page="https://platform.openai.com/settings/organization/api-keys",
            key_pattern="sk-.+",
            key_check=MODELS_CHECK,
            api="openai",
        )
    ]
