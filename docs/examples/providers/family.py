"""
Providers on a family base: vendors with an OpenAI-compatible API, except for some of their models.

Both vendors are fictitious. Mint's models ``muse-*`` take a number of thinking tokens, and return their thoughts as a
list. In the laboratory's Azure, some deployments take no system message; a trait in the settings marks them::

    [models."laboratory-azure/old-*"]
    traits = ["no_system"]

The base class handles everything else: messages, tools, images, streams, errors, embeddings.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from pydantic import SecretStr

from budwood.hooks import ProviderSpec, hookimpl
from budwood.types import Adaptation, ChatRequest, Message
from budwood_azure import ENVIRONMENT, AzureBase, AzureSettings
from budwood_openai_compatible import BaseURL, Body, OpenAICompatible, OpenAICompatibleSettings

BUDGET_MODELS = "muse-*"
THINKING_TOKENS = {
    "none": 0,
    "minimal": 500,
    "low": 1_000,
    "medium": 4_000,
    "high": 16_000,
    "xhigh": 32_000,
    "max": 64_000,
}


class MintSettings(OpenAICompatibleSettings):
    """The vendor's address and the API key."""

    base_url: BaseURL = "https://api.mint.example/v1"
    api_key: SecretStr | None = None


class Mint(OpenAICompatible):
    """Mint's API: OpenAI's, with other parameters and fields for thinking."""

    vendor: ClassVar[str] = "mint"

    def build_chat_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Convert the effort into a number of tokens, for the models that take one."""
        values, adaptations = super().build_chat_body(request, stream=stream)
        if fnmatchcase(request.model, BUDGET_MODELS) and "reasoning_effort" in values:
            tokens = THINKING_TOKENS[values.pop("reasoning_effort")]
            values["thinking"] = {"tokens": tokens}
            reason = f"{request.model} takes a number of tokens: {tokens}"
            adaptations += (Adaptation(parameter="reasoning_effort", action="changed", reason=reason),)
        return Body(values, adaptations)

    def normalize(self, body: dict[str, Any]) -> dict[str, Any]:
        """Move the thoughts of a reply or a chunk to the field that the base class reads."""
        for choice in body.get("choices") or ():
            message = choice.get("message") or choice.get("delta") or {}
            if thoughts := message.pop("thoughts", None):
                message["reasoning_content"] = "".join(thought["text"] for thought in thoughts)
        return body


class LaboratoryAzure(AzureBase):
    """Azure, where some deployments take no system message."""

    def build_chat_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Send the system message as a user message to such a deployment."""
        if "no_system" not in self.rules(request).traits or request.messages[0].role != "system":
            return super().build_chat_body(request, stream=stream)
        system, *others = request.messages
        request = request.model_copy(update={"messages": (Message.user(system.text), *others)})
        values, adaptations = super().build_chat_body(request, stream=stream)
        reason = f"{request.model} takes no system message: it is sent as a user message"
        return Body(values, (*adaptations, Adaptation(parameter="messages", action="changed", reason=reason)))


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe both providers."""
    return [
        ProviderSpec(
            name="mint",
            settings=lambda: MintSettings,
            build=Mint,
            requires_api=(2, 0),
            summary="A fictitious vendor with an OpenAI-compatible API.",
            capabilities=Mint.all_capabilities,
            environment={"api_key": ("MINT_API_KEY",)},
            needs_credential=True,
        ),
        ProviderSpec(
            name="laboratory-azure",
            settings=lambda: AzureSettings,
            build=LaboratoryAzure,
            requires_api=(2, 0),
            summary="Azure with deployments that take no system message.",
            capabilities=LaboratoryAzure.all_capabilities,
            environment=ENVIRONMENT,
            needs_credential=True,
            catalog_of=("azure", "openai"),
        ),
    ]
