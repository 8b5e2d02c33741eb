"""The provider: OpenAI's and others' models on Azure, by any of its three kinds of addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from budwood.contracts import PluginContext, TokenSource
from budwood.errors import ConfigurationError, ProviderError
from budwood.types import Capability, ChatRequest, Credential, HTTPCall, HTTPReply, ModelRules, ReplyHead
from budwood_azure.addresses import understood
from budwood_azure.failures import refined
from budwood_azure.settings import AzureSettings
from budwood_azure.tokens import source_of
from budwood_openai_compatible import OpenAICompatible


class AzureBase(OpenAICompatible):
    """
    Azure, for those who add a model that wants something otherwise: addresses, credentials, errors and model families.

    A plugin of one's own inherits from it and overrides what differs, as ``chat_body`` (what is sent), ``standard``
    (what comes back, brought into OpenAI's form), ``model_rules`` or ``url``.

    Args:
        settings: Where the resource is, and who asks.
        context: What the plugin got besides its settings.

    Raises:
        ConfigurationError: The endpoint or its version is missing.
    """

    vendor: ClassVar[str] = "azure"
    max_call_id_length: ClassVar[int | None] = 40

    def __init__(self, settings: AzureSettings, context: PluginContext) -> None:
        super().__init__(settings, context)
        if not settings.base_url:
            raise ConfigurationError(
                f"{context.instance}: no endpoint.", hint="Set AZURE_OPENAI_ENDPOINT, or pass base_url=…."
            )
        self._address = understood(settings.base_url)
        self._version = self._address.api_version or settings.api_version
        self._form = settings.form or self._address.form or ("deployments" if self._version else "v1")
        if self._form == "v1" and self._version not in ("preview", "latest"):
            self._version = None  # it has versions of no date
        elif self._form != "v1" and not self._version:
            raise ConfigurationError(
                f"{context.instance}: addresses of the form {self._form} need an api_version.",
                hint="Set OPENAI_API_VERSION, such as 2024-10-21, or take an endpoint that ends with /openai/v1.",
            )
        if self._form == "foundry":
            self._capabilities -= {Capability.MODELS, Capability.COMPLETION}  # it tells of one model only
        self._families = settings.model_family
        self._token_source = source_of(settings, instance=context.instance)

    @property
    def token_source(self) -> TokenSource | None:
        """Where tokens of Entra come from; see `budwood.contracts.TokenProvider`."""
        return self._token_source

    def model_rules(self, model: str) -> ModelRules:
        """Return what the catalog says of the model behind a deployment, by its family or by its own name."""
        name = self.catalog_name(model)
        return self._context.rules(model) if name == model else self._context.rules(model, family=name)

    def catalog_name(self, model: str) -> str:
        """Return the family of a deployment, or its own name; see `budwood.contracts.CatalogNameProvider`."""
        family = self._families.get(model) if isinstance(self._families, Mapping) else self._families
        return family or model

    def api(self, request: ChatRequest) -> Literal["chat", "responses"]:
        """Say by which API a request is sent: Foundry's own addresses have Chat Completions alone."""
        return "chat" if self._form == "foundry" else super().api(request)

    def url(self, path: str, model: str | None = None) -> str:
        """Return the address of an operation of a deployment."""
        return self._address.url(path, model, self._form, self._version)

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put a key into ``api-key``, a token into ``Authorization``."""
        secret = credential.secret.get_secret_value()
        header = {"authorization": f"Bearer {secret}"} if credential.kind == "token" else {"api-key": secret}
        return call.with_headers(header)

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a reply that is not 2xx."""
        return refined(super().error(reply))

    def _failure(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        return refined(super()._failure(head, body))


class Azure(AzureBase):
    """Models on Azure as Microsoft serves them."""
