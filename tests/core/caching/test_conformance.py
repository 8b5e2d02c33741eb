"""The memory cache, proved by the kit."""

from budwood.testing import CacheSuite


class TestMemoryCache(CacheSuite):
    plugin = "memory"
