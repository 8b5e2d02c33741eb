"""The provider: Groq's Chat Completions, speech, transcription, files for batches, and its list of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from budwood.contracts import PluginContext
from budwood.errors import ProviderError
from budwood.providing import parse_rate_limits
from budwood.types import (
    Adaptation,
    Capability,
    ChatRequest,
    HTTPCall,
    HTTPReply,
    RateLimits,
    ReplyHead,
    SpeechRequest,
    TranscriptionRequest,
    TranscriptionResponse,
    Usage,
)
from budwood_groq.errors import add_failed_generation, normalize_reply
from budwood_groq.parameters import apply_settings, drop_unsupported
from budwood_groq.settings import GroqSettings
from budwood_openai_compatible import Body, OpenAIFileBatches

MEGABYTE: Final = 1000 * 1000

MIN_AUDIO_SECONDS: Final = 10.0
"""The shortest duration that is charged (console.groq.com/docs/speech-to-text)."""

_DAY: Final = 86_400.0


def read_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """Parse the headers: requests are counted per day, tokens per minute (console.groq.com/docs/rate-limits)."""
    limits = parse_rate_limits(headers)
    return limits and limits.model_copy(update={"period_requests": _DAY})


class Groq(OpenAIFileBatches):
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
            Capability.SPEECH,
            Capability.TRANSCRIPTION,
            Capability.TRANSLATION,
            Capability.FILES,
            Capability.BATCHES,
        }
    )

    audio_url_field: ClassVar[str | None] = "url"
    purposes: ClassVar[Mapping[str, str]] = {"input": "batch"}  # groq 1.7.0, types/file_create_params.py: the only one
    files_page: ClassVar[int | None] = None
    max_upload: ClassVar[int | None] = None
    batch_bytes: ClassVar[int] = 100 * MEGABYTE
    batch_page: ClassVar[Mapping[str, str]] = {}

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

    def encode_speech(self, request: SpeechRequest, *, stream: bool) -> HTTPCall:
        """Return a request for speech as WAV, the only format (console.groq.com/docs/text-to-speech)."""
        changed: tuple[Adaptation, ...] = ()
        if request.format not in (None, "wav"):
            reason = "Groq speaks only WAV"
            changed = (Adaptation(parameter="format", action="changed", reason=reason),)
        call = super().encode_speech(request.model_copy(update={"format": "wav"}), stream=stream)
        return replace(call, adaptations=(*changed, *call.adaptations))

    def decode_transcription(self, request: TranscriptionRequest, reply: HTTPReply) -> TranscriptionResponse:
        """Decode a transcript; Groq charges for its duration, and for at least ten seconds."""
        response = super().decode_transcription(request, reply)
        seconds = response.seconds or request.audio.seconds
        if seconds is None:
            return response
        usage = response.usage.model_copy(update={"audio_seconds": max(seconds, MIN_AUDIO_SECONDS)})
        return response.model_copy(update={"usage": usage})

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
