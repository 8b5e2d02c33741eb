"""The suite for providers that call a vendor's API."""

from budwood_testing.suites.provider.suite import ProviderSuite

__all__ = ["ProviderSuite"]
