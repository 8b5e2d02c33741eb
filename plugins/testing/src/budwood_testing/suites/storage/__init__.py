"""The suite for storages."""

from budwood_testing.suites.storage.suite import StorageSuite

__all__ = ["StorageSuite"]
