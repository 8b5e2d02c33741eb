"""Tests of models in the process that generate or read media."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

import pytest

from budwood import AsyncClient, Client
from budwood.contracts import (
    LocalAdaptationProvider,
    LocalImageProvider,
    LocalSpeechProvider,
    LocalTranscriptionProvider,
    LocalVideoProvider,
)
from budwood.errors import BudwoodError, NotFoundError
from budwood.providing import sniff_media_type
from budwood.types import (
    AudioPart,
    Capability,
    ImageRequest,
    ImageResponse,
    SpeechRequest,
    SpeechResponse,
    TranscriptionRequest,
    TranscriptionResponse,
    VideoRequest,
    VideoResponse,
)
from budwood_testing.clock import FakeClock
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.plugin import PluginSuite
from budwood_testing.suites.properties import check_error

_PROMPT: Final = "A red square."
_TEXT: Final = "Good morning, Oslo."
_PROTOCOLS: Final[Mapping[Capability, type[Any]]] = MappingProxyType(
    {
        Capability.IMAGES: LocalImageProvider,
        Capability.SPEECH: LocalSpeechProvider,
        Capability.TRANSCRIPTION: LocalTranscriptionProvider,
        Capability.VIDEOS: LocalVideoProvider,
    }
)
_RESULTS: Final[Mapping[Capability, type[Any]]] = MappingProxyType(
    {
        Capability.IMAGES: ImageResponse,
        Capability.SPEECH: SpeechResponse,
        Capability.TRANSCRIPTION: TranscriptionResponse,
        Capability.VIDEOS: VideoResponse,
    }
)

every_service = pytest.mark.parametrize("capability", _RESULTS, ids=lambda one: one.value)


class LocalMediaTests(PluginSuite):
    """
    Images, speech, transcripts and videos of models in the process.

    Attributes:
        model: The name of a model that the provider has.
        media_models: The models for ``IMAGES``, ``SPEECH``, ``TRANSCRIPTION`` and ``VIDEOS``; by default ``model``.
        recording: A recording to write down; by default speech that the provider generates itself.
    """

    model: ClassVar[str]
    media_models: ClassVar[Mapping[Capability, str]] = MappingProxyType({})
    recording: ClassVar[bytes | None] = None

    @every_service
    def test_media_capability_has_its_method(self, provider: Any, capability: Capability) -> None:  # noqa: ANN401 - any object
        """For each capability, the object has the method of its protocol."""
        self.claim(provider, capability)

        assert isinstance(provider, _PROTOCOLS[capability]), (
            f"the capability {capability.value} requires the method of {_PROTOCOLS[capability].__name__}: implement it"
        )

    @every_service
    def test_media_are_generated(self, provider: Any, capability: Capability) -> None:  # noqa: ANN401 - see above
        """The result is the response of the service, and its content has the media type that it states."""
        response = self.call(provider, self.media_request(provider, capability))

        assert isinstance(response, _RESULTS[capability])
        match response:
            case ImageResponse():
                assert [sniff_media_type(one.read()) for one in response.images] == [
                    one.media_type for one in response.images
                ]
                assert response.images, "the response has no image"
            case SpeechResponse():
                assert sniff_media_type(response.audio.read()) == response.audio.media_type
            case VideoResponse():
                assert sniff_media_type(response.video.read()) == response.video.media_type
            case _:
                assert response.text.strip(), "the transcript of the recording is empty"

    @every_service
    def test_all_clients_generate_the_same_media(
        self,
        provider: Any,  # noqa: ANN401 - see above
        client: Client,
        folder: Path,
        clock: FakeClock,
        capability: Capability,
    ) -> None:
        """Both clients, streaming or not, return the same kind of media; a complete result is one event of a stream."""
        request = self.media_request(provider, capability)
        address = f"{self.plugin}/{request.model}"
        with _start(client, request, address, stream=True) as stream:
            assert list(stream), "the stream has no event"
            streamed = stream.response

        async def generate() -> Any:  # noqa: ANN401 - any response
            settings, registry = self.as_settings(self.all_settings(folder)), self.found_in()
            async with AsyncClient(address, settings=settings, registry=registry, clock=clock, cache=False) as other:
                return await _start(other, request, address)

        assert _describe(_start(client, request, address)) == _describe(asyncio.run(generate())) == _describe(streamed)

    @every_service
    def test_media_request_is_not_modified(self, provider: Any, capability: Capability) -> None:  # noqa: ANN401 - see above
        """The provider does not modify the request."""
        request = self.media_request(provider, capability)
        before = copy.deepcopy(request)
        self.call(provider, request)

        assert request == before

    @every_service
    def test_generating_media_uses_no_network(self, provider: Any, capability: Capability) -> None:  # noqa: ANN401 - see above
        """Generating does not use the network; the model may read its own files."""
        request = self.media_request(provider, capability)
        with no_io(files=False):
            self.call(provider, request)

    @every_service
    def test_unknown_model_of_media_is_an_error(self, provider: Any, capability: Capability) -> None:  # noqa: ANN401 - see above
        """An unknown model raises NotFoundError; no other model generates instead."""
        request = self.media_request(provider, capability).model_copy(update={"model": "no-such-model-of-conformance"})
        with pytest.raises(NotFoundError):
            self.call(provider, request)

    @every_service
    def test_unused_option_of_media_is_reported(self, provider: Any, capability: Capability) -> None:  # noqa: ANN401 - see above
        """An unknown parameter is reported by `LocalAdaptationProvider.adaptations`, or raises an error."""
        request = self.media_request(provider, capability).model_copy(update={"extra": {"x_conformance": "m4rker"}})
        adaptations = provider.adaptations(request) if isinstance(provider, LocalAdaptationProvider) else ()
        if "extra" not in {one.parameter for one in adaptations}:
            with pytest.raises(BudwoodError):
                self.call(provider, request)

    def test_unusable_recording_is_an_error(self, provider: Any) -> None:  # noqa: ANN401 - see above
        """Bytes that are no audio raise a BudwoodError that says so."""
        self.claim(provider, Capability.TRANSCRIPTION)
        for data in (b"", b"no audio", b"RIFF\xff\xff\xff\xffWAVE"):
            request = TranscriptionRequest(
                model=self.model_of(Capability.TRANSCRIPTION), audio=AudioPart(data=data, media_type="audio/wav")
            )
            with pytest.raises(BudwoodError) as caught:
                self.call(provider, request)
            check_error(caught.value)

    def claim(self, provider: Any, capability: Capability) -> None:  # noqa: ANN401 - see above
        """Skip the test unless the provider has a capability."""
        if capability not in provider.capabilities:
            pytest.skip(f"{self.plugin} does not have the capability {capability.value}")

    def model_of(self, capability: Capability) -> str:
        """Return the model for a service."""
        return self.media_models.get(capability, self.model)

    def media_request(self, provider: Any, capability: Capability) -> Any:  # noqa: ANN401 - each service has its own
        """Create a request."""
        self.claim(provider, capability)
        model = self.model_of(capability)
        match capability:
            case Capability.IMAGES:
                return ImageRequest(model=model, prompt=_PROMPT, seed=7)
            case Capability.SPEECH:
                return SpeechRequest(model=model, text=_TEXT)
            case Capability.VIDEOS:
                return VideoRequest(model=model, prompt=_PROMPT, seed=7)
            case _:
                return TranscriptionRequest(
                    model=model, audio=AudioPart(data=self.speech(provider), media_type="audio/wav")
                )

    def call(self, provider: Any, request: Any) -> Any:  # noqa: ANN401 - see above
        """Call the method for a request."""
        match request:
            case ImageRequest():
                return provider.generate_image(request)
            case SpeechRequest():
                return provider.generate_speech(request)
            case VideoRequest():
                return provider.generate_video(request)
            case _:
                return provider.transcribe(request)

    def speech(self, provider: Any) -> bytes:  # noqa: ANN401 - see above
        """Return the recording, or speech of the provider itself."""
        if self.recording is not None:
            return self.recording
        if not isinstance(provider, LocalSpeechProvider):
            pytest.fail(f"{self.plugin} transcribes speech, but does not generate it: set `recording` to a WAV file")
        request = SpeechRequest(model=self.model_of(Capability.SPEECH), text=_TEXT)
        return provider.generate_speech(request).audio.read()


def _start(client: Any, request: Any, address: str, *, stream: bool = False) -> Any:  # noqa: ANN401 - either client
    prefix = "stream_" if stream else ""
    match request:
        case ImageRequest():
            return getattr(client, f"{prefix}image")(request.prompt, model=address, seed=request.seed)
        case SpeechRequest():
            return getattr(client, "stream_speech" if stream else "speak")(request.text, model=address)
        case VideoRequest():
            return getattr(client, f"{prefix}video")(request.prompt, model=address, seed=request.seed)
        case _:
            method = "stream_transcription" if stream else "transcribe"
            return getattr(client, method)(request.audio, model=address)


def _describe(response: Any) -> list[object]:  # noqa: ANN401 - any response
    """Return what must be equal for equal requests, also if the model does not heed the seed."""
    match response:
        case ImageResponse():
            return [one.media_type for one in response.images]
        case SpeechResponse():
            return [response.audio.media_type]
        case VideoResponse():
            return [response.video.media_type]
        case _:
            return [bool(response.text)]
