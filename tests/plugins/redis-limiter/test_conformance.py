"""The Redis limiter in the conformance suites of the test kit."""

from __future__ import annotations

import pytest

from budwood_testing import LimiterSuite, PackagingSuite


@pytest.mark.real_server
class TestLimiter(LimiterSuite):
    plugin = "redis"
    shares = True
    has_own_clock = True
    strict = True

    @pytest.fixture(autouse=True)
    def use(self, server):
        self.running = server

    def settings(self, folder):
        return {"url": self.running.url, "prefix": folder.parent.name}

    def broken_settings(self, folder):
        return {"url": f"unix://{folder / 'nothing'}"}

    def break_store(self, folder):
        self.running.kill()
        self.running.start()  # the next test needs one: the data and all connections are lost
        return True


class TestPackage(PackagingSuite):
    distribution = "budwood-redis-limiter"
