"""The provider: xAI's chat, images, videos, speech, transcription, files and list of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from budwood.types import Capability, ChatRequest, HTTPCall
from budwood_openai_compatible import OpenAICompatible
from budwood_xai.videos import XAIVideos

if TYPE_CHECKING:
    from budwood.contracts import Steps
    from budwood.types import (
        FileInfo,
        HTTPReply,
        ImageRequest,
        MediaKind,
        MediaRequest,
        SpeechRequest,
        TranscriptionRequest,
        TranscriptionResponse,
    )

_PAGE: Final = 100
"""Files in one page of a list."""


class XAI(XAIVideos, OpenAICompatible):
    """
    xAI's API.

    Args:
        settings: The key, and parameters that apply to all calls of this instance.
        context: The context of the plugin.
    """

    vendor: ClassVar[str] = "xai"
    all_capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CHAT,
            Capability.STREAM,
            Capability.TOOLS,
            Capability.JSON_SCHEMA,
            Capability.IMAGE_INPUT,
            Capability.REASONING,
            Capability.MODELS,
            Capability.IMAGES,
            Capability.IMAGE_EDITS,
            Capability.VIDEOS,
            Capability.SPEECH,
            Capability.TRANSCRIPTION,
            Capability.FILES,
        }
    )

    purposes: ClassVar[Mapping[str, str]] = {"input": "", "batch": ""}
    max_upload: ClassVar[int | None] = None

    def media_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
        """Return how a request can contain media; see `budwood.contracts.MediaInputProvider`."""
        if not isinstance(request, ChatRequest):
            return frozenset({"inline", "url"})
        return super().media_sources(request, kind) if kind == "image" else frozenset()

    def encode_image(self, request: ImageRequest, *, stream: bool) -> HTTPCall:
        """Return a request for images, or for changes to images. Both are JSON, and neither streams."""
        from budwood_xai.media import encode_image_body

        body, adaptations = encode_image_body(request, self.model_rules(request.model))
        path = "/images/edits" if request.images else "/images/generations"
        return self._post(path, body | request.extra, adaptations)

    def encode_speech(self, request: SpeechRequest, *, stream: bool) -> HTTPCall:
        """Return a request for speech. The API has no model for it."""
        from budwood_openai_compatible.media.speech import check_length
        from budwood_xai.media import encode_speech_body

        rules = self.model_rules(request.model)
        check_length(request, rules)
        body, adaptations = encode_speech_body(request, rules)
        call = self._post("/tts", body | request.extra, adaptations)
        return replace(call, headers={**call.headers, "accept": "*/*"})

    def encode_transcription(self, request: TranscriptionRequest, *, stream: bool) -> HTTPCall:
        """Return a request for a transcript. The API has no model for it."""
        from budwood_xai.media import encode_transcription_form

        fields, adaptations = encode_transcription_form(request, self.model_rules(request.model))
        return self._post_form("/stt", None, fields, adaptations)

    def decode_transcription(self, request: TranscriptionRequest, reply: HTTPReply) -> TranscriptionResponse:
        """Decode a transcript, which always has the times of words."""
        from budwood_xai.media import decode_transcript

        return decode_transcript(self._require(reply, "text"), reply.headers)

    def encode_expiry(self, seconds: int) -> dict[str, str]:
        """Return the field for the time after which a file is deleted, which is before the file in the form."""
        return {"expires_after": str(seconds)}

    def list_files(self) -> Steps[tuple[FileInfo, ...]]:
        """List all files, over all pages."""
        from budwood_openai_compatible.media.files import decode_file

        files: list[FileInfo] = []
        query, seen = {"limit": str(_PAGE)}, set[str]()
        while True:
            body = self._object((yield self._get("/files", query)), "data")
            files += [decode_file(row, self._context.instance) for row in body["data"] or []]
            token = body.get("pagination_token")
            if not isinstance(token, str) or not token or token in seen:
                return tuple(files)
            seen.add(token)
            query = {**query, "pagination_token": token}
