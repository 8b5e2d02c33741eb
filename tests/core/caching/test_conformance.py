"""The memory cache in the conformance suite of the test kit."""

from budwood_testing import CacheSuite


class TestMemoryCache(CacheSuite):
    plugin = "memory"
