"""
A provider that inherits nothing: a class with the six names of `budwood.contracts.Provider`.

The vendor is made up. It is asked with one text, and answers with one::

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
ENDS: dict[str, FinishReason] = {"complete": "stop", "length": "length"}
WORDS = ErrorCodes(quota=frozenset({"no-credit"}), model_missing=frozenset({"no-such-model"}))
UNKNOWN = frozenset({"top_p", "stop", "seed", "frequency_penalty", "presence_penalty", "reasoning_effort"})
"""Parameters of ours that the vendor has not: each that a caller gives is dropped with a receipt."""


class WiseSettings(BaseModel):
    """Where the vendor is, and who asks."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = "https://api.wise.example"
    api_key: SecretStr | None = None


class Wise:
    """The vendor's API, as a pure translation."""

    capabilities = CAPABILITIES

    def __init__(self, settings: WiseSettings, context: PluginContext) -> None:
        self._settings = settings
        self._context = context

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write the question."""
        rules = self._context.rules(request.model)  # what the catalog says, and what the server has refused before
        rules = rules.model_copy(update={"refuses": rules.refuses | UNKNOWN | {"parallel_tool_calls"}})
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
        """Put the key into its header: the only place that sees it."""
        return replace(call, headers={**call.headers, "x-api-key": credential.secret.get_secret_value()})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read an answer."""
        said = _object(reply.body)
        return ChatResponse(
            message=Message.assistant(said["answer"]),
            finish_reason=ENDS.get(said["end"], "other"),
            raw_finish_reason=said["end"],
            usage=_usage(said),
            model=request.model,
            raw=said,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> WiseStream:
        """Begin to read a live answer."""
        return WiseStream()

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a refusal."""
        try:
            said = from_json(reply.body)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            return classify_error(reply, VendorError(f"HTTP {reply.status}: {describe_body(reply.body)}"), WORDS)
        return classify_error(reply, VendorError(str(said.get("text")), code=said.get("wrong")), WORDS)


class WiseStream:
    """Reads a live answer; see `budwood.contracts.StreamDecoder`."""

    def __init__(self) -> None:
        self._events = SSEDecoder()
        self._complete = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Decode what came."""
        return [event for sent in self._events.feed(data) for event in self._read(_object(sent.data))]

    def close(self) -> list[StreamEvent]:
        """Decode what is left, and see that the answer is whole."""
        left = [event for sent in self._events.close() for event in self._read(_object(sent.data))]
        if not self._complete:
            raise StreamInterruptedError("The answer has no end.")
        return left

    def _read(self, said: dict[str, Any]) -> Iterator[StreamEvent]:
        if "piece" in said:
            yield TextDelta(said["piece"])
        if "end" in said:
            self._complete = True
            yield Finished(ENDS.get(said["end"], "other"), said["end"])
            yield UsageReported(_usage(said))


def _question(request: ChatRequest) -> str:
    if len(request.messages) != 1:
        raise UnsupportedError("The vendor knows no conversations.", hint="Ask one question, without system=….")
    return request.messages[0].text


def _usage(said: dict[str, Any]) -> Usage:
    read, written = said.get("tokens") or (None, None)
    return Usage(input_tokens=read, output_tokens=written)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = from_json(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise BadResponseError(f"The reply is not a JSON object but {describe_body(body)}.")
    return said


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="wise",
            settings=lambda: WiseSettings,
            build=Wise,
            requires_api=(2, 0),
            summary="A made-up vendor of one answer at a time.",
            capabilities=CAPABILITIES,
            environment={"api_key": ("WISE_API_KEY",)},
            needs_credential=True,
        )
    ]
