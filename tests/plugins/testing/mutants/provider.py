"""A sound provider, and providers that are broken in one place each."""

import asyncio
import json
import socket
import uuid
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, SecretStr

from budwood.errors import BadResponseError, InvalidRequestError, ProviderError, ServerError, StreamInterruptedError
from budwood.hooks import PROVIDER, ProviderSpec
from budwood.types import (
    Capability,
    ChatResponse,
    Credential,
    Finished,
    ImagePart,
    Message,
    ReasoningDelta,
    ReasoningPart,
    RefusalPart,
    ReplyHead,
    TextDelta,
    TextPart,
    Usage,
    UsageReported,
    VendorPart,
)
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from budwood_testing import OpenAIChatExamples, ProviderSuite
from tests.plugins.testing.mutants.registering import registry_of


class Sound(ProviderSuite):
    """
    All that a mutant states is what is broken, and by which tests it must be caught.
    """

    plugin = "acme"
    examples = OpenAIChatExamples()
    caught_by: ClassVar = ()
    Mutant: ClassVar = OpenAICompatible
    Settings: ClassVar = OpenAICompatibleSettings
    changes: ClassVar = {}

    def __init_subclass__(cls):
        says = {
            "name": "acme",
            "settings": lambda: cls.Settings,
            "build": cls.Mutant,
            "requires_api": (2, 0),
            "summary": "A vendor.",
            "capabilities": OpenAICompatible.all_capabilities,
            "needs_credential": True,
            **cls.changes,
        }
        cls.registry = registry_of(PROVIDER, ProviderSpec(**says), "acme")

    def settings(self, folder):
        return {"base_url": "https://acme.example/v1", "offers": ["count_tokens", "moderation"]}


class TestSound(Sound):
    pass


# What it says of itself.


class TestWithoutSummary(Sound):
    caught_by = ("test_summary_is_one_line",)
    changes = {"summary": " "}


class TestShoutingName(Sound):
    caught_by = ("test_name_is_one_that_users_can_type",)
    changes = {"name": "ACME"}


class TestTakesAnySetting(Sound):
    caught_by = ("test_settings_refuse_unknown_keys",)

    class Settings(OpenAICompatibleSettings):
        model_config = ConfigDict(extra="ignore")


class TestKeyInPlainText(Sound):
    caught_by = ("test_settings_hide_secrets", "test_needed_credential_has_its_setting")

    class Settings(OpenAICompatibleSettings):
        api_key: str | None = None


class TestTalksWhenItIsMade(Sound):
    caught_by = ("test_building_it_talks_to_nobody",)

    class Mutant(OpenAICompatible):
        def __init__(self, settings, context):
            socket.getaddrinfo("127.0.0.1", 80)
            super().__init__(settings, context)


class TestClaimsMoreThanItsSpec(Sound):
    caught_by = ("test_instance_claims_no_more_than_its_spec",)
    changes = {"capabilities": frozenset({Capability.CHAT})}


class TestClaimsWithoutMethods(Sound):
    caught_by = ("test_claims_have_their_methods", "test_texts_are_embedded_in_their_order")

    class Mutant(OpenAICompatible):
        encode_embedding = None


class TestLacksAMethod(Sound):
    caught_by = ("test_it_is_a_provider",)

    class Mutant(OpenAICompatible):
        error = None


class TestVariableOfNoSetting(Sound):
    caught_by = ("test_variables_fill_settings_that_exist",)
    changes = {"environment": {"apikey": ("ACME_API_KEY",)}}


class TestClaimWithoutExample(Sound):
    caught_by = ("test_calls_of_tools_are_read", "test_tool_is_run_and_the_model_goes_on")

    class Examples(OpenAIChatExamples):
        def tool_calls(self, calls):
            return None

    examples = Examples()


# Requests.


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


# Secrets.


