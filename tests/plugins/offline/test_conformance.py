"""The offline provider, proved by the kit."""

from budwood_testing import LocalProviderSuite


class TestOffline(LocalProviderSuite):
    plugin = "offline"
    model = "extractive"
