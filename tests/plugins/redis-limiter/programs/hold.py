"""Take a slot and a place in a limiter in Redis, print a line, and wait to be killed. Arguments: URL, prefix, lease."""

from __future__ import annotations

import sys
import time

from budwood.types import Claim
from budwood_redis_limiter import RedisLimiterSettings
from budwood_redis_limiter.limiter import build_redis_limiter
from budwood_testing import plugin_context

url, prefix, lease = sys.argv[1:]
settings = RedisLimiterSettings(url=url, prefix=prefix, lease=float(lease), timeout=30)
limiter = build_redis_limiter(settings, plugin_context("redis"))
limiter.reserve("held", [Claim("slots", "concurrency", 1)])
limiter.reserve("first", [Claim("slow", "rate", 60)])
limiter.reserve("waiting", [Claim("slow", "rate", 60)])
sys.stdout.write("held\n")
sys.stdout.flush()
time.sleep(3600)
