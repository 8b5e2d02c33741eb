"""Providers that are broken in one place each of what they read besides content."""

from dataclasses import replace

from budwood.errors import InvalidRequestError, ProviderError
from budwood.types import (
    Finished,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    UsageReported,
    VendorContent,
    VendorPart,
)
from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.correct import Correct
from tests.plugins.testing.mutants.provider.modifications import failing, with_parts
from tests.plugins.testing.mutants.provider.replies import changed, decoding
from tests.plugins.testing.mutants.provider.streams import Wrapped, streaming


def replacing_events(change):
    """
    Make a provider whose streams tell other events; None leaves one out.
    """

    class Decoder(Wrapped):
        def feed(self, data):
            return [event for told in self.inner.feed(data) if (event := change(told)) is not None]

        def close(self):
            return [event for told in self.inner.close() if (event := change(told)) is not None]

    return streaming(Decoder)


def on(kind, **fields):
    """
    Make a function that changes fields of one kind of events.
    """
    return lambda event: replace(event, **fields) if isinstance(event, kind) else event


# Who answered.


class TestForgetsTheId(Correct):
    caught_by = ("test_reply_has_id_and_model",)
    Mutant = decoding(changed(id=None))


class TestForgetsTheModel(Correct):
    caught_by = ("test_reply_has_id_and_model",)
    Mutant = decoding(changed(model=""))


class TestTellsTheModelThatWasAsked(Correct):
    caught_by = ("test_reply_has_id_and_model",)

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            return super().decode(request, reply).model_copy(update={"model": request.model})


class TestForgetsTheIdOfStreams(Correct):
    caught_by = ("test_stream_has_id_and_model",)
    Mutant = replacing_events(on(ResponseStarted, id=None))


class TestForgetsTheModelOfStreams(Correct):
    caught_by = ("test_stream_has_id_and_model",)
    Mutant = replacing_events(on(ResponseStarted, model=None))


class TestForgetsTheReply(Correct):
    caught_by = ("test_raw_is_the_full_reply",)
    Mutant = decoding(changed(raw=None))


class TestForgetsTheRequestIdOfStreams(Correct):
    caught_by = ("test_stream_has_the_request_id",)
    Mutant = replacing_events(on(ResponseMetadata, request_id=None))


class TestForgetsTheLimitsOfStreams(Correct):
    caught_by = ("test_rate_limits_of_a_stream_are_read",)
    Mutant = replacing_events(on(ResponseMetadata, rate_limits=None))


# What was counted.


def recounting(**fields):
    """
    Make a function that changes counts of a response.
    """
    return lambda response: response.model_copy(update={"usage": response.usage.model_copy(update=fields)})


def recounting_streams(change):
    """
    Make a provider whose streams report other counts.
    """
    return replacing_events(
        lambda event: UsageReported(change(event.usage)) if isinstance(event, UsageReported) else event
    )


class TestForgetsWhatWasCached(Correct):
    caught_by = ("test_each_usage_count_is_read", "test_usage_count_of_zero_is_not_unknown")
    Mutant = decoding(recounting(cache_read_tokens=None))


class TestForgetsWhatWasThought(Correct):
    caught_by = ("test_each_usage_count_is_read",)
    Mutant = decoding(recounting(reasoning_tokens=None))


class TestCountsThoughtsTwice(Correct):
    caught_by = ("test_each_usage_count_is_read",)
    Mutant = decoding(
        lambda response: response.model_copy(
            update={
                "usage": response.usage.model_copy(
                    update={
                        "output_tokens": (response.usage.output_tokens or 0) + (response.usage.reasoning_tokens or 0)
                    }
                )
            }
        )
    )


class TestForgetsWhatTheVendorCounted(Correct):
    caught_by = ("test_each_usage_count_is_read",)
    Mutant = decoding(recounting(raw=None))


class TestZeroIsUnknown(Correct):
    caught_by = ("test_usage_count_of_zero_is_not_unknown",)
    Mutant = decoding(lambda response: recounting(cache_read_tokens=response.usage.cache_read_tokens or None)(response))


