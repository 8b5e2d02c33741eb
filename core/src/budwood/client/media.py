"""The methods of the blocking client that generate and read media."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from budwood.client.states import ClientStates

if TYPE_CHECKING:
    from budwood.engine.chat.prompts import File
    from budwood.engine.drivers.blocking import BlockingDriver
    from budwood.engine.media_options import ImageOptions, SpeechOptions, TranscriptionOptions
    from budwood.media_streams import MediaStream
    from budwood.types import (
        AudioDelta,
        AudioPart,
        ImageArrived,
        ImagePart,
        ImageResponse,
        SegmentArrived,
        SpeechResponse,
        TranscriptDelta,
        TranscriptionResponse,
    )


class MediaMethods(ClientStates):
    """The methods that generate and read media."""

    _driver: BlockingDriver

    def image(self, prompt: str, **options: Unpack[ImageOptions]) -> ImageResponse:
        """
        Generate images.

        Args:
            prompt: A description of the images.
            **options: See `budwood.engine.media_options.ImageOptions`.

        Raises:
            UnsupportedError: The model does not generate images. Nothing was sent.
        """
        return self._driver.run(self._engine.image(prompt, None, options))

    def edit_image(
        self,
        prompt: str,
        images: File | ImagePart | Sequence[File | ImagePart],
        **options: Unpack[ImageOptions],
    ) -> ImageResponse:
        """
        Edit images, or generate new ones from examples.

        Args:
            prompt: A description of the edit, or of the new image.
            images: The images, as files or parts; one or several.
            **options: As for `image`.

        Raises:
            PromptError: There is no image.
            UnsupportedError: The model does not edit images. Nothing was sent.
        """
        return self._driver.run(self._engine.edit_image(prompt, images, options))

    def stream_image(
        self,
        prompt: str,
        images: File | ImagePart | Sequence[File | ImagePart] | None = None,
        **options: Unpack[ImageOptions],
    ) -> MediaStream[ImageArrived, ImageResponse]:
        """
        Generate or edit images, and return a stream of them.

        Args:
            prompt: As for `image`.
            images: The images to edit; None to generate new ones.
            **options: As for `image`.
        """
        from budwood.media_streams import MediaStream

        return MediaStream(self._driver.stream(self._engine.image(prompt, images, options, streamed=True)))

    def speak(self, text: str, **options: Unpack[SpeechOptions]) -> SpeechResponse:
        """
        Convert text to speech.

        Args:
            text: The text to speak.
            **options: See `budwood.engine.media_options.SpeechOptions`.

        Raises:
            UnsupportedError: The model does not generate speech. Nothing was sent.
        """
        return self._driver.run(self._engine.speak(text, options))

    def stream_speech(self, text: str, **options: Unpack[SpeechOptions]) -> MediaStream[AudioDelta, SpeechResponse]:
        """Convert text to speech, and return a stream of the audio. The arguments are those of `speak`."""
        from budwood.media_streams import MediaStream

        return MediaStream(self._driver.stream(self._engine.speak(text, options, streamed=True)))

    def transcribe(self, audio: File | AudioPart, **options: Unpack[TranscriptionOptions]) -> TranscriptionResponse:
        """
        Convert speech to text.

        Args:
            audio: The audio: a file, or an `Audio`.
            **options: See `budwood.engine.media_options.TranscriptionOptions`.

        Raises:
            UnsupportedError: The model does not transcribe speech. Nothing was sent.
        """
        return self._driver.run(self._engine.transcribe(audio, options))

    def stream_transcription(
        self, audio: File | AudioPart, **options: Unpack[TranscriptionOptions]
    ) -> MediaStream[TranscriptDelta | SegmentArrived, TranscriptionResponse]:
        """Convert speech to text, and return a stream of the text. The arguments are those of `transcribe`."""
        from budwood.media_streams import MediaStream

        return MediaStream(self._driver.stream(self._engine.transcribe(audio, options, streamed=True)))

    def translate_audio(
        self, audio: File | AudioPart, **options: Unpack[TranscriptionOptions]
    ) -> TranscriptionResponse:
        """Transcribe speech in any language, translated into English. The arguments are those of `transcribe`."""
        return self._driver.run(self._engine.transcribe(audio, options, translate=True))
