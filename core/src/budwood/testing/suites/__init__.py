"""Suites that prove a plugin right; authors inherit from them in their tests."""

from budwood.testing.suites.cache import CacheSuite
from budwood.testing.suites.local import LocalProviderSuite
from budwood.testing.suites.media import MediaHandlerSuite
from budwood.testing.suites.modifier import PromptModifierSuite
from budwood.testing.suites.packaging import PackagingSuite
from budwood.testing.suites.provider import ProviderSuite
from budwood.testing.suites.storage import StorageSuite
from budwood.testing.suites.strategy import InstructionStrategySuite
from budwood.testing.suites.tokenizer import TokenizerSuite
from budwood.testing.suites.transport import TransportSuite

__all__ = [
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
]
