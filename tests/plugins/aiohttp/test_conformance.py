"""The transport, proved by the kit."""

import gc
import warnings

import pytest

from budwood_testing import TransportSuite


class TestAiohttp(TransportSuite):
    plugin = "aiohttp"
    blocking = False

    @pytest.fixture(autouse=True)
    def collected(self, request):
        """
        Collect what aiohttp leaves of an upload to a server that does not read, before another test is blamed for it.

        aiohttp closes such a connection only once all that was written is sent, which never happens: its socket is
        closed with a warning when it is collected.
        """
        yield
        if request.node.originalname == "test_deadline_ends_sending_a_file":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()
