"""The transport, proved by the kit."""

from budwood_testing import TransportSuite


class TestAiohttp(TransportSuite):
    plugin = "aiohttp"
    blocking = False
