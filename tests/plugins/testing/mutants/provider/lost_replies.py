"""Providers that lose what a reply contains besides text and tool calls."""

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
from tests.plugins.testing.mutants.provider.modifications import change_errors, select_parts
from tests.plugins.testing.mutants.provider.replies import change_fields, change_responses
from tests.plugins.testing.mutants.provider.streams import Wrapped, wrap_decoder


def replace_events(change):
    """
    Create a provider that changes the events of its streams, or leaves out those that become None.
    """

    class Decoder(Wrapped):
        def feed(self, data):
            return [event for read in self.inner.feed(data) if (event := change(read)) is not None]

        def close(self):
            return [event for read in self.inner.close() if (event := change(read)) is not None]

    return wrap_decoder(Decoder)


def change_events(kind, **fields):
    """
    Return a function that changes fields of the events of one class.
    """
    return lambda event: replace(event, **fields) if isinstance(event, kind) else event


# Ids and model.


class TestOmitsId(Correct):
    caught_by = ("test_reply_has_id_and_model",)
    Mutant = change_responses(change_fields(id=None))


class TestOmitsModel(Correct):
    caught_by = ("test_reply_has_id_and_model",)
    Mutant = change_responses(change_fields(model=""))


class TestReportsRequestedModel(Correct):
    caught_by = ("test_reply_has_id_and_model",)

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            return super().decode(request, reply).model_copy(update={"model": request.model})


class TestOmitsIdInStreams(Correct):
    caught_by = ("test_stream_has_id_and_model",)
    Mutant = replace_events(change_events(ResponseStarted, id=None))


class TestOmitsModelInStreams(Correct):
    caught_by = ("test_stream_has_id_and_model",)
    Mutant = replace_events(change_events(ResponseStarted, model=None))


class TestOmitsRawReply(Correct):
    caught_by = ("test_raw_is_the_full_reply",)
    Mutant = change_responses(change_fields(raw=None))


class TestOmitsRequestIdInStreams(Correct):
    caught_by = ("test_stream_has_the_request_id",)
    Mutant = replace_events(change_events(ResponseMetadata, request_id=None))


class TestOmitsRateLimitsInStreams(Correct):
    caught_by = ("test_rate_limits_of_a_stream_are_read",)
    Mutant = replace_events(change_events(ResponseMetadata, rate_limits=None))


# Usage.


def change_usage(**fields):
    """
    Return a function that changes the usage of a response.
    """
    return lambda response: response.model_copy(update={"usage": response.usage.model_copy(update=fields)})


def change_stream_usage(change):
    """
    Create a provider that changes the usage in its streams.
    """
    return replace_events(
        lambda event: UsageReported(change(event.usage)) if isinstance(event, UsageReported) else event
    )


class TestOmitsCachedTokens(Correct):
    caught_by = ("test_each_usage_count_is_read", "test_usage_count_of_zero_is_not_unknown")
    Mutant = change_responses(change_usage(cache_read_tokens=None))


class TestOmitsReasoningTokens(Correct):
    caught_by = ("test_each_usage_count_is_read",)
    Mutant = change_responses(change_usage(reasoning_tokens=None))


