"""Options of calls that generate or read media, as their users write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from budwood.engine.chat.option_types import ServiceOptions
from budwood.engine.chat.prompts import File
from budwood.types import ImagePart

WAIT_SECONDS: Final = 86_400.0
"""The default time to wait for a job: a day."""


class ImageOptions(ServiceOptions, total=False):
    """
    Options of a call for images: those of `ServiceOptions`, and these. All are optional.

    Attributes:
        n: The number of images.
        size: ``"WIDTHxHEIGHT"`` in pixels, an aspect ratio such as ``"16:9"``, or a value of the vendor.
        quality: A value of the vendor, such as ``"high"``.
        format: ``"png"``, ``"jpeg"`` or ``"webp"``.
        background: ``"transparent"``, ``"opaque"`` or ``"auto"``.
        seed: The random seed. The same seed repeats an image, if the vendor supports it.
        mask: An image of the size of the first image; only its transparent areas may change.
        partial_images: The number of unfinished images in a stream before the complete one.
        download: Whether to download images that the vendor returns as URLs; true by default. The URLs expire within
            hours.
    """

    n: int
    size: str
    quality: str
    format: str
    background: str
    seed: int
    mask: File | ImagePart
    partial_images: int
    download: bool


class SpeechOptions(ServiceOptions, total=False):
    """
    Options of a call for speech: those of `ServiceOptions`, and these. All are optional.

    Attributes:
        voice: The vendor's name of a voice.
        format: ``"mp3"``, ``"wav"``, ``"opus"``, ``"flac"``, ``"aac"`` or ``"pcm"``.
        speed: The speed, relative to normal speech: 1 is normal, 2 is twice as fast.
        instructions: A description of how to speak.
        language: The language as a code of ISO 639-1, such as ``"en"``.
        download: As for `ImageOptions`.
    """

    voice: str
    format: str
    speed: float
    instructions: str
    language: str
    download: bool


class TranscriptionOptions(ServiceOptions, total=False):
    """
    Options of a call that transcribes speech: those of `ServiceOptions`, and these. All are optional.

    Attributes:
        language: The language of the audio as a code of ISO 639-1, such as ``"en"``.
        prompt: The text before this part of the audio, or names and terms that occur in it.
        temperature: The sampling temperature, 0 or higher.
        timestamps: The times to return: ``"segment"``, ``"word"``, or a list of both.
        diarize: Whether to identify speakers.
    """

    language: str
    prompt: str
    temperature: float
    timestamps: Literal["segment", "word"] | Sequence[Literal["segment", "word"]]
    diarize: bool


class VideoOptions(ServiceOptions, total=False):
    """
    Options of a call for a video: those of `ServiceOptions`, and these. All are optional.

    Attributes:
        images: Images to start from.
        video: A video to edit or to extend.
        seconds: The duration of the video.
        size: ``"WIDTHxHEIGHT"`` in pixels, an aspect ratio such as ``"16:9"``, or a value of the vendor, such
            as ``"720p"``.
        seed: The random seed. The same seed repeats a video, if the vendor supports it.
    """

    images: Sequence[File | ImagePart]
    video: File
    seconds: float
    size: str
    seed: int
