"""What a streamed reply consists of: small objects, because there are thousands a second."""

from __future__ import annotations

from dataclasses import dataclass, field

from budwood.types.chat import FinishReason
from budwood.types.parts import ReasoningPart, RefusalPart, TextPart, ToolCallPart, ToolResultPart, VendorPart
from budwood.types.record import JSON
from budwood.types.usage import RateLimits, Usage


@dataclass(slots=True)
class ResponseStarted:
    """The reply begins; its id and the model that writes it, as the vendor names them."""

    id: str | None = None
    model: str | None = None


@dataclass(slots=True)
class TextDelta:
    """More text. ``choice`` is 0 but for the further alternatives of a reply."""

    text: str
    choice: int = 0


@dataclass(slots=True)
class ReasoningDelta:
    """More of what the model thinks before it answers."""

    text: str
    choice: int = 0


@dataclass(slots=True)
class ReasoningClosed:
    """A piece of reasoning is complete, with what its vendor wants back (``data`` of the part)."""

    part: ReasoningPart
    choice: int = 0


@dataclass(slots=True)
class RefusalDelta:
    """More of the model's words for refusing."""

    text: str
    choice: int = 0


@dataclass(slots=True)
class ToolCallDelta:
    """A fragment of the tool call number ``index``; id and name come with its first fragment."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    choice: int = 0


@dataclass(slots=True)
class TextClosed:
    """
    Text that came before, or a refusal, is complete, with what its vendor wants back (``data`` of the part).

    It follows the deltas of the same text. Where several texts are closed one after the other, all were open.
    """

    part: TextPart | RefusalPart
    choice: int = 0


@dataclass(slots=True)
class ToolCallClosed:
    """The tool call number ``index`` is complete, with what its vendor wants back (``data`` of the part)."""

    index: int
    part: ToolCallPart
    choice: int = 0


@dataclass(slots=True)
class VendorContent:
    """Content that Budwood does not model."""

    part: VendorPart
    choice: int = 0


@dataclass(slots=True)
class UsageReported:
    """What the reply has consumed; a later report replaces an earlier one."""

    usage: Usage


@dataclass(slots=True)
class Finished:
    """The reply is complete. Usage may still follow."""

    reason: FinishReason
    raw: str | None = None
    choice: int = 0


@dataclass(slots=True)
class ResponseMetadata:
    """What else the vendor said of the reply; entries of a later event are added."""

    data: dict[str, JSON] = field(default_factory=dict)
    rate_limits: RateLimits | None = None
    request_id: str | None = None


@dataclass(slots=True)
class ToolExecuted:
    """A tool was run between two rounds of the model."""

    call: ToolCallPart
    result: ToolResultPart


@dataclass(slots=True)
class Restarted:
    """All text since the start, or since the last of these events, is void: the reply begins anew."""

    reason: str


StreamEvent = (
    ResponseStarted
    | TextDelta
    | ReasoningDelta
    | ReasoningClosed
    | RefusalDelta
    | TextClosed
    | ToolCallDelta
    | ToolCallClosed
    | VendorContent
    | UsageReported
    | Finished
    | ResponseMetadata
    | ToolExecuted
    | Restarted
)
"""Whatever a stream can yield."""

CONTENT_EVENTS = (
    TextDelta,
    ReasoningDelta,
    ReasoningClosed,
    RefusalDelta,
    TextClosed,
    ToolCallDelta,
    ToolCallClosed,
    VendorContent,
)
"""The events that the caller sees and that therefore commit a stream to the attempt that sent them."""