class TestCountsReasoningTwice(Correct):
    caught_by = ("test_each_usage_count_is_read",)
    Mutant = change_responses(
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


class TestOmitsRawUsage(Correct):
    caught_by = ("test_each_usage_count_is_read",)
    Mutant = change_responses(change_usage(raw=None))


class TestZeroBecomesUnknown(Correct):
    caught_by = ("test_usage_count_of_zero_is_not_unknown",)
    Mutant = change_responses(
        lambda response: change_usage(cache_read_tokens=response.usage.cache_read_tokens or None)(response)
    )


class TestOmitsCachedTokensInStreams(Correct):
    caught_by = ("test_each_usage_count_of_a_stream_is_read",)
    Mutant = change_stream_usage(lambda usage: usage.model_copy(update={"cache_read_tokens": None}))


# Finish reasons.


class TestSwapsFinishReasons(Correct):
    caught_by = ("test_each_finish_reason_is_mapped",)
    Mutant = change_responses(
        lambda response: response.model_copy(
            update={
                "finish_reason": {"content_filter": "length", "length": "content_filter"}.get(
                    response.finish_reason, response.finish_reason
                )
            }
        )
    )


class TestContentFilterIsOther(Correct):
    caught_by = ("test_each_finish_reason_is_mapped",)
    Mutant = change_responses(
        lambda response: (
            response.model_copy(update={"finish_reason": "other"})
            if response.finish_reason == "content_filter"
            else response
        )
    )


class TestOmitsRawFinishReason(Correct):
    caught_by = ("test_each_finish_reason_is_mapped", "test_unknown_finish_reason_is_other")
    Mutant = change_responses(change_fields(raw_finish_reason=None))


class TestOmitsRawFinishReasonInStreams(Correct):
    caught_by = ("test_each_finish_reason_of_a_stream_is_mapped", "test_unknown_finish_reason_is_other")
    Mutant = replace_events(change_events(Finished, raw=None))


class TestUnknownFinishReasonIsStop(Correct):
    caught_by = ("test_unknown_finish_reason_is_other",)
    Mutant = change_responses(
        lambda response: response.model_copy(
            update={"finish_reason": "stop" if response.finish_reason == "other" else response.finish_reason}
        )
    )


class TestFailsForUnknownFinishReason(Correct):
    caught_by = ("test_unknown_finish_reason_is_other",)

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            if b"of_a_later_version" in reply.body:
                raise KeyError("of_a_later_version")
            return super().decode(request, reply)


# Errors.


class TestIgnoresOneErrorFormat(Correct):
    caught_by = ("test_each_error_format_in_a_stream_is_raised",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [] if b'"object": "error"' in data else self.inner.feed(data)

        def close(self):
            return [Finished("stop")]

    Mutant = wrap_decoder(Decoder)


class TestOmitsMessageOfOneErrorFormat(Correct):
    caught_by = ("test_each_error_format_in_a_stream_is_raised",)

    class Decoder(Wrapped):
        def feed(self, data):
            if b"event: error" in data:
                raise ProviderError("The stream failed.")
            return self.inner.feed(data)

    Mutant = wrap_decoder(Decoder)


class TestIgnoresErrorBody(Correct):
    caught_by = ("test_error_body_instead_of_a_stream_is_raised",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [] if data.startswith(b"{") else self.inner.feed(data)

    Mutant = wrap_decoder(Decoder)


class TestIgnoresModelRules(Correct):
    caught_by = ("test_rejected_parameter_is_dropped_and_remembered",)

    class Mutant(OpenAICompatible):
        def rules(self, request):
            from budwood.types import ModelRules

            return ModelRules()


class TestUnsupportedParameterIsInvalidRequest(Correct):
    caught_by = ("test_rejected_parameter_is_dropped_and_remembered",)
    Mutant = change_errors(lambda error, reply: InvalidRequestError(error.message, status=reply.status))


# Vendor content and headers.


class TestDropsVendorContent(Correct):
    caught_by = ("test_vendor_content_is_sent_back",)
    Mutant = change_responses(lambda response: select_parts(response, lambda part: not isinstance(part, VendorPart)))


class TestDropsVendorContentInStreams(Correct):
    caught_by = ("test_vendor_content_is_sent_back",)
    Mutant = replace_events(lambda event: None if isinstance(event, VendorContent) else event)


class TestIgnoresHeadersOfStreams(Correct):
    caught_by = ("test_stream_has_the_request_id", "test_rate_limits_of_a_stream_are_read")

    class Mutant(OpenAICompatible):
        def decoder(self, request, head):
            return super().decoder(request, ReplyHead(head.status, {}))


# Limits.


class CountsNegativeTokens(OpenAICompatible):
    def limit_tokens(self, request, expected, used):
        return -1 if used is None else used.total_tokens


class TestCountsNegativeTokens(Correct):
    caught_by = ("test_tokens_that_count_against_limits_are_numbers",)
    Mutant = CountsNegativeTokens
