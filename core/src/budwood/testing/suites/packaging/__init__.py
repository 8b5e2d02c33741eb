"""The suite for distributions that bring plugins."""

from budwood.testing.suites.packaging.suite import PackagingSuite

__all__ = ["PackagingSuite"]
