"""The transport passes the suite."""

from budwood_testing import TransportSuite


class TestHttptools(TransportSuite):
    plugin = "httptools"
    blocking = False
    proxies = False
