"""The base class of the examples for `ProviderSuite`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from budwood.types import FileInfo, FinishReason, JobRef, JobState, ToolCallPart, Usage

WireBody = bytes | str | Mapping[str, Any] | Sequence[Any]
"""The body of a reply: bytes, text, or a JSON value."""

Frames = Sequence[bytes]
"""A streamed reply, with the bytes of one event per item: the suite splits it, and inserts other events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireReply:
    """A reply with status and headers."""

    status: int = 200
    body: WireBody = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Replies = Sequence[WireBody | WireReply]
"""The replies to the requests of a method that returns `Steps`, in order."""


class WireExamples:
    """
    Example replies in a vendor's wire format.

    Each method returns its arguments in the format of the vendor, or None if the vendor has no such reply. The suite
    fails if an example that a capability requires is missing: chat requires `reply` and `error`, streams require
    `stream`, and the docstrings of the others name their capability. Examples without a capability are optional; the
    summary of the run lists their tests as not tested, unless `absent` has the name.

    Attributes:
        absent: Names of examples and attributes that the vendor does not have, as ``{"refusal", "ignored_events"}``.
        has_call_ids: Whether the vendor assigns ids to tool calls.
        request_id_header: The header with the vendor's request id; None if there is none.
        rate_limit_headers: Headers for 9 remaining requests.
        reply_id: The id in the example replies and streams; None if the vendor sends none.
        reply_model: The model in the example replies and streams.
        counts: The counts of `Usage` that the vendor reports; `reply` and `stream` must include them.
        finish_reasons: The vendor's finish reasons, and the one of Budwood for each.
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
        Return a complete reply.

        Args:
            text: The text of the model.
            usage: The usage, with the fields of `counts`; None for a reply without usage.
            finish: The finish reason: ``"stop"`` or ``"length"``.
        """
        return None

    def stream(self, chunks: Sequence[str], usage: Usage | None, finish: FinishReason = "stop") -> Frames | None:
        """Return a streamed reply with the text in these chunks; for the other arguments see `reply`."""
        return None

    def error(self, status: int, message: str) -> WireBody | None:
        """Return the body of an error with this status."""
        return None

    def tool_calls(self, calls: Sequence[ToolCallPart]) -> WireBody | None:
        """Return a reply with these tool calls and no text (``TOOLS``)."""
        return None

    def tool_call_stream(self, calls: Sequence[ToolCallPart]) -> Frames | None:
        """Return the same as a stream (``TOOLS`` and ``STREAM``)."""
        return None

    def reasoning(self, reasoning: str, text: str) -> WireBody | None:
        """Return a reply with reasoning (``REASONING``)."""
        return None

    def reasoning_stream(self, reasoning: str, text: str) -> Frames | None:
        """Return the same as a stream (``REASONING`` and ``STREAM``)."""
        return None

    def refusal(self, text: str) -> WireBody | None:
        """Return a reply in which the model refuses with this text."""
        return None

    def content_filter_error(self, message: str) -> WireReply | None:
        """Return the error for a prompt that the content filter rejects."""
        return None

    def error_with_status_200(self, message: str) -> WireBody | None:
        """Return the body of an error with status 200."""
        return None

    def stream_error(self, chunks: Sequence[str], message: str) -> Frames | None:
        """Return a stream that ends with an error after these chunks of text."""
        return None

    def other_stream_errors(self, chunks: Sequence[str], message: str) -> Sequence[Frames]:
        """Return such a stream for each further error format of the vendor or its gateways."""
        return ()

    def reply_with_finish_reason(self, reason: str) -> WireBody | None:
        """Return a reply with this finish reason of the vendor, which may be an unknown one."""
        return None

    def stream_with_finish_reason(self, reason: str) -> Frames | None:
        """Return the same as a stream."""
        return None

    def vendor_content(self, text: str) -> WireBody | None:
        """Return a reply with this text in content that Budwood does not model and the next request must include."""
        return None

    def vendor_content_stream(self, text: str) -> Frames | None:
        """Return the same as a stream."""
        return None

    def signed_reasoning(self, signature: str) -> WireBody | None:
        """Return a reply with reasoning and this signature or encrypted text, which the next request must include."""
        return None

    def signed_reasoning_stream(self, signature: str) -> Frames | None:
        """Return the same as a stream."""
        return None

    def signed_tool_calls(self, calls: Sequence[ToolCallPart], signature: str) -> WireBody | None:
        """Return a reply with these tool calls, the first with a signature, which the next request must include."""
        return None

    def signed_tool_calls_stream(self, calls: Sequence[ToolCallPart], signature: str) -> Frames | None:
        """Return the same as a stream."""
        return None

    def unsupported_parameter(self, parameter: str) -> WireReply | None:
        """Return the error for an unsupported parameter of `ChatRequest`, under the vendor's name of the parameter."""
        return None

    def ignored_events(self) -> Frames:
        """Return events that decoders must ignore: pings, and events of later versions of the API."""
        return ()

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> WireBody | None:
        """Return a reply with these vectors (``EMBEDDINGS``)."""
        return None

    def models(self, names: Sequence[str]) -> WireBody | None:
        """Return a list of models (``MODELS``)."""
        return None

    def model(self, name: str) -> WireBody | None:
        """Return the details of one model, if the plugin is a `ModelDetailProvider`."""
        return None

    def token_count(self, tokens: int) -> WireBody | None:
        """Return a token count (``COUNT_TOKENS``)."""
        return None

    def moderation(self, flagged: Sequence[bool]) -> WireBody | None:
        """Return one moderation result for each input (``MODERATION``)."""
        return None

    def completion(self, text: str) -> WireBody | None:
        """Return a completion (``COMPLETION``)."""
        return None

    def images(self, images: Sequence[bytes]) -> WireBody | None:
        """Return a reply with these images, which are PNGs (``IMAGES``)."""
        return None

    def image_stream(self, partial: bytes, image: bytes) -> Frames | None:
        """Return a stream with an unfinished image and a finished one, if the plugin is an `ImageStreamProvider`."""
        return None

    def speech(self, audio: bytes) -> WireBody | WireReply | None:
        """Return a reply with this WAV file, which has 24,000 samples a second and one channel (``SPEECH``)."""
        return None

    def speech_stream(self, chunks: Sequence[bytes]) -> Frames | None:
        """
        Return a stream of events with such a file in these chunks, if the plugin is a `SpeechStreamProvider`.

        The first chunk starts with its header of 44 bytes. A vendor that streams the audio itself has no such example.
        """
        return None

    def transcription(self, text: str) -> WireBody | WireReply | None:
        """Return a transcript (``TRANSCRIPTION`` and ``TRANSLATION``)."""
        return None

    def transcription_stream(self, chunks: Sequence[str]) -> Frames | None:
        """Return a streamed transcript in these chunks, if the plugin is a `TranscriptionStreamProvider`."""
        return None

    def files(self, method: str, files: Sequence[FileInfo]) -> Replies | None:
        """
        Return the replies to the requests of a method of `FileProvider` (``FILES``).

        Args:
            method: The name of the method, such as ``"upload_file"``.
            files: The file, with id, name, size and media type. Those of ``"list_files"`` are several, each on a page
                of its own, unless the vendor has no pages.
        """
        return None

    def job(self, method: str, state: JobState) -> Replies | None:
        """
        Return the replies to the requests of a method that submits, polls or cancels a job.

        Args:
            method: The name of the method of ``VIDEOS``, ``BACKGROUND`` or ``BATCHES``, such as ``"submit_video"``.
            state: The state of the job after the last request, with its id and status, and the error of a failed one.
                Return None for a status that the vendor does not have.
        """
        return None

    def job_result(self, method: str, job: JobRef, content: bytes) -> Replies | None:
        """
        Return the replies to the requests that fetch the result of a job.

        Args:
            method: ``"fetch_video"``, ``"fetch_response"`` or ``"fetch_batch"``.
            job: The job, with the data of its last state.
            content: The video, the text of the reply in UTF-8, or the lines of `batch_line`.
        """
        return None

    def batch_line(self, line_id: str, body: WireBody | None) -> bytes | None:
        """Return a line of the result of a batch: with the body of a reply, or None for a request that expired."""
        return None
