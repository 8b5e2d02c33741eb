"""The examples that `ProviderSuite` asks for, in no vendor's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from budwood.types import FinishReason, ToolCallPart, Usage

WireBody = bytes | str | Mapping[str, Any] | Sequence[Any]
"""The body of a reply: bytes, text, or what JSON can express."""

Frames = Sequence[bytes]
"""A streamed reply, one event of the vendor's a piece: the suite cuts it, and puts other events in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireReply:
    """A reply whose status or headers matter."""

    status: int = 200
    body: WireBody = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class WireExamples:
    """
    How a vendor writes what the suite makes up.

    Each method writes what its arguments say as the vendor would, and returns None where the vendor has no such thing.
    What a claimed capability needs must be there: the suite fails without it. Chat needs `reply` and `error`, streams
    need `stream`; the other methods name the capability that needs them, and those that name none may be left out.

    Attributes:
        has_call_ids: Whether the vendor gives tool calls ids of its own.
        request_id_header: The header with the vendor's id of a request.
        rate_limit_headers: Headers that say that 9 requests are left, where the vendor has such.
    """

    has_call_ids: ClassVar[bool] = True
    request_id_header: ClassVar[str | None] = "x-request-id"
    rate_limit_headers: ClassVar[Mapping[str, str]] = {}

    def reply(self, text: str, usage: Usage | None, finish: FinishReason = "stop") -> WireBody | None:
        """
        Write a whole reply.

        Args:
            text: What the model says.
            usage: ``input_tokens`` and ``output_tokens`` that it reports; None where it reports none.
            finish: Why it ended: ``"stop"`` or ``"length"``.
        """
        return None

    def stream(self, pieces: Sequence[str], usage: Usage | None, finish: FinishReason = "stop") -> Frames | None:
        """Write a streamed reply whose text comes in these pieces; the arguments are those of `reply`."""
        return None

    def error(self, status: int, message: str) -> WireBody | None:
        """Write the body of an error with this status."""
        return None

    def tool_calls(self, calls: Sequence[ToolCallPart]) -> WireBody | None:
        """Write a reply without text that calls these tools (``TOOLS``)."""
        return None

    def tool_call_stream(self, calls: Sequence[ToolCallPart]) -> Frames | None:
        """Write the same as a stream (``TOOLS`` and ``STREAM``)."""
        return None

    def reasoning(self, thought: str, text: str) -> WireBody | None:
        """Write a reply with what the model thought before it (``REASONING``)."""
        return None

    def reasoning_stream(self, thought: str, text: str) -> Frames | None:
        """Write the same as a stream (``REASONING`` and ``STREAM``)."""
        return None

    def refusal(self, text: str) -> WireBody | None:
        """Write a reply in which the model says in these words that it will not do what it was asked."""
        return None

    def filtered(self, message: str) -> WireReply | None:
        """Write what comes where a filter refuses the prompt."""
        return None

    def error_in_reply(self, message: str) -> WireBody | None:
        """Write an error that comes with the status 200."""
        return None

    def error_in_stream(self, pieces: Sequence[str], message: str) -> Frames | None:
        """Write a stream that breaks off with an error after these pieces of text."""
        return None

    def noise(self) -> Frames:
        """Write events that say nothing, or that a later version of the API may send: they must do no harm."""
        return ()

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> WireBody | None:
        """Write a reply with these vectors (``EMBEDDINGS``)."""
        return None

    def models(self, names: Sequence[str]) -> WireBody | None:
        """Write a list of models (``MODELS``)."""
        return None

    def model(self, name: str) -> WireBody | None:
        """Write what is told of one model, where the plugin is a `ModelDetailProvider`."""
        return None

    def token_count(self, tokens: int) -> WireBody | None:
        """Write a count of tokens (``COUNT_TOKENS``)."""
        return None

    def moderation(self, flagged: Sequence[bool]) -> WireBody | None:
        """Write one verdict for each content (``MODERATION``)."""
        return None

    def completion(self, text: str) -> WireBody | None:
        """Write a plain completion (``COMPLETION``)."""
        return None
