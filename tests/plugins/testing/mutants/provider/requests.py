"""Providers that write requests badly."""

import socket
import uuid
from dataclasses import replace
from pathlib import Path

from budwood.types import (
    ImagePart,
    ReasoningPart,
    VendorPart,
)
from budwood_openai_compatible import OpenAICompatible
from tests.plugins.testing.mutants.provider.changing import with_parts
from tests.plugins.testing.mutants.provider.sound import Sound


def forgetting(**fields):
    """
    Make a provider that does not send some fields of a request.
    """

    class Mutant(OpenAICompatible):
        def chat_body(self, request, *, stream):
            return super().chat_body(request.model_copy(update=fields), stream=stream)

    return Mutant


class TestForgetsTemperature(Sound):
    caught_by = ("test_parameter_is_sent_or_accounted_for",)
    Mutant = forgetting(temperature=None)


class TestForgetsStop(Sound):
    caught_by = ("test_parameter_is_sent_or_accounted_for",)
    Mutant = forgetting(stop=())


class TestForgetsEffort(Sound):
    caught_by = ("test_parameter_makes_a_difference_or_is_accounted_for",)
    Mutant = forgetting(reasoning_effort=None)


class TestForgetsSchema(Sound):
    caught_by = ("test_schema_is_sent",)
    Mutant = forgetting(output_schema=None)


class TestForgetsTools(Sound):
    caught_by = ("test_tools_are_described_to_the_model",)
    Mutant = forgetting(tools=())


class TestForgetsChoiceOfTools(Sound):
    caught_by = ("test_choice_of_tools_makes_a_difference",)
    Mutant = forgetting(tool_choice=None)


class TestForgetsExtra(Sound):
    caught_by = ("test_vendors_own_parameters_are_sent_as_they_are",)
    Mutant = forgetting(extra={})


class TestForgetsHistory(Sound):
    caught_by = ("test_conversation_is_sent_in_its_order", "test_results_of_tools_are_sent_back")

    class Mutant(OpenAICompatible):
        def chat_body(self, request, *, stream):
            last = request.model_copy(update={"messages": request.messages[-1:]})
            return super().chat_body(last, stream=stream)


class TestForgetsImages(Sound):
    caught_by = ("test_image_is_sent", "test_address_of_an_image_is_sent_or_refused")

    class Mutant(OpenAICompatible):
        def chat_body(self, request, *, stream):
            return super().chat_body(with_parts(request, lambda part: not isinstance(part, ImagePart)), stream=stream)


class TestSendsWhatIsAnothers(Sound):
    caught_by = ("test_what_is_anothers_stays_here", "test_message_of_anothers_content_alone_is_no_crash")

    class Mutant(OpenAICompatible):
        def chat_body(self, request, *, stream):
            values, receipts = super().chat_body(request, stream=stream)
            data = [part.data for message in request.messages for part in message.parts if isinstance(part, VendorPart)]
            return type(super().chat_body(request, stream=stream))({**values, "more": data}, receipts)


class TestSendsSignaturesOfOthers(Sound):
    caught_by = ("test_call_of_another_vendors_model_loses_its_signature",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            signatures = [call.data for message in request.messages for call in message.tool_calls if call.data]
            extra = {**request.extra, **({"signatures": signatures} if signatures else {})}
            return super().encode(request.model_copy(update={"extra": extra}), stream=stream)


class TestForgetsMessagesWithThoughts(Sound):
    caught_by = ("test_conversation_with_thoughts_goes_on",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            messages = tuple(
                message
                for message in request.messages
                if not any(isinstance(part, ReasoningPart) for part in message.parts)
            )
            return super().encode(request.model_copy(update={"messages": messages}), stream=stream)


class TestAddressWithoutScheme(Sound):
    caught_by = ("test_call_can_be_sent",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return replace(super().encode(request, stream=stream), url="acme.example/v1/chat/completions")


class TestCrashesAtHalvesOfCharacters(Sound):
    caught_by = ("test_half_a_character_is_no_crash",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            if "\ud800" in request.messages[-1].text:
                raise RuntimeError("what is this?")
            return super().encode(request, stream=stream)


class TestStripsPrompts(Sound):
    caught_by = ("test_any_text_can_be_asked",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            return replace(call, body=call.body.replace("\u2028".encode(), b" "))


class TestChoosesNames(Sound):
    caught_by = ("test_unknown_model_is_the_vendors_to_judge",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            known = {"conformance-model-1"}
            name = request.model if request.model in known else "acme-default"
            return super().encode(request.model_copy(update={"model": name}), stream=stream)


class TestNeverStreams(Sound):
    caught_by = ("test_streams_are_asked_for",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return super().encode(request, stream=False)


class TestWritesByChance(Sound):
    caught_by = ("test_same_request_is_written_alike",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            return replace(call, headers={**call.headers, "x-acme-nonce": str(uuid.uuid4())})


class TestReadsFiles(Sound):
    caught_by = ("test_writing_does_no_io",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            Path("/acme-token").exists()
            try:
                Path("/acme-token").read_text("utf-8")
            except OSError:
                pass
            return super().encode(request, stream=stream)


class TestLooksUpAddresses(Sound):
    caught_by = ("test_writing_does_no_io",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            socket.getaddrinfo("127.0.0.1", 80)
            return super().encode(request, stream=stream)


class TestReceiptsForNothing(Sound):
    caught_by = ("test_parameters_that_nobody_set_need_no_receipt",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            from budwood.types import Adaptation

            receipt = Adaptation(parameter="top_p", action="dropped", reason="out of habit")
            return replace(super().encode(request, stream=stream), adaptations=(receipt,))
