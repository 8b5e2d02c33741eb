"""The operations of a client that generate and read media, as flows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

from pydantic import ValidationError

from budwood.engine.chat.files import locate_part, locate_parts
from budwood.engine.chat.option_types import AskOptions, ServiceOptions
from budwood.engine.chat.options import convert_error, parse_extra, parse_service_options, reject_unknown_options
from budwood.engine.drivers.effects import Flow
from budwood.engine.engine import Engine
from budwood.engine.media_options import ImageOptions, SpeechOptions, TranscriptionOptions
from budwood.engine.media_services import IMAGE_EDITS, IMAGES, SPEECH, TRANSCRIPTION, TRANSLATION
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.offers import check_service
from budwood.engine.pipeline.service import Service
from budwood.engine.services import send_request
from budwood.errors import ConfigurationError, PromptError
from budwood.types import (
    AudioPart,
    ImagePart,
    ImageRequest,
    ImageResponse,
    SpeechRequest,
    SpeechResponse,
    TranscriptionRequest,
    TranscriptionResponse,
    VideoPart,
    VideoRequest,
)
from budwood.types.record import Record

R = TypeVar("R", ImageRequest, SpeechRequest, TranscriptionRequest, VideoRequest)

_OF_SERVICES: Final = frozenset(ServiceOptions.__optional_keys__)
_NOT_IN_REQUESTS: Final = _OF_SERVICES | {"download"}
_TIMESTAMPS: Final = ("segment", "word")


class MediaEngine(Engine):
    """The operations of a client that generate and read media."""

    def image(
        self, prompt: str, images: object, options: ImageOptions, *, streamed: bool = False
    ) -> Flow[ImageResponse]:
        """Generate images, or edit some."""
        if images is not None:
            return self.edit_image(prompt, images, options, streamed=streamed)
        if options.get("mask") is not None:
            raise ConfigurationError("A mask needs an image.", hint="Call client.edit_image(prompt, image, mask=…).")
        _check_text("prompt", prompt)
        fields = read_options(ImageOptions, options, prompt=prompt)
        return self._send_media(IMAGES, ImageRequest, fields, options, streamed=streamed)

    def edit_image(
        self, prompt: str, images: object, options: ImageOptions, *, streamed: bool = False
    ) -> Flow[ImageResponse]:
        """Edit images."""
        _check_text("prompt", prompt)
        fields = read_options(ImageOptions, options, prompt=prompt, images=images)
        if not fields.get("images"):
            raise PromptError("There is no image to edit.", hint="Pass one; client.image(…) generates new ones.")
        return self._send_media(IMAGE_EDITS, ImageRequest, fields, options, streamed=streamed)

    def speak(self, text: str, options: SpeechOptions, *, streamed: bool = False) -> Flow[SpeechResponse]:
        """Convert text to speech."""
        _check_text("text", text)
        fields = read_options(SpeechOptions, options, text=text)
        return self._send_media(SPEECH, SpeechRequest, fields, options, streamed=streamed)

    def transcribe(
        self, audio: object, options: TranscriptionOptions, *, translate: bool = False, streamed: bool = False
    ) -> Flow[TranscriptionResponse]:
        """Transcribe speech; in English if ``translate`` is set."""
        service = TRANSLATION if translate else TRANSCRIPTION
        fields = read_options(TranscriptionOptions, options, audio=locate_part(audio, AudioPart), translate=translate)
        return self._send_media(service, TranscriptionRequest, fields, options, streamed=streamed)

    def _send_media(
        self,
        service: Service,
        kind: type[R],
        fields: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        streamed: bool,
    ) -> Flow[Any]:
        call, request = self._make_request(service, kind, fields, options, streamed=streamed)
        flow = _send(call, service, request)
        if kind is TranscriptionRequest:
            return flow
        from budwood.engine.downloads import complete_results  # chat does not need it

        return complete_results(call, service, flow, download=options.get("download") is not False)

    def _make_request(
        self,
        service: Service,
        kind: type[R],
        fields: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        streamed: bool = False,
    ) -> tuple[Call, Flow[R]]:
        """Check the options, and return a call and the flow that reads the files of its request."""
        shared = cast("AskOptions", {name: value for name, value in options.items() if name in _OF_SERVICES})
        parsed = parse_service_options(shared, self.options)
        call = self._call(parsed, streamed=streamed)
        check_service(call.target, service)
        if streamed:
            call.check_credential()
        from budwood.engine.unread_files import UnreadFiles  # chat does not need it

        files = UnreadFiles()
        values = {name: files.hold_places(value) for name, value in fields.items()}
        try:
            request = kind(model=call.target.model, extra=parse_extra(options.get("extra")), **values)
        except ValidationError as error:
            raise convert_error(error) from None
        return call, files.read(request)


def _send(call: Call, service: Service, request: Flow[Record]) -> Flow[Any]:
    return (yield from send_request(call, service, (yield from request)))


def read_options(kind: Any, options: Mapping[str, Any], **arguments: object) -> dict[str, Any]:  # noqa: ANN401 - a TypedDict
    """
    Return the fields of a request, whose files are not read yet.

    Raises:
        ConfigurationError: An option is unknown.
        PromptError: A file is neither a path nor bytes.
    """
    known: frozenset[str] = kind.__optional_keys__
    reject_unknown_options(options, known)
    fields = {**arguments, **{name: value for name, value in options.items() if name not in _NOT_IN_REQUESTS}}
    return {name: _parse_field(name, value) for name, value in fields.items() if value is not None}


def _check_text(name: str, text: object) -> None:
    if not (isinstance(text, str) and text.strip()):
        raise PromptError(f"The {name} is empty, or not a text.", hint="Pass a text that is not blank.")


def _parse_field(name: str, value: Any) -> Any:  # noqa: ANN401 - a field of any type
    """Return the value of a field; files become parts, or are located."""
    match name:
        case "images":
            return locate_parts(value, ImagePart)
        case "mask":
            return locate_part(value, ImagePart)
        case "video":
            return locate_part(value, VideoPart)
        case "timestamps":
            return _parse_timestamps(value)
        case _:
            return value


def _parse_timestamps(value: object) -> tuple[object, ...]:
    kinds = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(kind in _TIMESTAMPS for kind in kinds):
        raise ConfigurationError(f"Invalid timestamps {value!r}.", hint='Pass "segment", "word", or a list of both.')
    return kinds
