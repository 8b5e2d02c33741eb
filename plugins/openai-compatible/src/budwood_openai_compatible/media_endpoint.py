"""
The services of OpenAI's API that generate and read media.

Their codecs are imported when they are needed, since a chat call does not need them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from budwood.errors import BadResponseError, UnsupportedError
from budwood.providing import adapt_fields
from budwood.types import HTTPCall
from budwood_openai_compatible.decoding import parse_request_id
from budwood_openai_compatible.endpoint import OpenAIEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budwood.contracts import MediaDecoder
    from budwood.types import (
        Adaptation,
        HTTPReply,
        ImageRequest,
        ImageResponse,
        MediaKind,
        MediaRequest,
        ReplyHead,
        SpeechRequest,
        SpeechResponse,
        TranscriptionRequest,
        TranscriptionResponse,
    )
    from budwood.wire.multipart import FormField


class MediaEndpoint(OpenAIEndpoint):
    """
    Images, speech and transcription of a server with OpenAI's API.

    Attributes:
        takes_image_urls: Whether images to edit may be URLs or ids, in a body that is JSON.
        audio_url_field: The field for the URL of audio to transcribe; None if the server does not fetch it.
    """

    takes_image_urls: ClassVar[bool] = True
    audio_url_field: ClassVar[str | None] = None

    def _find_service_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
        """Return how requests other than chat contain media: as content, or as URLs that the server fetches."""
        from budwood.types import ImageRequest, TranscriptionRequest

        if isinstance(request, ImageRequest):
            takes_url = self.takes_image_urls
        elif isinstance(request, TranscriptionRequest):
            takes_url = self.audio_url_field is not None
        else:
            takes_url = kind == "image"
        return frozenset({"inline", "url"} if takes_url else {"inline"})

    def encode_image(self, request: ImageRequest, *, stream: bool) -> HTTPCall:
        """Return a request to generate or edit images."""
        from budwood_openai_compatible.media import images
        from budwood_openai_compatible.media.sizes import convert_ratio

        request, changed = convert_ratio(request, images.IMAGE_SIZES)
        fields, adaptations = adapt_fields(request, self.model_rules(request.model), images.IMAGE_FIELDS)
        adaptations += changed
        values = {"model": request.model, "prompt": request.prompt, **fields}
        if stream:
            values["stream"] = True
            if request.partial_images is not None:
                values["partial_images"] = request.partial_images
        values |= request.extra
        if not request.images:
            call = self._post("/images/generations", values, adaptations)
        elif self.takes_image_urls and images.is_linked(request):
            call = self._post("/images/edits", values | images.encode_linked_images(request), adaptations)
        else:
            form = images.encode_image_form(request, values)
            call = self._post_form("/images/edits", request.model, form, adaptations)
        return replace(call, max_reply_bytes=images.MAX_IMAGE_REPLY)

    def decode_image(self, request: ImageRequest, reply: HTTPReply) -> ImageResponse:
        """Decode images."""
        from budwood_openai_compatible.media.images import decode_images

        return decode_images(self._require(reply, "data"), reply.headers)

    def image_decoder(self, request: ImageRequest, head: ReplyHead) -> MediaDecoder:
        """Return the decoder of a stream of images."""
        from budwood_openai_compatible.media.images import ImageDecoder

        return ImageDecoder(
            head, decode_reply=lambda reply: self.decode_image(request, reply), convert_error=self._convert_error
        )

    def encode_speech(self, request: SpeechRequest, *, stream: bool) -> HTTPCall:
        """
        Return a request for speech.

        Raises:
            PromptError: The text is longer than the model takes.
        """
        from budwood_openai_compatible.media.speech import SPEECH_EVENTS, SPEECH_FIELDS, check_length

        rules = self.model_rules(request.model)
        check_length(request, rules)
        fields, adaptations = adapt_fields(request, rules, SPEECH_FIELDS)
        body = {"model": request.model, "input": request.text, **fields}
        if stream and SPEECH_EVENTS in rules.traits:
            body["stream_format"] = "sse"
        call = self._post("/audio/speech", body | request.extra, adaptations)
        return replace(call, headers={**call.headers, "accept": "*/*"})

    def decode_speech(self, request: SpeechRequest, reply: HTTPReply) -> SpeechResponse:
        """Decode speech."""
        from budwood_openai_compatible.media.speech import decode_speech, is_json

        body = self._object(reply, "audio_data") if is_json(reply.headers) else None
        return decode_speech(request, reply, body)

    def speech_decoder(self, request: SpeechRequest, head: ReplyHead) -> MediaDecoder:
        """Return the decoder of streamed speech, which is audio or events."""
        from budwood_openai_compatible.media.speech import SpeechBytesDecoder, SpeechEventDecoder, is_event_stream

        if not is_event_stream(head.headers):
            return SpeechBytesDecoder(request, head)
        return SpeechEventDecoder(
            head,
            decode_reply=lambda reply: self.decode_speech(request, reply),
            convert_error=self._convert_error,
            is_pcm=(request.extra.get("response_format") or request.format) == "pcm",
        )

    def encode_transcription(self, request: TranscriptionRequest, *, stream: bool) -> HTTPCall:
        """Return a request for a transcript, or for a translation into English."""
        from budwood_openai_compatible.media.forms import encode_fields
        from budwood_openai_compatible.media.transcription import encode_transcription_fields

        rules = self.model_rules(request.model)
        values, adaptations = encode_transcription_fields(request, rules, stream=stream)
        path = "/audio/translations" if request.translate else "/audio/transcriptions"
        fields = [*encode_fields(values), self._encode_audio(request)]
        call = self._post_form(path, request.model, fields, adaptations)
        return replace(call, headers={**call.headers, "accept": "*/*"})

    def _encode_audio(self, request: TranscriptionRequest) -> FormField:
        from budwood.wire.multipart import FormField
        from budwood_openai_compatible.media.forms import encode_file

        url = request.audio.url
        if url is None or url.startswith("data:"):
            return encode_file("file", request.audio, service="transcription")
        if self.audio_url_field is None:
            raise UnsupportedError(
                "The server does not fetch audio from URLs.", hint="Pass the content or the path of the file."
            )
        return FormField(self.audio_url_field, url)

    def decode_transcription(self, request: TranscriptionRequest, reply: HTTPReply) -> TranscriptionResponse:
        """Decode a transcript: an object, a text, or subtitles."""
        from budwood_openai_compatible.media.transcription import decode_text, decode_transcript, is_object

        if not is_object(reply):
            return decode_text(reply)
        return decode_transcript(self._require(reply, "text"), reply.head)

    def transcription_decoder(self, request: TranscriptionRequest, head: ReplyHead) -> MediaDecoder:
        """Return the decoder of a streamed transcript."""
        from budwood_openai_compatible.media.transcription import TranscriptDecoder

        return TranscriptDecoder(
            head,
            decode_reply=lambda reply: self.decode_transcription(request, reply),
            convert_error=self._convert_error,
        )

    def _require(self, reply: HTTPReply, name: str) -> dict[str, Any]:
        """
        Parse a reply as a JSON object with the field of the result, which may be empty.

        Raises:
            BadResponseError: It has no such field.
        """
        body = self._object(reply, name)
        if name not in body:
            raise BadResponseError(
                f"The reply has no {name!r}.", status=reply.status, request_id=parse_request_id(reply.headers)
            )
        return body

    def _post_form(
        self, path: str, model: str | None, fields: Iterable[FormField], adaptations: tuple[Adaptation, ...] = ()
    ) -> HTTPCall:
        """Return a request with a form."""
        from budwood.wire.multipart import encode_form

        form = encode_form(fields)
        headers = {**self._headers, "content-type": form.content_type}
        return HTTPCall(
            method="POST", url=self.url(path, model), headers=headers, body=form.body, adaptations=adaptations
        )
