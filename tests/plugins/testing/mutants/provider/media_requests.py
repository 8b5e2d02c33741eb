"""Providers with defects in requests with media, and in media of messages."""

import socket
import uuid
from dataclasses import replace
from pathlib import Path

from budwood.errors import UnsupportedError
from budwood.types import Adaptation
from budwood_openai_compatible import OpenAIBatches
from tests.plugins.testing.mutants.provider.correct import Correct
from tests.plugins.testing.mutants.provider.modifications import select_parts


def change_images(change):
    """
    Create a provider that changes its requests for images.
    """

    class Mutant(OpenAIBatches):
        def encode_image(self, request, *, stream):
            return change(self, super().encode_image(request, stream=stream))

    return Mutant


def change_audio(change):
    """
    Create a provider that changes the requests for transcripts before it encodes them.
    """

    class Mutant(OpenAIBatches):
        def encode_transcription(self, request, *, stream):
            return super().encode_transcription(change(request), stream=stream)

    return Mutant


def change_sources(change):
    """
    Create a provider that changes its sources of media.
    """

    class Mutant(OpenAIBatches):
        def media_sources(self, request, kind):
            return change(super().media_sources(request, kind))

    return Mutant


class TestImageURLWithoutScheme(Correct):
    caught_by = ("test_media_call_is_valid",)
    Mutant = change_images(lambda _, call: replace(call, url="acme.example/v1/images"))


class TestFormWithoutContentType(Correct):
    caught_by = ("test_media_call_is_valid",)
    Mutant = change_images(lambda _, call: replace(call, headers={}))


class TestResolvesHost(Correct):
    caught_by = ("test_encoding_media_does_no_io",)
    Mutant = change_images(lambda _, call: socket.getaddrinfo("127.0.0.1", 80) and call)


class TestReadsMedia(Correct):
    caught_by = ("test_encoding_media_does_no_io",)
    Mutant = change_audio(lambda request: request.audio.read() and request)


class TestModifiesExtra(Correct):
    caught_by = ("test_encoding_media_does_not_modify_the_request",)
    Mutant = change_audio(lambda request: request.extra.setdefault("own", "1") and request)


class TestRandomBoundary(Correct):
    caught_by = ("test_encoding_media_is_deterministic",)
    Mutant = change_images(lambda _, call: replace(call, headers={**call.headers, "x-boundary": uuid.uuid4().hex}))


class TestOmitsPrompt(Correct):
    caught_by = ("test_text_of_a_media_request_is_sent",)

    class Mutant(OpenAIBatches):
        def encode_image(self, request, *, stream):
            return super().encode_image(request.model_copy(update={"prompt": "A cat."}), stream=stream)


class TestSendsNameOfFile(Correct):
    caught_by = ("test_content_of_media_is_sent",)

    class Mutant(OpenAIBatches):
        def encode_transcription(self, request, *, stream):
            call = super().encode_transcription(request, stream=stream)
            if request.audio.path is None:
                return call
            return replace(call, body=str(request.audio.path).encode())


class TestOmitsURL(Correct):
    caught_by = ("test_reference_to_media_is_sent_or_unsupported",)

    class Mutant(OpenAIBatches):
        def encode_transcription(self, request, *, stream):
            if request.audio.url is not None:
                request = request.model_copy(update={"audio": type(request.audio)(data=b"", media_type="audio/wav")})
            return super().encode_transcription(request, stream=stream)


class TestRefusesWithoutHint(Correct):
    caught_by = ("test_reference_to_media_is_sent_or_unsupported",)

    class Mutant(OpenAIBatches):
        def encode_image(self, request, *, stream):
            if any(image.file_id for image in request.images):
                raise UnsupportedError("No.")
            return super().encode_image(request, stream=stream)


class TestOmitsVoice(Correct):
    caught_by = ("test_media_option_is_sent_or_reported",)

    class Mutant(OpenAIBatches):
        def encode_speech(self, request, *, stream):
            return super().encode_speech(request.model_copy(update={"voice": None}), stream=stream)


class TestReportsUnneededAdaptation(Correct):
    caught_by = ("test_plain_media_request_has_no_adaptations",)
    Mutant = change_images(
        lambda _, call: replace(call, adaptations=(Adaptation(parameter="n", action="dropped", reason="no"),))
    )


class TestOmitsExtra(Correct):
    caught_by = ("test_extra_of_a_media_request_is_sent",)
    Mutant = change_audio(lambda request: request.model_copy(update={"extra": {}}))


class TestEncodesKey(Correct):
    caught_by = ("test_encoded_media_request_does_not_contain_the_key",)
    Mutant = change_images(
        lambda self, call: replace(call, url=f"{call.url}?key={self._settings.api_key.get_secret_value()}")
    )


class TestLosesTarget(Correct):
    caught_by = ("test_calls_of_steps_are_valid",)

    class Mutant(OpenAIBatches):
        def authorize(self, call, credential):
            return replace(super().authorize(call, credential), reply_to=None)


class TestHasNoSource(Correct):
    caught_by = ("test_sources_of_media_are_known",)
    Mutant = change_sources(lambda _: frozenset())


class TestInventsSource(Correct):
    caught_by = ("test_sources_of_media_are_known",)
    Mutant = change_sources(lambda sources: sources | {"ftp"})


class TestListsRefusedSource(Correct):
    caught_by = ("test_reference_in_a_message_is_sent_or_unsupported",)
    Mutant = change_sources(lambda sources: sources | {"url", "file"})


class TestOmitsMedia(Correct):
    caught_by = ("test_media_in_a_message_are_sent",)

    class Mutant(OpenAIBatches):
        def build_chat_body(self, request, *, stream):
            kept = select_parts(request, lambda part: part.type != "document")
            return super().build_chat_body(kept, stream=stream)


class TestReadsFilesOfMessages(Correct):
    caught_by = ("test_media_in_a_message_are_sent",)

    class Mutant(OpenAIBatches):
        def encode_media(self, part):
            if part.path is not None:
                part = type(part)(data=Path(part.path).read_bytes(), media_type=part.media_type)
            return super().encode_media(part)
