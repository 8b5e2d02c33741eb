"""The suite for providers that speak to a vendor."""

from budwood.testing.suites.provider.suite import ProviderSuite

__all__ = ["ProviderSuite"]
