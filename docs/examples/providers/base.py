"""
A provider on the helper base, `budwood.providing.BaseProvider`: with conversations, tools, images and context windows.

The vendor is fictitious. Turns consist of pieces, and a stream has one JSON object per line::

    POST /turns     {"model": "seer-1", "turns": [{"by": "user", "pieces": [{"text": "Hi"}]}], "heat": 0.2}
    200             {"id": "t1", "pieces": [{"text": "Hello"}], "ended": "done", "read": 9, "written": 2}
    200, stream     {"id": "t1", "piece": {"text": "Hello"}}
                    {"ended": "done", "read": 9, "written": 2}
    4xx, 5xx        {"problem": {"code": "unknown-field", "about": "heat", "text": "There is no heat."}}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic_core import from_json, to_json

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import ProviderError, StreamInterruptedError, UnsupportedError
from budwood.hooks import ProviderSpec, hookimpl
from budwood.providing import (
    BaseProvider,
    BaseStreamDecoder,
    ErrorCodes,
    VendorError,
    adapt_parameters,
    classify_error,
    inline_media,
    parse_object,
    parse_request_id,
)
from budwood.types import (
    Adaptation,
    Capability,
    ChatRequest,
    ChatResponse,
    Credential,
    Finished,
    FinishReason,
    HTTPCall,
    HTTPReply,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    ReplyHead,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    Usage,
    UsageReported,
)
from budwood.wire import NDJSONDecoder

FINISH_REASONS: dict[str, FinishReason] = {"done": "stop", "length": "length", "calls": "tool_calls"}
PARAMETER_NAMES = {"temperature": "heat", "max_tokens": "longest"}
"""The vendor's names of parameters, by Budwood's."""

CONTEXT_WINDOWS = {"seer-1": 8_000, "seer-1-long": 200_000}


class SeerSettings(BaseModel):
    """The vendor's address, the API key, and a parameter for all requests of this instance."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = "https://api.seer.example"
    api_key: SecretStr | None = None
    safety: str | None = None


