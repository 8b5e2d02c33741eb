"""The transport passes the suite."""

from budwood_testing import TransportSuite


class TestAiohttp(TransportSuite):
    plugin = "aiohttp"
    blocking = False
