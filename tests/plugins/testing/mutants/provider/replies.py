"""Providers with defects in decoding replies."""

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
from tests.plugins.testing.mutants.provider.correct import Correct
from tests.plugins.testing.mutants.provider.modifications import create_answer, select_parts


def change_responses(change):
    """
    Create a provider that changes its responses.
    """

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            return change(super().decode(request, reply))

    return Mutant


def change_fields(**fields):
    """
    Return a function that changes fields of a response.
    """
    return lambda response: response.model_copy(update=fields)


class TestReportsZeroForUnknownUsage(Correct):
    caught_by = ("test_missing_usage_is_none",)
    Mutant = change_responses(
        lambda response: response.model_copy(
            update={"usage": Usage(input_tokens=0) if response.usage.raw is None else response.usage}
        )
    )


class TestSwapsTokenCounts(Correct):
    caught_by = ("test_reply_is_decoded", "test_streamed_and_complete_replies_are_equal")
    Mutant = change_responses(
        lambda response: response.model_copy(
            update={
                "usage": Usage(input_tokens=response.usage.output_tokens, output_tokens=response.usage.input_tokens)
            }
        )
    )


class TestStripsReplies(Correct):
    caught_by = ("test_any_reply_text_is_preserved",)
    Mutant = change_responses(
        lambda response: response.model_copy(update={"message": create_answer(response.text.strip())})
    )


class TestAlwaysReportsStop(Correct):
    caught_by = ("test_truncated_reply_has_finish_reason_length", "test_tool_calls_are_decoded")
    Mutant = change_responses(change_fields(finish_reason="stop"))


class TestOmitsRefusal(Correct):
    caught_by = ("test_refusal_is_recognizable",)
    Mutant = change_responses(lambda response: select_parts(response, lambda part: not isinstance(part, RefusalPart)))


class TestOmitsRequestId(Correct):
    caught_by = ("test_request_id_is_read",)
    Mutant = change_responses(change_fields(request_id=None))


class TestOmitsRateLimits(Correct):
    caught_by = ("test_rate_limits_are_read",)
    Mutant = change_responses(change_fields(rate_limits=None))


class TestReadsRateLimitsOnlyOnSuccess(Correct):
    caught_by = ("test_rate_limits_are_read_for_any_status",)

    class Mutant(OpenAICompatible):
        def rate_limits(self, head):
            return super().rate_limits(head) if head.ok else None


class TestMixesReasoningIntoText(Correct):
    caught_by = ("test_reasoning_is_separate_from_the_text",)
    Mutant = change_responses(
        lambda response: (
            response.model_copy(update={"message": create_answer(response.reasoning + response.text)})
            if any(isinstance(part, ReasoningPart) for part in response.message.parts)
            else response
        )
    )


class TestKeepsOneToolCall(Correct):
    caught_by = ("test_tool_calls_are_decoded", "test_streamed_tool_calls_are_decoded")
    Mutant = change_responses(
        lambda response: select_parts(response, lambda part: part.type != "tool_call" or part == response.tool_calls[0])
    )


class TestUsesOneCallId(Correct):
    caught_by = ("test_tool_calls_are_decoded",)
    Mutant = change_responses(
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


class TestChangesArguments(Correct):
    caught_by = ("test_any_tool_arguments_are_decoded",)
    Mutant = change_responses(
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


class TestAddsTextBeforeJSON(Correct):
    caught_by = ("test_structured_output_is_parsed",)
    Mutant = change_responses(
        lambda response: response.model_copy(update={"message": create_answer(f"No! {response.text[1:]}")})
    )


def is_async():
    """
    Return whether an event loop is running.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class TestDiffersInAsyncCode(Correct):
    caught_by = ("test_both_clients_give_the_same_response", "test_both_clients_give_the_same_stream")

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            response = super().decode(request, reply)
            return response.model_copy(update={"id": None}) if is_async() else response

        def decoder(self, request, head):
            return super().decoder(request, ReplyHead(200, {"x-request-id": "async"}) if is_async() else head)


class TestKeepsState(Correct):
    caught_by = ("test_decode_does_no_io_and_has_no_state",)

    class Mutant(OpenAICompatible):
        replies = 0

        def decode(self, request, reply):
            self.replies += 1
            return super().decode(request, reply).model_copy(update={"id": f"reply-{self.replies}"})


class TestRejectsUnknownFields(Correct):
    caught_by = ("test_unknown_fields_are_ignored",)

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            if b"x_conformance" in reply.body:
                raise BadResponseError("The reply has an unknown field.")
            return super().decode(request, reply)


class TestReturnsEmptyAnswerForErrors(Correct):
    caught_by = (
        "test_malformed_reply_is_an_error",
        "test_unexpected_json_is_an_error",
        "test_html_page_with_status_200_is_an_error",
        "test_error_with_status_200_is_raised",
    )

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            try:
                return super().decode(request, reply)
            except ProviderError:
                return ChatResponse(message=create_answer(""))


class TestRaisesOSError(Correct):
    caught_by = ("test_any_json_gives_a_response_or_a_budwood_error",)

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            if not isinstance(json.loads(reply.body)["choices"], list):
                raise OSError("unexpected reply")
            return super().decode(request, reply)