class TestForgetsWhatStreamsCached(Correct):
    caught_by = ("test_each_usage_count_of_a_stream_is_read",)
    Mutant = recounting_streams(lambda usage: usage.model_copy(update={"cache_read_tokens": None}))


# Why it ended.


class TestSwapsReasons(Correct):
    caught_by = ("test_each_finish_reason_is_mapped",)
    Mutant = decoding(
        lambda response: response.model_copy(
            update={
                "finish_reason": {"content_filter": "length", "length": "content_filter"}.get(
                    response.finish_reason, response.finish_reason
                )
            }
        )
    )


class TestKnowsNoFilter(Correct):
    caught_by = ("test_each_finish_reason_is_mapped",)
    Mutant = decoding(
        lambda response: (
            response.model_copy(update={"finish_reason": "other"})
            if response.finish_reason == "content_filter"
            else response
        )
    )


class TestForgetsTheWord(Correct):
    caught_by = ("test_each_finish_reason_is_mapped", "test_unknown_finish_reason_is_other")
    Mutant = decoding(changed(raw_finish_reason=None))


class TestForgetsTheWordInStreams(Correct):
    caught_by = ("test_each_finish_reason_of_a_stream_is_mapped", "test_unknown_finish_reason_is_other")
    Mutant = replacing_events(on(Finished, raw=None))


class TestUnknownIsStop(Correct):
    caught_by = ("test_unknown_finish_reason_is_other",)
    Mutant = decoding(
        lambda response: response.model_copy(
            update={"finish_reason": "stop" if response.finish_reason == "other" else response.finish_reason}
        )
    )


class TestCrashesAtNewWords(Correct):
    caught_by = ("test_unknown_finish_reason_is_other",)

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            if b"of_a_later_version" in reply.body:
                raise KeyError("of_a_later_version")
            return super().decode(request, reply)


# Errors.


class TestPassesOverErrorsOfOneForm(Correct):
    caught_by = ("test_each_error_format_in_a_stream_is_raised",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [] if b'"object": "error"' in data else self.inner.feed(data)

        def close(self):
            return [Finished("stop")]

    Mutant = streaming(Decoder)


class TestSaysLittleOfErrorsOfOneForm(Correct):
    caught_by = ("test_each_error_format_in_a_stream_is_raised",)

    class Decoder(Wrapped):
        def feed(self, data):
            if b"event: error" in data:
                raise ProviderError("The stream failed.")
            return self.inner.feed(data)

    Mutant = streaming(Decoder)


class TestExpectsAStream(Correct):
    caught_by = ("test_error_body_instead_of_a_stream_is_raised",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [] if data.startswith(b"{") else self.inner.feed(data)

    Mutant = streaming(Decoder)


class TestHeedsNoRules(Correct):
    caught_by = ("test_rejected_parameter_is_dropped_and_remembered",)

    class Mutant(OpenAICompatible):
        def rules(self, request):
            from budwood.types import ModelRules

            return ModelRules()


class TestRefusalIsABadRequest(Correct):
    caught_by = ("test_rejected_parameter_is_dropped_and_remembered",)
    Mutant = failing(lambda error, reply: InvalidRequestError(error.message, status=reply.status))


# What goes back.


class TestDropsItsOwnContent(Correct):
    caught_by = ("test_vendor_content_is_sent_back",)
    Mutant = decoding(lambda response: with_parts(response, lambda part: not isinstance(part, VendorPart)))


class TestDropsItsOwnContentInStreams(Correct):
    caught_by = ("test_vendor_content_is_sent_back",)
    Mutant = replacing_events(lambda event: None if isinstance(event, VendorContent) else event)


class TestForgetsHeadsOfStreams(Correct):
    caught_by = ("test_stream_has_the_request_id", "test_rate_limits_of_a_stream_are_read")

    class Mutant(OpenAICompatible):
        def decoder(self, request, head):
            return super().decoder(request, ReplyHead(head.status, {}))
