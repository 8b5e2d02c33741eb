"""Providers with defects in decoding complete replies with media."""

from pathlib import Path

from budwood.errors import ServerError
from budwood.types import GeneratedAudio, SpeechResponse, TranscriptionResponse
from budwood_openai_compatible import OpenAIBatches
from tests.plugins.testing.mutants.provider.correct import Correct
from tests.plugins.testing.mutants.provider.modifications import change_errors, set_attributes


def change_image_replies(change):
    """
    Create a provider that changes its responses with images.
    """

    class Mutant(OpenAIBatches):
        def decode_image(self, request, reply):
            return change(super().decode_image(request, reply))

    return Mutant


class TestCutsAudio(Correct):
    caught_by = ("test_media_are_decoded",)

    class Mutant(OpenAIBatches):
        def decode_speech(self, request, reply):
            return SpeechResponse(audio=GeneratedAudio(data=reply.body[:-1], media_type="audio/wav"))


class TestNamesWrongType(Correct):
    caught_by = ("test_media_are_decoded",)
    Mutant = change_image_replies(
        lambda response: response.model_copy(
            update={"images": tuple(one.model_copy(update={"media_type": "image/gif"}) for one in response.images)}
        )
    )


class TestReturnsOneImage(Correct):
    caught_by = ("test_all_images_are_decoded_in_order",)
    Mutant = change_image_replies(lambda response: response.model_copy(update={"images": response.images[:1]}))


class TestAcceptsNoImages(Correct):
    caught_by = ("test_reply_without_images_is_an_error",)

    class Mutant(OpenAIBatches):
        def decode_image(self, request, reply):
            from budwood.errors import ContentFilterError
            from budwood.types import ImageResponse

            try:
                return super().decode_image(request, reply)
            except ContentFilterError:
                return ImageResponse(images=())


class TestWritesReply(Correct):
    caught_by = ("test_decoding_media_does_no_io",)

    class Mutant(OpenAIBatches):
        def decode_speech(self, request, reply):
            Path("/dev/null").write_bytes(reply.body)
            return super().decode_speech(request, reply)


class TestOmitsVendorMessage(Correct):
    caught_by = ("test_media_error_has_its_class_and_message",)
    Mutant = change_errors(lambda error, _: set_attributes(error, message="Something went wrong."))


class TestClassifiesAllAsServerErrors(Correct):
    caught_by = ("test_media_error_has_its_class_and_message",)
    Mutant = change_errors(lambda error, _: ServerError(error.message, status=error.status))


class TestReturnsErrorAsTranscript(Correct):
    caught_by = ("test_media_error_with_status_200_is_raised", "test_html_page_instead_of_media_is_an_error")

    class Mutant(OpenAIBatches):
        def decode_transcription(self, request, reply):
            return TranscriptionResponse(text=reply.body.decode())


class TestFailsForOtherForms(Correct):
    caught_by = ("test_any_media_reply_gives_a_response_or_a_budwood_error",)

    class Mutant(OpenAIBatches):
        def decode_image(self, request, reply):
            response = super().decode_image(request, reply) if reply.body[:1] == b"{" else None
            assert response is not None
            return response
