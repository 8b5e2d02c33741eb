"""
The provider: chat with any server that speaks OpenAI's API, by Chat Completions or by Responses.

The codec of Responses and the decoders of streams are imported where they are used: what a first call by Chat
Completions does not need would make it a tenth slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import BadResponseError
from budwood.providing import adapt_parameters
from budwood.types import Adaptation, Capability, ChatRequest, ChatResponse, HTTPCall, HTTPReply, ReplyHead
from budwood_openai_compatible.body import Body
from budwood_openai_compatible.decoding import decode_chat
from budwood_openai_compatible.encoding import (
    MessageDialect,
    dropped_reasoning,
    encode_messages,
    encode_output_schema,
    encode_tools,
    foreign_tools,
    moved_images,
)
from budwood_openai_compatible.endpoint import OpenAIEndpoint
from budwood_openai_compatible.settings import OpenAICompatibleSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from budwood_openai_compatible.responses import Api


SHORTENED_BY: Final = ("truncation", "context_management", "transforms")
"""Parameters that let a server shorten the input: two of OpenAI's Responses, and OpenRouter's."""


class OpenAICompatible(OpenAIEndpoint):
    """
    Speaks OpenAI's API as it is, and as servers speak it that follow it. Families of such vendors inherit from it.

    Args:
        settings: Where the server is and in what it differs.
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
            Capability.COMPLETION,
            Capability.MODERATION,
            Capability.COUNT_TOKENS,
        }
    )

    max_call_id_length: ClassVar[int | None] = None
    """How many characters the id of a tool call may have in Chat Completions; None for any number."""

    def __init__(self, settings: OpenAICompatibleSettings, context: PluginContext) -> None:
        super().__init__(settings, context)
        self._api = settings.api
        self._system_role = settings.system_role
        self._dialect = MessageDialect(
            vendor=self.vendor,
            system_role=settings.system_role,
            image_results="image_results" in settings.offers,
            extra_fields=settings.extra_message_fields,
            call_id_length=settings.call_id_length,
            max_call_id_length=self.max_call_id_length,
        )
        self._names = {"max_tokens": settings.max_tokens_parameter, **settings.renames}

    def api(self, request: ChatRequest) -> Api:
        """Say by which API a request is sent and its reply read: by the settings, or by what it needs."""
        if self._api != "auto":
            return self._api
        from budwood_openai_compatible.responses import choose_api

        return choose_api(request, self.rules(request), vendor=self.vendor)

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write a chat request."""
        if self.api(request) == "responses":
            return self._post("/responses", *self.responses_body(request, stream=stream))
        return self._post("/chat/completions", *self.chat_body(request, stream=stream))

    def chat_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Write the body of a chat request: what those override who take most of it as it is, but not all."""
        vendor = self.vendor
        parameters = adapt_parameters(request, self.rules(request), names=self._names)
        receipts = parameters.adaptations
        body: dict[str, Any] = {
            "model": request.model,
            "messages": encode_messages(request.messages, self._dialect),
            **parameters.values,
        }
        if not self._dialect.image_results:
            receipts += moved_images(request.messages)
        receipts += dropped_reasoning(request.messages, self._dialect)
        if request.tools or request.vendor_tools:
            body |= encode_tools(request, vendor=vendor, with_choice="tool_choice" not in self._settings.lacks)
            receipts += foreign_tools(request, vendor)
            if request.tool_choice is not None and "tools" in body and "tool_choice" not in body:
                receipts += (
                    Adaptation(parameter="tool_choice", action="dropped", reason="the server does not take it"),
                )
        if request.output_schema is not None:
            body["response_format"] = encode_output_schema(request.output_schema)
        if stream:
            body |= self._stream_options()
        return Body(body | request.extra if request.extra else body, receipts)

    def responses_body(self, request: ChatRequest, *, stream: bool) -> Body:
        """Write the body of a request to Responses, as `chat_body` does for Chat Completions."""
        from budwood_openai_compatible.responses import encode_response

        values, receipts = encode_response(
            request, self.rules(request), vendor=self.vendor, system_role=self._system_role, stream=stream
        )
        items_alone = self._dialect._replace(extra_fields=frozenset())
        return Body(values, receipts + dropped_reasoning(request.messages, items_alone))

    def may_truncate(self, request: ChatRequest) -> bool:
        """Return whether the server may shorten the input; see `budwood.contracts.TruncationProvider`."""
        return any(request.extra.get(name) not in (None, "disabled") for name in SHORTENED_BY)

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a chat reply."""
        if self.api(request) == "chat":
            return decode_chat(self._object(reply, "choices"), reply, vendor=self.vendor, request=request)
        from budwood_openai_compatible.responses import decode_response

        return decode_response(self._object(reply, "output"), reply, vendor=self.vendor)

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed chat reply."""
        if self.api(request) == "chat":
            return self._chunk_decoder(head, lambda reply: self.decode(request, reply), request)
        from budwood_openai_compatible.responses import ResponsesStreamDecoder

        return ResponsesStreamDecoder(
            head,
            vendor=self.vendor,
            decode_body=lambda reply: self.decode(request, reply),
            failure=lambda event: self._failure(head, event),
        )

    def encode_completion(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write a request for a plain completion of a text. The catalog's new names of parameters are those of chat."""
        parameters = adapt_parameters(request, self.rules(request).model_copy(update={"renames": {}}))
        body = {"model": request.model, "prompt": request.messages[-1].text, **parameters.values}
        if stream:
            body |= self._stream_options()
        return self._post("/completions", body | request.extra, parameters.adaptations)

    def decode_completion(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a plain completion: a chat reply whose choices are texts."""
        return decode_chat(self._object(reply, "choices"), reply, vendor=self.vendor)

    def completion_decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed plain completion: the chunks are those of chat, with texts in place of deltas."""
        return self._chunk_decoder(head, lambda reply: self.decode_completion(request, reply))

    def _chunk_decoder(
        self, head: ReplyHead, decode_body: Callable[[HTTPReply], ChatResponse], request: ChatRequest | None = None
    ) -> StreamDecoder:
        from budwood_openai_compatible.streaming import ChatStreamDecoder

        return ChatStreamDecoder(
            head,
            vendor=self.vendor,
            decode_body=decode_body,
            failure=lambda chunk: self._failure(head, chunk),
            standard=self.standard,
            request=request,
        )

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Write the request that asks for the count of input tokens; it is that of Responses, whatever the API."""
        from budwood_openai_compatible.responses import COUNTED_FIELDS

        values, receipts = self.responses_body(request, stream=False)
        counted = {name: value for name, value in values.items() if name in COUNTED_FIELDS}
        return self._post("/responses/input_tokens", counted, receipts)

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Read the count of input tokens."""
        tokens = self._object(reply, "input_tokens").get("input_tokens")
        if not isinstance(tokens, int):
            raise BadResponseError("The reply holds no count of tokens.")
        return tokens

    def _stream_options(self) -> dict[str, Any]:
        """Ask for a stream, and for usage at its end."""
        options = {} if "stream_options" in self._settings.lacks else {"stream_options": {"include_usage": True}}
        return {"stream": True, **options}
