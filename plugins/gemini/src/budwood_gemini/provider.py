"""The provider: all services of the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from budwood.errors import BadResponseError
from budwood.providing import parse_count
from budwood.types import (
    Capability,
    ChatRequest,
    EmbeddingRequest,
    EmbeddingResponse,
    HTTPCall,
    HTTPReply,
    ModelInfo,
)
from budwood_gemini.batches import GeminiBatches
from budwood_gemini.encoding import encode_request
from budwood_gemini.endpoint import find_usage, resource_name
from budwood_gemini.headers import parse_request_id
from budwood_gemini.services import MediaServices

_MAX_MODELS: Final = 1000
"""The largest page of the list of models; Google has fewer models."""


class Gemini(GeminiBatches, MediaServices):
    """
    Speaks the Gemini API.

    Args:
        settings: The settings of this instance.
        context: What the core passes to the plugin besides its settings.
    """

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
            Capability.IMAGE_OUTPUT,
            Capability.AUDIO_OUTPUT,
            Capability.REASONING,
            Capability.EMBEDDINGS,
            Capability.MODELS,
            Capability.COUNT_TOKENS,
            Capability.IMAGES,
            Capability.IMAGE_EDITS,
            Capability.SPEECH,
            Capability.TRANSCRIPTION,
            Capability.TRANSLATION,
            Capability.VIDEOS,
            Capability.FILES,
            Capability.BATCHES,
        }
    )

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Encode a request to count the tokens of a chat request, with its instruction and tools."""
        body, adaptations = encode_request(request, self.rules(request), self._settings)
        counted = {"generateContentRequest": {"model": resource_name(request.model), **body}}
        return self.post(request.model, "countTokens", counted, adaptations)

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Decode the count; the API leaves out a count of zero."""
        count = parse_count(self.parse(reply).get("totalTokens", 0))
        if count is None:
            raise BadResponseError("The reply has no token count.")
        return count

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Encode a request for embeddings, with separate endpoints for one text and for several."""
        rows = [self._encode_text(request, text) for text in request.texts]
        if len(rows) == 1:
            return self.post(request.model, "embedContent", rows[0])
        return self.post(request.model, "batchEmbedContents", {"requests": rows})

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Decode embeddings."""
        body = self.parse(reply)
        rows = [body["embedding"]] if "embedding" in body else body.get("embeddings") or []
        if len(rows) != len(request.texts):
            raise BadResponseError(f"The reply has {len(rows)} vectors for {len(request.texts)} texts.")
        return EmbeddingResponse(
            vectors=tuple(tuple(row["values"]) for row in rows),
            usage=find_usage(body),
            model=request.model,
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def encode_models(self) -> HTTPCall:
        """Encode a request for the list of models."""
        url = f"{self._settings.base_url}/models?pageSize={_MAX_MODELS}"
        return HTTPCall(method="GET", url=url, headers=self._headers)

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Decode the list of models."""
        body = self.parse(reply)
        if body.get("nextPageToken"):
            self._context.log("models_cut", instance=self._context.instance, listed=_MAX_MODELS)
        return tuple(_decode_model(row) for row in body.get("models") or ())

    def _encode_text(self, request: EmbeddingRequest, text: str) -> dict[str, Any]:
        row: dict[str, Any] = {"model": resource_name(request.model), "content": {"parts": [{"text": text}]}}
        if request.dimensions is not None:
            row["outputDimensionality"] = request.dimensions
        return row | request.extra


def _decode_model(row: Mapping[str, Any]) -> ModelInfo:
    return ModelInfo(
        id=str(row.get("name") or "").removeprefix("models/"),
        owned_by="google",
        context_window=parse_count(row.get("inputTokenLimit")),
        raw=dict(row),
    )
