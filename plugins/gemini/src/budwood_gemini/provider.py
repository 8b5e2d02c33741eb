"""The provider: what is sent to which address, and what comes back."""

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
    decode_message,
    decode_usage,
    finish_reason,
    notes_of,
    notes_of_candidate,
    raw_finish_reason,
)
from budwood_gemini.encoding import encode_request
from budwood_gemini.errors import blocked_output, blocked_prompt, error_in, error_of, failed_output, failure
from budwood_gemini.headers import parse_request_id
from budwood_gemini.settings import GeminiSettings
from budwood_gemini.stream_decoder import GeminiStreamDecoder

_PAGE: Final = 1000
"""So many models fit on one page of the list; Google has far fewer."""


_TIER_FIELDS: Final = ("serviceTier", "service_tier", "trafficType")
"""Where a reply reports what has prices of its own. Source: ``TrafficType`` of google-genai."""

_STANDARD_TIERS: Final = frozenset({"standard", "on_demand", "unspecified", "traffic_type_unspecified"})


class Gemini(BaseProvider):
    """
    Speaks the Gemini API.

    Args:
        settings: Where it is, and what it shall block.
        context: What the plugin got besides its settings.
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
        """Write a chat request."""
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return self._post(request.model, method, *encode_request(request, self.rules(request), self._settings))

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put the key into the header ``x-goog-api-key``: an address stands in logs and in errors."""
        return call.with_headers({"x-goog-api-key": credential.secret.get_secret_value()})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a chat reply."""
        body = self._object(reply)
        if refusal := blocked_prompt(body):
            raise refusal
        candidates = body.get("candidates") or ()
        if not candidates:
            missing = make_missing_field_error(reply, body, "candidates")
            missing.retryable = find_message(body) is None
            raise missing
        reply_id = body.get("responseId") or None
        message, *others = (decode_message(candidate, reply_id, count_tool_calls(request)) for candidate in candidates)
        first = candidates[0]
        if not any(one.parts for one in (message, *others)) and (
            error := blocked_output(first) or failed_output(first)
        ):
            raise error
        raw_reason = raw_finish_reason(first)
        return ChatResponse(
            message=message,
            alternatives=tuple(others),
            finish_reason=finish_reason(raw_reason, called_tools=bool(message.tool_calls)),
            raw_finish_reason=raw_reason,
            usage=_usage(body),
            id=reply_id,
            model=body.get("modelVersion") or "",
            request_id=parse_request_id(reply.headers),
            rate_limits=parse_rate_limits(reply.headers),
            metadata={**notes_of(body), **notes_of_candidate(first)},
            raw=body,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed chat reply."""
        return GeminiStreamDecoder(head, earlier=count_tool_calls(request))

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a reply that is not 2xx."""
        return error_of(reply)

    def price_tier(self, reply: Answer) -> str | None:
        """Return the service tier of a reply, or that its throughput was paid beforehand."""
        return find_tier(reply, _TIER_FIELDS, _STANDARD_TIERS)

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Write the request that asks for the count: the whole request counts, with instruction and tools."""
        body, receipts = encode_request(request, self.rules(request), self._settings)
        counted = {"generateContentRequest": {"model": _path(request.model), **body}}
        return self._post(request.model, "countTokens", counted, receipts)

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Read the count; one of zero is left out of the JSON."""
        count = parse_count(self._object(reply).get("totalTokens", 0))
        if count is None:
            raise BadResponseError("The reply holds no count of tokens.")
        return count

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Write a request for embeddings: of one text, or of several together."""
        rows = [self._embedding(request, text) for text in request.texts]
        if len(rows) == 1:
            return self._post(request.model, "embedContent", rows[0])
        return self._post(request.model, "batchEmbedContents", {"requests": rows})

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Read embeddings."""
        body = self._object(reply)
        rows = [body["embedding"]] if "embedding" in body else body.get("embeddings") or []
        if len(rows) != len(request.texts):
            raise BadResponseError(f"The reply holds {len(rows)} vectors for {len(request.texts)} texts.")
        return EmbeddingResponse(
            vectors=tuple(tuple(row["values"]) for row in rows),
            usage=_usage(body),
            model=request.model,
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def encode_models(self) -> HTTPCall:
        """Write the request for the list of models."""
        return HTTPCall(method="GET", url=f"{self._settings.base_url}/models?pageSize={_PAGE}", headers=self._headers)

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Read the list of models."""
        body = self._object(reply)
        if body.get("nextPageToken"):
            self._context.log("models_cut", instance=self._context.instance, listed=_PAGE)
        return tuple(_model(row) for row in body.get("models") or ())

    def _embedding(self, request: EmbeddingRequest, text: str) -> dict[str, Any]:
        row: dict[str, Any] = {"model": _path(request.model), "content": {"parts": [{"text": text}]}}
        if request.dimensions is not None:
            row["outputDimensionality"] = request.dimensions
        return row | request.extra

    def _post(self, model: str, method: str, body: dict[str, Any], receipts: tuple[Adaptation, ...] = ()) -> HTTPCall:
        return HTTPCall(
            method="POST",
            url=f"{self._settings.base_url}/{quote(_path(model), safe='/')}:{method}",
            headers=self._headers,
            body=to_json(body),
            adaptations=receipts,
        )

    def _object(self, reply: HTTPReply) -> dict[str, Any]:
        """Parse a reply that should be a JSON object, and raise the error that it may hold all the same."""
        body = parse_body(reply)
        if said := error_in(body):
            raise failure(reply.head, said)
        if not isinstance(body, dict):
            raise BadResponseError(f"The reply is not a JSON object but {describe_body(reply.body)}.")
        return body


def _path(model: str) -> str:
    """Return a model's resource name: tuned models bring theirs along."""
    return model if "/" in model else f"models/{model}"


def _usage(body: Mapping[str, Any]) -> Usage:
    usage = body.get("usageMetadata")
    return decode_usage(usage) if isinstance(usage, Mapping) else Usage()


def _model(row: Mapping[str, Any]) -> ModelInfo:
    return ModelInfo(
        id=str(row.get("name") or "").removeprefix("models/"),
        owned_by="google",
        context_window=parse_count(row.get("inputTokenLimit")),
        raw=dict(row),
    )
