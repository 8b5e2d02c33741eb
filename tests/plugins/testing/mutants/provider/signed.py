"""Providers of a vendor that signs what it wants back, broken in one place each."""

from dataclasses import replace
from typing import ClassVar

from budwood.hooks import PROVIDER, ProviderSpec
from budwood.types import ReasoningClosed, ReasoningPart, ToolCallClosed, ToolCallPart
from budwood_anthropic import Anthropic, AnthropicSettings
from budwood_testing import ProviderSuite
from tests.plugins.anthropic.test_conformance import AnthropicExamples
from tests.plugins.testing.mutants.registering import registry_of


class Signing(ProviderSuite):
    """
    All that a mutant states is what is broken, and by which tests it must be caught.
    """

    plugin = "anthropic"
    examples = AnthropicExamples()
    caught_by: ClassVar = ()
    Mutant: ClassVar = Anthropic

    def __init_subclass__(cls):
        spec = ProviderSpec(
            name="anthropic",
            settings=lambda: AnthropicSettings,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="A vendor.",
            capabilities=Anthropic.all_capabilities,
            needs_credential=True,
        )
        cls.registry = registry_of(PROVIDER, spec)

    def settings(self, folder):
        """
        Nothing is needed.
        """
        return {}


def unsigned(message, kind):
    """
    Forget what the vendor wants back with parts of one kind.
    """
    parts = (
        part.model_copy(update={"data": None, "provider": None}) if isinstance(part, kind) else part
        for part in message.parts
    )
    return message.model_copy(update={"parts": tuple(parts)})


def forgetting_signatures(kind):
    """
    Make a provider that reads parts of one kind without their signatures.
    """

    class Mutant(Anthropic):
        def decode(self, request, reply):
            response = super().decode(request, reply)
            return response.model_copy(update={"message": unsigned(response.message, kind)})

    return Mutant


def forgetting_signatures_in_streams(event_kind):
    """
    Make a provider whose streams tell parts of one kind without their signatures.
    """

    class Mutant(Anthropic):
        def decoder(self, request, head):
            return Unsigned(super().decoder(request, head), event_kind)

    return Mutant


class Unsigned:
    """
    A decoder that forgets signatures.
    """

    def __init__(self, inner, kind):
        self.inner = inner
        self.kind = kind

    def told(self, events):
        return [
            replace(event, part=event.part.model_copy(update={"data": None})) if isinstance(event, self.kind) else event
            for event in events
        ]

    def feed(self, data):
        return self.told(self.inner.feed(data))

    def close(self):
        return self.told(self.inner.close())


def sending_unsigned(kind):
    """
    Make a provider that sends parts of one kind without their signatures.
    """

    class Mutant(Anthropic):
        def encode(self, request, *, stream):
            messages = tuple(unsigned(message, kind) for message in request.messages)
            return super().encode(request.model_copy(update={"messages": messages}), stream=stream)

    return Mutant


class TestCorrect(Signing):
    pass


class TestReadsNoSignature(Signing):
    caught_by = ("test_signed_reasoning_is_sent_back",)
    Mutant = forgetting_signatures(ReasoningPart)


class TestReadsNoSignatureInStreams(Signing):
    caught_by = ("test_signed_reasoning_is_sent_back",)
    Mutant = forgetting_signatures_in_streams(ReasoningClosed)


class TestSendsNoSignature(Signing):
    caught_by = ("test_signed_reasoning_is_sent_back",)
    Mutant = sending_unsigned(ReasoningPart)


class TestReadsNoSignatureOfCalls(Signing):
    caught_by = ("test_signed_tool_calls_are_sent_back",)
    Mutant = forgetting_signatures(ToolCallPart)


class TestReadsNoSignatureOfCallsInStreams(Signing):
    caught_by = ("test_signed_tool_calls_are_sent_back",)
    Mutant = forgetting_signatures_in_streams(ToolCallClosed)


class TestSendsNoSignatureOfCalls(Signing):
    caught_by = ("test_signed_tool_calls_are_sent_back",)
    Mutant = sending_unsigned(ToolCallPart)
