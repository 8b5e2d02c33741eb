"""Providers that read streams badly."""

from budwood.errors import BadResponseError, StreamInterruptedError
from budwood.types import (
    Finished,
    ReasoningDelta,
    TextDelta,
    Usage,
    UsageReported,
)
from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.sound import Sound


class Wrapped:
    """
    A decoder around the sound one.
    """

    def __init__(self, inner):
        self.inner = inner

    def feed(self, data):
        return self.inner.feed(data)

    def close(self):
        return self.inner.close()


def streaming(wrapper):
    """
    Make a provider with another decoder.
    """

    class Mutant(OpenAICompatible):
        def decoder(self, request, head):
            return wrapper(super().decoder(request, head))

    return Mutant


class TestDropsHalves(Sound):
    caught_by = ("test_any_split_of_the_bytes_gives_the_same_events", "test_streamed_calls_of_tools_are_read")

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data[: data.rfind(b"\n") + 1])

    Mutant = streaming(Decoder)


class TestDecodesHalvesOfCharacters(Sound):
    caught_by = ("test_any_split_of_the_bytes_gives_the_same_events",)

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data.decode("utf-8", "replace").encode())

    Mutant = streaming(Decoder)


class TestEndsLinesWherePythonDoes(Sound):
    caught_by = ("test_any_text_is_streamed_as_it_was_written", "test_stream_is_read")

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data.replace("\u2028".encode(), b"\n"))

    Mutant = streaming(Decoder)


class TestHoldsTextBack(Sound):
    caught_by = ("test_text_comes_piece_by_piece",)

    class Decoder(Wrapped):
        held = ()

        def feed(self, data):
            self.held = [*self.held, *self.inner.feed(data)]
            return []

        def close(self):
            return [*self.held, *self.inner.close()]

    Mutant = streaming(Decoder)


class TestMakesUpTheEnd(Sound):
    caught_by = (
        "test_stream_that_breaks_off_is_an_error",
        "test_stream_that_breaks_off_anywhere_is_never_a_crash",
        "test_caller_gets_what_had_arrived",
    )

    class Decoder(Wrapped):
        def close(self):
            try:
                return self.inner.close()
            except StreamInterruptedError:
                return [Finished("stop")]

    Mutant = streaming(Decoder)


class TestNeverInterrupted(Sound):
    caught_by = ("test_stream_that_breaks_off_is_an_error",)

    class Decoder(Wrapped):
        def close(self):
            try:
                return self.inner.close()
            except StreamInterruptedError:
                return []

    Mutant = streaming(Decoder)


class TestPassesOverErrors(Sound):
    caught_by = ("test_error_inside_a_stream_is_an_error",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [] if b'"error"' in data else self.inner.feed(data)

    Mutant = streaming(Decoder)


class TestZeroAtTheEnd(Sound):
    caught_by = ("test_unknown_usage_of_a_stream_is_none",)

    class Decoder(Wrapped):
        told = False

        def feed(self, data):
            events = self.inner.feed(data)
            self.told = self.told or any(isinstance(event, UsageReported) for event in events)
            return events

        def close(self):
            events = list(self.inner.close())
            return events if self.told else [*events, UsageReported(Usage(input_tokens=0, output_tokens=0))]

    Mutant = streaming(Decoder)


class TestEndsTwice(Sound):
    caught_by = ("test_reply_ends_once",)

    class Decoder(Wrapped):
        def close(self):
            return [*self.inner.close(), Finished("stop")]

    Mutant = streaming(Decoder)


class TestRefusesNewEvents(Sound):
    caught_by = ("test_events_that_say_nothing_do_no_harm", "test_unknown_fields_of_events_do_no_harm")

    class Decoder(Wrapped):
        def feed(self, data):
            if b"later" in data or b"x_conformance" in data:
                raise BadResponseError("An unknown event.")
            return self.inner.feed(data)

    Mutant = streaming(Decoder)


class TestAlwaysSaysStopInStreams(Sound):
    caught_by = ("test_end_at_the_limit_is_told_in_streams",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [Finished("stop") if isinstance(event, Finished) else event for event in self.inner.feed(data)]

    Mutant = streaming(Decoder)


class TestThinksAloudInStreams(Sound):
    caught_by = ("test_streamed_reasoning_is_told_from_the_answer",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [
                TextDelta(event.text) if isinstance(event, ReasoningDelta) else event for event in self.inner.feed(data)
            ]

    Mutant = streaming(Decoder)


class TestTakesPagesForReplies(Sound):
    caught_by = ("test_page_in_place_of_a_stream_is_an_error",)

    class Decoder(Wrapped):
        page = False

        def feed(self, data):
            self.page = self.page or data.startswith(b"<")
            return [] if self.page else self.inner.feed(data)

        def close(self):
            return [Finished("stop")] if self.page else self.inner.close()

    Mutant = streaming(Decoder)


class TestCrashesAtControlCharacters(Sound):
    caught_by = ("test_any_bytes_are_a_stream_or_an_error",)

    class Decoder(Wrapped):
        def feed(self, data):
            if b"\x1b" in data:
                raise OSError("nobody foresaw this")
            return self.inner.feed(data)

    Mutant = streaming(Decoder)


class TestMixesStreams(Sound):
    caught_by = ("test_streams_at_the_same_time_do_not_mix",)

    class Mutant(OpenAICompatible):
        shared = None

        def decoder(self, request, head):
            self.shared = self.shared or super().decoder(request, head)
            return self.shared


class TestPassesOverMalformedEvents(Sound):
    caught_by = ("test_malformed_event_is_an_error",)

    class Decoder(Wrapped):
        def feed(self, data):
            try:
                return self.inner.feed(data)
            except BadResponseError:
                return [Finished("stop")]

        def close(self):
            return []

    Mutant = streaming(Decoder)
