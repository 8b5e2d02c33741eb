"""Providers with defects in decoding streams."""

from budwood.errors import BadResponseError, StreamInterruptedError
from budwood.types import (
    Finished,
    ReasoningDelta,
    TextDelta,
    Usage,
    UsageReported,
)
from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.correct import Correct


class Wrapped:
    """
    A decoder that wraps the correct one.
    """

    def __init__(self, inner):
        self.inner = inner

    def feed(self, data):
        return self.inner.feed(data)

    def close(self):
        return self.inner.close()


def wrap_decoder(wrapper):
    """
    Create a provider with another decoder.
    """

    class Mutant(OpenAICompatible):
        def decoder(self, request, head):
            return wrapper(super().decoder(request, head))

    return Mutant


class TestDropsPartialLines(Correct):
    caught_by = ("test_any_split_of_the_bytes_gives_the_same_events", "test_streamed_tool_calls_are_decoded")

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data[: data.rfind(b"\n") + 1])

    Mutant = wrap_decoder(Decoder)


class TestDecodesPartialCharacters(Correct):
    caught_by = ("test_any_split_of_the_bytes_gives_the_same_events",)

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data.decode("utf-8", "replace").encode())

    Mutant = wrap_decoder(Decoder)


class TestSplitsLinesAtUnicodeSeparators(Correct):
    caught_by = ("test_any_streamed_text_is_preserved", "test_stream_is_decoded")

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data.replace("\u2028".encode(), b"\n"))

    Mutant = wrap_decoder(Decoder)


class TestBuffersText(Correct):
    caught_by = ("test_text_arrives_incrementally",)

    class Decoder(Wrapped):
        events = ()

        def feed(self, data):
            self.events = [*self.events, *self.inner.feed(data)]
            return []

        def close(self):
            return [*self.events, *self.inner.close()]

    Mutant = wrap_decoder(Decoder)


class TestInventsFinish(Correct):
    caught_by = (
        "test_interrupted_stream_is_an_error",
        "test_stream_cut_at_any_byte_is_handled",
        "test_interrupted_stream_error_has_the_partial_text",
    )

    class Decoder(Wrapped):
        def close(self):
            try:
                return self.inner.close()
            except StreamInterruptedError:
                return [Finished("stop")]

    Mutant = wrap_decoder(Decoder)


class TestHidesInterruption(Correct):
    caught_by = ("test_interrupted_stream_is_an_error",)

    class Decoder(Wrapped):
        def close(self):
            try:
                return self.inner.close()
            except StreamInterruptedError:
                return []

    Mutant = wrap_decoder(Decoder)


class TestIgnoresErrors(Correct):
    caught_by = ("test_error_event_in_a_stream_is_raised",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [] if b'"error"' in data else self.inner.feed(data)

    Mutant = wrap_decoder(Decoder)


class TestReportsZeroForUnknownUsage(Correct):
    caught_by = ("test_missing_usage_of_a_stream_is_none",)

    class Decoder(Wrapped):
        reported = False

        def feed(self, data):
            events = self.inner.feed(data)
            self.reported = self.reported or any(isinstance(event, UsageReported) for event in events)
            return events

        def close(self):
            events = list(self.inner.close())
            return events if self.reported else [*events, UsageReported(Usage(input_tokens=0, output_tokens=0))]

    Mutant = wrap_decoder(Decoder)


class TestFinishesTwice(Correct):
    caught_by = ("test_stream_has_one_finished_event",)

    class Decoder(Wrapped):
        def close(self):
            return [*self.inner.close(), Finished("stop")]

    Mutant = wrap_decoder(Decoder)


class TestRejectsUnknownEvents(Correct):
    caught_by = ("test_pings_and_unknown_events_are_ignored", "test_unknown_event_fields_are_ignored")

    class Decoder(Wrapped):
        def feed(self, data):
            if b"later" in data or b"x_conformance" in data:
                raise BadResponseError("An unknown event.")
            return self.inner.feed(data)

    Mutant = wrap_decoder(Decoder)


class TestAlwaysReportsStopInStreams(Correct):
    caught_by = ("test_truncated_stream_has_finish_reason_length",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [Finished("stop") if isinstance(event, Finished) else event for event in self.inner.feed(data)]

    Mutant = wrap_decoder(Decoder)


class TestMixesReasoningIntoTextInStreams(Correct):
    caught_by = ("test_streamed_reasoning_is_separate_from_the_text",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [
                TextDelta(event.text) if isinstance(event, ReasoningDelta) else event for event in self.inner.feed(data)
            ]

    Mutant = wrap_decoder(Decoder)


class TestAcceptsHTMLPages(Correct):
    caught_by = ("test_html_page_instead_of_a_stream_is_an_error",)

    class Decoder(Wrapped):
        page = False

        def feed(self, data):
            self.page = self.page or data.startswith(b"<")
            return [] if self.page else self.inner.feed(data)

        def close(self):
            return [Finished("stop")] if self.page else self.inner.close()

    Mutant = wrap_decoder(Decoder)


class TestFailsForControlCharacters(Correct):
    caught_by = ("test_any_bytes_give_events_or_a_budwood_error",)

    class Decoder(Wrapped):
        def feed(self, data):
            if b"\x1b" in data:
                raise OSError("unexpected byte")
            return self.inner.feed(data)

    Mutant = wrap_decoder(Decoder)


class TestMixesStreams(Correct):
    caught_by = ("test_concurrent_streams_do_not_mix",)

    class Mutant(OpenAICompatible):
        shared = None

        def decoder(self, request, head):
            self.shared = self.shared or super().decoder(request, head)
            return self.shared


class TestIgnoresMalformedEvents(Correct):
    caught_by = ("test_malformed_event_is_an_error",)

    class Decoder(Wrapped):
        def feed(self, data):
            try:
                return self.inner.feed(data)
            except BadResponseError:
                return [Finished("stop")]

        def close(self):
            return []

    Mutant = wrap_decoder(Decoder)
