"""Providers that lose the signatures of reasoning and tool calls."""

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
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
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
        Return no settings.
        """
        return {}


def remove_signatures(message, kind):
    """
    Remove the signatures of parts of one class.
    """
    parts = (
        part.model_copy(update={"data": None, "provider": None}) if isinstance(part, kind) else part
        for part in message.parts
    )
    return message.model_copy(update={"parts": tuple(parts)})


def decode_unsigned(kind):
    """
    Create a provider that decodes parts of one class without their signatures.
    """

    class Mutant(Anthropic):
        def decode(self, request, reply):
            response = super().decode(request, reply)
            return response.model_copy(update={"message": remove_signatures(response.message, kind)})

    return Mutant


def stream_unsigned(event_kind):
    """
    Create a provider whose streams omit the signatures of parts of one class.
    """

    class Mutant(Anthropic):
        def decoder(self, request, head):
            return Unsigned(super().decoder(request, head), event_kind)

    return Mutant


class Unsigned:
    """
    A decoder that removes signatures.
    """

    def __init__(self, inner, kind):
        self.inner = inner
        self.kind = kind

    def remove_signatures(self, events):
        return [
            replace(event, part=event.part.model_copy(update={"data": None})) if isinstance(event, self.kind) else event
            for event in events
        ]

    def feed(self, data):
        return self.remove_signatures(self.inner.feed(data))

    def close(self):
        return self.remove_signatures(self.inner.close())


def send_unsigned(kind):
    """
    Create a provider that sends parts of one class without their signatures.
    """

    class Mutant(Anthropic):
        def encode(self, request, *, stream):
            messages = tuple(remove_signatures(message, kind) for message in request.messages)
            return super().encode(request.model_copy(update={"messages": messages}), stream=stream)

    return Mutant


class TestCorrect(Signing):
    pass


class TestLosesReasoningSignature(Signing):
    caught_by = ("test_signed_reasoning_is_sent_back",)
    Mutant = decode_unsigned(ReasoningPart)


class TestLosesReasoningSignatureInStreams(Signing):
    caught_by = ("test_signed_reasoning_is_sent_back",)
    Mutant = stream_unsigned(ReasoningClosed)


class TestDoesNotSendReasoningSignature(Signing):
    caught_by = ("test_signed_reasoning_is_sent_back",)
    Mutant = send_unsigned(ReasoningPart)


class TestLosesToolCallSignature(Signing):
    caught_by = ("test_signed_tool_calls_are_sent_back",)
    Mutant = decode_unsigned(ToolCallPart)


class TestLosesToolCallSignatureInStreams(Signing):
    caught_by = ("test_signed_tool_calls_are_sent_back",)
    Mutant = stream_unsigned(ToolCallClosed)


class TestDoesNotSendToolCallSignature(Signing):
    caught_by = ("test_signed_tool_calls_are_sent_back",)
    Mutant = send_unsigned(ToolCallPart)
