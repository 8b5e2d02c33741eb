"""The Redis cache in the conformance suites of the test kit."""

from __future__ import annotations

import pytest
import redis

from budwood_testing import CacheSuite, PackagingSuite

SHORTEN = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 and left <= tonumber(ARGV[1]) then
    redis.call('DEL', key)
  elseif left >= 0 then
    redis.call('PEXPIRE', key, left - ARGV[1])
  end
end
"""
"""Shortens the ttl of all keys, as if time had passed."""


@pytest.mark.real_server
class TestCache(CacheSuite):
    plugin = "redis"
    persists = True
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

    def pass_time(self, clock, seconds):
        with redis.Redis.from_url(self.running.url) as client:
            client.eval(SHORTEN, 0, round(seconds * 1000))


class TestPackage(PackagingSuite):
    distribution = "budwood-redis-cache"
