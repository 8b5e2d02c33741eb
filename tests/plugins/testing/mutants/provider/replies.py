"""Providers that read whole replies badly."""

import asyncio
import json

from budwood.errors import BadResponseError, ProviderError
from budwood.types import (
    ChatResponse,
    ReasoningPart,
    RefusalPart,
    ReplyHead,
    Usage,
)
from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.changing import saying, with_parts
from tests.plugins.testing.mutants.provider.sound import Sound


def decoding(change):
    """
    Make a provider that changes what it has read.
    """

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            return change(super().decode(request, reply))

    return Mutant


def changed(**fields):
    """
    Make a function that replaces fields of a response.
    """
    return lambda response: response.model_copy(update=fields)


class TestZeroForUnknown(Sound):
    caught_by = ("test_unknown_usage_is_none",)
    Mutant = decoding(
        lambda response: response.model_copy(
            update={"usage": Usage(input_tokens=0) if response.usage.raw is None else response.usage}
        )
    )


class TestSwapsCounts(Sound):
    caught_by = ("test_reply_is_read", "test_streamed_and_whole_reply_agree")
    Mutant = decoding(
        lambda response: response.model_copy(
            update={
                "usage": Usage(input_tokens=response.usage.output_tokens, output_tokens=response.usage.input_tokens)
            }
        )
    )


class TestStripsReplies(Sound):
    caught_by = ("test_any_text_is_read_as_it_was_written",)
    Mutant = decoding(lambda response: response.model_copy(update={"message": saying(response.text.strip())}))


class TestAlwaysSaysStop(Sound):
    caught_by = ("test_end_at_the_limit_is_told", "test_calls_of_tools_are_read")
    Mutant = decoding(changed(finish_reason="stop"))


class TestForgetsRefusal(Sound):
    caught_by = ("test_refusal_is_told",)
    Mutant = decoding(lambda response: with_parts(response, lambda part: not isinstance(part, RefusalPart)))


class TestForgetsRequestId(Sound):
    caught_by = ("test_request_id_is_kept",)
    Mutant = decoding(changed(request_id=None))


class TestForgetsLimits(Sound):
    caught_by = ("test_rate_limits_are_read",)
    Mutant = decoding(changed(rate_limits=None))


class TestReadsLimitsOfSuccessesAlone(Sound):
    caught_by = ("test_rate_limits_of_any_head_are_read",)

    class Mutant(OpenAICompatible):
        def rate_limits(self, head):
            return super().rate_limits(head) if head.ok else None


class TestThinksAloud(Sound):
    caught_by = ("test_reasoning_is_told_from_the_answer",)
    Mutant = decoding(
        lambda response: (
            response.model_copy(update={"message": saying(response.reasoning + response.text)})
            if any(isinstance(part, ReasoningPart) for part in response.message.parts)
            else response
        )
    )


class TestKeepsOneCall(Sound):
    caught_by = ("test_calls_of_tools_are_read", "test_streamed_calls_of_tools_are_read")
    Mutant = decoding(
        lambda response: with_parts(response, lambda part: part.type != "tool_call" or part == response.tool_calls[0])
    )


class TestOneIdForAllCalls(Sound):
    caught_by = ("test_calls_of_tools_are_read",)
    Mutant = decoding(
        lambda response: response.model_copy(
            update={
                "message": response.message.model_copy(
                    update={
                        "parts": tuple(
                            part.model_copy(update={"id": "call"}) if part.type == "tool_call" else part
                            for part in response.message.parts
                        )
                    }
                )
            }
        )
    )


class TestMendsArguments(Sound):
    caught_by = ("test_any_arguments_of_a_call_are_read",)
    Mutant = decoding(
        lambda response: response.model_copy(
            update={
                "message": response.message.model_copy(
                    update={
                        "parts": tuple(
                            part.model_copy(update={"arguments": part.arguments.replace("\\n", " ")})
                            if part.type == "tool_call"
                            else part
                            for part in response.message.parts
                        )
                    }
                )
            }
        )
    )


class TestTalksBeforeItsJSON(Sound):
    caught_by = ("test_structured_output_comes_back",)
    Mutant = decoding(lambda response: response.model_copy(update={"message": saying(f"No! {response.text[1:]}")}))


def is_async():
    """
    Tell whether an event loop runs.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class TestOtherwiseInAsyncCode(Sound):
    caught_by = ("test_both_clients_read_alike", "test_both_clients_read_streams_alike")

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            response = super().decode(request, reply)
            return response.model_copy(update={"id": None}) if is_async() else response

        def decoder(self, request, head):
            return super().decoder(request, ReplyHead(200, {"x-request-id": "async"}) if is_async() else head)


class TestRemembersReplies(Sound):
    caught_by = ("test_reading_does_no_io_and_keeps_nothing",)

    class Mutant(OpenAICompatible):
        replies = 0

        def decode(self, request, reply):
            self.replies += 1
            return super().decode(request, reply).model_copy(update={"id": f"reply-{self.replies}"})


class TestRefusesWhatIsNew(Sound):
    caught_by = ("test_unknown_fields_do_no_harm",)

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            if b"x_conformance" in reply.body:
                raise BadResponseError("The reply holds an unknown field.")
            return super().decode(request, reply)


class TestEmptyAnswerForJunk(Sound):
    caught_by = (
        "test_malformed_reply_is_an_error",
        "test_json_that_is_no_reply_is_an_error",
        "test_page_in_place_of_a_reply_is_an_error",
        "test_error_inside_a_200_is_an_error",
    )

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            try:
                return super().decode(request, reply)
            except ProviderError:
                return ChatResponse(message=saying(""))


class TestEndsTheProgram(Sound):
    caught_by = ("test_any_json_is_an_answer_or_an_error",)

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            if not isinstance(json.loads(reply.body)["choices"], list):
                raise OSError("nobody foresaw this")
            return super().decode(request, reply)
