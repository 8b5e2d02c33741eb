"""Azure OpenAI and the models of Azure AI Foundry."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MODELS_CHECK, ProviderSpec, hookimpl
from budwood_azure.provider import Azure, AzureBase
from budwood_azure.settings import AzureSettings

__all__ = ["ENVIRONMENT", "Azure", "AzureBase", "AzureSettings", "budwood_providers"]

ENVIRONMENT = {
    "base_url": ("AZURE_OPENAI_ENDPOINT",),
    "token": ("AZURE_OPENAI_AD_TOKEN",),
    "api_key": ("AZURE_OPENAI_API_KEY",),
    "api_version": ("OPENAI_API_VERSION",),
}
"""The environment variables that OpenAI's library reads for Azure."""

AUTHENTICATION_SETTINGS = ("token_source", "token", "identity", "api_key")
"""Mutually exclusive settings. In the environment, the token takes precedence, as in OpenAI's library."""


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Return the specification of the provider."""
    return [
        ProviderSpec(
            name="azure",
            settings=lambda: AzureSettings,
            build=Azure,
            requires_api=(2, 0),
            summary="Azure OpenAI, and the models of Azure AI Foundry.",
            capabilities=Azure.all_capabilities,
            environment=ENVIRONMENT,
            needs_credential=True,
            counts_output=True,
            catalog_of=("openai",),
            exclusive=AUTHENTICATION_SETTINGS,
            key_page="https://portal.azure.com",
            key_check=MODELS_CHECK,
            api="openai",
        )
    ]
