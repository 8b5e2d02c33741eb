"""The suite for distributions that bring plugins."""

from budwood_testing.suites.packaging.suite import PackagingSuite

__all__ = ["PackagingSuite"]
