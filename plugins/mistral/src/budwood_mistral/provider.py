"""The provider: Mistral's chat, embeddings, moderation, speech, transcription, files and list of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from budwood.types import Capability, HTTPCall
from budwood_mistral.batches import MistralBatches

if TYPE_CHECKING:
    from budwood.contracts import Steps
    from budwood.types import (
        AnyMedia,
        FileInfo,
        MediaKind,
        MediaRequest,
        SpeechRequest,
        TranscriptionRequest,
    )

_SOURCES: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"inline", "url"}),
    "audio": frozenset({"inline", "url"}),
    "document": frozenset({"inline", "url", "file"}),
}
"""How a message contains media. Source: ``mistralai`` 3.7.0, ``models/contentchunk.py``."""

_PAGE: Final = 100
"""Files in one page of a list, which is the default of ``mistralai`` 3.7.0."""


class Mistral(MistralBatches):
    """
    Mistral's API.

    Args:
        settings: The key, and parameters that apply to all calls of this instance.
        context: The context of the plugin.
    """

    vendor: ClassVar[str] = "mistral"
    all_capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CHAT,
            Capability.STREAM,
            Capability.TOOLS,
            Capability.JSON_SCHEMA,
            Capability.IMAGE_INPUT,
            Capability.AUDIO_INPUT,
            Capability.DOCUMENT_INPUT,
            Capability.REASONING,
            Capability.EMBEDDINGS,
            Capability.MODELS,
            Capability.MODERATION,
            Capability.SPEECH,
            Capability.TRANSCRIPTION,
            Capability.FILES,
            Capability.BATCHES,
        }
    )

    purposes: ClassVar[Mapping[str, str]] = {"input": "ocr"}
    max_upload: ClassVar[int | None] = None

    def encode_media(self, part: AnyMedia) -> dict[str, Any]:
        """Encode media as a content part in Mistral's form."""
        from budwood_mistral.media import encode_media_part

        return encode_media_part(part)

    def media_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
        """Return how a request can contain media; see `budwood.contracts.MediaInputProvider`."""
        return _SOURCES.get(kind, frozenset())

    def encode_speech(self, request: SpeechRequest, *, stream: bool) -> HTTPCall:
        """Return a request for speech. The reply is JSON; a stream has events with parts of the audio."""
        from budwood_mistral.media import encode_speech_body

        body, adaptations = encode_speech_body(request, self.model_rules(request.model))
        if stream:
            body["stream"] = True
        return self._post("/audio/speech", body | request.extra, adaptations)

    def encode_transcription(self, request: TranscriptionRequest, *, stream: bool) -> HTTPCall:
        """Return a request for a transcript of a file, of a URL, or of a file that Mistral stores."""
        from budwood_mistral.media import encode_transcription_form

        fields, adaptations = encode_transcription_form(request, self.model_rules(request.model), stream=stream)
        call = self._post_form("/audio/transcriptions", request.model, fields, adaptations)
        return replace(call, headers={**call.headers, "accept": "*/*"})

    def encode_expiry(self, seconds: int) -> dict[str, str]:
        """Return no field: the API has one, but its unit is not documented."""
        return {}

    def list_files(self) -> Steps[tuple[FileInfo, ...]]:
        """List all files, over all pages."""
        from budwood_openai_compatible.media.files import decode_file

        files: list[FileInfo] = []
        page = 0
        while True:
            reply = yield self._get("/files", {"page": str(page), "page_size": str(_PAGE)})
            body = self._object(reply, "data")
            rows = body["data"] or []
            files += [decode_file(row, self._context.instance) for row in rows]
            total = body.get("total")
            if not rows or (len(files) >= total if isinstance(total, int) else len(rows) < _PAGE):
                return tuple(files)
            page += 1
