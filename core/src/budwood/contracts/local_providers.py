"""Providers that run a model inside the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budwood.types import (
        Adaptation,
        Capability,
        ChatRequest,
        ImageRequest,
        ImageResponse,
        ModelInfo,
        SpeechRequest,
        SpeechResponse,
        StreamEvent,
        TranscriptionRequest,
        TranscriptionResponse,
        VideoRequest,
        VideoResponse,
    )


@runtime_checkable
class LocalProvider(Protocol):
    """A model inside the process. The engine runs it in a thread if needed."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities of this instance."""
        ...

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """Generate a reply as events; `Finished` is the last, except for usage."""
        ...

    def models(self) -> tuple[ModelInfo, ...]:
        """List the available models."""
        ...


@runtime_checkable
class LocalAdaptationProvider(Protocol):
    """A model inside the process that adapts parameters, and reports it before it generates a reply."""

    def adaptations(
        self, request: ChatRequest | ImageRequest | SpeechRequest | TranscriptionRequest | VideoRequest
    ) -> tuple[Adaptation, ...]:
        """Return an adaptation for each parameter that is not used unchanged. It must not load the model."""
        ...


@runtime_checkable
class LocalTokenCountProvider(Protocol):
    """A model inside the process that can count tokens."""

    def count_tokens(self, request: ChatRequest) -> int:
        """Count the input tokens of a request, as for `LocalProvider.stream`."""
        ...


@runtime_checkable
class LocalImageProvider(Protocol):
    """A model inside the process that generates images."""

    def generate_image(self, request: ImageRequest) -> ImageResponse:
        """Generate images."""
        ...


@runtime_checkable
class LocalSpeechProvider(Protocol):
    """A model inside the process that speaks."""

    def generate_speech(self, request: SpeechRequest) -> SpeechResponse:
        """Speak a text."""
        ...


@runtime_checkable
class LocalTranscriptionProvider(Protocol):
    """A model inside the process that transcribes speech."""

    def transcribe(self, request: TranscriptionRequest) -> TranscriptionResponse:
        """Write down speech."""
        ...


@runtime_checkable
class LocalVideoProvider(Protocol):
    """A model inside the process that generates videos. The job for one is its request, which is run when fetched."""

    def generate_video(self, request: VideoRequest) -> VideoResponse:
        """Generate a video, whose content is in memory."""
        ...
