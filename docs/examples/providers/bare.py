"""
A provider without a base class: it defines the six names of `budwood.contracts.Provider`.

The vendor is fictitious. A request contains one question, and a reply one answer::

    POST /answers   {"model": "wise-1", "question": "Why?", "length": 50, "live": true}
    200             {"answer": "Because.", "end": "complete", "tokens": [9, 2]}
    200, live       data: {"piece": "Be"}   data: {"piece": "cause."}   data: {"end": "complete", "tokens": [9, 2]}
    4xx, 5xx        {"wrong": "no-such-model", "text": "There is no wise-9."}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic_core import from_json, to_json

from budwood.contracts import PluginContext
from budwood.errors import BadResponseError, ProviderError, StreamInterruptedError, UnsupportedError
from budwood.hooks import ProviderSpec, hookimpl
from budwood.providing import ErrorCodes, VendorError, adapt_parameters, classify_error, describe_body
from budwood.types import (
    Capability,
    ChatRequest,
    ChatResponse,
    Credential,
    Finished,
    FinishReason,
    HTTPCall,
    HTTPReply,
    Message,
    ReplyHead,
    StreamEvent,
    TextDelta,
    Usage,
    UsageReported,
)
from budwood.wire import SSEDecoder

CAPABILITIES = frozenset({Capability.CHAT, Capability.STREAM})
FINISH_REASONS: dict[str, FinishReason] = {"complete": "stop", "length": "length"}
ERROR_CODES = ErrorCodes(quota=frozenset({"no-credit"}), model_missing=frozenset({"no-such-model"}))
UNSUPPORTED = frozenset({"top_p", "stop", "seed", "frequency_penalty", "presence_penalty", "reasoning_effort"})
"""Parameters that the vendor does not have: Budwood drops them and lists them as adaptations."""


class WiseSettings(BaseModel):
    """The vendor's address and the API key."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = "https://api.wise.example"
    api_key: SecretStr | None = None


class Wise:
    """Converts requests and replies of the vendor's API."""

    capabilities = CAPABILITIES

    def __init__(self, settings: WiseSettings, context: PluginContext) -> None:
        self._settings = settings
        self._context = context

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode the question."""
        rules = self._context.rules(request.model)  # the catalog's rules, and those learned from the server
        rules = rules.model_copy(update={"refuses": rules.refuses | UNSUPPORTED | {"parallel_tool_calls"}})
        parameters = adapt_parameters(request, rules, names={"max_tokens": "length"})
        body = {"model": request.model, "question": _question(request), **parameters.values, **request.extra}
        return HTTPCall(
            method="POST",
            url=f"{self._settings.base_url}/answers",
            headers={"content-type": "application/json"},
            body=to_json({**body, "live": True} if stream else body),
            adaptations=parameters.adaptations,
        )

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Add the key's header. The key is used only here."""
        return replace(call, headers={**call.headers, "x-api-key": credential.secret.get_secret_value()})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode an answer."""
        body = _parse_object(reply.body)
        return ChatResponse(
            message=Message.assistant(body["answer"]),
            finish_reason=FINISH_REASONS.get(body["end"], "other"),
            raw_finish_reason=body["end"],
            usage=_usage(body),
            model=request.model,
            raw=body,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> WiseStream:
        """Return a decoder for a streamed answer."""
        return WiseStream()

    def error(self, reply: HTTPReply) -> ProviderError:
        """Convert an error reply into an exception."""
        try:
            body = from_json(reply.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return classify_error(reply, VendorError(f"HTTP {reply.status}: {describe_body(reply.body)}"), ERROR_CODES)
        return classify_error(reply, VendorError(str(body.get("text")), code=body.get("wrong")), ERROR_CODES)


class WiseStream:
    """Decodes a streamed answer; see `budwood.contracts.StreamDecoder`."""

    def __init__(self) -> None:
        self._events = SSEDecoder()
        self._is_complete = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Decode the bytes that arrived."""
        return [event for sent in self._events.feed(data) for event in self._decode(_parse_object(sent.data))]

    def close(self) -> list[StreamEvent]:
        """Decode the remaining bytes, and check that the answer is complete."""
        events = [event for sent in self._events.close() for event in self._decode(_parse_object(sent.data))]
        if not self._is_complete:
            raise StreamInterruptedError("The stream ended without a finish reason.")
        return events

    def _decode(self, chunk: dict[str, Any]) -> Iterator[StreamEvent]:
        if "piece" in chunk:
            yield TextDelta(chunk["piece"])
        if "end" in chunk:
            self._is_complete = True
            yield Finished(FINISH_REASONS.get(chunk["end"], "other"), chunk["end"])
            yield UsageReported(_usage(chunk))


def _question(request: ChatRequest) -> str:
    if len(request.messages) != 1:
        raise UnsupportedError("Wise supports no conversations.", hint="Ask one question, without system=….")
    return request.messages[0].text


def _usage(body: dict[str, Any]) -> Usage:
    input_tokens, output_tokens = body.get("tokens") or (None, None)
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)


def _parse_object(data: bytes) -> dict[str, Any]:
    try:
        body = from_json(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadResponseError(f"The reply is not a JSON object but {describe_body(data)}.")
    return body


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="wise",
            settings=lambda: WiseSettings,
            build=Wise,
            requires_api=(2, 0),
            summary="A fictitious vendor that answers single questions.",
            capabilities=CAPABILITIES,
            environment={"api_key": ("WISE_API_KEY",)},
            needs_credential=True,
        )
    ]
