"""The methods of the async client that generate and read media."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from budwood.client.states import ClientStates

if TYPE_CHECKING:
    from budwood.engine.chat.prompts import File
    from budwood.engine.drivers.asynchronous import AsyncDriver
    from budwood.engine.media_options import ImageOptions, SpeechOptions, TranscriptionOptions
    from budwood.media_streams import AsyncMediaStream
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


class AsyncMediaMethods(ClientStates):
    """The methods that generate and read media."""

    _driver: AsyncDriver

    async def image(self, prompt: str, **options: Unpack[ImageOptions]) -> ImageResponse:
        """Generate images; see `Client.image`."""
        return await self._driver.run(self._engine.image(prompt, None, options))

    async def edit_image(
        self,
        prompt: str,
        images: File | ImagePart | Sequence[File | ImagePart],
        **options: Unpack[ImageOptions],
    ) -> ImageResponse:
        """Edit images; see `Client.edit_image`."""
        return await self._driver.run(self._engine.edit_image(prompt, images, options))

    def stream_image(
        self,
        prompt: str,
        images: File | ImagePart | Sequence[File | ImagePart] | None = None,
        **options: Unpack[ImageOptions],
    ) -> AsyncMediaStream[ImageArrived, ImageResponse]:
        """Generate or edit images, and return a stream of them; see `Client.stream_image`."""
        from budwood.media_streams import AsyncMediaStream

        return AsyncMediaStream(self._driver.stream(self._engine.image(prompt, images, options, streamed=True)))

    async def speak(self, text: str, **options: Unpack[SpeechOptions]) -> SpeechResponse:
        """Convert text to speech; see `Client.speak`."""
        return await self._driver.run(self._engine.speak(text, options))

    def stream_speech(
        self, text: str, **options: Unpack[SpeechOptions]
    ) -> AsyncMediaStream[AudioDelta, SpeechResponse]:
        """Convert text to speech, and return a stream of the audio; see `Client.stream_speech`."""
        from budwood.media_streams import AsyncMediaStream

        return AsyncMediaStream(self._driver.stream(self._engine.speak(text, options, streamed=True)))

    async def transcribe(
        self, audio: File | AudioPart, **options: Unpack[TranscriptionOptions]
    ) -> TranscriptionResponse:
        """Convert speech to text; see `Client.transcribe`."""
        return await self._driver.run(self._engine.transcribe(audio, options))

    def stream_transcription(
        self, audio: File | AudioPart, **options: Unpack[TranscriptionOptions]
    ) -> AsyncMediaStream[TranscriptDelta | SegmentArrived, TranscriptionResponse]:
        """Convert speech to text, and return a stream of the text; see `Client.stream_transcription`."""
        from budwood.media_streams import AsyncMediaStream

        return AsyncMediaStream(self._driver.stream(self._engine.transcribe(audio, options, streamed=True)))

    async def translate_audio(
        self, audio: File | AudioPart, **options: Unpack[TranscriptionOptions]
    ) -> TranscriptionResponse:
        """Transcribe speech, translated into English; see `Client.translate_audio`."""
        return await self._driver.run(self._engine.transcribe(audio, options, translate=True))