class TestShowsItsKey(Sound):
    caught_by = ("test_nothing_shows_the_key",)

    class Mutant(OpenAICompatible):
        def __repr__(self):
            return f"Mutant({self._settings.api_key.get_secret_value()})"


class TestKeepsItsKeyInTheOpen(Sound):
    caught_by = ("test_nothing_shows_the_key",)

    class Mutant(OpenAICompatible):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self._key = settings.api_key.get_secret_value() if settings.api_key else None


class TestSendsItsKeyTooEarly(Sound):
    caught_by = ("test_request_is_written_without_the_key",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return self.authorize(super().encode(request, stream=stream), Credential(secret=self._settings.api_key))


class TestKeyInTheAddress(Sound):
    caught_by = ("test_authorize_puts_the_credential_into_a_header", "test_authorized_call_does_not_show_the_key")

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return replace(call, url=f"{call.url}?key={credential.secret.get_secret_value()}")


class TestKeyInTheBody(Sound):
    caught_by = ("test_authorize_puts_the_credential_into_a_header",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            key = credential.secret.get_secret_value()
            return super().authorize(replace(call, body=call.body + key.encode()), credential)


class TestAlwaysTheSameKey(Sound):
    caught_by = ("test_authorize_puts_the_credential_into_a_header",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return super().authorize(call, Credential(secret=self._settings.api_key))


class TestChangesTheCallItWasGiven(Sound):
    caught_by = ("test_authorize_leaves_the_call_that_it_was_given",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            call.headers["authorization"] = credential.secret.get_secret_value()
            return call


class TestKeyUnderANameThatNobodyRedacts(Sound):
    caught_by = ("test_authorized_call_does_not_show_the_key",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return replace(call, headers={**call.headers, "x-acme": credential.secret.get_secret_value()})


class TestErrorWithTheKey(Sound):
    caught_by = ("test_error_does_not_hold_what_was_not_in_the_reply",)

    class Mutant(OpenAICompatible):
        def error(self, reply):
            error = super().error(reply)
            error.hint = f"Is {self._settings.api_key.get_secret_value()} the right key?"
            return error


class TestBringsAKeyOfItsOwn(Sound):
    caught_by = ("test_missing_key_is_said_before_anything_is_sent",)

    class Settings(OpenAICompatibleSettings):
        api_key: SecretStr | None = SecretStr("made-up")


# Whole replies.


def decoding(change):
    """
    Make a provider that changes what it has read.
    """

    class Mutant(OpenAICompatible):
        def decode(self, request, reply):
            return change(super().decode(request, reply))

    return Mutant


def with_parts(thing, keep):
    """
    Leave parts out: of a request's messages, or of a response's.
    """
    if isinstance(thing, ChatResponse):
        return thing.model_copy(update={"message": kept(thing.message, keep)})
    return thing.model_copy(update={"messages": tuple(kept(message, keep) for message in thing.messages)})


def kept(message, keep):
    """
    Leave parts of a message out.
    """
    return message.model_copy(update={"parts": tuple(filter(keep, message.parts))})


def changed(**fields):
    """
    Make a function that replaces fields of a response.
    """
    return lambda response: response.model_copy(update=fields)


def saying(text):
    """
    Make the message of a text.
    """
    return Message(role="assistant", parts=(TextPart(text=text),) if text else ())


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


# Streams.


class Wrapped:
    """
    A decoder around the sound one.
    """

    def __init__(self, inner):
        self.inner = inner

    def feed(self, data):
        return self.inner.feed(data)

    def close(self):
        return self.inner.close()


def streaming(wrapper):
    """
    Make a provider with another decoder.
    """

    class Mutant(OpenAICompatible):
        def decoder(self, request, head):
            return wrapper(super().decoder(request, head))

    return Mutant


class TestDropsHalves(Sound):
    caught_by = ("test_any_split_of_the_bytes_gives_the_same_events", "test_streamed_calls_of_tools_are_read")

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data[: data.rfind(b"\n") + 1])

    Mutant = streaming(Decoder)


class TestDecodesHalvesOfCharacters(Sound):
    caught_by = ("test_any_split_of_the_bytes_gives_the_same_events",)

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data.decode("utf-8", "replace").encode())

    Mutant = streaming(Decoder)


class TestEndsLinesWherePythonDoes(Sound):
    caught_by = ("test_any_text_is_streamed_as_it_was_written", "test_stream_is_read")

    class Decoder(Wrapped):
        def feed(self, data):
            return self.inner.feed(data.replace("\u2028".encode(), b"\n"))

    Mutant = streaming(Decoder)


class TestHoldsTextBack(Sound):
    caught_by = ("test_text_comes_piece_by_piece",)

    class Decoder(Wrapped):
        held = ()

        def feed(self, data):
            self.held = [*self.held, *self.inner.feed(data)]
            return []

        def close(self):
            return [*self.held, *self.inner.close()]

    Mutant = streaming(Decoder)


class TestMakesUpTheEnd(Sound):
    caught_by = (
        "test_stream_that_breaks_off_is_an_error",
        "test_stream_that_breaks_off_anywhere_is_never_a_crash",
        "test_caller_gets_what_had_arrived",
    )

    class Decoder(Wrapped):
        def close(self):
            try:
                return self.inner.close()
            except StreamInterruptedError:
                return [Finished("stop")]

    Mutant = streaming(Decoder)


class TestNeverInterrupted(Sound):
    caught_by = ("test_stream_that_breaks_off_is_an_error",)

    class Decoder(Wrapped):
        def close(self):
            try:
                return self.inner.close()
            except StreamInterruptedError:
                return []

    Mutant = streaming(Decoder)


class TestPassesOverErrors(Sound):
    caught_by = ("test_error_inside_a_stream_is_an_error",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [] if b'"error"' in data else self.inner.feed(data)

    Mutant = streaming(Decoder)


class TestZeroAtTheEnd(Sound):
    caught_by = ("test_unknown_usage_of_a_stream_is_none",)

    class Decoder(Wrapped):
        told = False

        def feed(self, data):
            events = self.inner.feed(data)
            self.told = self.told or any(isinstance(event, UsageReported) for event in events)
            return events

        def close(self):
            events = list(self.inner.close())
            return events if self.told else [*events, UsageReported(Usage(input_tokens=0, output_tokens=0))]

    Mutant = streaming(Decoder)


class TestEndsTwice(Sound):
    caught_by = ("test_reply_ends_once",)

    class Decoder(Wrapped):
        def close(self):
            return [*self.inner.close(), Finished("stop")]

    Mutant = streaming(Decoder)


class TestRefusesNewEvents(Sound):
    caught_by = ("test_events_that_say_nothing_do_no_harm", "test_unknown_fields_of_events_do_no_harm")

    class Decoder(Wrapped):
        def feed(self, data):
            if b"later" in data or b"x_conformance" in data:
                raise BadResponseError("An unknown event.")
            return self.inner.feed(data)

    Mutant = streaming(Decoder)


class TestAlwaysSaysStopInStreams(Sound):
    caught_by = ("test_end_at_the_limit_is_told_in_streams",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [Finished("stop") if isinstance(event, Finished) else event for event in self.inner.feed(data)]

    Mutant = streaming(Decoder)


class TestThinksAloudInStreams(Sound):
    caught_by = ("test_streamed_reasoning_is_told_from_the_answer",)

    class Decoder(Wrapped):
        def feed(self, data):
            return [
                TextDelta(event.text) if isinstance(event, ReasoningDelta) else event for event in self.inner.feed(data)
            ]

    Mutant = streaming(Decoder)


class TestTakesPagesForReplies(Sound):
    caught_by = ("test_page_in_place_of_a_stream_is_an_error",)

    class Decoder(Wrapped):
        page = False

        def feed(self, data):
            self.page = self.page or data.startswith(b"<")
            return [] if self.page else self.inner.feed(data)

        def close(self):
            return [Finished("stop")] if self.page else self.inner.close()

    Mutant = streaming(Decoder)


class TestCrashesAtControlCharacters(Sound):
    caught_by = ("test_any_bytes_are_a_stream_or_an_error",)

    class Decoder(Wrapped):
        def feed(self, data):
            if b"\x1b" in data:
                raise OSError("nobody foresaw this")
            return self.inner.feed(data)

    Mutant = streaming(Decoder)


class TestMixesStreams(Sound):
    caught_by = ("test_streams_at_the_same_time_do_not_mix",)

    class Mutant(OpenAICompatible):
        shared = None

        def decoder(self, request, head):
            self.shared = self.shared or super().decoder(request, head)
            return self.shared


class TestPassesOverMalformedEvents(Sound):
    caught_by = ("test_malformed_event_is_an_error",)

    class Decoder(Wrapped):
        def feed(self, data):
            try:
                return self.inner.feed(data)
            except BadResponseError:
                return [Finished("stop")]

        def close(self):
            return []

    Mutant = streaming(Decoder)


# Errors.


def failing(change):
    """
    Make a provider that makes other errors of replies.
    """

    class Mutant(OpenAICompatible):
        def error(self, reply):
            return change(super().error(reply), reply)

    return Mutant


def noted(error, **fields):
    """
    Change fields of an error.
    """
    for name, value in fields.items():
        setattr(error, name, value)
    return error


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


# Services.


class TestVectorsAtTheWrongTexts(Sound):
    caught_by = ("test_texts_are_embedded_in_their_order",)

    class Mutant(OpenAICompatible):
        def decode_embedding(self, request, reply):
            response = super().decode_embedding(request, reply)
            return response.model_copy(update={"vectors": response.vectors[::-1]})


class TestFewerVectorsWillDo(Sound):
    caught_by = ("test_missing_vectors_are_an_error",)

    class Mutant(OpenAICompatible):
        def decode_embedding(self, request, reply):
            rows = json.loads(reply.body)["data"]
            fewer = request.model_copy(update={"texts": request.texts[: len(rows)]})
            return super().decode_embedding(fewer, reply)


class TestModelsOfOtherNames(Sound):
    caught_by = ("test_models_are_listed",)

    class Mutant(OpenAICompatible):
        def decode_models(self, reply):
            return tuple(
                model.model_copy(update={"id": model.id.removeprefix("model-")})
                for model in super().decode_models(reply)
            )


class TestCountsByItself(Sound):
    caught_by = ("test_tokens_are_counted",)

    class Mutant(OpenAICompatible):
        def decode_token_count(self, request, reply):
            return len(request.messages[0].text) // 4


class TestFlagsNothing(Sound):
    caught_by = ("test_contents_are_judged_in_their_order",)

    class Mutant(OpenAICompatible):
        def decode_moderation(self, request, reply):
            response = super().decode_moderation(request, reply)
            verdicts = tuple(verdict.model_copy(update={"flagged": False}) for verdict in response.verdicts)
            return response.model_copy(update={"verdicts": verdicts})


class TestCompletesTrimmed(Sound):
    caught_by = ("test_text_is_completed",)

    class Mutant(OpenAICompatible):
        def decode_completion(self, request, reply):
            response = super().decode_completion(request, reply)
            return response.model_copy(update={"message": saying(response.text.strip())})


class TestServicesByChance(Sound):
    caught_by = ("test_services_are_written_alike",)

    class Mutant(OpenAICompatible):
        def encode_models(self):
            return replace(super().encode_models(), url=f"https://acme.example/v1/models?{uuid.uuid4()}")


class TestServicesFailSilently(Sound):
    caught_by = ("test_refusal_of_a_service_is_the_same_error",)
    Mutant = failing(lambda error, _: noted(error, message="Something went wrong."))
