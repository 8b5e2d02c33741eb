"""Providers with defects in encoding requests."""

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
from tests.plugins.testing.mutants.provider.correct import Correct
from tests.plugins.testing.mutants.provider.modifications import select_parts


def omit_fields(**fields):
    """
    Create a provider that omits fields of requests.
    """

    class Mutant(OpenAICompatible):
        def build_chat_body(self, request, *, stream):
            return super().build_chat_body(request.model_copy(update=fields), stream=stream)

    return Mutant


class TestOmitsTemperature(Correct):
    caught_by = ("test_parameter_is_sent_or_reported",)
    Mutant = omit_fields(temperature=None)


class TestOmitsStop(Correct):
    caught_by = ("test_parameter_is_sent_or_reported",)
    Mutant = omit_fields(stop=())


class TestOmitsEffort(Correct):
    caught_by = ("test_parameter_changes_the_request_or_is_reported",)
    Mutant = omit_fields(reasoning_effort=None)


class TestOmitsSchema(Correct):
    caught_by = ("test_schema_is_sent",)
    Mutant = omit_fields(output_schema=None)


class TestOmitsTools(Correct):
    caught_by = ("test_tool_definition_is_sent",)
    Mutant = omit_fields(tools=())


class TestOmitsToolChoice(Correct):
    caught_by = ("test_tool_choice_is_sent_or_reported",)
    Mutant = omit_fields(tool_choice=None)


class TestOmitsExtra(Correct):
    caught_by = ("test_extra_parameters_are_sent_unchanged",)
    Mutant = omit_fields(extra={})


class TestOmitsHistory(Correct):
    caught_by = ("test_conversation_is_sent_in_order", "test_tool_results_are_sent")

    class Mutant(OpenAICompatible):
        def build_chat_body(self, request, *, stream):
            last = request.model_copy(update={"messages": request.messages[-1:]})
            return super().build_chat_body(last, stream=stream)


class TestOmitsImages(Correct):
    caught_by = ("test_image_is_sent", "test_image_url_is_sent_or_rejected")

    class Mutant(OpenAICompatible):
        def build_chat_body(self, request, *, stream):
            without_images = select_parts(request, lambda part: not isinstance(part, ImagePart))
            return super().build_chat_body(without_images, stream=stream)


class TestSendsForeignContent(Correct):
    caught_by = ("test_content_of_another_vendor_is_not_sent", "test_message_with_only_foreign_content_is_handled")

    class Mutant(OpenAICompatible):
        def build_chat_body(self, request, *, stream):
            values, adaptations = super().build_chat_body(request, stream=stream)
            data = [part.data for message in request.messages for part in message.parts if isinstance(part, VendorPart)]
            return type(super().build_chat_body(request, stream=stream))({**values, "more": data}, adaptations)


class TestSendsForeignSignatures(Correct):
    caught_by = ("test_signature_of_another_vendors_tool_call_is_not_sent",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            signatures = [call.data for message in request.messages for call in message.tool_calls if call.data]
            extra = {**request.extra, **({"signatures": signatures} if signatures else {})}
            return super().encode(request.model_copy(update={"extra": extra}), stream=stream)


class TestOmitsMessagesWithReasoning(Correct):
    caught_by = ("test_reply_with_reasoning_can_be_sent_back",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            messages = tuple(
                message
                for message in request.messages
                if not any(isinstance(part, ReasoningPart) for part in message.parts)
            )
            return super().encode(request.model_copy(update={"messages": messages}), stream=stream)


class TestURLWithoutScheme(Correct):
    caught_by = ("test_encoded_call_is_valid",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return replace(super().encode(request, stream=stream), url="acme.example/v1/chat/completions")


class TestFailsForLoneSurrogates(Correct):
    caught_by = ("test_lone_surrogate_is_handled",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            if "\ud800" in request.messages[-1].text:
                raise RuntimeError("unexpected character")
            return super().encode(request, stream=stream)


class TestReplacesCharacters(Correct):
    caught_by = ("test_any_prompt_text_is_preserved",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            return replace(call, body=call.body.replace("\u2028".encode(), b" "))


class TestReplacesModelName(Correct):
    caught_by = ("test_unknown_model_name_is_sent_unchanged",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            known = {"conformance-model-1"}
            name = request.model if request.model in known else "acme-default"
            return super().encode(request.model_copy(update={"model": name}), stream=stream)


class TestNeverStreams(Correct):
    caught_by = ("test_streaming_is_requested",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return super().encode(request, stream=False)


class TestUsesRandomness(Correct):
    caught_by = ("test_encode_is_deterministic",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            call = super().encode(request, stream=stream)
            return replace(call, headers={**call.headers, "x-acme-nonce": str(uuid.uuid4())})


class TestReadsFiles(Correct):
    caught_by = ("test_encode_does_no_io",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            Path("/acme-token").exists()
            try:
                Path("/acme-token").read_text("utf-8")
            except OSError:
                pass
            return super().encode(request, stream=stream)


class TestResolvesHost(Correct):
    caught_by = ("test_encode_does_no_io",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            socket.getaddrinfo("127.0.0.1", 80)
            return super().encode(request, stream=stream)


class TestReportsUnneededAdaptations(Correct):
    caught_by = ("test_plain_request_has_no_adaptations",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            from budwood.types import Adaptation

            adaptation = Adaptation(parameter="top_p", action="dropped", reason="unsupported")
            return replace(super().encode(request, stream=stream), adaptations=(adaptation,))
