"""Providers with defects in requests that only several values or turns show."""

import json
from dataclasses import replace
from typing import ClassVar

from budwood.types import (
    ImagePart,
    NamedTool,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from budwood_openai_compatible import OpenAICompatible
from budwood_testing import OpenAIChatExamples
from tests.plugins.testing.mutants.provider.correct import Correct
from tests.plugins.testing.mutants.provider.modifications import select_parts
from tests.plugins.testing.mutants.provider.requests import omit_fields


def rewrite_body(change, *, when=lambda _request, _stream: True):
    """
    Create a provider that changes the body of its requests.
    """

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            if not when(request, stream):
                return call
            body = json.loads(call.body)
            change(body)
            return replace(call, body=json.dumps(body).encode())

    return Mutant


def change_request(change):
    """
    Create a provider that changes the request before encoding it.
    """

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return super().encode(change(request), stream=stream)

    return Mutant


def change_messages(request, change):
    """
    Apply a function to each message of a request.
    """
    return request.model_copy(update={"messages": tuple(map(change, request.messages))})


def change_parts(kind, **fields):
    """
    Return a function that changes fields of all parts of one class.
    """

    def change(message):
        parts = (part.model_copy(update=fields) if isinstance(part, kind) else part for part in message.parts)
        return message.model_copy(update={"parts": tuple(parts)})

    return lambda request: change_messages(request, change)


# Streamed requests.


def change_streamed_fields(**fields):
    """
    Create a provider that changes fields of streamed requests.
    """

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return super().encode(request.model_copy(update=fields) if stream else request, stream=stream)

    return Mutant


class TestStreamsWithoutTools(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = change_streamed_fields(tools=())


class TestStreamsWithoutSchema(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = change_streamed_fields(output_schema=None)


class TestStreamsWithoutTemperature(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = change_streamed_fields(temperature=None)


class TestStreamsWithoutStop(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = change_streamed_fields(stop=())


class TestStreamsWithoutSeed(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = change_streamed_fields(seed=None)


class TestStreamsWithoutExtra(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = change_streamed_fields(extra={})


class TestStreamsWithoutImages(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            if stream:
                request = select_parts(request, lambda part: not isinstance(part, ImagePart))
            return super().encode(request, stream=stream)


class TestStreamsWithoutHeaders(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            return call if stream or not request.tools else call.with_headers({"x-acme-beta": "tools"})


# Modifying the request, and keeping state.


class TestModifiesTools(Correct):
    caught_by = ("test_encode_does_not_modify_the_request",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            for tool in request.tools:
                tool.parameters.setdefault("$schema", "https://json-schema.org/draft/2020-12/schema")
            return super().encode(request, stream=stream)


class TestModifiesExtra(Correct):
    caught_by = ("test_encode_does_not_modify_the_request",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            own = request.extra.pop("x_conformance", None)
            return super().encode(request.model_copy(update={"extra": {"x_conformance": own}}), stream=stream)


class TestNumbersRequests(Correct):
    caught_by = ("test_encode_does_not_modify_the_request", "test_encode_is_deterministic")

    class Mutant(OpenAICompatible):
        number = 0

        def encode(self, request, *, stream):
            self.number += 1
            return super().encode(request, stream=stream).with_headers({"x-acme-number": str(self.number)})


class TestAccumulatesAdaptations(Correct):
    caught_by = ("test_adaptations_do_not_accumulate",)

    class Mutant(OpenAICompatible):
        collect = ()

        def encode(self, request, *, stream):
            from budwood.types import Adaptation

            call = super().encode(request, stream=stream)
            if request.seed is not None:
                self.collect += (Adaptation(parameter="seed", action="dropped", reason="unsupported"),)
            return replace(call, adaptations=self.collect)


# Values.


def treat_zero_as_none(name):
    """
    Create a provider that treats zero as None.
    """
    return change_request(
        lambda request: request if getattr(request, name) else request.model_copy(update={name: None})
    )


class TestZeroTemperatureIsNone(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = treat_zero_as_none("temperature")


class TestZeroSeedIsNone(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = treat_zero_as_none("seed")


class TestSendsOneStopSequence(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = change_request(lambda request: request.model_copy(update={"stop": request.stop[:1]}))


class TestLimitsTemperature(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = rewrite_body(
        lambda body: body.update(temperature=min(body["temperature"], 1.0)),
        when=lambda request, _: request.temperature is not None,
    )


class TestLimitsMaxTokens(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = change_request(
        lambda request: request.model_copy(update={"max_tokens": request.max_tokens and min(request.max_tokens, 4096)})
    )


class TestAlwaysHighEffort(Correct):
    caught_by = ("test_reasoning_efforts_differ",)
    Mutant = change_request(
        lambda request: request.model_copy(update={"reasoning_effort": request.reasoning_effort and "high"})
    )


class TestSendsOneTool(Correct):
    caught_by = ("test_each_tool_definition_is_sent",)
    Mutant = change_request(lambda request: request.model_copy(update={"tools": request.tools[:1]}))


class TestInvertsToolChoice(Correct):
    caught_by = ("test_tool_choice_is_not_inverted",)
    Mutant = change_request(
        lambda request: (
            request.model_copy(
                update={"tool_choice": {"none": "required", "required": "none"}.get(request.tool_choice)}
            )
            if isinstance(request.tool_choice, str)
            else request
        )
    )


class TestIgnoresNamedTool(Correct):
    caught_by = ("test_named_tool_choice_is_sent_or_reported",)
    Mutant = change_request(
        lambda request: (
            request.model_copy(update={"tool_choice": "required"})
            if isinstance(request.tool_choice, NamedTool)
            else request
        )
    )


def change_tools(**fields):
    """
    Return a function that changes fields of all tools.
    """
    return lambda request: request.model_copy(
        update={"tools": tuple(tool.model_copy(update=fields) for tool in request.tools)}
    )


class TestOmitsStrict(Correct):
    caught_by = ("test_strict_tool_is_sent_or_reported",)
    Mutant = change_request(change_tools(strict=None))


class TestOmitsToolExtra(Correct):
    caught_by = ("test_extra_options_of_a_tool_are_sent",)
    Mutant = change_request(change_tools(extra={}))


class TestOmitsVendorTools(Correct):
    caught_by = ("test_vendor_tools_are_sent_or_reported",)
    Mutant = omit_fields(vendor_tools=())


class TestOverridesExtra(Correct):
    caught_by = ("test_extra_takes_precedence",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            body = json.loads(call.body)
            if request.temperature is not None:
                body["temperature"] = request.temperature
            return replace(call, body=json.dumps(body).encode())


# Conversations.


def change_results(request, change):
    """
    Change the id of each tool result; ``change`` gets its position and all ids.
    """

    def changed(message):
        ids = [result.call_id for result in message.tool_results]
        parts = tuple(
            part.model_copy(update={"call_id": change(position, ids)}) if isinstance(part, ToolResultPart) else part
            for position, part in enumerate(message.parts)
        )
        return message.model_copy(update={"parts": parts})

    return change_messages(request, changed)


class TestSwapsResultIds(Correct):
    caught_by = (
        "test_tool_results_match_their_calls",
        "test_tool_results_in_another_order_match_their_calls",
        "test_received_tool_calls_are_sent_back_with_results",
    )
    Mutant = change_request(lambda request: change_results(request, lambda position, ids: ids[::-1][position]))


class TestAssignsResultIdsByPosition(Correct):
    caught_by = ("test_tool_results_in_another_order_match_their_calls",)
    Mutant = change_request(lambda request: change_results(request, lambda position, ids: sorted(ids)[position]))


class TestUsesOneCallId(Correct):
    caught_by = ("test_tool_results_match_their_calls", "test_received_tool_calls_are_sent_back_with_results")
    Mutant = change_request(
        lambda request: change_parts(ToolCallPart, id="call")(change_parts(ToolResultPart, call_id="call")(request))
    )


class TestTruncatesCallIds(Correct):
    caught_by = ("test_tool_results_match_their_calls",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            body = json.loads(call.body)
            for message in body["messages"]:
                for tool_call in message.get("tool_calls") or ():
                    tool_call["id"] = tool_call["id"][:9]
                if "tool_call_id" in message:
                    message["tool_call_id"] = message["tool_call_id"][:9]
            return replace(call, body=json.dumps(body).encode())


class TestOmitsTextBeforeToolCalls(Correct):
    caught_by = ("test_text_before_tool_calls_is_sent",)
    Mutant = rewrite_body(
        lambda body: [message.update(content=None) for message in body["messages"] if message.get("tool_calls")]
    )


class TestOmitsDeveloperMessages(Correct):
    caught_by = ("test_developer_message_is_sent",)
    Mutant = change_request(
        lambda request: request.model_copy(
            update={"messages": tuple(message for message in request.messages if message.role != "developer")}
        )
    )


class TestImagesFirst(Correct):
    caught_by = ("test_order_of_images_and_text_is_preserved",)
    Mutant = change_request(
        lambda request: change_messages(
            request,
            lambda message: message.model_copy(
                update={"parts": tuple(sorted(message.parts, key=lambda part: isinstance(part, TextPart)))}
            ),
        )
    )


class TestSendsForeignReasoning(Correct):
    caught_by = ("test_reasoning_of_another_vendor_is_not_sent",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            def change(message):
                parts = (
                    TextPart(text=part.text) if isinstance(part, ReasoningPart) else part for part in message.parts
                )
                return message.model_copy(update={"parts": tuple(parts)})

            return super().encode(change_messages(request, change), stream=stream)


class TestOmitsVendorContent(Correct):
    caught_by = ("test_vendor_content_is_sent_back",)
    Mutant = change_request(lambda request: select_parts(request, lambda part: part.type != "vendor"))


class TestReordersResultsWithoutIds(Correct):
    """
    The API has no call ids, so the order of the results matters.
    """

    caught_by = ("test_tool_results_match_their_calls",)

    class Examples(OpenAIChatExamples):
        has_call_ids: ClassVar = False

    examples = Examples()
    Mutant = rewrite_body(
        lambda body: body.update(messages=sorted(body["messages"], key=lambda message: message["role"] != "tool")[::-1])
    )
