"""Events of streamed replies: small objects, because there can be thousands per second."""

from __future__ import annotations

from dataclasses import dataclass, field

from budwood.types.chat import FinishReason
from budwood.types.media import AnyMedia, ImagePart
from budwood.types.parts import ReasoningPart, RefusalPart, TextPart, ToolCallPart, ToolResultPart, VendorPart
from budwood.types.record import JSON, short_repr
from budwood.types.usage import Adaptation, RateLimits, Usage


@dataclass(slots=True)
class ResponseStarted:
    """The reply has started; its id and model, as the vendor reports them."""

    id: str | None = None
    model: str | None = None

    __repr__ = short_repr


@dataclass(slots=True)
class TextDelta:
    """More text. ``choice`` is 0, except for further alternatives of a reply."""

    text: str
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class ReasoningDelta:
    """More reasoning."""

    text: str
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class ReasoningClosed:
    """A part of the reasoning is complete, with the data that its vendor needs back (``data`` of the part)."""

    part: ReasoningPart
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class RefusalDelta:
    """More text of a refusal."""

    text: str
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class ToolCallDelta:
    """A fragment of the tool call number ``index``. The first fragment has the id and the name."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class TextClosed:
    """
    A text or a refusal is complete, with the data that its vendor needs back (``data`` of the part).

    The event follows the deltas of the same text. If several of these events follow one another, all texts were open.
    """

    part: TextPart | RefusalPart
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class ToolCallClosed:
    """The tool call number ``index`` is complete, with the data that its vendor needs back (``data`` of the part)."""

    index: int
    part: ToolCallPart
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class MediaDelta:
    """
    More of the audio number ``index``: bytes in the form of ``media_type``, or text of its transcript, or both.

    Raw samples have the media type ``audio/pcm``; ``audio/pcm;rate=24000`` also has their rate.
    """

    index: int
    data: bytes = b""
    transcript: str = ""
    media_type: str | None = None
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class MediaPreview:
    """An unfinished state of the image number ``index``. Its finished state follows as `MediaClosed`."""

    index: int
    image: ImagePart
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class MediaClosed:
    """The media number ``index`` are complete. The part replaces what the deltas contained."""

    index: int
    part: AnyMedia
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class VendorContent:
    """Content that Budwood does not model."""

    part: VendorPart
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class UsageReported:
    """The usage of the reply so far. A later event replaces an earlier one."""

    usage: Usage

    __repr__ = short_repr


@dataclass(slots=True)
class Finished:
    """The reply is complete. Usage may still follow."""

    reason: FinishReason
    raw: str | None = None
    choice: int = 0

    __repr__ = short_repr


@dataclass(slots=True)
class ResponseMetadata:
    """
    Further information from the vendor. Entries of later events are added.

    ``adaptations`` are those that a gateway has made, and ``cached`` says that its reply came from its cache.
    """

    data: dict[str, JSON] = field(default_factory=dict)
    rate_limits: RateLimits | None = None
    request_id: str | None = None
    adaptations: tuple[Adaptation, ...] = ()
    cached: bool = False

    __repr__ = short_repr


@dataclass(slots=True)
class ToolExecuted:
    """A tool has run between two rounds."""

    call: ToolCallPart
    result: ToolResultPart

    __repr__ = short_repr


@dataclass(slots=True)
class Restarted:
    """All content since the start, or since the last such event, is void: the reply starts again."""

    reason: str

    __repr__ = short_repr


StreamEvent = (
    ResponseStarted
    | TextDelta
    | ReasoningDelta
    | ReasoningClosed
    | RefusalDelta
    | TextClosed
    | ToolCallDelta
    | ToolCallClosed
    | MediaDelta
    | MediaPreview
    | MediaClosed
    | VendorContent
    | UsageReported
    | Finished
    | ResponseMetadata
    | ToolExecuted
    | Restarted
)
"""Any event of a stream."""

CONTENT_EVENTS = (
    TextDelta,
    ReasoningDelta,
    ReasoningClosed,
    RefusalDelta,
    TextClosed,
    ToolCallDelta,
    ToolCallClosed,
    MediaDelta,
    MediaPreview,
    MediaClosed,
    VendorContent,
)
"""Events with content. After the first of them, a failed stream is not retried."""
