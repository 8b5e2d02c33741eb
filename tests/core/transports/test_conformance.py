"""The default transport, proved by the kit."""

from budwood.testing import TransportSuite


class TestDefault(TransportSuite):
    plugin = "httpx"
