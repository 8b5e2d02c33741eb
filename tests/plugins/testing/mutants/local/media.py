"""Broken local providers: images, speech, transcripts and videos."""

import socket

from budwood.types import GeneratedImage, GeneratedVideo, ImageResponse, TranscriptionResponse, VideoResponse
from tests.plugins.testing.mutants.local.correct import Correct, Parrot


class TestHasNoMethod(Correct):
    caught_by = ("test_media_capability_has_its_method",)

    class Mutant(Parrot):
        generate_image = None


class TestNamesWrongType(Correct):
    caught_by = ("test_media_are_generated",)

    class Mutant(Parrot):
        def generate_image(self, request):
            return ImageResponse(images=(GeneratedImage(data=b"GIF89a", media_type="image/png"),))


class TestNamesWrongTypeOfVideo(Correct):
    caught_by = ("test_media_are_generated",)

    class Mutant(Parrot):
        def generate_video(self, request):
            return VideoResponse(videos=(GeneratedVideo(data=b"RIFF", media_type="video/mp4"),))


class TestWritesNothing(Correct):
    caught_by = ("test_media_are_generated",)

    class Mutant(Parrot):
        def transcribe(self, request):
            return TranscriptionResponse(text="")


class TestAlternatesFormats(Correct):
    caught_by = ("test_all_clients_generate_the_same_media",)

    class Mutant(Parrot):
        turns = 0

        def generate_speech(self, request):
            type(self).turns += 1
            response = super().generate_speech(request)
            audio = response.audio.model_copy(update={"media_type": f"audio/{self.turns}"})
            return response.model_copy(update={"audio": audio})


class TestModifiesRequest(Correct):
    caught_by = ("test_media_request_is_not_modified",)

    class Mutant(Parrot):
        def generate_speech(self, request):
            request.extra["seen"] = True
            return super().generate_speech(request)


class TestUsesNetwork(Correct):
    caught_by = ("test_generating_media_uses_no_network",)

    class Mutant(Parrot):
        def transcribe(self, request):
            socket.getaddrinfo("127.0.0.1", 80)
            return super().transcribe(request)


class TestGeneratesForAnyModel(Correct):
    caught_by = ("test_unknown_model_of_media_is_an_error",)

    class Mutant(Parrot):
        def generate_image(self, request):
            return super().generate_image(request.model_copy(update={"model": "grey"}))


class TestIgnoresExtra(Correct):
    caught_by = ("test_unused_option_of_media_is_reported",)

    class Mutant(Parrot):
        def adaptations(self, request):
            return ()


class TestTranscribesAnything(Correct):
    caught_by = ("test_unusable_recording_is_an_error",)

    class Mutant(Parrot):
        def transcribe(self, request):
            return TranscriptionResponse(text="Polly.")
