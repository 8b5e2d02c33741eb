"""A correct local provider, and broken ones."""

import random
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from budwood.errors import InvalidRequestError, NotFoundError
from budwood.hooks import PROVIDER, ProviderSpec
from budwood.providing import make_wave_header
from budwood.types import (
    Adaptation,
    Capability,
    Finished,
    GeneratedAudio,
    GeneratedImage,
    GeneratedVideo,
    ImageResponse,
    ModelInfo,
    ResponseStarted,
    SpeechResponse,
    TextDelta,
    TranscriptionResponse,
    Usage,
    UsageReported,
    VideoResponse,
)
from budwood_testing import LocalProviderSuite
from tests.plugins.testing.mutants.registering import registry_of

CAPABILITIES = frozenset(
    {
        Capability.CHAT,
        Capability.STREAM,
        Capability.JSON_SCHEMA,
        Capability.IMAGES,
        Capability.SPEECH,
        Capability.TRANSCRIPTION,
        Capability.VIDEOS,
    }
)
PNG = b"\x89PNG\r\n\x1a\n"
MP4 = b"\0\0\0\x10ftypisom\0\0\0\0"


class ParrotSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: Annotated[int, Field(ge=1)] = 20


class Parrot:
    """
    Repeats words of the prompt, in an order that depends on the seed.
    """

    capabilities = CAPABILITIES

    def __init__(self, settings, context):
        self.settings = settings
        self.closed = 0

    def models(self):
        return (ModelInfo(id="grey"),)

    def stream(self, request):
        self.check(request)
        return self.events(request)

    def events(self, request):
        words, reason = self.cut(self.words(request), request)
        yield ResponseStarted(model="grey")
        for word in words:
            yield TextDelta(word)
        yield Finished(reason)
        yield UsageReported(Usage(input_tokens=self.read(request), output_tokens=len(words)))

    def words(self, request):
        if request.output_schema is not None:
            return ['{"title": "parrot"', ', "count": 1}']
        words = request.messages[-1].text.split() or ["..."]
        random.Random(request.seed).shuffle(words)
        return [f"{word} " for word in words[: self.settings.words]]

    def cut(self, words, request):
        text = "".join(words)
        places = [text.index(stop) for stop in request.stop if stop in text]
        if places:
            words = list(text[: min(places)])
        limit = request.max_tokens or len(words)
        return words[:limit], "length" if len(words) > limit and not places else "stop"

    def read(self, request):
        return sum(len(message.text.split()) + 1 for message in request.messages)

    def adaptations(self, request):
        return (Adaptation(parameter="extra", action="dropped", reason="it is a parrot"),) if request.extra else ()

    def generate_image(self, request):
        self.check(request)
        return ImageResponse(images=(GeneratedImage(data=PNG + request.prompt.encode(), media_type="image/png"),))

    def generate_speech(self, request):
        self.check(request)
        samples = request.text.encode()
        content = make_wave_header(len(samples)) + samples
        return SpeechResponse(audio=GeneratedAudio(data=content, media_type="audio/wav"))

    def transcribe(self, request):
        self.check(request)
        content = request.audio.read()
        if not content[44:]:
            raise InvalidRequestError("There is no speech in it.", hint="Record a parrot.")
        return TranscriptionResponse(text=content[44:].decode())

    def generate_video(self, request):
        self.check(request)
        return VideoResponse(videos=(GeneratedVideo(data=MP4 + request.prompt.encode(), media_type="video/mp4"),))

    def check(self, request):
        if request.model != "grey":
            raise NotFoundError(f"There is no {request.model}.")

    def close(self):
        self.closed += 1


class Correct(LocalProviderSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "parrot"
    model = "grey"
    prompt = "Polly wants another cracker, and says so"
    max_tokens = 200
    caught_by: ClassVar = ()
    Mutant: ClassVar = Parrot

    def __init_subclass__(cls):
        spec = ProviderSpec(
            name="parrot",
            settings=lambda: ParrotSettings,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="Repeats the prompt.",
            capabilities=CAPABILITIES,
        )
        cls.registry = registry_of(PROVIDER, spec)


class TestCorrect(Correct):
    pass
