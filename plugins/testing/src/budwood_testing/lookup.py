"""Import the public names of `budwood_testing` on first use: the suites load pytest and hypothesis."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Final

_SUITES: Final = "budwood_testing.suites"

_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "budwood_testing.cassettes": (
        "AsyncRecordingTransport",
        "AsyncReplayTransport",
        "RecordingTransport",
        "ReplayTransport",
        "cassette",
        "cassette_async",
    ),
    "budwood_testing.clock": ("FakeClock", "ManualClock"),
    "budwood_testing.context": ("plugin_context",),
    "budwood_testing.endpoints": ("reset_endpoints",),
    "budwood_testing.examples": (
        "OpenAIChatExamples",
        "WireBody",
        "WireExamples",
        "WireReply",
        "json_lines",
        "observations",
        "server_sent",
    ),
    "budwood_testing.faults": ("AsyncFaultyTransport", "Fault", "FaultyTransport", "random_faults"),
    "budwood_testing.forms": ("ParsedField",),
    "budwood_testing.passages": ("ListedPassages",),
    "budwood_testing.scripted": (
        "AsyncScriptedTransport",
        "ScriptedReply",
        "ScriptedTransport",
        "chat_chunks",
        "chat_reply",
        "sse",
    ),
    _SUITES: (
        "CacheSuite",
        "InstructionStrategySuite",
        "LimiterSuite",
        "LocalProviderSuite",
        "MediaHandlerSuite",
        "ObserverSuite",
        "PackagingSuite",
        "PromptModifierSuite",
        "PromptSourceSuite",
        "ProviderSuite",
        "StorageSuite",
        "TokenizerSuite",
        "TransportSuite",
    ),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}


def look_up(name: str) -> object:
    """
    Return the object of a public name.

    Raises:
        AttributeError: The name does not exist.
        ImportError: The name is a suite, and pytest or hypothesis is not installed.
    """
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'budwood_testing' has no attribute {name!r}")
    module = _MODULE_OF[name]
    if module == _SUITES:
        _prepare_suites(name)
    return getattr(importlib.import_module(module), name)


def _prepare_suites(name: str) -> None:
    try:
        import hypothesis  # noqa: F401 - imported to report if it is missing
        import pytest
    except ImportError as error:
        raise ImportError(
            f"budwood_testing.{name} requires {error.name}. Install it: pip install {error.name}", name=error.name
        ) from error
    if _SUITES not in sys.modules:
        pytest.register_assert_rewrite(_SUITES)  # assertions of the suites show values, like those of a test module
