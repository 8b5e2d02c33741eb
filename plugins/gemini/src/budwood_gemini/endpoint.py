"""What all services of the Gemini API share, and chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import BadResponseError, ProviderError
from budwood.providing import (
    BaseProvider,
    count_tool_calls,
    describe_body,
    encode_json,
    find_message,
    find_tier,
    make_missing_field_error,
    parse_body,
    parse_id,
    parse_rate_limits,
)
from budwood.types import (
    Adaptation,
    Answer,
    ChatRequest,
    ChatResponse,
    Credential,
    HTTPCall,
    HTTPReply,
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

_TIER_FIELDS: Final = ("serviceTier", "service_tier", "trafficType")
"""The fields of a reply that determine its price. Source: ``TrafficType`` of google-genai."""

_STANDARD_TIERS: Final = frozenset({"standard", "on_demand", "unspecified", "traffic_type_unspecified"})


class GeminiEndpoint(BaseProvider):
    """
    Speaks the Gemini API: chat.

    Args:
        settings: The settings of this instance.
        context: What the core passes to the plugin besides its settings.
    """

    def __init__(self, settings: GeminiSettings, context: PluginContext) -> None:
        super().__init__(context)
        self._settings = settings
        self._headers = {"content-type": "application/json", "accept": "application/json", **settings.headers}

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a chat request."""
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return self.post(request.model, method, *encode_request(request, self.rules(request), self._settings))

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Add the header ``x-goog-api-key``. URLs appear in logs and errors, so the key is never in the URL."""
        return call.with_headers({"x-goog-api-key": credential.secret.get_secret_value()})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a chat reply."""
        return self.decode_reply(reply, count_tool_calls(request))

    def decode_reply(self, reply: HTTPReply, earlier: int = 0) -> ChatResponse:
        """Decode a reply of ``generateContent``; ``earlier`` is the number of calls before it."""
        body = self.parse(reply)
        if blocked := make_prompt_error(body):
            raise blocked
        candidates = body.get("candidates") or ()
        if not candidates:
            missing = make_missing_field_error(reply, body, "candidates")
            missing.retryable = find_message(body) is None
            raise missing
        reply_id = parse_id(body.get("responseId"))
        message, *others = (decode_message(candidate, reply_id, earlier) for candidate in candidates)
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
            usage=find_usage(body),
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

    def post(
        self,
        model: str,
        method: str,
        body: dict[str, Any],
        adaptations: tuple[Adaptation, ...] = (),
        *,
        repeatable: bool = True,
    ) -> HTTPCall:
        """Return the call of a method of a model."""
        return HTTPCall(
            method="POST",
            url=f"{self._settings.base_url}/{quote(resource_name(model), safe='/')}:{method}",
            headers=self._headers,
            body=encode_json(body),
            adaptations=adaptations,
            repeatable=repeatable,
        )

    def parse(self, reply: HTTPReply) -> dict[str, Any]:
        """Parse a JSON object; raise the error if it reports one."""
        body = parse_body(reply)
        if fields := find_error(body):
            raise make_error_in_success(reply.head, fields)
        if not isinstance(body, dict):
            raise BadResponseError(f"The reply is not a JSON object but {describe_body(reply.body)}.")
        return body


def resource_name(model: str) -> str:
    """Return a model's resource name; names of tuned models are complete."""
    return model if "/" in model else f"models/{model}"


def find_usage(body: Mapping[str, Any]) -> Usage:
    """Return the usage of a reply."""
    usage = body.get("usageMetadata")
    return decode_usage(usage) if isinstance(usage, Mapping) else Usage()
