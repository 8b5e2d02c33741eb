"""The provider: chat, embeddings, token counts and the list of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote

from pydantic_core import to_json

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import BadResponseError, ProviderError
from budwood.providing import (
    BaseProvider,
    count_tool_calls,
    describe_body,
    find_message,
    find_tier,
    make_missing_field_error,
    parse_body,
    parse_count,
    parse_id,
    parse_rate_limits,
)
from budwood.types import (
    Adaptation,
    Answer,
    Capability,
    ChatRequest,
    ChatResponse,
    Credential,
    EmbeddingRequest,
    EmbeddingResponse,
    HTTPCall,
    HTTPReply,
    ModelInfo,
    ReplyHead,
    Usage,
)
from budwood_gemini.decoding import (
    convert_finish_reason,
    decode_candidate_metadata,
    decode_message,
    decode_metadata,
    decode_usage,
    parse_finish_reason,
)
from budwood_gemini.encoding import encode_request
from budwood_gemini.errors import (
    find_error,
    make_error,
    make_error_in_success,
    make_failure_error,
    make_output_error,
    make_prompt_error,
)
from budwood_gemini.headers import parse_request_id
from budwood_gemini.settings import GeminiSettings
from budwood_gemini.stream_decoder import GeminiStreamDecoder

_MAX_MODELS: Final = 1000
"""The largest page of the list of models; Google has fewer models."""


_TIER_FIELDS: Final = ("serviceTier", "service_tier", "trafficType")
"""The fields of a reply that determine its price. Source: ``TrafficType`` of google-genai."""

_STANDARD_TIERS: Final = frozenset({"standard", "on_demand", "unspecified", "traffic_type_unspecified"})


class Gemini(BaseProvider):
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
            Capability.REASONING,
            Capability.EMBEDDINGS,
            Capability.MODELS,
            Capability.COUNT_TOKENS,
        }
    )

    def __init__(self, settings: GeminiSettings, context: PluginContext) -> None:
        super().__init__(context)
        self._settings = settings
        self._headers = {"content-type": "application/json", "accept": "application/json", **settings.headers}

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a chat request."""
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return self._post(request.model, method, *encode_request(request, self.rules(request), self._settings))

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Add the header ``x-goog-api-key``. URLs appear in logs and errors, so the key is never in the URL."""
        return call.with_headers({"x-goog-api-key": credential.secret.get_secret_value()})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a chat reply."""
        body = self._parse(reply)
        if blocked := make_prompt_error(body):
            raise blocked
        candidates = body.get("candidates") or ()
        if not candidates:
            missing = make_missing_field_error(reply, body, "candidates")
            missing.retryable = find_message(body) is None
            raise missing
        reply_id = parse_id(body.get("responseId"))
        message, *others = (decode_message(candidate, reply_id, count_tool_calls(request)) for candidate in candidates)
        first = candidates[0]
        if not any(one.parts for one in (message, *others)) and (
            error := make_output_error(first) or make_failure_error(first)
        ):
            raise error
        raw_reason = parse_finish_reason(first)
        return ChatResponse(
            message=message,
            alternatives=tuple(others),
            finish_reason=convert_finish_reason(raw_reason, called_tools=bool(message.tool_calls)),
            raw_finish_reason=raw_reason,
            usage=_decode_usage(body),
            id=reply_id,
            model=parse_id(body.get("modelVersion")) or "",
            request_id=parse_request_id(reply.headers),
            rate_limits=parse_rate_limits(reply.headers),
            metadata={**decode_metadata(body), **decode_candidate_metadata(first)},
            raw=body,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return a decoder for a streamed chat reply."""
        return GeminiStreamDecoder(head, earlier=count_tool_calls(request))

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify an error reply."""
        return make_error(reply)

    def price_tier(self, reply: Answer) -> str | None:
        """Return the service tier of a reply, or the traffic type of prepaid throughput."""
        return find_tier(reply, _TIER_FIELDS, _STANDARD_TIERS)

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Encode a request to count the tokens of a chat request, with its instruction and tools."""
        body, adaptations = encode_request(request, self.rules(request), self._settings)
        counted = {"generateContentRequest": {"model": _resource_name(request.model), **body}}
        return self._post(request.model, "countTokens", counted, adaptations)

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Decode the count; the API leaves out a count of zero."""
        count = parse_count(self._parse(reply).get("totalTokens", 0))
        if count is None:
            raise BadResponseError("The reply has no token count.")
        return count

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Encode a request for embeddings, with separate endpoints for one text and for several."""
        rows = [self._encode_text(request, text) for text in request.texts]
        if len(rows) == 1:
            return self._post(request.model, "embedContent", rows[0])
        return self._post(request.model, "batchEmbedContents", {"requests": rows})

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Decode embeddings."""
        body = self._parse(reply)
        rows = [body["embedding"]] if "embedding" in body else body.get("embeddings") or []
        if len(rows) != len(request.texts):
            raise BadResponseError(f"The reply has {len(rows)} vectors for {len(request.texts)} texts.")
        return EmbeddingResponse(
            vectors=tuple(tuple(row["values"]) for row in rows),
            usage=_decode_usage(body),
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
        body = self._parse(reply)
        if body.get("nextPageToken"):
            self._context.log("models_cut", instance=self._context.instance, listed=_MAX_MODELS)
        return tuple(_decode_model(row) for row in body.get("models") or ())

    def _encode_text(self, request: EmbeddingRequest, text: str) -> dict[str, Any]:
        row: dict[str, Any] = {"model": _resource_name(request.model), "content": {"parts": [{"text": text}]}}
        if request.dimensions is not None:
            row["outputDimensionality"] = request.dimensions
        return row | request.extra

    def _post(
        self, model: str, method: str, body: dict[str, Any], adaptations: tuple[Adaptation, ...] = ()
    ) -> HTTPCall:
        return HTTPCall(
            method="POST",
            url=f"{self._settings.base_url}/{quote(_resource_name(model), safe='/')}:{method}",
            headers=self._headers,
            body=to_json(body),
            adaptations=adaptations,
        )

    def _parse(self, reply: HTTPReply) -> dict[str, Any]:
        """Parse a JSON object; raise the error if it reports one."""
        body = parse_body(reply)
        if fields := find_error(body):
            raise make_error_in_success(reply.head, fields)
        if not isinstance(body, dict):
            raise BadResponseError(f"The reply is not a JSON object but {describe_body(reply.body)}.")
        return body


def _resource_name(model: str) -> str:
    """Return a model's resource name; names of tuned models are complete."""
    return model if "/" in model else f"models/{model}"


def _decode_usage(body: Mapping[str, Any]) -> Usage:
    usage = body.get("usageMetadata")
    return decode_usage(usage) if isinstance(usage, Mapping) else Usage()


def _decode_model(row: Mapping[str, Any]) -> ModelInfo:
    return ModelInfo(
        id=str(row.get("name") or "").removeprefix("models/"),
        owned_by="google",
        context_window=parse_count(row.get("inputTokenLimit")),
        raw=dict(row),
    )
