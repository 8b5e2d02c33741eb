"""Providers that make wrong errors of replies."""

import json

from budwood.errors import InvalidRequestError, ServerError
from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.changing import failing, noted
from tests.plugins.testing.mutants.provider.sound import Sound


class TestOneErrorForAll(Sound):
    caught_by = (
        "test_status_becomes_its_error",
        "test_refused_stream_is_the_same_error",
        "test_filter_is_told_from_other_errors",
    )
    Mutant = failing(lambda error, reply: ServerError(error.message, status=reply.status))


class TestOverloadIsAFailure(Sound):
    caught_by = ("test_status_becomes_its_error", "test_status_counts_where_the_body_tells_nothing")
    Mutant = failing(lambda error, reply: ServerError(error.message, status=529) if reply.status == 529 else error)


class TestForgetsTheTimeToWait(Sound):
    caught_by = ("test_limit_is_waited_for_as_long_as_the_vendor_asks",)
    Mutant = failing(lambda error, _: noted(error, retry_after=None))


class TestMakesUpATimeToWait(Sound):
    caught_by = ("test_limit_without_a_time_names_none",)
    Mutant = failing(lambda error, _: noted(error, retry_after=error.retry_after or 30.0))


class TestNeverTriesAgain(Sound):
    caught_by = ("test_status_becomes_its_error", "test_limit_is_waited_for_as_long_as_the_vendor_asks")
    Mutant = failing(lambda error, _: noted(error, retryable=False))


class TestCannotBePickled(Sound):
    caught_by = ("test_error_survives_pickling",)
    Mutant = failing(lambda error, _: noted(error, again=lambda: None))


class TestKeepsTheMessageToItself(Sound):
    caught_by = ("test_error_says_what_the_vendor_said",)
    Mutant = failing(lambda error, _: noted(error, message="Something went wrong."))


class TestForgetsTheStatus(Sound):
    caught_by = ("test_status_becomes_its_error",)
    Mutant = failing(lambda error, _: noted(error, status=None))


class TestForgetsTheRequest(Sound):
    caught_by = ("test_request_id_of_an_error_is_kept",)
    Mutant = failing(lambda error, _: noted(error, request_id=None))


class TestRepeatsAnything(Sound):
    caught_by = ("test_any_message_is_repeated_on_one_line",)
    Mutant = failing(lambda error, reply: noted(error, message=reply.body.decode("utf-8", "replace") * 10))


class TestCrashesOnPages(Sound):
    caught_by = ("test_status_counts_where_the_body_tells_nothing", "test_any_body_makes_an_error")

    class Mutant(OpenAICompatible):
        def error(self, reply):
            return noted(super().error(reply), message=json.loads(reply.body)["error"]["message"])


class TestFilterIsABadRequest(Sound):
    caught_by = ("test_filter_is_told_from_other_errors",)
    Mutant = failing(lambda error, _: InvalidRequestError(error.message, status=400))
