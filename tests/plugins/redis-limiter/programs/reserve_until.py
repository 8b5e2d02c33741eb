"""
Reserve from a limiter in Redis until a moment, and print the times of the grants, one a line.

Arguments: URL, prefix, units a second, seconds since 1970 when to begin, and for how many seconds.
"""

from __future__ import annotations

import os
import sys
import time

from budwood.types import Claim
from budwood_redis_limiter import RedisLimiterSettings
from budwood_redis_limiter.limiter import build_redis_limiter
from budwood_testing import plugin_context

url, prefix, rate, start, seconds = sys.argv[1:]
settings = RedisLimiterSettings(url=url, prefix=prefix, timeout=30)
limiter = build_redis_limiter(settings, plugin_context("redis"))
claims = [Claim("requests", "rate", float(rate), period=1.0)]
limiter.cancel("connect", claims)
sys.stdout.write("ready\n")
sys.stdout.flush()
begin = float(start)
time.sleep(max(begin - time.time(), 0))
granted = []
number = 0
while time.time() < begin + float(seconds):
    denial = limiter.reserve(f"{os.getpid()}-{number}", claims)
    if denial is None:
        granted.append(time.time())
        number += 1
    else:
        time.sleep(denial.delay)
sys.stdout.write("\n".join(map(str, granted)) + "\n")
limiter.close()
