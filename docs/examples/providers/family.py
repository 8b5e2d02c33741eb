"""
Providers of a family: vendors who speak OpenAI's API, but for what one of their models does otherwise.

Both vendors are made up. Mint's models ``muse-*`` are told how many tokens to think, and write their thoughts in pieces
of a list. On the laboratory's Azure, some deployments take no system message; the settings say which by a trait::

    [models."laboratory-azure/old-*"]
    traits = ["no_system"]

All else is the family's: messages, tools, images, streams, errors, embeddings.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from pydantic import SecretStr

from budwood.hooks import ProviderSpec, hookimpl
from budwood.types import Adaptation, ChatRequest, Message
from budwood_azure import ENVIRONMENT, AzureBase, AzureSettings
from budwood_openai_compatible import Address, Body, OpenAICompatible, OpenAICompatibleSettings

TOLD_A_NUMBER = "muse-*"
TOKENS = {"none": 0, "minimal": 500, "low": 1_000, "medium": 4_000, "high": 16_000, "xhigh": 32_000, "max": 64_000}


class MintSettings(OpenAICompatibleSettings):
    """Where the vendor is, and who asks."""

    base_url: Address = "https://api.mint.example/v1"
    api_key: SecretStr | None = None


class Mint(OpenAICompatible):
    """Mint's API: OpenAI's, with models that think in their own way."""

    vendor: ClassVar[str] = "mint"

    def chat_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Write an effort as a number of tokens, for the models that want one."""
        values, receipts = super().chat_body(request, stream=stream)
        if fnmatchcase(request.model, TOLD_A_NUMBER) and "reasoning_effort" in values:
            tokens = TOKENS[values.pop("reasoning_effort")]
            values["thinking"] = {"tokens": tokens}
            reason = f"{request.model} is told a number: {tokens} tokens"
            receipts += (Adaptation(parameter="reasoning_effort", action="changed", reason=reason),)
        return Body(values, receipts)

    def standard(self, said: dict[str, Any]) -> dict[str, Any]:
        """Put the thoughts of a reply or a chunk where the family has them."""
        for choice in said.get("choices") or ():
            message = choice.get("message") or choice.get("delta") or {}
            if thoughts := message.pop("thoughts", None):
                message["reasoning_content"] = "".join(thought["text"] for thought in thoughts)
        return said


class LaboratoryAzure(AzureBase):
    """Azure, where some deployments take no system message."""

    def chat_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Say to such a deployment as the user what the system says."""
        if "no_system" not in self.rules(request).traits or request.messages[0].role != "system":
            return super().chat_body(request, stream=stream)
        system, *others = request.messages
        spoken = request.model_copy(update={"messages": (Message.user(system.text), *others)})
        values, receipts = super().chat_body(spoken, stream=stream)
        reason = f"{request.model} takes no system message: the user says it"
        return Body(values, (*receipts, Adaptation(parameter="messages", action="changed", reason=reason)))


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe both."""
    return [
        ProviderSpec(
            name="mint",
            settings=lambda: MintSettings,
            build=Mint,
            requires_api=(2, 0),
            summary="A made-up vendor of the family.",
            capabilities=Mint.all_capabilities,
            environment={"api_key": ("MINT_API_KEY",)},
            needs_credential=True,
        ),
        ProviderSpec(
            name="laboratory-azure",
            settings=lambda: AzureSettings,
            build=LaboratoryAzure,
            requires_api=(2, 0),
            summary="Azure with a model that takes no system message.",
            capabilities=LaboratoryAzure.all_capabilities,
            environment=ENVIRONMENT,
            needs_credential=True,
            catalog_of=("azure", "openai"),
        ),
    ]
