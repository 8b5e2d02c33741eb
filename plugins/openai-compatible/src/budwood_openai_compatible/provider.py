"""The provider: Chat Completions, embeddings and the list of models of any server that speaks OpenAI's API."""

from __future__ import annotations

import array
import base64
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from pydantic_core import from_json, to_json

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import BadResponseError, ProviderError
from budwood.providing import (
    BaseProvider,
    Complaint,
    adapted,
    describe_body,
    error_from_reply,
    parse_body,
    rate_limits,
    request_id,
)
from budwood.types import (
    Adaptation,
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
from budwood_openai_compatible.decoding import (
    decode_message,
    decode_metadata,
    decode_usage,
    finish_reason,
    holds_error,
)
from budwood_openai_compatible.encoding import encode_messages, encode_output_schema, encode_tools
from budwood_openai_compatible.settings import OpenAICompatibleSettings
from budwood_openai_compatible.streaming import ChatStreamDecoder

JSON_HEADERS: Final = {"content-type": "application/json", "accept": "application/json"}

_STATUSES: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
}
"""The status with which OpenAI sends these types and codes, for errors that come without one, inside a 200."""


class OpenAICompatible(BaseProvider):
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
        }
    )

    def __init__(self, settings: OpenAICompatibleSettings, context: PluginContext) -> None:
        super().__init__(context)
        self._settings = settings
        self._headers = {**JSON_HEADERS, **settings.headers}
        self._names = {"max_tokens": settings.max_tokens_parameter, **settings.renames}
        lacks = set(settings.lacks)
        self._capabilities = frozenset(can for can in self.all_capabilities if can.value not in lacks)

    @property
    def vendor(self) -> str:
        """To whom vendor parts belong: the instance, whose server may be anyone's; vendors' own plugins name theirs."""
        return self._context.instance

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the server can do: all but what the settings say that it lacks."""
        return self._capabilities

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write a chat request."""
        parameters = adapted(request, self.rules(request), names=self._names)
        receipts = parameters.adaptations
        body: dict[str, Any] = {
            "model": request.model,
            "messages": encode_messages(request.messages, vendor=self.vendor, system_role=self._settings.system_role),
            **parameters.values,
            **encode_tools(request, with_choice="tool_choice" not in self._settings.lacks),
        }
        if request.tool_choice is not None and request.tools and "tool_choice" not in body:
            receipts += (Adaptation(parameter="tool_choice", action="dropped", reason="the server does not take it"),)
        if request.output_schema is not None:
            body["response_format"] = encode_output_schema(request.output_schema)
        if stream:
            body["stream"] = True
            if "stream_options" not in self._settings.lacks:
                body["stream_options"] = {"include_usage": True}
        body.update(request.extra)
        return self._post("/chat/completions", body, receipts)

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put the key into the header ``Authorization``."""
        key = credential.secret.get_secret_value()
        return replace(call, headers={**call.headers, "authorization": f"Bearer {key}"})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a chat reply."""
        body = self._object(reply)
        choices = body.get("choices") or ()
        if not choices:
            raise BadResponseError("The reply holds no choices.", request_id=request_id(reply.headers))
        first, *others = (choice.get("message") or choice.get("delta") or {} for choice in choices)
        reply_id = body.get("id") or None
        message = decode_message(first, vendor=self.vendor, reply_id=reply_id)
        raw_reason = choices[0].get("finish_reason")
        notes = {
            name: value
            for name, value in choices[0].items()
            if name not in ("index", "message", "delta", "finish_reason") and value
        }
        usage = body.get("usage")
        return ChatResponse(
            message=message,
            alternatives=tuple(decode_message(other, vendor=self.vendor, reply_id=reply_id) for other in others),
            finish_reason=finish_reason(raw_reason, called_tools=bool(message.tool_calls)),
            raw_finish_reason=raw_reason,
            usage=decode_usage(usage) if isinstance(usage, Mapping) else Usage(),
            id=reply_id,
            model=body.get("model") or "",
            request_id=request_id(reply.headers),
            rate_limits=rate_limits(reply.headers),
            metadata={**decode_metadata(body), **notes},
            raw=body,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed chat reply."""
        return ChatStreamDecoder(
            head,
            vendor=self.vendor,
            whole=lambda reply: self.decode(request, reply),
            failure=lambda chunk: self._failure(head, chunk),
        )

    def complaint(self, reply: HTTPReply) -> Complaint:
        """Take out of an error's body what the server says."""
        try:
            body = from_json(reply.body)
        except ValueError:
            body = None
        if isinstance(body, list) and len(body) == 1:
            body = body[0]  # Gemini wraps its errors in a list
        if not isinstance(body, Mapping):
            return Complaint(message=f"HTTP {reply.status}, and the body is {describe_body(reply.body)}.")
        return complaint_of(body, fallback=f"HTTP {reply.status}")

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Write a request for embeddings."""
        body: dict[str, Any] = {"model": request.model, "input": list(request.texts), "encoding_format": "float"}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        return self._post("/embeddings", body | request.extra)

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Read embeddings, as numbers or in base64."""
        body = self._object(reply)
        rows = body.get("data") or ()
        ordered = sorted(enumerate(rows), key=lambda row: row[0] if row[1].get("index") is None else row[1]["index"])
        if len(ordered) != len(request.texts):
            raise BadResponseError(f"The reply holds {len(ordered)} vectors for {len(request.texts)} texts.")
        return EmbeddingResponse(
            vectors=tuple(_vector(row.get("embedding")) for _, row in ordered),
            usage=decode_usage(body["usage"]) if isinstance(body.get("usage"), Mapping) else Usage(),
            model=body.get("model") or "",
            request_id=request_id(reply.headers),
            raw=body,
        )

    def encode_models(self) -> HTTPCall:
        """Write the request for the list of models."""
        return HTTPCall(method="GET", url=f"{self._settings.base_url}/models", headers=self._headers)

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Read the list of models; some servers send it bare."""
        body = parse_body(reply)
        if isinstance(body, Mapping) and holds_error(body):
            raise self._failure(reply.head, body)
        rows = body.get("data", body.get("models")) if isinstance(body, Mapping) else body
        if not isinstance(rows, list):
            raise BadResponseError(f"The reply is no list of models but {describe_body(reply.body)}.")
        return tuple(_model(row) for row in rows if isinstance(row, Mapping))

    def _post(self, path: str, body: dict[str, Any], receipts: tuple[Adaptation, ...] = ()) -> HTTPCall:
        return HTTPCall(
            method="POST",
            url=self._settings.base_url + path,
            headers=self._headers,
            body=to_json(body),
            adaptations=receipts,
        )

    def _object(self, reply: HTTPReply) -> dict[str, Any]:
        """Parse a reply that should be a JSON object, and raise the error that it may hold all the same."""
        body = parse_body(reply)
        if not isinstance(body, dict):
            raise BadResponseError(f"The reply is no JSON object but {describe_body(reply.body)}.")
        if holds_error(body):
            raise self._failure(reply.head, body)
        return body

    def _failure(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        """Make the error of an error inside a 200; what has no status of its own counts as the server's failure."""
        complaint = complaint_of(body, fallback="the server reports an error")
        status = int(complaint.code) if complaint.code and re.fullmatch("[45][0-9][0-9]", complaint.code) else None
        status = status or next((_STATUSES[word] for word in complaint.words if word in _STATUSES), 500)
        return error_from_reply(HTTPReply(ReplyHead(status, head.headers), b""), complaint)


def complaint_of(body: Mapping[str, Any], *, fallback: str) -> Complaint:
    """
    Find what a body says of an error.

    The form is ``{"error": {"message", "type", "param", "code"}}``; seen are also a text in place of the object, the
    object without its envelope, ``message`` or ``detail`` at the top (vLLM, FastAPI), and lists of details.
    """
    error = body.get("error", body)
    if isinstance(error, str):
        return Complaint(message=error)
    if not isinstance(error, Mapping):
        error = body
    message = error.get("message") or error.get("detail") or body.get("message") or fallback
    return Complaint(
        message=message if isinstance(message, str) else to_json(message).decode(),
        code=_word(error.get("code")),
        type=_word(error.get("type")),
        param=_word(error.get("param")),
        details=error,
    )


def _word(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def _vector(embedding: object) -> tuple[float, ...]:
    if isinstance(embedding, list):
        return tuple(embedding)
    if isinstance(embedding, str):
        numbers = array.array("f", base64.b64decode(embedding, validate=True))  # little-endian 32-bit floats
        if sys.byteorder == "big":
            numbers.byteswap()
        return tuple(numbers)
    raise BadResponseError(f"An embedding is a {type(embedding).__name__}.")


def _model(row: Mapping[str, Any]) -> ModelInfo:
    window = row.get("context_window") or row.get("context_length") or row.get("max_model_len")
    created = row.get("created")
    owner = row.get("owned_by")
    return ModelInfo(
        id=str(row.get("id") or row.get("name") or row.get("model") or ""),
        created=created if isinstance(created, int) else None,
        owned_by=owner if isinstance(owner, str) else None,
        context_window=window if isinstance(window, int) else None,
        raw=dict(row),
    )
