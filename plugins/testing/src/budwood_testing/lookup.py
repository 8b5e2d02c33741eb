"""Find what only tests of plugins need, when it is wanted: suites bring pytest and hypothesis."""

from __future__ import annotations

import importlib
import sys
from typing import Final

_EXAMPLES: Final = ("OpenAIChatExamples", "WireBody", "WireExamples", "WireReply", "json_lines", "server_sent")
_SUITES: Final = (
    "CacheSuite",
    "InstructionStrategySuite",
    "LocalProviderSuite",
    "MediaHandlerSuite",
    "PackagingSuite",
    "PromptModifierSuite",
    "ProviderSuite",
    "StorageSuite",
    "TokenizerSuite",
    "TransportSuite",
)
_PACKAGE: Final = "budwood_testing.suites"


def look_up(name: str) -> object:
    """
    Return a suite, or one of the things that examples are made of.

    Raises:
        AttributeError: There is no such name.
        ImportError: pytest or hypothesis is not installed.
    """
    if name in _EXAMPLES:
        return getattr(importlib.import_module("budwood_testing.examples"), name)
    if name in _SUITES:
        return getattr(_suites(name), name)
    raise AttributeError(f"module 'budwood_testing' has no attribute {name!r}")


def _suites(name: str) -> object:
    try:
        import hypothesis  # noqa: F401 - only to say what is missing, and how to get it
        import pytest
    except ImportError as error:
        raise ImportError(
            f"budwood_testing.{name} needs {error.name}: pip install 'budwood[testing]'.", name=error.name
        ) from error
    if _PACKAGE not in sys.modules:
        pytest.register_assert_rewrite(_PACKAGE)  # a failed assertion shows its values, as in a test file
    return importlib.import_module(_PACKAGE)
