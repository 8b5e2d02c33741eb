"""Providers that are broken in one place each of what they write, in ways that only several values or turns show."""

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
from tests.plugins.testing.mutants.provider.modifications import with_parts
from tests.plugins.testing.mutants.provider.requests import forgetting


def rewriting(change, *, when=lambda _request, _stream: True):
    """
    Make a provider that changes the body that it writes.
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


def asking(change):
    """
    Make a provider that changes the request before it writes it.
    """

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return super().encode(change(request), stream=stream)

    return Mutant


def with_messages(request, change):
    """
    Change each message of a request.
    """
    return request.model_copy(update={"messages": tuple(map(change, request.messages))})


def changing_parts(kind, **fields):
    """
    Make a function that changes fields in all parts of one kind.
    """

    def change(message):
        parts = (part.model_copy(update=fields) if isinstance(part, kind) else part for part in message.parts)
        return message.model_copy(update={"parts": tuple(parts)})

    return lambda request: with_messages(request, change)


# Whole and streamed.


def only_whole(**fields):
    """
    Make a provider that sends some fields only where it does not stream.
    """

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return super().encode(request.model_copy(update=fields) if stream else request, stream=stream)

    return Mutant


class TestToolsOnlyWhole(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = only_whole(tools=())


class TestSchemaOnlyWhole(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = only_whole(output_schema=None)


class TestTemperatureOnlyWhole(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = only_whole(temperature=None)


class TestStopOnlyWhole(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = only_whole(stop=())


class TestSeedOnlyWhole(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = only_whole(seed=None)


class TestExtraOnlyWhole(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)
    Mutant = only_whole(extra={})


class TestImagesOnlyWhole(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            if stream:
                request = with_parts(request, lambda part: not isinstance(part, ImagePart))
            return super().encode(request, stream=stream)


class TestHeadersOnlyWhole(Correct):
    caught_by = ("test_streamed_request_has_the_same_content",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            return call if stream or not request.tools else call.with_headers({"x-acme-beta": "tools"})


# The request is the caller's.


class TestFillsInTools(Correct):
    caught_by = ("test_encode_does_not_modify_the_request",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            for tool in request.tools:
                tool.parameters.setdefault("$schema", "https://json-schema.org/draft/2020-12/schema")
            return super().encode(request, stream=stream)


class TestTakesExtraOut(Correct):
    caught_by = ("test_encode_does_not_modify_the_request",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            own = request.extra.pop("x_conformance", None)
            return super().encode(request.model_copy(update={"extra": {"x_conformance": own}}), stream=stream)


class TestCountsItsRequests(Correct):
    caught_by = ("test_encode_does_not_modify_the_request", "test_encode_is_deterministic")

    class Mutant(OpenAICompatible):
        number = 0

        def encode(self, request, *, stream):
            self.number += 1
            return super().encode(request, stream=stream).with_headers({"x-acme-number": str(self.number)})


class TestGathersReceipts(Correct):
    caught_by = ("test_adaptations_do_not_accumulate",)

    class Mutant(OpenAICompatible):
        collect = ()

        def encode(self, request, *, stream):
            from budwood.types import Adaptation

            call = super().encode(request, stream=stream)
            if request.seed is not None:
                self.collect += (Adaptation(parameter="seed", action="dropped", reason="there is none"),)
            return replace(call, adaptations=self.collect)


# Values.


def dropping_false(name):
    """
    Make a provider that takes zero for nothing.
    """
    return asking(lambda request: request if getattr(request, name) else request.model_copy(update={name: None}))


class TestZeroTemperatureIsNone(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = dropping_false("temperature")


class TestZeroSeedIsNone(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = dropping_false("seed")


class TestSendsTheFirstStop(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = asking(lambda request: request.model_copy(update={"stop": request.stop[:1]}))


class TestClipsTemperature(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = rewriting(
        lambda body: body.update(temperature=min(body["temperature"], 1.0)),
        when=lambda request, _: request.temperature is not None,
    )


class TestClipsTokens(Correct):
    caught_by = ("test_boundary_value_is_sent_or_reported",)
    Mutant = asking(
        lambda request: request.model_copy(update={"max_tokens": request.max_tokens and min(request.max_tokens, 4096)})
    )


class TestOneEffort(Correct):
    caught_by = ("test_reasoning_efforts_differ",)
    Mutant = asking(
        lambda request: request.model_copy(update={"reasoning_effort": request.reasoning_effort and "high"})
    )


class TestSendsTheFirstTool(Correct):
    caught_by = ("test_each_tool_definition_is_sent",)
    Mutant = asking(lambda request: request.model_copy(update={"tools": request.tools[:1]}))


class TestSwapsChoices(Correct):
    caught_by = ("test_tool_choice_is_not_inverted",)
    Mutant = asking(
        lambda request: (
            request.model_copy(
                update={"tool_choice": {"none": "required", "required": "none"}.get(request.tool_choice)}
            )
            if isinstance(request.tool_choice, str)
            else request
        )
    )


class TestForgetsWhichTool(Correct):
    caught_by = ("test_named_tool_choice_is_sent_or_reported",)
    Mutant = asking(
        lambda request: (
            request.model_copy(update={"tool_choice": "required"})
            if isinstance(request.tool_choice, NamedTool)
            else request
        )
    )


def with_tools(**fields):
    """
    Make a function that changes fields of all tools.
    """
    return lambda request: request.model_copy(
        update={"tools": tuple(tool.model_copy(update=fields) for tool in request.tools)}
    )


class TestForgetsStrict(Correct):
    caught_by = ("test_strict_tool_is_sent_or_reported",)
    Mutant = asking(with_tools(strict=None))


class TestForgetsOptionsOfTools(Correct):
    caught_by = ("test_extra_options_of_a_tool_are_sent",)
    Mutant = asking(with_tools(extra={}))


class TestForgetsItsOwnTools(Correct):
    caught_by = ("test_vendor_tools_are_sent_or_reported",)
    Mutant = forgetting(vendor_tools=())


class TestKnowsBetterThanExtra(Correct):
    caught_by = ("test_extra_takes_precedence",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            body = json.loads(call.body)
            if request.temperature is not None:
                body["temperature"] = request.temperature
            return replace(call, body=json.dumps(body).encode())


# Conversations.


def results_of(request, change):
    """
    Change the id of each result of a tool; ``change`` gets its place and the ids of all.
    """

    def changed(message):
        ids = [result.call_id for result in message.tool_results]
        parts = tuple(
            part.model_copy(update={"call_id": change(place, ids)}) if isinstance(part, ToolResultPart) else part
            for place, part in enumerate(message.parts)
        )
        return message.model_copy(update={"parts": parts})

    return with_messages(request, changed)


class TestSwapsIdsOfResults(Correct):
    caught_by = (
        "test_tool_results_match_their_calls",
        "test_tool_results_in_another_order_match_their_calls",
        "test_received_tool_calls_are_sent_back_with_results",
    )
    Mutant = asking(lambda request: results_of(request, lambda place, ids: ids[::-1][place]))


class TestNumbersResultsByTheirPlace(Correct):
    caught_by = ("test_tool_results_in_another_order_match_their_calls",)
    Mutant = asking(lambda request: results_of(request, lambda place, ids: sorted(ids)[place]))


class TestOneIdInTheHistory(Correct):
    caught_by = ("test_tool_results_match_their_calls", "test_received_tool_calls_are_sent_back_with_results")
    Mutant = asking(
        lambda request: changing_parts(ToolCallPart, id="call")(changing_parts(ToolResultPart, call_id="call")(request))
    )


class TestCutsIds(Correct):
    caught_by = ("test_tool_results_match_their_calls",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            body = json.loads(call.body)
            for message in body["messages"]:
                for made in message.get("tool_calls") or ():
                    made["id"] = made["id"][:9]
                if "tool_call_id" in message:
                    message["tool_call_id"] = message["tool_call_id"][:9]
            return replace(call, body=json.dumps(body).encode())


class TestForgetsTextBesideCalls(Correct):
    caught_by = ("test_text_before_tool_calls_is_sent",)
    Mutant = rewriting(
        lambda body: [message.update(content=None) for message in body["messages"] if message.get("tool_calls")]
    )


class TestForgetsTheDeveloper(Correct):
    caught_by = ("test_developer_message_is_sent",)
    Mutant = asking(
        lambda request: request.model_copy(
            update={"messages": tuple(one for one in request.messages if one.role != "developer")}
        )
    )


class TestImagesFirst(Correct):
    caught_by = ("test_order_of_images_and_text_is_preserved",)
    Mutant = asking(
        lambda request: with_messages(
            request,
            lambda message: message.model_copy(
                update={"parts": tuple(sorted(message.parts, key=lambda part: isinstance(part, TextPart)))}
            ),
        )
    )


class TestTellsThoughtsOfOthers(Correct):
    caught_by = ("test_reasoning_of_another_vendor_is_not_sent",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            def change(message):
                parts = (
                    TextPart(text=part.text) if isinstance(part, ReasoningPart) else part for part in message.parts
                )
                return message.model_copy(update={"parts": tuple(parts)})

            return super().encode(with_messages(request, change), stream=stream)


class TestForgetsItsOwnContent(Correct):
    caught_by = ("test_vendor_content_is_sent_back",)
    Mutant = asking(lambda request: with_parts(request, lambda part: part.type != "vendor"))


class TestClaimsIdsThatItMakesUp(Correct):
    """
    It has no ids of its own, and says so: then the order tells.
    """

    caught_by = ("test_tool_results_match_their_calls",)

    class Examples(OpenAIChatExamples):
        has_call_ids: ClassVar = False

    examples = Examples()
    Mutant = rewriting(
        lambda body: body.update(messages=sorted(body["messages"], key=lambda one: one["role"] != "tool")[::-1])
    )
