"""Conformance tests of the offline provider."""

from budwood_testing import LocalProviderSuite


class TestOffline(LocalProviderSuite):
    plugin = "offline"
    model = "extractive"
