"""The default transport passes the suite."""

from budwood_testing import TransportSuite


class TestDefault(TransportSuite):
    plugin = "default"
