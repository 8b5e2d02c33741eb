"""Conformance suites: a plugin's test module defines a subclass of the suite for its kind."""

from budwood_testing.suites.cache import CacheSuite
from budwood_testing.suites.limiter import LimiterSuite
from budwood_testing.suites.local import LocalProviderSuite
from budwood_testing.suites.media import MediaHandlerSuite
from budwood_testing.suites.modifier import PromptModifierSuite
from budwood_testing.suites.observer import ObserverSuite
from budwood_testing.suites.packaging import PackagingSuite
from budwood_testing.suites.prompts import PromptSourceSuite
from budwood_testing.suites.provider import ProviderSuite
from budwood_testing.suites.storage import StorageSuite
from budwood_testing.suites.strategy import InstructionStrategySuite
from budwood_testing.suites.tokenizer import TokenizerSuite
from budwood_testing.suites.transport import TransportSuite

__all__ = [
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
]
