"""The suite for transports."""

from budwood_testing.suites.transport.suite import TransportSuite

__all__ = ["TransportSuite"]
