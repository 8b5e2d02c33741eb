"""Build a response from the events of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from budwood.providing import make_call_id
from budwood.types import (
    Adaptation,
    AnyMedia,
    AudioPart,
    ChatResponse,
    Finished,
    FinishReason,
    MediaClosed,
    MediaDelta,
    MediaPreview,
    Message,
    Part,
    RateLimits,
    ReasoningClosed,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    ResponseMetadata,
    ResponseStarted,
    Restarted,
    StreamEvent,
    TextClosed,
    TextDelta,
    TextPart,
    ToolCallClosed,
    ToolCallDelta,
    ToolCallPart,
    Usage,
    UsageReported,
    VendorContent,
)
from budwood.types.record import JSON


@dataclass(slots=True)
class _OpenText:
    """Text, reasoning or a refusal that is incomplete."""

    kind: type[TextPart | ReasoningPart | RefusalPart]
    chunks: list[str]

    def build(self) -> Part:
        return self.kind(text="".join(self.chunks))


@dataclass(slots=True)
class _OpenCall:
    """A tool call that is incomplete, unless ``complete`` is set."""

    index: int
    reply_id: str | None
    calls_before: int
    id: str = ""
    name: str = ""
    chunks: list[str] = field(default_factory=list)
    complete: ToolCallPart | None = None

    def build(self) -> Part:
        if self.complete is not None:
            return self.complete
        arguments = "".join(self.chunks)
        call_id = self.id or make_call_id(self.reply_id, self.index, self.name, arguments, earlier=self.calls_before)
        return ToolCallPart(id=call_id, name=self.name, arguments=arguments)


@dataclass(slots=True)
class _OpenMedia:
    """Audio that is incomplete, unless ``complete`` is set."""

    chunks: list[bytes] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    media_type: str | None = None
    complete: AnyMedia | None = None

    def build(self) -> Part:
        if self.complete is not None:
            return self.complete
        text = "".join(self.words)
        return AudioPart(data=b"".join(self.chunks), media_type=self.media_type, transcript=text or None)


@dataclass(slots=True)
class _CompletePart:
    """A part that arrived complete."""

    complete: Part

    def build(self) -> Part:
        return self.complete


@dataclass(slots=True)
class _Choice:
    """A message under construction. Its parts are in the order of their first events."""

    slots: list[_OpenText | _OpenCall | _OpenMedia | _CompletePart] = field(default_factory=list)
    calls: dict[int, _OpenCall] = field(default_factory=dict)
    media: dict[int, _OpenMedia] = field(default_factory=dict)
    reason: FinishReason | None = None
    raw_reason: str | None = None

    def add_text(self, kind: type[TextPart | ReasoningPart | RefusalPart], text: str) -> None:
        last = self.slots[-1] if self.slots else None
        if isinstance(last, _OpenText) and last.kind is kind:
            last.chunks.append(text)
        elif text:
            self.slots.append(_OpenText(kind, [text]))

    def add_call(self, delta: ToolCallDelta, reply_id: str | None, calls_before: int) -> None:
        call = self.calls.get(delta.index)
        if call is None:
            call = self.calls[delta.index] = _OpenCall(delta.index, reply_id, calls_before)
            self.slots.append(call)
        call.id = delta.id or call.id
        call.name = delta.name or call.name
        if delta.arguments:
            call.chunks.append(delta.arguments)

    def close_call(self, index: int, part: ToolCallPart) -> None:
        self.add_call(ToolCallDelta(index, part.id, part.name), None, 0)
        self.calls[index].complete = part

    def add_media(self, delta: MediaDelta) -> None:
        media = self._media(delta.index)
        media.media_type = delta.media_type or media.media_type
        media.chunks.append(delta.data)
        media.words.append(delta.transcript)

    def close_media(self, index: int, part: AnyMedia) -> None:
        self._media(index).complete = part

    def _media(self, index: int) -> _OpenMedia:
        media = self.media.get(index)
        if media is None:
            media = self.media[index] = _OpenMedia()
            self.slots.append(media)
        return media

    def close_text(self, part: TextPart | RefusalPart) -> None:
        """Replace incomplete text by the complete part. Further events close the other texts that were open."""
        while self.slots and isinstance(last := self.slots[-1], _OpenText) and last.kind is not ReasoningPart:
            self.slots.pop()
        self.slots.append(_CompletePart(part))

    def close_reasoning(self, part: ReasoningPart) -> None:
        """Replace incomplete reasoning by the complete part, which contains the data that its vendor needs back."""
        last = self.slots[-1] if self.slots else None
        if isinstance(last, _OpenText) and last.kind is ReasoningPart:
            self.slots.pop()
        self.slots.append(_CompletePart(part))

    def message(self) -> Message:
        return Message(role="assistant", parts=tuple(slot.build() for slot in self.slots))


class ResponseBuilder:
    """
    Builds the response from the events of one reply, at its end or at any time before.

    Args:
        calls_before: Number of tool calls that the conversation already contained; part of the ids of calls without
            one.
    """

    def __init__(self, calls_before: int = 0) -> None:
        self._choices: dict[int, _Choice] = {0: _Choice()}
        self._usage = Usage()
        self._id: str | None = None
        self._model: str | None = None
        self._metadata: dict[str, JSON] = {}
        self._request_id: str | None = None
        self._adaptations: tuple[Adaptation, ...] = ()
        self._is_cached = False
        self._rate_limits: RateLimits | None = None
        self._handlers: Final[dict[type[Any], Callable[[Any], None]]] = {
            TextDelta: lambda event: self._choice(event.choice).add_text(TextPart, event.text),
            ReasoningDelta: lambda event: self._choice(event.choice).add_text(ReasoningPart, event.text),
            RefusalDelta: lambda event: self._choice(event.choice).add_text(RefusalPart, event.text),
            ReasoningClosed: lambda event: self._choice(event.choice).close_reasoning(event.part),
            TextClosed: lambda event: self._choice(event.choice).close_text(event.part),
            ToolCallDelta: lambda event: self._choice(event.choice).add_call(event, self._id, calls_before),
            ToolCallClosed: lambda event: self._choice(event.choice).close_call(event.index, event.part),
            MediaDelta: lambda event: self._choice(event.choice).add_media(event),
            MediaPreview: lambda event: None,  # noqa: ARG005 - the finished image follows
            MediaClosed: lambda event: self._choice(event.choice).close_media(event.index, event.part),
            VendorContent: lambda event: self._choice(event.choice).slots.append(_CompletePart(event.part)),
            ResponseStarted: self._start,
            UsageReported: self._report,
            Finished: self._finish,
            ResponseMetadata: self._describe,
            Restarted: self._restart,
        }

    def add(self, events: Iterable[StreamEvent]) -> None:
        """
        Add events, in their order.

        Raises:
            RuntimeError: An object is not a stream event.
        """
        handlers = self._handlers
        for event in events:
            try:
                handlers[type(event)](event)
            except KeyError:
                if type(event) in handlers:
                    raise
                raise RuntimeError(f"{type(event).__name__} is not a stream event") from None

    @property
    def finished(self) -> bool:
        """Whether a finish reason has arrived."""
        return self._choices[0].reason is not None

    def build(self) -> ChatResponse:
        """Build the response from the events so far. Its finish reason is ``other`` before one has arrived."""
        first, *others = (self._choices[index] for index in sorted(self._choices))
        return ChatResponse(
            message=first.message(),
            alternatives=tuple(choice.message() for choice in others),
            finish_reason=first.reason or "other",
            raw_finish_reason=first.raw_reason,
            usage=self._usage,
            id=self._id,
            model=self._model or "",
            metadata=self._metadata,
            request_id=self._request_id,
            rate_limits=self._rate_limits,
            adaptations=self._adaptations,
            cached=self._is_cached,
        )

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def _start(self, event: ResponseStarted) -> None:
        self._id = event.id or self._id
        self._model = event.model or self._model

    def _restart(self, _event: Restarted) -> None:
        """Discard the content: a gateway that failed over during the reply started a second one."""
        self._choices = {0: _Choice()}

    def _report(self, event: UsageReported) -> None:
        cost, self._usage = self._usage.reported_cost, event.usage
        if cost is not None and event.usage.reported_cost is None:  # one chunk has the cost, another the tokens
            self._usage = event.usage.model_copy(update={"reported_cost": cost})

    def _finish(self, event: Finished) -> None:
        choice = self._choice(event.choice)
        choice.reason = event.reason
        choice.raw_reason = event.raw

    def _describe(self, event: ResponseMetadata) -> None:
        self._metadata.update(event.data)
        self._rate_limits = event.rate_limits or self._rate_limits
        self._request_id = event.request_id or self._request_id
        self._adaptations = event.adaptations or self._adaptations
        self._is_cached = event.cached or self._is_cached
