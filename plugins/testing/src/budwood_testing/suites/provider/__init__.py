"""The suite for providers that speak to a vendor."""

from budwood_testing.suites.provider.suite import ProviderSuite

__all__ = ["ProviderSuite"]
