"""The default transport, proved by the kit."""

from budwood_testing import TransportSuite


class TestDefault(TransportSuite):
    plugin = "default"
