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
    need `stream`; the other methods name the capability that needs them. Those that name none may be left out: what
    they would prove is then listed as unproved, unless `absent` names them.

    Attributes:
        absent: The names of examples and attributes for which the vendor has nothing: ``{"refusal", "noise"}``.
        has_call_ids: Whether the vendor gives tool calls ids of its own.
        request_id_header: The header with the vendor's id of a request; None where it has none.
        rate_limit_headers: Headers that say that 9 requests are left.
        reply_id: The id of the replies and streams that these examples write; None where the vendor gives none.
        reply_model: The model that they say has answered.
        counts: The counts of `Usage` that the vendor makes, and that `reply` and `stream` write where they are given.
        finish_reasons: The vendor's words for why a reply ended, and what each means.
    """

    absent: ClassVar[frozenset[str]] = frozenset()
    has_call_ids: ClassVar[bool] = True
    request_id_header: ClassVar[str | None] = "x-request-id"
    rate_limit_headers: ClassVar[Mapping[str, str]] = {}
    reply_id: ClassVar[str | None] = None
    reply_model: ClassVar[str | None] = None
    counts: ClassVar[frozenset[str]] = frozenset({"input_tokens", "output_tokens"})
    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {}

    def reply(self, text: str, usage: Usage | None, finish: FinishReason = "stop") -> WireBody | None:
        """
        Write a whole reply.

        Args:
            text: What the model says.
            usage: The tokens that it reports, of each kind in `counts`; None where it reports none.
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

    def other_errors_in_stream(self, pieces: Sequence[str], message: str) -> Sequence[Frames]:
        """Write the same in each further form that the vendor, or a gateway before it, gives to errors."""
        return ()

    def ended(self, word: str) -> WireBody | None:
        """Write a reply that says with this word of the vendor's why it ended; the word may be one of a later API."""
        return None

    def ended_stream(self, word: str) -> Frames | None:
        """Write the same as a stream."""
        return None

    def own_content(self, text: str) -> WireBody | None:
        """Write a reply with content, holding this text, that Budwood does not model and the vendor wants back."""
        return None

    def own_content_stream(self, text: str) -> Frames | None:
        """Write the same as a stream."""
        return None

    def signed_reasoning(self, signature: str) -> WireBody | None:
        """Write a reply with reasoning that the vendor wants back with this signature, or encrypted text."""
        return None

    def signed_reasoning_stream(self, signature: str) -> Frames | None:
        """Write the same as a stream."""
        return None

    def signed_calls(self, calls: Sequence[ToolCallPart], signature: str) -> WireBody | None:
        """Write a reply that calls these tools, the first call with a signature that the vendor wants back."""
        return None

    def signed_calls_stream(self, calls: Sequence[ToolCallPart], signature: str) -> Frames | None:
        """Write the same as a stream."""
        return None

    def refused_parameter(self, parameter: str) -> WireReply | None:
        """Write the error with which the vendor refuses a parameter of `ChatRequest`, under the vendor's own name."""
        return None

    def noise(self) -> Frames:
        """Write events that say nothing, or that a later version of the API may send: decoders ignore them."""
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
