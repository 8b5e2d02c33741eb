"""The services of media, files and videos, whose modules are imported at the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from budwood.contracts import Steps
from budwood.errors import BadResponseError, UnsupportedError
from budwood.providing import encode_json, find_media, parse_object
from budwood.types import (
    ChatResponse,
    FileInfo,
    FileUpload,
    HTTPCall,
    HTTPReply,
    ImageRequest,
    ImageResponse,
    JobRef,
    JobState,
    ReplyHead,
    SpeechRequest,
    SpeechResponse,
    TranscriptionRequest,
    TranscriptionResponse,
    VideoRequest,
    VideoResponse,
)
from budwood_gemini.encoding import Body, encode_safety_settings, is_signed
from budwood_gemini.endpoint import GeminiEndpoint
from budwood_gemini.headers import parse_request_id
from budwood_gemini.media import Form, needs_download

if TYPE_CHECKING:
    from pathlib import Path

    from budwood.contracts import MediaDecoder
    from budwood.types import MediaKind, MediaRequest
    from budwood_gemini.files import Files

LONG_RUNNING: Final = "long_running"
"""Trait of models that make videos by ``predictLongRunning`` (Veo)."""

_SOURCES: Final = frozenset({"inline", "url", "file"})


class MediaServices(GeminiEndpoint):
    """The services besides chat, embeddings, token counts and the list of models."""

    def media_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
        """Return how a request can contain media: as content, by the Files API, or by URL if their types are known."""
        if isinstance(request, VideoRequest) and LONG_RUNNING in self.model_rules(request.model).traits:
            return frozenset({"inline"} if kind == "image" else {"inline", "url"})
        parts = (part for part in find_media(request) if part.type == kind)
        is_unknown = any(needs_download(part, self._settings.base_url) for part in parts)
        return _SOURCES - {"url"} if is_unknown else _SOURCES

    def encode_image(self, request: ImageRequest, *, stream: bool) -> HTTPCall:
        """Encode a request for images."""
        from budwood_gemini.images import encode_image

        return self._generate(request.model, encode_image(request, self._form(request.model)), stream=stream)

    def decode_image(self, request: ImageRequest, reply: HTTPReply) -> ImageResponse:
        """Decode images."""
        from budwood_gemini.images import make_image_response

        chat = self.decode_reply(reply)
        return make_image_response(chat.media, chat.text, _first_candidate(chat), _facts(chat))

    def image_decoder(self, request: ImageRequest, head: ReplyHead) -> MediaDecoder:
        """Return a decoder for streamed images."""
        from budwood_gemini.images import ImageStreamDecoder

        return ImageStreamDecoder(head)

    def encode_speech(self, request: SpeechRequest, *, stream: bool) -> HTTPCall:
        """Encode a request to speak a text."""
        from budwood_gemini.speech import encode_speech

        return self._generate(request.model, encode_speech(request, self.model_rules(request.model)), stream=stream)

    def decode_speech(self, request: SpeechRequest, reply: HTTPReply) -> SpeechResponse:
        """Decode speech."""
        from budwood_gemini.speech import decode_speech

        chat = self.decode_reply(reply)
        return decode_speech(_first_candidate(chat), chat.text, _facts(chat))

    def speech_decoder(self, request: SpeechRequest, head: ReplyHead) -> MediaDecoder:
        """Return a decoder for streamed speech."""
        from budwood_gemini.speech import SpeechStreamDecoder

        return SpeechStreamDecoder(request, head)

    def encode_transcription(self, request: TranscriptionRequest, *, stream: bool) -> HTTPCall:
        """Encode a request to transcribe speech."""
        from budwood_gemini.transcription import encode_transcription, needs_interaction

        form = self._form(request.model)
        if not needs_interaction(request):
            return self._generate(request.model, encode_transcription(request, form), stream=stream)
        from budwood_gemini.timed_transcription import encode_timed_transcription

        return self._interact(encode_timed_transcription(request, form, stream=stream))

    def decode_transcription(self, request: TranscriptionRequest, reply: HTTPReply) -> TranscriptionResponse:
        """Decode a transcript."""
        from budwood_gemini.transcription import make_transcription, needs_interaction

        if not needs_interaction(request):
            chat = self.decode_reply(reply)
            return make_transcription(chat.text, _facts(chat))
        from budwood_gemini.interactions import make_facts
        from budwood_gemini.timed_transcription import decode_timed_transcription

        body = self.parse(reply)
        return decode_timed_transcription(request, body, make_facts(body, parse_request_id(reply.headers)))

    def transcription_decoder(self, request: TranscriptionRequest, head: ReplyHead) -> MediaDecoder:
        """Return a decoder for a streamed transcript."""
        from budwood_gemini.transcription import TranscriptStreamDecoder, needs_interaction

        if not needs_interaction(request):
            return TranscriptStreamDecoder(head)
        from budwood_gemini.timed_transcription import TimedTranscriptDecoder

        return TimedTranscriptDecoder(request, head, parse_request_id(head.headers))

    def submit_video(self, request: VideoRequest) -> Steps[JobState]:
        """Submit a video. It has no idempotency key, so that the call is not repeated after an ambiguous failure."""
        from budwood_gemini import videos

        if LONG_RUNNING in self.model_rules(request.model).traits:
            body = videos.encode_operation(request)
            call = self.post(request.model, "predictLongRunning", *body, repeatable=False)
            return videos.decode_operation(self._parse_job((yield call)))
        call = self._interact(videos.encode_interaction(request, self._form(request.model)), repeatable=False)
        return videos.decode_interaction(self._parse_job((yield call)))

    def poll_video(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a video."""
        from budwood_gemini import videos

        body = yield from self._get_job(job)
        return videos.decode_operation(body) if videos.is_operation(job.id) else videos.decode_interaction(body)

    def cancel_video(self, job: JobRef) -> Steps[JobState]:
        """Cancel a video that Interactions make."""
        from budwood_gemini import videos

        if videos.is_operation(job.id):
            raise UnsupportedError(f"{job.model} does not cancel videos.", hint="Its result can be ignored.")
        call = HTTPCall(method="POST", url=f"{self._job_url(job)}/cancel", headers=self._headers)
        return videos.decode_interaction(self._parse_job((yield call)))

    def fetch_video(self, job: JobRef, target: Path) -> Steps[VideoResponse]:
        """Download the videos of a job. Further ones are written next to the target."""
        from budwood_gemini import videos
        from budwood_gemini.interactions import make_facts, strip_content

        body = yield from self._get_job(job)
        is_operation = videos.is_operation(job.id)
        rows = videos.list_samples(body) if is_operation else videos.list_videos(body)
        found = yield from videos.download(self._files, rows, target)
        facts: dict[str, Any] = (
            {"id": job.id, "model": job.model, "raw": strip_content(body)} if is_operation else make_facts(body, None)
        )
        return VideoResponse(videos=found, **facts)

    def _get_job(self, job: JobRef) -> Steps[dict[str, Any]]:
        return self._parse_job((yield HTTPCall(method="GET", url=self._job_url(job), headers=self._headers)))

    def _parse_job(self, reply: HTTPReply) -> dict[str, Any]:
        """
        Parse the state of a job, whose error is not that of the request.

        Raises:
            ProviderError: The reply contains an error, or no id.
        """
        body = parse_object(reply)
        if not (body.get("name") or body.get("id")):
            self.parse(reply)
            raise BadResponseError("The reply has no id of a job.")
        return body

    def _job_url(self, job: JobRef) -> str:
        from budwood_gemini.videos import is_operation

        return f"{self._settings.base_url}/{job.id if is_operation(job.id) else f'interactions/{job.id}'}"

    def upload_file(self, upload: FileUpload) -> Steps[FileInfo]:
        """Store a file for two days. Videos are processed before they can be used; see `FileInfo.ready`."""
        return self._files.upload(upload)

    def list_files(self) -> Steps[tuple[FileInfo, ...]]:
        """List all files."""
        return self._files.list()

    def get_file(self, file_id: str) -> Steps[FileInfo]:
        """Return what Google knows of a file."""
        return self._files.get(file_id)

    def delete_file(self, file_id: str) -> Steps[None]:
        """Delete a file."""
        return self._files.delete(file_id)

    def download_file(self, file_id: str, target: Path) -> Steps[None]:
        """Write a file that a model has made to ``target``."""
        return self._files.download(self._files.url(file_id), target)

    @property
    def _files(self) -> Files:
        from budwood_gemini.files import Files

        return Files(self._settings.base_url, self._headers)

    def _form(self, model: str) -> Form:
        return Form(is_signed(self.model_rules(model)), self._settings.base_url)

    def _generate(self, model: str, body: Body, *, stream: bool) -> HTTPCall:
        values = encode_safety_settings(self._settings) | body.values
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return self.post(model, method, values, body.adaptations)

    def _interact(self, body: Body, *, repeatable: bool = True) -> HTTPCall:
        return HTTPCall(
            method="POST",
            url=f"{self._settings.base_url}/interactions",
            headers=self._headers,
            body=encode_json(body.values),
            adaptations=body.adaptations,
            repeatable=repeatable,
        )


def _first_candidate(chat: ChatResponse) -> dict[str, Any]:
    """Return the first candidate of a reply as it came."""
    body: Any = chat.raw
    return dict(body["candidates"][0])


def _facts(chat: ChatResponse) -> dict[str, Any]:
    """Return the fields of a response that all services have."""
    from budwood_gemini.interactions import strip_content

    return {
        "usage": chat.usage,
        "id": chat.id,
        "model": chat.model,
        "request_id": chat.request_id,
        "finish_reason": chat.finish_reason,
        "raw": strip_content(chat.raw),
    }
