"""The provider: Groq's Chat Completions and its list of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from budwood.contracts import PluginContext
from budwood.errors import ProviderError
from budwood.types import Capability, ChatRequest, HTTPReply, ReplyHead
from budwood_groq.dialect import understood, with_settings
from budwood_groq.failures import in_openai_form, with_failed_generation
from budwood_groq.settings import GroqSettings
from budwood_openai_compatible import Body, OpenAICompatible


class Groq(OpenAICompatible):
    """
    Groq's API.

    Args:
        settings: The key, and what all calls of this instance shall have.
        context: What the plugin got besides its settings.
    """

    vendor: ClassVar[str] = "groq"
    all_capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CHAT,
            Capability.STREAM,
            Capability.TOOLS,
            Capability.JSON_SCHEMA,
            Capability.IMAGE_INPUT,
            Capability.REASONING,
            Capability.MODELS,
        }
    )

    def __init__(self, settings: GroqSettings, context: PluginContext) -> None:
        super().__init__(settings, context)
        self._own = settings

    def chat_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Write the body without what Groq refuses, and with what the settings say."""
        rules = self.rules(request)
        request, receipts = understood(request, rules)
        values, adaptations = super().chat_body(request, stream=stream)
        reasons = Capability.REASONING not in rules.lacks
        return with_settings(Body(values, receipts + adaptations), request, self._own, reasons=reasons)

    def standard(self, said: dict[str, Any]) -> dict[str, Any]:
        """Find usage and errors in ``x_groq``."""
        return in_openai_form(said)

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a reply that is not 2xx."""
        return with_failed_generation(super().error(reply), self.parse_error(reply))

    def _failure(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        vendor_error = self.parse_error_body(body, fallback="the stream was stopped")
        return with_failed_generation(super()._failure(head, body), vendor_error)