class Seer(BaseProvider):
    """Converts requests and replies of the vendor's API; the base class does the rest."""

    all_capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.CHAT, Capability.STREAM, Capability.TOOLS, Capability.IMAGE_INPUT}
    )
    error_codes: ClassVar[ErrorCodes] = ErrorCodes(
        context=frozenset({"too-long"}), unsupported=frozenset({"unknown-field"}), capacity=frozenset({"busy"})
    )

    def __init__(self, settings: SeerSettings, context: PluginContext) -> None:
        super().__init__(context)
        self._settings = settings

    def context_window(self, model: str) -> int | None:
        """Return the number of tokens; see `budwood.contracts.ContextWindowProvider`."""
        return CONTEXT_WINDOWS.get(model)

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode the turns."""
        defaults = {"safety": self._settings.safety} if self._settings.safety else {}
        values, adaptations = adapt_parameters(request, self.rules(request), names=PARAMETER_NAMES, defaults=defaults)
        body = {
            "model": request.model,
            "turns": [{"by": message.role, "pieces": [*_encode_parts(message.parts)]} for message in request.messages],
            **values,
        }
        if request.tools:
            body["tools"] = [*map(_encode_tool, request.tools)]
        if request.tool_choice not in (None, "auto"):
            reason = "the vendor has no such parameter"
            adaptations += (Adaptation(parameter="tool_choice", action="dropped", reason=reason),)
        return HTTPCall(
            method="POST",
            url=f"{self._settings.base_url}/turns",
            headers={"content-type": "application/json"},
            body=to_json({**body, **({"stream": True} if stream else {}), **request.extra}),
            adaptations=adaptations,
        )

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Add the key's header."""
        return replace(call, headers={**call.headers, "authorization": f"Seer {credential.secret.get_secret_value()}"})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a turn; some errors have the status 200."""
        body = parse_object(reply)
        if "problem" in body:
            raise self.create_error(reply.head, body)
        return ChatResponse(
            message=Message(role="assistant", parts=tuple(map(_decode_part, body["pieces"]))),
            finish_reason=FINISH_REASONS.get(body["ended"], "other"),
            raw_finish_reason=body["ended"],
            usage=_usage(body),
            id=body.get("id"),
            model=request.model,
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return a decoder for a streamed turn."""
        return SeerStream(head, self)

    def parse_error(self, reply: HTTPReply) -> VendorError:
        """Parse the body of an error; the base class creates the exception."""
        try:
            problem = from_json(reply.body)["problem"]
        except (ValueError, TypeError, KeyError):
            return super().parse_error(reply)
        names = {theirs: name for name, theirs in PARAMETER_NAMES.items()}
        about = problem.get("about")
        return VendorError(problem["text"], code=problem["code"], param=names.get(about, about))

    def create_error(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        """Create the exception for an error in a reply with status 200."""
        reply = HTTPReply(ReplyHead(500, head.headers), to_json(body))
        return classify_error(reply, self.parse_error(reply), self.error_codes)


class SeerStream(BaseStreamDecoder[bytes]):
    """Decodes a streamed turn; the base class handles split lines, and events before an error."""

    def __init__(self, head: ReplyHead, seer: Seer) -> None:
        super().__init__(head, NDJSONDecoder())
        self._seer = seer
        self._calls = 0
        self._is_complete = False

    def _decode(self, frame: bytes) -> Iterator[StreamEvent]:
        chunk = self._parse(frame)
        if chunk is None:  # it only keeps the connection alive
            return
        if "problem" in chunk:
            raise self._seer.create_error(self._head, chunk)
        if "id" in chunk:
            yield ResponseStarted(chunk["id"], None)
        if "piece" in chunk:
            yield self._event(_decode_part(chunk["piece"]))
        if "ended" in chunk:
            self._is_complete = True
            yield Finished(FINISH_REASONS.get(chunk["ended"], "other"), chunk["ended"])
            yield UsageReported(_usage(chunk))

    def _event(self, part: TextPart | ToolCallPart) -> StreamEvent:
        if isinstance(part, TextPart):
            return TextDelta(part.text)
        self._calls += 1
        return ToolCallDelta(self._calls - 1, part.id, part.name, part.arguments)

    def _end(self) -> Iterable[StreamEvent]:
        if not self._is_complete:
            raise StreamInterruptedError("The stream ended without a finish reason.")
        return ()


def _encode_parts(parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    """Encode the parts of a message as pieces, without parts that belong to other vendors."""
    for part in parts:
        match part:
            case TextPart() | RefusalPart():
                yield {"text": part.text}
            case ImagePart():
                yield _encode_image(part)
            case ToolCallPart():
                yield {"call": part.id, "tool": part.name, "with": part.arguments}
            case ToolResultPart():
                yield {"result_of": part.call_id, "text": part.text}
                yield from map(_encode_image, part.images)
            case _:
                continue


def _encode_image(part: ImagePart) -> dict[str, Any]:
    """Encode an image; the vendor does not load images from URLs."""
    image = inline_media(part)
    if image is None:
        raise UnsupportedError("Seer does not load images from URLs.", hint="Pass the image itself: files=[…].")
    return {"image": image.base64, "kind": image.media_type}


def _decode_part(piece: Mapping[str, Any]) -> TextPart | ToolCallPart:
    """Decode one piece of a turn."""
    if "call" in piece:
        return ToolCallPart(id=piece["call"], name=piece["tool"], arguments=piece["with"])
    return TextPart(text=piece["text"])


def _encode_tool(tool: ToolDefinition) -> dict[str, Any]:
    return {"tool": tool.name, "about": tool.description, "takes": tool.parameters}


def _usage(body: Mapping[str, Any]) -> Usage:
    return Usage(input_tokens=body.get("read"), output_tokens=body.get("written"))


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="seer",
            settings=lambda: SeerSettings,
            build=Seer,
            requires_api=(2, 0),
            summary="A fictitious vendor with turns, tools and images.",
            capabilities=Seer.all_capabilities,
            environment={"api_key": ("SEER_API_KEY",)},
            needs_credential=True,
        )
    ]
