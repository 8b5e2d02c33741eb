"""
Services of providers that generate, read or store media, and long jobs.

A service of one request has the same methods as `Provider`: encode, decode, and a decoder of streams. A service of
several requests returns `Steps`: a generator that yields calls and receives their replies, without I/O of its own. A
service that takes minutes is a *job*: it has methods that submit, poll, cancel and fetch. Each of them returns `Steps`,
and a `JobRef` identifies the job, also in another process.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from budwood.types import Body, HTTPCall, HTTPReply

if TYPE_CHECKING:
    from pathlib import Path

    from budwood.types import (
        BatchInput,
        BatchLimits,
        BatchLineResult,
        ChatRequest,
        ChatResponse,
        FileInfo,
        FileUpload,
        ImageRequest,
        ImageResponse,
        JobRef,
        JobState,
        MediaEvent,
        MediaKind,
        MediaRequest,
        ReplyHead,
        SpeechRequest,
        SpeechResponse,
        StoredReplyAction,
        TranscriptionRequest,
        TranscriptionResponse,
        VideoRequest,
        VideoResponse,
    )
    from budwood.types.record import JSON

T = TypeVar("T")

Steps = Generator[HTTPCall, HTTPReply, T]
"""
Several requests as a generator: it yields calls, receives their replies with status 2xx, and returns the result.

The engine adds the credential to each call, sends it, and retries it as usual. For any other status, it raises the
`ProviderError` that `RemoteProvider.error` returns, inside the generator.
"""

MediaSource = str
"""``"inline"`` (the content within the request), ``"url"`` (the vendor fetches it), or ``"file"`` (it is uploaded)."""


class MediaDecoder(Protocol):
    """Converts the bytes of one streamed reply with media to events. Chunks may be split at any byte."""

    def feed(self, data: bytes) -> Sequence[MediaEvent]:
        """
        Decode the next bytes.

        Raises:
            ProviderError: The stream contains an error of the vendor, or is not in the format of the API.
        """
        ...

    def close(self) -> Sequence[MediaEvent]:
        """
        Decode the remaining bytes at the end of the stream. The last event is `MediaCompleted`.

        Raises:
            StreamInterruptedError: The reply is incomplete.
        """
        ...


@runtime_checkable
class MediaInputProvider(Protocol):
    """A vendor that accepts media in messages, or in requests to other services."""

    def media_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[MediaSource]:
        """
        Return how a request can contain media of a kind; empty if the vendor does not accept them.

        Without ``"url"``, the client downloads URLs. With ``"file"``, it uploads content that is too large for the
        request.
        """
        ...


@runtime_checkable
class ImageProvider(Protocol):
    """A vendor that generates images. The methods correspond to those of `Provider`."""

    def encode_image(self, request: ImageRequest, *, stream: bool) -> HTTPCall:
        """Encode a request in the vendor's form, with an adaptation for each parameter that is not sent unchanged."""
        ...

    def decode_image(self, request: ImageRequest, reply: HTTPReply) -> ImageResponse:
        """
        Decode a complete reply.

        Raises:
            ProviderError: The reply contains an error, or no image.
        """
        ...


@runtime_checkable
class ImageStreamProvider(Protocol):
    """A vendor that streams images."""

    def image_decoder(self, request: ImageRequest, head: ReplyHead) -> MediaDecoder:
        """Return a decoder for a streamed reply."""
        ...


@runtime_checkable
class SpeechProvider(Protocol):
    """A vendor that converts text to speech. The methods correspond to those of `Provider`."""

    def encode_speech(self, request: SpeechRequest, *, stream: bool) -> HTTPCall:
        """Encode a request in the vendor's form, with an adaptation for each parameter that is not sent unchanged."""
        ...

    def decode_speech(self, request: SpeechRequest, reply: HTTPReply) -> SpeechResponse:
        """Decode a complete reply. Add a header to samples without one, and correct headers with wrong sizes."""
        ...


@runtime_checkable
class SpeechStreamProvider(Protocol):
    """A vendor that streams speech."""

    def speech_decoder(self, request: SpeechRequest, head: ReplyHead) -> MediaDecoder:
        """Return a decoder for a streamed reply."""
        ...


@runtime_checkable
class TranscriptionProvider(Protocol):
    """A vendor that transcribes speech. The methods correspond to those of `Provider`."""

    def encode_transcription(self, request: TranscriptionRequest, *, stream: bool) -> HTTPCall:
        """Encode a request in the vendor's form, with an adaptation for each parameter that is not sent unchanged."""
        ...

    def decode_transcription(self, request: TranscriptionRequest, reply: HTTPReply) -> TranscriptionResponse:
        """Decode a complete reply."""
        ...


@runtime_checkable
class TranscriptionStreamProvider(Protocol):
    """A vendor that streams transcripts."""

    def transcription_decoder(self, request: TranscriptionRequest, head: ReplyHead) -> MediaDecoder:
        """Return a decoder for a streamed reply."""
        ...


