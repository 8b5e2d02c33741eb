"""Providers with defects in decoding streams with media."""

from itertools import pairwise

from budwood.errors import BadResponseError, ProviderError, StreamInterruptedError
from budwood.types import (
    GeneratedAudio,
    MediaCompleted,
    SpeechResponse,
    TranscriptDelta,
    TranscriptionResponse,
)
from budwood_openai_compatible import OpenAIBatches
from tests.plugins.testing.mutants.provider.correct import Correct


class Wrapper:
    """
    A decoder that does what another does; subclasses change that.
    """

    def __init__(self, inner):
        self.inner = inner
        self.events = []

    def feed(self, data):
        """
        Decode bytes.
        """
        return list(self.inner.feed(data))

    def close(self):
        """
        Decode the end.
        """
        return list(self.inner.close())


def wrap(kind):
    """
    Create a provider that wraps its decoders of transcripts.
    """

    class Mutant(OpenAIBatches):
        def transcription_decoder(self, request, head):
            return kind(super().transcription_decoder(request, head))

    return Mutant


class TestOmitsResponse(Correct):
    caught_by = ("test_media_stream_is_decoded", "test_complete_reply_in_place_of_a_media_stream_is_decoded")

    @wrap
    class Mutant(Wrapper):
        def close(self):
            return [event for event in super().close() if not isinstance(event, MediaCompleted)]


class TestReplacesCharacters(Correct):
    caught_by = ("test_media_stream_is_decoded",)

    @wrap
    class Mutant(Wrapper):
        def feed(self, data):
            events = super().feed(data)
            return [
                TranscriptDelta(one.text.replace("\u00e4", "a")) if isinstance(one, TranscriptDelta) else one
                for one in events
            ]


class TestDelaysContent(Correct):
    caught_by = ("test_media_arrive_incrementally",)

    @wrap
    class Mutant(Wrapper):
        def feed(self, data):
            self.events += super().feed(data)
            return []

        def close(self):
            return [*self.events, *super().close()]


class TestShowsNoContentOfCompleteReplies(Correct):
    caught_by = ("test_complete_reply_in_place_of_a_media_stream_is_decoded",)

    @wrap
    class Mutant(Wrapper):
        def close(self):
            return [event for event in super().close() if not isinstance(event, TranscriptDelta)]


class TestSplitsWithNetwork(Correct):
    caught_by = ("test_any_split_of_a_media_stream_gives_the_same_events",)

    @wrap
    class Mutant(Wrapper):
        def feed(self, data):
            return super().feed(data.decode("utf-8", "replace").encode())


class TestAcceptsInterruption(Correct):
    caught_by = ("test_interrupted_media_stream_is_an_error", "test_media_stream_cut_at_any_byte_is_handled")

    @wrap
    class Mutant(Wrapper):
        def feed(self, data):
            self.events += (found := super().feed(data))
            return found

        def close(self):
            try:
                return super().close()
            except StreamInterruptedError:
                text = "".join(event.text for event in self.events if isinstance(event, TranscriptDelta))
                return [MediaCompleted(TranscriptionResponse(text=text))]


class TestIgnoresErrors(Correct):
    caught_by = ("test_error_event_in_a_media_stream_is_raised",)

    @wrap
    class Mutant(Wrapper):
        def feed(self, data):
            try:
                return super().feed(data)
            except ProviderError:
                return []


class TestFailsForPings(Correct):
    caught_by = ("test_pings_in_a_media_stream_are_ignored",)

    @wrap
    class Mutant(Wrapper):
        def feed(self, data):
            if data.startswith(b":"):
                raise BadResponseError("An unknown line.")
            return super().feed(data)


class TestTakesAnythingForAudio(Correct):
    caught_by = ("test_html_page_instead_of_a_media_stream_is_an_error",)

    class Mutant(OpenAIBatches):
        def speech_decoder(self, request, head):
            class Decoder:
                def feed(self, data):
                    return []

                def close(self):
                    audio = GeneratedAudio(data=b"", media_type="audio/wav")
                    return [MediaCompleted(SpeechResponse(audio=audio))]

            return Decoder()


class TestSharesText(Correct):
    caught_by = ("test_media_decoders_do_not_mix",)

    class Mutant(OpenAIBatches):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.texts = []

        def transcription_decoder(self, request, head):
            class Decoder(Wrapper):
                def feed(_self, data):  # noqa: N805 - `self` is the provider
                    events = super().feed(data)
                    self.texts += [event.text for event in events if isinstance(event, TranscriptDelta)]
                    return events

                def close(_self):  # noqa: N805 - see `feed`
                    *events, _ = super().close()
                    return [*events, MediaCompleted(TranscriptionResponse(text="".join(self.texts)))]

            return Decoder(super().transcription_decoder(request, head))


class TestFailsForOtherBytes(Correct):
    caught_by = ("test_any_bytes_in_a_media_stream_give_events_or_a_budwood_error",)

    @wrap
    class Mutant(Wrapper):
        def feed(self, data):
            for one, other in pairwise(data):
                assert (one, other) != (0, 1)
            return super().feed(data)
