"""Providers that raise the wrong errors."""

import json

from budwood.errors import InvalidRequestError, ServerError
from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.correct import Correct
from tests.plugins.testing.mutants.provider.modifications import change_errors, set_attributes


class TestAlwaysRaisesServerError(Correct):
    caught_by = (
        "test_status_maps_to_its_error_class",
        "test_stream_raises_the_same_error",
        "test_content_filter_has_its_own_error",
    )
    Mutant = change_errors(lambda error, reply: ServerError(error.message, status=reply.status))


class TestOverloadedIsServerError(Correct):
    caught_by = ("test_status_maps_to_its_error_class", "test_unreadable_error_body_falls_back_to_the_status")
    Mutant = change_errors(
        lambda error, reply: ServerError(error.message, status=529) if reply.status == 529 else error
    )


class TestOmitsRetryAfter(Correct):
    caught_by = ("test_retry_after_sets_the_delay",)
    Mutant = change_errors(lambda error, _: set_attributes(error, retry_after=None))


class TestInventsRetryAfter(Correct):
    caught_by = ("test_rate_limit_without_retry_after",)
    Mutant = change_errors(lambda error, _: set_attributes(error, retry_after=error.retry_after or 30.0))


class TestNeverRetryable(Correct):
    caught_by = ("test_status_maps_to_its_error_class", "test_retry_after_sets_the_delay")
    Mutant = change_errors(lambda error, _: set_attributes(error, retryable=False))


class TestCannotBePickled(Correct):
    caught_by = ("test_error_can_be_pickled",)
    Mutant = change_errors(lambda error, _: set_attributes(error, again=lambda: None))


class TestOmitsVendorMessage(Correct):
    caught_by = ("test_error_includes_the_vendors_message",)
    Mutant = change_errors(lambda error, _: set_attributes(error, message="Something went wrong."))


class TestOmitsStatus(Correct):
    caught_by = ("test_status_maps_to_its_error_class",)
    Mutant = change_errors(lambda error, _: set_attributes(error, status=None))


class TestOmitsRequestId(Correct):
    caught_by = ("test_error_has_the_request_id",)
    Mutant = change_errors(lambda error, _: set_attributes(error, request_id=None))


class TestRepeatsWholeBody(Correct):
    caught_by = ("test_vendor_message_is_shortened_and_cleaned",)
    Mutant = change_errors(
        lambda error, reply: set_attributes(error, message=reply.body.decode("utf-8", "replace") * 10)
    )


class TestFailsForHTMLPages(Correct):
    caught_by = ("test_unreadable_error_body_falls_back_to_the_status", "test_any_error_body_gives_provider_error")

    class Mutant(OpenAICompatible):
        def error(self, reply):
            return set_attributes(super().error(reply), message=json.loads(reply.body)["error"]["message"])


class TestContentFilterIsInvalidRequest(Correct):
    caught_by = ("test_content_filter_has_its_own_error",)
    Mutant = change_errors(lambda error, _: InvalidRequestError(error.message, status=400))