@runtime_checkable
class FileProvider(Protocol):
    """A vendor that stores files."""

    def upload_file(self, upload: FileUpload) -> Steps[FileInfo]:
        """Upload a file. The vendor may still be processing it; see `FileInfo.ready`."""
        ...

    def list_files(self) -> Steps[tuple[FileInfo, ...]]:
        """List all files, over all pages."""
        ...

    def get_file(self, file_id: str) -> Steps[FileInfo]:
        """Return the metadata of a file."""
        ...

    def delete_file(self, file_id: str) -> Steps[None]:
        """Delete a file."""
        ...

    def download_file(self, file_id: str, target: Path) -> Steps[None]:
        """Write the content of a file to ``target``, by `HTTPCall.reply_to`."""
        ...


@runtime_checkable
class VideoProvider(Protocol):
    """A vendor that generates videos, as jobs."""

    def submit_video(self, request: VideoRequest) -> Steps[JobState]:
        """Submit a job. The call that creates it is not `HTTPCall.repeatable`, unless it has an idempotency key."""
        ...

    def poll_video(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a job."""
        ...

    def cancel_video(self, job: JobRef) -> Steps[JobState]:
        """
        Cancel a job. The result of one that has ended is paid for, and is not deleted.

        Raises:
            UnsupportedError: The vendor does not support it.
        """
        ...

    def fetch_video(self, job: JobRef, target: Path) -> Steps[VideoResponse]:
        """Write the video of a job that has succeeded to ``target``, by `HTTPCall.reply_to`."""
        ...


@runtime_checkable
class BackgroundProvider(Protocol):
    """
    A vendor that processes chat requests in the background, as jobs.

    `MediaInputProvider.media_sources` gets these requests as a `budwood.types.BackgroundRequest`.
    """

    def submit_response(self, request: ChatRequest) -> Steps[JobState]:
        """Submit a job; see `VideoProvider.submit_video`."""
        ...

    def poll_response(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a job."""
        ...

    def cancel_response(self, job: JobRef) -> Steps[JobState]:
        """Cancel a job."""
        ...

    def fetch_response(self, job: JobRef) -> Steps[ChatResponse]:
        """Return the reply of a job that has succeeded."""
        ...


@runtime_checkable
class StoredReplyProvider(Protocol):
    """A vendor that keeps replies of OpenAI's Responses API, also those that were not made in the background."""

    def call_stored_reply(self, reply_id: str, action: StoredReplyAction, query: Mapping[str, str]) -> Steps[JSON]:
        """
        Read, delete or cancel a reply, or list its input, and return the vendor's answer.

        Args:
            reply_id: The vendor's id.
            action: What to do.
            query: Parameters of the URL, such as those of a page.
        """
        ...


@runtime_checkable
class BatchProvider(Protocol):
    """A vendor that processes many chat requests as one batch, usually within a day and at a lower price."""

    def batch_limits(self, model: str) -> BatchLimits:
        """Return the limits of one batch."""
        ...

    def encode_batch_line(self, line_id: str, call: HTTPCall) -> Body:
        """
        Encode one request as a line, without the line break.

        Args:
            line_id: The id that identifies the result: at most 64 letters, digits and hyphens.
            call: The request as ``encode`` returns it for a live call. Its body may contain files.
        """
        ...

    def submit_batch(self, batch: BatchInput) -> Steps[JobState]:
        """
        Submit a job; see `VideoProvider.submit_video`.

        If it fails with `ProviderError.may_be_accepted`, look for the batch in the vendor's list, if `BatchInput.id` or
        an input file identifies it there; see `budwood.providing.create_batch`.
        """
        ...

    def poll_batch(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a job."""
        ...

    def cancel_batch(self, job: JobRef) -> Steps[JobState]:
        """Cancel a job."""
        ...

    def fetch_batch(self, job: JobRef, folder: Path) -> Steps[tuple[Path | bytes, ...]]:
        """
        Return the results of a job that has ended with any status, including those of failed requests.

        Each is a file in ``folder``, written by `HTTPCall.reply_to`, or lines in memory.
        """
        ...

    def decode_batch_line(self, line: bytes) -> BatchLineResult:
        """
        Decode one line of a result. The engine decodes the reply in it like that of a live call.

        Raises:
            ValueError: The line has no id, or is not in the format of the API.
        """
        ...


@runtime_checkable
class BatchFileProvider(BatchProvider, Protocol):
    """A vendor whose batches can be created from a file that it already stores, with lines in its own form."""

    def submit_batch_file(self, file_id: str, fields: Mapping[str, JSON]) -> Steps[JobState]:
        """
        Submit a job; see `BatchProvider.submit_batch`.

        Args:
            file_id: The vendor's id of the file with the lines.
            fields: Further fields of the vendor's request, sent unchanged.
        """
        ...
