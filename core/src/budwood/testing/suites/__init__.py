"""Suites that prove a plugin right; authors inherit from them in their tests."""

from budwood.testing.suites.provider import ProviderSuite

__all__ = ["ProviderSuite"]
