"""The provider: models of OpenAI and other vendors on Azure, with any of its three forms of addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from budwood.contracts import PluginContext, TokenSource
from budwood.errors import ConfigurationError, ProviderError
from budwood.types import (
    Capability,
    ChatRequest,
    Credential,
    HTTPCall,
    HTTPReply,
    ModelRules,
    ReplyHead,
    SpeechRequest,
    Usage,
)
from budwood_azure.addresses import parse_address
from budwood_azure.errors import refine_error
from budwood_azure.settings import AzureSettings
from budwood_azure.tokens import choose_token_source
from budwood_openai_compatible import OpenAIFileBatches

_VOICE: Final = "alloy"
"""The voice for deployments whose model is not known; Azure requires one. Source: its API description 2025-03-01."""

_NOT_OF_FOUNDRY: Final = frozenset(
    {
        Capability.MODELS,  # its /info describes only one model
        Capability.COMPLETION,
        Capability.BATCHES,
        Capability.IMAGES,
        Capability.IMAGE_EDITS,
        Capability.SPEECH,
        Capability.TRANSCRIPTION,
        Capability.TRANSLATION,
        Capability.FILES,
        Capability.VIDEOS,
        Capability.BACKGROUND,
        Capability.BATCHES,
    }
)
"""Capabilities that addresses of the form ``…/models/…`` do not have."""


class AzureBase(OpenAIFileBatches):
    """
    Addresses, credentials, errors and model families of Azure: the base class of plugins for models with another API.

    Such a plugin overrides what differs: ``build_chat_body`` (the request), ``normalize`` (the reply, converted to
    OpenAI's form), ``model_rules`` or ``url``.

    Args:
        settings: The address of the resource, and the credentials.
        context: The context of the plugin.

    Raises:
        ConfigurationError: The endpoint or its version is missing.
    """

    vendor: ClassVar[str] = "azure"
    max_call_id_length: ClassVar[int | None] = 40
    purposes: ClassVar[Mapping[str, str]] = {"input": "assistants"}
    takes_image_urls: ClassVar[bool] = False
    batch_requests: ClassVar[int] = 100_000
    poll_seconds: ClassVar[float | None] = 60.0

    def __init__(self, settings: AzureSettings, context: PluginContext) -> None:
        super().__init__(settings, context)
        if not settings.base_url:
            raise ConfigurationError(
                f"{context.instance}: no endpoint.", hint="Set AZURE_OPENAI_ENDPOINT, or pass base_url=…."
            )
        self._address = parse_address(settings.base_url)
        self._version = self._address.api_version or settings.api_version
        self._form = settings.form or self._address.form or ("deployments" if self._version else "v1")
        if self._form == "v1" and self._version not in ("preview", "latest"):
            self._version = None  # the form v1 has no dated versions
        elif self._form != "v1" and not self._version:
            raise ConfigurationError(
                f"{context.instance}: addresses of the form {self._form} require an api_version.",
                hint="Set OPENAI_API_VERSION, such as 2024-10-21, or use an endpoint that ends with /openai/v1.",
            )
        if self._form == "foundry":
            self._capabilities -= _NOT_OF_FOUNDRY
        self._families = settings.model_family
        self._token_source = choose_token_source(settings, instance=context.instance)

    @property
    def token_source(self) -> TokenSource | None:
        """The source of Entra tokens; see `budwood.contracts.TokenProvider`."""
        return self._token_source

    def model_rules(self, model: str) -> ModelRules:
        """Return the catalog's rules for the model of a deployment, by its family or by its own name."""
        name = self.catalog_name(model)
        return self._context.rules(model) if name == model else self._context.rules(model, family=name)

    def catalog_name(self, model: str) -> str:
        """Return the family of a deployment, or its own name; see `budwood.contracts.CatalogNameProvider`."""
        family = self._families.get(model) if isinstance(self._families, Mapping) else self._families
        return family or model

    def api(self, request: ChatRequest) -> Literal["chat", "responses"]:
        """Return the API for a request. Foundry's own addresses have only Chat Completions."""
        return "chat" if self._form == "foundry" else super().api(request)

    def has_responses(self, model: str) -> bool:
        """Return whether a deployment can be asked by Responses; see `api`."""
        return self._form != "foundry" and super().has_responses(model)

    def url(self, path: str, model: str | None = None) -> str:
        """Return the URL of an operation on a deployment."""
        return self._address.url(path, model, self._form, self._version)

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Send a key as ``api-key``, and a token as ``Authorization``."""
        secret = credential.secret.get_secret_value()
        header = {"authorization": f"Bearer {secret}"} if credential.kind == "token" else {"api-key": secret}
        return call.with_headers(header)

    def encode_speech(self, request: SpeechRequest, *, stream: bool) -> HTTPCall:
        """Return a request for speech, with a voice also if the catalog does not know the model."""
        if request.voice is None and "voice" not in self.model_rules(request.model).defaults:
            request = request.model_copy(update={"voice": _VOICE})
        return super().encode_speech(request, stream=stream)

    def encode_expiry(self, seconds: int) -> dict[str, str]:
        """Return the fields for the time after which a file is deleted, whose names differ from OpenAI's."""
        return {"expires_after.anchor": "created_at", "expires_after.seconds": str(seconds)}

    def limit_tokens(self, request: ChatRequest, expected: Usage, used: Usage | None) -> int | None:
        """
        Return the tokens of the prompt and ``max_tokens``.

        Azure counts both when a request arrives, and does not give back what is not written. Source: Microsoft's
        documentation, "Azure OpenAI quotas and limits", "Understanding rate limits".
        """
        output = expected.output_tokens if request.max_tokens is None else request.max_tokens
        return (expected.input_tokens or 0) + (output or 0)

    def error(self, reply: HTTPReply) -> ProviderError:
        """Convert a reply whose status is not 2xx."""
        return refine_error(super().error(reply))

    def _convert_error(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        return refine_error(super()._convert_error(head, body))


class Azure(AzureBase):
    """The provider for models on Azure."""
