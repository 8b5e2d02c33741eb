"""
The provider: chat with servers that implement OpenAI's API, by Chat Completions or Responses.

The codec of Responses and the stream decoders are imported when they are needed, because importing them would make the
first call 10 % slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import BadResponseError
from budwood.providing import DROPPED_CACHE_MARKS, adapt_parameters, has_cache_marks, parse_rate_limits
from budwood.types import Adaptation, Capability, ChatRequest, ChatResponse, HTTPCall, HTTPReply, RateLimits, ReplyHead
from budwood_openai_compatible.body import Body
from budwood_openai_compatible.decoding import ReadLimits, decode_chat, find_choice_error
from budwood_openai_compatible.encoding import (
    MessageDialect,
    encode_messages,
    encode_output_schema,
    encode_tools,
    report_changed_replies,
    report_dropped_reasoning,
    report_foreign_tools,
    report_moved_media,
)
from budwood_openai_compatible.settings import OpenAICompatibleSettings
from budwood_openai_compatible.storage_endpoint import StorageEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from budwood.contracts import Steps
    from budwood.types import AnyMedia, JobRef, JobState, MediaKind, MediaRequest, StoredReplyAction
    from budwood.types.record import JSON
    from budwood_openai_compatible.responses import Api


TRUNCATION_PARAMETERS: Final = ("truncation", "context_management", "transforms")
"""Parameters that allow a server to truncate the input: two of Responses, and one of OpenRouter."""

LENGTHS: Final = frozenset({"max_tokens", "max_completion_tokens"})
"""Names of `max_tokens`. One of them in ``extra`` takes the place of the option."""

_NOT_OF_RESPONSES: Final = frozenset({Capability.AUDIO_INPUT, Capability.VIDEO_INPUT, Capability.AUDIO_OUTPUT})
"""Capabilities that only Chat Completions has."""


_STORED: Final[Mapping[str, tuple[str, str]]] = {
    "get": ("", "GET"),
    "delete": ("", "DELETE"),
    "cancel": ("/cancel", "POST"),
    "input_items": ("/input_items", "GET"),
}
"""The end of the path, and the method, of each action on a stored reply."""


class OpenAICompatible(StorageEndpoint):
    """
    The provider for OpenAI's API and for compatible servers; the base class of providers for vendors with such an API.

    Args:
        settings: The address of the server, and its deviations from OpenAI's API.
        context: The context of the plugin.

    Attributes:
        read_limits: Parses the rate limits in headers. Vendors with other headers, or other periods, replace it.
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
            Capability.AUDIO_OUTPUT,
            Capability.IMAGE_OUTPUT,
            Capability.REASONING,
            Capability.EMBEDDINGS,
            Capability.MODELS,
            Capability.COMPLETION,
            Capability.MODERATION,
            Capability.COUNT_TOKENS,
            Capability.IMAGES,
            Capability.IMAGE_EDITS,
            Capability.SPEECH,
            Capability.TRANSCRIPTION,
            Capability.TRANSLATION,
            Capability.FILES,
            Capability.VIDEOS,
            Capability.BACKGROUND,
        }
    )

    max_call_id_length: ClassVar[int | None] = None
    """The maximum length of a tool call id in Chat Completions, in characters; None for no limit."""

    def __init__(self, settings: OpenAICompatibleSettings, context: PluginContext) -> None:
        super().__init__(settings, context)
        self.read_limits: ReadLimits = parse_rate_limits
        self._api = settings.api
        if settings.api == "responses":
            self._capabilities -= _NOT_OF_RESPONSES
        self._system_role = settings.system_role
        self._dialect = MessageDialect(
            vendor=self.vendor,
            encode_media=self.encode_media,
            system_role=settings.system_role,
            image_results="image_results" in settings.offers,
            cache_control="cache_control" in settings.offers,
            extra_fields=settings.extra_message_fields,
            call_id_length=settings.call_id_length,
            max_call_id_length=self.max_call_id_length,
            time=context.clock.time,
        )
        self._names = {"max_tokens": settings.max_tokens_parameter, **settings.renames}

    def api(self, request: ChatRequest) -> Api:
        """Return the API for a request: the one of the settings, or the one that the request needs."""
        if request.is_background:
            return "responses"
        if self._api != "auto":
            return self._api
        from budwood_openai_compatible.responses import choose_api

        return choose_api(request, self.rules(request), vendor=self.vendor)

    def has_responses(self, model: str) -> bool:
        """Return whether a model can be asked by Responses; see `budwood.contracts.ResponsesProvider`."""
        return self._api != "chat"

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a chat request."""
        if self.api(request) == "responses":
            return self._post("/responses", *self.build_responses_body(request, stream=stream))
        return self._post("/chat/completions", *self.build_chat_body(request, stream=stream))

    def build_chat_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Return the body of a request to Chat Completions. Derived providers override this to change it."""
        vendor = self.vendor
        adapted = request
        if request.extra and not LENGTHS.isdisjoint(request.extra):  # servers reject both names at once
            adapted = request.model_copy(update={"max_tokens": None})
        parameters = adapt_parameters(adapted, self.rules(request), names=self._names)
        adaptations = parameters.adaptations
        body: dict[str, Any] = {
            "model": request.model,
            "messages": encode_messages(request.messages, self._dialect),
            **parameters.values,
        }
        if not self._dialect.cache_control and has_cache_marks(request.messages):
            adaptations += (DROPPED_CACHE_MARKS,)
        if replies := [message for message in request.messages if message.role in ("assistant", "tool")]:
            adaptations += report_changed_replies(replies, self._dialect)
        if request.tools or request.vendor_tools:
            body |= encode_tools(request, vendor=vendor, with_choice="tool_choice" not in self._settings.lacks)
            adaptations += report_foreign_tools(request, vendor)
            if request.tool_choice is not None and "tools" in body and "tool_choice" not in body:
                adaptations += (
                    Adaptation(parameter="tool_choice", action="dropped", reason="the server does not support it"),
                )
        if request.output_schema is not None:
            body["response_format"] = encode_output_schema(request.output_schema)
        if stream:
            body |= self._stream_options()
        return Body(body | request.extra if request.extra else body, adaptations)

    def build_responses_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Return the body of a request to Responses; see `build_chat_body`."""
        from budwood_openai_compatible.responses import encode_response

        values, adaptations = encode_response(
            request, self.rules(request), vendor=self.vendor, system_role=self._system_role, stream=stream
        )
        if has_cache_marks(request.messages):
            adaptations += (DROPPED_CACHE_MARKS,)
        no_fields = self._dialect._replace(extra_fields=frozenset(), image_results=True, keeps_images=True)
        adaptations += report_moved_media(request.messages, no_fields)
        return Body(values, adaptations + report_dropped_reasoning(request.messages, no_fields))

    def encode_media(self, part: AnyMedia) -> dict[str, Any]:
        """Encode media as a content part of Chat Completions. Derived providers override this for other forms."""
        from budwood_openai_compatible.chat_media import encode_media_part  # most messages have none

        return encode_media_part(part)

    def media_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
        """Return how a request can contain media; see `budwood.contracts.MediaInputProvider`."""
        from budwood_openai_compatible.media.sources import find_sources

        if not isinstance(request, ChatRequest):
            return self._find_service_sources(request, kind)
        sources = find_sources(self.api(request), kind)
        return sources if Capability.FILES in self.capabilities else sources - {"file"}

    def rate_limits(self, head: ReplyHead) -> RateLimits | None:
        """Parse the rate limits of a reply; see `budwood.contracts.RateLimitProvider`."""
        return self.read_limits(head.headers)

    def may_truncate(self, request: ChatRequest) -> bool:
        """Return whether the server may truncate the input; see `budwood.contracts.TruncationProvider`."""
        return any(request.extra.get(name) not in (None, "disabled") for name in TRUNCATION_PARAMETERS)

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a chat reply."""
        if self.api(request) == "chat":
            body = self._object(reply, "choices")
            response = decode_chat(body, reply, vendor=self.vendor, request=request, read_limits=self.read_limits)
            if not response.message.parts and (error := find_choice_error(body)):
                raise self._convert_error(reply.head, {"error": error})
            return response
        from budwood_openai_compatible.responses import decode_response

        return decode_response(self._object(reply, "output"), reply, vendor=self.vendor)

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return the decoder of a streamed chat reply."""
        if self.api(request) == "chat":
            return self._chunk_decoder(head, lambda reply: self.decode(request, reply), request)
        from budwood_openai_compatible.responses import ResponsesStreamDecoder

        return ResponsesStreamDecoder(
            head,
            vendor=self.vendor,
            decode_body=lambda reply: self.decode(request, reply),
            convert_error=lambda event: self._convert_error(head, event),
        )

    def encode_completion(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a completion request. The catalog's renames apply only to chat."""
        parameters = adapt_parameters(request, self.rules(request).model_copy(update={"renames": {}}))
        body = {"model": request.model, "prompt": request.messages[-1].text, **parameters.values}
        if stream:
            body |= self._stream_options()
        return self._post("/completions", body | request.extra, parameters.adaptations)

    def decode_completion(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a completion: a chat reply whose choices are texts."""
        body = self._object(reply, "choices")
        return decode_chat(body, reply, vendor=self.vendor, request=None, read_limits=self.read_limits)

    def completion_decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return the decoder of a streamed completion: chunks as in chat, with texts in place of deltas."""
        return self._chunk_decoder(head, lambda reply: self.decode_completion(request, reply))

    def _chunk_decoder(
        self, head: ReplyHead, decode_body: Callable[[HTTPReply], ChatResponse], request: ChatRequest | None = None
    ) -> StreamDecoder:
        from budwood_openai_compatible.stream_decoder import ChatStreamDecoder

        return ChatStreamDecoder(
            head,
            vendor=self.vendor,
            decode_body=decode_body,
            convert_error=lambda chunk: self._convert_error(head, chunk),
            normalize=self.normalize,
            request=request,
            read_limits=self.read_limits,
        )

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Return a request for the number of input tokens, which always has the form of Responses."""
        from budwood_openai_compatible.responses import COUNTED_FIELDS

        values, adaptations = self.build_responses_body(request, stream=False)
        counted = {name: value for name, value in values.items() if name in COUNTED_FIELDS}
        return self._post("/responses/input_tokens", counted, adaptations)

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Decode the number of input tokens."""
        tokens = self._object(reply, "input_tokens").get("input_tokens")
        if not isinstance(tokens, int):
            raise BadResponseError("The reply has no number of input tokens.")
        return tokens

    def submit_response(self, request: ChatRequest) -> Steps[JobState]:
        """
        Submit a request to Responses, which answers it in the background.

        It is not sent again after an ambiguous failure, since the API has no idempotency keys.
        """
        values, adaptations = self.build_responses_body(request, stream=False)
        call = self._post("/responses", {**values, "background": True}, adaptations)
        return self._decode_background_job((yield replace(call, repeatable=False)))

    def poll_response(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a reply."""
        return self._decode_background_job((yield self._get(_response_path(job))))

    def cancel_response(self, job: JobRef) -> Steps[JobState]:
        """Cancel a reply."""
        return self._decode_background_job((yield replace(self._get(f"{_response_path(job)}/cancel"), method="POST")))

    def fetch_response(self, job: JobRef) -> Steps[ChatResponse]:
        """Return a reply that is complete."""
        from budwood_openai_compatible.responses import decode_response

        reply: HTTPReply = yield self._get(_response_path(job))
        return decode_response(self._object(reply, "output"), reply, vendor=self.vendor)

    def call_stored_reply(self, reply_id: str, action: StoredReplyAction, query: Mapping[str, str]) -> Steps[JSON]:
        """Read, delete or cancel a reply, or list its input; see `budwood.contracts.StoredReplyProvider`."""
        from budwood.providing import parse_object

        path, method = _STORED[action]
        call = self._get(f"/responses/{quote(reply_id, safe='')}{path}", query)
        return parse_object((yield replace(call, method=method)))

    def _decode_background_job(self, reply: HTTPReply) -> JobState:
        """Decode the state of a job. That of a failed one contains its error, which does not raise."""
        from budwood.providing import parse_object
        from budwood_openai_compatible.responses.background import decode_background_job

        body = parse_object(reply)
        return decode_background_job(body if body.get("id") else self._object(reply, "id"))

    def _stream_options(self) -> dict[str, Any]:
        """Return the fields that request a stream, with usage at its end."""
        options = {} if "stream_options" in self._settings.lacks else {"stream_options": {"include_usage": True}}
        return {"stream": True, **options}


def _response_path(job: JobRef) -> str:
    """Return the path of a reply in the background."""
    return f"/responses/{quote(job.id, safe='')}"
