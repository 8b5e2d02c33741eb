"""Test kit: scripted transports, cassettes, faults, a fake clock, and conformance suites for plugins."""

from typing import TYPE_CHECKING

from budwood_testing.lookup import look_up

if TYPE_CHECKING:
    from budwood_testing.cassettes import (
        AsyncRecordingTransport,
        AsyncReplayTransport,
        RecordingTransport,
        ReplayTransport,
        cassette,
        cassette_async,
    )
    from budwood_testing.clock import FakeClock, ManualClock
    from budwood_testing.context import plugin_context
    from budwood_testing.endpoints import reset_endpoints
    from budwood_testing.examples import (
        OpenAIChatExamples,
        WireBody,
        WireExamples,
        WireReply,
        json_lines,
        observations,
        server_sent,
    )
    from budwood_testing.faults import AsyncFaultyTransport, Fault, FaultyTransport, random_faults
    from budwood_testing.forms import ParsedField
    from budwood_testing.passages import ListedPassages
    from budwood_testing.scripted import (
        AsyncScriptedTransport,
        ScriptedReply,
        ScriptedTransport,
        chat_chunks,
        chat_reply,
        sse,
    )
    from budwood_testing.suites import (
        CacheSuite,
        InstructionStrategySuite,
        LimiterSuite,
        LocalProviderSuite,
        MediaHandlerSuite,
        ObserverSuite,
        PackagingSuite,
        PromptModifierSuite,
        PromptSourceSuite,
        ProviderSuite,
        StorageSuite,
        TokenizerSuite,
        TransportSuite,
    )

__all__ = [
    "AsyncFaultyTransport",
    "AsyncRecordingTransport",
    "AsyncReplayTransport",
    "AsyncScriptedTransport",
    "CacheSuite",
    "FakeClock",
    "Fault",
    "FaultyTransport",
    "InstructionStrategySuite",
    "LimiterSuite",
    "ListedPassages",
    "LocalProviderSuite",
    "ManualClock",
    "MediaHandlerSuite",
    "ObserverSuite",
    "OpenAIChatExamples",
    "PackagingSuite",
    "ParsedField",
    "PromptModifierSuite",
    "PromptSourceSuite",
    "ProviderSuite",
    "RecordingTransport",
    "ReplayTransport",
    "ScriptedReply",
    "ScriptedTransport",
    "StorageSuite",
    "TokenizerSuite",
    "TransportSuite",
    "WireBody",
    "WireExamples",
    "WireReply",
    "cassette",
    "cassette_async",
    "chat_chunks",
    "chat_reply",
    "json_lines",
    "observations",
    "plugin_context",
    "random_faults",
    "reset_endpoints",
    "server_sent",
    "sse",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use: pytest loads this package in every run."""
    return look_up(name)
