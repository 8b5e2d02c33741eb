"""Media that models generate, and the requests for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from budwood.errors import BadResponseError, BudwoodError, UnsupportedError
from budwood.types.chat import ChatRequest, FinishReason
from budwood.types.media import AudioPart, ImagePart, MediaPart, VideoPart
from budwood.types.record import JSON, Record, short_repr
from budwood.types.responses import ServiceResponse


class ImageRequest(Record):
    """
    A request to generate or edit images. None means the vendor's default.

    Attributes:
        model: The vendor's name of the model.
        prompt: A description of the images, or of the edit.
        images: Images to edit, or examples for new ones; empty to generate without examples.
        mask: An image of the size of the first of ``images``; only its transparent areas may change.
        n: The number of images.
        size: ``"WIDTHxHEIGHT"`` in pixels, an aspect ratio such as ``"16:9"``, or a value of the vendor.
        quality: A value of the vendor, such as ``"high"``.
        format: ``"png"``, ``"jpeg"`` or ``"webp"``.
        background: ``"transparent"``, ``"opaque"`` or ``"auto"``.
        seed: The random seed. The same seed repeats an image, if the vendor supports it.
        partial_images: The number of unfinished images in a stream before the complete one.
        extra: Parameters of the vendor, sent unchanged.
    """

    model: str
    prompt: str
    images: tuple[ImagePart, ...] = ()
    mask: ImagePart | None = None
    n: int | None = Field(default=None, ge=1)
    size: str | None = None
    quality: str | None = None
    format: str | None = None
    background: str | None = None
    seed: int | None = None
    partial_images: int | None = Field(default=None, ge=0)
    extra: dict[str, JSON] = Field(default_factory=dict)


class SpeechRequest(Record):
    """
    A request to convert text to speech. None means the vendor's default.

    Attributes:
        model: The vendor's name of the model.
        text: The text to speak.
        voice: The vendor's name of a voice.
        format: ``"mp3"``, ``"wav"``, ``"opus"``, ``"flac"``, ``"aac"`` or ``"pcm"``.
        speed: The speed, relative to normal speech: 1 is normal, 2 is twice as fast.
        instructions: A description of how to speak.
        language: The language as a code of ISO 639-1, such as ``"en"``.
        extra: Parameters of the vendor, sent unchanged.
    """

    model: str
    text: str
    voice: str | None = None
    format: str | None = None
    speed: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    instructions: str | None = None
    language: str | None = None
    extra: dict[str, JSON] = Field(default_factory=dict)


class TranscriptionRequest(Record):
    """
    A request to transcribe speech. None means the vendor's default.

    Attributes:
        model: The vendor's name of the model.
        audio: The audio.
        translate: Whether to translate it into English.
        language: The language of the audio as a code of ISO 639-1, such as ``"en"``.
        prompt: The text before this part of the audio, or names and terms that occur in it.
        temperature: The sampling temperature, 0 or higher.
        timestamps: The times to return: ``"segment"``, ``"word"``, or both.
        diarize: Whether to identify speakers.
        extra: Parameters of the vendor, sent unchanged.
    """

    model: str
    audio: AudioPart
    translate: bool = False
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    timestamps: tuple[Literal["segment", "word"], ...] = ()
    diarize: bool = False
    extra: dict[str, JSON] = Field(default_factory=dict)


class VideoRequest(Record):
    """
    A request for a video. None means the vendor's default.

    Attributes:
        model: The vendor's name of the model.
        prompt: A description of the video.
        images: Images to start from.
        video: A video to edit or to extend.
        seconds: The duration of the video.
        size: ``"WIDTHxHEIGHT"`` in pixels, an aspect ratio such as ``"16:9"``, or a value of the vendor, such
            as ``"720p"``.
        seed: The random seed. The same seed repeats a video, if the vendor supports it.
        extra: Parameters of the vendor, sent unchanged.
    """

    model: str
    prompt: str
    images: tuple[ImagePart, ...] = ()
    video: VideoPart | None = None
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    size: str | None = None
    seed: int | None = None
    extra: dict[str, JSON] = Field(default_factory=dict)


MediaRequest = ChatRequest | ImageRequest | TranscriptionRequest | VideoRequest
"""A request that can contain media."""


class GeneratedMedia(MediaPart):
    """
    Media that a model has generated: the content, the file that contains it, or the vendor's URL.

    Such URLs expire within hours. The client downloads them, unless ``download=False`` is set.

    Attributes:
        revised_prompt: The prompt that the vendor used instead of yours, if it rewrote it.
        seed: The seed that the vendor used.
        download_error: Why the content could not be downloaded from ``url``, if that failed.
    """

    revised_prompt: str | None = None
    seed: int | None = None
    download_error: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether the content is in memory or in a file, and not at ``url``."""
        return self.data is not None or self.path is not None

    def read(self) -> bytes:
        """
        Return the content.

        Raises:
            BadResponseError: It could not be downloaded. The message has the URL, at which it still is.
            UnsupportedError: It was not to be downloaded.
            OSError: The file cannot be read.
        """
        if not self.is_here:
            raise self._make_absent_error()
        return super().read()

    def _make_absent_error(self) -> BudwoodError:
        place = f"at the vendor: {self.url or self.file_id}"
        if self.download_error is None:
            return UnsupportedError(f"The content of the reply is still {place}", hint="Download it from there.")
        return BadResponseError(
            f"The result could not be downloaded: {self.download_error.rstrip('.')}. It is still {place}",
            hint="Download it from there soon: such URLs expire. Another request would be paid for again.",
        )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the size of the content in place of the content."""
        if self.data is not None:
            yield None, f"{len(self.data):,} bytes"
        yield from super().__repr_args__()


class GeneratedImage(GeneratedMedia, ImagePart):
    """An image that a model has generated."""


class GeneratedAudio(GeneratedMedia, AudioPart):
    """Audio that a model has generated."""


class GeneratedVideo(GeneratedMedia, VideoPart):
    """A video that a model has generated."""


class GeneratedResponse(ServiceResponse):
    """
    A reply that a model has generated.

    Attributes:
        finish_reason: Why the reply ended, as for chat: ``"length"`` if it reached the token limit and was truncated.
            Vendors that do not report a reason: ``"stop"``.
    """

    finish_reason: FinishReason = "stop"


class ImageResponse(GeneratedResponse):
    """Generated images. ``image`` is the first."""

    images: tuple[GeneratedImage, ...]

    @property
    def image(self) -> GeneratedImage:
        """The first image."""
        return self.images[0]

    def save(self, path: str | Path) -> Path:
        """
        Write the image to a file, or several to ``boat-1.png``, ``boat-2.png`` and so on; see `MediaPart.save`.

        Returns the path of the first.
        """
        return _save_all(self.images, path)


class SpeechResponse(GeneratedResponse):
    """Generated speech."""

    audio: GeneratedAudio

    def save(self, path: str | Path) -> Path:
        """Write the speech to a file; see `MediaPart.save`."""
        return self.audio.save(path)


class TranscriptSegment(Record):
    """A part of a transcript, such as a sentence. Times are in seconds from the start."""

    text: str
    start: float | None = None
    end: float | None = None
    speaker: str | None = None


class TranscriptWord(Record):
    """A word of a transcript. Times are in seconds from the start."""

    word: str
    start: float
    end: float


class TranscriptionResponse(GeneratedResponse):
    """
    The transcript of speech.

    Attributes:
        text: The whole text.
        language: The language, as the vendor names it.
        seconds: The duration of the audio.
        segments: Parts with their times, if they were requested.
        words: Words with their times, if they were requested.
    """

    text: str
    language: str | None = None
    seconds: float | None = None
    segments: tuple[TranscriptSegment, ...] = ()
    words: tuple[TranscriptWord, ...] = ()

    def __str__(self) -> str:
        """Return the text."""
        return self.text


class VideoResponse(ServiceResponse):
    """Generated videos. ``video`` is the first."""

    videos: tuple[GeneratedVideo, ...]

    @property
    def video(self) -> GeneratedVideo:
        """The first video."""
        return self.videos[0]

    def save(self, path: str | Path) -> Path:
        """
        Write the video to a file, or several to ``boat-1.mp4``, ``boat-2.mp4`` and so on; see `MediaPart.save`.

        Returns the path of the first.
        """
        return _save_all(self.videos, path)


def _save_all(media: Sequence[GeneratedMedia], path: str | Path) -> Path:
    if len(media) == 1:
        return media[0].save(path)
    target = Path(path)
    saved = [
        each.save(target.with_name(f"{target.stem}-{number}{target.suffix}")) for number, each in enumerate(media, 1)
    ]
    return saved[0]


@dataclass(slots=True)
class ImageArrived:
    """An image in a stream. ``partial`` is set if it is unfinished; ``index`` is its position in the reply."""

    image: GeneratedImage
    index: int = 0
    partial: bool = False

    __repr__ = short_repr


@dataclass(slots=True)
class AudioDelta:
    """The next bytes of audio in a stream, in the format of the reply."""

    data: bytes

    __repr__ = short_repr


@dataclass(slots=True)
class TranscriptDelta:
    """The next text of a transcript."""

    text: str

    __repr__ = short_repr


@dataclass(slots=True)
class SegmentArrived:
    """A complete segment of a transcript."""

    segment: TranscriptSegment

    __repr__ = short_repr


@dataclass(slots=True)
class VideoDelta:
    """The next bytes of a video that is being downloaded; ``total`` is the size of the video, if known."""

    data: bytes
    total: int | None = None

    __repr__ = short_repr


@dataclass(slots=True)
class MediaCompleted:
    """The complete reply: the last event of a decoder. The client does not yield it to the program."""

    response: ImageResponse | SpeechResponse | TranscriptionResponse | VideoResponse


MediaEvent = ImageArrived | AudioDelta | TranscriptDelta | SegmentArrived | MediaCompleted
"""Any event of a `MediaDecoder`."""
