"""
Print a line, and after a line of the input reserve from a limiter in Redis; print the times of the grants, one a line.

Arguments: URL, prefix, units a second, and for how many seconds.
"""

from __future__ import annotations

import os
import sys
import time

from budwood.types import Claim
from budwood_redis_limiter import RedisLimiterSettings
from budwood_redis_limiter.limiter import build_redis_limiter
from budwood_testing import plugin_context

url, prefix, rate, seconds = sys.argv[1:]
settings = RedisLimiterSettings(url=url, prefix=prefix, timeout=30)
limiter = build_redis_limiter(settings, plugin_context("redis"))
claims = [Claim("requests", "rate", float(rate), period=1.0)]
limiter.cancel("connect", claims)
sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.readline()
end = time.time() + float(seconds)
granted = []
number = 0
while time.time() < end:
    denial = limiter.reserve(f"{os.getpid()}-{number}", claims)
    if denial is None:
        granted.append(time.time())
        number += 1
    else:
        time.sleep(denial.delay)
sys.stdout.write("\n".join(map(str, granted)) + "\n")
limiter.close()
