"""The provider: Groq's Chat Completions and its list of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from budwood.contracts import PluginContext
from budwood.errors import ProviderError
from budwood.providing import parse_rate_limits
from budwood.types import Capability, ChatRequest, HTTPReply, RateLimits, ReplyHead, Usage
from budwood_groq.errors import add_failed_generation, normalize_reply
from budwood_groq.parameters import apply_settings, drop_unsupported
from budwood_groq.settings import GroqSettings
from budwood_openai_compatible import Body, OpenAICompatible

_DAY: Final = 86_400.0


def read_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """Parse the headers: requests are counted per day, tokens per minute (console.groq.com/docs/rate-limits)."""
    limits = parse_rate_limits(headers)
    return limits and limits.model_copy(update={"period_requests": _DAY})


class Groq(OpenAICompatible):
    """
    Groq's API.

    Args:
        settings: The key, and parameters that apply to all calls of this instance.
        context: The context of the plugin.
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
        self._groq_settings = settings
        self.read_limits = read_limits

    def build_chat_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Return the body without parameters that Groq rejects, and with those of the settings."""
        rules = self.rules(request)
        request, dropped = drop_unsupported(request, rules)
        values, adaptations = super().build_chat_body(request, stream=stream)
        can_reason = Capability.REASONING not in rules.lacks
        return apply_settings(Body(values, dropped + adaptations), request, self._groq_settings, can_reason=can_reason)

    def normalize(self, body: dict[str, Any]) -> dict[str, Any]:
        """Copy usage and errors from ``x_groq`` to the fields where OpenAI has them."""
        return normalize_reply(body)

    def limit_tokens(self, request: ChatRequest, expected: Usage, used: Usage | None) -> int | None:
        """Return the tokens without cached ones, which Groq does not count (console.groq.com/docs/rate-limits)."""
        if used is None or used.total_tokens is None:
            return None
        return max(used.total_tokens - (used.cache_read_tokens or 0), 0)

    def error(self, reply: HTTPReply) -> ProviderError:
        """Convert a reply whose status is not 2xx."""
        return add_failed_generation(super().error(reply), self.parse_error(reply))

    def _convert_error(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        vendor_error = self.parse_error_body(body, fallback="the stream was stopped")
        return add_failed_generation(super()._convert_error(head, body), vendor_error)
