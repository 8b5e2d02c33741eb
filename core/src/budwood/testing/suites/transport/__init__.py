"""The suite for transports."""

from budwood.testing.suites.transport.suite import TransportSuite

__all__ = ["TransportSuite"]
