"""The memory cache, proved by the kit."""

from budwood_testing import CacheSuite


class TestMemoryCache(CacheSuite):
    plugin = "memory"
