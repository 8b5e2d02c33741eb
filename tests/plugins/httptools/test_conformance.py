"""The transport, proved by the kit."""

from budwood_testing import TransportSuite


class TestHttptools(TransportSuite):
    plugin = "httptools"
    blocking = False
    proxies = False
