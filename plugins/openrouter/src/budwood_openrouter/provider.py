"""The provider: OpenRouter's chat, completions, embeddings, images, speech, transcription and list of models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from budwood.types import Capability, ChatRequest, HTTPCall
from budwood_openai_compatible import OpenAICompatible

if TYPE_CHECKING:
    from budwood.types import (
        AnyMedia,
        ImageRequest,
        MediaKind,
        MediaRequest,
        SpeechRequest,
        TranscriptionRequest,
    )


class OpenRouter(OpenAICompatible):
    """
    OpenRouter's API.

    Args:
        settings: The key, and parameters that apply to all calls of this instance.
        context: The context of the plugin.
    """

    vendor: ClassVar[str] = "openrouter"
    all_capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CHAT,
            Capability.STREAM,
            Capability.TOOLS,
            Capability.JSON_SCHEMA,
            Capability.IMAGE_INPUT,
            Capability.AUDIO_INPUT,
            Capability.VIDEO_INPUT,
            Capability.DOCUMENT_INPUT,
            Capability.AUDIO_OUTPUT,
            Capability.IMAGE_OUTPUT,
            Capability.REASONING,
            Capability.EMBEDDINGS,
            Capability.MODELS,
            Capability.COMPLETION,
            Capability.IMAGES,
            Capability.IMAGE_EDITS,
            Capability.SPEECH,
            Capability.TRANSCRIPTION,
        }
    )

    def encode_media(self, part: AnyMedia) -> dict[str, Any]:
        """Encode media as a content part; documents may have a URL."""
        from budwood_openrouter.media import encode_media_part

        return encode_media_part(part)

    def media_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
        """Return how a request can contain media; see `budwood.contracts.MediaInputProvider`."""
        if not isinstance(request, ChatRequest):
            return frozenset({"inline", "url"})
        sources = super().media_sources(request, kind)
        return sources | {"url"} if kind == "document" else sources

    def encode_image(self, request: ImageRequest, *, stream: bool) -> HTTPCall:
        """Return a request for images. Images to change are references."""
        from budwood_openai_compatible.media.images import MAX_IMAGE_REPLY
        from budwood_openrouter.media import encode_image_body

        body, adaptations = encode_image_body(request, self.model_rules(request.model))
        if stream:
            body["stream"] = True
        call = self._post("/images", body | request.extra, adaptations)
        return replace(call, max_reply_bytes=MAX_IMAGE_REPLY)

    def encode_speech(self, request: SpeechRequest, *, stream: bool) -> HTTPCall:
        """Return a request for speech, without the language, which OpenRouter has no parameter for."""
        from budwood_openrouter.media import drop_language

        request, dropped = drop_language(request)
        call = super().encode_speech(request, stream=stream)
        return replace(call, adaptations=(*dropped, *call.adaptations))

    def encode_transcription(self, request: TranscriptionRequest, *, stream: bool) -> HTTPCall:
        """Return a request for a transcript, which is JSON in place of a form."""
        from budwood_openrouter.media import encode_transcription_body

        body, adaptations = encode_transcription_body(request, self.model_rules(request.model))
        return self._post("/audio/transcriptions", body | request.extra, adaptations)
