"""The services of media that take one request: their requests, examples and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from budwood.contracts import (
    ImageProvider,
    ImageStreamProvider,
    SpeechProvider,
    SpeechStreamProvider,
    TranscriptionProvider,
    TranscriptionStreamProvider,
)
from budwood.providing import make_wave_header
from budwood.types import (
    AudioPart,
    Capability,
    HTTPCall,
    HTTPReply,
    ImagePart,
    ImageRequest,
    MediaPart,
    ReplyHead,
    SpeechRequest,
    TranscriptionRequest,
)
from budwood_testing.examples.wire import Frames, WireBody, WireReply
from budwood_testing.suites.provider.bench import JSON_HEADERS, Bench, as_bytes, as_reply
from budwood_testing.suites.provider.features import PIXEL

PROMPT: Final = 'A c\u00e4t, "drawn" for conformance.'
SPOKEN: Final = "Words to conform with, n\u00e4mlich."
SAMPLES: Final = bytes(range(256)) * 2
SOUND: Final = make_wave_header(len(SAMPLES)) + SAMPLES
"""A WAV file with all values of a byte."""

URL: Final = "https://example.com/conformance.bin"
FILE_ID: Final = "file-conformance-77"

_SHARED_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({"extra": {"x_conformance": "m4rker"}})
_IMAGE_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "n": 2,
        "size": "1536x1024",
        "quality": "high",
        "format": "webp",
        "background": "transparent",
        "seed": 90210,
        **_SHARED_OPTIONS,
    }
)
_SPEECH_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "voice": "conformance-voice",
        "format": "flac",
        "speed": 1.25,
        "instructions": "Whisper it, please.",
        "language": "pt",
        **_SHARED_OPTIONS,
    }
)
_TRANSCRIPTION_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "language": "pt",
        "prompt": "Budwood, Oslo",
        "temperature": 0.25,
        "timestamps": ("segment", "word"),
        "diarize": True,
        **_SHARED_OPTIONS,
    }
)


@dataclass(frozen=True, kw_only=True)
class MediaService:
    """
    A service, as its tests need it.

    Attributes:
        capability: The capability of the service.
        name: Its name in the methods of providers: ``encode_image``, ``decode_image``, ``image_decoder``.
        example: The name of its example; that of its streams ends with ``_stream``.
        protocol: The protocol of the provider.
        stream_protocol: The protocol of a provider that streams it.
        kind: The type of its requests.
        fields: The required fields of a request.
        media: The field with media, and their content; None if requests have no media.
        options: A value for each option.
    """

    capability: Capability
    name: str
    example: str
    protocol: type[Any]
    stream_protocol: type[Any]
    kind: type[Any]
    fields: Mapping[str, Any]
    media: tuple[str, type[MediaPart], bytes, str] | None = None
    options: Mapping[str, Any]

    def request(self, bench: Bench, **fields: Any) -> Any:  # noqa: ANN401 - each service has its own
        """Create a request."""
        own = {**self.fields, **fields}
        if self.media is not None and self.media[0] not in own:
            own[self.media[0]] = self.wrap(self.media[1](data=self.media[2], media_type=self.media[3]))
        return self.kind(model=bench.model, **own)

    def wrap(self, part: MediaPart) -> MediaPart | tuple[MediaPart]:
        """Return the value of the field with media."""
        return part if self.kind is TranscriptionRequest else (part,)

    def with_part(self, bench: Bench, **source: Any) -> Any:  # noqa: ANN401 - see `request`
        """Create a request with media from another source."""
        assert self.media is not None
        field, part, _, media_type = self.media
        return self.request(bench, **{field: self.wrap(part(media_type=media_type, **source))})

    def encode(self, bench: Bench, request: Any, *, stream: bool = False) -> HTTPCall:  # noqa: ANN401 - see `request`
        """Encode a request with the provider."""
        call: HTTPCall = getattr(bench.provider, f"encode_{self.name}")(request, stream=stream)
        return call

    def decode(self, bench: Bench, reply: WireBody | WireReply) -> Any:  # noqa: ANN401 - see `request`
        """Decode a complete reply with the provider."""
        wire_reply = as_reply(reply)
        head = ReplyHead(wire_reply.status, {**JSON_HEADERS, **wire_reply.headers})
        http_reply = HTTPReply(head, as_bytes(wire_reply.body))
        return getattr(bench.provider, f"decode_{self.name}")(self.request(bench), http_reply)

    def decoder(self, bench: Bench, head: ReplyHead) -> Any:  # noqa: ANN401 - a MediaDecoder
        """Return a decoder of the provider."""
        return getattr(bench.provider, f"{self.name}_decoder")(self.request(bench), head)

    def reply(self, bench: Bench) -> WireBody | WireReply:
        """Return the example of a reply with `content`; fail without it."""
        bench.claims(self.capability)
        content: Any = [self.content] if self.name == "image" else self.content
        example: WireBody | WireReply | None = getattr(bench.examples, self.example)(content)
        if isinstance(example, WireReply):
            return example
        return bench.body(example, self.example, self.capability)

    def frames(self, bench: Bench) -> Frames:
        """Return the example of a stream with `content`; skip the test without it."""
        bench.claims(self.capability)
        name = f"{self.name}_stream"
        if isinstance(bench.provider, self.stream_protocol):
            example = getattr(bench.examples, name)
            found: Frames | None = example(PIXEL[::-1], PIXEL) if self.name == "image" else example(self.chunks)
            return bench.optional(found, name)
        return bench.optional(None, name)

    @property
    def content(self) -> Any:  # noqa: ANN401 - bytes or text
        """The content of the example replies."""
        return {"image": PIXEL, "speech": SOUND, "transcription": SPOKEN}[self.name]

    @property
    def chunks(self) -> Sequence[Any]:
        """The content in three chunks; the first of audio has more than the header of the file."""
        third = len(self.content) // 3
        return self.content[:third], self.content[third : 2 * third], self.content[2 * third :]

    def content_of(self, response: Any) -> Any:  # noqa: ANN401 - see `content`
        """Return the content of a response."""
        match self.name:
            case "image":
                return response.image.read()
            case "speech":
                return response.audio.read()
            case _:
                return response.text


_IMAGES: Final = MediaService(
    capability=Capability.IMAGES,
    name="image",
    example="images",
    protocol=ImageProvider,
    stream_protocol=ImageStreamProvider,
    kind=ImageRequest,
    fields={"prompt": PROMPT},
    options=_IMAGE_OPTIONS,
)
_EDITS: Final = replace(_IMAGES, capability=Capability.IMAGE_EDITS, media=("images", ImagePart, PIXEL, "image/png"))
_SPEECH: Final = MediaService(
    capability=Capability.SPEECH,
    name="speech",
    example="speech",
    protocol=SpeechProvider,
    stream_protocol=SpeechStreamProvider,
    kind=SpeechRequest,
    fields={"text": SPOKEN},
    options=_SPEECH_OPTIONS,
)
_TRANSCRIPTION: Final = MediaService(
    capability=Capability.TRANSCRIPTION,
    name="transcription",
    example="transcription",
    protocol=TranscriptionProvider,
    stream_protocol=TranscriptionStreamProvider,
    kind=TranscriptionRequest,
    fields={},
    media=("audio", AudioPart, SOUND, "audio/wav"),
    options=_TRANSCRIPTION_OPTIONS,
)
_TRANSLATION: Final = replace(_TRANSCRIPTION, capability=Capability.TRANSLATION, fields={"translate": True})

MEDIA_SERVICES: Final[Mapping[str, MediaService]] = {
    service.capability.value: service for service in (_IMAGES, _EDITS, _SPEECH, _TRANSCRIPTION, _TRANSLATION)
}
"""The services by their capabilities."""

OPTIONS: Final = [(name, option) for name, service in MEDIA_SERVICES.items() for option in service.options]
"""Each option of each service."""


def write_media(service: MediaService, folder: Path) -> Path:
    """Write the media of a request into a file."""
    assert service.media is not None
    path = folder / f"conformance{'.png' if service.media[1] is ImagePart else '.wav'}"
    path.write_bytes(service.media[2])
    return path
