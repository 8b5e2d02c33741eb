"""The suite for caches."""

from budwood_testing.suites.cache.suite import CacheSuite

__all__ = ["CacheSuite"]
