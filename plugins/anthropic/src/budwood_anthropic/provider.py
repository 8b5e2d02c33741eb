"""The provider: messages, the count of tokens and the list of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from budwood.contracts import StreamDecoder
from budwood.errors import BadResponseError
from budwood.providing import (
    describe_body,
    find_tier,
    make_missing_field_error,
    parse_count,
    parse_id,
    parse_request_id,
)
from budwood.types import (
    Answer,
    Capability,
    ChatRequest,
    ChatResponse,
    HTTPCall,
    HTTPReply,
    Message,
    ModelInfo,
    OutputSchema,
    ReplyHead,
    Usage,
)
from budwood_anthropic.batches import MessageBatches
from budwood_anthropic.decoding import (
    convert_finish_reason,
    decode_content,
    decode_metadata,
    decode_usage,
    list_blocks,
    parse_stop_reason,
)
from budwood_anthropic.errors import make_error_in_success
from budwood_anthropic.files import AnthropicFiles
from budwood_anthropic.limits import parse_timestamp
from budwood_anthropic.parameters import encode_body
from budwood_anthropic.schemas import is_recursive
from budwood_anthropic.stream_decoder import MessageStreamDecoder

if TYPE_CHECKING:
    from budwood.types import MediaKind, MediaRequest

_COUNT_FIELDS: Final = frozenset("model messages system tools tool_choice thinking output_config cache_control".split())
"""The fields of a request to count tokens. Source: ``types/message_count_tokens_params.py`` of the SDK."""

_MAX_MODELS: Final = 1000
"""The largest page of the list of models."""

_MEDIA_SOURCES: Final[frozenset[str]] = frozenset({"inline", "url", "file"})
"""How a message contains images and documents. Source: docs.claude.com, "Vision", "PDF support"."""

_TIER_FIELDS: Final = ("speed", "service_tier", "inference_geo")
"""The fields of a reply that determine its price. Source: docs.claude.com, "Data residency"."""

_STANDARD_TIERS: Final = frozenset({"standard", "auto", "default", "global", "not_available"})
"""The values with standard prices; the last two are regions."""


class Anthropic(AnthropicFiles, MessageBatches):
    """
    Anthropic's API, and gateways that speak it.

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
            Capability.DOCUMENT_INPUT,
            Capability.REASONING,
            Capability.MODELS,
            Capability.COUNT_TOKENS,
            Capability.FILES,
            Capability.BATCHES,
        }
    )

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a request for a message."""
        body = encode_body(request, self.rules(request))
        if self._settings.service_tier:
            body.values.setdefault("service_tier", self._settings.service_tier)
        if stream:
            body.values["stream"] = True
        return self._post("/v1/messages", body.values, body.betas, body.adaptations, version=body.version)

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a message."""
        body = self._parse(reply)
        if body.get("content") is None:
            raise make_missing_field_error(reply, body, "content")
        usage, raw_reason = body.get("usage"), parse_stop_reason(body.get("stop_reason"))
        return ChatResponse(
            message=Message(role="assistant", parts=decode_content(list_blocks(body["content"]))),
            finish_reason=convert_finish_reason(raw_reason),
            raw_finish_reason=raw_reason,
            usage=decode_usage(usage) if isinstance(usage, Mapping) else Usage(),
            id=parse_id(body.get("id")),
            model=parse_id(body.get("model")) or "",
            request_id=parse_request_id(reply.headers),
            rate_limits=self.rate_limits(reply.head),
            metadata=decode_metadata(body),
            raw=body,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return a decoder for a streamed message."""
        return MessageStreamDecoder(
            head,
            limits=self.rate_limits(head),
            decode_body=lambda reply: self.decode(request, reply),
            make_error=lambda event: make_error_in_success(head, event),
        )

    def price_tier(self, reply: Answer) -> str | None:
        """Return the speed, the service tier or the region of a reply if it has a price of its own."""
        return find_tier(reply, _TIER_FIELDS, _STANDARD_TIERS)

    def may_truncate(self, request: ChatRequest) -> bool:
        """Return whether a request asks to remove old content, or for a beta, which may enlarge the context window."""
        return any(request.extra.get(name) for name in ("context_management", "betas"))

    def media_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
        """Return how a request can contain media; see `budwood.contracts.MediaInputProvider`."""
        return _MEDIA_SOURCES if kind in ("image", "document") else frozenset()

    def takes_schema(self, model: str, schema: OutputSchema) -> bool:
        """Return whether a schema is not recursive: structured outputs reject recursion."""
        return not is_recursive(schema.json_schema)

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Encode a request to count the tokens of a chat request."""
        body = encode_body(request, self.rules(request))
        counted = {name: value for name, value in body.values.items() if name in _COUNT_FIELDS}
        return self._post("/v1/messages/count_tokens", counted, body.betas, version=body.version)

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Decode the count."""
        count = parse_count(self._parse(reply).get("input_tokens"))
        if count is None:
            raise BadResponseError("The reply has no input_tokens.", request_id=parse_request_id(reply.headers))
        return count

    def encode_models(self) -> HTTPCall:
        """Encode a request for the list of models."""
        return self._call("GET", f"/v1/models?limit={_MAX_MODELS}")

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Decode the list of models."""
        rows = self._parse(reply).get("data")
        if not isinstance(rows, list):
            raise BadResponseError(f"The reply is not a list of models but {describe_body(reply.body)}.")
        return tuple(_model(row) for row in rows if isinstance(row, Mapping) and isinstance(row.get("id"), str))


def _model(row: Mapping[str, Any]) -> ModelInfo:
    created = parse_timestamp(row.get("created_at"))
    return ModelInfo(
        id=row["id"],
        created=None if created is None or created <= 0 else int(created),  # the epoch stands for an unknown date
        owned_by="anthropic",
        context_window=parse_count(row.get("max_input_tokens")),
        raw=dict(row),
    )
