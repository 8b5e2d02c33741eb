"""
A provider on the helper base, `budwood.providing.BaseProvider`: with conversations, tools, images and context windows.

The vendor is made up. Turns hold pieces, and a stream is one JSON object a line::

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
    adapted,
    error_from_reply,
    inline_image,
    parse_chunk,
    parse_object,
    request_id,
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

ENDS: dict[str, FinishReason] = {"done": "stop", "length": "length", "calls": "tool_calls"}
NAMES = {"temperature": "heat", "max_tokens": "longest"}
"""The vendor's names of parameters, by ours."""

WINDOWS = {"seer-1": 8_000, "seer-1-long": 200_000}


class SeerSettings(BaseModel):
    """Where the vendor is, who asks, and what all requests of this instance say."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = "https://api.seer.example"
    api_key: SecretStr | None = None
    safety: str | None = None


class Seer(BaseProvider):
    """The vendor's API; what the base knows is not written again."""

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
        """Return how much a model reads and writes; see `budwood.contracts.ContextWindowProvider`."""
        return WINDOWS.get(model)

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write the turns."""
        defaults = {"safety": self._settings.safety} if self._settings.safety else {}
        values, receipts = adapted(request, self.rules(request), names=NAMES, defaults=defaults)
        body = {
            "model": request.model,
            "turns": [{"by": message.role, "pieces": [*_pieces(message.parts)]} for message in request.messages],
            **values,
        }
        if request.tools:
            body["tools"] = [*map(_tool, request.tools)]
        if request.tool_choice not in (None, "auto"):
            reason = "the vendor's models decide themselves"
            receipts += (Adaptation(parameter="tool_choice", action="dropped", reason=reason),)
        return HTTPCall(
            method="POST",
            url=f"{self._settings.base_url}/turns",
            headers={"content-type": "application/json"},
            body=to_json({**body, **({"stream": True} if stream else {}), **request.extra}),
            adaptations=receipts,
        )

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put the key into its header."""
        return replace(call, headers={**call.headers, "authorization": f"Seer {credential.secret.get_secret_value()}"})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a turn; some problems come with a status of 200."""
        said = parse_object(reply)
        if "problem" in said:
            raise self.problem(reply.head, said)
        return ChatResponse(
            message=Message(role="assistant", parts=tuple(map(_part, said["pieces"]))),
            finish_reason=ENDS.get(said["ended"], "other"),
            raw_finish_reason=said["ended"],
            usage=_usage(said),
            id=said.get("id"),
            model=request.model,
            request_id=request_id(reply.headers),
            raw=said,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed turn."""
        return SeerStream(head, self)

    def parse_error(self, reply: HTTPReply) -> VendorError:
        """Take out of an error's body what the vendor says; the base makes the error of it."""
        try:
            said = from_json(reply.body)["problem"]
        except (ValueError, TypeError, KeyError):
            return super().parse_error(reply)
        ours = {theirs: name for name, theirs in NAMES.items()}
        about = said.get("about")
        return VendorError(said["text"], code=said["code"], param=ours.get(about, about))

    def problem(self, head: ReplyHead, said: Mapping[str, Any]) -> ProviderError:
        """Make the error of a problem inside a 200."""
        reply = HTTPReply(ReplyHead(500, head.headers), to_json(said))
        return error_from_reply(reply, self.parse_error(reply), self.error_codes)


class SeerStream(BaseStreamDecoder[bytes]):
    """Reads a streamed turn: what came before an error, and where the stream is cut, is the base's concern."""

    def __init__(self, head: ReplyHead, seer: Seer) -> None:
        super().__init__(head, NDJSONDecoder())
        self._seer = seer
        self._calls = 0
        self._ended = False

    def _decode(self, frame: bytes) -> Iterator[StreamEvent]:
        said = parse_chunk(frame)
        if "problem" in said:
            raise self._seer.problem(self._head, said)
        if "id" in said:
            yield ResponseStarted(said["id"], None)
        if "piece" in said:
            yield self._event(_part(said["piece"]))
        if "ended" in said:
            self._ended = True
            yield Finished(ENDS.get(said["ended"], "other"), said["ended"])
            yield UsageReported(_usage(said))

    def _event(self, part: TextPart | ToolCallPart) -> StreamEvent:
        if isinstance(part, TextPart):
            return TextDelta(part.text)
        self._calls += 1
        return ToolCallDelta(self._calls - 1, part.id, part.name, part.arguments)

    def _end(self) -> Iterable[StreamEvent]:
        if not self._ended:
            raise StreamInterruptedError("The turn has no end.")
        return ()


def _pieces(parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    """Write the pieces of a turn; what only other vendors understand stays with them."""
    for part in parts:
        match part:
            case TextPart() | RefusalPart():
                yield {"text": part.text}
            case ImagePart():
                yield _image(part)
            case ToolCallPart():
                yield {"call": part.id, "tool": part.name, "with": part.arguments}
            case ToolResultPart():
                yield {"result_of": part.call_id, "text": part.text}
                yield from map(_image, part.images)
            case _:
                continue


def _image(part: ImagePart) -> dict[str, Any]:
    """Write an image; the vendor fetches none."""
    image = inline_image(part)
    if image is None:
        raise UnsupportedError("Seer fetches no images from addresses.", hint="Pass the image itself: files=[…].")
    return {"image": image.base64, "kind": image.media_type}


def _part(piece: Mapping[str, Any]) -> TextPart | ToolCallPart:
    """Read one piece of a turn."""
    if "call" in piece:
        return ToolCallPart(id=piece["call"], name=piece["tool"], arguments=piece["with"])
    return TextPart(text=piece["text"])


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    return {"tool": tool.name, "about": tool.description, "takes": tool.parameters}


def _usage(said: Mapping[str, Any]) -> Usage:
    return Usage(input_tokens=said.get("read"), output_tokens=said.get("written"))


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name="seer",
            settings=lambda: SeerSettings,
            build=Seer,
            requires_api=(2, 0),
            summary="A made-up vendor with turns, tools and images.",
            capabilities=Seer.all_capabilities,
            environment={"api_key": ("SEER_API_KEY",)},
            needs_credential=True,
        )
    ]
